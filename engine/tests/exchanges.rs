//! Exchanges over real sockets with handlers that make things hard.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use hansom_engine::{
    Admission, Answer, Capture, Content, Exchange, FilePart, Handler, Record, Recorder, Response,
    Worker, WorkerOptions,
};
use http1::{Leniency, Policy};
use net::{ListenOptions, RunOptions, Shutdown, Signals};
use semantics::{Limits, Refusal, RequestHead, ResponseHead, Status};

/// What is recorded: target, status, request octets, whether complete, fate, end of the request's content.
type Line = (String, u16, u64, bool, &'static str, &'static str);

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
    lines: Arc<Mutex<Vec<Line>>>,
}

/// Answers by the path, as the tests need it.
struct ByPath;

impl Handler for ByPath {
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        match exchange.head.target() {
            b"/panic" => panic!("a handler that panics, as it should in this test"),
            b"/later" => Answer::Later(Box::pin(async {
                net::sleep(Duration::from_millis(30)).await;
                text("later")
            })),
            b"/count" => {
                let content = exchange.receive();
                Answer::Later(Box::pin(async move {
                    let mut octets = 0;
                    while let Ok(Some(piece)) = content.next().await {
                        octets += piece.len();
                        // Slower than the client, so that the window fills.
                        net::sleep(Duration::from_micros(50)).await;
                    }
                    text(&octets.to_string())
                }))
            }
            b"/first" => {
                let content = exchange.receive();
                Answer::Later(Box::pin(async move {
                    let first = content.next().await;
                    text(if first.is_ok() { "first" } else { "none" })
                }))
            }
            b"/file" => file().into(),
            _ => text("now").into(),
        }
    }

    fn refuse(&self, refusal: Refusal, head: Option<RequestHead<'_>>) -> Response {
        let target = head.map(|head| String::from_utf8_lossy(head.target()).into_owned());
        Response::with_octets(
            ResponseHead::new(refusal.status()),
            target.unwrap_or_default(),
        )
    }
}

fn text(octets: &str) -> Response {
    Response::with_octets(ResponseHead::new(Status::OK), octets.to_owned())
}

/// A file that is not in memory.
fn file() -> Response {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&vec![b'f'; FILE_OCTETS]).unwrap();
    let part = FilePart {
        file: Rc::new(file),
        offset: 0,
        octets: FILE_OCTETS as u64,
    };
    Response {
        head: ResponseHead::new(Status::OK),
        content: Content::File(part),
    }
}

struct Lines(Arc<Mutex<Vec<Line>>>);

impl Recorder for Lines {
    fn is_on(&self) -> bool {
        true
    }

    fn record(&mut self, record: &Record<'_>) {
        let request: &Capture = record.request;
        self.0.lock().unwrap().push((
            String::from_utf8_lossy(request.target()).into_owned(),
            record.status.map_or(0, Status::code),
            record.request_octets,
            record.is_complete,
            record.fate.because().name,
            record.request_end.because().name,
        ));
    }
}

