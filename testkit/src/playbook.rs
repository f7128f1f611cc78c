//! Dialogues with a machine: octets in, events and octets out. No I/O, no time.
//!
//! ```
//! use hansom_testkit::playbook::{every_cut, ServerPlay};
//! use http1::Policy;
//!
//! every_cut(|cut| {
//!     ServerPlay::new(Policy::strict(), cut)
//!         .receives("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
//!         .tells("event 0 head GET / []")
//!         .tells("event 0 end no-content")
//!         .answers(200, "ab")
//!         .transmits("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
//!         .settles("kept");
//! });
//! ```
//!
//! [`case`] plays the same words from files.

pub mod case;
mod words;

use std::collections::VecDeque;

use http1::{Client, Delivery, Policy, RequestParts, ResponseScratch, Scratch, Server};
use semantics::{ContentLength, ResponseHead, Stamp, Status};

/// How octets are handed to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As they are written in the dialogue.
    Whole,
    /// One at a time.
    Octets,
    /// Three at a time.
    Threes,
}

impl Cut {
    fn pieces(self, octets: &[u8]) -> impl Iterator<Item = &[u8]> {
        octets.chunks(match self {
            Self::Whole => usize::MAX,
            Self::Octets => 1,
            Self::Threes => 3,
        })
    }
}

/// Plays a dialogue once for each way of cutting.
pub fn every_cut(play: impl Fn(Cut)) {
    for cut in [Cut::Whole, Cut::Octets, Cut::Threes] {
        play(cut);
    }
}

/// A dialogue with the server's half.
#[derive(Debug)]
pub struct ServerPlay {
    machine: Server,
    scratch: Scratch,
    policy: Policy,
    cut: Cut,
    input: Vec<u8>,
    told: VecDeque<String>,
    out: Vec<u8>,
}

impl ServerPlay {
    /// A connection on which nothing was received.
    pub fn new(policy: Policy, cut: Cut) -> Self {
        Self {
            machine: Server::new(),
            scratch: Scratch::default(),
            policy,
            cut,
            input: Vec::new(),
            told: VecDeque::new(),
            out: Vec::new(),
        }
    }

    /// The client transmits this.
    pub fn receives(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        for piece in self.cut.pieces(octets.as_ref()) {
            self.input.extend_from_slice(piece);
            self.poll();
        }
        self
    }

    /// The client transmits nothing more.
    pub fn ends(&mut self) -> &mut Self {
        if let Some(refusal) = self.machine.end_of_input() {
            self.told.push_back(words::refused(refusal));
        }
        self
    }

    /// The next event is this one, in the words of corpus cases.
    pub fn tells(&mut self, words: &str) -> &mut Self {
        assert_eq!(
            self.told.pop_front().as_deref(),
            Some(words),
            "{:?}",
            self.cut
        );
        self
    }

    /// There is no event.
    pub fn tells_nothing(&mut self) -> &mut Self {
        assert_eq!(self.told.pop_front(), None, "{:?}", self.cut);
        self
    }

    /// A handler answers with this status and content.
    pub fn answers(&mut self, status: u16, content: impl AsRef<[u8]>) -> &mut Self {
        let octets = content.as_ref();
        self.answers_with(status, ContentLength::Exactly(octets.len() as u64), octets)
    }

    /// A handler answers with content of this announced length.
    pub fn answers_with(
        &mut self,
        status: u16,
        length: ContentLength,
        content: impl AsRef<[u8]>,
    ) -> &mut Self {
        let head = head_of(status);
        self.machine
            .submit_head(delivery(&STAMP), &head, length, &mut self.out);
        if !head.status().is_interim() {
            self.submit_content(content.as_ref());
            self.machine.submit_end(None, &mut self.out);
        }
        self
    }

    /// A handler answers with the head of a tunnel, which the request asks for.
    pub fn tunnels(&mut self, status: u16, lines: &[(&str, &str)]) -> &mut Self {
        assert!(self.submit_tunnel(status, lines), "{:?}", self.cut);
        self
    }

    /// A handler that answers so makes a mistake.
    pub fn tunnels_nothing(&mut self, status: u16) -> &mut Self {
        assert!(!self.submit_tunnel(status, &[]), "{:?}", self.cut);
        self
    }

    fn submit_tunnel(&mut self, status: u16, lines: &[(&str, &str)]) -> bool {
        let mut head = head_of(status);
        for (name, value) in lines {
            head.add_named(name, value.as_bytes());
        }
        self.machine
            .submit_tunnel(delivery(&STAMP), &head, &mut self.out)
    }

    /// What was received and not read, as that of a tunnel.
    pub fn leaves(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        self.poll();
        assert_eq!(self.input, octets.as_ref(), "{:?}", self.cut);
        self
    }

    fn submit_content(&mut self, content: &[u8]) {
        let may = self
            .machine
            .submit_content(content.len() as u64, &mut self.out) as usize;
        self.out.extend_from_slice(&content[..may]);
    }

