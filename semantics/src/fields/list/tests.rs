use super::*;

fn split(line: &[u8]) -> Vec<&[u8]> {
    members(line).collect()
}

#[test]
fn token_octets_are_those_of_the_rfc() {
    let written = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for octet in 0..=255 {
        assert_eq!(
            is_token_octet(octet),
            written.contains(&octet),
            "{octet:#x}"
        );
    }
}

#[test]
fn a_list_is_split_at_commas_and_its_whitespace_dropped() {
    assert_eq!(split(b" a ,\tb\t, c"), [b"a", b"b", b"c"]);
}

#[test]
fn empty_members_are_skipped() {
    assert_eq!(split(b",, a, \t ,,b,"), [b"a", b"b"]);
    assert!(split(b"").is_empty());
    assert!(split(b" , ,").is_empty());
}

#[test]
fn empty_members_are_noticed() {
    for line in [&b""[..], b" ", b"a,", b",a", b"a,,b", b"a,\t,b"] {
        assert!(has_empty_member(line), "{line:?}");
    }
    for line in [&b"a"[..], b"a, b", b"\",,\""] {
        assert!(!has_empty_member(line), "{line:?}");
    }
}

#[test]
fn only_sp_and_htab_are_whitespace() {
    assert_eq!(split(b"\x0ba\x0b, \x00b"), [&b"\x0ba\x0b"[..], b"\x00b"]);
}

#[test]
fn a_comma_inside_quotes_splits_nothing() {
    assert_eq!(split(b"a;b=\"c,d\", e"), [&b"a;b=\"c,d\""[..], b"e"]);
}

#[test]
fn an_escaped_quote_does_not_end_the_quoted_string() {
    assert_eq!(split(b"\"a\\\",b\",c"), [&b"\"a\\\",b\""[..], b"c"]);
    assert_eq!(split(b"\"a\\\\\",c"), [&b"\"a\\\\\""[..], b"c"]);
}

#[test]
fn an_unfinished_quoted_string_reaches_to_the_end_of_its_line_only() {
    let lines: [&[u8]; 2] = [b"a, \"b, c", b"d"];
    assert_eq!(
        members_of(lines).collect::<Vec<_>>(),
        [&b"a"[..], b"\"b, c", b"d"]
    );
    assert_eq!(split(b"\"a\\"), [b"\"a\\"]);
}

#[test]
fn several_lines_of_a_single_field_are_an_empty_value() {
    assert_eq!(only_line([]), None);
    assert_eq!(only_line([&b"a"[..]]), Some(&b"a"[..]));
    assert_eq!(only_line([&b"a"[..], b"a"]), Some(&b""[..]));
}

#[test]
fn a_quoted_string_ends_at_its_quote() {
    assert_eq!(
        split_quoted_string(b"\"a\\\"b\";c"),
        Some((&b"a\\\"b"[..], &b";c"[..]))
    );
    assert_eq!(split_quoted_string(b"\"\""), Some((&b""[..], &b""[..])));
    assert_eq!(
        split_quoted_string(b"\"\t\xff\""),
        Some((&b"\t\xff"[..], &b""[..]))
    );
}

#[test]
fn a_quoted_string_holds_no_controls_and_must_end() {
    for octets in [
        &b""[..],
        b"a",
        b"\"",
        b"\"a",
        b"\"\\\"",
        b"\"\\",
        b"\"\x00\"",
        b"\"\\\x00\"",
        b"\"\x7f\"",
    ] {
        assert_eq!(split_quoted_string(octets), None, "{octets:?}");
    }
}

#[test]
fn a_quoted_pair_stands_for_its_second_octet() {
    assert_eq!(unescaped(b"a\\\"\\\\b\\").collect::<Vec<_>>(), b"a\"\\b");
}

#[test]
fn parameters_are_names_with_values() {
    let read: Vec<_> = parameters(b" ; a=1;; b=\"x;y\" ;", ParameterGrammar::Common).collect();
    assert_eq!(
        read,
        [
            Ok(Parameter {
                name: b"a",
                value: ParameterValue::Token(b"1")
            }),
            Ok(Parameter {
                name: b"b",
                value: ParameterValue::Quoted(b"x;y")
            }),
        ]
    );
}

#[test]
fn whitespace_around_the_equals_sign_is_for_transfer_parameters_only() {
    let first = |grammar| parameters(b";a = 1", grammar).next();
    assert_eq!(first(ParameterGrammar::Common), Some(Err(Malformed)));
    let value = ParameterValue::Token(b"1");
    assert_eq!(
        first(ParameterGrammar::Transfer),
        Some(Ok(Parameter { name: b"a", value }))
    );
}

#[test]
fn malformed_parameters_end_the_list() {
    for octets in [
        &b"x"[..],
        b";a",
        b";a=",
        b";=b",
        b";a=\"b",
        b";a=b c;d=e",
        b";a=\x00",
    ] {
        for grammar in [ParameterGrammar::Common, ParameterGrammar::Transfer] {
            let read: Vec<_> = parameters(octets, grammar).collect();
            assert_eq!(read.last(), Some(&Err(Malformed)), "{octets:?}");
        }
    }
    assert_eq!(
        parameters(b";", ParameterGrammar::Transfer).next(),
        Some(Err(Malformed))
    );
}

#[test]
fn a_value_means_the_same_with_and_without_quotes() {
    let quoted = ParameterValue::Quoted(b"u\\tf-8");
    assert!(quoted.is(b"UTF-8"));
    assert!(quoted.is_same(&ParameterValue::Token(b"Utf-8")));
    assert!(ParameterValue::Token(b"utf-8").is_same(&quoted));
    assert!(quoted.is_same(&ParameterValue::Quoted(b"UTF-\\8")));
    assert!(!quoted.is(b"utf-88"));
}
