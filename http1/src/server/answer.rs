//! What the server says: responses, and what becomes of the connection.

use semantics::{CloseReason, ContentLength, Fate, Rendition, ResponseHead, Section, Status};

use super::{Answering, Delivery, Receiving, Server, State, Switch};
use crate::write;

impl Server {
    /// Writes a response head. Interim responses (1xx) leave the exchange as it is; a final one must be followed by
    /// the content announced and by [`Server::submit_end`].
    pub fn submit_head(
        &mut self,
        delivery: Delivery<'_>,
        head: &ResponseHead,
        content: ContentLength,
        out: &mut Vec<u8>,
    ) {
        let status = head.status();
        if status.is_interim() {
            self.submit_interim(delivery, head, out);
            return;
        }
        write::response_head(head, delivery.stamp, out);
        let state = &mut self.state;
        if state.request.switch == Switch::Connect
            && status != Status::PROXY_AUTHENTICATION_REQUIRED
        {
            // A client that does not wait for the answer has sent what is for the tunnel, and others may have made it up. Who is asked for
            // credentials has to come again, and is known not to be so hasty.
            state.closing.get_or_insert(CloseReason::TunnelRefused);
        }
        let is_without_content = status.is_without_content();
        state.answering = match content {
            // RFC 9110 §8.6: no Content-Length in 204; in 304 it is optional.
            _ if is_without_content => Answering::Bare,
            ContentLength::None => {
                write::content_length(0, out);
                Answering::Bare
            }
            ContentLength::Exactly(octets) => {
                write::content_length(octets, out);
                if state.request.is_head {
                    Answering::Bare
                } else {
                    Answering::Length(octets)
                }
            }
            ContentLength::Unknown if state.request.is_head => Answering::Bare,
            ContentLength::Unknown if state.request.is_11 => {
                write::line(b"Transfer-Encoding", b"chunked", out);
                Answering::Chunked { is_open: false }
            }
            ContentLength::Unknown => {
                state.closing.get_or_insert(CloseReason::AnswerFraming);
                Answering::Close
            }
        };
        state.end_head(delivery, out);
    }

    /// Writes the head that ends the use of HTTP/1.1: 101, with the lines that name what follows (RFC 9110 §15.2.2), or a successful
    /// one to CONNECT (RFC 9110 §9.3.6). What was not read from here on is the tunnel's.
    ///
    /// `false`, and nothing is written, if the request did not ask for it, or has not come whole and its end been told: no client can
    /// change what it speaks within a message (RFC 9110 §7.8).
    #[must_use]
    pub fn submit_tunnel(
        &mut self,
        delivery: Delivery<'_>,
        head: &ResponseHead,
        out: &mut Vec<u8>,
    ) -> bool {
        if !self.may_tunnel(head.status()) {
            return false;
        }
        // Neither length nor coding, also no word of this connection: there is no content, and nothing of it comes back (RFC 9110 §8.6,
        // RFC 9112 §6.1).
        write::response_head(head, delivery.stamp, out);
        out.extend_from_slice(b"\r\n");
        self.held = None;
        self.state.receiving = Receiving::Tunnel;
        self.state.answering = Answering::Bare;
        true
    }

    /// Whether an answer of this status to the present request may end the use of HTTP/1.1, as far as the request goes and at this time.
    pub fn may_tunnel(&self, status: Status) -> bool {
        let state = &self.state;
        let is_asked = match state.request.switch {
            Switch::None => false,
            Switch::Upgrade => status == Status::SWITCHING_PROTOCOLS,
            Switch::Connect => status.is_successful(),
        };
        is_asked
            && state.answering == Answering::Awaiting
            && matches!(state.receiving, Receiving::Ended)
    }

    /// The tunnel is over, and with it the connection.
    pub fn end_tunnel(&mut self, reason: CloseReason) {
        if self.is_tunnel() {
            self.state.closing = Some(reason);
            self.state.receiving = Receiving::Closed;
            self.state.answering = Answering::Idle;
        }
    }

    /// Writes the head of an answer that is given often. The whole content is to follow, unless the request is HEAD.
    #[inline]
    pub fn submit_rendition(
        &mut self,
        delivery: Delivery<'_>,
        rendition: &Rendition,
        out: &mut Vec<u8>,
    ) {
        write::rendition(rendition, delivery.stamp, out);
        let state = &mut self.state;
        state.answering = if state.request.is_head {
            Answering::Bare
        } else {
            Answering::Length(rendition.content_octets())
        };
        state.end_head(delivery, out);
    }

    fn submit_interim(&mut self, delivery: Delivery<'_>, head: &ResponseHead, out: &mut Vec<u8>) {
        // RFC 9110 §15.2: a server must not send 1xx to an HTTP/1.0 client.
        if !self.state.request.is_11 || self.state.answering != Answering::Awaiting {
            return;
        }
        write::response_head(head, delivery.stamp, out);
        out.extend_from_slice(b"\r\n");
        if head.status() == Status::CONTINUE {
            self.state.request.expects_continue = false;
        }
    }

