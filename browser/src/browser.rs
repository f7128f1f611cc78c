//! Chromium, driven through chromedriver.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{wait_for, webdriver};

/// A browser with one page and a profile of its own.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
    session: String,
    _profile: TempDir,
}

/// Which colours the page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `prefers-color-scheme: light`
    Light,
    /// `prefers-color-scheme: dark`
    Dark,
}

/// What is set in the browser before it starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// The languages of its user, best first: the setting behind Accept-Language. Empty: those of the system.
    pub languages: &'a str,
    /// More arguments of its command line.
    pub arguments: &'a [&'a str],
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The width of the viewport in CSS pixels.
    pub width: u32,
    /// The height of the viewport in CSS pixels.
    pub height: u32,
    /// The colours.
    pub scheme: Scheme,
}

impl Browser {
    /// Starts chromedriver and Chromium.
    ///
    /// # Panics
    ///
    /// When one of them is missing (the message names the packages) or does not start.
    pub fn start() -> Self {
        Self::start_with(Settings::default())
    }

    /// The same, with settings. Certificates that nobody vouches for are accepted.
    ///
    /// # Panics
    ///
    /// As [`Browser::start`] does.
    pub fn start_with(settings: Settings<'_>) -> Self {
        let chromium = find(
            "CHROMIUM",
            &["chromium", "chromium-browser", "google-chrome"],
        );
        let driver = Driver::start(&find("CHROMEDRIVER", &["chromedriver"]));
        let profile = tempfile::tempdir()
            .unwrap_or_else(|error| panic!("no folder for the profile: {error}"));
        let mut arguments: Vec<String> =
            CHROMIUM_FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.extend(settings.arguments.iter().map(|&flag| flag.to_owned()));
        let mut options = json!({"binary": chromium, "args": arguments});
        if !settings.languages.is_empty() {
            options["prefs"] = json!({"intl.accept_languages": settings.languages});
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let value = driver.command("POST", "/session", Some(&wanted));
        let session = value["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("no session: {value}"))
            .to_owned();
        Self {
            driver,
            session,
            _profile: profile,
        }
    }

    /// Goes to a URL and waits until the page is loaded.
    pub fn open(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// Loads the page again.
    pub fn reload(&self) {
        self.post("refresh", &json!({}));
    }

    /// Clicks on the element that a CSS selector names.
    pub fn click(&self, selector: &str) {
        let id = self.element(selector);
        self.post(&format!("element/{id}/click"), &json!({}));
    }

    /// Types into the element that a CSS selector names, key by key. A field for files takes their paths, a line each.
    pub fn type_into(&self, selector: &str, text: &str) {
        let id = self.element(selector);
        self.post(&format!("element/{id}/value"), &json!({ "text": text }));
    }

    /// The text of the first element that a CSS selector names; empty where there is none.
    pub fn text(&self, selector: &str) -> Result<String, String> {
        let script = format!("document.querySelector({selector:?})?.textContent ?? ''");
        let value = self.try_value(&script)?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Path and query of the page.
    pub fn location(&self) -> Result<String, String> {
        let value = self.try_value("location.pathname + location.search")?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Where the page is from and the beginning of its text, for messages.
    pub fn page(&self) -> Result<String, String> {
        let shown = "location.href + ': ' + document.body?.innerText.slice(0, 400)";
        let value = self.try_value(shown)?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post(
            "element",
            &json!({"using": "css selector", "value": selector}),
        );
        let id = found
            .as_object()
            .and_then(|object| object.values().next())
            .and_then(Value::as_str);
        let id = id.unwrap_or_else(|| panic!("no element {selector}: {found}"));
        id.to_owned()
    }

    /// The value of a JavaScript expression.
    pub fn value(&self, expression: &str) -> Value {
        self.try_value(expression)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The value of a JavaScript expression, or why there is none: the page may be on its way out.
    pub fn try_value(&self, expression: &str) -> Result<Value, String> {
        let script = json!({"script": format!("return ({expression});"), "args": []});
        webdriver::command(
            self.driver.port,
            "POST",
            &self.target("execute/sync"),
            Some(&script),
        )
    }

    /// Sends a command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post(
            "goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        )
    }

    /// Sets the viewport and the colours.
    pub fn look(&self, view: View) {
        let size = json!({"width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let scheme = if view.scheme == Scheme::Dark {
            "dark"
        } else {
            "light"
        };
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
    }

    /// Saves a picture of the whole page, as PNG.
    pub fn screenshot(&self, path: &Path) {
        let taken = self.devtools(
            "Page.captureScreenshot",
            json!({"format": "png", "captureBeyondViewport": true}),
        );
        let text = taken["data"].as_str().unwrap_or_default();
        let octets = from_base64(text).unwrap_or_else(|| panic!("the screenshot is not base64"));
        std::fs::write(path, octets)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }

    /// Saves pictures of the page in light and dark, wide and narrow: `name-dark-400.png`.
    ///
    /// # Panics
    ///
    /// When the page is wider than its window.
    pub fn screenshots(&self, folder: &Path, name: &str) {
        for (scheme, shade) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
            for width in [1280, 400] {
                let height = 900;
                self.look(View {
                    width,
                    height,
                    scheme,
                });
                wait_for("the width to change", || {
                    match self.try_value("innerWidth")? {
                        value if value == width => Ok(()),
                        value => Err(value.to_string()),
                    }
                });
                self.screenshot(&folder.join(format!("{name}-{shade}-{width}.png")));
                let wider = "document.documentElement.scrollWidth - innerWidth";
                assert!(
                    self.value(wider).as_i64() <= Some(0),
                    "{name} is wider than {width} pixels"
                );
            }
        }
    }

    /// What the page has written to the console since the last question, as `level: message`.
    pub fn console(&self) -> Vec<String> {
        let lines = self.post("se/log", &json!({"type": "browser"}));
        let line = |entry: &Value| {
            format!(
                "{}: {}",
                entry["level"].as_str().unwrap_or("?"),
                entry["message"].as_str().unwrap_or("?")
            )
        };
        lines
            .as_array()
            .map(|entries| entries.iter().map(line).collect())
            .unwrap_or_default()
    }

    /// The same without what it tells of its own accord: statuses of errors, and that Clear-Site-Data was heeded.
    pub fn complaints(&self) -> Vec<String> {
        let mut told = self.console();
        told.retain(|line| {
            !line.contains("the server responded with a status of")
                && !line.contains("Clear-Site-Data header on")
        });
        told
    }

    fn post(&self, command: &str, parameters: &Value) -> Value {
        self.driver
            .command("POST", &self.target(command), Some(parameters))
    }

    fn target(&self, command: &str) -> String {
        format!("/session/{}/{command}", self.session)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; the driver itself is ended after it.
        let _ = webdriver::command(
            self.driver.port,
            "DELETE",
            &format!("/session/{}", self.session),
            None,
        );
    }
}

#[derive(Debug)]
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {}: {error}. {PACKAGES}", program.display())
            });
        let (sender, receiver) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            // Reads to the end, so that the driver never waits for a reader.
            std::thread::spawn(move || {
                for port in BufReader::new(stdout)
                    .lines()
                    .map_while(Result::ok)
                    .filter_map(|line| port_in(&line))
                {
                    let _ = sender.send(port);
                }
            });
        }
        let mut driver = Self { child, port: 0 };
        driver.port = receiver
            .recv_timeout(START_TIMEOUT)
            .unwrap_or_else(|_| panic!("{} told no port. {PACKAGES}", program.display()));
        driver
    }

