//! What a connection waits for, for how long, and what happens then.

use net::{Context, Token};
use semantics::{CloseReason, LimitError, Limits, OwnedRequest, TunnelEnd};

use super::{Connection, Next, Phase};
use crate::core::Core;
use crate::serve::refusal_answer;
use crate::{Handler, Recorder};

impl Connection {
    /// Sets the deadline of what the connection waits for.
    #[inline]
    pub(super) fn arm(&mut self, cx: &mut Context<'_>, token: Token, limits: &Limits) {
        let now = cx.now().millis;
        let phase = self.phase_now();
        let requests = self.machine.requests();
        if phase != self.phase || phase == Phase::Idle || requests != self.requests {
            self.phase = phase;
            self.requests = requests;
            self.begin_window(now);
        }
        let wait = match phase {
            Phase::Idle => limits.idle_millis_max,
            Phase::Head => limits.head_millis_max,
            Phase::Content | Phase::Transmit => limits.rate_grace_millis,
            Phase::Linger => limits.linger_silence_millis_max,
            Phase::Tunnel => self.tunnel_idle_millis_max(),
            Phase::Answer => {
                self.due = u64::MAX;
                return;
            }
        };
        self.due = self.since.saturating_add(wait);
        if let Some(lingering) = self.busy.as_ref().and_then(|busy| busy.lingering) {
            self.due = self.due.min(lingering.until);
        }
        self.set_timer(cx, token);
    }

    /// Lets the connection be looked at when it is due, or before.
    #[inline]
    pub(super) fn set_timer(&mut self, cx: &mut Context<'_>, token: Token) {
        let at = self
            .due
            .min(cx.now().millis.saturating_add(TIMER_MILLIS_MAX));
        if at < self.timer {
            self.timer = at;
            cx.schedule(token, at);
        }
    }

    #[inline]
    pub(super) fn phase_now(&self) -> Phase {
        if let Some(busy) = &self.busy {
            if busy.lingering.is_some() {
                return Phase::Linger;
            }
            if busy.warming.is_some() {
                return Phase::Answer;
            }
            if !busy.outbox.is_empty() {
                return Phase::Transmit;
            }
            if self.is_tunnel() {
                return Phase::Tunnel;
            }
            if !self.may_read() {
                return Phase::Answer;
            }
        }
        if self.machine.is_continue_expected() {
            // The client is right to wait until the handler wants its content (RFC 9110 §10.1.1).
            Phase::Answer
        } else if self.machine.is_in_content() {
            Phase::Content
        } else if self.machine.is_in_head() || self.machine.requests() == 0 {
            Phase::Head
        } else {
            Phase::Idle
        }
    }

    /// A timer fired.
    pub(crate) fn expired<H: Handler, R: Recorder>(
        &mut self,
        core: &mut Core<H, R>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        let now = cx.now().millis;
        if now < self.timer {
            // One that was overtaken by an earlier one.
            return Next::Keep;
        }
        self.timer = u64::MAX;
        if now < self.due {
            if self.due < u64::MAX {
                self.set_timer(cx, token);
            }
            return Next::Keep;
        }
        let limits = core.limits(self.listener);
        let seconds = limits.rate_grace_millis.div_ceil(1000);
        let content_octets_min = limits.receive_octets_per_second_min.saturating_mul(seconds);
        let taken_octets_min = limits
            .transmit_octets_per_second_min
            .saturating_mul(seconds);
        let refusal = match self.phase {
            Phase::Idle | Phase::Linger => return Next::Close,
            // Nothing was asked, so there is nobody to tell.
            Phase::Head if !self.machine.is_in_head() => return Next::Close,
            Phase::Head => LimitError::HeadTime,
            Phase::Content if self.moved_octets >= content_octets_min => {
                return self.renew(cx, token, core.limits(self.listener));
            }
            Phase::Content => LimitError::ReceiveRate,
            Phase::Transmit if self.taken_octets() >= taken_octets_min => {
                return self.renew(cx, token, core.limits(self.listener));
            }
            Phase::Transmit => {
                self.abandon(core, CloseReason::TransmitRate);
                return Next::Reset;
            }
            Phase::Answer => return Next::Keep,
            Phase::Tunnel => return self.end_tunnel(core, TunnelEnd::Idle),
        };
        self.refuse(refusal, core, buffer, cx, token)
    }

    /// Refuses whatever is under way, for a limit that the machine does not see itself, and goes on to close.
    pub(crate) fn refuse<H: Handler, R: Recorder>(
        &mut self,
        limit: LimitError,
        core: &mut Core<H, R>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
        token: Token,
    ) -> Next {
        self.machine.refuse(limit.into());
        let begun = match limit {
            LimitError::HeadTime => self.machine.begun_head(),
            _ => None,
        };
        if let Some(begun) = begun.filter(|_| core.is_recording) {
            self.current = Some(core.captures.begin(begun, core.unix_millis));
        }
        let held = self.busy.as_ref().and_then(|busy| busy.head.as_ref());
        let known = held.map(OwnedRequest::head).or(begun);
        let response = refusal_answer(&core.handler, &self.stream, limit.into(), known);
        self.refused(core, response);
        // Before anything else: what is submitted and not transmitted would be the next connection's.
        match self.flush(core, cx, token) {
            Next::Keep => self.turn(core, buffer, cx, token),
            next => next,
        }
    }

    /// The slowest rate was kept: begins a further window of time for it.
    pub(super) fn renew(&mut self, cx: &mut Context<'_>, token: Token, limits: &Limits) -> Next {
        self.begin_window(cx.now().millis);
        self.arm(cx, token, limits);
        Next::Keep
    }

    #[inline]
    pub(super) fn begin_window(&mut self, now: u64) {
        self.since = now;
        self.moved_octets = 0;
        if self.phase == Phase::Transmit {
            let octets = self.unacknowledged_octets();
            self.busy().unacknowledged_octets = octets;
        }
    }

    /// Octets that the client took in this window. The transport takes them in bursts, far apart where the client is
    /// slow, so those that it gets rid of count.
    pub(super) fn taken_octets(&self) -> u64 {
        let before = self
            .busy
            .as_ref()
            .map_or(0, |busy| busy.unacknowledged_octets);
        (self.moved_octets + before).saturating_sub(self.unacknowledged_octets())
    }

    /// Where the system does not say, the transport counts for the client.
    pub(super) fn unacknowledged_octets(&self) -> u64 {
        self.stream
            .unsent_octets()
            .map_or(0, |octets| octets as u64)
    }
}

/// No timer is set further away: it outlives its connection, so clients that come and go would leave one behind each
/// for as long as an idle connection may last.
const TIMER_MILLIS_MAX: u64 = 15_000;
