//! How many requests may be sent again: when all servers fail, trying each request twice would only double the load.

/// What is left for sending again. Each request adds a share of a try, and so does time; each further try takes one.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    rules: BudgetRules,
    /// Thousandths of a try.
    left: u64,
    at: u64,
}

/// How a budget grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetRules {
    /// Further tries for a thousand requests.
    pub permille: u32,
    /// Further tries that are there each second however few requests come.
    pub per_second: u32,
    /// The most that is saved up.
    pub tries_max: u32,
}

impl Default for BudgetRules {
    fn default() -> Self {
        Self {
            permille: 200,
            per_second: 10,
            tries_max: 100,
        }
    }
}

const TRY: u64 = 1000;

impl Budget {
    /// A full one. Time is in milliseconds since any fixed moment.
    #[must_use]
    pub fn new(rules: BudgetRules, now: u64) -> Self {
        Self {
            rules,
            left: u64::from(rules.tries_max) * TRY,
            at: now,
        }
    }

    /// A request came.
    #[inline]
    pub fn requested(&mut self) {
        self.add(u64::from(self.rules.permille));
    }

    /// Whether one may be sent again; if so, it is counted.
    pub fn take(&mut self, now: u64) -> bool {
        let since = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        // So many a second are so many thousandths a millisecond.
        self.add(since.saturating_mul(u64::from(self.rules.per_second)));
        let left = self.left.checked_sub(TRY);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    fn add(&mut self, thousandths: u64) {
        let most = u64::from(self.rules.tries_max) * TRY;
        self.left = self.left.saturating_add(thousandths).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many may be sent again at once.
    fn drain(budget: &mut Budget, now: u64) -> usize {
        (0..1000).take_while(|_| budget.take(now)).count()
    }

    #[test]
    fn requests_and_time_add_to_it_up_to_its_most() {
        let rules = BudgetRules {
            permille: 200,
            per_second: 10,
            tries_max: 20,
        };
        let mut budget = Budget::new(rules, 50);
        assert_eq!(drain(&mut budget, 50), 20);
        for _ in 0..10 {
            budget.requested();
        }
        assert_eq!(drain(&mut budget, 50), 2);
        assert_eq!(drain(&mut budget, 149), 0);
        assert_eq!(drain(&mut budget, 150), 1);
        assert_eq!(drain(&mut budget, 1150), 10);
        assert_eq!(drain(&mut budget, u64::MAX), 20);
        assert_eq!(drain(&mut budget, 0), 0, "time that goes back adds nothing");
    }

    #[test]
    fn nothing_is_sent_again_where_nothing_may_be() {
        let rules = BudgetRules {
            permille: 1000,
            per_second: 1000,
            tries_max: 0,
        };
        let mut budget = Budget::new(rules, 0);
        budget.requested();
        assert!(!budget.take(1000));
    }
}
