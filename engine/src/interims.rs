//! Interim answers on their way from a handler to its connection.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use semantics::{ResponseHead, Status};

/// Where a handler puts interim answers (RFC 9110 §15.2). Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct Interims(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    heads: Vec<ResponseHead>,
    octets: usize,
    /// Who transmits them.
    consumer: Option<Waker>,
    has_client_ended: bool,
}

impl Interims {
    /// Puts the head of an interim answer, without fields of framing, where the connection transmits it before the final one, once what is
    /// before it has gone. A client of HTTP/1.0 is told none.
    ///
    /// Says whether it was taken. Not taken are 100, which the connection says by itself when content is awaited, 101, statuses that are
    /// final, and heads beyond a limit that wait for a client that takes none.
    pub fn push(&self, head: ResponseHead) -> bool {
        let status = head.status();
        let is_ours = [Status::CONTINUE, Status::SWITCHING_PROTOCOLS].contains(&status);
        let lines = head.section().iter();
        let octets: usize = lines
            .map(|(name, value)| name.len() + value.len() + LINE_OCTETS)
            .sum();
        let mut inner = self.0.borrow_mut();
        let octets = inner.octets + octets + LINE_OCTETS;
        if !status.is_interim() || is_ours || octets > INTERIMS_OCTETS_MAX {
            return false;
        }
        inner.octets = octets;
        inner.heads.push(head);
        let consumer = inner.consumer.take();
        drop(inner);
        if let Some(consumer) = consumer {
            consumer.wake();
        }
        true
    }

    /// Whether the client has ended its side of the connection, or that failed. It may still read: whoever sends a request and nothing more
    /// can end its side with it. A future is polled when this changes.
    #[must_use]
    pub fn has_client_ended(&self) -> bool {
        self.0.borrow().has_client_ended
    }

    pub(crate) fn client_ended(&self) {
        self.0.borrow_mut().has_client_ended = true;
    }

    /// Takes what there is.
    pub(crate) fn take(&self) -> Vec<ResponseHead> {
        let mut inner = self.0.borrow_mut();
        inner.octets = 0;
        std::mem::take(&mut inner.heads)
    }

    /// Wakes `consumer` when there is one more.
    pub(crate) fn await_more(&self, consumer: &Waker) {
        self.0.borrow_mut().consumer = Some(consumer.clone());
    }
}

/// Interim heads that wait to be transmitted: more than one head of a server may have.
const INTERIMS_OCTETS_MAX: usize = 256 * 1024;
/// What a line takes beside its octets, about.
const LINE_OCTETS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use semantics::Known;

    fn head(code: u16) -> ResponseHead {
        ResponseHead::new(Status::new(code).unwrap()).with(Known::Link, "</a>; rel=preload")
    }

    #[test]
    fn only_interim_answers_of_handlers_are_taken() {
        let interims = Interims::default();
        for (code, is_taken) in [
            (102, true),
            (103, true),
            (199, true),
            (100, false),
            (101, false),
            (200, false),
        ] {
            assert_eq!(interims.push(head(code)), is_taken, "{code}");
        }
        assert_eq!(interims.take().len(), 3);
        assert!(interims.take().is_empty());
    }

    #[test]
    fn what_waits_has_a_limit_and_room_comes_back() {
        let interims = Interims::default();
        let mut count = 0;
        while interims.push(head(103)) {
            count += 1;
        }
        assert!((1000..10_000).contains(&count), "{count}");
        assert_eq!(interims.take().len(), count);
        assert!(interims.push(head(103)));
    }
}
