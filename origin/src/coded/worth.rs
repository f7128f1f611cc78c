//! Which media types get smaller by a coding. // table

/// Whether content of this type is worth coding: text, and what is made like text. Types that are compressed in
/// themselves are not.
pub(super) fn is_worth_coding(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    if kind.eq_ignore_ascii_case("text") {
        // Events are sent one by one, as they happen; an encoder would hold them back.
        return !is("text/event-stream");
    }
    let ends_with = |suffix: &str| {
        subtype
            .len()
            .checked_sub(suffix.len())
            .and_then(|at| subtype.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    SUFFIXES.iter().any(|suffix| ends_with(suffix)) || TYPES.iter().any(|name| is(name))
}

/// Whether a file of this name is compressed in itself, so that nobody puts coded ones beside it.
pub(super) fn is_compressed(name: &[u8]) -> bool {
    let extension = name
        .iter()
        .rposition(|&octet| octet == b'.')
        .and_then(|dot| name.get(dot + 1..))
        .unwrap_or_default();
    COMPRESSED
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known.as_bytes()))
}

/// Structured syntaxes that are text (RFC 6839, RFC 8091).
const SUFFIXES: [&str; 5] = ["+json", "+xml", "+json-seq", "+yaml", "+text"];

// table sorted
const TYPES: [&str; 24] = [
    "application/atom",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json-seq",
    "application/ndjson",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/typescript",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-sh",
    "application/x-tar",
    "application/x-ttf",
    "application/xml",
    "application/yaml",
    "font/collection",
    "font/otf",
    "font/sfnt",
    "font/ttf",
    "image/bmp",
    "image/x-icon",
];

const COMPRESSED: [&str; 32] = [
    "7z", "apk", "avif", "br", "bz2", "docx", "epub", "flac", "gif", "gz", "heic", "jar", "jpeg",
    "jpg", "jxl", "m4a", "mkv", "mov", "mp3", "mp4", "odt", "ogg", "opus", "png", "rar", "tgz",
    "webm", "webp", "woff", "woff2", "xz", "zst",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_what_is_made_like_it_is_worth_coding() {
        for media_type in [
            "text/html; charset=utf-8",
            "TEXT/plain",
            "text/css",
            "application/json",
            "application/ld+json",
            "image/svg+xml",
            "application/manifest+json;x=y",
            "application/wasm",
            "font/ttf",
        ] {
            assert!(is_worth_coding(media_type), "{media_type}");
        }
    }

    #[test]
    fn what_is_compressed_or_unknown_is_not() {
        for media_type in [
            "image/png",
            "image/jpeg",
            "video/mp4",
            "font/woff2",
            "application/zip",
            "application/gzip",
            "application/octet-stream",
            "application/pdf",
            "text/event-stream",
            "text",
            "",
        ] {
            assert!(!is_worth_coding(media_type), "{media_type}");
        }
    }

    #[test]
    fn names_tell_what_is_compressed() {
        for (name, expected) in [
            (&b"a/b.PNG"[..], true),
            (b"a.html.gz", true),
            (b"a.html", false),
            (b"png", false),
            (b"", false),
        ] {
            assert_eq!(is_compressed(name), expected);
        }
    }
}
