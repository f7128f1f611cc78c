//! A terminal that goes while the program runs on it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Hansom, Place, until};

/// The program on a terminal of its own, which is there for as long as `script` is.
struct OnTerminal {
    place: Place,
    script: Child,
    address: SocketAddr,
}

impl OnTerminal {
    /// Starts it by what stands in `before`, if anything; `None` where there is no `script`.
    fn start(before: &str) -> Option<Self> {
        let place = Place::new().with("hansom.toml", "[[site]]\nroot = \"site\"\n");
        let program = env!("CARGO_BIN_EXE_hansom");
        let line = format!("echo $$ > pid; exec {before} {program} run --listen 0 > out 2> err");
        let mut script = Command::new("script");
        script.args(["-qfc", &line, "/dev/null"]);
        script.current_dir(place.path());
        script.stdin(Stdio::piped()).stdout(Stdio::null());
        let script = script.spawn().ok()?;
        let address = until("it listens", || {
            let said = said(place.path());
            let (_, rest) = said.split_once("http://")?;
            rest.split_once('/')?.0.parse().ok()
        });
        Some(Self {
            place,
            script,
            address,
        })
    }

    fn close_terminal(&mut self) {
        self.script.kill().expect("it runs");
        self.script.wait().expect("it ends");
    }

    fn process(&self) -> Pid {
        let id = fs::read_to_string(self.place.path().join("pid")).expect("its number");
        Pid::from_raw(id.trim().parse().expect("a number")).expect("a process")
    }

    /// Whether it has ended, be it that nobody has asked how.
    fn has_ended(&self) -> bool {
        let stat = format!("/proc/{}/stat", self.process().as_raw_nonzero());
        fs::read_to_string(stat).map_or(true, |stat| stat.contains(") Z "))
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
        if !self.has_ended() {
            let _ = kill_process(self.process(), Signal::KILL);
        }
    }
}

fn said(folder: &Path) -> String {
    fs::read_to_string(folder.join("err")).unwrap_or_default()
}

#[test]
fn a_terminal_that_is_closed_stops_what_runs_on_it() {
    let Some(mut running) = OnTerminal::start("") else {
        return;
    };
    running.close_terminal();
    until("it ends", || running.has_ended().then_some(()));
}

#[test]
fn who_is_told_to_outlive_its_terminal_does() {
    let Some(mut running) = OnTerminal::start("nohup") else {
        return;
    };
    running.close_terminal();
    until("the signal has come", || {
        let said = said(running.place.path());
        assert!(!running.has_ended(), "{said}");
        said.contains("hansom: reloaded").then_some(())
    });
    assert_eq!(Hansom::client(running.address).get("/").status, 200);
}
