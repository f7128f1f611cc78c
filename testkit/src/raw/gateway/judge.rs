//! What must hold of what reached the server, and of every answer.

use std::time::Duration;

use super::super::dialogue::Failure;
use super::super::octets::{Bindings, expand};
use super::super::response::{Response, find};
use super::super::script::{Check, Level};
use super::play::{Outcome, Way, is_line_as};
use super::request::{Framing, READINGS, Seen, lax, strict};
use super::script::{Asked, Case};
use super::server::{PROBE, Recorded};

/// What every final answer of a gateway must be, whatever the server said.
pub fn answer(response: &Response) -> Vec<Failure> {
    let mut found = Vec::new();
    let mut unless = |holds: bool, level: Level, what: &str| {
        if !holds {
            let what = format!("{}: {what}", response.status);
            found.push(Failure { level, what });
        }
    };
    if response.status < 200 {
        return found;
    }
    for name in ["proxy-connection", "te", "http2-settings"] {
        let is_absent = response.values(name).is_empty();
        unless(
            is_absent,
            Level::Must,
            &format!("{name} is not handed on (RFC 9110 §7.6.1)"),
        );
    }
    for option in ["x-hop", "x-own"] {
        let is_absent = response.values(option).is_empty();
        unless(
            is_absent,
            Level::Must,
            &format!("{option} was named in Connection (RFC 9110 §7.6.1)"),
        );
    }
    found
}

/// A request, and the connection that it came on.
type Placed = (usize, Seen);

/// Judges what reached the server.
pub(super) fn asked(
    case: &Case,
    way: &Way<'_>,
    bindings: &Bindings,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let is_cut_expected = case
        .asked
        .iter()
        .any(|asked| asked.is_cut && !asked.is_optional);
    if is_cut_expected && !cut_ends(way) {
        let what =
            "a request that was not completed was left open towards the server (RFC 9112 §8)";
        outcome.failures.push(Failure {
            level: Level::Must,
            what: what.into(),
        });
    }
    let records = way.recorder.records();
    let mut all: Vec<Placed> = Vec::new();
    for (connection, record) in records.iter().enumerate() {
        let seen = read(record, outcome);
        all.extend(seen.into_iter().map(|one| (connection, one)));
        outcome.reached.push(record.octets.clone());
    }
    let (probes, asked): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(_, seen)| seen.target.starts_with(PROBE));
    let last = asked.iter().map(|(connection, _)| *connection).next_back();
    let distinct = distinct(asked, case.in_turn);
    compare(case, &distinct, bindings, outcome)?;
    if let (Some((expected, level)), Some(last), Some((probe, _))) =
        (case.line, last, probes.first())
        && !is_line_as(expected, last, *probe)
    {
        let what = format!("the server's connection is not {expected:?} for the next request");
        outcome.failures.push(Failure { level, what });
    }
    let once = bindings
        .get("ONCE")
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .unwrap_or_default();
    // Of what was cut, how much came depends on when.
    let said = distinct
        .iter()
        .filter(|(_, seen)| seen.is_whole)
        .map(|(_, seen)| said(seen).replace(&once, "ONCE"));
    outcome.said = said.collect();
    Ok(())
}

/// Waits for the end of the connection that has a request without its end.
fn cut_ends(way: &Way<'_>) -> bool {
    let records = way.recorder.records();
    let is_cut = |record: &Recorded| {
        strict(&record.octets).is_ok_and(|seen| seen.last().is_some_and(|it| !it.is_whole))
    };
    let at = records.iter().position(is_cut);
    at.is_none_or(|at| way.recorder.is_ended(at, way.patience.min(CUT_PATIENCE)))
}

/// The requests on a connection as the strict parser reads them; all others must find the same.
fn read(record: &Recorded, outcome: &mut Outcome) -> Vec<Seen> {
    let mut fail = |what: String| {
        outcome.failures.push(Failure {
            level: Level::Must,
            what,
        })
    };
    let seen = match strict(&record.octets) {
        Ok(seen) => seen,
        Err((seen, what)) => {
            fail(format!(
                "what reached the server is no clean request: {what}"
            ));
            seen
        }
    };
    for reading in &READINGS {
        let read = lax(&record.octets, reading);
        let is_same =
            read.len() == seen.len() && read.iter().zip(&seen).all(|(a, b)| a.said() == b.said());
        if !is_same {
            let targets: Vec<_> = read
                .iter()
                .map(|one| String::from_utf8_lossy(&one.target))
                .collect();
            fail(format!("a server that {} reads {targets:?}", reading.name));
            break;
        }
    }
    seen
}

/// Without those that were sent again, as an idempotent one may be when its answer failed.
fn distinct(asked: Vec<Placed>, in_turn: bool) -> Vec<Placed> {
    let mut distinct: Vec<Placed> = Vec::new();
    for (connection, seen) in asked {
        let before = distinct.iter_mut().find(|(_, held)| {
            let is_same = held.method == seen.method && held.target == seen.target;
            is_same && IDEMPOTENT.contains(&&seen.method[..]) && !in_turn
        });
        match before {
            // The attempt that went furthest counts.
            Some(held) if held.1.content.len() < seen.content.len() => *held = (connection, seen),
            Some(_) => {}
            None => distinct.push((connection, seen)),
        }
    }
    distinct
}

