use super::*;

fn quality(line: &str, kind: &str, subtype: &str) -> u16 {
    Accept::new([line.as_bytes()])
        .quality(kind, subtype)
        .thousandths()
}

fn best(line: &str, offered: &[&str]) -> Option<usize> {
    Accept::new([line.as_bytes()]).best_of(offered)
}

#[test]
fn a_weight_is_a_number_from_nought_to_one_with_three_decimals() {
    for (octets, thousandths) in [
        ("0", 0),
        ("0.", 0),
        ("0.0", 0),
        ("0.000", 0),
        ("0.001", 1),
        ("0.5", 500),
        ("0.25", 250),
        ("0.999", 999),
        ("1", 1000),
        ("1.", 1000),
        ("1.000", 1000),
    ] {
        assert_eq!(
            Quality::parse(octets.as_bytes()).map(Quality::thousandths),
            Some(thousandths)
        );
    }
}

#[test]
fn anything_else_is_no_weight() {
    for octets in [
        "", "1.001", "1.1", "2", "0.0000", "1.0000", ".5", "-0", "+1", "01", "0,5", "0.5 ", " 1",
        "1e0", "0.x", "\"1\"",
    ] {
        assert_eq!(Quality::parse(octets.as_bytes()), None, "{octets:?}");
    }
}

#[test]
fn an_absent_or_unreadable_field_accepts_everything() {
    assert_eq!(Accept::new([]).quality("text", "html"), Quality::FULL);
    for line in [
        "",
        ",",
        "garbage",
        "*",
        "text/",
        "/html",
        "*/html",
        "text/html;q=2",
        "text /html",
    ] {
        assert_eq!(quality(line, "text", "html"), 1000, "{line:?}");
    }
}

#[test]
fn the_most_specific_range_decides() {
    // RFC 9110 §12.5.1, the table of the second example.
    let line = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, \
                text/plain;format=fixed;q=0.4, */*;q=0.5";
    let accept = Accept::new([line.as_bytes()]);
    let of = |offer: &str| {
        accept
            .quality_of(&Offer::parse(offer.as_bytes()).unwrap())
            .thousandths()
    };
    assert_eq!(of("text/plain;format=flowed"), 1000);
    assert_eq!(of("text/plain"), 700);
    assert_eq!(of("text/html"), 300);
    assert_eq!(of("image/jpeg"), 500);
    assert_eq!(of("text/plain;format=fixed"), 400);
    assert_eq!(of("text/html;level=3"), 300);
}

#[test]
fn what_no_range_includes_is_not_acceptable() {
    assert_eq!(quality("text/html", "text", "plain"), 0);
    assert_eq!(quality("text/*", "application", "json"), 0);
    assert_eq!(quality("text/html;q=0, */*", "text", "html"), 0);
}

#[test]
fn types_are_compared_in_any_case() {
    assert_eq!(quality("Text/HTML;Q=0.5", "text", "html"), 500);
}

#[test]
fn several_lines_are_one_list() {
    let lines: [&[u8]; 2] = [b"text/html;q=0.1", b"application/json"];
    assert_eq!(
        Accept::new(lines).best_of(&["text/html", "application/json"]),
        Some(1)
    );
}

#[test]
fn the_weight_may_stand_before_other_parameters() {
    assert_eq!(
        best(
            "text/html;q=0.1;charset=utf-8, text/plain;q=0.2",
            &["text/html;charset=utf-8", "text/plain"]
        ),
        Some(1)
    );
}

#[test]
fn a_member_with_a_bad_or_double_weight_is_skipped() {
    assert_eq!(
        quality("text/html;q=0.5;q=0.6, */*;q=0.2", "text", "html"),
        200
    );
    assert_eq!(quality("text/html;q=\"1\", */*;q=0.2", "text", "html"), 200);
    assert_eq!(quality("text/html;q, */*;q=0.2", "text", "html"), 200);
}

#[test]
fn a_quoted_comma_does_not_split_a_media_range() {
    assert_eq!(
        quality("a/b;x=\"c, text/html\", text/plain", "text", "html"),
        0
    );
}

#[test]
fn the_order_of_the_server_breaks_ties() {
    assert_eq!(best("*/*", &["text/html", "application/json"]), Some(0));
    assert_eq!(
        best(
            "application/json, text/html",
            &["text/html", "application/json"]
        ),
        Some(0)
    );
}

#[test]
fn the_best_of_what_is_not_acceptable_is_nothing() {
    assert_eq!(best("image/png", &["text/html", "application/json"]), None);
    assert_eq!(best("text/html;q=0", &["text/html"]), None);
    assert_eq!(best("*/*", &[]), None);
    assert_eq!(best("*/*", &["not a type"]), None);
}

#[test]
fn a_browsers_line_prefers_html() {
    let line =
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
    assert_eq!(
        best(line, &["text/plain", "application/json", "text/html"]),
        Some(2)
    );
}

#[test]
fn a_parameter_must_be_in_the_offer_quoted_or_not() {
    let line = "text/html;charset=\"UTF-8\", text/plain;q=0.5";
    assert_eq!(
        best(line, &["text/plain", "text/html; charset=utf-8"]),
        Some(1)
    );
    assert_eq!(best(line, &["text/plain", "text/html"]), Some(0));
}

#[test]
fn weighted_lists_have_tokens_with_a_weight() {
    let lines: [&[u8]; 2] = [b"gzip;q=1.0, identity ; q=0.5", b"*;q=0"];
    let read: Vec<_> = weighted_list(lines)
        .map(|member| member.map(|m| (m.value, m.quality.0)))
        .collect();
    assert_eq!(
        read,
        [
            Ok((&b"gzip"[..], 1000)),
            Ok((b"identity", 500)),
            Ok((b"*", 0))
        ]
    );
}

#[test]
fn malformed_weighted_members_are_reported() {
    for line in [
        &b"gzip;x=1"[..],
        b"gzip;q=2",
        b"gzip;q=1;q=1",
        b"gzip q=1",
        b"gz ip",
        b"\"gzip\"",
        b";q=1",
        b"gzip;q=0.5;x=1",
        b"gzip\x0b",
        b"gzip;q=\"1\"",
    ] {
        assert_eq!(
            weighted_list([line]).collect::<Vec<_>>(),
            [Err(Malformed)],
            "{line:?}"
        );
    }
}

#[test]
fn a_value_not_listed_takes_the_weight_of_the_star() {
    let weight =
        |line: &'static [u8], value: &[u8]| weight_of([line], value).map(Quality::thousandths);
    assert_eq!(weight(b"GZIP;q=0.5, *;q=0.1", b"gzip"), Some(500));
    assert_eq!(weight(b"gzip;q=0.5, *;q=0.1", b"br"), Some(100));
    assert_eq!(weight(b"gzip;q=0.5", b"br"), None);
    assert_eq!(weight(b"", b"br"), None);
    assert_eq!(weight(b"*;q=1, gzip;q=0", b"gzip"), Some(0));
}
