//! Plays one case between its client and its server.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::super::dialogue::Failure;
use super::super::octets::{Bindings, expand};
use super::super::response::{self, AnswerTo, Framing, Progress, Response};
use super::super::rules;
use super::super::script::{Ending, Expectation, Level, is_in};
use super::judge;
use super::script::{Case, LineUse, Step};
use super::server::{Played, Recorder, Scene};

/// What came of one case.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Expectations that were not met; none is a success.
    pub failures: Vec<Failure>,
    /// All octets that the client sent.
    pub sent: Vec<u8>,
    /// All octets that the client received.
    pub received: Vec<u8>,
    /// All octets that reached the server, connection by connection.
    pub reached: Vec<Vec<u8>>,
    /// The statuses of final answers in order.
    pub statuses: Vec<String>,
    /// What reached the server, however its octets were cut: heads, contents and trailers.
    pub said: Vec<String>,
}

/// How a case is played.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// The gateway.
    pub gateway: SocketAddr,
    /// The server behind it.
    pub recorder: &'a Recorder,
    /// Where the client's octets are cut.
    pub cuts: &'a [usize],
    /// How long an answer may take.
    pub patience: Duration,
}

/// Plays a case.
///
/// # Errors
/// A mistake in the case.
pub fn play(case: &Case, way: &Way<'_>) -> Result<Outcome, String> {
    let bindings = once();
    let scene = scene(case, &bindings)?;
    way.recorder.stage(scene);
    let mut dialogue = Dialogue {
        case,
        way,
        bindings,
        client: None,
        outcome: Outcome::default(),
        is_lost: false,
    };
    dialogue.play()?;
    judge::asked(case, way, &dialogue.bindings, &mut dialogue.outcome)?;
    Ok(dialogue.outcome)
}

/// How many octets a case sends.
///
/// # Errors
/// A mistake in the case.
pub fn sent_octets(case: &Case) -> Result<usize, String> {
    let bindings = once();
    case.steps.iter().try_fold(0, |sum, step| match step {
        Step::Send(text) => Ok(sum + expand(text, &bindings)?.len()),
        _ => Ok(sum),
    })
}

/// `{ONCE}`: eight digits that no other dialogue of this process has.
fn once() -> Bindings {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Bindings::from([("ONCE".to_owned(), format!("{number:08}").into_bytes())])
}

fn scene(case: &Case, bindings: &Bindings) -> Result<Scene, String> {
    let octets = |texts: &[String]| texts.iter().map(|text| expand(text, bindings)).collect();
    let acts = case.acts.iter().map(|act| {
        let pieces: Result<Vec<_>, String> = octets(&act.pieces);
        Ok(Played {
            is_early: act.is_early,
            pieces: pieces?,
            then: act.then,
        })
    });
    Ok(Scene {
        unasked: case
            .unasked
            .as_deref()
            .map(|text| expand(text, bindings))
            .transpose()?,
        acts: acts.collect::<Result<_, String>>()?,
        in_turn: case.in_turn,
    })
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Timeout,
    Closed,
    Reset,
}

#[derive(Debug)]
struct Dialogue<'a> {
    case: &'a Case,
    way: &'a Way<'a>,
    bindings: Bindings,
    client: Option<Client>,
    outcome: Outcome,
    /// Whether nothing more can be said of what comes.
    is_lost: bool,
}

