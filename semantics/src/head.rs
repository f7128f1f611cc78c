//! Heads as read: positions over octets, so that order, spelling and repetition stay.

use crate::{Anomalies, Known, Method, Section, SectionIndex, Span, SpanKind, Status, Version};

/// Where the parts of a request head lie. Filled by a parser, used again for the next head.
#[derive(Clone, Debug, Default)]
pub struct RequestIndex {
    /// The method's octets.
    pub method_span: Span,
    /// The target's octets.
    pub target_span: Span,
    /// The version's octets.
    pub version_span: Span,
    /// The method.
    pub method: Method,
    /// The version; HTTP/1.1 when it was malformed.
    pub version: Version,
    /// Whether the target is a plain origin-form path: `/`, no escape, no query, no empty or dot segment.
    pub is_plain_path: bool,
    /// The anomalies of the start line and of what stands before it.
    pub start_anomalies: Anomalies,
    /// The field lines, and the anomalies of the whole head.
    pub section: SectionIndex,
    /// Octets of the head, empty line included.
    pub octets: usize,
}

/// A request head: an index over its octets. Copy it freely; `to_owned` when it must outlive them.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    octets: &'a [u8],
    index: &'a RequestIndex,
}

impl<'a> RequestHead<'a> {
    /// The head that `index` describes over `octets`.
    #[inline]
    pub fn new(octets: &'a [u8], index: &'a RequestIndex) -> Self {
        Self { octets, index }
    }

    /// The method.
    #[inline]
    pub fn method(self) -> Method {
        self.index.method
    }

    /// The method as spelled.
    pub fn method_octets(self) -> &'a [u8] {
        self.index.method_span.of(self.octets)
    }

    /// The target as received.
    #[inline]
    pub fn target(self) -> &'a [u8] {
        self.index.target_span.of(self.octets)
    }

    /// Whether the target is a path in normal form without a query.
    #[inline]
    pub fn is_plain_path(self) -> bool {
        self.index.is_plain_path
    }

    /// The version.
    #[inline]
    pub fn version(self) -> Version {
        self.index.version
    }

    /// The header section.
    #[inline]
    pub fn section(self) -> Section<'a> {
        self.index.section.over(self.octets)
    }

    /// Whether a known field occurs.
    #[inline]
    pub fn has(self, field: Known) -> bool {
        self.index.section.present.contains(field)
    }

    /// The value of the first line of a known field.
    #[inline]
    pub fn first(self, field: Known) -> Option<&'a [u8]> {
        self.section().first(field)
    }

    /// The values of all lines of a known field.
    pub fn all(self, field: Known) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.section().all(field)
    }

    /// What was odd about the head.
    #[inline]
    pub fn anomalies(self) -> Anomalies {
        self.index.section.anomalies
    }

    /// Octets of the head, empty line included.
    pub fn octets_len(self) -> usize {
        self.index.octets
    }

    /// The octets of the head.
    pub fn octets(self) -> &'a [u8] {
        self.octets.get(..self.index.octets).unwrap_or(self.octets)
    }

    /// All spans in the order in which they lie.
    pub fn spans(self) -> impl Iterator<Item = (SpanKind, Span)> + 'a {
        let index = self.index;
        [
            (SpanKind::Method, index.method_span),
            (SpanKind::Target, index.target_span),
            (SpanKind::Version, index.version_span),
        ]
        .into_iter()
        .chain(section_spans(
            &index.section,
            SpanKind::FieldName,
            SpanKind::FieldValue,
        ))
    }

    /// A copy that owns its octets.
    pub fn to_owned(self) -> OwnedRequest {
        OwnedRequest {
            octets: self.octets().into(),
            index: self.index.clone(),
        }
    }
}

fn section_spans(
    index: &SectionIndex,
    name: SpanKind,
    value: SpanKind,
) -> impl Iterator<Item = (SpanKind, Span)> + '_ {
    index
        .lines
        .iter()
        .flat_map(move |line| [(name, line.name), (value, line.value)])
}

/// A request head that owns its octets.
#[derive(Clone, Debug)]
pub struct OwnedRequest {
    octets: Box<[u8]>,
    index: RequestIndex,
}

impl OwnedRequest {
    /// The head that `index` describes over `octets`.
    pub fn new(octets: Box<[u8]>, index: RequestIndex) -> Self {
        Self { octets, index }
    }

    /// The head.
    pub fn head(&self) -> RequestHead<'_> {
        RequestHead {
            octets: &self.octets,
            index: &self.index,
        }
    }
}

/// Where the parts of a response head lie.
#[derive(Clone, Debug, Default)]
pub struct ResponseIndex {
    /// The version's octets.
    pub version_span: Span,
    /// The status code's octets.
    pub status_span: Span,
    /// The reason phrase's octets.
    pub reason_span: Span,
    /// The version; HTTP/1.1 when it was malformed.
    pub version: Version,
    /// The status; `None` when it is not three digits from 100.
    pub status: Option<Status>,
    /// The anomalies of the start line and of what stands before it.
    pub start_anomalies: Anomalies,
    /// The field lines, and the anomalies of the whole head.
    pub section: SectionIndex,
    /// Octets of the head, empty line included.
    pub octets: usize,
}

/// A response head as received.
#[derive(Clone, Copy, Debug)]
pub struct ResponseView<'a> {
    octets: &'a [u8],
    index: &'a ResponseIndex,
}

impl<'a> ResponseView<'a> {
    /// The head that `index` describes over `octets`.
    pub fn new(octets: &'a [u8], index: &'a ResponseIndex) -> Self {
        Self { octets, index }
    }

    /// The status; 500 for one that is malformed, which the anomalies tell.
    pub fn status(self) -> Status {
        self.index.status.unwrap_or(Status::INTERNAL_SERVER_ERROR)
    }

    /// The reason phrase as received.
    pub fn reason(self) -> &'a [u8] {
        self.index.reason_span.of(self.octets)
    }

    /// The version.
    pub fn version(self) -> Version {
        self.index.version
    }

    /// The header section.
    pub fn section(self) -> Section<'a> {
        self.index.section.over(self.octets)
    }

    /// What was odd about the head.
    pub fn anomalies(self) -> Anomalies {
        self.index.section.anomalies
    }

    /// The octets of the head.
    pub fn octets(self) -> &'a [u8] {
        self.octets.get(..self.index.octets).unwrap_or(self.octets)
    }

    /// All spans in the order in which they lie.
    pub fn spans(self) -> impl Iterator<Item = (SpanKind, Span)> + 'a {
        let index = self.index;
        [
            (SpanKind::Version, index.version_span),
            (SpanKind::Status, index.status_span),
            (SpanKind::Reason, index.reason_span),
        ]
        .into_iter()
        .chain(section_spans(
            &index.section,
            SpanKind::FieldName,
            SpanKind::FieldValue,
        ))
    }
}
