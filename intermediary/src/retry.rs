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

#[cfg(test)]
mod tests {
    use super::*;

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
