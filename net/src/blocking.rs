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

/// As [`blocking`], for work that nobody needs who does not wait for it: if the future is dropped before a thread has
/// taken it up, it is never done. Without that, clients who ask and hang up would leave more of it than the threads get done.
///
/// # Panics
/// As [`blocking`].
pub fn blocking_while_awaited<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> WhileAwaited<T> {
    WhileAwaited(blocking(work))
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

/// The result of work done by [`blocking_while_awaited`].
#[derive(Debug)]
pub struct WhileAwaited<T>(Blocking<T>);

impl<T> Future for WhileAwaited<T> {
    type Output = Result<T, BlockingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for WhileAwaited<T> {
    fn drop(&mut self) {
        // It has no effect on what has begun.
        self.0.handle.abort();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_nobody_waits_for_any_more_is_not_begun_unless_it_is_to_be() {
        let done = Arc::new(AtomicUsize::new(0));
        let add = |count| {
            let done = Arc::clone(&done);
            move || {
                done.fetch_add(count, Ordering::Relaxed);
            }
        };
        run_alone(async {
            let (go, all) = occupy();
            drop(blocking(add(1)));
            drop(blocking_while_awaited(add(10)));
            let awaited = blocking_while_awaited(add(100));
            drop(go);
            awaited.await.unwrap();
            drop(all);
        });
        assert_eq!(done.load(Ordering::Relaxed), 101);
    }

    /// Takes all threads of the pool, until the sender is dropped.
    fn occupy() -> (mpsc::Sender<()>, Vec<Blocking<()>>) {
        let (go, wait) = mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let works = (0..THREADS_MAX).map(|_| {
            let wait = Arc::clone(&wait);
            blocking(move || {
                let _ = wait.lock().unwrap().recv();
            })
        });
        (go, works.collect())
    }
}
