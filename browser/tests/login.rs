//! A real user agent signs in by the form, and out again.

use std::fs;

use hansom_browser::{Browser, Server, Settings, out_folder, wait_for};
use tempfile::TempDir;

/// anna, with the password `secret`.
const USERS: &str = "anna:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2\n";
const CONFIGURATION: &str = "\
[server]
workers = 2
state = \"state\"

[[auth]]
name = \"staff\"
method = \"form\"
users = \"users\"
realm = \"Staff only\"
attempts_max = 4

[[site]]
root = \"site\"

[[site.route]]
path = \"/staff\"
auth = \"staff\"

[[site.route]]
path = \"/echo\"
handler = \"echo\"
auth = \"staff\"
";
const PAGE: &str = "<!doctype html><title>Staff</title><h1>For staff alone</h1>";
/// A host that is no loopback address to the browser, so that nothing is believed of it.
const ELSEWHERE: &str = "site.example";

struct World {
    server: Server,
    browser: Browser,
    base: String,
    _folder: TempDir,
}

/// How the browser reaches the site.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Loopback,
    /// In the clear, by a name.
    Name,
    Tls,
}

impl World {
    fn new(by: By) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("site/staff")).expect("a folder");
        fs::write(folder.path().join("site/staff/index.html"), PAGE).expect("a page");
        fs::write(folder.path().join("site/index.html"), "<h1>Hello</h1>").expect("a page");
        fs::write(folder.path().join("users"), USERS).expect("users");
        let args: &[&str] = match by {
            By::Tls => &["--tls-self-signed"],
            _ => &[],
        };
        let server = Server::run(folder.path(), CONFIGURATION, args);
        let base = match by {
            By::Name => server.at("").replace("127.0.0.1", ELSEWHERE),
            _ => server.at(""),
        };
        let browser = Browser::start_with(Settings {
            arguments: &["--host-resolver-rules=MAP site.example 127.0.0.1"],
            ..Settings::default()
        });
        Self {
            server,
            browser,
            base,
            _folder: folder,
        }
    }

    fn open(&self, target: &str) {
        self.browser.open(&format!("{}{target}", self.base));
    }

    /// Waits until this page is shown, with this text in it.
    fn shown(&self, location: &str, selector: &str, text: &str) {
        wait_for(&format!("{location} with {text:?}"), || {
            let seen = (self.browser.location()?, self.browser.text(selector)?);
            match seen.0 == location && seen.1.contains(text) {
                true => Ok(()),
                // An error page of the browser says in its text why it is shown.
                false => Err(format!("{seen:?} in {}", self.browser.page()?)),
            }
        });
    }

    /// Goes back to a page of the history, as by the menu of the button for it. A script's `history.go` may skip pages that nobody
    /// has touched.
    fn go_back_to(&self, target: &str) {
        let history = self
            .browser
            .devtools("Page.getNavigationHistory", serde_json::json!({}));
        let entries = history["entries"].as_array().expect("entries");
        let url = format!("{}{target}", self.base);
        let entry = entries.iter().rfind(|entry| entry["url"] == url.as_str());
        let entry = entry.unwrap_or_else(|| panic!("{url} is not in {history}"));
        self.browser.devtools(
            "Page.navigateToHistoryEntry",
            serde_json::json!({"entryId": entry["id"]}),
        );
    }

    fn send_form(&self, password: &str) {
        self.browser
            .value("document.querySelector('#user').value = ''");
        self.browser.type_into("#user", "anna");
        self.browser.type_into("#password", password);
        self.browser.click("button");
    }

    fn sign_in(&self) {
        self.open("/staff/?a=b");
        self.send_form("secret");
        self.shown("/staff/?a=b", "h1", "For staff alone");
    }

    fn sign_out(&self) {
        self.open("/logout");
        self.browser.click("button");
        self.shown("/login", "button", "Sign in");
    }
}