impl Server {
    fn start(limits: Limits) -> Self {
        let (ready, address) = mpsc::channel();
        let shutdown = Shutdown::new();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stop, recorded) = (shutdown.clone(), Arc::clone(&lines));
        let thread = std::thread::spawn(move || {
            let listeners = net::bind_all(
                &[("127.0.0.1:0".parse().unwrap(), ListenOptions::default())],
                1,
            )
            .unwrap();
            let admission = Arc::new(Admission::new());
            let make = move |_| {
                let policy = Policy::with(Leniency::default(), 2, limits.clone());
                let options = WorkerOptions {
                    policies: vec![policy],
                    server_field: None,
                };
                Worker::new(
                    options,
                    ByPath,
                    Lines(Arc::clone(&recorded)),
                    Arc::clone(&admission),
                )
            };
            let options = RunOptions {
                signals: Signals::Ignore,
                ..RunOptions::default()
            };
            net::run(listeners, options, &stop, make, |bound| {
                let net::Address::Inet(address) = bound[0] else {
                    panic!("not an Internet address")
                };
                ready.send(address).unwrap();
            })
            .unwrap();
        });
        let address = address.recv().unwrap();
        Self {
            address,
            shutdown,
            thread: Some(thread),
            lines,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends, and reads until the server closes.
    fn ask(&self, octets: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(octets).unwrap();
        read_to_close(&mut stream)
    }

    fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read_to_close(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {
            answer.extend_from_slice(b"[reset]")
        }
        Err(error) => panic!("{error}"),
    }
    String::from_utf8(answer).unwrap()
}

/// Reads the head of one answer and `octets` of content.
fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut octet = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        assert_eq!(
            stream.read(&mut octet).unwrap(),
            1,
            "closed after {:?}",
            String::from_utf8_lossy(&answer)
        );
        answer.push(octet[0]);
    }
    let head = String::from_utf8(answer).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |n| n.parse().unwrap());
    let mut content = vec![0; length];
    stream.read_exact(&mut content).unwrap();
    head + &String::from_utf8(content).unwrap()
}

fn chunks(path: &str, count: usize) -> Vec<u8> {
    let mut octets =
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            .into_bytes();
    for _ in 0..count {
        octets.extend_from_slice(b"400\r\n");
        octets.extend_from_slice(&[b'x'; 0x400]);
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b"0\r\n\r\n");
    octets
}

#[test]
fn an_answer_that_comes_later_survives_content_that_nobody_wants() {
    let server = Server::start(Limits::default());
    let answer = server.ask(&chunks("/later", 200));
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("later"),
        "{answer}"
    );
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
    assert_eq!(server.lines()[0].4, "content-unread");
}

#[test]
fn a_little_unwanted_content_keeps_the_connection() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(&chunks("/later", 10)).unwrap();
        assert!(read_answer(&mut stream).ends_with("later"));
        stream.write_all(&chunks("/", 10)).unwrap();
        assert!(read_answer(&mut stream).ends_with("now"));
    }
}

#[test]
fn unwanted_content_that_is_malformed_is_refused() {
    let server = Server::start(Limits::default());
    let answer =
        server.ask(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX");
    // The answer knows the head that came before, and so what the client accepts.
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.ends_with("\r\n\r\n/"),
        "{answer}"
    );
    assert_eq!(server.lines()[0].4, "chunk-end-invalid");
}

#[test]
fn a_handler_that_panics_costs_its_connection_alone() {
    let server = Server::start(Limits::default());
    let mut other = server.connect();
    other
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(read_answer(&mut other).ends_with("now"));
    server.ask(b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
    other
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(read_answer(&mut other).ends_with("now"));
}

#[test]
fn answers_that_a_later_panic_loses_are_not_recorded_as_complete() {
    let server = Server::start(Limits::default());
    let [plain, panic] =
        ["/", "/panic"].map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let answer = server.ask(format!("{plain}{plain}{panic}").as_bytes());
    assert!(!answer.contains("now"), "{answer}");
    let recorded: Vec<_> = server
        .lines()
        .into_iter()
        .map(|(target, status, _, is_complete, fate, _)| (target, status, is_complete, fate))
        .collect();
    let lost = |target: &str, status| (target.to_owned(), status, false, "incomplete");
    assert_eq!(
        recorded,
        [lost("/", 200), lost("/", 200), lost("/panic", 0)]
    );
}

#[test]
fn a_window_that_is_full_holds_the_client_and_loses_nothing() {
    let server = Server::start(Limits {
        window_octets: 4096,
        ..Limits::default()
    });
    let mut octets =
        b"POST /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n"
            .to_vec();
    octets.resize(octets.len() + 3_000_000, b'x');
    let answer = server.ask(&octets);
    assert!(answer.ends_with("\r\n\r\n3000000"), "{answer}");
    assert_eq!(server.lines()[0].2, 3_000_000);
}

#[test]
fn answers_leave_in_the_order_of_the_requests() {
    let server = Server::start(Limits::default());
    let mut octets = Vec::new();
    for path in ["/later", "/", "/count", "/later", "/"] {
        octets.extend_from_slice(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    }
    octets.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = server.ask(&octets);
    let contents: Vec<&str> = answer
        .split("HTTP/1.1 200 OK\r\n")
        .skip(1)
        .map(|one| one.split("\r\n\r\n").nth(1).unwrap())
        .collect();
    assert_eq!(contents, ["later", "now", "0", "later", "now", "now"]);
}

#[test]
fn a_client_that_closed_its_side_is_answered() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect();
    stream
        .write_all(b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_to_close(&mut stream).ends_with("later"));
}

#[test]
fn content_cut_off_is_refused_while_a_handler_reads_it() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect();
    stream
        .write_all(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_to_close(&mut stream).starts_with("HTTP/1.1 400"));
    assert_eq!(server.lines()[0].4, "truncated");
}

