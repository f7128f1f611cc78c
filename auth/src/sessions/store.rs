//! What a store of sessions does.

use crate::sessions::record::{Key, Record};
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Where sessions live, as one worker uses it. A session whose end has come need not be found, and is forgotten in time.
pub(crate) trait Store: fmt::Debug {
    /// The session stored by this key.
    fn load(&self, key: Key) -> Pending<Option<Record>>;

    /// Stores a session. When it is ready a restart does not lose it.
    fn insert(&self, key: Key, record: Record) -> Pending<()>;

    /// Stores a session again if it is still there: what was removed meanwhile does not come back.
    fn update(&self, key: Key, record: Record) -> Pending<()>;

    /// Forgets sessions.
    fn remove(&self, keys: Vec<Key>) -> Pending<()>;
}

/// What comes of asking a store.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Away>>>>;

/// The store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Away;
