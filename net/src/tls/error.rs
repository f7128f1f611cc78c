//! What may be wrong with certificates, keys and rules.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why rules for TLS cannot be put in force.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// There are no rules.
    NoRules,
    /// This system trusts no authority.
    NoAuthorities,
    /// A file cannot be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is larger than any certificate.
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// A file is not PEM (RFC 7468).
    BadPem {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file has nothing of what it should have.
    Missing {
        /// The file.
        file: PathBuf,
        /// What it should have.
        wanted: PemKind,
        /// What it has.
        found: Vec<PemKind>,
    },
    /// A certificate cannot be used.
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A private key cannot be used.
    BadKey {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key is not that of the certificate.
    KeyMismatch {
        /// The file of the certificate.
        chain: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A certificate could not be made.
    SelfSigned {
        /// What is wrong, such as a name that is none.
        reason: String,
    },
    /// Randomness or another part of the cryptography is not to be had.
    Cryptography {
        /// What is wrong.
        reason: String,
    },
}

/// What a section of a PEM file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PemKind {
    /// A certificate.
    Certificate,
    /// A private key.
    PrivateKey,
    /// A private key behind a password.
    EncryptedKey,
    /// A public key.
    PublicKey,
    /// A request for a certificate (RFC 2986).
    Request,
    /// A list of revoked certificates.
    RevocationList,
    /// Something else.
    Other,
}

impl fmt::Display for PemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
            Self::EncryptedKey => "private key with a password",
            Self::PublicKey => "public key",
            Self::Request => "request for a certificate (CSR)",
            Self::RevocationList => "list of revoked certificates",
            Self::Other => "section of another kind",
        })
    }
}

impl TlsError {
    /// The file that is to be mended, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { file, .. }
            | Self::TooLarge { file }
            | Self::BadPem { file, .. }
            | Self::Missing { file, .. }
            | Self::BadCertificate { file, .. }
            | Self::BadKey { file, .. }
            | Self::KeyMismatch { key: file, .. } => Some(file),
            Self::NoRules
            | Self::NoAuthorities
            | Self::SelfSigned { .. }
            | Self::Cryptography { .. } => None,
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = self.file() {
            write!(f, "{}: ", file.display())?;
        }
        match self {
            Self::NoRules => f.write_str("a listener with TLS needs a certificate"),
            Self::NoAuthorities => f.write_str(
                "this system trusts no authority: install its certificates (ca-certificates), or name a file of them by ca",
            ),
            Self::Unreadable { source, .. } => write!(f, "cannot be read: {source}"),
            Self::TooLarge { .. } => write!(
                f,
                "is larger than {PEM_OCTETS_MAX} octets, so it is no certificate or key"
            ),
            Self::BadPem { reason, .. } => write!(f, "is not PEM: {reason}"),
            Self::Missing { wanted, found, .. } => missing(f, *wanted, found),
            Self::BadCertificate { reason, .. } => {
                write!(f, "the certificate cannot be used: {reason}")
            }
            Self::BadKey { reason, .. } => write!(f, "the private key cannot be used: {reason}"),
            Self::KeyMismatch { chain, .. } => write!(
                f,
                "is not the key of the first certificate in {}; the certificate of the server comes first in its file, those of authorities after it",
                chain.display()
            ),
            Self::SelfSigned { reason } => write!(f, "no certificate could be made: {reason}"),
            Self::Cryptography { reason } => f.write_str(reason),
        }
    }
}

fn missing(f: &mut fmt::Formatter<'_>, wanted: PemKind, found: &[PemKind]) -> fmt::Result {
    write!(f, "has no {wanted}")?;
    match found.first() {
        None => write!(f, " and nothing else in PEM")?,
        Some(found) => write!(f, ", but a {found}")?,
    }
    let hint = match (wanted, found.first()) {
        (PemKind::PrivateKey, Some(PemKind::EncryptedKey)) => {
            "; `openssl pkey -in FILE -out KEY` writes one without"
        }
        (PemKind::Certificate, Some(PemKind::Request)) => {
            "; the authority to which it is sent answers with the certificate"
        }
        (PemKind::Certificate, Some(PemKind::PrivateKey))
        | (PemKind::PrivateKey, Some(PemKind::Certificate)) => {
            "; are the files of certificate and key exchanged?"
        }
        (PemKind::Certificate, None) => {
            "; a file in DER is converted by `openssl x509 -inform der -in FILE -out CERT`"
        }
        _ => "",
    };
    f.write_str(hint)
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// What should be known of certificates, keys and rules that are in force all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsWarning {
    /// The certificate has expired: clients refuse it.
    Expired {
        /// The file.
        file: PathBuf,
        /// How many days ago.
        days: u64,
    },
    /// The certificate expires soon.
    ExpiresSoon {
        /// The file.
        file: PathBuf,
        /// In how many days.
        days: u64,
    },
    /// The certificate is not valid yet: clients refuse it.
    NotYetValid {
        /// The file.
        file: PathBuf,
    },
    /// Others than the owner of the file, and his group, can read the private key.
    KeyReadable {
        /// The file.
        file: PathBuf,
    },
    /// The certificate names no server, and the rules none either: only clients without a server name come to them.
    NoNames {
        /// The file.
        file: PathBuf,
    },
    /// Two of the rules have the same name: the first has it.
    NameTwice {
        /// The name.
        name: String,
    },
}

impl TlsWarning {
    /// The file that it is about, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Expired { file, .. }
            | Self::ExpiresSoon { file, .. }
            | Self::NotYetValid { file }
            | Self::KeyReadable { file }
            | Self::NoNames { file } => Some(file),
            Self::NameTwice { .. } => None,
        }
    }
}

impl fmt::Display for TlsWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { file, days } => write!(
                f,
                "{}: the certificate expired {days} days ago, so clients refuse it",
                file.display()
            ),
            Self::ExpiresSoon { file, days } => {
                write!(
                    f,
                    "{}: the certificate expires in {days} days",
                    file.display()
                )
            }
            Self::NotYetValid { file } => write!(
                f,
                "{}: the certificate is not valid yet, so clients refuse it; is the clock right?",
                file.display()
            ),
            Self::KeyReadable { file } => write!(
                f,
                "{0}: everybody on this machine can read the private key; `chmod o= {0}` mends that",
                file.display()
            ),
            Self::NoNames { file } => write!(
                f,
                "{}: the certificate names no server, so these rules need `names`",
                file.display()
            ),
            Self::NameTwice { name } => {
                write!(f, "{name} has two certificates; the first is used")
            }
        }
    }
}

/// Larger files are not read.
pub(super) const PEM_OCTETS_MAX: u64 = 4 << 20;
