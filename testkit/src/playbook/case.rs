//! Corpus cases of HTTP/1.1: what a machine makes of octets, under each policy.
//!
//! ```text
//! # A line may end in a bare LF only for a recipient that chose leniency (RFC 9112 §2.2).
//! policy lenient
//! >>> GET / HTTP/1.1\n
//! >>> host: a.example\n\n
//! event 0 head GET / [bare-lf]
//! event 0 end no-content
//! fate kept
//!
//! policy strict
//! refuse 400 bare-lf
//! ```
//!
//! `>>>` are the client's octets, `<<<` the server's; the octets of a case are the same in all its sections. A case with
//! `<<<` alone is the client machine's, and `asks GET HEAD` names the methods asked. Escapes: `\r \n \t \0 \\ \xHH`.
//!
//! `policy strict` is what the machine refuses by default, `policy lenient` has every leniency, `policy observe` is the
//! observer's sight of both directions. A server answers each request by 200 without content.
//!
//! `HANSOM_BLESS=1` writes what was seen in place of what was expected; the difference is for reading.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http1::{
    Client, Leniency, Observer, Policy, RequestParts, ResponseScratch, Scratch, Server, Side,
    Sighting, UpstreamLeniency, What,
};
use semantics::{ContentLength, Event, ExchangeId, Limits};

use super::{delivery, head_of, words};
use crate::sim::Dice;

/// Plays every case in a folder; gives how many there are. Panics with all that differ.
pub fn run_folder(folder: &Path) -> usize {
    let mut failures = Vec::new();
    let files = files(folder);
    for file in &files {
        let text = fs::read_to_string(file).expect("a case is UTF-8");
        match Case::parse(&text).and_then(|case| case.run()) {
            Ok(blessed) if blessed.trim_end() == text.trim_end() => {}
            Ok(blessed) if std::env::var_os("HANSOM_BLESS").is_some() => {
                fs::write(file, blessed).expect("the case can be written");
            }
            Ok(blessed) => failures.push(format!(
                "{}\n--- expected\n{text}\n--- seen\n{blessed}",
                file.display()
            )),
            Err(why) => failures.push(format!("{}: {why}", file.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    files.len()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the corpus is there");
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "case")
        })
        .collect();
    files.sort();
    files
}

/// A case taken apart.
struct Case<'t> {
    /// Every line that is not an outcome, in order, with the sections they are in.
    lines: Vec<Line<'t>>,
    client: Vec<u8>,
    server: Vec<u8>,
    asks: Vec<&'t str>,
}

