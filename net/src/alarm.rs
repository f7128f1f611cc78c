//! The one timer of the runtime that a reactor uses.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::Now;
use crate::clock::LAG_MILLIS;

/// Wakes the task at the deadline nearest in time, and touches the runtime's timer only when that changes.
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<u64>,
    epoch: Instant,
    epoch_millis: u64,
}

impl Alarm {
    pub(crate) fn new(now: Now) -> Self {
        Self {
            sleep: None,
            armed: None,
            epoch: Instant::now(),
            epoch_millis: now.millis,
        }
    }

    pub(crate) fn poll(
        &mut self,
        deadline: Option<u64>,
        now: Now,
        task: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        if deadline <= now.millis {
            return Poll::Ready(());
        }
        if self.armed == Some(deadline) {
            // It has not fired, since that is after the deadline, and it holds the task's waker.
            return Poll::Pending;
        }
        let wait = deadline
            .saturating_sub(self.epoch_millis)
            .saturating_add(LAG_MILLIS);
        let at = tokio::time::Instant::from_std(
            self.epoch
                .checked_add(Duration::from_millis(wait))
                .unwrap_or(self.epoch),
        );
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        sleep.as_mut().reset(at);
        let fired = sleep.as_mut().poll(task);
        self.armed = if fired.is_ready() {
            None
        } else {
            Some(deadline)
        };
        fired
    }
}
