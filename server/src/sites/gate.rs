//! Who asks: what a gate says becomes an answer, and what it adds to one.

use std::rc::Rc;

use auth::{Gate, Outcome, Pass, Verdict};
use engine::{Answer, Exchange, Response};
use origin::error_response;
use semantics::{Known, RequestHead};

use super::after;
use super::route::Route;

/// The answer of a gate.
pub(super) struct Refused {
    pub(super) response: Response,
    /// Whether a page of the site may stand in for its content. A form may not be replaced.
    pub(super) has_form: bool,
}

impl Refused {
    pub(super) fn new(response: Response) -> Self {
        Self {
            response,
            has_form: false,
        }
    }

    /// It as it goes out. Whatever the route says of its content, nobody keeps this: it is for one client at one moment, and
    /// a cache would show it to who signed in meanwhile (RFC 9111 §5.2.2.5).
    pub(super) fn finish(self, route: &Rc<Route>, exchange: &Exchange<'_>) -> Answer {
        let answer = if self.has_form {
            after::finish_form(route, exchange, self.response)
        } else {
            after::finish(route, exchange, self.response.into())
        };
        change(answer, |response| {
            let head = &mut response.head;
            if head.has(Known::CacheControl) || head.has(Known::Expires) {
                head.set(Known::CacheControl, "no-store");
            }
        })
    }
}

/// What an outcome means: the request goes on, or this is its answer.
pub(super) fn settle(outcome: Outcome, head: RequestHead<'_>) -> Result<Pass, Box<Refused>> {
    match outcome {
        Outcome::Pass(pass) => Ok(pass),
        Outcome::Refuse(denial) => {
            let mut response =
                error_response(denial.status, denial.because, denial.rule, Some(head));
            denial.add_to(&mut response.head);
            Err(Box::new(Refused::new(response)))
        }
        Outcome::Answer(response) => Err(Box::new(Refused {
            response,
            has_form: true,
        })),
    }
}

/// The answer at a path of the gate's own.
pub(super) fn sign(
    exchange: &mut Exchange<'_>,
    gate: &Gate,
    route: &Rc<Route>,
    path: &[u8],
) -> Option<Answer> {
    Some(match gate.answer(exchange, path)? {
        Verdict::Ready(outcome) => settle(outcome, exchange.head)
            .err()?
            .finish(route, exchange),
        Verdict::Later(outcome) => {
            let mut owned = exchange.detach();
            let route = Rc::clone(route);
            Answer::Later(Box::pin(async move {
                let outcome = outcome.await;
                let exchange = owned.exchange();
                match settle(outcome, exchange.head) {
                    Err(refused) => refused.finish(&route, &exchange).response().await,
                    // No gate lets anything pass here.
                    Ok(_) => Response::new(semantics::Status::NOT_FOUND),
                }
            }))
        }
    })
}

/// The answer with what the passes of its request add.
pub(super) fn carry(answer: Answer, passes: Vec<Pass>) -> Answer {
    let has_fields = match &answer {
        Answer::Ready(response) => passes
            .iter()
            .any(|pass| pass.has_fields_for(&response.head)),
        Answer::Kept { rendition, .. } => {
            (passes.iter()).any(|pass| pass.has_fields_for(rendition.head()))
        }
        Answer::Later(_) => !passes.is_empty(),
    };
    if !has_fields {
        return answer;
    }
    change(answer, move |response| {
        passes
            .iter()
            .for_each(|pass| pass.add_to(&mut response.head));
    })
}

fn change(answer: Answer, act: impl FnOnce(&mut Response) + 'static) -> Answer {
    let changed = move |mut response: Response| {
        act(&mut response);
        response
    };
    match answer {
        Answer::Ready(response) => changed(response).into(),
        Answer::Kept { rendition, content } => {
            changed(Response::with_octets(rendition.head().clone(), content)).into()
        }
        Answer::Later(response) => Answer::Later(Box::pin(async move { changed(response.await) })),
    }
}
