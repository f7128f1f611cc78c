//! A request on its way to a server.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http1::{Client, Misuse};
use net::{More, Outbound};
use semantics::{ContentLength, Known, Status};

use super::{Fault, OutboundContent, OutboundRequest, trailing};
use crate::Incoming;

/// A request on its way: what is framed and not transmitted, and where the rest comes from.
#[derive(Debug, Default)]
pub(super) struct Upload {
    framing: Vec<u8>,
    framing_sent: usize,
    /// Content that goes out as it is, after the framing.
    piece: Bytes,
    rest: Rest,
}

/// Where the rest of a request comes from.
#[derive(Debug, Default)]
enum Rest {
    /// All of it is submitted.
    #[default]
    Submitted,
    /// The client.
    Incoming(Incoming),
    /// The client, once the server wants it.
    Held(Incoming),
    /// It is not transmitted any more.
    GivenUp,
}

/// What transmitting waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// Nothing: there is no more.
    Done,
    /// The server to take octets.
    Blocked,
    /// The client to send content.
    Content,
    /// The server to say that it wants content.
    Held,
}

impl Upload {
    pub(super) fn begin(
        machine: &mut Client,
        request: OutboundRequest<'_>,
    ) -> Result<Self, Misuse> {
        let mut upload = Self {
            framing: FRAMING.take(),
            ..Self::default()
        };
        let (head, framing) = (request.head, &mut upload.framing);
        match request.content {
            OutboundContent::None
            | OutboundContent::Incoming {
                length: ContentLength::None,
                ..
            } => {
                machine.submit_request(head, ContentLength::None, framing)?;
                machine.submit_end(None, framing)?;
            }
            OutboundContent::Octets(octets) => {
                let length = octets.len() as u64;
                machine.submit_request(head, ContentLength::Exactly(length), framing)?;
                machine.submit_content(length, framing);
                machine.submit_end(None, framing)?;
                upload.add(octets);
            }
            OutboundContent::Incoming { length, incoming } => {
                machine.submit_request(head, length, framing)?;
                let is_expect =
                    |(name, _): &(&[u8], &[u8])| Known::from_name(name) == Some(Known::Expect);
                upload.rest = match head.lines.iter().any(is_expect) {
                    true => Rest::Held(incoming),
                    false => Rest::Incoming(incoming),
                };
            }
        }
        Ok(upload)
    }

    /// Takes what has come of the content, up to what is worth a call.
    pub(super) fn gather(
        &mut self,
        cx: &mut Context<'_>,
        machine: &mut Client,
        may_trail: fn(&[u8]) -> bool,
    ) -> Result<(), Fault> {
        while let Rest::Incoming(incoming) = &self.rest
            && self.piece.is_empty()
            && self.framing.len() - self.framing_sent < GATHERED_OCTETS_MAX
        {
            let Poll::Ready(next) = incoming.poll_next(cx) else {
                return Ok(());
            };
            match next.map_err(|_| Fault::Interrupted)? {
                Some(mut octets) => {
                    let allowed = machine.submit_content(octets.len() as u64, &mut self.framing);
                    octets.truncate(usize::try_from(allowed).unwrap_or(usize::MAX));
                    self.add(octets);
                }
                None => {
                    let lines = incoming.trailers();
                    let lines = lines.iter().map(|(name, value)| (&name[..], &value[..]));
                    let trailers = trailing(lines, may_trail);
                    let trailers = (!trailers.is_empty()).then(|| trailers.section());
                    machine
                        .submit_end(trailers, &mut self.framing)
                        .map_err(|_| Fault::Interrupted)?;
                    self.rest = Rest::Submitted;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, octets: Bytes) {
        if octets.len() <= COPY_OCTETS_MAX {
            self.framing.extend_from_slice(&octets);
        } else {
            self.piece = octets;
        }
    }

    /// Transmits once.
    pub(super) fn poll_transmit(
        &mut self,
        cx: &mut Context<'_>,
        outbound: &mut Outbound,
    ) -> Poll<io::Result<usize>> {
        let framing = self.framing.get(self.framing_sent..).unwrap_or_default();
        let sent = if self.piece.is_empty() {
            outbound.poll_transmit(cx, framing, More::No)
        } else {
            let slices = [IoSlice::new(framing), IoSlice::new(&self.piece)];
            outbound.poll_transmit_vectored(cx, &slices, More::No)
        };
        if let Poll::Ready(Ok(octets)) = sent {
            let of_framing = octets.min(framing.len());
            self.piece
                .advance((octets - of_framing).min(self.piece.len()));
            self.framing_sent += of_framing;
            if self.framing_sent == self.framing.len() {
                self.framing.clear();
                self.framing_sent = 0;
            }
            if self.is_complete() {
                self.give_memory_back();
            }
        }
        sent
    }

    /// The server said this in an interim answer.
    pub(super) fn told(&mut self, status: Status) {
        if status == Status::CONTINUE {
            self.release();
        }
    }

    /// Content is not held back any more.
    pub(super) fn release(&mut self) {
        if let Rest::Held(incoming) = std::mem::take(&mut self.rest) {
            self.rest = Rest::Incoming(incoming);
        }
    }

    /// Nothing more is transmitted.
    pub(super) fn give_up(&mut self) {
        if !self.is_complete() {
            *self = Self {
                rest: Rest::GivenUp,
                ..Self::default()
            };
        }
    }

    fn give_memory_back(&mut self) {
        let framing = std::mem::take(&mut self.framing);
        if framing.capacity() <= FRAMING_OCTETS_KEPT {
            FRAMING.set(framing);
        }
    }

    /// Whether all that is submitted is transmitted.
    pub(super) fn is_transmitted(&self) -> bool {
        self.framing.is_empty() && self.piece.is_empty()
    }

    /// Whether all of the request is transmitted.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.rest, Rest::Submitted) && self.is_transmitted()
    }

    /// Whether nothing more will be transmitted.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.rest, Rest::GivenUp) || self.is_complete()
    }

    /// What is awaited once all that is submitted is transmitted.
    pub(super) fn awaits(&self) -> Sending {
        match self.rest {
            Rest::Submitted | Rest::GivenUp => Sending::Done,
            Rest::Incoming(_) => Sending::Content,
            Rest::Held(_) => Sending::Held,
        }
    }
}

thread_local! {
    /// Memory for framing, which the next request uses again.
    static FRAMING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Content up to this long is copied behind its framing, which is cheaper than a piece of its own.
const COPY_OCTETS_MAX: usize = 4096;
/// Framing and copied content that are transmitted in one call.
const GATHERED_OCTETS_MAX: usize = 16 * 1024;
/// Memory for framing that is kept.
const FRAMING_OCTETS_KEPT: usize = 64 * 1024;
