//! Exchanges without connections, for the tests of this crate.

use engine::{Answer, Content, Exchange, Incoming, Piece, Response};
use net::{Now, Peer};
use semantics::{RequestHead, RequestIndex};
use std::os::unix::fs::FileExt;

/// Calls `act` with the exchange that a request's head makes, at the present time.
pub(crate) fn with_exchange<T>(request: &str, act: impl FnOnce(&mut Exchange<'_>) -> T) -> T {
    with_exchange_at(request.as_bytes(), Now::read(), None, act)
}

pub(crate) fn with_exchange_at<T>(
    request: &[u8],
    now: Now,
    mut incoming: Option<Incoming>,
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
    let mut exchange = Exchange::for_test(
        RequestHead::new(request, &index),
        client,
        now,
        &mut incoming,
    );
    act(&mut exchange)
}

/// The response in an answer; what comes later is waited for. To be called inside `net::run_alone`.
pub(crate) async fn response_of(answer: Answer) -> Response {
    match answer {
        Answer::Ready(response) => response,
        Answer::Kept { rendition, content } => {
            assert_eq!(rendition.content_octets(), content.len() as u64);
            Response::with_octets(rendition.head().clone(), content)
        }
        Answer::Later(future) => future.await,
    }
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
    }
}

fn part_octets(part: &engine::FilePart) -> Vec<u8> {
    let mut octets = vec![0; usize::try_from(part.octets).unwrap()];
    part.file.read_exact_at(&mut octets, part.offset).unwrap();
    octets
}
