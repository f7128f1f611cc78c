//! What a worker knows of its listeners: the policy of each, and how many connections it brought.

use std::rc::Rc;

use http1::Policy;
use semantics::Limits;

/// The listeners of a worker by their numbers, which `net` gives again when a listener and its connections are gone.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    by_number: Vec<Option<Listener>>,
    /// The limits of a listener that has no policy, which there is none of.
    no_limits: Limits,
}

#[derive(Debug)]
struct Listener {
    policy: Rc<Policy>,
    connections: usize,
    /// It goes: until then, in milliseconds of the worker's clock, connections may answer what is pipelined.
    goes_until: Option<u64>,
}

impl Listeners {
    /// Listeners that were bound at first, in their order.
    pub(crate) fn new(policies: Vec<Policy>) -> Self {
        let mut listeners = Self::default();
        for (number, policy) in policies.into_iter().enumerate() {
            listeners.set(number, policy);
        }
        listeners
    }

    /// The policy of a listener from here on; its connections stay.
    pub(crate) fn set(&mut self, number: usize, policy: Policy) {
        if number >= self.by_number.len() {
            self.by_number.resize_with(number + 1, || None);
        }
        let Some(place) = self.by_number.get_mut(number) else {
            return;
        };
        let connections = place.as_ref().map_or(0, |listener| listener.connections);
        *place = Some(Listener {
            policy: Rc::new(policy),
            connections,
            goes_until: None,
        });
    }

    /// The listener goes: who is silent for longer than `millis` is let go.
    pub(crate) fn go(&mut self, number: usize, now: u64, millis: u64) {
        if let Some(listener) = self.get_mut(number) {
            let mut policy = Policy::clone(&listener.policy);
            policy.limits.idle_millis_max = policy.limits.idle_millis_max.min(millis);
            listener.policy = Rc::new(policy);
            listener.goes_until = Some(now.saturating_add(millis));
        }
    }

    #[inline]
    pub(crate) fn policy(&self, number: usize) -> Option<&Rc<Policy>> {
        self.get(number).map(|listener| &listener.policy)
    }

    #[inline]
    pub(crate) fn limits(&self, number: usize) -> &Limits {
        match self.policy(number) {
            Some(policy) => &policy.limits,
            None => &self.no_limits,
        }
    }

    /// When its connections must end; `None` while it stays.
    #[inline]
    pub(crate) fn goes_until(&self, number: usize) -> Option<u64> {
        self.get(number).and_then(|listener| listener.goes_until)
    }

    /// The limit of idle connections of the first listener, in seconds, which is told to those who ask (RFC 2068 §19.7.1).
    pub(crate) fn keep_alive_seconds(&self) -> u64 {
        let mut staying = self.by_number.iter().flatten();
        staying
            .find(|listener| listener.goes_until.is_none())
            .map_or(0, |listener| listener.policy.limits.idle_millis_max / 1000)
    }

    /// A connection of the listener is kept.
    pub(crate) fn enter(&mut self, number: usize) {
        if let Some(listener) = self.get_mut(number) {
            listener.connections += 1;
        }
    }

    /// A connection that was kept is gone.
    pub(crate) fn leave(&mut self, number: usize) {
        if let Some(listener) = self.get_mut(number) {
            listener.connections = listener.connections.saturating_sub(1);
        }
    }

    pub(crate) fn is_empty(&self, number: usize) -> bool {
        self.get(number)
            .is_none_or(|listener| listener.connections == 0)
    }

    #[inline]
    fn get(&self, number: usize) -> Option<&Listener> {
        self.by_number.get(number)?.as_ref()
    }

    fn get_mut(&mut self, number: usize) -> Option<&mut Listener> {
        self.by_number.get_mut(number)?.as_mut()
    }
}
