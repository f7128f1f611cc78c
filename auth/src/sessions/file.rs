//! Sessions in a file of this machine, which survive a restart.

use crate::Complain;
use crate::flight::{Flight, Pilot};
use crate::sessions::record::{Key, Record};
use crate::sessions::store::{Away, Pending, Store};
use net::{Now, blocking};
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, TableError,
};
use std::fmt;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

/// The file of the process. What is written gathers while a write is under way and is committed together, so many sign-ins at
/// once cost one wait for the disk.
///
/// After an error of the system, as of a full disk, an open database answers nothing any more: it is opened again, so that sessions
/// are back as soon as there is room.
pub(crate) struct SessionsFile {
    path: PathBuf,
    opened: RwLock<Opened>,
    sessions_max: AtomicU64,
    queue: Mutex<Queue>,
    /// When writing failed since it went well last, in monotonic milliseconds; 0 when it did not.
    failed_millis: AtomicU64,
    complain: Complain,
}

/// The database, unless it could not be opened again.
struct Opened {
    database: Option<Database>,
    /// Which opening it is.
    number: u64,
    /// When it was opened last, or that failed, in monotonic milliseconds.
    tried_millis: u64,
}

/// A worker's use of it.
#[derive(Clone, Debug)]
pub(crate) struct FileStore(pub(crate) Arc<SessionsFile>);

#[derive(Default)]
struct Queue {
    changes: Vec<Change>,
    /// Who waits for the changes above.
    flight: Option<(Arc<Flight<Written>>, Pilot<Written>)>,
    is_writing: bool,
}

type Written = Result<(), Away>;

enum Change {
    Insert(Key, Record),
    Update(Key, Record),
    Remove(Key),
}

