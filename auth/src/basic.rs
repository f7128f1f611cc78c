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
}

impl BasicGate {
    pub(crate) fn new(realm: &str, shared: Arc<Shared>) -> Self {
        Self {
            challenge: basic_challenge(realm).into(),
            shared,
        }
    }

    /// Says whether a request may go on, if it is by one of `users`; when there are none, by anyone who is known. The name of
    /// who is signed in is noted, also of one who may not come in.
    pub(crate) fn check(&self, exchange: &mut Exchange<'_>, users: &[String]) -> Verdict {
        // Two lines of it are two claims of who asks (RFC 9110 §5.3, §11.6.2).
        let line = only_line(exchange.head.all(Known::Authorization));
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

    /// 401 always has a challenge (RFC 9110 §15.5.2).
    fn challenge(&self, asks: Asks) -> Denial {
        let because = match asks {
            Asks::Missing => "A name and a password are needed here",
            Asks::Wrong => "The name or the password is wrong",
        };
        Denial::new(Status::UNAUTHORIZED, because, "RFC 9110 §15.5.2")
            .with(Known::WwwAuthenticate, &*self.challenge)
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
