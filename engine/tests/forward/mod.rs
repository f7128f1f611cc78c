//! A worker that forwards, and servers that record what they are asked.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hansom_engine::outbound::{
    Fault, Line, LineOptions, OutboundContent, OutboundError, OutboundRequest,
};
use hansom_engine::{
    Admission, Answer, Exchange, Handler, Interims, NoRecorder, Response, Worker, WorkerOptions,
};
use http1::{Policy, RequestParts};
use net::{Address, ListenOptions, RunOptions, Shutdown, Signals};
use semantics::{
    ContentLength, Known, Refusal, RequestHead, ResponseHead, ResponseView, Section, Status,
};

/// Forwards all but `/quiet`, which says how many idle lines are quiet.
struct Forward(Rc<Pool>);

struct Pool {
    address: Address,
    options: Rc<LineOptions>,
    #[expect(
        clippy::vec_box,
        reason = "a line stays where it is when it changes hands"
    )]
    idle: RefCell<Vec<Box<Line>>>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Handler for Forward {
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        if exchange.head.target() == b"/quiet" {
            let mut idle = self.0.idle.borrow_mut();
            let quiet = idle
                .iter_mut()
                .filter_map(|it| it.is_quiet().then_some(()))
                .count();
            return Response::with_octets(ResponseHead::new(Status::OK), quiet.to_string()).into();
        }
        let request = exchange.head.to_owned();
        let content = match exchange.content {
            ContentLength::None => OutboundContent::None,
            length => OutboundContent::Incoming {
                length,
                incoming: exchange.receive(),
            },
        };
        let (pool, interims) = (Rc::clone(&self.0), exchange.interims());
        Answer::Later(Box::pin(async move {
            let answered = forward(&pool, request.head(), content, &interims).await;
            answered.unwrap_or_else(|error| {
                let status = match error.fault {
                    Fault::Timeout(_) => 504,
                    _ => 502,
                };
                pool.failed(&error);
                Response::new(Status::new(status).unwrap())
            })
        }))
    }

    fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
        Response::new(refusal.status())
    }
}

async fn forward(
    pool: &Rc<Pool>,
    head: RequestHead<'_>,
    content: OutboundContent,
    interims: &Interims,
) -> Result<Response, OutboundError> {
    let lines: Vec<_> = end_to_end(head.section()).collect();
    let mut line = pool.line().await?;
    let request = OutboundRequest {
        head: RequestParts::new(head.method_octets(), head.target(), &lines),
        content,
    };
    let on_interim = |head: ResponseView<'_>| {
        interims.push(copied(head));
    };
    let on_head = |head: ResponseView<'_>, _| copied(head);
    let head = line
        .exchange(&pool.options, request, on_interim, on_head)
        .await?;
    let back = Rc::clone(pool);
    let content = line.into_content(move |end| match end {
        Ok(line) if line.is_reusable() => back.idle.borrow_mut().push(line),
        Ok(_) => {}
        Err(error) => back.failed(&error),
    });
    Ok(Response { head, content })
}

fn end_to_end(section: Section<'_>) -> impl Iterator<Item = (&[u8], &[u8])> {
    section.iter().filter(|(name, _)| {
        let hop_by_hop = [
            Known::Connection,
            Known::ContentLength,
            Known::TransferEncoding,
        ];
        !Known::from_name(name).is_some_and(|known| hop_by_hop.contains(&known))
    })
}

fn copied(view: ResponseView<'_>) -> ResponseHead {
    let mut head = ResponseHead::new(view.status());
    for (name, value) in end_to_end(view.section()) {
        head.add_named(std::str::from_utf8(name).unwrap(), value);
    }
    head
}

impl Pool {
    async fn line(&self) -> Result<Box<Line>, OutboundError> {
        loop {
            let Some(mut line) = self.idle.borrow_mut().pop() else {
                return Line::connect(&self.address, &self.options).await;
            };
            if line.is_quiet() {
                return Ok(line);
            }
        }
    }

    fn failed(&self, error: &OutboundError) {
        let fault = match &error.fault {
            Fault::Connect(_) => "Connect".to_owned(),
            Fault::Timeout(awaited) => format!("Timeout {awaited:?}"),
            Fault::Refused(refusal) => format!("Refused {}", refusal.answer().name),
            Fault::Transport(_) => "Transport".to_owned(),
            other => format!("{other:?}"),
        };
        let flags = [
            (error.is_transmitted, " transmitted"),
            (error.is_answered, " answered"),
        ];
        let said: String = flags.iter().filter(|it| it.0).map(|it| it.1).collect();
        self.errors.lock().unwrap().push(fault + &said);
    }
}

