//! A file of users that is read again when it changes.

use crate::Complain;
use crate::flight::{Flight, Pilot};
use crate::passwords::users::{Users, UsersError};
use net::{Now, blocking};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file of users. What it says counts within a second of a change; while it is wrong or gone, what it said last.
pub(crate) struct UsersFile {
    path: PathBuf,
    complain: Complain,
    state: Mutex<State>,
}

struct State {
    current: Current,
    version: Version,
    /// When it was last looked at, in monotonic milliseconds.
    looked_millis: u64,
    looking: Option<Arc<Flight<()>>>,
    is_wrong: bool,
}

/// The users as the file had them, and which reading of it that was.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) users: Arc<Users>,
    pub(crate) reading: u64,
}

/// What of a file differs when its content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl UsersFile {
    /// Reads the file; it may wait for a disk.
    pub(crate) fn open(path: PathBuf, complain: Complain) -> Result<Self, UsersFileError> {
        let (users, version) = read(&path)?;
        let state = State {
            current: Current {
                users: Arc::new(users),
                reading: 1,
            },
            version,
            looked_millis: Now::read().millis,
            looking: None,
            is_wrong: false,
        };
        Ok(Self {
            path,
            complain,
            state: Mutex::new(state),
        })
    }

    /// The users, if the file was looked at within a second.
    pub(crate) fn fresh(&self, now: Now) -> Option<Current> {
        let state = self.state();
        let is_fresh = now.millis.saturating_sub(state.looked_millis) < LOOK_MILLIS;
        is_fresh.then(|| state.current.clone())
    }

    /// The users, after a look at the file unless that was within a second. However many ask, one looks.
    pub(crate) async fn current(self: &Arc<Self>) -> Current {
        let now = Now::read();
        if let Some(current) = self.fresh(now) {
            return current;
        }
        let (looking, look) = self.looking();
        if let Some(look) = look {
            // Dropping what awaits it does not stop the work.
            drop(blocking(move || {
                look.file.look();
                drop(look);
            }));
        }
        looking.landed().await;
        self.state().current.clone()
    }

    /// The look that is under way, or one that is to be taken.
    fn looking(self: &Arc<Self>) -> (Arc<Flight<()>>, Option<Look>) {
        let mut state = self.state();
        if let Some(looking) = &state.looking {
            return (Arc::clone(looking), None);
        }
        let (flight, pilot) = Flight::start(());
        state.looking = Some(Arc::clone(&flight));
        let look = Look {
            file: Arc::clone(self),
            _pilot: pilot,
        };
        (flight, Some(look))
    }

    /// Reads the file again if it is another one than before.
    fn look(&self) {
        let version = self.state().version;
        let found = match fs::metadata(&self.path) {
            Ok(meta) if Version::of(&meta) == version => None,
            Ok(_) => Some(read(&self.path)),
            Err(error) => Some(Err(error.into())),
        };
        let mut state = self.state();
        state.looked_millis = Now::read().millis;
        match found {
            None => {}
            Some(Ok((users, version))) => {
                let reading = state.current.reading + 1;
                state.current = Current {
                    users: Arc::new(users),
                    reading,
                };
                state.version = version;
                state.is_wrong = false;
            }
            Some(Err(error)) if !state.is_wrong => {
                state.is_wrong = true;
                drop(state);
                let path = self.path.display();
                (self.complain)(&format!("{path}: {error}; its former users stay"));
            }
            Some(Err(_)) => {}
        }
    }

    /// As if more than a second had passed since the last look.
    #[cfg(test)]
    pub(crate) fn age(&self) {
        self.state().looked_millis = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look at the file. It is over when this is dropped, also when its worker ended before it began.
struct Look {
    file: Arc<UsersFile>,
    _pilot: Pilot<()>,
}

impl Drop for Look {
    fn drop(&mut self) {
        self.file.state().looking = None;
    }
}

impl fmt::Debug for UsersFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsersFile")
            .field("path", &self.path)
            .finish()
    }
}

