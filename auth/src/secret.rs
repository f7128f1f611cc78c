//! Values that must not be seen: in a log, in an error, in memory longer than needed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// A password. It is overwritten when it is dropped, and nothing prints it.
#[derive(Clone)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// A password from its octets.
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Its octets.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// A key made at start, which never leaves this process.
pub(crate) struct ProcessKey(Zeroizing<[u8; 32]>);

impl ProcessKey {
    pub(crate) fn new() -> Result<Self, NoRandom> {
        let mut key = Zeroizing::new([0; 32]);
        fill(&mut *key)?;
        Ok(Self(key))
    }

    /// What stands for these parts in tables: without the key nobody learns anything of them. Each part comes with its length,
    /// so that no two lists of parts are the same octets.
    pub(crate) fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.0) else {
            // HMAC takes keys of any length (RFC 2104 §2).
            return [0; 32];
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for ProcessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessKey")
    }
}

/// SHA-256.
pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    Sha256::digest(octets).into()
}

/// Fills with octets of the system's random source.
pub(crate) fn fill(octets: &mut [u8]) -> Result<(), NoRandom> {
    getrandom::fill(octets).map_err(|_| NoRandom)
}

/// The system gave no random octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandom;

impl fmt::Display for NoRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gave no random octets")
    }
}

impl std::error::Error for NoRandom {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let password = Password::new(b"open sesame".to_vec());
        assert_eq!(format!("{password:?}"), "Password");
    }

    #[test]
    fn parts_are_not_confused() {
        let key = ProcessKey::new().unwrap();
        assert_eq!(key.digest(&[b"a", b"b"]), key.digest(&[b"a", b"b"]));
        assert_ne!(key.digest(&[b"a", b"b"]), key.digest(&[b"ab", b""]));
    }
}
