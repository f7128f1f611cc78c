//! Who looks after the lines of a worker that rest: one task, which sleeps while there are none.
//!
//! It wakes when a server closes a line or speaks on it unasked, when a line is old, and when a request, of any worker, waits for a connection.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use net::Now;

use crate::commons::Commons;
use crate::pool::{Pool, PoolConfig};
use crate::probe;

/// All pools of one worker.
#[derive(Debug)]
pub struct Pools {
    keeper: Rc<Keeper>,
    pools: Vec<Rc<Pool>>,
}

/// What outlives every configuration of a worker.
#[derive(Debug)]
pub(crate) struct Keeper {
    worker: u64,
    /// Those that are in force.
    pools: RefCell<Vec<Rc<Pool>>>,
    /// How often others came into force: tasks of an earlier time end.
    generation: Cell<u64>,
    is_started: Cell<bool>,
    /// Sleeps until it is woken: no line rests.
    is_idle: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Pools {
    /// The pools of a configuration. Servers that those before have, by the names of pool and server, stay with their lines and with what is known of
    /// them. Nothing is done before [`Self::start`].
    #[must_use]
    pub fn new(
        configs: Vec<PoolConfig>,
        commons: &Arc<Commons>,
        before: Option<&Self>,
        now: Now,
    ) -> Self {
        let keeper = match before {
            Some(before) => Rc::clone(&before.keeper),
            None => Rc::new(Keeper::new(commons.worker())),
        };
        let known = |name: &str| {
            let mut pools = before.iter().flat_map(|before| &before.pools);
            pools.find(|pool| pool.name() == name)
        };
        let pools = configs.into_iter().map(|config| {
            let before = known(&config.name).map(|pool| &**pool);
            Rc::new(Pool::new(config, commons, &keeper, before, now))
        });
        Self {
            pools: pools.collect(),
            keeper,
        }
    }

    /// The pool of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Rc<Pool>> {
        self.pools.iter().find(|pool| pool.name() == name)
    }

    /// They are in force: servers that no pool has any more get no further request, and their lines are closed. One worker of all makes the
    /// checks.
    ///
    /// # Panics
    /// Outside a worker of [`net::run()`].
    pub fn start(&self, checks: Checks) {
        let keeper = &self.keeper;
        let before = keeper.pools.replace(self.pools.clone());
        let own = || self.pools.iter().flat_map(|pool| &pool.members);
        for gone in before.iter().flat_map(|pool| &pool.members) {
            if !own().any(|member| Rc::ptr_eq(&member.upstream, &gone.upstream)) {
                gone.upstream.retire();
            }
        }
        keeper
            .generation
            .set(keeper.generation.get().wrapping_add(1));
        if !self.pools.is_empty() && !keeper.is_started.replace(true) {
            net::spawn(keep(Rc::downgrade(keeper)));
        }
        keeper.wake();
        if checks == Checks::Here {
            for pool in &self.pools {
                probe::start(pool);
            }
        }
    }
}

/// Who makes the checks of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// This worker.
    Here,
    /// Another one.
    Elsewhere,
}

impl Keeper {
    fn new(worker: u64) -> Self {
        Self {
            worker,
            pools: RefCell::default(),
            generation: Cell::new(0),
            is_started: Cell::new(false),
            is_idle: Cell::new(false),
            waker: RefCell::default(),
        }
    }

    #[inline]
    pub(crate) fn worker(&self) -> u64 {
        self.worker
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// A line rests.
    #[inline]
    pub(crate) fn kept(&self) {
        if self.is_idle.get() {
            self.wake();
        }
    }

    fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Looks at all lines that rest. Gives how many milliseconds later it is to be done again; `None` if none rests.
    fn sweep(&self, now: u64) -> Option<u64> {
        let pools = self.pools.borrow().clone();
        let mut next = None;
        for pool in &pools {
            let idle = &pool.rules.idle;
            let left: usize = (pool.members.iter())
                .map(|member| member.upstream.sweep(idle, self.worker, now))
                .sum();
            if left > 0 {
                let least = idle.millis_max.min(idle.age_millis_max);
                let pause = least.clamp(SWEEP_MILLIS_MIN, SWEEP_MILLIS_MAX);
                next = Some(next.map_or(pause, |next: u64| next.min(pause)));
            }
        }
        next
    }

    /// Lets everybody who may wake the task do so.
    fn await_news(&self, cx: &mut Context<'_>) {
        for pool in self.pools.borrow().iter() {
            pool.commons.set_keeper(self.worker, cx.waker());
        }
        *self.waker.borrow_mut() = Some(cx.waker().clone());
    }
}

/// The task.
async fn keep(keeper: Weak<Keeper>) {
    loop {
        let pause = {
            let Some(keeper) = keeper.upgrade() else {
                return;
            };
            let pause = keeper.sweep(Now::read().millis);
            keeper.is_idle.set(pause.is_none());
            pause
        };
        let millis = pause.unwrap_or(SWEEP_MILLIS_MAX);
        let mut over = pin!(net::sleep(Duration::from_millis(millis)));
        let mut is_first = true;
        poll_fn(|cx| {
            if !std::mem::replace(&mut is_first, false) {
                return Poll::Ready(());
            }
            if let Some(keeper) = keeper.upgrade() {
                keeper.await_news(cx);
            }
            match net::poll_disturbed(cx) {
                Poll::Pending if pause.is_some() => over.as_mut().poll(cx),
                disturbed => disturbed,
            }
        })
        .await;
    }
}

/// How often lines that rest are looked at, at least and at most, in milliseconds.
const SWEEP_MILLIS_MIN: u64 = 50;
const SWEEP_MILLIS_MAX: u64 = 1000;
