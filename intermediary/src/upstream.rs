//! One server as a worker knows it: its lines, how many exchanges it has, how it does.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use engine::outbound::{Line, LineOptions, OutboundError};
use net::Address;

use crate::commons::{PoolCommons, Seat, ServerCommons, Whose};
use crate::event::Change;
use crate::health::Turn;
use crate::{Breaker, Health, Latency};

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an address, be it of a socket of this machine.
    Address(Address),
    /// At the addresses of a name, which are asked for with each connection.
    Name(String, u16),
}

/// A server that is asked. It stays for as long as any configuration has it, with all that is known of it.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) place: Place,
    pub(crate) pool: Arc<PoolCommons>,
    pub(crate) commons: Arc<ServerCommons>,
    /// Those that wait for the next exchange, the latest last.
    idle: RefCell<VecDeque<Idle>>,
    /// Those that lie ready for who waited, by their tickets.
    laid: RefCell<Vec<(u64, Held)>>,
    exchanges: Cell<u32>,
    /// No configuration has it any more: nothing is kept.
    is_gone: Cell<bool>,
    pub(crate) health: RefCell<Health>,
    pub(crate) breaker: RefCell<Breaker>,
    pub(crate) latency: RefCell<Latency>,
}

/// A line with its seat.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) line: Box<Line>,
    /// Behind the line, so that a connection is closed when another may be made.
    seat: Seat,
    born: u64,
}

impl Held {
    /// Closes the line; its seat is for another.
    pub(crate) fn into_seat(self) -> Seat {
        self.seat
    }
}

/// What stays of a line while its content is read.
#[derive(Debug)]
pub(crate) struct Stub {
    seat: Seat,
    born: u64,
}

#[derive(Debug)]
struct Idle {
    held: Held,
    since: u64,
}

/// How many lines wait, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleRules {
    /// Lines to one server that wait, in one worker; beyond it they are closed.
    pub lines_max: usize,
    /// After this time a line is closed, in milliseconds.
    pub millis_max: u64,
    /// A line that is older is closed after its exchange, in milliseconds.
    pub age_millis_max: u64,
}

impl Default for IdleRules {
    fn default() -> Self {
        Self {
            lines_max: 64,
            // Less than the 60 s or more that servers wait by default, so that it is we who close.
            millis_max: 45_000,
            age_millis_max: u64::MAX,
        }
    }
}

/// An exchange with a server, until it is over in any way.
#[derive(Debug)]
pub(crate) struct Ongoing(Rc<Upstream>);

impl Upstream {
    pub(crate) fn new(
        place: Place,
        pool: Arc<PoolCommons>,
        commons: Arc<ServerCommons>,
        health: Health,
        now: u64,
    ) -> Self {
        Self {
            place,
            pool,
            commons,
            idle: RefCell::default(),
            laid: RefCell::default(),
            exchanges: Cell::new(0),
            is_gone: Cell::new(false),
            health: RefCell::new(health),
            breaker: RefCell::new(Breaker::new(now)),
            latency: RefCell::default(),
        }
    }

    /// How it is named to people and in Proxy-Status.
    pub(crate) fn name(&self) -> &str {
        &self.commons.name
    }

    pub(crate) fn exchanges(&self) -> u32 {
        self.exchanges.get()
    }

    pub(crate) fn begin(self: &Rc<Self>) -> Ongoing {
        self.exchanges.set(self.exchanges.get() + 1);
        Ongoing(Rc::clone(self))
    }

