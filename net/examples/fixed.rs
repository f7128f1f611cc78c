//! The least server there can be: every receipt that ends in a blank line gets the same 13 octets, or those of a file.
//!
//! `fixed PORT WORKERS [DEFER_ACCEPT_SECONDS [FILE]]`. It shows what the reactor itself costs.

use std::env;
use std::error::Error;
use std::fs;
use std::io;

use hansom_net::{
    Context, ListenOptions, Listeners, More, Peer, Readiness, Rest, RunOptions, Service, Shutdown,
    Slots, Stream, Token, bind_all, run,
};

struct Fixed {
    connections: Slots<Connection>,
    buffer: Box<[u8]>,
    answer: Box<[u8]>,
}

struct Connection {
    stream: Stream,
    idle_until: u64,
}

enum Next {
    Keep,
    Close,
}

impl Fixed {
    fn new(answer: &[u8]) -> Self {
        Self {
            connections: Slots::default(),
            buffer: vec![0; 64 * 1024].into_boxed_slice(),
            answer: answer.into(),
        }
    }

    fn answer(stream: &mut Stream, buffer: &mut [u8], answer: &[u8]) -> Next {
        let received = match stream.try_receive(buffer) {
            Ok(received) if received.rest == Rest::Ended => return Next::Close,
            Ok(received) => &buffer[..received.octets],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Next::Keep,
            Err(_) => return Next::Close,
        };
        if !received.ends_with(b"\r\n\r\n") {
            return Next::Close;
        }
        let wants_close = received
            .windows(CLOSE.len())
            .any(|window| window.eq_ignore_ascii_case(CLOSE));
        match stream.try_transmit(answer, More::No) {
            Ok(octets) if octets == answer.len() && !wants_close => Next::Keep,
            _ => Next::Close,
        }
    }
}

impl Service for Fixed {
    fn accepted(
        &mut self,
        cx: &mut Context<'_>,
        _listener: usize,
        mut stream: Stream,
        _peer: Peer,
    ) {
        if matches!(
            Self::answer(&mut stream, &mut self.buffer, &self.answer),
            Next::Close
        ) {
            return;
        }
        let token = self.connections.next_token();
        let idle_until = cx.now().millis + IDLE_MILLIS;
        if cx.register(&stream, token).is_ok()
            && self
                .connections
                .insert(Connection { stream, idle_until })
                .is_ok()
        {
            cx.schedule(token, idle_until);
        }
    }

    fn ready(&mut self, cx: &mut Context<'_>, token: Token, readiness: Readiness) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        if !readiness.is_readable() && !readiness.is_read_closed() {
            return;
        }
        connection.idle_until = cx.now().millis + IDLE_MILLIS;
        if matches!(
            Self::answer(&mut connection.stream, &mut self.buffer, &self.answer),
            Next::Close
        ) {
            self.connections.remove(token);
        }
    }

    fn expired(&mut self, cx: &mut Context<'_>, token: Token) {
        let Some(connection) = self.connections.get(token) else {
            return;
        };
        if connection.idle_until > cx.now().millis {
            cx.schedule(token, connection.idle_until);
        } else {
            self.connections.remove(token);
        }
    }

    fn woken(&mut self, _cx: &mut Context<'_>, _token: Token) {}

    fn batch_done(&mut self, _cx: &mut Context<'_>) {}

    fn drain(&mut self, cx: &mut Context<'_>) {
        eprintln!("{:?}", cx.counters());
        self.connections = Slots::default();
    }

    fn is_drained(&self) -> bool {
        self.connections.is_empty()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let mut word = |default: &str| words.next().unwrap_or_else(|| default.into());
    let (address, workers, defer) = (
        word("8080").parse()?,
        word("1").parse()?,
        word("0").parse::<u32>()?,
    );
    let options = ListenOptions {
        defer_accept: Some(defer).filter(|seconds| *seconds > 0),
        ..ListenOptions::default()
    };
    let content = match words.next() {
        Some(file) => fs::read(file)?,
        None => b"Hello, World!".to_vec(),
    };
    let mut answer = format!("{HEAD}{}\r\n\r\n", content.len()).into_bytes();
    answer.extend_from_slice(&content);
    hansom_net::raise_open_files();
    let listeners: Listeners = bind_all(&[(address, options)], workers)?;
    let ready = |bound: &[hansom_net::Address]| eprintln!("{}", bound[0].url("http"));
    Ok(run(
        listeners,
        RunOptions::default(),
        &Shutdown::new(),
        move |_| Fixed::new(&answer),
        ready,
    )?)
}

const IDLE_MILLIS: u64 = 75_000;
const CLOSE: &[u8] = b"connection: close";
const HEAD: &str = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: ";
