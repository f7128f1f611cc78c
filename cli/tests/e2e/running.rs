//! The program that runs: where it listens, what its flags do.

use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::process::Signal;

use crate::harness::{Hansom, Place, until};

/// What a start that fails says.
fn refused(place: &Place, args: &[&str]) -> String {
    let output = place.command().args(args).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("text")
}

/// The port after "the next free port is".
fn offered(said: &str) -> u16 {
    let (_, rest) = said.split_once("the next free port is ").expect(said);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a port")
}

#[test]
fn a_busy_port_is_told_with_its_holder_and_the_next_free_one() {
    let place = Place::new();
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("an address");
    let said = refused(&place, &["serve", "site", "--listen", &address.to_string()]);
    assert!(
        said.contains(&format!("{address} is busy, held by ")),
        "{said}"
    );
    assert!(said.contains(&std::process::id().to_string()), "{said}");
    assert!(offered(&said) > address.port());
}

#[test]
fn a_port_held_by_another_hansom_is_busy_too() {
    let other = Hansom::plain(&[]);
    let place = Place::new();
    let said = refused(
        &place,
        &["serve", "site", "--listen", &other.address.to_string()],
    );
    assert!(said.contains("is busy, held by hansom"), "{said}");
    assert!(said.contains(&other.child.id().to_string()), "{said}");
    let port = offered(&said).to_string();
    let place = Place::new();
    let mut command = place.command();
    command.args(["serve", "site", "--listen", &port]);
    assert_eq!(place.start(command).get("/").status, 200);
    assert_eq!(other.get("/").status, 200, "the first is not disturbed");
}

#[test]
fn a_port_can_be_had_again_at_once_after_its_holder_ended() {
    let mut first = Hansom::plain(&[]);
    let mut client = first.connect();
    client.get("/");
    let address = first.address.to_string();
    first.signal(Signal::INT);
    first.ended();
    let place = Place::new();
    let mut command = place.command();
    command.args(["serve", "site", "--listen", &address]);
    assert_eq!(place.start(command).get("/").status, 200);
}

#[test]
fn several_addresses_are_listened_on() {
    let place = Place::new();
    let mut command = place.command();
    command.args([
        "serve",
        "site",
        "-l",
        "127.0.0.1:0",
        "-l",
        ":0",
        "-l",
        "unix:a.sock",
        "-w",
        "2",
    ]);
    let mut hansom = place.start(command);
    let first = hansom.address;
    let second = hansom.next_said();
    assert_ne!(format!("http://{first}/"), second);
    assert!(second.starts_with("http://127.0.0.1:"), "{second}");
    assert!(hansom.next_said().starts_with("unix:"));
    assert_eq!(hansom.get("/").status, 200);
    assert!(UnixStream::connect(hansom.folder().join("a.sock")).is_ok());
}

#[test]
fn an_address_of_ipv6_is_listened_on() {
    let place = Place::new();
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let mut command = place.command();
    command.args(["serve", "site", "-l", "[::1]:0"]);
    assert_eq!(place.start(command).get("/").status, 200);
}

