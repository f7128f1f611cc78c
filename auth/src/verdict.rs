//! What is said of a request.

use engine::Response;
use semantics::{Known, ResponseHead, Status};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What is said of a request, at once or later.
pub enum Verdict {
    /// At once.
    Ready(Outcome),
    /// After something was looked up or computed. Polled on the worker's thread; dropping it is giving up.
    Later(Pin<Box<dyn Future<Output = Outcome>>>),
}

/// What is said of a request in the end.
#[derive(Debug)]
pub enum Outcome {
    /// It goes on.
    Pass(Pass),
    /// It is refused: to be worded by whoever words errors.
    Refuse(Denial),
    /// It is answered.
    Answer(Response),
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(outcome) => f.debug_tuple("Ready").field(outcome).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// A request whose user is known, and what its response must carry.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The user's name.
    pub user: Arc<str>,
    pub(crate) cookie: Option<String>,
    pub(crate) kept_from: KeptFrom,
}

/// How a response is kept from caches that several people share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeptFrom {
    /// They keep no response to a request with `Authorization` unless the response allows it (RFC 9111 §3.5). A site that allows it for
    /// all that it has does not mean what one has to sign in for.
    Allowed,
    /// They do not know that a cookie changes what is answered, so it is said (RFC 9111 §5.2.2.7).
    Others,
    /// All. Over a connection in the clear user agents do not heed `Clear-Site-Data` (Clear Site Data §4.1), so that nothing
    /// could be taken back from their caches at the end of a session; and they show what is stored when somebody goes back
    /// (RFC 9111 §5.2.2.5, §6).
    Everybody,
}

impl Pass {
    /// Whether a response with this head must carry something more.
    pub fn has_fields_for(&self, head: &ResponseHead) -> bool {
        self.cookie.is_some() || self.missing(head).is_some()
    }

    /// Adds to the response what it must carry. A `Cache-Control` that says `public` is joined by `private` or `no-store`, of
    /// which caches heed the strictest (RFC 9111 §4.2.1, §5.2.2.7).
    pub fn add_to(&self, head: &mut ResponseHead) {
        if let Some(cookie) = &self.cookie {
            head.add(Known::SetCookie, cookie);
        }
        if let Some(directive) = self.missing(head) {
            head.add(Known::CacheControl, directive);
        }
    }

    /// The directive that keeps it from caches, unless it has that or a stricter one.
    fn missing(&self, head: &ResponseHead) -> Option<&'static str> {
        let (is_kept, directive, enough): (_, _, &[&str]) = match self.kept_from {
            KeptFrom::Allowed => (
                has_directive(head, &["public", "s-maxage", "must-revalidate"]),
                "private",
                &["private", "no-store"],
            ),
            KeptFrom::Others => (true, "private", &["private", "no-store"]),
            KeptFrom::Everybody => (true, "no-store", &["no-store"]),
        };
        (is_kept && !has_whole_directive(head, enough)).then_some(directive)
    }
}

/// Whether `Cache-Control` has one of these directives, whatever its argument (RFC 9111 §5.2).
fn has_directive(head: &ResponseHead, names: &[&str]) -> bool {
    has_member(head, |member| {
        let name = member.split(|octet| *octet == b'=').next();
        is_one_of(name.unwrap_or_default(), names)
    })
}

/// The same without an argument: with one, `private` is about fields alone (RFC 9111 §5.2.2.7).
fn has_whole_directive(head: &ResponseHead, names: &[&str]) -> bool {
    has_member(head, |member| is_one_of(member, names))
}

fn has_member(head: &ResponseHead, is_sought: impl Fn(&[u8]) -> bool) -> bool {
    let lines = head.section().all(Known::CacheControl);
    semantics::fields::list::members_of(lines).any(is_sought)
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    let name = name.trim_ascii();
    names
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// A request that is refused: the status, why, by which rule, and what the response must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The status.
    pub status: Status,
    /// One sentence without a full stop.
    pub because: &'static str,
    /// The section that says so.
    pub rule: &'static str,
    /// Field lines for the response.
    pub fields: Vec<(Known, String)>,
}

