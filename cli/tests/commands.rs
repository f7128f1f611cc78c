//! The program as a user meets it: commands that end by themselves.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// What the program said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A folder of its own for each test.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(place.path().join("site")).expect("made");
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
        self
    }

    fn hansom(&self, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hansom"));
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .args(args)
            .current_dir(self.path())
            .output()
            .expect("it runs");
        let text = |octets| String::from_utf8(octets).expect("text");
        Said {
            code: status.code(),
            out: text(stdout),
            err: text(stderr),
        }
    }

    /// What `--print-config` prints, without comments.
    fn config(&self, args: &[&str]) -> String {
        let said = self.hansom(&[args, &["--print-config"]].concat());
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        said.out
    }

    /// The first line on standard error of a run that is refused.
    fn refused(&self, args: &[&str]) -> String {
        let said = self.hansom(args);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            said.err
        );
        assert!(!said.err.contains('\x1b'), "colour is for terminals");
        said.err
    }
}

#[test]
fn no_arguments_give_a_few_examples() {
    let said = Place::new().hansom(&[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let examples = said
        .out
        .lines()
        .filter(|line| line.starts_with("  hansom "));
    assert_eq!(examples.count(), 8);
    assert!(said.out.lines().count() <= 10 && said.out.lines().all(|line| line.len() <= 80));
}

#[test]
fn each_example_is_a_command_line_that_is_understood() {
    let place = Place::new()
        .file("hansom.toml", "[[site]]\nroot = \"DIR\"\n")
        .file("DIR/a", "");
    let examples = place.hansom(&[]).out;
    for line in examples
        .lines()
        .filter_map(|line| line.strip_prefix("  hansom "))
    {
        let words: Vec<_> = line.split("  ").next().expect("words").split(' ').collect();
        match words.first() {
            Some(&("serve" | "run" | "gateway" | "proxy")) => drop(place.config(&words)),
            _ => assert_eq!(place.hansom(&words).code, Some(0), "{line}"),
        }
    }
}

#[test]
fn the_version_is_printed() {
    let said = Place::new().hansom(&["--version"]);
    assert_eq!(
        (said.code, said.out),
        (Some(0), format!("hansom {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn the_help_of_a_command_names_its_flags_and_exit_codes() {
    let help = Place::new().hansom(&["help", "serve"]).out;
    for flag in [
        "--listen",
        "--workers",
        "--access-log",
        "--browse",
        "--allow-trace",
        "--server-field",
        "--keep-alive",
        "--defer-accept",
        "--limit",
        "--print-config",
        "Exit codes:",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
}

#[test]
fn a_right_file_is_summed_up() {
    let place = Place::new().file(
        "hansom.toml",
        "[[site]]\nroot = \"site\"\n[[site.route]]\npath = \"/a\"\n[[site.route]]\npath = \"/b\"\n",
    );
    let said = place.hansom(&["check"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(said.out, "hansom.toml: ok: 1 listener, 1 site, 2 routes\n");
}

#[test]
fn a_wrong_file_is_told_all_its_errors_at_once() {
    let place = Place::new().file(
        "a.toml",
        "[server]\nworker = 2\n[[site]]\nroot = \"none\"\n",
    );
    assert_eq!(
        place.refused(&["check", "a.toml"]).replace(&place.path().display().to_string(), "FOLDER"),
        "\
hansom: a.toml:2:1: `worker` is not a key of [server]
    2 | worker = 2
      | ^^^^^^
      = allowed: workers, server_field, keep_alive, keep_alive_requests, connection_age, allow_trace, drain_time, trusted_gateways, name_servers, state
      = hint: did you mean `workers`?

a.toml:4:8: the folder \"FOLDER/none\" does not exist
    4 | root = \"none\"
      |        ^^^^^^

a.toml: 2 errors
"
    );
}

#[test]
fn run_refuses_what_check_refuses() {
    let place = Place::new().file("hansom.toml", "[sever]\n[[site]]\nroot = \"site\"\n");
    assert_eq!(place.refused(&["run"]), place.refused(&["check"]));
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_with_a_hint() {
    let place = Place::new().file("hansom.toml", "");
    assert_eq!(
        place.refused(&["check", "hanson.toml"]),
        "hansom: hanson.toml: there is no such file\n  hint: did you mean hansom.toml?\n"
    );
    assert!(
        Place::new()
            .refused(&["run"])
            .contains("`hansom serve DIR`")
    );
}

#[test]
fn a_folder_that_is_not_there_is_a_mistake_with_a_hint() {
    let place = Place::new().file("public/index.html", "");
    assert_eq!(
        place.refused(&["serve", "pulbic"]),
        "hansom: pulbic: there is no such folder\n  hint: did you mean public?\n"
    );
}

#[test]
fn a_file_in_place_of_a_folder_is_a_mistake_with_a_hint() {
    let place = Place::new()
        .file("public/index.html", "")
        .file("hansom.toml", "");
    let said = place.refused(&["serve", "public/index.html"]);
    assert!(
        said.ends_with("hint: `hansom serve public` serves the folder it is in\n"),
        "{said}"
    );
    let said = place.refused(&["serve", "hansom.toml"]);
    assert!(
        said.ends_with("hint: `hansom run hansom.toml` runs a configuration\n"),
        "{said}"
    );
}

#[test]
fn a_folder_in_place_of_a_command_is_a_mistake_with_a_hint() {
    let place = Place::new().file("public/index.html", "");
    assert!(
        place
            .refused(&["public"])
            .contains("hint: `hansom serve public`")
    );
}

#[test]
fn a_misspelled_flag_is_answered_with_a_known_one() {
    let said = Place::new().refused(&["serve", "--brwose"]);
    assert!(
        said.starts_with("hansom: unexpected argument '--brwose'"),
        "{said}"
    );
    assert!(said.contains("'--browse'"), "{said}");
}

#[test]
fn a_value_that_does_not_fit_a_flag_is_answered_with_what_does() {
    for (args, first, hint) in [
        (
            ["--listen", "a.example"],
            "--listen: \"a.example\": the address is not an IP address",
            "for example 127.0.0.1:8080",
        ),
        (
            ["--listen", "::1:80"],
            "--listen: \"::1:80\": an IPv6 address needs brackets and a port",
            "[::1]:8080",
        ),
        (
            ["--workers", "many"],
            "--workers: \"many\" does not fit here",
            "a number from 1 to 1024",
        ),
        (
            ["--workers", "0"],
            "--workers: 0 is out of range",
            "a number from 1 to 1024",
        ),
        (
            ["--access-log", "jsn"],
            "--access-log: \"jsn\" does not fit here",
            "did you mean \"json\"?",
        ),
        (
            ["--keep-alive", "long"],
            "--keep-alive: \"long\" does not fit here",
            "\"5m\"",
        ),
        (
            ["--server-field", "a\nb"],
            "--server-field: \"a\\nb\" is not a field value (RFC 9110 §5.5)",
            "a field value",
        ),
        (
            ["--limit", "a"],
            "--limit: \"a\" is not NAME=VALUE",
            "--limit head_octets_max=32KiB",
        ),
        (
            ["--limit", "heads=1"],
            "--limit: heads: there is no such key in [limits]",
            "head_octets_max",
        ),
        (
            ["--limit", "head_octets_max=1"],
            "--limit: head_octets_max: 1 is out of range",
            "octets from 64",
        ),
    ] {
        let said = Place::new().refused(&["serve", ".", args[0], args[1]]);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines[0], format!("hansom: {first}"));
        assert!(
            lines[1].starts_with("  hint: ") && lines[1].contains(hint),
            "{said}"
        );
    }
}

#[test]
fn an_address_given_twice_is_a_mistake() {
    let said = Place::new().refused(&["serve", "--listen", "80", "--listen", "127.0.0.1:80"]);
    assert_eq!(said, "hansom: --listen: 127.0.0.1:80 is given twice\n");
}

#[test]
fn a_bare_port_means_loopback() {
    for port in ["3000", ":3000", "127.0.0.1:3000"] {
        assert!(
            Place::new()
                .config(&["serve", "-l", port])
                .contains("address = \"127.0.0.1:3000\"\n")
        );
    }
}

#[test]
fn every_flag_of_serve_changes_what_is_printed() {
    let place = Place::new();
    let plain = place.config(&["serve"]);
    for (args, line) in [
        (
            vec!["--listen", "unix:a.sock"],
            format!("address = \"unix:{}/a.sock\"", real(place.path())),
        ),
        (vec!["--workers", "3"], "workers = 3".to_owned()),
        (vec!["--access-log", "off"], "format = \"off\"".to_owned()),
        (vec!["--browse"], "browse = true".to_owned()),
        (vec!["--allow-trace"], "allow_trace = true".to_owned()),
        (
            vec!["--server-field", "a/1 (b)"],
            "server_field = \"a/1 (b)\"".to_owned(),
        ),
        (
            vec!["--server-field", "off"],
            "server_field = false".to_owned(),
        ),
        (
            vec!["--server-field", "1"],
            "server_field = \"1\"".to_owned(),
        ),
        (vec!["--keep-alive", "5"], "keep_alive = 5".to_owned()),
        (vec!["--keep-alive", "2m"], "keep_alive = 120".to_owned()),
        (vec!["--defer-accept"], "defer_accept = true".to_owned()),
        (
            vec!["--limit", "head_octets_max=32KiB"],
            "head_octets_max = \"32KiB\"".to_owned(),
        ),
        (vec!["--limit", "head-time=5"], "head_time = 5".to_owned()),
    ] {
        let changed = place.config(&[&["serve"], args.as_slice()].concat());
        let is_there = |text: &str| text.lines().any(|found| found == line);
        assert!(is_there(&changed) && !is_there(&plain), "{line}: {changed}");
    }
}

#[test]
fn defer_accept_counts_for_every_listener() {
    let printed = Place::new().config(&["serve", "--defer-accept", "-l", "1", "-l", "2"]);
    assert_eq!(printed.matches("defer_accept = true").count(), 2);
}

#[test]
fn what_is_printed_can_be_run_and_is_then_the_same() {
    let place = Place::new();
    let printed = place.config(&[
        "serve",
        "site",
        "-l",
        "1",
        "-l",
        "unix:a.sock",
        "--browse",
        "-w",
        "2",
    ]);
    let place = place.file("elsewhere/a.toml", &printed);
    assert_eq!(place.config(&["run", "elsewhere/a.toml"]), printed);
}

#[test]
fn flags_count_more_than_the_file() {
    let text = "[server]\nworkers = 2\n[[listen]]\naddress = 1\n[[site]]\nroot = \"site\"\n";
    let place = Place::new().file("hansom.toml", text);
    let printed = place.config(&["run", "--workers", "3", "--listen", "2"]);
    assert!(printed.contains("workers = 3\n") && printed.contains("address = \"127.0.0.1:2\"\n"));
    assert!(!printed.contains("127.0.0.1:1\""));
}

#[test]
fn serve_without_a_folder_serves_this_one() {
    let place = Place::new();
    let printed = place.config(&["serve"]);
    let root = printed
        .lines()
        .find_map(|line| line.strip_prefix("root = "))
        .expect("a root");
    let root = root.trim_matches('"');
    assert_eq!(real(Path::new(root)), real(place.path()));
}

#[test]
fn serve_in_the_repository_serves_the_demo_site_with_the_flags() {
    let place = Place::new()
        .file(
            "examples/hansom.toml",
            include_str!("../../examples/hansom.toml"),
        )
        .file("examples/site/index.html", "");
    let printed = place.config(&["serve", "--listen", "3000"]);
    for line in [
        "address = \"127.0.0.1:3000\"",
        "path = \"/wire.json\"",
        "handler = \"wire\"",
        "path = \"/echo\"",
        "handler = \"echo\"",
        "path = \"/tiles\"",
        "cache_control = \"no-cache\"",
    ] {
        assert!(
            printed.lines().any(|found| found == line),
            "{line}: {printed}"
        );
    }
    assert!(
        !place.config(&["serve", "."]).contains("[[site.route]]"),
        "a folder is only that"
    );
}

#[test]
fn the_demo_file_is_right() {
    let place = Place::new()
        .file("hansom.toml", include_str!("../../examples/hansom.toml"))
        .file("site/index.html", "");
    assert_eq!(
        place.hansom(&["check"]).out,
        "hansom.toml: ok: 1 listener, 1 site, 3 routes\n"
    );
}

/// A folder with the examples of the repository.
fn examples() -> Place {
    Place::new()
        .file("full.toml", include_str!("../../examples/full.toml"))
        .file("users", include_str!("../../examples/users"))
        .file("site/index.html", "")
        .file("site/errors/404.html", "")
}

#[test]
fn the_full_example_is_right_and_nothing_in_it_is_odd() {
    let said = examples().hansom(&["check", "full.toml"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(said.out, "full.toml: ok: 2 listeners, 2 sites, 7 routes\n");
}

#[test]
fn what_is_odd_is_told_and_no_failure() {
    let text = "[server]\naccess_log = \"off\"\n[[site]]\nroot = \"site\"\n";
    let said = Place::new().file("hansom.toml", text).hansom(&["check"]);
    assert_eq!(said.code, Some(0));
    assert_eq!(
        said.out,
        "hansom.toml: ok: 1 listener, 1 site, 0 routes, 1 warning\n"
    );
    assert_eq!(
        said.err,
        "\
warning: hansom.toml:2:1: `access_log` of [server] is `format` of [log]
    2 | access_log = \"off\"
      | ^^^^^^^^^^
      = hint: write format = … in [log]
"
    );
}

#[test]
fn what_is_odd_is_told_by_run_too_without_the_line_itself() {
    let text = "[sessions]\nstore = \"redis://:secret99@127.0.0.1\"\n[[site]]\nroot = \"site\"\n";
    let place = Place::new().file("hansom.toml", text);
    let said = place.hansom(&["run", "--print-config"]);
    assert_eq!(said.code, Some(0));
    assert_eq!(said.err, "warning: hansom.toml:2: nothing needs sessions\n");
}

#[test]
fn a_program_is_told_by_one_json_document() {
    let text = "[server]\naccess_log = \"off\"\nworker = 2\n[[site]]\nroot = \"site\"\n[site.set_fields]\nDate = \"x\"\n";
    let place = Place::new().file("a.toml", text);
    let said = place.hansom(&["check", "a.toml", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(2), ""));
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(
        (json["ok"].as_bool(), json["summary"].as_str()),
        (Some(false), Some("2 errors"))
    );
    let error = &json["errors"][0];
    assert_eq!(error["message"], "`worker` is not a key of [server]");
    assert_eq!(
        (error["line"].as_u64(), error["column"].as_u64()),
        (Some(3), Some(1))
    );
    assert_eq!(error["excerpt"], "worker = 2");
    assert_eq!(error["suggestion"], "did you mean `workers`?");
    assert_eq!(json["errors"][1]["rule"], "RFC 9110 §6.6.1");
    assert_eq!(json["warnings"][0]["line"], 2);
    let place = place.file("b.toml", "[[site]]\nroot = \"site\"\n");
    let said = place.hansom(&["check", "--json", "b.toml"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((said.code, json["ok"].as_bool()), (Some(0), Some(true)));
    assert_eq!(json["summary"], "1 listener, 1 site, 0 routes");
}

#[test]
fn a_file_that_is_not_there_is_told_to_a_program_too() {
    let said = Place::new().hansom(&["check", "--json", "none.toml"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((said.code, json["ok"].as_bool()), (Some(2), Some(false)));
    assert_eq!(json["errors"][0]["message"], "there is no such file");
}

#[test]
fn a_request_is_explained_with_file_and_line() {
    let place = Place::new().file(
        "hansom.toml",
        "[[site]]\nroot = \"site\"\n[[site.route]]\npath = \"/echo\"\nhandler = \"echo\"\n",
    );
    let lines = "\
GET http://127.0.0.1:8080/echo/x

listener  127.0.0.1:8080
site      *: it is for every other host  [hansom.toml:1]
route     /echo, the longest path that fits  [hansom.toml:4]
answer    the request itself, by `echo`  [hansom.toml:5]
";
    for args in [
        &["check", "--explain", "GET", "http://127.0.0.1:8080/echo/x"][..],
        &["check", "--explain", "GET http://127.0.0.1:8080/echo/x"],
        &[
            "check",
            "hansom.toml",
            "--explain",
            "GET",
            "http://127.0.0.1:8080/echo/x",
        ],
        &[
            "check",
            "--explain",
            "GET http://127.0.0.1:8080/echo/x",
            "hansom.toml",
        ],
    ] {
        let said = place.hansom(args);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{args:?}");
        assert_eq!(said.out, lines, "{args:?}");
    }
    let said = place.hansom(&["check", "--json", "--explain", "GET", "http://a/echo"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(json["request"], "GET http://a/echo");
}

#[test]
fn what_is_no_request_is_not_explained() {
    let place = Place::new().file("hansom.toml", "[[site]]\nroot = \"site\"\n");
    for (url, message) in [
        ("/a", "\"/a\" begins with neither http:// nor https://"),
        (
            "http://a b/",
            "' ' is not in any URL: write it percent-encoded",
        ),
    ] {
        let said = place.refused(&["check", "--explain", "GET", url]);
        assert!(
            said.starts_with(&format!("hansom: --explain: {message}\n")),
            "{said}"
        );
    }
}

#[test]
fn the_schema_is_json() {
    let said = Place::new().hansom(&["schema"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(
        json["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

#[test]
fn the_manual_page_is_one_that_man_shows() {
    let said = Place::new().hansom(&["man"]);
    assert!(said.out.starts_with(".TH HANSOM 1 "));
    let place = Place::new().file("hansom.1", &said.out);
    let shown = Command::new("groff")
        .args(["-man", "-Tutf8", "-ww", "-z", "hansom.1"])
        .current_dir(place.path())
        .output();
    // Where it is installed.
    if let Ok(shown) = shown {
        assert!(shown.status.success());
        assert_eq!(String::from_utf8_lossy(&shown.stderr), "");
    }
}

#[test]
fn shells_read_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let said = Place::new().hansom(&["completions", shell]);
        assert!(said.out.contains("print-config"), "{shell}");
        let place = Place::new().file("completions", &said.out);
        let read = Command::new(shell)
            .args(["-n", "completions"])
            .current_dir(place.path())
            .output();
        // Where it is installed.
        if let Ok(read) = read {
            assert!(
                read.status.success(),
                "{shell}: {}",
                String::from_utf8_lossy(&read.stderr)
            );
        }
    }
    let said = Place::new().refused(&["completions", "csh"]);
    assert!(said.contains("bash, zsh, fish"), "{said}");
}

fn real(path: &Path) -> String {
    path.canonicalize().expect("a path").display().to_string()
}
