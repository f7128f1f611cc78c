//! What goes out: in the turn in which it was submitted, and what that leaves in later ones.

use std::io::ErrorKind;

use net::{Context, Token};
use semantics::{CloseReason, Outbox};

use super::{Connection, Next};
use crate::core::Core;
use crate::transmit::{self, Sent};
use crate::{Handler, Recorder};

impl Connection {
    /// Hands what was submitted in this turn to the transport.
    #[inline]
    pub(crate) fn flush<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        core.has_file = false;
        if let Some(octets) = core.outbox.only_framing() {
            if octets.is_empty() {
                core.report_finished(self);
                return Next::Keep;
            }
            match self.stream.try_transmit(octets, net::More::No) {
                Ok(sent) if sent == octets.len() => {
                    core.outbox.clear();
                    core.report_finished(self);
                    return Next::Keep;
                }
                Ok(sent) => core.outbox.drop_framing(sent),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return self.transport_failed(core),
            }
        }
        let sent = transmit::transmit(&mut self.stream, &mut core.outbox, &mut self.moved_octets);
        if matches!(sent, Sent::All) {
            core.report_finished(self);
            return Next::Keep;
        }
        let rest = transmit::split_rest(&mut core.outbox);
        let finished = core.take_finished();
        let busy = self.busy();
        busy.outbox = rest;
        busy.finished.extend(finished);
        self.after_sent(sent, core, cx, token)
    }

    /// Goes on transmitting what earlier turns left.
    pub(super) fn transmit_queued<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        let Some(busy) = &mut self.busy else {
            return Next::Keep;
        };
        if let Some(warming) = &mut busy.warming {
            let waker = busy.waker.get_or_insert_with(|| cx.waker(token)).clone();
            if warming
                .as_mut()
                .poll(&mut std::task::Context::from_waker(&waker))
                .is_pending()
            {
                return Next::Keep;
            }
            busy.warming = None;
            transmit::mark_resident(&mut busy.outbox);
        }
        if !self.is_writable {
            return Next::Keep;
        }
        let sent = transmit::transmit(&mut self.stream, &mut busy.outbox, &mut self.moved_octets);
        if matches!(sent, Sent::All) {
            busy.outbox = Outbox::default();
            let finished = std::mem::take(&mut busy.finished);
            core.finished.extend(finished);
            core.report_finished(self);
            return Next::Keep;
        }
        self.after_sent(sent, core, cx, token)
    }

    fn after_sent<H: Handler, R: Recorder>(
        &mut self,
        sent: Sent,
        core: &mut Core<H, R>,
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        match sent {
            Sent::All => Next::Keep,
            Sent::Blocked => {
                self.is_writable = false;
                Next::Keep
            }
            Sent::Enough => {
                self.go_on_later(cx, token);
                Next::Keep
            }
            Sent::Cold(part) => match part.file.try_clone() {
                Ok(file) => {
                    let warming = net::blocking(move || {
                        // Errors are met again, and told, by who transmits.
                        let _ = net::warm(&file, part.offset, part.octets);
                    });
                    let busy = self.busy();
                    busy.warming = Some(Box::pin(warming));
                    // The waker is registered by polling.
                    self.transmit_queued(core, cx, token)
                }
                Err(_) => {
                    transmit::mark_resident(&mut self.busy().outbox);
                    self.transmit_queued(core, cx, token)
                }
            },
            Sent::Shrunk => {
                self.abandon(core, CloseReason::AnswerIncomplete);
                Next::Close
            }
            Sent::Failed => self.transport_failed(core),
        }
    }

    /// Lets others have their turn before this one goes on.
    pub(super) fn go_on_later(&mut self, cx: &Context<'_>, token: Token) {
        self.busy()
            .waker
            .get_or_insert_with(|| cx.waker(token))
            .wake_by_ref();
    }

    pub(super) fn transport_failed<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
    ) -> Next {
        self.abandon(core, CloseReason::TransportError);
        Next::Close
    }
}
