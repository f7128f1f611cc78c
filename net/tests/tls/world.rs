//! Authorities, certificates and clients for tests.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use hansom_net::{Received, Rest, Stream, Tls, TlsCertificate, TlsClient, TlsRules};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

/// A folder with an authority.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) authority: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as files and as values.
pub(crate) struct Issued {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) der: CertificateDer<'static>,
    pub(crate) private: PrivateKeyDer<'static>,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "An Authority");
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            authority: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
        };
        world.write("authority.pem", &world.authority.pem());
        world
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn authorities(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Issues a certificate for server names; the files are called after `name`.
    pub(crate) fn issue(&self, name: &str, names: &[&str]) -> Issued {
        self.issue_with(name, names, |_| {})
    }

    pub(crate) fn issue_with(
        &self,
        name: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        Issued {
            chain: self.write(&format!("{name}.pem"), &certificate.pem()),
            key: self.write(&format!("{name}.key"), &key.serialize_pem()),
            der: certificate.der().clone(),
            private: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }

    /// Rules with a certificate for these names.
    pub(crate) fn rules(&self, name: &str, names: &[&str]) -> TlsRules {
        let issued = self.issue(name, names);
        TlsRules {
            certificate: TlsCertificate::Files {
                chain: issued.chain,
                key: issued.key,
            },
            ..TlsRules::default()
        }
    }

    pub(crate) fn required(&self) -> TlsClient {
        TlsClient::Require {
            authorities: self.authorities(),
        }
    }

    /// One certificate, for `a.example`.
    pub(crate) fn tls(&self) -> Arc<Tls> {
        self.tls_of(vec![self.rules("a", &["a.example"])])
    }

    pub(crate) fn tls_of(&self, rules: Vec<TlsRules>) -> Arc<Tls> {
        Arc::new(Tls::new(rules, &[b"http/1.1"]).unwrap())
    }

    /// How a client behaves that trusts the authority.
    pub(crate) fn client(&self, version: Version) -> ClientConfig {
        self.client_with(version, None)
    }

    pub(crate) fn client_with(&self, version: Version, own: Option<&Issued>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version.of_rustls()])
            .unwrap()
            .with_root_certificates(roots);
        match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(vec![own.der.clone()], own.private.clone_key())
                .unwrap(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Tls12,
    Tls13,
}

impl Version {
    pub(crate) const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    fn of_rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &TLS12,
            Self::Tls13 => &TLS13,
        }
    }
}

/// A client and the server's stream, joined by a pair of sockets.
pub(crate) struct Pair {
    pub(crate) stream: Stream,
    pub(crate) client: ClientConnection,
    pub(crate) socket: UnixStream,
    /// What the server received in the clear.
    pub(crate) received: Vec<u8>,
    /// What the client received in the clear, and was not asked for.
    told: Vec<u8>,
    /// The room the server has for what it receives.
    pub(crate) room: usize,
    /// How the server's side ended.
    pub(crate) end: Option<Result<Rest, io::Error>>,
}

impl Pair {
    pub(crate) fn new(tls: &Arc<Tls>, config: &ClientConfig, name: &'static str) -> Self {
        Self::with(tls, &Arc::new(config.clone()), name)
    }

    /// As `new`, with the sessions of `config`.
    pub(crate) fn with(tls: &Arc<Tls>, config: &Arc<ClientConfig>, name: &'static str) -> Self {
        let (near, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let name = ServerName::try_from(name).unwrap();
        Self {
            stream: Stream::try_from(near).unwrap().with_tls(Arc::clone(tls)),
            client: ClientConnection::new(Arc::clone(config), name).unwrap(),
            socket,
            received: Vec::new(),
            told: Vec::new(),
            room: 64 * 1024,
            end: None,
        }
    }

    /// Lets both go on until neither has anything to say.
    pub(crate) fn settle(&mut self) -> Result<(), rustls::Error> {
        loop {
            let mut has_moved = false;
            while self.client.wants_write() {
                match self.client.write_tls(&mut self.socket) {
                    Ok(_) => has_moved = true,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => break,
                }
            }
            has_moved |= self.serve();
            has_moved |= self.hear()?;
            if !has_moved {
                return Ok(());
            }
        }
    }

    /// Lets the server receive what has come: whether it was anything.
    pub(crate) fn serve(&mut self) -> bool {
        let mut has_moved = false;
        if self.stream.is_blocked() {
            let _ = self.stream.flush();
        }
        while self.end.is_none() {
            let mut buffer = vec![0; self.room];
            match self.stream.try_receive(&mut buffer) {
                Ok(Received { octets, rest }) => {
                    has_moved = true;
                    self.received.extend_from_slice(&buffer[..octets]);
                    if matches!(rest, Rest::Ended | Rest::ClearText) {
                        self.end = Some(Ok(rest));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    has_moved = true;
                    self.end = Some(Err(error));
                }
            }
        }
        has_moved
    }

    /// Lets the client take what has come: whether it was anything.
    pub(crate) fn hear(&mut self) -> Result<bool, rustls::Error> {
        let mut has_moved = false;
        loop {
            match self.client.read_tls(&mut self.socket) {
                Ok(0) | Err(_) => return Ok(has_moved),
                Ok(_) => {
                    has_moved = true;
                    self.client.process_new_packets()?;
                    self.drain();
                }
            }
        }
    }

    /// What the client has received in the clear.
    pub(crate) fn heard(&mut self) -> Vec<u8> {
        self.drain();
        std::mem::take(&mut self.told)
    }

    fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(octets @ 1..) = self.client.reader().read(&mut buffer) {
            self.told.extend_from_slice(&buffer[..octets]);
        }
    }

    /// Makes the handshake and exchanges a few octets, which brings tickets to the client too.
    pub(crate) fn greet(&mut self) {
        self.client.writer().write_all(b"hello").unwrap();
        self.settle().unwrap();
        assert_eq!(self.received, b"hello");
        let sent = self.stream.try_transmit(b"good day", hansom_net::More::No);
        assert_eq!(sent.unwrap(), 8);
        self.settle().unwrap();
        assert_eq!(self.heard(), b"good day");
        self.received.clear();
    }
}

/// The certificate that is shown to a client that trusts nobody.
pub(crate) fn shown(tls: &Arc<Tls>) -> CertificateDer<'static> {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug, Default)]
    struct Looks(std::sync::Mutex<Option<CertificateDer<'static>>>);

    impl ServerCertVerifier for Looks {
        fn verify_server_cert(
            &self,
            end_entity: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: rustls::pki_types::UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            *self.0.lock().unwrap() = Some(end_entity.clone().into_owned());
            Ok(ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    }

    let looks = Arc::new(Looks::default());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(looks.clone())
        .with_no_client_auth();
    Pair::new(tls, &config, "localhost").greet();
    looks.0.lock().unwrap().take().unwrap()
}

/// A client that trusts this certificate alone.
pub(crate) fn trusting(certificate: &CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
