//! How long a server takes to answer: quick to see that it became slow, slow to forget that.

/// A mean that is weighted by time, and jumps to what is above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    micros: u64,
    /// Milliseconds.
    at: u64,
}

/// After this time half of what is told is new.
const HALF_MILLIS: u64 = 5_000;

impl Latency {
    /// An answer took this long.
    pub fn took(&mut self, micros: u64, now: u64) {
        let held = u64::from(self.micros(now));
        let since = now.saturating_sub(self.at);
        self.micros = if self.micros == 0 || micros >= held {
            micros.max(1)
        } else {
            // At least a hundredth, so that many answers within a millisecond count.
            let share = u128::from(since.max(HALF_MILLIS / 100));
            let whole = share + u128::from(HALF_MILLIS);
            let new = u128::from(micros) * share + u128::from(held) * (whole - share);
            u64::try_from(new / whole).unwrap_or(u64::MAX).max(1)
        };
        self.at = now;
    }

    /// How long one takes; 0 where that is not known. It shrinks while nothing is told, so that one that was slow once is
    /// asked again.
    #[must_use]
    pub fn micros(&self, now: u64) -> u32 {
        let since = u128::from(now.saturating_sub(self.at));
        let left =
            u128::from(self.micros) * u128::from(HALF_MILLIS) / (u128::from(HALF_MILLIS) + since);
        let least = u128::from(self.micros.min(1));
        u32::try_from(left.max(least)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slower_counts_at_once_and_what_is_quicker_by_and_by() {
        let mut latency = Latency::default();
        assert_eq!(latency.micros(7), 0);
        latency.took(1000, 0);
        assert_eq!(latency.micros(0), 1000);
        latency.took(9000, 1);
        assert_eq!(latency.micros(1), 9000);
        latency.took(1000, 1);
        let soon = latency.micros(1);
        assert!((8000..9000).contains(&soon), "{soon}");
        for _ in 0..1000 {
            latency.took(1000, 1);
        }
        assert!(latency.micros(1) < 1100);
    }

    #[test]
    fn what_nobody_tells_is_forgotten_but_never_unknown_again() {
        let mut latency = Latency::default();
        latency.took(8000, 0);
        assert_eq!(latency.micros(HALF_MILLIS), 4000);
        assert_eq!(latency.micros(u64::MAX), 1);
        latency.took(0, 1);
        assert!(latency.micros(1) > 0);
        latency.took(u64::MAX, 2);
        assert_eq!(latency.micros(2), u32::MAX);
    }
}
