//! The batch that a thread's worker is at: its time, and whom it woke meanwhile.
//!
//! What a worker's own thread wakes within a batch needs neither the lock nor the worker's own wake-up that other threads need.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::Now;
use crate::wake::{Shared, TokenWaker};

/// Begins a batch of the worker that `shared` belongs to.
#[inline]
pub(crate) fn begin(now: Now, shared: &Arc<Shared>) {
    NOW.set(Some(now));
    WORKER.set(address(shared));
}

/// Ends it. Who was woken after [`take_woken`] is left to the next batch, which is then due.
#[inline]
pub(crate) fn end(shared: &Shared) {
    NOW.set(None);
    WORKER.set(0);
    WOKEN.with_borrow_mut(|woken| {
        if !woken.is_empty() {
            shared.wake_all(woken);
        }
    });
}

/// Moves who was woken to the end of `woken`.
#[inline]
pub(crate) fn take_woken(woken: &mut Vec<Arc<TokenWaker>>) {
    WOKEN.with_borrow_mut(|local| woken.append(local));
}

/// Takes the waker if it is one of the worker whose batch this thread is at.
#[inline]
pub(crate) fn wake(shared: &Arc<Shared>, waker: &Arc<TokenWaker>) -> bool {
    let is_here = WORKER.get() == address(shared);
    if is_here {
        WOKEN.with_borrow_mut(|woken| woken.push(Arc::clone(waker)));
    }
    is_here
}

/// The time of the batch, while this thread is at one.
#[inline]
pub(crate) fn now() -> Option<Now> {
    NOW.get()
}

/// Never that of another worker while it is compared: whoever compares holds it.
fn address(shared: &Arc<Shared>) -> usize {
    Arc::as_ptr(shared).addr()
}

thread_local! {
    static NOW: Cell<Option<Now>> = const { Cell::new(None) };
    /// Whose batch it is; 0 is nobody's.
    static WORKER: Cell<usize> = const { Cell::new(0) };
    static WOKEN: RefCell<Vec<Arc<TokenWaker>>> = const { RefCell::new(Vec::new()) };
}
