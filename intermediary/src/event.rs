//! What is told to people of a pool: each change of a state once, with its reason.

use std::fmt;

/// A change in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The pool.
    pub pool: &'a str,
    /// The server; `None` for the pool as a whole.
    pub server: Option<&'a str>,
    /// What changed.
    pub change: Change<'a>,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<'a> {
    /// It failed too often, and is asked only where there is no other.
    Out(&'a str),
    /// It answered again.
    In,
    /// Checks failed: it is not asked.
    CheckedOut(&'a str),
    /// Checks succeed.
    CheckedIn,
    /// Its breaker opened: it is not asked for a while.
    BreakerOpen(&'a str),
    /// Its breaker closed after a trial.
    BreakerClosed,
    /// As many requests wait for a connection as may.
    QueueFull(usize),
    /// The queue has room, and is empty.
    QueueEmpty,
}

/// Who tells.
pub type Tell = fn(&Event<'_>);

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pool {}: ", self.pool)?;
        if let Some(server) = self.server {
            write!(f, "{server} ")?;
        }
        match self.change {
            Change::Out(why) => write!(f, "is out, for it failed again and again: {why}"),
            Change::In => f.write_str("is in again, for it answered"),
            Change::CheckedOut(why) => write!(f, "is out, for its check failed: {why}"),
            Change::CheckedIn => f.write_str("is in, for its checks succeed"),
            Change::BreakerOpen(why) => {
                write!(f, "is not asked for a while, its breaker is open: {why}")
            }
            Change::BreakerClosed => f.write_str("is asked again, its breaker is closed"),
            Change::QueueFull(max) => write!(
                f,
                "the queue is full, {max} wait for a connection (queue_max): more are answered by 503"
            ),
            Change::QueueEmpty => f.write_str("the queue is empty again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_one_sentence_with_its_reason() {
        let event = Event {
            pool: "app",
            server: Some("127.0.0.1:3000"),
            change: Change::Out("Nobody listens at the server's address"),
        };
        assert_eq!(
            event.to_string(),
            "pool app: 127.0.0.1:3000 is out, for it failed again and again: Nobody listens at the server's address"
        );
    }
}