impl Version {
    fn of(meta: &fs::Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            octets: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// All that is wrong with a file of users: each line that cannot be used, or why it cannot be read. It may wait for a disk.
pub fn users_errors(file: &Path) -> Vec<UsersFileError> {
    match octets(file) {
        Ok((octets, _)) => {
            let errors = Users::errors(&octets).into_iter();
            errors.map(UsersFileError::Line).collect()
        }
        Err(error) => vec![error],
    }
}

fn read(path: &Path) -> Result<(Users, Version), UsersFileError> {
    let (octets, version) = octets(path)?;
    Ok((Users::parse(&octets)?, version))
}

fn octets(path: &Path) -> Result<(Vec<u8>, Version), UsersFileError> {
    let file = File::open(path)?;
    let version = Version::of(&file.metadata()?);
    let mut octets = Vec::new();
    file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_OCTETS_MAX {
        return Err(UsersFileError::TooLong);
    }
    Ok((octets, version))
}

/// Why a file of users cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum UsersFileError {
    /// The system's reason.
    Unreadable(io::Error),
    /// It has more octets than [`FILE_OCTETS_MAX`].
    TooLong,
    /// A line of it is wrong.
    Line(UsersError),
}

impl From<io::Error> for UsersFileError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl From<UsersError> for UsersFileError {
    fn from(error: UsersError) -> Self {
        Self::Line(error)
    }
}

impl fmt::Display for UsersFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::TooLong => write!(f, "it is longer than {FILE_OCTETS_MAX} octets"),
            Self::Line(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for UsersFileError {}

/// Octets of a file of users, room for about 200 000.
pub const FILE_OCTETS_MAX: u64 = 16 * 1024 * 1024;
/// How long what was seen of the file is believed.
const LOOK_MILLIS: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const OLD: &str = "anna:{SHA}4V440WL1axDf+F+S9kVPLU2lu4E=\n";

    fn open(text: &str) -> (tempfile::TempDir, Arc<UsersFile>, mpsc::Receiver<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, text).unwrap();
        let (sender, complaints) = mpsc::channel();
        let complain: Complain = Arc::new(move |text: &str| sender.send(text.to_owned()).unwrap());
        let file = UsersFile::open(path, complain).unwrap();
        (folder, Arc::new(file), complaints)
    }

    fn knows(file: &Arc<UsersFile>, name: &str) -> bool {
        let file = Arc::clone(file);
        net::run_alone(async move { file.current().await.users.mark(name).is_some() })
    }

    #[test]
    fn a_file_that_changed_is_read_again() {
        let (folder, file, _complaints) = open(OLD);
        fs::write(folder.path().join("users"), OLD.replace("anna", "bert")).unwrap();
        assert!(knows(&file, "anna"), "it was looked at just now");
        file.age();
        assert!(knows(&file, "bert") && !knows(&file, "anna"));
    }

    #[test]
    fn a_look_whose_worker_ended_first_is_not_waited_for() {
        let (folder, file, _complaints) = open(OLD);
        let (looking, look) = file.looking();
        assert!(look.is_some() && file.looking().1.is_none());
        drop(look);
        net::run_alone(looking.landed());
        fs::write(folder.path().join("users"), OLD.replace("anna", "bert")).unwrap();
        file.age();
        assert!(knows(&file, "bert"));
    }

    #[test]
    fn a_file_that_did_not_change_is_the_same_reading() {
        let (_folder, file, _complaints) = open(OLD);
        file.age();
        assert!(knows(&file, "anna"));
        assert_eq!(file.state().current.reading, 1);
    }

    #[test]
    fn a_file_that_became_wrong_is_complained_of_once_and_changes_nothing() {
        let (folder, file, complaints) = open(OLD);
        fs::write(folder.path().join("users"), "anna:plain\n").unwrap();
        for _ in 0..3 {
            file.age();
            assert!(knows(&file, "anna"));
        }
        let complaint = complaints.recv().unwrap();
        assert!(complaint.contains("line 1"), "{complaint}");
        assert!(complaints.try_recv().is_err());
    }

    #[test]
    fn a_file_that_is_gone_changes_nothing_until_it_is_back() {
        let (folder, file, complaints) = open(OLD);
        let path = folder.path().join("users");
        fs::remove_file(&path).unwrap();
        file.age();
        assert!(knows(&file, "anna"));
        complaints.recv().unwrap();
        fs::write(&path, OLD.replace("anna", "bert")).unwrap();
        file.age();
        assert!(knows(&file, "bert"));
    }

    #[test]
    fn however_many_ask_one_looks() {
        let (folder, file, complaints) = open(OLD);
        fs::write(folder.path().join("users"), "anna\n").unwrap();
        file.age();
        let all = Arc::clone(&file);
        net::run_alone(async move {
            let (flight, pilot) = Flight::start(());
            let pilot = Arc::new(pilot);
            for _ in 0..50 {
                let (file, pilot) = (Arc::clone(&all), Arc::clone(&pilot));
                net::spawn(async move {
                    file.current().await;
                    drop(pilot);
                });
            }
            drop(pilot);
            flight.landed().await;
        });
        assert_eq!(complaints.try_iter().count(), 1);
    }
}
