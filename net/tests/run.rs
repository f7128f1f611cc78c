//! The reactor with real sockets and threads.

use std::cell::Cell;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context as TaskContext, Poll};
use std::thread;
use std::time::Duration;

use hansom_net::{
    Address, Context, ListenOptions, More, Peer, Pinning, Readiness, RunError, RunOptions, Service,
    Shutdown, Signals, Slots, Stream, Token, bind_all, blocking, run, sleep, spawn,
};

/// Answers octet by octet: `t` after a timer, `b` after blocking work, `s` after a sleep of the runtime, `w` after a wake from
/// another thread, `f` after a task of the
/// runtime while it wakes itself all the time, `p` panics, `q` closes, anything else at once.
#[derive(Default)]
struct Echo {
    connections: Slots<Connection>,
}

struct Connection {
    stream: Stream,
    later: Option<Pin<Box<dyn Future<Output = u8>>>>,
}

impl Echo {
    fn read(&mut self, cx: &mut Context<'_>, token: Token) {
        loop {
            let Some(connection) = self.connections.get_mut(token) else {
                return;
            };
            let mut octet = [0];
            match connection.stream.try_receive(&mut octet) {
                Ok(received) if received.octets == 1 => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {
                    self.connections.remove(token);
                    return;
                }
            }
            match octet[0] {
                b't' => cx.schedule(token, cx.now().millis + 1),
                b'b' => self.start(cx, token, async { blocking(|| b'B').await.unwrap() }),
                b's' => self.start(cx, token, async {
                    sleep(Duration::from_millis(1)).await;
                    b'S'
                }),
                b'w' => self.start(cx, token, from_a_thread()),
                b'f' => self.start(cx, token, busily()),
                b'p' => panic!("asked to"),
                b'q' => drop(self.connections.remove(token)),
                other => assert_eq!(
                    connection.stream.try_transmit(&[other], More::No).unwrap(),
                    1
                ),
            }
        }
    }

    fn start(
        &mut self,
        cx: &mut Context<'_>,
        token: Token,
        later: impl Future<Output = u8> + 'static,
    ) {
        self.connections.get_mut(token).unwrap().later = Some(Box::pin(later));
        self.woken(cx, token);
    }
}

async fn from_a_thread() -> u8 {
    let done = Cell::new(false);
    std::future::poll_fn(|task: &mut TaskContext<'_>| {
        if done.replace(true) {
            return Poll::Ready(b'W');
        }
        let waker = task.waker().clone();
        thread::spawn(move || waker.wake());
        Poll::Pending
    })
    .await
}

