//! A name and a password with every request (RFC 7617).

use crate::credentials::{basic, basic_challenge};
use crate::gate::may_enter;
use crate::passwords::{Asked, Checking, Outcome as Checked};
use crate::shared::Shared;
use crate::verdict::{Denial, KeptFrom, Outcome, Pass, Verdict};
use engine::{Exchange, Note};
use semantics::fields::list::only_line;
use semantics::{Known, Status};
use std::rc::Rc;
use std::sync::Arc;

/// A gate that asks for Basic credentials.
#[derive(Clone, Debug)]
pub(crate) struct BasicGate {
    shared: Arc<Shared>,
    challenge: Rc<str>,
    for_whom: ForWhom,
}

/// Who asks for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForWhom {
    /// Whoever has the resource (RFC 9110 §11.6).
    Server,
    /// A proxy on the way, whose credentials end with it (RFC 9110 §11.7).
    Proxy,
}

impl BasicGate {
    pub(crate) fn new(realm: &str, shared: Arc<Shared>, for_whom: ForWhom) -> Self {
        Self {
            challenge: basic_challenge(realm).into(),
            shared,
            for_whom,
        }
    }

    /// Says whether a request may go on, if it is by one of `users`; when there are none, by anyone who is known. The name of
    /// who is signed in is noted, also of one who may not come in.
    pub(crate) fn check(&self, exchange: &mut Exchange<'_>, users: &[String]) -> Verdict {
        // Two lines of it are two claims of who asks (RFC 9110 §5.3, §11.6.2, §11.7.2).
        let line = only_line(exchange.head.all(self.for_whom.credentials()));
        let Some((name, password)) = line.and_then(basic) else {
            return Verdict::Ready(Outcome::Refuse(self.challenge(Asks::Missing)));
        };
        let asked = Asked {
            name: Arc::clone(&name),
            password,
            client: exchange.client.ip(),
        };
        let who = Who {
            may_enter: may_enter(users, &name),
            name,
            note: exchange.note(),
        };
        match self.shared.passwords.check(asked, exchange.now) {
            Checking::Known(checked) => Verdict::Ready(self.judge(checked, who)),
            Checking::Later(later) => {
                let gate = self.clone();
                Verdict::Later(Box::pin(async move {
                    let checked = later.await;
                    gate.judge(checked, who)
                }))
            }
        }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.challenge, &other.challenge)
    }

    fn judge(&self, checked: Checked, who: Who) -> Outcome {
        if checked == Checked::Right {
            who.note.set_user(&who.name);
        }
        Outcome::Refuse(match checked {
            Checked::Right if who.may_enter => {
                return Outcome::Pass(Pass {
                    user: who.name,
                    cookie: None,
                    kept_from: KeptFrom::Allowed,
                });
            }
            Checked::Right => Denial::forbidden(),
            Checked::Wrong => self.challenge(Asks::Wrong),
            Checked::TooMany(wait) => Denial::too_many(wait),
            Checked::Busy => Denial::busy(),
        })
    }

    /// 401 and 407 always have a challenge (RFC 9110 §15.5.2, §15.5.8).
    fn challenge(&self, asks: Asks) -> Denial {
        let because = match (asks, self.for_whom) {
            (Asks::Missing, ForWhom::Server) => "A name and a password are needed here",
            (Asks::Missing, ForWhom::Proxy) => "This proxy needs a name and a password",
            (Asks::Wrong, _) => "The name or the password is wrong",
        };
        let (status, rule, field) = match self.for_whom {
            ForWhom::Server => (
                Status::UNAUTHORIZED,
                "RFC 9110 §15.5.2",
                Known::WwwAuthenticate,
            ),
            ForWhom::Proxy => (
                Status::PROXY_AUTHENTICATION_REQUIRED,
                "RFC 9110 §15.5.8",
                Known::ProxyAuthenticate,
            ),
        };
        Denial::new(status, because, rule).with(field, &*self.challenge)
    }
}

impl ForWhom {
    fn credentials(self) -> Known {
        match self {
            Self::Server => Known::Authorization,
            Self::Proxy => Known::ProxyAuthorization,
        }
    }
}

/// Who a request says that it is by.
struct Who {
    name: Arc<str>,
    may_enter: bool,
    note: Note,
}

/// Why credentials are asked for.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Missing,
    Wrong,
}

#[cfg(test)]
mod tests;
