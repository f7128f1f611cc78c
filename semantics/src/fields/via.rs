//! `Via` (RFC 9110 §7.6.3): who passed the message on.
//!
//! ```
//! use hansom_semantics::fields::via::hops;
//!
//! let lines: [&[u8]; 2] = [b"1.0 fred, 1.1 p.example (Proxy/1, inner)", b"HTTP/2 edge:8443"];
//! let who: Vec<_> = hops(lines).map(|hop| hop.unwrap().received_by).collect();
//! assert_eq!(who, [&b"fred"[..], b"p.example", b"edge:8443"]);
//! ```

use super::list::{Malformed, split_token, trim_ows, trim_ows_start};

/// One who passed the message on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop<'a> {
    /// The name of the protocol by which it came there; `None` for HTTP.
    pub protocol: Option<&'a [u8]>,
    /// Its version.
    pub version: &'a [u8],
    /// Who received it: a pseudonym, or a host with or without a port.
    pub received_by: &'a [u8],
}

impl Hop<'_> {
    /// Whether it is the hop of this name, compared without case, with any port.
    #[must_use]
    pub fn is_named(&self, name: &[u8]) -> bool {
        let own = self.received_by;
        let Some((front, rest)) = own.split_at_checked(name.len()) else {
            return false;
        };
        let is_port = match rest {
            [] => true,
            [b':', port @ ..] => port.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        is_port && front.eq_ignore_ascii_case(name)
    }
}

/// The hops of all lines, in order: the last one was added last. Malformed ones are told, and hide none behind them.
pub fn hops<'a, I>(lines: I) -> impl Iterator<Item = Result<Hop<'a>, Malformed>> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    lines.into_iter().flat_map(|line| Members {
        rest: line,
        has_comments: true,
    })
}

/// `received-protocol RWS received-by [ RWS comment ]`, without the comment.
fn hop(member: &[u8]) -> Result<Hop<'_>, Malformed> {
    let (first, rest) = split_token(member);
    let (protocol, version, rest) = match rest {
        [b'/', rest @ ..] => {
            let (version, rest) = split_token(rest);
            (Some(first), version, rest)
        }
        _ => (None, first, rest),
    };
    let by = trim_ows_start(rest);
    let end = by
        .iter()
        .position(|octet| matches!(octet, b' ' | b'\t'))
        .unwrap_or(by.len());
    let (received_by, comment) = by.split_at(end);
    let is_right = !version.is_empty()
        && protocol.is_none_or(|protocol| !protocol.is_empty())
        && rest.len() > by.len()
        && !received_by.is_empty()
        && received_by.iter().all(|octet| is_host_octet(*octet))
        && matches!(trim_ows(comment), [] | [b'(', .., b')']);
    is_right
        .then_some(Hop {
            protocol: protocol.filter(|protocol| !protocol.eq_ignore_ascii_case(b"HTTP")),
            version,
            received_by,
        })
        .ok_or(Malformed)
}

/// A pseudonym is a token; a host may have brackets, colons and the like beside that.
fn is_host_octet(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'(' | b')' | b',' | b'"')
}

struct Members<'a> {
    rest: &'a [u8],
    /// Whether parentheses are still comments: after one that does not end they are octets like others.
    has_comments: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Hop<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = self.end_of_member();
            let (member, after) = self.rest.split_at_checked(end)?;
            self.rest = after.get(1..).unwrap_or_default();
            let member = trim_ows(member);
            if !member.is_empty() {
                return Some(hop(member));
            }
        }
        None
    }
}

impl Members<'_> {
    /// Where the first comma outside comments is.
    fn end_of_member(&mut self) -> usize {
        let mut at = 0;
        while let Some(&octet) = self.rest.get(at) {
            match octet {
                b',' => return at,
                b'(' if self.has_comments => match end_of_comment(self.rest, at) {
                    Some(end) => at = end,
                    None => {
                        self.has_comments = false;
                        at += 1;
                    }
                },
                _ => at += 1,
            }
        }
        at
    }
}

/// After the parenthesis that closes the one at `at` (RFC 9110 §5.6.5); `None` where nothing does.
fn end_of_comment(octets: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match octets.get(at)? {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth = depth.saturating_sub(1),
            b'\\' => at += 1,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who passed it on, and `-` for what is malformed.
    fn named(lines: &[&str]) -> String {
        let hops = hops(lines.iter().map(|line| line.as_bytes()));
        let names: Vec<_> = hops
            .map(|hop| hop.map_or("-".into(), |hop| String::from_utf8_lossy(hop.received_by)))
            .collect();
        names.join(" ")
    }

    #[test]
    fn hops_are_read_with_protocols_ports_and_comments() {
        // table
        for (lines, expected) in [
            (&["1.0 fred, 1.1 p.example.net"][..], "fred p.example.net"),
            (&["1.0 fred", "1.1 b"][..], "fred b"),
            (
                &["HTTP/1.1 a:80, 1.1 [2001:db8::1]:80"][..],
                "a:80 [2001:db8::1]:80",
            ),
            (&["1.1 a (x, y), 1.0 b"][..], "a b"),
            (&["1.1 a (x (y, z) \\) ), 1.0 b"][..], "a b"),
            (&["1.1\ta\t(x)"][..], "a"),
            (&[" , 1.1 a,, ,"][..], "a"),
            (&[""][..], ""),
            (&["1.1"][..], "-"),
            (&["1.1 "][..], "-"),
            (&["/1.1 a"][..], "-"),
            (&["HTTP/ a"][..], "-"),
            (&["1.1 a b"][..], "-"),
            (&["1.1 a (x) y"][..], "-"),
            (&["1.1(x) a"][..], "-"),
        ] {
            assert_eq!(named(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_comment_that_never_ends_hides_no_hop_behind_it() {
        assert_eq!(named(&["1.1 evil (, 1.1 b, 1.1 c"]), "- b c");
        assert_eq!(named(&["1.1 evil (((, 1.1 b (x, 1.1 c)"]), "- - -");
        assert_eq!(named(&["1.1 evil (\\", "1.1 b"]), "- b");
    }

    #[test]
    fn many_comments_that_never_end_cost_no_more_than_their_length() {
        let line = "1.1 a (,".repeat(100_000);
        let hops = hops([line.as_bytes()]);
        assert_eq!(hops.filter(Result::is_err).count(), 100_000);
    }

    #[test]
    fn a_name_is_compared_without_case_and_port() {
        let first = |line: &'static str| hops([line.as_bytes()]).next().unwrap().unwrap();
        assert!(first("1.1 Edge-1").is_named(b"edge-1"));
        assert!(first("1.1 edge-1:8080").is_named(b"edge-1"));
        assert!(!first("1.1 edge-10").is_named(b"edge-1"));
        assert!(!first("1.1 edge-1:x").is_named(b"edge-1"));
        assert!(!first("1.1 edge").is_named(b"edge-1"));
        assert_eq!(first("HTTP/1.1 a").protocol, None);
        assert_eq!(first("SHTTP/1.1 a").protocol, Some(&b"SHTTP"[..]));
    }
}
