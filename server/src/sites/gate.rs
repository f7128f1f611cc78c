//! Who asks: what stands between a request and a route that is not for everybody.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use engine::{Exchange, Response};

/// A way of knowing who asks.
pub(crate) trait Gate: std::fmt::Debug {
    /// Judges a request. Who is let in was noted by [`engine::Note::set_user`].
    fn judge(&self, exchange: &mut Exchange<'_>) -> Judging;

    /// Whether the gate itself answers at a path, whichever route that belongs to: forms and what they are sent to.
    fn owns(&self, path: &[u8]) -> bool;
}

/// What comes of judging.
pub(crate) enum Judging {
    /// At once.
    Done(Verdict),
    /// After waiting, for a slow hash or a store of sessions.
    Later(Waiting),
}

/// A verdict that is still to come.
pub(crate) type Waiting = Pin<Box<dyn Future<Output = Verdict>>>;

/// Whether a request goes on.
pub(crate) enum Verdict {
    /// It does, with the name that is signed in.
    Pass(Rc<str>),
    /// It does not: this is its answer.
    Answer(Refused),
}

/// The answer of a gate.
pub(crate) struct Refused {
    pub(crate) response: Response,
    /// Whether a page of the site may stand in for its content. A form may not be replaced.
    pub(crate) has_form: bool,
}
