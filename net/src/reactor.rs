//! One worker's loop: epoll, accept, wakers and timers, driving one [`Service`].
//!
//! The loop is one task of the worker's runtime. It owns a second, edge-triggered epoll instance that the runtime's own watches:
//!
//! ```text
//!          ┌──────────── events (no wait) ◄───────────────┐
//!          ▼                                              │ more at once
//!   ready · accepted · woken · expired ─► batch_done ─────┤
//!          ▲                                              │ quiet
//!          └── runtime's epoll wakes the task ◄── sleep ◄─┘
//! ```

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest};

use crate::accepting::{self, ACCEPTS_PER_TURN, Accepting, Queue, accept_some};
use crate::alarm::Alarm;
use crate::listen::Listener;
use crate::service::{LISTENER_FLAG, State};
use crate::sys::WatchedPoll;
use crate::wake::{self, Shared, Stop, TokenWaker};
use crate::{Context, Counters, Now, Readiness, Service, Timers, Token};

/// A worker's reactor with its service. Lives on the worker's thread, inside the runtime.
pub(crate) struct Reactor<S> {
    poll: WatchedPoll,
    events: Events,
    listeners: Vec<Accepting>,
    state: State,
    drain_millis: u64,
    /// Held so that a connection can still be accepted, and closed, when no descriptor is left.
    spare: Option<OwnedFd>,
    alarm: Alarm,
    woken: Vec<Arc<TokenWaker>>,
    due: Vec<Token>,
    service: S,
}

/// How a batch went, thus what is best next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Events are likely at hand: look for them before sleeping.
    Busy,
    /// Sleeping is likely best.
    Quiet,
}