    /// Whether a line waits.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.borrow().is_empty()
    }

    /// A line that waits, the one used last. Those that the server has closed, or spoken on unasked, are dropped.
    pub(crate) fn take_idle(&self, rules: &IdleRules, now: u64) -> Option<Held> {
        loop {
            // Dropping one may call for another, so nothing stays borrowed.
            let mut idle = self.idle.borrow_mut().pop_back()?;
            if !idle.is_old(rules, now) && idle.held.line.is_quiet() {
                return Some(idle.held);
            }
        }
    }

    /// Keeps a line for the next exchange, be it that of who waits for one.
    pub(crate) fn keep(&self, mut held: Held, rules: &IdleRules, worker: u64, now: u64) {
        let is_fit = held.line.is_reusable()
            && now.saturating_sub(held.born) < rules.age_millis_max
            && !self.is_gone.get()
            && held.line.is_quiet();
        if !is_fit {
            return;
        }
        if self.commons.is_awaited() {
            match self.hand_on(held, worker) {
                Some(left) => held = left,
                None => return,
            }
        }
        if rules.lines_max == 0 {
            return;
        }
        held.line.rest();
        let mut idle = self.idle.borrow_mut();
        let oldest = match idle.len() >= rules.lines_max {
            true => idle.pop_front(),
            false => None,
        };
        idle.push_back(Idle { held, since: now });
        drop(idle);
        drop(oldest);
    }

    /// Gives a line to the first who waits for one; gives it back if nobody does.
    fn hand_on(&self, held: Held, worker: u64) -> Option<Held> {
        match self.pool.hand_on(self.commons.identity, worker) {
            None => return Some(held),
            Some((ticket, Whose::Own)) => self.laid.borrow_mut().push((ticket, held)),
            Some((ticket, Whose::Others)) => {
                let Held { line, seat, .. } = held;
                drop(line);
                seat.give(ticket);
            }
        }
        None
    }

    /// The line that lies ready under a ticket.
    pub(crate) fn take_laid(&self, ticket: u64) -> Option<Held> {
        let mut laid = self.laid.borrow_mut();
        let at = laid.iter().position(|(known, _)| *known == ticket)?;
        Some(laid.swap_remove(at).1)
    }

    /// Closes idle lines that are of no use, and hands those on that somebody waits for. Gives how many are left.
    pub(crate) fn sweep(&self, rules: &IdleRules, worker: u64, now: u64) -> usize {
        let all = std::mem::take(&mut *self.idle.borrow_mut());
        let mut left = VecDeque::with_capacity(all.len());
        for mut idle in all {
            let is_fit =
                !self.is_gone.get() && !idle.is_old(rules, now) && idle.held.line.is_quiet();
            if !is_fit {
                continue;
            }
            let since = idle.since;
            if !self.commons.is_awaited() {
                left.push_back(idle);
            } else if let Some(held) = self.hand_on(idle.held, worker) {
                left.push_back(Idle { held, since });
            }
        }
        let count = left.len();
        *self.idle.borrow_mut() = left;
        count
    }

    /// No configuration has it any more: exchanges end in peace, idle lines are closed.
    pub(crate) fn retire(&self) {
        self.is_gone.set(true);
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        drop(idle);
    }

    /// A line that is made now.
    pub(crate) async fn connect(
        &self,
        options: &Rc<LineOptions>,
        seat: Seat,
        now: u64,
    ) -> Result<Held, OutboundError> {
        let line = self.connect_line(options).await?;
        Ok(Held {
            line,
            seat,
            born: now,
        })
    }

    async fn connect_line(&self, options: &Rc<LineOptions>) -> Result<Box<Line>, OutboundError> {
        let (host, port) = match &self.place {
            Place::Address(address) => return Line::connect(address, options).await,
            Place::Name(host, port) => (host.clone(), *port),
        };
        let addresses = net::resolve(host, port).await;
        let unknown =
            |error| OutboundError::connect(io::Error::new(io::ErrorKind::AddrNotAvailable, error));
        let mut last = OutboundError::connect(io::ErrorKind::AddrNotAvailable.into());
        for address in addresses.map_err(unknown)? {
            match Line::connect(&address, options).await {
                Ok(line) => return Ok(line),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// What became of its health, told to people if this worker is the first to see it, or the last.
    pub(crate) fn told(&self, turn: Turn, why: &str) {
        let (is_out, change) = match turn {
            Turn::Same => return,
            Turn::Out => (true, Change::Out(why)),
            Turn::In => (false, Change::In),
        };
        if self.commons.note_out(is_out) {
            self.pool.say(Some(&self.commons), change);
        }
    }

    /// The same of its breaker.
    pub(crate) fn told_breaker(&self, turn: Turn, why: &str) {
        let (is_open, change) = match turn {
            Turn::Same => return,
            Turn::Out => (true, Change::BreakerOpen(why)),
            Turn::In => (false, Change::BreakerClosed),
        };
        if self.commons.note_open(is_open) {
            self.pool.say(Some(&self.commons), change);
        }
    }
}

impl Held {
    /// The line by itself, and what it becomes whole with again.
    pub(crate) fn split(self) -> (Box<Line>, Stub) {
        let Self { line, seat, born } = self;
        (line, Stub { seat, born })
    }
}

impl Stub {
    /// What may be made instead of the line.
    pub(crate) fn into_seat(self) -> Seat {
        self.seat
    }

    pub(crate) fn with(self, line: Box<Line>) -> Held {
        let Self { seat, born } = self;
        Held { line, seat, born }
    }
}

impl Idle {
    fn is_old(&self, rules: &IdleRules, now: u64) -> bool {
        now.saturating_sub(self.since) >= rules.millis_max
            || now.saturating_sub(self.held.born) >= rules.age_millis_max
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let exchanges = &self.0.exchanges;
        exchanges.set(exchanges.get().saturating_sub(1));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // Whoever has it out counts no longer.
        if self.health.borrow().is_out() {
            self.commons.note_out(false);
        }
        if self.breaker.borrow().is_open() {
            self.commons.note_open(false);
        }
    }
}
