//! What holds for all octets. Each law takes octets and panics when it is broken, so a fuzzer, a corpus and a test can
//! all ask it. Choices that a law needs, such as places to cut, follow from the octets.
//!
//! How much work the scanner takes is not seen from outside; `http1` counts it in its own tests.

mod fields;
mod heads;
mod machine;
mod sight;

use http1::{Chunk, Chunked, Policy, Watch};
use semantics::{Anomalies, Limits, Method, NormalPath, Refusal, SpanKind, Target};

use crate::sim::Dice;

pub use fields::fields;
pub use heads::{request_head, response_head};
pub use machine::server_machine;
pub use sight::observer;

/// A request target: its normal path begins with `/`, has no segment to remove, no NUL, and is its own normal form.
pub fn target(data: &[u8]) {
    for method in [Method::Get, Method::Options, Method::Connect, Method::Other] {
        let Some(target) = Target::parse(data, method) else {
            continue;
        };
        if target.path.is_empty() {
            continue;
        }
        let Ok(path) = NormalPath::of(target.path) else {
            continue;
        };
        let octets = path.octets();
        let inner = octets
            .strip_prefix(b"/")
            .expect("a path begins with a slash");
        assert!(!octets.contains(&0), "a NUL in {octets:?}");
        let mut segments = inner.split(|&b| b == b'/').peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            assert!(
                !segment.is_empty() || is_last,
                "an empty segment in {octets:?}"
            );
            assert!(
                segment != b"." && segment != b"..",
                "a dot segment in {octets:?}"
            );
        }
        assert!(octets.len() <= target.path.len().max(1), "{octets:?} grew");
        assert!(path.is_below(b"/"));
        // What was decoded once is not decoded again: an escape in it is a percent sign's own.
        if !octets.contains(&b'%') {
            let again = NormalPath::of(octets).expect("a normal path is a path");
            assert_eq!(again.octets(), octets);
        }
    }
}

/// Chunked content: told alike however it is cut, spans within bounds and in order, and readable when written again.
pub fn chunks(data: &[u8]) {
    let limits = Limits::default();
    let small = Limits {
        head_octets_max: 60,
        field_lines_max: 3,
        chunk_line_octets_max: 20,
        chunk_extensions_octets_max: 25,
        ..Limits::default()
    };
    for refuse in [Policy::strict().refuse, Policy::observe().refuse] {
        for limits in [&limits, &small] {
            let whole = read_chunks(&[data], refuse, limits);
            whole.check(data);
            for pieces in cuts(data) {
                let cut = read_chunks(&pieces, refuse, limits);
                assert_eq!(cut, whole, "cut as {}", lengths(&pieces));
            }
        }
    }
}

/// What was read of chunked content.
#[derive(Debug, Default, PartialEq)]
struct Read {
    content: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    spans: Vec<(SpanKind, u64, u64)>,
    /// Octets left over when it was complete.
    left: Option<usize>,
    refusal: Option<Refusal>,
    anomalies: Option<Anomalies>,
}

impl Watch for Read {
    fn span(&mut self, kind: SpanKind, start: u64, octets: u64) {
        self.spans.push((kind, start, octets));
    }
}

fn read_chunks(pieces: &[&[u8]], refuse: Anomalies, limits: &Limits) -> Read {
    let mut read = Read::default();
    let mut chunked = Chunked::default();
    for (i, piece) in pieces.iter().enumerate() {
        let mut input = *piece;
        loop {
            match chunked.read(&mut input, refuse, limits, &mut read) {
                Ok(Chunk::NeedMore) => break,
                Ok(Chunk::Content(octets)) => {
                    assert!(!octets.is_empty());
                    read.content.extend_from_slice(octets);
                }
                Ok(Chunk::End) => {
                    let lines = chunked.trailers().into_iter().flat_map(|s| s.iter());
                    read.trailers = lines.map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
                    let after: usize = pieces[i + 1..].iter().map(|piece| piece.len()).sum();
                    read.left = Some(input.len() + after);
                    read.anomalies = Some(chunked.anomalies());
                    return read;
                }
                Err(refusal) => {
                    read.refusal = Some(refusal);
                    return read;
                }
            }
        }
        assert!(input.is_empty(), "an incomplete message leaves nothing");
    }
    read
}

impl Read {
    fn check(&self, data: &[u8]) {
        assert!(self.content.len() <= data.len());
        let mut end = 0;
        for &(kind, start, octets) in &self.spans {
            assert!(start >= end, "{kind:?} begins at {start}, before {end}");
            end = start + octets;
            assert!(end <= data.len() as u64, "{kind:?} ends at {end}");
        }
        if self.left.is_some() {
            let written = write_chunks(&self.content, &self.trailers);
            let refuse = Policy::observe().refuse;
            let again = read_chunks(&[&written], refuse, &Limits::default());
            assert_eq!(again.content, self.content);
            assert_eq!(
                again.left,
                Some(0),
                "{:?}",
                written.escape_ascii().to_string()
            );
        }
    }
}

fn write_chunks(content: &[u8], trailers: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in content.chunks(17) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        out.extend_from_slice(&[name, &b": "[..], value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Ways to cut octets: each octet alone, every single place of short ones, some places of long ones.
fn cuts(data: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut cuts = Vec::new();
    if data.len() <= DRIPPED_OCTETS_MAX {
        cuts.push(data.chunks(1).collect());
    }
    if data.len() <= EVERY_PLACE_OCTETS_MAX {
        cuts.extend((1..data.len()).map(|at| vec![&data[..at], &data[at..]]));
    }
    let mut dice = Dice::of(data);
    cuts.extend((0..SEEDED_CUTS).map(|_| dice.cut(data)));
    cuts
}

fn lengths(pieces: &[&[u8]]) -> String {
    if pieces.iter().all(|piece| piece.len() == 1) {
        return "single octets".to_owned();
    }
    let lengths: Vec<_> = pieces.iter().map(|piece| piece.len()).collect();
    format!("{lengths:?}")
}

const DRIPPED_OCTETS_MAX: usize = 4096;
const EVERY_PLACE_OCTETS_MAX: usize = 200;
const SEEDED_CUTS: usize = 6;
