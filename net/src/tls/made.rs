//! Certificates that are made at start and signed by themselves.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;

use super::TlsError;

/// A certificate for these names, `localhost`, 127.0.0.1 and ::1, with a key of P-256. Clients that limit the life of certificates take it.
pub(super) fn certificate(
    names: &[String],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let failed = |reason: String| TlsError::SelfSigned { reason };
    let error = |error: rcgen::Error| failed(error.to_string());
    let mut all: Vec<String> = names.to_vec();
    for local in [LOCAL_NAME, "127.0.0.1", "::1"] {
        if !all.iter().any(|name| name == local) {
            all.push(local.to_owned());
        }
    }
    let first = all.first().cloned().unwrap_or_default();
    let mut params = CertificateParams::new(all).map_err(error)?;
    params.distinguished_name.push(DnType::CommonName, first);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let today = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs() / DAY_SECONDS);
    let date = |days| {
        let (year, month, day) = civil(days);
        rcgen::date_time_ymd(year, month, day)
    };
    params.not_before = date(today.saturating_sub(1));
    params.not_after = date(today + DAYS_VALID);
    let key = KeyPair::generate().map_err(error)?;
    let certificate = params.self_signed(&key).map_err(error)?;
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let signer = provider
        .key_provider
        .load_private_key(private.into())
        .map_err(|error| failed(error.to_string()))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], signer))
}

/// Whether a certificate that was made then should be made again.
pub(super) fn is_old(made: SystemTime) -> bool {
    made.elapsed()
        .is_ok_and(|age| age > Duration::from_secs(DAYS_VALID / 2 * DAY_SECONDS))
}

/// Year, month and day so many days after 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (i32, u8, u8) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (
        i32::try_from(year).unwrap_or(i32::MAX),
        u8::try_from(month).unwrap_or(1),
        u8::try_from(day).unwrap_or(1),
    )
}

pub(super) const LOCAL_NAME: &str = "localhost";
const DAY_SECONDS: u64 = 24 * 3600;
/// The longest life that all clients accept is 398 days.
const DAYS_VALID: u64 = 397;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_454, (2026, 1, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(days), expected, "{days}");
        }
    }
}
