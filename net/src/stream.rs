//! One connection's octets in the clear, whatever they are below: a socket, or TLS over it.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketAddrAny};
use socket2::SockRef;

use crate::proxied::{Prelude, Proxied};
use crate::tls::Session;
use crate::{OutboundTls, OutboundTlsFacts, Tls, TlsFacts, TlsServerName, sys};

/// A connection that never blocks; 16 octets. Dropping it closes it.
///
/// What is received and transmitted is in the clear. With TLS the handshake is made by receiving; until it is complete,
/// transmitting takes nothing.
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
    kind: StreamKind,
    layer: Option<Box<Layer>>,
}

/// What is between the octets in the clear and the socket.
#[derive(Debug)]
enum Layer {
    Tls(Session),
    /// The PROXY protocol, which goes before all else.
    Prelude(Prelude),
}

/// What receiving brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many octets. With TLS there may be none although something was received.
    pub octets: usize,
    /// What is to be expected after them.
    pub rest: Rest,
}

/// What is to be expected after received octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// There may be more: receive again before waiting.
    More,
    /// The transport has no more for the time being, unless its end has been told by
    /// [`Readiness::is_read_closed`](crate::Readiness::is_read_closed).
    Drained,
    /// The peer has ended its side. Then there are no octets.
    Ended,
    /// The peer does not speak TLS, as it must on this listener. From here on the stream is in the clear, so that it can be told. There
    /// are no octets: what came is dropped.
    ClearText,
    /// The peer has said whose the connection is: [`Stream::take_proxied`] is to be asked before more is received. There are no octets.
    Proxied,
}

impl Received {
    pub(crate) const ENDED: Self = Self {
        octets: 0,
        rest: Rest::Ended,
    };

