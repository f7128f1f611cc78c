//! The one thread that writes the log.
//!
//! ```text
//!  workers --try_write(batch)--> bounded queue --> thread --> output
//!     ^                                              |
//!     +------------ empty buffers -------------------+
//! ```
//!
//! A worker hands over a batch of whole lines and goes on at once: if the queue is
//! full the lines are counted and dropped, and the count is written when the thread
//! has caught up.

use super::setup;
use crate::config::LogFormat;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The thread that writes the log; the server holds it, workers hold [`LogHandle`]s.
#[derive(Debug)]
pub struct LogWriter {
    handle: LogHandle,
    finished: Receiver<()>,
}

/// A worker's way to the log.
#[derive(Clone, Debug)]
pub struct LogHandle {
    queue: SyncSender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Lines dropped and not yet reported.
    dropped: AtomicU64,
    /// Set when no more batches are expected.
    is_finishing: AtomicBool,
    /// Set when the output takes nothing any more.
    is_stopped: AtomicBool,
    /// Octets of the batches that wait.
    queued_octets: AtomicUsize,
    /// Set when the output is to be opened again.
    is_reopening: AtomicBool,
    /// In which the thread says that lines were dropped.
    format: Mutex<Option<LogFormat>>,
    /// Buffers to be used again.
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl LogWriter {
    /// Starts the thread for standard output; trouble is told once on standard error.
    pub fn to_stdout(format: LogFormat) -> io::Result<Self> {
        Self::start(io::stdout(), format, |error| {
            let told = match error.kind() {
                io::ErrorKind::BrokenPipe => {
                    "standard output was closed: the access log stops".to_owned()
                }
                _ => format!("the access log loses lines: {error}"),
            };
            // With standard error closed there is nobody left to tell.
            let _ = writeln!(io::stderr(), "hansom: {told}");
        })
    }

    /// Opens a file for appending, and starts the thread; trouble is told once on standard error.
    ///
    /// # Errors
    /// That the file cannot be opened, in words, or that there is no thread.
    pub fn to_file(path: PathBuf, format: LogFormat) -> io::Result<Self> {
        let file = setup::open(&path)?;
        let shown = path.display().to_string();
        let reopen = move |output: &mut File| match setup::open(&path) {
            Ok(file) => *output = file,
            // The file that is open goes on to be written.
            Err(error) => drop(writeln!(io::stderr(), "hansom: {error}")),
        };
        Self::start_with(file, reopen, format, move |error| {
            let told = match error.kind() {
                io::ErrorKind::BrokenPipe => "stops until a reload",
                _ => "loses lines",
            };
            let _ = writeln!(
                io::stderr(),
                "hansom: the access log {shown} {told}: {error}"
            );
        })
    }

    /// Starts the thread. `complain` is told the first error of the output, once.
    pub fn start(
        output: impl Write + Send + 'static,
        format: LogFormat,
        complain: impl FnOnce(&io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_with(output, |_| {}, format, complain)
    }

    fn start_with<W: Write + Send + 'static>(
        output: W,
        reopen: impl FnMut(&mut W) + Send + 'static,
        format: LogFormat,
        complain: impl FnOnce(&io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, batches) = sync_channel(BATCHES_MAX);
        let (done, finished) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        shared.set_format(format);
        let mut writing = Writing {
            output,
            reopen,
            is_torn: false,
            complain: Some(complain),
            batches,
            shared: Arc::clone(&shared),
        };
        let named = thread::Builder::new().name("log".to_owned());
        named.spawn(move || {
            writing.run();
            // Nobody may be waiting.
            let _ = done.try_send(());
        })?;
        Ok(Self {
            handle: LogHandle { queue, shared },
            finished,
        })
    }

    /// A way to the log for one worker.
    pub fn handle(&self) -> LogHandle {
        self.handle.clone()
    }

    /// Says in another format that lines were dropped.
    pub fn set_format(&self, format: LogFormat) {
        self.handle.shared.set_format(format);
    }

    /// Has the output opened again before the next line is written; what was opened before takes those until then.
    pub fn reopen(&self) {
        self.handle
            .shared
            .is_reopening
            .store(true, Ordering::SeqCst);
        self.wake();
    }

    /// An empty batch wakes the thread; if the queue is full it is awake, and sees what was set before.
    fn wake(&self) {
        let _ = self.handle.queue.try_send(Vec::new());
    }

    /// Writes what was handed over and ends; says whether that was done within the time.
    ///
    /// Lines handed over later are lost. A reader that takes nothing holds up the
    /// shutdown no longer than `wait`.
    pub fn finish(self, wait: Duration) -> bool {
        self.handle
            .shared
            .is_finishing
            .store(true, Ordering::SeqCst);
        self.wake();
        !matches!(
            self.finished.recv_timeout(wait),
            Err(RecvTimeoutError::Timeout)
        )
    }
}

impl LogHandle {
    /// Hands over whole lines without ever waiting; `batch` is empty afterwards.
    pub fn try_write(&self, batch: &mut Vec<u8>) {
        if batch.is_empty() {
            return;
        }
        if self.shared.is_stopped.load(Ordering::Relaxed) {
            return batch.clear();
        }
        let octets = batch.len();
        let waiting = self
            .shared
            .queued_octets
            .fetch_add(octets, Ordering::Relaxed);
        if waiting.saturating_add(octets) > QUEUED_OCTETS_MAX {
            self.shared.drop_lines(batch);
            return batch.clear();
        }
        let full = std::mem::replace(batch, self.shared.buffer());
        if let Err(TrySendError::Full(back)) = self.queue.try_send(full) {
            self.shared.drop_lines(&back);
            self.shared.recycle(back);
        }
    }

