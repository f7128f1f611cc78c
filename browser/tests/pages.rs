//! Which representation a real user agent gets by its own settings, and how the pages of the server look.

use std::fs;

use hansom_browser::{Browser, Server, Settings, out_folder, wait_for};
use tempfile::TempDir;

const CONFIGURATION: &str = "\
[[site]]
root = \"site\"
negotiate = true
language = \"en\"

[[site]]
hosts = [\"localhost\"]
root = \"strict\"
negotiate = true
";

struct World {
    server: Server,
    browser: Browser,
    _folder: TempDir,
}

impl World {
    fn new(languages: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let page = |name: &str, language: &str, title: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            let text = format!(
                "<!doctype html><html lang={language}><meta charset=utf-8><title>{title}</title><h1>{title}</h1>"
            );
            fs::write(path, text).expect("a page");
        };
        page("site/hello.en.html", "en", "Hello");
        page("site/hello.de.html", "de", "Guten Tag");
        page("site/hello.zh.html", "zh", "你好");
        page("strict/hello.ja.html", "ja", "こんにちは");
        page("strict/hello.fi.html", "fi", "Hei");
        let lines: String = (0..20_000).map(|n| format!("Line {n} äöü €\n")).collect();
        fs::write(folder.path().join("site/large.txt"), lines).expect("a text");
        let server = Server::run(folder.path(), CONFIGURATION, &[]);
        let browser = Browser::start_with(Settings {
            languages,
            ..Settings::default()
        });
        Self {
            server,
            browser,
            _folder: folder,
        }
    }

    fn open(&self, target: &str) {
        self.browser.open(&self.server.at(target));
    }
}

fn speaks(languages: &str, title: &str) {
    let world = World::new(languages);
    for target in ["/hello", "/hello.html"] {
        world.open(target);
        assert_eq!(
            world.browser.text("h1").as_deref(),
            Ok(title),
            "{languages}"
        );
        assert_eq!(world.browser.location().as_deref(), Ok(target));
    }
    assert_eq!(world.browser.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_german_browser_gets_the_german_page() {
    speaks("de-DE,de", "Guten Tag");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_chinese_browser_gets_the_chinese_page() {
    speaks("zh-CN,zh", "你好");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_second_language_of_a_browser_counts_too() {
    speaks("fr,de", "Guten Tag");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_browser_whose_language_is_not_there_gets_that_of_the_site() {
    speaks("fr", "Hello");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_large_text_comes_coded_and_is_read_right() {
    let world = World::new("");
    // A file that has just been written is sent as it is for a while.
    let (coding, encoded) = wait_for("a coding", || {
        world.open("/large.txt");
        let entry = world.browser.try_value(
            "(({contentEncoding, encodedBodySize, decodedBodySize}) => ({contentEncoding, encodedBodySize, decodedBodySize}))\
             (performance.getEntriesByType('navigation')[0])",
        )?;
        let number = |name: &str| entry[name].as_u64().unwrap_or(0);
        let (encoded, decoded) = (number("encodedBodySize"), number("decodedBodySize"));
        match encoded > 0 && encoded < decoded / 4 {
            true => Ok((entry["contentEncoding"].clone(), encoded)),
            false => Err(entry.to_string()),
        }
    });
    assert!(coding == "zstd" || coding == "br", "{coding}");
    let text = world.browser.text("pre").expect("the text");
    let lines: String = (0..20_000).map(|n| format!("Line {n} äöü €\n")).collect();
    assert!(text == lines, "{encoded} octets give another text");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_pages_of_errors_and_choices_fit_their_window() {
    let world = World::new("fr");
    world.open("/none");
    world.browser.screenshots(&out_folder(), "error");
    let strict = world.server.at("/hello").replace("127.0.0.1", "localhost");
    world.browser.open(&strict);
    assert_eq!(
        world.browser.text("h1").as_deref(),
        Ok("406 Not Acceptable")
    );
    world.browser.screenshots(&out_folder(), "choices");
    assert_eq!(world.browser.complaints(), Vec::<String>::new());
    world.browser.click("li a");
    wait_for("a page to be chosen", || {
        match world.browser.text("h1")?.as_str() {
            "Hei" | "こんにちは" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
}
