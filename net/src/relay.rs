//! Octets from one stream to another, as they come.
//!
//! ```text
//!  source ──receive──▶ [ in flight ] ──transmit──▶ target
//!                       memory, or a pipe of the system
//! ```
//!
//! A [`Flow`] is one direction. It takes from its source only what its target can be offered at once, so whoever is slow slows the other end
//! down. Where octets come in masses and both ends are in the clear, they go through a pipe (Linux splice(2)) and are never copied into
//! this program.
//!
//! Invariant: a flow with nothing in flight holds neither memory nor a pipe.

use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind};

use crate::{More, Rest, Stream};

mod pipe;

use pipe::Pipe;

/// One end of a relay: a stream, and what is known of it by its events. What is found out meanwhile is noted there.
#[derive(Debug)]
pub struct End<'a> {
    stream: &'a mut Stream,
    is_readable: &'a Cell<bool>,
    is_writable: &'a Cell<bool>,
    is_read_closed: bool,
}

impl<'a> End<'a> {
    /// An end whose stream is perhaps readable and writable, and of whose peer the end was told or not
    /// ([`Readiness::is_read_closed`](crate::Readiness::is_read_closed)).
    pub fn new(
        stream: &'a mut Stream,
        is_readable: &'a Cell<bool>,
        is_writable: &'a Cell<bool>,
        is_read_closed: bool,
    ) -> Self {
        Self {
            stream,
            is_readable,
            is_writable,
            is_read_closed,
        }
    }

    /// What is left after octets came.
    fn note(&self, rest: Rest) {
        self.is_readable.set(match rest {
            Rest::More => true,
            // Nothing is left, unless the peer has ended its side: then the end is left.
            Rest::Drained => self.is_read_closed,
            Rest::Ended | Rest::ClearText => false,
        });
    }
}

/// One direction of a relay.
#[derive(Debug, Default)]
pub struct Flow {
    held: Held,
    octets: u64,
    state: State,
    /// Octets come in masses.
    is_streaming: bool,
}

/// What was received and not transmitted.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Memory {
        octets: Vec<u8>,
        start: usize,
    },
    Pipe(Pipe),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The source has ended; what is in flight comes before the target is told.
    Ending,
    /// The target was told, or the flow was given up.
    Ended,
}

/// How far a flow came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flowed {
    /// It goes on when one of the ends changes.
    Waiting,
    /// Much was moved and more could be: others come first.
    Enough,
    /// The source has ended, and the target was told behind the last octet.
    Ended,
}

/// Which end failed.
#[derive(Debug)]
pub enum FlowError {
    /// Nothing more comes from where it came.
    Source(io::Error),
    /// Nothing more is taken where it goes.
    Target(io::Error),
}

impl Flow {
    /// A flow in which these octets are in flight already.
    #[must_use]
    pub fn with(octets: Vec<u8>) -> Self {
        let held = match octets.is_empty() {
            true => Held::Nothing,
            false => Held::Memory { octets, start: 0 },
        };
        Self {
            held,
            ..Self::default()
        }
    }

    /// Moves what can be moved at once. `buffer` is lent for the time of the call; its length is the most that stays in memory while the
    /// target takes nothing.
    ///
    /// # Errors
    /// Which end failed. A source fails only after all that came from it was transmitted.
    pub fn advance(
        &mut self,
        source: &mut End<'_>,
        target: &mut End<'_>,
        buffer: &mut [u8],
    ) -> Result<Flowed, FlowError> {
        let until = self.octets.saturating_add(TURN_OCTETS_MAX);
        loop {
            if self.state == State::Ended {
                return Ok(Flowed::Ended);
            }
            if !self.deliver(target).map_err(FlowError::Target)? {
                return Ok(Flowed::Waiting);
            }
            if self.state == State::Ending {
                return match end(target).map_err(FlowError::Target)? {
                    true => {
                        self.state = State::Ended;
                        Ok(Flowed::Ended)
                    }
                    false => Ok(Flowed::Waiting),
                };
            }
            if self.octets >= until {
                return Ok(Flowed::Enough);
            }
            // Nothing is taken that could not be offered.
            if !target.is_writable.get() || !source.is_readable.get() {
                return Ok(Flowed::Waiting);
            }
            let may_pipe =
                self.is_streaming && !source.stream.is_secured() && !target.stream.is_secured();
            if !(may_pipe && self.fill_pipe(source).map_err(FlowError::Source)?) {
                self.copy(source, target, buffer)?;
            }
        }
    }

