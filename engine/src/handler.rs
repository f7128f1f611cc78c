//! What stands above the engine: something that answers requests.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use net::{Now, Peer, TlsFacts};
use semantics::{
    ContentLength, LimitError, OwnedRequest, Refusal, Rendition, RequestHead, ResponseHead,
    Section, Status,
};

use crate::note::Note;
use crate::{Incoming, Interims, Interrupted, Tunnel};

/// Answers requests. One instance a worker; every call happens on its thread and must not wait.
pub trait Handler: 'static {
    /// Answers a request whose head is complete. Its content may not have come yet: whoever wants it calls
    /// [`Exchange::receive`] and answers [`Answer::Later`]. Content that nobody wants is dropped.
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer;

    /// The answer to a request that the engine refused. `head` is there when it was readable.
    fn refuse(&self, refusal: Refusal, head: Option<RequestHead<'_>>) -> Response;

    /// The same for a request that came by TLS.
    fn refuse_secured(&self, refusal: Refusal, head: Option<RequestHead<'_>>) -> Response {
        self.refuse(refusal, head)
    }
}

/// One request, and what is known about how it came.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// Its head.
    pub head: RequestHead<'a>,
    /// The length of its content, as far as the head tells.
    pub content: ContentLength,
    /// Who sent it. A handler that trusts a gateway in front may put the gateway's client here, for all that is asked
    /// afterwards and for the record.
    pub client: Peer,
    /// On which listener it came, counted from 0 in the order of the configuration.
    pub listener: usize,
    /// The connection; unique in this process.
    pub connection: u64,
    /// Which request on the connection it is, from 1.
    pub number: u32,
    /// The time of the batch in which it came.
    pub now: Now,
    /// Whether nobody on the way could read it: it came by TLS, or a trusted gateway says so.
    pub is_secured: bool,
    /// What was negotiated on its connection; `None` if that does not speak TLS.
    pub tls: Option<&'a Arc<TlsFacts>>,
    pub(crate) lent: &'a mut Lent,
    pub(crate) window_octets: usize,
}

/// What an exchange lends its handler beside what is known of it.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Lent {
    /// The content, once somebody wants it.
    pub incoming: Option<Incoming>,
    /// What was noted.
    pub note: Option<Note>,
    /// By what it was marked.
    pub mark: Option<u64>,
    /// What the content was limited to.
    pub content_octets_max: Option<u64>,
    /// Where interim answers are, once somebody has any.
    pub interims: Option<Interims>,
}

impl<'a> Exchange<'a> {
    /// An exchange without a connection, for tests of handlers.
    #[doc(hidden)]
    pub fn for_test(head: RequestHead<'a>, client: Peer, now: Now, lent: &'a mut Lent) -> Self {
        Self {
            head,
            content: ContentLength::None,
            client,
            listener: 0,
            connection: 1,
            number: 1,
            now,
            is_secured: false,
            tls: None,
            lent,
            window_octets: 64 * 1024,
        }
    }
}

impl Exchange<'_> {
    /// The content of the request. From here on it is kept for whoever holds this, up to a window at a time, and the
    /// client is asked to send it if it waits for that (RFC 9110 §10.1.1) as soon as it is first awaited.
    pub fn receive(&mut self) -> Incoming {
        let window_octets = self.window_octets;
        self.lent
            .incoming
            .get_or_insert_with(|| Incoming::new(window_octets))
            .clone()
    }

    /// Lowers the limit of this request's content to `octets_max`. Content that turns out longer is refused when that
    /// shows; content that is announced longer is to be refused by the caller.
    ///
    /// # Errors
    /// The refusal, when the head announces more (413; RFC 9110 §15.5.14).
    pub fn limit_content(&mut self, octets_max: u64) -> Result<(), Refusal> {
        self.lent.content_octets_max = Some(octets_max);
        match self.content {
            ContentLength::Exactly(octets) if octets > octets_max => {
                Err(LimitError::ContentOctets.into())
            }
            _ => Ok(()),
        }
    }

    /// The same exchange with another head, such as this one with fields of it changed.
    pub fn with_head<'b>(&'b mut self, head: RequestHead<'b>) -> Exchange<'b> {
        Exchange {
            head,
            content: self.content,
            client: self.client,
            listener: self.listener,
            connection: self.connection,
            number: self.number,
            now: self.now,
            is_secured: self.is_secured,
            tls: self.tls,
            lent: self.lent,
            window_octets: self.window_octets,
        }
    }

    /// Where to put interim answers, now or while the final one is made.
    pub fn interims(&mut self) -> Interims {
        self.lent.interims.get_or_insert_default().clone()
    }

    /// Where to note what is found out about the request while it is answered.
    pub fn note(&mut self) -> Note {
        self.lent.note.get_or_insert_with(Note::default).clone()
    }

    /// Marks the exchange by a number for its record, which costs less than a note. What it means is between handler and
    /// recorder. Who has detached the exchange is too late.
    #[inline]
    pub fn mark(&mut self, mark: u64) {
        self.lent.mark = Some(mark);
    }

    /// The name of who is signed in, as it was noted.
    pub fn user(&self) -> Option<Rc<str>> {
        self.lent.note.as_ref().and_then(Note::user)
    }

    /// The exchange for a future that has to wait before it is known who answers. The request's content is kept for
    /// it, up to a window; whoever turns out not to want it drops it.
    pub fn detach(&mut self) -> OwnedExchange {
        OwnedExchange {
            request: self.head.to_owned(),
            content: self.content,
            client: self.client,
            listener: self.listener,
            connection: self.connection,
            number: self.number,
            is_secured: self.is_secured,
            tls: self.tls.cloned(),
            lent: Lent {
                incoming: Some(self.receive()),
                note: Some(self.note()),
                interims: Some(self.interims()),
                ..Lent::default()
            },
            window_octets: self.window_octets,
        }
    }
}

