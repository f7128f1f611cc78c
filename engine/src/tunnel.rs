//! Tunnels: what a connection becomes when its use of HTTP has ended (RFC 9110 §7.8, §9.3.6).
//!
//! ```text
//!  client ◀──Flow── Tunnel ◀── server       each direction ends by itself; the tunnel
//!         ──Flow──▶        ──▶              when both have, or when an end fails
//! ```
//!
//! A handler answers [`Content::Tunnel`](crate::Content::Tunnel) with the head that says so. The connection transmits that head, hands over what
//! the client sent behind its request, and relays until the tunnel's end. It is *not* bound to a server of HTTP: what the other end speaks is not looked at.

use std::fmt;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use net::{End, Flow, FlowError, Flowed, Outbound, Stopwatch};
use semantics::TunnelEnd;

/// The other end of a tunnel, and how it is kept.
pub struct Tunnel(Box<Inner>);

struct Inner {
    outbound: Outbound,
    received: Bytes,
    idle_millis_max: Option<u64>,
    ending: Ending,
}

/// What became of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnelled {
    /// Octets handed on from the client.
    pub from_client: u64,
    /// Octets handed on to the client.
    pub to_client: u64,
    /// From the head that opened it to its end.
    pub duration: Duration,
    /// Why it ended.
    pub end: TunnelEnd,
}

impl Tunnel {
    /// A tunnel to a connection that we made. `received` came from there already, as behind the head that opened the tunnel: see
    /// [`Line::into_tunnel`](crate::outbound::Line::into_tunnel).
    pub fn new(mut outbound: Outbound, received: Bytes) -> Self {
        outbound.limit_wait(None);
        Self(Box::new(Inner {
            outbound,
            received,
            idle_millis_max: None,
            ending: Ending(None),
        }))
    }

    /// Lets it end after that much silence in both directions, instead of what the limits of the listener say
    /// (`tunnel_idle_millis_max`).
    #[must_use]
    pub fn with_idle_limit(mut self, millis: u64) -> Self {
        self.0.idle_millis_max = Some(millis);
        self
    }

    /// Tells what became of it, on the worker's thread; also when it could not be opened ([`TunnelEnd::NotOpened`]).
    #[must_use]
    pub fn with_end(mut self, ending: impl FnOnce(Tunnelled) + 'static) -> Self {
        self.0.ending = Ending(Some(Box::new(ending)));
        self
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("outbound", &self.0.outbound)
            .field("received", &self.0.received.len())
            .field("idle_millis_max", &self.0.idle_millis_max)
            .finish_non_exhaustive()
    }
}

/// Whoever is told of the end, once, whatever happens.
struct Ending(Option<Box<dyn FnOnce(Tunnelled)>>);

impl Ending {
    fn tell(&mut self, tunnelled: Tunnelled) {
        if let Some(ending) = self.0.take() {
            ending(tunnelled);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tell(Tunnelled {
            from_client: 0,
            to_client: 0,
            duration: Duration::ZERO,
            end: TunnelEnd::NotOpened,
        });
    }
}

/// A tunnel that is open.
pub(crate) struct Tunnelling {
    outbound: Outbound,
    /// From the client.
    inward: Flow,
    /// To the client.
    outward: Flow,
    pub(crate) idle_millis_max: u64,
    opened: Stopwatch,
    /// Who ended its side first.
    first: Option<TunnelEnd>,
    /// Who takes no more: what it has sent before is still handed on.
    broken: Option<TunnelEnd>,
    ending: Ending,
}

/// What a turn of a tunnel came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relayed {
    /// It goes on when something changes.
    Waiting,
    /// It goes on when others had their turn.
    Enough,
    /// It is over.
    Over(TunnelEnd),
}

impl Tunnelling {
    /// Opens a tunnel.
    pub(crate) fn new(tunnel: Tunnel, idle_millis_max: u64) -> Self {
        let tunnel = *tunnel.0;
        Self {
            outbound: tunnel.outbound,
            inward: Flow::default(),
            outward: Flow::with(tunnel.received.into()),
            idle_millis_max: tunnel.idle_millis_max.unwrap_or(idle_millis_max),
            opened: Stopwatch::start(),
            first: None,
            broken: None,
            ending: tunnel.ending,
        }
    }

    /// The client has sent this before the tunnel was open.
    pub(crate) fn take_early(&mut self, octets: Bytes) {
        self.inward = Flow::with(octets.into());
    }

    /// Octets handed on from the client, and to it.
    pub(crate) fn octets(&self) -> (u64, u64) {
        (self.inward.octets(), self.outward.octets())
    }

    /// Relays what can be relayed at once.
    pub(crate) fn relay(
        &mut self,
        client: &mut End<'_>,
        buffer: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Relayed {
        let mut server = self.outbound.end();
        let outward = self.outward.advance(&mut server, client, buffer);
        let inward = self.inward.advance(client, &mut server, buffer);
        if self.inward.has_source_ended() {
            self.first.get_or_insert(TunnelEnd::Client);
        }
        if self.outward.has_source_ended() {
            self.first.get_or_insert(TunnelEnd::Server);
        }
        // A direction whose source fails has handed on all that came before: the failure is handed on too.
        let (outward, inward) = match (outward, inward) {
            (Err(FlowError::Source(_)), _) => return Relayed::Over(TunnelEnd::ServerFailed),
            (_, Err(FlowError::Source(_))) => return Relayed::Over(TunnelEnd::ClientFailed),
            (outward, inward) => {
                // A peer that takes no more may have closed behind octets that have not been read.
                if outward.is_err() {
                    self.outward.give_up();
                    self.broken.get_or_insert(TunnelEnd::ClientFailed);
                }
                if inward.is_err() {
                    self.inward.give_up();
                    self.broken.get_or_insert(TunnelEnd::ServerFailed);
                }
                let ended = Flowed::Ended;
                (outward.unwrap_or(ended), inward.unwrap_or(ended))
            }
        };
        if outward == Flowed::Ended && inward == Flowed::Ended {
            let end = self.broken.or(self.first);
            return Relayed::Over(end.unwrap_or(TunnelEnd::Server));
        }
        if outward == Flowed::Enough || inward == Flowed::Enough {
            return Relayed::Enough;
        }
        self.outbound.await_change(cx);
        Relayed::Waiting
    }

    /// Closes the other end as `end` asks for, and tells whoever wants to know.
    pub(crate) fn finish(mut self, end: TunnelEnd) {
        self.ending.tell(Tunnelled {
            from_client: self.inward.octets(),
            to_client: self.outward.octets(),
            duration: self.opened.elapsed(),
            end,
        });
        match end.is_orderly() {
            true => self.outbound.close(),
            false => self.outbound.reset(),
        }
    }
}
