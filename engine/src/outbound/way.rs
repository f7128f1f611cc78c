//! The way to a server: names, addresses, other proxies, TLS.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http1::{Policy, RequestParts};
use net::{
    Address, More, Now, Outbound, OutboundTls, Proxied, ProxiedVersion, TlsFault, TlsServerName,
};
use semantics::Version;

use super::{Awaited, Fault, Line, LineOptions, OutboundContent, OutboundError, OutboundRequest};

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
/// when it is given, by the time that is said in all: names are resolved, the first address that answers is taken (RFC 8305), another
/// proxy was asked for the rest of the way, and TLS was negotiated.
///
/// ```no_run
/// use std::rc::Rc;
///
/// use hansom_engine::outbound::{Permit, Place, Way};
///
/// # async fn example() -> Result<(), hansom_engine::outbound::OutboundError> {
/// // Whatever the name leads to, it is nothing of this machine.
/// let way = Way { may_ask: Some(Permit::new(|ip| !ip.is_loopback())), ..Way::default() };
/// let opened = way.open(&Place::of("example.com", 443), None, Some(10_000)).await?;
/// # drop(opened);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    /// TLS, and whom the server's certificate must name.
    pub tls: Option<(Arc<OutboundTls>, TlsServerName)>,
    /// Which addresses may be connected to, also of those that a name leads to. `None` is all. Where a parent goes on, it is the
    /// parent's to say.
    pub may_ask: Option<Permit>,
    /// The proxy that is asked to go on, instead of going straight.
    pub parent: Option<Arc<Parent>>,
    /// Whether servers are told by the PROXY protocol whose a connection is.
    pub proxied: Option<ProxiedVersion>,
}

/// Another proxy, on the way out of a network.
#[derive(Clone, PartialEq, Eq)]
pub struct Parent {
    /// Where it is.
    pub place: Place,
    /// The value of `Proxy-Authorization` (RFC 9110 §11.7.2).
    pub authorization: Option<Box<[u8]>>,
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The other part is a secret.
        f.debug_struct("Parent")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// A connection that is complete.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub outbound: Outbound,
    /// What came of the server already, behind the word of a parent.
    pub received: Bytes,
}

impl Way {
    /// Connects. `client` is told by the PROXY protocol, where that is asked for.
    ///
    /// # Errors
    /// [`Fault::Resolve`], [`Fault::Prohibited`], [`Fault::Connect`], [`Fault::Tls`], [`Fault::Parent`] or [`Fault::Timeout`]; nothing of
    /// a request was transmitted.
    pub async fn open(
        &self,
        place: &Place,
        client: Option<&Proxied>,
        wait_millis: Option<u64>,
    ) -> Result<Opened, OutboundError> {
        let limit = Limit::new(wait_millis);
        let opened = self.open_by(place, client, limit).await;
        opened.map_err(OutboundError::way)
    }

    /// Connects, for exchanges of HTTP/1.1.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn line(
        &self,
        place: &Place,
        client: Option<&Proxied>,
        options: &Rc<LineOptions>,
    ) -> Result<Box<Line>, OutboundError> {
        let limit = Limit::new(options.wait_millis);
        let line = self.line_by(place, client, options, limit).await;
        line.map_err(OutboundError::way)
    }

    /// Whether a line that was made for one client is for no other.
    #[must_use]
    pub fn is_of_client(&self) -> bool {
        self.proxied.is_some()
    }

    async fn line_by(
        &self,
        place: &Place,
        client: Option<&Proxied>,
        options: &Rc<LineOptions>,
        limit: Limit,
    ) -> Result<Box<Line>, Fault> {
        let options = Rc::clone(options);
        if let (Some(parent), None, None) = (&self.parent, &self.tls, self.proxied) {
            let outbound = connect(&parent.place, None, limit).await?;
            let mut line = Line::new(outbound, options);
            let authorization = parent.authorization.clone();
            line.absolute = Some(Box::new(Absolute::new(place, authorization)));
            return Ok(Box::new(line));
        }
        let opened = self.open_by(place, client, limit).await?;
        if !opened.received.is_empty() {
            // RFC 9112 §9.2: what comes unasked answers nothing.
            return Err(Fault::Closed);
        }
        let mut line = Line::new(opened.outbound, options);
        line.client = client
            .filter(|_| self.is_of_client())
            .map(|it| Box::new(*it));
        Ok(Box::new(line))
    }

    async fn open_by(
        &self,
        place: &Place,
        client: Option<&Proxied>,
        limit: Limit,
    ) -> Result<Opened, Fault> {
        let mut opened = match &self.parent {
            Some(parent) => through(parent, place, limit).await?,
            None => Opened {
                outbound: connect(place, self.may_ask.as_ref(), limit).await?,
                received: Bytes::new(),
            },
        };
        if let Some(version) = self.proxied {
            let header = version.header(client);
            let told = tell(&mut opened.outbound, &header, limit).await;
            told.map_err(Fault::of_connecting)?;
        }
        if let Some((tls, name)) = &self.tls {
            if !opened.received.is_empty() {
                // In TLS it is the client that begins.
                return Err(Fault::Tls(TlsFault::ClearText));
            }
            let secured = opened.outbound.secure(tls, name, limit.left()).await;
            opened.outbound = secured.map_err(Fault::of_connecting)?;
        }
        Ok(opened)
    }
}

