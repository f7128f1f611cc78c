//! Answers that are made meanwhile, and given when they are there.

use std::task::Poll;

use net::{Context, Now, Token};

use super::{Connection, Next, Work};
use crate::core::Core;
use crate::{Answer, Content, Handler, Recorder, Response};

impl Connection {
    /// Goes on with an answer that is being made. `None` when the turn may go on.
    pub(super) fn make_on<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        cx: &mut Context<'_>,
        token: Token,
    ) -> Option<Next> {
        let busy = self.busy.as_mut()?;
        let Work::Future(future) = &mut busy.work else {
            return None;
        };
        let waker = busy.waker.get_or_insert_with(|| cx.waker(token)).clone();
        if (self.is_read_closed || self.has_failed)
            && let Some(interims) = &busy.interims
        {
            interims.client_ended();
        }
        let polled = future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&waker));
        let interims = busy.interims.clone();
        if let Some(interims) = &interims {
            interims.await_more(&waker);
            self.submit_interims(core, interims);
        }
        if let Poll::Ready(response) = polled {
            self.made(core, response);
        } else {
            if self.is_content_awaited() && self.machine.is_continue_expected() {
                self.submit_continue(core);
            }
            if core.outbox.is_empty() {
                return None;
            }
        }
        match self.flush(core, cx, token) {
            Next::Keep => None,
            next => Some(next),
        }
    }

    /// An answer is there.
    fn made<H: Handler, R: Recorder>(&mut self, core: &mut Core<H, R>, response: Response) {
        let is_interleaved = self.is_interleaved(&response);
        let busy = self.busy();
        busy.work = Work::None;
        busy.interims = None;
        let is_socks = busy.socks.is_some();
        if !is_interleaved {
            busy.incoming = None;
        }
        // Date must not lie before what the future found at its time, such as Last-Modified (RFC 9110 §8.8.2.1).
        core.refresh(Now::read());
        if is_socks {
            self.answer_socks(core, response);
        } else if is_interleaved {
            self.answer_at_once(core, response);
        } else {
            self.answer(core, Answer::Ready(response));
        }
    }

    /// Whether the rest of the request's content goes where the answer's comes from. Not where the client still waits to be asked for it.
    fn is_interleaved(&self, response: &Response) -> bool {
        let Content::Stream(streamed) = &response.content else {
            return false;
        };
        streamed.source.takes_content()
            && self.machine.is_in_content()
            && !self.machine.is_continue_expected()
    }
}
