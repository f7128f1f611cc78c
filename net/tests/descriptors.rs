//! A process that runs out of descriptors. Alone in its process, since the limit is the process's.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::mpsc;
use std::thread;

use hansom_net::{
    Address, Context, ListenOptions, More, Peer, Readiness, RunOptions, Service, Shutdown, Signals,
    Slots, Stream, Token, bind_all, run,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockAddr, Socket, Type};

/// Greets every connection with the number refused so far.
#[derive(Default)]
struct Greeting(Slots<Stream>);

impl Service for Greeting {
    fn accepted(
        &mut self,
        cx: &mut Context<'_>,
        _listener: usize,
        mut stream: Stream,
        _peer: Peer,
    ) {
        let refused = u8::try_from(cx.counters().refused).unwrap();
        stream.try_transmit(&[b'h', refused], More::No).unwrap();
        cx.register(&stream, self.0.next_token()).unwrap();
        self.0.insert(stream).unwrap();
    }

    fn ready(&mut self, _cx: &mut Context<'_>, token: Token, readiness: Readiness) {
        if readiness.is_readable() || readiness.is_read_closed() {
            self.0.remove(token);
        }
    }

    fn woken(&mut self, _cx: &mut Context<'_>, _token: Token) {}
    fn expired(&mut self, _cx: &mut Context<'_>, _token: Token) {}
    fn batch_done(&mut self, _cx: &mut Context<'_>) {}
    fn drain(&mut self, _cx: &mut Context<'_>) {}

    fn is_drained(&self) -> bool {
        true
    }
}

#[test]
fn connections_beyond_the_last_descriptor_are_closed_and_later_ones_served() {
    let listeners = bind_all(
        &[("127.0.0.1:0".parse().unwrap(), ListenOptions::default())],
        1,
    )
    .unwrap();
    let Address::Inet(address) = listeners.bound()[0] else {
        panic!("an Internet address was bound")
    };
    let (ready, started) = mpsc::channel();
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let options = RunOptions {
        signals: Signals::Ignore,
        ..RunOptions::default()
    };
    let thread = thread::spawn(move || {
        run(
            listeners,
            options,
            &stop,
            |_| Greeting::default(),
            |_| ready.send(()).unwrap(),
        )
    });
    started.recv().unwrap();

    // All sockets of the clients are there before the limit falls; a later descriptor has a higher number or fills a gap.
    let clients: Vec<_> = (0..40)
        .map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap())
        .collect();
    let highest = clients.iter().map(AsRawFd::as_raw_fd).max().unwrap();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(highest as u64 + 6),
            ..limit
        },
    )
    .unwrap();

    let address = SockAddr::from(address);
    let (mut served, mut refused) = (Vec::new(), 0);
    for mut client in clients {
        client.connect(&address).unwrap();
        let mut greeting = [0; 2];
        match client.read(&mut greeting) {
            Ok(2) => served.push(client),
            Ok(0) => refused += 1,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(
        !served.is_empty() && refused > 0,
        "{} served, {refused} refused",
        served.len()
    );

    setrlimit(Resource::Nofile, limit).unwrap();
    let mut last = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    last.connect(&address).unwrap();
    let mut greeting = [0; 2];
    last.read_exact(&mut greeting).unwrap();
    assert_eq!(greeting, [b'h', refused]);
    last.write_all(b"x").unwrap();
    shutdown.drain();
    thread.join().unwrap().unwrap();
}
