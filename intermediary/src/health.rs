//! Whether a server may be asked, as far as what it answered tells.
//!
//! ```text
//!  Up ──failures_max failures in a row──▶ Out ──its time is over, and it is asked──▶ Trial
//!  ▲                                      ▲ ▲                                          │ │
//!  │                                      │ └────────────── failure, twice as long ────┘ │
//!  └──────────────────────── success, by slow start ────────────────────────────────────┘
//! ```
//!
//! Time is in milliseconds since any fixed moment. That the last server of a pool is never out is up to
//! [`crate::Balance`], which asks those that are out where there is no other.

use crate::balance::Standing;

/// When a server is out, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRules {
    /// Failures in a row.
    pub failures_max: u32,
    /// How long it is out the first time.
    pub out_millis: u64,
    /// How long at most, when it fails again and again.
    pub out_millis_max: u64,
    /// Over which time one that was out, or is new in its pool, comes to its full weight.
    pub slow_start_millis: u64,
    /// An answer whose head takes longer is a failure, however good it is; 0 is never.
    pub slow_answer_millis: u64,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            failures_max: 3,
            out_millis: 5_000,
            out_millis_max: 60_000,
            slow_start_millis: 10_000,
            slow_answer_millis: 0,
        }
    }
}

/// What one server showed so far.
#[derive(Clone, Debug)]
pub struct Health(State);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up {
        failures: u32,
        risen: Option<u64>,
    },
    Out {
        until: u64,
        out_millis: u64,
    },
    /// Whoever asked it may never tell how that ended: after `until` another may try.
    Trial {
        until: u64,
        out_millis: u64,
    },
}

/// What became of a server by what was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    Same,
    /// It went out.
    Out,
    /// It came in.
    In,
}

impl Health {
    /// A server that is trusted.
    #[must_use]
    pub fn new() -> Self {
        Self(State::Up {
            failures: 0,
            risen: None,
        })
    }

    /// A server that is new beside others: it comes to its weight by slow start.
    #[must_use]
    pub fn joining(now: u64) -> Self {
        Self(State::Up {
            failures: 0,
            risen: Some(now),
        })
    }

    /// It is asked: whoever asks one whose time is over makes the trial, and others wait for how that ends.
    #[inline]
    pub fn asked(&mut self, rules: &HealthRules, now: u64) {
        if let State::Out { until, out_millis } | State::Trial { until, out_millis } = self.0
            && now >= until
        {
            self.0 = State::Trial {
                until: now.saturating_add(rules.out_millis),
                out_millis,
            };
        }
    }

    /// It answered as it should.
    #[inline]
    pub fn succeeded(&mut self, now: u64) -> Turn {
        match &mut self.0 {
            State::Up { failures, .. } => {
                *failures = 0;
                Turn::Same
            }
            State::Out { .. } | State::Trial { .. } => {
                *self = Self::joining(now);
                Turn::In
            }
        }
    }

    /// It did not, or too slowly. What is told of one that is out was asked before, or for want of another.
    pub fn failed(&mut self, rules: &HealthRules, now: u64) -> Turn {
        let out = |out_millis: u64| State::Out {
            until: now.saturating_add(out_millis),
            out_millis,
        };
        let (state, turn) = match self.0 {
            State::Up { failures, risen } => match failures.saturating_add(1) {
                failures if failures < rules.failures_max => {
                    (State::Up { failures, risen }, Turn::Same)
                }
                _ => (out(rules.out_millis.min(rules.out_millis_max)), Turn::Out),
            },
            State::Trial { out_millis, .. } => {
                let longer = out_millis.saturating_mul(2).min(rules.out_millis_max);
                (out(longer), Turn::Same)
            }
            state @ State::Out { .. } => (state, Turn::Same),
        };
        self.0 = state;
        turn
    }

    /// Whether it is out, be it that its time is over.
    #[must_use]
    pub fn is_out(&self) -> bool {
        !matches!(self.0, State::Up { .. })
    }

    /// Whether it may be asked.
    #[must_use]
    pub fn standing(&self, now: u64) -> Standing {
        match self.0 {
            State::Up { .. } => Standing::Ready,
            State::Out { until, .. } | State::Trial { until, .. } if now >= until => {
                Standing::Ready
            }
            State::Out { .. } | State::Trial { .. } => Standing::Out,
        }
    }

