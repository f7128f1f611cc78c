//! How many connections there may be, in all and of one client. Shared by the workers; asked once a connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
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
    /// Connections of each client, by [`counted`]. Bounded by the connections there may be.
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
        let Some(client) = client.and_then(counted) else {
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

    /// A connection that was counted in is another client's than was known.
    pub(crate) fn pass(
        &self,
        from: Option<IpAddr>,
        to: Option<IpAddr>,
        limits: &Limits,
    ) -> Result<(), LimitError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(to) = to.and_then(counted) {
            let count = clients.entry(to).or_default();
            if *count as usize >= limits.connections_per_client_max {
                return Err(LimitError::ConnectionsPerClient);
            }
            *count += 1;
        }
        drop(clients);
        self.forget(from);
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
        self.forget(client);
    }

    fn forget(&self, client: Option<IpAddr>) {
        let Some(client) = client.and_then(counted) else {
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

/// By what the connections of a client are counted. Loopback has no limit of its own: it is one's own machine, or a gateway in front.
/// A client of IPv6 has all addresses of its network of 64 bits (RFC 4291 §2.5.4), so it is counted by that.
fn counted(client: IpAddr) -> Option<IpAddr> {
    match client {
        client if client.is_loopback() => None,
        IpAddr::V6(client) => Some(Ipv6Addr::from(u128::from(client) >> 64 << 64).into()),
        client => Some(client),
    }
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
    fn a_client_of_ipv6_is_its_network() {
        let admission = Admission::new();
        let client = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]));
        for last in 0..2 {
            assert_eq!(admission.enter(client(last), &limits()), Ok(()));
        }
        assert_eq!(
            admission.enter(client(2), &limits()),
            Err(LimitError::ConnectionsPerClient)
        );
        let other = Some(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 0]));
        assert_eq!(admission.enter(other, &limits()), Ok(()));
        for gone in [client(0), client(1), other] {
            admission.leave(gone);
        }
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