fn leads_in_and_back(by: By) {
    let world = World::new(by);
    world.open("/staff/?a=b");
    world.shown("/login?next=/staff/%3Fa%3Db", "h1", "Staff only");
    world.send_form("guess");
    world.shown("/login", ".error", "The name or the password is wrong.");
    world.send_form("secret");
    world.shown("/staff/?a=b", "h1", "For staff alone");
    world.browser.reload();
    world.shown("/staff/?a=b", "h1", "For staff alone");
    // HttpOnly (RFC 6265 §4.1.2.6).
    assert_eq!(world.browser.value("document.cookie"), "");
    world.open("/echo");
    let text = world.browser.text("body").expect("the echo");
    let echo: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (&echo["user"], &echo["secured"]),
        (&"anna".into(), &(by == By::Tls).into())
    );
    let log = world.server.log_after(0);
    assert!(
        log.iter()
            .any(|exchange| exchange.target == "/echo" && exchange.user.as_deref() == Some("anna"))
    );
    assert_eq!(world.browser.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_stranger_is_led_to_the_form_and_back() {
    leads_in_and_back(By::Loopback);
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_stranger_is_led_to_the_form_and_back_by_name() {
    leads_in_and_back(By::Name);
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_stranger_is_led_to_the_form_and_back_over_tls() {
    leads_in_and_back(By::Tls);
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn cookies_are_kept_from_scripts_other_sites_and_plain_connections() {
    for by in [By::Loopback, By::Tls] {
        let world = World::new(by);
        world.sign_in();
        let told = world
            .browser
            .devtools("Network.getCookies", serde_json::json!({}));
        let cookies = told["cookies"].as_array().expect("cookies");
        assert_eq!(cookies.len(), 1, "that of the form is gone: {cookies:?}");
        let cookie = &cookies[0];
        let (name, is_secure) = match by {
            By::Tls => ("__Host-session", true),
            _ => ("session", false),
        };
        assert_eq!(cookie["name"], name);
        assert_eq!(cookie["secure"], is_secure);
        assert_eq!(cookie["httpOnly"], true);
        assert_eq!(cookie["sameSite"], "Lax");
        assert_eq!(cookie["path"], "/");
    }
}

fn ends_at_logout(by: By) {
    let world = World::new(by);
    world.sign_in();
    world.sign_out();
    let seen = world.server.log_len();
    // Past the page for signing out, to that for staff.
    world.go_back_to("/staff/?a=b");
    world.shown("/login?next=/staff/%3Fa%3Db", "button", "Sign in");
    assert!(
        world
            .server
            .log_after(seen)
            .iter()
            .any(|exchange| exchange.target == "/staff/?a=b"),
        "the page was asked for again"
    );
    world.open("/staff/?a=b");
    world.shown("/login?next=/staff/%3Fa%3Db", "button", "Sign in");
    world.open("/echo");
    world.shown("/login?next=/echo", "button", "Sign in");
    assert_eq!(world.browser.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn after_signing_out_the_way_back_shows_nothing() {
    ends_at_logout(By::Loopback);
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn after_signing_out_the_way_back_shows_nothing_by_name() {
    ends_at_logout(By::Name);
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn after_signing_out_the_way_back_shows_nothing_over_tls() {
    ends_at_logout(By::Tls);
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_form_says_that_guesses_are_too_many() {
    let world = World::new(By::Loopback);
    world.open("/login");
    for number in 0..4 {
        world.send_form(&format!("guess {number}"));
        world.shown("/login", ".error", "wrong");
        world
            .browser
            .value("document.querySelector('.error').textContent = ''");
    }
    world.send_form("secret");
    world.shown("/login", ".error", "Too many passwords were wrong.");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_form_fits_its_window_in_light_and_dark() {
    let world = World::new(By::Loopback);
    world.open("/staff/");
    world.browser.screenshots(&out_folder(), "login");
    world.send_form("guess");
    world.shown("/login", ".error", "wrong");
    world.browser.screenshots(&out_folder(), "login-wrong");
    world.open("/logout");
    world.browser.screenshots(&out_folder(), "logout");
}
