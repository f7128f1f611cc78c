//! Content that is made while it is sent, and what handlers find out and ask for, over real sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use hansom_engine::{
    Admission, Answer, Content, Exchange, Handler, Interrupted, Record, Recorder, Response, Source,
    Streamed, Worker, WorkerOptions,
};
use http1::Policy;
use net::{ListenOptions, RunOptions, Shutdown, Signals};
use semantics::{Known, OwnedSection, Refusal, RequestHead, ResponseHead, Section, Status};

/// What the sources of a test did.
#[derive(Debug, Default)]
struct Seen {
    made_octets: AtomicU64,
    is_dropped: AtomicBool,
    lines: Mutex<Vec<(String, u16, u64, bool)>>,
}

/// So many pieces of so many octets, then an end or an error.
struct Pieces {
    left: u64,
    octets: usize,
    fails: bool,
    /// Before each piece it is not ready once.
    hesitates: bool,
    has_hesitated: bool,
    seen: Arc<Seen>,
}

impl Source for Pieces {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        if self.hesitates && !std::mem::replace(&mut self.has_hesitated, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_hesitated = false;
        if self.left == 0 {
            return Poll::Ready(self.fails.then_some(Err(Interrupted)));
        }
        self.left -= 1;
        self.seen
            .made_octets
            .fetch_add(self.octets as u64, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Bytes::from(vec![b'x'; self.octets]))))
    }
}

struct Panics;

impl Source for Panics {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        panic!("as the test wants it");
    }
}

/// One piece, and then none and no end.
struct Hangs {
    first: Option<Bytes>,
    seen: Arc<Seen>,
}

impl Source for Hangs {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Poll::Pending,
        }
    }
}

/// One piece and a trailer section.
#[derive(Default)]
struct Trailed {
    is_over: bool,
    trailers: OwnedSection,
}

impl Source for Trailed {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        if std::mem::replace(&mut self.is_over, true) {
            self.trailers.add(b"X-Sum", b"7");
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Bytes::from_static(b"x"))))
    }

    fn trailers(&self) -> Option<Section<'_>> {
        Some(self.trailers.section())
    }
}

impl Drop for Hangs {
    fn drop(&mut self) {
        self.seen.is_dropped.store(true, Ordering::SeqCst);
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.seen.is_dropped.store(true, Ordering::SeqCst);
    }
}

/// Answers by the path, as the tests need it.
struct ByPath(Arc<Seen>);

impl ByPath {
    fn stream(&self, announced: Option<u64>, left: u64, octets: usize, fails: bool) -> Response {
        let source = Pieces {
            left,
            octets,
            fails,
            hesitates: left < 100,
            has_hesitated: false,
            seen: Arc::clone(&self.0),
        };
        Response {
            head: ResponseHead::new(Status::OK),
            content: Content::Stream(Streamed {
                octets: announced,
                source: Box::new(source),
            }),
        }
    }
}

