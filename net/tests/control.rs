//! Workers that are changed while they run: calls on their threads, listeners that come and go.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hansom_net::{
    Address, Context, Control, Event, ListenOptions, More, Peer, Readiness, RunOptions, Service,
    Shutdown, Signals, Slots, Stream, Token, bind_all, run_with,
};

/// Greets with the number of the listener, and keeps connections until the client has closed.
#[derive(Default)]
struct Greeter {
    connections: Slots<(Stream, usize)>,
    drained: Vec<usize>,
}

impl Service for Greeter {
    fn accepted(&mut self, cx: &mut Context<'_>, listener: usize, mut stream: Stream, _: Peer) {
        let number = u8::try_from(listener).unwrap();
        stream.try_transmit(&[number], More::No).unwrap();
        cx.register(&stream, self.connections.next_token()).unwrap();
        assert!(self.connections.insert((stream, listener)).is_ok());
    }

    fn ready(&mut self, _: &mut Context<'_>, token: Token, readiness: Readiness) {
        if readiness.is_read_closed() {
            self.connections.remove(token);
        }
    }

    fn woken(&mut self, _: &mut Context<'_>, _: Token) {}
    fn expired(&mut self, _: &mut Context<'_>, _: Token) {}
    fn batch_done(&mut self, _: &mut Context<'_>) {}
    fn drain(&mut self, _: &mut Context<'_>) {}

    fn is_drained(&self) -> bool {
        true
    }

    fn drain_listener(&mut self, _: &mut Context<'_>, listener: usize) {
        self.drained.push(listener);
    }

    fn is_listener_drained(&self, listener: usize) -> bool {
        let of = |token| self.connections.get(token).map(|(_, of)| *of);
        !self
            .connections
            .tokens()
            .any(|token| of(token) == Some(listener))
    }
}

struct Running {
    control: Control<Greeter>,
    shutdown: Shutdown,
    thread: thread::JoinHandle<()>,
}

fn start(addresses: &[SocketAddr], workers: usize) -> Running {
    let listeners = bind_all(&plain(addresses), workers).unwrap();
    let (control, shutdown) = (Control::new(), Shutdown::new());
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
        run_with(
            listeners,
            options,
            &stop,
            &own,
            |_| Greeter::default(),
            tell,
        )
        .unwrap();
    });
    is_ready.recv().unwrap();
    Running {
        control,
        shutdown,
        thread,
    }
}

impl Running {
    fn listen_on(&self, addresses: &[SocketAddr]) -> Vec<usize> {
        let rebound = self.control.bind(&plain(addresses)).unwrap();
        let ids = rebound.ids().to_vec();
        self.control.apply(rebound, Duration::MAX, |_, _| ());
        ids
    }

    fn stop(self) {
        self.shutdown.end();
        self.thread.join().unwrap();
    }
}

fn plain(addresses: &[SocketAddr]) -> Vec<(Address, ListenOptions)> {
    let listen = |address: &SocketAddr| (Address::from(*address), ListenOptions::default());
    addresses.iter().map(listen).collect()
}

/// An address that was free a moment ago.
fn free() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

/// Connects, and reads the number of the listener.
fn greeted(mut client: &TcpStream) -> u8 {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut octet = [0];
    client.read_exact(&mut octet).unwrap();
    octet[0]
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_worker_is_asked_on_its_own_thread() {
    let running = start(&[free()], 3);
    let mut said = running.control.ask(|_, cx| cx.worker());
    said.sort_unstable();
    assert_eq!(said, [0, 1, 2]);
    running.stop();
}

#[test]
fn a_worker_that_has_ended_says_nothing() {
    let running = start(&[free()], 2);
    let control = running.control.clone();
    running.stop();
    assert_eq!(control.ask(|_, _| ()).len(), 0);
}

#[test]
fn an_address_that_stays_keeps_its_number_and_another_gets_one() {
    let (a, b, c) = (free(), free(), free());
    let running = start(&[a, b], 2);
    assert_eq!(running.listen_on(&[c, b]), [2, 1]);
    assert_eq!(greeted(&TcpStream::connect(b).unwrap()), 1);
    assert_eq!(greeted(&TcpStream::connect(c).unwrap()), 2);
    running.stop();
}

#[test]
fn what_is_bound_and_not_applied_changes_nothing_and_is_closed_again() {
    let (a, b) = (free(), free());
    let running = start(&[a], 2);
    let rebound = running.control.bind(&plain(&[b])).unwrap();
    assert_eq!(rebound.added().len(), 1);
    assert_eq!(rebound.removed().count(), 1);
    assert!(TcpListener::bind(b).is_err());
    drop(rebound);
    assert!(TcpListener::bind(b).is_ok());
    assert_eq!(greeted(&TcpStream::connect(a).unwrap()), 0);
    running.stop();
}

#[test]
fn one_address_that_is_busy_leaves_the_others_unbound() {
    let (a, b, busy) = (free(), free(), TcpListener::bind("127.0.0.1:0").unwrap());
    let running = start(&[a], 1);
    let wanted = plain(&[a, b, busy.local_addr().unwrap()]);
    assert!(running.control.bind(&wanted).is_err());
    assert!(TcpListener::bind(b).is_ok());
    running.stop();
}

#[test]
fn an_address_may_become_one_that_overlaps_with_it_but_not_stand_beside_it() {
    let one = free();
    let any = SocketAddr::from(([0, 0, 0, 0], one.port()));
    let running = start(&[one], 2);
    assert!(running.control.bind(&plain(&[one, any])).is_err());
    let client = TcpStream::connect(one).unwrap();
    let number = |ids: Vec<usize>| u8::try_from(ids[0]).unwrap();
    for address in [any, one] {
        let number = number(running.listen_on(&[address]));
        until("it is the one that accepts", || {
            greeted(&TcpStream::connect(one).unwrap()) == number
        });
    }
    assert_eq!(greeted(&client), 0);
    running.stop();
}

/// Lets a worker do nothing until the sender is dropped.
fn hold_up(running: &Running) -> mpsc::Sender<()> {
    let (go_on, waiting) = mpsc::channel::<()>();
    let waiting = std::sync::Mutex::new(waiting);
    let (begun, has_begun) = mpsc::channel();
    let control = running.control.clone();
    thread::spawn(move || {
        control.ask(move |_, _| {
            begun.send(()).unwrap();
            let _ = waiting.lock().unwrap().recv();
        })
    });
    has_begun.recv().unwrap();
    go_on
}

#[test]
fn connections_in_the_queue_of_a_listener_that_goes_are_accepted() {
    let (a, b) = (free(), free());
    let running = start(&[a, b], 1);
    let go_on = hold_up(&running);
    let clients: Vec<_> = (0..300).map(|_| TcpStream::connect(b).unwrap()).collect();
    let rebound = running.control.bind(&plain(&[a])).unwrap();
    let control = running.control.clone();
    let applied = thread::spawn(move || control.apply(rebound, Duration::MAX, |_, _| ()));
    drop(go_on);
    applied.join().unwrap();
    for client in &clients {
        assert_eq!(greeted(client), 1);
    }
    until("it is refused", || TcpStream::connect(b).is_err());
    assert_eq!(
        running.control.ask(|greeter, _| greeter.drained.clone()),
        [[1]]
    );
    running.stop();
}

#[test]
fn connections_in_the_queue_of_a_listener_that_stays_stay() {
    let (a, b) = (free(), free());
    let running = start(&[a], 1);
    let go_on = hold_up(&running);
    let client = TcpStream::connect(a).unwrap();
    let rebound = running.control.bind(&plain(&[b, a])).unwrap();
    assert_eq!(rebound.ids(), [1, 0]);
    let control = running.control.clone();
    let applied = thread::spawn(move || control.apply(rebound, Duration::MAX, |_, _| ()));
    drop(go_on);
    applied.join().unwrap();
    assert_eq!(greeted(&client), 0);
    running.stop();
}

#[test]
fn a_number_is_given_again_when_the_last_connection_of_it_is_gone() {
    let (a, b, c) = (free(), free(), free());
    let running = start(&[a, b], 1);
    let mut client = TcpStream::connect(b).unwrap();
    assert_eq!(greeted(&client), 1);
    assert_eq!(running.listen_on(&[a]), [0]);
    until("its socket is closed", || TcpListener::bind(b).is_ok());
    assert_eq!(running.listen_on(&[a, c]), [0, 2]);
    client.write_all(b"x").unwrap();
    drop(client);
    // Each look gives the address another number, or the one that is free.
    until("its number is free", || {
        let number = running.listen_on(&[a, b])[1];
        running.listen_on(&[a]);
        number == 1
    });
    running.stop();
}

const PATIENCE: Duration = Duration::from_secs(40);
