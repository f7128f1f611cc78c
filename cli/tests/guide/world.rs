//! A folder with what the guide takes for granted, and the program running in it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A section's folder. Port 8080 of the guide is a free one here.
pub(crate) struct World {
    folder: TempDir,
    ports: Vec<(&'static str, String)>,
    server: Option<Server>,
    /// A configuration was shown that nobody runs.
    is_configured: bool,
    /// It says where to listen.
    names_listener: bool,
}

struct Server {
    child: Child,
    _said: Option<Receiver<String>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    /// Programs are there where a configuration names their folder.
    pub(crate) fn new(configurations: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let is_named = |(name, _): &&(&str, &str)| {
            let folder = name.split('/').next().unwrap_or(name);
            configurations.contains(&format!("\"{folder}\""))
        };
        for (name, content) in FILES.iter().chain(PROGRAMS.iter().filter(is_named)) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
            fs::write(&path, content).expect("the file can be written");
            if content.starts_with("#!") {
                let all = fs::Permissions::from_mode(0o755);
                fs::set_permissions(path, all).expect("it can be changed");
            }
        }
        // Free at the time; the sockets are held until all are chosen, so that they differ.
        let held: Vec<_> = PORTS
            .iter()
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
            .collect();
        let ports = PORTS.iter().zip(&held).map(|(port, socket)| {
            let free = socket.local_addr().expect("an address").port();
            (*port, free.to_string())
        });
        Self {
            ports: ports.collect(),
            folder,
            server: None,
            is_configured: false,
            names_listener: false,
        }
    }

