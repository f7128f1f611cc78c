//! The content of a request on its way from the connection to whoever wants it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use semantics::{ContentEnd, Section};

/// Content of one request, piece by piece, at most a window of it in memory. Clones take from the same content.
#[derive(Clone, Debug)]
pub struct Incoming(Rc<RefCell<Inner>>);

/// The content will not come to its end: the client left, or broke a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

#[derive(Debug)]
struct Inner {
    pieces: VecDeque<Bytes>,
    /// Memory of the pieces.
    octets: usize,
    window_octets: usize,
    end: Option<Result<ContentEnd, Interrupted>>,
    /// The field lines of the trailer section.
    trailers: Vec<(Bytes, Bytes)>,
    /// Somebody has asked for content.
    is_awaited: bool,
    /// What was taken, to be had again.
    kept: Kept,
    /// Who awaits content.
    consumer: Option<Waker>,
    /// Who awaits room.
    producer: Option<Waker>,
}

/// Pieces that were taken and can be had again.
#[derive(Debug, Default)]
struct Kept {
    pieces: Vec<Bytes>,
    /// Memory of the pieces.
    octets: usize,
    octets_max: usize,
    /// Whether a piece that was taken is not among them.
    is_lost: bool,
}

impl Incoming {
    pub(crate) fn new(window_octets: usize) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            pieces: VecDeque::new(),
            octets: 0,
            window_octets,
            end: None,
            trailers: Vec::new(),
            is_awaited: false,
            kept: Kept::default(),
            consumer: None,
            producer: None,
        })))
    }

    /// Content that has come already, for tests of handlers.
    #[doc(hidden)]
    pub fn for_test(pieces: &[&[u8]], end: Result<ContentEnd, Interrupted>) -> Self {
        let incoming = Self::new(usize::MAX);
        pieces.iter().for_each(|piece| incoming.push(piece));
        incoming.end(end);
        incoming
    }

    /// The next piece, never empty; `None` after the last.
    ///
    /// # Errors
    /// [`Interrupted`] when the rest will not come.
    pub async fn next(&self) -> Result<Option<Bytes>, Interrupted> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Keeps what is taken from here on, as long as that is not more than so many octets; then all of it is let go. What is kept counts beside the
    /// window.
    pub fn keep(&self, octets_max: usize) {
        self.0.borrow_mut().kept.octets_max = octets_max;
    }

    /// Whether all that was taken is still there.
    pub fn is_whole(&self) -> bool {
        !self.0.borrow().kept.is_lost
    }

    /// Begins from the start again, if all of it is still there; says whether it is.
    pub fn rewind(&self) -> bool {
        let mut inner = self.0.borrow_mut();
        if inner.kept.is_lost {
            return false;
        }
        for piece in std::mem::take(&mut inner.kept.pieces).into_iter().rev() {
            inner.octets += piece.len() + PIECE_OCTETS;
            inner.pieces.push_front(piece);
        }
        inner.kept.octets = 0;
        true
    }

    /// The field lines of the trailer section, name and value, once the content has ended (RFC 9110 §6.5). None of them
    /// counts before whoever reads them knows that the field allows it.
    pub fn trailers(&self) -> Vec<(Bytes, Bytes)> {
        self.0.borrow().trailers.clone()
    }

    pub(crate) fn poll_next(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Interrupted>> {
        let mut inner = self.0.borrow_mut();
        inner.is_awaited = true;
        if let Some(piece) = inner.pieces.pop_front() {
            inner.octets -= piece.len() + PIECE_OCTETS;
            inner.kept.add(&piece);
            if let Some(producer) = inner.producer.take() {
                producer.wake();
            }
            return Poll::Ready(Ok(Some(piece)));
        }
        match inner.end {
            Some(Ok(_)) => Poll::Ready(Ok(None)),
            Some(Err(interrupted)) => Poll::Ready(Err(interrupted)),
            None => {
                inner.consumer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Adds a piece. The caller asks [`Self::is_full`] first.
    pub(crate) fn push(&self, octets: &[u8]) {
        let mut inner = self.0.borrow_mut();
        inner.octets += octets.len() + PIECE_OCTETS;
        inner.pieces.push_back(Bytes::copy_from_slice(octets));
        inner.wake_consumer();
    }

    /// The trailer section came.
    pub(crate) fn trailed(&self, section: Section<'_>) {
        let lines = section
            .iter()
            .map(|(name, value)| (Bytes::copy_from_slice(name), Bytes::copy_from_slice(value)));
        self.0.borrow_mut().trailers = lines.collect();
    }

    /// Nothing more comes.
    pub(crate) fn end(&self, end: Result<ContentEnd, Interrupted>) {
        let mut inner = self.0.borrow_mut();
        if inner.end.is_none() {
            inner.end = Some(end);
            inner.wake_consumer();
        }
    }

    /// Whether the window is full.
    pub(crate) fn is_full(&self) -> bool {
        let inner = self.0.borrow();
        inner.octets >= inner.window_octets
    }

    /// Wakes `producer` when there is room again.
    pub(crate) fn await_room(&self, producer: &Waker) {
        self.0.borrow_mut().producer = Some(producer.clone());
    }

    /// Whether somebody has asked for content.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.borrow().is_awaited
    }

    /// Whether nobody else holds this content: what comes may be dropped.
    pub(crate) fn is_abandoned(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }
}

impl Kept {
    fn add(&mut self, piece: &Bytes) {
        self.octets = self.octets.saturating_add(piece.len() + PIECE_OCTETS);
        self.is_lost |= self.octets > self.octets_max;
        match self.is_lost {
            true => self.pieces = Vec::new(),
            false => self.pieces.push(piece.clone()),
        }
    }
}

impl Inner {
    fn wake_consumer(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            consumer.wake();
        }
    }
}

/// What a piece takes beside its octets, about: its place in the queue and its allocation. A client chooses how long
/// pieces are, so they count.
const PIECE_OCTETS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// All that can be had.
    fn drain(incoming: &Incoming) -> Vec<u8> {
        let mut cx = Context::from_waker(Waker::noop());
        let next = || match incoming.poll_next(&mut cx) {
            Poll::Ready(Ok(piece)) => piece,
            _ => None,
        };
        std::iter::from_fn(next).flatten().collect()
    }

    #[test]
    fn what_is_kept_can_be_had_again_and_what_came_later_follows_it() {
        let incoming = Incoming::new(64 * 1024);
        incoming.keep(1000);
        incoming.push(b"ab");
        incoming.push(b"cd");
        assert_eq!(drain(&incoming), b"abcd");
        incoming.push(b"ef");
        assert!(incoming.rewind());
        assert_eq!(drain(&incoming), b"abcdef");
        incoming.end(Ok(ContentEnd::Length));
        assert!(incoming.rewind() && incoming.is_whole());
        assert_eq!(drain(&incoming), b"abcdef");
    }

    #[test]
    fn what_is_longer_than_is_kept_is_lost_and_so_is_what_nobody_keeps() {
        for octets_max in [0, 100] {
            let incoming = Incoming::new(64 * 1024);
            incoming.keep(octets_max);
            incoming.push(&[b'x'; 50]);
            assert!(incoming.is_whole(), "nothing was taken");
            drain(&incoming);
            assert!(!incoming.rewind() && !incoming.is_whole());
        }
    }

    #[test]
    fn small_pieces_fill_the_window_with_what_they_cost() {
        let incoming = Incoming::new(64 * 1024);
        let mut pieces = 0;
        while !incoming.is_full() {
            incoming.push(b"x");
            pieces += 1;
        }
        // A piece takes its place in the queue and an allocation, whatever its length.
        assert!(pieces <= 1024, "{pieces}");
    }
}
