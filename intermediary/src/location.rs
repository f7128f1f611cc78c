//! `Location` and `Content-Location` of answers, as the client has to read them (RFC 9110 §10.2.2, §8.7).
//!
//! A reference to the server under its inner name becomes one to a path here; one to a path gets the client's prefix. A
//! reference to another host stays, and nothing that stays here may turn into one that does not.

use crate::authority::{Scheme, is_same};
use crate::passage::Passage;

/// Appends the new value; `false` if the value stays what it is. `host` is the Host that the server was asked with.
pub(crate) fn rewrite(value: &[u8], passage: &Passage, host: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(reference) = Reference::parse(value, passage.scheme) else {
        return false;
    };
    let is_kept_host = |(scheme, authority): (Scheme, _)| {
        passage.new_host().is_none() && is_same((scheme, authority), (scheme, host))
    };
    match reference.authority {
        None => path(reference.path, b"", passage, out),
        // The server speaks of the host that the client asked for: by which scheme is its decision.
        Some(own) if is_kept_host(own) => path(reference.path, reference.front, passage, out),
        Some((scheme, authority)) if passage.is_inner(scheme, authority) => {
            path(reference.path, b"", passage, out) || as_here(reference.path, out)
        }
        Some(_) => false,
    }
}

/// A URI reference by `http` or `https`, or to a path (RFC 3986 §4.2).
struct Reference<'a> {
    /// Scheme and authority as spelled.
    front: &'a [u8],
    authority: Option<(Scheme, &'a [u8])>,
    /// Path, query and fragment.
    path: &'a [u8],
}

impl<'a> Reference<'a> {
    fn parse(value: &'a [u8], scheme: Scheme) -> Option<Self> {
        let (scheme, rest) = match value {
            [b'/', b'/', rest @ ..] => (scheme, rest),
            [b'/', ..] => {
                return Some(Self {
                    front: b"",
                    authority: None,
                    path: value,
                });
            }
            _ => {
                let colon = value.iter().position(|octet| *octet == b':')?;
                let (name, rest) = value.split_at_checked(colon)?;
                (Scheme::of(name)?, rest.strip_prefix(b"://")?)
            }
        };
        let end = rest
            .iter()
            .position(|octet| matches!(octet, b'/' | b'?' | b'#'))
            .unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        Some(Self {
            front: value.get(..value.len() - path.len())?,
            authority: Some((scheme, authority)),
            path,
        })
    }
}

/// Appends `front` and the client's name for a path; nothing if that is the same path behind the same front.
fn path(path: &[u8], front: &[u8], passage: &Passage, out: &mut Vec<u8>) -> bool {
    if passage.paths.is_identity() {
        return false;
    }
    let root;
    let path = if path.starts_with(b"/") {
        path
    } else {
        root = [b"/", path].concat();
        &root
    };
    let Some((prefix, rest)) = passage.paths.back(path) else {
        return false;
    };
    out.extend_from_slice(front);
    if front.is_empty() && prefix.is_empty() {
        return as_here(rest, out);
    }
    out.extend_from_slice(prefix);
    out.extend_from_slice(rest);
    true
}

