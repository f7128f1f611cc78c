//! What a configuration comes to: everything that can fail is tried before anything changes.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::{Admission, Change, Worker, WorkerOptions};
use http1::{Leniency, Policy};
use intermediary::Commons;
use net::{BindError, ListenOptions, RunError, Tls, TlsError};
use origin::wire::Recent;
use origin::{Cache, CacheLimits};
use semantics::Limits;

use crate::config::{Config, HandlerName, Lenient, LogFormat};
use crate::log::own::{self, OwnError, OwnFormat};
use crate::log::{LogHandle, Style};
use crate::marks::Names;
use crate::recorder::AccessLog;
use crate::reload::say;
use crate::signing::{Signing, SigningError};
use crate::sites::{self, SiteError, Sites};
use crate::tls;

/// Why serving did not start, ended early or was not changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// A certificate cannot be used.
    Tls(TlsError),
    /// Nobody can sign in.
    Signing(SigningError),
    /// A site cannot be served.
    Site(SiteError),
    /// The log cannot be written.
    Log(io::Error),
    /// The own format of the log is none.
    LogFormat(OwnError),
    /// The thread that reloads did not start.
    Reload(io::Error),
    /// The workers did not start, or ended early.
    Run(RunError),
}

/// What every worker is made from, or changed to.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    policies: Vec<Policy>,
    cache: CacheLimits,
    lasting: Lasting,
    signing: Signing,
    log: Option<LogHandle>,
    own_format: Option<Arc<OwnFormat>>,
    names: Arc<Names>,
    /// The TLS of all listeners that speak it.
    pub(crate) tls: Option<Arc<Tls>>,
}

/// What outlives every configuration of a process.
#[derive(Clone, Debug)]
pub(crate) struct Lasting {
    /// Worker threads; a restart changes them.
    pub(crate) workers: usize,
    /// Descriptors that the process may have.
    open_files: u64,
    /// The folder of the state, as far as the configuration said it; a restart changes it.
    state: Option<PathBuf>,
    admission: Arc<Admission>,
    recent: Recent,
    /// Who failed to sign in, and who is signed in.
    registry: Arc<auth::Registry>,
    /// What workers know of servers together.
    commons: Arc<Commons>,
}

impl Lasting {
    pub(crate) fn new(config: &Config) -> Self {
        let (open_files, _) = net::raise_open_files();
        Self {
            workers: workers(config),
            open_files,
            state: config.server.state.clone(),
            admission: Arc::new(Admission::new()),
            recent: Recent::new(),
            registry: Arc::new(auth::Registry::new(net::cores(), say)),
            commons: Arc::new(Commons::new(|event| say(&format!("hansom: {event}")))),
        }
    }
}

impl Plan {
    /// A plan whose folders are there, and whose log is this one. The TLS of the plan before stays, with what clients know of it, and
    /// gets other rules when the plan is gone over to.
    pub(crate) fn new(
        config: Config,
        lasting: &Lasting,
        log: Option<LogHandle>,
        before: Option<&Self>,
    ) -> Result<Self, ServeError> {
        let tls = before.and_then(|before| before.tls.as_ref());
        let tls = tls::prepare(&config, tls).map_err(ServeError::Tls)?;
        let own_format = own_format(&config).map_err(ServeError::LogFormat)?;
        let signing = Signing::new(&config, lasting.state.as_deref(), &lasting.registry)
            .map_err(ServeError::Signing)?;
        let limits = limits(&config, lasting.open_files);
        let plan = Self {
            policies: config
                .listeners
                .iter()
                .map(|listener| policy(&listener.lenient, &limits))
                .collect(),
            cache: cache_limits(&config, lasting.workers, lasting.open_files),
            lasting: lasting.clone(),
            signing,
            log,
            own_format,
            names: Arc::new(Names::new(&config, before.map(|before| &*before.names))),
            tls,
            config,
        };
        // What is wrong with a site is told before anything listens.
        plan.sites(None)?;
        Ok(plan)
    }

    /// Where to listen, in the order of the configuration.
    pub(crate) fn addresses(&self) -> Vec<(net::Address, ListenOptions)> {
        self.config
            .listeners
            .iter()
            .map(|listener| {
                let options = ListenOptions {
                    defer_accept: listener.defer_accept.then_some(DEFER_ACCEPT_SECONDS),
                    tls: self.tls.clone().filter(|_| listener.tls),
                    ..ListenOptions::default()
                };
                (listener.address.clone(), options)
            })
            .collect()
    }

    /// A worker that begins with this plan.
    pub(crate) fn worker(&self) -> Worker<Sites, AccessLog> {
        // The same was done before anything listened; a folder that went since ends this worker, and with it the server.
        let sites = match self.sites(None) {
            Ok(sites) => sites,
            Err(error) => panic!("{error}"),
        };
        let options = WorkerOptions {
            policies: self.policies.clone(),
            server_field: self.config.server.server_field.clone(),
        };
        let admission = Arc::clone(&self.lasting.admission);
        Worker::new(options, sites, self.recorder(), admission)
    }

    /// What brings a worker that runs to this plan. `numbers` are those of its listeners, `before` is what it has.
    pub(crate) fn change(
        &self,
        numbers: &[usize],
        before: &Sites,
    ) -> Result<Change<Sites, AccessLog>, ServeError> {
        Ok(Change {
            policies: numbers
                .iter()
                .copied()
                .zip(self.policies.iter().cloned())
                .collect(),
            secured: numbers
                .iter()
                .zip(&self.config.listeners)
                .filter(|(_, listener)| listener.tls)
                .map(|(number, _)| *number)
                .collect(),
            server_field: self.config.server.server_field.clone(),
            handler: self.sites(Some(before))?,
            recorder: self.recorder(),
        })
    }