    /// The machine has written exactly this, but for the Date of every answer.
    pub fn transmits(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        let date = format!("Date: {}\r\n", String::from_utf8_lossy(&STAMP.date));
        let out = String::from_utf8_lossy(&std::mem::take(&mut self.out)).replace(&date, "");
        assert_eq!(
            out,
            String::from_utf8_lossy(octets.as_ref()),
            "{:?}",
            self.cut
        );
        self
    }

    /// The exchange is over, and this becomes of the connection; what waits is read.
    pub fn settles(&mut self, name: &str) -> &mut Self {
        let fate = self.machine.settle().map(|fate| fate.because().name);
        assert_eq!(fate, Some(name), "{:?}", self.cut);
        self.poll();
        self
    }

    /// The exchange is not over.
    pub fn settles_nothing(&mut self) -> &mut Self {
        assert_eq!(self.machine.settle(), None, "{:?}", self.cut);
        self
    }

    /// The machine, for what has no word here.
    pub fn machine(&mut self) -> &mut Server {
        &mut self.machine
    }

    fn poll(&mut self) {
        let mut input = &self.input[..];
        while let Some(event) = self
            .machine
            .poll_event(&self.policy, &mut self.scratch, &mut input)
        {
            words::push(&mut self.told, &event);
        }
        let read = self.input.len() - input.len();
        self.input.drain(..read);
    }
}

/// A dialogue with the client's half.
#[derive(Debug)]
pub struct ClientPlay {
    machine: Client,
    scratch: ResponseScratch,
    policy: Policy,
    cut: Cut,
    input: Vec<u8>,
    told: VecDeque<String>,
    out: Vec<u8>,
}

impl ClientPlay {
    /// A connection on which nothing was transmitted.
    pub fn new(policy: Policy, cut: Cut) -> Self {
        Self {
            machine: Client::new(),
            scratch: ResponseScratch::default(),
            policy,
            cut,
            input: Vec::new(),
            told: VecDeque::new(),
            out: Vec::new(),
        }
    }

    /// A request without content, with these field lines beside Host.
    pub fn asks(&mut self, method: &str, target: &str, lines: &[(&str, &str)]) -> &mut Self {
        self.asks_with(method, target, lines, ContentLength::None, "")
    }

    /// A request with content of this announced length.
    pub fn asks_with(
        &mut self,
        method: &str,
        target: &str,
        lines: &[(&str, &str)],
        length: ContentLength,
        content: &str,
    ) -> &mut Self {
        let host: (&[u8], &[u8]) = (b"Host", b"a");
        let lines = lines.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let lines: Vec<_> = std::iter::once(host).chain(lines).collect();
        let request = RequestParts::new(method.as_bytes(), target.as_bytes(), &lines);
        self.machine
            .submit_request(request, length, &mut self.out)
            .expect("the request may be submitted");
        let may = self
            .machine
            .submit_content(content.len() as u64, &mut self.out) as usize;
        self.out.extend_from_slice(&content.as_bytes()[..may]);
        self.machine
            .submit_end(None, &mut self.out)
            .expect("the request may end");
        self
    }

    /// The machine has written exactly this.
    pub fn transmits(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        let out = std::mem::take(&mut self.out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(octets.as_ref())
        );
        self
    }

    /// The server transmits this.
    pub fn receives(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        for piece in self.cut.pieces(octets.as_ref()) {
            self.input.extend_from_slice(piece);
            let mut input = &self.input[..];
            while let Some(event) =
                self.machine
                    .poll_event(&self.policy, &mut self.scratch, &mut input)
            {
                words::push(&mut self.told, &event);
            }
            let read = self.input.len() - input.len();
            self.input.drain(..read);
        }
        self
    }

    /// The server transmits nothing more.
    pub fn ends(&mut self) -> &mut Self {
        if let Some(event) = self.machine.end_of_input() {
            words::push(&mut self.told, &event);
        }
        self
    }

    /// The next event is this one, in the words of corpus cases.
    pub fn tells(&mut self, words: &str) -> &mut Self {
        assert_eq!(
            self.told.pop_front().as_deref(),
            Some(words),
            "{:?}",
            self.cut
        );
        self
    }

    /// There is no event.
    pub fn tells_nothing(&mut self) -> &mut Self {
        assert_eq!(self.told.pop_front(), None, "{:?}", self.cut);
        self
    }

    /// This becomes of the connection.
    pub fn settles(&mut self, name: &str) -> &mut Self {
        assert_eq!(self.machine.fate().because().name, name, "{:?}", self.cut);
        self
    }

    /// What a tunnel or a close left unread.
    pub fn leaves(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        assert_eq!(self.input, octets.as_ref(), "{:?}", self.cut);
        self
    }

    /// The machine, for what has no word here.
    pub fn machine(&mut self) -> &mut Client {
        &mut self.machine
    }
}

fn head_of(status: u16) -> ResponseHead {
    ResponseHead::new(Status::new(status).expect("three digits"))
}

fn delivery(stamp: &Stamp) -> Delivery<'_> {
    Delivery {
        stamp,
        keep_alive_seconds: 75,
    }
}

/// Time stands still in a dialogue.
static STAMP: Stamp = Stamp {
    date: *b"Thu, 01 Jan 1970 00:00:00 GMT",
    server: None,
};
