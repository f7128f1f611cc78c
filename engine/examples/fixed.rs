//! A server that answers everything with 13 octets: what the engine itself costs. `fixed PORT WORKERS`
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use hansom_engine::{
    Admission, Answer, Exchange, Handler, NoRecorder, Response, Worker, WorkerOptions,
};
use http1::Policy;
use net::{ListenOptions, RunOptions, Shutdown};
use semantics::{Known, Refusal, Rendition, RequestHead, ResponseHead, Status};

#[derive(Debug)]
struct Fixed {
    rendition: Rendition,
    content: Bytes,
}

impl Handler for Fixed {
    fn handle(&self, _: &mut Exchange<'_>) -> Answer {
        Answer::Kept {
            rendition: self.rendition.clone(),
            content: self.content.clone(),
        }
    }

    fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
        Response::new(refusal.status())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut word = |default: &str| words.next().unwrap_or_else(|| default.into());
    let (address, workers) = (word("8080").parse()?, word("1").parse()?);
    net::raise_open_files();
    let listeners = net::bind_all(&[(address, ListenOptions::default())], workers)?;
    let admission = Arc::new(Admission::new());
    let make = move |_| {
        let head = ResponseHead::new(Status::OK).with(Known::ContentType, "text/plain");
        let content = Bytes::from_static(b"Hello, World!");
        let handler = Fixed {
            rendition: Rendition::new(head, content.len() as u64),
            content,
        };
        let options = WorkerOptions {
            policies: vec![Policy::strict()],
            server_field: Some("hansom".into()),
        };
        Worker::new(options, handler, NoRecorder, Arc::clone(&admission))
    };
    let ready = |bound: &[net::Address]| eprintln!("{}", bound[0].url("http"));
    Ok(net::run(
        listeners,
        RunOptions::default(),
        &Shutdown::new(),
        make,
        ready,
    )?)
}
