//! Where a message ends (RFC 9112 §6), whether its connection stays (§9.3), and what of its fields is ambiguous.

use semantics::fields::content_length::ContentLength as Declared;
use semantics::fields::expect::Expectation;
use semantics::fields::host::Host;
use semantics::fields::list::has_empty_member;
use semantics::fields::transfer_encoding::TransferEncoding;
use semantics::fields::{connection::Connection, content_length, expect, transfer_encoding};
use semantics::{
    Anomalies, CloseReason, ContentEnd, ContentLength, Fate, FieldSet, Form, KeepReason, Known,
    Method, RequestHead, RequestIndex, ResponseIndex, ResponseView, Section, Status, Target,
    Version,
};

/// How the content of a request ends, and whether its sender waits for 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) content: ContentLength,
    pub(crate) expects_continue: bool,
    /// It asks for another protocol in a way that may be heeded.
    pub(crate) asks_upgrade: bool,
}

/// Fields that a request rarely has and that say more than that there is no content.
const SPECIAL: FieldSet = FieldSet::of(&[
    Known::ContentLength,
    Known::TransferEncoding,
    Known::Expect,
    Known::Upgrade,
]);

/// The framing of a request whose index is complete; adds the anomalies of its framing and routing fields.
#[inline(always)]
pub(crate) fn of_request(octets: &[u8], index: &mut RequestIndex) -> Framing {
    check_host(octets, index);
    if !index.section.present.intersects(SPECIAL) {
        return Framing {
            content: ContentLength::None,
            expects_continue: false,
            asks_upgrade: false,
        };
    }
    special(octets, index)
}

#[cold]
fn special(octets: &[u8], index: &mut RequestIndex) -> Framing {
    let section = index.section.over(octets);
    let (content, mut anomalies) = content_of_request(section, index.version);
    let expectation = if index.version.is_at_least_11() {
        expect::parse(section.all(Known::Expect))
    } else {
        None
    };
    if expectation == Some(Expectation::Other) {
        anomalies.insert(Anomalies::EXPECT_UNKNOWN);
    }
    if section.has(Known::Upgrade) {
        anomalies.insert(Anomalies::UPGRADE);
    }
    if index.method == Method::Connect
        && !matches!(content, ContentLength::None | ContentLength::Exactly(0))
    {
        anomalies.insert(Anomalies::CONNECT_CONTENT);
    }
    // RFC 9110 §7.8: not of HTTP/1.0, and not without the connection option.
    let asks_upgrade = section.has(Known::Upgrade)
        && index.version.is_at_least_11()
        && Connection::parse(section.all(Known::Connection)).upgrade;
    index.section.anomalies.insert(anomalies);
    Framing {
        content,
        expects_continue: expectation == Some(Expectation::Continue),
        asks_upgrade,
    }
}

/// RFC 9112 §6.3, rules 3 to 7, for requests. Where a rule is broken the anomalies say so, and the answer is what a
/// recipient that lets it pass would use.
fn content_of_request(section: Section<'_>, version: Version) -> (ContentLength, Anomalies) {
    let (declared, mut anomalies) = declared_length(section);
    let Some(coding) = transfer_encoding::parse(section.all(Known::TransferEncoding)) else {
        return (declared, anomalies);
    };
    if section.has(Known::ContentLength) {
        anomalies.insert(Anomalies::FRAMING_CONFLICT);
    }
    if !version.is_at_least_11() {
        anomalies.insert(Anomalies::CODING_IN_10);
    }
    anomalies.insert(coding_anomalies(&coding));
    // RFC 9110 §5.6.1.2 would have empty members skipped; where framing hangs on it, nobody who means well sends them.
    if section.all(Known::TransferEncoding).any(has_empty_member) {
        anomalies.insert(Anomalies::CODING_MALFORMED);
    }
    // A request cannot end with its connection: whatever is not finally chunked was reported above.
    (ContentLength::Unknown, anomalies)
}

