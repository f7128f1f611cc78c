//! The weights of several content codings in one `Accept-Encoding` (RFC 9110 §12.5.3), for whoever can give the same
//! content in any of them.
//!
//! ```
//! use hansom_semantics::fields::content_coding::Weights;
//!
//! let weights = Weights::of([&b"gzip;q=0.8, br"[..]], ["zstd", "br", "gzip"]);
//! assert_eq!(weights.best([0, 1, 2]), Some(1));
//! assert_eq!(weights.best([0, 2]), Some(2));
//! assert_eq!(weights.best([0]), None);
//! ```

use super::accept::{Quality, weighted_list};

/// How welcome some content codings are, and none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights<const N: usize> {
    /// In the order in which they were asked for.
    codings: [Quality; N],
    /// Of no coding, if the field says so.
    identity: Option<Quality>,
}

impl<const N: usize> Weights<N> {
    /// Reads the lines of the field for some codings, by their registered names. Without a line none of them is
    /// welcome: "any content coding is considered acceptable", but whoever sends no field may know none.
    ///
    /// It costs one pass over the first [`MEMBERS_MAX`] members, and no memory.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a [u8]>, names: [&str; N]) -> Self {
        let mut exact: [Option<Quality>; N] = [None; N];
        let mut identity = None;
        let mut wild: Option<Quality> = None;
        for listed in weighted_list(lines)
            .take(MEMBERS_MAX)
            .filter_map(Result::ok)
        {
            let quality = Some(listed.quality);
            let value = modern_name(listed.value);
            if value == b"*" {
                wild = wild.max(quality);
            } else if value.eq_ignore_ascii_case(b"identity") {
                identity = identity.max(quality);
            } else {
                for (name, exact) in names.iter().zip(&mut exact) {
                    if value.eq_ignore_ascii_case(name.as_bytes()) {
                        *exact = (*exact).max(quality);
                    }
                }
            }
        }
        Self {
            codings: exact.map(|exact| exact.or(wild).unwrap_or(Quality::NONE)),
            identity: identity.or(wild),
        }
    }

    /// The most welcome of the codings at these places, the earlier of two as welcome. `None` where no coding is better:
    /// none of them is acceptable, or the field says that content without a coding is more welcome.
    ///
    /// A content that nothing makes acceptable is sent without a coding all the same, as the section advises for all
    /// cases but `identity;q=0`, where it says nothing and §12.4.1 lets a server disregard the field.
    pub fn best(&self, offered: impl IntoIterator<Item = usize>) -> Option<usize> {
        let mut best = (None, Quality::NONE);
        for place in offered {
            if let Some(&quality) = self.codings.get(place)
                && quality > best.1
            {
                best = (Some(place), quality);
            }
        }
        let (place, quality) = best;
        place.filter(|_| self.identity.is_none_or(|identity| identity <= quality))
    }

    /// Whether content without a coding is acceptable: so it is, unless the field excludes it.
    pub fn accepts_identity(&self) -> bool {
        self.identity.is_none_or(Quality::is_acceptable)
    }
}

/// "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"", and `x-compress` to `compress` (RFC 9110 §8.4.1).
fn modern_name(coding: &[u8]) -> &[u8] {
    if coding.eq_ignore_ascii_case(b"x-gzip") || coding.eq_ignore_ascii_case(b"x-compress") {
        coding.get(2..).unwrap_or_default()
    } else {
        coding
    }
}

/// Members of the field that count; what a longer list says beyond is disregarded.
pub const MEMBERS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["zstd", "br", "gzip"];

    fn of(line: &str) -> Weights<3> {
        Weights::of([line.as_bytes()], NAMES)
    }

    fn best(line: &str) -> &'static str {
        of(line)
            .best([0, 1, 2])
            .map_or("identity", |place| NAMES[place])
    }

    #[test]
    fn the_most_welcome_coding_is_best_and_the_servers_order_decides_between_equals() {
        for (line, expected) in [
            ("gzip, deflate, br, zstd", "zstd"),
            ("gzip, deflate, br", "br"),
            ("gzip", "gzip"),
            ("gzip;q=0.9, br;q=0.8, zstd;q=0.7", "gzip"),
            ("gzip;q=0.5, br;q=0.5", "br"),
            ("*", "zstd"),
            ("*;q=0.1, br;q=0.2", "br"),
            ("zstd;q=0, *", "br"),
        ] {
            assert_eq!(best(line), expected, "{line}");
        }
        assert_eq!(of("gzip, br").best([2, 1]), Some(2));
        assert_eq!(of("gzip, br").best([]), None);
        assert_eq!(of("gzip, br").best([7]), None);
    }

    #[test]
    fn without_an_acceptable_coding_none_is_best() {
        for line in [
            "",
            "deflate",
            "gzip;q=0",
            "gzip;q=0, br;q=0.000, zstd;q=0.0",
            "*;q=0",
            "identity",
            "identity;q=0.5, *;q=0",
        ] {
            assert_eq!(best(line), "identity", "{line}");
        }
        let no_lines: [&[u8]; 0] = [];
        assert_eq!(Weights::of(no_lines, NAMES).best([0, 1, 2]), None);
    }

    #[test]
    fn no_coding_is_chosen_where_it_is_said_to_be_more_welcome() {
        for (line, expected) in [
            ("identity, gzip;q=0.5", "identity"),
            ("identity;q=0.5, gzip;q=0.5", "gzip"),
            ("identity;q=0.5, gzip;q=0.6", "gzip"),
            ("gzip;q=0.5", "gzip"),
            // What is not listed is as welcome as `*` (§12.5.3).
            ("gzip;q=0.5, *;q=0.6", "zstd"),
            ("gzip;q=0.5, br;q=0, zstd;q=0, *;q=0.6", "identity"),
        ] {
            assert_eq!(best(line), expected, "{line}");
        }
    }

    #[test]
    fn no_coding_is_acceptable_unless_it_is_excluded() {
        for (line, expected) in [
            ("", true),
            ("gzip", true),
            ("identity;q=0", false),
            ("gzip, *;q=0", false),
            ("identity;q=0.1, *;q=0", true),
            ("identity, identity;q=0", true),
        ] {
            assert_eq!(of(line).accepts_identity(), expected, "{line}");
        }
    }

    #[test]
    fn names_are_read_in_any_case_over_all_lines_and_by_their_old_form() {
        assert_eq!(best("GZip"), "gzip");
        assert_eq!(best("x-gzip"), "gzip");
        assert_eq!(best("X-GZIP;Q=0.4"), "gzip");
        let lines: [&[u8]; 2] = [b"gzip", b"zstd;q=0.1"];
        assert_eq!(Weights::of(lines, NAMES).best([0, 1, 2]), Some(2));
    }

    #[test]
    fn a_malformed_member_is_ignored() {
        assert_eq!(best("gzip;q=high, br;q=0.1"), "br");
        assert_eq!(best("gzip;level=9, br;q=0.1"), "br");
        assert_eq!(best(",, gz ip , br"), "br");
    }

    #[test]
    fn a_list_without_end_is_read_to_the_limit() {
        let line = "x, ".repeat(MEMBERS_MAX) + "gzip";
        assert_eq!(best(&line), "identity");
    }
}
