//! `TE` (RFC 9110 §10.1.4), as far as it says that trailers are wanted.

use super::list::members_of;

/// Whether all lines of the field together name `trailers`: the client, and everybody between it and the sender of the
/// field, keeps trailer fields (RFC 9110 §6.5.1). The keyword has no weight and no parameters.
#[must_use]
pub fn wants_trailers<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> bool {
    members_of(lines).any(|member| member.eq_ignore_ascii_case(b"trailers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_wanted_by_the_keyword_alone() {
        // table
        for (lines, expected) in [
            (&[][..], false),
            (&["trailers"][..], true),
            (&["gzip;q=0.5, Trailers"][..], true),
            (&["gzip", "TRAILERS"][..], true),
            (&["trailers;q=0"][..], false),
            (&["trailer"][..], false),
            (&["\"trailers\""][..], false),
            (&["x;y=\", trailers\""][..], false),
            (&["deflate, gzip"][..], false),
        ] {
            let octets = lines.iter().map(|line| line.as_bytes());
            assert_eq!(wants_trailers(octets), expected, "{lines:?}");
        }
    }
}
