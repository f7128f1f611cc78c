//! The configuration, checked against recorded results.
//!
//! `corpus/config/NAME.toml` is read and what comes of it compared with
//! `NAME.expected`: the errors, or the configuration as TOML. `HANSOM_BLESS=1` records it.

use hansom_server::config::{self, Config};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn each_file_of_the_corpus_gives_what_is_recorded() {
    let folder = top().join("corpus/config");
    let mut names: Vec<_> = files(&folder, "toml");
    names.sort();
    assert!(names.len() >= 10, "the corpus is there");
    let stale: Vec<_> = names
        .iter()
        .filter(|path| !is_as_recorded(path, &folder))
        .collect();
    assert!(
        stale.is_empty(),
        "differs from its .expected (HANSOM_BLESS=1 records it): {stale:#?}"
    );
}

#[test]
fn what_is_printed_reads_as_an_equal_configuration() {
    let folder = top().join("corpus/config");
    for name in ["minimal.toml", "full.toml"] {
        let config = config::load(&folder.join(name)).expect(name);
        let printed = config.to_toml();
        assert_eq!(
            config::parse(&printed, "printed", Path::new("/")),
            Ok(config.without_passwords()),
            "{printed}"
        );
    }
}

#[test]
fn a_file_without_listeners_listens_on_loopback() {
    let config = config::load(&top().join("corpus/config/minimal.toml")).expect("minimal.toml");
    let addresses: Vec<_> = config
        .listeners
        .iter()
        .map(|l| l.address.to_string())
        .collect();
    assert_eq!(addresses, ["127.0.0.1:8080"]);
}

#[test]
fn the_recorded_full_file_changes_every_key_of_the_process() {
    let full = config::load(&top().join("corpus/config/full.toml"))
        .expect("full.toml")
        .to_toml();
    let plain = Config::for_folder(PathBuf::new()).to_toml();
    let process = |text: &str| {
        text.split("[[listen]]")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let full = process(&full);
    let full: Vec<_> = full.lines().collect();
    let is_key = |line: &&str| !line.is_empty() && !line.starts_with('[');
    let same: Vec<_> = process(&plain)
        .lines()
        .filter(is_key)
        .filter(|line| full.contains(line))
        .map(str::to_owned)
        .collect();
    assert!(same.is_empty(), "{same:?}");
}

#[test]
fn the_reference_document_is_not_stale() {
    let path = top().join("docs/hansom.toml.md");
    assert!(
        is_recorded(&path, &config::reference()),
        "HANSOM_BLESS=1 writes docs/hansom.toml.md"
    );
}

#[test]
fn a_file_that_is_not_there_is_unreadable() {
    let errors = config::load(Path::new("/nowhere/hansom.toml")).expect_err("no such file");
    assert_eq!(errors.unreadable, Some(std::io::ErrorKind::NotFound));
    assert_eq!(
        errors.to_string(),
        "/nowhere/hansom.toml: there is no such file"
    );
}

#[test]
fn a_file_that_is_no_text_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.toml");
    fs::write(&path, b"a = 1\nb = \"\xff\"\n").expect("written");
    let errors = config::load(&path).expect_err("not UTF-8").to_string();
    assert!(errors.ends_with("line 2 is not UTF-8"), "{errors}");
}

#[test]
fn a_text_cut_anywhere_is_read_without_panic() {
    let folder = top().join("corpus/config");
    for path in files(&folder, "toml") {
        let text = fs::read_to_string(&path).expect("a text");
        for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            if let Err(errors) = config::parse(&text[..cut], "cut", &folder) {
                assert!(!errors.errors.is_empty());
                assert!(!errors.to_string().contains('\x1b'));
            }
        }
    }
}

fn is_as_recorded(path: &Path, folder: &Path) -> bool {
    let text = fs::read_to_string(path).expect("a text");
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    let result = match config::parse_with_places(&text, name, folder) {
        Ok(loaded) => {
            let config = &loaded.config;
            let mut result = format!("{}\n\n{}", config.summary(), config.to_toml());
            for warning in &loaded.warnings {
                result.push_str("\nwarning: ");
                warning.write(&mut result, name).expect("a text");
                result.push('\n');
            }
            result
        }
        Err(errors) => format!("{errors}\n"),
    };
    let result = result.replace(&folder.display().to_string(), "FOLDER");
    is_recorded(&path.with_extension("expected"), &result)
}

fn is_recorded(path: &Path, text: &str) -> bool {
    if std::env::var_os("HANSOM_BLESS").is_some() {
        fs::write(path, text).expect("recorded");
    }
    fs::read_to_string(path).is_ok_and(|recorded| recorded == text)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("the corpus")
        .flatten()
        .map(|entry| entry.path());
    entries
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace")
        .to_path_buf()
}

#[test]
fn what_the_fuzzer_begins_with_keeps_the_law() {
    let folder = top().join("corpus/fuzz/config");
    let inputs = fs::read_dir(&folder).expect("the seeds are there");
    let mut count = 0;
    for input in inputs {
        config::law(&fs::read(input.expect("an entry").path()).expect("a seed"));
        count += 1;
    }
    assert!(count >= 10, "the seeds are there");
}

#[test]
fn a_log_format_that_names_what_is_not_known_is_wrong_where_it_stands() {
    let text = "[log]\nown = \"{client} {stauts}\"\n[[site]]\nroot = \".\"\n";
    let errors = config::parse(text, "hansom.toml", Path::new("/")).expect_err("it is wrong");
    let error = &errors.errors[0];
    assert_eq!(error.place.as_ref().map(|place| place.line), Some(2));
    assert_eq!(
        error.suggestion.as_deref(),
        Some("did you mean `{status}`?")
    );
}
