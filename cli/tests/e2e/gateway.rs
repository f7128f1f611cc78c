//! `hansom gateway` between clients and servers, of which some are scripted: they record what they are asked, and answer what they
//! are told to.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::{Hansom, PATIENCE, Place};

/// A server that answers the requests on all its connections by these octets in turn, the last again and again. What stands for
/// no octets closes the connection.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Scripted {
    pub(crate) fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let this = Self {
            address: listener.local_addr().expect("an address"),
            asked: Arc::default(),
            connections: Arc::default(),
        };
        let asked = Arc::clone(&this.asked);
        let connections = Arc::clone(&this.connections);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let asked = Arc::clone(&asked);
                connections.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || answer_all(stream, &asked, answers));
            }
        });
        this
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, each with what of its content is announced.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panicked with it").clone()
    }
}

fn answer_all(mut stream: TcpStream, asked: &Mutex<Vec<String>>, answers: &[&str]) {
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    while let Some(request) = read_request(&mut stream) {
        let answer = {
            let mut asked = asked.lock().expect("nobody panicked with it");
            asked.push(request);
            answers[(asked.len() - 1).min(answers.len() - 1)]
        };
        let is_sent = !answer.is_empty() && stream.write_all(answer.as_bytes()).is_ok();
        if !is_sent || answer.contains("close-delimited") {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// A head, and as much content as it announces by Content-Length or up to the last chunk.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut octet) = (Vec::new(), [0]);
    let mut length = None;
    loop {
        if stream.read(&mut octet).ok()? == 0 {
            return None;
        }
        text.push(octet[0]);
        if length.is_none() && text.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&text).to_ascii_lowercase();
            let said = |name: &str| {
                let (_, rest) = head.split_once(&format!("\r\n{name}: "))?;
                rest.lines().next().map(str::to_owned)
            };
            let octets = said("content-length").map(|it| it.parse::<usize>().expect("a number"));
            length = match (octets, said("transfer-encoding")) {
                (_, Some(_)) => Some(usize::MAX),
                (octets, None) => Some(text.len() + octets.unwrap_or(0)),
            };
        }
        let is_chunked_end = length == Some(usize::MAX) && text.ends_with(b"\r\n0\r\n\r\n");
        if length.is_some_and(|length| text.len() >= length) || is_chunked_end {
            return Some(String::from_utf8_lossy(&text).into_owned());
        }
    }
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn gateway(servers: &[&Scripted], more: &[&str]) -> Hansom {
    let place = Place::new();
    let mut command = place.command();
    command.args(["gateway", "--listen", "0", "--workers", "1"]);
    for server in servers {
        command.args(["--to", &server.url()]);
    }
    command.args(more);
    place.start(command)
}

#[test]
fn a_request_goes_on_without_what_is_for_this_connection_and_with_what_tells_of_it() {
    let server = Scripted::start(&[OK]);
    let hansom = gateway(&[&server], &[]);
    let mut client = hansom.connect();
    client.send(
        "GET /a%20b?c HTTP/1.1\r\nhOST: a.example\r\nConnection: close, x-own\r\nX-Own: 1\r\nx-KEPT: 2\r\n\
         TE: gzip\r\nUpgrade: h2c\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
    );
    let answer = client.answer();
    assert_eq!((answer.status, &*answer.content), (200, &b"ok"[..]));
    let asked = server.asked().concat();
    assert!(
        asked.starts_with("GET /a%20b?c HTTP/1.1\r\nhOST: a.example\r\nx-KEPT: 2\r\n"),
        "{asked}"
    );
    assert!(asked.contains("\r\nVia: 1.1 hansom-"), "{asked}");
    assert!(
        asked.contains("\r\nX-Forwarded-For: 127.0.0.1\r\n"),
        "{asked}"
    );
    for gone in ["Own", "TE:", "Upgrade", "192.0.2.1", "close"] {
        assert!(!asked.contains(gone), "{gone}: {asked}");
    }
}

#[test]
fn one_connection_to_the_server_is_used_again() {
    let server = Scripted::start(&[OK]);
    let hansom = gateway(&[&server], &[]);
    let mut client = hansom.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!(hansom.connect().get("/").status, 200);
    assert_eq!(server.asked().len(), 4);
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn content_goes_both_ways_octet_by_octet() {
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let behind = Place::new()
        .with("site/large", &content)
        .serve(&["--uploads"]);
    let place = Place::new();
    let mut command = place.command();
    command.args(["gateway", "--listen", "0", "--to", &behind.url("")]);
    let hansom = place.start(command);
    assert_eq!(hansom.get("/large").content, content);
    let mut client = hansom.connect();
    client.send(format!(
        "PUT /put HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        content.len()
    ));
    client.send(&content);
    assert_eq!(client.answer().status, 201);
    client.send("PUT /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in content.chunks(100_000) {
        client.send(format!("{:x}\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status, 201);
    for name in ["put", "chunked"] {
        assert_eq!(
            std::fs::read(behind.site(name)).expect("it is there"),
            content
        );
    }
}

#[test]
fn a_truncated_answer_reaches_the_client_as_truncated() {
    // table
    for answer in [
        "HTTP/1.1 200 OK\r\nX: close-delimited\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nX: close-delimited\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let server = Scripted::start(Box::leak(Box::new([answer])));
        let hansom = gateway(&[&server], &[]);
        let mut client = hansom.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(!client.try_answer(), "{answer}");
    }
}

#[test]
fn an_answer_that_is_ambiguous_or_none_is_502() {
    // table
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "junk\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ] {
        let server = Scripted::start(Box::leak(Box::new([answer])));
        let hansom = gateway(&[&server], &[]);
        let got = hansom.get("/");
        assert_eq!(got.status, 502, "{answer}");
        assert!(
            got.value("Proxy-Status")
                .is_some_and(|told| told.starts_with("hansom-")),
            "{answer}"
        );
    }
}

#[test]
fn where_nobody_listens_the_next_server_is_asked() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Scripted {
            address: listener.local_addr().expect("an address"),
            asked: Arc::default(),
            connections: Arc::default(),
        }
    };
    let server = Scripted::start(&[OK]);
    let hansom = gateway(&[&gone, &server], &[]);
    let mut client = hansom.connect();
    for _ in 0..10 {
        assert_eq!(client.get("/").status, 200);
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(server.asked().len(), 20);
    let alone = gateway(&[&gone], &[]);
    assert_eq!(alone.get("/").status, 502);
}

#[test]
fn a_post_that_the_server_may_have_seen_is_not_sent_again() {
    let closing = Scripted::start(&[""]);
    let hansom = gateway(&[&closing, &closing], &[]);
    let mut client = hansom.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.answer().status, 502);
    assert_eq!(closing.asked().len(), 1);
    // A GET is.
    assert_eq!(client.get("/").status, 502);
    assert!(closing.asked().len() > 2);
}

#[test]
fn a_server_that_says_nothing_is_504() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = Scripted {
        address: silent.local_addr().expect("an address"),
        asked: Arc::default(),
        connections: Arc::default(),
    };
    let hansom = gateway(&[&server], &["--outbound-timeout", "0.2"]);
    let mut client = hansom.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.answer().status, 504);
}

#[test]
fn a_request_that_comes_back_is_508() {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = probe.local_addr().expect("an address").to_string();
    drop(probe);
    let place = Place::new();
    let mut command = place.command();
    command.args([
        "gateway",
        "--listen",
        &address,
        "--to",
        &format!("http://{address}"),
    ]);
    let hansom = place.start(command);
    let got = hansom.get("/");
    assert!([502, 508].contains(&got.status), "{got:?}");
    assert!(
        got.value("Proxy-Status")
            .is_some_and(|told| told.contains("proxy_loop_detected")),
        "{got:?}"
    );
}

#[test]
fn early_hints_are_handed_on_before_the_answer() {
    let server = Scripted::start(&[
        "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ]);
    let hansom = gateway(&[&server], &[]);
    let mut client = hansom.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (octets, _) = client.rest();
    let text = String::from_utf8_lossy(&octets);
    let (hints, rest) = text.split_once("\r\n\r\n").expect("two heads");
    assert!(
        hints.starts_with("HTTP/1.1 103 ") && hints.contains("Link: </a>"),
        "{text}"
    );
    assert!(
        rest.starts_with("HTTP/1.1 200 ") && rest.ends_with("\r\n\r\nok"),
        "{text}"
    );
}
