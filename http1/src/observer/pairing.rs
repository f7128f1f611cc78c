//! Which response answers which request (RFC 9112 §9.3.2).

use std::collections::VecDeque;

use semantics::{ExchangeId, Fate, Method};

/// Requests and how far their exchanges are, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    pub(super) pairs: VecDeque<Pair>,
    pub(super) requests: u64,
    pub(super) is_tunnel: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) id: ExchangeId,
    pub(super) method: Method,
    /// What the request says of the connection.
    pub(super) fate: Fate,
    /// What becomes of the connection, once the response head is known; `None` for a tunnel.
    pub(super) settled: Option<Fate>,
    pub(super) may_switch: bool,
    pub(super) is_request_complete: bool,
    pub(super) has_final_head: bool,
    pub(super) is_answered: bool,
}

impl Pairing {
    /// The request that the next response answers.
    pub(super) fn awaiting(&mut self) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| !pair.is_answered)
    }

    pub(super) fn of(&mut self, id: Option<ExchangeId>) -> Option<&mut Pair> {
        let at = self.pairs.binary_search_by_key(&id?, |pair| pair.id).ok()?;
        self.pairs.get_mut(at)
    }

    /// Whether what the client sends next depends on an answer that is not known.
    pub(super) fn is_switch_pending(&self) -> bool {
        let last = self.pairs.back();
        last.is_some_and(|pair| pair.may_switch && !pair.has_final_head)
    }

    pub(super) fn pop_complete(&mut self) -> Option<Pair> {
        let is_complete = |pair: &Pair| pair.is_request_complete && pair.is_answered;
        if self.pairs.front().is_some_and(is_complete) {
            self.pairs.pop_front()
        } else {
            None
        }
    }

    pub(super) fn pop_unanswered(&mut self) -> Option<Pair> {
        let at = self.pairs.iter().position(|pair| !pair.is_answered)?;
        self.pairs.remove(at)
    }
}
