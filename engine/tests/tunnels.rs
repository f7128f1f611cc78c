//! Tunnels of a worker whose handler answers CONNECT, and what it is told of their ends.

use std::io::{Read, Write};
use std::net::{Shutdown as Side, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hansom_engine::{
    Admission, Answer, Content, Exchange, Handler, NoRecorder, Response, Tunnel, Tunnelled, Worker,
    WorkerOptions,
};
use http1::Policy;
use net::{ListenOptions, Outbound, RunOptions, Shutdown, Signals};
use semantics::{Refusal, RequestHead, ResponseHead, Status, TunnelEnd};

/// Connects whoever asks to where it is asked for: CONNECT by 200, everything else, to `far`, by 101.
struct Proxy {
    far: SocketAddr,
    told: mpsc::Sender<Tunnelled>,
}

impl Handler for Proxy {
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        let target = std::str::from_utf8(exchange.head.target()).unwrap();
        let (address, status) = match target.parse() {
            Ok(address) => (address, Status::OK),
            Err(_) => (self.far, Status::SWITCHING_PROTOCOLS),
        };
        let told = self.told.clone();
        Answer::Later(Box::pin(async move {
            let outbound = Outbound::connect(&net::Address::Inet(address), Some(1000)).await;
            let tunnel = Tunnel::new(outbound.unwrap(), "hello, ".into())
                .with_idle_limit(60_000)
                .with_end(move |end| {
                    let _ = told.send(end);
                });
            Response {
                head: ResponseHead::new(status),
                content: Content::Tunnel(tunnel),
            }
        }))
    }

    fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
        Response::new(refusal.status())
    }
}

struct Running {
    address: SocketAddr,
    far: TcpListener,
    told: mpsc::Receiver<Tunnelled>,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start() -> Self {
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let far_address = far.local_addr().unwrap();
        let (sender, told) = mpsc::channel();
        let (bound, address) = mpsc::channel();
        let shutdown = Shutdown::new();
        let ending = shutdown.clone();
        let thread = thread::spawn(move || {
            let listen = [("127.0.0.1:0".parse().unwrap(), ListenOptions::default())];
            let listeners = net::bind_all(&listen, 1).unwrap();
            let options = RunOptions {
                signals: Signals::Ignore,
                drain_time: Duration::ZERO,
                ..RunOptions::default()
            };
            let worker = move |_: usize| {
                let options = WorkerOptions {
                    policies: vec![Policy::strict()],
                    server_field: None,
                };
                let proxy = Proxy {
                    far: far_address,
                    told: sender.clone(),
                };
                Worker::new(options, proxy, NoRecorder, Arc::new(Admission::default()))
            };
            net::run(listeners, options, &ending, worker, |listening| {
                let port = listening[0].port().unwrap();
                bound
                    .send(SocketAddr::from(([127, 0, 0, 1], port)))
                    .unwrap();
            })
            .unwrap();
        });
        Self {
            address: address.recv().unwrap(),
            far,
            told,
            shutdown,
            thread: Some(thread),
        }
    }

    fn ask(&self, request: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client
    }

    fn connect(&self, early: &str) -> TcpStream {
        let far = self.far.local_addr().unwrap();
        self.ask(&format!(
            "CONNECT {far} HTTP/1.1\r\nHost: {far}\r\n\r\n{early}"
        ))
    }

    fn end(&self) -> Tunnelled {
        self.told.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.drain();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

fn comes(stream: &mut TcpStream, text: &str) {
    let mut received = vec![0; text.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), text);
}

/// The head of a 200, but for its Date.
fn head_comes(stream: &mut TcpStream) -> String {
    let (mut text, mut octet) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).unwrap();
        text.push(octet[0]);
    }
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("Date: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_connect_becomes_a_tunnel_and_its_end_is_told_with_what_went_through() {
    let running = Running::start();
    let mut client = running.connect("early");
    assert_eq!(head_comes(&mut client), "HTTP/1.1 200 OK\n");
    let (mut far, _) = running.far.accept().unwrap();
    comes(&mut far, "early");
    comes(&mut client, "hello, ");
    far.write_all(b"client").unwrap();
    comes(&mut client, "client");
    far.shutdown(Side::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    client.write_all(b" and late").unwrap();
    comes(&mut far, " and late");
    drop(client);
    let end = running.end();
    assert_eq!(
        (end.from_client, end.to_client, end.end),
        (14, 13, TunnelEnd::Server)
    );
}

#[test]
fn a_worker_that_stops_cuts_its_tunnels_and_tells_it() {
    let running = Running::start();
    let mut client = running.connect("");
    head_comes(&mut client);
    running.shutdown.drain();
    assert_eq!(running.end().end, TunnelEnd::Drain);
    comes(&mut client, "hello, ");
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_tunnel_that_nobody_asked_for_is_a_mistake_of_the_handler() {
    let running = Running::start();
    let mut client = running.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    assert_eq!(running.end().end, TunnelEnd::NotOpened);
}

#[test]
fn a_client_that_takes_no_more_is_read_to_its_end() {
    let running = Running::start();
    let mut client = running.connect("");
    head_comes(&mut client);
    let (mut far, _) = running.far.accept().unwrap();
    client.write_all(b"last words").unwrap();
    // Closed, perhaps with octets that it has not read: its system answers what still comes by a reset.
    drop(client);
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    comes(&mut far, "last words");
    while far.write_all(&[0; 4096]).is_ok() {}
    assert_eq!(running.end().end, TunnelEnd::ClientFailed);
}
