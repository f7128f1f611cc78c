//! The server under test, as its own process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::{repository, wait_for};

/// A running `hansom serve` on a free port of 127.0.0.1, and what it has logged.
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    log: Arc<Mutex<Vec<Exchange>>>,
}

/// One line of the JSON access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The number of the connection.
    pub connection: u64,
    /// The number of the request on its connection, from 1.
    pub number: u64,
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// The final status.
    pub status: u64,
    /// The name of who is signed in.
    pub user: Option<String>,
}

impl Server {
    /// Starts the program in the root of the repository, where it serves the demo site.
    ///
    /// # Panics
    ///
    /// When there is no program, or it does not tell its URL.
    pub fn start() -> Self {
        Self::start_in(&repository(), &[])
    }

    /// Starts `hansom serve` in a folder, with more arguments.
    ///
    /// # Panics
    ///
    /// When there is no program, or it does not tell its URL.
    pub fn start_in(folder: &Path, args: &[&str]) -> Self {
        Self::start_verb("serve", folder, args)
    }

    /// Starts `hansom run` of a configuration, which is written to the folder, with more arguments.
    ///
    /// # Panics
    ///
    /// When there is no program, or it does not tell its URL.
    pub fn run(folder: &Path, configuration: &str, args: &[&str]) -> Self {
        std::fs::write(folder.join("hansom.toml"), configuration)
            .unwrap_or_else(|error| panic!("cannot write hansom.toml: {error}"));
        Self::start_verb("run", folder, args)
    }

    /// Starts `hansom proxy` in a folder, with more arguments.
    ///
    /// # Panics
    ///
    /// When there is no program, or it does not tell its URL.
    pub fn proxy(folder: &Path, args: &[&str]) -> Self {
        Self::start_verb("proxy", folder, args)
    }

    fn start_verb(verb: &str, folder: &Path, args: &[&str]) -> Self {
        let program = program();
        let mut child = Command::new(&program)
            .args([verb, "--listen", "127.0.0.1:0", "--access-log", "json"])
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let log = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdout) = child.stdout.take() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    log.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(Exchange::parse(&line));
                }
            });
        }
        let said = Arc::new(Mutex::new(Vec::<String>::new()));
        if let Some(stderr) = child.stderr.take() {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    said.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(line);
                }
            });
        }
        let mut server = Self {
            child,
            url: String::new(),
            log,
        };
        server.url = wait_for("the URL of the server on stderr", || {
            let said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.iter()
                .find_map(|line| url_in(line))
                .ok_or_else(|| said.join("\n"))
        });
        server
    }

    /// The URL the server printed.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of a target on it.
    pub fn at(&self, target: &str) -> String {
        format!("{}{target}", self.url.trim_end_matches('/'))
    }

    /// How many exchanges are logged so far.
    pub fn log_len(&self) -> usize {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// The exchanges logged after the first `skip`, without the page's own questions about them.
    pub fn log_after(&self, skip: usize) -> Vec<Exchange> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter()
            .skip(skip)
            .filter(|exchange| exchange.target != "/wire.json")
            .cloned()
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exchange {
    fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        Some(Self {
            connection: value["connection"].as_u64()?,
            number: value["number"].as_u64()?,
            method: value["method"].as_str()?.to_owned(),
            target: value["target"].as_str()?.to_owned(),
            status: value["status"].as_u64()?,
            user: value["user"].as_str().map(str::to_owned),
        })
    }

    /// Is it one of the images of the picture?
    pub fn is_tile(&self) -> bool {
        self.target.starts_with("/tiles/")
    }
}

/// `HANSOM_BIN`, or the debug build beside this test: the executable is `<target>/debug/deps/demo-*`.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("HANSOM_BIN") {
        return PathBuf::from(path);
    }
    let own = std::env::current_exe()
        .unwrap_or_else(|error| panic!("no path of the test itself: {error}"));
    let program = own
        .ancestors()
        .nth(3)
        .map(|target| target.join("debug/hansom"))
        .unwrap_or_default();
    assert!(
        program.is_file(),
        "there is no {}; build it first with `cargo build --package hansom`, or set HANSOM_BIN",
        program.display()
    );
    program
}

/// The first URL in a line, which may be coloured.
fn url_in(line: &str) -> Option<String> {
    let start = line.find("http://").or_else(|| line.find("https://"))?;
    let end = line[start..]
        .find(|c: char| c.is_whitespace() || c.is_control())
        .map_or(line.len(), |length| start + length);
    Some(
        line[start..end]
            .trim_end_matches(['.', ',', ')'])
            .to_owned(),
    )
}
