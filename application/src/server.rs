//! One application as a worker knows it: where it is, and the connections to it that wait.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use net::{Address, Now, Outbound};

/// Where an application listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an address, be it of a socket of this machine.
    Address(Address),
    /// At the addresses of a name, which are asked for with each connection.
    Name(String, u16),
}

#[derive(Debug)]
pub(crate) struct Server {
    place: Place,
    /// How it is named to people and in Proxy-Status.
    pub(crate) name: String,
    /// Those that wait for the next request, the latest last, and since when.
    idle: RefCell<VecDeque<(Outbound, u64)>>,
    /// A task looks after those that wait.
    is_swept: Cell<bool>,
}

impl Server {
    pub(crate) fn new(place: Place) -> Self {
        let name = match &place {
            Place::Address(address) => address.to_string(),
            Place::Name(host, port) => format!("{host}:{port}"),
        };
        Self {
            place,
            name,
            idle: RefCell::default(),
            is_swept: Cell::new(false),
        }
    }

    /// A connection that waits, the one used last. Those that the application has closed are dropped.
    pub(crate) fn take_idle(&self, now: u64) -> Option<Outbound> {
        let mut idle = self.idle.borrow_mut();
        let is_old = |since: u64| now.saturating_sub(since) >= IDLE_MILLIS_MAX;
        while idle.front().is_some_and(|(_, since)| is_old(*since)) {
            idle.pop_front();
        }
        std::iter::from_fn(|| idle.pop_back())
            .find_map(|(mut outbound, _)| outbound.is_quiet().then_some(outbound))
    }

    /// Keeps a connection for the next request; beyond `connections_max` the oldest goes.
    pub(crate) fn keep(self: &Rc<Self>, outbound: Outbound, connections_max: usize, now: u64) {
        let mut idle = self.idle.borrow_mut();
        idle.push_back((outbound, now));
        while idle.len() > connections_max {
            idle.pop_front();
        }
        if !idle.is_empty() && !self.is_swept.replace(true) {
            net::spawn(Rc::clone(self).sweep());
        }
    }

    /// Closes what waits for too long, or was closed, until nothing waits: a process of the application is bound to each.
    async fn sweep(self: Rc<Self>) {
        loop {
            net::sleep(SWEEP_TIME).await;
            let now = Now::read().millis;
            let mut idle = self.idle.borrow_mut();
            idle.retain_mut(|(outbound, since)| {
                now.saturating_sub(*since) < IDLE_MILLIS_MAX && outbound.is_quiet()
            });
            if idle.is_empty() {
                self.is_swept.set(false);
                return;
            }
        }
    }

    pub(crate) async fn connect(&self, wait_millis: Option<u64>) -> io::Result<Outbound> {
        let (host, port) = match &self.place {
            Place::Address(address) => return Outbound::connect(address, wait_millis).await,
            Place::Name(host, port) => (host.clone(), *port),
        };
        let addresses = net::resolve(host, port).await;
        let unknown = |error| io::Error::new(io::ErrorKind::AddrNotAvailable, error);
        let mut last: io::Error = io::ErrorKind::AddrNotAvailable.into();
        for address in addresses.map_err(unknown)? {
            match Outbound::connect(&address, wait_millis).await {
                Ok(outbound) => return Ok(outbound),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// After this time a connection is not used again.
const IDLE_MILLIS_MAX: u64 = 45_000;
/// How often that is looked at.
const SWEEP_TIME: Duration = Duration::from_secs(5);