async fn busily() -> u8 {
    let done = Rc::new(Cell::new(false));
    let tell = Rc::clone(&done);
    spawn(async move { tell.set(true) });
    std::future::poll_fn(|task: &mut TaskContext<'_>| {
        if done.get() {
            return Poll::Ready(b'F');
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

impl Service for Echo {
    fn accepted(&mut self, cx: &mut Context<'_>, _listener: usize, stream: Stream, _peer: Peer) {
        let token = self.connections.next_token();
        cx.register(&stream, token).unwrap();
        assert!(
            self.connections
                .insert(Connection {
                    stream,
                    later: None
                })
                .is_ok()
        );
        // Octets that came before the registration are reported after it.
    }

    fn ready(&mut self, cx: &mut Context<'_>, token: Token, _readiness: Readiness) {
        self.read(cx, token);
    }

    fn woken(&mut self, cx: &mut Context<'_>, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let Some(later) = &mut connection.later else {
            return;
        };
        let waker = cx.waker(token);
        if let Poll::Ready(octet) = later.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            connection.later = None;
            assert_eq!(
                connection.stream.try_transmit(&[octet], More::No).unwrap(),
                1
            );
        }
    }

    fn expired(&mut self, _cx: &mut Context<'_>, token: Token) {
        if let Some(connection) = self.connections.get_mut(token) {
            assert_eq!(connection.stream.try_transmit(b"T", More::No).unwrap(), 1);
        }
    }

    fn batch_done(&mut self, _cx: &mut Context<'_>) {}

    fn drain(&mut self, cx: &mut Context<'_>) {
        assert!(cx.is_draining());
        let tokens: Vec<_> = self.connections.tokens().collect();
        for token in tokens {
            if let Some(connection) = self.connections.get_mut(token) {
                assert_eq!(connection.stream.try_transmit(b"d", More::No).unwrap(), 1);
            }
        }
    }

    fn is_drained(&self) -> bool {
        self.connections.is_empty()
    }
}

struct Running {
    bound: Vec<Address>,
    shutdown: Shutdown,
    thread: thread::JoinHandle<Result<(), RunError>>,
}

fn start(addresses: &[&str], workers: usize, options: RunOptions) -> Running {
    let addresses: Vec<_> = addresses
        .iter()
        .map(|text| (text.parse().unwrap(), ListenOptions::default()))
        .collect();
    let listeners = bind_all(&addresses, workers).unwrap();
    let (ready, bound) = mpsc::channel();
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let options = RunOptions {
        signals: Signals::Ignore,
        ..options
    };
    let thread = thread::spawn(move || {
        run(
            listeners,
            options,
            &stop,
            |_| Echo::default(),
            |bound| ready.send(bound.to_vec()).unwrap(),
        )
    });
    Running {
        bound: bound.recv().unwrap(),
        shutdown,
        thread,
    }
}

impl Running {
    fn tcp(&self) -> TcpStream {
        let Address::Inet(address) = self.bound[0] else {
            panic!("the first address is an Internet one")
        };
        TcpStream::connect::<SocketAddr>(address).unwrap()
    }

    fn stop(self) {
        self.shutdown.end();
        self.thread.join().unwrap().unwrap();
    }
}

fn ask(client: &mut (impl Read + Write), octets: &[u8], answer: &[u8]) {
    client.write_all(octets).unwrap();
    let mut received = vec![0; answer.len()];
    client.read_exact(&mut received).unwrap();
    assert_eq!(received, answer);
}

#[test]
fn octets_are_answered_over_tcp_and_unix_sockets_by_every_worker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let running = start(
        &["127.0.0.1:0", &format!("unix:{}", path.display())],
        2,
        RunOptions::default(),
    );
    let mut clients: Vec<_> = (0..40).map(|_| running.tcp()).collect();
    for client in &mut clients {
        ask(client, b"hello", b"hello");
    }
    for client in &mut clients {
        ask(client, b"again", b"again");
    }
    ask(&mut UnixStream::connect(&path).unwrap(), b"hello", b"hello");
    running.stop();
    assert!(!path.exists());
}

#[test]
fn timers_blocking_work_sleeps_and_wakes_of_other_threads_lead_back() {
    let running = start(&["127.0.0.1:0"], 1, RunOptions::default());
    let mut client = running.tcp();
    for _ in 0..3 {
        ask(&mut client, b"t", b"T");
        ask(&mut client, b"b", b"B");
        ask(&mut client, b"s", b"S");
        ask(&mut client, b"w", b"W");
    }
    running.stop();
}

#[test]
fn a_future_that_wakes_itself_leaves_the_runtime_its_turn() {
    let running = start(&["127.0.0.1:0"], 1, RunOptions::default());
    let (mut busy, mut other) = (running.tcp(), running.tcp());
    ask(&mut busy, b"f", b"F");
    ask(&mut other, b"x", b"x");
    running.stop();
}

#[test]
fn draining_closes_the_listeners_and_waits_for_connections() {
    let running = start(&["127.0.0.1:0"], 2, RunOptions::default());
    let Address::Inet(address) = running.bound[0] else {
        panic!()
    };
    let mut client = running.tcp();
    ask(&mut client, b"x", b"x");
    running.shutdown.drain();
    ask(&mut client, b"", b"d");
    // The other worker may be a moment later.
    while TcpStream::connect(address).is_ok() {
        thread::yield_now();
    }
    ask(&mut client, b"y", b"y");
    client.write_all(b"q").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    running.thread.join().unwrap().unwrap();
}

#[test]
fn draining_ends_by_force_after_its_time() {
    let options = RunOptions {
        drain_time: Duration::from_millis(1),
        ..RunOptions::default()
    };
    let running = start(&["127.0.0.1:0"], 1, options);
    let mut client = running.tcp();
    ask(&mut client, b"x", b"x");
    running.shutdown.drain();
    running.thread.join().unwrap().unwrap();
}

#[test]
fn a_second_request_to_stop_ends_at_once() {
    let options = RunOptions {
        drain_time: Duration::MAX,
        ..RunOptions::default()
    };
    let running = start(&["127.0.0.1:0"], 1, options);
    let mut client = running.tcp();
    ask(&mut client, b"x", b"x");
    running.shutdown.drain();
    ask(&mut client, b"", b"d");
    running.stop();
}

#[test]
fn a_panic_of_a_service_ends_the_run_after_the_others_drained() {
    let running = start(&["127.0.0.1:0"], 2, RunOptions::default());
    let mut client = running.tcp();
    client.write_all(b"p").unwrap();
    assert!(matches!(
        running.thread.join().unwrap(),
        Err(RunError::Panicked { .. })
    ));
}

#[test]
fn pinned_workers_serve_too() {
    let options = RunOptions {
        pinning: Pinning::OnePerCore,
        ..RunOptions::default()
    };
    let running = start(&["127.0.0.1:0"], hansom_net::cores(), options);
    ask(&mut running.tcp(), b"x", b"x");
    running.stop();
}

#[test]
fn a_crowd_of_connections_is_accepted_over_several_turns() {
    let running = start(&["127.0.0.1:0"], 1, RunOptions::default());
    let mut clients: Vec<_> = (0..700).map(|_| running.tcp()).collect();
    for client in &mut clients {
        ask(client, b"x", b"x");
    }
    running.stop();
}