/// Appends a path as a reference that cannot name a host. Two slashes in front would (RFC 3986 §4.2), and so would, to
/// browsers, a backslash, or a tab between them: a segment of a dot stands before those (RFC 3986 §5.2.4).
fn as_here(path: &[u8], out: &mut Vec<u8>) -> bool {
    let is_harmless = match path {
        [b'/'] => true,
        [b'/', next, ..] => next.is_ascii_alphanumeric() || b"-._~%?#:@!$&'()*+,;=".contains(next),
        _ => {
            out.push(b'/');
            true
        }
    };
    if !is_harmless {
        out.extend_from_slice(b"/.");
    }
    out.extend_from_slice(path);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostRule, PathMap};

    fn passage(strip: &str, add: &str) -> Passage {
        Passage::new("edge", Scheme::Http, "inner:3000")
            .unwrap()
            .paths(PathMap::new(strip, add).unwrap())
    }

    /// What becomes of a value, where the server was asked with this Host.
    fn told(passage: &Passage, host: &str, value: &str) -> Option<String> {
        let mut out = Vec::new();
        rewrite(value.as_bytes(), passage, host.as_bytes(), &mut out)
            .then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_inner_name_of_the_server_is_not_told() {
        let passage = passage("", "");
        // table
        for (value, expected) in [
            ("http://inner:3000/a?b#c", Some("/a?b#c")),
            ("HTTP://INNER:3000/a", Some("/a")),
            ("http://inner:3000", Some("/")),
            ("http://inner:3000?b", Some("/?b")),
            ("http://inner:3000#b", Some("/#b")),
            ("//inner:3000/a", Some("/a")),
            ("http://inner/a", None),
            ("https://inner/a", None),
            ("http://a.example/a", None),
            ("https://a.example/a", None),
            ("//a.example/a", None),
            ("/a", None),
            ("a", None),
            ("../a", None),
            ("?b", None),
            ("", None),
            ("ftp://inner:3000/a", None),
            ("mailto:a@inner:3000", None),
            ("http:/a", None),
            ("http:\\\\inner:3000\\a", None),
            ("http://inner:3000@evil.example/", None),
            ("http://evil@inner:3000/", None),
            ("http://inner:3000.evil.example/", None),
            ("http://inner:3000\\.evil.example/", None),
        ] {
            assert_eq!(
                told(&passage, "a.example", value).as_deref(),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn a_path_that_looks_like_a_host_does_not_become_one() {
        let passage = passage("", "");
        // table
        for (path, expected) in [
            ("//evil.example", "/.//evil.example"),
            ("/\\evil.example", "/./\\evil.example"),
            ("/\t/evil.example", "/./\t/evil.example"),
            ("///evil.example", "/.///evil.example"),
            ("/ /x", "/./ /x"),
        ] {
            let value = format!("http://inner:3000{path}");
            assert_eq!(
                told(&passage, "a.example", &value).as_deref(),
                Some(expected)
            );
        }
        let prefixed = self::passage("", "/in");
        let told = told(&prefixed, "a.example", "/in//evil.example");
        assert_eq!(told.as_deref(), Some("/.//evil.example"));
    }

    #[test]
    fn prefixes_are_put_back() {
        // table
        for (strip, add, value, expected) in [
            ("/shop", "", "/a", Some("/shop/a")),
            ("/shop", "", "//evil.example/a", None),
            ("/shop", "", "http://inner:3000//x", Some("/shop//x")),
            (
                "/shop",
                "",
                "http://a.example/a",
                Some("http://a.example/shop/a"),
            ),
            (
                "/shop",
                "",
                "https://a.example/a?b",
                Some("https://a.example/shop/a?b"),
            ),
            (
                "/shop",
                "",
                "https://a.example",
                Some("https://a.example/shop/"),
            ),
            ("/shop", "", "http://b.example/a", None),
            ("/shop", "/v2", "/v2/a", Some("/shop/a")),
            ("/shop", "/v2", "/v3/a", None),
            ("/shop", "/v2", "http://inner:3000/v3/a", Some("/v3/a")),
            ("/shop", "/v2", "/v2", Some("/shop")),
            ("/shop", "", "a/b", None),
            ("/shop", "", "", None),
        ] {
            let passage = passage(strip, add);
            assert_eq!(
                told(&passage, "a.example", value).as_deref(),
                expected,
                "{strip} {add} {value}"
            );
        }
    }

    #[test]
    fn a_host_that_the_client_did_not_use_is_an_inner_name() {
        let passage = passage("", "").host(HostRule::Set(b"app.internal"[..].into()));
        // The port is the one by which the server's scheme is asked.
        assert_eq!(
            told(&passage, "app.internal", "http://app.internal/a").as_deref(),
            Some("/a")
        );
        assert_eq!(
            told(&passage, "app.internal", "https://app.internal/a"),
            None
        );
    }

    #[test]
    fn a_server_may_send_its_clients_over_to_https() {
        let passage = passage("", "");
        assert_eq!(told(&passage, "a.example", "https://a.example/a"), None);
        let same = Passage::new("edge", Scheme::Http, "a.example").unwrap();
        assert_eq!(told(&same, "a.example", "https://a.example/a"), None);
        assert_eq!(told(&same, "a.example", "http://a.example/a"), None);
    }
}