    /// Something came, but nothing in the clear.
    pub(crate) fn nothing(is_full: bool) -> Self {
        Self {
            octets: 0,
            rest: if is_full { Rest::More } else { Rest::Drained },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamKind {
    Tcp,
    Unix,
}

/// Whether octets follow at once, so that the kernel may wait for them before it fills a segment (Linux tcp(7), MSG_MORE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// More follow.
    Yes,
    /// These are the last for the time being.
    No,
}

impl Stream {
    pub(crate) fn new(fd: OwnedFd, kind: StreamKind) -> Self {
        Self {
            fd,
            kind,
            layer: None,
        }
    }

    /// As the side of the server, speaks TLS from here on.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<Tls>) -> Self {
        self.layer = Some(Box::new(Layer::Tls(Session::new(tls))));
        self
    }

    /// The peer says by the PROXY protocol whose the connection is, before it says anything else, be it in TLS or not.
    pub(crate) fn with_prelude(mut self, tls: Option<Arc<Tls>>) -> Self {
        self.layer = Some(Box::new(Layer::Prelude(Prelude::new(tls))));
        self
    }

    /// Whose the connection is, after [`Rest::Proxied`]: `None` where it is of the peer itself. Receiving goes on behind that.
    pub fn take_proxied(&mut self) -> Option<Proxied> {
        let Some(Layer::Prelude(prelude)) = self.layer.as_deref_mut() else {
            return None;
        };
        let found = prelude.found()?;
        let tls = prelude.tls.take();
        self.layer = tls.map(|tls| Box::new(Layer::Tls(Session::new(tls))));
        found
    }

    /// Whether the peer has not said yet whose the connection is: until then nothing is said to it.
    #[must_use]
    pub fn has_prelude(&self) -> bool {
        matches!(self.layer.as_deref(), Some(Layer::Prelude(_)))
    }

    #[inline]
    fn session(&self) -> Option<&Session> {
        match self.layer.as_deref() {
            Some(Layer::Tls(session)) => Some(session),
            _ => None,
        }
    }

    #[inline]
    fn session_mut(&mut self) -> Option<&mut Session> {
        match self.layer.as_deref_mut() {
            Some(Layer::Tls(session)) => Some(session),
            _ => None,
        }
    }

    /// As the side of the client, begins to speak TLS, which receiving goes on with. The first message is sent as far as the system takes it.
    pub(crate) fn begin_tls(&mut self, tls: &OutboundTls, name: &TlsServerName) -> io::Result<()> {
        let session = Session::outward(tls, name.inner(), &self.fd)?;
        self.layer = Some(Box::new(Layer::Tls(session)));
        Ok(())
    }

    /// What was negotiated with a server; `None` without TLS, and before the handshake is complete.
    #[must_use]
    pub fn outbound_tls(&self) -> Option<OutboundTlsFacts> {
        self.session().and_then(Session::outbound_facts)
    }

    /// Whether it speaks TLS, be the handshake complete or not.
    #[inline]
    #[must_use]
    pub fn is_secured(&self) -> bool {
        match self.layer.as_deref() {
            None => false,
            Some(Layer::Tls(_)) => true,
            Some(Layer::Prelude(prelude)) => prelude.tls.is_some(),
        }
    }

    /// What was negotiated; `None` without TLS, and before the handshake is complete.
    #[inline]
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<TlsFacts>> {
        self.session().and_then(|session| session.facts())
    }

    /// Receives what has come.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has come; `InvalidData` if the peer broke a rule of TLS, of which it was told; `UnexpectedEof` if it
    /// closed during the handshake; else what the system says.
    #[inline]
    pub fn try_receive(&mut self, octets: &mut [u8]) -> io::Result<Received> {
        if self.layer.is_some() {
            return self.receive_layered(octets);
        }
        let wanted = octets.len();
        let (_, received) =
            retry_on_intr(|| rustix::net::recv(&self.fd, &mut *octets, RecvFlags::empty()))?;
        let rest = match received {
            0 if wanted > 0 => Rest::Ended,
            received if received == wanted => Rest::More,
            _ => Rest::Drained,
        };
        Ok(Received {
            octets: received,
            rest,
        })
    }

    fn receive_layered(&mut self, octets: &mut [u8]) -> io::Result<Received> {
        match self.layer.as_deref_mut() {
            Some(Layer::Tls(session)) => {
                let received = session.receive(&self.fd, octets)?;
                if received.rest == Rest::ClearText {
                    self.layer = None;
                }
                Ok(received)
            }
            Some(Layer::Prelude(prelude)) => prelude.receive(&self.fd),
            None => Ok(Received::nothing(true)),
        }
    }

    /// Transmits as many of the octets as the system takes. Whoever transmits again after `WouldBlock`, or after part of the octets was taken,
    /// begins with the octets that were not taken: with TLS they are encrypted already.
    ///
    /// # Errors
    /// `WouldBlock` if it takes none; else what the system says (never by a signal).
    #[inline]
    pub fn try_transmit(&mut self, octets: &[u8], more: More) -> io::Result<usize> {
        if let Some(layer) = &mut self.layer {
            let session = layer.session()?;
            return session.transmit(&self.fd, &[IoSlice::new(octets)], more);
        }
        Ok(retry_on_intr(|| {
            rustix::net::send(&self.fd, octets, more.flags())
        })?)
    }

    /// As [`try_transmit`](Self::try_transmit), for several slices in one call.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn try_transmit_vectored(
        &mut self,
        octets: &[IoSlice<'_>],
        more: More,
    ) -> io::Result<usize> {
        if let Some(layer) = &mut self.layer {
            return layer.session()?.transmit(&self.fd, octets, more);
        }
        let octets = octets.get(..SLICES_MAX).unwrap_or(octets);
        let send = || {
            rustix::net::sendmsg(
                &self.fd,
                octets,
                &mut SendAncillaryBuffer::default(),
                more.flags(),
            )
        };
        Ok(retry_on_intr(send)?)
    }

    /// Transmits up to `octets` of `file` from `offset`: without TLS not copying them through this program, with TLS a piece at a time. 0 is
    /// the end of the file.
    ///
    /// # Errors
    /// `WouldBlock` if the system takes none; else what it says. `InvalidInput` and `Unsupported` mean the file cannot be sent so.
    /// The call has no way to hold SIGPIPE back: the program must ignore it, as Rust programs do unless told otherwise.
    pub fn try_send_file(&mut self, file: &File, offset: u64, octets: usize) -> io::Result<usize> {
        if let Some(layer) = &mut self.layer {
            let session = layer.session()?;
            return session.transmit_file(&self.fd, file, offset, octets);
        }
        self.send_file(file, offset, octets)
    }

    #[cfg(target_os = "linux")]
    fn send_file(&self, file: &File, offset: u64, octets: usize) -> io::Result<usize> {
        let mut offset = offset;
        Ok(retry_on_intr(|| {
            rustix::fs::sendfile(&self.fd, file, Some(&mut offset), octets)
        })?)
    }

    /// By way of a small buffer.
    #[cfg(not(target_os = "linux"))]
    fn send_file(&mut self, file: &File, offset: u64, octets: usize) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let mut buffer = [0; 16 * 1024];
        let wanted = octets.min(buffer.len());
        let read = file.read_at(&mut buffer[..wanted], offset)?;
        if read == 0 {
            Ok(0)
        } else {
            self.try_transmit(&buffer[..read], More::No)
        }
    }

