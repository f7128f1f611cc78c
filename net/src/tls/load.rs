//! From files to rules in force.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};

use super::certificate::{self, Described};
use super::error::{PEM_OCTETS_MAX, PemKind, TlsError, TlsWarning};
use super::made;
use super::rules::{ClientPolicy, NotesName, Policy, RuleSet, RuleSets};
use super::{TlsCertificate, TlsClient, TlsRules, TlsVersion};

/// What the rules in force were made from.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) rules: Vec<TlsRules>,
    pub(super) warnings: Vec<TlsWarning>,
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// For each of the rules what outlives a reload.
    kept: Vec<Kept>,
}

/// By what a file that was changed is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        let meta = fs::metadata(file).ok()?;
        Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            octets: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        })
    }
}

/// What outlives a reload of the same rules.
#[derive(Clone, Debug)]
struct Kept {
    names: Vec<String>,
    policy: Policy,
    tickets: Arc<dyn ProducesTickets>,
    /// The certificate that was made, and when.
    made: Option<(Arc<CertifiedKey>, SystemTime)>,
}

impl Loaded {
    pub(super) fn has_changed(&self) -> bool {
        let is_old = |kept: &Kept| {
            kept.made
                .as_ref()
                .is_some_and(|(_, time)| made::is_old(*time))
        };
        self.files
            .iter()
            .any(|(file, stamp)| Stamp::of(file) != *stamp)
            || self.kept.iter().any(is_old)
    }

    /// The files as they are.
    pub(super) fn stamps(&self) -> Vec<Option<Stamp>> {
        self.files.iter().map(|(file, _)| Stamp::of(file)).collect()
    }

    /// The files were tried as they were then: what has changed since is to be tried again.
    pub(super) fn note_tried(&mut self, stamps: Vec<Option<Stamp>>) {
        for ((_, known), stamp) in self.files.iter_mut().zip(stamps) {
            *known = stamp;
        }
    }
}

/// Makes rules ready to be put in force.
pub(super) fn load(
    rules: Vec<TlsRules>,
    protocols: &[Vec<u8>],
    before: Option<&Loaded>,
) -> Result<(RuleSets, Loaded), TlsError> {
    if rules.is_empty() {
        return Err(TlsError::NoRules);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut loader = Loader {
        provider,
        protocols,
        warnings: Vec::new(),
        sets: RuleSets::default(),
        kept: Vec::new(),
    };
    // Before they are read: what changes meanwhile is a change.
    let mut files = Vec::new();
    for file in rules.iter().flat_map(files_of) {
        if !files.iter().any(|(known, _)| known == file) {
            files.push((file.to_owned(), Stamp::of(file)));
        }
    }
    for (index, rules) in rules.iter().enumerate() {
        let kept = before.and_then(|before| before.kept.get(index));
        loader.add(rules, kept)?;
    }
    let Loader {
        warnings,
        sets,
        kept,
        ..
    } = loader;
    let loaded = Loaded {
        rules,
        warnings,
        files,
        kept,
    };
    Ok((sets, loaded))
}

fn files_of(rules: &TlsRules) -> impl Iterator<Item = &PathBuf> {
    let own = match &rules.certificate {
        TlsCertificate::SelfSigned => [None, None],
        TlsCertificate::Files { chain, key } => [Some(chain), Some(key)],
    };
    let authorities = match &rules.client {
        TlsClient::Off => None,
        TlsClient::Request { authorities } | TlsClient::Require { authorities } => {
            Some(authorities)
        }
    };
    own.into_iter().chain([authorities]).flatten()
}

struct Loader<'a> {
    provider: Arc<CryptoProvider>,
    protocols: &'a [Vec<u8>],
    warnings: Vec<TlsWarning>,
    sets: RuleSets,
    kept: Vec<Kept>,
}

