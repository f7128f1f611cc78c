//! Room for work that costs much: so many at once, and so many who wait.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Places in which work is done, and a queue before them, for all workers.
#[derive(Debug)]
pub(crate) struct Room {
    state: Mutex<State>,
    places_max: usize,
    waiting_max: usize,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    waiting: VecDeque<Arc<Mutex<Ticket>>>,
}

#[derive(Debug)]
enum Ticket {
    Waiting(Option<Waker>),
    Called,
}

/// The queue is full too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Room>);

impl Room {
    pub(crate) fn new(places_max: usize, waiting_max: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            places_max: places_max.max(1),
            waiting_max,
        })
    }

    /// A place as soon as there is one, first come first served.
    ///
    /// # Errors
    /// [`Full`], at once, when too many wait already.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<impl Future<Output = Place> + use<>, Full> {
        let mut state = self.state();
        let ticket = if state.taken < self.places_max {
            state.taken += 1;
            Ticket::Called
        } else if state.waiting.len() < self.waiting_max {
            Ticket::Waiting(None)
        } else {
            return Err(Full);
        };
        let is_called = matches!(ticket, Ticket::Called);
        let ticket = Arc::new(Mutex::new(ticket));
        if !is_called {
            state.waiting.push_back(Arc::clone(&ticket));
        }
        drop(state);
        let holder = Holder {
            room: Some(Arc::clone(self)),
            ticket,
        };
        Ok(holder.called())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self) {
        let mut state = self.state();
        let Some(next) = state.waiting.pop_front() else {
            state.taken = state.taken.saturating_sub(1);
            return;
        };
        let before = std::mem::replace(&mut *lock(&next), Ticket::Called);
        drop(state);
        if let Ticket::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// Who waits. Whoever gives up leaves the queue, or the place if it was given meanwhile.
struct Holder {
    room: Option<Arc<Room>>,
    ticket: Arc<Mutex<Ticket>>,
}

impl Holder {
    async fn called(mut self) -> Place {
        poll_fn(|cx| match &mut *lock(&self.ticket) {
            Ticket::Called => Poll::Ready(()),
            Ticket::Waiting(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        })
        .await;
        match self.room.take() {
            Some(room) => Place(room),
            // It is taken once, above.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let Some(room) = self.room.take() else { return };
        let mut state = room.state();
        let queued = state.waiting.len();
        state
            .waiting
            .retain(|ticket| !Arc::ptr_eq(ticket, &self.ticket));
        let was_called = queued == state.waiting.len();
        drop(state);
        if was_called {
            room.leave();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}

fn lock(ticket: &Mutex<Ticket>) -> MutexGuard<'_, Ticket> {
    ticket.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_beyond_places_and_queue_is_refused() {
        let room = Room::new(1, 1);
        let first = net::run_alone(room.enter().unwrap());
        let second = room.enter().unwrap();
        assert!(room.enter().is_err());
        drop(first);
        drop(net::run_alone(second));
        assert_eq!(room.state().taken, 0);
    }

    #[test]
    fn who_gives_up_waiting_frees_the_queue() {
        let room = Room::new(1, 1);
        let first = net::run_alone(room.enter().unwrap());
        drop(room.enter().unwrap());
        assert!(room.enter().is_ok());
        drop(first);
        assert_eq!(room.state().taken, 0);
    }

    #[test]
    fn who_gives_up_when_called_passes_the_place_on() {
        let room = Room::new(1, 2);
        let first = net::run_alone(room.enter().unwrap());
        let (second, third) = (room.enter().unwrap(), room.enter().unwrap());
        drop(first);
        drop(second);
        drop(net::run_alone(third));
        assert_eq!(room.state().taken, 0);
    }
}
