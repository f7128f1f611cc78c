//! Signing in by a form, and a cookie that stands for the session from then on.
//!
//! ```text
//!  GET /a ──▶ no session ──▶ 303 /login?next=/a      (or 401, for who does not navigate)
//!  GET /login ──▶ the form, and a cookie with its token
//!  POST /login ──▶ token? password? ──▶ 303 /a, and the cookie of the session
//!  GET /a ──▶ session ──▶ Pass
//!  POST /logout ──▶ 303 /login, and no cookie
//! ```

mod fields;
mod page;
mod sign;
mod source;
mod token;

pub use page::{PAGE_OCTETS_MAX, Page, PageError};

use crate::credentials::quoted;
use crate::gate::may_enter;
use crate::passwords::file::Current;
use crate::sessions::record::{Record, SessionId};
use crate::sessions::{Lookup, Sessions, Times};
use crate::shared::Shared;
use crate::verdict::{Denial, KeptFrom, Outcome, Pass, Verdict};
use engine::{Exchange, Note, Response};
use fields::{NEXT_OCTETS_MAX, local, push_escaped};
use net::Now;
use semantics::fields::accept::Accept;
use semantics::fields::cookie::{self, SetCookie};
use semantics::{Known, Method, OwnedRequest, RequestHead, ResponseHead, Status, Target};
use source::{Source, is_safe};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What a form is made of.
#[derive(Clone, Debug)]
pub struct FormConfig {
    /// What the page is called.
    pub realm: String,
    /// The path of the form, in normal form.
    pub login: String,
    /// The path at which POST ends the session, in normal form.
    pub logout: String,
    /// The page.
    pub page: Arc<Page>,
    /// The name of the cookie, a token. Over TLS it gets the prefix `__Host-`, so that no other host can set it
    /// (RFC 6265bis §4.1.3.2).
    pub cookie: String,
    /// Whether links from other sites find people signed in.
    pub same_site: SameSite,
    /// How long a session may be idle.
    pub idle_time: Duration,
    /// How long a session may last.
    pub session_time: Duration,
}

/// Whether links from other sites find people signed in (RFC 6265bis §4.1.2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// They do.
    #[default]
    Lax,
    /// Nothing from elsewhere does.
    Strict,
}

/// A gate with a form.
#[derive(Debug)]
pub(crate) struct FormGate {
    shared: Arc<Shared>,
    sessions: Rc<Sessions>,
    config: FormConfig,
    /// The two paths as references (RFC 3986 §4.2).
    login: String,
    logout: String,
    times: Times,
    logout_page: Page,
    plain: Names,
    secured: Names,
}

/// The names of the cookies.
#[derive(Debug)]
struct Names {
    session: String,
    token: String,
}

/// A request with a cookie that may stand for a session.
struct Visit {
    request: OwnedRequest,
    is_secured: bool,
    id: SessionId,
    users: Vec<String>,
    note: Note,
}

impl FormGate {
    pub(crate) fn new(config: FormConfig, shared: Arc<Shared>, sessions: Rc<Sessions>) -> Self {
        let names = |prefix: &str| Names {
            session: format!("{prefix}{}", config.cookie),
            token: format!("{prefix}{}-form", config.cookie),
        };
        Self {
            plain: names(""),
            secured: names("__Host-"),
            times: Times {
                idle: config.idle_time,
                whole: config.session_time,
            },
            logout_page: Page::logout(),
            login: reference(&config.login),
            logout: reference(&config.logout),
            shared,
            sessions,
            config,
        }
    }

    pub(crate) fn check(self: &Rc<Self>, exchange: &mut Exchange<'_>, users: &[String]) -> Verdict {
        let Some(id) = self.id_of(exchange.head, exchange.is_secured) else {
            return Verdict::Ready(self.stranger(exchange.head, exchange.is_secured));
        };
        let (key, now) = (id.key(), exchange.now);
        let note = exchange.note();
        let lookup = self
            .sessions
            .look_up(key, &self.shared.name, self.times, now);
        if let (Lookup::Known(record), Some(current)) =
            (&lookup, self.shared.passwords.file().fresh(now))
            && !self.sessions.is_renewal_due(key, record, now.unix_seconds)
        {
            let judged = self.judge(
                exchange.head,
                exchange.is_secured,
                record,
                &current,
                users,
                &note,
            );
            return Verdict::Ready(
                judged.unwrap_or_else(|| pass(record, None, exchange.is_secured)),
            );
        }
        let visit = Visit {
            request: exchange.head.to_owned(),
            is_secured: exchange.is_secured,
            id,
            users: users.to_vec(),
            note,
        };
        Verdict::Later(Box::pin(Rc::clone(self).visited(visit, lookup)))
    }

    async fn visited(
        self: Rc<Self>,
        visit: Visit,
        lookup: Lookup<impl Future<Output = Result<Option<Arc<Record>>, crate::sessions::Away>>>,
    ) -> Outcome {
        let head = visit.request.head();
        let record = match lookup {
            Lookup::Known(record) => record,
            Lookup::Later(later) => match later.await {
                Ok(Some(record)) => record,
                Ok(None) => return self.stranger(head, visit.is_secured),
                Err(crate::sessions::Away) => return Outcome::Refuse(away()),
            },
        };
        let current = self.shared.passwords.file().current().await;
        let judged = self.judge(
            head,
            visit.is_secured,
            &record,
            &current,
            &visit.users,
            &visit.note,
        );
        if let Some(refused) = judged {
            return refused;
        }
        let (key, now) = (visit.id.key(), Now::read().unix_seconds);
        let mut cookie = None;
        if let Some(claim) = self.sessions.claim_renewal(key, &record, now)
            && let Ok(id) = self.sessions.renew(claim, &record).await
        {
            let end = record.begin.saturating_add(self.times.whole.as_secs());
            cookie = self.session_cookie(&id.text(), end.saturating_sub(now), visit.is_secured);
        }
        pass(&record, cookie, visit.is_secured)
    }