fn compare(
    case: &Case,
    seen: &[Placed],
    bindings: &Bindings,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let mut rest = seen.iter();
    let mut next = rest.next();
    let mut fail = |level: Level, what: String| outcome.failures.push(Failure { level, what });
    for asked in &case.asked {
        let line = String::from_utf8_lossy(&expand(&asked.line, bindings)?).into_owned();
        let Some((_, one)) = next.filter(|(_, one)| is_meant(one, &line, asked)) else {
            if !asked.is_optional {
                let came = next.map(|(_, one)| line_of(one));
                fail(
                    case.level,
                    format!("the server was to be asked {line}, but was asked {came:?}"),
                );
            }
            continue;
        };
        always(one, &mut fail);
        for check in &asked.checks {
            if !holds(check, one, bindings)? {
                fail(check.level, format!("{line} but not: {}", check.rule));
            }
        }
        next = rest.next();
    }
    for (_, surplus) in next.into_iter().chain(rest) {
        fail(
            Level::Must,
            format!(
                "the server was asked what nobody was to ask: {}",
                line_of(surplus)
            ),
        );
    }
    Ok(())
}

fn is_meant(seen: &Seen, line: &str, asked: &Asked) -> bool {
    line_of(seen) == line && seen.is_whole != asked.is_cut
}

fn line_of(seen: &Seen) -> String {
    format!(
        "{} {}",
        String::from_utf8_lossy(&seen.method),
        String::from_utf8_lossy(&seen.target)
    )
}

/// What every request of a gateway must be.
fn always(seen: &Seen, fail: &mut impl FnMut(Level, String)) {
    if seen.values("via").is_empty() {
        fail(
            Level::Must,
            "a gateway adds itself to Via (RFC 9110 §7.6.3)".into(),
        );
    }
    for name in [
        "proxy-connection",
        "keep-alive",
        "http2-settings",
        "proxy-authorization",
    ] {
        if !seen.values(name).is_empty() {
            fail(
                Level::Must,
                format!("{name} is not handed on (RFC 9110 §7.6.1)"),
            );
        }
    }
    let options = seen.values("connection").join(",").to_ascii_lowercase();
    for name in ["te", "upgrade"] {
        let is_named = options.split(',').any(|option| option.trim() == name);
        if !seen.values(name).is_empty() && !is_named {
            fail(
                Level::Must,
                format!("{name} stands there without its connection option (RFC 9110 §7.6.1)"),
            );
        }
    }
    if seen.version != b"HTTP/1.1" {
        fail(
            Level::Must,
            "an intermediary sends its own version (RFC 9110 §2.5)".into(),
        );
    }
    let names = seen
        .trailers
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name).to_ascii_lowercase());
    for name in names.filter(|name| NEVER_TRAIL.contains(&name.as_str())) {
        fail(
            Level::Must,
            format!("{name} is no trailer field (RFC 9110 §6.5.1)"),
        );
    }
}

fn holds(check: &Check, seen: &Seen, bindings: &Bindings) -> Result<bool, String> {
    let unknown = || format!("unknown check of a request: {:?}", check.rule);
    let (subject, rest) = check.rule.split_once(' ').ok_or_else(unknown)?;
    match subject {
        "field" | "trailer" => {
            let (name, rest) = rest.split_once(' ').ok_or_else(unknown)?;
            let values = match subject {
                "field" => seen.values(name),
                _ => seen.trailer_values(name),
            };
            let (verb, argument) = rest.split_once(' ').unwrap_or((rest, ""));
            let argument = String::from_utf8_lossy(&expand(argument, bindings)?).into_owned();
            match verb {
                "present" => Ok(!values.is_empty()),
                "absent" => Ok(values.is_empty()),
                "=" => Ok(values == [argument.as_str()]),
                "~" => Ok(values.iter().any(|value| value.contains(&argument))),
                "!~" => Ok(!values.iter().any(|value| value.contains(&argument))),
                _ => Err(unknown()),
            }
        }
        "framing" => Ok(match rest {
            "none" => seen.framing == Framing::None,
            "length" => seen.framing == Framing::Length,
            "chunked" => seen.framing == Framing::Chunked,
            _ => return Err(unknown()),
        }),
        "head" => {
            let (verb, argument) = rest.split_once(' ').ok_or_else(unknown)?;
            let is_there = find(&seen.head, &expand(argument, bindings)?).is_some();
            match verb {
                "~" => Ok(is_there),
                "!~" => Ok(!is_there),
                _ => Err(unknown()),
            }
        }
        "content" => {
            let (verb, argument) = rest.split_once(' ').unwrap_or((rest, ""));
            let argument = expand(argument, bindings)?;
            match verb {
                "=" => Ok(seen.content == argument),
                "empty" => Ok(seen.content.is_empty()),
                "length" => Ok(seen.content.len().to_string().as_bytes() == argument),
                _ => Err(unknown()),
            }
        }
        _ => Err(unknown()),
    }
}

fn said(seen: &Seen) -> String {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let trailers: Vec<_> = seen
        .trailers
        .iter()
        .map(|(name, value)| format!("{}: {}", text(name), text(value)))
        .collect();
    let content = text(&seen.content);
    format!("{}|{content}|{}", text(&seen.head), trailers.join("|"))
}

/// RFC 9110 §9.2.2.
const IDEMPOTENT: [&[u8]; 6] = [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"];
/// RFC 9110 §6.5.1.
const NEVER_TRAIL: [&str; 8] = [
    "content-length",
    "transfer-encoding",
    "host",
    "connection",
    "authorization",
    "cookie",
    "x-forwarded-for",
    "trailer",
];
/// How long the end of what was cut may take.
const CUT_PATIENCE: Duration = Duration::from_secs(3);
