//! Sessions in a file of this machine, which survive a restart.

use crate::Complain;
use crate::flight::{Flight, Pilot};
use crate::sessions::record::{Key, Record};
use crate::sessions::store::{Away, Pending, Store};
use net::{Now, blocking};
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition,
};
use std::fmt;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file of the process. What is written gathers while a write is under way and is committed together, so many sign-ins at
/// once cost one wait for the disk.
pub(crate) struct SessionsFile {
    path: PathBuf,
    database: Database,
    sessions_max: AtomicU64,
    queue: Mutex<Queue>,
    complain: Complain,
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
        let options = |error: std::io::Error| SessionsFileError::new(path, error.to_string());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(options)?;
        }
        // Made here, so that it is never readable for others.
        let made = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        if made.is_err() {
            let meta = fs::metadata(path).map_err(options)?;
            if meta.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(options)?;
            }
        }
        let database = Database::builder()
            .set_cache_size(CACHE_OCTETS)
            .create(path)
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => SessionsFileError::new(
                    path,
                    "another process has it open; give each its own state folder, or let them share a store by redis://",
                ),
                error => SessionsFileError::new(path, error.to_string()),
            })?;
        let file = Self {
            path: path.to_owned(),
            database,
            sessions_max: AtomicU64::new(sessions_max),
            queue: Mutex::default(),
            complain,
        };
        // The tables are there from here on, so that no reader meets none.
        file.write(&[])
            .map_err(|error| SessionsFileError::new(path, error.to_string()))?;
        Ok(file)
    }

    /// Another limit.
    pub(crate) fn limit(&self, sessions_max: u64) {
        self.sessions_max.store(sessions_max, Ordering::Relaxed);
    }

    fn read(&self, key: &Key) -> Result<Option<Record>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let sessions = transaction.open_table(SESSIONS)?;
        let found = sessions.get(key)?;
        Ok(found.and_then(|octets| Record::from_octets(octets.value())))
    }

    /// Makes the changes, all or none, and forgets what has ended.
    fn write(&self, changes: &[Change]) -> Result<(), redb::Error> {
        let now = Now::read().unix_seconds;
        let mut transaction = self.database.begin_write()?;
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
                        while tables.sessions.len()?
                            >= self.sessions_max.load(Ordering::Relaxed).max(1)
                        {
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
            let written = self.file.write(&changes);
            if let Err(error) = &written {
                let path = self.file.path.display();
                (self.file.complain)(&format!("{path}: sessions cannot be written: {error}"));
            }
            pilot.land(written.map_err(|_| Away));
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
