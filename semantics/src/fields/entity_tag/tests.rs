use super::*;

fn strong(opaque: &[u8]) -> EntityTag<'_> {
    EntityTag {
        weak: false,
        opaque,
    }
}

fn list<'a>(lines: &[&'a [u8]]) -> Vec<Result<Listed<'a>, Malformed>> {
    entity_tags(lines.iter().copied()).collect()
}

#[test]
fn a_tag_is_weak_when_marked_so() {
    assert_eq!(EntityTag::parse(b"\"a\""), Some(strong(b"a")));
    assert_eq!(
        EntityTag::parse(b"W/\"a\""),
        Some(EntityTag {
            weak: true,
            opaque: b"a"
        })
    );
    assert_eq!(EntityTag::parse(b"\"\""), Some(strong(b"")));
    assert_eq!(EntityTag::parse(b"\"\x80\xff\""), Some(strong(b"\x80\xff")));
}

#[test]
fn what_is_no_entity_tag_is_refused() {
    for octets in [
        &b""[..],
        b"a",
        b"\"",
        b"\"a",
        b"a\"",
        b"w/\"a\"",
        b"W/a",
        b"W/",
        b"W\"a\"",
        b"W/ \"a\"",
        b"\"a b\"",
        b"\"a\tb\"",
        b"\"\x00\"",
        b"\"\x7f\"",
        b"\"a\"b",
        b"\"a\" ",
        b" \"a\"",
        b"'a'",
        b"\"a\"\"",
        b"*",
    ] {
        assert_eq!(EntityTag::parse(octets), None, "{octets:?}");
    }
}

#[test]
fn the_table_of_comparisons_holds() {
    // RFC 9110 §8.8.3.2, Table 3.
    for (one, other, is_strong, is_weak) in [
        ("W/\"1\"", "W/\"1\"", false, true),
        ("W/\"1\"", "W/\"2\"", false, false),
        ("W/\"1\"", "\"1\"", false, true),
        ("\"1\"", "\"1\"", true, true),
        ("\"a\"", "\"A\"", false, false),
    ] {
        let one = EntityTag::parse(one.as_bytes()).unwrap();
        let other = EntityTag::parse(other.as_bytes()).unwrap();
        assert_eq!(one.strong_matches(&other), is_strong);
        assert_eq!(other.strong_matches(&one), is_strong);
        assert_eq!(one.weak_matches(&other), is_weak);
    }
}

#[test]
fn what_is_rendered_is_read_back() {
    for octets in [&b"\"a,b\""[..], b"W/\"\""] {
        let mut out = Vec::new();
        EntityTag::parse(octets).unwrap().render_to(&mut out);
        assert_eq!(out, octets);
    }
}

#[test]
fn a_list_spans_field_lines_and_skips_empty_members() {
    let lines: [&[u8]; 3] = [b", \"a\" ,,\t\"b\",", b"", b"W/\"c\""];
    let weak = EntityTag {
        weak: true,
        opaque: b"c",
    };
    assert_eq!(
        list(&lines),
        [
            Ok(Listed::Tag(strong(b"a"))),
            Ok(Listed::Tag(strong(b"b"))),
            Ok(Listed::Tag(weak))
        ]
    );
}

#[test]
fn a_comma_or_a_backslash_inside_a_tag_is_part_of_it() {
    assert_eq!(list(&[b"\"a,b\""]), [Ok(Listed::Tag(strong(b"a,b")))]);
    assert_eq!(
        list(&[b"\"a\\\", \"b\""]),
        [
            Ok(Listed::Tag(strong(b"a\\"))),
            Ok(Listed::Tag(strong(b"b")))
        ]
    );
}

#[test]
fn a_malformed_member_is_reported_and_the_next_one_read() {
    for bad in [
        &b"a"[..],
        b"\"a\" \"b\"",
        b"\"a\"x",
        b"\"a b\"",
        b"**",
        b"*x",
        b"w/\"a\"",
    ] {
        let line = [bad, b", \"z\""].concat();
        assert_eq!(
            list(&[&line]),
            [Err(Malformed), Ok(Listed::Tag(strong(b"z")))],
            "{bad:?}"
        );
    }
}

#[test]
fn a_star_is_valid_only_alone() {
    let matched = |lines: &[&[u8]]| match_list(lines.iter().copied(), |_| true);
    assert_eq!(matched(&[b"*"]), Ok(ListMatch::Any));
    assert_eq!(matched(&[b" *, "]), Ok(ListMatch::Any));
    assert_eq!(matched(&[b"*, \"a\""]), Err(Malformed));
    assert_eq!(matched(&[b"\"a\"", b"*"]), Err(Malformed));
    assert_eq!(matched(&[b"*", b"*"]), Err(Malformed));
}

#[test]
fn a_list_without_members_is_malformed() {
    assert_eq!(match_list([&b""[..], b" , "], |_| true), Err(Malformed));
}

#[test]
fn one_matching_tag_is_enough_but_the_rest_must_be_well_formed() {
    let matched = |line: &'static [u8]| match_list([line], |tag| tag.opaque == b"b");
    assert_eq!(matched(b"\"a\", \"b\", \"c\""), Ok(ListMatch::Tag));
    assert_eq!(matched(b"\"a\", \"c\""), Ok(ListMatch::None));
    assert_eq!(matched(b"\"b\", c"), Err(Malformed));
}
