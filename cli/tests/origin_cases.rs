//! The raw-socket suite of `corpus/origin/`, played against the real program.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use tempfile::TempDir;
use testkit::raw::suite::{self, Deliveries, Options, Summary};
use testkit::raw::world::Access;
use testkit::raw::{Case, Relay, report, script, world};

/// Places that each case is cut at; `cargo run -p hansom-testkit --example raw -- --every-split` cuts everywhere.
const CUTS: usize = 8;
/// Cases that only mean something without TLS.
const LEFT_OUT_MAX: usize = 20;

#[test]
fn every_case_is_met() {
    let server = Running::of_file(Access::Clear);
    settle(play(&server, Options::default()));
}

/// A relay speaks TLS to the program, so that the cases say the same octets. What means nothing over TLS needs `clear`, and says why.
#[test]
fn every_case_is_met_over_tls() {
    let server = Running::of_file(Access::Tls);
    let relay = Relay::start(server.address).expect("it listens");
    let mut options = Options::default();
    options.by_tls();
    let summary = suite::run(cases(), relay.address(), &options).expect("well written cases");
    assert!(
        summary.left_out < LEFT_OUT_MAX,
        "nearly all cases are played"
    );
    settle(summary);
    assert_eq!(relay.truncated(), 0, "connections without close_notify");
}

#[test]
fn every_case_is_met_octet_by_octet() {
    let server = Running::of_file(Access::Clear);
    settle(play(
        &server,
        Options {
            deliveries: Deliveries::Drip,
            ..Options::default()
        },
    ));
}

#[test]
fn every_case_is_met_in_two_pieces() {
    let server = Running::of_file(Access::Clear);
    settle(play(
        &server,
        Options {
            deliveries: Deliveries::Cuts(CUTS),
            ..Options::default()
        },
    ));
}

#[test]
fn every_case_of_trace_is_met_where_trace_is_allowed() {
    let server = Running::with_trace();
    settle(play(
        &server,
        Options {
            world: "trace".into(),
            ..Options::default()
        },
    ));
}

fn play(server: &Running, options: Options) -> Summary {
    suite::run(cases(), server.address, &options).expect("the cases are well written")
}

fn settle(summary: Summary) {
    print!("{}", report::failures(&summary));
    print!("{}", report::table(&summary));
    let failed: Vec<_> = summary
        .played
        .iter()
        .filter(|(_, outcome)| !outcome.failures.is_empty())
        .collect();
    assert!(!summary.played.is_empty(), "no case was played");
    assert!(
        failed.is_empty(),
        "{} of {} cases failed",
        failed.len(),
        summary.played.len()
    );
}

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/origin");
        script::load(&folder).expect("the cases are well written")
    })
}

/// The program, with a folder of its own and a port of the system's choice.
#[derive(Debug)]
struct Running {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Running {
    fn of_file(access: Access) -> Self {
        let folder = folder();
        let file = folder.path().join("hansom.toml");
        std::fs::write(&file, world::configuration(folder.path(), access))
            .expect("the configuration can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hansom"));
        command.arg("run").arg(file);
        Self::start(command, folder)
    }

    fn with_trace() -> Self {
        let folder = folder();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hansom"));
        command.arg("serve").arg(folder.path().join("root")).args([
            "--listen",
            "127.0.0.1:0",
            "--allow-trace",
        ]);
        Self::start(command, folder)
    }

    /// Starts the program and waits until it says where it listens.
    fn start(mut command: Command, folder: TempDir) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let mut said = String::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the program ended before it listened:\n{said}")
            };
            if let Some(address) = address_in(&line) {
                break address;
            }
            said.push_str(&line);
            said.push('\n');
        };
        // What it says later must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address,
            _folder: folder,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder can be made");
    world::write(folder.path()).expect("the world can be written");
    folder
}

/// The address in a line with `http://127.0.0.1:8080/`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("://")?;
    rest.split(['/', ' ']).next()?.parse().ok()
}
