//! Exchanges without connections, for the tests of this crate.

use engine::{Answer, Content, Exchange, Incoming, Lent, Piece, Response};
use net::{Now, Peer};
use semantics::{RequestHead, RequestIndex};
use std::future::poll_fn;
use std::os::unix::fs::FileExt;

/// Calls `act` with the exchange that a request's head makes, at the present time.
pub(crate) fn with_exchange<T>(request: &str, act: impl FnOnce(&mut Exchange<'_>) -> T) -> T {
    with_exchange_at(request.as_bytes(), Now::read(), None, act)
}

pub(crate) fn with_exchange_at<T>(
    request: &[u8],
    now: Now,
    incoming: Option<Incoming>,
    act: impl FnOnce(&mut Exchange<'_>) -> T,
) -> T {
    let mut index = RequestIndex::default();
    let scan = http1::scan::request_head(request, &mut Default::default(), &mut index);
    assert_eq!(
        scan,
        http1::scan::Scan::Complete,
        "the test's own request is incomplete"
    );
    let client = Peer::from(std::net::SocketAddr::from(([127, 0, 0, 1], 4711)));
    let mut lent = Lent {
        incoming,
        ..Lent::default()
    };
    let mut exchange =
        Exchange::for_test(RequestHead::new(request, &index), client, now, &mut lent);
    act(&mut exchange)
}

/// The response in an answer; what comes later is waited for. To be called inside `net::run_alone`.
pub(crate) async fn response_of(answer: Answer) -> Response {
    if let Answer::Kept { rendition, content } = &answer {
        assert_eq!(rendition.content_octets(), content.len() as u64);
    }
    answer.response().await
}

/// All octets of a content.
pub(crate) fn octets(content: &Content) -> Vec<u8> {
    let piece = |piece: &Piece| match piece {
        Piece::Octets(octets) => octets.to_vec(),
        Piece::File(part) => part_octets(part),
    };
    match content {
        Content::Empty => Vec::new(),
        Content::Octets(octets) => octets.to_vec(),
        Content::File(part) => part_octets(part),
        Content::Pieces(pieces) => pieces.iter().flat_map(piece).collect(),
        Content::Tunnel(_) => panic!("a tunnel, which is no content"),
        Content::Stream(_) => panic!("content that is made while it is sent: see `streamed`"),
    }
}

/// All octets of a content that may be made while it is sent, and in how many pieces; `None` if it does not come to its
/// end. To be called inside `net::run_alone`.
#[allow(dead_code, reason = "for whoever streams")]
pub(crate) async fn streamed(content: Content) -> Option<(Vec<u8>, usize)> {
    let Content::Stream(mut streamed) = content else {
        return Some((octets(&content), 1));
    };
    let (mut all, mut pieces) = (Vec::new(), 0);
    while let Some(piece) = poll_fn(|cx| streamed.source.poll_next(cx)).await {
        all.extend_from_slice(&piece.ok()?);
        pieces += 1;
    }
    Some((all, pieces))
}

fn part_octets(part: &engine::FilePart) -> Vec<u8> {
    let mut octets = vec![0; usize::try_from(part.octets).unwrap()];
    part.file.read_exact_at(&mut octets, part.offset).unwrap();
    octets
}
