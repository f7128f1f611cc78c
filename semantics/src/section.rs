//! Field lines and sections (RFC 9110 §5, §6.3, §6.5).

use crate::{Anomalies, FieldSet, Known};

/// A stretch of octets: where it begins and how long it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first octet.
    pub start: u32,
    /// Number of octets.
    pub len: u32,
}

impl Span {
    /// The span from `start` up to, not including, `end`.
    ///
    /// Heads are limited far below 4 GiB, so offsets fit in 32 bits; larger ones saturate.
    #[inline]
    pub fn between(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            len: end.saturating_sub(start) as u32,
        }
    }

    /// The octets of the span; empty when the span is not within `octets`.
    #[inline]
    pub fn of(self, octets: &[u8]) -> &[u8] {
        let start = self.start as usize;
        octets
            .get(start..start.saturating_add(self.len as usize))
            .unwrap_or_default()
    }

    /// The offset after the last octet.
    #[inline]
    pub fn end(self) -> usize {
        self.start as usize + self.len as usize
    }
}

/// What a span of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// The method of a request line.
    Method,
    /// The target of a request line.
    Target,
    /// The version of a start line.
    Version,
    /// The status code of a status line.
    Status,
    /// The reason phrase of a status line.
    Reason,
    /// A field name.
    FieldName,
    /// A field value, without the white space around it.
    FieldValue,
    /// The empty line that ends a head.
    HeadEnd,
    /// A chunk size.
    ChunkSize,
    /// A chunk extension, from its semicolon.
    ChunkExtension,
    /// Chunk data or content.
    Content,
    /// A trailer field name.
    TrailerName,
    /// A trailer field value.
    TrailerValue,
    /// The empty line that ends a trailer section.
    TrailersEnd,
}

/// One field line, as spans over the octets of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLine {
    /// The name, spelled as received.
    pub name: Span,
    /// The value without surrounding white space (RFC 9112 §5.1).
    pub value: Span,
    /// The field, when its name is a known one.
    pub known: Option<Known>,
}

/// The lines of a section, in order, with repetitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SectionIndex {
    /// In the order received.
    pub lines: Vec<FieldLine>,
    /// Which known fields occur.
    pub present: FieldSet,
    /// What was odd about the section.
    pub anomalies: Anomalies,
}

impl SectionIndex {
    /// Forgets the lines; keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.lines.clear();
        self.present = FieldSet::EMPTY;
        self.anomalies = Anomalies::NONE;
    }

    /// The section these lines make over `octets`.
    #[inline]
    pub fn over<'a>(&'a self, octets: &'a [u8]) -> Section<'a> {
        Section {
            octets,
            index: self,
        }
    }
}

/// A header or trailer section: names and values over the octets they were read from.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    octets: &'a [u8],
    index: &'a SectionIndex,
}

impl<'a> Section<'a> {
    /// Whether the known field occurs.
    #[inline]
    pub fn has(self, field: Known) -> bool {
        self.index.present.contains(field)
    }

    /// Which known fields occur.
    #[inline]
    pub fn present(self) -> FieldSet {
        self.index.present
    }

    /// What was odd about the section.
    #[inline]
    pub fn anomalies(self) -> Anomalies {
        self.index.anomalies
    }

    /// The value of the first line of a known field.
    #[inline]
    pub fn first(self, field: Known) -> Option<&'a [u8]> {
        if !self.has(field) {
            return None;
        }
        self.all(field).next()
    }

    /// The values of all lines of a known field, in order.
    pub fn all(self, field: Known) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.index
            .lines
            .iter()
            .filter(move |line| line.known == Some(field))
            .map(move |line| line.value.of(self.octets))
    }

    /// The values of all lines with this name, compared without case.
    pub fn all_named(self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All lines: name as spelled, and value.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
        self.index
            .lines
            .iter()
            .map(move |line| (line.name.of(self.octets), line.value.of(self.octets)))
    }

    /// The lines as spans.
    #[inline]
    pub fn lines(self) -> &'a [FieldLine] {
        &self.index.lines
    }

    /// The octets that the spans lie over.
    #[inline]
    pub fn octets(self) -> &'a [u8] {
        self.octets
    }
}

/// A section that owns its octets: lines that we make, or that must outlive those they were read from.
#[derive(Clone, Debug, Default)]
pub struct OwnedSection {
    pub(crate) octets: Vec<u8>,
    pub(crate) index: SectionIndex,
}

impl OwnedSection {
    /// Adds a line. A name that is no token is left out, since it would break the message; octets that may not stand in a value (CR, LF, NUL
    /// and other controls but HTAB) become SP, so that no value can end its line (RFC 9110 §5.5).
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let is_token = !name.is_empty()
            && name
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b));
        if is_token {
            self.push(name, value, Known::from_name(name));
        }
    }

    /// Removes all lines of this name, compared without case.
    pub fn remove(&mut self, name: &[u8]) {
        let (octets, index) = (&self.octets, &mut self.index);
        index
            .lines
            .retain(|line| !line.name.of(octets).eq_ignore_ascii_case(name));
        if let Some(field) = Known::from_name(name) {
            index.present.remove(field);
        }
    }

    /// The lines.
    pub fn section(&self) -> Section<'_> {
        self.index.over(&self.octets)
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.index.lines.is_empty()
    }

    pub(crate) fn push(&mut self, name: &[u8], value: &[u8], known: Option<Known>) {
        // Laid out as it is transmitted, so that several lines are written in one go.
        self.octets.reserve(name.len() + value.len() + 4);
        let name_start = self.octets.len();
        self.octets.extend_from_slice(name);
        let name_end = self.octets.len();
        self.octets.extend_from_slice(b": ");
        let value_start = self.octets.len();
        self.octets.extend_from_slice(value);
        make_safe(self.octets.get_mut(value_start..).unwrap_or_default());
        let value_end = self.octets.len();
        self.octets.extend_from_slice(b"\r\n");
        let line = FieldLine {
            name: Span::between(name_start, name_end),
            value: Span::between(value_start, value_end),
            known,
        };
        self.index.lines.push(line);
        if let Some(field) = known {
            self.index.present.insert(field);
        }
    }
}

/// Octets that may not stand in a value become SP (RFC 9110 §5.5).
pub(crate) fn make_safe(value: &mut [u8]) {
    for octet in value {
        if (*octet < 0x20 && *octet != b'\t') || *octet == 0x7f {
            *octet = b' ';
        }
    }
}
