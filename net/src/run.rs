//! Starting and stopping the workers.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::listen::Listener;
use crate::reactor::Reactor;
use crate::wake::{Shared, Stop};
use crate::{Address, Listeners, Service, blocking, machine};

/// How the workers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// How long connections may take to end after the first request to stop.
    pub drain_time: Duration,
    /// Whether each worker keeps to a core of its own.
    pub pinning: Pinning,
    /// Whether signals stop the workers.
    pub signals: Signals,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            drain_time: Duration::from_secs(10),
            pinning: Pinning::Off,
            signals: Signals::Stop,
        }
    }
}

/// Whether each worker keeps to a core of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// The system places the workers.
    Off,
    /// Worker `n` stays on the `n`th core, if there are as many workers as cores.
    OnePerCore,
}

/// What SIGINT and SIGTERM do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// The first drains, the second ends at once.
    Stop,
    /// They are left alone: the process belongs to someone else.
    Ignore,
}

/// Stops the workers of a [`run`] from another thread. Clones act on the same run.
#[derive(Clone, Debug)]
pub struct Shutdown {
    stop: Arc<watch::Sender<Stop>>,
}

impl Shutdown {
    /// A handle to give to [`run`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            stop: Arc::new(watch::Sender::new(Stop::Run)),
        }
    }

    /// Closes the listeners and lets connections end, for as long as [`RunOptions::drain_time`].
    pub fn drain(&self) {
        self.raise(Stop::Drain);
    }

    /// Ends at once.
    pub fn end(&self) {
        self.raise(Stop::End);
    }

    fn raise(&self, stop: Stop) {
        self.stop.send_if_modified(|current| {
            let is_more = stop > *current;
            *current = stop.max(*current);
            is_more
        });
    }

    /// What the next signal asks for.
    fn next(&self) {
        self.raise(if *self.stop.borrow() == Stop::Run {
            Stop::Drain
        } else {
            Stop::End
        });
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs one worker thread for each set of `listeners`, and returns when all have ended.
///
/// `make_service` is called on each worker's thread with its number. `on_ready` is called when all workers accept.
///
/// # Errors
/// That a worker could not start, or ended by a panic or an error; the others are drained first.
pub fn run<S: Service>(
    listeners: Listeners,
    options: RunOptions,
    shutdown: &Shutdown,
    make_service: impl Fn(usize) -> S + Send + Sync + 'static,
    on_ready: impl FnOnce(&[Address]),
) -> Result<(), RunError> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(RunError::Start)?;
    runtime.block_on(supervise(
        listeners,
        options,
        shutdown,
        Arc::new(make_service),
        on_ready,
    ))
}

async fn supervise<S: Service>(
    listeners: Listeners,
    options: RunOptions,
    shutdown: &Shutdown,
    make_service: Arc<impl Fn(usize) -> S + Send + Sync + 'static>,
    on_ready: impl FnOnce(&[Address]),
) -> Result<(), RunError> {
    let (reports, mut news) = mpsc::unbounded_channel();
    if options.signals == Signals::Stop {
        // Before the first thread, so that no signal is missed.
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            tokio::spawn(forward_signals(
                signal(kind).map_err(RunError::Start)?,
                reports.clone(),
            ));
        }
    }
    tokio::spawn(forward_stops(shutdown.stop.subscribe(), reports.clone()));
    let Listeners {
        bound,
        workers: sets,
        files,
    } = listeners;
    let mut files = Some(files);
    let mut crew = Crew {
        workers: Vec::new(),
        running: 0,
        failed: None,
    };
    let are_pinned = options.pinning == Pinning::OnePerCore && sets.len() == machine::cores();
    for (number, listeners) in sets.into_iter().enumerate() {
        let report = Report {
            number,
            reports: reports.clone(),
            end: None,
        };
        let worker = Worker {
            listeners,
            shared: Arc::default(),
            drain_time: options.drain_time,
            is_pinned: are_pinned,
        };
        crew.start(report, worker, Arc::clone(&make_service));
    }
    if crew.failed.is_some() {
        shutdown.drain();
    }
    let (mut waiting, mut on_ready) = (crew.running, Some(on_ready));
    while crew.running > 0
        && let Some(news) = news.recv().await
    {
        match news {
            News::Accepts => {
                waiting -= 1;
                if waiting == 0
                    && crew.failed.is_none()
                    && let Some(on_ready) = on_ready.take()
                {
                    on_ready(&bound);
                }
            }
            News::Ended(number, end) => crew.ended(number, end, shutdown),
            News::Signal => shutdown.next(),
            News::Stop(stop) => {
                // The path of a unix socket is free for a successor as soon as nobody accepts on it.
                files = None;
                crew.pass_on(stop);
            }
        }
    }
    drop(files);
    crew.failed.map_or(Ok(()), Err)
}

