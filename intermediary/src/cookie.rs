//! `Set-Cookie` of answers: the path and the domain for which it holds, as the client knows them (RFC 6265 §4.1.2).

use semantics::fields::list::{trim_ows, trim_ows_start};

use crate::authority;
use crate::passage::Passage;

/// Appends the new value; `false` if the value stays what it is, and then nothing may have been appended that counts.
///
/// A cookie for the server's inner name holds for the client's host alone. Of several attributes the last one counts
/// (RFC 6265 §5.3), so each is rewritten.
pub(crate) fn rewrite(value: &[u8], passage: &Passage, out: &mut Vec<u8>) -> bool {
    let mut is_changed = false;
    let mut parts = value.split(|octet| *octet == b';');
    let pair = parts.next().unwrap_or_default();
    // RFC 6265bis §4.1.3.2: a user agent takes it with this path alone.
    let is_for_host = trim_ows_start(pair)
        .get(..HOST_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(HOST_PREFIX));
    out.extend_from_slice(pair);
    for part in parts {
        let equals = part.iter().position(|octet| *octet == b'=');
        let (name, set) = part.split_at(equals.map_or(part.len(), |at| at + 1));
        let name_alone = trim_ows(name.strip_suffix(b"=").unwrap_or(name));
        let path = trim_ows(set);
        let mapped = match name_alone {
            _ if name_alone.eq_ignore_ascii_case(b"domain") && is_inner(path, passage) => {
                is_changed = true;
                continue;
            }
            _ if is_for_host || passage.paths.is_identity() => None,
            // RFC 6265 §5.2.4: any other value stands for the path of the request.
            _ if name_alone.eq_ignore_ascii_case(b"path") && path.starts_with(b"/") => {
                passage.paths.cookie_back(path)
            }
            _ => None,
        };
        out.push(b';');
        let Some((prefix, rest)) = mapped else {
            out.extend_from_slice(part);
            continue;
        };
        is_changed = true;
        out.extend_from_slice(name);
        out.extend_from_slice(prefix);
        out.extend_from_slice(rest);
    }
    is_changed
}

/// Whether a domain is the name that replaced the client's Host, or one above it (RFC 6265 §5.1.3).
fn is_inner(domain: &[u8], passage: &Passage) -> bool {
    // RFC 6265 §5.2.3: a dot in front means nothing.
    let domain = domain.strip_prefix(b".").unwrap_or(domain);
    let Some(name) = passage.new_host().and_then(authority::name) else {
        return false;
    };
    let Some(at) = name.len().checked_sub(domain.len()) else {
        return false;
    };
    let (above, end) = name.split_at(at);
    !domain.is_empty()
        && end.eq_ignore_ascii_case(domain)
        && (above.is_empty() || above.ends_with(b"."))
}

const HOST_PREFIX: &[u8] = b"__Host-";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostRule, PathMap, Scheme};

    fn told(strip: &str, add: &str, host: HostRule, value: &str) -> Option<String> {
        let passage = Passage::new("edge", Scheme::Http, "inner.corp:3000")
            .unwrap()
            .host(host)
            .paths(PathMap::new(strip, add).unwrap());
        let mut out = Vec::new();
        rewrite(value.as_bytes(), &passage, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_path_is_the_one_by_which_the_client_asks() {
        // table
        for (strip, add, value, expected) in [
            ("/shop", "", "a=b; Path=/", Some("a=b; Path=/shop")),
            ("/shop", "", "a=b; Path=/x", Some("a=b; Path=/shop/x")),
            ("/shop", "", "a=b; Path=/x/", Some("a=b; Path=/shop/x/")),
            (
                "/shop",
                "",
                "a=b;path=/;Secure",
                Some("a=b;path=/shop;Secure"),
            ),
            (
                "/shop",
                "",
                "a=b; PATH = /x ; HttpOnly",
                Some("a=b; PATH =/shop/x; HttpOnly"),
            ),
            (
                "/shop",
                "",
                "a=b; Path=/x; Path=/y",
                Some("a=b; Path=/shop/x; Path=/shop/y"),
            ),
            ("/shop", "/v2", "a=b; Path=/v2", Some("a=b; Path=/shop")),
            ("/shop", "/v2", "a=b; Path=/v2/", Some("a=b; Path=/shop")),
            ("/shop", "/v2", "a=b; Path=/v2/x", Some("a=b; Path=/shop/x")),
            ("/shop", "/v2/api", "a=b; Path=/v2", Some("a=b; Path=/shop")),
            ("/shop", "/v2", "a=b; Path=/", Some("a=b; Path=/shop")),
            ("/shop", "/v2", "a=b; Path=/v", None),
            ("/shop", "/v2", "a=b; Path=/v22", None),
            ("/shop", "/v2", "a=b; Path=/other", None),
            ("", "/v2", "a=b; Path=/v2", Some("a=b; Path=/")),
            ("", "/v2", "a=b; Path=/v2/x", Some("a=b; Path=/x")),
            ("/shop", "", "a=b", None),
            ("/shop", "", "a=b; Path", None),
            ("/shop", "", "a=b; Path=", None),
            ("/shop", "", "a=b; Path=x", None),
            ("/shop", "", "a=b; Path=\"/\"", None),
            ("/shop", "", "Path=/x; Secure", None),
            ("/shop", "", "a=b; XPath=/", None),
            (
                "/shop",
                "",
                "a=b; Path=/x=y?z",
                Some("a=b; Path=/shop/x=y?z"),
            ),
            ("/shop", "", ";;Path=/", Some(";;Path=/shop")),
            ("/shop", "", "", None),
            ("", "", "a=b; Path=/", None),
        ] {
            assert_eq!(
                told(strip, add, HostRule::Kept, value).as_deref(),
                expected,
                "{strip} {add} {value}"
            );
        }
    }

    #[test]
    fn a_cookie_that_needs_the_root_keeps_it() {
        let value = "__Host-a=b; Path=/; Secure";
        assert_eq!(told("/shop", "", HostRule::Kept, value), None);
        assert_eq!(
            told("/shop", "", HostRule::Kept, "__hOST-a=b; Path=/"),
            None
        );
    }

    #[test]
    fn a_domain_that_is_no_name_of_ours_goes() {
        let inner = "a=b; Domain=inner.corp; Secure";
        assert_eq!(told("", "", HostRule::Kept, inner), None);
        // table
        for (value, expected) in [
            (inner, Some("a=b; Secure")),
            ("a=b; domain=.Inner.Corp", Some("a=b")),
            ("a=b; Domain=corp; Path=/", Some("a=b; Path=/")),
            ("a=b; Domain=a.example", None),
            ("a=b; Domain=er.corp", None),
            ("a=b; Domain=x.inner.corp", None),
            ("a=b; Domain=", None),
            ("a=b; Domain=.", None),
            ("a=b; Domain", None),
        ] {
            assert_eq!(
                told("", "", HostRule::Server, value).as_deref(),
                expected,
                "{value}"
            );
        }
    }
}