#[test]
fn a_stale_unix_socket_is_replaced_and_removed_at_the_end() {
    let place = Place::new();
    let socket = place.path().join("a.sock");
    drop(UnixListener::bind(&socket).expect("a socket"));
    assert!(socket.exists(), "it is stale");
    let mut command = place.command();
    command.args(["serve", "site", "-l", "unix:a.sock"]);
    let mut hansom = place.start(command);
    assert!(UnixStream::connect(&socket).is_ok());
    hansom.signal(Signal::TERM);
    assert_eq!(hansom.ended().code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn a_unix_socket_that_answers_is_left_alone() {
    let place = Place::new();
    let socket = place.path().join("a.sock");
    let holder = UnixListener::bind(&socket).expect("a socket");
    let said = refused(&place, &["serve", "site", "-l", "unix:a.sock"]);
    assert!(said.contains("is busy"), "{said}");
    assert!(UnixStream::connect(&socket).is_ok(), "it still answers");
    drop(holder);
}

#[test]
fn a_file_in_the_place_of_a_unix_socket_is_left_alone() {
    let place = Place::new().with("a.sock", "precious");
    let said = refused(&place, &["serve", "site", "-l", "unix:a.sock"]);
    assert!(said.contains("no socket"), "{said}");
    assert_eq!(
        std::fs::read(place.path().join("a.sock")).expect("it is there"),
        b"precious"
    );
}

#[test]
fn the_server_field_is_as_it_is_told() {
    assert_eq!(Hansom::plain(&[]).get("/").value("server"), Some("hansom"));
    let hansom = Hansom::plain(&["--server-field", "a/1 (b)"]);
    for target in ["/", "/none", "/%00"] {
        assert_eq!(hansom.get(target).value("server"), Some("a/1 (b)"));
    }
    let hansom = Hansom::plain(&["--server-field", "off"]);
    for target in ["/", "/none", "/%00"] {
        assert_eq!(hansom.get(target).values("server").len(), 0);
    }
}

#[test]
fn trace_is_answered_only_when_that_is_allowed() {
    let request = "TRACE / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\nX-Own: yes\r\n\r\n";
    for (args, status) in [(&[][..], 405), (&["--allow-trace"], 200)] {
        let hansom = Hansom::plain(args);
        let mut client = hansom.connect();
        client.send(request);
        let answer = client.answer();
        assert_eq!(answer.status, status);
        let text = String::from_utf8(answer.content.clone()).expect("text");
        assert!(!text.contains("secret"), "{text}");
        if status == 200 {
            assert_eq!(answer.value("content-type"), Some("message/http"));
            assert!(text.contains("X-Own: yes"), "{text}");
        }
    }
}

#[test]
fn every_worker_serves() {
    let place = Place::new();
    let mut command = place.command();
    command.args(["serve", "site", "--listen", "0", "--workers", "4"]);
    let mut hansom = place.start(command);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", hansom.child.id())).expect("threads");
    let workers = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("worker-"))
        .count();
    assert_eq!(workers, 4);
    // The system spreads connections over the workers, whose listeners are sockets of their own.
    for _ in 0..200 {
        assert_eq!(hansom.get("/").status, 200);
    }
    hansom.signal(Signal::INT);
    assert_eq!(hansom.ended().code(), Some(0));
}

#[test]
fn what_print_config_prints_is_served_the_same() {
    let place = Place::new().with("site/dir/a", "a");
    let args = [
        "serve",
        "site",
        "--listen",
        "0",
        "--browse",
        "--server-field",
        "x",
        "--keep-alive",
        "7",
        "--print-config",
    ];
    let output = place.command().args(args).output().expect("it runs");
    assert!(output.status.success());
    let hansom = place.run(&String::from_utf8(output.stdout).expect("text"));
    let mut client = hansom.connect();
    client.send("GET /dir/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.value("server"), Some("x"));
    assert_eq!(answer.value("keep-alive"), Some("timeout=7"));
}

#[test]
fn deferred_accept_serves_who_sends_and_who_sends_late() {
    let hansom = Hansom::plain(&["--defer-accept"]);
    assert_eq!(hansom.get("/").status, 200);
    let mut late = hansom.connect();
    for _ in 0..10 {
        assert_eq!(hansom.get("/").status, 200);
    }
    assert_eq!(late.get("/").status, 200);
}

#[test]
fn a_root_that_goes_away_is_no_end_of_the_server() {
    let mut hansom = Hansom::plain(&[]);
    std::fs::remove_dir_all(hansom.site("")).expect("removed");
    until("it is gone", || {
        (hansom.get("/").status != 200).then_some(())
    });
    assert_eq!(hansom.get("/a").status, 404);
    assert!(hansom.is_running());
}
