use super::*;
use Method::{GetOrHead, Other};
use Verdict::{NotModified, PreconditionFailed, Proceed};

const BEFORE: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";
const MODIFIED: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &[u8] = b"Sun, 06 Nov 1994 08:49:38 GMT";
const AHEAD: &[u8] = b"Fri, 01 Jan 2100 00:00:00 GMT";
const LAST_MODIFIED: HttpDate = HttpDate::from_unix(784_111_777);
const NOW: HttpDate = HttpDate::from_unix(1_700_000_000);
const NONE: Conditions<'_> = Conditions {
    if_match: &[],
    if_none_match: &[],
    if_modified_since: None,
    if_unmodified_since: None,
    if_range: None,
};
/// What is not a date, each to be ignored.
const NO_DATES: [&[u8]; 6] = [
    b"",
    b"0",
    b"yesterday",
    b"Sun, 31 Feb 1994 08:49:37 GMT",
    b"Sun, 06 Nov 1994 25:49:37 GMT",
    b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
];

fn strong() -> Validators<'static> {
    Validators {
        etag: EntityTag::parse(b"\"a\""),
        last_modified: Some(LAST_MODIFIED),
    }
}

fn weak() -> Validators<'static> {
    Validators {
        etag: EntityTag::parse(b"W/\"a\""),
        last_modified: Some(LAST_MODIFIED),
    }
}

fn judge(conditions: Conditions<'_>, method: Method) -> Verdict {
    evaluate(&conditions, method, Some(&strong()), NOW)
}

