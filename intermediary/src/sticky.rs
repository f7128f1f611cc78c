//! Clients that come back to the server that they were with, by a cookie of our own.
//!
//! The value stands for a server without telling where it is, and is made of the names of the pool and the server alone: gateways with one
//! configuration agree on it, and it outlives them. A value that stands for no server of the pool, or for one that is out, counts as none.

use semantics::fields::cookie::{self, SameSite, SetCookie};
use semantics::{Known, RequestHead};

use crate::balance::key_of_target;

/// The cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Its name: a token.
    pub cookie: String,
    /// For how long, in seconds; `None` is as long as the user agent's own session.
    pub seconds: Option<u64>,
}

impl Sticky {
    /// The value that a request brings.
    pub(crate) fn value<'a>(&self, head: RequestHead<'a>) -> Option<&'a [u8]> {
        cookie::only(head.all(Known::Cookie), self.cookie.as_bytes())
    }

    /// The field value that has a user agent bring a value from here on; `None` if it cannot be said.
    pub(crate) fn set(&self, value: &str, is_secure: bool) -> Option<String> {
        let mut set = SetCookie::new(&*self.cookie, value)?
            .http_only()
            .same_site(SameSite::Lax);
        if let Some(seconds) = self.seconds {
            set = set.max_age(seconds);
        }
        if is_secure {
            set = set.secure();
        }
        Some(set.to_string())
    }
}

/// What stands for a server of a pool.
pub(crate) fn value_of(pool: &str, server: &str) -> Box<str> {
    // Two hashes over both, in either order: no two servers of a pool meet by chance.
    let (one, two) = (
        key_of_target(pool.as_bytes(), server.as_bytes()),
        key_of_target(server.as_bytes(), pool.as_bytes()),
    );
    format!("{one:016x}{two:016x}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_for_one_server_of_one_pool() {
        let values = [
            value_of("app", "10.0.0.1:80"),
            value_of("app", "10.0.0.2:80"),
            value_of("other", "10.0.0.1:80"),
        ];
        assert_eq!(value_of("app", "10.0.0.1:80"), values[0]);
        assert!(values[0] != values[1] && values[0] != values[2] && values[1] != values[2]);
        assert!(!values[0].contains("10.0"));
    }

    #[test]
    fn the_cookie_is_hidden_from_scripts_and_secured_where_tls_is() {
        let sticky = Sticky {
            cookie: "app".to_owned(),
            seconds: None,
        };
        assert_eq!(
            sticky.set("x", false).as_deref(),
            Some("app=x; Path=/; HttpOnly; SameSite=Lax")
        );
        let sticky = Sticky {
            seconds: Some(60),
            ..sticky
        };
        assert_eq!(
            sticky.set("x", true).as_deref(),
            Some("app=x; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax")
        );
    }
}
