//! Running a server: a configuration becomes listeners, workers and a log.

use std::fmt;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::{Admission, Worker, WorkerOptions};
use http1::{Leniency, Policy};
use net::{BindError, ListenOptions, RunError, RunOptions, Shutdown, Tls, TlsError};
use origin::wire::Recent;
use origin::{Cache, CacheLimits};
use semantics::Limits;

use crate::config::{Config, HandlerName, Lenient, LogFormat};
use crate::log::{LogHandle, LogWriter, Style};
use crate::recorder::AccessLog;
use crate::sites::{self, SiteError, Sites};
use crate::tls;

/// Why serving did not start or ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// A certificate cannot be used.
    Tls(TlsError),
    /// A site cannot be served.
    Site(SiteError),
    /// The thread of the log did not start.
    Log(io::Error),
    /// The workers did not start, or ended early.
    Run(RunError),
}

/// Serves until it is told to stop by a signal.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(config: Config) -> Result<(), ServeError> {
    let (open_files, _) = net::raise_open_files();
    let workers = workers(&config);
    let limits = limits(&config, open_files);
    let recent = Recent::new();
    // What is wrong with a site is told before anything listens.
    Sites::new(
        &config,
        &Rc::new(Cache::new(CacheLimits::default())),
        &recent,
    )
    .map_err(ServeError::Site)?;
    let tls = tls::load(&config).map_err(ServeError::Tls)?;
    let listeners =
        net::bind_all(&addresses(&config, tls.as_ref()), workers).map_err(ServeError::Bind)?;
    let log = start_log(config.log_format()).map_err(ServeError::Log)?;
    let plan = Arc::new(Plan {
        policies: config
            .listeners
            .iter()
            .map(|listener| policy(&listener.lenient, &limits))
            .collect(),
        cache: cache_limits(&config, workers, open_files),
        admission: Arc::new(Admission::new()),
        log: log.as_ref().map(LogWriter::handle),
        recent,
        config,
    });
    let options = RunOptions {
        drain_time: plan.config.server.drain_time,
        ..RunOptions::default()
    };
    let make = {
        let plan = Arc::clone(&plan);
        move |number| {
            if let (0, Some(tls)) = (number, &tls) {
                net::spawn(tls::watch(Arc::clone(tls)));
            }
            plan.worker()
        }
    };
    let ready = |bound: &[net::Address]| say_ready(bound, &plan.config);
    let served =
        net::run(listeners, options, &Shutdown::new(), make, ready).map_err(ServeError::Run);
    drop(plan);
    if let Some(log) = log {
        log.finish(LOG_WAIT);
    }
    served
}

/// What every worker is made from.
#[derive(Debug)]
struct Plan {
    config: Config,
    policies: Vec<Policy>,
    cache: CacheLimits,
    admission: Arc<Admission>,
    log: Option<LogHandle>,
    recent: Recent,
}

impl Plan {
    fn worker(&self) -> Worker<Sites, AccessLog> {
        let cache = Rc::new(Cache::new(self.cache));
        // The same was done before anything listened; a folder that went since ends this worker, and with it the server.
        let sites = match Sites::new(&self.config, &cache, &self.recent) {
            Ok(sites) => sites,
            Err(error) => panic!("{error}"),
        };
        let sees_wire = |route: &crate::config::Route| route.handler == HandlerName::Wire;
        let has_wire = self
            .config
            .sites
            .iter()
            .any(|site| site.routes.iter().any(sees_wire));
        let recorder = AccessLog {
            format: self.config.log_format(),
            style: Style::from(self.config.output),
            writer: self.log.clone(),
            recent: has_wire.then(|| self.recent.clone()),
            batch: Vec::new(),
        };
        let options = WorkerOptions {
            policies: self.policies.clone(),
            server_field: self.config.server.server_field.clone(),
        };
        Worker::new(options, sites, recorder, Arc::clone(&self.admission))
    }
}

fn workers(config: &Config) -> usize {
    config
        .server
        .workers
        .map_or_else(net::cores, |workers| usize::try_from(workers).unwrap_or(1))
        .max(1)
}

fn addresses(config: &Config, tls: Option<&Arc<Tls>>) -> Vec<(net::Address, ListenOptions)> {
    config
        .listeners
        .iter()
        .map(|listener| {
            let options = ListenOptions {
                defer_accept: listener.defer_accept.then_some(DEFER_ACCEPT_SECONDS),
                tls: tls.filter(|_| listener.tls).cloned(),
                ..ListenOptions::default()
            };
            (listener.address.clone(), options)
        })
        .collect()
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
        ..defaults
    }
}

fn start_log(format: LogFormat) -> io::Result<Option<LogWriter>> {
    if format == LogFormat::Off {
        return Ok(None);
    }
    LogWriter::to_stdout(format).map(Some)
}

fn say_ready(bound: &[net::Address], config: &Config) {
    for (address, listener) in bound.iter().zip(&config.listeners) {
        let scheme = if listener.tls { "https" } else { "http" };
        // With standard error closed there is nobody left to tell, and no reason not to serve.
        let _ = writeln!(io::stderr(), "{}", address.url(scheme));
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Site(error) => error.fmt(f),
            Self::Log(error) => write!(f, "the thread of the access log did not start: {error}"),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {}

/// Descriptors that are not for connections: listeners, files being sent, the runtime's own. Half where there are few.
const OTHER_FILES: u64 = 200;
/// How long the system withholds a connection that sends nothing.
const DEFER_ACCEPT_SECONDS: u32 = 1;
/// How long the last lines of the log may take to be written.
const LOG_WAIT: Duration = Duration::from_secs(2);