impl Handler for ByPath {
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        match exchange.head.target() {
            b"/three" => self.stream(None, 3, 5, false).into(),
            b"/none" => self.stream(None, 0, 5, false).into(),
            b"/known" => self.stream(Some(15), 3, 5, false).into(),
            b"/less" => self.stream(Some(16), 3, 5, false).into(),
            b"/more" => self.stream(Some(12), 3, 5, false).into(),
            b"/broken" => self.stream(None, 3, 5, true).into(),
            b"/endless" => self.stream(None, u64::MAX, 16 * 1024, false).into(),
            b"/large" => {
                Response::with_octets(ResponseHead::new(Status::OK), vec![b'x'; LARGE_OCTETS])
                    .into()
            }
            b"/much" => self.stream(None, 1, 32 << 20, false).into(),
            b"/panics" => Response {
                head: ResponseHead::new(Status::OK),
                content: Content::Stream(Streamed {
                    octets: None,
                    source: Box::new(Panics),
                }),
            }
            .into(),
            b"/hangs" => Response {
                head: ResponseHead::new(Status::OK),
                content: Content::Stream(Streamed {
                    octets: None,
                    source: Box::new(Hangs {
                        first: Some(Bytes::from_static(b"first")),
                        seen: Arc::clone(&self.0),
                    }),
                }),
            }
            .into(),
            b"/limited" => {
                if let Err(refusal) = exchange.limit_content(10) {
                    return self.refuse(refusal, None).into();
                }
                let content = exchange.receive();
                Answer::Later(Box::pin(async move {
                    while let Ok(Some(_)) = content.next().await {}
                    Response::new(Status::NO_CONTENT)
                }))
            }
            b"/hints" => {
                let interims = exchange.interims();
                let hint = ResponseHead::new(Status::new(103).unwrap());
                assert!(interims.push(hint.clone().with(Known::Link, "</now>")));
                Answer::Later(Box::pin(async move {
                    assert!(interims.push(hint.clone().with(Known::Link, "</then>")));
                    net::sleep(Duration::from_millis(1)).await;
                    assert!(interims.push(hint.clone().with(Known::Link, "</last>")));
                    Response::new(Status::NO_CONTENT)
                }))
            }
            b"/hints-at-once" => {
                let hint = ResponseHead::new(Status::new(103).unwrap());
                exchange.interims().push(hint);
                Response::new(Status::NO_CONTENT).into()
            }
            b"/hints-from-elsewhere" => {
                let interims = exchange.interims();
                net::spawn(async move {
                    // The handler's future is not woken.
                    net::sleep(Duration::from_millis(1)).await;
                    interims.push(ResponseHead::new(Status::new(103).unwrap()));
                });
                Answer::Later(Box::pin(std::future::pending()))
            }
            b"/trailed" => Response {
                head: ResponseHead::new(Status::OK),
                content: Content::Stream(Streamed {
                    octets: None,
                    source: Box::new(Trailed::default()),
                }),
            }
            .into(),
            b"/signed-in" => {
                exchange.note().set_user("alice");
                Response::new(Status::NO_CONTENT).into()
            }
            b"/detached" => {
                let mut owned = exchange.detach();
                Answer::Later(Box::pin(async move {
                    net::sleep(Duration::from_millis(1)).await;
                    let mut exchange = owned.exchange();
                    exchange.note().set_user("bob");
                    let content = exchange.receive();
                    let mut octets = Vec::new();
                    while let Ok(Some(piece)) = content.next().await {
                        octets.extend_from_slice(&piece);
                    }
                    for (name, value) in content.trailers() {
                        octets.extend_from_slice(&name);
                        octets.extend_from_slice(&value);
                    }
                    Response::with_octets(ResponseHead::new(Status::OK), octets)
                }))
            }
            _ => Response::with_octets(ResponseHead::new(Status::OK), "plain").into(),
        }
    }

    fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
        Response::new(refusal.status())
    }
}

struct Lines(Arc<Seen>);

impl Recorder for Lines {
    fn is_on(&self) -> bool {
        true
    }

    fn record(&mut self, record: &Record<'_>) {
        self.0.lines.lock().unwrap().push((
            record.user.unwrap_or("-").to_owned(),
            record.status.map_or(0, Status::code),
            record.octets,
            record.is_complete,
        ));
    }
}

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
    seen: Arc<Seen>,
}

