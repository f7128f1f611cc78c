//! Who may sign in, and how: `[[auth]]` and `[sessions]` become gates.

use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use auth::{
    FormConfig, Gate, Page, PageError, Registry, Sessions, SessionsConfig, SessionsError, Shared,
    SharedConfig, SharedError, SharedSessions, StoreConfig,
};

use crate::config::{Auth, AuthMethod, Config, SameSite, WhenAway};

/// What the gates of all workers are made from.
#[derive(Debug)]
pub(crate) struct Signing {
    ways: Vec<Way>,
    /// Only where somebody signs in by a form.
    sessions: Option<(Arc<SharedSessions>, SessionsConfig)>,
}

/// One `[[auth]]`.
#[derive(Debug)]
struct Way {
    config: SharedConfig,
    shared: Arc<Shared>,
    method: Method,
}

#[derive(Debug)]
enum Method {
    Basic { realm: String },
    Form(FormConfig),
}

impl Signing {
    /// Reads files of users and pages, and opens the store of sessions; it may wait for a disk. `state` is the folder of the state, if
    /// somebody said it.
    pub(crate) fn new(
        config: &Config,
        state: Option<&Path>,
        registry: &Registry,
    ) -> Result<Self, SigningError> {
        let ways = config.auth.iter().map(|auth| Way::new(auth, registry));
        let ways = ways.collect::<Result<Vec<_>, _>>()?;
        let has_form = ways.iter().any(|way| matches!(way.method, Method::Form(_)));
        let sessions = match has_form {
            true => {
                let config = sessions(config, state)?;
                Some((registry.sessions(&config)?, config))
            }
            false => None,
        };
        Ok(Self { ways, sessions })
    }

    /// Has what outlives a reload go by these limits: once nothing can fail any more.
    pub(crate) fn limit(&self) {
        self.ways
            .iter()
            .for_each(|way| way.shared.limit(&way.config));
        if let Some((sessions, config)) = &self.sessions {
            sessions.limit(config);
        }
    }

    /// The gates for the worker whose thread this is, by their names.
    pub(crate) fn gates(&self) -> Vec<(String, Gate)> {
        let sessions = self.sessions.as_ref();
        let sessions = sessions.map(|(shared, _)| Sessions::new(Arc::clone(shared)));
        let gate = |way: &Way| {
            let shared = Arc::clone(&way.shared);
            Some(match (&way.method, &sessions) {
                (Method::Basic { realm }, _) => Gate::basic(realm, shared),
                (Method::Form(form), Some(sessions)) => {
                    Gate::form(form.clone(), shared, Rc::clone(sessions))
                }
                (Method::Form(_), None) => return None,
            })
        };
        let named = |way: &Way| Some((way.config.name.clone(), gate(way)?));
        self.ways.iter().filter_map(named).collect()
    }
}

impl Signing {
    /// The gate of a forward proxy, for the worker whose thread this is.
    pub(crate) fn proxy_gate(&self, name: &str) -> Option<Gate> {
        let way = self.ways.iter().find(|way| way.config.name == name)?;
        match &way.method {
            Method::Basic { realm } => Some(Gate::proxy(realm, Arc::clone(&way.shared))),
            Method::Form(_) => None,
        }
    }
}

impl Way {
    fn new(auth: &Auth, registry: &Registry) -> Result<Self, SigningError> {
        let config = SharedConfig {
            name: auth.name.clone(),
            users: auth.users.clone(),
            attempts_max: auth.attempts_max,
            attempts_time: auth.attempts_time,
        };
        let shared = registry.shared(&config)?;
        let method = match auth.method {
            AuthMethod::Basic => Method::Basic {
                realm: auth.realm.clone(),
            },
            AuthMethod::Form => Method::Form(FormConfig {
                realm: auth.realm.clone(),
                login: auth.login.clone(),
                logout: auth.logout.clone(),
                page: Arc::new(page(auth)?),
                cookie: auth.cookie.clone(),
                same_site: match auth.same_site {
                    SameSite::Lax => auth::SameSite::Lax,
                    SameSite::Strict => auth::SameSite::Strict,
                },
                idle_time: auth.idle_time,
                session_time: auth.session_time,
            }),
        };
        Ok(Self {
            config,
            shared,
            method,
        })
    }
}

fn page(auth: &Auth) -> Result<Page, SigningError> {
    match &auth.page {
        None => Ok(Page::login()),
        Some(file) => Page::load(file).map_err(|error| SigningError::Page(file.clone(), error)),
    }
}

fn sessions(config: &Config, state: Option<&Path>) -> Result<SessionsConfig, SigningError> {
    let store = match &config.sessions.store {
        Some(url) => StoreConfig::Redis(url.clone()),
        None => {
            let folder = state.map(Path::to_owned).or_else(net::state_folder);
            StoreConfig::File(folder.ok_or(SigningError::NoState)?.join(SESSIONS_FILE))
        }
    };
    Ok(SessionsConfig {
        store,
        when_away: match config.sessions.when_away {
            WhenAway::Refuse => auth::WhenAway::Refuse,
            WhenAway::Remember => auth::WhenAway::Remember,
        },
        sessions_max: config.sessions.sessions_max,
    })
}

/// Why nobody can sign in.
#[derive(Debug)]
#[non_exhaustive]
pub enum SigningError {
    /// A file of users cannot be used.
    Users(SharedError),
    /// A page cannot be used.
    Page(PathBuf, PageError),
    /// The store of sessions cannot be used.
    Sessions(SessionsError),
    /// Nobody says where sessions can be kept.
    NoState,
}

impl From<SharedError> for SigningError {
    fn from(error: SharedError) -> Self {
        Self::Users(error)
    }
}

impl From<SessionsError> for SigningError {
    fn from(error: SessionsError) -> Self {
        Self::Sessions(error)
    }
}

impl fmt::Display for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Users(error) => error.fmt(f),
            Self::Page(file, error) => write!(f, "{}: {error}", file.display()),
            Self::Sessions(error) => error.fmt(f),
            Self::NoState => f.write_str(
                "there is no folder for sessions: set `server.state`, or `sessions.store`",
            ),
        }
    }
}

impl std::error::Error for SigningError {}

/// In the folder for what must survive a restart.
const SESSIONS_FILE: &str = "sessions.redb";
