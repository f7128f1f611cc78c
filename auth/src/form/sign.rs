//! Signing in and out: what is answered at the gate's own paths.

use super::fields::{Fields, local};
use super::page::{Filling, Page};
use super::source::Source;
use super::token::Token;
use super::{FormGate, away, navigates, to};
use crate::passwords::users::is_name;
use crate::passwords::{Asked, Checking, Outcome as Checked};
use crate::secret::Password;
use crate::sessions::record::{Key, SessionId};
use crate::sessions::{Failure, SignIn};
use crate::verdict::{Denial, Outcome, Verdict, seconds};
use engine::{Content, Exchange, Incoming, Note, Response};
use net::Now;
use semantics::fields::cookie;
use semantics::fields::list::{only_line, trim_ows};
use semantics::{Known, Method, OwnedRequest, RequestHead, ResponseHead, Status, Target};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A form that is being sent.
struct Sent {
    request: OwnedRequest,
    is_secured: bool,
    incoming: Incoming,
    client: Option<IpAddr>,
    note: Note,
}

/// What is said on a page besides its form.
#[derive(Clone, Copy, Default)]
struct Saying<'a> {
    error: &'a str,
    next: &'a str,
}

impl FormGate {
    /// Whether a path is one of the gate's own.
    pub(crate) fn owns(&self, path: &[u8]) -> bool {
        path == self.config.login.as_bytes() || path == self.config.logout.as_bytes()
    }

    pub(crate) fn answer(
        self: &Rc<Self>,
        exchange: &mut Exchange<'_>,
        path: &[u8],
    ) -> Option<Verdict> {
        if !self.owns(path) {
            return None;
        }
        let is_login = path == self.config.login.as_bytes();
        let (head, is_secured) = (exchange.head, exchange.is_secured);
        Some(match head.method() {
            Method::Get | Method::Head => {
                let next =
                    Target::parse(head.target(), head.method()).and_then(|target| target.query);
                let fields = Fields::parse(next.unwrap_or_default());
                let saying = Saying {
                    next: local(fields.value("next")),
                    ..Saying::default()
                };
                let page = if is_login {
                    &self.config.page
                } else {
                    &self.logout_page
                };
                ready(self.page(page, Status::OK, head, is_secured, saying))
            }
            Method::Post => self.sent(exchange, is_login),
            Method::Options => {
                let head = ResponseHead::new(Status::NO_CONTENT).with(Known::Allow, ALLOW);
                ready(Outcome::Answer(Response {
                    head,
                    content: Content::Empty,
                }))
            }
            // RFC 9110 §9.1: what is known nowhere is not merely not allowed here.
            Method::Other => ready(Outcome::Refuse(Denial::new(
                Status::NOT_IMPLEMENTED,
                "This server does not know the method",
                "RFC 9110 §15.6.2",
            ))),
            _ => ready(Outcome::Refuse(
                Denial::new(
                    Status::METHOD_NOT_ALLOWED,
                    "This path allows GET, HEAD, POST and OPTIONS",
                    "RFC 9110 §15.5.6",
                )
                .with(Known::Allow, ALLOW),
            )),
        })
    }

    /// A POST to one of the two paths.
    fn sent(self: &Rc<Self>, exchange: &mut Exchange<'_>, is_login: bool) -> Verdict {
        let source = Source::of(exchange.head, exchange.is_secured);
        if source == Source::Foreign {
            return ready(Outcome::Refuse(Denial::forged()));
        }
        if !is_login && source == Source::Own {
            // The user agent vouches for it; whatever content there is means nothing.
            let (request, is_secured) = (exchange.head.to_owned(), exchange.is_secured);
            let gate = Rc::clone(self);
            return Verdict::Later(Box::pin(
                async move { gate.sign_out(request, is_secured).await },
            ));
        }
        if let Some(denial) = unreadable(exchange) {
            return ready(Outcome::Refuse(denial));
        }
        let sent = Sent {
            request: exchange.head.to_owned(),
            is_secured: exchange.is_secured,
            incoming: exchange.receive(),
            client: exchange.client.ip(),
            note: exchange.note(),
        };
        let gate = Rc::clone(self);
        Verdict::Later(Box::pin(async move {
            let fields = match received(&sent.incoming).await {
                Ok(fields) => fields,
                Err(denial) => return Outcome::Refuse(denial),
            };
            let head = sent.request.head();
            let token = gate.token_of(head, sent.is_secured);
            let is_ours = token.is_some_and(|token| token.is_in(fields.value("csrf")));
            match (is_ours, is_login) {
                (false, _) => gate.not_ours(&sent, &fields, is_login),
                (true, true) => gate.sign_in(sent, fields).await,
                (true, false) => gate.sign_out(sent.request, sent.is_secured).await,
            }
        }))
    }

