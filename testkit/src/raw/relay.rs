//! A relay that speaks plain TCP to whoever plays cases, and TLS to the server that is judged, octet for octet.
//!
//! ```text
//!  dialogue ── octets ──▶ relay ── TLS records ──▶ server      a piece that was sent by itself is a record of its own
//!           ── FIN ─────▶       ── close_notify ─▶
//!           ◀── FIN ────        ◀─ close_notify ──             nothing is lost that came before it
//!           ◀── RST ────        ◀─ anything else               the end of a connection that was not told
//! ```
//!
//! It reads no further than what it could hand on, so that a case that does not read is felt by the server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use socket2::SockRef;

/// A relay in front of a server with TLS, until the process ends.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    truncated: Arc<AtomicUsize>,
}

impl Relay {
    /// Listens on a port of the system's choice for connections to this server. Whose certificate it has is not asked.
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let relay = Self {
            address: listener.local_addr()?,
            truncated: Arc::default(),
        };
        let config = Arc::new(client_config().map_err(io::Error::other)?);
        let truncated = Arc::clone(&relay.truncated);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (config, truncated) = (Arc::clone(&config), Arc::clone(&truncated));
                thread::spawn(move || drop(relay_one(client, server, config, &truncated)));
            }
        });
        Ok(relay)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections the server ended without close_notify, while the client had not left (RFC 8446 §6.1, RFC 9112 §9.8).
    pub fn truncated(&self) -> usize {
        self.truncated.load(Ordering::Relaxed)
    }
}

fn relay_one(
    client: TcpStream,
    server: SocketAddr,
    config: Arc<ClientConfig>,
    truncated: &AtomicUsize,
) -> io::Result<()> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
    let server = TcpStream::connect(server)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
    }
    let mut passing = Passing {
        client,
        server,
        tls,
        held: Vec::new(),
        sending: Sending::Open,
        answering: Answering::Open,
    };
    while passing.turn()? {}
    if passing.answering == Answering::CutOff {
        truncated.fetch_add(1, Ordering::Relaxed);
        SockRef::from(&passing.client).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// One connection and its counterpart.
#[derive(Debug)]
struct Passing {
    client: TcpStream,
    server: TcpStream,
    tls: ClientConnection,
    /// What the server sent, until the client takes it.
    held: Vec<u8>,
    sending: Sending,
    answering: Answering,
}

/// What still comes from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    /// It has closed its side.
    Ended,
}

/// What still comes from the server.
///
/// ```text
///  Open --close_notify--> Ended --all handed on, FIN--> Told
///   `-----FIN or RST----> CutOff
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answering {
    Open,
    Ended,
    Told,
    CutOff,
}

impl Passing {
    /// Waits until something can be done, and does it; `false` at the end.
    fn turn(&mut self) -> io::Result<bool> {
        let (of_client, of_server) = (self.client_interest(), self.server_interest());
        let mut both = [
            PollFd::new(&self.client, of_client),
            PollFd::new(&self.server, of_server),
        ];
        match poll(&mut both, None) {
            Err(rustix::io::Errno::INTR) => return Ok(true),
            other => other?,
        };
        let [client, server] = both.map(|one| one.revents());
        let gone = PollFlags::ERR | PollFlags::HUP;
        if server.intersects(PollFlags::IN | gone) && of_server.contains(PollFlags::IN) {
            self.receive();
        }
        if server.contains(PollFlags::OUT) {
            self.transmit();
        }
        if client.contains(PollFlags::IN) && of_client.contains(PollFlags::IN) {
            self.take()?;
        }
        if !self.hand_on()? || client.intersects(gone) {
            return Ok(false);
        }
        // Its end was told, and it reads no more: what the client still sends is for nobody.
        let is_over = server.intersects(gone) && self.answering != Answering::Open;
        Ok(!is_over || self.drain()?)
    }

    fn client_interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        let has_room = !self.tls.is_handshaking() && !self.tls.wants_write();
        interest.set(PollFlags::IN, self.sending == Sending::Open && has_room);
        interest.set(PollFlags::OUT, !self.held.is_empty());
        interest
    }

    fn server_interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        let has_room = self.held.len() < HELD_OCTETS_MAX;
        interest.set(PollFlags::IN, self.answering == Answering::Open && has_room);
        interest.set(PollFlags::OUT, self.tls.wants_write());
        interest
    }

    /// Takes what the server sent.
    fn receive(&mut self) {
        let is_read = match self.tls.read_tls(&mut self.server) {
            Ok(count) => count > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        let Ok(state) = self.tls.process_new_packets() else {
            self.answering = Answering::CutOff;
            return;
        };
        let from = self.held.len();
        self.held.resize(from + state.plaintext_bytes_to_read(), 0);
        let filled = self.held.get_mut(from..).unwrap_or_default();
        if self.tls.reader().read_exact(filled).is_err() {
            self.answering = Answering::CutOff;
        } else if state.peer_has_closed() {
            self.answering = Answering::Ended;
        } else if !is_read {
            self.answering = Answering::CutOff;
        }
    }

    /// Gives the server what is ready. That it takes nothing more shows when it is read from.
    fn transmit(&mut self) {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.server) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    let mut nowhere = io::sink();
                    while self.tls.wants_write() && self.tls.write_tls(&mut nowhere).is_ok() {}
                }
            }
        }
    }

    /// Takes what the client sent: each piece becomes a record.
    fn take(&mut self) -> io::Result<()> {
        let mut space = [0; RECORD_OCTETS_MAX];
        match self.client.read(&mut space) {
            Ok(0) => {
                self.sending = Sending::Ended;
                self.tls.send_close_notify();
            }
            Ok(count) => {
                let piece = space.get(..count).unwrap_or_default();
                self.tls.writer().write_all(piece)?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        self.transmit();
        Ok(())
    }

    /// Hands on to the client what the server sent, and that it ended; `false` if it was cut off.
    fn hand_on(&mut self) -> io::Result<bool> {
        while !self.held.is_empty() {
            match self.client.write(&self.held) {
                Ok(count) => drop(self.held.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        match self.answering {
            Answering::Ended => {
                self.client.shutdown(Shutdown::Write)?;
                self.answering = Answering::Told;
                Ok(true)
            }
            Answering::CutOff => Ok(false),
            Answering::Open | Answering::Told => Ok(true),
        }
    }

    /// Reads what a client still sends to a server that is gone: to close before would lose what the client has not read yet.
    fn drain(&mut self) -> io::Result<bool> {
        self.client.set_nonblocking(false)?;
        while !self.held.is_empty() {
            let count = self.client.write(&self.held)?;
            self.held.drain(..count);
        }
        self.client.shutdown(Shutdown::Write)?;
        self.answering = Answering::Told;
        io::copy(&mut self.client, &mut io::sink())?;
        Ok(false)
    }
}

fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let trusting = Arc::new(Trusting(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(trusting)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Trusts everybody: whose certificate it is is judged elsewhere.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The content of a record (RFC 8446 §5.1).
const RECORD_OCTETS_MAX: usize = 16 << 10;
/// What is read from the server ahead of the client.
const HELD_OCTETS_MAX: usize = 64 << 10;
