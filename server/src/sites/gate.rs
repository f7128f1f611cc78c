//! Who asks: what a gate says becomes an answer, and what it adds to one.

use std::rc::Rc;

use auth::{Gate, Outcome, Pass, Verdict};
use engine::{Answer, Exchange, Response};
use origin::error_response;
use semantics::RequestHead;

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

    /// It as it goes out.
    pub(super) fn finish(self, route: &Rc<Route>, exchange: &Exchange<'_>) -> Answer {
        if self.has_form {
            after::finish_form(route, exchange, self.response)
        } else {
            after::finish(route, exchange, self.response.into())
        }
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
    if !passes.iter().any(Pass::has_fields) {
        return answer;
    }
    let add = move |mut response: Response| {
        passes
            .iter()
            .for_each(|pass| pass.add_to(&mut response.head));
        response
    };
    match answer {
        Answer::Ready(response) => add(response).into(),
        Answer::Kept { rendition, content } => {
            add(Response::with_octets(rendition.head().clone(), content)).into()
        }
        Answer::Later(response) => Answer::Later(Box::pin(async move { add(response.await) })),
    }
}