async fn forward_signals(mut signals: Signal, reports: mpsc::UnboundedSender<News>) {
    while signals.recv().await.is_some() {
        let _ = reports.send(News::Signal);
    }
}

async fn forward_stops(mut stops: watch::Receiver<Stop>, reports: mpsc::UnboundedSender<News>) {
    stops.mark_changed();
    while stops.changed().await.is_ok() {
        let stop = *stops.borrow_and_update();
        if stop > Stop::Run {
            let _ = reports.send(News::Stop(stop));
        }
    }
}

/// The workers as their supervisor sees them.
struct Crew {
    workers: Vec<Arc<Shared>>,
    running: usize,
    failed: Option<RunError>,
}

impl Crew {
    fn start<S: Service>(
        &mut self,
        report: Report,
        worker: Worker,
        make: Arc<impl Fn(usize) -> S + Send + Sync + 'static>,
    ) {
        let shared = Arc::clone(&worker.shared);
        let name = format!("worker-{}", report.number);
        match thread::Builder::new()
            .name(name)
            .spawn(move || worker.run(report, make))
        {
            Ok(_detached) => {
                self.workers.push(shared);
                self.running += 1;
            }
            Err(error) => self.failed = Some(RunError::Start(error)),
        }
    }

    fn ended(&mut self, number: usize, end: Option<io::Result<()>>, shutdown: &Shutdown) {
        self.running -= 1;
        match end {
            Some(Ok(())) => return,
            Some(Err(error)) => self.failed.get_or_insert(RunError::Start(error)),
            None => self
                .failed
                .get_or_insert(RunError::Panicked { worker: number }),
        };
        shutdown.drain();
    }

    fn pass_on(&self, stop: Stop) {
        for worker in &self.workers {
            worker.stop(stop);
        }
    }
}

struct Worker {
    listeners: Vec<Listener>,
    shared: Arc<Shared>,
    drain_time: Duration,
    is_pinned: bool,
}

impl Worker {
    fn run<S: Service>(self, mut report: Report, make: Arc<impl Fn(usize) -> S>) {
        if self.is_pinned {
            machine::pin(report.number);
        }
        report.end = Some(self.run_to_end(&report, &*make));
    }

    fn run_to_end<S: Service>(self, report: &Report, make: &impl Fn(usize) -> S) -> io::Result<()> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(blocking::THREADS_MAX)
            .build_local(LocalOptions::default())?;
        let end = runtime.block_on(async {
            let service = make(report.number);
            let mut reactor = Reactor::new(
                report.number,
                self.listeners,
                self.shared,
                self.drain_time,
                service,
            )?;
            report.accepts();
            let mut turns = pin!(tokio::task::unconstrained(poll_fn(
                |task| reactor.poll_run(task)
            )));
            turns.as_mut().await
        });
        // Work that waits for a disk must not keep the process.
        runtime.shutdown_background();
        end
    }
}

/// Tells the supervisor how a worker fares; its end also when it panics.
struct Report {
    number: usize,
    reports: mpsc::UnboundedSender<News>,
    /// `None` until the worker has ended by itself.
    end: Option<io::Result<()>>,
}

enum News {
    Accepts,
    Ended(usize, Option<io::Result<()>>),
    Signal,
    Stop(Stop),
}

impl Report {
    fn accepts(&self) {
        let _ = self.reports.send(News::Accepts);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let _ = self.reports.send(News::Ended(self.number, self.end.take()));
    }
}

/// Why a [`run`] ended badly.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// A thread, a runtime or the reactor could not be started or failed.
    Start(io::Error),
    /// A worker panicked; the message was printed by the panic hook.
    Panicked {
        /// The number of the worker.
        worker: usize,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "a worker failed: {error}"),
            Self::Panicked { worker } => write!(
                f,
                "worker {worker} ended by a panic, so the others were stopped"
            ),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::Panicked { .. } => None,
        }
    }
}
