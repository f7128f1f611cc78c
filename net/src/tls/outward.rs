//! TLS towards servers: whom to believe, what to show, and what went wrong.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, InvalidMessage,
    PeerIncompatible, RootCertStore, SignatureScheme,
};

use super::load::{certificates, read, read_certified};
use super::{TlsError, TlsVersion};

/// How TLS is spoken to servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OutboundTlsRules {
    /// Whose certificates are believed.
    pub trust: OutboundTrust,
    /// The certificate that is shown to servers that ask for one, as PEM, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The lowest version.
    pub version_min: TlsVersion,
}

/// Whose certificates are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum OutboundTrust {
    /// Those that an authority has signed which this system trusts.
    #[default]
    System,
    /// Those of the authorities in this file, as PEM, and of no others.
    Authorities(PathBuf),
    /// Whoever answers: the connection is secret, but nobody knows from whom.
    Anybody,
}

/// TLS towards servers. Sessions are resumed by tickets, as often as the server gives some (RFC 8446 §2.2), by server name.
///
/// ```
/// use hansom_net::{OutboundTls, OutboundTlsRules, OutboundTrust};
///
/// let rules = OutboundTlsRules { trust: OutboundTrust::Anybody, ..OutboundTlsRules::default() };
/// assert!(OutboundTls::new(&rules, &[b"http/1.1"]).is_ok());
/// ```
pub struct OutboundTls {
    config: Arc<ClientConfig>,
    /// What it was made from: two that were made from the same are equal.
    rules: OutboundTlsRules,
    files: Vec<Vec<u8>>,
    protocols: Vec<Vec<u8>>,
}

/// What was negotiated with a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundTlsFacts {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite by its registered name.
    pub cipher_suite: &'static str,
    /// The protocol chosen by ALPN (RFC 7301).
    pub alpn: Option<Box<[u8]>>,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
}

/// Whom a certificate must name: a name of the DNS, which the server is told (RFC 6066 §3), or an IP address.
///
/// ```
/// use hansom_net::TlsServerName;
///
/// let name: TlsServerName = "app.example".parse().unwrap();
/// assert_eq!(name.to_string(), "app.example");
/// assert!("[::1]".parse::<TlsServerName>().is_ok());
/// assert!("a b".parse::<TlsServerName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsServerName(ServerName<'static>);

/// Neither a name of the DNS nor an IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsServerNameError;

impl OutboundTls {
    /// Reads the files. `protocols` are those of ALPN, best first. May wait for a disk: the system's authorities are read once in a
    /// process.
    ///
    /// # Errors
    /// What is wrong with a file, and how to mend it.
    pub fn new(rules: &OutboundTlsRules, protocols: &[&[u8]]) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: &[_] = match rules.version_min {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(cryptography)?
            .dangerous()
            .with_custom_certificate_verifier(verifier(&rules.trust, &provider)?);
        let mut config = match &rules.certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let certified = read_certified(&provider, chain, key)?;
                let shown = rustls::sign::SingleCertAndKey::from(certified);
                builder.with_client_cert_resolver(Arc::new(shown))
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        let mut files = Vec::new();
        if let OutboundTrust::Authorities(file) = &rules.trust {
            files.push(read(file)?);
        }
        if let Some((chain, key)) = &rules.certificate {
            files.extend([read(chain)?, read(key)?]);
        }
        Ok(Self {
            protocols: config.alpn_protocols.clone(),
            config: Arc::new(config),
            rules: rules.clone(),
            files,
        })
    }

    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

impl PartialEq for OutboundTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
            || (&self.rules, &self.files, &self.protocols)
                == (&other.rules, &other.files, &other.protocols)
    }
}

impl fmt::Debug for OutboundTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundTls").finish_non_exhaustive()
    }
}

fn verifier(
    trust: &OutboundTrust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let roots = match trust {
        OutboundTrust::Anybody => {
            let provider = Arc::clone(provider);
            return Ok(Arc::new(Anybody(provider)));
        }
        OutboundTrust::System => system_roots()?,
        OutboundTrust::Authorities(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| bad(file, &error))?;
            }
            Arc::new(roots)
        }
    };
    let built = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
    match built {
        Ok(verifier) => Ok(verifier),
        Err(error) => Err(TlsError::Cryptography {
            reason: error.to_string(),
        }),
    }
}

fn bad(file: &std::path::Path, error: &rustls::Error) -> TlsError {
    TlsError::BadCertificate {
        file: file.to_owned(),
        reason: error.to_string(),
    }
}

/// The authorities that this system trusts: those of its own store, or of SSL_CERT_FILE and SSL_CERT_DIR.
fn system_roots() -> Result<Arc<RootCertStore>, TlsError> {
    static ROOTS: OnceLock<Option<Arc<RootCertStore>>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // Single certificates that cannot be read are left out, as all programs do.
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        (!roots.is_empty()).then(|| Arc::new(roots))
    });
    roots.clone().ok_or(TlsError::NoAuthorities)
}

fn cryptography(error: rustls::Error) -> TlsError {
    TlsError::Cryptography {
        reason: error.to_string(),
    }
}

