//! Uploads that go on after an interruption: draft-ietf-httpbis-resumable-upload, interop version 8.
//!
//! PUT with `Upload-Complete: ?0` makes an upload resource, `<target>?upload=<token>`; PATCH appends to it, HEAD tells how far it
//! is, DELETE gives it up. Its content is a file in a hidden folder below the root, and what is left to know of it another:
//! so it outlives a restart. As no interim response can be sent, a PUT with `Upload-Complete: ?1` is one like any other.
//!
//! Whoever asks about an upload takes it over: a request that still appends to it, of a client that has lost its connection without
//! a sign, can append no more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::{Answer, Exchange, Incoming, Response};
use net::{Changeable, FileMeta, NewFile, Now, blocking, drop_elsewhere, secret_name};
use semantics::fields::list::only_line;
use semantics::{
    ContentLength, Known, Method, NormalPath, RequestHead, ResponseHead, Status, Target,
};
use serde_json::{Value, json};

use super::conditions::{Conditions, octets};
use super::denial::Denial;
use super::multipart::is_of_type;
use super::name::Place;
use super::put::{judge_fields, limit, response};
use super::receive::BATCH_OCTETS;
use super::slots::Slot;
use super::store::{Store, Stored};
use super::structured::{boolean, integer};
use super::{UploadLimits, Uploads, query};
use crate::encode::push_path;

/// The media type of what PATCH appends.
pub(super) const PARTIAL: &str = "application/partial-upload";
/// What an upload resource allows.
pub(super) const ALLOW: &str = "HEAD, PATCH, DELETE, OPTIONS";

/// The token in the query of an upload resource.
pub(super) fn token_of(head: RequestHead<'_>) -> Option<String> {
    let token = query(head)?.strip_prefix(b"upload=")?;
    is_token(token).then(|| String::from_utf8_lossy(token).to_ascii_lowercase())
}

fn is_token(token: &[u8]) -> bool {
    token.len() == 32 && token.iter().all(u8::is_ascii_hexdigit)
}

/// `Upload-Complete`; `None` if the field is not there, or is none.
pub(super) fn is_complete(head: RequestHead<'_>) -> Option<bool> {
    boolean(&field(head, "upload-complete")?)
}

/// The value of a field by its name; several lines are one list, which is no item.
fn field(head: RequestHead<'_>, name: &str) -> Option<Vec<u8>> {
    let lines = head.section().iter();
    let mut lines = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
    let (_, value) = lines.next()?;
    lines.next().is_none().then(|| value.to_vec())
}

/// `Upload-Limit`.
pub(super) fn limits(octets_max: u64, limits: &UploadLimits) -> String {
    format!(
        "max-size={octets_max}, max-age={}",
        limits.upload_age_seconds_max
    )
}

/// Who may append to each upload: the number of the request that asked last.
static TURNS: Mutex<Option<HashMap<String, Arc<Mutex<u64>>>>> = Mutex::new(None);

/// The right to append, until the next request takes it.
#[derive(Clone, Debug)]
struct Turn {
    latest: Arc<Mutex<u64>>,
    own: u64,
}

impl Turn {
    fn take(token: &str) -> Self {
        let latest = {
            let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
            let turns = turns.get_or_insert_default();
            // Those that nobody has in hand are forgotten; uploads under way are few.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(token.to_owned()).or_default())
        };
        // Waits for who writes to this upload, and keeps nobody from others.
        let own = {
            let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
            *latest += 1;
            *latest
        };
        Self { latest, own }
    }

    /// Does something with the upload while nobody else can, if it is still ours.
    fn hold<T>(&self, act: impl FnOnce() -> Result<T, Denial>) -> Result<T, Denial> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match *latest == self.own {
            true => act(),
            false => Err(Denial::TAKEN),
        }
    }
}

/// What is known of an upload beside its content.
#[derive(Clone, Debug)]
struct About {
    folder: Vec<u8>,
    name: Vec<u8>,
    length: Option<u64>,
    conditions: Conditions,
    /// Its length, once it is complete.
    completed: Option<u64>,
}

impl About {
    fn as_json(&self) -> Vec<u8> {
        json!({
            "folder": self.folder,
            "name": self.name,
            "length": self.length,
            "conditions": self.conditions.as_json(),
            "completed": self.completed,
        })
        .to_string()
        .into_bytes()
    }

    fn from_json(text: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        Some(Self {
            folder: octets(value.get("folder")?)?,
            name: octets(value.get("name")?)?,
            length: value.get("length")?.as_u64(),
            conditions: Conditions::from_json(value.get("conditions")?)?,
            completed: value.get("completed")?.as_u64(),
        })
    }

