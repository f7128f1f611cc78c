//! Accepting without starving others, also when descriptors run out.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;

use crate::listen::Listener;
use crate::proxied::Expected;
use crate::stream::accept;
use crate::tell::tell;
use crate::{Context, Service};

#[derive(Debug)]
pub(crate) struct Accepting {
    /// By which the service knows it.
    pub(crate) id: usize,
    pub(crate) listener: Listener,
    pub(crate) queue: Queue,
    /// When it is closed, in [`Now::millis`](crate::Now::millis); nobody comes any more. `None` while it stays.
    pub(crate) closes_at: Option<u64>,
    /// Held until the service has no connection of it, so that nobody else gets its number.
    pub(crate) held: Arc<()>,
}

/// What is known of the connections that wait at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// None waits: an event will tell.
    Empty,
    /// Some may wait: ask without an event.
    Unknown,
    /// Some wait, but the system has no room before that time.
    Blocked(u64),
}

pub(crate) fn accept_some<S: Service>(
    index: usize,
    listener: &Listener,
    spare: &mut Option<OwnedFd>,
    cx: &mut Context<'_>,
    service: &mut S,
    count: &mut usize,
) -> Queue {
    for _ in 0..ACCEPTS_PER_TURN {
        match accept(listener.as_fd(), listener.kind) {
            Ok((stream, peer)) => {
                *count += 1;
                let expected = match &listener.proxied {
                    None => Expected::NoHeader,
                    Some(rules) => rules.expects(peer),
                };
                let stream = match (expected, &listener.tls) {
                    (Expected::NoHeader, None) => stream,
                    (Expected::NoHeader, Some(tls)) => stream.with_tls(Arc::clone(tls)),
                    (Expected::Header, tls) => stream.with_prelude(tls.clone()),
                    (Expected::Nothing, _) => {
                        tell(format!(
                            "a connection of {peer} was closed: the listener is for those that trusted_gateways names"
                        ));
                        continue;
                    }
                };
                service.accepted(cx, index, stream, peer);
            }
            Err(Errno::AGAIN) => return Queue::Empty,
            Err(Errno::MFILE | Errno::NFILE) => match refuse_one(listener, spare) {
                Ok(()) => {
                    *count += 1;
                    cx.state.counters.refused += 1;
                }
                // The system looks for a descriptor before it looks for a connection.
                Err(Errno::AGAIN) => return Queue::Empty,
                Err(_) => return Queue::Blocked(cx.state.now.millis + BLOCKED_MILLIS),
            },
            Err(Errno::NOBUFS | Errno::NOMEM) => {
                return Queue::Blocked(cx.state.now.millis + BLOCKED_MILLIS);
            }
            // The error of one connection that has failed since (Linux accept(2)), or an interruption.
            Err(_) => {}
        }
    }
    Queue::Unknown
}

/// Accepts and closes one connection by giving up the spare descriptor for a moment. Without it the connection would wait for as
/// long as others last, and a peer could not tell that from a dead server.
fn refuse_one(listener: &Listener, spare: &mut Option<OwnedFd>) -> Result<(), Errno> {
    let had_spare = spare.take().is_some();
    let accepted = if had_spare {
        accept(listener.as_fd(), listener.kind)
    } else {
        Err(Errno::MFILE)
    };
    let accepted = accepted.map(drop);
    *spare = self::spare();
    accepted
}

pub(crate) fn spare() -> Option<OwnedFd> {
    std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
}

/// Connections accepted from one listener before others get their turn.
pub(crate) const ACCEPTS_PER_TURN: usize = 256;
/// How long accepting rests when the system has no room.
const BLOCKED_MILLIS: u64 = 100;