impl Dialogue<'_> {
    fn play(&mut self) -> Result<(), String> {
        match Client::connect(self.way) {
            Ok(client) => self.client = Some(client),
            Err(error) => {
                self.fail(Level::Must, format!("cannot connect: {error}"));
                return Ok(());
            }
        }
        self.play_steps()?;
        if !self.is_lost && self.client.is_some() {
            self.end();
        }
        self.leave();
        self.probe();
        Ok(())
    }

    fn fail(&mut self, level: Level, what: impl Into<String>) {
        self.outcome.failures.push(Failure {
            level,
            what: what.into(),
        });
    }

    fn play_steps(&mut self) -> Result<(), String> {
        // A run of sends is one send: a case breaks its lines for the reader only.
        let mut pending = Vec::new();
        for step in &self.case.steps {
            if let Step::Send(text) = step {
                pending.extend(expand(text, &self.bindings)?);
                continue;
            }
            self.send(std::mem::take(&mut pending));
            match step {
                Step::Pause => thread::sleep(PAUSE),
                Step::HalfClose => {
                    self.flush();
                    if let Some(client) = &self.client {
                        let _ = client.stream.shutdown(Shutdown::Write);
                    }
                }
                Step::Leave => {
                    thread::sleep(PAUSE);
                    self.leave();
                }
                Step::Expect(expectation) => {
                    let times: usize = expectation.times.parse().map_err(|_| "not a count")?;
                    for _ in 0..times {
                        self.expect(expectation)?;
                        if self.is_lost {
                            return Ok(());
                        }
                    }
                }
                Step::Send(_) => {}
            }
        }
        self.send(pending);
        Ok(())
    }

    fn send(&mut self, octets: Vec<u8>) {
        let Some(client) = &mut self.client else {
            return;
        };
        let before = self.outcome.sent.len();
        let is_inside = |cut: &usize| (1..octets.len()).contains(cut);
        let cuts: Vec<_> = self
            .way
            .cuts
            .iter()
            .filter_map(|cut| cut.checked_sub(before))
            .filter(is_inside)
            .collect();
        self.outcome.sent.extend_from_slice(&octets);
        client.send(octets, cuts);
    }

    fn flush(&mut self) {
        if let Some(client) = &mut self.client {
            client.flush();
        }
    }

    /// The client closes.
    fn leave(&mut self) {
        if let Some(mut client) = self.client.take() {
            self.outcome.received.append(&mut client.received);
            let _ = client.stream.shutdown(Shutdown::Both);
            client.flush();
        }
    }

    fn expect(&mut self, expectation: &Expectation) -> Result<(), String> {
        let Some(client) = &mut self.client else {
            return Ok(());
        };
        let answer_to = match expectation.to_head {
            true => AnswerTo::Head,
            false => AnswerTo::Other,
        };
        let allowed = &expectation.statuses;
        let came = client.receive(answer_to, self.way.patience);
        let word = match &came {
            Came::Whole(response, _) => response.status.to_string(),
            Came::Cut => "cut".to_owned(),
            Came::Nothing => "nothing".to_owned(),
            Came::Wrong(_) => "wrong".to_owned(),
        };
        let is_allowed = match &came {
            Came::Whole(response, _) => is_in(response.status, allowed),
            _ => allowed.split('|').any(|it| it == word),
        };
        if expectation.is_optional && !is_allowed {
            return Ok(());
        }
        let level = self.case.level;
        match came {
            Came::Whole(response, taken) => {
                client.held.drain(..taken);
                if response.status >= 200 {
                    self.outcome.statuses.push(word.clone());
                }
                if !is_allowed {
                    self.is_lost = response.framing == Framing::Close;
                    self.fail(level, format!("expected {allowed}, came {word}"));
                } else {
                    self.judge(expectation, &response)?;
                }
                let more = judge::answer(&response);
                self.outcome.failures.extend(more);
            }
            Came::Wrong(what) => {
                self.is_lost = true;
                if !is_allowed {
                    let what = format!("expected {allowed}, came what is no answer: {what}");
                    self.fail(Level::Must, what);
                }
            }
            Came::Cut | Came::Nothing => {
                self.is_lost = true;
                self.outcome.statuses.push(word.clone());
                if !is_allowed {
                    self.fail(
                        level,
                        format!(
                            "expected {allowed}, came {word}: {:?}",
                            client_end(&self.client)
                        ),
                    );
                }
            }
        }
        Ok(())
    }

    fn judge(&mut self, expectation: &Expectation, response: &Response) -> Result<(), String> {
        for check in &expectation.checks {
            let failure = rules::judge(check, response, &self.bindings)?;
            self.outcome.failures.extend(failure);
        }
        Ok(())
    }

    /// Judges what becomes of the client's connection.
    fn end(&mut self) {
        let (ending, level) = (self.case.ending, self.case.ending_level);
        if matches!(ending, Ending::Open | Ending::Either) {
            let probe = probe(&self.bindings, "1");
            self.flush();
            if let Some(client) = &mut self.client {
                client.send(probe, Vec::new());
            }
        }
        let Some(client) = &mut self.client else {
            return;
        };
        let came = client.receive(AnswerTo::Other, self.way.patience);
        match (came, ending) {
            (Came::Whole(response, _), Ending::Open | Ending::Either) => {
                if response.status != 200 || response.content != mark(&self.bindings, "1") {
                    let what = format!(
                        "the answer to one more request was another: {}",
                        response.status
                    );
                    self.fail(Level::Must, what);
                }
            }
            (Came::Whole(response, _), _) => {
                self.fail(
                    Level::Must,
                    format!("a further answer came: {}", response.status),
                );
            }
            (Came::Wrong(what), _) => {
                self.fail(Level::Must, format!("further octets came: {what}"))
            }
            (Came::Cut, _) => self.fail(Level::Must, "further octets came, and were cut"),
            (Came::Nothing, Ending::Open) => {
                self.fail(
                    level,
                    format!(
                        "one more request was not answered: {:?}",
                        client_end(&self.client)
                    ),
                );
            }
            (Came::Nothing, ending) if client.end == Some(End::Timeout) => {
                let what = match ending {
                    Ending::Either => {
                        "one more request was neither answered nor its connection closed"
                    }
                    _ => "the connection was not closed",
                };
                self.fail(level, what);
            }
            (Came::Nothing, _) => {}
        }
    }

    /// Asks on a new connection, whatever happened: its answer must be its own, and whichever connection of the server it comes on tells
    /// which were given up.
    fn probe(&mut self) {
        let patience = self.way.patience;
        // What the server still says must have come.
        self.way.recorder.records();
        let Ok(mut client) = Client::connect(self.way) else {
            return self.fail(Level::Must, "afterwards nobody can connect");
        };
        client.send(probe(&self.bindings, "2"), Vec::new());
        match client.receive(AnswerTo::Other, patience) {
            Came::Whole(response, _) if response.content == mark(&self.bindings, "2") => {}
            Came::Whole(response, _) => {
                let what = format!(
                    "afterwards another client got an answer that is not its own: {}",
                    response.status
                );
                self.fail(Level::Must, what);
            }
            _ => self.fail(
                Level::Must,
                format!("afterwards another client got no answer: {:?}", client.end),
            ),
        }
    }
}

