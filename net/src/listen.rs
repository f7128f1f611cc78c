//! Listening sockets: one set for each worker.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;
#[cfg(target_os = "linux")]
use socket2::SockFilter;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use crate::holder::{self, Holder};
use crate::stream::StreamKind;
use crate::{Address, ProxiedRules, Tls, sys};

/// How a listener and the connections it accepts behave.
///
/// All is set on the listening socket. Linux lets accepted sockets inherit it, so accepting costs no further call.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Connections the system keeps while they wait to be accepted.
    pub backlog: u16,
    /// Segments leave at once (TCP_NODELAY).
    pub nodelay: bool,
    /// Octets that may wait unsent in the kernel (TCP_NOTSENT_LOWAT), which bounds what a slow reader costs and halves the cost of
    /// large bodies; `None` leaves it to the system.
    pub notsent_octets_max: Option<u32>,
    /// Connections that have sent nothing are withheld for about so many seconds (TCP_DEFER_ACCEPT); `None` accepts at once.
    pub defer_accept: Option<u32>,
    /// The TLS that connections speak; `None` is none.
    pub tls: Option<Arc<Tls>>,
    /// Who must say by the PROXY protocol whose a connection is; `None` is nobody.
    pub proxied: Option<Arc<ProxiedRules>>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: 4096,
            nodelay: true,
            notsent_octets_max: Some(16 * 1024),
            defer_accept: None,
            tls: None,
            proxied: None,
        }
    }
}

/// Bound and listening sockets for a number of workers. Dropping it closes them and removes the files of unix sockets.
#[derive(Debug)]
pub struct Listeners {
    addresses: Vec<Address>,
    pub(crate) bound: Vec<Bound>,
    pub(crate) workers: usize,
}

impl Listeners {
    /// The addresses, with the ports that were chosen for port 0.
    #[must_use]
    pub fn bound(&self) -> &[Address] {
        &self.addresses
    }
}

/// An address that is listened on, with one socket for each worker.
#[derive(Debug)]
pub(crate) struct Bound {
    /// As it was asked for.
    pub(crate) asked: Address,
    /// With the port that was chosen for port 0.
    pub(crate) address: Address,
    pub(crate) options: ListenOptions,
    pub(crate) file: Option<SocketFile>,
    pub(crate) listeners: Vec<Listener>,
}

/// One listening socket of one worker.
#[derive(Debug)]
pub(crate) struct Listener {
    fd: OwnedFd,
    pub(crate) kind: StreamKind,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) proxied: Option<Arc<ProxiedRules>>,
}

impl Listener {
    /// Changes what may differ while it listens, for connections that are accepted from here on.
    pub(crate) fn retune(&mut self, options: &ListenOptions) -> io::Result<()> {
        self.tls.clone_from(&options.tls);
        self.proxied.clone_from(&options.proxied);
        if self.kind == StreamKind::Unix {
            return Ok(());
        }
        let socket = SockRef::from(&self.fd);
        socket.set_tcp_nodelay(options.nodelay)?;
        #[cfg(target_os = "linux")]
        if let Some(octets) = options.notsent_octets_max {
            socket.set_tcp_notsent_lowat(octets)?;
        }
        sys::set_defer_accept(self.as_fd(), options.defer_accept.unwrap_or(0))
    }

    /// Lets no connection begin any more, while those that have begun are still completed and can be accepted.
    ///
    /// `shutdown` would not do: it resets what waits to be accepted, as closing does. So a filter drops the segments that begin a
    /// connection (RFC 9293 §3.5); a client sends its own again after about a second, and is refused once the socket is closed.
    /// A unix socket needs none: its file is removed, and connecting to it takes no time.
    #[cfg(target_os = "linux")]
    pub(crate) fn shut_out(&self) -> io::Result<()> {
        if self.kind == StreamKind::Unix {
            return Ok(());
        }
        SockRef::from(&self.fd).attach_filter(&[
            // A = the octet with the control bits.
            SockFilter::new(BPF_LOAD_OCTET, 0, 0, TCP_CONTROL_BITS_AT),
            SockFilter::new(BPF_JUMP_IF_SET, 0, 1, TCP_SYN),
            SockFilter::new(BPF_RETURN, 0, 0, 0),
            SockFilter::new(BPF_RETURN, 0, 0, u32::MAX),
        ])
    }