impl Server {
    fn start() -> Self {
        let (ready, address) = mpsc::channel();
        let shutdown = Shutdown::new();
        let seen = Arc::new(Seen::default());
        let (stop, shared) = (shutdown.clone(), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            let address = "127.0.0.1:0".parse().unwrap();
            let listeners = net::bind_all(&[(address, ListenOptions::default())], 1).unwrap();
            let admission = Arc::new(Admission::new());
            let make = move |_| {
                let options = WorkerOptions {
                    policies: vec![Policy::strict()],
                    server_field: None,
                };
                let (handler, recorder) = (ByPath(Arc::clone(&shared)), Lines(Arc::clone(&shared)));
                Worker::new(options, handler, recorder, Arc::clone(&admission))
            };
            let options = RunOptions {
                signals: Signals::Ignore,
                ..RunOptions::default()
            };
            net::run(listeners, options, &stop, make, |bound| {
                let port = bound[0].port().unwrap();
                ready
                    .send(SocketAddr::from(([127, 0, 0, 1], port)))
                    .unwrap();
            })
            .unwrap();
        });
        Self {
            address: address.recv().unwrap(),
            shutdown,
            thread: Some(thread),
            seen,
        }
    }

    fn connect(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// All that comes until the connection ends, without the lines of delivery.
    fn ask(&self, request: &str) -> Result<String, ErrorKind> {
        let mut text = String::new();
        let mut stream = self.connect(request);
        match stream.read_to_string(&mut text) {
            Ok(_) => Ok(text
                .split_inclusive("\r\n")
                .filter(|line| !line.starts_with("Date: "))
                .collect()),
            Err(error) => Err(error.kind()),
        }
    }

    /// What was recorded once all connections are over.
    fn stop(mut self) -> Arc<Seen> {
        self.shutdown.drain();
        self.thread.take().unwrap().join().unwrap();
        Arc::clone(&self.seen)
    }
}

/// More than the buffers of a connection hold.
const LARGE_OCTETS: usize = 32 << 20;
const LAST: &str = "Connection: close\r\n";

#[test]
fn content_of_unknown_length_comes_in_chunks_and_the_connection_stays() {
    let server = Server::start();
    let text = server.ask(&format!(
        "GET /three HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n{LAST}\r\n"
    ));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(
        text.unwrap(),
        format!(
            "{chunked}5\r\nxxxxx\r\n5\r\nxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n{chunked}0\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain"
        )
    );
    let seen = server.stop();
    let lines = seen.lines.lock().unwrap();
    assert_eq!(lines[0], ("-".to_owned(), 200, 15, true));
}

#[test]
fn a_client_without_chunks_gets_content_up_to_the_end_of_the_connection() {
    let server = Server::start();
    let text = server.ask("GET /three HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(
        text,
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nxxxxxxxxxxxxxxx"
    );
}

#[test]
fn content_of_known_length_needs_no_chunks() {
    let server = Server::start();
    let text = server.ask(&format!(
        "GET /known HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n{LAST}\r\n"
    ));
    assert!(text.unwrap().starts_with(
        "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nxxxxxxxxxxxxxxxHTTP/1.1 200 OK\r\n"
    ));
}

#[test]
fn nothing_is_made_for_head() {
    let server = Server::start();
    let text = server.ask(&format!("HEAD /three HTTP/1.1\r\nHost: a\r\n{LAST}\r\n"));
    assert_eq!(
        text.unwrap(),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    );
    let seen = server.stop();
    assert_eq!(seen.made_octets.load(Ordering::SeqCst), 0);
    assert!(seen.is_dropped.load(Ordering::SeqCst));
}