    fn command(&self, method: &str, target: &str, parameters: Option<&Value>) -> Value {
        webdriver::command(self.port, method, target, parameters)
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// "ChromeDriver was started successfully on port 38177."
fn port_in(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("successfully on port ")?;
    rest.trim_end_matches(['.', '\r']).parse().ok()
}

/// The program an environment variable names, or the first of some names in `PATH`.
fn find(variable: &str, names: &[&str]) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return PathBuf::from(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = names
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)));
    candidates
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{} is missing. {PACKAGES}", names[0]))
}

/// RFC 4648 §4; other octets than those of the alphabet give `None`.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for octet in text.trim_end_matches('=').bytes() {
        let value = BASE64.iter().position(|&letter| letter == octet)?;
        held = (held << 6 | u32::try_from(value).ok()?) & 0xfff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            octets.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(octets)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PACKAGES: &str = "The browser tests need Debian's packages chromium and chromium-driver: apt-get install chromium chromium-driver";
const START_TIMEOUT: Duration = Duration::from_secs(30);

const CHROMIUM_FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox", // It refuses to run as root otherwise, and sees only our own pages.
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,900",
];

#[cfg(test)]
mod tests {
    use super::{from_base64, port_in};

    #[test]
    fn the_port_is_read_from_the_line_that_tells_it() {
        assert_eq!(
            port_in("ChromeDriver was started successfully on port 38177."),
            Some(38177)
        );
        assert_eq!(port_in("Starting ChromeDriver 156 on port 0"), None);
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        assert_eq!(from_base64("aGFuc29t").as_deref(), Some(&b"hansom"[..]));
        assert_eq!(from_base64("Y2Fi").as_deref(), Some(&b"cab"[..]));
        assert_eq!(from_base64("Y2E=").as_deref(), Some(&b"ca"[..]));
        assert_eq!(from_base64("Y!"), None);
    }
}
