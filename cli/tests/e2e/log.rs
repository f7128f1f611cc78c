//! The access log.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Command;

use crate::harness::{ECHO, Hansom, Place};

/// Requests that try to write lines of their own.
const ODD: &[&[u8]] = &[
    b"GET /\"}\\ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /%0a%0d%22 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\x1b[31mred HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xff\xfe\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \"a\\\x80\tb\" 200 1\r\nReferer: x\" \"y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b]0;title\x07\r\n\r\n",
    b"\x00\x01\x02\n{\"status\":200}\n\r\n\r\n",
    b"G\"T / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
];

fn provoke(hansom: &Hansom) {
    for octets in ODD {
        let mut client = hansom.connect();
        client.send(octets);
        client.answer();
    }
}

fn assert_harmless(log: &str) {
    let is_harmful = |c: char| c.is_control() && c != '\n';
    assert!(!log.contains(is_harmful), "{log:?}");
}

#[test]
fn json_stays_one_object_a_line_whatever_is_asked() {
    let hansom = Hansom::plain(&["--access-log", "json"]);
    provoke(&hansom);
    let records = hansom.log_records(ODD.len());
    assert_eq!(records.len(), ODD.len());
    for record in &records {
        for key in [
            "time",
            "connection",
            "number",
            "client",
            "status",
            "octets",
            "micros",
            "complete",
            "fate",
        ] {
            assert!(!record[key].is_null(), "{key}: {record}");
        }
    }
    assert_harmless(&hansom.log());
}

#[test]
fn a_log_that_is_not_shown_on_a_terminal_is_json() {
    let hansom = Hansom::plain(&[]);
    assert_eq!(hansom.get("/none").status, 404);
    let record = &hansom.log_records(1)[0];
    assert_eq!(
        (&record["status"], &record["method"]),
        (&404.into(), &"GET".into())
    );
    assert_eq!(
        (&record["target"], &record["version"]),
        (&"/none".into(), &"HTTP/1.1".into())
    );
    assert_eq!(
        (&record["host"], &record["closes"]),
        (&"a".into(), &true.into())
    );
    assert_eq!(record["fate"]["rule"], "RFC 9112 §9.6");
}

#[test]
fn each_record_tells_connection_and_request() {
    let hansom = Hansom::plain(&[]);
    let (mut one, mut two) = (hansom.connect(), hansom.connect());
    one.get("/");
    two.get("/");
    one.get("/");
    let records = hansom.log_records(3);
    let numbers = |n: usize| {
        (
            records[n]["connection"].clone(),
            records[n]["number"].clone(),
        )
    };
    assert_eq!(numbers(0).0, numbers(2).0);
    assert_ne!(numbers(0).0, numbers(1).0);
    assert_eq!(
        (numbers(0).1, numbers(1).1, numbers(2).1),
        (1.into(), 1.into(), 2.into())
    );
}

#[test]
fn a_record_names_the_site_and_the_route_that_answered() {
    let place = Place::new()
        .with("site/index.html", "a")
        .with("site/docs/b.html", "b");
    let hansom = place.run(
        "\
[log]
format = \"json\"
[[site]]
hosts = [\"a.example\"]
root = \"site\"
[[site.route]]
path = \"/docs\"
auth = false
[[site.route]]
path = \"/old\"
rewrite = \"/docs{rest}\"
",
    );
    let mut client = hansom.connect();
    for (host, target) in [
        ("a.example", "/"),
        ("a.example", "/docs/b.html"),
        ("a.example", "/old/b.html"),
        ("b.example", "/"),
    ] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.answer();
    }
    let named = |record: &serde_json::Value| {
        let text = |key: &str| record[key].as_str().unwrap_or("-").to_owned();
        format!("{} {}", text("site"), text("route"))
    };
    let named: Vec<_> = hansom.log_records(4).iter().map(named).collect();
    let docs = "a.example /docs";
    assert_eq!(named, ["a.example -", docs, docs, "- -"]);
}