#[test]
fn content_that_breaks_off_has_no_last_chunk_and_is_recorded_so() {
    let server = Server::start();
    let text = server
        .ask("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    let seen = server.stop();
    assert!(!seen.lines.lock().unwrap()[0].3);
}

#[test]
fn content_that_breaks_off_for_a_client_without_chunks_ends_in_a_reset() {
    let server = Server::start();
    let end = server.ask("GET /broken HTTP/1.0\r\n\r\n");
    assert_eq!(end.unwrap_err(), ErrorKind::ConnectionReset);
}

#[test]
fn content_that_a_stop_cuts_does_not_look_complete() {
    let server = Server::start();
    // One is being made, the other is made and not taken.
    let mut streams: Vec<_> = ["/endless", "/much"]
        .map(|path| server.connect(&format!("GET {path} HTTP/1.0\r\n\r\n")))
        .into();
    for stream in &mut streams {
        stream.read_exact(&mut [0; 100]).unwrap();
    }
    server.shutdown.end();
    for stream in &mut streams {
        let end = stream.read_to_end(&mut Vec::new());
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn content_whose_source_panics_does_not_look_complete() {
    let server = Server::start();
    let end = server.ask("GET /panics HTTP/1.0\r\n\r\n");
    assert_eq!(end.unwrap_err(), ErrorKind::ConnectionReset);
    let text = server.ask("GET /panics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!text.is_ok_and(|text| text.ends_with("0\r\n\r\n")));
}

#[test]
fn an_end_that_comes_by_itself_and_needs_no_octets_is_recorded() {
    let server = Server::start();
    let mut stream = server.connect("GET /known HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut octets = Vec::new();
    while !octets.ends_with(&[b'x'; 15]) {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        octets.push(octet[0]);
    }
    let seen = server.stop();
    assert_eq!(
        *seen.lines.lock().unwrap(),
        [("-".to_owned(), 200, 15, true)]
    );
}

#[test]
fn content_that_is_not_as_long_as_announced_closes_the_connection() {
    let server = Server::start();
    let again = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let less = server.ask(&format!("GET /less HTTP/1.1\r\nHost: a\r\n\r\n{again}"));
    assert!(less.unwrap().ends_with("\r\n\r\nxxxxxxxxxxxxxxx"));
    let more = server.ask(&format!("GET /more HTTP/1.1\r\nHost: a\r\n\r\n{again}"));
    assert!(more.unwrap().ends_with("\r\n\r\nxxxxxxxxxxxx"));
    // The client's own reason to close hides no other fault.
    let last = server.ask(&format!("GET /less HTTP/1.1\r\nHost: a\r\n{LAST}\r\n"));
    assert!(last.unwrap().ends_with("\r\n\r\nxxxxxxxxxxxxxxx"));
    let seen = server.stop();
    let lines = seen.lines.lock().unwrap();
    let recorded: Vec<_> = lines.iter().map(|line| (line.2, line.3)).collect();
    assert_eq!(recorded, [(15, false), (12, false), (15, false)]);
}

#[test]
fn no_more_is_made_than_the_client_takes_and_nothing_once_it_left() {
    let server = Server::start();
    let mut stream = server.connect("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut octets = vec![0; 4 << 20];
    stream.read_exact(&mut octets).unwrap();
    drop(stream);
    let seen = Arc::clone(&server.seen);
    while !seen.is_dropped.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    // Beyond what was read: the window, and what the system's buffers hold.
    assert!(seen.made_octets.load(Ordering::SeqCst) < 64 << 20);
    let seen = server.stop();
    assert!(!seen.lines.lock().unwrap()[0].3);
}

#[test]
fn pipelined_answers_of_which_nothing_was_sent_are_not_recorded_as_complete() {
    let server = Server::start();
    let [plain, large] =
        ["/", "/large"].map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let mut stream = server.connect(&format!("{plain}{large}{plain}{plain}"));
    stream.read_exact(&mut [0; 500]).unwrap();
    net::Stream::try_from(stream).unwrap().reset();
    let seen = server.stop();
    let lines = seen.lines.lock().unwrap();
    let recorded: Vec<_> = lines.iter().map(|line| (line.2, line.3)).collect();
    assert_eq!(recorded[0], (5, true));
    assert!(!recorded[1].1 && recorded[1].0 < LARGE_OCTETS as u64);
    assert!(recorded[1].0 > 0, "{recorded:?}");
    assert_eq!(recorded[2..], [(0, false), (0, false)]);
}

#[test]
fn a_source_that_makes_nothing_is_dropped_when_the_client_is_gone() {
    let server = Server::start();
    let mut stream = server.connect("GET /hangs HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut octets = Vec::new();
    while !octets.ends_with(b"5\r\nfirst") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        octets.push(octet[0]);
    }
    net::Stream::try_from(stream).unwrap().reset();
    while !server.seen.is_dropped.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    let seen = server.stop();
    assert_eq!(
        *seen.lines.lock().unwrap(),
        [("-".to_owned(), 200, 5, false)]
    );
}

#[test]
fn a_source_may_end_with_trailers_where_content_is_in_chunks() {
    let server = Server::start();
    let text = server.ask(&format!("GET /trailed HTTP/1.1\r\nHost: a\r\n{LAST}\r\n"));
    let end = "\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n";
    assert!(text.unwrap().ends_with(end));
    let text = server.ask("GET /trailed HTTP/1.0\r\n\r\n").unwrap();
    assert!(text.ends_with("\r\n\r\nx"), "{text}");
}

#[test]
fn interim_answers_go_out_in_order_before_the_final_one() {
    let server = Server::start();
    let hint = |link| format!("HTTP/1.1 103 Early Hints\r\nLink: <{link}>\r\n\r\n");
    let last = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    let asked = |path, version| format!("GET {path} {version}\r\nHost: a\r\n{LAST}\r\n");
    let text = server.ask(&asked("/hints", "HTTP/1.1")).unwrap();
    let hints = ["/now", "/then", "/last"].map(hint).concat();
    assert_eq!(text, format!("{hints}{last}"));
    let text = server.ask(&asked("/hints-at-once", "HTTP/1.1")).unwrap();
    assert_eq!(text, format!("HTTP/1.1 103 Early Hints\r\n\r\n{last}"));
    // RFC 9110 §15.2: a client of HTTP/1.0 knows none.
    for path in ["/hints", "/hints-at-once"] {
        assert_eq!(server.ask(&asked(path, "HTTP/1.0")).unwrap(), last);
    }
}

#[test]
fn an_interim_answer_goes_out_whoever_puts_it_there() {
    let server = Server::start();
    let mut stream = server.connect("GET /hints-from-elsewhere HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut octets = [0; 28];
    stream.read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"HTTP/1.1 103 Early Hints\r\n\r\n");
    server.shutdown.end();
}

#[test]
fn a_handler_may_lower_the_limit_of_content() {
    let server = Server::start();
    let status = |text: Result<String, ErrorKind>| text.unwrap()[9..12].to_owned();
    let sent = |framing: &str| {
        status(server.ask(&format!(
            "POST /limited HTTP/1.1\r\nHost: a\r\n{LAST}{framing}"
        )))
    };
    assert_eq!(sent("Content-Length: 10\r\n\r\n0123456789"), "204");
    assert_eq!(sent("Content-Length: 11\r\n\r\n0123456789a"), "413");
    let chunked = "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n";
    assert_eq!(sent(&format!("{chunked}5\r\n56789\r\n0\r\n\r\n")), "204");
    assert_eq!(sent(&format!("{chunked}6\r\n56789a\r\n0\r\n\r\n")), "413");
}

#[test]
fn the_limit_of_one_request_is_not_the_next_ones() {
    let server = Server::start();
    let text = server.ask(&format!(
        "POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxPOST /detached HTTP/1.1\r\nHost: a\r\n{LAST}\
         Transfer-Encoding: chunked\r\n\r\nf\r\n0123456789abcde\r\n0\r\nX: y\r\n\r\n"
    ));
    assert!(text.unwrap().ends_with("\r\n\r\n0123456789abcdeXy"));
}

#[test]
fn who_is_signed_in_reaches_the_record() {
    let server = Server::start();
    for path in ["/signed-in", "/detached", "/"] {
        server
            .ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n{LAST}\r\n"))
            .unwrap();
    }
    let seen = server.stop();
    let users: Vec<_> = seen
        .lines
        .lock()
        .unwrap()
        .iter()
        .map(|line| line.0.clone())
        .collect();
    assert_eq!(users, ["alice", "bob", "-"]);
}