impl<S: Service> Reactor<S> {
    pub(crate) fn new(
        worker: usize,
        listeners: Vec<Listener>,
        shared: Arc<Shared>,
        drain: Duration,
        service: S,
    ) -> io::Result<Self> {
        let poll = WatchedPoll::new()?;
        for (index, listener) in listeners.iter().enumerate() {
            let fd = listener.as_fd().as_raw_fd();
            let token = mio::Token(LISTENER_FLAG as usize | index);
            poll.registry()
                .register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        }
        let now = Now::read();
        let state = State {
            now,
            worker,
            timers: Timers::new(now.millis),
            shared,
            counters: Counters::default(),
            draining_until: None,
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            listeners: listeners
                .into_iter()
                .map(|listener| Accepting {
                    listener,
                    queue: Queue::Unknown,
                })
                .collect(),
            state,
            drain_millis: u64::try_from(drain.as_millis()).unwrap_or(u64::MAX),
            spare: accepting::spare(),
            alarm: Alarm::new(now),
            woken: Vec::new(),
            due: Vec::new(),
            service,
        })
    }

    /// Runs batches until the service is drained. Never takes the runtime's other tasks more than a few batches' time.
    pub(crate) fn poll_run(&mut self, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        // What woke the task is answered by the first look for events; asking here saves an empty look before the next sleep.
        if let Poll::Ready(Err(error)) = self.poll.poll_changed(task) {
            return Poll::Ready(Err(error));
        }
        let last_call = self.state.counters.calls.saturating_add(CALLS_PER_TURN);
        for _ in 0..BATCHES_PER_TURN {
            let pace = self.batch()?;
            if self.is_finished() {
                return Poll::Ready(Ok(()));
            }
            if pace == Pace::Quiet {
                ready!(self.poll_sleep(task))?;
            }
            if self.state.counters.calls >= last_call {
                break;
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn batch(&mut self) -> io::Result<Pace> {
        match self.poll.take_events(&mut self.events) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.state.now = Now::read();
        self.state.counters.batches += 1;
        let mut count = self.dispatch();
        count += self.accept_unknown();
        count += self.hear();
        count += self.expire();
        if count > 0 {
            self.state.counters.calls += count as u64;
            self.with_context(|service, cx| service.batch_done(cx));
        }
        Ok(
            if count >= BUSY_MIN || self.listeners.iter().any(|it| it.queue == Queue::Unknown) {
                Pace::Busy
            } else {
                Pace::Quiet
            },
        )
    }

    /// Ready once there may be something to do. Pending means that every source of work wakes the task.
    fn poll_sleep(&mut self, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(changed) = self.poll.poll_changed(task) {
            return Poll::Ready(changed);
        }
        if self.state.shared.sleep(task.waker()) == wake::Sleep::Refused {
            return Poll::Ready(Ok(()));
        }
        let deadline = self.next_millis();
        if self.alarm.poll(deadline, self.state.now, task).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.state.counters.sleeps += 1;
        Poll::Pending
    }

    fn next_millis(&self) -> Option<u64> {
        let blocked = self.listeners.iter().filter_map(|it| match it.queue {
            Queue::Blocked(until) => Some(until),
            Queue::Empty | Queue::Unknown => None,
        });
        blocked
            .chain(self.state.timers.next_millis())
            .chain(self.state.draining_until)
            .min()
    }

    fn dispatch(&mut self) -> usize {
        let Self {
            poll,
            events,
            listeners,
            state,
            service,
            ..
        } = self;
        let registry = poll.registry();
        let mut count = 0;
        for event in &*events {
            count += 1;
            let token = event.token().0 as u64;
            if token & LISTENER_FLAG == 0 {
                service.ready(
                    &mut Context { state, registry },
                    Token(token),
                    Readiness::of(event),
                );
            } else if let Some(accepting) = listeners.get_mut((token & !LISTENER_FLAG) as usize)
                && accepting.queue == Queue::Empty
            {
                accepting.queue = Queue::Unknown;
            }
        }
        count
    }

    /// Accepts from all listeners at which connections may wait, a bounded number each.
    fn accept_unknown(&mut self) -> usize {
        let Self {
            poll,
            listeners,
            state,
            service,
            spare,
            ..
        } = self;
        let mut count = 0;
        for (index, accepting) in listeners.iter_mut().enumerate() {
            if matches!(accepting.queue, Queue::Blocked(until) if until <= state.now.millis) {
                accepting.queue = Queue::Unknown;
            }
            if accepting.queue == Queue::Unknown {
                let mut cx = Context {
                    state,
                    registry: poll.registry(),
                };
                accepting.queue = accept_some(
                    index,
                    &accepting.listener,
                    spare,
                    &mut cx,
                    service,
                    &mut count,
                );
            }
        }
        count
    }

    fn hear(&mut self) -> usize {
        let Some(stop) = self.state.shared.hear(&mut self.woken) else {
            return 0;
        };
        let mut woken = std::mem::take(&mut self.woken);
        let count = woken.len();
        self.with_context(|service, cx| {
            for waker in woken.drain(..) {
                service.woken(cx, waker.taken());
            }
        });
        woken.shrink_to(TOKENS_KEPT);
        self.woken = woken;
        match stop {
            Stop::Run => {}
            Stop::Drain => self.drain(),
            Stop::End => self.state.draining_until = Some(0),
        }
        count
    }

    fn drain(&mut self) {
        if self.state.draining_until.is_some() {
            return;
        }
        // Connections that were made before the listener closes are served: closing it would reset them.
        let turns = CONNECTIONS_LEFT_MAX / ACCEPTS_PER_TURN;
        for _ in 0..turns {
            if self.accept_unknown() == 0 {
                break;
            }
            for accepting in &mut self.listeners {
                accepting.queue = Queue::Unknown;
            }
        }
        self.state.draining_until = Some(self.state.now.millis.saturating_add(self.drain_millis));
        // Closing the descriptor would not end the registration of a listener that workers share.
        for accepting in self.listeners.drain(..) {
            let fd = accepting.listener.as_fd().as_raw_fd();
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
        self.with_context(|service, cx| service.drain(cx));
    }

    fn is_finished(&self) -> bool {
        self.state
            .draining_until
            .is_some_and(|until| until <= self.state.now.millis || self.service.is_drained())
    }

    fn expire(&mut self) -> usize {
        self.state
            .timers
            .advance(self.state.now.millis, &mut self.due);
        if self.due.is_empty() {
            return 0;
        }
        let mut due = std::mem::take(&mut self.due);
        let count = due.len();
        self.with_context(|service, cx| {
            for token in due.drain(..) {
                service.expired(cx, token);
            }
        });
        due.shrink_to(TOKENS_KEPT);
        self.due = due;
        count
    }

    fn with_context(&mut self, call: impl FnOnce(&mut S, &mut Context<'_>)) {
        let registry = self.poll.registry();
        call(
            &mut self.service,
            &mut Context {
                state: &mut self.state,
                registry,
            },
        );
    }
}

impl<S> Drop for Reactor<S> {
    fn drop(&mut self) {
        self.state.shared.gone();
    }
}

/// Events taken in one call.
const EVENTS_MAX: usize = 512;
/// Batches before the runtime's other tasks get their turn.
const BATCHES_PER_TURN: usize = 32;
/// Calls before the runtime's other tasks get their turn; one turn exceeds it by less than a batch.
const CALLS_PER_TURN: u64 = 1024;
/// From so many calls in a batch on, more events are likely at hand after it.
const BUSY_MIN: usize = 2;
/// Connections accepted from the queues of closing listeners.
const CONNECTIONS_LEFT_MAX: usize = 4096;
/// Room for tokens that stays after a crowd.
const TOKENS_KEPT: usize = 1024;