    /// Elsewhere a connection that begins between the last look and the close is lost.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn shut_out(&self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Binds every address for `workers` workers.
///
/// 1. Each Internet address is bound once without SO_REUSEPORT, which fails if anyone listens there, also another process of this
///    program.
/// 2. While that socket holds the port, each worker's own is bound with SO_REUSEPORT.
/// 3. The first is closed and the others listen.
///
/// An IPv6 address takes IPv4 connections too if the system says so, unless an IPv4 address with the same port is among the others.
/// A unix socket is one listening socket that all workers share.
///
/// # Errors
/// The first address that cannot be had. Nothing stays bound.
pub fn bind_all(
    addresses: &[(Address, ListenOptions)],
    workers: usize,
) -> Result<Listeners, BindError> {
    let workers = workers.max(1);
    let mut bound = Vec::with_capacity(addresses.len());
    for (address, options) in addresses {
        bound.push(bind_one(
            address,
            options,
            addresses,
            workers,
            Claim::Exclusive,
        )?);
    }
    Ok(Listeners {
        addresses: bound.iter().map(|bound| bound.address.clone()).collect(),
        bound,
        workers,
    })
}

/// Binds `address`, which is one of `all`.
pub(crate) fn bind_one(
    address: &Address,
    options: &ListenOptions,
    all: &[(Address, ListenOptions)],
    workers: usize,
    claim: Claim,
) -> Result<Bound, BindError> {
    match address {
        Address::Inet(inet) => bind_inet(*inet, versions(*inet, all), options, workers, claim),
        Address::Unix(path) => bind_unix(path, options, workers),
    }
}

/// Who else may have the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nobody.
    Exclusive,
    /// Sockets of this process that are about to be closed.
    BesideOwn,
}

/// Which versions of IP a socket takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    Own,
    AsSystem,
}

fn versions(address: SocketAddr, all: &[(Address, ListenOptions)]) -> Versions {
    let is_twin = |other: &Address| matches!(other, Address::Inet(other) if other.is_ipv4() && other.port() == address.port());
    if address.is_ipv6() && all.iter().any(|(other, _)| is_twin(other)) {
        Versions::Own
    } else {
        Versions::AsSystem
    }
}

