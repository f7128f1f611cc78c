//! Changes that clients make in a folder: PUT, DELETE and POST of forms.
//!
//! A file appears whole or not at all: content goes to a file without a name, which gets one when everything has come. So an
//! upload that is interrupted, by the client or by the end of this process, leaves what was there, and nothing else.
//!
//! ```text
//!  PUT ──▶ fit? ──▶ preconditions ──▶ content ──▶ file without a name ──▶ lock, preconditions again, name ──▶ 201, 204
//!           │             │              │                                          │
//!          4xx           412       413, 507, gone                                  412
//! ```
//!
//! Where to look next: [`Uploads`], `store.rs` (how a file gets its name), `multipart.rs` (forms), `page.rs` (for people).

mod conditions;
mod cross_site;
mod delete;
mod denial;
mod disposition;
mod fields;
mod law;
mod multipart;
mod name;
pub(crate) mod page;
mod post;
mod put;
mod receive;
mod resumable;
mod slots;
mod store;
mod structured;
#[cfg(test)]
mod tests;

pub use law::law;

use std::rc::Rc;
use std::sync::Arc;

use engine::{Answer, Exchange, Response};
use net::Now;
use semantics::{Method, NormalPath, RequestHead, Target};

use self::denial::Denial;
use self::name::Place;
use self::slots::Slot;
use self::store::Store;
use crate::fences::Fences;
use crate::files::Files;
use crate::methods::{options_answer, unsupported_method};

/// What may be uploaded, and how.
#[derive(Clone, Debug)]
pub struct UploadsConfig {
    /// Octets of the content of one request; beyond it 413 (RFC 9110 §15.5.14).
    pub content_octets_max: u64,
    /// Whether an answer waits until what was stored is on the disk, so that a loss of power does not take it.
    pub durable: bool,
    /// Whether uploads by PUT may go on after an interruption (draft-ietf-httpbis-resumable-upload).
    pub resumable: bool,
    /// Origins, as `https://example.com`, whose pages may upload here beside those of this one.
    pub trusted_origins: Vec<String>,
    /// Whether TRACE is answered, for `Allow`.
    pub allow_trace: bool,
    /// Paths that no form stores a file at, though its folder is open to it.
    pub fences: Fences,
    /// Bounds for what clients can make grow.
    pub limits: UploadLimits,
}

/// Bounds for what clients can make grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    /// Uploads under way in this process; beyond it 503.
    pub uploads_max: usize,
    /// Files in the making in this process, each a descriptor; beyond it 503. A form may have many.
    pub open_files_max: usize,
    /// Parts of a form; beyond it 413.
    pub parts_max: usize,
    /// Octets of the head of one part; beyond it 400.
    pub part_head_octets_max: usize,
    /// Octets of the fields of a form that are no files; beyond it 413.
    pub fields_octets_max: usize,
    /// Uploads that may be gone on with, in one folder and below; beyond it 503. Of as many that are complete it is remembered.
    pub resumable_uploads_max: usize,
    /// Seconds after which an upload that nobody went on with is removed.
    pub upload_age_seconds_max: u64,
    /// Entries of the folder, and of those below it, looked at for what a killed process left, at start.
    pub sweep_entries_max: usize,
}

impl Default for UploadsConfig {
    fn default() -> Self {
        Self {
            content_octets_max: 10 << 30,
            durable: true,
            resumable: false,
            trusted_origins: Vec::new(),
            allow_trace: false,
            fences: Fences::default(),
            limits: UploadLimits::default(),
        }
    }
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            uploads_max: 256,
            open_files_max: 512,
            parts_max: 256,
            part_head_octets_max: 8 * 1024,
            fields_octets_max: 1 << 20,
            resumable_uploads_max: 1000,
            upload_age_seconds_max: 24 * 3600,
            sweep_entries_max: 1_000_000,
        }
    }
}

/// A folder whose files are served and may be changed, for one worker. Clones are the same folder.
#[derive(Clone, Debug)]
pub struct Uploads(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    config: UploadsConfig,
    store: Arc<Store>,
}

impl Uploads {
    /// Uploads into the folder that `files` serve. What a process that was killed has left there is removed, once a process,
    /// before this returns.
    pub fn new(config: UploadsConfig, files: Files) -> Self {
        let store = Store::new(Arc::clone(files.place()), config.durable);
        store.sweep_once(config.limits.sweep_entries_max);
        if config.resumable {
            // Without a folder for them there are none.
            let _ = store.expire(&config.limits, Now::read());
        }
        Self(Rc::new(Inner {
            files,
            config,
            store: Arc::new(store),
        }))
    }

