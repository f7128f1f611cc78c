//! What a response must be: by its case, and whatever the case.

use super::date;
use super::dialogue::Failure;
use super::octets::{Bindings, expand};
use super::response::{AnswerTo, Framing, Response, find};
use super::script::{Check, Level, is_in};

/// Clocks of one machine do not differ; a Date is rendered once a second, and a busy machine reads it late.
const DATE_SECONDS_OFF_MAX: u64 = 10;

/// Judges one check of a case.
pub fn judge(
    check: &Check,
    response: &Response,
    bindings: &Bindings,
) -> Result<Option<Failure>, String> {
    if check
        .when
        .as_ref()
        .is_some_and(|set| !is_in(response.status, set))
    {
        return Ok(None);
    }
    let holds = holds(&check.rule, response, bindings)?;
    Ok((!holds).then(|| Failure {
        level: check.level,
        what: format!("{} but not: {}", response.status, check.rule),
    }))
}

fn holds(rule: &str, response: &Response, bindings: &Bindings) -> Result<bool, String> {
    let unknown = || format!("unknown check: {rule:?}");
    let (subject, rest) = rule.split_once(' ').ok_or_else(unknown)?;
    match subject {
        "status" => Ok(is_in(response.status, rest)),
        "field" => {
            let (name, rest) = rest.split_once(' ').ok_or_else(unknown)?;
            field_holds(name, rest, response, bindings)
        }
        "content" => content_holds(rest, response, bindings),
        "parts" => Ok(parts(response)
            .map(|parts| parts.len().to_string())
            .as_deref()
            == Ok(rest)),
        _ => Err(unknown()),
    }
}

fn field_holds(
    name: &str,
    rule: &str,
    response: &Response,
    bindings: &Bindings,
) -> Result<bool, String> {
    let values = response.values(name);
    let (verb, argument) = rule.split_once(' ').unwrap_or((rule, ""));
    let argument = String::from_utf8_lossy(&expand(argument, bindings)?).into_owned();
    let lower = argument.to_ascii_lowercase();
    let contains = || {
        values
            .iter()
            .any(|value| value.to_ascii_lowercase().contains(&lower))
    };
    match verb {
        "present" => Ok(!values.is_empty()),
        "absent" => Ok(values.is_empty()),
        "=" => Ok(values == [argument.as_str()]),
        "has" => Ok(response.has_member(name, &argument)),
        "~" => Ok(contains()),
        "!~" => Ok(!contains()),
        _ => Err(format!("unknown check of a field: {rule:?}")),
    }
}

fn content_holds(rule: &str, response: &Response, bindings: &Bindings) -> Result<bool, String> {
    let (verb, argument) = rule.split_once(' ').unwrap_or((rule, ""));
    let argument = expand(argument, bindings)?;
    let number = || {
        String::from_utf8_lossy(&argument)
            .parse::<usize>()
            .map_err(|_| format!("not a length: {rule:?}"))
    };
    let found = || !argument.is_empty() && find(&response.content, &argument).is_some();
    match verb {
        "empty" => Ok(response.content.is_empty()),
        "=" => Ok(response.content == argument),
        "~" => Ok(found()),
        "!~" => Ok(!found()),
        "length" => Ok(response.content.len() == number()?),
        "max" => Ok(response.content.len() <= number()?),
        _ => Err(format!("unknown check of a content: {rule:?}")),
    }
}

