//! Request targets and the one form in which paths are matched and looked up (RFC 9112 §3.2, RFC 3986).

use std::borrow::Cow;
use std::fmt;

use crate::Method;
use crate::fields::host::Host;

/// The four forms of a request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// `/path?query` (RFC 9112 §3.2.1).
    Origin,
    /// `http://authority/path?query` (RFC 9112 §3.2.2).
    Absolute {
        /// As spelled; compare without case.
        scheme: &'a [u8],
        /// Host and port, and userinfo where somebody sent it.
        authority: &'a [u8],
    },
    /// `host:port`, for CONNECT alone (RFC 9112 §3.2.3).
    Authority(&'a [u8]),
    /// `*`, for OPTIONS alone (RFC 9112 §3.2.4).
    Asterisk,
}

/// A request target taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Which form it has.
    pub form: Form<'a>,
    /// The path as spelled; `/` where an absolute-form has none, empty in the other two forms.
    pub path: &'a [u8],
    /// What follows the first `?`.
    pub query: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Takes a target apart; `None` when it has no form that the method allows.
    pub fn parse(octets: &'a [u8], method: Method) -> Option<Self> {
        if method == Method::Connect {
            // RFC 9112 §3.2.3: a host and a port and nothing else; RFC 9110 §9.3.6: there is no default port.
            let is_authority = |host: &Host<'_>| !host.is_empty() && host.port.is_some();
            return Host::parse(octets)
                .is_ok_and(|host| is_authority(&host))
                .then_some(Self {
                    form: Form::Authority(octets),
                    path: b"",
                    query: None,
                });
        }
        match octets {
            b"*" => (method == Method::Options).then_some(Self {
                form: Form::Asterisk,
                path: b"",
                query: None,
            }),
            [b'/', ..] => Some(Self::with_path(Form::Origin, octets)),
            _ => Self::parse_absolute(octets),
        }
    }

    fn parse_absolute(octets: &'a [u8]) -> Option<Self> {
        let colon = memchr::memchr(b':', octets)?;
        let (scheme, rest) = octets.split_at_checked(colon)?;
        let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b));
        let rest = rest.strip_prefix(b"://")?;
        if !is_scheme {
            return None;
        }
        let end = rest
            .iter()
            .position(|b| matches!(b, b'/' | b'?'))
            .unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        if authority.is_empty() {
            return None;
        }
        Some(Self::with_path(Form::Absolute { scheme, authority }, path))
    }

    fn with_path(form: Form<'a>, octets: &'a [u8]) -> Self {
        let (path, query) = match memchr::memchr(b'?', octets) {
            Some(mark) => (
                octets.get(..mark).unwrap_or_default(),
                octets.get(mark + 1..),
            ),
            None => (octets, None),
        };
        // RFC 9110 §4.2.3: an empty path of an http URI is the path "/".
        Self {
            form,
            path: if path.is_empty() { b"/" } else { path },
            query,
        }
    }
}

/// Why a path has no normal form. Each is answered by 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// `%` without two hexadecimal digits (RFC 3986 §2.1).
    Escape,
    /// `%2F`: a separator in disguise.
    EncodedSlash,
    /// `%00`, or a NUL itself.
    EncodedNul,
    /// `\` or `%5C`.
    Backslash,
}

impl PathError {
    /// What is wrong, in words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Escape => "A percent sign in the path is not followed by two hexadecimal digits",
            Self::EncodedSlash => {
                "An encoded slash in the path never separates; send it in a query"
            }
            Self::EncodedNul => "An encoded NUL in the path",
            Self::Backslash => "A backslash in the path never separates",
        }
    }

    /// The rule.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Escape => "RFC 3986 §2.1",
            Self::EncodedSlash | Self::Backslash => "RFC 3986 §2.2",
            Self::EncodedNul => "RFC 3986 §7.3",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.sentence(), self.rule())
    }
}

