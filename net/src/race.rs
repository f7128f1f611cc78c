//! The first of several addresses that takes a connection: Happy Eyeballs (RFC 8305).

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::{Address, Now, Outbound};

impl Outbound {
    /// Connects to the first address that takes the connection. The families of addresses take turns, beginning with that of the first one; whenever
    /// one has failed, or [`ATTEMPT_DELAY`] after it began, the next is tried beside it (RFC 8305 §4, §5). All together may
    /// take `wait_millis` where that is said.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), of the address that tells most; `AddrNotAvailable` where there is none.
    pub async fn connect_first(
        addresses: &[Address],
        wait_millis: Option<u64>,
    ) -> io::Result<Self> {
        match addresses {
            [] => Err(io::ErrorKind::AddrNotAvailable.into()),
            [only] => Self::connect(only, wait_millis).await,
            several => Race::new(several, wait_millis).await,
        }
    }
}

type Attempt<'a> = Pin<Box<dyn Future<Output = io::Result<Outbound>> + 'a>>;

/// Attempts that run beside one another. Those that lose are dropped, which closes them.
struct Race<'a> {
    waiting: VecDeque<&'a Address>,
    running: Vec<Attempt<'a>>,
    delay: Pin<Box<tokio::time::Sleep>>,
    /// When all have to be over.
    until: Option<u64>,
    error: Option<io::Error>,
}

impl<'a> Race<'a> {
    fn new(addresses: &'a [Address], wait_millis: Option<u64>) -> Self {
        Self {
            waiting: in_turns(addresses),
            running: Vec::new(),
            delay: Box::pin(tokio::time::sleep(ATTEMPT_DELAY)),
            until: wait_millis.map(|wait| Now::read().millis.saturating_add(wait)),
            error: None,
        }
    }

    /// Whether there was another to begin with.
    fn begin_next(&mut self) -> bool {
        let Some(address) = self.waiting.pop_front() else {
            return false;
        };
        let left = self
            .until
            .map(|until| until.saturating_sub(Now::read().millis));
        self.running
            .push(Box::pin(Outbound::connect(address, left)));
        self.delay
            .as_mut()
            .reset(tokio::time::Instant::now() + ATTEMPT_DELAY);
        true
    }

    /// Lets all go on: one that is connected, and whether one has failed.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> (Option<Outbound>, bool) {
        let (mut connected, mut has_failed) = (None, false);
        let error = &mut self.error;
        self.running.retain_mut(|attempt| {
            if connected.is_some() {
                return true;
            }
            match attempt.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(Ok(outbound)) => {
                    connected = Some(outbound);
                    false
                }
                Poll::Ready(Err(failed)) => {
                    has_failed = true;
                    if error.is_none() || !is_unreachable(&failed) {
                        *error = Some(failed);
                    }
                    false
                }
            }
        });
        (connected, has_failed)
    }
}

impl Future for Race<'_> {
    type Output = io::Result<Outbound>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let (connected, has_failed) = self.poll_running(cx);
            if let Some(outbound) = connected {
                return Poll::Ready(Ok(outbound));
            }
            if (has_failed || self.running.is_empty()) && self.begin_next() {
                continue;
            }
            if self.running.is_empty() {
                let error = self.error.take();
                return Poll::Ready(Err(
                    error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())
                ));
            }
            let is_due = !self.waiting.is_empty() && self.delay.as_mut().poll(cx).is_ready();
            if !is_due {
                return Poll::Pending;
            }
            self.begin_next();
        }
    }
}

/// Says of this machine's network more than of the server.
fn is_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable
    )
}

/// The families in turns, beginning with the first one's (RFC 8305 §4).
fn in_turns(addresses: &[Address]) -> VecDeque<&Address> {
    let is_6 = |address: &&Address| matches!(address, Address::Inet(inet) if inet.is_ipv6());
    let (mut six, mut others): (VecDeque<_>, VecDeque<_>) = addresses.iter().partition(is_6);
    let mut is_six = addresses.first().as_ref().is_some_and(is_6);
    let mut order = VecDeque::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        let (family, other) = match is_six {
            true => (&mut six, &mut others),
            false => (&mut others, &mut six),
        };
        order.extend(family.pop_front().or_else(|| other.pop_front()));
        is_six = !is_six;
    }
    order
}

/// How long one attempt has for itself before the next one begins (RFC 8305 §5, Connection Attempt Delay).
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let shown = |texts: &[&str]| {
            let addresses: Vec<Address> = texts.iter().map(|text| text.parse().unwrap()).collect();
            let order = in_turns(&addresses);
            let ports = order.iter().map(|address| address.port().unwrap());
            ports.collect::<Vec<_>>()
        };
        let all = [
            "[::1]:1",
            "[::1]:2",
            "127.0.0.1:3",
            "[::1]:4",
            "127.0.0.1:5",
        ];
        assert_eq!(shown(&all), [1, 3, 2, 5, 4]);
        assert_eq!(shown(&["127.0.0.1:1", "127.0.0.1:2", "[::1]:3"]), [1, 3, 2]);
        assert_eq!(shown(&["127.0.0.1:1", "127.0.0.1:2"]), [1, 2]);
        assert!(shown(&[]).is_empty());
    }
}