fn if_match<'a>(lines: &'a [&'a [u8]]) -> Conditions<'a> {
    Conditions {
        if_match: lines,
        ..NONE
    }
}

fn if_none_match<'a>(lines: &'a [&'a [u8]]) -> Conditions<'a> {
    Conditions {
        if_none_match: lines,
        ..NONE
    }
}

#[test]
fn without_conditions_the_method_is_performed() {
    assert_eq!(judge(NONE, GetOrHead), Proceed(Rule::NoCondition));
    assert_eq!(
        evaluate(&NONE, Other, None, NOW),
        Proceed(Rule::NoCondition)
    );
}

#[test]
fn if_match_compares_strongly() {
    for method in [GetOrHead, Other] {
        assert_eq!(judge(if_match(&[b"\"a\""]), method), Proceed(Rule::IfMatch));
        assert_eq!(
            judge(if_match(&[b"\"b\""]), method),
            PreconditionFailed(Rule::IfMatch)
        );
        assert_eq!(
            judge(if_match(&[b"W/\"a\""]), method),
            PreconditionFailed(Rule::IfMatch)
        );
    }
    let verdict = evaluate(&if_match(&[b"W/\"a\""]), GetOrHead, Some(&weak()), NOW);
    assert_eq!(verdict, PreconditionFailed(Rule::IfMatch));
}

#[test]
fn if_match_may_come_on_several_lines() {
    assert_eq!(
        judge(if_match(&[b"\"x\", \"y\"", b"\"a\""]), Other),
        Proceed(Rule::IfMatch)
    );
}

#[test]
fn if_match_star_asks_for_any_current_representation() {
    let star = if_match(&[b"*"]);
    assert_eq!(judge(star, Other), Proceed(Rule::IfMatch));
    assert_eq!(
        evaluate(&star, Other, None, NOW),
        PreconditionFailed(Rule::IfMatch)
    );
    let untagged = Validators::default();
    assert_eq!(
        evaluate(&star, Other, Some(&untagged), NOW),
        Proceed(Rule::IfMatch)
    );
}

#[test]
fn if_match_fails_without_a_representation_or_its_tag() {
    let tag = if_match(&[b"\"a\""]);
    assert_eq!(
        evaluate(&tag, Other, None, NOW),
        PreconditionFailed(Rule::IfMatch)
    );
    let untagged = Validators::default();
    assert_eq!(
        evaluate(&tag, Other, Some(&untagged), NOW),
        PreconditionFailed(Rule::IfMatch)
    );
}

#[test]
fn an_if_match_that_cannot_be_read_fails() {
    for lines in [
        &[&b""[..]][..],
        &[b"a"],
        &[b"\"a"],
        &[b"\"a\", b"],
        &[b"*, \"a\""],
        &[b"\"a\"", b"*"],
    ] {
        assert_eq!(
            judge(if_match(lines), Other),
            PreconditionFailed(Rule::IfMatch),
            "{lines:?}"
        );
    }
}

#[test]
fn if_unmodified_since_fails_for_an_earlier_date_only() {
    let verdict = |date| {
        judge(
            Conditions {
                if_unmodified_since: Some(date),
                ..NONE
            },
            Other,
        )
    };
    assert_eq!(verdict(BEFORE), PreconditionFailed(Rule::IfUnmodifiedSince));
    assert_eq!(verdict(MODIFIED), Proceed(Rule::IfUnmodifiedSince));
    assert_eq!(verdict(AFTER), Proceed(Rule::IfUnmodifiedSince));
    assert_eq!(verdict(AHEAD), Proceed(Rule::IfUnmodifiedSince));
}

#[test]
fn if_unmodified_since_reads_all_three_formats() {
    for date in [
        &b"Sunday, 06-Nov-94 08:49:36 GMT"[..],
        b"Sun Nov  6 08:49:36 1994",
    ] {
        let conditions = Conditions {
            if_unmodified_since: Some(date),
            ..NONE
        };
        assert_eq!(
            judge(conditions, GetOrHead),
            PreconditionFailed(Rule::IfUnmodifiedSince)
        );
    }
}

#[test]
fn if_unmodified_since_is_ignored_beside_if_match() {
    let conditions = Conditions {
        if_unmodified_since: Some(BEFORE),
        ..if_match(&[b"\"a\""])
    };
    assert_eq!(judge(conditions, Other), Proceed(Rule::IfMatch));
}

#[test]
fn if_unmodified_since_is_ignored_when_it_is_no_date() {
    for date in NO_DATES {
        let conditions = Conditions {
            if_unmodified_since: Some(date),
            ..NONE
        };
        assert_eq!(
            judge(conditions, GetOrHead),
            Proceed(Rule::NoCondition),
            "{date:?}"
        );
    }
}

#[test]
fn if_unmodified_since_is_ignored_without_a_modification_date() {
    let conditions = Conditions {
        if_unmodified_since: Some(BEFORE),
        ..NONE
    };
    for current in [None, Some(&Validators::default())] {
        assert_eq!(
            evaluate(&conditions, Other, current, NOW),
            Proceed(Rule::NoCondition)
        );
    }
}

#[test]
fn if_none_match_compares_weakly() {
    for current in [strong(), weak()] {
        for tag in [&b"\"a\""[..], b"W/\"a\""] {
            let verdict = evaluate(&if_none_match(&[tag]), GetOrHead, Some(&current), NOW);
            assert_eq!(verdict, NotModified(Rule::IfNoneMatch));
        }
    }
    assert_eq!(
        judge(if_none_match(&[b"\"b\""]), GetOrHead),
        Proceed(Rule::IfNoneMatch)
    );
}

#[test]
fn if_none_match_of_another_method_fails() {
    assert_eq!(
        judge(if_none_match(&[b"\"a\""]), Other),
        PreconditionFailed(Rule::IfNoneMatch)
    );
    assert_eq!(
        judge(if_none_match(&[b"\"b\""]), Other),
        Proceed(Rule::IfNoneMatch)
    );
}

#[test]
fn if_none_match_may_come_on_several_lines() {
    assert_eq!(
        judge(if_none_match(&[b"\"x\"", b"\"a\""]), GetOrHead),
        NotModified(Rule::IfNoneMatch)
    );
}

#[test]
fn if_none_match_star_asks_for_no_current_representation() {
    let star = if_none_match(&[b"*"]);
    assert_eq!(judge(star, GetOrHead), NotModified(Rule::IfNoneMatch));
    assert_eq!(judge(star, Other), PreconditionFailed(Rule::IfNoneMatch));
    assert_eq!(
        evaluate(&star, Other, None, NOW),
        Proceed(Rule::IfNoneMatch)
    );
}

#[test]
fn an_if_none_match_that_cannot_be_read_matches_nothing() {
    for lines in [
        &[&b""[..]][..],
        &[b"a"],
        &[b"\"a"],
        &[b"\"a\", b"],
        &[b"*, \"a\""],
    ] {
        assert_eq!(
            judge(if_none_match(lines), GetOrHead),
            Proceed(Rule::IfNoneMatch),
            "{lines:?}"
        );
    }
}

#[test]
fn if_modified_since_is_false_from_the_modification_date_on() {
    let verdict = |date| {
        judge(
            Conditions {
                if_modified_since: Some(date),
                ..NONE
            },
            GetOrHead,
        )
    };
    assert_eq!(verdict(BEFORE), Proceed(Rule::IfModifiedSince));
    assert_eq!(verdict(MODIFIED), NotModified(Rule::IfModifiedSince));
    assert_eq!(verdict(AFTER), NotModified(Rule::IfModifiedSince));
}

#[test]
fn if_modified_since_is_ignored_beside_any_if_none_match() {
    for line in [&b"\"b\""[..], b"", b"malformed"] {
        let lines = [line];
        let conditions = Conditions {
            if_modified_since: Some(AFTER),
            ..if_none_match(&lines)
        };
        assert_eq!(judge(conditions, GetOrHead), Proceed(Rule::IfNoneMatch));
    }
}

#[test]
fn if_modified_since_is_ignored_for_other_methods() {
    let conditions = Conditions {
        if_modified_since: Some(AFTER),
        ..NONE
    };
    assert_eq!(judge(conditions, Other), Proceed(Rule::NoCondition));
}

#[test]
fn if_modified_since_is_ignored_when_it_is_no_date_or_ahead_of_the_clock() {
    for date in NO_DATES.into_iter().chain([AHEAD]) {
        let conditions = Conditions {
            if_modified_since: Some(date),
            ..NONE
        };
        assert_eq!(
            judge(conditions, GetOrHead),
            Proceed(Rule::NoCondition),
            "{date:?}"
        );
    }
}

#[test]
fn if_modified_since_of_this_second_is_not_ahead() {
    let date = NOW.render();
    let conditions = Conditions {
        if_modified_since: Some(&date),
        ..NONE
    };
    assert_eq!(
        judge(conditions, GetOrHead),
        NotModified(Rule::IfModifiedSince)
    );
}

#[test]
fn if_modified_since_is_ignored_without_a_modification_date() {
    let conditions = Conditions {
        if_modified_since: Some(AFTER),
        ..NONE
    };
    for current in [None, Some(&Validators::default())] {
        assert_eq!(
            evaluate(&conditions, GetOrHead, current, NOW),
            Proceed(Rule::NoCondition)
        );
    }
}

#[test]
fn failing_comes_before_not_modified() {
    let conditions = Conditions {
        if_match: &[b"\"b\""],
        ..if_none_match(&[b"\"a\""])
    };
    assert_eq!(
        judge(conditions, GetOrHead),
        PreconditionFailed(Rule::IfMatch)
    );
    let conditions = Conditions {
        if_unmodified_since: Some(BEFORE),
        if_modified_since: Some(AFTER),
        ..NONE
    };
    assert_eq!(
        judge(conditions, GetOrHead),
        PreconditionFailed(Rule::IfUnmodifiedSince)
    );
}

#[test]
fn a_true_if_match_leads_on_to_if_none_match() {
    let conditions = Conditions {
        if_match: &[b"\"a\""],
        ..if_none_match(&[b"\"a\""])
    };
    assert_eq!(judge(conditions, GetOrHead), NotModified(Rule::IfNoneMatch));
}

#[test]
fn each_rule_says_where_it_stands() {
    assert_eq!(
        NotModified(Rule::IfModifiedSince).rule().citation(),
        "RFC 9110 §13.2.2 step 4"
    );
    assert_eq!(
        Proceed(Rule::NoCondition).rule().citation(),
        "RFC 9110 §13.2.2 step 6"
    );
}

#[test]
fn without_if_range_the_range_applies() {
    assert!(range_applies(None, &Validators::default(), NOW));
}

#[test]
fn if_range_compares_tags_strongly() {
    assert!(range_applies(Some(b"\"a\""), &strong(), NOW));
    assert!(!range_applies(Some(b"\"b\""), &strong(), NOW));
    assert!(!range_applies(Some(b"W/\"a\""), &strong(), NOW));
    assert!(!range_applies(Some(b"\"a\""), &weak(), NOW));
    assert!(!range_applies(Some(b"W/\"a\""), &weak(), NOW));
}

#[test]
fn if_range_compares_dates_exactly() {
    assert!(range_applies(Some(MODIFIED), &strong(), NOW));
    assert!(range_applies(
        Some(b"Sunday, 06-Nov-94 08:49:37 GMT"),
        &strong(),
        NOW
    ));
    assert!(!range_applies(Some(BEFORE), &strong(), NOW));
    assert!(!range_applies(Some(AFTER), &strong(), NOW));
}

#[test]
fn if_range_needs_a_date_at_least_one_second_old() {
    let next_second = HttpDate::from_unix(LAST_MODIFIED.unix_seconds() + 1);
    assert!(!range_applies(Some(MODIFIED), &strong(), LAST_MODIFIED));
    assert!(range_applies(Some(MODIFIED), &strong(), next_second));
}

#[test]
fn if_range_is_false_for_anything_else() {
    for octets in [
        &b""[..],
        b"*",
        b"a",
        b"\"a",
        b"\"a\", \"b\"",
        b"w/\"a\"",
        b"\"a\" ",
        b"0",
    ] {
        assert!(!range_applies(Some(octets), &strong(), NOW), "{octets:?}");
    }
    assert!(!range_applies(Some(MODIFIED), &Validators::default(), NOW));
    assert!(!range_applies(Some(b"\"a\""), &Validators::default(), NOW));
}

#[test]
fn conditions_know_their_if_range() {
    let conditions = Conditions {
        if_range: Some(b"\"b\""),
        ..NONE
    };
    assert!(!conditions.range_applies(&strong(), NOW));
}