    /// Whether octets of its own, such as those of a handshake, wait for the system to take them. Then [`flush`](Self::flush) is to be called
    /// when it does.
    #[inline]
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.session().is_some_and(Session::is_blocked)
    }

    /// Transmits octets of its own that wait.
    ///
    /// # Errors
    /// What the system says.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.layer.as_deref_mut() {
            Some(Layer::Tls(session)) => session.flush(&self.fd).map(drop),
            Some(Layer::Prelude(_)) | None => Ok(()),
        }
    }

    /// Ends the outgoing half: the peer sees the end of the stream once it has all octets. The incoming half stays.
    ///
    /// # Errors
    /// What the system says, such as `NotConnected`.
    pub fn shutdown_transmit(&mut self) -> io::Result<()> {
        if let Some(Layer::Tls(session)) = self.layer.as_deref_mut() {
            session.end(&self.fd);
        }
        Ok(rustix::net::shutdown(&self.fd, Shutdown::Write)?)
    }

    /// What was transmitted is not complete, and the peer must be able to tell: a later end is not said by TLS (RFC 8446 §6.1).
    pub fn cut(&mut self) {
        if let Some(session) = self.session_mut() {
            session.cut();
        }
    }

    /// Closes in good order.
    #[inline]
    pub fn close(mut self) {
        if let Some(Layer::Tls(session)) = self.layer.as_deref_mut() {
            session.end(&self.fd);
        }
    }

    /// Closes at once and drops what is not delivered; a TCP peer sees a reset.
    pub fn reset(self) {
        // Best effort: without the option it is an ordinary close.
        let _ = SockRef::from(&self.fd).set_linger(Some(Duration::ZERO));
    }

    /// Bounds what the system queues for the peer (SO_SNDBUF), acknowledged or not. The system may double it.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_transmit_buffer(&self, octets: usize) -> io::Result<()> {
        SockRef::from(&self.fd).set_send_buffer_size(octets)
    }

    /// How many octets the peer has not acknowledged, or the system not taken though they are ready.
    ///
    /// # Errors
    /// What the system says.
    pub fn unsent_octets(&self) -> io::Result<usize> {
        let waiting = self.session().map_or(0, Session::unsent_octets);
        Ok(sys::unsent_octets(self.fd.as_fd())? + waiting)
    }

    /// The address of this end; `None` for a unix socket.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        rustix::net::getsockname(&self.fd)
            .ok()
            .and_then(|address| SocketAddr::try_from(address).ok())
    }

    /// The other end, asked of the system. The one given to [`Service::accepted`](crate::Service::accepted) costs nothing.
    #[must_use]
    pub fn peer(&self) -> Peer {
        Peer::from_system(self.kind, rustix::net::getpeername(&self.fd).ok().flatten())
    }

    /// Whether it is a TCP connection.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        self.kind == StreamKind::Tcp
    }
}

impl Layer {
    /// Nothing is said to a peer that has not said whose the connection is.
    fn session(&mut self) -> io::Result<&mut Session> {
        match self {
            Self::Tls(session) => Ok(session),
            Self::Prelude(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl TryFrom<TcpStream> for Stream {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::new(stream.into(), StreamKind::Tcp))
    }
}

impl TryFrom<UnixStream> for Stream {
    type Error = io::Error;

    fn try_from(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::new(stream.into(), StreamKind::Unix))
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl More {
    pub(crate) fn flags(self) -> SendFlags {
        match self {
            Self::Yes => SendFlags::NOSIGNAL | SendFlags::MORE,
            Self::No => SendFlags::NOSIGNAL,
        }
    }
}

/// The other end of a connection; 20 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An IPv4 address and port, also of a peer that came as IPv4 to an IPv6 listener.
    Inet4(SocketAddrV4),
    /// An IPv6 address and port.
    Inet6(Ipv6Addr, u16),
    /// A process of this machine, or an address the system did not tell.
    Unix,
}

impl Peer {
    pub(crate) fn from_system(kind: StreamKind, address: Option<SocketAddrAny>) -> Self {
        if kind == StreamKind::Unix {
            return Self::Unix;
        }
        address
            .and_then(|address| SocketAddr::try_from(address).ok())
            .map_or(Self::Unix, Self::from)
    }

    /// The address, unless it is a unix socket.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet4(address) => Some(IpAddr::V4(*address.ip())),
            Self::Inet6(address, _) => Some(IpAddr::V6(*address)),
            Self::Unix => None,
        }
    }

    /// The port, unless it is a unix socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Inet4(address) => Some(address.port()),
            Self::Inet6(_, port) => Some(*port),
            Self::Unix => None,
        }
    }

    /// Whether the peer is on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::Inet4(address),
            SocketAddr::V6(address) => match address.ip().to_ipv4_mapped() {
                Some(ip) => Self::Inet4(SocketAddrV4::new(ip, address.port())),
                None => Self::Inet6(*address.ip(), address.port()),
            },
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet4(address) => address.fmt(f),
            Self::Inet6(ip, port) => write!(f, "[{ip}]:{port}"),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// Accepts one connection from a listening socket.