/// Believes whoever has the key of the certificate that he shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
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
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl TlsServerName {
    pub(crate) fn inner(&self) -> ServerName<'static> {
        self.0.clone()
    }
}

impl FromStr for TlsServerName {
    type Err = TlsServerNameError;

    fn from_str(text: &str) -> Result<Self, TlsServerNameError> {
        let literal = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let name = literal.unwrap_or_else(|| text.strip_suffix('.').unwrap_or(text));
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsServerNameError)?;
        match (literal, &name) {
            (Some(_), ServerName::DnsName(_)) => Err(TlsServerNameError),
            _ => Ok(Self(name)),
        }
    }
}

impl fmt::Display for TlsServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_str())
    }
}

impl fmt::Display for TlsServerNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither a name of the DNS nor an IP address")
    }
}

impl std::error::Error for TlsServerNameError {}

/// Why TLS with a server failed. It is inside the [`std::io::Error`] of whoever connects, receives or transmits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The certificate is of other names than the one asked for (RFC 9110 §4.3.4).
    NameMismatch,
    /// No authority that is believed has signed the certificate.
    AuthorityUnknown,
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate was withdrawn.
    Revoked,
    /// The certificate is not to be used for servers, or is wrong in another way.
    CertificateBad,
    /// The server refused by an alert of this number (RFC 8446 §6).
    Alert(u8),
    /// The server does not speak TLS.
    ClearText,
    /// There is no version, cipher suite or protocol that both sides take.
    NothingInCommon,
    /// The server closed in the handshake.
    ClosedInHandshake,
    /// The server closed without saying that it had said all (RFC 8446 §6.1).
    Cut,
    /// The server broke a rule.
    Protocol,
}

impl TlsFault {
    /// The one inside an error.
    #[must_use]
    pub fn inside(error: &std::io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }

    pub(crate) fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::NoCertificatesPresented => Self::CertificateBad,
            rustls::Error::AlertReceived(alert) => match alert {
                AlertDescription::HandshakeFailure
                | AlertDescription::ProtocolVersion
                | AlertDescription::NoApplicationProtocol => Self::NothingInCommon,
                alert => Self::Alert(u8::from(*alert)),
            },
            rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::ClearText,
            rustls::Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            )
            | rustls::Error::NoApplicationProtocol => Self::NothingInCommon,
            _ => Self::Protocol,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::Revoked => Self::Revoked,
            // Another authority of the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::AuthorityUnknown
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::NameMismatch
            }
            _ => Self::CertificateBad,
        }
    }

    /// Whether it is the certificate that is not right.
    #[must_use]
    pub fn is_of_certificate(self) -> bool {
        matches!(
            self,
            Self::NameMismatch
                | Self::AuthorityUnknown
                | Self::Expired
                | Self::NotYetValid
                | Self::Revoked
                | Self::CertificateBad
        )
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NameMismatch => "name-mismatch",
            Self::AuthorityUnknown => "authority-unknown",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::Revoked => "revoked",
            Self::CertificateBad => "certificate-bad",
            Self::Alert(_) => "alert",
            Self::ClearText => "clear-text",
            Self::NothingInCommon => "nothing-in-common",
            Self::ClosedInHandshake => "closed-in-handshake",
            Self::Cut => "cut",
            Self::Protocol => "protocol",
        }
    }

    /// One sentence for people that suggests what to do, without a full stop.
    #[must_use]
    pub fn because(self) -> &'static str {
        match self {
            Self::NameMismatch => {
                "The server's certificate is for another name: ask by that one, or set server_name"
            }
            Self::AuthorityUnknown => {
                "The server's certificate is of an authority that is not known here: name its file by ca"
            }
            Self::Expired => "The server's certificate has expired: it must be renewed there",
            Self::NotYetValid => {
                "The server's certificate is not valid yet: is the clock right, here and there?"
            }
            Self::Revoked => "The server's certificate was withdrawn: it must be renewed there",
            Self::CertificateBad => {
                "The server's certificate is not one for servers, or is malformed"
            }
            Self::Alert(ALERT_CERTIFICATE_REQUIRED) => {
                "The server asks for a certificate: give one by client_cert"
            }
            Self::Alert(42..=46 | 48) => "The server does not take the certificate of client_cert",
            Self::Alert(ALERT_UNRECOGNIZED_NAME) => {
                "The server does not know the name it is asked by: set server_name"
            }
            Self::Alert(_) => "The server refused the handshake of TLS",
            Self::ClearText => {
                "The server does not speak TLS on this port: ask by http://, or another port"
            }
            Self::NothingInCommon => {
                "The server has no version of TLS, cipher suite or protocol in common with us"
            }
            Self::ClosedInHandshake => {
                "The server closed in the handshake of TLS: does it speak TLS on this port?"
            }
            Self::Cut => "The server closed without ending TLS",
            Self::Protocol => "The server broke a rule of TLS",
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.because())
    }
}

impl std::error::Error for TlsFault {}

/// Sessions that are remembered for resumption, by server name.
const SESSIONS_MAX: usize = 256;
/// RFC 8446 §6.2.
const ALERT_CERTIFICATE_REQUIRED: u8 = 116;
/// RFC 6066 §3.
const ALERT_UNRECOGNIZED_NAME: u8 = 112;
