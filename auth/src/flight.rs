//! Work that several wait for, on any worker.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// A result that is made once and awaited by whoever needs it.
#[derive(Debug)]
pub(crate) struct Flight<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    result: Option<T>,
    waiting: Vec<Waker>,
}

/// Who makes the result. Dropped without one, it lands with what it was given for that case: nobody waits for ever.
#[derive(Debug)]
pub(crate) struct Pilot<T> {
    flight: Arc<Flight<T>>,
    otherwise: Option<T>,
}

impl<T: Clone> Flight<T> {
    /// A flight and its pilot.
    pub(crate) fn start(otherwise: T) -> (Arc<Self>, Pilot<T>) {
        let flight = Arc::new(Self(Mutex::new(State {
            result: None,
            waiting: Vec::new(),
        })));
        let pilot = Pilot {
            flight: Arc::clone(&flight),
            otherwise: Some(otherwise),
        };
        (flight, pilot)
    }

    /// The result, when there is one.
    pub(crate) async fn landed(&self) -> T {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(result) = &state.result {
                return Poll::Ready(result.clone());
            }
            if !state
                .waiting
                .iter()
                .any(|waker| waker.will_wake(cx.waker()))
            {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

impl<T: Clone> Pilot<T> {
    /// Gives the result to all who wait.
    pub(crate) fn land(mut self, result: T) {
        self.otherwise = Some(result);
    }
}

impl<T> Drop for Pilot<T> {
    fn drop(&mut self) {
        let Some(result) = self.otherwise.take() else {
            return;
        };
        let waiting = {
            let mut state = self.flight.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.result.get_or_insert(result);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_wait_get_the_result() {
        let (flight, pilot) = Flight::start(0);
        let results = net::run_alone(async move {
            let first = Arc::clone(&flight);
            let (sum, done) = Flight::start(-1);
            net::spawn(async move { done.land(first.landed().await + 1) });
            net::spawn(async move { pilot.land(7) });
            (flight.landed().await, sum.landed().await)
        });
        assert_eq!(results, (7, 8));
    }

    #[test]
    fn a_lost_pilot_leaves_nobody_waiting() {
        let (flight, pilot) = Flight::start("lost");
        drop(pilot);
        assert_eq!(net::run_alone(flight.landed()), "lost");
    }
}