    /// The form came without its token: the page is shown again, with another.
    fn not_ours(&self, sent: &Sent, fields: &Fields, is_login: bool) -> Outcome {
        let saying = Saying {
            error: "The page was open for too long, or cookies are off. Please try again.",
            next: local(fields.value("next")),
        };
        let page = if is_login {
            &self.config.page
        } else {
            &self.logout_page
        };
        self.page(
            page,
            Status::FORBIDDEN,
            sent.request.head(),
            sent.is_secured,
            saying,
        )
    }

    async fn sign_in(&self, sent: Sent, fields: Fields) -> Outcome {
        let head = sent.request.head();
        let name: Arc<str> = fields
            .text("user")
            .filter(|name| is_name(name))
            .unwrap_or_default()
            .into();
        let asked = Asked {
            name: Arc::clone(&name),
            password: Password::new(fields.text("password").unwrap_or_default().into()),
            client: sent.client,
        };
        let checked = match self.shared.passwords.check(asked, Now::read()) {
            Checking::Known(checked) => checked,
            Checking::Later(later) => later.await,
        };
        let next = local(fields.value("next"));
        let mark = self
            .shared
            .passwords
            .file()
            .current()
            .await
            .users
            .mark(&name);
        let (status, error, wait) = match (checked, mark) {
            (Checked::Right, Some(mark)) => {
                let who = SignIn {
                    user: name,
                    auth: self.shared.name.as_str().into(),
                    mark,
                };
                return self.signed_in(who, &sent, next).await;
            }
            (Checked::Right | Checked::Wrong, _) => (
                Status::UNAUTHORIZED,
                "The name or the password is wrong.",
                None,
            ),
            (Checked::TooMany(wait), _) => (
                Status::TOO_MANY_REQUESTS,
                "Too many passwords were wrong. Please wait before you try again.",
                Some(seconds(wait)),
            ),
            (Checked::Busy, _) => (
                Status::SERVICE_UNAVAILABLE,
                "The server is busy. Please try again.",
                Some("2".to_owned()),
            ),
        };
        let mut outcome = self.page(
            &self.config.page,
            status,
            head,
            sent.is_secured,
            Saying { error, next },
        );
        if let Outcome::Answer(response) = &mut outcome {
            if let Some(wait) = wait {
                response.head.add(Known::RetryAfter, wait);
            }
            if status == Status::UNAUTHORIZED {
                self.challenge(sent.is_secured).add_to(&mut response.head);
            }
        }
        outcome
    }

    async fn signed_in(&self, who: SignIn, sent: &Sent, next: &str) -> Outcome {
        let former = self
            .id_of(sent.request.head(), sent.is_secured)
            .map(|id| id.key());
        let user = Arc::clone(&who.user);
        let id = match self.sessions.begin(who, former, self.times).await {
            Ok(id) => id,
            Err(failure) => return Outcome::Refuse(failed(failure)),
        };
        sent.note.set_user(&user);
        let mut response = to(self.elsewhere(next));
        let cookies = [
            self.session_cookie(&id.text(), self.times.whole.as_secs(), sent.is_secured),
            self.token_cookie("", 0, sent.is_secured),
        ];
        for cookie in cookies.into_iter().flatten() {
            response.head.add(Known::SetCookie, cookie);
        }
        Outcome::Answer(response)
    }

    /// Ends the session of the request, if it has one.
    async fn sign_out(&self, request: OwnedRequest, is_secured: bool) -> Outcome {
        let head = request.head();
        let key: Option<Key> = self.id_of(head, is_secured).as_ref().map(SessionId::key);
        if let Some(key) = key
            && self.sessions.end(key).await.is_err()
        {
            // The cookie stays, so that it can be tried again.
            return Outcome::Refuse(away());
        }
        let mut response = match shows_pages(head) {
            true => to(&self.login),
            false => Response {
                head: ResponseHead::new(Status::NO_CONTENT).with(Known::CacheControl, "no-store"),
                content: Content::Empty,
            },
        };
        if let Some(cookie) = self.session_cookie("", 0, is_secured) {
            response.head.add(Known::SetCookie, cookie);
        }
        // What was shown to who is gone is not shown to who comes next (Clear Site Data §3.1).
        response.head.add_named("Clear-Site-Data", "\"cache\"");
        Outcome::Answer(response)
    }

