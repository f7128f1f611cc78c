//! The gate before a route: who asks, and may they come in.

use crate::basic::{BasicGate, ForWhom};
use crate::form::{FormConfig, FormGate};
use crate::sessions::Sessions;
use crate::shared::Shared;
use crate::verdict::Verdict;
use engine::Exchange;
use std::rc::Rc;
use std::sync::Arc;

/// One `[[auth]]` as a worker applies it. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Basic(BasicGate),
    Form(Rc<FormGate>),
}

impl Gate {
    /// A gate that asks for a name and a password with every request (RFC 7617). The realm is shown to people, and is the scope of their
    /// password (RFC 9110 §11.5).
    pub fn basic(realm: &str, shared: Arc<Shared>) -> Self {
        Self(Kind::Basic(BasicGate::new(realm, shared, ForWhom::Server)))
    }

    /// The same for a proxy, which asks for itself and not for who has the resource (RFC 9110 §11.7).
    pub fn proxy(realm: &str, shared: Arc<Shared>) -> Self {
        Self(Kind::Basic(BasicGate::new(realm, shared, ForWhom::Proxy)))
    }

    /// A gate that asks once, by a form, and then by a cookie.
    pub fn form(config: FormConfig, shared: Arc<Shared>, sessions: Rc<Sessions>) -> Self {
        Self(Kind::Form(Rc::new(FormGate::new(config, shared, sessions))))
    }

    /// Says whether a request may go on, if it is by one of `users`; when there are none, by anyone who is known. The name of
    /// who is signed in is noted, also of one who may not come in.
    pub fn check(&self, exchange: &mut Exchange<'_>, users: &[String]) -> Verdict {
        match &self.0 {
            Kind::Basic(gate) => gate.check(exchange, users),
            Kind::Form(gate) => gate.check(exchange, users),
        }
    }

    /// Answers a request to one of the gate's own paths, which are in front of all routes of a site and need no signing in. `path`
    /// is the target's in normal form. The verdict is never to pass.
    pub fn answer(&self, exchange: &mut Exchange<'_>, path: &[u8]) -> Option<Verdict> {
        match &self.0 {
            Kind::Basic(_) => None,
            Kind::Form(gate) => gate.answer(exchange, path),
        }
    }

    /// Whether the gate has paths of its own.
    pub fn has_paths(&self) -> bool {
        matches!(self.0, Kind::Form(_))
    }

    /// Whether the gate itself answers at a path, in normal form.
    #[inline]
    pub fn owns(&self, path: &[u8]) -> bool {
        match &self.0 {
            Kind::Basic(_) => false,
            Kind::Form(gate) => gate.owns(path),
        }
    }

    /// Whether it is a clone of the other.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Basic(a), Kind::Basic(b)) => a.is_same(b),
            (Kind::Form(a), Kind::Form(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// Whether somebody is among those who may come in.
pub(crate) fn may_enter(users: &[String], name: &str) -> bool {
    users.is_empty() || users.iter().any(|user| user == name)
}
