//! Workers over real sockets: what a connection does to itself, and never to another.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use hansom_engine::{
    Admission, Answer, Exchange, Handler, Record, Recorder, Response, Worker, WorkerOptions,
};
use http1::Policy;
use net::{Control, Event, ListenOptions, RunError, RunOptions, Shutdown, Signals};
use semantics::{Known, Limits, Refusal, RequestHead, ResponseHead, Status};
use socket2::{Domain, Socket, Type};

/// Opened once by a test; the answer to `/later` waits for it.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    fn open(&self) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = true;
        inner.1.drain(..).for_each(Waker::wake);
    }

    /// Holds the thread up until it is open.
    fn hold(&self) {
        self.0.lock().unwrap().1.push(Waker::noop().clone());
        while !self.0.lock().unwrap().0 {
            thread::yield_now();
        }
    }

    /// Waits until somebody waits for it.
    fn is_awaited(&self) {
        while self.0.lock().unwrap().1.is_empty() {
            thread::yield_now();
        }
    }

    async fn passed(self) {
        std::future::poll_fn(|task| {
            let mut inner = self.0.lock().unwrap();
            if inner.0 {
                return Poll::Ready(());
            }
            inner.1.push(task.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// `/later` is answered once the gate is open, `/hold` holds the worker up until then, `/panic` panics, `/large` by 8 MiB, anything else by its own path.
#[derive(Debug)]
struct Paths(Gate);

impl Handler for Paths {
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        let path = exchange.head.target().to_vec();
        match path.as_slice() {
            b"/later" => {
                let gate = self.0.clone();
                Answer::Later(Box::pin(async move {
                    gate.passed().await;
                    said(path)
                }))
            }
            b"/hold" => {
                self.0.hold();
                said(path).into()
            }
            b"/panic" => panic!("a handler that panics, as it should in this test"),
            b"/large" => said(vec![b'x'; LARGE_OCTETS]).into(),
            _ => said(path).into(),
        }
    }

    fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
        Response::new(refusal.status())
    }
}

/// The statuses of the exchanges that are over.
#[derive(Clone, Debug, Default)]
struct Statuses(Arc<Mutex<Vec<u16>>>);

impl Recorder for Statuses {
    fn is_on(&self) -> bool {
        true
    }

    fn record(&mut self, record: &Record<'_>) {
        self.0
            .lock()
            .unwrap()
            .push(record.status.map_or(0, Status::code));
    }
}

fn said(octets: Vec<u8>) -> Response {
    let head = ResponseHead::new(Status::OK).with(Known::ContentType, "text/plain");
    Response::with_octets(head, octets)
}

struct Running {
    address: SocketAddr,
    gate: Gate,
    statuses: Statuses,
    shutdown: Shutdown,
    draining: mpsc::Receiver<()>,
    thread: thread::JoinHandle<Result<(), RunError>>,
}

/// One worker with these limits.
fn start(limits: Limits) -> Running {
    let address = "127.0.0.1:0".parse().unwrap();
    let listeners = net::bind_all(&[(address, ListenOptions::default())], 1).unwrap();
    let policy = Policy {
        limits,
        ..Policy::strict()
    };
    let (gate, shutdown) = (Gate::default(), Shutdown::new());
    let (handler_gate, stop) = (gate.clone(), shutdown.clone());
    let statuses = Statuses::default();
    let recorder = statuses.clone();
    let (ready, bound) = mpsc::channel();
    let (drains, draining) = mpsc::channel();
    let thread = thread::spawn(move || {
        let options = RunOptions {
            drain_time: Duration::from_secs(3600),
            signals: Signals::Ignore,
            ..RunOptions::default()
        };
        let make = move |_| {
            let options = WorkerOptions {
                policies: vec![policy.clone()],
                server_field: None,
            };
            let handler = Paths(handler_gate.clone());
            Worker::new(
                options,
                handler,
                recorder.clone(),
                Arc::new(Admission::new()),
            )
        };
        let tell = |event: Event<'_>| match event {
            Event::Ready([net::Address::Inet(address)]) => ready.send(*address).unwrap(),
            Event::Draining => drains.send(()).unwrap(),
            _ => {}
        };
        net::run_with(listeners, options, &stop, &Control::new(), make, tell)
    });
    Running {
        address: bound.recv().unwrap(),
        gate,
        statuses,
        shutdown,
        draining,
        thread,
    }
}

impl Running {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        // So that a server that says nothing fails the test instead of holding it up.
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn end(self) {
        self.shutdown.end();
        self.thread.join().unwrap().unwrap();
    }
}

fn send(stream: &mut TcpStream, octets: &str) {
    stream.write_all(octets.as_bytes()).unwrap();
}

/// One response with a Content-Length.
fn receive(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut octet = [0];
    while !all.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).unwrap();
        all.push(octet[0]);
    }
    let head = String::from_utf8(all).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut content = vec![0; length];
    stream.read_exact(&mut content).unwrap();
    head + &String::from_utf8(content).unwrap()
}

fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    String::from_utf8(rest).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_connection_over_the_limit_is_told_so_and_nobody_else_hears_of_it() {
    let running = start(Limits {
        connections_max: 1,
        ..Limits::default()
    });
    let mut first = running.connect();
    send(&mut first, &get("/1"));
    assert!(receive(&mut first).ends_with("/1"));
    let mut second = running.connect();
    let told = rest(&mut second);
    assert!(told.starts_with("HTTP/1.1 503 "), "{told:?}");
    send(&mut first, &get("/2"));
    let answer = receive(&mut first);
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("/2"),
        "{answer:?}"
    );
    running.end();
}

