//! One reading of a folder for all who wait for it: when a server starts, everybody asks at the same time for what
//! nobody knows yet.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The folders that are being read, by path below the root.
#[derive(Debug, Default)]
pub(super) struct Readings(RefCell<HashMap<Box<[u8]>, Rc<Reading>>>);

/// A folder that is being read.
#[derive(Debug, Default)]
struct Reading {
    is_over: Cell<bool>,
    wakers: RefCell<Vec<Waker>>,
}

/// It is over when this is dropped, also by a client that hangs up.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    readings: &'a Readings,
    folder: Box<[u8]>,
    reading: Rc<Reading>,
}

impl Readings {
    /// Waits until the reading of this folder that is under way is over. `false` at once if there is none.
    pub(super) async fn wait(&self, folder: &[u8]) -> bool {
        let reading = self.0.borrow().get(folder).map(Rc::clone);
        let Some(reading) = reading else { return false };
        poll_fn(|cx| {
            if reading.is_over.get() {
                return Poll::Ready(());
            }
            let wakers = &mut *reading.wakers.borrow_mut();
            if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
        true
    }

    /// Notes that somebody reads this folder from here on.
    pub(super) fn begin(&self, folder: &[u8]) -> Begun<'_> {
        let reading = Rc::<Reading>::default();
        let mut under_way = self.0.borrow_mut();
        under_way.insert(folder.into(), Rc::clone(&reading));
        Begun {
            readings: self,
            folder: folder.into(),
            reading,
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let mut under_way = self.readings.0.borrow_mut();
        // Another may have begun since, for a type map that this one has not read.
        if under_way
            .get(&self.folder)
            .is_some_and(|reading| Rc::ptr_eq(reading, &self.reading))
        {
            under_way.remove(&self.folder);
        }
        drop(under_way);
        self.reading.is_over.set(true);
        for waker in self.reading.wakers.take() {
            waker.wake();
        }
    }
}
