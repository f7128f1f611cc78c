//! The server behind the gateway: it records what it is asked, and does what a case says, however wrong.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::request::{READINGS, Seen, lax, strict_one};
use super::script::Then;

/// A server at an address, for one dialogue after the other.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What a dialogue has the server do, in octets.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// What is said to the first connection before anything is asked.
    pub unasked: Option<Vec<u8>>,
    /// What is done with each request.
    pub acts: Vec<Played>,
    /// Whether each request takes the next of them, also one that came before.
    pub in_turn: bool,
}

/// What is done with one request.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// As soon as its head is there.
    pub is_early: bool,
    /// What is said.
    pub pieces: Vec<Vec<u8>>,
    /// What is done then.
    pub then: Then,
}

/// What came on one connection.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// All octets.
    pub octets: Vec<u8>,
    /// Whether the other side ended it.
    pub is_ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    stage: Mutex<Stage>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Stage {
    /// Which dialogue it is: what belongs to one before is dropped.
    number: u64,
    scene: Scene,
    /// The requests that had an act, to know one that is sent again.
    known: Vec<(Vec<u8>, Vec<u8>)>,
    records: Vec<Recorded>,
    /// Those connections, to be ended with the dialogue.
    streams: Vec<Option<TcpStream>>,
    /// Acts that go on.
    ongoing: usize,
}

/// What a connection does next.
enum Due {
    More,
    Act(Played, usize),
}