    /// Writes what stands before content; gives how many of its octets may follow.
    ///
    /// Fewer than asked for when the answer has no content, or has all that its head announced.
    #[inline]
    pub fn submit_content(&mut self, octets: u64, out: &mut Vec<u8>) -> u64 {
        match &mut self.state.answering {
            Answering::Length(left) => {
                let octets = octets.min(*left);
                *left -= octets;
                octets
            }
            Answering::Chunked { is_open } => {
                // A chunk of no octets would be the last one.
                if octets > 0 {
                    if std::mem::replace(is_open, true) {
                        out.extend_from_slice(b"\r\n");
                    }
                    write::chunk_start(octets, out);
                }
                octets
            }
            Answering::Close => octets,
            Answering::Idle | Answering::Awaiting | Answering::Bare => 0,
        }
    }

    /// Whether content may follow the head that was written: not to HEAD, and not with a status that has none.
    pub fn is_content_awaited(&self) -> bool {
        match self.state.answering {
            Answering::Length(left) => left > 0,
            Answering::Chunked { .. } | Answering::Close => true,
            Answering::Idle | Answering::Awaiting | Answering::Bare => false,
        }
    }

    /// Whether the content written is shorter than its head has announced.
    pub fn is_content_missing(&self) -> bool {
        matches!(self.state.answering, Answering::Length(1..))
    }

    /// Whether the end of the connection is what ends the content being written (RFC 9112 §6.3).
    pub fn is_content_ended_by_close(&self) -> bool {
        self.state.answering == Answering::Close
    }

    /// Ends the answer. Content that is missing closes the connection, so that the client sees it (RFC 9112 §8).
    #[inline]
    pub fn submit_end(&mut self, trailers: Option<Section<'_>>, out: &mut Vec<u8>) {
        match self.state.answering {
            Answering::Length(0) | Answering::Bare | Answering::Close => {}
            Answering::Length(_) => self.close_after(CloseReason::AnswerIncomplete),
            Answering::Chunked { is_open } => {
                out.extend_from_slice(if is_open { b"\r\n0\r\n" } else { b"0\r\n" });
                for (name, value) in trailers.iter().flat_map(|section| section.iter()) {
                    write::line(name, value, out);
                }
                out.extend_from_slice(b"\r\n");
            }
            Answering::Idle | Answering::Awaiting => return,
        }
        self.state.answering = Answering::Idle;
    }

    /// Gives up an answer whose head was written: the connection closes without a proper end of its content.
    pub fn abort_answer(&mut self, reason: CloseReason) {
        self.state.closing = Some(reason);
        self.state.receiving = Receiving::Closed;
        self.state.answering = Answering::Idle;
    }

    /// The rest of the request's content will not be read. The connection must close: [`Server::close_after`] says why.
    pub fn abandon_content(&mut self) {
        if self.is_in_content() {
            self.state.receiving = Receiving::Closed;
        }
    }

    /// The connection closes after the current answer, or at once when there is none. The first reason stays.
    pub fn close_after(&mut self, reason: CloseReason) {
        self.state.closing.get_or_insert(reason);
        if matches!(self.state.receiving, Receiving::Head) {
            self.state.receiving = Receiving::Closed;
        }
    }

    /// What becomes of the connection, once the message and its answer are both complete. A kept connection awaits
    /// the next request from then on.
    #[inline]
    pub fn settle(&mut self) -> Option<Fate> {
        let state = &mut self.state;
        if state.answering != Answering::Idle
            || !matches!(state.receiving, Receiving::Ended | Receiving::Closed)
        {
            return None;
        }
        self.held = None;
        if matches!(state.receiving, Receiving::Ended) && state.closing.is_none() {
            state.receiving = Receiving::Head;
            return Some(Fate::Kept(state.keep));
        }
        state.receiving = Receiving::Closed;
        Some(Fate::Closed(
            state.closing.unwrap_or(CloseReason::ClientClosed),
        ))
    }
}

impl State {
    /// Ends a final head: what the client is told about the connection, and the empty line (RFC 9112 §9.3, §9.6).
    #[inline]
    fn end_head(&mut self, delivery: Delivery<'_>, out: &mut Vec<u8>) {
        if self.closing.is_some() {
            out.extend_from_slice(b"Connection: close\r\n\r\n");
        } else if self.request.wants_keep_alive {
            out.extend_from_slice(b"Connection: keep-alive\r\nKeep-Alive: timeout=");
            write::number(delivery.keep_alive_seconds, out);
            out.extend_from_slice(b"\r\n\r\n");
        } else {
            out.extend_from_slice(b"\r\n");
        }
    }
}
