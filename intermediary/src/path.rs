//! Paths on their way to the server and back: a prefix stripped, another added (RFC 3986 §3.3).
//!
//! What a route was found by is a path in normal form; what the server gets keeps its spelling. So that the two mean the
//! same, a path with dot segments is sent without them, as it was matched.

use std::fmt;

use semantics::{Form, Method, NormalPath, RequestHead, Target};

use crate::Stop;
use crate::place::Place;

/// What happens to the path of a target, and to paths in answers in turn.
///
/// ```
/// use hansom_intermediary::PathMap;
///
/// // /shop/a is asked of the server as /v2/a, and its Location /v2/b is told as /shop/b.
/// let map = PathMap::new("/shop", "/v2").unwrap();
/// assert!(!map.is_identity());
/// assert!(PathMap::new("shop", "").is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMap {
    strip: Prefix,
    add: Prefix,
}

/// A prefix of whole segments, without a slash at its end; empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Prefix {
    spelled: Box<[u8]>,
    /// Decoded.
    normal: Box<[u8]>,
}

/// A text that is no prefix of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixError;

impl PathMap {
    /// Strips `strip` and puts `add` in its place. Both begin with a slash, are spelled as they stand in a target and have
    /// neither empty nor dot segments, or they are empty.
    ///
    /// # Errors
    /// A prefix that is none.
    pub fn new(strip: &str, add: &str) -> Result<Self, PrefixError> {
        Ok(Self {
            strip: Prefix::new(strip)?,
            add: Prefix::new(add)?,
        })
    }

    /// Whether paths stay what they are.
    #[inline]
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.strip == self.add
    }

    /// The target to ask the server for, in origin-form or `*` (RFC 9112 §3.2).
    #[inline]
    pub(crate) fn target<'a>(
        &self,
        head: RequestHead<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Place<'a>, Stop> {
        if head.is_plain_path() && self.is_identity() {
            return Ok(Place::Given(head.target()));
        }
        self.changed_target(head, out)
    }

    fn changed_target<'a>(
        &self,
        head: RequestHead<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Place<'a>, Stop> {
        let octets = head.target();
        let target = Target::parse(octets, head.method()).ok_or(Stop::Path)?;
        let place = match target.form {
            Form::Authority(_) => return Err(Stop::Connect),
            Form::Asterisk => return Ok(Place::Given(octets)),
            Form::Origin => octets,
            Form::Absolute { scheme, authority } => octets
                .get(scheme.len() + 3 + authority.len()..)
                .unwrap_or_default(),
        };
        match place {
            // RFC 9112 §3.2.4: what asks the server as a whole does so in the form for that.
            [] if head.method() == Method::Options => Ok(Place::Given(b"*")),
            // RFC 9110 §4.2.3.
            [] | [b'?', ..] => {
                let root = Place::made(out, |out| {
                    out.push(b'/');
                    out.extend_from_slice(place);
                });
                self.mapped(target, root, out)
            }
            _ => self.mapped(target, Place::Given(place), out),
        }
    }

    /// `spelled` is path and query of `target`.
    fn mapped<'a>(
        &self,
        target: Target<'a>,
        spelled: Place<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Place<'a>, Stop> {
        let has_dots = target.path.split(|octet| *octet == b'/').any(is_dots);
        if !has_dots && self.is_identity() {
            return Ok(spelled);
        }
        let normal = has_dots.then(|| without_dots(target.path));
        let path = normal.as_deref().unwrap_or(target.path);
        let rest = self.strip.strip(path).ok_or(Stop::Path)?;
        let rest = if self.strip.is_empty() {
            rest
        } else {
            single_slash(rest)
        };
        if let (Place::Given(spelled), None, true) = (&spelled, &normal, self.add.is_empty())
            && !rest.is_empty()
        {
            // What is left of the path stands before its query already.
            let stripped = target.path.len() - rest.len();
            return Ok(Place::Given(spelled.get(stripped..).unwrap_or_default()));
        }
        Ok(Place::made(out, |out| {
            out.extend_from_slice(&self.add.spelled);
            if rest.is_empty() && self.add.is_empty() {
                out.push(b'/');
            }
            out.extend_from_slice(rest);
            if let Some(query) = target.query {
                out.push(b'?');
                out.extend_from_slice(query);
            }
        }))
    }

    /// What the client calls a path of the server; `None` for one that it cannot ask for. `reference` may have a query
    /// and a fragment behind its path. It begins with a slash, and so does the result.
    pub(crate) fn back<'a>(&'a self, reference: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let end = reference
            .iter()
            .position(|octet| matches!(octet, b'?' | b'#'))
            .unwrap_or(reference.len());
        let (path, after) = reference.split_at(end);
        let rest = self.add.strip(path)?;
        let rest = reference.get(path.len() - rest.len()..)?;
        match (&*self.strip.spelled, rest.len() == after.len()) {
            (b"", true) => Some((b"/", after)),
            (strip, _) => Some((strip, rest)),
        }
    }

    /// Where a cookie holds for the client that holds for `path` at the server (RFC 6265 §5.1.4); `None` where it holds for
    /// nothing that the client can ask for.
    pub(crate) fn cookie_back<'a>(&'a self, path: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let whole: &[u8] = match &*self.strip.spelled {
            b"" => b"/",
            strip => strip,
        };
        match self.add.strip(path) {
            // A path that ends in a slash does not hold for itself without it.
            Some(b"" | b"/") => Some((whole, b"")),
            Some(rest) => Some((&self.strip.spelled, rest)),
            None => {
                let above = path.strip_suffix(b"/").unwrap_or(path);
                let below = self.add.spelled.strip_prefix(above)?;
                below.starts_with(b"/").then_some((whole, b""))
            }
        }
    }
}

