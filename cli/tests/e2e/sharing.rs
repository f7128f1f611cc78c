//! Two servers that share sessions in a redis-server of the test's own, which goes and comes.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::auth::{ask, configuration, get, place, sign_in};
use crate::harness::{Hansom, until};

/// A redis-server with a port and a folder of its own.
#[derive(Debug)]
struct Redis {
    port: u16,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Redis {
    fn start() -> Self {
        let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = probe.local_addr().expect("an address").port();
        drop(probe);
        let folder = tempfile::tempdir().expect("a folder");
        let mut redis = Self {
            port,
            folder,
            child: None,
        };
        redis.resume();
        redis
    }

    fn resume(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &port])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .current_dir(self.folder.path())
            .stdout(Stdio::null());
        let child = command.spawn();
        self.child = Some(child.expect("redis-server is needed: apt-get install redis-server"));
        until("it accepts", || {
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    /// A server whose sessions are here.
    fn shared_by(&self, when_away: &str) -> Hansom {
        let sessions = format!(
            "[sessions]\nstore = \"redis://127.0.0.1:{}/1\"\nwhen_away = \"{when_away}\"\n",
            self.port
        );
        place().run(&configuration("form", &sessions))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

fn status(hansom: &Hansom, session: &str) -> u16 {
    get(hansom, "/staff/", session).status
}

fn sign_out(hansom: &Hansom, session: &str) -> u16 {
    let fields = format!("{session}Origin: http://{}\r\n", hansom.address);
    ask(hansom, "POST /logout", &fields, "").status
}

#[test]
fn who_signs_in_on_one_server_is_known_on_the_other_and_out_there_within_seconds() {
    let redis = Redis::start();
    let (here, there) = (redis.shared_by("refuse"), redis.shared_by("refuse"));
    let session = sign_in(&here);
    assert_eq!(status(&there, &session), 200);
    let other = sign_in(&there);
    assert_eq!(status(&here, &other), 200);
    assert_eq!(sign_out(&here, &session), 204);
    assert_eq!(status(&here, &session), 401);
    // What the store said is believed for three seconds; the test waits for the end, not for the clock.
    until("it is out there too", || {
        (status(&there, &session) == 401).then_some(())
    });
    assert_eq!(status(&there, &other), 200, "another session goes on");
}

#[test]
fn without_its_store_a_server_refuses_or_remembers_as_it_was_told() {
    let mut redis = Redis::start();
    let (refusing, remembering) = (redis.shared_by("refuse"), redis.shared_by("remember"));
    let session = sign_in(&refusing);
    assert_eq!(status(&remembering, &session), 200);
    redis.stop();
    let said = until("it is refused", || {
        let said = get(&refusing, "/staff/", &session);
        (said.status != 200).then_some(said)
    });
    assert_eq!(said.status, 503);
    assert!(said.value("Retry-After").is_some());
    // Each worker remembers what it has seen: the ones that have not refuse until they ask.
    until("it remembers", || {
        (status(&remembering, &session) == 200).then_some(())
    });
    assert_eq!(get(&refusing, "/", "").status, 200, "files need no store");
    redis.resume();
    until("it goes on", || {
        (status(&refusing, &session) == 200).then_some(())
    });
    // Each worker finds out by itself that the store is back.
    until("it signs out", || {
        (sign_out(&refusing, &session) == 204).then_some(())
    });
    until("it is out on the other too", || {
        (status(&remembering, &session) == 401).then_some(())
    });
}

#[test]
fn under_load_a_store_that_goes_and_comes_costs_503_and_nothing_else() {
    let mut redis = Redis::start();
    let (here, there) = (redis.shared_by("refuse"), redis.shared_by("refuse"));
    let session = sign_in(&here);
    let is_over = AtomicBool::new(false);
    let (passed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let more = |count: &AtomicUsize, what: &str| {
        let before = count.load(Ordering::Relaxed);
        until(what, || {
            (count.load(Ordering::Relaxed) > before + 50).then_some(())
        });
    };
    thread::scope(|scope| {
        for n in 0..6 {
            let hansom = if n % 2 == 0 { &here } else { &there };
            let (session, is_over) = (&session, &is_over);
            let (passed, refused) = (&passed, &refused);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let said = get(hansom, "/staff/", session);
                    match said.status {
                        200 => passed.fetch_add(1, Ordering::Relaxed),
                        503 if said.value("Retry-After").is_some() => {
                            refused.fetch_add(1, Ordering::Relaxed)
                        }
                        other => panic!("{other}"),
                    };
                }
            });
        }
        for _ in 0..2 {
            more(&passed, "sessions are known");
            redis.stop();
            more(&refused, "sessions are refused");
            redis.resume();
        }
        more(&passed, "sessions are known again");
        is_over.store(true, Ordering::Relaxed);
    });
}
