//! PUT: the representation becomes what the content is (RFC 9110 §9.3.4).

use engine::{Answer, Exchange, Incoming, Response};
use net::blocking;
use semantics::{ContentLength, Known, OwnedRequest, RequestHead, ResponseHead, Status};
use std::sync::Arc;

use super::Uploads;
use super::conditions::Conditions;
use super::denial::Denial;
use super::name::Place;
use super::receive::{Making, Sink};
use super::slots::Slot;
use super::store::{Outcome, Stored};

impl Uploads {
    /// What the head tells is judged at once; what the folder tells, before the content is asked for (RFC 9110 §10.1.1).
    pub(super) fn put(
        &self,
        exchange: &mut Exchange<'_>,
        place: Place<'_>,
    ) -> Result<Answer, Denial> {
        let head = exchange.head;
        judge_fields(head)?;
        let content = exchange.content;
        limit(exchange, self.0.config.content_octets_max)?;
        let Place::File { folder, name } = place else {
            return Err(Denial::METHOD);
        };
        let slot = self.slot()?;
        let put = Put {
            uploads: self.clone(),
            request: Arc::new(head.to_owned()),
            folder: folder.into(),
            name: name.into(),
            content,
            incoming: (content != ContentLength::None).then(|| exchange.receive()),
            _slot: slot,
        };
        Ok(Answer::Later(Box::pin(put.response())))
    }
}

/// Fields that would change what the content means.
pub(super) fn judge_fields(head: RequestHead<'_>) -> Result<(), Denial> {
    // RFC 9110 §14.5: an origin server that does not support partial PUT answers 400.
    if head.has(Known::ContentRange) {
        return Err(Denial::CONTENT_RANGE);
    }
    // RFC 9110 §8.4: content with a coding is not what a GET of the name is to give. Decoded it would be another representation
    // than the client named, and stored with its coding it would be served without the field that says so.
    let mut codings = head.all(Known::ContentEncoding);
    if codings.any(|coding| !coding.trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return Err(Denial::CODING);
    }
    Ok(())
}

/// The bound for the content, which is refused here if its length is known beforehand. For other content the engine sees to it,
/// and whoever receives the content, since whoever detached the exchange before has left the engine with its own bound.
pub(super) fn limit(exchange: &mut Exchange<'_>, octets_max: u64) -> Result<(), Denial> {
    exchange
        .limit_content(octets_max)
        .map_err(|_| Denial::TOO_LARGE)
}

/// A PUT under way.
struct Put {
    uploads: Uploads,
    request: Arc<OwnedRequest>,
    folder: Box<[u8]>,
    name: Arc<[u8]>,
    content: ContentLength,
    incoming: Option<Incoming>,
    _slot: Slot,
}

impl Put {
    async fn response(self) -> Response {
        let request = Arc::clone(&self.request);
        match self.store().await {
            Ok(stored) => response(&stored),
            Err(denial) => denial.response(request.head()),
        }
    }

    async fn store(self) -> Result<Stored, Denial> {
        let config = &self.uploads.0.config;
        let file = Slot::of_file(config.limits.open_files_max)?;
        let conditions = Arc::new(Conditions::of(self.request.head()));
        let begin = {
            let store = Arc::clone(&self.uploads.0.store);
            let conditions = Arc::clone(&conditions);
            let (folder, name, content) = (self.folder, Arc::clone(&self.name), self.content);
            move || {
                let new = store.begin_put(&folder, &name, &conditions, content)?;
                Ok::<_, Denial>(Making::new(new, file))
            }
        };
        let mut sink = Sink::new(blocking(begin).await??);
        if let Some(incoming) = self.incoming {
            let mut octets: u64 = 0;
            while let Some(piece) = incoming.next().await? {
                octets += piece.len() as u64;
                if octets > config.content_octets_max {
                    return Err(Denial::TOO_LARGE);
                }
                sink.push(&piece).await?;
            }
        }
        let store = Arc::clone(&self.uploads.0.store);
        let name = self.name;
        sink.finish(move |mut making| {
            store.settle(&making.new)?;
            let folder = making.new.folder().clone();
            store.put(&mut making.new, &folder, &name, &conditions)
        })
        .await
    }
}

/// The validators are those of the content as it came, since it was stored without any change (RFC 9110 §9.3.4).
pub(super) fn response(stored: &Stored) -> Response {
    let status = match stored.outcome {
        Outcome::Created => Status::CREATED,
        Outcome::Replaced => Status::NO_CONTENT,
    };
    let head = ResponseHead::new(status)
        .with(Known::ETag, &*stored.etag)
        .with(Known::LastModified, stored.modified.render());
    Response {
        head,
        ..Response::new(status)
    }
}
