//! The raw-socket suite of `corpus/gateway/`, played through the real program between a client and a server that misbehave.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use testkit::raw::gateway::{Lane, Options, Recorder, report, script, suite};

/// Programs that play side by side, each with a server of its own.
const LANES: usize = 6;
/// How often each case is played with its octets cut; `cargo run -p hansom-testkit --example raw-gateway -- --cuts 400` cuts everywhere.
const CUTS: usize = 4;

#[test]
fn every_case_is_met_also_in_pieces() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/gateway");
    let cases = script::load(&folder).expect("the cases are well written");
    let mut programs = Vec::new();
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let recorder = Recorder::start(any).expect("it listens");
        let (program, gateway) = gateway(recorder.address());
        programs.push(program);
        lanes.push(Lane { gateway, recorder });
    }
    let mut options = Options {
        cuts_max: CUTS,
        ..Options::default()
    };
    options.has.push("forwarding".to_owned());
    let summary = suite::run(&cases, &lanes, &options).expect("the cases are well written");
    print!("{}", report::failures(&summary));
    print!("{}", report::table(&summary));
    let mut played = summary.played.iter();
    assert!(summary.played.len() > 800, "nearly all cases are played");
    assert!(
        played.all(|(_, outcome)| outcome.failures.is_empty()),
        "some cases failed"
    );
    for Program(child) in &mut programs {
        assert!(
            child.try_wait().expect("its status").is_none(),
            "a program ended"
        );
    }
}

/// A program that is killed in the end.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a gateway to a server, and waits until it says where it listens.
fn gateway(server: SocketAddr) -> (Program, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansom"));
    command
        .args(["gateway", "--listen", "127.0.0.1:0", "--workers", "1"])
        .args([
            "--outbound-timeout",
            "1",
            "--to",
            &format!("http://{server}"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut program = Program(command.spawn().expect("the program starts"));
    let stderr = program.0.stderr.take().expect("stderr is piped");
    let mut lines = BufReader::new(stderr).lines();
    let address = loop {
        let line = lines.next().expect("it says where it listens");
        if let Some(address) = address_in(&line.expect("text")) {
            break address;
        }
    };
    // What it says later must not fill the pipe.
    thread::spawn(move || lines.for_each(drop));
    (program, address)
}

/// The address in a line with `http://127.0.0.1:8080/`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("://")?;
    rest.split(['/', ' ']).next()?.parse().ok()
}