impl Loader<'_> {
    fn add(&mut self, rules: &TlsRules, before: Option<&Kept>) -> Result<(), TlsError> {
        let names: Vec<String> = rules.names.iter().map(|name| canonical(name)).collect();
        let (policy, verifier) = self.client(rules)?;
        // Tickets are good for those only who ask the same of clients: a session made under other rules must not be resumed.
        let same = before.filter(|kept| kept.policy == policy && kept.names == names);
        let mut made = None;
        let (certified, found) = match &rules.certificate {
            TlsCertificate::SelfSigned => {
                let kept = same.and_then(|kept| kept.made.clone());
                let (certified, time) = match kept.filter(|(_, time)| !made::is_old(*time)) {
                    Some(kept) => kept,
                    None => {
                        let certified = made::certificate(&names, &self.provider)?;
                        (Arc::new(certified), SystemTime::now())
                    }
                };
                made = Some((Arc::clone(&certified), time));
                (certified, None)
            }
            TlsCertificate::Files { chain, key } => {
                let certified = Arc::new(read_certified(&self.provider, chain, key)?);
                let found = certified.cert.first().and_then(certificate::describe);
                self.judge(chain, key, found.as_ref());
                (certified, found)
            }
        };
        let tickets = match same {
            Some(kept) => Arc::clone(&kept.tickets),
            None => aws_lc_rs::Ticketer::new().map_err(cryptography)?,
        };
        let config = self.config(rules, certified, verifier, Arc::clone(&tickets))?;
        let index = self.sets.sets.len();
        self.sets.sets.push(RuleSet {
            config: Arc::new(config),
            policy: policy.clone(),
        });
        if rules.names.is_empty() {
            let found =
                found.map_or_else(|| vec![made::LOCAL_NAME.to_owned()], |found| found.names);
            if let (true, 1.., TlsCertificate::Files { chain, .. }) =
                (found.is_empty(), index, &rules.certificate)
            {
                let file = chain.clone();
                self.warnings.push(TlsWarning::NoNames { file });
            }
            for name in found {
                self.name(&name, index, false);
            }
        } else {
            for name in &names {
                self.name(name, index, true);
            }
        }
        self.kept.push(Kept {
            names,
            policy,
            tickets,
            made,
        });
        Ok(())
    }

    /// A name leads to the first of the rules that has it.
    fn name(&mut self, name: &str, index: usize, is_said: bool) {
        let (map, key) = match name.strip_prefix("*.") {
            Some(parent) => (&mut self.sets.wildcards, parent),
            None => (&mut self.sets.exact, name),
        };
        let holder = *map.entry(key.to_owned()).or_insert(index);
        if is_said && holder != index {
            let name = name.to_owned();
            self.warnings.push(TlsWarning::NameTwice { name });
        }
    }

    fn config(
        &self,
        rules: &TlsRules,
        certified: Arc<CertifiedKey>,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
        tickets: Arc<dyn ProducesTickets>,
    ) -> Result<ServerConfig, TlsError> {
        let versions: &[_] = match rules.version_min {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .map_err(cryptography)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(NotesName(certified)));
        config.alpn_protocols = self.protocols.to_vec();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = tickets;
        config.send_tls13_tickets = TICKETS;
        Ok(config)
    }

    /// What is asked of clients.
    fn client(
        &self,
        rules: &TlsRules,
    ) -> Result<(Policy, Option<Arc<dyn ClientCertVerifier>>), TlsError> {
        let is_tls13_only = rules.version_min == TlsVersion::Tls13;
        let (file, may_have_none) = match &rules.client {
            TlsClient::Off => {
                let client = ClientPolicy::Off;
                return Ok((
                    Policy {
                        is_tls13_only,
                        client,
                    },
                    None,
                ));
            }
            TlsClient::Request { authorities } => (authorities, true),
            TlsClient::Require { authorities } => (authorities, false),
        };
        let bad = |reason: String| TlsError::BadCertificate {
            file: file.clone(),
            reason,
        };
        let certificates = certificates(file)?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots
                .add(certificate.clone())
                .map_err(|error| bad(error.to_string()))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        );
        let builder = match may_have_none {
            true => builder.allow_unauthenticated(),
            false => builder,
        };
        let verifier = builder.build().map_err(|error| bad(error.to_string()))?;
        let mut authorities: Vec<_> = certificates.iter().map(|der| der.to_vec()).collect();
        authorities.sort();
        let client = match may_have_none {
            true => ClientPolicy::Request(authorities),
            false => ClientPolicy::Require(authorities),
        };
        Ok((
            Policy {
                is_tls13_only,
                client,
            },
            Some(verifier),
        ))
    }

    fn judge(&mut self, chain: &Path, key: &Path, found: Option<&Described>) {
        if let Some(found) = found {
            let now = SystemTime::now();
            let file = chain.to_owned();
            let days = |time: Duration| time.as_secs() / DAY.as_secs();
            if let Ok(ago) = now.duration_since(found.not_after) {
                let days = days(ago);
                self.warnings.push(TlsWarning::Expired { file, days });
            } else if found.not_before > now {
                self.warnings.push(TlsWarning::NotYetValid { file });
            } else if let Ok(left) = found.not_after.duration_since(now)
                && left < SOON
            {
                let days = days(left);
                self.warnings.push(TlsWarning::ExpiresSoon { file, days });
            }
        }
        if fs::metadata(key).is_ok_and(|meta| meta.mode() & OTHERS_READ != 0) {
            let file = key.to_owned();
            self.warnings.push(TlsWarning::KeyReadable { file });
        }
    }
}