    fn read(shelf: &Changeable, token: &str) -> Result<Self, Denial> {
        let open = shelf
            .open(&about_name(token))
            .map_err(|_| Denial::NOT_FOUND)?;
        let mut text =
            vec![0; usize::try_from(open.meta.octets.min(ABOUT_OCTETS_MAX)).unwrap_or(0)];
        net::read_exact_at(&open.file, &mut text, 0)?;
        Self::from_json(&text).ok_or(Denial::NOT_FOUND)
    }

    fn write(&self, shelf: &Changeable, token: &str) -> Result<(), Denial> {
        let mut new = shelf.begin()?;
        new.append(&self.as_json())?;
        new.sync()?;
        new.replace(shelf, &about_name(token))?;
        Ok(())
    }
}

fn about_name(token: &str) -> Vec<u8> {
    [token.as_bytes(), ABOUT_SUFFIX].concat()
}

/// An upload that a request has in hand.
#[derive(Debug)]
struct Held {
    token: String,
    turn: Turn,
    about: About,
    shelf: Changeable,
    /// `None` when it is complete.
    file: Option<NewFile>,
    offset: u64,
}

/// What the shelf has of one upload.
#[derive(Debug, Default)]
struct Found {
    /// When it was gone on with last, in seconds and nanoseconds since 1970.
    latest: (i64, u32),
    has_content: bool,
}

impl Store {
    fn shelf(&self) -> Result<Changeable, Denial> {
        Ok(self.root().open_changeable(SHELF)?)
    }

    /// Removes uploads that nobody went on with for too long, and what is known of those that are complete beyond as many as may
    /// be unfinished. Gives how many are unfinished.
    pub(super) fn expire(&self, limits: &UploadLimits, now: Now) -> Result<usize, Denial> {
        let shelf = self.shelf()?;
        let listed = self.root().read_folder(SHELF, SHELF_ENTRIES_MAX)?;
        let mut found: HashMap<Vec<u8>, Found> = HashMap::new();
        for entry in listed.entries {
            let token = entry.name.strip_suffix(ABOUT_SUFFIX);
            let is_content = token.is_none();
            let token = token.unwrap_or(&entry.name).to_vec();
            // What is told of an upload has another name while it is written.
            let is_content = is_content && is_token(&token);
            let found = found.entry(token).or_default();
            found.has_content |= is_content;
            found.latest = found.latest.max(entry.meta.modified);
        }
        let remove = |token: &[u8]| {
            let _ = shelf.remove_file(token);
            let _ = shelf.remove_file(&[token, ABOUT_SUFFIX].concat());
        };
        let oldest = now
            .unix_seconds
            .saturating_sub(limits.upload_age_seconds_max);
        let (mut unfinished, mut complete) = (0, Vec::new());
        for (token, found) in found {
            if u64::try_from(found.latest.0).unwrap_or(0) < oldest {
                remove(&token);
            } else if found.has_content {
                unfinished += 1;
            } else {
                complete.push((found.latest, token));
            }
        }
        complete.sort_unstable_by(|a, b| b.cmp(a));
        for (_, token) in complete.iter().skip(limits.resumable_uploads_max) {
            remove(token);
        }
        Ok(unfinished)
    }

    fn create(&self, about: About, limits: &UploadLimits) -> Result<Held, Denial> {
        let folder = self.folder(&about.folder)?;
        self.judge_put(&folder, &about.name, &about.conditions)?;
        let root = self.folder(b"")?;
        // A name is given within one file system alone.
        if root.identity()?.0 != folder.identity()?.0 {
            return Err(Denial::PARTIAL);
        }
        if about
            .length
            .is_some_and(|octets| root.room_octets().is_ok_and(|room| room < octets))
        {
            return Err(Denial::NO_ROOM);
        }
        root.make_folder(SHELF)?;
        if self.expire(limits, Now::read())? >= limits.resumable_uploads_max {
            return Err(Denial::RESUMABLE);
        }
        let token = secret_name()?;
        let shelf = self.shelf()?;
        let file = shelf.begin_kept(token.as_bytes())?;
        about.write(&shelf, &token).inspect_err(|_| {
            let _ = shelf.remove_file(token.as_bytes());
        })?;
        Ok(Held {
            turn: Turn::take(&token),
            token,
            about,
            shelf,
            file: Some(file),
            offset: 0,
        })
    }

