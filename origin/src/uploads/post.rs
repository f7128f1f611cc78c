//! POST of a form into a folder: its files are stored, and what else it has, as JSON (RFC 9110 §9.3.3).

use std::sync::Arc;

use engine::{Answer, Exchange, Incoming, Response};
use net::{Changeable, Now, blocking, drop_elsewhere};
use semantics::fields::accept::Accept;
use semantics::fields::list::only_line;
use semantics::fields::precondition::Validators;
use semantics::{ContentLength, Known, OwnedRequest, RequestHead, ResponseHead, Status};
use serde_json::{Value, json};

use super::conditions::Conditions;
use super::disposition::{Disposition, DispositionError};
use super::fields::{self, Fields};
use super::multipart::{Event, Multipart, MultipartError, boundary_of, is_of_type};
use super::put::{judge_fields, limit};
use super::receive::{Making, Sink};
use super::slots::Slot;
use super::store::{Store, Stored, begin};
use super::{Denial, Uploads, name};
use crate::encode::push_path;
use crate::fences::Fences;
use crate::files::shown_path;

impl Uploads {
    /// What the head tells is judged at once, the rest before the content is asked for.
    pub(super) fn post(
        &self,
        exchange: &mut Exchange<'_>,
        folder: &[u8],
        path: &[u8],
    ) -> Result<Answer, Denial> {
        let head = exchange.head;
        judge_fields(head)?;
        limit(exchange, self.0.config.content_octets_max)?;
        let form = Form::of(head)?;
        let slot = self.slot()?;
        let post = Post {
            uploads: self.clone(),
            request: head.to_owned(),
            folder: folder.into(),
            shown: shown_path(head, path),
            incoming: exchange.receive(),
            left_octets: self.0.config.content_octets_max,
            _slot: slot,
        };
        Ok(Answer::Later(Box::pin(post.response(form))))
    }
}

/// What a form is sent as.
enum Form {
    /// `multipart/form-data`, with its boundary.
    Multipart(Vec<u8>),
    /// `application/x-www-form-urlencoded`.
    Urlencoded,
}

impl Form {
    fn of(head: RequestHead<'_>) -> Result<Self, Denial> {
        let content_type = only_line(head.all(Known::ContentType)).unwrap_or_default();
        if is_of_type(content_type, "application/x-www-form-urlencoded") {
            return Ok(Self::Urlencoded);
        }
        if !is_of_type(content_type, "multipart/form-data") {
            return Err(Denial::FORM);
        }
        boundary_of(content_type)
            .map(Self::Multipart)
            .ok_or(BOUNDARY)
    }
}

/// A POST under way.
struct Post {
    uploads: Uploads,
    request: OwnedRequest,
    folder: Box<[u8]>,
    /// The folder as the client sees it.
    shown: Vec<u8>,
    incoming: Incoming,
    left_octets: u64,
    _slot: Slot,
}

/// A file of a form, whole, and the name that it is to have.
type Wanted = (Vec<u8>, Making);

/// The files of a form, whole. Dropped, they are given up.
#[derive(Default)]
struct Whole(Vec<Wanted>);

impl Drop for Whole {
    fn drop(&mut self) {
        // To free the room of large files takes its time.
        if !self.0.is_empty() {
            drop_elsewhere(std::mem::take(&mut self.0));
        }
    }
}

impl Post {
    async fn response(mut self, form: Form) -> Response {
        let stored = match form {
            Form::Multipart(boundary) => self.multipart(&boundary).await,
            Form::Urlencoded => self.urlencoded().await,
        };
        let head = self.request.head();
        match stored {
            Ok(stored) => answer(head, &self.shown, &stored),
            Err(denial) => denial.response(head),
        }
    }

    /// The folder, if it is there and the preconditions hold for it.
    async fn open(&self) -> Result<Changeable, Denial> {
        let store = Arc::clone(&self.uploads.0.store);
        let folder = self.folder.clone();
        let conditions = Conditions::of(self.request.head());
        let work = move || {
            let opened = store.folder(&folder).map_err(|denial| match denial {
                Denial::NO_FOLDER => Denial::NOT_FOUND,
                denial => denial,
            })?;
            // A folder is there, and has no validators.
            conditions.judge(Some(&Validators::default()), Now::read())?;
            Ok(opened)
        };
        blocking(work).await?
    }

    async fn next(&mut self) -> Result<Option<bytes::Bytes>, Denial> {
        let piece = self.incoming.next().await?;
        let octets = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        self.left_octets = self
            .left_octets
            .checked_sub(octets)
            .ok_or(Denial::TOO_LARGE)?;
        Ok(piece)
    }

