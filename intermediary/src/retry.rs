//! What may be sent again (RFC 9110 §9.2.2, RFC 9112 §9.3.1).

use semantics::Method;

/// An attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The method.
    pub method: Method,
    /// Whether the content can be sent whole again.
    pub content: Repeatable,
    /// How far it came.
    pub reached: Reached,
}

/// Whether content can be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeatable {
    /// There is none, or all of it is still there.
    Whole,
    /// Some of it went by.
    Lost,
}

/// How far an attempt came. What came is further than what did not: they are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// No octet of the request was transmitted: the connection was not made, or none was free.
    Nothing,
    /// The server may have seen the request, and perhaps it answered, but the client saw nothing of that.
    Server,
    /// An octet of an answer, also of an interim one, has gone to the client.
    Client,
}

impl Attempt {
    /// Whether the request may be sent again, as far as HTTP goes: a [`crate::Budget`] and a count may say no.
    ///
    /// Invariant: a request that is not idempotent, and any whose method is not known here, is never with two servers.
    #[must_use]
    pub fn may_repeat(self) -> bool {
        match (self.content, self.reached) {
            (Repeatable::Lost, _) | (_, Reached::Client) => false,
            (Repeatable::Whole, Reached::Nothing) => true,
            (Repeatable::Whole, Reached::Server) => self.method.is_idempotent(),
        }
    }
}

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Tries {
    /// Servers that failed, in order.
    tried: Vec<usize>,
    /// Those of them that would only fail in the same way again.
    hopeless: Vec<usize>,
    /// Those with which a connection that had been used before was closed unseen.
    stale: Vec<usize>,
    tries_max: usize,
    servers: usize,
}

/// By what a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The connection had been used before and was closed unseen.
    Connection,
    /// The server closed without an answer: it may begin anew.
    Closing,
    /// The server, or the way to it.
    Server,
}

/// Whether another try is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is.
    Again,
    /// It is, if the budget has one.
    AgainByBudget,
    /// It is not.
    Over,
}

impl Tries {
    pub(crate) fn new(tries_max: usize, servers: usize) -> Self {
        Self {
            tried: Vec::new(),
            hopeless: Vec::new(),
            stale: Vec::new(),
            tries_max,
            servers,
        }
    }

    /// Servers that are asked only where there is no other.
    pub(crate) fn tried(&self) -> &[usize] {
        &self.tried
    }

    /// Whether asking a server once more is of no use.
    pub(crate) fn is_hopeless(&self, place: usize) -> bool {
        self.hopeless.contains(&place)
    }

    /// Whether a server is asked on a new connection: one that was at rest proved closed, so others may be.
    pub(crate) fn wants_new(&self, place: usize) -> bool {
        self.stale.contains(&place)
    }

    /// The server at `place` failed.
    pub(crate) fn failed(&mut self, place: usize, blame: Blame, attempt: Attempt) -> Next {
        match blame {
            Blame::Connection => self.stale.push(place),
            Blame::Closing => self.tried.push(place),
            Blame::Server => {
                self.tried.push(place);
                self.hopeless.push(place);
            }
        }
        let is_left = self.tried.len() < self.tries_max && self.hopeless.len() < self.servers;
        match attempt.may_repeat() && is_left && self.stale.len() <= self.servers {
            false => Next::Over,
            true if blame == Blame::Connection => Next::Again,
            true => Next::AgainByBudget,
        }
    }
}