    /// Whether the answer to a request is not that of the files: it changes something, or asks how that can be done.
    #[inline]
    pub fn wants(&self, head: RequestHead<'_>, path: &NormalPath<'_>) -> bool {
        match head.method() {
            Method::Get | Method::Head => {
                !head.is_plain_path()
                    && (page::is_asked_for(head, path.octets()) || self.token(head).is_some())
            }
            Method::Trace => false,
            _ => true,
        }
    }

    /// Answers a request for `path`: the normal form of the target's path, without what led to this folder. What changes
    /// nothing is answered by the files.
    #[inline]
    pub fn answer(&self, exchange: &mut Exchange<'_>, path: &NormalPath<'_>) -> Answer {
        let head = exchange.head;
        if !self.wants(head, path) {
            return self.0.files.answer(exchange, path);
        }
        match head.method() {
            Method::Options => self.options(head, path.octets()).into(),
            _ => self
                .change(exchange, path.octets())
                .unwrap_or_else(|denial| self.denied(head, path.octets(), denial).into()),
        }
    }

    fn options(&self, head: RequestHead<'_>, path: &[u8]) -> Response {
        let mut response = options_answer(&self.allow_of(head, path));
        if self.0.config.resumable {
            // The draft, §4.1.4.
            let limits = resumable::limits(self.0.config.content_octets_max, &self.0.config.limits);
            response.head.add_named("Accept-Patch", resumable::PARTIAL);
            response.head.add_named("Upload-Limit", limits);
        }
        response
    }

    fn denied(&self, head: RequestHead<'_>, path: &[u8], denial: Denial) -> Response {
        if denial == Denial::METHOD {
            return unsupported_method(head, &self.allow_of(head, path));
        }
        let mut response = denial.response(head);
        if self.0.config.resumable && denial == Denial::TOO_LARGE {
            let limits = resumable::limits(self.0.config.content_octets_max, &self.0.config.limits);
            response.head.add_named("Upload-Limit", limits);
        }
        response
    }

    fn allow_of(&self, head: RequestHead<'_>, path: &[u8]) -> String {
        match self.token(head) {
            Some(_) => resumable::ALLOW.to_owned(),
            None => self.allow_at(path),
        }
    }

    /// The token of the upload resource that is asked for.
    fn token(&self, head: RequestHead<'_>) -> Option<String> {
        self.0.config.resumable.then(|| resumable::token_of(head))?
    }

    /// All methods that files and folders allow (RFC 9110 §10.2.1).
    pub fn allow(&self) -> String {
        self.with_trace("GET, HEAD, OPTIONS, PUT, DELETE, POST")
    }

    fn allow_at(&self, path: &[u8]) -> String {
        self.with_trace(match Place::is_folder(path) {
            true => "GET, HEAD, OPTIONS, DELETE, POST",
            false => "GET, HEAD, OPTIONS, PUT, DELETE",
        })
    }

    fn with_trace(&self, methods: &str) -> String {
        match self.0.config.allow_trace {
            true => format!("{methods}, TRACE"),
            false => methods.to_owned(),
        }
    }

    fn change(&self, exchange: &mut Exchange<'_>, path: &[u8]) -> Result<Answer, Denial> {
        let head = exchange.head;
        if matches!(head.method(), Method::Get | Method::Head) && self.token(head).is_none() {
            return Ok(self.page(head, path));
        }
        cross_site::judge(head, &self.0.config.trusted_origins)?;
        let place = Place::of(path)?;
        if let Some(token) = self.token(head) {
            return self.resume(exchange, place, token);
        }
        let is_partial = resumable::is_complete(head) == Some(false);
        match (head.method(), place) {
            // A part of a representation is never stored as if it were all of it.
            (Method::Put, Place::File { .. }) if is_partial && self.0.config.resumable => {
                self.begin_resumable(exchange, place)
            }
            (Method::Put | Method::Post, _) if is_partial => Err(Denial::PARTIAL),
            (Method::Put, Place::File { .. }) => self.put(exchange, place),
            (Method::Post, Place::Folder { folder }) => self.post(exchange, folder, path),
            (Method::Delete, _) => Ok(self.delete(exchange, place)),
            _ => Err(Denial::METHOD),
        }
    }

    fn slot(&self) -> Result<Slot, Denial> {
        Slot::of_upload(self.0.config.limits.uploads_max)
    }
}

/// The query of the target.
fn query(head: RequestHead<'_>) -> Option<&[u8]> {
    Target::parse(head.target(), head.method())?.query
}
