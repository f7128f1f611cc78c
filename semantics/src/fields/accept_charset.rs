//! `Accept-Charset` (RFC 9110 §12.5.2), which is deprecated and still sent, and names of charsets.

use super::accept::{MEMBERS_MAX, Quality, weighted_list};

/// How welcome a charset is. A field that is absent, or has no readable member, welcomes all.
///
/// Of several names of one charset the recipient may have sent any, so all are compared.
pub fn quality<'a>(lines: impl IntoIterator<Item = &'a [u8]>, charset: &str) -> Quality {
    let names = names_of(charset.as_bytes());
    let is_it = |name: &[u8]| match names {
        Some(names) => names.has(name),
        None => name.eq_ignore_ascii_case(charset.as_bytes()),
    };
    let mut is_empty = true;
    let mut exact: Option<Quality> = None;
    let mut wild: Option<Quality> = None;
    for listed in weighted_list(lines)
        .take(MEMBERS_MAX)
        .filter_map(Result::ok)
    {
        is_empty = false;
        if listed.value == b"*" {
            wild = wild.max(Some(listed.quality));
        } else if is_it(listed.value) {
            exact = exact.max(Some(listed.quality));
        }
    }
    // "The special value "*" matches every charset that is not mentioned elsewhere in the field."
    let unlisted = if is_empty {
        Quality::FULL
    } else {
        Quality::NONE
    };
    exact.or(wild).unwrap_or(unlisted)
}

/// The preferred name of a charset (RFC 9110 §8.3.2, the IANA registry), by any of the names that web content and
/// file names have for it; `None` for one that is not known here.
pub fn preferred_name(name: &[u8]) -> Option<&'static str> {
    names_of(name).map(|names| names.preferred)
}

/// Whether two names are of one charset.
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
        || preferred_name(one).is_some_and(|name| preferred_name(other) == Some(name))
}

fn names_of(name: &[u8]) -> Option<&'static Names> {
    NAMES.iter().find(|names| names.has(name))
}

struct Names {
    preferred: &'static str,
    others: &'static [&'static str],
}

impl Names {
    fn has(&self, name: &[u8]) -> bool {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        is(self.preferred) || self.others.iter().any(|other| is(other))
    }
}

