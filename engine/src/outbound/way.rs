//! The way to a server: names, addresses, TLS.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use net::{Address, Now, Outbound, OutboundTls, TlsServerName};

use super::{Awaited, Fault, Line, LineOptions, OutboundError};

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an address, be it of a socket of this machine.
    Address(Address),
    /// At the addresses of a name, which are asked for with each connection and known for as long as their time to live.
    Name(String, u16),
}

impl Place {
    /// The place of a host, which may be a literal address (with brackets or without), and a port.
    #[must_use]
    pub fn of(host: &str, port: u16) -> Self {
        let literal = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        match literal.unwrap_or(host).parse::<IpAddr>() {
            Ok(ip) => Self::Address(Address::Inet(SocketAddr::new(ip, port))),
            Err(_) => Self::Name(host.to_owned(), port),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

/// By which rules a server is connected to. Gateways have one for each server or pool; a proxy has one for all it is asked for, and
/// says with each connection where it goes.
///
/// [`open`](Self::open) gives the connection itself, for a tunnel; [`line`](Self::line) one that speaks HTTP/1.1. Either is complete
/// when it is given, by the time of `wait_millis` in all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    /// TLS, and whom the server's certificate must name.
    pub tls: Option<(Arc<OutboundTls>, TlsServerName)>,
    /// Which addresses may be connected to, also of those that a name leads to. `None` is all.
    pub may_ask: Option<Permit>,
}

impl Way {
    /// Connects.
    ///
    /// # Errors
    /// [`Fault::Resolve`], [`Fault::Prohibited`], [`Fault::Connect`], [`Fault::Tls`] or [`Fault::Timeout`]; nothing of a request
    /// was transmitted.
    pub async fn open(
        &self,
        place: &Place,
        wait_millis: Option<u64>,
    ) -> Result<Outbound, OutboundError> {
        let limit = Limit::new(wait_millis);
        self.open_by(place, limit).await.map_err(OutboundError::way)
    }

    /// Connects, for exchanges of HTTP/1.1.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn line(
        &self,
        place: &Place,
        options: &Rc<LineOptions>,
    ) -> Result<Box<Line>, OutboundError> {
        let outbound = self.open(place, options.wait_millis).await?;
        Ok(Box::new(Line::new(outbound, Rc::clone(options))))
    }

    async fn open_by(&self, place: &Place, limit: Limit) -> Result<Outbound, Fault> {
        let outbound = self.connect(place, limit).await?;
        match &self.tls {
            None => Ok(outbound),
            Some((tls, name)) => {
                let secured = outbound.secure(tls, name, limit.left()).await;
                secured.map_err(Fault::of_connecting)
            }
        }
    }

    async fn connect(&self, place: &Place, limit: Limit) -> Result<Outbound, Fault> {
        let resolved;
        let addresses = match place {
            Place::Address(address) => std::slice::from_ref(address),
            Place::Name(host, port) => {
                let found = net::resolve(host.clone(), *port).await;
                resolved = found.map_err(Fault::Resolve)?;
                &resolved
            }
        };
        let mut last = Fault::Prohibited;
        for address in addresses.iter().filter(|address| self.may(address)) {
            match Outbound::connect(address, limit.left()).await {
                Ok(outbound) => return Ok(outbound),
                Err(error) => last = Fault::of_connecting(error),
            }
        }
        Err(last)
    }

    fn may(&self, address: &Address) -> bool {
        match (&self.may_ask, address) {
            (Some(Permit(may_ask)), Address::Inet(inet)) => may_ask(inet.ip()),
            _ => true,
        }
    }
}

/// Which addresses may be connected to. Clones are the same.
#[derive(Clone)]
pub struct Permit(Rc<dyn Fn(IpAddr) -> bool>);

impl Permit {
    /// Those of which `may_ask` says so.
    pub fn new(may_ask: impl Fn(IpAddr) -> bool + 'static) -> Self {
        Self(Rc::new(may_ask))
    }
}

impl PartialEq for Permit {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// Until when all parts of connecting have time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(Option<u64>);

impl Limit {
    pub(super) fn new(wait_millis: Option<u64>) -> Self {
        Self(wait_millis.map(|wait| Now::read().millis.saturating_add(wait)))
    }

    /// How long something may still take.
    pub(super) fn left(self) -> Option<u64> {
        self.0.map(|at| at.saturating_sub(Now::read().millis))
    }
}

impl Fault {
    /// What an error means of which a connection was not complete.
    pub(super) fn of_connecting(error: io::Error) -> Self {
        match net::TlsFault::inside(&error) {
            Some(fault) => Self::Tls(fault),
            None if error.kind() == io::ErrorKind::TimedOut => Self::Timeout(Awaited::Connection),
            None => Self::Connect(error),
        }
    }

    /// What an error means of which a connection ended.
    pub(super) fn of_transport(error: io::Error) -> Self {
        match net::TlsFault::inside(&error) {
            // It closed, in other words.
            Some(net::TlsFault::Cut) | None => Self::Transport(error),
            Some(fault) => Self::Tls(fault),
        }
    }
}
