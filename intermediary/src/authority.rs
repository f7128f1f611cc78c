//! Hosts with ports, compared (RFC 9110 §4.2.3).

use semantics::fields::host::Host;

/// By which scheme something is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    #[default]
    Http,
    /// By TLS.
    Https,
}

impl Scheme {
    /// Its name.
    #[inline]
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The scheme of this name, compared without case.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        [Self::Http, Self::Https]
            .into_iter()
            .find(|scheme| scheme.name().as_bytes().eq_ignore_ascii_case(name))
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Whether two authorities are one, each asked by its scheme. What is no authority is none.
pub(crate) fn is_same(left: (Scheme, &[u8]), right: (Scheme, &[u8])) -> bool {
    let read = |(scheme, octets): (Scheme, _)| {
        let host = Host::parse(octets).ok()?;
        Some((host, host.port.unwrap_or(scheme.port())))
    };
    let (Some((left, left_port)), Some((right, right_port))) = (read(left), read(right)) else {
        return false;
    };
    !left.is_empty() && left.is_named(right.name) && left_port == right_port
}

/// The name alone of a host with or without a port.
pub(crate) fn name(authority: &[u8]) -> Option<&[u8]> {
    Host::parse(authority).ok().map(|host| host.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_compared_by_name_and_port() {
        use Scheme::{Http, Https};
        // table
        for (left, right, expected) in [
            ((Http, "a"), (Http, "A:80"), true),
            ((Http, "a."), (Http, "a"), true),
            ((Https, "a"), (Https, "a:443"), true),
            ((Http, "a"), (Https, "a"), false),
            ((Http, "a:443"), (Https, "a"), true),
            ((Http, "a:"), (Http, "a"), true),
            ((Http, "[::1]:3000"), (Http, "[::1]:3000"), true),
            ((Http, "a"), (Http, "ab"), false),
            ((Http, "u@a"), (Http, "a"), false),
            ((Http, ""), (Http, ""), false),
        ] {
            let octets = |(scheme, text): (Scheme, &'static str)| (scheme, text.as_bytes());
            assert_eq!(
                is_same(octets(left), octets(right)),
                expected,
                "{left:?} {right:?}"
            );
        }
    }
}