    async fn urlencoded(&mut self) -> Result<Vec<Stored>, Denial> {
        let folder = self.open().await?;
        let octets_max = self.uploads.0.config.limits.fields_octets_max;
        let mut content = Vec::new();
        while let Some(piece) = self.next().await? {
            if content.len() + piece.len() > octets_max {
                return Err(fields::TOO_LARGE);
            }
            content.extend_from_slice(&piece);
        }
        let fields = Fields::of_urlencoded(&content, octets_max)?;
        self.keep(folder, Whole::default(), fields).await
    }

    async fn multipart(&mut self, boundary: &[u8]) -> Result<Vec<Stored>, Denial> {
        let folder = self.open().await?;
        let limits = self.uploads.0.config.limits;
        let mut multipart = Multipart::new(boundary, limits.part_head_octets_max, limits.parts_max);
        let mut fields = Fields::new(limits.fields_octets_max);
        let mut files = Whole::default();
        let mut part = Part::None;
        while let Some(piece) = self.next().await? {
            let mut input = &piece[..];
            while let Some(event) = multipart.next(&mut input)? {
                match event {
                    Event::Head(head) => {
                        part = self.begin_part(head, &folder, &mut fields).await?;
                    }
                    Event::Data(octets) => match &mut part {
                        Part::File(_, sink) => sink.push(octets).await?,
                        Part::Field => fields.append(octets)?,
                        // Content needs a name.
                        Part::None => return Err(Denial::NAME),
                    },
                    Event::End => {
                        if let Part::File(name, sink) = std::mem::replace(&mut part, Part::None) {
                            let store = Arc::clone(&self.uploads.0.store);
                            let settle = move |making: Making| {
                                store.settle(&making.new)?;
                                Ok(making)
                            };
                            files.0.push((name, sink.finish(settle).await?));
                        }
                    }
                }
            }
        }
        // Without the closing delimiter nobody knows whether this was all: nothing is kept.
        multipart.finish()?;
        self.keep(folder, files, fields).await
    }

    async fn begin_part(
        &self,
        head: &[u8],
        folder: &Changeable,
        fields: &mut Fields,
    ) -> Result<Part, Denial> {
        let disposition = Disposition::of(head)?;
        let Some(filename) = disposition.filename else {
            fields.begin(disposition.name)?;
            return Ok(Part::Field);
        };
        // A form in which no file was chosen has a part with an empty name and no content (HTML, multipart form data).
        if filename.is_empty() {
            return Ok(Part::None);
        }
        let name = name::of_part(&filename)?;
        if is_closed(&self.uploads.0.config.fences, &self.folder, &name) {
            return Err(Denial::FENCED);
        }
        let making = self.begin_file(folder).await?;
        Ok(Part::File(name, Sink::new(making)))
    }

    async fn begin_file(&self, folder: &Changeable) -> Result<Making, Denial> {
        let slot = Slot::of_file(self.uploads.0.config.limits.open_files_max)?;
        let folder = folder.clone();
        let work = move || begin(&folder, ContentLength::Unknown).map(|new| Making::new(new, slot));
        blocking(work).await?
    }

    /// Gives all files their names, or none.
    async fn keep(
        &self,
        folder: Changeable,
        mut files: Whole,
        fields: Fields,
    ) -> Result<Vec<Stored>, Denial> {
        let form = match fields.is_empty() {
            true => None,
            false => Some((fields, self.begin_file(&folder).await?)),
        };
        let store = Arc::clone(&self.uploads.0.store);
        let (fences, below_root) = (self.uploads.0.config.fences.clone(), self.folder.clone());
        let work = move || {
            let mut stored: Vec<Stored> = Vec::new();
            let is_closed = |name: &[u8]| is_closed(&fences, &below_root, name);
            let kept = add_all(&store, &mut files.0, form, &is_closed, &mut stored);
            match kept {
                Ok(()) => Ok(stored),
                Err(denial) => {
                    stored.iter().for_each(|stored| store.undo(&folder, stored));
                    Err(denial)
                }
            }
        };
        blocking(work).await?
    }
}

/// Whether a path has rules of its own, so that a form for its folder stores nothing there.
fn is_closed(fences: &Fences, folder: &[u8], name: &[u8]) -> bool {
    fences.close(&[folder, b"/", name].concat())
}