/// What every response must be, whatever was asked.
pub fn always(response: &Response, answer_to: AnswerTo) -> Vec<Failure> {
    let mut found = Vec::new();
    let mut unless = |holds: bool, level: Level, what: &str| {
        if !holds {
            found.push(Failure {
                level,
                what: format!("{}: {what}", response.status),
            });
        }
    };
    if response.status < 200 {
        return found;
    }
    let one = |name: &str| response.values(name).len() <= 1;
    let date = response.value("date").and_then(date::parse);
    let date_level = if response.status < 500 {
        Level::Must
    } else {
        Level::Strict
    };
    let is_near = date.is_some_and(|date| date.abs_diff(date::clock()) <= DATE_SECONDS_OFF_MAX);
    unless(
        is_near,
        date_level,
        "Date is the time of the response in IMF-fixdate (RFC 9110 §6.6.1)",
    );
    for name in SINGLETONS {
        unless(
            one(name),
            Level::Must,
            &format!("a singleton field only once: {name} (RFC 9110 §5.3)"),
        );
    }
    if let Some(modified) = response.value("last-modified") {
        let modified = date::parse(modified);
        let is_past = modified.is_some_and(|modified| date.is_none_or(|date| modified <= date));
        unless(
            is_past,
            Level::Must,
            "Last-Modified is an IMF-fixdate not after Date (RFC 9110 §8.8.2.1)",
        );
    }
    if let Some(tag) = response.value("etag") {
        unless(
            is_entity_tag(tag),
            Level::Must,
            "ETag is an entity-tag (RFC 9110 §8.8.3)",
        );
    }
    match response.status {
        405 => unless(
            !response.values("allow").is_empty(),
            Level::Must,
            "405 with Allow (RFC 9110 §15.5.6)",
        ),
        401 => unless(
            !response.values("www-authenticate").is_empty(),
            Level::Must,
            "401 with WWW-Authenticate (RFC 9110 §15.5.2)",
        ),
        426 => unless(
            !response.values("upgrade").is_empty(),
            Level::Must,
            "426 with Upgrade (RFC 9110 §15.5.22)",
        ),
        416 => unless(
            !response.values("content-range").is_empty(),
            Level::Should,
            "416 with Content-Range (RFC 9110 §15.5.17)",
        ),
        301 | 302 | 303 | 307 | 308 => {
            unless(
                !response.values("location").is_empty(),
                Level::Should,
                "a redirect with Location (RFC 9110 §15.4)",
            );
        }
        206 => {
            let shaped = partial(response, answer_to);
            unless(
                shaped.is_ok(),
                Level::Must,
                &shaped.err().unwrap_or_default(),
            );
        }
        _ => {}
    }
    if !response.content.is_empty() {
        unless(
            !response.values("content-type").is_empty(),
            Level::Should,
            "content with Content-Type (RFC 9110 §8.3)",
        );
    }
    let is_error_with_content = response.status >= 400 && answer_to == AnswerTo::Other;
    if is_error_with_content {
        unless(
            !response.content.is_empty(),
            Level::Should,
            "an error with an explanation (RFC 9110 §15.5)",
        );
    }
    unless(
        response.framing != Framing::Close,
        Level::Strict,
        "content framed by a length or chunks",
    );
    found
}

/// Fields that are no lists: RFC 9110 §5.3 lets a sender write them once.
const SINGLETONS: [&str; 10] = [
    "date",
    "content-length",
    "content-type",
    "content-range",
    "etag",
    "last-modified",
    "location",
    "server",
    "expires",
    "retry-after",
];

/// 206: one range with Content-Range, or several as multipart/byteranges (RFC 9110 §15.3.7).
fn partial(response: &Response, answer_to: AnswerTo) -> Result<(), String> {
    let kind = response
        .value("content-type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if kind.starts_with("multipart/byteranges") {
        if response.value("content-range").is_some() {
            return Err("multipart with Content-Range in its head (RFC 9110 §15.3.7.2)".into());
        }
        return if answer_to == AnswerTo::Head {
            Ok(())
        } else {
            parts(response).map(|_| ())
        };
    }
    let range = response
        .value("content-range")
        .ok_or("206 without Content-Range (RFC 9110 §15.3.7.1)")?;
    let (first, last, _) =
        content_range(range).ok_or_else(|| format!("not a Content-Range: {range:?}"))?;
    if answer_to == AnswerTo::Other && last - first + 1 != response.content.len() as u64 {
        return Err(format!(
            "Content-Range {range:?} with {} octets",
            response.content.len()
        ));
    }
    Ok(())
}

