//! A connection whose client speaks SOCKS5 until it has a tunnel.

use http1::Server;
use net::{Context, Token};
use semantics::{Anomalies, PeerError, Status};

use super::Connection;
use crate::core::Core;
use crate::socks::{Socks, Step, reply, reply_to};
use crate::{Answer, Content, Handler, Recorder, Response};

impl Connection {
    /// Whether what comes is not for the machine.
    pub(crate) fn is_in_socks(&self) -> bool {
        let socks = self.busy.as_ref().and_then(|busy| busy.socks.as_ref());
        socks.is_some_and(|socks| !socks.is_asked())
    }

    /// What the machine refused is the beginning of SOCKS.
    #[cold]
    pub(crate) fn begin_socks<H: Handler, R: Recorder>(&mut self, core: &Core<H, R>) {
        if let Some(method) = core.handler.socks(self.listener) {
            self.machine = Server::new();
            self.busy().socks = Some(Box::new(Socks::new(method)));
        }
    }

    /// Goes on with the conversation; gives how many octets are left, which are the tunnel's.
    #[cold]
    pub(crate) fn converse<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        cx: &mut Context<'_>,
        token: Token,
        octets: &[u8],
    ) -> usize {
        let socks = self.busy.as_mut().and_then(|busy| busy.socks.as_mut());
        let Some(socks) = socks else { return 0 };
        match socks.receive(octets, core.outbox.framing()) {
            Step::More => 0,
            Step::Over => {
                let refusal = PeerError::Syntax(Anomalies::METHOD_NOT_TOKEN).into();
                self.machine.refuse(refusal);
                self.refused(core, Response::new(Status::BAD_REQUEST));
                0
            }
            Step::Asks { head, left } => {
                // There is one tunnel and nothing else.
                self.is_leaving = true;
                let framed_octets = core.outbox.framing_octets().len();
                self.process(core, cx, token, &head);
                let answer = core.outbox.framing_octets().get(framed_octets..);
                let code = answer.filter(|answer| !answer.is_empty()).map(code_of);
                if let Some(code) = code {
                    core.outbox.framing().truncate(framed_octets);
                    reply(code, core.outbox.framing());
                }
                left
            }
        }
    }

    /// Gives an answer in the words of SOCKS.
    #[cold]
    pub(super) fn answer_socks<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        mut response: Response,
    ) {
        let code = reply_to(&response.head);
        if !matches!(response.content, Content::Tunnel(_)) {
            response.content = Content::Empty;
        }
        let framed_octets = core.outbox.framing_octets().len();
        self.answer(core, Answer::Ready(response));
        core.outbox.framing().truncate(framed_octets);
        reply(code, core.outbox.framing());
    }
}

/// The reply for an answer that was given at once, by its status line.
fn code_of(answer: &[u8]) -> u8 {
    let digits = answer
        .get(9..12)
        .and_then(|code| std::str::from_utf8(code).ok());
    let code = digits.and_then(|code| code.parse().ok());
    let status = code.and_then(Status::new);
    reply_to(&semantics::ResponseHead::new(
        status.unwrap_or(Status::BAD_REQUEST),
    ))
}
