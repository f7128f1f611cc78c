//! `handler = "fastcgi"` with an application that is scripted: it answers what no application should.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::harness::{Hansom, PATIENCE, Place};

/// What is done with one connection, once the variables of a request have come.
type Behaviour = fn(&mut TcpStream, usize);

#[derive(Debug)]
struct Scripted {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                stream.set_read_timeout(Some(PATIENCE)).expect("an option");
                thread::spawn(move || behaviour(&mut stream, number));
            }
        });
        Self {
            address,
            connections,
        }
    }
}

/// Reads one record: its type and content.
fn read_record(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 8];
    stream.read_exact(&mut head).ok()?;
    let length = usize::from(u16::from_be_bytes([head[4], head[5]])) + usize::from(head[6]);
    let mut content = vec![0; length];
    stream.read_exact(&mut content).ok()?;
    Some((head[1], content))
}

/// Reads a request to its end: the octets of its content.
fn read_request(stream: &mut TcpStream) -> Option<usize> {
    let mut octets = 0;
    loop {
        match read_record(stream)? {
            (5, content) if content.is_empty() => return Some(octets),
            (5, content) => octets += content.len(),
            _ => {}
        }
    }
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short").to_be_bytes();
    let mut octets = vec![1, kind, 0, 1, length[0], length[1], 0, 0];
    octets.extend_from_slice(content);
    octets
}

fn answer(text: &str) -> Vec<u8> {
    [
        record(6, text.as_bytes()),
        record(6, b""),
        record(3, &[0; 8]),
    ]
    .concat()
}

fn gateway(servers: &[SocketAddr], more: &str) -> Hansom {
    let to: Vec<_> = servers.iter().map(|it| format!("\"tcp://{it}\"")).collect();
    Place::new().run(&format!(
        "[server]\nworkers = 1\n[[site]]\n[[site.route]]\npath = \"/\"\nhandler = \"fastcgi\"\nscripts = []\nto = [{}]\n{more}\n",
        to.join(", ")
    ))
}

/// The status of a GET, and what Proxy-Status says of it.
fn told(behaviour: Behaviour) -> (u16, String) {
    let server = Scripted::start(behaviour);
    let hansom = gateway(&[server.address], "outbound_timeout = \"2s\"");
    let answer = hansom.get("/");
    let told = answer.value("proxy-status").unwrap_or_default().to_owned();
    (answer.status, told)
}

fn say(stream: &mut TcpStream, octets: &[u8]) {
    read_request(stream);
    let _ = stream.write_all(octets);
}

#[test]
fn what_is_no_answer_is_told_as_the_applications_fault() {
    // table
    let cases: [(Behaviour, u16, &str); 9] = [
        (
            |it, _| say(it, b"HTTP/1.1 200 OK\r\n\r\n"),
            502,
            "fastcgi-version",
        ),
        (|it, _| say(it, b""), 502, "connection_terminated"),
        (
            |it, _| say(it, &record(3, &[0; 8])),
            502,
            "connection_terminated",
        ),
        (
            |it, _| say(it, &record(3, &[0, 0, 0, 0, 2, 0, 0, 0])),
            503,
            "connection_limit_reached",
        ),
        (
            |it, _| say(it, &record(6, b"Status: 2")),
            502,
            "http_response_incomplete",
        ),
        (
            |it, _| say(it, &answer("no field\r\n\r\n")),
            502,
            "no-colon",
        ),
        (
            |it, _| say(it, &answer("X-A: b\r\n\r\n")),
            502,
            "cgi-field-missing",
        ),
        (
            |it, _| say(it, &answer("HTTP/1.1 200 OK\r\nStatus: 200\r\n\r\n")),
            502,
            "no-colon",
        ),
        (
            |it, _| {
                read_request(it);
                while it.write_all(&record(6, &[b'a'; 4096])).is_ok() {}
            },
            502,
            "head_octets_max",
        ),
    ];
    for (behaviour, status, name) in cases {
        let (got, told) = told(behaviour);
        assert_eq!(got, status, "{name}: {told}");
        assert!(told.contains(name), "{name}: {told}");
    }
}

#[test]
fn an_answer_that_breaks_off_is_seen_as_broken_off() {
    let server = Scripted::start(|it, _| say(it, &record(6, b"Status: 200\r\n\r\nhalf")));
    let hansom = gateway(&[server.address], "");
    let mut client = hansom.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (rest, _) = client.rest();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("chunked") && rest.contains("half"), "{rest}");
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest}");
}

#[test]
fn octets_that_come_one_by_one_are_the_same_answer() {
    let server = Scripted::start(|it, _| {
        read_request(it);
        it.set_nodelay(true).expect("an option");
        for octet in answer("Status: 404 No\nX-A: b\n\nabc") {
            let _ = it.write_all(&[octet]);
        }
    });
    let answer = gateway(&[server.address], "").get("/");
    assert_eq!((answer.status, answer.value("x-a")), (404, Some("b")));
    assert_eq!(answer.content, b"abc");
}

#[test]
fn an_error_that_comes_before_the_content_was_read_is_the_answer() {
    let server = Scripted::start(|it, _| {
        while read_record(it).is_some_and(|(kind, _)| kind != 5) {}
        let _ = it.write_all(&answer("Status: 413\r\n\r\ntoo much"));
        while read_record(it).is_some() {}
    });
    let hansom = gateway(&[server.address], "");
    let mut client = hansom.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n");
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..48 {
        if client.try_send(&piece).is_err() {
            break;
        }
    }
    let answer = client.answer();
    assert_eq!((answer.status, &*answer.content), (413, &b"too much"[..]));
}

#[test]
fn a_server_that_is_away_is_passed_over_and_one_that_closed_at_rest_is_asked_anew() {
    let away = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = away.local_addr().expect("an address");
    drop(away);
    let server = Scripted::start(|it, number| {
        // The first connection takes one request and is closed with the second.
        read_request(it);
        let _ = it.write_all(&answer("Status: 200\r\n\r\nok"));
        if number > 0 {
            while read_request(it).is_some() {
                let _ = it.write_all(&answer("Status: 200\r\n\r\nok"));
            }
        } else {
            let mut octet = [0];
            let _ = it.read(&mut octet);
        }
    });
    let hansom = gateway(&[nobody, server.address], "idle_connections = 1");
    let mut client = hansom.connect();
    assert_eq!(client.get("/").content, b"ok");
    assert_eq!(client.get("/").content, b"ok");
    assert_eq!(client.get("/").content, b"ok");
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}

#[test]
fn a_request_that_is_not_idempotent_is_not_sent_twice() {
    let server = Scripted::start(|it, _| {
        read_request(it);
        let _ = it.write_all(&answer("Status: 200\r\n\r\nok"));
        let mut octet = [0];
        let _ = it.read(&mut octet);
    });
    let hansom = gateway(&[server.address], "idle_connections = 1");
    let mut client = hansom.connect();
    assert_eq!(client.get("/").content, b"ok");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(client.answer().status, 502);
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}