impl Prefix {
    fn new(text: &str) -> Result<Self, PrefixError> {
        let spelled = text.strip_suffix('/').unwrap_or(text).as_bytes();
        if spelled.is_empty() {
            return Ok(Self::default());
        }
        let is_right = spelled
            .iter()
            .all(|octet| octet.is_ascii_graphic() && !b"?#\"<>\\".contains(octet))
            && spelled.starts_with(b"/")
            && !spelled
                .split(|octet| *octet == b'/')
                .skip(1)
                .any(|segment| segment.is_empty() || is_dots(segment));
        let normal = NormalPath::of(spelled).map_err(|_| PrefixError)?;
        is_right
            .then(|| Self {
                spelled: spelled.into(),
                normal: normal.octets().into(),
            })
            .ok_or(PrefixError)
    }

    fn is_empty(&self) -> bool {
        self.spelled.is_empty()
    }

    /// What follows the prefix in a path, whose segments may be spelled in another way and have empty ones between them.
    fn strip<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let mut rest = path;
        for &wanted in &self.normal {
            let (octet, after) = split_octet(rest)?;
            if octet != wanted {
                return None;
            }
            rest = if wanted == b'/' {
                after_slashes(after)
            } else {
                after
            };
        }
        matches!(rest, [] | [b'/', ..]).then_some(rest)
    }
}

/// The first octet of a path and the rest; an escape stands for its octet, but never for a slash (RFC 3986 §2.2).
fn split_octet(path: &[u8]) -> Option<(u8, &[u8])> {
    match path {
        [b'%', high, low, after @ ..] => {
            let digit = |octet: u8| char::from(octet).to_digit(16);
            let octet = (digit(*high)? << 4 | digit(*low)?) as u8;
            (octet != b'/').then_some((octet, after))
        }
        [octet, after @ ..] => Some((*octet, after)),
        [] => None,
    }
}

fn after_slashes(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = path {
        path = rest;
    }
    path
}

/// With one slash in front where there are several: `//a` would name a host to whoever reads it as a reference
/// (RFC 3986 §4.2).
fn single_slash(mut path: &[u8]) -> &[u8] {
    while let [b'/', b'/', ..] = path {
        path = path.get(1..).unwrap_or_default();
    }
    path
}

/// Whether a segment is `.` or `..`, escaped or not (RFC 3986 §3.3, §6.2.2.2).
fn is_dots(segment: &[u8]) -> bool {
    dots(segment).is_some_and(|count| count > 0)
}

/// How many dots a segment is of, if it is of one or two and nothing else.
fn dots(segment: &[u8]) -> Option<usize> {
    let mut rest = segment;
    let mut count = 0;
    while !rest.is_empty() {
        rest = match rest {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return None,
        };
        count += 1;
    }
    (count <= 2).then_some(count)
}

/// The path without dot segments and empty segments, as [`NormalPath`] has it, but in its own spelling.
fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut normal = Vec::with_capacity(path.len());
    let mut segments = path.split(|octet| *octet == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match dots(segment) {
            Some(0 | 1) => {}
            Some(_) => {
                let parent = normal.iter().rposition(|octet| *octet == b'/');
                normal.truncate(parent.unwrap_or(0));
            }
            None => {
                normal.push(b'/');
                normal.extend_from_slice(segment);
                continue;
            }
        }
        if is_last {
            normal.push(b'/');
        }
    }
    normal
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a prefix begins with \"/\" and has neither empty nor dot segments, a query or a fragment (RFC 3986 §3.3)",
        )
    }
}

impl std::error::Error for PrefixError {}

#[cfg(test)]
mod tests;