#[test]
fn a_client_that_waits_is_asked_for_its_content_once_it_is_wanted() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect();
    stream
        .write_all(
            b"POST /count HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        )
        .unwrap();
    assert!(read_answer(&mut stream).starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
    stream.write_all(b"abc").unwrap();
    assert!(read_answer(&mut stream).ends_with("\r\n\r\n3"));
    // A handler that does not want the content answers without 100, and the connection closes.
    stream
        .write_all(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        )
        .unwrap();
    let answer = read_to_close(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("Connection: close"),
        "{answer}"
    );
}

#[test]
fn a_handler_may_answer_before_it_has_read_everything() {
    let server = Server::start(Limits::default());
    let mut stream = server.connect();
    stream.write_all(&chunks("/first", 20)).unwrap();
    assert!(read_answer(&mut stream).ends_with("first"));
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(read_answer(&mut stream).ends_with("now"));
}

#[test]
fn the_last_request_that_a_connection_may_carry_says_so() {
    let server = Server::start(Limits {
        requests_max: 2,
        ..Limits::default()
    });
    let answer = server.ask(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5));
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(answer.matches("Connection: close").count(), 1);
    assert_eq!(server.lines()[1].4, "requests_max");
}

#[test]
fn over_the_limit_connections_are_told_and_others_go_on() {
    let server = Server::start(Limits {
        connections_max: 2,
        ..Limits::default()
    });
    let mut held: Vec<TcpStream> = (0..2).map(|_| server.connect()).collect();
    for stream in &mut held {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        assert!(read_answer(stream).ends_with("now"));
    }
    for _ in 0..100 {
        let mut stream = server.connect();
        let answer = read_to_close(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
    let stream = &mut held[0];
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(read_answer(stream).ends_with("now"));
    held.clear();
    // The server hears of the closed connections before it accepts the next.
    let mut again = server.connect();
    again
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let answer = read_to_close(&mut again);
    assert!(
        answer.ends_with("now") || answer.starts_with("HTTP/1.1 503"),
        "{answer}"
    );
}

#[test]
fn a_connection_that_ends_with_a_file_is_closed_once_it_is_sent() {
    // No time limit is to close it instead.
    let long = 600_000;
    let server = Server::start(Limits {
        head_millis_max: long,
        idle_millis_max: long,
        rate_grace_millis: long,
        ..Limits::default()
    });
    for request in [
        "GET /file HTTP/1.0\r\n\r\n",
        "POST /file HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ] {
        let answer = server.ask(request.as_bytes());
        assert_eq!(
            answer
                .split_once("\r\n\r\n")
                .map(|(_, content)| content.len()),
            Some(FILE_OCTETS)
        );
    }
}

/// So few that one write takes them all.
const FILE_OCTETS: usize = 8 * 1024;
