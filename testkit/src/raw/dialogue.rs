//! Plays one case against a server and judges what came.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::octets::{Bindings, expand};
use super::response::{self, AnswerTo, Progress, Response};
use super::rules;
use super::script::{Case, Check, Ending, Expectation, Level, Step, is_in};

/// The server that is judged.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// What cases may name between braces.
    pub bindings: Bindings,
    /// How long an answer may take.
    pub patience: Duration,
}

/// How the octets of a case are handed to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Each send at once.
    Whole,
    /// Octet by octet.
    Drip,
    /// In two pieces, cut before this octet of all that the case sends.
    CutAt(usize),
}

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How binding it was.
    pub level: Level,
    /// What was expected and what came.
    pub what: String,
}

/// What came of one case.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Expectations that were not met; none is a success.
    pub failures: Vec<Failure>,
    /// All octets sent.
    pub sent: Vec<u8>,
    /// All octets received.
    pub received: Vec<u8>,
    /// The statuses of final responses in order, the probe's included.
    pub statuses: Vec<u16>,
}

/// The request that proves a connection usable.
const PROBE: &[u8] = b"GET /a.txt HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
const PROBE_CONTENT: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
/// Larger sends get a thread, since their answer may come before the server has read them all.
const SENT_INLINE_MAX: usize = 32 << 10;
/// Larger sends drip at their ends only.
const DRIPPED_OCTETS_MAX: usize = 4096;
/// Lets the server read one piece before the next comes; its answers must not depend on it.
const BETWEEN_PIECES: Duration = Duration::from_micros(400);

/// Plays a case. An error is a mistake in the case, not in the server.
pub fn play(case: &Case, server: &Server, delivery: Delivery) -> Result<Outcome, String> {
    let mut dialogue = match Dialogue::open(case, server, delivery) {
        Ok(dialogue) => dialogue,
        Err(error) => {
            let what = format!("cannot connect: {error}");
            return Ok(Outcome {
                failures: vec![Failure {
                    level: Level::Must,
                    what,
                }],
                ..Outcome::default()
            });
        }
    };
    dialogue.play_steps()?;
    Ok(dialogue.finish())
}

/// How many octets a case sends, without what it takes from its responses.
pub fn sent_octets(case: &Case, bindings: &Bindings) -> Result<usize, String> {
    let mut bindings = bindings.clone();
    bindings.extend(once());
    for step in &case.steps {
        if let Step::Expect(expectation) = step {
            let taken = expectation.checks.iter().filter_map(Check::takes);
            bindings.extend(taken.map(|(name, _)| (name.to_owned(), Vec::new())));
        }
    }
    case.steps.iter().try_fold(0, |sum, step| match step {
        Step::Send(text) => Ok(sum + expand(text, &bindings)?.len()),
        _ => Ok(sum),
    })
}

/// `{ONCE}`: eight digits that no other dialogue of this process has, for names of its own.
fn once() -> [(String, Vec<u8>); 1] {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    [("ONCE".to_owned(), format!("{number:08}").into_bytes())]
}

/// Why no response came.
#[derive(Debug)]
enum Fault {
    Timeout,
    Closed,
    Reset,
    Syntax(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("nothing came in time"),
            Self::Closed => f.write_str("the connection was closed"),
            Self::Reset => f.write_str("the connection was reset"),
            Self::Syntax(what) => write!(f, "not a response: {what}"),
        }
    }
}

#[derive(Debug)]
struct Dialogue<'a> {
    case: &'a Case,
    server: &'a Server,
    bindings: Bindings,
    delivery: Delivery,
    stream: TcpStream,
    held: Vec<u8>,
    end: Option<Fault>,
    last: Option<Response>,
    writers: Vec<thread::JoinHandle<()>>,
    outcome: Outcome,
}