fn client_end(client: &Option<Client>) -> Option<End> {
    client.as_ref().and_then(|client| client.end.clone())
}

fn mark(bindings: &Bindings, number: &str) -> Vec<u8> {
    let once = bindings.get("ONCE").map(Vec::as_slice).unwrap_or_default();
    [once, b"-", number.as_bytes()].concat()
}

fn probe(bindings: &Bindings, number: &str) -> Vec<u8> {
    let mark = mark(bindings, number);
    let head = [
        b"GET /probe/",
        &mark[..],
        b" HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ];
    head.concat()
}

/// What came.
#[derive(Debug)]
enum Came {
    /// An answer, and the octets that it takes.
    Whole(Response, usize),
    /// The connection ended, or fell silent, within an answer.
    Cut,
    /// The connection ended, or fell silent.
    Nothing,
    /// Octets that no server may send.
    Wrong(String),
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    held: Vec<u8>,
    received: Vec<u8>,
    end: Option<End>,
    writers: Vec<thread::JoinHandle<()>>,
}

impl Client {
    fn connect(way: &Way<'_>) -> std::io::Result<Self> {
        let stream = TcpStream::connect(way.gateway)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(way.patience))?;
        Ok(Self {
            stream,
            held: Vec::new(),
            received: Vec::new(),
            end: None,
            writers: Vec::new(),
        })
    }

    /// Sends octets. A gateway may refuse before it has read them all: failures to send are its right.
    fn send(&mut self, octets: Vec<u8>, cuts: Vec<usize>) {
        if octets.len() <= SENT_INLINE_MAX {
            let _ = write_pieces(&mut self.stream, &octets, &cuts);
        } else if let Ok(mut stream) = self.stream.try_clone() {
            self.writers.push(thread::spawn(move || {
                drop(write_pieces(&mut stream, &octets, &cuts))
            }));
        }
    }

    fn flush(&mut self) {
        for writer in self.writers.drain(..) {
            let _ = writer.join();
        }
    }

    fn receive(&mut self, answer_to: AnswerTo, patience: Duration) -> Came {
        let deadline = Instant::now() + patience;
        loop {
            // A reset is no end that completes anything.
            let at_end = self.end == Some(End::Closed);
            if !self.held.is_empty() {
                match response::parse(&self.held, answer_to, at_end) {
                    Ok(Progress::Complete(response, taken)) => return Came::Whole(response, taken),
                    Ok(Progress::Partial) => {}
                    Err(what) => return Came::Wrong(what),
                }
            }
            match &self.end {
                Some(_) if self.held.is_empty() => return Came::Nothing,
                Some(End::Timeout) => return Came::Nothing,
                Some(_) => return Came::Cut,
                None => self.read_some(deadline),
            }
        }
    }

    fn read_some(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.end = Some(End::Timeout);
            return;
        }
        let mut space = vec![0; 64 << 10];
        let _ = self.stream.set_read_timeout(Some(left));
        match self.stream.read(&mut space) {
            Ok(0) => self.end = Some(End::Closed),
            Ok(count) => {
                self.held.extend_from_slice(&space[..count]);
                self.received.extend_from_slice(&space[..count]);
            }
            Err(error) => match error.kind() {
                std::io::ErrorKind::Interrupted => {}
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                    self.end = Some(End::Timeout)
                }
                _ => self.end = Some(End::Reset),
            },
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A reset leaves no TIME_WAIT behind, of which every cut would leave thousands.
        if self.end.is_some() {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

fn write_pieces(stream: &mut TcpStream, octets: &[u8], cuts: &[usize]) -> std::io::Result<()> {
    let mut from = 0;
    for &cut in cuts {
        stream.write_all(&octets[from..cut])?;
        thread::sleep(BETWEEN_PIECES);
        from = cut;
    }
    stream.write_all(&octets[from..])
}

/// Whether the line was used for the first request after those of the case.
pub(super) fn is_line_as(expected: LineUse, last: usize, probe: usize) -> bool {
    (last == probe) == (expected == LineUse::Kept)
}

/// Larger sends get a thread, since their answer may come before the gateway has read them all.
const SENT_INLINE_MAX: usize = 32 << 10;
/// Lets the gateway read one piece before the next comes; what it does must not depend on it.
const BETWEEN_PIECES: Duration = Duration::from_micros(300);
/// Lets the gateway act on what it has.
const PAUSE: Duration = Duration::from_millis(40);
