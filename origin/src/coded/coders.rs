//! Who codes: how many at one time, and each content once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use crate::cache::Entry;

/// The coders of one worker.
#[derive(Debug)]
pub(crate) struct Coders {
    busy_max: usize,
    busy: Arc<AtomicUsize>,
    jobs: RefCell<HashMap<JobKey, Rc<Job>>>,
}

/// A content that is coded: the site of the coding, the path, and the entity tag of the result.
pub(super) type JobKey = (usize, Box<[u8]>, Box<str>);

/// A content that is being coded.
#[derive(Debug, Default)]
pub(super) struct Job {
    outcome: RefCell<Option<Outcome>>,
    wakers: RefCell<Vec<Waker>>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It is this.
    Coded(Rc<Entry>),
    /// It is to be sent without the coding.
    Uncoded,
}

/// The right to code one content. Dropping it gives it back. It goes to the thread that codes: who hangs up meanwhile
/// has not stopped that.
#[derive(Debug)]
pub(super) struct Slot(Arc<AtomicUsize>);

impl Coders {
    pub(crate) fn new(busy_max: usize) -> Self {
        Self {
            busy_max,
            busy: Arc::default(),
            jobs: RefCell::default(),
        }
    }

    /// `None` if as many code as may.
    pub(super) fn slot(&self) -> Option<Slot> {
        // Only this worker's thread counts up.
        let busy = self.busy.load(Ordering::Relaxed);
        (busy < self.busy_max).then(|| {
            self.busy.fetch_add(1, Ordering::Relaxed);
            Slot(Arc::clone(&self.busy))
        })
    }

    /// Contents that are being coded.
    #[cfg(test)]
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    pub(super) fn find(&self, key: &JobKey) -> Option<Rc<Job>> {
        self.jobs.borrow().get(key).map(Rc::clone)
    }

    pub(super) fn begin(&self, key: JobKey) -> Rc<Job> {
        let job = Rc::new(Job::default());
        self.jobs.borrow_mut().insert(key, Rc::clone(&job));
        job
    }

    pub(super) fn end(&self, key: &JobKey, outcome: Outcome) {
        let job = self.jobs.borrow_mut().remove(key);
        if let Some(job) = job {
            job.outcome.replace(Some(outcome));
            for waker in job.wakers.take() {
                waker.wake();
            }
        }
    }
}

impl Job {
    /// What became of it, when that is known. Any number may wait.
    pub(super) async fn outcome(&self) -> Outcome {
        poll_fn(|cx| {
            if let Some(outcome) = &*self.outcome.borrow() {
                return Poll::Ready(outcome.clone());
            }
            let wakers = &mut *self.wakers.borrow_mut();
            if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
