//! `Cookie` and `Set-Cookie` (RFC 6265, and what RFC 6265bis adds: SameSite and name prefixes).
//!
//! ```
//! use hansom_semantics::fields::cookie::{self, SameSite, SetCookie};
//!
//! let lines: [&[u8]; 1] = [b"a=1; session=x; b=2"];
//! assert_eq!(cookie::only(lines, b"session"), Some(&b"x"[..]));
//!
//! let set = SetCookie::new("__Host-session", "x").unwrap().secure().http_only().same_site(SameSite::Lax);
//! assert_eq!(set.to_string(), "__Host-session=x; Path=/; Secure; HttpOnly; SameSite=Lax");
//! ```

use super::list::{is_token, trim_ows};
use std::fmt;

/// One pair of a `Cookie` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The name, whose case counts.
    pub name: &'a [u8],
    /// The value as sent: quotes around it belong to it (RFC 6265bis §5.7).
    pub value: &'a [u8],
}

/// The pairs of a `Cookie` field, in order, over all its lines (RFC 6265 §4.2.1; HTTP/2 and HTTP/3 may split it, RFC 9113
/// §8.2.3). What has no `=` is left out.
pub fn pairs<'a, I>(lines: I) -> impl Iterator<Item = Pair<'a>> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    lines
        .into_iter()
        .flat_map(|line| line.split(|octet| *octet == b';'))
        .filter_map(|pair| split(pair, b'='))
        .map(|(name, value)| Pair { name, value })
}

/// The value of a cookie that occurs once, or several times with the same value.
///
/// With different values there is none: their order means nothing (RFC 6265 §4.2.2), and one of them may have been set by a
/// host beside ours.
pub fn only<'a>(lines: impl IntoIterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    let mut values = pairs(lines)
        .filter(|pair| pair.name == name)
        .map(|pair| pair.value);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// A `Set-Cookie` value for the whole host: `Path=/`, and no `Domain`, so that no other host gets it (RFC 6265 §4.1.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    name: String,
    value: String,
    max_age_seconds: Option<u64>,
    is_secure: bool,
    is_http_only: bool,
    same_site: Option<SameSite>,
}

/// Whether requests that another site caused carry the cookie (RFC 6265bis §4.1.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Links do, with safe methods.
    Lax,
    /// None do.
    Strict,
    /// All do.
    None,
}

impl SetCookie {
    /// A cookie for as long as the user agent's own session; `None` if the name is no token, or the value has an octet that may
    /// not stand in one (RFC 6265 §4.1.1).
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Option<Self> {
        let (name, value) = (name.into(), value.into());
        let may_be_set = is_token(name.as_bytes()) && value.bytes().all(is_cookie_octet);
        may_be_set.then_some(Self {
            name,
            value,
            max_age_seconds: None,
            is_secure: false,
            is_http_only: false,
            same_site: None,
        })
    }

    /// For so many seconds; 0 removes the cookie (RFC 6265 §4.1.2.2).
    #[must_use]
    pub fn max_age(mut self, seconds: u64) -> Self {
        self.max_age_seconds = Some(seconds);
        self
    }

    /// Sent by secured connections alone (RFC 6265 §4.1.2.5). A name with the prefix `__Host-` demands it (RFC 6265bis §4.1.3.2).
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.is_secure = true;
        self
    }

    /// Hidden from scripts (RFC 6265 §4.1.2.6).
    #[must_use]
    pub fn http_only(mut self) -> Self {
        self.is_http_only = true;
        self
    }

    /// Whether requests that another site caused carry it.
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }
}

impl fmt::Display for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}; Path=/", self.name, self.value)?;
        if let Some(seconds) = self.max_age_seconds {
            write!(f, "; Max-Age={seconds}")?;
        }
        if self.is_secure {
            f.write_str("; Secure")?;
        }
        if self.is_http_only {
            f.write_str("; HttpOnly")?;
        }
        f.write_str(match self.same_site {
            Some(SameSite::Lax) => "; SameSite=Lax",
            Some(SameSite::Strict) => "; SameSite=Strict",
            Some(SameSite::None) => "; SameSite=None",
            None => "",
        })
    }
}

/// A `Set-Cookie` value as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// The name; it may be empty (RFC 6265bis §5.6).
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    attributes: &'a [u8],
}

