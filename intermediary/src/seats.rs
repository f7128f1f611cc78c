//! Connections to the servers of one pool as far as their number is limited, and who waits for one. Without a lock or a waker: see
//! [`crate::commons`] for what all workers share.
//!
//! ```text
//!  a request ──take──▶ connection ──give_back──▶ free
//!      │                                │
//!      └──join──▶ queue ──────────◀─────┘ the first who accepts that server gets it
//!                   └──leave──▶
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

/// Counts of connections, and the queue.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    servers: Vec<Taken>,
    queue: VecDeque<Waiter>,
    tickets: u64,
}

/// Connections to one server.
#[derive(Clone, Copy, Debug)]
struct Taken {
    server: u64,
    count: u32,
    /// As many as there may be, as who took one last has it.
    max: u32,
    /// Who waits and accepts it.
    waiting: u32,
}

/// Who waits for a connection.
#[derive(Clone, Debug)]
struct Waiter {
    ticket: u64,
    worker: u64,
    accepts: Arc<[u64]>,
}

/// Who is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) ticket: u64,
    pub(crate) worker: u64,
}

impl Seats {
    /// Takes a connection to a server of which there may be `max`, unless there are so many.
    pub(crate) fn take(&mut self, server: u64, max: u32) -> bool {
        let taken = self.of(server);
        taken.max = max;
        let is_free = taken.count < max;
        taken.count += u32::from(is_free);
        is_free
    }

    /// One waits in the queue, behind all others; `None` if as many wait as may.
    pub(crate) fn join(
        &mut self,
        accepts: Arc<[u64]>,
        worker: u64,
        queue_max: usize,
    ) -> Option<u64> {
        if self.queue.len() >= queue_max {
            return None;
        }
        self.tickets += 1;
        self.note(&accepts, |waiting| waiting.saturating_add(1));
        self.queue.push_back(Waiter {
            ticket: self.tickets,
            worker,
            accepts,
        });
        Some(self.tickets)
    }

    /// One waits no longer; says whether it did.
    pub(crate) fn leave(&mut self, ticket: u64) -> bool {
        let at = self.queue.iter().position(|it| it.ticket == ticket);
        at.and_then(|at| self.remove(at)).is_some()
    }

    /// The first who accepts a server of which there may be one more: it is taken for them.
    pub(crate) fn seat_next(&mut self) -> Option<(u64, Next)> {
        let servers = &self.servers;
        let is_free = |server: &u64| {
            let known = servers.iter().find(|taken| taken.server == *server);
            known.is_some_and(|taken| taken.count < taken.max)
        };
        let (at, server) = self.queue.iter().enumerate().find_map(|(at, waiter)| {
            let server = waiter.accepts.iter().copied().find(is_free)?;
            Some((at, server))
        })?;
        let waiter = self.remove(at)?;
        self.of(server).count += 1;
        Some((server, waiter.next()))
    }

    /// The first who accepts a connection to this server that is there: whoever has it hands it on.
    pub(crate) fn next_for(&mut self, server: u64) -> Option<Next> {
        let accepts = |waiter: &Waiter| waiter.accepts.contains(&server);
        let at = self.queue.iter().position(accepts)?;
        self.remove(at).map(|waiter| waiter.next())
    }

    /// A connection is closed.
    pub(crate) fn give_back(&mut self, server: u64) {
        let taken = self.of(server);
        taken.count = taken.count.saturating_sub(1);
    }

    /// How many connections there are to a server, and how many wait for one.
    pub(crate) fn counts(&self, server: u64) -> (u32, u32) {
        let known = self.servers.iter().find(|taken| taken.server == server);
        known.map_or((0, 0), |taken| (taken.count, taken.waiting))
    }

