//! What is told to whoever runs the program, from below.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::Now;

/// Whom this process tells, in a line each, of what concerns whoever runs it and is part of no request. It is called on a thread that may wait.
pub fn set_teller(tell: fn(&str)) {
    *TELLER.write().unwrap_or_else(PoisonError::into_inner) = Some(tell);
}

/// Tells a line, of which what peers cause leaves no more than one a second.
pub(crate) fn tell(line: String) {
    let second = Now::read().millis / 1000;
    if TOLD.swap(second, Ordering::Relaxed) == second {
        return;
    }
    tell_all(line);
}

/// Tells a line.
pub(crate) fn tell_all(line: String) {
    let teller = *TELLER.read().unwrap_or_else(PoisonError::into_inner);
    let Some(teller) = teller else { return };
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || teller(&line))),
        Err(_) => teller(&line),
    }
}

static TELLER: RwLock<Option<fn(&str)>> = RwLock::new(None);
static TOLD: AtomicU64 = AtomicU64::new(u64::MAX);
