//! The runner judges servers that are wrong on purpose.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use hansom_testkit::raw::dialogue::{Delivery, Server, play};
use hansom_testkit::raw::octets::Bindings;
use hansom_testkit::raw::{Level, date, script};

const CASE: &str = "case x\n# Why.\n>>> GET / HTTP/1.1\\r\\n\\r\\n\n<<< 400\nclose\n";

#[test]
fn an_answer_as_expected_is_no_failure() {
    assert_eq!(
        failures(CASE, &answer("400 Bad Request", "Connection: close\r\n")),
        []
    );
}

#[test]
fn another_status_is_found() {
    let found = failures(CASE, &answer("200 OK", "Connection: close\r\n"));
    assert_eq!(found, [(Level::Must, "expected 400, came 200".to_owned())]);
}

#[test]
fn closing_without_a_word_is_found() {
    let found = failures(CASE, &answer("400 Bad Request", ""));
    assert!(
        matches!(found.as_slice(), [(Level::Should, what)] if what.contains("without saying")),
        "{found:?}"
    );
}

#[test]
fn a_second_answer_is_found() {
    let twice = answer("400 Bad Request", "Connection: close\r\n").repeat(2);
    assert_eq!(
        failures(CASE, &twice),
        [(Level::Must, "a further response came: 400".to_owned())]
    );
}

#[test]
fn no_answer_is_found() {
    let found = failures(CASE, "");
    assert!(
        matches!(found.as_slice(), [(Level::Must, what)] if what.contains("was closed")),
        "{found:?}"
    );
}

#[test]
fn an_answer_cut_short_is_found() {
    let found = failures(
        CASE,
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nabc",
    );
    assert!(
        found.iter().any(|(_, what)| what.contains("cut short")),
        "{found:?}"
    );
}

#[test]
fn an_answer_without_date_is_found() {
    let found = failures(
        CASE,
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    );
    assert!(
        found
            .iter()
            .any(|(level, what)| *level == Level::Must && what.contains("Date")),
        "{found:?}"
    );
}

#[test]
fn a_closed_connection_is_found_where_it_was_to_stay() {
    let case = CASE.replace("close\n", "open [SHOULD]\n");
    let found = failures(&case, &answer("400 Bad Request", ""));
    assert!(
        matches!(found.as_slice(), [(Level::Should, what)] if what.contains("was not answered")),
        "{found:?}"
    );
}

/// A response of this server.
fn answer(status: &str, fields: &str) -> String {
    let date = date::format(date::clock());
    format!(
        "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n{fields}\r\nx"
    )
}

/// What is found wrong with a server that answers a first head with these octets, and closes.
fn failures(case: &str, octets: &str) -> Vec<(Level, String)> {
    let case = script::parse("test", case).unwrap().remove(0);
    let server = Server {
        address: one_answer(octets.to_owned()),
        bindings: Bindings::new(),
        patience: Duration::from_secs(10),
    };
    let outcome = play(&case, &server, Delivery::Whole).unwrap();
    outcome
        .failures
        .into_iter()
        .map(|failure| (failure.level, failure.what))
        .collect()
}

fn one_answer(octets: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut held, mut space) = (Vec::new(), [0; 1024]);
        while !held.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut space).unwrap();
            held.extend_from_slice(&space[..count]);
        }
        stream.write_all(octets.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // The end is the peer's, so that no reset outruns the answer.
        while matches!(stream.read(&mut space), Ok(count) if count > 0) {}
    });
    address
}