impl SessionsFile {
    /// Opens the file, or makes it, for its owner alone; it may wait for a disk.
    pub(crate) fn open(
        path: &Path,
        sessions_max: u64,
        complain: Complain,
    ) -> Result<Self, SessionsFileError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| SessionsFileError::new(path, error.to_string()))?;
        }
        let opened = guarded(|| {
            let database = database(path)?;
            // The tables are there from here on, so that no reader meets none.
            write(&database, &[], sessions_max)?;
            Ok(database)
        });
        let opened = opened.map_err(|error| SessionsFileError::new(path, error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            opened: RwLock::new(Opened {
                database: Some(opened),
                number: 0,
                tried_millis: Now::read().millis,
            }),
            sessions_max: AtomicU64::new(sessions_max),
            queue: Mutex::default(),
            failed_millis: AtomicU64::new(0),
            complain,
        })
    }

    /// Another limit.
    pub(crate) fn limit(&self, sessions_max: u64) {
        self.sessions_max.store(sessions_max, Ordering::Relaxed);
    }

    fn read(&self, key: &Key) -> Result<Option<Record>, Broken> {
        self.with(|database| {
            let transaction = database.begin_read()?;
            let sessions = match transaction.open_table(SESSIONS) {
                // The file was taken away, and nothing was written since.
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                opened => opened?,
            };
            let found = sessions.get(key)?;
            Ok(found.and_then(|octets| Record::from_octets(octets.value())))
        })
    }

    /// Makes the changes, all or none. After a failure it is not tried again at once, since whoever reads waits meanwhile.
    fn write(&self, changes: &[Change]) -> Result<(), Away> {
        let failed_millis = self.failed_millis.load(Ordering::Relaxed);
        let now_millis = Now::read().millis;
        if failed_millis != 0 && now_millis.saturating_sub(failed_millis) < RETRY_MILLIS {
            return Err(Away);
        }
        let sessions_max = self.sessions_max.load(Ordering::Relaxed);
        match self.with(|database| write(database, changes, sessions_max)) {
            Ok(()) => {
                self.failed_millis.store(0, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.failed_millis
                    .store(now_millis.max(1), Ordering::Relaxed);
                // Once, until it went well again.
                if failed_millis == 0 {
                    let path = self.path.display();
                    (self.complain)(&format!("{path}: sessions cannot be written: {error}"));
                }
                Err(Away)
            }
        }
    }

    /// Does something with the database, which is opened again if that goes wrong.
    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, Broken> {
        let (done, number) = {
            let mut opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
            if opened.database.is_none() {
                drop(opened);
                self.open_again(None)?;
                opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
            }
            let Some(database) = &opened.database else {
                return Err(Broken::Closed);
            };
            (guarded(|| act(database)), opened.number)
        };
        if done.is_err() {
            // How that goes is told by the next who needs it.
            let _ = self.open_again(Some(number));
        }
        done
    }

    /// Opens the database again: the one with this number, or one that could not be opened, but that not all the time.
    fn open_again(&self, broken: Option<u64>) -> Result<(), Broken> {
        let mut opened: RwLockWriteGuard<'_, Opened> =
            self.opened.write().unwrap_or_else(PoisonError::into_inner);
        let now_millis = Now::read().millis;
        match broken {
            // Somebody else has done so meanwhile.
            Some(number) if number != opened.number => return Ok(()),
            None if opened.database.is_some() => return Ok(()),
            None if now_millis.saturating_sub(opened.tried_millis) < RETRY_MILLIS => {
                return Err(Broken::Closed);
            }
            _ => {}
        }
        // One process, so one of them, holds the lock of the file.
        let former = opened.database.take();
        let _ = guarded(move || {
            drop(former);
            Ok(())
        });
        opened.number += 1;
        opened.tried_millis = now_millis;
        opened.database = Some(guarded(|| database(&self.path))?);
        Ok(())
    }

    /// As if more than [`RETRY_MILLIS`] had passed since something failed.
    #[cfg(test)]
    fn age(&self) {
        self.failed_millis.fetch_min(1, Ordering::Relaxed);
        let mut opened = self.opened.write().unwrap();
        opened.tried_millis = 0;
    }

    /// Adds changes; what is returned lands when they are on the disk.
    fn change(
        self: &Arc<Self>,
        changes: impl IntoIterator<Item = Change>,
    ) -> Arc<Flight<Result<(), Away>>> {
        let mut queue = self.queue();
        queue.changes.extend(changes);
        let (flight, _) = queue.flight.get_or_insert_with(|| Flight::start(Err(Away)));
        let flight = Arc::clone(flight);
        if !queue.is_writing {
            queue.is_writing = true;
            let mut writing = Writing::new(Arc::clone(self));
            drop(blocking(move || writing.write_all()));
        }
        flight
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the file, or makes it, for its owner alone.
fn database(path: &Path) -> Result<Database, redb::Error> {
    // Made here, so that it is never readable for others.
    let made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    if made.is_err() {
        let meta = fs::metadata(path)?;
        if meta.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
    }
    let mut builder = Database::builder();
    Ok(builder.set_cache_size(CACHE_OCTETS).create(path)?)
}

/// Makes the changes, all or none, and forgets what has ended.
fn write(database: &Database, changes: &[Change], sessions_max: u64) -> Result<(), redb::Error> {
    let now = Now::read().unix_seconds;
    let mut transaction = database.begin_write()?;
    // Repair after a crash is then short, however large the file is.
    transaction.set_quick_repair(true);
    {
        let mut tables = Tables {
            sessions: transaction.open_table(SESSIONS)?,
            ends: transaction.open_table(ENDS)?,
        };
        for change in changes {
            match change {
                Change::Insert(key, record) => {
                    tables.remove(key)?;
                    while tables.sessions.len()? >= sessions_max.max(1) {
                        if !tables.remove_first(u64::MAX)? {
                            break;
                        }
                    }
                    tables.insert(key, record)?;
                }
                Change::Update(key, record) => {
                    if tables.remove(key)? {
                        tables.insert(key, record)?;
                    }
                }
                Change::Remove(key) => {
                    tables.remove(key)?;
                }
            }
        }
        let mut swept = 0;
        while swept < SWEEP_MAX && tables.remove_first(now)? {
            swept += 1;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// A database whose pages are damaged makes its library panic, where it does not say so.
fn guarded<T>(act: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, Broken> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(done) => done.map_err(|error| match error {
            redb::Error::DatabaseAlreadyOpen => Broken::Taken,
            redb::Error::Corrupted(_) => Broken::Damaged(error.to_string()),
            error => Broken::Failed(error.to_string()),
        }),
        Err(_) => Err(Broken::Damaged(
            "what it holds contradicts itself".to_owned(),
        )),
    }
}

/// Why nothing could be done with the database.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Broken {
    /// Another process has it.
    Taken,
    /// It could not be opened a moment ago.
    Closed,
    /// Its content is wrong.
    Damaged(String),
    /// The system's reason.
    Failed(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str(
                "another process has it open; give each its own state folder, or let them share a store by redis://",
            ),
            Self::Closed => f.write_str("it could not be opened a moment ago"),
            Self::Damaged(because) => write!(
                f,
                "it is damaged ({because}); when it is moved away, everybody signs in again"
            ),
            Self::Failed(because) => f.write_str(because),
        }
    }
}

/// Who writes at the moment; there is one at most.
struct Writing {
    file: Arc<SessionsFile>,
    is_over: bool,
}

impl Writing {
    fn new(file: Arc<SessionsFile>) -> Self {
        Self {
            file,
            is_over: false,
        }
    }

    fn write_all(&mut self) {
        loop {
            let (changes, flight) = {
                let mut queue = self.file.queue();
                // Said with the same lock that shows that there is nothing: whoever comes next begins another.
                self.is_over = queue.flight.is_none();
                queue.is_writing = !self.is_over;
                (std::mem::take(&mut queue.changes), queue.flight.take())
            };
            let Some((_, pilot)) = flight else { return };
            pilot.land(self.file.write(&changes));
        }
    }
}

impl Drop for Writing {
    /// Also when its worker ended before it began: who comes next writes.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut queue = self.file.queue();
        queue.is_writing = false;
        let left = queue.flight.take();
        drop(queue);
        drop(left);
    }
}

impl Store for FileStore {
    fn load(&self, key: Key) -> Pending<Option<Record>> {
        let file = Arc::clone(&self.0);
        Box::pin(async move {
            let read = blocking(move || file.read(&key)).await;
            read.ok().and_then(Result::ok).ok_or(Away)
        })
    }

    fn insert(&self, key: Key, record: Record) -> Pending<()> {
        let flight = self.0.change([Change::Insert(key, record)]);
        Box::pin(async move { flight.landed().await })
    }

    fn update(&self, key: Key, record: Record) -> Pending<()> {
        let flight = self.0.change([Change::Update(key, record)]);
        Box::pin(async move { flight.landed().await })
    }

    fn remove(&self, keys: Vec<Key>) -> Pending<()> {
        let flight = self.0.change(keys.into_iter().map(Change::Remove));
        Box::pin(async move { flight.landed().await })
    }
}

/// The sessions, and their keys in the order in which they end.
struct Tables<'a> {
    sessions: redb::Table<'a, &'static Key, &'static [u8]>,
    ends: redb::Table<'a, (u64, &'static Key), ()>,
}

