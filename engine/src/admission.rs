//! How many connections there may be, in all and of one client. Shared by the workers; asked once a connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use semantics::{LimitError, Limits};

/// Counts connections against their limits, and gives each its number.
#[derive(Debug, Default)]
pub struct Admission {
    connections: AtomicUsize,
    /// Connections over a limit that are told so.
    turned_away: AtomicUsize,
    numbers: AtomicU64,
    /// Connections of each client that is not on loopback. Bounded by the connections there may be.
    clients: Mutex<HashMap<IpAddr, u32>>,
}

impl Admission {
    /// No connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connections there are.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The number of a new connection, from 1; unique in this process.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a connection in. One that was let in must be let out by [`Self::leave`].
    pub(crate) fn enter(&self, client: Option<IpAddr>, limits: &Limits) -> Result<(), LimitError> {
        if self.connections.fetch_add(1, Ordering::Relaxed) >= limits.connections_max {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return Err(LimitError::Connections);
        }
        let Some(client) = client.filter(is_counted) else {
            return Ok(());
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(client).or_default();
        if *count as usize >= limits.connections_per_client_max {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return Err(LimitError::ConnectionsPerClient);
        }
        *count += 1;
        Ok(())
    }

    /// Whether a connection over a limit may be told so. One that may must be counted out by
    /// [`Self::leave_turned_away`].
    pub(crate) fn turn_away(&self) -> bool {
        let is_room = self.turned_away.fetch_add(1, Ordering::Relaxed) < TURNED_AWAY_MAX;
        if !is_room {
            self.leave_turned_away();
        }
        is_room
    }

    /// Counts out a connection that was told of a limit.
    pub(crate) fn leave_turned_away(&self) {
        self.turned_away.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a connection out.
    pub(crate) fn leave(&self, client: Option<IpAddr>) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
        let Some(client) = client.filter(is_counted) else {
            return;
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&client);
            }
        }
    }
}

/// Connections over a limit that are told so at one time, of all workers; more are closed without a word.
const TURNED_AWAY_MAX: usize = 64;

/// Loopback has no limit of its own: it is one's own machine, or a gateway in front.
fn is_counted(client: &IpAddr) -> bool {
    !client.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            connections_max: 3,
            connections_per_client_max: 2,
            ..Limits::default()
        }
    }

    #[test]
    fn connections_are_limited_in_all() {
        let admission = Admission::new();
        for _ in 0..3 {
            assert_eq!(admission.enter(None, &limits()), Ok(()));
        }
        assert_eq!(
            admission.enter(None, &limits()),
            Err(LimitError::Connections)
        );
        admission.leave(None);
        assert_eq!(admission.enter(None, &limits()), Ok(()));
    }

    #[test]
    fn connections_of_one_client_are_limited_and_forgotten() {
        let admission = Admission::new();
        let client = Some(IpAddr::from([192, 0, 2, 1]));
        assert_eq!(admission.enter(client, &limits()), Ok(()));
        assert_eq!(admission.enter(client, &limits()), Ok(()));
        assert_eq!(
            admission.enter(client, &limits()),
            Err(LimitError::ConnectionsPerClient)
        );
        assert_eq!(admission.connections(), 2);
        admission.leave(client);
        admission.leave(client);
        assert!(admission.clients.lock().unwrap().is_empty());
    }

    #[test]
    fn those_turned_away_are_limited_too() {
        let admission = Admission::new();
        assert!((0..TURNED_AWAY_MAX).all(|_| admission.turn_away()));
        assert!(!admission.turn_away());
        admission.leave_turned_away();
        assert!(admission.turn_away());
    }

    #[test]
    fn loopback_has_no_limit_of_its_own() {
        let admission = Admission::new();
        let client = Some(IpAddr::from([127, 0, 0, 1]));
        for _ in 0..3 {
            assert_eq!(admission.enter(client, &limits()), Ok(()));
        }
    }
}
