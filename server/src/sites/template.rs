//! Texts with words in braces that stand for parts of a request: where a redirect leads, what is looked for instead.
//!
//! Whatever a client sends is put in so that it stays in its place: it ends no line, adds no parameter to a query, climbs
//! out of no folder, and never becomes an authority.

use std::fmt::{self, Write};

use origin::{push_path, push_query};
use semantics::NormalPath;
use semantics::fields::host::Host;

/// A text with words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Word(Word),
}

/// What may stand in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The path in normal form.
    Path,
    /// The path below the route's: empty, or from a slash on.
    Rest,
    /// The query without its question mark.
    Query,
    /// The host without a port.
    Host,
}

/// What the words stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) rest: &'a [u8],
    pub(crate) query: Option<&'a [u8]>,
    /// `None` where there is none that can be shown.
    pub(crate) host: Option<&'a str>,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// A brace that does not belong to a word.
    Brace,
    /// No such word.
    Word(String),
    /// An octet that may not stand there.
    Octet(char),
    /// A client would say which host is meant.
    Authority,
    /// `{rest}` stands behind the host, and what follows it would be part of that where it is empty.
    Rest,
    /// It begins with neither a scheme nor a slash.
    Start,
    /// A `.` or `..` segment.
    Dots,
}

impl Template {
    /// A URI reference for Location: with a scheme and an authority, or from a slash on (RFC 9110 §10.2.2).
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub(crate) fn location(text: &str) -> Result<Self, TemplateError> {
        if let Some(bad) = text.chars().find(|&c| c.is_whitespace() || is_no_uri(c)) {
            return Err(TemplateError::Octet(bad));
        }
        let template = Self::parse(text)?;
        match behind_scheme(text) {
            Some(rest) => check_authority(rest)?,
            None if text.starts_with('/') => {}
            None if text.starts_with("{path}") || text.starts_with("{rest}") => {}
            None => return Err(TemplateError::Start),
        }
        Ok(template)
    }

    /// A path below the site with an optional query, to be looked for instead of the target.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub(crate) fn path(text: &str) -> Result<Self, TemplateError> {
        if let Some(bad) = text
            .chars()
            .find(|&c| c == '\\' || c == '#' || c.is_control())
        {
            return Err(TemplateError::Octet(bad));
        }
        let path = text.split('?').next().unwrap_or_default();
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(TemplateError::Dots);
        }
        let is_rooted = ["/", "{path}", "{rest}"]
            .iter()
            .any(|start| path.starts_with(start));
        if !is_rooted {
            return Err(TemplateError::Start);
        }
        Self::parse(text)
    }

    /// Whether a location by it begins with a scheme, or with an authority.
    fn has_authority(&self) -> bool {
        match self.pieces.first() {
            Some(Piece::Text(text)) => behind_scheme(text).is_some(),
            _ => false,
        }
    }

    fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            let (word, after) = from
                .strip_prefix('{')
                .and_then(|from| from.split_once('}'))
                .ok_or(TemplateError::Brace)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            pieces.push(Piece::Word(Word::of(word)?));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Ok(Self { pieces })
    }

    /// Whether anything of a request is in it.
    pub(crate) fn has_words(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Word(_)))
    }

    /// The value of Location; `None` where it needs a host and there is none.
    pub(crate) fn expand_location(&self, words: &Words<'_>) -> Option<String> {
        let mut out = String::with_capacity(64);
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            let is_in_query = out.contains(['?', '#']);
            match piece {
                Piece::Text(text) => push_text(&mut out, text, is_in_query),
                Piece::Word(Word::Path) => push_segments(&mut out, words.path, is_in_query),
                Piece::Word(Word::Rest) => push_segments(&mut out, words.rest, is_in_query),
                Piece::Word(Word::Host) => out.push_str(words.host?),
                Piece::Word(Word::Query) => match words.query.filter(|query| !query.is_empty()) {
                    None => close_gap(&mut out, pieces.peek()),
                    Some(query) if is_in_query => push_query(&mut out, query),
                    Some(query) => push_strictly(&mut out, query),
                },
            }
        }
        if !self.has_authority() {
            // Only `{rest}` of the route's own path can have left it without its slash, or with several: two would be the
            // beginning of an authority (RFC 3986 §4.2).
            let path = out.trim_start_matches('/').len();
            out.replace_range(..out.len() - path, "/");
        }
        Some(out)
    }

    /// The path in normal form, and the query if the template has one. `None` where that is no path: a word may stand for
    /// what is none, as a host that is `..` does.
    pub(crate) fn expand_path(
        &self,
        words: &Words<'_>,
    ) -> Option<(NormalPath<'static>, Option<Vec<u8>>)> {
        let mut path = Vec::with_capacity(64);
        let mut query: Option<Vec<u8>> = None;
        for piece in &self.pieces {
            match (piece, &mut query) {
                (Piece::Text(text), None) => match text.split_once('?') {
                    None => path.extend_from_slice(text.as_bytes()),
                    Some((before, after)) => {
                        path.extend_from_slice(before.as_bytes());
                        query = Some(after.as_bytes().to_vec());
                    }
                },
                (Piece::Text(text), Some(query)) => query.extend_from_slice(text.as_bytes()),
                (Piece::Word(word), None) => path.extend_from_slice(word.octets(words)?),
                (Piece::Word(Word::Query), Some(query)) => {
                    query.extend_from_slice(words.query.unwrap_or_default());
                }
                (Piece::Word(word), Some(query)) => {
                    let mut text = String::new();
                    push_strictly(&mut text, word.octets(words)?);
                    query.extend_from_slice(text.as_bytes());
                }
            }
        }
        Some((NormalPath::of_decoded(&path)?, query))
    }
}