impl Tables<'_> {
    fn insert(&mut self, key: &Key, record: &Record) -> Result<(), redb::Error> {
        self.sessions.insert(key, record.to_octets().as_slice())?;
        self.ends.insert((record.end, key), ())?;
        Ok(())
    }

    fn remove(&mut self, key: &Key) -> Result<bool, redb::Error> {
        let end = match self.sessions.remove(key)? {
            None => return Ok(false),
            Some(octets) => Record::from_octets(octets.value()).map(|record| record.end),
        };
        if let Some(end) = end {
            self.ends.remove((end, key))?;
        }
        Ok(true)
    }

    /// Removes the session that ends first, if that is at `now` or before; says whether there was one.
    fn remove_first(&mut self, now: u64) -> Result<bool, redb::Error> {
        let first = match self.ends.first()? {
            None => None,
            Some((end, _)) => {
                let (end, key) = end.value();
                (end <= now).then_some((end, *key))
            }
        };
        if let Some((end, key)) = first {
            self.ends.remove((end, &key))?;
            self.sessions.remove(&key)?;
        }
        Ok(first.is_some())
    }
}

impl fmt::Debug for SessionsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Why a file of sessions cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsFileError {
    path: PathBuf,
    because: String,
}

impl SessionsFileError {
    fn new(path: &Path, because: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            because: because.into(),
        }
    }
}

