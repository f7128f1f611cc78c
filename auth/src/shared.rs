//! What the workers of a process share, and what outlives a reload of the configuration.

use crate::Complain;
use crate::passwords::Passwords;
use crate::passwords::file::{UsersFile, UsersFileError};
use crate::room::Room;
use crate::secret::{NoRandom, ProcessKey};
use crate::sessions::file::{SessionsFile, SessionsFileError};
use crate::sessions::redis::{RedisServer, RedisUrlError};
use crate::sessions::{Place, SharedSessions, WhenAway};
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One for a process, for as long as it lives. What is shared is asked of it again after each reload: the same name and file give the
/// same counts of attempts and the same passwords that were checked lately.
pub struct Registry {
    complain: Complain,
    hashings: Arc<Room>,
    shared: Mutex<HashMap<(String, PathBuf), Arc<Shared>>>,
    sessions: Mutex<HashMap<StoreConfig, Arc<SharedSessions>>>,
}

/// What the gates of one `[[auth]]` share on all workers.
#[derive(Debug)]
pub struct Shared {
    pub(crate) name: String,
    pub(crate) passwords: Arc<Passwords>,
}

/// What is shared is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedConfig {
    /// The name of the `[[auth]]`.
    pub name: String,
    /// The file of users.
    pub users: PathBuf,
    /// Failed attempts in `attempts_time`, for one name from one network (an address of IPv4, a /64 of IPv6); five times
    /// as many for the network.
    pub attempts_max: u64,
    /// The time in which they count.
    pub attempts_time: Duration,
}

impl Shared {
    /// Other limits; what was counted stays.
    pub fn limit(&self, config: &SharedConfig) {
        self.passwords
            .limit(config.attempts_max, config.attempts_time);
    }
}

impl Registry {
    /// A registry of a server that has so many cores. `complain` is told, on any thread, what an operator should know while the
    /// server runs, such as that a file of users became wrong.
    pub fn new(cores: usize, complain: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            complain: Arc::new(complain),
            // Half of the cores are left for everything else.
            hashings: Room::new((cores / 2).max(1), HASHINGS_WAITING_MAX),
            shared: Mutex::default(),
            sessions: Mutex::default(),
        }
    }

    /// What the gates of one `[[auth]]` share. It may wait for a disk. The limits of what is there already stay until
    /// [`Shared::limit`], since whoever asks may yet give up.
    ///
    /// # Errors
    /// That the file of users cannot be used.
    pub fn shared(&self, config: &SharedConfig) -> Result<Arc<Shared>, SharedError> {
        let key = (config.name.clone(), config.users.clone());
        let mut all = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // A reload says so if the file is wrong, although the former users would stay.
        let file =
            UsersFile::open(config.users.clone(), Arc::clone(&self.complain)).map_err(|error| {
                SharedError::Users {
                    file: config.users.clone(),
                    error,
                }
            })?;
        if let Some(shared) = all.get(&key) {
            return Ok(Arc::clone(shared));
        }
        let shared = Arc::new(Shared {
            name: config.name.clone(),
            passwords: Passwords::new(
                file,
                Arc::clone(&self.hashings),
                ProcessKey::new()?,
                config.attempts_max,
                config.attempts_time,
            ),
        });
        all.insert(key, Arc::clone(&shared));
        Ok(shared)
    }
}

impl Registry {
    /// The sessions of the process. The same store gives the same sessions again, whose limits stay until [`SharedSessions::limit`]. It
    /// may wait for a disk.
    ///
    /// # Errors
    /// That the store cannot be used.
    pub fn sessions(&self, config: &SessionsConfig) -> Result<Arc<SharedSessions>, SessionsError> {
        let mut all = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = all.get(&config.store) {
            return Ok(Arc::clone(sessions));
        }
        let place = match &config.store {
            StoreConfig::File(path) => {
                let file =
                    SessionsFile::open(path, config.sessions_max, Arc::clone(&self.complain))?;
                Place::File(Arc::new(file))
            }
            StoreConfig::Redis(url) => {
                Place::Redis(Arc::new(RedisServer::new(url, Arc::clone(&self.complain))?))
            }
        };
        let sessions = Arc::new(SharedSessions::new(place, config.when_away));
        all.insert(config.store.clone(), Arc::clone(&sessions));
        Ok(sessions)
    }
}

/// Where sessions live, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsConfig {
    /// Where they live.
    pub store: StoreConfig,
    /// What happens while the store is away.
    pub when_away: WhenAway,
    /// Sessions kept at most by a file; the one that ends first goes first.
    pub sessions_max: u64,
}

/// Where sessions live.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum StoreConfig {
    /// In a file of this machine, which one process has open at a time.
    File(PathBuf),
    /// In Redis or Valkey, by its URL: `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. All machines that share
    /// it need the same file of users.
    Redis(String),
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            // Its password is nobody's business.
            Self::Redis(_) => f.write_str("Redis"),
        }
    }
}

/// Why there can be no sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionsError {
    /// The file cannot be used.
    File(SessionsFileError),
    /// The URL is none.
    Url(RedisUrlError),
}

impl From<SessionsFileError> for SessionsError {
    fn from(error: SessionsFileError) -> Self {
        Self::File(error)
    }
}

impl From<RedisUrlError> for SessionsError {
    fn from(error: RedisUrlError) -> Self {
        Self::Url(error)
    }
}

impl fmt::Display for SessionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Url(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SessionsError {}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// Why nobody can be known.
#[derive(Debug)]
#[non_exhaustive]
pub enum SharedError {
    /// The file of users cannot be used.
    Users {
        /// The file.
        file: PathBuf,
        /// Why.
        error: UsersFileError,
    },
    /// The system gave no random octets.
    NoRandom,
}

impl From<NoRandom> for SharedError {
    fn from(NoRandom: NoRandom) -> Self {
        Self::NoRandom
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Users { file, error } => write!(f, "{}: {error}", file.display()),
            Self::NoRandom => NoRandom.fmt(f),
        }
    }
}

impl std::error::Error for SharedError {}

/// Passwords that wait to be checked, in the whole process; half as many as there are cores are checked at once. Beyond it requests
/// get 503.
pub const HASHINGS_WAITING_MAX: usize = 64;