    /// Its weight for the time being: at least 1 of what is not 0.
    #[must_use]
    pub fn weight(&self, rules: &HealthRules, full: u32, now: u64) -> u32 {
        let State::Up {
            risen: Some(risen), ..
        } = self.0
        else {
            return full;
        };
        let (since, whole) = (now.saturating_sub(risen), rules.slow_start_millis);
        if since >= whole {
            return full;
        }
        let share = u128::from(full) * u128::from(since) / u128::from(whole);
        u32::try_from(share).unwrap_or(full).max(full.min(1))
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: HealthRules = HealthRules {
        failures_max: 3,
        out_millis: 100,
        out_millis_max: 300,
        slow_start_millis: 1000,
        slow_answer_millis: 0,
    };

    fn out() -> Health {
        let mut health = Health::new();
        for expected in [Turn::Same, Turn::Same, Turn::Out] {
            assert_eq!(health.failed(&RULES, 0), expected);
        }
        health
    }

    #[test]
    fn failures_in_a_row_count() {
        let mut health = Health::new();
        for now in 0..10 {
            health.failed(&RULES, now);
            health.failed(&RULES, now);
            assert_eq!(health.succeeded(now), Turn::Same);
        }
        assert_eq!(health.standing(10), Standing::Ready);
        assert_eq!(out().standing(99), Standing::Out);
    }

    #[test]
    fn one_trial_is_made_at_a_time() {
        let mut health = out();
        assert_eq!(health.standing(100), Standing::Ready);
        health.asked(&RULES, 100);
        assert_eq!(health.standing(101), Standing::Out);
        health.asked(&RULES, 101);
        // Nobody told how it ended.
        assert_eq!(health.standing(199), Standing::Out);
        assert_eq!(health.standing(200), Standing::Ready);
        assert!(health.is_out());
        assert_eq!(health.succeeded(200), Turn::In);
        assert!(!health.is_out());
    }

    #[test]
    fn one_that_fails_again_is_out_for_longer() {
        let mut health = out();
        let mut now = 0;
        for wait in [100, 200, 300, 300] {
            now += wait;
            assert_eq!(health.standing(now - 1), Standing::Out, "{wait}");
            assert_eq!(health.standing(now), Standing::Ready, "{wait}");
            health.asked(&RULES, now);
            assert_eq!(health.failed(&RULES, now), Turn::Same, "it was out before");
        }
    }

    #[test]
    fn late_failures_of_one_that_is_out_do_not_prolong_it() {
        let mut health = out();
        health.failed(&RULES, 50);
        health.asked(&RULES, 50);
        assert_eq!(health.standing(100), Standing::Ready);
    }

    #[test]
    fn one_that_comes_back_rises_to_its_weight() {
        let mut health = out();
        assert_eq!(health.weight(&RULES, 10, 0), 10);
        health.asked(&RULES, 100);
        health.succeeded(100);
        // table
        for (now, expected) in [(100, 1), (150, 1), (600, 5), (1099, 9), (1100, 10)] {
            assert_eq!(health.weight(&RULES, 10, now), expected, "{now}");
        }
        assert_eq!(health.weight(&RULES, 0, 100), 0);
        // Each further success leaves that as it is.
        health.succeeded(600);
        assert_eq!(health.weight(&RULES, 10, 600), 5);
    }

    #[test]
    fn one_that_joins_others_rises_to_its_weight() {
        let health = Health::joining(100);
        assert_eq!(health.standing(100), Standing::Ready);
        assert_eq!(health.weight(&RULES, 10, 600), 5);
    }

    #[test]
    fn a_first_failure_can_be_enough_and_times_can_be_nothing() {
        let rules = HealthRules {
            failures_max: 0,
            out_millis: u64::MAX,
            out_millis_max: u64::MAX,
            slow_start_millis: 0,
            slow_answer_millis: 0,
        };
        let mut health = Health::new();
        assert_eq!(health.failed(&rules, 5), Turn::Out);
        assert_eq!(health.standing(u64::MAX - 1), Standing::Out);
        health.succeeded(6);
        assert_eq!(
            (health.standing(6), health.weight(&rules, 7, 6)),
            (Standing::Ready, 7)
        );
    }
}
