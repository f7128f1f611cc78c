//! One server as a worker knows it: its lines, how many exchanges it has, how it does.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use engine::outbound::{Line, LineOptions, OutboundError, Place, Way};

use crate::balance::{Server, Standing};
use crate::{Health, HealthRules, Latency, Passage};

/// A server that is asked.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) place: Place,
    way: Way,
    pub(crate) passage: Passage,
    /// How it is named to people and in Proxy-Status.
    pub(crate) name: String,
    weight: u32,
    identity: u64,
    /// Those that wait for the next exchange, the latest last, and since when.
    idle: RefCell<VecDeque<(Line, u64)>>,
    exchanges: Cell<u32>,
    pub(crate) health: RefCell<Health>,
    pub(crate) latency: RefCell<Latency>,
}

/// How many lines wait, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleRules {
    /// Lines to one server that wait, in one worker; beyond it they are closed.
    pub lines_max: usize,
    /// After this time a line is not used again, in milliseconds.
    pub millis_max: u64,
}

impl Default for IdleRules {
    fn default() -> Self {
        Self {
            lines_max: 64,
            // Less than the 60 s or more that servers wait by default, so that it is we who close.
            millis_max: 45_000,
        }
    }
}

/// An exchange with a server, until it is over in any way.
#[derive(Debug)]
pub(crate) struct Ongoing(Rc<Upstream>);

impl Upstream {
    pub(crate) fn new(place: Place, way: Way, passage: Passage, weight: u32) -> Self {
        let name = place.to_string();
        Self {
            identity: crate::balance::key_of_target(name.as_bytes(), b""),
            place,
            way,
            passage,
            name,
            weight,
            idle: RefCell::default(),
            exchanges: Cell::new(0),
            health: RefCell::new(Health::new(HealthRules::default())),
            latency: RefCell::default(),
        }
    }

    /// It as one who chooses sees it.
    pub(crate) fn seen(&self, now: u64, is_tried: bool) -> Server {
        let health = self.health.borrow();
        Server {
            weight: health.weight(self.weight, now),
            standing: match is_tried {
                true => health.standing(now).max(Standing::Out),
                false => health.standing(now),
            },
            connections: self.exchanges.get(),
            micros: self.latency.borrow().micros(now),
            identity: self.identity,
        }
    }

    pub(crate) fn begin(self: &Rc<Self>) -> Ongoing {
        self.exchanges.set(self.exchanges.get() + 1);
        Ongoing(Rc::clone(self))
    }

    /// A line that waits, the one used last. Those that the server has closed, or spoken on unasked, are dropped.
    pub(crate) fn take_idle(&self, rules: IdleRules, now: u64) -> Option<Line> {
        let mut idle = self.idle.borrow_mut();
        let is_old = |since: u64| now.saturating_sub(since) >= rules.millis_max;
        while idle.front().is_some_and(|(_, since)| is_old(*since)) {
            idle.pop_front();
        }
        std::iter::from_fn(|| idle.pop_back())
            .find_map(|(mut line, _)| line.is_quiet().then_some(line))
    }

    /// Keeps a line for the next exchange.
    pub(crate) fn keep(&self, line: Line, rules: IdleRules, now: u64) {
        if !line.is_reusable() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= rules.lines_max {
            idle.pop_front();
        }
        if rules.lines_max > 0 {
            idle.push_back((line, now));
        }
    }

    /// A line that is made now.
    pub(crate) async fn connect(&self, options: &Rc<LineOptions>) -> Result<Line, OutboundError> {
        self.way.line(&self.place, options).await
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let exchanges = &self.0.exchanges;
        exchanges.set(exchanges.get().saturating_sub(1));
    }
}