impl Word {
    fn of(name: &str) -> Result<Self, TemplateError> {
        Ok(match name {
            "path" => Self::Path,
            "rest" => Self::Rest,
            "query" => Self::Query,
            "host" => Self::Host,
            other => return Err(TemplateError::Word(other.to_owned())),
        })
    }

    fn octets<'a>(self, words: &Words<'a>) -> Option<&'a [u8]> {
        Some(match self {
            Self::Path => words.path,
            Self::Rest => words.rest,
            Self::Query => words.query.unwrap_or_default(),
            Self::Host => words.host?.as_bytes(),
        })
    }
}

/// What follows the `//` before an authority, if there is one.
fn behind_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("//")?;
    (scheme.is_empty() || is_scheme(scheme)).then_some(rest)
}

/// Takes the `?` or `&` that would have led to a query that is not there, unless something follows that it leads to: what is
/// behind a mark must not come to stand in the path, or in the authority.
fn close_gap(out: &mut String, next: Option<&&Piece>) {
    let is_end = match next {
        None => true,
        Some(Piece::Text(text)) => {
            text.starts_with('#') || (text.starts_with('&') && out.ends_with('&'))
        }
        Some(Piece::Word(_)) => false,
    };
    if is_end && out.ends_with(['?', '&']) {
        out.pop();
    }
}

/// The authority of a template is the configuration's, or the request's own host: nothing else of a request may be in it, or
/// directly behind it but what begins with a slash.
fn check_authority(rest: &str) -> Result<(), TemplateError> {
    let end = rest
        .find(['/', '?', '#'])
        .unwrap_or(rest.len())
        .min(rest.find("{path}").unwrap_or(rest.len()))
        .min(rest.find("{rest}").unwrap_or(rest.len()));
    let authority = rest.get(..end).unwrap_or_default();
    if authority.is_empty()
        || authority.contains(['\\', '@'])
        || authority.contains("{query}")
        || !is_host(&authority.replace("{host}", "host"))
    {
        return Err(TemplateError::Authority);
    }
    // `{rest}` may be empty: then what follows it is what follows the host.
    let mut behind = rest.get(end..).unwrap_or_default();
    while let Some(after) = behind.strip_prefix("{rest}") {
        behind = after;
    }
    let is_apart = behind.is_empty() || behind.starts_with(['/', '?', '#']);
    match is_apart || behind.starts_with("{path}") {
        true => Ok(()),
        false => Err(TemplateError::Rest),
    }
}

/// A name of plain characters or an address, perhaps with a port.
fn is_host(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:[]".contains(c);
    let host = Host::parse(text.as_bytes());
    text.chars().all(is_plain) && host.is_ok_and(|host| !host.is_empty())
}