    /// A page with its form's token: the one whose half the user agent has, or another.
    fn page(
        &self,
        page: &Page,
        status: Status,
        head: RequestHead<'_>,
        is_secured: bool,
        saying: Saying<'_>,
    ) -> Outcome {
        let made = match self.token_of(head, is_secured) {
            Some(token) => Ok(token),
            None => Token::new(),
        };
        let Ok((token, field)) = made.and_then(|token| Ok((token, token.field()?))) else {
            return Outcome::Refuse(failed(Failure::NoRandom));
        };
        let text = page.fill(Filling {
            csrf: &field,
            next: saying.next,
            error: saying.error,
            realm: &self.config.realm,
            login: &self.login,
            logout: &self.logout,
        });
        let mut response = ResponseHead::new(status)
            .with(Known::ContentType, "text/html; charset=utf-8")
            .with(Known::CacheControl, "no-store")
            .with(Known::XContentTypeOptions, "nosniff");
        response.add_named("Content-Security-Policy", page.policy());
        // Not `no-referrer`: with that, user agents would hide the form's origin from us.
        response.add_named("Referrer-Policy", "same-origin");
        if let Some(cookie) = self.token_cookie(&token.cookie(), TOKEN_SECONDS, is_secured) {
            response.add(Known::SetCookie, cookie);
        }
        Outcome::Answer(Response::with_octets(response, text))
    }

    fn token_of(&self, head: RequestHead<'_>, is_secured: bool) -> Option<Token> {
        let name = &self.names(is_secured).token;
        Token::parse(cookie::only(head.all(Known::Cookie), name.as_bytes())?)
    }

    /// Where to go after signing in: not back to the gate's own paths.
    fn elsewhere<'a>(&self, next: &'a str) -> &'a str {
        let path = next.split('?').next().unwrap_or_default();
        match path == self.config.login || path == self.config.logout {
            true => "/",
            false => next,
        }
    }
}

fn ready(outcome: Outcome) -> Verdict {
    Verdict::Ready(outcome)
}

/// Why the content of a form cannot be read, as far as the head tells.
fn unreadable(exchange: &mut Exchange<'_>) -> Option<Denial> {
    let line = only_line(exchange.head.all(Known::ContentType)).unwrap_or_default();
    let media_type = trim_ows(
        line.split(|octet| *octet == b';')
            .next()
            .unwrap_or_default(),
    );
    let is_form = media_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded");
    if !is_form || exchange.head.has(Known::ContentEncoding) {
        return Some(Denial::new(
            Status::UNSUPPORTED_MEDIA_TYPE,
            "A form is expected, as application/x-www-form-urlencoded",
            "RFC 9110 §15.5.16",
        ));
    }
    exchange
        .limit_content(FORM_OCTETS_MAX as u64)
        .err()
        .map(|_| too_long())
}

/// The fields of a form, when all of it has come.
async fn received(incoming: &Incoming) -> Result<Fields, Denial> {
    let mut octets = Zeroizing::new(Vec::with_capacity(FORM_OCTETS_MAX));
    loop {
        match incoming.next().await {
            Ok(Some(piece)) if octets.len() + piece.len() > FORM_OCTETS_MAX => {
                return Err(too_long());
            }
            Ok(Some(piece)) => octets.extend_from_slice(&piece),
            Ok(None) => return Ok(Fields::parse(&octets)),
            Err(_) => {
                return Err(Denial::new(
                    Status::BAD_REQUEST,
                    "The content did not come to its end",
                    "RFC 9112 §8",
                ));
            }
        }
    }
}

fn too_long() -> Denial {
    Denial::new(
        Status::CONTENT_TOO_LARGE,
        "The form is longer than 16 KiB",
        "RFC 9110 §15.5.14",
    )
}

fn failed(failure: Failure) -> Denial {
    match failure {
        Failure::Away => away(),
        Failure::NoRandom => Denial::new(
            Status::INTERNAL_SERVER_ERROR,
            "The system gave no random octets",
            "RFC 9110 §15.6.1",
        ),
    }
}

/// Whether who sends a form goes on to a page.
fn shows_pages(head: RequestHead<'_>) -> bool {
    match head.first(Known::SecFetchMode) {
        Some(mode) => mode == b"navigate",
        None => {
            let asks_html = |line: &[u8]| {
                line.windows(9)
                    .any(|word| word.eq_ignore_ascii_case(b"text/html"))
            };
            navigates(head) || head.all(Known::Accept).any(asks_html)
        }
    }
}

const ALLOW: &str = "GET, HEAD, POST, OPTIONS";
/// Octets of a form.
const FORM_OCTETS_MAX: usize = 16 * 1024;
/// How long a form may be open.
const TOKEN_SECONDS: u64 = 24 * 3600;
