//! What all connections of a worker share.

use std::sync::Arc;

use http1::Scratch;
use net::{Now, Stopwatch};
use semantics::fields::date::HttpDate;
use semantics::{CloseReason, Fate, Limits, Outbox, RequestHead, Stamp};

use crate::connection::{Connection, Next};
use crate::listeners::Listeners;
use crate::record::{Current, Record};
use crate::transmit::Outgoing;
use crate::{Admission, Recorder};

/// What all connections of a worker share. Its parts are used again by every turn.
#[derive(Debug)]
pub(crate) struct Core<H, R> {
    pub(crate) handler: H,
    recorder: R,
    pub(crate) listeners: Listeners,
    pub(crate) keep_alive_seconds: u64,
    pub(crate) admission: Arc<Admission>,
    pub(crate) scratch: Scratch,
    /// What the connection whose turn it is has to transmit.
    pub(crate) outbox: Outbox<Outgoing>,
    /// It holds a file: what is pipelined behind waits, so that no client makes us hold many open.
    pub(crate) has_file: bool,
    pub(crate) stamp: Stamp,
    stamp_second: u64,
    /// The time of the batch, in milliseconds since 1970.
    pub(crate) unix_millis: u64,
    pub(crate) is_recording: bool,
    pub(crate) captures: Captures,
    /// Exchanges answered in this turn, until their answers are transmitted.
    #[expect(
        clippy::vec_box,
        reason = "boxes go from connection to list and back without being copied"
    )]
    pub(crate) finished: Vec<Box<Current>>,
}

impl<H, R: Recorder> Core<H, R> {
    pub(crate) fn new(
        handler: H,
        recorder: R,
        listeners: Listeners,
        server: Option<Box<[u8]>>,
        admission: Arc<Admission>,
    ) -> Self {
        Self {
            handler,
            is_recording: recorder.is_on(),
            recorder,
            keep_alive_seconds: listeners.keep_alive_seconds(),
            listeners,
            admission,
            scratch: Scratch::default(),
            outbox: Outbox::default(),
            has_file: false,
            stamp: Stamp {
                date: HttpDate::from_unix(0).render(),
                server,
            },
            stamp_second: 0,
            unix_millis: 0,
            captures: Captures::default(),
            finished: Vec::new(),
        }
    }

    /// The limits of a listener.
    #[inline]
    pub(crate) fn limits(&self, listener: usize) -> &Limits {
        self.listeners.limits(listener)
    }

    /// Everything that a change brings, except for the policies, which are of the listeners.
    pub(crate) fn replace(&mut self, handler: H, recorder: R, server: Option<Box<[u8]>>) {
        self.recorder.flush();
        self.handler = handler;
        self.is_recording = recorder.is_on();
        self.recorder = recorder;
        self.stamp.server = server;
        self.keep_alive_seconds = self.listeners.keep_alive_seconds();
    }

    /// Renders the date when its second is over.
    #[inline]
    pub(crate) fn refresh(&mut self, now: Now) {
        self.unix_millis = now.unix_millis;
        if now.unix_seconds != self.stamp_second {
            self.stamp_second = now.unix_seconds;
            self.stamp.date = HttpDate::from_unix(now.unix_seconds).render();
        }
    }

    #[expect(clippy::vec_box, reason = "as the list")]
    pub(crate) fn take_finished(&mut self) -> Vec<Box<Current>> {
        std::mem::take(&mut self.finished)
    }

    /// The answers of all finished exchanges were handed to the transport, or will not be.
    #[inline]
    pub(crate) fn report_finished(&mut self, connection: &Connection) {
        if self.finished.is_empty() {
            return;
        }
        self.report(connection);
    }

    fn report(&mut self, connection: &Connection) {
        for mut current in self.finished.drain(..) {
            let note = current.note.take();
            let user = note.as_ref().and_then(|note| note.user());
            let server = note.as_ref().and_then(|note| note.server());
            self.recorder.record(&Record {
                unix_millis: current.unix_millis,
                connection: connection.number,
                number: current.number,
                client: current.client.unwrap_or(connection.peer),
                user: user.as_deref(),
                server: server.as_deref(),
                tries: note.map_or(0, |note| note.tries()),
                mark: current.mark,
                tls: connection.stream.tls().map(|facts| &**facts),
                request: &current.capture,
                status: current.status,
                octets: current.octets,
                duration: current.started.elapsed(),
                request_octets: current.request_octets,
                request_end: current.request_end,
                fate: current
                    .fate
                    .unwrap_or(Fate::Closed(CloseReason::TransportError)),
                is_complete: current.is_complete,
            });
            self.captures.give_back(current);
        }
    }

    /// A batch of events is done.
    pub(crate) fn batch_done(&mut self) {
        if self.is_recording {
            self.recorder.flush();
        }
    }

    /// What becomes of a connection after its turn; `None` when that panicked. Whatever it left is forgotten, since the
    /// next connection would transmit it.
    #[inline]
    pub(crate) fn checked(&mut self, next: Option<Next>) -> Next {
        match next {
            Some(next) if self.outbox.is_empty() => next,
            _ => {
                debug_assert!(
                    next.is_none(),
                    "a turn left what the next connection would transmit"
                );
                self.reset();
                Next::Close
            }
        }
    }

    /// Forgets what a turn that did not end properly may have left.
    fn reset(&mut self) {
        self.scratch = Scratch::default();
        self.outbox = Outbox::default();
        self.has_file = false;
        self.finished.clear();
    }
}

/// Records under way, whose memory is used again.
#[derive(Debug, Default)]
pub(crate) struct Captures {
    #[expect(clippy::vec_box, reason = "as the list of those that are finished")]
    spare: Vec<Box<Current>>,
}

impl Captures {
    pub(crate) fn begin(&mut self, head: RequestHead<'_>, unix_millis: u64) -> Box<Current> {
        let mut current = self.blank(unix_millis);
        current.capture.fill(head);
        current
    }

    /// A record of a request whose head was not readable.
    pub(crate) fn blank(&mut self, unix_millis: u64) -> Box<Current> {
        let mut current = self.spare.pop().unwrap_or_default();
        current.capture.clear();
        current.client = None;
        current.note = None;
        current.mark = None;
        current.unix_millis = unix_millis;
        current.started = Stopwatch::start();
        current.number = 0;
        current.status = None;
        current.octets = 0;
        current.queued_octets = 0;
        current.request_octets = 0;
        current.request_end = semantics::ContentEnd::NoFraming;
        current.fate = None;
        current.is_complete = true;
        current
    }

    fn give_back(&mut self, current: Box<Current>) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(current);
        }
    }
}

/// Records whose memory is kept.
const SPARE_MAX: usize = 64;