    fn take_up(&self, token: String, folder: &[u8], name: &[u8]) -> Result<Held, Denial> {
        let shelf = self.shelf().map_err(|_| Denial::NOT_FOUND)?;
        let about = About::read(&shelf, &token)?;
        if (&*about.folder, &*about.name) != (folder, name) {
            return Err(Denial::NOT_FOUND);
        }
        let turn = Turn::take(&token);
        let (file, offset) = match about.completed {
            Some(octets) => (None, octets),
            None => {
                let file = shelf
                    .resume(token.as_bytes())
                    .map_err(|_| Denial::NOT_FOUND)?;
                // What is told to be here need not be sent again.
                if self.is_durable() {
                    file.sync()?;
                }
                let octets = FileMeta::read(file.file())?.octets;
                (Some(file), octets)
            }
        };
        Ok(Held {
            token,
            turn,
            about,
            shelf,
            file,
            offset,
        })
    }

    /// Gives a whole upload its name.
    fn complete(&self, held: &mut Held) -> Result<Stored, Denial> {
        let turn = held.turn.clone();
        turn.hold(|| {
            let mut file = held.file.take().ok_or(Denial::INTERNAL)?;
            self.settle(&file)?;
            let folder = self.folder(&held.about.folder)?;
            let stored = self.put(&mut file, &folder, &held.about.name, &held.about.conditions)?;
            held.about.completed = Some(stored.octets);
            // The file has its name, so that nothing can take back what is answered.
            let _ = held.about.write(&held.shelf, &held.token);
            Ok(stored)
        })
    }
}

impl Held {
    /// What is known of it beside its content, stored again.
    fn remembered(self) -> Result<Self, Denial> {
        self.turn
            .hold(|| self.about.write(&self.shelf, &self.token))?;
        Ok(self)
    }

    fn give_up(&self) -> Result<(), Denial> {
        self.turn.hold(|| {
            let _ = self.shelf.remove_file(self.token.as_bytes());
            self.shelf.remove_file(&about_name(&self.token))?;
            Ok(())
        })
    }
}

/// What has come and is not written; written when it is dropped, as much as can be.
struct Appending {
    turn: Turn,
    file: Option<NewFile>,
    held: Vec<u8>,
}

impl Appending {
    fn write(&mut self) -> Result<(), Denial> {
        let held = std::mem::take(&mut self.held);
        let Some(file) = &mut self.file else {
            return Err(Denial::INTERNAL);
        };
        self.turn.hold(|| Ok(file.append(&held)?))
    }
}

impl Drop for Appending {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            let _ = self.write();
        }
    }
}

/// Writes the rest on a thread that may wait, should the exchange end early.
struct Guard(Option<Appending>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(appending) = self.0.take() {
            drop_elsewhere(appending);
        }
    }
}

/// A request to append, or that begins an upload.
struct Appended {
    incoming: Option<Incoming>,
    octets_max: u64,
    is_last: bool,
    location: String,
    limits: String,
    store: Arc<Store>,
    _slot: Slot,
}

impl Appended {
    async fn run(self, mut held: Held) -> Result<Response, Denial> {
        let end = held
            .about
            .length
            .unwrap_or(self.octets_max)
            .min(self.octets_max);
        let mut guard = Guard(Some(Appending {
            turn: held.turn.clone(),
            file: held.file.take(),
            held: Vec::new(),
        }));
        if let Some(incoming) = &self.incoming {
            while let Some(piece) = incoming.next().await? {
                held.offset += piece.len() as u64;
                let Some(appending) = &mut guard.0 else {
                    return Err(Denial::INTERNAL);
                };
                if held.offset > end {
                    // The draft, §4.1.3: an upload that became longer than it was to be is void.
                    appending.held.clear();
                    blocking(move || held.give_up()).await??;
                    return Err(match held_too_long(end, self.octets_max) {
                        true => Denial::TOO_LARGE,
                        false => Denial::LENGTH,
                    });
                }
                appending.held.extend_from_slice(&piece);
                if appending.held.len() >= BATCH_OCTETS {
                    let taken = guard.0.take();
                    guard.0 = blocking(move || written(taken)).await??;
                }
            }
        }
        let taken = guard.0.take();
        let store = Arc::clone(&self.store);
        let is_last = self.is_last;
        let work = move || {
            let mut appending = written(taken)?.ok_or(Denial::INTERNAL)?;
            held.file = appending.file.take();
            if !is_last {
                if let Some(file) = held.file.as_ref().filter(|_| store.is_durable()) {
                    file.sync()?;
                }
                return Ok::<_, Denial>((held.offset, held.token, None));
            }
            if held
                .about
                .length
                .is_some_and(|length| length != held.offset)
            {
                return Err(Denial::LENGTH);
            }
            let stored = store.complete(&mut held)?;
            Ok((held.offset, held.token, Some(stored)))
        };
        let (offset, token, stored) = blocking(work).await??;
        Ok(self.answer(offset, &token, stored))
    }