impl<'a> Received<'a> {
    /// Reads a value (RFC 6265bis §5.6); `None` for one to be ignored: with neither a name nor a value, or with a control
    /// octet other than HTAB.
    #[must_use]
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        if octets
            .iter()
            .any(|octet| octet.is_ascii_control() && *octet != b'\t')
        {
            return None;
        }
        let end = octets
            .iter()
            .position(|octet| *octet == b';')
            .unwrap_or(octets.len());
        let (pair, attributes) = octets.split_at_checked(end)?;
        let (name, value) = split(pair, b'=').unwrap_or((b"", trim_ows(pair)));
        let is_kept = !(name.is_empty() && value.is_empty());
        is_kept.then_some(Self {
            name,
            value,
            attributes,
        })
    }

    /// The value of an attribute, whose name has no case; empty for one without a value. The last of several counts
    /// (RFC 6265bis §5.7).
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a [u8]> {
        let attributes = self.attributes.split(|octet| *octet == b';').skip(1);
        attributes
            .map(|attribute| split(attribute, b'=').unwrap_or((trim_ows(attribute), b"")))
            .filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()))
            .last()
            .map(|(_, value)| value)
    }
}

fn split(octets: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = octets.iter().position(|octet| *octet == at)?;
    let (name, value) = octets.split_at_checked(place)?;
    Some((trim_ows(name), trim_ows(value.get(1..)?)))
}

/// `cookie-octet`: visible ASCII without quotes, comma, semicolon and backslash (RFC 6265 §4.1.1).
fn is_cookie_octet(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"\",;\\".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(lines: &[&str]) -> Vec<(String, String)> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        pairs(lines.iter().map(|line| line.as_bytes()))
            .map(|pair| (text(pair.name), text(pair.value)))
            .collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn pairs_come_in_order_over_all_lines() {
        assert_eq!(
            listed(&["SID=31d4; lang=en-US", "SID=2"]),
            [pair("SID", "31d4"), pair("lang", "en-US"), pair("SID", "2")]
        );
    }

    #[test]
    fn a_value_may_have_an_equals_sign_and_keeps_its_quotes() {
        assert_eq!(
            listed(&["a=b=c; d=\"e\"; f="]),
            [pair("a", "b=c"), pair("d", "\"e\""), pair("f", "")]
        );
    }

    #[test]
    fn what_is_no_pair_is_left_out() {
        assert_eq!(listed(&[";; a ;b=1;", "", "$Version"]), [pair("b", "1")]);
    }

    #[test]
    fn one_name_with_two_values_has_none() {
        let lines: [&[u8]; 1] = [b"a=1; b=2; a=3; c=4; c=4; A=5"];
        assert_eq!(only(lines, b"a"), None);
        assert_eq!(only(lines, b"b"), Some(&b"2"[..]));
        assert_eq!(only(lines, b"c"), Some(&b"4"[..]));
        assert_eq!(only(lines, b"B"), None, "the case of a name counts");
    }

    #[test]
    fn a_cookie_is_written_with_its_attributes() {
        let set = SetCookie::new("a", "b").unwrap();
        assert_eq!(set.to_string(), "a=b; Path=/");
        let set = set
            .max_age(0)
            .secure()
            .http_only()
            .same_site(SameSite::Strict);
        assert_eq!(
            set.to_string(),
            "a=b; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn a_cookie_that_would_be_read_otherwise_is_not_made() {
        for (name, value) in [
            ("", "a"),
            ("a b", "c"),
            ("a;", "b"),
            ("a", "b;c"),
            ("a", "b c"),
            ("a", "b\r\n"),
            ("a", "ü"),
        ] {
            assert_eq!(SetCookie::new(name, value), None, "{name:?}={value:?}");
        }
    }

    #[test]
    fn what_we_write_we_can_read() {
        let set = SetCookie::new("a", "b=c")
            .unwrap()
            .max_age(60)
            .secure()
            .same_site(SameSite::None)
            .to_string();
        let received = Received::parse(set.as_bytes()).unwrap();
        assert_eq!((received.name, received.value), (&b"a"[..], &b"b=c"[..]));
        assert_eq!(received.attribute("path"), Some(&b"/"[..]));
        assert_eq!(received.attribute("MAX-AGE"), Some(&b"60"[..]));
        assert_eq!(received.attribute("Secure"), Some(&b""[..]));
        assert_eq!(received.attribute("HttpOnly"), None);
    }

    #[test]
    fn the_last_of_several_attributes_counts() {
        let received = Received::parse(b"a=b; Path=/x; path = /y").unwrap();
        assert_eq!(received.attribute("Path"), Some(&b"/y"[..]));
    }

    #[test]
    fn a_set_cookie_without_name_and_value_or_with_controls_is_ignored() {
        assert_eq!(Received::parse(b"; Path=/"), None);
        assert_eq!(Received::parse(b"="), None);
        assert_eq!(Received::parse(b"a=b\x00"), None);
        let nameless = Received::parse(b"value").unwrap();
        assert_eq!((nameless.name, nameless.value), (&b""[..], &b"value"[..]));
    }
}
