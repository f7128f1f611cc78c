//! Starting and stopping the workers.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::control::{Control, Start};
use crate::reactor::Reactor;
use crate::wake::Stop;
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

/// What signals do. Those that are not named do what the system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// The first drains, the second ends at once.
    Stop,
    /// The same, and SIGHUP and SIGUSR1 are told as [`Event`]s. A SIGHUP that comes because the terminal has gone drains, unless SIGHUP was
    /// ignored at the start, as nohup(1) has it: who asks for that wants the program to outlive the terminal.
    All,
    /// Nothing: the process belongs to someone else.
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

/// What a [`run_with`] tells, on the thread that called it. Whoever is told must not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// All workers accept, on these addresses.
    Ready(&'a [Address]),
    /// SIGHUP came: what was read at the start is to be read again.
    Hangup,
    /// SIGUSR1 came: files that are written to are to be opened again.
    User1,
    /// The workers were told to stop.
    Draining,
}

/// Runs one worker thread for each set of `listeners`, and returns when all have ended.
///
/// `make_service` is called on each worker's thread with its number. `on_ready` is called when all workers accept.
///
/// # Errors
/// That a worker could not start, or ended by a panic or an error; the others are drained first.
pub fn run<S: Service + 'static>(
    listeners: Listeners,
    options: RunOptions,
    shutdown: &Shutdown,
    make_service: impl Fn(usize) -> S + Send + Sync + 'static,
    on_ready: impl FnOnce(&[Address]),
) -> Result<(), RunError> {
    let mut on_ready = Some(on_ready);
    let tell = |event: Event<'_>| {
        if let Event::Ready(bound) = event
            && let Some(on_ready) = on_ready.take()
        {
            on_ready(bound);
        }
    };
    run_with(
        listeners,
        options,
        shutdown,
        &Control::new(),
        make_service,
        tell,
    )
}

/// As [`run`], with workers that can be changed by `control`, and more told.
///
/// # Errors
/// As [`run`].
pub fn run_with<S: Service + 'static>(
    listeners: Listeners,
    options: RunOptions,
    shutdown: &Shutdown,
    control: &Control<S>,
    make_service: impl Fn(usize) -> S + Send + Sync + 'static,
    tell: impl FnMut(Event<'_>),
) -> Result<(), RunError> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(RunError::Start)?;
    runtime.block_on(supervise(
        listeners,
        options,
        shutdown,
        control,
        Arc::new(make_service),
        tell,
    ))
}

async fn supervise<S: Service + 'static>(
    listeners: Listeners,
    options: RunOptions,
    shutdown: &Shutdown,
    control: &Control<S>,
    make_service: Arc<impl Fn(usize) -> S + Send + Sync + 'static>,
    mut tell: impl FnMut(Event<'_>),
) -> Result<(), RunError> {
    let (reports, mut news) = mpsc::unbounded_channel();
    let ignored_hangup = machine::ignores_hangup();
    // Before the first thread, so that no signal is missed.
    for (kind, asked) in options.signals.kinds() {
        let signals = signal(*kind).map_err(RunError::Start)?;
        tokio::spawn(forward_signals(signals, *asked, reports.clone()));
    }
    tokio::spawn(forward_stops(shutdown.stop.subscribe(), reports.clone()));
    let had_terminal = has_terminal() && !ignored_hangup;
    let bound = listeners.bound().to_vec();
    let starts = control.attach(listeners);
    let mut crew = Crew {
        running: 0,
        failed: None,
    };
    let are_pinned = options.pinning == Pinning::OnePerCore && starts.len() == machine::cores();
    for (number, start) in starts.into_iter().enumerate() {
        let report = Report {
            number,
            reports: reports.clone(),
            end: None,
        };
        let worker = Worker {
            start,
            drain_time: options.drain_time,
            is_pinned: are_pinned,
        };
        crew.start(report, worker, Arc::clone(&make_service));
    }
    if crew.failed.is_some() {
        shutdown.drain();
    }
    let mut waiting = crew.running;
    while crew.running > 0
        && let Some(news) = news.recv().await
    {
        match news {
            News::Accepts => {
                waiting -= 1;
                if waiting == 0 && crew.failed.is_none() {
                    tell(Event::Ready(&bound));
                }
            }
            News::Ended(number, end) => crew.ended(number, end, shutdown),
            News::Signal(Asked::Stop) => shutdown.next(),
            // Who closes the window wants no server to go on in it.
            News::Signal(Asked::Reload) if had_terminal && has_lost_terminal() => shutdown.next(),
            News::Signal(Asked::Reload) => tell(Event::Hangup),
            News::Signal(Asked::Reopen) => tell(Event::User1),
            News::Stop(stop) => {
                // The path of a unix socket is free for a successor as soon as nobody accepts on it.
                control.let_go();
                control.stop(stop);
                if stop == Stop::Drain {
                    tell(Event::Draining);
                }
            }
        }
    }
    control.let_go();
    crew.failed.map_or(Ok(()), Err)
}

/// Whether the process has a controlling terminal, which sends SIGHUP when it goes.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Whether the terminal has gone. That none can be opened for another reason, such as that no descriptor is left, does not say so.
fn has_lost_terminal() -> bool {
    let opened = std::fs::File::open("/dev/tty");
    opened.is_err_and(|error| Errno::from_io_error(&error) == Some(Errno::NXIO))
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Stop,
    Reload,
    Reopen,
}

impl Signals {
    fn kinds(self) -> &'static [(SignalKind, Asked)] {
        const KINDS: [(SignalKind, Asked); 4] = [
            (SignalKind::interrupt(), Asked::Stop),
            (SignalKind::terminate(), Asked::Stop),
            (SignalKind::hangup(), Asked::Reload),
            (SignalKind::user_defined1(), Asked::Reopen),
        ];
        match self {
            Self::Stop => KINDS.first_chunk::<2>().map_or(&[], |kinds| kinds),
            Self::All => &KINDS,
            Self::Ignore => &[],
        }
    }
}

async fn forward_signals(mut signals: Signal, asked: Asked, reports: mpsc::UnboundedSender<News>) {
    while signals.recv().await.is_some() {
        let _ = reports.send(News::Signal(asked));
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
    running: usize,
    failed: Option<RunError>,
}

impl Crew {
    fn start<S: Service + 'static>(
        &mut self,
        report: Report,
        worker: Worker<S>,
        make: Arc<impl Fn(usize) -> S + Send + Sync + 'static>,
    ) {
        let name = format!("worker-{}", report.number);
        // Also one that does not start reports its end.
        self.running += 1;
        let spawned = thread::Builder::new()
            .name(name)
            .spawn(move || worker.run(report, make));
        if let Err(error) = spawned {
            self.failed = Some(RunError::Start(error));
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
}

struct Worker<S> {
    start: Start<S>,
    drain_time: Duration,
    is_pinned: bool,
}

impl<S: Service> Worker<S> {
    fn run(self, mut report: Report, make: Arc<impl Fn(usize) -> S>) {
        if self.is_pinned {
            machine::pin(report.number);
        }
        report.end = Some(self.run_to_end(&report, &*make));
    }

    fn run_to_end(self, report: &Report, make: &impl Fn(usize) -> S) -> io::Result<()> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(blocking::THREADS_MAX)
            .build_local(LocalOptions::default())?;
        let end = runtime.block_on(async {
            let service = make(report.number);
            let channel = (self.start.shared, self.start.orders);
            let mut reactor = Reactor::new(report.number, channel, self.drain_time, service)?;
            if let Some((_, error)) = reactor.listen(self.start.listeners).pop() {
                return Err(error);
            }
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
    Signal(Asked),
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
