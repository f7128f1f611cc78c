//! What certificates say of themselves.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The subject, as RFC 4514 writes it.
pub(super) fn subject(der: &CertificateDer<'_>) -> Option<Box<str>> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.subject.to_string().into())
}

/// What is of interest in a certificate of ours; `None` if it is not understood, which is left to clients.
#[derive(Debug)]
pub(super) struct Described {
    /// The names of servers it is for, in lower case.
    pub(super) names: Vec<String>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

pub(super) fn describe(der: &CertificateDer<'_>) -> Option<Described> {
    let certificate = Certificate::from_der(der).ok()?;
    let body = certificate.tbs_certificate;
    let mut names = Vec::new();
    if let Ok(Some((_, alternatives))) = body.get::<SubjectAltName>() {
        for name in alternatives.0 {
            if let GeneralName::DnsName(name) = name {
                names.push(name.as_str().to_ascii_lowercase());
            }
        }
    }
    Some(Described {
        names,
        not_before: body.validity.not_before.to_system_time(),
        not_after: body.validity.not_after.to_system_time(),
    })
}
