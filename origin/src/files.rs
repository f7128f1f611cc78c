//! Answers to requests for the files below a folder.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use coding::Coding;
use engine::{Answer, Exchange, Response};
use net::{FileMeta, Now, OpenError, Root, Wait, blocking_while_awaited};
use semantics::fields::cache_control;
use semantics::fields::precondition::Validators;
use semantics::{FieldRules, Known, Method, NormalPath, OwnedRequest, RequestHead, Status, Target};

use crate::cache::{Cache, Entry};
use crate::changes;
use crate::coded::Codings;
use crate::encode::{push_path, push_query};
use crate::errors::error_response;
use crate::fences::Fences;
use crate::listing;
use crate::methods::{options_answer, trace_answer, unsupported_method};
use crate::representation::{
    HeadRules, Held, Labels, Representation, SELECTIVE, Version, refused_by,
};
use crate::variants::{NegotiateConfig, Negotiator, labels_of};

/// What [`Files`] serve, and how. Files whose name begins with a dot are never served.
#[derive(Clone, Debug, Default)]
pub struct FilesConfig {
    /// The folder.
    pub root: PathBuf,
    /// Names of files that stand for their folder, the first that exists.
    pub index: Vec<String>,
    /// Whether a folder without such a file is listed.
    pub browse: bool,
    /// Whether a list has a form for uploading, for folders with [`Uploads`](crate::Uploads).
    pub uploads: bool,
    /// Whether TRACE is answered.
    pub allow_trace: bool,
    /// The Cache-Control field of every file.
    pub cache_control: Option<String>,
    /// The Expires field of every file lies this many seconds after Date.
    pub expires_seconds: Option<u64>,
    /// The content codings that are offered, best first: of files that stand beside a file (`page.html.gz`), and of what
    /// is coded on the fly. None: files are sent as they are.
    pub codings: Vec<Coding>,
    /// Octets of a file that is coded on the fly, at least.
    pub coding_octets_min: u64,
    /// Whether a file is selected among its variants, such as `page.en.html` and `page.de.html` (RFC 9110 §12.1).
    pub negotiate: Option<NegotiateConfig>,
    /// Files that answer for their own path alone: not as the index of their folder, a variant or a coded form of another.
    pub fences: Fences,
    /// What is done to the fields of every file. The answer of a file that is kept has it in its head; whoever composes
    /// a server applies it to the other answers.
    pub fields: FieldRules,
}

/// Why [`Files`] cannot be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum FilesError {
    /// The folder cannot be opened.
    Root(io::Error),
    /// The value for Cache-Control is none; in words.
    CacheControl(String),
}

/// The files below one folder, for one worker. Clones are the same files.
#[derive(Clone, Debug)]
pub struct Files(pub(crate) Rc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) place: Arc<Place>,
    browse: bool,
    uploads: bool,
    allow_trace: bool,
    rules: HeadRules,
    codings: Codings,
    pub(crate) cache: Rc<Cache>,
    /// The number of these files in the cache.
    pub(crate) site: usize,
    /// The same for what is kept in a coding, by [`Coding::index`].
    coded_sites: [usize; Coding::ALL.len()],
    pub(crate) negotiator: Option<Negotiator>,
}

impl Files {
    /// The files that `config` describes.
    ///
    /// # Errors
    /// See [`FilesError`].
    pub fn new(config: FilesConfig, cache: Rc<Cache>) -> Result<Self, FilesError> {
        let cache_control = match &config.cache_control {
            None => None,
            Some(text) => Some(
                cache_control::render(text)
                    .map_err(|error| FilesError::CacheControl(error.to_string()))?,
            ),
        };
        let rules = HeadRules {
            cache_control,
            expires_seconds: config.expires_seconds,
            fields: config.fields,
        };
        let codings = Codings::new(&config.codings, config.coding_octets_min, &rules);
        let place = Arc::new(Place {
            root: Root::new(&config.root).map_err(FilesError::Root)?,
            index: config.index,
            fences: config.fences,
            whole_octets_max: cache.limits().cached_file_octets_max,
            codings: codings.order().to_vec(),
        });
        Ok(Self(Rc::new(Inner {
            place,
            browse: config.browse,
            uploads: config.uploads,
            allow_trace: config.allow_trace,
            rules,
            codings,
            site: cache.add_site(),
            coded_sites: Coding::ALL.map(|_| cache.add_site()),
            cache,
            negotiator: config.negotiate.map(Negotiator::new),
        })))
    }