/// The worker that forwards to a server.
pub(crate) struct Front {
    address: SocketAddr,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Front {
    pub(crate) fn start(server: &Server) -> Self {
        Self::to(server.address(), None)
    }

    /// One that waits for nothing very long.
    pub(crate) fn impatient(server: &Server) -> Self {
        Self::to(server.address(), Some(400))
    }

    pub(crate) fn to(server: SocketAddr, wait_millis: Option<u64>) -> Self {
        let (ready, address) = mpsc::channel();
        let shutdown = Shutdown::new();
        let errors = Arc::new(Mutex::new(Vec::new()));
        let (stop, seen) = (shutdown.clone(), Arc::clone(&errors));
        let make = move |_| {
            let pool = Rc::new(Pool {
                address: server.into(),
                options: Rc::new(LineOptions {
                    policy: Policy::responses(),
                    wait_millis,
                    may_trail: |name| Known::from_name(name) != Some(Known::Host),
                }),
                idle: RefCell::default(),
                errors: Arc::clone(&seen),
            });
            let options = WorkerOptions {
                policies: vec![Policy::strict()],
                server_field: Some("ours".to_owned()),
            };
            Worker::new(
                options,
                Forward(pool),
                NoRecorder,
                Arc::new(Admission::new()),
            )
        };
        let thread = thread::spawn(move || {
            let address = "127.0.0.1:0".parse().unwrap();
            let listeners = net::bind_all(&[(address, ListenOptions::default())], 1).unwrap();
            let options = RunOptions {
                signals: Signals::Ignore,
                ..RunOptions::default()
            };
            net::run(listeners, options, &stop, make, |bound| {
                let port = bound[0].port().unwrap();
                ready.send(([127, 0, 0, 1], port).into()).unwrap();
            })
            .unwrap();
        });
        Self {
            address: address.recv().unwrap(),
            shutdown,
            thread: Some(thread),
            errors,
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).unwrap();
        stream
    }

    /// All that comes until the connection ends, without what the front says of itself.
    pub(crate) fn ask(&self, requests: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(requests.as_bytes()).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let text = String::from_utf8(all).unwrap();
        let is_own = |line: &&str| {
            (line.starts_with("Date: ") && *line != "Date: then\r\n") || *line == "Server: ours\r\n"
        };
        text.split_inclusive("\r\n")
            .filter(|it| !is_own(it))
            .collect()
    }

    /// What went wrong with the server so far.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap().clone()
    }

