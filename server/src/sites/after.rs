//! What is done to every answer of a route, whoever made it: pages for errors, then fields.

use std::rc::Rc;

use engine::{Answer, Exchange, Response};
use net::Now;
use semantics::fields::list::only_line;
use semantics::{Known, OwnedRequest, RequestHead};

use super::route::Route;

/// What an answer that comes later needs to know of its request.
#[derive(Debug)]
struct After {
    route: Rc<Route>,
    is_secured: bool,
    now: Now,
    origin: Option<Box<[u8]>>,
    /// For the choice of a page; only where there are any.
    request: Option<OwnedRequest>,
}

/// The answer of a route as it goes out.
///
/// An answer that is kept has all this in its head since that was rendered, but for what depends on the request.
pub(super) fn finish(route: &Rc<Route>, exchange: &Exchange<'_>, answer: Answer) -> Answer {
    let head = exchange.head;
    let origin = origin(route, head);
    match answer {
        Answer::Kept { .. } if origin.is_none() => answer,
        Answer::Kept { rendition, content } => {
            let mut response = Response::with_octets(rendition.head().clone(), content);
            fields(route, exchange.is_secured, origin, &mut response);
            response.into()
        }
        Answer::Ready(mut response) => {
            if dress_now(route, &mut response, head, exchange.now) {
                fields(route, exchange.is_secured, origin, &mut response);
                return response.into();
            }
            let after = After::new(route, exchange, origin);
            Answer::Later(Box::pin(async move { after.respond(response).await }))
        }
        Answer::Later(response) => {
            let after = After::new(route, exchange, origin);
            Answer::Later(Box::pin(async move { after.respond(response.await).await }))
        }
    }
}

/// The same as a function of the answer, at a route without pages of its own and without an origin that matters.
pub(super) fn finish_plain(
    route: &Rc<Route>,
    is_secured: bool,
) -> impl FnOnce(&mut Response) + 'static {
    let route = Rc::clone(route);
    move |response| route.rules(is_secured).apply(&mut response.head)
}

/// The same for a form, whose content no page may replace.
pub(super) fn finish_form(
    route: &Route,
    exchange: &Exchange<'_>,
    mut response: Response,
) -> Answer {
    let origin = origin(route, exchange.head);
    fields(route, exchange.is_secured, origin, &mut response);
    response.into()
}

/// The same for the answer to a request that no handler saw, which cannot wait.
pub(super) fn finish_refusal(
    route: &Route,
    head: RequestHead<'_>,
    mut response: Response,
    is_secured: bool,
) -> Response {
    dress_now(route, &mut response, head, Now::read());
    fields(route, is_secured, origin(route, head), &mut response);
    response
}

impl After {
    fn new(route: &Rc<Route>, exchange: &Exchange<'_>, origin: Option<&[u8]>) -> Self {
        Self {
            route: Rc::clone(route),
            is_secured: exchange.is_secured,
            now: exchange.now,
            origin: origin.map(Into::into),
            request: route.pages.as_ref().map(|_| exchange.head.to_owned()),
        }
    }

    async fn respond(self, mut response: Response) -> Response {
        let route = &*self.route;
        if let (Some(pages), Some(request)) = (&route.pages, &self.request)
            && pages.has(response.head.status())
        {
            pages.dress(&mut response, request.head(), self.now).await;
        }
        fields(
            route,
            self.is_secured,
            self.origin.as_deref(),
            &mut response,
        );
        response
    }
}

fn origin<'a>(route: &Route, head: RequestHead<'a>) -> Option<&'a [u8]> {
    if route.depends_on_origin() {
        only_line(head.all(Known::Origin))
    } else {
        None
    }
}

/// Gives an answer its page. `false` where only a thread that may wait can tell what that is.
fn dress_now(route: &Route, response: &mut Response, head: RequestHead<'_>, now: Now) -> bool {
    match &route.pages {
        Some(pages) if pages.has(response.head.status()) => pages.dress_now(response, head, now),
        _ => true,
    }
}

fn fields(route: &Route, is_secured: bool, origin: Option<&[u8]>, response: &mut Response) {
    route.rules(is_secured).apply(&mut response.head);
    if let (Some(cors), Some(origin)) = (&route.cors, origin) {
        cors.add_for(origin, &mut response.head);
    }
}
