//! Workers that go over to another handler, other policies and another recorder while connections stay.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use hansom_engine::{
    Admission, Answer, Change, Exchange, Handler, NoRecorder, Response, Worker, WorkerOptions,
};
use http1::Policy;
use net::{Control, Event, ListenOptions, RunOptions, Shutdown, Signals};
use semantics::{Known, Limits, Refusal, RequestHead, ResponseHead, Status};

/// Opened once by a test; the answer to `/later` waits for it.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    fn open(&self) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = true;
        inner.1.drain(..).for_each(Waker::wake);
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

/// Answers with its name; to `/later` once the gate is open.
#[derive(Clone, Debug)]
struct Named(Arc<str>, Gate);

impl Handler for Named {
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        let Self(name, gate) = self.clone();
        match exchange.head.target() {
            b"/later" => Answer::Later(Box::pin(async move {
                gate.passed().await;
                said(&name)
            })),
            _ => said(&name).into(),
        }
    }

    fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
        Response::new(refusal.status())
    }
}

fn said(name: &str) -> Response {
    let head = ResponseHead::new(Status::OK).with(Known::ContentType, "text/plain");
    Response::with_octets(head, name.as_bytes().to_vec())
}

struct Running {
    addresses: Vec<SocketAddr>,
    gate: Gate,
    first: Weak<str>,
    control: Control<Worker<Named, NoRecorder>>,
    shutdown: Shutdown,
    thread: thread::JoinHandle<()>,
}

/// One worker with two listeners, whose handler says `first`.
fn start() -> Running {
    let free = || {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    };
    let addresses = vec![free(), free()];
    let listeners = net::bind_all(&plain(&addresses), 1).unwrap();
    let (control, shutdown, gate) = (Control::new(), Shutdown::new(), Gate::default());
    let name: Arc<str> = "first".into();
    let first = Arc::downgrade(&name);
    let make = {
        let gate = gate.clone();
        let name = Mutex::new(Some(name));
        move |_| {
            let name = name.lock().unwrap().take().unwrap();
            let options = WorkerOptions {
                policies: vec![Policy::strict(), Policy::strict()],
                server_field: None,
            };
            let handler = Named(name, gate.clone());
            Worker::new(options, handler, NoRecorder, Arc::new(Admission::new()))
        }
    };
    let (own, stop) = (control.clone(), shutdown.clone());
    let (ready, is_ready) = mpsc::channel();
    let thread = thread::spawn(move || {
        let options = RunOptions {
            signals: Signals::Ignore,
            ..RunOptions::default()
        };
        let tell = |event: Event<'_>| {
            if let Event::Ready(_) = event {
                ready.send(()).unwrap();
            }
        };
        net::run_with(listeners, options, &stop, &own, make, tell).unwrap();
    });
    is_ready.recv().unwrap();
    Running {
        addresses,
        gate,
        first,
        control,
        shutdown,
        thread,
    }
}

fn plain(addresses: &[SocketAddr]) -> Vec<(net::Address, ListenOptions)> {
    let listen = |address: &SocketAddr| (net::Address::from(*address), ListenOptions::default());
    addresses.iter().map(listen).collect()
}

