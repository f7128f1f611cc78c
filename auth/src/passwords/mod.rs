//! Whether a password is a user's.

mod attempts;
mod crypt;
pub(crate) mod file;
pub(crate) mod hash;
pub mod htpasswd;
pub(crate) mod users;

use crate::bounded::Bounded;
use crate::flight::{Flight, Pilot};
use crate::room::{Place, Room};
use crate::secret::{Password, ProcessKey};
use attempts::{Attempt, Attempts, TooMany};
use file::{Current, UsersFile};
use net::{Now, blocking};
use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Checks passwords for all workers: against a file of users, not too often, and not too many at once.
///
/// ```text
///  check ──▶ checked lately? ──▶ Known
///     │
///     └─▶ being checked? ──▶ wait for it
///            │
///            └─▶ attempts left? ──▶ a place in the room ──▶ net::blocking: hash ──▶ remember
/// ```
#[derive(Debug)]
pub(crate) struct Passwords {
    file: Arc<UsersFile>,
    attempts: Arc<Attempts>,
    room: Arc<Room>,
    key: ProcessKey,
    results: Mutex<Results>,
}

#[derive(Debug)]
struct Results {
    /// Until when a password is known to be right, in monotonic milliseconds.
    right: Bounded<Check, u64>,
    /// The same for wrong ones, apart, so that guesses push out no user.
    wrong: Bounded<Check, u64>,
    /// What is checked at the moment.
    flights: HashMap<Check, Arc<Flight<Outcome>>>,
}

/// What stands for a name and a password, and the reading of the file that they are checked against.
type Check = [u8; 32];

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is the user's password.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// Too many were wrong; the next may be tried after this time.
    TooMany(Duration),
    /// Too many passwords are being checked.
    Busy,
}

/// An outcome at once, or later.
pub(crate) enum Checking<F> {
    Known(Outcome),
    Later(F),
}

/// Who asks for a check.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) name: Arc<str>,
    pub(crate) password: Password,
    pub(crate) client: Option<IpAddr>,
}

impl Passwords {
    pub(crate) fn new(
        file: UsersFile,
        room: Arc<Room>,
        key: ProcessKey,
        max: u64,
        time: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            file: Arc::new(file),
            attempts: Arc::new(Attempts::new(max, time)),
            room,
            key,
            results: Mutex::new(Results {
                right: Bounded::new(RESULTS_ENTRIES_MAX),
                wrong: Bounded::new(RESULTS_ENTRIES_MAX),
                flights: HashMap::new(),
            }),
        })
    }

    /// Other limits for attempts.
    pub(crate) fn limit(&self, max: u64, time: Duration) {
        self.attempts.limit(max, time);
    }

    /// The file of users.
    pub(crate) fn file(&self) -> &Arc<UsersFile> {
        &self.file
    }

    /// Checks a password. Most are answered at once: they were right a moment ago.
    pub(crate) fn check(
        self: &Arc<Self>,
        asked: Asked,
        now: Now,
    ) -> Checking<impl Future<Output = Outcome> + use<>> {
        if asked.password.octets().len() > PASSWORD_OCTETS_MAX {
            return Checking::Known(Outcome::Wrong);
        }
        let known = self.file.fresh(now).and_then(|current| {
            let check = self.check_of(&asked, &current);
            self.known(&check, &asked, now.millis)
        });
        match known {
            Some(outcome) => Checking::Known(outcome),
            None => Checking::Later(Arc::clone(self).check_later(asked)),
        }
    }

    async fn check_later(self: Arc<Self>, asked: Asked) -> Outcome {
        let current = self.file.current().await;
        let check = self.check_of(&asked, &current);
        let now_millis = Now::read().millis;
        if let Some(outcome) = self.known(&check, &asked, now_millis) {
            return outcome;
        }
        let (flight, pilot) = {
            let mut results = self.results();
            match results.flights.get(&check) {
                Some(flight) => (Arc::clone(flight), None),
                None => {
                    let begun = self.attempts.begin(asked.client, &asked.name, now_millis);
                    let attempt = match begun {
                        Ok(attempt) => attempt,
                        Err(TooMany { wait }) => return Outcome::TooMany(wait),
                    };
                    let Ok(place) = self.room.enter() else {
                        return Outcome::Busy;
                    };
                    let (flight, pilot) = Flight::start(Outcome::Busy);
                    results.flights.insert(check, Arc::clone(&flight));
                    (flight, Some((attempt, place, pilot)))
                }
            }
        };
        if let Some((attempt, place, pilot)) = pilot {
            let landing = Landing {
                passwords: Arc::clone(&self),
                check,
                pilot: Some(pilot),
            };
            // Whoever asked may leave; those who joined go on waiting.
            net::spawn(landing.fly(asked, current, attempt, place));
        }
        flight.landed().await
    }

    fn check_of(&self, asked: &Asked, current: &Current) -> Check {
        let reading = current.reading.to_le_bytes();
        self.key.digest(&[
            b"password",
            &reading,
            asked.name.as_bytes(),
            asked.password.octets(),
        ])
    }

    /// What a check came to within the last minute. The same wrong password again is no further guess, and no way around a wait.
    fn known(&self, check: &Check, asked: &Asked, now_millis: u64) -> Option<Outcome> {
        let mut results = self.results();
        let is_valid = |until: &mut u64| *until > now_millis;
        if results.right.find(check).is_some_and(is_valid) {
            return Some(Outcome::Right);
        }
        let is_valid = |until: &mut u64| *until > now_millis;
        let is_wrong = results.wrong.find(check).is_some_and(is_valid);
        drop(results);
        is_wrong.then(
            || match self.attempts.refuses(asked.client, &asked.name, now_millis) {
                Some(TooMany { wait }) => Outcome::TooMany(wait),
                None => Outcome::Wrong,
            },
        )
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A check on its way. However it ends, it is taken off the list and whoever waits is told.
struct Landing {
    passwords: Arc<Passwords>,
    check: Check,
    pilot: Option<Pilot<Outcome>>,
}

impl Landing {
    async fn fly(
        self,
        asked: Asked,
        current: Current,
        attempt: Attempt,
        place: impl Future<Output = Place>,
    ) {
        let place = place.await;
        let is_right = blocking(move || {
            let is_right = current
                .users
                .is_password(&asked.name, asked.password.octets());
            drop(place);
            is_right
        });
        let Ok(is_right) = is_right.await else { return };
        let now_millis = Now::read().millis;
        match is_right {
            true => attempt.succeeded(),
            false => attempt.failed(now_millis),
        }
        self.land(is_right, now_millis);
    }

    fn land(mut self, is_right: bool, now_millis: u64) {
        let until = now_millis + RESULT_MILLIS;
        {
            let mut results = self.passwords.results();
            match is_right {
                true => results.right.insert(self.check, until),
                false => results.wrong.insert(self.check, until),
            }
        }
        if let Some(pilot) = self.pilot.take() {
            pilot.land(if is_right {
                Outcome::Right
            } else {
                Outcome::Wrong
            });
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.passwords.results().flights.remove(&self.check);
        self.pilot = None;
    }
}

/// Octets of a password that is checked; a longer one is wrong. Some forms of hash take longer for longer ones.
pub const PASSWORD_OCTETS_MAX: usize = 256;
/// Passwords that are known to be right, and as many that are known to be wrong.
const RESULTS_ENTRIES_MAX: usize = 10_000;
/// For how long.
const RESULT_MILLIS: u64 = 60_000;

#[cfg(test)]
mod tests;