/// A path decoded once, without dot segments and empty segments: the form in which routes are matched and files are
/// looked up, so that the two cannot disagree.
///
/// It begins with `/`; a trailing `/` stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalPath<'a>(Cow<'a, [u8]>);

impl<'a> NormalPath<'a> {
    /// The normal form of an absolute path.
    pub fn of(path: &'a [u8]) -> Result<Self, PathError> {
        if is_plain(path) {
            return Ok(Self(Cow::Borrowed(path)));
        }
        let decoded = decode(path)?;
        Ok(Self(Cow::Owned(remove_dots(&decoded))))
    }

    /// A path that is known to be in normal form.
    #[inline]
    pub fn plain(path: &'a [u8]) -> Self {
        Self(Cow::Borrowed(path))
    }

    /// The normal form of a decoded path that somebody put together: empty segments go. `None` where it has a dot segment,
    /// which must not climb, or an octet that no segment has.
    pub fn of_decoded(path: &[u8]) -> Option<NormalPath<'static>> {
        let is_dots = |segment: &[u8]| matches!(segment, b"." | b"..");
        let has_none = |octet: &u8| matches!(octet, b'\\' | 0);
        if path.split(|&b| b == b'/').any(is_dots) || path.iter().any(has_none) {
            return None;
        }
        Some(NormalPath(Cow::Owned(remove_dots(path))))
    }

    /// A copy that owns its octets.
    pub fn into_owned(self) -> NormalPath<'static> {
        NormalPath(Cow::Owned(self.0.into_owned()))
    }

    /// The octets, from the first `/`.
    #[inline]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Whether the path is `prefix` or lies below it: prefixes match whole segments.
    pub fn is_below(&self, prefix: &[u8]) -> bool {
        let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
        match self.0.strip_prefix(prefix) {
            Some(rest) => rest.is_empty() || rest.first() == Some(&b'/'),
            None => false,
        }
    }
}

/// Whether nothing in the path needs decoding, merging or removing. Paths that merely look suspicious (a dot after a
/// slash) take the slow way.
fn is_plain(path: &[u8]) -> bool {
    let mut previous = 0;
    for &octet in path {
        match octet {
            b'%' | b'\\' | 0 => return false,
            b'/' | b'.' if previous == b'/' => return false,
            _ => previous = octet,
        }
    }
    path.first() == Some(&b'/')
}

fn decode(path: &[u8]) -> Result<Vec<u8>, PathError> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match octet {
            b'\\' => return Err(PathError::Backslash),
            0 => return Err(PathError::EncodedNul),
            b'%' => {
                let &[high, low, ref after @ ..] = rest else {
                    return Err(PathError::Escape);
                };
                rest = after;
                match hex(high)
                    .zip(hex(low))
                    .map(|(h, l)| h << 4 | l)
                    .ok_or(PathError::Escape)?
                {
                    b'/' => return Err(PathError::EncodedSlash),
                    b'\\' => return Err(PathError::Backslash),
                    0 => return Err(PathError::EncodedNul),
                    other => decoded.push(other),
                }
            }
            other => decoded.push(other),
        }
    }
    Ok(decoded)
}

/// Removes empty and dot segments; what would climb above the root stays at the root (RFC 3986 §5.2.4).
fn remove_dots(path: &[u8]) -> Vec<u8> {
    let mut normal = vec![b'/'];
    let mut segments = path.split(|&b| b == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"" | b"." => {}
            b".." => {
                normal.pop();
                let parent = normal
                    .iter()
                    .rposition(|&b| b == b'/')
                    .map_or(0, |slash| slash + 1);
                normal.truncate(parent.max(1));
                if normal.is_empty() {
                    normal.push(b'/');
                }
            }
            name => {
                normal.extend_from_slice(name);
                if !is_last {
                    normal.push(b'/');
                }
            }
        }
    }
    normal
}