fn declared_length(section: Section<'_>) -> (ContentLength, Anomalies) {
    match content_length::parse(section.all(Known::ContentLength)) {
        None => (ContentLength::None, Anomalies::NONE),
        Some(Declared::Valid(octets)) => (ContentLength::Exactly(octets), Anomalies::NONE),
        Some(Declared::Repeated(octets)) => {
            (ContentLength::Exactly(octets), Anomalies::LENGTH_REPEATED)
        }
        Some(Declared::Differing) => (ContentLength::None, Anomalies::LENGTH_CONFLICT),
        Some(Declared::Invalid(_)) => (ContentLength::None, Anomalies::LENGTH_INVALID),
    }
}

fn coding_anomalies(coding: &TransferEncoding) -> Anomalies {
    match coding {
        TransferEncoding::ChunkedOnly => Anomalies::NONE,
        TransferEncoding::ChunkedFinal { .. } => Anomalies::CODING_UNKNOWN,
        TransferEncoding::ChunkedRepeated => Anomalies::CHUNKED_REPEATED,
        TransferEncoding::Malformed
        | TransferEncoding::ChunkedParameters
        | TransferEncoding::Empty => Anomalies::CODING_MALFORMED,
        // RFC 9112 §6.1: 501 for a coding that is not understood; §6.3, rule 4: 400 for a length that is not known.
        TransferEncoding::ChunkedNotFinal { .. } | TransferEncoding::NotChunked { .. } => {
            Anomalies::CHUNKED_NOT_FINAL.union(Anomalies::CODING_UNKNOWN)
        }
    }
}

/// RFC 9112 §3.2: exactly one valid Host in HTTP/1.1, at most one in HTTP/1.0; RFC 9110 §4.2.4: no userinfo.
#[inline(always)]
fn check_host(octets: &[u8], index: &mut RequestIndex) {
    let mut anomalies = host_anomalies(index.section.over(octets), index.version);
    if !index.is_plain_path {
        anomalies = with_authority(octets, index, anomalies);
    }
    index.section.anomalies.insert(anomalies);
}

#[inline(always)]
fn host_anomalies(section: Section<'_>, version: Version) -> Anomalies {
    let mut hosts = section.all(Known::Host);
    let Some(first) = hosts.next() else {
        return if version.is_at_least_11() {
            Anomalies::HOST_MISSING
        } else {
            Anomalies::NONE
        };
    };
    let mut anomalies = if is_host(first) {
        Anomalies::NONE
    } else {
        Anomalies::HOST_INVALID
    };
    if hosts.next().is_some() {
        anomalies.insert(Anomalies::HOST_REPEATED);
    }
    anomalies
}

/// What an authority in the target adds. Beside one, the received Host is ignored (RFC 9112 §3.2.2), so it may be
/// empty, which is valid where a target has no authority.
#[cold]
fn with_authority(octets: &[u8], index: &RequestIndex, anomalies: Anomalies) -> Anomalies {
    let target = Target::parse(index.target_span.of(octets), index.method);
    let (Some(Form::Absolute { authority, .. }) | Some(Form::Authority(authority))) =
        target.map(|target| target.form)
    else {
        return anomalies;
    };
    let host = index.section.over(octets).first(Known::Host);
    let anomalies = match host {
        Some([]) => anomalies.without(Anomalies::HOST_INVALID),
        _ => anomalies,
    };
    if is_host(authority) {
        anomalies
    } else {
        anomalies.union(Anomalies::TARGET_AUTHORITY)
    }
}

/// A host that an http target can have: valid, and not empty (RFC 9110 §4.2.1).
#[inline]
fn is_host(value: &[u8]) -> bool {
    is_plain_host(value) || Host::parse(value).is_ok_and(|host| !host.is_empty())
}