    fn answer(&self, offset: u64, token: &str, stored: Option<Stored>) -> Response {
        if let Some(stored) = stored {
            let mut response = response(&stored);
            response.head.add_named("Upload-Complete", "?1");
            return response;
        }
        let mut head = match self.location.is_empty() {
            true => ResponseHead::new(Status::NO_CONTENT),
            false => ResponseHead::new(Status::CREATED)
                .with(Known::Location, format!("{}?upload={token}", self.location)),
        };
        head.add_named("Upload-Complete", "?0");
        head.add_named("Upload-Offset", offset.to_string());
        head.add_named("Upload-Limit", &self.limits);
        let status = head.status();
        Response {
            head,
            ..Response::new(status)
        }
    }
}

fn held_too_long(end: u64, octets_max: u64) -> bool {
    end == octets_max
}

fn written(appending: Option<Appending>) -> Result<Option<Appending>, Denial> {
    let mut appending = appending.ok_or(Denial::INTERNAL)?;
    if !appending.held.is_empty() {
        appending.write()?;
    }
    Ok(Some(appending))
}

impl Uploads {
    /// PUT with `Upload-Complete: ?0`.
    pub(super) fn begin_resumable(
        &self,
        exchange: &mut Exchange<'_>,
        place: Place<'_>,
    ) -> Result<Answer, Denial> {
        let head = exchange.head;
        let Place::File { folder, name } = place else {
            return Err(Denial::METHOD);
        };
        judge_fields(head)?;
        let octets_max = self.0.config.content_octets_max;
        limit(exchange, octets_max)?;
        let length = length_of(head);
        if length.is_some_and(|length| length > octets_max) {
            return Err(Denial::TOO_LARGE);
        }
        let about = About {
            folder: folder.to_vec(),
            name: name.to_vec(),
            length,
            conditions: Conditions::of(head),
            completed: None,
        };
        let appended = self.appended(exchange, false)?;
        let (store, limits) = (Arc::clone(&self.0.store), self.0.config.limits);
        Ok(self.later(exchange, async move {
            let held = blocking(move || store.create(about, &limits)).await??;
            appended.run(held).await
        }))
    }

    /// A request to an upload resource.
    pub(super) fn resume(
        &self,
        exchange: &mut Exchange<'_>,
        place: Place<'_>,
        token: String,
    ) -> Result<Answer, Denial> {
        let head = exchange.head;
        let Place::File { folder, name } = place else {
            return Err(Denial::NOT_FOUND);
        };
        let (store, folder, name) = (Arc::clone(&self.0.store), folder.to_vec(), name.to_vec());
        let take_up = move || store.take_up(token, &folder, &name);
        match head.method() {
            Method::Head | Method::Get => {
                let limits = limits(self.0.config.content_octets_max, &self.0.config.limits);
                Ok(self.later(exchange, async move {
                    Ok(told(&blocking(take_up).await??, &limits))
                }))
            }
            Method::Delete => Ok(self.later(exchange, async move {
                blocking(move || take_up()?.give_up()).await??;
                Ok(Response::new(Status::NO_CONTENT))
            })),
            Method::Patch => self.append(exchange, take_up),
            _ => Err(Denial::METHOD),
        }
    }

    fn append(
        &self,
        exchange: &mut Exchange<'_>,
        take_up: impl FnOnce() -> Result<Held, Denial> + Send + 'static,
    ) -> Result<Answer, Denial> {
        let head = exchange.head;
        let content_type = only_line(head.all(Known::ContentType)).unwrap_or_default();
        if !is_of_type(content_type, PARTIAL) {
            return Err(Denial::PARTIAL_TYPE);
        }
        let is_last = is_complete(head).ok_or(Denial::PARTIAL_FIELDS)?;
        let provided = field(head, "upload-offset").and_then(|value| integer(&value));
        let provided = provided.ok_or(Denial::PARTIAL_FIELDS)?;
        limit(exchange, self.0.config.content_octets_max)?;
        let said = length_of(head);
        let is_said = said.is_some();
        let length = match (said, exchange.content) {
            (Some(length), _) => Some(length),
            (None, ContentLength::Exactly(octets)) if is_last => provided.checked_add(octets),
            (None, ContentLength::None) if is_last => Some(provided),
            _ => None,
        };
        let has_content = !matches!(
            exchange.content,
            ContentLength::None | ContentLength::Exactly(0)
        );
        let mut appended = self.appended(exchange, is_last)?;
        appended.location = String::new();
        Ok(self.later(exchange, async move {
            let mut held = blocking(take_up).await??;
            if held.file.is_none() {
                return Err(match has_content {
                    // The draft, §4.4.2: more than there was to be.
                    true => Denial::LENGTH,
                    false => Denial::COMPLETED,
                });
            }
            if held.offset != provided {
                return Ok(mismatch(held.offset, provided));
            }
            if let Some(length) = length {
                if held.about.length.is_some_and(|known| known != length) || length < held.offset {
                    return Err(Denial::LENGTH);
                }
                let is_news = is_said && held.about.length.is_none();
                held.about.length = Some(length);
                if is_news {
                    held = blocking(move || held.remembered()).await??;
                }
            }
            appended.run(held).await
        }))
    }