impl Running {
    fn connect(&self, listener: usize) -> TcpStream {
        let stream = TcpStream::connect(self.addresses[listener]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn prepare(&self, name: &'static str, limits: Limits) {
        self.prepare_secured(name, limits, &[]);
    }

    fn prepare_secured(&self, name: &'static str, limits: Limits, secured: &'static [usize]) {
        let gate = self.gate.clone();
        self.control.ask(move |worker, _| {
            let policy = Policy {
                limits: limits.clone(),
                ..Policy::strict()
            };
            worker.prepare(Change {
                policies: vec![(0, policy.clone()), (1, policy)],
                secured: secured.to_vec(),
                server_field: None,
                handler: Named(name.into(), gate.clone()),
                recorder: NoRecorder,
            });
        });
    }

    fn commit(&self) {
        self.control.ask(|worker, _| worker.commit());
    }

    /// Lets the second listener go.
    fn leave(&self) {
        let rebound = self.control.bind(&plain(&self.addresses[..1])).unwrap();
        self.control.apply(rebound, PATIENCE, |_, _| ());
    }

    fn stop(self) {
        self.shutdown.end();
        self.thread.join().unwrap();
    }
}

fn ask(stream: &mut TcpStream, octets: &str) -> String {
    stream.write_all(octets.as_bytes()).unwrap();
    receive(stream)
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

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn the_next_request_meets_the_new_handler_and_the_one_under_way_the_old() {
    let running = start();
    let (mut waiting, mut idle) = (running.connect(0), running.connect(0));
    assert!(ask(&mut idle, &get("/")).ends_with("first"));
    waiting.write_all(get("/later").as_bytes()).unwrap();
    // Once the worker has read it.
    while running.gate.0.lock().unwrap().1.is_empty() {
        thread::yield_now();
    }
    running.prepare("second", Limits::default());
    assert!(ask(&mut idle, &get("/")).ends_with("first"));
    running.commit();
    assert!(ask(&mut idle, &get("/")).ends_with("second"));
    assert_eq!(running.first.strong_count(), 1);
    running.gate.open();
    assert!(receive(&mut waiting).ends_with("first"));
    assert!(ask(&mut waiting, &get("/later")).ends_with("second"));
    // The old handler went with its last exchange.
    assert_eq!(running.first.strong_count(), 0);
    running.stop();
}

#[test]
fn what_was_discarded_is_not_gone_over_to() {
    let running = start();
    running.prepare("second", Limits::default());
    running.control.ask(|worker, _| worker.discard());
    running.commit();
    assert!(ask(&mut running.connect(0), &get("/")).ends_with("first"));
    running.stop();
}

#[test]
fn a_head_that_has_begun_ends_by_the_limits_it_began_with() {
    let running = start();
    let mut client = running.connect(0);
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n", "a".repeat(100));
    client.write_all(long.as_bytes()).unwrap();
    // The other connection is read after the first, so that one was read when it is answered.
    ask(&mut running.connect(0), &get("/"));
    running.prepare(
        "second",
        Limits {
            target_octets_max: 50,
            ..Limits::default()
        },
    );
    running.commit();
    assert!(ask(&mut client, "\r\n").ends_with("second"));
    let refused = ask(&mut client, &get(&format!("/{}", "a".repeat(100))));
    assert!(refused.starts_with("HTTP/1.1 414 "), "{refused}");
    running.stop();
}

#[test]
fn the_next_answer_of_a_listener_that_goes_is_the_last_and_says_so() {
    let running = start();
    let (mut going, mut staying) = (running.connect(1), running.connect(0));
    assert!(!ask(&mut going, &get("/")).contains("Connection: close"));
    ask(&mut staying, &get("/"));
    running.leave();
    assert!(ask(&mut going, &get("/")).contains("Connection: close"));
    assert_eq!(going.read(&mut [0]).unwrap(), 0);
    assert!(!ask(&mut staying, &get("/")).contains("Connection: close"));
    running.stop();
}

#[test]
fn what_was_pipelined_to_a_listener_that_goes_is_answered_to_the_last() {
    let running = start();
    let mut client = running.connect(1);
    ask(&mut client, &get("/"));
    running.leave();
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let all = get("/") + post + &get("/") + post + "\r\n";
    client.write_all(all.as_bytes()).unwrap();
    let answers: Vec<_> = (0..4).map(|_| receive(&mut client)).collect();
    let closes: Vec<_> = answers
        .iter()
        .map(|answer| answer.contains("Connection: close"))
        .collect();
    assert_eq!(closes, [false, false, false, true]);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    running.stop();
}

#[test]
fn connections_in_the_clear_end_where_tls_is_to_be_spoken() {
    let running = start();
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut stays, mut idle) = (running.connect(0), running.connect(1));
    let mut busy = running.connect(1);
    for stream in [&mut stays, &mut idle] {
        assert!(ask(stream, get).ends_with("first"));
    }
    let mut begun = running.connect(1);
    assert!(ask(&mut begun, get).ends_with("first"));
    begun.write_all(&get.as_bytes()[..5]).unwrap();
    busy.write_all(b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    // What was sent before is read before this is answered, or in the same batch.
    assert!(ask(&mut stays, get).ends_with("first"));
    running.prepare_secured("second", Limits::default(), &[1]);
    running.commit();
    running.gate.open();
    assert!(ask(&mut stays, get).ends_with("second"));
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    let mut rest = String::new();
    busy.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("first"), "{rest}");
    begun
        .write_all(format!("{}{get}", &get[5..]).as_bytes())
        .unwrap();
    let mut rest = String::new();
    begun.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("Connection: close") && rest.ends_with("second"));
    assert_eq!(rest.matches("HTTP/1.1 200").count(), 1, "{rest}");
    running.stop();
}

const PATIENCE: Duration = Duration::from_secs(40);