    /// Answers a request for `path`: the normal form of the target's path, without what led to these files.
    #[inline]
    pub fn answer(&self, exchange: &mut Exchange<'_>, path: &NormalPath<'_>) -> Answer {
        let files = &*self.0;
        let head = exchange.head;
        if matches!(head.method(), Method::Get | Method::Head)
            && !head.section().present().intersects(SELECTIVE)
            && let Some(answer) = files.cache.kept(
                files.site,
                path.octets(),
                exchange.now,
                files.codings.asked(head),
            )
        {
            return answer;
        }
        self.answer_fully(exchange, path)
    }

    /// The methods that every file allows (RFC 9110 §10.2.1).
    pub fn allow(&self) -> &'static str {
        if self.0.allow_trace {
            "GET, HEAD, OPTIONS, TRACE"
        } else {
            "GET, HEAD, OPTIONS"
        }
    }

    /// Where they are looked for.
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.0.place
    }

    fn answer_fully(&self, exchange: &Exchange<'_>, path: &NormalPath<'_>) -> Answer {
        let head = exchange.head;
        match head.method() {
            Method::Get | Method::Head => self.select(head, path.octets(), exchange.now),
            Method::Options => options_answer(self.allow()).into(),
            Method::Trace if self.0.allow_trace => trace_answer(exchange).into(),
            _ => unsupported_method(head, self.allow()).into(),
        }
    }

    fn select(&self, head: RequestHead<'_>, path: &[u8], now: Now) -> Answer {
        if has_hidden_segment(path) {
            return not_found(head).into();
        }
        if let Some(answer) = self.negotiate(head, path, now) {
            return answer;
        }
        self.select_plain(head, path, now)
    }

    /// What stands at the path itself.
    pub(crate) fn select_plain(&self, head: RequestHead<'_>, path: &[u8], now: Now) -> Answer {
        let files = &*self.0;
        match files.find(path, now) {
            Ok(found) => self.conclude(found, head, path, now),
            Err(OpenError::WouldBlock) => self.select_later(head, path, now),
            // Descriptors that are held for speed alone are the first to go.
            Err(OpenError::TooManyOpen) if files.cache.files().1 > 0 => {
                files.cache.close_files();
                self.select_later(head, path, now)
            }
            Err(error) => files.failed(head, path, &error).into(),
        }
    }

    /// The same on a thread that may wait.
    fn select_later(&self, head: RequestHead<'_>, path: &[u8], now: Now) -> Answer {
        let files = self.clone();
        let request = head.to_owned();
        let path: Box<[u8]> = path.into();
        Answer::Later(Box::pin(async move {
            let place = Arc::clone(&files.0.place);
            let asked = path.clone();
            let found = blocking_while_awaited(move || place.load(&asked, Wait::MayBlock)).await;
            let head = request.head();
            match found {
                Ok(Ok(located)) => {
                    let found = files.0.take_in(located, &path, now);
                    files.conclude_later(found, &request, &path, now).await
                }
                Ok(Err(error)) => files.0.failed(head, &path, &error),
                Err(_) => internal(head),
            }
        }))
    }

    fn conclude(&self, found: Found, head: RequestHead<'_>, path: &[u8], now: Now) -> Answer {
        match found {
            Found::Entry(entry) => self.represent(&entry, head, path, now),
            Found::NeedsSlash => with_slash(head, path).into(),
            Found::Folder if !self.0.browse => not_listed(head).into(),
            Found::Folder => {
                let (files, request, path) =
                    (self.clone(), head.to_owned(), Box::<[u8]>::from(path));
                Answer::Later(Box::pin(
                    async move { files.list(&request, &path, now).await },
                ))
            }
        }
    }

    async fn conclude_later(
        &self,
        found: Found,
        request: &OwnedRequest,
        path: &[u8],
        now: Now,
    ) -> Response {
        let head = request.head();
        match found {
            Found::Entry(entry) => {
                let answer = self.represent(&entry, head, path, now);
                answer.response().await
            }
            Found::NeedsSlash => with_slash(head, path),
            Found::Folder if !self.0.browse => not_listed(head),
            Found::Folder => self.list(request, path, now).await,
        }
    }

    fn list<'a>(
        &self,
        request: &'a OwnedRequest,
        path: &'a [u8],
        now: Now,
    ) -> Pin<Box<dyn Future<Output = Response> + 'a>> {
        let files = Rc::clone(&self.0);
        Box::pin(async move {
            let head = request.head();
            // A listing has no validators, but may be asked for only if it is there, or is not.
            let none = Validators::default();
            if let Some(response) = refused_by(head, &none, now, listing::not_modified) {
                return response;
            }
            let place = Arc::clone(&files.place);
            let relative: Box<[u8]> = relative(path).into();
            let form = listing::preference(head);
            let title = shown_path(head, path);
            let uploads = files.uploads;
            let written = blocking_while_awaited(move || {
                let folder = place
                    .root
                    .read_folder(&relative, listing::LISTING_ENTRIES_MAX)?;
                Ok(listing::write(form, &title, folder, uploads))
            });
            match written.await {
                Ok(Ok(text)) => listing::response(form, text, uploads),
                Ok(Err(error)) => files.failed(head, path, &error),
                Err(_) => internal(head),
            }
        })
    }
}

