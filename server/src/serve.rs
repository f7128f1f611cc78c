//! Running a server: a plan becomes listeners, workers and a log, and signals change it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use net::{Event, RunOptions, Shutdown, Signals};

use crate::config::Config;
use crate::plan::{Lasting, ServeError};
use crate::reload::{Serving, say, url};
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
    let wishes = start_reloading(&serving)?;
    let tell = |event: Event<'_>| match event {
        Event::Ready(bound) => {
            say_ready(bound, &config);
            net::notify(net::Notice::Ready);
        }
        // One wish may wait while another is fulfilled: it stands for all that come meanwhile, and the last state of the file
        // counts.
        Event::Hangup => drop(wishes.try_send(())),
        Event::User1 => serving.reopen_log(),
        Event::Draining => net::notify(net::Notice::Stopping),
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
            plan.worker()
        }
    };
    let control = serving.control().clone();
    let served = net::run_with(listeners, options, &Shutdown::new(), &control, make, tell);
    serving.finish_log();
    served.map_err(ServeError::Run)
}

/// Starts the thread that reloads: reading and checking may wait for disks, while signals must be heard.
fn start_reloading(serving: &Arc<Serving>) -> Result<SyncSender<()>, ServeError> {
    let (wish, wishes): (_, Receiver<()>) = sync_channel(1);
    let serving = Arc::clone(serving);
    let thread = thread::Builder::new().name("reload".to_owned());
    thread
        .spawn(move || wishes.iter().for_each(|()| serving.reload()))
        .map_err(ServeError::Reload)?;
    Ok(wish)
}

fn say_ready(bound: &[net::Address], config: &Config) {
    for (address, listener) in bound.iter().zip(&config.listeners) {
        say(&url(address, listener.tls));
    }
}
