//! Media types of files by the extension of their name (RFC 9110 §8.3).

/// The value of Content-Type for a file of this name.
pub(crate) fn of(name: &[u8]) -> String {
    with_charset(extension(name).and_then(by_extension).unwrap_or(UNKNOWN))
}

/// The value of Content-Type for content of this type that says nothing of a charset.
pub(crate) fn with_charset(media_type: &str) -> String {
    if has_charset(media_type) {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_owned()
    }
}

/// What stands behind the last dot of the last segment.
fn extension(path: &[u8]) -> Option<&str> {
    let name = path.rsplit(|&b| b == b'/').next()?;
    let dot = name.iter().rposition(|&b| b == b'.')?;
    std::str::from_utf8(name.get(dot + 1..)?).ok()
}

/// The media type of files with this extension.
pub(crate) fn by_extension(extension: &str) -> Option<&'static str> {
    OURS.iter()
        .find_map(|(known, media_type)| {
            extension.eq_ignore_ascii_case(known).then_some(*media_type)
        })
        .or_else(|| mime_guess::from_ext(extension).first_raw())
}

/// Text of ours is UTF-8, and says so; JSON always is (RFC 8259 §8.1), and XML says it itself: a charset here would
/// override what stands in the file (RFC 7303 §3.2).
pub(crate) fn has_charset(media_type: &str) -> bool {
    let is_xml = media_type.starts_with("text/xml");
    (media_type.starts_with("text/") && !is_xml) || media_type == "application/javascript"
}

/// Octets of which nothing is known.
pub(crate) const UNKNOWN: &str = "application/octet-stream";

/// Where the common table is old, or means another thing by the extension than web sites do.
const OURS: [(&str, &str); 8] = [
    // RFC 9239 §6.
    ("js", "text/javascript"),
    ("mjs", "text/javascript"),
    ("ts", "video/mp2t"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("avif", "image/avif"),
    ("woff2", "font/woff2"),
    ("md", "text/markdown"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_says_its_charset_and_the_rest_does_not() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a.CSS", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.min.mjs", "text/javascript; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.xml", "text/xml"),
            ("a.png", "image/png"),
            ("a.wasm", "application/wasm"),
        ] {
            assert_eq!(of(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_name_that_tells_nothing_is_octets() {
        for name in [
            &b"README"[..],
            b"a.",
            b"a.b/c",
            b"a.\xff",
            b"",
            b"a.no-such-kind",
        ] {
            assert_eq!(of(name), "application/octet-stream");
        }
    }
}
