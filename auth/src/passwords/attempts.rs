//! Attempts to guess passwords, counted.

use crate::bounded::Bounded;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Failed attempts by the network of the client, and by network and name.
///
/// A name alone is not counted: whoever knows it could then lock its owner out from everywhere. Guesses at one name from
/// many networks are bounded by the room for hashing instead.
#[derive(Debug)]
pub(crate) struct Attempts {
    table: Mutex<Bounded<Key, Count>>,
    hasher: RandomState,
    /// For one name from one network; [`NETWORK_FACTOR`] times as many for the network, since many people may share it.
    max: AtomicU64,
    time_millis: AtomicU64,
}

/// An attempt under way. Until its outcome is told it counts as one that failed, so that guesses sent at once are no more
/// than guesses sent one after the other; dropped without one, it counts for nothing.
#[derive(Debug)]
pub(crate) struct Attempt {
    attempts: Arc<Attempts>,
    keys: [Key; 2],
    is_over: bool,
}

/// Too many failed; the next may be made after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) wait: Duration,
}

/// The network, and the name's hash.
type Key = (u128, Option<u64>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    failed: u64,
    under_way: u64,
    /// When the first of them failed.
    since_millis: u64,
}

impl Attempts {
    pub(crate) fn new(max: u64, time: Duration) -> Self {
        let attempts = Self {
            table: Mutex::new(Bounded::new(ATTEMPTS_ENTRIES_MAX)),
            hasher: RandomState::new(),
            max: AtomicU64::new(0),
            time_millis: AtomicU64::new(0),
        };
        attempts.limit(max, time);
        attempts
    }

    /// Other limits; what was counted stays.
    pub(crate) fn limit(&self, max: u64, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.max.store(max.max(1), Ordering::Relaxed);
        self.time_millis.store(millis, Ordering::Relaxed);
    }

    /// Begins an attempt at monotonic `now_millis`.
    ///
    /// # Errors
    /// [`TooMany`] when this network, or this name from it, has used up its attempts.
    pub(crate) fn begin(
        self: &Arc<Self>,
        client: Option<IpAddr>,
        name: &str,
        now_millis: u64,
    ) -> Result<Attempt, TooMany> {
        let keys = self.keys(client, name);
        let mut table = self.table();
        for (key, max) in keys.iter().zip(self.most()) {
            let count = self.count(&mut table, key, now_millis);
            if count.failed >= max {
                let end = count.since_millis.saturating_add(self.time());
                let wait = Duration::from_millis(end.saturating_sub(now_millis));
                return Err(TooMany { wait });
            }
            if count.failed + count.under_way >= max {
                let wait = Duration::from_secs(1);
                return Err(TooMany { wait });
            }
        }
        for key in &keys {
            let mut count = self.count(&mut table, key, now_millis);
            count.under_way += 1;
            table.insert(*key, count);
        }
        drop(table);
        Ok(Attempt {
            attempts: Arc::clone(self),
            keys,
            is_over: false,
        })
    }

    /// Whether no attempt may be made, without making one.
    pub(crate) fn refuses(
        &self,
        client: Option<IpAddr>,
        name: &str,
        now_millis: u64,
    ) -> Option<TooMany> {
        let mut table = self.table();
        self.keys(client, name)
            .iter()
            .zip(self.most())
            .find_map(|(key, max)| {
                let count = self.count(&mut table, key, now_millis);
                let end = count.since_millis.saturating_add(self.time());
                (count.failed >= max).then(|| TooMany {
                    wait: Duration::from_millis(end.saturating_sub(now_millis)),
                })
            })
    }

    fn keys(&self, client: Option<IpAddr>, name: &str) -> [Key; 2] {
        let network = network(client);
        [(network, Some(self.hasher.hash_one(name))), (network, None)]
    }

    fn most(&self) -> [u64; 2] {
        let max = self.max.load(Ordering::Relaxed);
        [max, max.saturating_mul(NETWORK_FACTOR)]
    }

    fn time(&self) -> u64 {
        self.time_millis.load(Ordering::Relaxed)
    }

    /// What counts of a key; failures whose time is over do not.
    fn count(&self, table: &mut Bounded<Key, Count>, key: &Key, now_millis: u64) -> Count {
        let mut count = table.find(key).copied().unwrap_or_default();
        if now_millis.saturating_sub(count.since_millis) >= self.time() {
            count.failed = 0;
        }
        count
    }

