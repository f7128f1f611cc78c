//! The gate before a route: who asks, and may they come in.

use crate::credentials::{basic, basic_challenge};
use crate::passwords::{Asked, Checking, Outcome as Checked};
use crate::shared::Shared;
use crate::verdict::{Denial, KeptFrom, Outcome, Pass, Verdict};
use engine::Exchange;
use semantics::fields::list::only_line;
use semantics::{Known, Status};
use std::net::IpAddr;
use std::sync::Arc;

/// One `[[auth]]` as a worker applies it.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    challenge: String,
}

/// What a gate is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateConfig {
    /// Shown to people, and the scope of their password (RFC 9110 §11.5).
    pub realm: String,
}

/// Who asks, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Who of the users may come in; empty is every one.
    pub users: &'a [String],
    /// Whether the request came by TLS, here or to a gateway that is trusted.
    pub is_secured: bool,
    /// The client's address, as a trusted gateway says it where there is one; `None` if it has none.
    pub client: Option<IpAddr>,
}

impl Gate {
    /// A gate.
    pub fn new(config: &GateConfig, shared: Arc<Shared>) -> Self {
        Self {
            challenge: basic_challenge(&config.realm),
            shared,
        }
    }

    /// Says whether a request may go on.
    pub fn check(&self, exchange: &mut Exchange<'_>, asking: Asking<'_>) -> Verdict {
        // Two lines of it are two claims of who asks (RFC 9110 §5.3, §11.6.2).
        let line = only_line(exchange.head.all(Known::Authorization));
        let Some((name, password)) = line.and_then(basic) else {
            return Verdict::Ready(Outcome::Refuse(self.challenge(Asks::Missing)));
        };
        let asked = Asked {
            name: Arc::clone(&name),
            password,
            client: asking.client,
        };
        match self.shared.passwords.check(asked, exchange.now) {
            Checking::Known(checked) => {
                let may_enter = may_enter(asking.users, &name);
                Verdict::Ready(self.judge(checked, name, may_enter))
            }
            Checking::Later(later) => {
                let may_enter = may_enter(asking.users, &name);
                let gate = self.clone_for_later();
                Verdict::Later(Box::pin(async move {
                    let checked = later.await;
                    gate.judge(checked, name, may_enter)
                }))
            }
        }
    }

    fn clone_for_later(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            challenge: self.challenge.clone(),
        }
    }

    fn judge(&self, checked: Checked, user: Arc<str>, may_enter: bool) -> Outcome {
        Outcome::Refuse(match checked {
            Checked::Right if may_enter => {
                return Outcome::Pass(Pass {
                    user,
                    cookie: None,
                    kept_from: KeptFrom::Nobody,
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
            .with(Known::WwwAuthenticate, self.challenge.clone())
    }
}

/// Why credentials are asked for.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Missing,
    Wrong,
}

fn may_enter(users: &[String], name: &str) -> bool {
    users.is_empty() || users.iter().any(|user| user == name)
}

#[cfg(test)]
mod tests;
