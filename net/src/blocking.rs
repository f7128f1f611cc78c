//! Work beside the reactor: closures that may wait, and tasks of a worker.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::JoinHandle;

/// Runs `work`, which may wait for a disk, on another thread of this worker's pool. Dropping the future does not stop it.
///
/// # Panics
/// Outside a worker of [`run`](crate::run()).
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Blocking<T> {
    Blocking {
        handle: tokio::task::spawn_blocking(work),
    }
}

/// Drops what may wait for a disk when it is dropped, such as the last handle of a large file without a name: on another thread
/// of this worker's pool, or here if the worker has ended.
pub fn drop_elsewhere(value: impl Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn_blocking(move || drop(value));
    }
}

/// Runs a future on this worker beside its service.
///
/// # Panics
/// Outside a worker of [`run`](crate::run()).
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    tokio::task::spawn_local(future);
}

/// A future that is ready after `duration`.
///
/// # Panics
/// Outside a worker of [`run`](crate::run()).
pub fn sleep(duration: Duration) -> impl Future<Output = ()> {
    tokio::time::sleep(duration)
}

/// Runs a future to its end on this thread, with everything of a worker but its reactor. For tests.
///
/// # Panics
/// If the system has no room for a runtime.
#[doc(hidden)]
#[allow(clippy::expect_used, reason = "only tests call it")]
pub fn run_alone<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS_MAX)
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime")
        .block_on(future)
}

/// The result of [`blocking`] work.
#[derive(Debug)]
pub struct Blocking<T> {
    handle: JoinHandle<T>,
}

impl<T> Future for Blocking<T> {
    type Output = Result<T, BlockingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle)
            .poll(cx)
            .map_err(|_| BlockingError)
    }
}

/// The work panicked, or the worker ended first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockingError;

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the work beside the reactor did not finish")
    }
}

impl std::error::Error for BlockingError {}

/// Threads of one worker's pool.
pub(crate) const THREADS_MAX: usize = 16;