/// What the codings of files need.
impl Files {
    pub(crate) fn codings(&self) -> &Codings {
        &self.0.codings
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.0.cache
    }

    pub(crate) fn rules(&self) -> &HeadRules {
        &self.0.rules
    }

    /// The number in the cache of these files in a coding.
    pub(crate) fn coded_site(&self, coding: Coding) -> usize {
        let sites = &self.0.coded_sites;
        sites.get(coding.index()).copied().unwrap_or(self.0.site)
    }
}

/// What a path leads to.
enum Found {
    /// A file.
    Entry(Rc<Entry>),
    /// A folder, asked for without the slash.
    NeedsSlash,
    /// A folder without a file that stands for it.
    Folder,
}

impl Inner {
    /// What the path leads to, without waiting.
    fn find(&self, path: &[u8], now: Now) -> Result<Found, OpenError> {
        if let Some(entry) = self.cache.find(self.site, path)
            && let Some(entry) = self.revalidate(entry, path, path, now)?
        {
            return Ok(Found::Entry(entry));
        }
        let located = match self.place.load(path, Wait::CachedOnly) {
            Err(error) if !matches!(error, OpenError::WouldBlock) => {
                self.cache.remove(self.site, path);
                return Err(error);
            }
            located => located?,
        };
        Ok(self.take_in(located, path, now))
    }

    /// The entry that is kept by `key`, if it is what the folder holds at `path`.
    pub(crate) fn revalidate(
        &self,
        entry: Rc<Entry>,
        key: &[u8],
        path: &[u8],
        now: Now,
    ) -> Result<Option<Rc<Entry>>, OpenError> {
        if let Held::Open(file) = &entry.representation.held
            && !FileMeta::read(file).is_ok_and(|meta| meta == entry.representation.meta)
        {
            // Its octets are the file's own, so a change in place shows at once and its head must be of that version.
            return Ok(None);
        }
        if !entry.is_checked(now) {
            let changes = changes::count();
            if entry.representation.is_fresh_change {
                return Ok(None);
            }
            // What was selected among variants is kept by another key, and has nothing beside it.
            let seen = if key == path {
                self.place.look(path, Wait::CachedOnly)
            } else {
                let meta = self.place.stat(path, Wait::CachedOnly);
                meta.map(|meta| (meta, None))
            };
            match seen {
                Ok((meta, sidecars)) if entry.is_of(&meta, sidecars.as_deref()) => {
                    entry.check(now, changes);
                }
                Err(error @ OpenError::WouldBlock) => return Err(error),
                _ => return Ok(None),
            }
        }
        if entry.representation.is_head_valid(now) {
            return Ok(Some(entry));
        }
        let again = entry.representation.with_head_for(&self.rules, now);
        let variants = entry.variants.clone();
        let kept = self.cache.keep(self.site, key, again, variants, now, 0);
        // The head is of this second, the look at the file may be an older one.
        kept.check_as(&entry);
        Ok(Some(kept))
    }

    fn take_in(&self, located: Located, path: &[u8], now: Now) -> Found {
        let loaded = match located {
            Located::NeedsSlash => return Found::NeedsSlash,
            Located::Folder => {
                self.cache.remove(self.site, path);
                return Found::Folder;
            }
            Located::File(loaded) => loaded,
        };
        let labels = labels_of(&loaded.name, self.negotiator.as_ref());
        Found::Entry(self.keep(loaded, labels, path, now))
    }

