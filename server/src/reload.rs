//! Going over to another configuration while connections stay.
//!
//! ```text
//!  SIGHUP ─▶ read ─▶ check ─▶ log, folders ─▶ addresses ─▶ each worker prepares ─▶ all go over
//!              └────────┴──────────┴────────────┴────────────────┴──▶ what is wrong is said, nothing changes
//! ```

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::Worker;
use intermediary::Checks;
use net::{Address, Control, Reachable, Rebound, Unwatched};

use crate::config::Config;
use crate::log::{LogSetup, Logs, PreparedLog};
use crate::plan::{Lasting, Plan, ServeError};
use crate::recorder::AccessLog;
use crate::serve::Source;
use crate::sites::{Sites, pool_changes};
use crate::tls;

/// A server that runs, as those see it who change it.
pub(crate) struct Serving {
    source: Source,
    lasting: Lasting,
    control: Control<Worker<Sites, AccessLog>>,
    /// What all workers have gone over to.
    plan: Mutex<Arc<Plan>>,
    logs: Mutex<Logs>,
    /// Whoever ends begins nothing.
    is_stopping: AtomicBool,
}

impl Serving {
    pub(crate) fn new(
        config: Config,
        source: Source,
        lasting: Lasting,
    ) -> Result<Self, ServeError> {
        let mut logs = Logs::default();
        let log = PreparedLog::new(LogSetup::of(&config), None).map_err(ServeError::Log)?;
        let plan = Plan::new(config, &lasting, log.handle(), None)?;
        logs.commit(log);
        Ok(Self {
            source,
            lasting,
            control: Control::new(),
            plan: Mutex::new(Arc::new(plan)),
            logs: Mutex::new(logs),
            is_stopping: AtomicBool::new(false),
        })
    }

    pub(crate) fn control(&self) -> &Control<Worker<Sites, AccessLog>> {
        &self.control
    }

    pub(crate) fn workers(&self) -> usize {
        self.lasting.workers
    }

    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&lock(&self.plan))
    }

    /// Goes over to what the source says, or says why not.
    pub(crate) fn reload(&self) {
        if self.is_stopping.load(Ordering::Relaxed) {
            return;
        }
        net::notify(net::Notice::Reloading);
        match self.try_reload() {
            Ok(report) => say(&format!("hansom: {report}")),
            Err(wrong) => say(&format!(
                "hansom: {}\nhansom: nothing was changed",
                wrong.trim_end()
            )),
        }
        self.reopen_log();
        if !self.is_stopping.load(Ordering::Relaxed) {
            net::notify(net::Notice::Ready);
        }
    }

    /// From here on nothing is reloaded.
    pub(crate) fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    fn try_reload(&self) -> Result<String, String> {
        let config = (self.source)()?;
        let was = self.plan();
        let fixed = was.fixed_keys_changed(&config);
        let setup = LogSetup::of(&config);
        // Not under the lock: opening may wait for a disk, and who ends needs the log.
        let current = lock(&self.logs).at(&setup);
        let log = PreparedLog::new(setup, current).map_err(|error| error.to_string())?;
        let plan = Plan::new(config, &self.lasting, log.handle(), Some(&was))
            .map_err(|error| error.to_string())?;
        let rebound = self
            .control
            .bind(&plan.addresses())
            .map_err(|error| error.to_string())?;
        let listeners = Listeners::of(&rebound);
        let plan = Arc::new(plan);
        self.prepare(&plan, rebound.ids())?;
        // The last that can fail, and it takes effect at once.
        self.replace_tls(&plan, &was)
            .inspect_err(|_| self.discard())?;
        plan.limit_signing();
        let drain_time = plan.config.server.drain_time;
        let unwatched = self.control.apply(rebound, drain_time, |worker, cx| {
            worker.commit();
            worker.handler().start(checks(cx.worker()));
        });
        let pools = pool_changes(&was.config, &plan.config);
        *lock(&self.plan) = plan;
        drop(was);
        let left = lock(&self.logs).commit(log);
        if let Some(left) = left {
            left.finish(LOG_WAIT);
        }
        let tunnels = self.control.ask(|worker, _| worker.tunnels());
        Ok(report(
            listeners,
            tunnels.into_iter().sum(),
            &unwatched,
            &fixed,
            &pools,
        ))
    }

    /// Lets each worker make what it goes over to: that may still fail, as when a folder went since it was looked at.
    fn prepare(&self, plan: &Arc<Plan>, numbers: &[usize]) -> Result<(), String> {
        let (plan, numbers) = (Arc::clone(plan), numbers.to_vec());
        let prepared = self.control.ask(move |worker, _| {
            let change = plan
                .change(&numbers, worker.handler())
                .map_err(|error| error.to_string())?;
            worker.prepare(change);
            Ok(())
        });
        let result: Result<Vec<()>, String> = prepared.into_iter().collect();
        if result.is_err() {
            self.discard();
        }
        result.map(|_| ())
    }

    fn discard(&self) {
        self.control.ask(|worker, _| worker.discard());
    }

    /// Puts the plan's certificates and rules in force; those of a TLS that did not exist before are already.
    fn replace_tls(&self, plan: &Plan, was: &Plan) -> Result<(), String> {
        let Some(tls) = &plan.tls else { return Ok(()) };
        if was.tls.is_some() {
            return tls::replace(&plan.config, tls).map_err(|error| error.to_string());
        }
        let tls = Arc::downgrade(tls);
        self.control.ask(move |_, cx| {
            if cx.worker() == 0 {
                net::spawn(tls::watch(tls.clone()));
            }
        });
        Ok(())
    }

    /// Opens the log's file again. Never waits: who reloads meanwhile does it afterwards.
    pub(crate) fn reopen_log(&self) {
        if let Ok(logs) = self.logs.try_lock() {
            logs.reopen();
        }
    }

    /// Writes what is left of the log.
    pub(crate) fn finish_log(&self) {
        let last = lock(&self.logs).take();
        if let Some(last) = last {
            last.finish(LOG_WAIT);
        }
    }
}

