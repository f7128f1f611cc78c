//! What the suffixes of a file's name say of it.

use semantics::fields::accept_charset::preferred_name;

use super::language;
use crate::media_type;

/// A name taken apart. `page.en.html.gb2312` is the stem `page` with a language, a media type and a charset; the order
/// of suffixes is free, each kind stands once, and what is left of the first unknown one is the stem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) stem: &'a [u8],
    /// All that stands behind the stem, without dots, first to last.
    pub(super) suffixes: Vec<&'a [u8]>,
    /// From the suffix that names a media type.
    pub(super) media_type: Option<&'static str>,
    /// Empty for none.
    pub(super) language: String,
    /// Empty for none.
    pub(super) charset: &'static str,
    /// Empty for none.
    pub(super) coding: &'static str,
}

impl<'a> Name<'a> {
    pub(super) fn read(name: &'a [u8]) -> Self {
        let mut out = Self {
            stem: name,
            suffixes: Vec::new(),
            media_type: None,
            language: String::new(),
            charset: "",
            coding: "",
        };
        while out.suffixes.len() < SUFFIXES_MAX
            && let Some((left, suffix)) = split_last(out.stem)
            && out.take(left, suffix)
        {
            out.stem = left;
            out.suffixes.push(suffix);
        }
        out.suffixes.reverse();
        out
    }

    /// Whether it says no more of a representation than its media type.
    pub(super) fn is_generic(&self) -> bool {
        self.language.is_empty() && self.charset.is_empty() && self.coding.is_empty()
    }

    /// Whether it has all these suffixes.
    pub(super) fn has_all(&self, suffixes: &[&[u8]]) -> bool {
        suffixes.iter().all(|asked| {
            self.suffixes
                .iter()
                .any(|own| own.eq_ignore_ascii_case(asked))
        })
    }

    /// Takes in what the suffix says, `false` if that is nothing, or of a kind that is there already.
    fn take(&mut self, left: &[u8], suffix: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(suffix) else {
            return false;
        };
        if self.suffixes.is_empty()
            && let Some(coding) = coding(text)
        {
            self.coding = coding;
            return true;
        }
        if let Some(charset) = charset(text) {
            let is_first = self.charset.is_empty();
            if is_first {
                self.charset = charset;
            }
            return is_first;
        }
        let language = language::tag(text);
        let media_type = media_type::by_extension(text);
        match (language, media_type) {
            // What is both, such as `pl`, is a language where something else tells the media type.
            (Some(language), Some(_)) if self.media_type.is_some() || tells_type(left) => {
                self.take_language(language)
            }
            (_, Some(media_type)) if self.media_type.is_none() => {
                self.media_type = Some(media_type);
                true
            }
            (Some(language), None) => self.take_language(language),
            (None, _) | (Some(_), Some(_)) => false,
        }
    }

    fn take_language(&mut self, language: String) -> bool {
        let is_first = self.language.is_empty();
        if is_first {
            self.language = language;
        }
        is_first
    }
}

/// Whether one of the suffixes can be nothing but a media type.
fn tells_type(mut name: &[u8]) -> bool {
    while let Some((left, suffix)) = split_last(name) {
        if let Ok(text) = std::str::from_utf8(suffix)
            && media_type::by_extension(text).is_some()
            && language::tag(text).is_none()
        {
            return true;
        }
        name = left;
    }
    false
}

/// At the last dot, if there is something on both sides.
fn split_last(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|&octet| octet == b'.')?;
    let (left, suffix) = (name.get(..dot)?, name.get(dot + 1..)?);
    (!left.is_empty() && !suffix.is_empty()).then_some((left, suffix))
}

/// RFC 9110 §8.4.1, by the usual suffix.
fn coding(suffix: &str) -> Option<&'static str> {
    let is = |known: &str| suffix.eq_ignore_ascii_case(known);
    match () {
        () if is("gz") => Some("gzip"),
        () if is("br") => Some("br"),
        () if is("zst") => Some("zstd"),
        () => None,
    }
}