    /// Writes a file; `hansom.toml` must be right.
    pub(crate) fn configure(&mut self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.path().join(name), self.here(text)).expect("it can be written");
        if name != "hansom.toml" {
            return Ok(());
        }
        self.server = None;
        self.is_configured = true;
        self.names_listener = text.contains("[[listen]]");
        let output = self.bash("hansom check")?;
        match output.status.success() {
            true => Ok(()),
            false => Err(said(&output)),
        }
    }

    /// Runs a command and gives what it printed; `None` for what is not printed when it begins to serve.
    ///
    /// A server takes the place of the one before, unless it is shown to fail beside that.
    pub(crate) fn run(
        &mut self,
        command: &str,
        shown: Option<&str>,
    ) -> Result<Option<String>, String> {
        if command.starts_with("cargo ") {
            return self.repository(command).map(|()| None);
        }
        let serves = [
            "hansom serve",
            "hansom run",
            "hansom gateway",
            "hansom proxy",
        ]
        .iter()
        .any(|start| command == *start || command.starts_with(&format!("{start} ")));
        if serves && !command.contains("--print-config") {
            // What reads its log is not needed.
            let command = command.split(" | ").next().unwrap_or(command);
            if shown.is_none_or(|shown| !shown.starts_with("hansom: ")) {
                self.server = None;
            }
            let listens = command.contains("--listen") || self.names_listener;
            return self.serve(&match listens {
                true => command.to_owned(),
                false if command.starts_with("hansom proxy") => {
                    format!("{command} --listen 3128")
                }
                false => format!("{command} --listen 8080"),
            });
        }
        if self.is_configured && self.server.is_none() && is_client(command) {
            self.serve(match self.names_listener {
                true => "hansom run",
                false => "hansom run --listen 8080",
            })?;
        }
        let output = self.bash(command)?;
        Ok(Some(self.there(&said(&output))))
    }

    /// Starts a server. One that ends at once gives what it said.
    fn serve(&mut self, command: &str) -> Result<Option<String>, String> {
        let earlier = self.server.take();
        let mut child = self
            .command(&format!("exec {command}"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        // What is odd in a file is told before the server listens.
        let first = lines.find(|line| {
            !line
                .as_ref()
                .is_ok_and(|line| line.starts_with("warning: "))
        });
        // Dropping it ends it.
        let mut server = Server { child, _said: None };
        let Some(Ok(first)) = first else {
            return Err("it ended and said nothing".to_owned());
        };
        if !first.starts_with("hansom: ") {
            let (sender, said) = channel();
            thread::spawn(move || {
                lines
                    .map_while(Result::ok)
                    .for_each(|line| drop(sender.send(line)))
            });
            server._said = Some(said);
            self.server = Some(server);
            return Ok(None);
        }
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        drop(server);
        self.server = earlier;
        let said: Vec<_> = std::iter::once(first).chain(rest).collect();
        Ok(Some(self.there(&said.join("\n"))))
    }

    /// A verb or an example of the repository: whether there is such a one. What it does has tests of its own.
    fn repository(&self, command: &str) -> Result<(), String> {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let words: Vec<_> = command.split(' ').collect();
        match words.as_slice() {
            ["cargo", "xtask", verb, ..] => {
                let verbs = fs::read_to_string(top.join("xtask/src/main.rs")).expect("the verbs");
                match verbs.contains(&format!("name: \"{verb}\"")) {
                    true => Ok(()),
                    false => Err(format!("there is no verb {verb}")),
                }
            }
            ["cargo", "run", "-p", package, "--example", example, ..] => {
                let folder = package.strip_prefix("hansom-").unwrap_or(package);
                let path = format!("{folder}/examples/{example}.rs");
                match top.join(&path).is_file() {
                    true => Ok(()),
                    false => Err(format!("there is no {path}")),
                }
            }
            ["cargo", "build" | "run" | "test" | "doc" | "bench", ..] => Ok(()),
            _ => Err("not known to this test".to_owned()),
        }
    }

    fn bash(&self, command: &str) -> Result<Output, String> {
        let mut child = self
            .command(command)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let mut out = child.stdout.take().expect("piped");
        let mut err = child.stderr.take().expect("piped");
        let (sender, ended) = channel();
        thread::spawn(move || {
            let reader = thread::spawn(move || {
                let mut octets = Vec::new();
                let _ = err.read_to_end(&mut octets);
                octets
            });
            let mut stdout = Vec::new();
            let _ = out.read_to_end(&mut stdout);
            let _ = sender.send((stdout, reader.join().unwrap_or_default()));
        });
        let Ok((stdout, stderr)) = ended.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it does not end within {PATIENCE:?}"));
        };
        let status = child.wait().expect("its status");
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    fn command(&self, text: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_hansom"));
        let path = std::env::var("PATH").unwrap_or_default();
        let folder = program.parent().expect("a folder").display();
        let mut command = Command::new("bash");
        command
            .args(["-c", &self.here(text)])
            .current_dir(self.folder.path())
            .env("PATH", format!("{folder}:{path}"))
            .env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// A text of the guide with what it stands for here.
    fn here(&self, text: &str) -> String {
        let text = text.replace("/tmp/g/", &format!("{}/", self.folder.path().display()));
        self.ports
            .iter()
            .fold(text, |text, (port, free)| text.replace(port, free))
    }

    /// What was printed here as the guide has it.
    fn there(&self, text: &str) -> String {
        let text = text.replace(&format!("{}/", self.folder.path().display()), "/tmp/g/");
        self.ports
            .iter()
            .fold(text, |text, (port, free)| text.replace(free, port))
    }
}

fn is_client(command: &str) -> bool {
    ["curl", "/dev/tcp", "openssl", "&3"]
        .iter()
        .any(|word| command.contains(word))
}

/// Standard output, and then standard error.
fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text)
        .replace('\r', "")
        .trim_end_matches('\n')
        .to_owned()
}

/// Ports that the guide names.
const PORTS: &[&str] = &["8080", "8081", "8082", "8443", "3128"];

/// Files that the guide takes for granted.
const FILES: &[(&str, &str)] = &[
    ("site/index.html", "<h1>Hello</h1>\n"),
    ("site/assets/app.css", "body{}\n"),
    ("site/errors/404.html", "<h1>Nothing here</h1>\n"),
    ("site/errors/5xx.html", "<h1>Not now</h1>\n"),
    ("docs/index.html", "docs\n"),
    ("media/a.txt", "a\n"),
];

const PROGRAMS: &[(&str, &str)] = &[
    ("shop/index.php", "<?php echo 'front';\n"),
    ("shop/style.css", "body{}\n"),
    (
        "cgi-bin/hello",
        "#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho \"Hello from $SCRIPT_NAME, and $PATH_INFO\"\n",
    ),
];

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(60);
