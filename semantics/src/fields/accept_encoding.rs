//! `Accept-Encoding` (RFC 9110 §12.5.3).

use super::accept::{MEMBERS_MAX, Quality, weighted_list};
use super::list::members;

/// How welcome a representation with these content codings is: `codings` is the value of its Content-Encoding, empty
/// for none. Of several codings the least welcome counts, since all have to be removed.
///
/// * No field: every coding is acceptable. As nothing says that the user agent knows it, one is worth
///   [`Quality::LEAST`], and none at all [`Quality::FULL`].
/// * Without a coding: acceptable unless `identity;q=0`, or `*;q=0` without `identity`. Where it is not listed while
///   others are, it is worth [`Quality::LEAST`]: the user agent has said what it would rather have.
/// * With one: its own weight, or that of `*`, or not acceptable.
pub fn quality<'a>(lines: impl IntoIterator<Item = &'a [u8]> + Clone, codings: &str) -> Quality {
    let is_sent = lines.clone().into_iter().next().is_some();
    if !is_sent {
        return if is_identity(codings) {
            Quality::FULL
        } else {
            Quality::LEAST
        };
    }
    if is_identity(codings) {
        return of_identity(lines);
    }
    members(codings.as_bytes())
        .filter(|coding| !coding.eq_ignore_ascii_case(b"identity"))
        .map(|coding| listed(lines.clone(), coding).unwrap_or(Quality::NONE))
        .min()
        .unwrap_or(Quality::FULL)
}

fn of_identity<'a>(lines: impl IntoIterator<Item = &'a [u8]> + Clone) -> Quality {
    let mut lists_another = false;
    let mut own: Option<Quality> = None;
    let mut wild: Option<Quality> = None;
    for listed in weighted_list(lines)
        .take(MEMBERS_MAX)
        .filter_map(Result::ok)
    {
        if listed.value == b"*" {
            wild = wild.max(Some(listed.quality));
        } else if listed.value.eq_ignore_ascii_case(b"identity") {
            own = own.max(Some(listed.quality));
        } else {
            lists_another |= listed.quality.is_acceptable();
        }
    }
    let unlisted = if lists_another {
        Quality::LEAST
    } else {
        Quality::FULL
    };
    own.or(wild).unwrap_or(unlisted)
}

/// Its own weight or that of `*`.
fn listed<'a>(lines: impl IntoIterator<Item = &'a [u8]>, coding: &[u8]) -> Option<Quality> {
    let mut exact: Option<Quality> = None;
    let mut wild: Option<Quality> = None;
    for listed in weighted_list(lines)
        .take(MEMBERS_MAX)
        .filter_map(Result::ok)
    {
        if listed.value == b"*" {
            wild = wild.max(Some(listed.quality));
        } else if modern_name(listed.value).eq_ignore_ascii_case(modern_name(coding)) {
            exact = exact.max(Some(listed.quality));
        }
    }
    exact.or(wild)
}

/// "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"", and `x-compress` to `compress` (RFC 9110 §8.4.1).
fn modern_name(coding: &[u8]) -> &[u8] {
    if coding.eq_ignore_ascii_case(b"x-gzip") || coding.eq_ignore_ascii_case(b"x-compress") {
        coding.get(2..).unwrap_or_default()
    } else {
        coding
    }
}

/// Whether a value of Content-Encoding says that there is no coding.
pub fn is_identity(codings: &str) -> bool {
    members(codings.as_bytes()).all(|coding| coding.eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, codings: &str) -> u16 {
        quality([line.as_bytes()], codings).thousandths()
    }

    #[test]
    fn without_the_field_every_coding_is_acceptable_and_none_is_better() {
        assert_eq!(quality([], ""), Quality::FULL);
        assert_eq!(quality([], "gzip"), Quality::LEAST);
    }

    #[test]
    fn an_empty_field_asks_for_no_coding() {
        assert_eq!(of("", ""), 1000);
        assert_eq!(of("", "gzip"), 0);
    }

    #[test]
    fn no_coding_is_acceptable_unless_it_is_excluded() {
        assert_eq!(of("gzip", ""), 1);
        assert_eq!(of("gzip;q=0", ""), 1000);
        assert_eq!(of("identity;q=0", ""), 0);
        assert_eq!(of("gzip, *;q=0", ""), 0);
        assert_eq!(of("*;q=0, identity;q=0.5", "identity"), 500);
        assert_eq!(of("gzip, *;q=0.5", ""), 500);
    }

    #[test]
    fn a_coding_that_is_not_listed_is_not_acceptable() {
        assert_eq!(of("br;q=0.4", "gzip"), 0);
        assert_eq!(of("br;q=0.4, *;q=0.2", "gzip"), 200);
        assert_eq!(of("br;q=0.4, *;q=0.2", "br"), 400);
        assert_eq!(of("identity", "gzip"), 0);
    }

    #[test]
    fn of_two_codings_the_less_welcome_counts() {
        assert_eq!(of("gzip;q=0.8, br;q=0.4", "gzip, br"), 400);
        assert_eq!(of("gzip", "gzip, br"), 0);
    }

    #[test]
    fn old_names_mean_the_same() {
        assert_eq!(of("x-gzip", "gzip"), 1000);
        assert_eq!(of("GZip", "x-gzip"), 1000);
        assert_eq!(of("compress", "x-compress"), 1000);
    }

    #[test]
    fn a_malformed_member_is_ignored() {
        assert_eq!(of("gzip;q=high, br", "gzip"), 0);
        assert_eq!(of("gzip;q=high, br", "br"), 1000);
    }
}