pub(crate) fn accept(fd: BorrowedFd<'_>, kind: StreamKind) -> Result<(Stream, Peer), Errno> {
    #[cfg(target_os = "linux")]
    let (fd, address) = {
        use rustix::net::SocketFlags;
        rustix::net::acceptfrom_with(fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?
    };
    #[cfg(not(target_os = "linux"))]
    let (fd, address) = {
        let (fd, address) = rustix::net::acceptfrom(fd)?;
        rustix::io::ioctl_fionbio(&fd, true)?;
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
        (fd, address)
    };
    Ok((Stream::new(fd, kind), Peer::from_system(kind, address)))
}

/// The most slices one call takes (IOV_MAX).
const SLICES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::net::TcpListener;

    fn pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = accept(listener.as_fd(), StreamKind::Tcp).unwrap();
        assert_eq!(peer, Peer::from(client.local_addr().unwrap()));
        assert_eq!(peer, stream.peer());
        assert_eq!(stream.local(), Some(client.peer_addr().unwrap()));
        (stream, client)
    }

    /// Waits until something has come.
    fn receive(stream: &mut Stream, octets: &mut [u8]) -> io::Result<usize> {
        loop {
            match stream.try_receive(octets) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                done => return done.map(|received| received.octets),
            }
        }
    }

    #[test]
    fn a_stream_and_a_peer_are_small() {
        assert_eq!(size_of::<Stream>(), 16);
        assert_eq!(size_of::<Option<Stream>>(), 16);
        assert!(size_of::<Peer>() <= 20);
    }

    #[test]
    fn octets_go_both_ways_and_nothing_waits() {
        let (mut stream, mut client) = pair();
        let mut buffer = [0; 16];
        assert_eq!(
            stream.try_receive(&mut buffer).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        client.write_all(b"hello").unwrap();
        assert_eq!(receive(&mut stream, &mut buffer).unwrap(), 5);
        assert_eq!(stream.try_transmit(b"a", More::Yes).unwrap(), 1);
        let slices = [IoSlice::new(b"bc"), IoSlice::new(b"de")];
        assert_eq!(stream.try_transmit_vectored(&slices, More::No).unwrap(), 4);
        stream.shutdown_transmit().unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"abcde");
        drop(client);
        assert_eq!(receive(&mut stream, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_stream_of_the_standard_library_stops_waiting_when_it_is_taken_over() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut stream = Stream::try_from(near).unwrap();
        assert_eq!(
            stream.try_receive(&mut [0; 4]).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        assert_eq!(
            (stream.peer(), stream.local(), stream.is_tcp()),
            (Peer::Unix, None, false)
        );
        far.write_all(b"x").unwrap();
        assert_eq!(receive(&mut stream, &mut [0; 4]).unwrap(), 1);
    }

    #[test]
    fn a_file_is_sent_from_an_offset_and_ends() {
        let (mut stream, mut client) = pair();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.rewind().unwrap();
        assert_eq!(stream.try_send_file(&file, 4, 100).unwrap(), 6);
        assert_eq!(stream.try_send_file(&file, 10, 100).unwrap(), 0);
        drop(stream);
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"456789");
    }

    #[test]
    fn octets_the_peer_does_not_read_are_counted_as_unsent() {
        let (mut stream, _client) = pair();
        let block = vec![0; 1 << 20];
        while stream.try_transmit(&block, More::No).is_ok() {}
        assert!(stream.unsent_octets().unwrap() > 0);
    }

    #[test]
    fn reset_is_seen_as_a_reset() {
        let (stream, mut client) = pair();
        stream.reset();
        assert_eq!(
            client.read(&mut [0; 1]).unwrap_err().kind(),
            io::ErrorKind::ConnectionReset
        );
    }

    #[test]
    fn transmitting_to_a_closed_peer_is_an_error_and_no_signal() {
        let (mut stream, client) = pair();
        drop(client);
        let error = loop {
            if let Err(error) = stream.try_transmit(b"x", More::No) {
                break error;
            }
        };
        assert!(matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        ));
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_one() {
        let peer = Peer::from("[::ffff:192.0.2.1]:7".parse::<SocketAddr>().unwrap());
        assert_eq!(peer.to_string(), "192.0.2.1:7");
        assert_eq!(
            Peer::from("[2001:db8::1]:7".parse::<SocketAddr>().unwrap()).to_string(),
            "[2001:db8::1]:7"
        );
    }
}