/// One worker of all checks the servers of pools.
pub(crate) fn checks(worker: usize) -> Checks {
    match worker {
        0 => Checks::Here,
        _ => Checks::Elsewhere,
    }
}

/// What is to become of the listeners.
struct Listeners {
    kept: Vec<Reachable>,
    added: Vec<Reachable>,
    removed: Vec<Reachable>,
}

impl Listeners {
    fn of(rebound: &Rebound) -> Self {
        Self {
            kept: rebound.kept().to_vec(),
            added: rebound.added().to_vec(),
            removed: rebound.removed().cloned().collect(),
        }
    }
}

/// What became of the listeners, in one line, which of them failed, which servers come and go, and what did not change.
fn report(
    mut listeners: Listeners,
    tunnels: usize,
    unwatched: &[Unwatched],
    fixed: &[&str],
    pools: &[String],
) -> String {
    let list = |listeners: &[Reachable]| {
        let urls: Vec<_> = listeners
            .iter()
            .map(|it| url(&it.address, it.is_secured))
            .collect();
        urls.join(" ")
    };
    let has_failed = |it: &Reachable| {
        unwatched
            .iter()
            .any(|failed| !failed.is_served && failed.listener == *it)
    };
    let mut kept = list(&listeners.kept);
    if tunnels > 0 {
        let and = if kept.is_empty() { "" } else { " and " };
        let plural = if tunnels == 1 { "" } else { "s" };
        kept.push_str(&format!("{and}{tunnels} tunnel{plural}"));
    }
    listeners.added.retain(|it| !has_failed(it));
    let mut text = "reloaded".to_owned();
    for (what, urls) in [
        ("kept", kept),
        ("added", list(&listeners.added)),
        ("drained", list(&listeners.removed)),
    ] {
        if !urls.is_empty() {
            text.push_str(if text.contains(':') { ", " } else { ": " });
            text.push_str(&format!("{what} {urls}"));
        }
    }
    for failed in unwatched {
        let url = url(&failed.listener.address, failed.listener.is_secured);
        let who = match failed.is_served {
            true => "one worker does not accept on",
            false => "cannot listen on",
        };
        text.push_str(&format!("\nhansom: {who} {url}: {}", failed.error));
    }
    for pool in pools {
        text.push_str(&format!("\nhansom: {pool}"));
    }
    for key in fixed {
        text.push_str(&format!("\nhansom: {key} stays as it was until a restart"));
    }
    text
}

/// Where a listener is reached, as people type it.
pub(crate) fn url(address: &Address, is_secured: bool) -> String {
    address
        .url(if is_secured { "https" } else { "http" })
        .to_string()
}

/// Says a line on standard error.
pub(crate) fn say(text: &str) {
    // With standard error closed there is nobody left to tell, and no reason not to serve.
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the last lines of a log may take to be written.
const LOG_WAIT: Duration = Duration::from_secs(2);
