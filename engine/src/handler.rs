//! What stands above the engine: something that answers requests.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use net::{Now, Peer};
use semantics::{ContentLength, Refusal, Rendition, RequestHead, ResponseHead, Status};

use crate::Incoming;

/// Answers requests. One instance a worker; every call happens on its thread and must not wait.
pub trait Handler: 'static {
    /// Answers a request whose head is complete. Its content may not have come yet: whoever wants it calls
    /// [`Exchange::receive`] and answers [`Answer::Later`]. Content that nobody wants is dropped.
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer;

    /// The answer to a request that the engine refused. `head` is there when it was readable.
    fn refuse(&self, refusal: Refusal, head: Option<RequestHead<'_>>) -> Response;
}

/// One request, and what is known about how it came.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// Its head.
    pub head: RequestHead<'a>,
    /// The length of its content, as far as the head tells.
    pub content: ContentLength,
    /// Who sent it.
    pub client: Peer,
    /// On which listener it came, counted from 0 in the order of the configuration.
    pub listener: usize,
    /// The connection; unique in this process.
    pub connection: u64,
    /// Which request on the connection it is, from 1.
    pub number: u32,
    /// The time of the batch in which it came.
    pub now: Now,
    pub(crate) incoming: &'a mut Option<Incoming>,
    pub(crate) window_octets: usize,
}

impl<'a> Exchange<'a> {
    /// An exchange without a connection, for tests of handlers.
    #[doc(hidden)]
    pub fn for_test(
        head: RequestHead<'a>,
        client: Peer,
        now: Now,
        incoming: &'a mut Option<Incoming>,
    ) -> Self {
        Self {
            head,
            content: ContentLength::None,
            client,
            listener: 0,
            connection: 1,
            number: 1,
            now,
            incoming,
            window_octets: 64 * 1024,
        }
    }
}

impl Exchange<'_> {
    /// The content of the request. From here on it is kept for whoever holds this, up to a window at a time, and the
    /// client is asked to send it if it waits for that (RFC 9110 §10.1.1) as soon as it is first awaited.
    pub fn receive(&mut self) -> Incoming {
        self.incoming
            .get_or_insert_with(|| Incoming::new(self.window_octets))
            .clone()
    }
}

/// How a request is answered.
pub enum Answer {
    /// At once.
    Ready(Response),
    /// At once, by what is given often: the head's octets are made once.
    Kept {
        /// The head.
        rendition: Rendition,
        /// As long as the rendition says.
        content: Bytes,
    },
    /// By a future, polled on the worker's thread whenever its waker was woken. Dropped when the connection fails.
    Later(Pin<Box<dyn Future<Output = Response>>>),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(response) => f.debug_tuple("Ready").field(response).finish(),
            Self::Kept { rendition, .. } => f.debug_tuple("Kept").field(rendition).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self::Ready(response)
    }
}

/// A response: a head, without the fields of delivery and framing, and content.
#[derive(Debug)]
pub struct Response {
    /// Status and fields.
    pub head: ResponseHead,
    /// What follows. To HEAD and in 304 it is not sent, but its length is told where it may be.
    pub content: Content,
}

impl Response {
    /// A response without content.
    pub fn new(status: Status) -> Self {
        Self {
            head: ResponseHead::new(status),
            content: Content::Empty,
        }
    }

    /// A response with content from memory.
    pub fn with_octets(head: ResponseHead, octets: impl Into<Bytes>) -> Self {
        Self {
            head,
            content: Content::Octets(octets.into()),
        }
    }
}

/// Content of a response.
#[derive(Debug)]
pub enum Content {
    /// None.
    Empty,
    /// From memory.
    Octets(Bytes),
    /// A part of a file.
    File(FilePart),
    /// Several pieces one after the other, such as a multipart of ranges.
    Pieces(Vec<Piece>),
}

/// A piece of content.
#[derive(Clone, Debug)]
pub enum Piece {
    /// From memory.
    Octets(Bytes),
    /// A part of a file.
    File(FilePart),
}

/// A part of a file. A file that turns out shorter ends the connection, never in padding.
#[derive(Clone, Debug)]
pub struct FilePart {
    /// An open regular file.
    pub file: Rc<File>,
    /// Where the part begins.
    pub offset: u64,
    /// Its length.
    pub octets: u64,
}

impl Content {
    /// Octets in all.
    pub fn octets(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Octets(octets) => octets.len() as u64,
            Self::File(part) => part.octets,
            Self::Pieces(pieces) => pieces.iter().map(Piece::octets).sum(),
        }
    }
}

impl Piece {
    /// Octets in it.
    pub fn octets(&self) -> u64 {
        match self {
            Self::Octets(octets) => octets.len() as u64,
            Self::File(part) => part.octets,
        }
    }
}
