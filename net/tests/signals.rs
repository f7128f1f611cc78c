//! Stopping by signals. Alone in its process, since signals are the process's.

use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hansom_net::{
    Address, Context, ListenOptions, More, Peer, Readiness, RunOptions, Service, Shutdown, Slots,
    Stream, Token, bind_all, run,
};
use rustix::process::{Signal, getpid, kill_process};

/// Says `h` at first and `d` when it drains; never lets go of a connection.
#[derive(Default)]
struct Clinging(Slots<Stream>);

impl Service for Clinging {
    fn accepted(
        &mut self,
        _cx: &mut Context<'_>,
        _listener: usize,
        mut stream: Stream,
        _peer: Peer,
    ) {
        stream.try_transmit(b"h", More::No).unwrap();
        self.0.insert(stream).unwrap();
    }

    fn drain(&mut self, _cx: &mut Context<'_>) {
        let tokens: Vec<_> = self.0.tokens().collect();
        for token in tokens {
            self.0
                .get_mut(token)
                .unwrap()
                .try_transmit(b"d", More::No)
                .unwrap();
        }
    }

    fn is_drained(&self) -> bool {
        self.0.is_empty()
    }

    fn ready(&mut self, _cx: &mut Context<'_>, _token: Token, _readiness: Readiness) {}
    fn woken(&mut self, _cx: &mut Context<'_>, _token: Token) {}
    fn expired(&mut self, _cx: &mut Context<'_>, _token: Token) {}
    fn batch_done(&mut self, _cx: &mut Context<'_>) {}
}

#[test]
fn the_first_signal_drains_and_the_second_ends_at_once() {
    let listeners = bind_all(
        &[("127.0.0.1:0".parse().unwrap(), ListenOptions::default())],
        2,
    )
    .unwrap();
    let Address::Inet(address) = listeners.bound()[0] else {
        panic!("an Internet address was bound")
    };
    let (ready, started) = mpsc::channel();
    let options = RunOptions {
        drain_time: Duration::MAX,
        ..RunOptions::default()
    };
    let thread = thread::spawn(move || {
        run(
            listeners,
            options,
            &Shutdown::new(),
            |_| Clinging::default(),
            |_| ready.send(()).unwrap(),
        )
    });
    started.recv().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let mut octet = [0];
    client.read_exact(&mut octet).unwrap();
    assert_eq!(octet, *b"h");
    kill_process(getpid(), Signal::TERM).unwrap();
    client.read_exact(&mut octet).unwrap();
    assert_eq!(octet, *b"d");
    kill_process(getpid(), Signal::INT).unwrap();
    assert_eq!(client.read(&mut octet).unwrap(), 0);
    thread.join().unwrap().unwrap();
}
