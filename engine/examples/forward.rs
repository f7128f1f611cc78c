//! The least gateway there can be: `cargo run --example forward -- ADDRESS SERVER` listens on one address and hands all requests on to the other.
//!
//! It does what every intermediary must about framing, and nothing else that one must: no Via, no fields that Connection names.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hansom_engine::outbound::{
    Fault, Line, LineOptions, OutboundContent, OutboundError, OutboundRequest,
};
use hansom_engine::{
    Admission, Answer, Exchange, Handler, Interims, NoRecorder, Response, Worker, WorkerOptions,
};
use http1::{Policy, RequestParts};
use net::{Address, ListenOptions, RunOptions, Shutdown};
use semantics::{
    ContentLength, Known, Refusal, RequestHead, ResponseHead, ResponseView, Section, Status,
};

struct Forward(Rc<Pool>);

struct Pool {
    server: Address,
    options: Rc<LineOptions>,
    #[expect(
        clippy::vec_box,
        reason = "a line stays where it is when it changes hands"
    )]
    idle: RefCell<Vec<Box<Line>>>,
}

impl Handler for Forward {
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        let request = exchange.head.to_owned();
        let content = match exchange.content {
            ContentLength::None => OutboundContent::None,
            length => OutboundContent::Incoming {
                length,
                incoming: exchange.receive(),
            },
        };
        let (pool, interims) = (Rc::clone(&self.0), exchange.interims());
        Answer::Later(Box::pin(async move {
            match forward(&pool, request.head(), content, &interims).await {
                Ok(response) => response,
                Err(error) if matches!(error.fault, Fault::Timeout(_)) => {
                    Response::new(Status::new(504).unwrap_or(Status::BAD_REQUEST))
                }
                Err(_) => Response::new(Status::new(502).unwrap_or(Status::BAD_REQUEST)),
            }
        }))
    }

    fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
        Response::new(refusal.status())
    }
}

async fn forward(
    pool: &Rc<Pool>,
    head: RequestHead<'_>,
    content: OutboundContent,
    interims: &Interims,
) -> Result<Response, OutboundError> {
    let lines: Vec<_> = end_to_end(head.section()).collect();
    let request = OutboundRequest {
        head: RequestParts::new(head.method_octets(), head.target(), &lines),
        content,
    };
    // One that the server has closed, or spoken on unasked, is dropped.
    let idle = || pool.idle.borrow_mut().pop();
    let kept = std::iter::from_fn(idle).find_map(|mut line| line.is_quiet().then_some(line));
    let mut line = match kept {
        Some(line) => line,
        None => Line::connect(&pool.server, &pool.options).await?,
    };
    let on_interim = |head: ResponseView<'_>| {
        interims.push(copied(head));
    };
    let on_head = |head: ResponseView<'_>, _| copied(head);
    let head = line
        .exchange(&pool.options, request, on_interim, on_head)
        .await?;
    let back = Rc::clone(pool);
    let content = line.into_content(move |end| match end {
        Ok(line) if line.is_reusable() => back.idle.borrow_mut().push(line),
        Ok(_) | Err(_) => {}
    });
    Ok(Response { head, content })
}

fn end_to_end(section: Section<'_>) -> impl Iterator<Item = (&[u8], &[u8])> {
    let framing = [
        Known::Connection,
        Known::ContentLength,
        Known::TransferEncoding,
    ];
    section
        .iter()
        .filter(move |(name, _)| Known::from_name(name).is_none_or(|it| !framing.contains(&it)))
}

fn copied(view: ResponseView<'_>) -> ResponseHead {
    let mut head = ResponseHead::new(view.status());
    for (name, value) in end_to_end(view.section()) {
        head.add_named(&String::from_utf8_lossy(name), value);
    }
    head
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, server] = arguments.as_slice() else {
        return Err("two addresses: where to listen, and whom to ask".into());
    };
    let server: Address = server.parse()?;
    let listeners = net::bind_all(
        &[(address.parse()?, ListenOptions::default())],
        net::cores(),
    )?;
    let admission = Arc::new(Admission::new());
    let make = move |_| {
        let pool = Pool {
            server: server.clone(),
            options: Rc::new(LineOptions {
                policy: Policy::responses(),
                wait_millis: Some(60_000),
                may_trail: |_| true,
            }),
            idle: RefCell::default(),
        };
        let options = WorkerOptions {
            policies: vec![Policy::strict()],
            server_field: None,
        };
        Worker::new(
            options,
            Forward(Rc::new(pool)),
            NoRecorder,
            Arc::clone(&admission),
        )
    };
    net::run(
        listeners,
        RunOptions::default(),
        &Shutdown::new(),
        make,
        |bound| {
            for address in bound {
                println!("{}", address.url("http"));
            }
        },
    )?;
    Ok(())
}