    /// Nothing more is moved, and what is in flight is forgotten.
    pub fn give_up(&mut self) {
        self.held = Held::Nothing;
        self.state = State::Ended;
    }

    /// Octets that the target's transport has taken.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether the source has ended its side, or the flow was given up.
    #[must_use]
    pub fn has_source_ended(&self) -> bool {
        self.state != State::Open
    }

    /// Transmits what is in flight: whether that was all of it.
    fn deliver(&mut self, target: &mut End<'_>) -> io::Result<bool> {
        loop {
            let taken = match &mut self.held {
                Held::Nothing => return Ok(true),
                _ if !target.is_writable.get() => return Ok(false),
                Held::Memory { octets, start } => {
                    let rest = octets.get(*start..).unwrap_or_default();
                    let taken = target.stream.try_transmit(rest, More::No);
                    taken.inspect(|taken| *start += taken)
                }
                Held::Pipe(pipe) => pipe.empty(target.stream),
            };
            match taken {
                Ok(taken) => self.octets += taken as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    target.is_writable.set(false);
                }
                Err(error) => return Err(error),
            }
            match &self.held {
                Held::Memory { octets, start } if *start >= octets.len() => {
                    self.held = Held::Nothing;
                }
                Held::Pipe(pipe) if pipe.octets() == 0 => {
                    if let Held::Pipe(pipe) = std::mem::take(&mut self.held) {
                        pipe.give_back();
                    }
                }
                _ => {}
            }
        }
    }

    /// Receives once into a pipe. `false` if there is none to be had, or the system cannot do it: then nothing was received.
    fn fill_pipe(&mut self, source: &mut End<'_>) -> io::Result<bool> {
        let Some(mut pipe) = Pipe::take() else {
            return Ok(false);
        };
        match pipe.fill(source.stream) {
            Ok(0) => {
                source.note(Rest::Ended);
                self.state = State::Ending;
            }
            Ok(octets) => {
                self.is_streaming = octets >= STREAMING_OCTETS_MIN;
                self.held = Held::Pipe(pipe);
                return Ok(true);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => source.is_readable.set(false),
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                self.is_streaming = false;
                pipe.give_back();
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        pipe.give_back();
        Ok(true)
    }

    /// Receives once into the buffer, and transmits from there; what is not taken is kept.
    fn copy(
        &mut self,
        source: &mut End<'_>,
        target: &mut End<'_>,
        buffer: &mut [u8],
    ) -> Result<(), FlowError> {
        let received = match source.stream.try_receive(buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                source.is_readable.set(false);
                return Ok(());
            }
            Err(error) => return Err(FlowError::Source(error)),
        };
        source.note(received.rest);
        if matches!(received.rest, Rest::Ended | Rest::ClearText) {
            self.state = State::Ending;
            return Ok(());
        }
        self.is_streaming = received.octets == buffer.len();
        let mut rest = buffer.get(..received.octets).unwrap_or_default();
        while !rest.is_empty() {
            match target.stream.try_transmit(rest, More::No) {
                Ok(taken) => {
                    self.octets += taken as u64;
                    rest = rest.get(taken..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    target.is_writable.set(false);
                    self.held = Held::Memory {
                        octets: rest.to_vec(),
                        start: 0,
                    };
                    return Ok(());
                }
                Err(error) => return Err(FlowError::Target(error)),
            }
        }
        Ok(())
    }
}

/// Tells the target that nothing more comes, behind all that it was sent: whether that could be said yet.
fn end(target: &mut End<'_>) -> io::Result<bool> {
    if target.stream.is_blocked() {
        // Records of TLS wait: ending the side before they are taken would cut them off.
        target.stream.flush()?;
        if target.stream.is_blocked() {
            target.is_writable.set(false);
            return Ok(false);
        }
    }
    target.stream.shutdown_transmit()?;
    Ok(true)
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => write!(f, "the sender failed: {error}"),
            Self::Target(error) => write!(f, "the recipient failed: {error}"),
        }
    }
}

impl std::error::Error for FlowError {}

/// Octets moved in one direction before others get their turn.
const TURN_OCTETS_MAX: u64 = 4 << 20;
/// What a pipe must bring at once to be worth its two calls.
const STREAMING_OCTETS_MIN: usize = 16 * 1024;

#[cfg(test)]
mod tests;
