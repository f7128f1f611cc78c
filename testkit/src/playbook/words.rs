//! Events in words, as dialogues and corpus cases write them.

use std::collections::VecDeque;

use semantics::{Anomalies, Event, ExchangeId, Refusal, RequestHead, ResponseView, Section};

/// A head in words.
pub(super) trait Head {
    fn words(&self) -> String;
}

impl Head for RequestHead<'_> {
    fn words(&self) -> String {
        let method = word(self.method_octets());
        let target = word(self.target());
        format!("{method} {target} {}", names(self.anomalies()))
    }
}

impl Head for ResponseView<'_> {
    fn words(&self) -> String {
        format!("{} {}", self.status(), names(self.anomalies()))
    }
}

/// Appends an event; content that follows content of the same message is one event.
pub(super) fn push<H: Head>(told: &mut VecDeque<String>, event: &Event<'_, H>) {
    let line = match event {
        Event::Head { id, head, .. } => format!("{} head {}", start(*id), head.words()),
        Event::Content { id, octets } => {
            let start = format!("{} content ", start(*id));
            return content(told, &start, octets);
        }
        Event::Trailers { id, section } => {
            format!("{} trailers {}", start(*id), lines(*section))
        }
        Event::End { id, why } => format!("{} end {}", start(*id), why.because().name),
        Event::Refused { refusal, .. } => refused(*refusal),
    };
    told.push_back(line);
}

pub(super) fn refused(refusal: Refusal) -> String {
    format!("refuse {} {}", refusal.status(), refusal.answer().name)
}

pub(super) fn content(told: &mut VecDeque<String>, start: &str, octets: &[u8]) {
    match told.back_mut() {
        Some(last) if last.starts_with(start) => last.push_str(&escaped(octets)),
        _ => told.push_back(format!("{start}{}", escaped(octets))),
    }
}

/// Exchanges are counted from 0 in cases.
pub(super) fn start(id: ExchangeId) -> String {
    format!("event {}", id.0.saturating_sub(1))
}

pub(super) fn names(anomalies: Anomalies) -> String {
    let names: Vec<_> = anomalies.names().collect();
    format!("[{}]", names.join(" "))
}

pub(super) fn lines(section: Section<'_>) -> String {
    let lines: Vec<_> = section
        .iter()
        .map(|(name, value)| format!("{}: {}", escaped(name), escaped(value)))
        .collect();
    lines.join("; ")
}

pub(super) fn escaped(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

/// As [`escaped`], without spaces.
pub(super) fn word(octets: &[u8]) -> String {
    escaped(octets).replace(' ', "\\x20")
}