    /// Why a request with a session does not go on; `None` if it does.
    fn judge(
        &self,
        head: RequestHead<'_>,
        is_secured: bool,
        record: &Record,
        current: &Current,
        users: &[String],
        note: &Note,
    ) -> Option<Outcome> {
        // A session of another gate is none here; nor is one from before the password was changed, or the user deleted.
        if *record.auth != *self.shared.name
            || current.users.mark(&record.user) != Some(record.mark)
        {
            return Some(self.stranger(head, is_secured));
        }
        note.set_user(&record.user);
        if !may_enter(users, &record.user) {
            return Some(Outcome::Refuse(Denial::forbidden()));
        }
        // User agents send cookies along with what other sites made them ask for.
        let is_forged = !is_safe(head.method()) && Source::of(head, is_secured) == Source::Foreign;
        is_forged.then(|| Outcome::Refuse(Denial::forged()))
    }

    /// What somebody without a session gets: the form, if they look at pages, else 401.
    fn stranger(&self, head: RequestHead<'_>, is_secured: bool) -> Outcome {
        if !navigates(head) {
            return Outcome::Refuse(self.challenge(is_secured));
        }
        let target = Target::parse(head.target(), head.method());
        let mut next = target.map_or(Vec::new(), |target| target.path.to_vec());
        if let Some(query) = target.and_then(|target| target.query) {
            next.push(b'?');
            next.extend_from_slice(query);
        }
        let mut location = self.login.clone();
        let next = local(&next);
        if next != "/" && next.len() <= NEXT_OCTETS_MAX {
            location.push_str("?next=");
            push_escaped(&mut location, next);
        }
        Outcome::Answer(to(&location))
    }

    /// 401 with its challenge. No scheme for forms and cookies is registered; the one that was proposed
    /// (draft-broyer-http-cookie-auth) says what is needed, and user agents that do not know it show the response
    /// (RFC 9110 §11.6.1, §15.5.2).
    fn challenge(&self, is_secured: bool) -> Denial {
        let challenge = format!(
            "Cookie realm={}, form-action={}, cookie-name={}",
            quoted(&self.config.realm),
            quoted(&self.login),
            quoted(&self.names(is_secured).session),
        );
        Denial::new(
            Status::UNAUTHORIZED,
            "Nobody is signed in",
            "RFC 9110 §15.5.2",
        )
        .with(Known::WwwAuthenticate, challenge)
    }

    fn names(&self, is_secured: bool) -> &Names {
        match is_secured {
            true => &self.secured,
            false => &self.plain,
        }
    }

    fn id_of(&self, head: RequestHead<'_>, is_secured: bool) -> Option<SessionId> {
        let name = &self.names(is_secured).session;
        SessionId::parse(cookie::only(head.all(Known::Cookie), name.as_bytes())?)
    }

    /// The cookie of a session; empty and for no time it is removed.
    fn session_cookie(&self, value: &str, seconds: u64, is_secured: bool) -> Option<String> {
        let same_site = match self.config.same_site {
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::Strict => cookie::SameSite::Strict,
        };
        let cookie = SetCookie::new(self.names(is_secured).session.as_str(), value)?;
        let cookie = cookie.max_age(seconds).same_site(same_site);
        Some(written(cookie, is_secured))
    }

    /// The cookie's half of a form's token.
    fn token_cookie(&self, value: &str, seconds: u64, is_secured: bool) -> Option<String> {
        let cookie = SetCookie::new(self.names(is_secured).token.as_str(), value)?;
        let cookie = cookie.max_age(seconds).same_site(cookie::SameSite::Strict);
        Some(written(cookie, is_secured))
    }
}

fn reference(path: &str) -> String {
    let mut reference = String::new();
    push_escaped(&mut reference, path);
    reference
}

fn written(cookie: SetCookie, is_secured: bool) -> String {
    let cookie = cookie.http_only();
    match is_secured {
        true => cookie.secure().to_string(),
        false => cookie.to_string(),
    }
}

fn pass(record: &Record, cookie: Option<String>, is_secured: bool) -> Outcome {
    Outcome::Pass(Pass {
        user: (&*record.user).into(),
        cookie,
        kept_from: match is_secured {
            true => KeptFrom::Others,
            false => KeptFrom::Everybody,
        },
    })
}

/// A response that leads elsewhere by GET (RFC 9110 §15.4.4), and that nobody keeps.
fn to(location: &str) -> Response {
    let head = ResponseHead::new(Status::SEE_OTHER)
        .with(Known::Location, location)
        .with(Known::CacheControl, "no-store");
    Response {
        head,
        content: engine::Content::Empty,
    }
}

fn away() -> Denial {
    Denial::new(
        Status::SERVICE_UNAVAILABLE,
        "The store of sessions does not answer",
        "RFC 9110 §15.6.4",
    )
    .with(Known::RetryAfter, "5")
}

/// Whether somebody goes to a page: they say so (Fetch Metadata §2.3), or ask for HTML by its name.
fn navigates(head: RequestHead<'_>) -> bool {
    if !matches!(head.method(), Method::Get | Method::Head) {
        return false;
    }
    if let Some(mode) = head.first(Known::SecFetchMode) {
        return mode == b"navigate";
    }
    let accept = Accept::new(head.all(Known::Accept));
    accept.ranges().any(|range| {
        range.kind.eq_ignore_ascii_case(b"text")
            && range.subtype.eq_ignore_ascii_case(b"html")
            && range.quality.is_acceptable()
    })
}

#[cfg(test)]
mod tests;