    /// Whether the output takes nothing any more, so that formatting can be spared.
    pub fn is_stopped(&self) -> bool {
        self.shared.is_stopped.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn set_format(&self, format: LogFormat) {
        *self.format.lock().unwrap_or_else(PoisonError::into_inner) = Some(format);
    }

    fn format(&self) -> LogFormat {
        let format = *self.format.lock().unwrap_or_else(PoisonError::into_inner);
        format.unwrap_or(LogFormat::Json)
    }

    /// An empty buffer; a used one if there is one and nobody else is looking.
    fn buffer(&self) -> Vec<u8> {
        self.buffers
            .try_lock()
            .ok()
            .and_then(|mut buffers| buffers.pop())
            .unwrap_or_default()
    }

    /// A batch that was counted as waiting does not wait.
    fn drop_lines(&self, batch: &[u8]) {
        self.queued_octets.fetch_sub(batch.len(), Ordering::Relaxed);
        self.dropped.fetch_add(lines(batch), Ordering::Relaxed);
    }

    fn recycle(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= BUFFER_OCTETS_MAX
            && let Ok(mut buffers) = self.buffers.try_lock()
            && buffers.len() < BATCHES_MAX
        {
            buffer.clear();
            buffers.push(buffer);
        }
    }
}

/// What the thread holds.
struct Writing<W, O, C> {
    output: W,
    /// Opens the output again.
    reopen: O,
    /// The output took a part of a line.
    is_torn: bool,
    complain: Option<C>,
    batches: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
}

impl<W: Write, O: FnMut(&mut W), C: FnOnce(&io::Error)> Writing<W, O, C> {
    /// Writes until it is told to finish, or all handles are gone, or nobody reads.
    fn run(&mut self) {
        while let Ok(batch) = self.batches.recv() {
            let is_over = self.write(&batch).and_then(|()| {
                self.shared.recycle(batch);
                self.drain()
            });
            if is_over.unwrap_or(true) {
                break;
            }
        }
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        let _ = self.output.flush();
    }