impl<'a> Dialogue<'a> {
    fn open(case: &'a Case, server: &'a Server, delivery: Delivery) -> std::io::Result<Self> {
        let stream = TcpStream::connect(server.address)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        let (held, writers, outcome) = (Vec::new(), Vec::new(), Outcome::default());
        let mut bindings = server.bindings.clone();
        bindings.extend(once());
        Ok(Self {
            case,
            server,
            bindings,
            delivery,
            stream,
            held,
            end: None,
            last: None,
            writers,
            outcome,
        })
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
                Step::Flush => self.flush(),
                Step::HalfClose => drop(self.stream.shutdown(Shutdown::Write)),
                Step::Expect(expectation) => {
                    let times = &expectation.times;
                    for _ in 0..times
                        .parse::<usize>()
                        .map_err(|_| format!("not a count: {times:?}"))?
                    {
                        self.expect(expectation)?;
                        if !self.outcome.failures.is_empty() && self.end.is_some() {
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

    fn finish(mut self) -> Outcome {
        let is_lost = self
            .outcome
            .failures
            .iter()
            .any(|failure| failure.what.starts_with(NO_RESPONSE));
        if !is_lost {
            self.end();
        }
        // A reset leaves no TIME_WAIT behind, of which every split would leave thousands.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        let _ = self.stream.shutdown(Shutdown::Both);
        for writer in self.writers {
            let _ = writer.join();
        }
        self.outcome
    }

    fn fail(&mut self, level: Level, what: impl Into<String>) {
        self.outcome.failures.push(Failure {
            level,
            what: what.into(),
        });
    }

    /// Sends octets. A server may refuse before it has read them all: failures to send are its right.
    fn send(&mut self, octets: Vec<u8>) {
        let before = self.outcome.sent.len();
        self.outcome.sent.extend_from_slice(&octets);
        let pieces = pieces(&octets, before, self.delivery);
        if octets.len() <= SENT_INLINE_MAX {
            let _ = write_pieces(&mut self.stream, &octets, &pieces);
        } else if let Ok(mut stream) = self.stream.try_clone() {
            self.writers.push(thread::spawn(move || {
                drop(write_pieces(&mut stream, &octets, &pieces))
            }));
        }
    }

    fn expect(&mut self, expectation: &Expectation) -> Result<(), String> {
        let answer_to = if expectation.to_head {
            AnswerTo::Head
        } else {
            AnswerTo::Other
        };
        let response = match self.receive(answer_to) {
            Ok((response, taken)) => {
                if expectation.is_optional && !is_in(response.status, &expectation.statuses) {
                    return Ok(());
                }
                self.held.drain(..taken);
                response
            }
            Err(Fault::Closed) if expectation.is_optional => return Ok(()),
            Err(fault) => {
                self.fail(
                    self.case.level,
                    format!("{NO_RESPONSE} {}: {fault}", expectation.statuses),
                );
                self.end.get_or_insert(fault);
                return Ok(());
            }
        };
        self.judge(expectation, response, answer_to)
    }

    fn judge(
        &mut self,
        expectation: &Expectation,
        response: Response,
        answer_to: AnswerTo,
    ) -> Result<(), String> {
        if !is_in(response.status, &expectation.statuses) {
            self.fail(
                self.case.level,
                format!(
                    "expected {}, came {}",
                    expectation.statuses, response.status
                ),
            );
        } else {
            for check in &expectation.checks {
                if let Some((name, field)) = check.takes() {
                    let value = response.value(field).unwrap_or_default();
                    self.bindings
                        .insert(name.to_owned(), value.as_bytes().to_vec());
                    continue;
                }
                let failure = rules::judge(check, &response, &self.bindings)?;
                self.outcome.failures.extend(failure);
            }
        }
        self.outcome
            .failures
            .extend(rules::always(&response, answer_to));
        if response.status >= 200 {
            self.outcome.statuses.push(response.status);
        }
        self.last = Some(response);
        Ok(())
    }

    /// Judges what becomes of the connection.
    fn end(&mut self) {
        match self.case.ending {
            Ending::Close | Ending::Eof => self.end_closed(),
            Ending::Open | Ending::Either => self.end_probed(),
        }
    }

    fn end_closed(&mut self) {
        match self.receive(AnswerTo::Other) {
            Ok((response, _)) => {
                self.outcome.statuses.push(response.status);
                self.fail(
                    self.case.level,
                    format!("a further response came: {}", response.status),
                );
            }
            Err(Fault::Closed | Fault::Reset) => {}
            Err(Fault::Timeout) => {
                self.fail(self.case.ending_level, "the connection was not closed")
            }
            Err(fault) => self.fail(self.case.level, format!("further octets came: {fault}")),
        }
        let is_told = self
            .last
            .as_ref()
            .is_none_or(|last| last.has_member("connection", "close"));
        if self.case.ending == Ending::Close && !is_told {
            let level = self.case.ending_level.max(Level::Should);
            self.fail(
                level,
                "closed without saying `Connection: close` (RFC 9112 §9.6)",
            );
        }
    }

    fn end_probed(&mut self) {
        let may_close = self.case.ending == Ending::Either;
        self.send_probe();
        match self.receive(AnswerTo::Other) {
            Ok((response, taken)) => {
                self.held.drain(..taken);
                self.outcome.statuses.push(response.status);
                if response.status != 200 || response.content != PROBE_CONTENT {
                    let what = format!(
                        "the answer to one more request was another: {}",
                        response.status
                    );
                    return self.fail(self.case.level, what);
                }
                match self.receive(AnswerTo::Other) {
                    Ok((extra, _)) => self.fail(
                        self.case.level,
                        format!("a further response came: {}", extra.status),
                    ),
                    Err(Fault::Syntax(what)) => {
                        self.fail(self.case.level, format!("further octets came: {what}"))
                    }
                    Err(Fault::Timeout) => self.fail(
                        Level::Must,
                        "not closed after `Connection: close` (RFC 9112 §9.6)",
                    ),
                    Err(Fault::Closed | Fault::Reset) => {}
                }
            }
            Err(Fault::Closed | Fault::Reset) if may_close => {}
            Err(fault) => self.fail(
                self.case.ending_level,
                format!("one more request was not answered: {fault}"),
            ),
        }
    }

    /// The probe is always sent whole, since it is no part of the case.
    fn send_probe(&mut self) {
        self.outcome.sent.extend_from_slice(PROBE);
        self.flush();
        let _ = self.stream.write_all(PROBE);
    }

    fn flush(&mut self) {
        for writer in self.writers.drain(..) {
            let _ = writer.join();
        }
    }

    /// The next response and the octets it takes, which stay held.
    fn receive(&mut self, answer_to: AnswerTo) -> Result<(Response, usize), Fault> {
        let patience = self
            .case
            .patience
            .map_or(self.server.patience, Duration::from_secs);
        let deadline = Instant::now() + patience;
        loop {
            let at_end = self.end.is_some();
            if !self.held.is_empty() {
                match response::parse(&self.held, answer_to, at_end).map_err(Fault::Syntax)? {
                    Progress::Complete(response, taken) => return Ok((response, taken)),
                    Progress::Partial if at_end => return Err(Fault::Syntax("cut short".into())),
                    Progress::Partial => {}
                }
            }
            match &self.end {
                Some(Fault::Reset) => return Err(Fault::Reset),
                Some(Fault::Timeout) => return Err(Fault::Timeout),
                Some(_) => return Err(Fault::Closed),
                None => self.read_some(deadline),
            }
        }
    }

    fn read_some(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.end = Some(Fault::Timeout);
            return;
        }
        let mut space = vec![0; 64 << 10];
        let _ = self.stream.set_read_timeout(Some(left));
        match self.stream.read(&mut space) {
            Ok(0) => self.end = Some(Fault::Closed),
            Ok(count) => {
                self.held.extend_from_slice(&space[..count]);
                self.outcome.received.extend_from_slice(&space[..count]);
            }
            Err(error) => match error.kind() {
                std::io::ErrorKind::Interrupted => {}
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                    self.end = Some(Fault::Timeout)
                }
                _ => self.end = Some(Fault::Reset),
            },
        }
    }
}

const NO_RESPONSE: &str = "no response where one was expected:";

/// Where to cut `octets`, of which `before` went ahead in earlier sends.
fn pieces(octets: &[u8], before: usize, delivery: Delivery) -> Vec<usize> {
    match delivery {
        Delivery::Whole => Vec::new(),
        Delivery::CutAt(at) => at
            .checked_sub(before)
            .filter(|at| (1..octets.len()).contains(at))
            .into_iter()
            .collect(),
        Delivery::Drip => {
            let half = DRIPPED_OCTETS_MAX / 2;
            (1..octets.len())
                .filter(|at| *at < half || octets.len() - at < half)
                .collect()
        }
    }
}

fn write_pieces(stream: &mut TcpStream, octets: &[u8], cuts: &[usize]) -> std::io::Result<()> {
    let mut from = 0;
    for &cut in cuts {
        stream.write_all(&octets[from..cut])?;
        thread::sleep(if cuts.len() > 1 {
            BETWEEN_PIECES / 8
        } else {
            BETWEEN_PIECES
        });
        from = cut;
    }
    stream.write_all(&octets[from..])
}