fn add_all(
    store: &Store,
    files: &mut [Wanted],
    form: Option<(Fields, Making)>,
    is_closed: &impl Fn(&[u8]) -> bool,
    stored: &mut Vec<Stored>,
) -> Result<(), Denial> {
    for (name, making) in files {
        stored.push(store.add(&mut making.new, name, is_closed)?);
    }
    let Some((fields, mut making)) = form else {
        return Ok(());
    };
    let now = Now::read();
    let files: Vec<Value> = stored
        .iter()
        .map(|stored| crate::json::text(&stored.name))
        .collect();
    making.new.append(fields.as_json(&files, now).as_bytes())?;
    store.settle(&making.new)?;
    stored.push(store.add(&mut making.new, &fields::file_name(now), is_closed)?);
    Ok(())
}

/// Where the content of a part goes.
enum Part {
    /// Nowhere: there must be none.
    None,
    /// To the last of the fields.
    Field,
    /// To a file that is to have this name.
    File(Vec<u8>, Sink),
}

/// 303 to the folder, for user agents, which then show what is in it (RFC 9110 §15.4.4); to programs that prefer JSON, 201 with
/// what was stored (RFC 9110 §15.3.2).
fn answer(head: RequestHead<'_>, folder: &[u8], stored: &[Stored]) -> Response {
    let mut location = String::new();
    push_path(&mut location, folder);
    if !location.ends_with('/') {
        location.push('/');
    }
    let offered = ["text/html", "text/plain", "application/json"];
    if Accept::new(head.all(Known::Accept)).best_of(&offered) != Some(2) {
        let names = stored
            .iter()
            .map(|stored| String::from_utf8_lossy(&stored.name).into_owned() + "\n");
        let text = names.collect::<String>();
        let head = ResponseHead::new(Status::SEE_OTHER)
            .with(Known::Location, location)
            .with(Known::ContentType, "text/plain; charset=utf-8")
            .with(Known::XContentTypeOptions, "nosniff")
            .with(Known::CacheControl, "no-store");
        return Response::with_octets(head, text);
    }
    let reference = |stored: &Stored| {
        let mut reference = location.clone();
        push_path(&mut reference, &stored.name);
        reference
    };
    let list: Vec<Value> = stored
        .iter()
        .map(|stored| {
            json!({
                "name": crate::json::text(&stored.name),
                "reference": reference(stored),
                "octets": stored.octets,
                "etag": stored.etag,
            })
        })
        .collect();
    let mut head = match stored {
        [] => ResponseHead::new(Status::OK),
        [one] => ResponseHead::new(Status::CREATED).with(Known::Location, reference(one)),
        _ => ResponseHead::new(Status::CREATED).with(Known::Location, &location),
    };
    head.add(Known::ContentType, "application/json");
    head.add(Known::CacheControl, "no-store");
    Response::with_octets(head, format!("{:#}\n", json!({ "stored": list })))
}

impl From<MultipartError> for Denial {
    fn from(error: MultipartError) -> Self {
        let bad = |because, rule| Self::new(Status::BAD_REQUEST, because, rule);
        match error {
            MultipartError::Delimiter => bad(
                "Behind a boundary stands neither the end of its line nor two hyphens",
                "RFC 2046 §5.1.1",
            ),
            MultipartError::Truncated => bad(
                "The form ends without its closing boundary; nothing of it was kept",
                "RFC 2046 §5.1.1",
            ),
            MultipartError::HeadTooLong => bad(
                "The head of a part is too long (part_head_octets_max)",
                "RFC 7578 §4.2",
            ),
            MultipartError::TooManyParts => Self::new(
                Status::CONTENT_TOO_LARGE,
                "The form has more parts than it may (parts_max)",
                "RFC 9110 §15.5.14",
            ),
        }
    }
}

impl From<DispositionError> for Denial {
    fn from(error: DispositionError) -> Self {
        let (because, rule) = match error {
            DispositionError::Syntax => ("The head of a part is malformed", "RFC 2045 §2"),
            DispositionError::Missing => (
                "A part has no Content-Disposition: form-data with a name, or more than one",
                "RFC 7578 §4.2",
            ),
            DispositionError::TransferEncoding => (
                "A part has a Content-Transfer-Encoding, which forms have not",
                "RFC 7578 §4.7",
            ),
        };
        Self::new(Status::BAD_REQUEST, because, rule)
    }
}

const BOUNDARY: Denial = Denial::new(
    Status::BAD_REQUEST,
    "The Content-Type of the form names no boundary, or one that is none",
    "RFC 2046 §5.1.1",
);