/// Goes straight, to the first address that answers.
async fn connect(place: &Place, may_ask: Option<&Permit>, limit: Limit) -> Result<Outbound, Fault> {
    let resolved;
    let addresses = match place {
        Place::Address(address) => std::slice::from_ref(address),
        Place::Name(host, port) => {
            let found = net::resolve_within(host, *port, limit.left()).await;
            resolved = found.map_err(Fault::Resolve)?;
            &resolved
        }
    };
    let connected = match may_ask {
        None => Outbound::connect_first(addresses, limit.left()).await,
        Some(permit) => {
            let allowed = addresses.iter().filter(|address| permit.allows(address));
            let allowed: Vec<Address> = allowed.cloned().collect();
            if allowed.is_empty() {
                return Err(Fault::Prohibited);
            }
            Outbound::connect_first(&allowed, limit.left()).await
        }
    };
    connected.map_err(Fault::of_connecting)
}

/// Has a proxy go on by CONNECT (RFC 9110 §9.3.6).
async fn through(parent: &Parent, place: &Place, limit: Limit) -> Result<Opened, Fault> {
    let outbound = connect(&parent.place, None, limit).await?;
    let options = Rc::new(LineOptions {
        policy: Policy::responses(),
        wait_millis: limit.left(),
        may_trail: |_| false,
    });
    let mut line = Line::new(outbound, Rc::clone(&options));
    let authority = authority(place);
    let mut lines: Vec<(&[u8], &[u8])> = vec![(b"Host", authority.as_bytes())];
    if let Some(authorization) = &parent.authorization {
        lines.push((b"Proxy-Authorization", authorization));
    }
    let request = OutboundRequest {
        head: RequestParts {
            method: b"CONNECT",
            target: authority.as_bytes(),
            version: Version::HTTP_11,
            lines: &lines,
        },
        content: OutboundContent::None,
    };
    let told = Box::pin(line.exchange(&options, request, |_| {}, |head, _| head.status())).await;
    let status = told.map_err(|error| match error.fault {
        Fault::Timeout(_) => Fault::Timeout(Awaited::Connection),
        fault => fault,
    })?;
    if !status.is_successful() {
        return Err(Fault::Parent(status));
    }
    let (outbound, received) = line.into_tunnel();
    Ok(Opened { outbound, received })
}

/// Says octets before all else.
async fn tell(outbound: &mut Outbound, octets: &[u8], limit: Limit) -> io::Result<()> {
    outbound.limit_wait(limit.left());
    let mut sent = 0;
    while let Some(rest) = octets.get(sent..).filter(|rest| !rest.is_empty()) {
        sent += poll_fn(|cx| outbound.poll_transmit(cx, rest, More::No)).await?;
    }
    outbound.limit_wait(None);
    Ok(())
}

/// Host and port, as a request names them.
fn authority(place: &Place) -> String {
    match place {
        Place::Address(Address::Inet(inet)) => inet.to_string(),
        Place::Address(Address::Unix(_)) => "localhost".to_owned(),
        Place::Name(host, port) => format!("{host}:{port}"),
    }
}

/// How requests are said to a proxy that goes on with them (RFC 9112 §3.2.2).
#[derive(Debug)]
pub(super) struct Absolute {
    /// Scheme and authority.
    origin: String,
    authorization: Option<Box<[u8]>>,
}

impl Absolute {
    fn new(place: &Place, authorization: Option<Box<[u8]>>) -> Self {
        let authority = authority(place);
        // The port that is the scheme's is not said (RFC 9110 §4.2.3).
        let authority = authority.strip_suffix(":80").unwrap_or(&authority);
        Self {
            origin: format!("http://{authority}"),
            authorization,
        }
    }

    /// The same request for a proxy. Host is that of the target, whatever it was.
    pub(super) fn of<'a>(
        &'a self,
        head: RequestParts<'a>,
        target: &'a mut Vec<u8>,
        lines: &'a mut Vec<(&'a [u8], &'a [u8])>,
    ) -> RequestParts<'a> {
        target.extend_from_slice(self.origin.as_bytes());
        // RFC 9112 §3.2.4: of OPTIONS for all of a server, the path is empty.
        if head.target != b"*" {
            target.extend_from_slice(head.target);
        }
        let host = self.origin.as_bytes().get(b"http://".len()..);
        for (name, value) in head.lines {
            match name.eq_ignore_ascii_case(b"host") {
                true => lines.push((name, host.unwrap_or_default())),
                false => lines.push((name, value)),
            }
        }
        if let Some(authorization) = &self.authorization {
            lines.push((b"Proxy-Authorization", authorization));
        }
        RequestParts {
            target,
            lines,
            ..head
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

impl Permit {
    fn allows(&self, address: &Address) -> bool {
        match address {
            Address::Inet(inet) => (self.0)(inet.ip()),
            Address::Unix(_) => true,
        }
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