#[test]
fn content_that_nobody_wants_does_not_cost_an_answer_that_comes_later() {
    let running = start(Limits {
        discard_octets_max: 1000,
        ..Limits::default()
    });
    let mut stream = running.connect();
    send(
        &mut stream,
        "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
    );
    stream.write_all(&[b'x'; 50_000]).unwrap();
    // Another exchange on the same worker: what came before it was seen.
    let mut other = running.connect();
    send(&mut other, &get("/1"));
    receive(&mut other);
    running.gate.open();
    let answer = receive(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    assert!(answer.contains("Connection: close\r\n"), "{answer:?}");
    running.end();
}

#[test]
fn an_answer_given_before_unwanted_content_ended_is_recorded() {
    let running = start(Limits {
        discard_octets_max: 1000,
        ..Limits::default()
    });
    let mut stream = running.connect();
    send(
        &mut stream,
        "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n",
    );
    stream.write_all(&[b'x'; 0x800]).unwrap();
    let answer = rest(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    assert_eq!(*running.statuses.0.lock().unwrap(), [200]);
    running.end();
}

#[test]
fn each_head_of_a_pipeline_has_its_own_time() {
    let head_millis_max = 1000;
    let running = start(Limits {
        head_millis_max,
        ..Limits::default()
    });
    let mut stream = running.connect();
    let request = get("/1");
    let (begin, end) = request.split_at(10);
    let until = Instant::now() + 3 * Duration::from_millis(head_millis_max);
    send(&mut stream, begin);
    while Instant::now() < until {
        // The end of one head, and the beginning of the next.
        send(&mut stream, &format!("{end}{begin}"));
        let answer = receive(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
    running.end();
}

#[test]
fn a_connection_that_finishes_its_answer_while_the_server_drains_is_closed() {
    let running = start(Limits::default());
    let mut stream = running.connect();
    send(&mut stream, &get("/large"));
    let mut octet = [0];
    stream.read_exact(&mut octet).unwrap();
    running.shutdown.drain();
    // The listener is closed, thus the worker drains.
    while TcpStream::connect(running.address).is_ok() {
        thread::yield_now();
    }
    assert!(rest(&mut stream).len() > LARGE_OCTETS);
    running.thread.join().unwrap().unwrap();
}

#[test]
fn a_request_that_has_come_when_the_server_stops_is_answered() {
    let running = start(Limits::default());
    let (mut idle, mut holding) = (running.connect(), running.connect());
    send(&mut idle, &get("/1"));
    receive(&mut idle);
    send(&mut holding, &get("/hold"));
    running.gate.is_awaited();
    send(&mut idle, &get("/2"));
    running.shutdown.drain();
    running.draining.recv().unwrap();
    running.gate.open();
    let answer = receive(&mut idle);
    assert!(answer.contains("Connection: close\r\n"), "{answer:?}");
    assert!(answer.ends_with("/2"), "{answer:?}");
    assert_eq!(rest(&mut idle), "");
    receive(&mut holding);
    running.thread.join().unwrap().unwrap();
    assert_eq!(*running.statuses.0.lock().unwrap(), [200; 3]);
}

#[test]
fn an_exchange_in_which_the_handler_panics_is_recorded() {
    let running = start(Limits::default());
    let mut stream = running.connect();
    let all = get("/1") + &get("/panic") + &get("/2");
    send(&mut stream, &all);
    // What was gathered with it goes with it.
    assert!(!rest(&mut stream).contains("/panic"));
    let mut other = running.connect();
    send(&mut other, &get("/3"));
    receive(&mut other);
    let statuses = running.statuses.clone();
    running.end();
    assert_eq!(*statuses.0.lock().unwrap(), [200, 0, 200]);
}

#[test]
fn a_client_that_reads_slowly_but_fast_enough_gets_all_it_can_read() {
    let running = start(Limits {
        transmit_octets_per_second_min: 500,
        rate_grace_millis: 2000,
        ..Limits::default()
    });
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // So that what it reads is what the server gets rid of.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&running.address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    send(&mut stream, &get("/large"));
    let until = Instant::now() + Duration::from_secs(9);
    while Instant::now() < until {
        // The pace is what is tested: some 4000 octets a second.
        thread::sleep(Duration::from_millis(250));
        stream.read_exact(&mut [0; 1000]).unwrap();
    }
    running.end();
}

#[test]
fn a_client_that_never_pauses_does_not_keep_the_others_waiting() {
    let running = start(Limits::default());
    let mut greedy = running.connect();
    let mut reader = greedy.try_clone().unwrap();
    // Long heads with short answers: the answers alone would never hold it up.
    let field = format!("a: {}\r\n", "b".repeat(600));
    let request = format!("GET /1 HTTP/1.1\r\nHost: a\r\n{}\r\n", field.repeat(95));
    let source = thread::spawn(move || while greedy.write_all(request.as_bytes()).is_ok() {});
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let sink = thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(received @ 1..) = reader.read(&mut buffer) {
            counter.fetch_add(received, Ordering::Relaxed);
        }
    });
    while taken.load(Ordering::Relaxed) < GREEDY_OCTETS {
        let mut other = running.connect();
        send(&mut other, &get("/2"));
        assert!(receive(&mut other).ends_with("/2"));
    }
    running.end();
    source.join().unwrap();
    sink.join().unwrap();
}

/// About 1000 answers.
const GREEDY_OCTETS: usize = 100_000;
const LARGE_OCTETS: usize = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(20);