impl Recorder {
    /// Listens.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn start(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&accepting);
                if let Some((number, at)) = shared.accepted(&stream) {
                    thread::spawn(move || shared.serve(stream, number, at));
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins a dialogue: connections of the one before are closed.
    pub fn stage(&self, scene: Scene) {
        let mut stage = self.shared.lock();
        for stream in stage.streams.iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        *stage = Stage {
            number: stage.number + 1,
            scene,
            ..Stage::default()
        };
    }

    /// Waits until nothing is being said; gives what came on each connection.
    pub fn records(&self) -> Vec<Recorded> {
        let stage = self.shared.lock();
        let wait = self
            .shared
            .moved
            .wait_timeout_while(stage, PATIENCE, |stage| stage.ongoing > 0);
        wait.map(|(stage, _)| stage.records.clone())
            .unwrap_or_default()
    }

    /// Waits until the other side has ended a connection; says whether it did.
    pub fn is_ended(&self, connection: usize, patience: Duration) -> bool {
        let is_open =
            |stage: &mut Stage| stage.records.get(connection).is_some_and(|it| !it.is_ended);
        let stage = self.shared.lock();
        let wait = self
            .shared
            .moved
            .wait_timeout_while(stage, patience, is_open);
        wait.is_ok_and(|(_, result)| !result.timed_out())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn accepted(&self, stream: &TcpStream) -> Option<(u64, usize)> {
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(PATIENCE));
        let clone = stream.try_clone().ok()?;
        let mut stage = self.lock();
        stage.streams.push(Some(clone));
        stage.records.push(Recorded::default());
        if let Some(octets) = stage.scene.unasked.take() {
            let _ = (&*stream).write_all(&octets);
        }
        Some((stage.number, stage.records.len() - 1))
    }

    /// Reads to the end, and does what is due.
    fn serve(&self, mut stream: TcpStream, number: u64, at: usize) {
        let mut space = vec![0; 64 << 10];
        // What is not yet a request that was acted upon.
        let (mut held, mut acted) = (Vec::new(), 0);
        let mut is_silent = false;
        loop {
            let count = stream.read(&mut space).unwrap_or(0);
            if !self.record(number, at, &space[..count]) || count == 0 {
                return;
            }
            held.extend_from_slice(&space[..count]);
            while !is_silent {
                let Due::Act(played, whole) = self.due(number, &held, acted) else {
                    break;
                };
                acted = if whole > 0 { 0 } else { held.len().max(1) };
                held.drain(..whole);
                let goes_on = perform(&mut stream, &played);
                self.performed(number);
                match played.then {
                    _ if !goes_on => return,
                    Then::Silence => is_silent = true,
                    Then::Close => return self.drain(stream, number, at),
                    Then::Reset => return self.reset(stream, number, at),
                    Then::Stay => {}
                }
                if whole == 0 {
                    break;
                }
            }
        }
    }

    /// Reads what still comes on a connection that was ended on this side.
    fn drain(&self, mut stream: TcpStream, number: u64, at: usize) {
        let mut space = vec![0; 64 << 10];
        while let Ok(count) = stream.read(&mut space) {
            if !self.record(number, at, &space[..count]) || count == 0 {
                return;
            }
        }
        self.record(number, at, &[]);
    }

    /// Resets a connection, once what was said could be read: a reset takes away what was not.
    fn reset(&self, stream: TcpStream, number: u64, at: usize) {
        thread::sleep(BETWEEN_PIECES);
        let mut stage = self.lock();
        if stage.number == number
            && let Some(clone) = stage.streams.get_mut(at)
        {
            clone.take();
        }
        drop(stage);
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        drop(stream);
        self.record(number, at, &[]);
    }

    fn record(&self, number: u64, at: usize, octets: &[u8]) -> bool {
        let mut stage = self.lock();
        if stage.number != number {
            return false;
        }
        let Some(record) = stage.records.get_mut(at) else {
            return false;
        };
        record.octets.extend_from_slice(octets);
        record.is_ended |= octets.is_empty();
        self.moved.notify_all();
        true
    }

    fn performed(&self, number: u64) {
        let mut stage = self.lock();
        if stage.number == number {
            stage.ongoing -= 1;
        }
        self.moved.notify_all();
    }

    /// What is to be done with the octets that are held: `acted` says that an early act was done for them.
    fn due(&self, number: u64, held: &[u8], acted: usize) -> Due {
        let Some(seen) = next_request(held) else {
            return Due::More;
        };
        let mut stage = self.lock();
        if stage.number != number {
            return Due::More;
        }
        if acted > 0 {
            // Its answer went ahead of its end.
            if !seen.is_whole {
                return Due::More;
            }
            stage.ongoing += 1;
            return Due::Act(Played::default(), seen.octets);
        }
        let played = match probe_answer(&seen) {
            Some(answer) => Played {
                pieces: vec![answer],
                ..Played::default()
            },
            None => {
                let what = (seen.method.clone(), seen.target.clone());
                let place = stage.known.iter().position(|known| *known == what);
                let index = match place {
                    Some(index) if !stage.scene.in_turn => index,
                    _ => stage.known.len(),
                };
                let played = stage
                    .scene
                    .acts
                    .get(index)
                    .cloned()
                    .unwrap_or_else(|| Played {
                        pieces: vec![DEFAULT.to_vec()],
                        ..Played::default()
                    });
                if !seen.is_whole && !played.is_early {
                    return Due::More;
                }
                if index == stage.known.len() {
                    stage.known.push(what);
                }
                played
            }
        };
        if !seen.is_whole && !played.is_early {
            return Due::More;
        }
        stage.ongoing += 1;
        Due::Act(played, if seen.is_whole { seen.octets } else { 0 })
    }
}

/// The request that begins what is held, if its head is there: read strictly, or as a forgiving server would.
fn next_request(held: &[u8]) -> Option<Seen> {
    let seen = strict_one(held).unwrap_or_else(|_| {
        lax(held, &READINGS[0])
            .into_iter()
            .next()
            .unwrap_or_default()
    });
    (!seen.method.is_empty()).then_some(seen)
}

/// What answers the request that proves that answers are not mixed up: the last part of its target.
fn probe_answer(seen: &Seen) -> Option<Vec<u8>> {
    let mark = seen.target.strip_prefix(PROBE)?;
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        mark.len()
    );
    answer.push_str(&String::from_utf8_lossy(mark));
    Some(answer.into_bytes())
}

fn perform(stream: &mut TcpStream, played: &Played) -> bool {
    for (index, piece) in played.pieces.iter().enumerate() {
        if index > 0 {
            thread::sleep(BETWEEN_PIECES);
        }
        if stream.write_all(piece).is_err() {
            return played.then != Then::Stay;
        }
    }
    if played.then == Then::Close {
        let _ = stream.shutdown(Shutdown::Write);
    }
    true
}

/// Where the probe's mark begins.
pub const PROBE: &[u8] = b"/probe/";
/// What requests beyond those of a case are answered with.
const DEFAULT: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
/// Between two things that are said one after the other.
const BETWEEN_PIECES: Duration = Duration::from_millis(15);
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);