enum Line<'t> {
    Kept(&'t str),
    Policy(&'t str),
}

impl<'t> Case<'t> {
    fn parse(text: &'t str) -> Result<Self, String> {
        let mut case = Self {
            lines: Vec::new(),
            client: Vec::new(),
            server: Vec::new(),
            asks: Vec::new(),
        };
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                ">>>" => case.client.extend(unescaped(rest)?),
                "<<<" => case.server.extend(unescaped(rest)?),
                "asks" => case.asks = rest.split(' ').collect(),
                "policy" => {
                    case.lines.push(Line::Policy(rest));
                    continue;
                }
                "event" | "refuse" | "fate" | "left" => continue,
                "" | "#" => {}
                _ => return Err(format!("unknown word: {line}")),
            }
            case.lines.push(Line::Kept(line));
        }
        Ok(case)
    }

    /// The text of the case with what was seen.
    fn run(&self) -> Result<String, String> {
        let mut blessed = String::new();
        let mut pending: Option<Vec<String>> = None;
        let mut has_policy = false;
        for line in &self.lines {
            // Outcomes follow the octets that stand at the top of their section.
            let is_octets = matches!(line, Line::Kept(kept) if is_octets(kept));
            if !is_octets {
                flush(&mut pending, &mut blessed);
            }
            match line {
                Line::Kept(kept) => blessed.push_str(&format!("{kept}\n")),
                Line::Policy(name) => {
                    has_policy = true;
                    blessed.push_str(&format!("policy {name}\n"));
                    pending = Some(self.outcome(name)?);
                }
            }
        }
        flush(&mut pending, &mut blessed);
        if has_policy {
            Ok(blessed)
        } else {
            Err("no policy".to_owned())
        }
    }

    /// What is seen, which no cut may change.
    fn outcome(&self, policy: &str) -> Result<Vec<String>, String> {
        let whole = self.play(policy, &mut |octets| vec![octets])?;
        let single = self.play(policy, &mut |octets| octets.chunks(1).collect())?;
        let mut dice = Dice::of(&[&self.client[..], &self.server].concat());
        let seeded = self.play(policy, &mut |octets| dice.cut(octets))?;
        if single == whole && seeded == whole {
            Ok(whole)
        } else {
            Err(format!(
                "policy {policy}: a cut changes it:\n{whole:#?}\n{single:#?}\n{seeded:#?}"
            ))
        }
    }

    fn play(&self, policy: &str, cut: &mut Cutter<'_>) -> Result<Vec<String>, String> {
        let is_client = self.client.is_empty();
        match policy {
            "strict" if is_client => self.play_client(&Policy::responses(), cut),
            "strict" => Ok(self.play_server(&Policy::strict(), cut)),
            "lenient" if is_client => self.play_client(&lenient_to_responses(), cut),
            "lenient" => Ok(self.play_server(&lenient_to_requests(), cut)),
            "observe" => Ok(self.observe(cut)),
            other => Err(format!("unknown policy: {other}")),
        }
    }

    fn play_server(&self, policy: &Policy, cut: &mut Cutter<'_>) -> Vec<String> {
        let mut told = VecDeque::new();
        let mut server = Server::new();
        let mut scratch = Scratch::default();
        let mut out = Vec::new();
        for piece in cut(&self.client) {
            let mut input = piece;
            while let Some(event) = server.poll_event(policy, &mut scratch, &mut input) {
                words::push(&mut told, &event);
                if let Event::End { .. } = event {
                    let none = ContentLength::None;
                    server.submit_head(delivery(&super::STAMP), &head_of(200), none, &mut out);
                    server.submit_end(None, &mut out);
                    let fate = server.settle().map(|fate| fate.because().name);
                    told.push_back(format!("fate {}", fate.unwrap_or("open")));
                }
            }
        }
        if let Some(refusal) = server.end_of_input() {
            told.push_back(words::refused(refusal));
        }
        told.into()
    }

    fn play_client(&self, policy: &Policy, cut: &mut Cutter<'_>) -> Result<Vec<String>, String> {
        let mut told = VecDeque::new();
        let mut client = Client::new();
        let mut scratch = ResponseScratch::default();
        self.ask(&mut client)?;
        let mut left = Vec::new();
        for piece in cut(&self.server) {
            let mut input = piece;
            while let Some(event) = client.poll_event(policy, &mut scratch, &mut input) {
                words::push(&mut told, &event);
                if let Some(fate) = client.settle() {
                    told.push_back(format!("fate {}", fate.because().name));
                }
            }
            if client.is_tunnel() {
                left.extend_from_slice(input);
            }
        }
        if client.is_tunnel() {
            told.push_back(format!("left {}", words::escaped(&left)));
        }
        if let Some(event) = client.end_of_input() {
            words::push(&mut told, &event);
        }
        if !client.is_tunnel() {
            told.push_back(format!("fate {}", client.fate().because().name));
        }
        let mut told = Vec::from(told);
        told.dedup();
        Ok(told)
    }

    fn ask(&self, client: &mut Client) -> Result<(), String> {
        let plain: &[(&[u8], &[u8])] = &[(b"Host", b"a")];
        let upgrade: &[(&[u8], &[u8])] = &[(b"Host", b"a"), (b"Upgrade", b"x")];
        for &method in &self.asks {
            let (method, target, lines) = match method {
                "CONNECT" => ("CONNECT", "a:1", plain),
                "UPGRADE" => ("GET", "/", upgrade),
                method => (method, "/", plain),
            };
            let request = RequestParts::new(method.as_bytes(), target.as_bytes(), lines);
            let mut out = Vec::new();
            client
                .submit_request(request, ContentLength::None, &mut out)
                .and_then(|_| client.submit_end(None, &mut out))
                .map_err(|misuse| format!("asks {method}: {misuse:?}"))?;
        }
        Ok(())
    }

    fn observe(&self, cut: &mut Cutter<'_>) -> Vec<String> {
        let mut told = VecDeque::new();
        let mut sink = |sighting: Sighting<'_>| note(sighting, &mut told);
        let mut observer = Observer::default();
        let now = Duration::ZERO;
        for piece in cut(&self.client) {
            observer.client_octets(now, piece, &mut sink);
        }
        for piece in cut(&self.server) {
            observer.server_octets(now, piece, &mut sink);
        }
        observer.client_end(now, &mut sink);
        observer.server_end(now, &mut sink);
        told.into()
    }
}

