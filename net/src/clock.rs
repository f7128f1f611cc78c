//! The time of a batch.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::batch;

/// The time as read once for a batch of events; coarse to a few milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic milliseconds since an unspecified start.
    pub millis: u64,
    /// Seconds since 1970.
    pub unix_seconds: u64,
    /// Milliseconds since 1970.
    pub unix_millis: u64,
}

impl Now {
    /// Reads the clocks of the system. Inside a [`Service`](crate::Service) ask [`Context::now`](crate::Context::now) instead.
    #[must_use]
    pub fn read() -> Self {
        let (seconds, millis) = read(MONOTONIC);
        let (unix_seconds, unix_rest) = read(REALTIME);
        Self {
            millis: seconds.saturating_mul(1000).saturating_add(millis),
            unix_seconds,
            unix_millis: unix_seconds.saturating_mul(1000).saturating_add(unix_rest),
        }
    }

    /// The time of the batch that this thread's worker is at, which costs no look at the clocks; elsewhere as [`read`](Self::read).
    #[inline]
    #[must_use]
    pub fn of_batch() -> Self {
        batch::now().unwrap_or_else(Self::read)
    }
}

/// Measures how long something takes, exactly and not once a batch.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since it began.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

fn read(id: ClockId) -> (u64, u64) {
    let time = clock_gettime(id);
    (
        u64::try_from(time.tv_sec).unwrap_or(0),
        u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000,
    )
}

/// The coarse clocks lag behind the exact ones by up to this long (one scheduler tick at 100 Hz).
pub(crate) const LAG_MILLIS: u64 = 10;

#[cfg(target_os = "linux")]
const MONOTONIC: ClockId = ClockId::MonotonicCoarse;
#[cfg(target_os = "linux")]
const REALTIME: ClockId = ClockId::RealtimeCoarse;
#[cfg(not(target_os = "linux"))]
const MONOTONIC: ClockId = ClockId::Monotonic;
#[cfg(not(target_os = "linux"))]
const REALTIME: ClockId = ClockId::Realtime;
