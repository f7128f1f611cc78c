//! How many uploads, and files in the making, there are in this process.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::denial::Denial;

/// One of a bounded number; dropped, it is free again.
#[derive(Debug)]
pub(super) struct Slot(&'static AtomicUsize);

impl Slot {
    /// For an upload.
    pub(super) fn of_upload(uploads_max: usize) -> Result<Self, Denial> {
        Self::of(&UPLOADS, uploads_max).ok_or(Denial::UPLOADS)
    }

    /// For a file in the making.
    pub(super) fn of_file(open_files_max: usize) -> Result<Self, Denial> {
        Self::of(&FILES, open_files_max).ok_or(Denial::OPEN_FILES)
    }

    fn of(counter: &'static AtomicUsize, max: usize) -> Option<Self> {
        let add = |count: usize| (count < max).then_some(count + 1);
        counter
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .ok()?;
        Some(Self(counter))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

static UPLOADS: AtomicUsize = AtomicUsize::new(0);
static FILES: AtomicUsize = AtomicUsize::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_dropped_is_free_again() {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let one = Slot::of(&COUNTER, 1).unwrap();
        assert!(Slot::of(&COUNTER, 1).is_none());
        drop(one);
        assert!(Slot::of(&COUNTER, 1).is_some());
    }
}