    fn table(&self) -> MutexGuard<'_, Bounded<Key, Count>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// The password was wrong.
    pub(crate) fn failed(mut self, now_millis: u64) {
        self.is_over = true;
        let mut table = self.attempts.table();
        for key in &self.keys {
            let mut count = self.attempts.count(&mut table, key, now_millis);
            count.under_way = count.under_way.saturating_sub(1);
            if count.failed == 0 {
                count.since_millis = now_millis;
            }
            count.failed += 1;
            table.insert(*key, count);
        }
    }

    /// The password was right: what failed for this name from this network is forgotten. What failed for the network is not, or
    /// whoever has an account could guess at others without end.
    pub(crate) fn succeeded(self) {
        if let [key, _] = self.keys
            && let Some(count) = self.attempts.table().find(&key)
        {
            count.failed = 0;
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut table = self.attempts.table();
        for key in &self.keys {
            if let Some(count) = table.find(key) {
                count.under_way = count.under_way.saturating_sub(1);
            }
        }
    }
}

/// The address of IPv4, or the first 64 bits of IPv6, which one client commonly has all of (RFC 4291 §2.5.4). Clients without
/// an address, such as those of a unix socket, are one.
fn network(client: Option<IpAddr>) -> u128 {
    match client.map(|client| client.to_canonical()) {
        None => 0,
        Some(IpAddr::V4(address)) => address.to_ipv6_mapped().to_bits(),
        Some(IpAddr::V6(address)) => address.to_bits() >> 64 << 64,
    }
}

/// Networks and names that are remembered.
pub(crate) const ATTEMPTS_ENTRIES_MAX: usize = 20_000;
/// How many more failures a network has than a name from it.
pub(crate) const NETWORK_FACTOR: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn attempts() -> Arc<Attempts> {
        Arc::new(Attempts::new(3, Duration::from_secs(60)))
    }

    fn from(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    fn fail(attempts: &Arc<Attempts>, address: &str, name: &str, now: u64) {
        attempts
            .begin(from(address), name, now)
            .unwrap()
            .failed(now);
    }

    #[test]
    fn after_so_many_failures_the_rest_of_the_time_is_waited() {
        let attempts = attempts();
        for now in [100_000, 110_000, 120_000] {
            fail(&attempts, "192.0.2.1", "anna", now);
        }
        let wait = Duration::from_secs(35);
        assert_eq!(
            attempts
                .begin(from("192.0.2.1"), "anna", 125_000)
                .unwrap_err(),
            TooMany { wait }
        );
        fail(&attempts, "192.0.2.1", "anna", 100_000 + MINUTE);
    }

    #[test]
    fn guesses_sent_at_once_are_no_more_than_those_sent_in_turn() {
        let attempts = attempts();
        let under_way: Vec<_> = (0..3)
            .map(|_| attempts.begin(None, "anna", 5).unwrap())
            .collect();
        assert!(attempts.begin(None, "anna", 5).is_err());
        drop(under_way);
        assert!(attempts.begin(None, "anna", 5).is_ok());
    }

    #[test]
    fn nobody_is_locked_out_by_what_fails_elsewhere() {
        let attempts = attempts();
        for _ in 0..3 {
            fail(&attempts, "192.0.2.1", "anna", 5);
        }
        assert!(attempts.begin(from("192.0.2.2"), "anna", 5).is_ok());
        assert!(attempts.begin(from("192.0.2.1"), "bert", 5).is_ok());
    }

    #[test]
    fn many_names_from_one_network_are_limited_too() {
        let attempts = attempts();
        for number in 0..15 {
            fail(&attempts, "192.0.2.1", &format!("user{number}"), 5);
        }
        assert!(attempts.begin(from("192.0.2.1"), "other", 5).is_err());
    }

    #[test]
    fn the_addresses_of_a_64_are_one_client() {
        let attempts = attempts();
        for address in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3"] {
            fail(&attempts, address, "anna", 5);
        }
        assert!(attempts.begin(from("2001:db8::4"), "anna", 5).is_err());
        assert!(attempts.begin(from("2001:db8:0:1::4"), "anna", 5).is_ok());
    }

    #[test]
    fn a_success_forgets_the_failures_of_the_name_alone() {
        let attempts = attempts();
        for _ in 0..10 {
            fail(&attempts, "192.0.2.1", "anna", 5);
            attempts
                .begin(from("192.0.2.1"), "anna", 5)
                .unwrap()
                .succeeded();
        }
        for number in 0..5 {
            fail(&attempts, "192.0.2.1", &format!("user{number}"), 5);
        }
        assert!(attempts.begin(from("192.0.2.1"), "anna", 5).is_err());
    }
}