fn bind_inet(
    address: SocketAddr,
    versions: Versions,
    options: &ListenOptions,
    workers: usize,
    claim: Claim,
) -> Result<Bound, BindError> {
    let failed = |error: io::Error| BindError::of(address, &error);
    let reserved = match claim {
        Claim::Exclusive => Some(inet_socket(address, versions, Reuse::No).map_err(failed)?),
        Claim::BesideOwn => None,
    };
    let bound = match &reserved {
        Some(reserved) => reserved.local_addr().map_err(failed)?.as_socket(),
        None => None,
    };
    let bound = bound.unwrap_or(address);
    let bind = |_| {
        let socket = inet_socket(bound, versions, Reuse::Port)?;
        apply(&socket, options)?;
        Ok(socket)
    };
    let sockets: Vec<Socket> = (0..workers)
        .map(bind)
        .collect::<io::Result<_>>()
        .map_err(failed)?;
    drop(reserved);
    let mut listeners = Vec::with_capacity(workers);
    for socket in sockets {
        socket.listen(options.backlog.into()).map_err(failed)?;
        listeners.push(Listener {
            fd: socket.into(),
            kind: StreamKind::Tcp,
            tls: options.tls.clone(),
            proxied: options.proxied.clone(),
        });
    }
    Ok(Bound {
        asked: address.into(),
        address: bound.into(),
        options: options.clone(),
        file: None,
        listeners,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    No,
    Port,
}

fn inet_socket(address: SocketAddr, versions: Versions, reuse: Reuse) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if versions == Versions::Own {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse == Reuse::Port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn apply(socket: &Socket, options: &ListenOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(options.nodelay)?;
    #[cfg(target_os = "linux")]
    if let Some(octets) = options.notsent_octets_max {
        socket.set_tcp_notsent_lowat(octets)?;
    }
    if let Some(seconds) = options.defer_accept {
        sys::set_defer_accept(socket.as_fd(), seconds)?;
    }
    Ok(())
}

fn bind_unix(path: &Path, options: &ListenOptions, workers: usize) -> Result<Bound, BindError> {
    let failed = |source: io::Error| BindError::Io {
        address: Address::Unix(path.to_owned()),
        source,
    };
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let address = SockAddr::unix(path).map_err(failed)?;
    socket.bind(&address).map_err(failed)?;
    let mut bound = Bound {
        asked: Address::Unix(path.to_owned()),
        address: Address::Unix(path.to_owned()),
        options: options.clone(),
        file: SocketFile::of(path),
        listeners: Vec::with_capacity(workers),
    };
    socket.listen(options.backlog.into()).map_err(failed)?;
    for _ in 0..workers {
        let fd = socket.try_clone().map_err(failed)?.into();
        bound.listeners.push(Listener {
            fd,
            kind: StreamKind::Unix,
            tls: options.tls.clone(),
            proxied: options.proxied.clone(),
        });
    }
    Ok(bound)
}

/// Removes a socket file on which nothing answers. Anything else at that path stays and is an error.
fn remove_stale(path: &Path) -> Result<(), BindError> {
    let io = |source| BindError::Io {
        address: Address::Unix(path.to_owned()),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => {}
        Ok(_) => {
            return Err(BindError::NotASocket {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(io)?;
    // So that a full backlog answers too, with an error.
    probe.set_nonblocking(true).map_err(io)?;
    match probe.connect(&SockAddr::unix(path).map_err(io)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(io)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(io(error)),
        Ok(()) | Err(_) => Err(BindError::SocketAnswers {
            path: path.to_owned(),
        }),
    }
}

/// The file of a unix socket, removed when this is dropped if it is still the same file.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> Option<Self> {
        let meta = fs::symlink_metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_same = |meta: &fs::Metadata| meta.dev() == self.device && meta.ino() == self.inode;
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| is_same(&meta)) {
            // Best effort: a stale file is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Why an address cannot be listened on.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// Someone listens there.
    Busy {
        /// The address.
        address: SocketAddr,
        /// Who may hold it; empty if the system does not tell.
        holders: Vec<Holder>,
        /// The next higher port of that address that is free.
        next_free: Option<u16>,
    },
    /// The port is for privileged processes.
    Privileged {
        /// The address.
        address: SocketAddr,
    },
    /// The machine does not have the address.
    NotOurs {
        /// The address.
        address: SocketAddr,
    },
    /// A server answers on the unix socket.
    SocketAnswers {
        /// Its path.
        path: PathBuf,
    },
    /// Something that is no socket has the path.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// What else the system says.
    Io {
        /// The address.
        address: Address,
        /// The system's error.
        source: io::Error,
    },
}

impl BindError {
    fn of(address: SocketAddr, error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::ADDRINUSE) => Self::Busy {
                address,
                holders: holder::holders(address),
                next_free: next_free(address),
            },
            Some(Errno::ACCESS) if address.port() < 1024 => Self::Privileged { address },
            Some(Errno::ADDRNOTAVAIL) => Self::NotOurs { address },
            errno => {
                let source = errno.map_or_else(|| error.kind().into(), io::Error::from);
                Self::Io {
                    address: address.into(),
                    source,
                }
            }
        }
    }
}

fn next_free(address: SocketAddr) -> Option<u16> {
    let mut ports = (address.port().checked_add(1)?..=u16::MAX).take(PORTS_TRIED_MAX);
    ports.find(|port| {
        inet_socket(
            SocketAddr::new(address.ip(), *port),
            Versions::AsSystem,
            Reuse::No,
        )
        .is_ok()
    })
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy {
                address,
                holders,
                next_free,
            } => {
                write!(f, "{address} is busy")?;
                for (n, holder) in holders.iter().enumerate() {
                    write!(f, "{} {holder}", if n == 0 { ", held by" } else { " and" })?;
                }
                match next_free {
                    Some(port) => write!(f, "; the next free port is {port}"),
                    None => Ok(()),
                }
            }
            Self::Privileged { address } => write!(
                f,
                "{address}: ports below 1024 need a privilege; take a port above 1023, or give the program the privilege \
                 with `setcap cap_net_bind_service=+ep PROGRAM`"
            ),
            Self::NotOurs { address } => write!(
                f,
                "{}: no interface of this machine has that address",
                address.ip()
            ),
            Self::SocketAnswers { path } => {
                write!(f, "unix:{} is busy: a server answers on it", path.display())
            }
            Self::NotASocket { path } => write!(
                f,
                "unix:{}: something that is no socket has that path",
                path.display()
            ),
            Self::Io { address, source } => write!(f, "{address}: {source}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

const PORTS_TRIED_MAX: usize = 1000;

/// `BPF_LD | BPF_B | BPF_ABS` (Linux linux/bpf_common.h).
#[cfg(target_os = "linux")]
const BPF_LOAD_OCTET: u16 = 0x30;
/// `BPF_JMP | BPF_JSET | BPF_K`.
#[cfg(target_os = "linux")]
const BPF_JUMP_IF_SET: u16 = 0x45;
/// `BPF_RET | BPF_K`.
#[cfg(target_os = "linux")]
const BPF_RETURN: u16 = 0x06;
/// Where a TCP header has its control bits, and SYN among them (RFC 9293 §3.1).
#[cfg(target_os = "linux")]
const TCP_CONTROL_BITS_AT: u32 = 13;
#[cfg(target_os = "linux")]
const TCP_SYN: u32 = 2;

#[cfg(test)]
mod tests;