/// Letters, digits, dots and hyphens, and perhaps a port below 60000: what nearly every Host is.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "the table has an entry for every octet"
)]
fn is_plain_host(value: &[u8]) -> bool {
    let name_len = value
        .iter()
        .take_while(|&&b| PLAIN_HOST[b as usize])
        .count();
    match value.get(name_len..) {
        Some([]) => name_len > 0,
        Some([b':', port @ ..]) => {
            let is_small =
                matches!(port.len(), 1..=4) || (port.len() == 5 && port.first() < Some(&b'6'));
            name_len > 0 && is_small && port.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const PLAIN_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 128 {
        let b = i as u8;
        table[i] = b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        i += 1;
    }
    table
};

/// Whether the connection stays after this request, as far as the client decides it (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Persistence {
    pub(crate) fate: Fate,
    /// The client asks to be told how long the connection is kept.
    pub(crate) wants_keep_alive: bool,
}

impl Persistence {
    #[inline(always)]
    pub(crate) fn of(head: RequestHead<'_>) -> Self {
        if head.has(Known::Connection) {
            return Self::of_options(head);
        }
        let fate = match head.version().is_at_least_11() {
            true => Fate::Kept(KeepReason::PersistentByDefault),
            false => Fate::Closed(CloseReason::NotPersistent),
        };
        Self {
            fate,
            wants_keep_alive: false,
        }
    }

    fn of_options(head: RequestHead<'_>) -> Self {
        let options = options(head);
        let fate = match (
            options.close,
            head.version().is_at_least_11(),
            options.keep_alive,
        ) {
            (true, _, _) => Fate::Closed(CloseReason::ClientOption),
            (false, true, _) => Fate::Kept(KeepReason::PersistentByDefault),
            (false, false, true) => Fate::Kept(KeepReason::KeepAliveOption),
            (false, false, false) => Fate::Closed(CloseReason::NotPersistent),
        };
        Self {
            fate,
            wants_keep_alive: options.keep_alive,
        }
    }
}

/// The options of Connection; the two that nearly every client sends alone take a short way.
fn options(head: RequestHead<'_>) -> Connection {
    let mut lines = head.all(Known::Connection);
    let only = match (lines.next(), lines.next()) {
        (Some(only), None) => only,
        _ => b"",
    };
    if only.eq_ignore_ascii_case(b"keep-alive") {
        Connection {
            keep_alive: true,
            ..Connection::default()
        }
    } else if only.eq_ignore_ascii_case(b"close") {
        Connection {
            close: true,
            ..Connection::default()
        }
    } else {
        Connection::parse(head.all(Known::Connection))
    }
}

/// How the content of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseFraming {
    /// There is none, and why.
    None(ContentEnd),
    Length(u64),
    Chunked,
    /// With the connection.
    Close,
}

/// RFC 9112 §6.3 for a response to `method`; adds the anomalies of its framing fields.
pub(crate) fn of_response(
    octets: &[u8],
    index: &mut ResponseIndex,
    method: Method,
) -> ResponseFraming {
    let status = ResponseView::new(octets, index).status();
    let section = index.section.over(octets);
    let (declared, mut anomalies) = declared_length(section);
    let coding = transfer_encoding::parse(section.all(Known::TransferEncoding));
    if let Some(coding) = &coding {
        anomalies.insert(coding_anomalies(coding).without(Anomalies::CHUNKED_NOT_FINAL));
        if section.has(Known::ContentLength) {
            anomalies.insert(Anomalies::FRAMING_CONFLICT);
        }
        if !index.version.is_at_least_11() {
            anomalies.insert(Anomalies::CODING_IN_10);
        }
    }
    let framing = match (coding, declared) {
        _ if method == Method::Head => ResponseFraming::None(ContentEnd::HeadRequest),
        _ if status.is_without_content() => ResponseFraming::None(ContentEnd::StatusWithoutContent),
        _ if method == Method::Connect && is_tunnel(status) => {
            ResponseFraming::None(ContentEnd::Tunnel)
        }
        (
            Some(
                TransferEncoding::ChunkedOnly
                | TransferEncoding::ChunkedFinal { .. }
                | TransferEncoding::ChunkedRepeated,
            ),
            _,
        ) => ResponseFraming::Chunked,
        (Some(_), _) => ResponseFraming::Close,
        (None, ContentLength::Exactly(octets)) => ResponseFraming::Length(octets),
        (None, ContentLength::None | ContentLength::Unknown) => ResponseFraming::Close,
    };
    index.section.anomalies.insert(anomalies);
    framing
}

fn is_tunnel(status: Status) -> bool {
    status.is_successful()
}
