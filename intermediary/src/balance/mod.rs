//! Which of several servers is asked.
//!
//! ```
//! use hansom_intermediary::{Balance, Server, Standing};
//!
//! let mut balance = Balance::named("least-connections").unwrap();
//! let mut servers = [Server::new(1), Server::new(1)];
//! servers[0].connections = 5;
//! assert_eq!(balance.choose(&servers, 0, 0), Some(1));
//! // One that failed is asked only where there is no other.
//! servers[1].standing = Standing::Out;
//! assert_eq!(balance.choose(&servers, 0, 0), Some(0));
//! servers[0].standing = Standing::Drained;
//! assert_eq!(balance.choose(&servers, 0, 0), Some(1));
//! ```

mod hash;
mod hash_client;
mod hash_target;
mod least_connections;
mod least_time;
mod random_two;
mod round_robin;

pub use hash_client::key_of_client;
pub use hash_target::key_of_target;

pub(crate) use hash::mixed;

/// A server as one who chooses sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its share beside the others'; none for 0.
    pub weight: u32,
    /// Whether it may be asked.
    pub standing: Standing,
    /// Exchanges with it that are not over.
    pub connections: u32,
    /// How long it takes to answer; 0 where that is not known ([`crate::Latency`]).
    pub micros: u32,
    /// What tells it from the others for as long as it is there, whatever its place in the list: a hash of its address.
    pub identity: u64,
}

/// Whether a server may be asked. What is smaller is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// As the others.
    Ready,
    /// Only where no other is ready.
    Backup,
    /// It failed, or was tried for this request: only where there is no other, so that the last server of a pool is never out.
    Out,
    /// Never.
    Drained,
}

/// A way of choosing, and what it remembers.
#[derive(Debug)]
pub struct Balance {
    policy: &'static Policy,
    /// For each server, by how much it is behind its share.
    turns: Vec<i64>,
}

/// What a choice depends on beside the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Nothing.
    None,
    /// Who asks: [`key_of_client`].
    Client,
    /// What is asked for: [`key_of_target`].
    Target,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Policy {
    name: &'static str,
    key: Key,
    choose: fn(&Choice<'_>, &mut Vec<i64>) -> Option<usize>,
}

// table, sorted
const POLICIES: &[&Policy] = &[
    &hash_client::POLICY,
    &hash_target::POLICY,
    &least_connections::POLICY,
    &least_time::POLICY,
    &random_two::POLICY,
    &round_robin::POLICY,
];

impl Server {
    /// A server that is ready and idle.
    #[must_use]
    pub fn new(weight: u32) -> Self {
        Self {
            weight,
            standing: Standing::Ready,
            connections: 0,
            micros: 0,
            identity: 0,
        }
    }
}

impl Balance {
    /// The way of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let policy = POLICIES.iter().find(|policy| policy.name == name)?;
        Some(Self {
            policy,
            turns: Vec::new(),
        })
    }

    /// All names, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        POLICIES.iter().map(|policy| policy.name)
    }

    /// Whether [`Server::micros`] counts.
    #[must_use]
    pub fn uses_time(&self) -> bool {
        self.policy.name == least_time::POLICY.name
    }

    /// What `key` of [`Self::choose`] is made of.
    #[must_use]
    pub fn key(&self) -> Key {
        self.policy.key
    }

    /// The place of the server to ask; `None` where all are drained or without weight. `random` is any number that nobody
    /// foresees.
    pub fn choose(&mut self, servers: &[Server], key: u64, random: u64) -> Option<usize> {
        let best = servers.iter().filter(|server| server.weight > 0);
        let standing = best.map(|server| server.standing).min()?;
        if standing == Standing::Drained {
            return None;
        }
        let choice = Choice {
            servers,
            standing,
            key,
            random,
        };
        (self.policy.choose)(&choice, &mut self.turns)
    }
}

/// What is chosen from.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    servers: &'a [Server],
    /// Of those that may be chosen.
    standing: Standing,
    key: u64,
    random: u64,
}

impl<'a> Choice<'a> {
    /// Those that may be chosen, with their places.
    fn candidates(&self) -> impl Iterator<Item = (usize, &'a Server)> + Clone {
        let standing = self.standing;
        let all = self.servers.iter().enumerate();
        all.filter(move |(_, server)| server.standing == standing && server.weight > 0)
    }

    /// The candidate that costs least for its weight. Of those that cost the same, chance decides.
    fn cheapest(&self, cost: impl Fn(&Server) -> u64) -> Option<usize> {
        let mut best: Option<(usize, u128, u128)> = None;
        let mut alike = 0;
        for (place, server) in self.candidates() {
            let (own, weight) = (u128::from(cost(server)), u128::from(server.weight));
            let order = match best {
                // own / weight against least / least_weight.
                Some((_, least, least_weight)) => (own * least_weight).cmp(&(least * weight)),
                None => std::cmp::Ordering::Less,
            };
            alike = match order {
                std::cmp::Ordering::Less => 1,
                std::cmp::Ordering::Equal => alike + 1,
                std::cmp::Ordering::Greater => continue,
            };
            // Each of n that are alike is kept with a chance of 1 in n.
            if alike == 1 || hash::mixed(self.random ^ alike).is_multiple_of(alike) {
                best = Some((place, own, weight));
            }
        }
        best.map(|(place, ..)| place)
    }

    /// The sum of the weights, and the candidate at a point of it.
    fn at_random(&self, random: u64, without: Option<usize>) -> Option<usize> {
        let candidates = self
            .candidates()
            .filter(|(place, _)| Some(*place) != without);
        let weights = candidates
            .clone()
            .map(|(_, server)| u64::from(server.weight));
        let mut point = random.checked_rem(weights.sum())?;
        for (place, server) in candidates {
            let weight = u64::from(server.weight);
            if point < weight {
                return Some(place);
            }
            point -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests;
