//! Field values: no octets make a parser panic, and what is rendered is read back.

use std::hint::black_box;

use semantics::fields::content_length::ContentLength;
use semantics::fields::date::HttpDate;
use semantics::fields::entity_tag::{self, EntityTag};
use semantics::fields::precondition::{self, Conditions, Method, Validators};
use semantics::fields::range::{self, RangeRequest};
use semantics::fields::{
    accept, accept_charset, accept_encoding, accept_language, cache_control, connection,
    content_length, expect, forwarded, host, list, max_forwards, negotiate, transfer_encoding,
};
use semantics::negotiation::{Preferences, Rules, Variant, Verdict, decide};

const NOW: HttpDate = HttpDate::from_unix(1_700_000_000);

/// Field lines, `name: value`. Every value is given to every parser, whatever its name.
pub fn fields(data: &[u8]) {
    let lines: Vec<&[u8]> = data
        .split(|&b| b == b'\n')
        .take(LINES_MAX)
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .map(|line| {
            let colon = line.iter().position(|&b| b == b':');
            list::trim_ows(colon.map_or(line, |colon| &line[colon + 1..]))
        })
        .collect();
    for value in &lines {
        single(value);
    }
    for pair in lines.windows(2) {
        together(pair);
    }
    together(&lines);
}

fn single(value: &[u8]) {
    date(value);
    ranges(value);
    tag(value);
    length(value);
    if let Some(quality) = accept::Quality::parse(value) {
        assert!(quality.thousandths() <= 1000);
    }
    if let Ok(host) = host::Host::parse(value) {
        assert!(!host.is_named(b"\0"));
        black_box(host.name_without_root_dot().len());
    }
    if let Ok(hops) = forwarded::elements(value) {
        assert_eq!(hops.len(), list::members(value).count());
    }
    if let Ok(forwarded::Node::Address(ip)) = forwarded::node(value) {
        assert_eq!(ip, ip.to_canonical());
    }
    if let Ok(rendered) = cache_control::render(&String::from_utf8_lossy(value)) {
        assert!(!rendered.contains(['\r', '\n', '\0']));
    }
    black_box(max_forwards::parse(value));
    black_box(list::has_empty_member(value));
    black_box(accept::MediaRange::parse(value));
    if let Some((quoted, rest)) = list::split_quoted_string(value) {
        assert!(quoted.len() + rest.len() <= value.len());
        assert!(list::unescaped(quoted).count() <= quoted.len());
    }
    for member in list::members(value) {
        assert!(!member.is_empty());
        assert_eq!(list::trim_ows(member), member);
    }
}

/// RFC 9110 §5.6.7: what we render is the preferred form, and reads back as the same second.
fn date(value: &[u8]) {
    if let Some(date) = HttpDate::parse(value, NOW) {
        let rendered = date.render();
        assert_eq!(HttpDate::parse(&rendered, NOW), Some(date), "{rendered:?}");
        assert_eq!(HttpDate::from_unix(date.unix_seconds()), date);
    }
}

/// Within the representation, apart from one another, no more than the limit.
fn ranges(value: &[u8]) {
    let limits = range::Limits::default();
    for length in [0, 1, 10, 1000, u64::MAX] {
        let RangeRequest::Satisfiable(ranges) = range::parse(value, length, &limits) else {
            continue;
        };
        let ranges = ranges.as_slice();
        assert!(!ranges.is_empty() && ranges.len() <= limits.ranges_max);
        let mut sorted = ranges.to_vec();
        sorted.sort_by_key(|range| range.first);
        for range in &sorted {
            assert!(range.first <= range.last && range.last < length);
            let content_range = range::content_range(range.first, range.last, length);
            assert!(content_range.as_octets().starts_with(b"bytes "));
        }
        for pair in sorted.windows(2) {
            assert!(pair[0].last < pair[1].first, "{ranges:?}");
        }
    }
}

fn tag(value: &[u8]) {
    if let Some(tag) = EntityTag::parse(value) {
        let mut rendered = Vec::new();
        tag.render_to(&mut rendered);
        assert_eq!(EntityTag::parse(&rendered), Some(tag));
        assert!(tag.weak_matches(&tag));
    }
}

fn length(value: &[u8]) {
    if let Ok(length) = content_length::parse_one(value) {
        let rendered = length.to_string();
        assert_eq!(content_length::parse_one(rendered.as_bytes()), Ok(length));
        let parsed = content_length::parse([value]);
        assert_eq!(parsed, Some(ContentLength::Valid(length)));
    }
}