    /// Keeps what was loaded by `key`.
    pub(crate) fn keep(&self, loaded: Loaded, labels: Labels, key: &[u8], now: Now) -> Rc<Entry> {
        let mut labels = labels;
        let sidecars = loaded.sidecars.clone();
        let octets = loaded.meta.octets;
        let variants = self.codings.variants(&labels, octets, sidecars);
        if variants.is_some() {
            // Also when it is sent without a coding.
            labels.vary_by("Accept-Encoding");
        }
        let changes = loaded.changes;
        let version = Version::of_file(loaded.meta, loaded.held(), labels.tag, now);
        let representation = Representation::new(version, Rc::new(labels), &self.rules, now);
        self.cache
            .keep(self.site, key, representation, variants, now, changes)
    }

    pub(crate) fn failed(&self, head: RequestHead<'_>, path: &[u8], error: &OpenError) -> Response {
        self.cache.remove(self.site, path);
        match error {
            // A link that leads out, and a FIFO, are none of the client's business: nothing is told of them.
            OpenError::NotFound | OpenError::OutsideRoot | OpenError::NotAFile => not_found(head),
            OpenError::NotAllowed => error_response(
                Status::FORBIDDEN,
                "This server may not read the file",
                "RFC 9110 §15.5.4",
                Some(head),
            ),
            OpenError::TooManyOpen => error_response(
                Status::SERVICE_UNAVAILABLE,
                "This server has as many files open as it may",
                "RFC 9110 §15.6.4",
                Some(head),
            ),
            _ => internal(head),
        }
    }
}

impl Representation {
    /// [`Self::whole`] as an answer.
    pub(crate) fn whole_answer(&self) -> Answer {
        match &self.held {
            Held::Whole(content) => Answer::Kept {
                rendition: self.rendition.clone(),
                content: content.clone(),
            },
            Held::Open(_) => self.whole().into(),
        }
    }
}

/// A path as a name below the root.
pub(crate) fn relative(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path)
}

pub(crate) fn is_folder_path(path: &[u8]) -> bool {
    path.ends_with(b"/")
}

/// Whether a segment begins with a dot. What it stands for is not served, and not told to exist. The exception is the
/// folder that RFC 8615 §3 sets apart.
pub(crate) fn has_hidden_segment(path: &[u8]) -> bool {
    path.split(|&b| b == b'/')
        .any(|segment| segment.first() == Some(&b'.') && segment != b".well-known")
}

/// 301 to the folder by its own name (RFC 9110 §15.4.2), in path-absolute form, which no name of a host can be read into:
/// a normal form has no empty segments, so it never begins with two slashes.
fn with_slash(head: RequestHead<'_>, path: &[u8]) -> Response {
    let target = Target::parse(head.target(), head.method());
    let normal = target
        .as_ref()
        .and_then(|target| NormalPath::of(target.path).ok());
    let mut location = String::with_capacity(head.target().len() + 8);
    push_path(
        &mut location,
        normal.as_ref().map_or(path, |normal| normal.octets()),
    );
    location.push('/');
    if let Some(query) = target.and_then(|target| target.query) {
        location.push('?');
        push_query(&mut location, query);
    }
    let mut response = error_response(
        Status::MOVED_PERMANENTLY,
        "A folder is named with a slash at its end",
        "RFC 9110 §15.4.2",
        Some(head),
    );
    response.head.add(Known::Location, location);
    response
}

/// The path as the client sees it.
pub(crate) fn shown_path(head: RequestHead<'_>, path: &[u8]) -> Vec<u8> {
    Target::parse(head.target(), head.method())
        .and_then(|target| {
            NormalPath::of(target.path)
                .ok()
                .map(|normal| normal.octets().to_vec())
        })
        .unwrap_or_else(|| path.to_vec())
}

pub(crate) fn not_found(head: RequestHead<'_>) -> Response {
    let because = "There is nothing at this path";
    error_response(Status::NOT_FOUND, because, "RFC 9110 §15.5.5", Some(head))
}

fn not_listed(head: RequestHead<'_>) -> Response {
    let because = "The folder has no index file and is not listed";
    error_response(Status::FORBIDDEN, because, "RFC 9110 §15.5.4", Some(head))
}

pub(crate) fn internal(head: RequestHead<'_>) -> Response {
    let because = "This server could not read the file";
    error_response(
        Status::INTERNAL_SERVER_ERROR,
        because,
        "RFC 9110 §15.6.1",
        Some(head),
    )
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(error) => write!(f, "the folder cannot be served: {error}"),
            Self::CacheControl(why) => write!(f, "not a Cache-Control value: {why}"),
        }
    }
}

impl std::error::Error for FilesError {}

mod first;
mod page;
mod place;
#[cfg(test)]
pub(crate) mod tests;

pub use page::Page;
pub(crate) use place::{Loaded, Located, Place};