    /// Idle lines that may be used again.
    pub(crate) fn lines_kept(&self) -> usize {
        let text = self.ask("GET /quiet HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (_, count) = text.split_once("\r\n\r\n").unwrap();
        count.parse().unwrap()
    }

    pub(crate) fn await_no_quiet_line(&self) {
        while self.lines_kept() > 0 {
            thread::yield_now();
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shutdown.end();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

/// A server that does the same with each of its connections, and records what is asked on them.
pub(crate) struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    records: Arc<Mutex<Vec<Arc<Record>>>>,
}

#[derive(Default)]
struct Record {
    octets: Mutex<Vec<u8>>,
    has_answered: AtomicBool,
    has_ended: AtomicBool,
}

impl Server {
    pub(crate) fn start(serve: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let records = Arc::new(Mutex::new(Vec::new()));
        let (over, all, serve) = (Arc::clone(&is_over), Arc::clone(&records), Arc::new(serve));
        let thread = thread::spawn(move || {
            let mut serving = Vec::new();
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let record = Arc::new(Record::default());
                all.lock().unwrap().push(Arc::clone(&record));
                let (stream, serve) = (stream.unwrap(), Arc::clone(&serve));
                stream.set_nodelay(true).unwrap();
                serving.push(thread::spawn(move || {
                    let ended = Arc::clone(&record);
                    serve(Peer { stream, record });
                    ended.has_ended.store(true, Ordering::SeqCst);
                }));
            }
            drop(listener);
            serving.into_iter().for_each(|it| it.join().unwrap());
        });
        Self {
            address,
            is_over,
            thread: Some(thread),
            records,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked on each connection.
    pub(crate) fn connections(&self) -> Vec<String> {
        let text = |record: &Arc<Record>| {
            String::from_utf8(record.octets.lock().unwrap().clone()).unwrap()
        };
        self.records.lock().unwrap().iter().map(text).collect()
    }

    fn await_record(&self, is_it: impl Fn(&Record) -> bool) {
        while !self
            .records
            .lock()
            .unwrap()
            .iter()
            .any(|record| is_it(record))
        {
            thread::yield_now();
        }
    }

    pub(crate) fn await_octets(&self, octets: &[u8]) {
        self.await_record(|record| record.octets.lock().unwrap().ends_with(octets));
    }

    /// Until what it said first has arrived.
    pub(crate) fn await_octets_answered(&self) {
        self.await_record(|record| record.has_answered.load(Ordering::SeqCst));
    }

    pub(crate) fn await_end_of_first(&self) {
        self.await_record(|record| record.has_ended.load(Ordering::SeqCst));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if !thread::panicking() {
            self.thread.take().unwrap().join().unwrap();
        }
    }
}

/// One connection of a server.
pub(crate) struct Peer {
    stream: TcpStream,
    record: Arc<Record>,
}

impl Peer {
    /// Waits until the other end has what was written, which on one machine is soon.
    pub(crate) fn settle(&self) {
        let stream = net::Stream::try_from(self.stream.try_clone().unwrap()).unwrap();
        // One that was reset has no peer, and takes nothing more.
        let is_up = || self.stream.peer_addr().is_ok();
        while is_up() && stream.unsent_octets().is_ok_and(|octets| octets > 0) {
            thread::yield_now();
        }
        self.stream.set_nonblocking(false).unwrap();
        self.record.has_answered.store(true, Ordering::SeqCst);
    }

    pub(crate) fn reset(self) {
        net::Stream::try_from(self.stream).unwrap().reset();
    }
}

impl Deref for Peer {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

impl Read for Peer {
    fn read(&mut self, octets: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(octets)?;
        let mut record = self.record.octets.lock().unwrap();
        record.extend_from_slice(&octets[..count]);
        Ok(count)
    }
}

impl Write for Peer {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.stream.write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes the pieces so that they arrive one by one, as far as that can be had and they are wanted.
pub(crate) fn write_apart(peer: &mut Peer, pieces: &[&[u8]]) {
    for piece in pieces {
        if peer.write_all(piece).is_err() {
            return;
        }
        peer.settle();
        (0..20).for_each(|_| thread::yield_now());
    }
}

/// A head, with its empty line; what there is of it when the other end is reached.
pub(crate) fn read_head(stream: &mut impl Read) -> String {
    read_until(stream, "\r\n\r\n")
}

fn read_until(stream: &mut impl Read, end: &str) -> String {
    let (mut text, mut octet) = (Vec::new(), [0]);
    while !text.ends_with(end.as_bytes()) && stream.read(&mut octet).is_ok_and(|it| it > 0) {
        text.push(octet[0]);
    }
    String::from_utf8(text).unwrap()
}

/// A whole request; `None` when the other end ended before it was whole.
pub(crate) fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut text = read_head(stream);
    if !text.ends_with("\r\n\r\n") {
        return None;
    }
    if text.contains("Transfer-Encoding: chunked\r\n") {
        loop {
            let line = read_until(stream, "\r\n");
            let octets = usize::from_str_radix(line.trim_end(), 16).ok()?;
            text.push_str(&line);
            if octets == 0 {
                break;
            }
            text.push_str(&read_content(stream, octets + 2)?);
        }
        loop {
            let line = read_until(stream, "\r\n");
            text.push_str(&line);
            match line.as_str() {
                "\r\n" => return Some(text),
                "" => return None,
                _ => {}
            }
        }
    }
    let length = text
        .lines()
        .find_map(|it| it.strip_prefix("Content-Length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    text.push_str(&read_content(stream, length)?);
    Some(text)
}

fn read_content(stream: &mut impl Read, octets: usize) -> Option<String> {
    let mut content = vec![0; octets];
    stream.read_exact(&mut content).ok()?;
    Some(String::from_utf8(content).unwrap())
}

/// The content of an answer that may be in chunks, and behind the last chunk the trailer section.
pub(crate) fn content_of(answer: &str) -> (String, Option<String>) {
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    if !head.contains("Transfer-Encoding: chunked") {
        return (rest.to_owned(), None);
    }
    let mut content = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let octets = usize::from_str_radix(size, 16).unwrap();
        if octets == 0 {
            return (content, Some(after.to_owned()));
        }
        content.push_str(&after[..octets]);
        rest = after[octets..].strip_prefix("\r\n").unwrap_or_default();
    }
    (content, None)
}