/// Several lines of one field.
fn together(lines: &[&[u8]]) {
    let all = lines.iter().copied();
    let (first, last) = (lines.first().copied(), lines.last().copied());
    let conditions = Conditions {
        if_match: lines,
        if_none_match: lines,
        if_modified_since: first,
        if_unmodified_since: last,
        if_range: first,
    };
    let current = Validators {
        etag: EntityTag::parse(b"\"a\""),
        last_modified: Some(NOW),
    };
    for method in [Method::GetOrHead, Method::Other] {
        black_box(precondition::evaluate(
            &conditions,
            method,
            Some(&current),
            NOW,
        ));
        black_box(precondition::evaluate(&conditions, method, None, NOW));
    }
    black_box(precondition::range_applies(first, &current, NOW));
    black_box(entity_tag::entity_tags(all.clone()).count());
    black_box(transfer_encoding::parse(all.clone()));
    black_box(connection::Connection::parse(all.clone()));
    black_box(expect::parse(all.clone()));
    black_box(content_length::parse(all.clone()));
    black_box(cache_control::directives(all.clone()).count());
    black_box(accept::weighted_list(all.clone()).count());
    black_box(negotiate::parse(all.clone()));
    choice(lines);
    let accept = accept::Accept::new(all);
    assert!(accept.quality("text", "html").thousandths() <= 1000);
    let best = accept.best_of(&["text/html; charset=utf-8", "application/json"]);
    assert!(best.is_none_or(|best| best < 2));
}

/// Lines looked at; more show nothing else.
const LINES_MAX: usize = 200;

/// RFC 9110 §12.1: the chosen variant is acceptable and none is more welcome; the same question has the same answer; what
/// is not asked for a field does not depend on it.
fn choice(lines: &[&[u8]]) {
    let variant = |media_type, charset, languages, codings| Variant {
        media_type,
        charset,
        languages,
        codings,
        ..Variant::default()
    };
    let variants = [
        variant("text/html; charset=utf-8", "utf-8", "en", ""),
        variant("text/html; charset=gb2312", "gb2312", "zh-Hans-CN", ""),
        variant("text/plain;level=1", "", "", "gzip"),
        variant("", "x-unknown", "mi, en-GB", "gzip, br"),
    ];
    let asked = Preferences {
        media_types: lines.to_vec(),
        charsets: lines.to_vec(),
        codings: lines.to_vec(),
        languages: lines.to_vec(),
    };
    for rules in [
        Rules::default(),
        Rules {
            default_language: Some("zh"),
            is_strict: false,
        },
    ] {
        let decision = decide(&asked, &variants, &rules);
        let again = decide(&asked, &variants, &rules);
        assert_eq!(decision.judgements, again.judgements);
        assert_eq!(decision.judgements.len(), variants.len());
        let overall = |place: usize| decision.judgements[place].overall();
        for (place, judgement) in decision.judgements.iter().enumerate() {
            assert!(!judgement.to_string().is_empty());
            let is_chosen = matches!(judgement.verdict, Verdict::Chosen | Verdict::Fallback);
            assert_eq!(is_chosen, decision.chosen == Some(place));
            match (judgement.verdict, decision.chosen) {
                (Verdict::Chosen, _) => assert!(overall(place) > 0),
                (Verdict::LessWelcome, Some(chosen)) => assert!(overall(place) < overall(chosen)),
                (Verdict::Tied(_), Some(chosen)) => assert_eq!(overall(place), overall(chosen)),
                (Verdict::NotAcceptable(_), _) => assert_eq!(overall(place), 0),
                (Verdict::Fallback, _) => assert_eq!(overall(place), 0),
                (verdict, chosen) => panic!("{verdict:?} beside {chosen:?}"),
            }
        }
    }
    let all = || lines.iter().copied();
    assert!(accept_charset::quality(all(), "utf-8").thousandths() <= 1000);
    assert!(accept_encoding::quality(all(), "gzip").thousandths() <= 1000);
    assert!(accept_language::judge(all(), "en").quality.thousandths() <= 1000);
    // Names of one charset are as welcome as each other.
    assert_eq!(
        accept_charset::quality(all(), "latin1"),
        accept_charset::quality(all(), "ISO-8859-1")
    );
}
