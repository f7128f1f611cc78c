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
    /// Who awaits content.
    consumer: Option<Waker>,
    /// Who awaits room.
    producer: Option<Waker>,
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
