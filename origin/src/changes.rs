//! What this process changes in folders: how often, and one at a time for each name.
//!
//! Both are facts about the process, not about a site or a worker: two sites may serve the same folder, or one the folder
//! of the other, and a configuration that is read again keeps none of its parts. So they are here, once.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;

/// How many changes were made. What was looked at when the count was the same is as it was, as far as this process is
/// concerned.
#[inline]
pub(crate) fn count() -> u64 {
    COUNT.load(Ordering::Acquire)
}

/// A change was made. To be called after it and before anybody is told.
pub(crate) fn made() {
    COUNT.fetch_add(1, Ordering::Release);
}

/// Waits until nobody else in this process changes what a name in a folder stands for. Names share locks, so whoever holds one
/// takes no other.
pub(crate) fn lock(folder: (u64, u64), name: &[u8]) -> MutexGuard<'static, ()> {
    let hash = FixedState::default().hash_one((folder, name));
    let place = usize::try_from(hash % LOCKS_COUNT as u64).unwrap_or(0);
    let lock = LOCKS.get(place).unwrap_or(&LOCKS[0]);
    // It guards nothing in memory.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

static COUNT: AtomicU64 = AtomicU64::new(0);
static LOCKS: [Mutex<()>; LOCKS_COUNT] = [const { Mutex::new(()) }; LOCKS_COUNT];
const LOCKS_COUNT: usize = 64;
