//! A server that stands behind a gateway, and does what it is told.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use rustix::io::Errno;
use rustix::net::RecvFlags;

use crate::harness::{PATIENCE, until};

/// A server that answers with its name, and can be told to wait, to fail and to close.
#[derive(Clone, Debug)]
pub(crate) struct Behind {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The heads of requests, in the order in which they came.
    pub(crate) asked: Mutex<Vec<String>>,
    /// Requests that are held back until they are let go.
    pub(crate) is_holding: Mutex<bool>,
    pub(crate) let_go: Condvar,
    /// Every request is answered by closing.
    pub(crate) is_broken: AtomicBool,
    pub(crate) open: AtomicUsize,
    pub(crate) open_most: AtomicUsize,
    /// Ends our side of each connection while it is idle, to see what the other does.
    pub(crate) streams: Mutex<Vec<TcpStream>>,
    /// Connections that the other side ended.
    pub(crate) ended: AtomicUsize,
}

impl Behind {
    pub(crate) fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let this = Self {
            name,
            address: listener.local_addr().expect("an address"),
            state: Arc::default(),
        };
        let own = this.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let own = own.clone();
                own.count(&stream);
                thread::spawn(move || own.serve(stream));
            }
        });
        this
    }

    /// Counts those that are open when one more is there, whatever their threads have seen of that yet.
    fn count(&self, stream: &TcpStream) {
        let mut streams = lock(&self.state.streams);
        streams.push(stream.try_clone().expect("another handle"));
        streams.retain(is_open);
        self.state
            .open_most
            .fetch_max(streams.len(), Ordering::SeqCst);
    }

    fn serve(&self, mut stream: TcpStream) {
        let state = &*self.state;
        state.open.fetch_add(1, Ordering::SeqCst);
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        while let Some(head) = read_head(&mut stream) {
            let is_health = head.starts_with("GET /health");
            lock(&state.asked).push(head);
            let mut is_holding = lock(&state.is_holding);
            while *is_holding && !is_health {
                is_holding = state.let_go.wait(is_holding).expect("nobody panicked");
            }
            drop(is_holding);
            if state.is_broken.load(Ordering::SeqCst) {
                break;
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
                self.name.len(),
                self.name
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
        state.open.fetch_sub(1, Ordering::SeqCst);
        state.ended.fetch_add(1, Ordering::SeqCst);
        let _ = stream.shutdown(Shutdown::Both);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn hold(&self) {
        *lock(&self.state.is_holding) = true;
    }

    pub(crate) fn let_go(&self) {
        *lock(&self.state.is_holding) = false;
        self.state.let_go.notify_all();
    }

    pub(crate) fn set_broken(&self, is_broken: bool) {
        self.state.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// The request lines of clients so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = lock(&self.state.asked);
        let lines = asked.iter().filter_map(|head| head.lines().next());
        let lines = lines.filter(|line| !line.contains("/health"));
        lines.map(str::to_owned).collect()
    }

    pub(crate) fn awaits(&self, count: usize) {
        until("the server is asked", || {
            (self.asked().len() >= count).then_some(())
        });
    }

    pub(crate) fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

/// Whether the other side has not ended a connection.
fn is_open(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match rustix::net::recv(stream, &mut [0; 1], flags) {
        Ok((octets, _)) => octets > 0,
        Err(error) => error == Errno::AGAIN,
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panicked with it")
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut octet) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read(&mut octet).ok()? == 0 {
            return None;
        }
        text.push(octet[0]);
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}
