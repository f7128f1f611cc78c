//! A content coded while it is sent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use coding::{Coding, Encoder, Negotiated, Quality};
use engine::{Interrupted, Source};
use net::{WhileAwaited, blocking_while_awaited};

use super::coders::Slot;
use super::whole::Plain;

/// Reads and codes a content piece by piece on other threads.
///
/// ```text
///  Idle --asked--> Working --piece--> Working ... --last piece--> Last --asked--> Ended
///                     |
///                     +--file changed--> the connection is cut
/// ```
///
/// The piece after the one that is given is made while that one is sent, so at most two are held, and the encoder. A
/// piece is of [`PIECE_OCTETS_MIN`] or a little more, but for what brotli makes of content that gets no smaller: it
/// collects half a MiB.
pub(super) struct CodedSource {
    state: State,
}

enum State {
    Idle(Box<Coder>),
    Working(WhileAwaited<Result<Made, Interrupted>>),
    Ended,
}

/// A piece, and who makes the next one.
struct Made {
    piece: Vec<u8>,
    next: Option<Box<Coder>>,
}

/// What goes to another thread and comes back.
struct Coder {
    plain: Plain,
    coding: Coding,
    /// Made by the first piece, so that a HEAD costs none.
    encoder: Option<Encoder>,
    offset: u64,
    /// Here, since a thread goes on with a piece that nobody waits for any more.
    _slot: Slot,
}

impl CodedSource {
    pub(super) fn new(plain: Plain, coding: Coding, slot: Slot) -> Self {
        Self {
            state: State::Idle(Box::new(Coder {
                plain,
                coding,
                encoder: None,
                offset: 0,
                _slot: slot,
            })),
        }
    }
}

impl Source for CodedSource {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(coder) => {
                    self.state = State::Working(blocking_while_awaited(|| coder.make()))
                }
                State::Working(mut work) => match Pin::new(&mut work).poll(cx) {
                    Poll::Pending => {
                        self.state = State::Working(work);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Ok(made))) => {
                        if let Some(coder) = made.next {
                            self.state = State::Working(blocking_while_awaited(|| coder.make()));
                        }
                        if !made.piece.is_empty() {
                            return Poll::Ready(Some(Ok(made.piece.into())));
                        }
                    }
                    Poll::Ready(_) => return Poll::Ready(Some(Err(Interrupted))),
                },
            }
        }
    }
}

impl Coder {
    /// Reads until there is a piece, or for so long that somebody might have hung up meanwhile.
    fn make(mut self: Box<Self>) -> Result<Made, Interrupted> {
        let octets = self.plain.octets();
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => Encoder::new(&Negotiated {
                coding: self.coding,
                quality: Quality::Quick,
                octets: Some(octets),
                dictionary: None,
            })
            .map_err(|_| Interrupted)?,
        };
        let mut piece = Vec::new();
        let mut room = vec![0; READ_OCTETS];
        let mut reads_left = READS_MAX;
        while self.offset < octets && reads_left > 0 && piece.len() < PIECE_OCTETS_MIN {
            reads_left -= 1;
            let left = usize::try_from(octets - self.offset).unwrap_or(usize::MAX);
            let part = room.get_mut(..left.min(READ_OCTETS)).unwrap_or_default();
            if !self.plain.read(part, self.offset) {
                return Err(Interrupted);
            }
            self.offset += part.len() as u64;
            encoder.encode(part, &mut piece).map_err(|_| Interrupted)?;
        }
        if self.offset < octets {
            self.encoder = Some(encoder);
            let next = Some(self);
            return Ok(Made { piece, next });
        }
        // A file that changed while it was read must not look like a content that is complete.
        if !self.plain.is_unchanged() {
            return Err(Interrupted);
        }
        encoder.finish(&mut piece).map_err(|_| Interrupted)?;
        Ok(Made { piece, next: None })
    }
}

impl fmt::Debug for CodedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodedSource").finish_non_exhaustive()
    }
}

const READ_OCTETS: usize = 64 * 1024;
/// So 2 MiB are read by one piece of work at most, a few tens of milliseconds.
const READS_MAX: usize = 32;
const PIECE_OCTETS_MIN: usize = 16 * 1024;