/// An [`Exchange`] that outlives the call of its handler.
#[derive(Debug)]
pub struct OwnedExchange {
    request: OwnedRequest,
    content: ContentLength,
    client: Peer,
    listener: usize,
    connection: u64,
    number: u32,
    is_secured: bool,
    tls: Option<Arc<TlsFacts>>,
    lent: Lent,
    window_octets: usize,
}

impl OwnedExchange {
    /// The exchange for a handler, at the present time.
    ///
    /// [`Exchange::limit_content`] no longer reaches the machine: whoever detaches limits the content before.
    pub fn exchange(&mut self) -> Exchange<'_> {
        Exchange {
            head: self.request.head(),
            content: self.content,
            client: self.client,
            listener: self.listener,
            connection: self.connection,
            number: self.number,
            now: Now::read(),
            is_secured: self.is_secured,
            tls: self.tls.as_ref(),
            lent: &mut self.lent,
            window_octets: self.window_octets,
        }
    }

    /// The head of the request.
    pub fn head(&self) -> RequestHead<'_> {
        self.request.head()
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
    /// By a future, polled on the worker's thread whenever its waker was woken. Dropped when the connection fails before the request has come
    /// whole; after that it goes on to its end, though nobody may be left to answer.
    Later(Pin<Box<dyn Future<Output = Response>>>),
}

impl Answer {
    /// The response, whenever it is there.
    pub async fn response(self) -> Response {
        match self {
            Self::Ready(response) => response,
            Self::Kept { rendition, content } => {
                Response::with_octets(rendition.head().clone(), content)
            }
            Self::Later(response) => response.await,
        }
    }
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
    /// Made while it is sent.
    Stream(Streamed),
    /// None, and no HTTP any more: with 101 to a request that asks for an upgrade (RFC 9110 §15.2.2), whose head has to name it, or
    /// with a successful status to CONNECT (RFC 9110 §9.3.6). To any other request it is a mistake, which is answered by 500.
    Tunnel(Tunnel),
}

/// Content that is made while it is sent: in chunks where its length is not known (RFC 9112 §7.1), or up to the end
/// of the connection for a client that knows no chunks.
pub struct Streamed {
    /// Its length, if it is known. More is cut off, less closes the connection.
    pub octets: Option<u64>,
    /// Where it comes from.
    pub source: Box<dyn Source>,
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed")
            .field("octets", &self.octets)
            .finish_non_exhaustive()
    }
}

/// Makes content piece by piece, on the worker's thread.
///
/// It is asked only when there is room for more, and dropped when the connection fails.
pub trait Source {
    /// The next piece, not empty and best between 4 and 64 KiB; `None` after the last.
    ///
    /// An error cuts the connection, so that the client sees the content as incomplete (RFC 9112 §8).
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>>;

    /// The trailer section, asked for after the last piece. It is transmitted where content is in chunks, and else dropped
    /// (RFC 9110 §6.5.1).
    fn trailers(&self) -> Option<Section<'_>> {
        None
    }
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
    /// Octets in all, as far as that is known.
    pub fn octets(&self) -> u64 {
        match self {
            Self::Empty | Self::Tunnel(_) => 0,
            Self::Octets(octets) => octets.len() as u64,
            Self::File(part) => part.octets,
            Self::Pieces(pieces) => pieces.iter().map(Piece::octets).sum(),
            Self::Stream(streamed) => streamed.octets.unwrap_or(0),
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
