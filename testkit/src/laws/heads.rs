//! Heads: read alike however they are cut, with spans that lie where the parts are.

use http1::scan::{self, Progress, Scan};
use semantics::{
    Anomalies, RequestHead, RequestIndex, ResponseIndex, ResponseView, Section, Span, SpanKind,
};

use super::cuts;

/// A request head.
pub fn request_head(data: &[u8]) {
    let mut index = RequestIndex::default();
    let scan = scan::request_head(data, &mut Progress::default(), &mut index);
    let whole = format!("{scan:?} {}", shown_request(scan, &index));
    for pieces in cuts(data) {
        let mut index = stale_request();
        let scan = grow(&pieces, data, |octets, progress| {
            scan::request_head(octets, progress, &mut index)
        });
        let cut = format!("{scan:?} {}", shown_request(scan, &index));
        assert_eq!(cut, whole, "cut as {}", super::lengths(&pieces));
    }
    if scan == Scan::Complete {
        let head = RequestHead::new(data, &index);
        check_spans(head.spans(), index.octets, data);
        rewrite_request(head);
    }
}

/// A response head.
pub fn response_head(data: &[u8]) {
    let mut index = ResponseIndex::default();
    let scan = scan::response_head(data, &mut Progress::default(), &mut index);
    let whole = format!("{scan:?} {}", shown_response(scan, &index));
    for pieces in cuts(data) {
        let mut index = stale_response();
        let scan = grow(&pieces, data, |octets, progress| {
            scan::response_head(octets, progress, &mut index)
        });
        let cut = format!("{scan:?} {}", shown_response(scan, &index));
        assert_eq!(cut, whole, "cut as {}", super::lengths(&pieces));
    }
    if scan == Scan::Complete {
        let head = ResponseView::new(data, &index);
        check_spans(head.spans(), index.octets, data);
        rewrite_response(head);
    }
}

/// An index that was used before: nothing of it may show.
fn stale_request() -> RequestIndex {
    let mut index = RequestIndex::default();
    let head = b"\r\nBAD  /# HTTP/3.0\nA : b\r\n c\r\n\r\n";
    scan::request_head(head, &mut Progress::default(), &mut index);
    index
}

fn stale_response() -> ResponseIndex {
    let mut index = ResponseIndex::default();
    let head = b"\r\nHTTP/3.0 2 \nA : b\r\n c\r\n\r\n";
    scan::response_head(head, &mut Progress::default(), &mut index);
    index
}

/// A complete index in words. Of an incomplete head how much is taken apart depends on the cut.
fn shown_request(scan: Scan, index: &RequestIndex) -> String {
    match scan {
        Scan::Complete => format!("{index:?}"),
        Scan::Partial => String::new(),
    }
}

fn shown_response(scan: Scan, index: &ResponseIndex) -> String {
    match scan {
        Scan::Complete => format!("{index:?}"),
        Scan::Partial => String::new(),
    }
}

/// Gives the scanner more and more of the octets, until the head is complete.
fn grow(pieces: &[&[u8]], data: &[u8], mut scan: impl FnMut(&[u8], &mut Progress) -> Scan) -> Scan {
    let mut progress = Progress::default();
    let mut len = 0;
    if pieces.is_empty() {
        return scan(data, &mut progress);
    }
    for piece in pieces {
        len += piece.len();
        if scan(&data[..len], &mut progress) == Scan::Complete {
            return Scan::Complete;
        }
    }
    Scan::Partial
}

fn check_spans(spans: impl Iterator<Item = (SpanKind, Span)>, head_octets: usize, data: &[u8]) {
    let mut end = 0;
    for (kind, span) in spans {
        assert!(
            span.start as usize >= end,
            "{kind:?} at {span:?} before {end}"
        );
        end = span.end();
        assert!(
            end <= head_octets,
            "{kind:?} at {span:?} after {head_octets}"
        );
    }
    assert!(head_octets <= data.len());
    assert!(data[..head_octets].ends_with(b"\n"));
}

/// Anomalies of lines that no cleanly written head has again.
const REPAIRED: Anomalies = Anomalies::BARE_LF
    .union(Anomalies::BLANK_LINES)
    .union(Anomalies::SPACE_BEFORE_COLON);

/// Anomalies of lines that cannot be written cleanly.
const UNWRITABLE: Anomalies = Anomalies::OBS_FOLD
    .union(Anomalies::BARE_CR)
    .union(Anomalies::LEADING_SPACE)
    .union(Anomalies::NO_COLON)
    .union(Anomalies::NAME_NOT_TOKEN);

/// What was read is read again from its parts, with the same meaning.
fn rewrite_request(head: RequestHead<'_>) {
    let start_is_odd = Anomalies::SPACES_EXTRA
        .union(Anomalies::TARGET_CTL)
        .union(Anomalies::TARGET_EMPTY)
        .union(Anomalies::METHOD_NOT_TOKEN)
        .union(Anomalies::VERSION_MALFORMED)
        .union(Anomalies::VERSION_MISSING);
    if head.anomalies().intersects(UNWRITABLE.union(start_is_odd)) {
        return;
    }
    let version = head.version().to_string();
    let start = [head.method_octets(), head.target(), version.as_bytes()].join(&b' ');
    let written = write(&start, head.section());
    let mut index = RequestIndex::default();
    let scan = scan::request_head(&written, &mut Progress::default(), &mut index);
    let again = RequestHead::new(&written, &index);
    assert_eq!(scan, Scan::Complete);
    assert_eq!(again.octets_len(), written.len());
    assert_eq!(again.method(), head.method());
    assert_eq!(again.target(), head.target());
    assert_eq!(again.version(), head.version());
    assert_eq!(again.is_plain_path(), head.is_plain_path());
    assert_eq!(again.anomalies(), head.anomalies().without(REPAIRED));
    assert!(again.section().iter().eq(head.section().iter()));
    assert_eq!(again.section().present(), head.section().present());
}

fn rewrite_response(head: ResponseView<'_>) {
    let start_is_odd = Anomalies::STATUS_LINE_INVALID
        .union(Anomalies::VERSION_MALFORMED)
        .union(Anomalies::VERSION_MAJOR);
    if head.anomalies().intersects(UNWRITABLE.union(start_is_odd)) {
        return;
    }
    let version = head.version().to_string();
    let status = head.status().to_string();
    let start = [version.as_bytes(), status.as_bytes(), head.reason()].join(&b' ');
    let written = write(&start, head.section());
    let mut index = ResponseIndex::default();
    let scan = scan::response_head(&written, &mut Progress::default(), &mut index);
    let again = ResponseView::new(&written, &index);
    assert_eq!(scan, Scan::Complete);
    assert_eq!(again.octets().len(), written.len());
    assert_eq!(again.status(), head.status());
    assert_eq!(again.reason(), head.reason());
    assert_eq!(again.anomalies(), head.anomalies().without(REPAIRED));
    assert!(again.section().iter().eq(head.section().iter()));
}

fn write(start: &[u8], section: Section<'_>) -> Vec<u8> {
    let mut out = [start, b"\r\n"].concat();
    for (name, value) in section.iter() {
        out.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out
}