    /// Writes all that waits; says whether that was the end. An error is final.
    fn drain(&mut self) -> Result<bool, Stopped> {
        loop {
            match self.batches.try_recv() {
                Ok(batch) => {
                    self.write(&batch)?;
                    self.shared.recycle(batch);
                }
                Err(TryRecvError::Disconnected) => return self.caught_up().map(|()| true),
                Err(TryRecvError::Empty) => {
                    // The mark is set before the batch that wakes us, so it is seen here.
                    let is_finishing = self.shared.is_finishing.load(Ordering::SeqCst);
                    return self.caught_up().map(|()| is_finishing);
                }
            }
        }
    }

    /// Nothing waits: tells how much was dropped, and lets everything out.
    fn caught_up(&mut self) -> Result<(), Stopped> {
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let mut notice = self.shared.buffer();
            super::append_dropped(self.shared.format(), &mut notice, dropped);
            if let Err(unsent) = self.transmit(&notice) {
                self.judge(unsent.error, dropped)?;
            }
            self.shared.recycle(notice);
        }
        self.output.flush().or_else(|error| self.judge(error, 0))
    }

    fn write(&mut self, batch: &[u8]) -> Result<(), Stopped> {
        self.shared
            .queued_octets
            .fetch_sub(batch.len(), Ordering::Relaxed);
        self.transmit(batch)
            .or_else(|unsent| self.judge(unsent.error, unsent.lines))
    }

    fn transmit(&mut self, batch: &[u8]) -> Result<(), Unsent> {
        if self.shared.is_reopening.swap(false, Ordering::SeqCst) {
            // What is opened begins a line, so a torn one is over.
            self.is_torn = false;
            let _ = self.output.flush();
            (self.reopen)(&mut self.output);
        }
        if self.is_torn && !batch.is_empty() {
            // Else the next line would be taken for the end of the torn one.
            self.transmit_octets(b"\n").map_err(|unsent| Unsent {
                lines: lines(batch),
                ..unsent
            })?;
            self.is_torn = false;
        }
        self.transmit_octets(batch)
    }

    fn transmit_octets(&mut self, batch: &[u8]) -> Result<(), Unsent> {
        let mut rest = batch;
        while !rest.is_empty() {
            let error = match self.output.write(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(count) => {
                    rest = rest.get(count..).unwrap_or_default();
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                // Somebody else made the terminal non-blocking; this thread may wait.
                io::ErrorKind::WouldBlock => thread::sleep(RETRY_INTERVAL),
                _ => {
                    let sent = batch.len() - rest.len();
                    let last = batch.get(..sent).and_then(<[u8]>::last);
                    self.is_torn |= last.is_some_and(|octet| *octet != b'\n');
                    return Err(Unsent {
                        error,
                        lines: lines(rest),
                    });
                }
            }
        }
        Ok(())
    }

    /// A closed output ends the log; any other error costs the lines that it hit.
    fn judge(&mut self, error: io::Error, lines: u64) -> Result<(), Stopped> {
        if let Some(complain) = self.complain.take() {
            complain(&error);
        }
        self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
        match error.kind() {
            io::ErrorKind::BrokenPipe => Err(Stopped),
            _ => Ok(()),
        }
    }
}

/// What the output did not take.
#[derive(Debug)]
struct Unsent {
    error: io::Error,
    lines: u64,
}

/// The output takes nothing any more.
#[derive(Debug)]
struct Stopped;

fn lines(batch: &[u8]) -> u64 {
    batch.iter().filter(|octet| **octet == b'\n').count() as u64
}

/// Batches that wait at most; more are dropped.
const BATCHES_MAX: usize = 256;
/// Octets of the batches that wait at most. Clients choose how long lines are.
const QUEUED_OCTETS_MAX: usize = 16 << 20;
/// Larger buffers are not kept.
const BUFFER_OCTETS_MAX: usize = 256 * 1024;
const RETRY_INTERVAL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests;
