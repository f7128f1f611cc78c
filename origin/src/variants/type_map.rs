//! Type maps: files that list the variants of a resource, in Apache's format.
//!
//! ```text
//! # A comment.
//! URI: page.en.html
//! Content-Type: text/html;charset=utf-8;qs=0.8
//! Content-Language: en
//!
//! URI: page.ps
//! Content-Type: application/postscript;qs=0.5
//! Description: "for a printer"
//! ```
//!
//! A block ends at an empty line; a line that begins with white space goes on with the one before. Unknown lines, and
//! blocks without a URI below the folder, mean nothing. `Body:`, content inside the map, is not supported.

use semantics::NormalPath;
use semantics::fields::accept::Quality;
use semantics::fields::list::{
    ParameterGrammar, ParameterValue, is_token, parameters, split_token, trim_ows,
};

use super::name::Name;
use super::set::{FileVariant, VARIANTS_MAX, below};
use crate::encode::{push_path, push_text};
use crate::media_type;

/// The variants that a map in `folder` lists, their lengths as far as it says them.
pub(super) fn read(folder: &[u8], octets: &[u8]) -> Vec<FileVariant> {
    let mut out = Vec::new();
    let mut block = Block::default();
    for line in unfolded(octets) {
        if trim_ows(&line).is_empty() {
            out.extend(std::mem::take(&mut block).variant(folder));
        } else if !line.starts_with(b"#") {
            block.take(&line);
        }
        if out.len() >= VARIANTS_MAX {
            return out;
        }
    }
    out.extend(block.variant(folder));
    out
}

/// Lines with those that go on with them.
fn unfolded(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    for line in octets.split(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match out.last_mut() {
            Some(last) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                if !trim_ows(line).is_empty() && !last.is_empty() {
                    last.truncate(trim_ows(last).len());
                    last.push(b' ');
                    last.extend_from_slice(trim_ows(line));
                } else if trim_ows(line).is_empty() {
                    out.push(Vec::new());
                }
            }
            _ => out.push(line.to_vec()),
        }
    }
    out
}

#[derive(Debug, Default)]
struct Block {
    uri: Vec<u8>,
    media_type: Vec<u8>,
    languages: String,
    codings: String,
    octets: Option<u64>,
    description: String,
}

impl Block {
    fn take(&mut self, line: &[u8]) {
        let (name, rest) = split_token(line);
        let Some(value) = trim_ows(rest).strip_prefix(b":") else {
            return;
        };
        let value = trim_ows(value);
        let text = || String::from_utf8_lossy(value).into_owned();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match () {
            () if is("URI") => self.uri = value.to_vec(),
            () if is("Content-Type") => self.media_type = value.to_vec(),
            () if is("Content-Language") => self.languages = list(value),
            () if is("Content-Encoding") => self.codings = codings(value),
            () if is("Content-Length") => self.octets = text().parse().ok(),
            () if is("Description") => push_text(&mut self.description, text().trim_matches('"')),
            () => {}
        }
    }

    fn variant(self, folder: &[u8]) -> Option<FileVariant> {
        let relative = relative(&self.uri)?;
        let mut reference = String::new();
        push_path(&mut reference, &relative);
        if reference.contains(':') {
            reference.insert_str(0, "./");
        }
        let name = Name::read(relative.rsplit(|&octet| octet == b'/').next()?);
        let typed = Typed::read(&self.media_type, &name);
        Some(FileVariant {
            path: below(folder, &relative).into(),
            reference,
            media_type: typed.media_type,
            charset: typed.charset,
            languages: if self.languages.is_empty() {
                name.language.clone()
            } else {
                self.languages
            },
            codings: if self.codings.is_empty() {
                name.coding.to_owned()
            } else {
                self.codings
            },
            source_quality: typed.source_quality,
            description: self.description,
            octets: self.octets.unwrap_or(0),
            is_ambiguous: false,
        })
    }
}

/// The path that a URI means below its folder, with nothing that is hidden; no other origin's, no query.
fn relative(uri: &[u8]) -> Option<Vec<u8>> {
    if uri.is_empty() || uri.starts_with(b"/") || uri.iter().any(|octet| b"?#\\".contains(octet)) {
        return None;
    }
    // RFC 3986 §3.1: a colon before the first slash ends a scheme.
    let first = uri.split(|&octet| octet == b'/').next()?;
    let segments = uri.split(|&octet| octet == b'/');
    if first.contains(&b':') || segments.clone().any(|segment| segment == b"..") {
        return None;
    }
    let path = [b"/", uri].concat();
    let normal = NormalPath::of(&path).ok()?;
    let relative = normal.octets().strip_prefix(b"/")?;
    let is_hidden = relative
        .split(|&octet| octet == b'/')
        .any(|segment| segment.is_empty() || segment.starts_with(b"."));
    (!is_hidden).then(|| relative.to_vec())
}

/// A list of tokens as it goes into a field; what is none is left out.
fn list(value: &[u8]) -> String {
    let tokens: Vec<_> = tokens(value).map(String::from_utf8_lossy).collect();
    tokens.join(", ")
}

