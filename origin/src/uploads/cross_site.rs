//! Whether a page of another origin made the request. A user agent lets any page send forms, with the cookies and passwords of
//! whoever looks at it; what arrives is then not what that person wanted.

use semantics::fields::list::only_line;
use semantics::{Known, RequestHead};

use super::denial::Denial;

/// Refuses changes that pages of other origins make. Requests that say nothing of it come from programs that are no
/// user agents, which have nobody's credentials but their own.
pub(super) fn judge(head: RequestHead<'_>, trusted: &[String]) -> Result<(), Denial> {
    let origin = head
        .has(Known::Origin)
        .then(|| only_line(head.all(Known::Origin)).unwrap_or_default());
    if let Some(origin) = origin
        && trusted
            .iter()
            .any(|trusted| origin.eq_ignore_ascii_case(trusted.as_bytes()))
    {
        return Ok(());
    }
    // Fetch Metadata §2.4: `none` is a person's own doing, such as a bookmark.
    if let Some(site) = head.first(Known::SecFetchSite) {
        return match site {
            b"same-origin" | b"none" => Ok(()),
            _ => Err(Denial::CROSS_SITE),
        };
    }
    match origin {
        Some(origin) if !is_own(origin, head) => Err(Denial::CROSS_SITE),
        _ => Ok(()),
    }
}

/// Whether an origin (RFC 6454 §6.2) is the one that was asked. The scheme is left out, since a gateway in front may have
/// taken the TLS away.
fn is_own(origin: &[u8], head: RequestHead<'_>) -> bool {
    let (default_port, authority) = if let Some(rest) = strip_prefix(origin, b"https://") {
        (&b":443"[..], rest)
    } else if let Some(rest) = strip_prefix(origin, b"http://") {
        (&b":80"[..], rest)
    } else {
        // `null`, and what is no origin.
        return false;
    };
    let bare = |authority: &[u8]| {
        authority
            .strip_suffix(default_port)
            .unwrap_or(authority)
            .to_ascii_lowercase()
    };
    let host = head.first(Known::Host).unwrap_or_default();
    !authority.is_empty() && bare(authority) == bare(host)
}

fn strip_prefix<'a>(octets: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = octets.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_exchange;

    fn is_let(fields: &str) -> bool {
        let request = format!("POST / HTTP/1.1\r\nHost: a.example:8080\r\n{fields}\r\n");
        with_exchange(&request, |exchange| {
            judge(exchange.head, &["https://friend.example".to_owned()]).is_ok()
        })
    }

    #[test]
    fn programs_and_own_pages_may() {
        for fields in [
            "",
            "Origin: http://a.example:8080\r\n",
            "Origin: https://A.example:8080\r\nSec-Fetch-Site: same-origin\r\n",
            "Sec-Fetch-Site: none\r\n",
            "Origin: https://friend.example\r\nSec-Fetch-Site: cross-site\r\n",
        ] {
            assert!(is_let(fields), "{fields}");
        }
    }

    #[test]
    fn pages_of_other_origins_may_not() {
        for fields in [
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\nOrigin: http://b.a.example\r\n",
            "Origin: null\r\n",
            "Origin: http://evil.example\r\n",
            "Origin: http://a.example\r\n",
            "Origin: http://a.example:8080.evil.example\r\n",
            "Origin: http://a.example:8080\r\nOrigin: http://evil.example\r\n",
            "Origin: \r\n",
        ] {
            assert!(!is_let(fields), "{fields}");
        }
    }

    #[test]
    fn a_default_port_may_be_said_or_left_out() {
        let request = "POST / HTTP/1.1\r\nHost: a:443\r\nOrigin: https://a\r\n\r\n";
        with_exchange(request, |exchange| {
            assert!(judge(exchange.head, &[]).is_ok())
        });
    }
}