/// Cuts octets into pieces.
type Cutter<'c> = dyn for<'a> FnMut(&'a [u8]) -> Vec<&'a [u8]> + 'c;

fn is_octets(line: &str) -> bool {
    line.starts_with(">>>") || line.starts_with("<<<")
}

fn flush(pending: &mut Option<Vec<String>>, blessed: &mut String) {
    for line in pending.take().into_iter().flatten() {
        blessed.push_str(&line);
        blessed.push('\n');
    }
}

/// A sighting in words. The places of chunks are for the observer's own tests.
fn note(sighting: Sighting<'_>, told: &mut VecDeque<String>) {
    let id = sighting.exchange.unwrap_or(ExchangeId(0));
    let event = match sighting.exchange {
        Some(id) => words::start(id),
        None => "event -".to_owned(),
    };
    let side = match sighting.side {
        Side::Client => ">",
        Side::Server => "<",
    };
    let start = format!("{event} {side}");
    let length = |content| match content {
        ContentLength::None => "none".to_owned(),
        ContentLength::Exactly(octets) => octets.to_string(),
        ContentLength::Unknown => "unknown".to_owned(),
    };
    let line = match sighting.what {
        What::Request { head, content } => {
            let head = Event::Head { id, head, content };
            let mut words = VecDeque::new();
            words::push(&mut words, &head);
            format!(
                "{} > {}",
                words.pop_front().unwrap_or_default(),
                length(content)
            )
        }
        What::Response { head, content } => format!(
            "{start} head {} {} {}",
            head.status(),
            words::names(head.anomalies()),
            length(content)
        ),
        What::Content(octets) => {
            return words::content(told, &format!("{start} content "), octets);
        }
        What::Skipped(octets) => {
            return words::content(told, &format!("{start} skipped "), octets);
        }
        What::Tunnel(octets) => return words::content(told, &format!("{start} tunnel "), octets),
        What::Trailers(section) => format!("{start} trailers {}", words::lines(section)),
        What::End { why, anomalies } => {
            format!(
                "{start} end {} {}",
                why.because().name,
                words::names(anomalies)
            )
        }
        What::Fate(fate) => format!("fate {}", fate.because().name),
        What::Unanswered => format!("{event} unanswered"),
        What::Lost(refusal) => format!("{start} lost {}", refusal.answer().name),
        _ => return,
    };
    told.push_back(line);
}

fn lenient_to_requests() -> Policy {
    let leniency = Leniency {
        allow_cl_with_te: true,
        allow_bare_lf_head: true,
        collapse_equal_cl: true,
        unfold_requests: true,
        allow_ctl_values: true,
        allow_multi_space: true,
        allow_missing_host: true,
        strict_target: false,
    };
    Policy::with(leniency, 8, Limits::default())
}

fn lenient_to_responses() -> Policy {
    Policy::responses_with(UpstreamLeniency {
        allow_dup_chunked: true,
        collapse_equal_cl: true,
        allow_cl_with_te: true,
        allow_bare_lf_head: true,
    })
}

fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            octets.push(*first);
            continue;
        }
        let [kind, after @ ..] = rest else {
            return Err(format!("an escape without end: {text}"));
        };
        rest = after;
        octets.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = rest
                    .get(..2)
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                rest = rest.get(2..).unwrap_or_default();
                digits
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                    .ok_or_else(|| format!("not two hexadecimal digits: {text}"))?
            }
            _ => return Err(format!("an unknown escape: {text}")),
        });
    }
    Ok(octets)
}