fn is_scheme(text: &str) -> bool {
    text.strip_suffix(':').is_some_and(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// What stands in no URI, not even escaped by us (RFC 3986 §2), braces of words aside.
fn is_no_uri(c: char) -> bool {
    c.is_control() || "\"<>\\^`|".contains(c)
}

fn push_text(out: &mut String, text: &str, is_in_query: bool) {
    let text = match text.strip_prefix('/') {
        Some(rest) if out.ends_with('/') && !is_in_query => rest,
        // Of a query that would have stood before it, but is not there.
        _ if out.ends_with('?') => text.strip_prefix('&').unwrap_or(text),
        _ => text,
    };
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            push_strictly(out, c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// A target in origin-form that asks for a path in normal form, and a query (RFC 9112 §3.2.1).
pub(crate) fn target_of(path: &[u8], query: Option<&[u8]>) -> String {
    let mut out = String::with_capacity(path.len() + 16);
    push_segments(&mut out, path, false);
    if let Some(query) = query {
        out.push('?');
        push_query(&mut out, query);
    }
    out
}

/// Appends a decoded path. A slash is not doubled, and the path is one segment after the other, never an authority.
fn push_segments(out: &mut String, path: &[u8], is_in_query: bool) {
    if is_in_query {
        return push_strictly(out, path);
    }
    let path = match path.strip_prefix(b"/") {
        Some(rest) if out.ends_with('/') => rest,
        _ => path,
    };
    push_path(out, path);
}

/// Appends octets so that nothing of them means anything but itself: unreserved ones and slashes in a query as they are
/// (RFC 3986 §2.3, §3.4), all others escaped.
fn push_strictly(out: &mut String, octets: &[u8]) {
    let is_slash_plain = out.contains('?');
    for &octet in octets {
        if octet.is_ascii_alphanumeric()
            || b"-._~".contains(&octet)
            || (octet == b'/' && is_slash_plain)
        {
            out.push(char::from(octet));
        } else {
            let _ = write!(out, "%{octet:02X}");
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Brace => f.write_str("a brace belongs to a word, as in {path}; elsewhere write %7B or %7D"),
            Self::Word(word) => write!(
                f,
                "there is no {{{}}}: {{path}}, {{rest}}, {{query}} and {{host}} are known",
                word.escape_debug()
            ),
            Self::Octet(c) => write!(f, "'{}' may not stand there", c.escape_debug()),
            Self::Authority => f.write_str(
                "the host is written out, or is {host}: nothing else of a request may say where it leads",
            ),
            Self::Rest => f.write_str(
                "{rest} may be empty, and what follows it would then be part of the host: write a slash before {rest}",
            ),
            Self::Start => f.write_str("it begins with a slash, or for redirects with https:// and a host"),
            Self::Dots => f.write_str("it has a segment of dots"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<'a>(path: &'a [u8], rest: &'a [u8], query: Option<&'a [u8]>) -> Words<'a> {
        Words {
            path,
            rest,
            query,
            host: Some("a.example"),
        }
    }

    fn location(template: &str, words: &Words<'_>) -> String {
        let template = Template::location(template).unwrap();
        template.expand_location(words).unwrap()
    }

    fn path(template: &str, words: &Words<'_>) -> Option<(String, Option<String>)> {
        let template = Template::path(template).unwrap();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        template
            .expand_path(words)
            .map(|(path, query)| (text(path.octets()), query.map(|query| text(&query))))
    }

    #[test]
    fn words_stand_for_parts_of_the_request() {
        let words = words(b"/old/a b", b"/a b", Some(b"x=1"));
        // table
        for (template, expected) in [
            ("https://new.example{path}", "https://new.example/old/a%20b"),
            (
                "https://new.example/{path}",
                "https://new.example/old/a%20b",
            ),
            (
                "https://new.example/new{rest}",
                "https://new.example/new/a%20b",
            ),
            (
                "https://new.example/new/{rest}",
                "https://new.example/new/a%20b",
            ),
            ("/new{rest}?{query}", "/new/a%20b?x=1"),
            ("/new?y=2&{query}", "/new?y=2&x=1"),
            ("https://{host}{path}", "https://a.example/old/a%20b"),
            ("https://{host}:8443/", "https://a.example:8443/"),
            ("https://www.{host}/", "https://www.a.example/"),
            ("//cdn.example{rest}", "//cdn.example/a%20b"),
            ("{rest}", "/a%20b"),
            ("/{rest}", "/a%20b"),
            ("/ä", "/%C3%A4"),
            ("/a#{path}", "/a#%2Fold%2Fa%20b"),
        ] {
            assert_eq!(location(template, &words), expected, "{template}");
        }
    }

    #[test]
    fn what_follows_an_empty_rest_is_no_part_of_the_host() {
        for template in [
            "https://a.example{rest}{query}",
            "https://a.example{rest}.html",
            "https://a.example{rest}{rest}-old",
            "https://{host}{rest}:8443",
            "//a.example{rest}@b.example/",
            "https://a.example{rest}{host}",
        ] {
            let error = Template::location(template).unwrap_err();
            assert_eq!(error, TemplateError::Rest, "{template}");
        }
        let none = words(b"/old", b"", Some(b"x"));
        for (template, expected) in [
            ("https://a.example/{rest}.html", "https://a.example/.html"),
            ("https://a.example{rest}{rest}", "https://a.example"),
            ("https://a.example{rest}{path}", "https://a.example/old"),
            ("https://a.example{rest}?{query}", "https://a.example?x"),
            (
                "https://a.example{rest}#{host}",
                "https://a.example#a.example",
            ),
            ("{rest}.html", "/.html"),
            ("{rest}{query}", "/x"),
        ] {
            assert_eq!(location(template, &none), expected, "{template}");
        }
    }

    /// The authority that a location has, if any.
    fn authority(location: &str) -> Option<&str> {
        let rest = behind_scheme(location)?;
        rest.split(['/', '?', '#']).next()
    }

    #[test]
    fn no_template_that_is_taken_lets_a_request_say_where_it_leads() {
        let parts = [
            "https://b.example",
            "//b.example",
            "https://{host}",
            "/",
            "//",
            "{rest}",
            "{path}",
            "{query}",
            "{host}",
            "?",
            "#",
            ":80",
            "@",
            ".x",
            "x",
        ];
        let mut taken = 0;
        let texts = (0..parts.len().pow(4)).map(|number| {
            let at = |power: u32| parts[number / parts.len().pow(power) % parts.len()];
            [at(0), at(1), at(2), at(3)].concat()
        });
        for text in texts {
            let Ok(template) = Template::location(&text) else {
                continue;
            };
            taken += 1;
            let said = behind_scheme(&text).map(|rest| {
                let end = ["/", "?", "#", "{path}", "{rest}"];
                let end = end.iter().filter_map(|end| rest.find(end)).min();
                let said = rest.get(..end.unwrap_or(rest.len())).unwrap();
                said.replace("{host}", "a.example")
            });
            for (path, rest) in [
                ("/old", ""),
                ("/old/", "/"),
                ("/", "/"),
                ("/old/e.x", "/e.x"),
            ] {
                for query in [
                    None,
                    Some(&b"e.example"[..]),
                    Some(b"//e.example/"),
                    Some(b"@e:9"),
                ] {
                    let words = words(path.as_bytes(), rest.as_bytes(), query);
                    let location = template.expand_location(&words).unwrap();
                    assert_eq!(authority(&location), said.as_deref(), "{text}: {location}");
                    let is_absolute = location.starts_with('/') || said.is_some();
                    assert!(is_absolute, "{text}: {location}");
                }
            }
        }
        assert!(taken > 1000, "{taken}");
    }

    #[test]
    fn what_is_not_there_leaves_no_mark() {
        let none = words(b"/old", b"", None);
        assert_eq!(location("/new{rest}?{query}", &none), "/new");
        assert_eq!(location("/new?a=1&{query}", &none), "/new?a=1");
        assert_eq!(location("{rest}", &none), "/");
        assert_eq!(location("{rest}?{query}", &none), "/");
        for (template, expected) in [
            ("/new?{query}&b=2", "/new?b=2"),
            ("/new?a=1&{query}&b=2", "/new?a=1&b=2"),
            ("/new?a={query}&b=2", "/new?a=&b=2"),
            ("/new?{query}{query}#x", "/new#x"),
            (
                "https://a.example?{query}.b.example",
                "https://a.example?.b.example",
            ),
            (
                "https://a.example{rest}?{query}&b=2",
                "https://a.example?b=2",
            ),
        ] {
            assert_eq!(location(template, &none), expected, "{template}");
        }
        let empty = words(b"/old", b"", Some(b""));
        assert_eq!(location("{rest}?{query}", &empty), "/");
    }

    #[test]
    fn nothing_a_client_sends_becomes_an_authority_or_a_line() {
        // What a normal form cannot have is put in all the same: the template must not rely on it.
        for evil in [
            &b"/evil.example/"[..],
            b"//evil.example",
            b"/\\evil.example",
            b"/\r\nSet-Cookie: a=b",
            b"/@evil.example",
            b"/?#",
        ] {
            let words = words(evil, evil, Some(evil));
            for template in [
                "{path}",
                "{rest}",
                "/{path}",
                "/{rest}",
                "/{query}",
                "{rest}?{query}",
            ] {
                let location = location(template, &words);
                let path = location.split(['?', '#']).next().unwrap();
                assert!(
                    !location.contains(['\r', '\n', '\\', ' ']),
                    "{template}: {location}"
                );
                let is_normal = !evil.starts_with(b"//");
                assert!(
                    path.starts_with('/') && (!path.starts_with("//") || !is_normal),
                    "{template}: {location}"
                );
            }
            let at_host = location("https://new.example{path}", &words);
            assert!(at_host.starts_with("https://new.example/"), "{at_host}");
        }
    }

    #[test]
    fn a_path_in_a_query_is_one_value_of_it() {
        let words = words(b"/a&b=c#d+e", b"", None);
        assert_eq!(
            location("/login?next={path}", &words),
            "/login?next=/a%26b%3Dc%23d%2Be"
        );
    }

    #[test]
    fn a_query_outside_of_queries_is_escaped_whole() {
        let words = words(b"/", b"", Some(b"/evil?x"));
        assert_eq!(location("/{query}", &words), "/%2Fevil%3Fx");
    }

    #[test]
    fn a_location_that_needs_a_host_is_none_without_it() {
        let template = Template::location("https://{host}/").unwrap();
        let words = Words {
            path: b"/",
            rest: b"",
            query: None,
            host: None,
        };
        assert_eq!(template.expand_location(&words), None);
    }

    #[test]
    fn a_template_that_lets_clients_choose_the_host_is_refused() {
        for text in [
            "https://{path}",
            "https://{rest}/x",
            "https://{query}/",
            "https://a{query}",
            "https:///x",
            "https://user@a/",
            "//{path}",
        ] {
            assert_eq!(
                Template::location(text),
                Err(TemplateError::Authority),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        use TemplateError::{Brace, Octet, Start};
        for (text, error) in [
            ("", Start),
            ("new", Start),
            ("{host}/x", Start),
            ("{query}", Start),
            ("javascript:alert(1)", Start),
            ("/a b", Octet(' ')),
            ("/a\\b", Octet('\\')),
            ("/a\r\n", Octet('\r')),
            ("/{", Brace),
            ("/}", Brace),
            ("/{path", Brace),
            ("/{page}", TemplateError::Word("page".to_owned())),
        ] {
            assert_eq!(Template::location(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_rewritten_path_is_in_normal_form() {
        let words = words(b"/old/100%", b"/100%", Some(b"x=1"));
        // table
        for (template, expected) in [
            ("/new{rest}", ("/new/100%", None)),
            ("/new/{rest}", ("/new/100%", None)),
            ("{path}.html", ("/old/100%.html", None)),
            ("{path}/", ("/old/100%/", None)),
            ("/new?{query}&y=2", ("/new", Some("x=1&y=2"))),
            ("/new?p={path}", ("/new", Some("p=%2Fold%2F100%25"))),
            ("/sites/{host}{path}", ("/sites/a.example/old/100%", None)),
            ("/a b", ("/a b", None)),
        ] {
            let (path_, query) = path(template, &words).unwrap();
            assert_eq!((path_.as_str(), query.as_deref()), expected, "{template}");
        }
    }

    #[test]
    fn a_host_of_dots_climbs_nowhere() {
        let template = Template::path("/sites/{host}{path}").unwrap();
        for host in ["..", "."] {
            let words = Words {
                path: b"/secret",
                rest: b"",
                query: None,
                host: Some(host),
            };
            assert_eq!(template.expand_path(&words), None, "{host}");
        }
    }

    #[test]
    fn a_path_template_has_no_dots_fragments_or_hosts() {
        for text in ["/../x", "/a/./b", "x", "/a#b", "/a\\b", "https://a/"] {
            assert!(Template::path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whatever_a_client_sends_a_location_stays_on_its_host_and_in_one_line() {
        // A small generator of its own, so that a failure comes back.
        let mut seed = 1u64;
        let mut octets = |count: usize| -> Vec<u8> {
            (0..count)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let pick = (seed >> 33) as usize;
                    match pick % 3 {
                        0 => b"/.:@?#&=%\\\r\n\0 \t"[pick / 3 % 15],
                        _ => (pick / 3 % 256) as u8,
                    }
                })
                .collect()
        };
        let templates = [
            "https://a.example{path}?{query}",
            "{rest}?{query}",
            "/x/{rest}?p={path}&{query}",
            "/{query}{path}",
        ]
        .map(|text| Template::location(text).unwrap());
        for round in 0..2000 {
            let decoded = [b"/".to_vec(), octets(round % 20)].concat();
            let Some(path) = NormalPath::of_decoded(&decoded) else {
                continue;
            };
            let query = octets(round % 7);
            let words = words(path.octets(), path.octets(), Some(&query));
            for template in &templates {
                let location = template.expand_location(&words).unwrap();
                let is_uri =
                    |octet: u8| octet.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&octet);
                assert!(
                    location.bytes().all(is_uri),
                    "{location:?} of {decoded:?} {query:?}"
                );
                let local = location
                    .strip_prefix("https://a.example")
                    .unwrap_or(&location);
                assert!(
                    local.starts_with('/') && !local.starts_with("//"),
                    "{location:?}"
                );
                assert!(location.matches('#').count() == 0, "{location:?}");
            }
        }
    }
}
