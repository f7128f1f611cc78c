//! Whether a server is left alone for a while: unlike [`crate::Health`], also where it is the last.
//!
//! ```text
//!  Closed ──too many failures──▶ Open ──its time is over, and it is asked──▶ HalfOpen
//!    ▲                            ▲                                              │
//!    │                            └────────────────── failure ───────────────────┤
//!    └─────────────────────────────────────────────── success ───────────────────┘
//! ```
//!
//! Time is in milliseconds since any fixed moment.

use crate::health::Turn;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// So many failures in a row open it; 0 is never.
    pub failures_max: u32,
    /// So many of a hundred requests within the window open it; 0 is never.
    pub failures_percent: u32,
    /// Fewer requests than this within the window tell nothing.
    pub requests_min: u32,
    /// How long requests are counted until the count begins anew.
    pub window_millis: u64,
    /// How long it is open until one request is let through.
    pub open_millis: u64,
}

/// The breaker of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    in_row: u32,
    window: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: u64,
    },
    /// One request is under way. If nobody tells how it ended, another may be let through after `until`.
    HalfOpen {
        until: u64,
    },
}

/// What was counted since a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Window {
    since: u64,
    requests: u32,
    failures: u32,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(now: u64) -> Self {
        Self {
            state: State::Closed,
            in_row: 0,
            window: Window::at(now),
        }
    }

    /// Whether the server may be asked.
    #[must_use]
    pub fn may_ask(&self, now: u64) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } | State::HalfOpen { until } => now >= until,
        }
    }

    /// Whether it is open, be it that a trial is due.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// The server is asked: if the breaker is open, that is the trial.
    pub fn asked(&mut self, rules: &BreakerRules, now: u64) {
        if self.is_open() && self.may_ask(now) {
            self.state = State::HalfOpen {
                until: now.saturating_add(rules.open_millis),
            };
        }
    }

    /// It answered as it should.
    pub fn succeeded(&mut self, rules: &BreakerRules, now: u64) -> Turn {
        self.in_row = 0;
        match self.state {
            State::Closed => {
                self.window.count(rules, now, 0);
                Turn::Same
            }
            State::Open { .. } | State::HalfOpen { .. } => {
                *self = Self::new(now);
                Turn::In
            }
        }
    }

    /// It did not. What is told while it is open was asked before.
    pub fn failed(&mut self, rules: &BreakerRules, now: u64) -> Turn {
        self.in_row = self.in_row.saturating_add(1);
        let until = now.saturating_add(rules.open_millis);
        match self.state {
            State::Open { .. } => Turn::Same,
            State::HalfOpen { .. } => {
                self.state = State::Open { until };
                Turn::Same
            }
            State::Closed => {
                self.window.count(rules, now, 1);
                let are_in_row = rules.failures_max > 0 && self.in_row >= rules.failures_max;
                if !are_in_row && !self.window.is_bad(rules) {
                    return Turn::Same;
                }
                self.state = State::Open { until };
                Turn::Out
            }
        }
    }
}

impl Window {
    fn at(now: u64) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }

    fn count(&mut self, rules: &BreakerRules, now: u64, failures: u32) {
        if now.saturating_sub(self.since) >= rules.window_millis {
            *self = Self::at(now);
        }
        self.requests = self.requests.saturating_add(1);
        self.failures = self.failures.saturating_add(failures);
    }

    fn is_bad(&self, rules: &BreakerRules) -> bool {
        let (failures, requests) = (u64::from(self.failures), u64::from(self.requests));
        rules.failures_percent > 0
            && self.requests >= rules.requests_min.max(1)
            && failures * 100 >= requests * u64::from(rules.failures_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BreakerRules = BreakerRules {
        failures_max: 3,
        failures_percent: 50,
        requests_min: 10,
        window_millis: 1000,
        open_millis: 100,
    };

    fn open() -> Breaker {
        let mut breaker = Breaker::new(0);
        for expected in [Turn::Same, Turn::Same, Turn::Out] {
            assert_eq!(breaker.failed(&RULES, 0), expected);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let mut breaker = Breaker::new(0);
        for _ in 0..3 {
            breaker.failed(&RULES, 0);
            breaker.failed(&RULES, 0);
            assert_eq!(breaker.succeeded(&RULES, 0), Turn::Same);
        }
        assert!(breaker.may_ask(0));
        assert!(!open().may_ask(99));
    }

    #[test]
    fn a_share_of_failures_opens_it_once_there_are_enough_requests() {
        let mut breaker = Breaker::new(0);
        for _ in 0..4 {
            assert_eq!(breaker.failed(&RULES, 0), Turn::Same);
            breaker.succeeded(&RULES, 0);
        }
        assert_eq!(breaker.failed(&RULES, 0), Turn::Same, "9 requests");
        assert_eq!(breaker.failed(&RULES, 0), Turn::Out, "6 of 10");
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let mut breaker = Breaker::new(0);
        for _ in 0..5 {
            breaker.succeeded(&RULES, 0);
        }
        for _ in 0..4 {
            breaker.failed(&RULES, 0);
            breaker.in_row = 0;
        }
        assert_eq!(
            breaker.failed(&RULES, 1000),
            Turn::Same,
            "the first of a new window"
        );
    }

    #[test]
    fn one_trial_is_let_through_at_a_time_and_decides() {
        let mut breaker = open();
        assert!(breaker.may_ask(100));
        breaker.asked(&RULES, 100);
        assert!(!breaker.may_ask(150), "a trial is under way");
        assert!(breaker.may_ask(200), "nobody told how it ended");
        assert_eq!(breaker.failed(&RULES, 110), Turn::Same);
        assert!(!breaker.may_ask(209));
        breaker.asked(&RULES, 210);
        assert_eq!(breaker.succeeded(&RULES, 215), Turn::In);
        assert!(breaker.may_ask(215) && !breaker.is_open());
    }

    #[test]
    fn late_failures_do_not_prolong_it() {
        let mut breaker = open();
        assert_eq!(breaker.failed(&RULES, 50), Turn::Same);
        assert!(breaker.may_ask(100));
    }

    #[test]
    fn what_is_off_opens_nothing() {
        let rules = BreakerRules {
            failures_max: 0,
            failures_percent: 0,
            ..RULES
        };
        let mut breaker = Breaker::new(0);
        for _ in 0..1000 {
            assert_eq!(breaker.failed(&rules, 0), Turn::Same);
        }
    }
}
