//! Running a server: a plan becomes listeners, workers and a log, and signals change it.

use std::sync::Arc;

use net::{Errand, Event, RunOptions, Shutdown, Signals};

use crate::config::Config;
use crate::plan::{Lasting, ServeError};
use crate::reload::{Serving, checks, say, url};
use crate::tls;

/// Gives the configuration again, as it is said at that time; else all that is wrong, in words.
pub type Source = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Serves until it is told to stop by a signal.
///
/// SIGHUP asks `source` for the configuration and goes over to it, or says what is wrong with it and goes on as before. SIGUSR1 opens
/// the log's file again. SIGINT and SIGTERM let exchanges end; a second one does not.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(config: Config, source: Source) -> Result<(), ServeError> {
    let lasting = Lasting::new(&config);
    let serving = Arc::new(Serving::new(config, source, lasting)?);
    let first = serving.plan();
    let listeners =
        net::bind_all(&first.addresses(), serving.workers()).map_err(ServeError::Bind)?;
    let options = RunOptions {
        drain_time: first.config.server.drain_time,
        signals: Signals::All,
        ..RunOptions::default()
    };
    let config = first.config.clone();
    // Reading and checking may wait for disks, while signals must be heard.
    let reload = {
        let serving = Arc::clone(&serving);
        Errand::start("reload", move || serving.reload()).map_err(ServeError::Reload)?
    };
    let tell = |event: Event<'_>| match event {
        Event::Ready(bound) => {
            say_ready(bound, &config);
            net::notify(net::Notice::Ready);
        }
        Event::Hangup => reload.wish(),
        Event::User1 => serving.reopen_log(),
        Event::Draining => {
            serving.stopping();
            net::notify(net::Notice::Stopping);
        }
        _ => {}
    };
    drop(first);
    let make = {
        let serving = Arc::clone(&serving);
        move |number| {
            let plan = serving.plan();
            if let (0, Some(tls)) = (number, &plan.tls) {
                net::spawn(tls::watch(Arc::downgrade(tls)));
            }
            let worker = plan.worker();
            worker.handler().start(checks(number));
            worker
        }
    };
    let control = serving.control().clone();
    let served = net::run_with(listeners, options, &Shutdown::new(), &control, make, tell);
    serving.finish_log();
    served.map_err(ServeError::Run)
}

fn say_ready(bound: &[net::Address], config: &Config) {
    for (address, listener) in bound.iter().zip(&config.listeners) {
        say(&url(address, listener.tls));
    }
}
