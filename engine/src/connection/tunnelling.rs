//! A connection that has become a tunnel.

use std::cell::Cell;

use http1::Delivery;
use net::{Context, End, Token};
use semantics::{CloseReason, LimitError, ResponseHead, Status, TunnelEnd};

use super::{Busy, Connection, Next, Work};
use crate::core::Core;
use crate::serve::refusal_answer;
use crate::tunnel::{Relayed, Tunnelling};
use crate::{Answer, Content, Handler, Recorder, Response, Tunnel};

impl Connection {
    /// Whether it is a tunnel.
    #[inline]
    pub(crate) fn is_tunnel(&self) -> bool {
        self.machine.is_tunnel()
    }

    /// Gives the head of a tunnel, once the request was read whole (RFC 9110 §7.8).
    pub(crate) fn submit_tunnel<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        head: ResponseHead,
        tunnel: Tunnel,
    ) {
        if self.machine.has_event() {
            // The end of the request is about to be told.
            let content = Content::Tunnel(tunnel);
            self.busy().work = Work::Held(Answer::Ready(Response { head, content }));
            return;
        }
        let delivery = Delivery {
            stamp: &core.stamp,
            keep_alive_seconds: core.keep_alive_seconds,
        };
        if !self
            .machine
            .submit_tunnel(delivery, &head, core.outbox.framing())
        {
            drop(tunnel);
            let response = self.not_tunnelled(core);
            return self.submit(core, Answer::Ready(response));
        }
        if let Some(current) = &mut self.current {
            current.status = Some(head.status());
        }
        let idle_millis_max = core.limits(self.listener).tunnel_idle_millis_max;
        let tunnelling = Tunnelling::new(tunnel, idle_millis_max);
        self.busy().work = Work::Tunnel(Box::new(tunnelling));
    }

    /// The answer where a tunnel cannot be: the request is not read whole, or did not ask for one.
    fn not_tunnelled<H: Handler, R: Recorder>(&self, core: &Core<H, R>) -> Response {
        if !self.is_content_unread {
            return Response::new(Status::INTERNAL_SERVER_ERROR);
        }
        let limit = LimitError::ContentOctets.into();
        refusal_answer(&core.handler, &self.stream, limit, None)
    }

    /// Hands on what both ends have sent.
    pub(super) fn relay<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        let Some(busy) = &mut self.busy else {
            return Next::Keep;
        };
        let Busy {
            work: Work::Tunnel(tunnel),
            input,
            waker,
            ..
        } = &mut **busy
        else {
            return Next::Keep;
        };
        if !input.is_empty() {
            tunnel.take_early(std::mem::take(input));
        }
        let before = tunnel.octets();
        let mut client = End::new(
            &mut self.stream,
            Cell::from_mut(&mut self.is_readable),
            Cell::from_mut(&mut self.is_writable),
            self.is_read_closed,
        );
        let waker = waker.get_or_insert_with(|| cx.waker(token));
        let mut task = std::task::Context::from_waker(waker);
        let relayed = tunnel.relay(&mut client, buffer, &mut task);
        if tunnel.octets() != before {
            self.since = cx.now().millis;
        }
        match relayed {
            Relayed::Waiting => Next::Keep,
            Relayed::Enough => {
                self.go_on_later(cx, token);
                Next::Keep
            }
            Relayed::Over(end) => self.end_tunnel(core, end),
        }
    }

    /// How long both of its ends may be silent.
    pub(super) fn tunnel_idle_millis_max(&self) -> u64 {
        match self.busy.as_ref().map(|busy| &busy.work) {
            Some(Work::Tunnel(tunnel)) => tunnel.idle_millis_max,
            _ => u64::MAX,
        }
    }

    /// Ends the tunnel on both sides, and reports its exchange. What neither end has said is told as a reset: it must not look like the
    /// end that the other one would have said.
    pub(super) fn end_tunnel<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        end: TunnelEnd,
    ) -> Next {
        let work = match &mut self.busy {
            Some(busy) => std::mem::take(&mut busy.work),
            None => Work::None,
        };
        if let Work::Tunnel(tunnel) = work {
            let (from_client, to_client) = tunnel.octets();
            if let Some(current) = &mut self.current {
                current.request_octets += from_client;
                current.octets = to_client;
                current.is_complete = end.is_orderly();
            }
            tunnel.finish(end);
        }
        self.machine.end_tunnel(CloseReason::Tunnel(end));
        self.settle(core);
        core.report_finished(self);
        if end.is_orderly() {
            return Next::Close;
        }
        self.stream.cut();
        Next::Reset
    }
}