/// A charset by one of its names, but for those that may as well be a word or a number of a version.
fn charset(suffix: &str) -> Option<&'static str> {
    let has_digit = suffix.bytes().any(|octet| octet.is_ascii_digit());
    let is_plain = [
        "ascii",
        "euc-jp",
        "euc-kr",
        "euc-tw",
        "eucjp",
        "euckr",
        "gbk",
        "jis",
        "shift_jis",
        "sjis",
    ]
    .iter()
    .any(|known| suffix.eq_ignore_ascii_case(known));
    let is_telling = suffix.len() > 3 && has_digit || is_plain;
    is_telling.then(|| preferred_name(suffix.as_bytes()))?
}

/// Suffixes of one name that are looked at.
const SUFFIXES_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    /// Stem, media type, language, charset, coding.
    fn read(name: &str) -> (String, String, String, String, String) {
        let read = Name::read(name.as_bytes());
        (
            String::from_utf8(read.stem.to_vec()).unwrap(),
            read.media_type.unwrap_or_default().into(),
            read.language,
            read.charset.into(),
            read.coding.into(),
        )
    }

    fn is(name: &str, expected: [&str; 5]) {
        let [stem, media_type, language, charset, coding] = expected.map(String::from);
        assert_eq!(
            read(name),
            (stem, media_type, language, charset, coding),
            "{name}"
        );
    }

    #[test]
    fn suffixes_stand_in_any_order() {
        is("page.en.html", ["page", "text/html", "en", "", ""]);
        is("page.html.en", ["page", "text/html", "en", "", ""]);
        is(
            "page.zh-hant.html",
            ["page", "text/html", "zh-Hant", "", ""],
        );
        is("page.html.gb2312", ["page", "text/html", "", "gb2312", ""]);
        is(
            "page.ja.html.iso2022-jp",
            ["page", "text/html", "ja", "iso-2022-jp", ""],
        );
        is(
            "page.latin1.de.txt",
            ["page", "text/plain", "de", "iso-8859-1", ""],
        );
    }

    #[test]
    fn a_coding_stands_at_the_end() {
        is("page.en.html.gz", ["page", "text/html", "en", "", "gzip"]);
        is("page.html.br", ["page", "text/html", "", "", "br"]);
        is("page.br.html", ["page", "text/html", "br", "", ""]);
        is("a.js.zst", ["a", "text/javascript", "", "", "zstd"]);
    }

    #[test]
    fn an_unknown_suffix_belongs_to_the_stem() {
        is(
            "jquery.min.js",
            ["jquery.min", "text/javascript", "", "", ""],
        );
        is("v1.2.html", ["v1.2", "text/html", "", "", ""]);
        is(
            "page.backup.en.html",
            ["page.backup", "text/html", "en", "", ""],
        );
        is("README", ["README", "", "", "", ""]);
        is("a..html", ["a.", "text/html", "", "", ""]);
        is(".html", [".html", "", "", "", ""]);
        is("page.", ["page.", "", "", "", ""]);
    }

    #[test]
    fn each_kind_stands_once() {
        is("notes.html.txt", ["notes.html", "text/plain", "", "", ""]);
        is("page.fr.en.html", ["page.fr", "text/html", "en", "", ""]);
        is(
            "page.utf8.html.gb2312",
            ["page.utf8", "text/html", "", "gb2312", ""],
        );
    }

    #[test]
    fn what_is_a_language_and_a_type_is_a_type_unless_there_is_another() {
        is("page.pl.html", ["page", "text/html", "pl", "", ""]);
        is("page.html.cs", ["page", "text/html", "cs", "", ""]);
        is("clip.ts", ["clip", "video/mp2t", "", "", ""]);
        is("clip.en.ts", ["clip", "video/mp2t", "en", "", ""]);
        is("page.ts.html", ["page", "text/html", "ts", "", ""]);
    }

    #[test]
    fn short_words_are_no_charset() {
        is("page.l1.html", ["page.l1", "text/html", "", "", ""]);
        is("page.greek.html", ["page.greek", "text/html", "", "", ""]);
        is("page.b5.html", ["page.b5", "text/html", "", "", ""]);
    }

    #[test]
    fn a_name_that_begins_with_its_suffixes_has_a_stem() {
        is("en.html", ["en", "text/html", "", "", ""]);
        is("html.en", ["html", "", "en", "", ""]);
    }
}