impl Denial {
    pub(crate) fn new(status: Status, because: &'static str, rule: &'static str) -> Self {
        Self {
            status,
            because,
            rule,
            fields: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, field: Known, value: impl Into<String>) -> Self {
        self.fields.push((field, value.into()));
        self
    }

    /// Adds to the response what it must carry, in place of what it says of the same.
    pub fn add_to(&self, head: &mut ResponseHead) {
        for (field, value) in &self.fields {
            head.set(*field, value);
        }
    }

    /// Known, but not one of those who may come in. The same credentials would not help, so none are asked for.
    pub(crate) fn forbidden() -> Self {
        Self::new(
            Status::FORBIDDEN,
            "This user may not come in here",
            "RFC 9110 §15.5.4",
        )
    }

    /// The page of another site made the user agent ask for it.
    pub(crate) fn forged() -> Self {
        Self::new(
            Status::FORBIDDEN,
            "The page of another site may not ask for this",
            "RFC 9110 §15.5.4",
        )
    }

    /// Too many passwords were wrong.
    pub(crate) fn too_many(wait: Duration) -> Self {
        Self::new(
            Status::TOO_MANY_REQUESTS,
            "Too many passwords were wrong",
            "RFC 6585 §4",
        )
        .with(Known::RetryAfter, seconds(wait))
    }

    /// The server has no room for another password check.
    pub(crate) fn busy() -> Self {
        Self::new(
            Status::SERVICE_UNAVAILABLE,
            "This server is checking as many passwords as it may",
            "RFC 9110 §15.6.4",
        )
        .with(Known::RetryAfter, "2")
    }
}

/// Whole seconds, at least one, rounded up.
pub(crate) fn seconds(wait: Duration) -> String {
    wait.as_millis().div_ceil(1000).max(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_control(said: &[&str]) -> Vec<String> {
        cache_control_of(KeptFrom::Others, said)
    }

    fn cache_control_of(kept_from: KeptFrom, said: &[&str]) -> Vec<String> {
        let mut head = ResponseHead::new(Status::OK);
        said.iter()
            .for_each(|value| head.add(Known::CacheControl, value));
        let pass = Pass {
            user: "anna".into(),
            cookie: None,
            kept_from,
        };
        let must_change = pass.has_fields_for(&head);
        pass.add_to(&mut head);
        let count = head.section().all(Known::CacheControl).count();
        assert_eq!(must_change, count > said.len());
        let lines = head.section().all(Known::CacheControl);
        lines
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn what_a_cookie_decides_is_private() {
        assert_eq!(cache_control(&[]), ["private"]);
        assert_eq!(cache_control(&["max-age=60"]), ["max-age=60", "private"]);
        assert_eq!(
            cache_control(&["public, max-age=60"]),
            ["public, max-age=60", "private"]
        );
    }

    #[test]
    fn what_a_cookie_decides_in_the_clear_is_not_stored() {
        let said = |lines: &[&str]| cache_control_of(KeptFrom::Everybody, lines);
        assert_eq!(said(&[]), ["no-store"]);
        assert_eq!(said(&["private"]), ["private", "no-store"]);
        assert_eq!(said(&["max-age=1, No-Store"]), ["max-age=1, No-Store"]);
    }

    #[test]
    fn what_is_private_is_not_said_twice() {
        assert_eq!(
            cache_control(&["max-age=1, Private"]),
            ["max-age=1, Private"]
        );
        assert_eq!(cache_control(&["no-store"]), ["no-store"]);
        assert_eq!(
            cache_control(&["private=\"set-cookie\""]),
            ["private=\"set-cookie\"", "private"]
        );
    }

    #[test]
    fn what_a_password_opens_is_private_where_a_shared_cache_might_keep_it() {
        let said = |value| cache_control_of(KeptFrom::Allowed, &[value]).join(" + ");
        for allowed in [
            "public, max-age=60",
            "max-age=1, S-MaxAge=60",
            "must-revalidate",
        ] {
            assert_eq!(said(allowed), format!("{allowed} + private"));
        }
        for kept in ["max-age=60", "public, private", "no-store, public"] {
            assert_eq!(said(kept), kept);
        }
        assert!(cache_control_of(KeptFrom::Allowed, &[]).is_empty());
    }

    #[test]
    fn what_a_denial_says_counts_whatever_was_said_before() {
        let mut head = ResponseHead::new(Status::TOO_MANY_REQUESTS).with(Known::RetryAfter, "2");
        Denial::too_many(Duration::from_secs(60)).add_to(&mut head);
        let lines: Vec<_> = head.section().all(Known::RetryAfter).collect();
        assert_eq!(lines, [b"60"]);
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_as_none() {
        assert_eq!(seconds(Duration::ZERO), "1");
        assert_eq!(seconds(Duration::from_millis(1001)), "2");
    }
}