/// A certificate and its key, which must belong together.
pub(super) fn read_certified(
    provider: &CryptoProvider,
    chain: &Path,
    key: &Path,
) -> Result<CertifiedKey, TlsError> {
    let certificates = certificates(chain)?;
    let private = private_key(key)?;
    let signer = provider
        .key_provider
        .load_private_key(private)
        .map_err(|error| TlsError::BadKey {
            file: key.to_owned(),
            reason: error.to_string(),
        })?;
    let certified = CertifiedKey::new(certificates, signer);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::KeyMismatch {
            chain: chain.to_owned(),
            key: key.to_owned(),
        }),
        Err(error) => Err(TlsError::BadCertificate {
            file: chain.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// A name of a server as clients say it: in lower case and without a dot at its end.
fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn cryptography(error: rustls::Error) -> TlsError {
    TlsError::Cryptography {
        reason: error.to_string(),
    }
}

/// All certificates of a file, in its order.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let sections = sections(file)?;
    let certificates: Vec<_> = sections
        .iter()
        .filter(|(kind, _)| matches!(kind, Section::Known(SectionKind::Certificate)))
        .map(|(_, der)| CertificateDer::from(der.clone()))
        .collect();
    if certificates.is_empty() {
        return Err(missing(file, PemKind::Certificate, &sections));
    }
    Ok(certificates)
}

/// The first private key of a file.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let sections = sections(file)?;
    let key = sections.iter().find_map(|(kind, der)| match kind {
        Section::Known(SectionKind::PrivateKey) => {
            Some(PrivatePkcs8KeyDer::from(der.clone()).into())
        }
        Section::Known(SectionKind::RsaPrivateKey) => {
            Some(PrivatePkcs1KeyDer::from(der.clone()).into())
        }
        Section::Known(SectionKind::EcPrivateKey) => {
            Some(PrivateSec1KeyDer::from(der.clone()).into())
        }
        _ => None,
    });
    key.ok_or_else(|| missing(file, PemKind::PrivateKey, &sections))
}

enum Section {
    Known(SectionKind),
    EncryptedKey,
}

impl Section {
    fn kind(&self) -> PemKind {
        match self {
            Self::EncryptedKey => PemKind::EncryptedKey,
            Self::Known(SectionKind::Certificate) => PemKind::Certificate,
            Self::Known(SectionKind::PublicKey) => PemKind::PublicKey,
            Self::Known(
                SectionKind::RsaPrivateKey | SectionKind::PrivateKey | SectionKind::EcPrivateKey,
            ) => PemKind::PrivateKey,
            Self::Known(SectionKind::Crl) => PemKind::RevocationList,
            Self::Known(SectionKind::Csr) => PemKind::Request,
            Self::Known(_) => PemKind::Other,
        }
    }
}

fn missing(file: &Path, wanted: PemKind, sections: &[(Section, Vec<u8>)]) -> TlsError {
    TlsError::Missing {
        file: file.to_owned(),
        wanted,
        found: sections.iter().map(|(section, _)| section.kind()).collect(),
    }
}

fn sections(file: &Path) -> Result<Vec<(Section, Vec<u8>)>, TlsError> {
    let octets = read(file)?;
    let has = |mark: &[u8]| octets.windows(mark.len()).any(|part| part == mark);
    let mut sections = Vec::new();
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        sections.push((Section::EncryptedKey, Vec::new()));
    }
    if has(b"Proc-Type: 4,ENCRYPTED") {
        // The old form looks like an ordinary key, but for lines that are not Base64 (RFC 1421 §4.6).
        return Ok(vec![(Section::EncryptedKey, Vec::new())]);
    }
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&octets) {
        let (kind, der) = section.map_err(|error| TlsError::BadPem {
            file: file.to_owned(),
            reason: pem_reason(&error),
        })?;
        sections.push((Section::Known(kind), der));
    }
    Ok(sections)
}

fn pem_reason(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "a section has no end, so the file was cut".to_owned()
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a line that should begin a section is broken".to_owned()
        }
        pem::Error::Base64Decode(_) => "a section is not Base64".to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let mut octets = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(PEM_OCTETS_MAX + 1).read_to_end(&mut octets))
        .map_err(unreadable)?;
    if octets.len() as u64 > PEM_OCTETS_MAX {
        return Err(TlsError::TooLarge {
            file: file.to_owned(),
        });
    }
    Ok(octets)
}

/// Tickets sent after a handshake of TLS 1.3 (RFC 8446 §4.6.1).
const TICKETS: usize = 2;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// From so short a time before its end on, a certificate is worth a warning.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);
/// The permission of everybody to read.
const OTHERS_READ: u32 = 0o004;