const fn names(preferred: &'static str, others: &'static [&'static str]) -> Names {
    Names { preferred, others }
}

// table
#[rustfmt::skip]
const NAMES: &[Names] = &[
    names("utf-8", &["utf8"]),
    names("us-ascii", &["ascii", "iso646-us", "ansi_x3.4-1968"]),
    names("iso-8859-1", &["iso8859-1", "iso_8859-1", "latin1", "l1"]),
    names("iso-8859-2", &["iso8859-2", "iso_8859-2", "latin2", "l2", "cen"]),
    names("iso-8859-3", &["iso8859-3", "iso_8859-3", "latin3", "l3"]),
    names("iso-8859-4", &["iso8859-4", "iso_8859-4", "latin4", "l4"]),
    names("iso-8859-5", &["iso8859-5", "iso_8859-5", "cyrillic", "iso-ru"]),
    names("iso-8859-6", &["iso8859-6", "iso_8859-6", "arabic", "arb"]),
    names("iso-8859-7", &["iso8859-7", "iso_8859-7", "greek", "grk"]),
    names("iso-8859-8", &["iso8859-8", "iso_8859-8", "hebrew", "heb"]),
    names("iso-8859-9", &["iso8859-9", "iso_8859-9", "latin5", "l5", "trk"]),
    names("iso-8859-10", &["iso8859-10", "iso_8859-10", "latin6", "l6"]),
    names("iso-8859-11", &["iso8859-11", "iso_8859-11"]),
    names("iso-8859-13", &["iso8859-13", "iso_8859-13"]),
    names("iso-8859-14", &["iso8859-14", "iso_8859-14", "latin8", "l8"]),
    names("iso-8859-15", &["iso8859-15", "iso_8859-15", "latin9", "latin-9"]),
    names("iso-8859-16", &["iso8859-16", "iso_8859-16", "latin10", "l10"]),
    names("iso-2022-jp", &["iso2022-jp", "jis", "csiso2022jp"]),
    names("iso-2022-kr", &["iso2022-kr", "kis", "csiso2022kr"]),
    names("iso-2022-cn", &["iso2022-cn", "cis"]),
    names("shift_jis", &["shift-jis", "sjis", "x-sjis", "ms_kanji"]),
    names("euc-jp", &["eucjp", "x-euc-jp"]),
    names("euc-kr", &["euckr", "ks_c_5601-1987"]),
    names("euc-tw", &["euctw"]),
    names("gb2312", &["gb", "euc-cn", "euccn", "csgb2312"]),
    names("gbk", &["cp936", "ms936", "windows-936"]),
    names("gb18030", &["gb-18030"]),
    names("big5", &["big-5", "b5", "csbig5", "x-x-big5"]),
    names("big5-hkscs", &["big5hkscs"]),
    names("koi8-r", &["koi8r", "koi8", "koi"]),
    names("koi8-u", &["koi8u"]),
    names("tis-620", &["tis620"]),
    names("windows-874", &["cp874", "win-874"]),
    names("windows-1250", &["cp1250", "cp-1250", "win-1250"]),
    names("windows-1251", &["cp1251", "cp-1251", "win-1251"]),
    names("windows-1252", &["cp1252", "cp-1252", "win-1252"]),
    names("windows-1253", &["cp1253", "cp-1253", "win-1253"]),
    names("windows-1254", &["cp1254", "cp-1254", "win-1254"]),
    names("windows-1255", &["cp1255", "cp-1255", "win-1255"]),
    names("windows-1256", &["cp1256", "cp-1256", "win-1256"]),
    names("windows-1257", &["cp1257", "cp-1257", "win-1257"]),
    names("windows-1258", &["cp1258", "cp-1258", "win-1258"]),
    names("utf-7", &["utf7"]),
    names("utf-16", &["utf16"]),
    names("utf-16be", &["utf16be"]),
    names("utf-16le", &["utf16le"]),
    names("utf-32", &["utf32"]),
    names("utf-32be", &["utf32be"]),
    names("utf-32le", &["utf32le"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, charset: &str) -> u16 {
        quality([line.as_bytes()], charset).thousandths()
    }

    #[test]
    fn absent_empty_or_unreadable_welcomes_every_charset() {
        assert_eq!(quality([], "utf-8"), Quality::FULL);
        for line in ["", " , ", "utf-8;q=2", "utf 8"] {
            assert_eq!(of(line, "gb2312"), 1000, "{line:?}");
        }
    }

    #[test]
    fn a_charset_has_its_own_weight_or_that_of_the_star_or_none() {
        assert_eq!(of("utf-8;q=0.3, *;q=0.1", "UTF-8"), 300);
        assert_eq!(of("utf-8;q=0.3, *;q=0.1", "gb2312"), 100);
        assert_eq!(of("utf-8;q=0.3", "gb2312"), 0);
        assert_eq!(of("utf-8;q=0, *", "utf-8"), 0);
        // The exception that RFC 2616 made for ISO-8859-1 is gone (RFC 9110 §12.5.2).
        assert_eq!(of("utf-8", "iso-8859-1"), 0);
    }

    #[test]
    fn names_of_one_charset_are_the_same() {
        assert_eq!(of("latin1", "ISO-8859-1"), 1000);
        assert_eq!(of("Shift_JIS", "x-sjis"), 1000);
        assert_eq!(of("x-made-up", "X-Made-Up"), 1000);
        assert!(!is_same(b"x-a", b"x-b") && !is_same(b"gbk", b"gb2312"));
    }
}
