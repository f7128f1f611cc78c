//! The URL of a request that is to be explained.

use intermediary::DestinationError;
use semantics::Method;
use semantics::fields::host::Host;
use semantics::fields::list::is_token;
use std::fmt;

/// A request, as far as a URL tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) is_secured: bool,
    /// The host as `Host` has it, without the port.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) query: Option<String>,
}

/// Why a text is no URL that a server is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// A method is a token (RFC 9110 §9.1).
    Method(String),
    /// It begins with neither `http://` nor `https://`.
    Scheme(String),
    /// The host cannot be read (RFC 9110 §7.2).
    Host(String),
    /// No proxy goes there.
    Destination(String, DestinationError),
    /// An octet that no target has (RFC 3986 §2).
    Octet(char),
}

impl Asked {
    pub(super) fn of(method: &str, url: &str) -> Result<Self, UrlError> {
        if !is_token(method.as_bytes()) {
            return Err(UrlError::Method(method.to_owned()));
        }
        // Those that the server refuses wherever they stand.
        let is_odd = |c: &char| !c.is_ascii_graphic() || "\"<>\\".contains(*c);
        if let Some(odd) = url.chars().find(is_odd) {
            return Err(UrlError::Octet(odd));
        }
        let scheme = || UrlError::Scheme(url.to_owned());
        let (name, rest) = url.split_once("://").ok_or_else(scheme)?;
        let is_secured = match name.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(scheme()),
        };
        // A fragment is not sent (RFC 9110 §7.1).
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let bad_host = || UrlError::Host(authority.to_owned());
        let host = Host::parse(authority.as_bytes()).map_err(|_| bad_host())?;
        if host.is_empty() {
            return Err(bad_host());
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Ok(Self {
            method: method.to_owned(),
            is_secured,
            host: String::from_utf8_lossy(host.name).into_owned(),
            port: host.port.unwrap_or(if is_secured { 443 } else { 80 }),
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
            query,
        })
    }
}

impl Asked {
    /// Its method as the server knows it.
    pub(super) fn method(&self) -> Method {
        Method::from_octets(self.method.as_bytes())
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(method) => write!(f, "\"{}\" is not a method", method.escape_debug()),
            Self::Scheme(url) => write!(
                f,
                "\"{}\" begins with neither http:// nor https://",
                url.escape_debug()
            ),
            Self::Host(host) => write!(f, "\"{}\" is not a host", host.escape_debug()),
            Self::Destination(text, error) => {
                write!(f, "\"{}\": {}", text.escape_debug(), error.because())
            }
            Self::Octet(odd) => write!(
                f,
                "'{}' is not in any URL: write it percent-encoded",
                odd.escape_debug()
            ),
        }
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let asked = Asked::of("GET", "HTTPS://A.example:8443/a/b?c#d").unwrap();
        assert!(asked.is_secured);
        assert_eq!((asked.host.as_str(), asked.port), ("A.example", 8443));
        assert_eq!(
            (asked.path.as_str(), asked.query.as_deref()),
            ("/a/b", Some("c"))
        );
        let asked = Asked::of("M_X!", "http://[::1]?q").unwrap();
        assert_eq!(asked.method(), Method::Other);
        assert_eq!(
            (asked.host.as_str(), asked.port, asked.path.as_str()),
            ("[::1]", 80, "/")
        );
    }

    #[test]
    fn what_no_server_is_asked_for_is_refused() {
        for (method, url) in [
            ("GET", "/a"),
            ("GET", "ftp://a/"),
            ("GET", "http://"),
            ("GET", "http:///a"),
            ("GET", "http://u@a/"),
            ("GET", "http://a/ b"),
            ("GET", "http://a/ä"),
            ("GET", "http://a/\""),
            ("GET", "http://a/?<"),
            ("GET", "http://a/b\\c"),
            ("GET", "http://a:99999/"),
            ("G T", "http://a/"),
            ("G/T", "http://a/"),
            ("", "http://a/"),
        ] {
            assert!(Asked::of(method, url).is_err(), "{method} {url}");
        }
    }
}
