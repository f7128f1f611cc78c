//! Drives a real user agent against the real server.
//!
//! What is here: a [`Server`] that runs the `hansom` program and collects its JSON access log, a [`Browser`]
//! that runs Chromium through chromedriver (WebDriver is JSON over HTTP/1.1, so a `TcpStream` is enough), and
//! [`wait_for`], which polls with a deadline. What is not: any judgement. The tests judge.
//!
//! The tests in `tests/` are marked `#[ignore]`, for they need two Debian packages and the built program;
//! `cargo xtask browser` runs them. A missing package fails a test and is named; nothing passes unseen.

mod browser;
mod server;
mod webdriver;

pub use browser::{Browser, Scheme, Settings, View};
pub use server::{Exchange, Server};

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Asks `poll` until it gives a value.
///
/// # Panics
///
/// When no value came until the deadline; the message says what was awaited and what was seen last.
pub fn wait_for<T>(what: &str, mut poll: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match poll() {
            Ok(value) => return value,
            Err(seen) if Instant::now() >= deadline => {
                panic!("waited {DEADLINE:?} for {what}; seen last: {seen}")
            }
            Err(_) => std::thread::sleep(POLL_PAUSE),
        }
    }
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

/// The folder for screenshots, made if needed.
pub fn out_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("out");
    std::fs::create_dir_all(&folder)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
    folder
}

const DEADLINE: Duration = Duration::from_secs(30);
const POLL_PAUSE: Duration = Duration::from_millis(20);