fn hex(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(path: &str) -> Result<String, PathError> {
        NormalPath::of(path.as_bytes()).map(|p| String::from_utf8(p.octets().to_vec()).unwrap())
    }

    #[test]
    fn dot_segments_and_empty_segments_go() {
        for (given, want) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("//a///b/", "/a/b/"),
            ("/a/./b", "/a/b"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../..", "/"),
            ("/a/b/../c", "/a/c"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/..", "/"),
            ("/...", "/..."),
            ("/a..b/.c", "/a..b/.c"),
            ("/%61%2e%2E/x", "/a../x"),
            ("/%2e%2e/%2e/x", "/x"),
            ("/a/%2e%2e", "/"),
            ("/%41%25%32%46", "/A%2F"),
        ] {
            assert_eq!(normal(given).as_deref(), Ok(want), "{given}");
        }
    }

    #[test]
    fn separators_in_disguise_are_refused() {
        assert_eq!(normal("/a%2Fb"), Err(PathError::EncodedSlash));
        assert_eq!(normal("/a%2fb"), Err(PathError::EncodedSlash));
        assert_eq!(normal("/a%00"), Err(PathError::EncodedNul));
        assert_eq!(normal("/a\0"), Err(PathError::EncodedNul));
        assert_eq!(normal("/a\\b"), Err(PathError::Backslash));
        assert_eq!(normal("/a%5cb"), Err(PathError::Backslash));
        for bad in ["/%", "/%4", "/%4g", "/%%41", "/%+1"] {
            assert_eq!(normal(bad), Err(PathError::Escape), "{bad}");
        }
    }

    #[test]
    fn a_normal_path_is_its_own_normal_form() {
        for path in ["/", "/a", "/a/b/", "/..a/b", "/a/.b"] {
            assert_eq!(normal(path).as_deref(), Ok(path));
        }
    }

    #[test]
    fn prefixes_match_whole_segments() {
        let path = NormalPath::of(b"/echo/x").unwrap();
        assert!(path.is_below(b"/echo") && path.is_below(b"/echo/") && path.is_below(b"/"));
        assert!(
            !path.is_below(b"/ech") && !path.is_below(b"/echo/xy") && !path.is_below(b"/echoes")
        );
    }

    #[test]
    fn each_form_belongs_to_its_methods() {
        let origin = Target::parse(b"/a?b?c", Method::Get).unwrap();
        assert_eq!(
            (origin.form, origin.path, origin.query),
            (Form::Origin, &b"/a"[..], Some(&b"b?c"[..]))
        );
        let absolute = Target::parse(b"HTTP://a.example:80?q", Method::Get).unwrap();
        assert_eq!(
            absolute.form,
            Form::Absolute {
                scheme: b"HTTP",
                authority: b"a.example:80"
            }
        );
        assert_eq!(
            (absolute.path, absolute.query),
            (&b"/"[..], Some(&b"q"[..]))
        );
        assert_eq!(
            Target::parse(b"*", Method::Options).unwrap().form,
            Form::Asterisk
        );
        assert_eq!(
            Target::parse(b"a:443", Method::Connect).unwrap().form,
            Form::Authority(b"a:443")
        );
        assert_eq!(Target::parse(b"*", Method::Get), None);
        assert_eq!(Target::parse(b"a:443", Method::Get), None);
        for wrong in [
            "/",
            "a",
            "a:",
            ":443",
            "a:x",
            "a:65536",
            "u@a:443",
            "a:443/",
            "http://a:443",
            "[::1]",
            "a:443?",
            "*",
        ] {
            assert_eq!(
                Target::parse(wrong.as_bytes(), Method::Connect),
                None,
                "{wrong}"
            );
        }
        for right in ["a:443", "127.0.0.1:1", "[::1]:8443"] {
            let form = Target::parse(right.as_bytes(), Method::Connect).map(|target| target.form);
            assert_eq!(form, Some(Form::Authority(right.as_bytes())));
        }
        assert_eq!(Target::parse(b"", Method::Get), None);
        assert_eq!(Target::parse(b"http:///a", Method::Get), None);
        assert_eq!(Target::parse(b"a/b", Method::Get), None);
    }
}
