//! What other threads, and futures of this one, can tell a worker.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::{Token, batch};

/// The side of a worker that is shared with other threads.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Whether `inner` holds something the worker has not seen; lets a batch do without the lock.
    attention: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    woken: Vec<Arc<TokenWaker>>,
    stop: Stop,
    /// The worker's own waker while it sleeps.
    sleeper: Option<Waker>,
    is_gone: bool,
}

/// How far a worker is asked to stop. Later ones include the earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    #[default]
    Run,
    Drain,
    End,
}

impl Shared {
    /// Asks the worker to stop; asking for less than before changes nothing.
    pub(crate) fn stop(&self, stop: Stop) {
        self.tell(|inner| inner.stop = inner.stop.max(stop));
    }

    /// Lets the worker look for orders.
    pub(crate) fn nudge(&self) {
        self.tell(|_| {});
    }

    /// A waker for `token`. Waking it again before the worker has seen it costs one atomic exchange.
    pub(crate) fn waker(self: &Arc<Self>, token: Token) -> Waker {
        Waker::from(Arc::new(TokenWaker {
            token,
            is_queued: AtomicBool::new(false),
            shared: Arc::clone(self),
        }))
    }

    /// Lets the worker look at all of these, which are taken.
    #[cold]
    pub(crate) fn wake_all(&self, woken: &mut Vec<Arc<TokenWaker>>) {
        self.tell(|inner| inner.woken.append(woken));
    }

    /// Moves what was woken to the empty `woken`, and says how far to stop; `None` if nothing was told.
    pub(crate) fn hear(&self, woken: &mut Vec<Arc<TokenWaker>>) -> Option<Stop> {
        if !self.attention.load(Ordering::Acquire) {
            return None;
        }
        let mut inner = self.lock();
        self.attention.store(false, Ordering::Release);
        mem::swap(&mut inner.woken, woken);
        Some(inner.stop)
    }

    /// Lets the worker sleep until `waker` is woken, unless it was told something it has not heard.
    pub(crate) fn sleep(&self, waker: &Waker) -> Sleep {
        if self.attention.load(Ordering::Acquire) {
            return Sleep::Refused;
        }
        let mut inner = self.lock();
        if self.attention.load(Ordering::Acquire) {
            return Sleep::Refused;
        }
        match &mut inner.sleeper {
            Some(sleeper) => sleeper.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        Sleep::Granted
    }

    /// The worker has ended: later wakes are dropped.
    pub(crate) fn gone(&self) {
        let left = {
            let mut inner = self.lock();
            inner.is_gone = true;
            inner.sleeper = None;
            mem::take(&mut inner.woken)
        };
        drop(left);
    }

    fn tell(&self, change: impl FnOnce(&mut Inner)) {
        let sleeper = {
            let mut inner = self.lock();
            if inner.is_gone {
                return;
            }
            change(&mut inner);
            self.attention.store(true, Ordering::Release);
            inner.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code of others runs under the lock, so a poisoned one is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sleep {
    Granted,
    Refused,
}

#[derive(Debug)]
pub(crate) struct TokenWaker {
    token: Token,
    is_queued: AtomicBool,
    shared: Arc<Shared>,
}

impl TokenWaker {
    /// The token to call, which from here on can be queued again.
    pub(crate) fn taken(&self) -> Token {
        self.is_queued.store(false, Ordering::SeqCst);
        self.token
    }
}

impl Wake for TokenWaker {
    fn wake(self: Arc<Self>) {
        if self.is_queued.swap(true, Ordering::SeqCst) {
            return;
        }
        if batch::wake(&self.shared, &self) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        shared.tell(|inner| inner.woken.push(self));
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::SeqCst) && !batch::wake(&self.shared, self) {
            self.shared.tell(|inner| inner.woken.push(Arc::clone(self)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(std::sync::atomic::AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn waking_twice_is_heard_once() {
        let shared = Arc::new(Shared::default());
        let waker = shared.waker(Token(3));
        waker.wake_by_ref();
        waker.wake();
        let mut woken = Vec::new();
        assert_eq!(shared.hear(&mut woken), Some(Stop::Run));
        assert_eq!(woken.len(), 1);
        assert_eq!(woken[0].taken(), Token(3));
        assert_eq!(shared.hear(&mut Vec::new()), None);
    }

    #[test]
    fn a_waker_is_heard_again_after_it_was_taken() {
        let shared = Arc::new(Shared::default());
        let waker = shared.waker(Token(3));
        for _ in 0..2 {
            waker.wake_by_ref();
            let mut woken = Vec::new();
            shared.hear(&mut woken);
            assert_eq!(
                woken
                    .drain(..)
                    .map(|waker| waker.taken())
                    .collect::<Vec<_>>(),
                [Token(3)]
            );
        }
    }

    #[test]
    fn a_worker_told_something_does_not_sleep() {
        let shared = Arc::new(Shared::default());
        let count = Arc::new(Count(0.into()));
        shared.stop(Stop::Drain);
        assert_eq!(
            shared.sleep(&Waker::from(Arc::clone(&count))),
            Sleep::Refused
        );
        assert_eq!(shared.hear(&mut Vec::new()), Some(Stop::Drain));
        assert_eq!(
            shared.sleep(&Waker::from(Arc::clone(&count))),
            Sleep::Granted
        );
        shared.stop(Stop::Run);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(shared.hear(&mut Vec::new()), Some(Stop::Drain));
    }

    #[test]
    fn a_worker_that_is_gone_keeps_no_wakers() {
        let shared = Arc::new(Shared::default());
        let waker = shared.waker(Token(1));
        shared.gone();
        waker.wake();
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
