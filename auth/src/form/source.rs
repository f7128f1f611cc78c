//! Where a request comes from: our own pages, or another site's.

use semantics::{Form, Known, Method, RequestHead, Target};

/// Who caused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A page of this origin, or the person.
    Own,
    /// A page of another origin, be it of the same site: what is beside us need not be ours.
    Foreign,
    /// The user agent does not say. Browsers do with whatever is not GET or HEAD.
    Unknown,
}

impl Source {
    /// Judges by `Sec-Fetch-Site` (Fetch Metadata §2.2), which no page can set, else by `Origin` (RFC 6454 §7).
    pub(crate) fn of(head: RequestHead<'_>, is_secured: bool) -> Self {
        let mut sites = head.all(Known::SecFetchSite);
        if let Some(site) = sites.next() {
            let is_own = sites.next().is_none() && matches!(site, b"same-origin" | b"none");
            return if is_own { Self::Own } else { Self::Foreign };
        }
        let mut origins = head.all(Known::Origin);
        let Some(origin) = origins.next() else {
            return Self::Unknown;
        };
        let is_own = origins.next().is_none() && is_own_origin(origin, head, is_secured);
        if is_own { Self::Own } else { Self::Foreign }
    }
}

fn is_own_origin(origin: &[u8], head: RequestHead<'_>, is_secured: bool) -> bool {
    let (scheme, port): (&[u8], &[u8]) = match is_secured {
        true => (b"https://", b":443"),
        false => (b"http://", b":80"),
    };
    // "null" and other schemes are others.
    let Some(named) = origin.strip_prefix(scheme) else {
        return false;
    };
    let target = Target::parse(head.target(), head.method());
    let own = match target.map(|target| target.form) {
        // RFC 9112 §3.2.2: the authority of the target is used instead of Host.
        Some(Form::Absolute { authority, .. }) => Some(authority),
        _ => head.first(Known::Host),
    };
    let without_port = |authority: &[u8]| -> Vec<u8> {
        authority
            .strip_suffix(port)
            .unwrap_or(authority)
            .to_ascii_lowercase()
    };
    own.is_some_and(|own| !own.is_empty() && without_port(own) == without_port(named))
}

/// Methods that ask for nothing to change (RFC 9110 §9.2.1).
pub(crate) fn is_safe(method: Method) -> bool {
    matches!(
        method,
        Method::Get | Method::Head | Method::Options | Method::Trace
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_exchange;

    fn source(target: &str, fields: &str, is_secured: bool) -> Source {
        let request = format!("POST {target} HTTP/1.1\r\nHost: A.example:8080\r\n{fields}\r\n");
        with_exchange(&request, |exchange| Source::of(exchange.head, is_secured))
    }

    #[test]
    fn the_browser_knows_best() {
        let site = |value: &str| {
            source(
                "/",
                &format!("Sec-Fetch-Site: {value}\r\nOrigin: http://a.example:8080\r\n"),
                false,
            )
        };
        assert_eq!([site("same-origin"), site("none")], [Source::Own; 2]);
        assert_eq!(
            [site("same-site"), site("cross-site"), site("x"), site("")],
            [Source::Foreign; 4]
        );
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin =
            |value: &str, is_secured| source("/", &format!("Origin: {value}\r\n"), is_secured);
        assert_eq!(origin("http://a.example:8080", false), Source::Own);
        assert_eq!(origin("https://a.example:8080", true), Source::Own);
        for other in [
            "https://a.example:8080",
            "http://a.example",
            "http://a.example:80",
            "http://b.example:8080",
            "http://a.example:8080.evil",
            "http://a.example:8080, http://a.example:8080",
            "null",
            "",
        ] {
            assert_eq!(origin(other, false), Source::Foreign, "{other}");
        }
    }

    #[test]
    fn the_default_port_may_be_said_or_not() {
        let fields = "Origin: http://b.example\r\n";
        assert_eq!(source("http://b.example:80/", fields, false), Source::Own);
        assert_eq!(
            source("http://b.example:443/", fields, false),
            Source::Foreign
        );
    }

    #[test]
    fn two_lines_are_no_better_than_a_foreign_one() {
        let twice = "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n";
        assert_eq!(source("/", twice, false), Source::Foreign);
        let twice = "Origin: http://a.example:8080\r\nOrigin: http://evil\r\n";
        assert_eq!(source("/", twice, false), Source::Foreign);
    }

    #[test]
    fn without_either_it_is_unknown() {
        assert_eq!(source("/", "", false), Source::Unknown);
    }
}
