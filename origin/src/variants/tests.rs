use super::*;
use crate::cache::{Cache, CacheLimits};
use crate::files::{Files, FilesConfig};
use crate::testing::{octets, response_of, with_exchange_at};
use engine::{Answer, Response};
use net::Now;
use semantics::{NormalPath, Target};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use tempfile::TempDir;

mod corpus;

/// A folder that is negotiated, and a clock of its own, ahead of that of the system: so no change is fresh.
struct Site {
    folder: TempDir,
    files: Files,
    now: Cell<Now>,
}

impl Site {
    fn new(config: NegotiateConfig) -> Self {
        Self::with(config, |_| {})
    }

    fn with(config: NegotiateConfig, configure: impl FnOnce(&mut FilesConfig)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut config = FilesConfig {
            root: folder.path().to_owned(),
            index: vec!["index.html".into()],
            negotiate: Some(config),
            ..FilesConfig::default()
        };
        configure(&mut config);
        let cache = Rc::new(Cache::new(CacheLimits::default()));
        let site = Self {
            folder,
            files: Files::new(config, cache).unwrap(),
            now: Cell::new(Now::read()),
        };
        site.pass(60_000);
        site
    }

    fn with_files(names: &[&str]) -> Self {
        let site = Self::new(NegotiateConfig::default());
        for name in names {
            site.write(name, name);
        }
        site
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn pass(&self, millis: u64) {
        let mut now = self.now.get();
        now.millis += millis;
        now.unix_millis += millis;
        now.unix_seconds = now.unix_millis / 1000;
        self.now.set(now);
    }

    fn answer(&self, line: &str, fields: &str) -> Answer {
        let request = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        with_exchange_at(request.as_bytes(), self.now.get(), None, |exchange| {
            let target = Target::parse(exchange.head.target(), exchange.head.method()).unwrap();
            let path = NormalPath::of(target.path).unwrap();
            self.files.answer(exchange, &path)
        })
    }

    fn ask(&self, line: &str, fields: &str) -> Response {
        net::run_alone(response_of(self.answer(line, fields)))
    }

    /// The content that a GET gets in a language.
    fn in_language(&self, path: &str, language: &str) -> String {
        let fields = format!("Accept-Language: {language}\r\n");
        content(&self.ask(&format!("GET {path}"), &fields))
    }
}

fn field(response: &Response, field: Known) -> Option<String> {
    let mut lines = response.head.section().all(field).peekable();
    lines.peek()?;
    let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
    Some(lines.join(", "))
}

fn content(response: &Response) -> String {
    String::from_utf8(octets(&response.content)).unwrap()
}

fn status(response: &Response) -> u16 {
    response.head.status().code()
}

const PAGES: &[&str] = &["page.de.html", "page.en.html"];

#[test]
fn variants_with_the_same_octets_have_entity_tags_of_their_own() {
    let site = Site::with_files(&[]);
    site.write("page.de.html", "same");
    site.write("page.en.html", "same");
    let tag = |language| {
        let fields = format!("Accept-Language: {language}\r\n");
        field(&site.ask("GET /page", &fields), Known::ETag).unwrap()
    };
    assert_ne!(tag("de"), tag("en"));
    assert_eq!(tag("de"), tag("de"));
}

#[test]
fn a_stored_variant_is_validated_by_its_tag_and_that_of_another_is_none_of_it() {
    let site = Site::with_files(PAGES);
    let german = site.ask("GET /page", "Accept-Language: de\r\n");
    let tag = field(&german, Known::ETag).unwrap();
    let again = |language| {
        let fields = format!("Accept-Language: {language}\r\nIf-None-Match: {tag}\r\n");
        site.ask("GET /page", &fields)
    };
    let unchanged = again("de");
    assert_eq!(status(&unchanged), 304);
    for known in [Known::ETag, Known::Vary, Known::ContentLocation] {
        assert_eq!(field(&unchanged, known), field(&german, known), "{known:?}");
    }
    assert_eq!(status(&again("en")), 200);
}

#[test]
fn what_was_selected_before_is_answered_at_once() {
    let site = Site::with_files(PAGES);
    site.in_language("/page", "de");
    let answer = site.answer("GET /page", "Accept-Language: de\r\n");
    assert!(matches!(answer, Answer::Kept { .. }), "{answer:?}");
    site.pass(2000);
    let answer = site.answer("GET /page", "Accept-Language: de\r\n");
    assert!(matches!(answer, Answer::Kept { .. }), "{answer:?}");
}

#[test]
fn a_variant_that_is_added_or_removed_is_seen_within_a_second() {
    let site = Site::with_files(PAGES);
    assert_eq!(site.in_language("/page", "fr, de;q=0.1"), "page.de.html");
    site.write("page.fr.html", "page.fr.html");
    site.pass(1000);
    assert_eq!(site.in_language("/page", "fr, de;q=0.1"), "page.fr.html");
    fs::remove_file(site.folder.path().join("page.fr.html")).unwrap();
    site.pass(1000);
    assert_eq!(site.in_language("/page", "fr, de;q=0.1"), "page.de.html");
}

#[test]
fn a_variant_that_is_gone_before_it_is_noticed_is_not_found_and_then_another() {
    let site = Site::with_files(PAGES);
    // The folder is known, the file is not kept.
    assert_eq!(site.in_language("/page", "en"), "page.en.html");
    fs::remove_file(site.folder.path().join("page.de.html")).unwrap();
    let response = site.ask("GET /page", "Accept-Language: de, en;q=0.5\r\n");
    assert_eq!(content(&response), "page.en.html");
}

#[test]
fn a_changed_variant_is_seen_within_a_second() {
    let site = Site::with_files(PAGES);
    assert_eq!(site.in_language("/page", "de"), "page.de.html");
    site.write("page.de.html", "changed");
    site.pass(1000);
    assert_eq!(site.in_language("/page", "de"), "changed");
}

#[test]
fn a_changed_type_map_is_seen_within_a_second() {
    let site = Site::with_files(PAGES);
    let map = |quality: &str| {
        format!(
            "URI: page.de.html\nContent-Type: text/html;qs={quality}\n\nURI: page.en.html\nContent-Type: text/html;qs=0.5\n"
        )
    };
    site.write("page.var", &map("0.4"));
    assert_eq!(content(&site.ask("GET /page", "")), "page.en.html");
    site.write("page.var", &map("0.6"));
    site.pass(1000);
    assert_eq!(content(&site.ask("GET /page", "")), "page.de.html");
}

#[test]
fn a_type_map_of_which_nothing_is_there_stands_for_nothing() {
    // RFC 9110 §15.5.5: no representation is there, so it is not for Accept to exclude all (§15.5.7).
    let site = Site::with_files(&[]);
    for map in [
        "URI: page.de.html\n\nURI: ../page.en.html\n",
        "# Nothing.",
        "",
        &"#".repeat(70_000),
    ] {
        site.write("page.var", map);
        site.pass(1001);
        assert_eq!(status(&site.ask("GET /page", "")), 404);
        assert_eq!(status(&site.ask("GET /page.var", "")), 404);
    }
}

#[test]
fn what_a_type_map_lists_in_a_folder_below_is_seen_when_it_comes() {
    let site = Site::with_files(&["page.en.html", "below/other.html"]);
    site.write("page.var", "URI: below/page.de.html\nContent-Language: de\n\nURI: page.en.html\nContent-Language: en\n");
    assert_eq!(site.in_language("/page", "de"), "page.en.html");
    site.pass(60_000);
    site.write("below/page.de.html", "de");
    site.pass(1001);
    assert_eq!(site.in_language("/page", "de"), "de");
}

#[test]
fn what_a_hostile_type_map_says_stays_where_it_is_said() {
    let site = Site::with_files(&["page.en.html", "page.de.html"]);
    site.write(
        "page.var",
        "URI: page.en.html\nContent-Type: text/html; charset=\"a\\\"} {b\"\nContent-Encoding: Identity, gzip\n\
         Description: <script>\n\nURI: page.de.html\nContent-Encoding: identity\n",
    );
    let fields = "Negotiate: vlist\r\nAccept: text/html\r\n";
    let list = site.ask("GET /page", fields);
    let alternates = field(&list, Known::Alternates).unwrap();
    assert!(
        !alternates.contains("{b") && alternates.contains("{charset utf-8}"),
        "{alternates}"
    );
    let html = content(&list);
    assert!(
        !html.contains("<script>") && html.contains("&lt;script&gt;"),
        "{html}"
    );
    // RFC 9110 §8.4.1: `identity` is not for Content-Encoding.
    let plain = site.ask("GET /page", "");
    assert_eq!(content(&plain), "page.de.html");
    assert_eq!(field(&plain, Known::ContentEncoding), None);
    let coded = site.ask("GET /page", "Accept-Encoding: gzip\r\n");
    assert_eq!(field(&coded, Known::ContentEncoding).unwrap(), "gzip");
}

#[test]
fn one_variant_alone_is_sent_whatever_is_accepted() {
    let site = Site::with_files(&["page.en.html"]);
    for fields in [
        "Accept: image/png\r\n",
        "Accept: text/html;q=0\r\n",
        "Accept-Language: de\r\n",
    ] {
        let response = site.ask("GET /page", fields);
        assert_eq!(status(&response), 200, "{fields}");
        assert_eq!(field(&response, Known::Vary), None);
    }
}

#[test]
fn a_date_is_no_strong_validator_of_a_variant() {
    // RFC 9110 §8.8.1: variants may share it, so parts of two of them would be put together.
    let site = Site::with_files(PAGES);
    let whole = site.ask("GET /page", "Accept-Language: de\r\n");
    let date = field(&whole, Known::LastModified).unwrap();
    let tag = field(&whole, Known::ETag).unwrap();
    for (validator, expected) in [(date, 200), (tag, 206)] {
        let fields = format!("Accept-Language: de\r\nRange: bytes=3-\r\nIf-Range: {validator}\r\n");
        assert_eq!(
            status(&site.ask("GET /page", &fields)),
            expected,
            "{validator}"
        );
    }
}

#[test]
fn whatever_depends_on_a_field_says_so() {
    let site = Site::with_files(PAGES);
    for (fields, expected, vary) in [
        (
            "Accept-Language: de\r\nIf-Match: \"x\"\r\n",
            412,
            "Accept, Accept-Language",
        ),
        (
            "Accept-Language: de\r\nRange: bytes=99-\r\n",
            416,
            "Accept, Accept-Language",
        ),
        (
            "Accept-Language: de\r\nRange: bytes=1-\r\n",
            206,
            "Accept-Language",
        ),
        (
            "Accept-Language: de\r\nIf-None-Match: *\r\n",
            304,
            "Accept-Language",
        ),
        ("Accept-Language: ja\r\n", 406, "Accept, Accept-Language"),
        (
            "Negotiate: trans\r\n",
            300,
            "Accept, Accept-Language, Negotiate",
        ),
    ] {
        let response = site.ask("GET /page", fields);
        assert_eq!(status(&response), expected, "{fields}");
        assert_eq!(field(&response, Known::Vary).unwrap(), vary, "{fields}");
    }
    assert_eq!(
        field(&site.ask("GET /none", ""), Known::Vary).unwrap(),
        "Accept"
    );
}

#[test]
fn head_tells_what_get_would() {
    let site = Site::with_files(PAGES);
    for fields in ["Accept-Language: de\r\n", "Accept-Language: ja\r\n"] {
        let (get, head) = (
            site.ask("GET /page", fields),
            site.ask("HEAD /page", fields),
        );
        let lines = |response: &Response| -> Vec<(Vec<u8>, Vec<u8>)> {
            let section = response.head.section();
            let lines = section.iter().map(|(n, v)| (n.to_vec(), v.to_vec()));
            lines.collect()
        };
        assert_eq!(status(&get), status(&head));
        assert_eq!(lines(&get), lines(&head));
    }
}

#[test]
fn other_methods_are_answered_as_for_any_file() {
    let site = Site::with_files(PAGES);
    assert_eq!(status(&site.ask("POST /page", "")), 405);
    assert_eq!(status(&site.ask("OPTIONS /page", "")), 204);
}

#[test]
fn a_folder_goes_before_variants_of_its_name_and_is_listed_as_ever() {
    let site = Site::with(NegotiateConfig::default(), |config| config.browse = true);
    site.write("page/a.de.html", "");
    site.write("page.de.html", "");
    assert_eq!(status(&site.ask("GET /page", "")), 301);
    assert!(content(&site.ask("GET /page/", "Accept: text/plain\r\n")).contains("a.de.html"));
}

#[test]
fn hidden_files_are_neither_chosen_nor_listed() {
    let site = Site::with_files(&[
        "page.de.html",
        "page.en.html",
        ".page.fr.html",
        ".git/page.it.html",
    ]);
    let response = site.ask("GET /page", "Accept-Language: fr\r\n");
    assert_eq!(status(&response), 406);
    assert!(!content(&response).contains("fr"), "{}", content(&response));
    assert_eq!(status(&site.ask("GET /.page", "")), 404);
    assert_eq!(status(&site.ask("GET /.git/page", "")), 404);
}

#[test]
fn a_link_that_leads_out_is_no_variant() {
    let site = Site::with_files(PAGES);
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret.html"), "secret").unwrap();
    let link = site.folder.path().join("page.fr.html");
    std::os::unix::fs::symlink(outside.path().join("secret.html"), link).unwrap();
    assert_eq!(
        status(&site.ask("GET /page", "Accept-Language: fr\r\n")),
        406
    );
}

#[test]
fn a_folder_below_has_variants_of_its_own() {
    let site = Site::with_files(&["a b/page.de.html", "a b/page.en.html", "page.fr.html"]);
    let response = site.ask("GET /a%20b/page", "Accept-Language: en\r\n");
    assert_eq!(content(&response), "a b/page.en.html");
    assert_eq!(
        field(&response, Known::ContentLocation).unwrap(),
        "page.en.html"
    );
    assert_eq!(status(&site.ask("GET /none/page", "")), 404);
    assert_eq!(status(&site.ask("GET /page.fr.html/page", "")), 404);
}

#[test]
fn a_rewritten_target_has_no_content_location() {
    let site = Site::with_files(&[
        "page.de.html",
        "page.en.html",
        "d/page.de.html",
        "d/page.en.html",
    ]);
    for (target, path, expected) in [
        ("/other", "/page", None),
        // Not of the folder of the target: `/old/page.de.html` may be another resource or none.
        ("/old/page", "/d/page", None),
        ("/prefix/d/page", "/d/page", Some("page.de.html")),
        ("/%64/page?q", "/d/page", Some("page.de.html")),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Language: de\r\n\r\n");
        let answer = with_exchange_at(request.as_bytes(), site.now.get(), None, |exchange| {
            let path = NormalPath::of(path.as_bytes()).unwrap();
            site.files.answer(exchange, &path)
        });
        let response = net::run_alone(response_of(answer));
        assert_eq!(content(&response), format!("{}.de.html", &path[1..]));
        assert_eq!(
            field(&response, Known::ContentLocation).as_deref(),
            expected,
            "{target}"
        );
    }
}

#[test]
fn a_list_says_of_each_variant_what_was_decided() {
    let site = Site::with_files(PAGES);
    let asked = |accept: &str| {
        let fields = format!("Accept-Language: ja\r\nAccept: {accept}\r\n");
        site.ask("GET /page", &fields)
    };
    let text = content(&asked("*/*"));
    assert!(
        text.contains("page.de.html\n  text/html; charset=utf-8, language de, 12 octets\n"),
        "{text}"
    );
    assert!(
        text.contains("language 0.000; not acceptable by Accept-Language"),
        "{text}"
    );
    let html = content(&asked("text/html, */*;q=0.1"));
    assert!(
        html.contains(
            "<a href=\"page.en.html\" hreflang=\"en\" type=\"text/html; charset=utf-8\">"
        ),
        "{html}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&content(&asked("application/json, text/html;q=0.5"))).unwrap();
    assert_eq!(json["variants"][1]["reference"], "page.en.html");
    assert_eq!(json["variants"][1]["charset"], "utf-8");
}

#[test]
fn who_knows_transparent_negotiation_gets_alternates() {
    let site = Site::with_files(PAGES);
    let list = site.ask("GET /page", "Negotiate: vlist\r\n");
    assert_eq!(
        (status(&list), field(&list, Known::Tcn).unwrap().as_str()),
        (300, "list")
    );
    assert_eq!(
        field(&list, Known::Alternates).unwrap(),
        "{\"page.de.html\" 1 {type text/html} {charset utf-8} {language de} {length 12}}, \
         {\"page.en.html\" 1 {type text/html} {charset utf-8} {language en} {length 12}}"
    );
    let choice = site.ask(
        "GET /page",
        "Negotiate: vlist, *\r\nAccept-Language: en\r\n",
    );
    assert_eq!(
        (
            status(&choice),
            field(&choice, Known::Tcn).unwrap().as_str()
        ),
        (200, "choice")
    );
    assert!(field(&choice, Known::Alternates).is_some());
}

#[test]
fn names_are_read_only_by_a_server_that_negotiates() {
    let site = Site::with_files(&["page.html.en"]);
    let response = site.ask("GET /page.html.en", "");
    assert_eq!(
        field(&response, Known::ContentType).unwrap(),
        "text/html; charset=utf-8"
    );
    assert_eq!(field(&response, Known::ContentLanguage).unwrap(), "en");
    let site = Site::with(NegotiateConfig::default(), |config| config.negotiate = None);
    site.write("page.html.en", "");
    let response = site.ask("GET /page.html.en", "");
    assert_eq!(
        field(&response, Known::ContentType).unwrap(),
        "application/octet-stream"
    );
    assert_eq!(field(&response, Known::ContentLanguage), None);
}

#[test]
fn no_field_values_make_a_choice_panic() {
    let site = Site::with_files(&[
        "page.de.html",
        "page.en.txt",
        "page.html.gb2312",
        "page.fr.html.gz",
    ]);
    let values = [
        "",
        "*",
        ";q=",
        "*/*;q",
        "text/html;q=0.5;q",
        "\"",
        "en--",
        "-",
        "en;q=1;q=1",
        ",;,=",
        "\u{ff}",
        "a/b/c",
        "*;q=0",
    ];
    for name in [
        "Accept",
        "Accept-Charset",
        "Accept-Encoding",
        "Accept-Language",
        "Negotiate",
    ] {
        for value in values {
            let response = site.ask("GET /page", &format!("{name}: {value}\r\n"));
            assert!(
                [200, 300, 406].contains(&status(&response)),
                "{name}: {value}"
            );
        }
        let long = "x;q=0.1,".repeat(5000);
        site.ask("GET /page", &format!("{name}: {long}\r\n"));
    }
}

/// The folder of the corpus.
fn corpus_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/negotiation")
}

#[test]
fn a_folder_that_changed_is_read_once_for_all_who_ask() {
    let site = Site::with_files(PAGES);
    assert_eq!(site.in_language("/page", "de"), "page.de.html");
    site.write("page.fr.html", "page.fr.html");
    site.pass(1000);
    let fields = "Accept-Language: fr, de;q=0.5\r\n";
    let first = site.answer("GET /page", fields);
    let reading = net::run_alone(async {
        let Answer::Later(mut first) = first else {
            panic!("the folder is to be read: {first:?}");
        };
        // The first has begun, and waits for another thread.
        let begun =
            std::future::poll_fn(|cx| std::task::Poll::Ready(first.as_mut().poll(cx).is_pending()));
        let is_pending = begun.await;
        let second = site.answer("GET /page", fields);
        let is_known = !matches!(second, Answer::Later(_));
        if is_pending {
            first.await;
        }
        !is_pending || is_known
    });
    assert!(reading);
    assert_eq!(site.in_language("/page", "fr"), "page.fr.html");
}

/// What a GET for `/asked` gets when `paths` are tried.
fn first_of(site: &Site, fields: &str, paths: &[&str]) -> Response {
    let request = format!("GET /asked HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let answer = with_exchange_at(request.as_bytes(), site.now.get(), None, |exchange| {
        let paths: Vec<_> = paths
            .iter()
            .map(|path| NormalPath::of(path.as_bytes()).unwrap())
            .collect();
        let asked = NormalPath::of(b"/asked").unwrap();
        site.files
            .answer_first(exchange, &asked, &paths, semantics::Status::NOT_FOUND)
    });
    net::run_alone(response_of(answer))
}

#[test]
fn paths_that_are_tried_have_variants_too() {
    let site = Site::with_files(&["page.de.html", "page.en.html", "last.txt"]);
    let paths = ["/none", "/page", "/last.txt"];
    // The first time the folder is read, the second time it is known.
    for _ in 0..2 {
        let response = first_of(&site, "Accept-Language: en\r\n", &paths);
        assert_eq!(content(&response), "page.en.html");
        assert_eq!(field(&response, Known::ContentLocation), None);
        assert_eq!(
            status(&first_of(&site, "Accept-Language: ja\r\n", &paths)),
            406
        );
        assert_eq!(
            content(&first_of(&site, "", &["/none", "/last.txt"])),
            "last.txt"
        );
        assert_eq!(status(&first_of(&site, "", &["/none", "/.page"])), 404);
    }
}