/// The same without `identity`, which says that there is no coding and has no place in Content-Encoding
/// (RFC 9110 §8.4.1).
fn codings(value: &[u8]) -> String {
    let codings = tokens(value).filter(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    let codings: Vec<_> = codings.map(String::from_utf8_lossy).collect();
    codings.join(", ")
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&octet| octet == b',')
        .map(trim_ows)
        .filter(|token| is_token(token))
}

struct Typed {
    media_type: String,
    charset: String,
    source_quality: Option<Quality>,
}

impl Typed {
    /// Takes `qs` out of a media type; where there is none, the name of the file tells.
    fn read(value: &[u8], name: &Name<'_>) -> Self {
        let (kind, rest) = split_token(value);
        let (subtype, rest) = split_token(rest.strip_prefix(b"/").unwrap_or_default());
        let mut out = Self {
            media_type: if kind.is_empty() || subtype.is_empty() {
                name.media_type.unwrap_or(media_type::UNKNOWN).to_owned()
            } else {
                format!(
                    "{}/{}",
                    String::from_utf8_lossy(kind),
                    String::from_utf8_lossy(subtype)
                )
            },
            charset: String::new(),
            source_quality: None,
        };
        let is_text = media_type::has_charset(&out.media_type.to_ascii_lowercase());
        for parameter in parameters(rest, ParameterGrammar::Common).filter_map(Result::ok) {
            let (quote, octets) = match parameter.value {
                ParameterValue::Token(octets) => ("", octets),
                ParameterValue::Quoted(octets) => ("\"", octets),
            };
            let text = String::from_utf8_lossy(octets);
            if parameter.name.eq_ignore_ascii_case(b"qs") {
                out.source_quality = Quality::parse(octets);
                continue;
            }
            if parameter.name.eq_ignore_ascii_case(b"charset") {
                out.charset = text.to_string();
            }
            let name = String::from_utf8_lossy(parameter.name);
            out.media_type
                .push_str(&format!("; {name}={quote}{text}{quote}"));
        }
        if out.charset.is_empty() {
            let charset = match name.charset {
                "" if is_text => "utf-8",
                charset => charset,
            };
            if !charset.is_empty() {
                out.charset = charset.to_owned();
                out.media_type.push_str(&format!("; charset={charset}"));
            }
        }
        out
    }
}

/// Octets of a map; of a longer one nothing is read.
pub(super) const MAP_OCTETS_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_list_variants() {
        let map = b"# All of them\r\nURI: page\r\n\r\n\
            URI: page.en.html\nContent-Type: text/html;charset=utf-8; qs=0.8\nContent-Language: en , fr\nContent-Length: 12\n \n\
            uri : sub/page.ps\ncontent-type: application/postscript;level=2;\n  qs=0.25\nDescription: \"for a \n printer\"\nContent-Encoding: x-gzip";
        let read = read(b"dir", map);
        assert_eq!(read.len(), 3);
        assert_eq!(
            (&*read[0].path, read[0].media_type.as_str()),
            (&b"dir/page"[..], "application/octet-stream")
        );
        let en = FileVariant {
            path: (*b"dir/page.en.html").into(),
            reference: "page.en.html".into(),
            media_type: "text/html; charset=utf-8".into(),
            charset: "utf-8".into(),
            languages: "en, fr".into(),
            source_quality: Quality::parse(b"0.8"),
            octets: 12,
            ..FileVariant::default()
        };
        assert_eq!(read[1], en);
        let ps = FileVariant {
            path: (*b"dir/sub/page.ps").into(),
            reference: "sub/page.ps".into(),
            media_type: "application/postscript; level=2".into(),
            codings: "x-gzip".into(),
            source_quality: Quality::parse(b"0.25"),
            description: "for a printer".into(),
            ..FileVariant::default()
        };
        assert_eq!(read[2], ps);
    }

    #[test]
    fn the_name_of_a_file_tells_what_the_map_does_not() {
        let read = read(b"", b"URI: a.de.txt.latin1");
        assert_eq!(read[0].media_type, "text/plain; charset=iso-8859-1");
        assert_eq!(read[0].languages, "de");
    }

    #[test]
    fn a_uri_that_leads_elsewhere_is_left_out() {
        for uri in [
            "",
            "/a.html",
            "//b/a.html",
            "http://b/a.html",
            "../a.html",
            "x/../../a.html",
            "a.html?b",
            "a.html#b",
            ".htpasswd",
            "x/.git/a",
            "a%2fb.html",
            "x/",
            "a\\b",
        ] {
            let map = format!("URI: {uri}\nContent-Type: text/html\n");
            assert_eq!(read(b"", map.as_bytes()), [], "{uri}");
        }
    }

    #[test]
    fn no_octets_make_it_panic_or_grow() {
        let map = "URI: a.html\n\n".repeat(5000);
        assert_eq!(read(b"", map.as_bytes()).len(), VARIANTS_MAX);
        for octets in [
            &b"\xff\0:"[..],
            b":",
            b" a",
            b"Content-Type: ;;;;qs",
            b"URI: \xff\nContent-Type: \xff/\xff;q\"",
            b"\n\n \n\t",
        ] {
            read(b"", octets);
        }
    }
}
