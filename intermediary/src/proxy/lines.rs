//! Lines to servers that wait for the next request, by destination.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use engine::outbound::Line;

use super::destination::Destination;

/// How many lines wait in one worker, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinesRules {
    /// Lines that wait, to whomever; beyond it the one that waits longest is closed.
    pub lines_max: usize,
    /// Lines to one destination that wait.
    pub lines_per_destination_max: usize,
    /// After this time a line is closed, in milliseconds.
    pub millis_max: u64,
}

impl Default for LinesRules {
    fn default() -> Self {
        Self {
            lines_max: 512,
            lines_per_destination_max: 16,
            // Less than the 60 s or more that most servers wait, so that it is we who close.
            millis_max: 45_000,
        }
    }
}

/// Lines that wait, of one worker.
#[derive(Debug)]
pub(super) struct Lines {
    rules: LinesRules,
    waiting: RefCell<Waiting<Box<Line>>>,
}

/// What waits, in the order in which it began to, and by whom it is for.
#[derive(Debug)]
struct Waiting<L> {
    all: BTreeMap<u64, Kept<L>>,
    /// The numbers of those for each, the latest last; never empty.
    of: HashMap<Rc<Destination>, Vec<u64>>,
    next: u64,
}

#[derive(Debug)]
struct Kept<L> {
    to: Rc<Destination>,
    line: L,
    since: u64,
}

impl Lines {
    pub(super) fn new(rules: LinesRules) -> Self {
        Self {
            rules,
            waiting: RefCell::new(Waiting::new()),
        }
    }

    /// A line that waits, the one used last. Those that the server has closed, or spoken on unasked, are dropped.
    pub(super) fn take(&self, to: &Destination, now: u64) -> Option<Box<Line>> {
        self.sweep(now);
        let mut waiting = self.waiting.borrow_mut();
        std::iter::from_fn(|| waiting.take(to)).find_map(|mut line| line.is_quiet().then_some(line))
    }

    /// Keeps a line for the next request.
    pub(super) fn keep(&self, to: &Rc<Destination>, line: Box<Line>, now: u64) {
        if line.is_reusable() {
            self.waiting.borrow_mut().keep(to, line, now, self.rules);
        }
    }

    /// Closes those that have waited for too long.
    pub(super) fn sweep(&self, now: u64) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.forget(|since| now.saturating_sub(since) >= self.rules.millis_max);
    }
}

impl<L> Waiting<L> {
    fn new() -> Self {
        Self {
            all: BTreeMap::new(),
            of: HashMap::new(),
            next: 0,
        }
    }

    fn take(&mut self, to: &Destination) -> Option<L> {
        let numbers = self.of.get_mut(to)?;
        let number = numbers.pop();
        if numbers.is_empty() {
            self.of.remove(to);
        }
        self.all.remove(&number?).map(|kept| kept.line)
    }

    fn keep(&mut self, to: &Rc<Destination>, line: L, now: u64, rules: LinesRules) {
        if rules.lines_max == 0 || rules.lines_per_destination_max == 0 {
            return;
        }
        let own = self.of.get(to);
        let own_oldest = own.filter(|own| own.len() >= rules.lines_per_destination_max);
        let oldest = match own_oldest {
            Some(own) => own.first().copied(),
            None if self.all.len() >= rules.lines_max => self.all.keys().next().copied(),
            None => None,
        };
        if let Some(oldest) = oldest {
            self.drop_one(oldest);
        }
        let number = self.next;
        self.next += 1;
        let kept = Kept {
            to: Rc::clone(to),
            line,
            since: now,
        };
        self.all.insert(number, kept);
        self.of.entry(Rc::clone(to)).or_default().push(number);
    }

    fn forget(&mut self, is_old: impl Fn(u64) -> bool) {
        while let Some(entry) = self.all.first_entry()
            && is_old(entry.get().since)
        {
            let number = *entry.key();
            self.drop_one(number);
        }
    }

    fn drop_one(&mut self, number: u64) {
        let Some(kept) = self.all.remove(&number) else {
            return;
        };
        if let Some(numbers) = self.of.get_mut(&kept.to) {
            numbers.retain(|own| *own != number);
            if numbers.is_empty() {
                self.of.remove(&kept.to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: LinesRules = LinesRules {
        lines_max: 3,
        lines_per_destination_max: 2,
        millis_max: 100,
    };

    fn to(host: &str) -> Rc<Destination> {
        Rc::new(Destination::parse(host.as_bytes(), Some(80)).unwrap())
    }

    #[test]
    fn the_line_used_last_is_taken_first_and_by_nobody_else() {
        let mut waiting = Waiting::new();
        let (a, b) = (to("a"), to("b"));
        waiting.keep(&a, 1, 0, RULES);
        waiting.keep(&a, 2, 1, RULES);
        waiting.keep(&b, 3, 2, RULES);
        assert_eq!(waiting.take(&a), Some(2));
        assert_eq!(waiting.take(&a), Some(1));
        assert_eq!(waiting.take(&a), None);
        assert_eq!(waiting.take(&to("a:81")), None);
        assert_eq!(waiting.take(&b), Some(3));
        assert!(waiting.of.is_empty() && waiting.all.is_empty());
    }

    #[test]
    fn the_oldest_goes_where_there_is_no_room() {
        let mut waiting = Waiting::new();
        let (a, b, c) = (to("a"), to("b"), to("c"));
        waiting.keep(&a, 1, 0, RULES);
        waiting.keep(&b, 2, 0, RULES);
        waiting.keep(&b, 3, 0, RULES);
        waiting.keep(&b, 4, 0, RULES);
        assert_eq!(waiting.of.get(&b), Some(&vec![2, 3]), "its own oldest");
        waiting.keep(&c, 5, 0, RULES);
        assert_eq!(waiting.take(&a), None, "the oldest of all");
        assert_eq!((waiting.all.len(), waiting.of.len()), (3, 2));
    }

    #[test]
    fn what_waited_for_too_long_is_forgotten() {
        let mut waiting = Waiting::new();
        let a = to("a");
        waiting.keep(&a, 1, 0, RULES);
        waiting.keep(&a, 2, 50, RULES);
        waiting.forget(|since| since < 50);
        assert_eq!(waiting.take(&a), Some(2));
        assert_eq!(waiting.take(&a), None);
    }
}