/// Octets of a request's content that are kept to be sent again.
pub(crate) const KEPT_OCTETS_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [Method; 10] = [
        Method::Get,
        Method::Head,
        Method::Options,
        Method::Trace,
        Method::Put,
        Method::Delete,
        Method::Post,
        Method::Patch,
        Method::Connect,
        Method::Other,
    ];

    /// Chance that is the same with every run.
    struct Dice(u64);

    impl Dice {
        fn pick<T: Copy>(&mut self, of: &[T]) -> T {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            of[(self.0 >> 33) as usize % of.len()]
        }
    }

    /// Laws, over the ways in which tries may fail one after the other.
    #[test]
    fn however_tries_fail_nothing_is_doubled_that_may_not_be_and_all_comes_to_an_end() {
        for seed in 0..20_000 {
            let mut dice = Dice(seed);
            let method = dice.pick(&METHODS);
            let servers = dice.pick(&[1, 2, 3, 5]);
            let tries_max = dice.pick(&[1, 2, 3, 4]);
            let mut tries = Tries::new(tries_max, servers);
            let (mut seen, mut asked, mut is_lost, mut is_told) = (0, 0, false, false);
            loop {
                let place = (asked * 7 + seed as usize) % servers;
                if tries.is_hopeless(place) {
                    break;
                }
                asked += 1;
                assert!(!is_told && !is_lost, "seed {seed}");
                let reached = dice.pick(&[
                    Reached::Nothing,
                    Reached::Server,
                    Reached::Server,
                    Reached::Client,
                ]);
                seen += usize::from(reached != Reached::Nothing);
                let content = dice.pick(&[Repeatable::Whole, Repeatable::Whole, Repeatable::Lost]);
                is_lost = content == Repeatable::Lost;
                is_told = reached == Reached::Client;
                let attempt = Attempt {
                    method,
                    content,
                    reached,
                };
                let blame = match tries.wants_new(place) {
                    true => dice.pick(&[Blame::Closing, Blame::Server]),
                    false => dice.pick(&[Blame::Connection, Blame::Closing, Blame::Server]),
                };
                if tries.failed(place, blame, attempt) == Next::Over {
                    break;
                }
            }
            assert!(
                method.is_idempotent() || seen <= 1,
                "seed {seed}: {method:?} {seen}"
            );
            assert!(asked <= tries_max + servers, "seed {seed}: {asked}");
        }
    }

    #[test]
    fn a_server_that_would_fail_in_the_same_way_is_not_asked_again() {
        let attempt = Attempt {
            method: Method::Get,
            content: Repeatable::Whole,
            reached: Reached::Server,
        };
        let mut one = Tries::new(3, 1);
        assert_eq!(one.failed(0, Blame::Server, attempt), Next::Over);
        let mut closing = Tries::new(3, 1);
        assert_eq!(
            closing.failed(0, Blame::Closing, attempt),
            Next::AgainByBudget
        );
        assert!(!closing.is_hopeless(0));
        let mut two = Tries::new(3, 2);
        assert_eq!(two.failed(0, Blame::Server, attempt), Next::AgainByBudget);
        assert!(two.is_hopeless(0) && !two.is_hopeless(1));
        assert_eq!(two.tried(), [0]);
        assert_eq!(two.failed(1, Blame::Server, attempt), Next::Over);
    }

    #[test]
    fn a_stale_connection_takes_nothing_from_the_budget() {
        let attempt = Attempt {
            method: Method::Put,
            content: Repeatable::Whole,
            reached: Reached::Server,
        };
        let mut tries = Tries::new(2, 1);
        assert_eq!(tries.failed(0, Blame::Connection, attempt), Next::Again);
        assert!(tries.wants_new(0) && tries.tried().is_empty());
    }

    fn may(method: Method, content: Repeatable, reached: Reached) -> bool {
        let attempt = Attempt {
            method,
            content,
            reached,
        };
        attempt.may_repeat()
    }

    #[test]
    fn what_no_server_saw_may_be_sent_again() {
        for method in [Method::Get, Method::Post, Method::Patch, Method::Other] {
            assert!(may(method, Repeatable::Whole, Reached::Nothing));
            assert!(!may(method, Repeatable::Lost, Reached::Nothing));
        }
    }

    #[test]
    fn what_a_server_may_have_seen_is_sent_again_if_it_is_idempotent() {
        // table
        for (method, expected) in [
            (Method::Get, true),
            (Method::Head, true),
            (Method::Options, true),
            (Method::Trace, true),
            (Method::Put, true),
            (Method::Delete, true),
            (Method::Post, false),
            (Method::Patch, false),
            (Method::Connect, false),
            (Method::Other, false),
        ] {
            assert_eq!(
                may(method, Repeatable::Whole, Reached::Server),
                expected,
                "{method:?}"
            );
            assert!(!may(method, Repeatable::Lost, Reached::Server));
        }
    }

    #[test]
    fn what_a_client_saw_is_never_begun_again() {
        assert!(!may(Method::Get, Repeatable::Whole, Reached::Client));
    }
}