    fn sites(&self, before: Option<&Sites>) -> Result<Sites, ServeError> {
        let cache = Rc::new(Cache::new(self.cache));
        Sites::new(
            &self.config,
            &cache,
            &self.lasting.recent,
            &self.signing.gates(),
            self.names.generation(),
            (&self.lasting.commons, before),
        )
        .map_err(ServeError::Site)
    }

    /// It is gone over to: the limits of who signs in are this plan's.
    pub(crate) fn limit_signing(&self) {
        self.signing.limit();
    }

    fn recorder(&self) -> AccessLog {
        let sees_wire = |route: &crate::config::Route| route.handler == HandlerName::Wire;
        let sites = &self.config.sites;
        let has_wire = sites.iter().any(|site| site.routes.iter().any(sees_wire));
        AccessLog {
            format: self.config.log_format(),
            style: Style::from(self.config.output),
            own: self.own_format.clone(),
            names: Arc::clone(&self.names),
            writer: self.log.clone(),
            recent: has_wire.then(|| self.lasting.recent.clone()),
            batch: Vec::new(),
        }
    }

    /// The keys in which `other` differs, and that only a restart changes.
    pub(crate) fn fixed_keys_changed(&self, other: &Config) -> Vec<&'static str> {
        let mut keys = Vec::new();
        if self.lasting.workers != workers(other) {
            keys.push("server.workers");
        }
        if self.lasting.state != other.server.state {
            keys.push("server.state");
        }
        keys
    }
}

fn own_format(config: &Config) -> Result<Option<Arc<OwnFormat>>, OwnError> {
    match &config.log.own {
        Some(text) if config.log_format() == LogFormat::Own => {
            own::compile(text).map(Arc::new).map(Some)
        }
        _ => Ok(None),
    }
}

fn workers(config: &Config) -> usize {
    config
        .server
        .workers
        .map_or_else(net::cores, |workers| usize::try_from(workers).unwrap_or(1))
        .max(1)
}

fn limits(config: &Config, open_files: u64) -> Limits {
    let set = &config.limits;
    let open_files = set.open_files_max.unwrap_or(open_files).min(open_files);
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let size = |octets: u64| usize::try_from(octets).unwrap_or(usize::MAX);
    let connections_max = set
        .connections_max
        .unwrap_or(open_files - OTHER_FILES.min(open_files / 2));
    let requests_max = match config.server.keep_alive {
        Duration::ZERO => 1,
        _ => config
            .server
            .keep_alive_requests
            .map_or(0, |requests| u32::try_from(requests).unwrap_or(u32::MAX)),
    };
    Limits {
        head_octets_max: size(set.head_octets_max),
        target_octets_max: size(set.target_octets_max),
        field_lines_max: size(set.field_lines_max),
        content_octets_max: sites::content_octets_max(config),
        head_millis_max: millis(set.head_time),
        idle_millis_max: millis(config.server.keep_alive),
        requests_max,
        age_millis_max: config.server.connection_age.map_or(0, millis),
        receive_octets_per_second_min: set.content_octets_per_second_min,
        transmit_octets_per_second_min: set.transmit_octets_per_second_min,
        rate_grace_millis: millis(set.rate_grace).max(1),
        tunnel_idle_millis_max: millis(set.tunnel_idle_time),
        connections_max: size(connections_max),
        connections_per_client_max: set.connections_per_client_max.map_or(usize::MAX, size),
        ..Limits::default()
    }
}

fn policy(lenient: &Lenient, limits: &Limits) -> Policy {
    let leniency = Leniency {
        allow_cl_with_te: lenient.allow_cl_with_te,
        allow_bare_lf_head: lenient.allow_bare_lf_head,
        collapse_equal_cl: lenient.collapse_equal_cl,
        unfold_requests: lenient.unfold_requests,
        allow_ctl_values: lenient.allow_ctl_values,
        allow_multi_space: lenient.allow_multi_space,
        allow_missing_host: lenient.allow_missing_host,
        strict_target: lenient.strict_target,
    };
    let blank_lines_max = usize::try_from(lenient.skip_crlf).unwrap_or(usize::MAX);
    Policy::with(leniency, blank_lines_max, limits.clone())
}

/// Each worker holds its own files, so each has its part of the memory and of the descriptors.
fn cache_limits(config: &Config, workers: usize, open_files: u64) -> CacheLimits {
    let defaults = CacheLimits::default();
    let share = |amount: u64| usize::try_from(amount / workers as u64).unwrap_or(usize::MAX);
    CacheLimits {
        cached_file_octets_max: config.limits.cached_file_octets_max,
        cache_octets_max: share(config.limits.cache_octets_max),
        open_files_max: defaults
            .open_files_max
            .min(share(open_files.min(OTHER_FILES) / 2))
            .max(1),
        coders_max: usize::try_from(config.limits.coders_max).unwrap_or(usize::MAX),
        ..defaults
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Signing(error) => error.fmt(f),
            Self::Site(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::LogFormat(error) => write!(f, "log.own: {error}"),
            Self::Reload(error) => write!(f, "the thread that reloads did not start: {error}"),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {}

/// Descriptors that are not for connections: listeners, files being sent, the runtime's own. Half where there are few.
const OTHER_FILES: u64 = 200;
/// How long the system withholds a connection that sends nothing.
const DEFER_ACCEPT_SECONDS: u32 = 1;