impl fmt::Display for SessionsFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.because)
    }
}

impl std::error::Error for SessionsFileError {}

const SESSIONS: TableDefinition<'_, &'static Key, &'static [u8]> = TableDefinition::new("sessions");
const ENDS: TableDefinition<'_, (u64, &'static Key), ()> = TableDefinition::new("ends");
/// Memory for what was read.
const CACHE_OCTETS: usize = 16 * 1024 * 1024;
/// How long it is waited before what failed is tried again.
const RETRY_MILLIS: u64 = 1000;
/// Sessions that have ended and are forgotten with one write.
const SWEEP_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::record::tests::record;

    const FAR: u64 = u64::MAX / 2;

    fn open(path: &Path, sessions_max: u64) -> Result<FileStore, SessionsFileError> {
        let file = SessionsFile::open(path, sessions_max, Arc::new(|_: &str| {}))?;
        Ok(FileStore(Arc::new(file)))
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/sessions");
        (folder, path)
    }

    #[test]
    fn a_change_that_comes_when_the_writer_ends_is_written_too() {
        let (_folder, path) = place();
        let store = open(&path, 100).unwrap();
        net::run_alone(async {
            store.0.queue().is_writing = true;
            let mut writing = Writing::new(Arc::clone(&store.0));
            writing.write_all();
            let removed = store.remove(vec![[1; 32]]);
            drop(writing);
            assert_eq!(removed.await, Ok(()));
        });
    }

    #[test]
    fn what_was_stored_is_there_after_a_restart() {
        let (_folder, path) = place();
        // Each run ends with all that it does beside the reactor, which holds the file.
        net::run_alone(async {
            let store = open(&path, 10).unwrap();
            store.insert([1; 32], record("anna", FAR)).await.unwrap();
        });
        net::run_alone(async {
            let store = open(&path, 10).unwrap();
            assert_eq!(store.load([1; 32]).await, Ok(Some(record("anna", FAR))));
            assert_eq!(store.load([2; 32]).await, Ok(None));
        });
    }

    #[test]
    fn the_file_is_for_its_owner_alone() {
        let (_folder, path) = place();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        drop(open(&path, 10).unwrap());
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        drop(open(&path, 10).unwrap());
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn what_was_removed_does_not_come_back_by_an_update() {
        let (_folder, path) = place();
        net::run_alone(async {
            let store = open(&path, 10).unwrap();
            store.insert([1; 32], record("anna", FAR)).await.unwrap();
            store
                .update([1; 32], record("anna", FAR + 1))
                .await
                .unwrap();
            assert_eq!(store.load([1; 32]).await, Ok(Some(record("anna", FAR + 1))));
            store.remove(vec![[1; 32]]).await.unwrap();
            store.update([1; 32], record("anna", FAR)).await.unwrap();
            assert_eq!(store.load([1; 32]).await, Ok(None));
        });
    }

    #[test]
    fn beyond_the_limit_the_one_that_ends_first_goes() {
        let (_folder, path) = place();
        net::run_alone(async {
            let store = open(&path, 3).unwrap();
            for (number, end) in [(1, 30), (2, 10), (3, 20), (4, 40), (5, 50)] {
                store
                    .insert([number; 32], record("anna", FAR + end))
                    .await
                    .unwrap();
            }
            let mut kept = Vec::new();
            for number in 1..=5 {
                if store.load([number; 32]).await.unwrap().is_some() {
                    kept.push(number);
                }
            }
            assert_eq!(kept, [1, 4, 5]);
        });
    }

    #[test]
    fn what_has_ended_is_swept_by_the_next_write() {
        let (_folder, path) = place();
        net::run_alone(async {
            let store = open(&path, 10).unwrap();
            let past = Now::read().unix_seconds;
            store.insert([1; 32], record("anna", past)).await.unwrap();
            store.insert([2; 32], record("anna", FAR)).await.unwrap();
            assert_eq!(store.load([1; 32]).await, Ok(None));
            assert!(store.load([2; 32]).await.unwrap().is_some());
        });
    }

    #[test]
    fn a_second_process_is_told_so() {
        let (_folder, path) = place();
        let _first = open(&path, 10).unwrap();
        let error = open(&path, 10).unwrap_err().to_string();
        assert!(error.contains("another process has it open"), "{error}");
    }

    #[test]
    fn what_is_no_such_file_is_told_so_and_left_alone() {
        let (_folder, path) = place();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "something else").unwrap();
        assert!(open(&path, 10).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "something else");
    }

    /// So many sessions that not all of them are in the memory of who opens the file.
    async fn fill(store: &FileStore) {
        let insert = |number: u32| store.insert(key(number), record("anna", FAR));
        let writes: Vec<_> = (0..3000).map(insert).collect();
        for write in writes {
            write.await.unwrap();
        }
    }

    fn key(number: u32) -> Key {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_le_bytes());
        key
    }

    #[test]
    fn after_an_error_of_the_disk_sessions_are_back_when_it_is_over() {
        let (_folder, path) = place();
        net::run_alone(async {
            let (sender, complaints) = std::sync::mpsc::channel();
            let complain = move |text: &str| sender.send(text.to_owned()).unwrap();
            let file = SessionsFile::open(&path, 10_000, Arc::new(complain)).unwrap();
            let store = FileStore(Arc::new(file));
            store.insert(key(1), record("anna", FAR)).await.unwrap();
            let fail = || {
                let done: Result<(), _> = store.0.with(|_| Err(redb::Error::PreviousIo));
                done.unwrap_err()
            };
            fail();
            assert!(store.load(key(1)).await.unwrap().is_some());
            let whole = fs::read(&path).unwrap();
            fs::write(&path, "something else").unwrap();
            fail();
            assert_eq!(store.load(key(1)).await, Err(Away));
            for _ in 0..3 {
                let written = store.insert(key(5000), record("anna", FAR)).await;
                assert_eq!(written, Err(Away));
                store.0.age();
            }
            fs::write(&path, whole).unwrap();
            store.0.age();
            assert!(store.load(key(1)).await.unwrap().is_some());
            store.insert(key(5000), record("anna", FAR)).await.unwrap();
            assert!(store.load(key(5000)).await.unwrap().is_some());
            assert_eq!(complaints.try_iter().count(), 1);
        });
    }

    #[test]
    fn what_failed_is_not_tried_again_at_once() {
        let (_folder, path) = place();
        net::run_alone(async {
            let store = open(&path, 10).unwrap();
            store
                .0
                .failed_millis
                .store(Now::read().millis.max(1), Ordering::Relaxed);
            let written = store.insert([1; 32], record("anna", FAR)).await;
            assert_eq!(written, Err(Away));
            store.0.age();
            store.insert([1; 32], record("anna", FAR)).await.unwrap();
        });
    }

    #[test]
    fn a_damaged_file_is_told_and_ends_nothing() {
        let (_folder, path) = place();
        net::run_alone(async { fill(&open(&path, 10_000).unwrap()).await });
        let whole = fs::read(&path).unwrap();
        let mut told = 0;
        for at in (8192..whole.len()).step_by(4096) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            fs::write(&path, damaged).unwrap();
            if let Err(error) = open(&path, 10_000) {
                assert!(error.to_string().contains("moved away"), "{error}");
                told += 1;
            }
        }
        assert!(told > 0);
    }

    #[test]
    fn many_writers_are_all_served() {
        let (_folder, path) = place();
        net::run_alone(async {
            let store = open(&path, 1000).unwrap();
            let writes: Vec<_> = (0..200)
                .map(|number| store.insert([number; 32], record("anna", FAR)))
                .collect();
            for write in writes {
                write.await.unwrap();
            }
            assert!(store.load([199; 32]).await.unwrap().is_some());
        });
    }
}