    fn appended(&self, exchange: &mut Exchange<'_>, is_last: bool) -> Result<Appended, Denial> {
        let config = &self.0.config;
        Ok(Appended {
            octets_max: config.content_octets_max,
            is_last,
            location: shown_target(exchange.head),
            limits: limits(config.content_octets_max, &config.limits),
            store: Arc::clone(&self.0.store),
            _slot: self.slot()?,
            incoming: (exchange.content != ContentLength::None).then(|| exchange.receive()),
        })
    }

    fn later(
        &self,
        exchange: &Exchange<'_>,
        future: impl Future<Output = Result<Response, Denial>> + 'static,
    ) -> Answer {
        let (uploads, request) = (self.clone(), exchange.head.to_owned());
        Answer::Later(Box::pin(async move {
            match future.await {
                Ok(response) => response,
                Err(denial) => uploads.denied(request.head(), b"", denial),
            }
        }))
    }
}

/// The path of the target in normal form.
fn shown_target(head: RequestHead<'_>) -> String {
    let mut location = String::new();
    let target = Target::parse(head.target(), head.method());
    if let Some(Ok(path)) = target.map(|target| NormalPath::of(target.path)) {
        push_path(&mut location, path.octets());
    }
    location
}

fn length_of(head: RequestHead<'_>) -> Option<u64> {
    integer(&field(head, "upload-length")?)
}

/// The answer to HEAD.
fn told(held: &Held, limits: &str) -> Response {
    let mut response = Response::new(Status::NO_CONTENT);
    let head = &mut response.head;
    head.add(Known::CacheControl, "no-store");
    let is_complete = if held.file.is_none() { "?1" } else { "?0" };
    head.add_named("Upload-Complete", is_complete);
    head.add_named("Upload-Offset", held.offset.to_string());
    if let Some(length) = held.about.length.or(held.about.completed) {
        head.add_named("Upload-Length", length.to_string());
    }
    head.add_named("Upload-Limit", limits);
    response
}

/// 409 with the offset that would be right (the draft, §4.4.2).
fn mismatch(expected: u64, provided: u64) -> Response {
    let mut head = ResponseHead::new(Status::CONFLICT)
        .with(Known::ContentType, "application/problem+json")
        .with(Known::CacheControl, "no-store");
    head.add_named("Upload-Offset", expected.to_string());
    let problem = json!({
        "type": "https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
        "title": "The offset is not that of the upload",
        "expected-offset": expected,
        "provided-offset": provided,
    });
    Response::with_octets(head, format!("{problem:#}\n"))
}

const SHELF: &[u8] = b".hansom-uploads";
/// Of the file that tells about an upload; its content has the token alone for a name.
const ABOUT_SUFFIX: &[u8] = b".json";
const SHELF_ENTRIES_MAX: usize = 100_000;
const ABOUT_OCTETS_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn who_writes_to_one_upload_keeps_nobody_from_another() {
        let turn = Turn::take("one");
        let (writing, written) = (mpsc::channel::<()>(), mpsc::channel::<()>());
        let writer = thread::spawn(move || {
            turn.hold(|| {
                writing.0.send(()).unwrap();
                let _ = written.1.recv();
                Ok(())
            })
        });
        writing.1.recv().unwrap();
        let waiting = thread::spawn(|| Turn::take("one"));
        // Until that one has what it waits with.
        while TURNS
            .lock()
            .unwrap()
            .as_ref()
            .unwrap()
            .get("one")
            .is_none_or(|turn| Arc::strong_count(turn) < 3)
        {
            thread::yield_now();
        }
        let other = Turn::take("another");
        assert!(other.hold(|| Ok(())).is_ok());
        written.0.send(()).unwrap();
        assert!(writer.join().unwrap().is_ok());
        assert!(waiting.join().unwrap().hold(|| Ok(())).is_ok());
    }
}