/// `bytes 0-4/26`.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, whole) = (first.parse().ok()?, last.parse().ok()?, whole.parse().ok()?);
    (first <= last && last < whole).then_some((first, last, whole))
}

/// The contents of the parts of a multipart/byteranges, each as long as its Content-Range says (RFC 9110 §14.6).
fn parts(response: &Response) -> Result<Vec<Vec<u8>>, String> {
    let kind = response.value("content-type").unwrap_or_default();
    let boundary = kind
        .split("boundary=")
        .nth(1)
        .ok_or("multipart without a boundary")?;
    let boundary = boundary
        .split(';')
        .next()
        .unwrap_or_default()
        .trim_matches('"');
    let delimiter = format!("--{boundary}").into_bytes();
    let mut rest = response.content.as_slice();
    let start = find(rest, &delimiter).ok_or("multipart without its first delimiter")?;
    rest = &rest[start + delimiter.len()..];
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        rest = rest
            .strip_prefix(b"\r\n")
            .ok_or("a delimiter without CRLF")?;
        let head_end = find(rest, b"\r\n\r\n").ok_or("a part without an end of its head")?;
        let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
        let range = part_range(&head).ok_or("a part without Content-Range (RFC 9110 §15.3.7.2)")?;
        let body = &rest[head_end + 4..];
        let length =
            usize::try_from(range.1 - range.0 + 1).map_err(|_| "a part beyond this machine")?;
        let content = body
            .get(..length)
            .ok_or("a part shorter than its Content-Range")?;
        parts.push(content.to_vec());
        rest = body[length..]
            .strip_prefix(b"\r\n")
            .ok_or("a part longer than its Content-Range")?;
        rest = rest
            .strip_prefix(delimiter.as_slice())
            .ok_or("a part without a delimiter after it")?;
    }
    Ok(parts)
}

fn part_range(head: &str) -> Option<(u64, u64, u64)> {
    head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-range")
            .then(|| content_range(value.trim()))
            .flatten()
    })
}

/// RFC 9110 §8.8.3.
fn is_entity_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| {
        inner
            .bytes()
            .all(|octet| octet == 0x21 || octet >= 0x23 && octet != 0x7f)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, fields: &[(&str, &str)], content: &[u8]) -> Response {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Response {
            status,
            fields,
            content: content.to_vec(),
            framing: Framing::Length(0),
        }
    }

    #[test]
    fn a_405_without_allow_is_found() {
        let found = always(&response(405, &[], b"x"), AnswerTo::Other);
        assert!(found.iter().any(|failure| failure.what.contains("Allow")));
    }

    #[test]
    fn a_part_must_be_as_long_as_its_content_range() {
        let kind = ("Content-Type", "multipart/byteranges; boundary=B");
        let good = b"--B\r\nContent-Range: bytes 0-1/26\r\n\r\nab\r\n--B\r\nContent-Range: bytes 4-4/26\r\n\r\ne\r\n--B--\r\n";
        assert_eq!(
            parts(&response(206, &[kind], good)).unwrap(),
            [b"ab".to_vec(), b"e".to_vec()]
        );
        let long = b"--B\r\nContent-Range: bytes 0-1/26\r\n\r\nabc\r\n--B--\r\n";
        assert!(parts(&response(206, &[kind], long)).is_err());
    }

    #[test]
    fn an_entity_tag_is_quoted() {
        assert!(is_entity_tag("\"a\"") && is_entity_tag("W/\"a\""));
        assert!(!is_entity_tag("a") && !is_entity_tag("w/\"a\"") && !is_entity_tag("\"a b\""));
    }

    #[test]
    fn a_check_only_for_other_statuses_is_skipped() {
        let check = Check {
            level: Level::Must,
            when: Some("206".into()),
            rule: "content empty".into(),
        };
        assert!(
            judge(&check, &response(200, &[], b"x"), &Bindings::new())
                .unwrap()
                .is_none()
        );
    }
}