    /// How many wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    fn remove(&mut self, at: usize) -> Option<Waiter> {
        let waiter = self.queue.remove(at)?;
        self.note(&waiter.accepts, |waiting| waiting.saturating_sub(1));
        Some(waiter)
    }

    fn note(&mut self, servers: &[u64], change: impl Fn(u32) -> u32) {
        for server in servers {
            let taken = self.of(*server);
            taken.waiting = change(taken.waiting);
        }
    }

    fn of(&mut self, server: u64) -> &mut Taken {
        let at = match self.servers.iter().position(|it| it.server == server) {
            Some(at) => at,
            None => {
                // Those that went, and have no connection left, make room.
                self.servers
                    .retain(|taken| taken.count > 0 || taken.waiting > 0);
                self.servers.push(Taken {
                    server,
                    count: 0,
                    max: u32::MAX,
                    waiting: 0,
                });
                self.servers.len() - 1
            }
        };
        #[expect(clippy::indexing_slicing, reason = "it was found or pushed there")]
        &mut self.servers[at]
    }
}

impl Waiter {
    fn next(&self) -> Next {
        Next {
            ticket: self.ticket,
            worker: self.worker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u64 = 1;
    const B: u64 = 2;

    fn join(seats: &mut Seats, accepts: &[u64]) -> Option<u64> {
        seats.join(accepts.into(), 0, 3)
    }

    fn seated(seats: &mut Seats) -> Option<(u64, u64)> {
        let (server, next) = seats.seat_next()?;
        Some((server, next.ticket))
    }

    #[test]
    fn there_are_never_more_connections_than_may_be() {
        let mut seats = Seats::default();
        assert!(seats.take(A, 2) && seats.take(A, 2));
        assert!(!seats.take(A, 2));
        assert!(seats.take(B, 1) && !seats.take(B, 1));
        seats.give_back(A);
        assert!(seats.take(A, 2));
        assert_eq!((seats.counts(A), seats.counts(B)), ((2, 0), (1, 0)));
    }

    #[test]
    fn who_came_first_gets_what_is_given_back() {
        let mut seats = Seats::default();
        assert!(seats.take(A, 1));
        let first = join(&mut seats, &[A]).unwrap();
        let second = join(&mut seats, &[A]).unwrap();
        assert_eq!(seats.seat_next(), None);
        seats.give_back(A);
        assert_eq!(seated(&mut seats), Some((A, first)));
        assert_eq!(seated(&mut seats), None, "it is taken for who got it");
        seats.give_back(A);
        assert_eq!(seated(&mut seats), Some((A, second)));
    }

    #[test]
    fn who_accepts_other_servers_alone_is_passed_over() {
        let mut seats = Seats::default();
        assert!(seats.take(A, 1) && seats.take(B, 1));
        let of_a = join(&mut seats, &[A]).unwrap();
        let of_both = join(&mut seats, &[A, B]).unwrap();
        assert_eq!((seats.counts(A), seats.counts(B)), ((1, 2), (1, 1)));
        assert_eq!(seats.next_for(B).map(|next| next.ticket), Some(of_both));
        assert_eq!((seats.counts(A), seats.counts(B)), ((1, 1), (1, 0)));
        seats.give_back(B);
        assert_eq!(seated(&mut seats), None);
        seats.give_back(A);
        assert_eq!(seated(&mut seats), Some((A, of_a)));
    }

    #[test]
    fn the_queue_has_an_end_and_who_leaves_makes_room() {
        let mut seats = Seats::default();
        let tickets: Vec<_> = (0..3).filter_map(|_| join(&mut seats, &[A])).collect();
        assert_eq!((tickets.len(), join(&mut seats, &[A])), (3, None));
        assert!(seats.leave(tickets[1]));
        assert!(!seats.leave(tickets[1]));
        assert!(join(&mut seats, &[A]).is_some());
        assert_eq!(seats.queued(), 3);
    }

    #[test]
    fn a_limit_that_was_lowered_holds_for_what_is_given_back() {
        let mut seats = Seats::default();
        assert!(seats.take(A, 3) && seats.take(A, 3) && seats.take(A, 3));
        assert!(!seats.take(A, 1));
        join(&mut seats, &[A]).unwrap();
        seats.give_back(A);
        seats.give_back(A);
        assert_eq!(seats.seat_next(), None);
        seats.give_back(A);
        assert!(seats.seat_next().is_some());
    }

    #[test]
    fn servers_without_connections_are_forgotten() {
        let mut seats = Seats::default();
        for server in 0..1000 {
            assert!(seats.take(server, 1));
            seats.give_back(server);
        }
        assert!(seats.servers.len() <= 2);
    }
}