#[test]
fn combined_keeps_its_form_whatever_is_asked() {
    let hansom = Hansom::plain(&["--access-log", "combined"]);
    provoke(&hansom);
    let lines = hansom.log_lines(ODD.len());
    assert_eq!(lines.len(), ODD.len());
    for line in &lines {
        assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
        // Quotes that are not escaped are those of the form: three pairs.
        let plain = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(plain.matches('"').count(), 6, "{line}");
    }
    assert_harmless(&hansom.log());
}

#[test]
fn human_has_no_escape_codes_in_a_file() {
    let hansom = Hansom::plain(&["--access-log", "human"]);
    provoke(&hansom);
    assert_eq!(hansom.log_lines(ODD.len()).len(), ODD.len());
    assert_harmless(&hansom.log());
}

#[test]
fn no_log_is_written_when_it_is_off() {
    let mut hansom = Hansom::plain(&["--access-log", "off"]);
    assert_eq!(hansom.get("/").status, 200);
    hansom.signal(rustix::process::Signal::TERM);
    hansom.ended();
    assert_eq!(hansom.log(), "");
}

#[test]
fn the_last_lines_are_written_before_the_end() {
    let mut hansom = Place::new().run(ECHO);
    for _ in 0..200 {
        hansom.get("/");
    }
    hansom.signal(rustix::process::Signal::TERM);
    assert_eq!(hansom.ended().code(), Some(0));
    assert_eq!(hansom.log().lines().count(), 200);
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_server() {
    let place = Place::new();
    let mut command = place.command();
    command.args(["serve", "site", "--listen", "0", "--workers", "1"]);
    let (hansom, unread) = place.start_piped(command);
    for _ in 0..20 {
        let mut client = hansom.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500));
        for _ in 0..500 {
            assert_eq!(client.answer().status, 200);
        }
    }
    drop(unread);
    assert_eq!(hansom.get("/").status, 200);
}

#[test]
fn a_log_whose_reader_has_gone_does_not_stop_the_server() {
    let place = Place::new();
    let mut command = place.command();
    command.args(["serve", "site", "--listen", "0", "--workers", "1"]);
    let (mut hansom, log) = place.start_piped(command);
    drop(log);
    assert_eq!(hansom.get("/").status, 200);
    assert!(hansom.next_said().contains("the access log stops"));
    assert_eq!(hansom.get("/").status, 200);
}

#[test]
fn a_refused_connection_is_logged() {
    let hansom = Hansom::plain(&["--limit", "connections_max=1"]);
    let mut served = hansom.connect();
    served.get("/");
    assert_eq!(hansom.connect().answer().status, 503);
    let record = &hansom.log_records(2)[1];
    assert_eq!(record["status"], 503);
    served.get("/");
    assert_eq!(hansom.log_records(3)[2]["status"], 200);
}

#[test]
fn a_log_to_a_fifo_waits_for_no_reader_and_outlives_each() {
    let place = Place::new();
    let made = Command::new("mkfifo")
        .arg(place.path().join("fifo"))
        .status();
    assert!(made.expect("mkfifo").success());
    let mut hansom = place.run(
        "[server]\nworkers = 1\n[log]\nformat = \"json\"\nfile = \"fifo\"\n[[site]]\nroot = \"site\"\n",
    );
    let fifo = hansom.folder().join("fifo");
    for target in ["/1", "/2", "/3"] {
        assert_eq!(hansom.get(target).status, 404);
        // A reader that is gone when the next line is written.
        let mut line = String::new();
        let reader = File::open(&fifo).expect("the FIFO");
        BufReader::new(reader).read_line(&mut line).expect("a line");
        assert!(line.contains(&format!("\"target\":\"{target}\"")), "{line}");
    }
    hansom.signal(rustix::process::Signal::TERM);
    assert!(hansom.ended().success());
}
