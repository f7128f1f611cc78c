//! Password hashes: the forms that htpasswd files hold.

use crate::passwords::crypt::{self, Digest64};
use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64, Base64Unpadded, Encoding};
use sha1::{Digest, Sha1};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password hash as read. It holds nothing that cannot be computed within the limits of this module.
#[derive(Clone)]
pub(crate) enum Hash {
    /// `$2y$`, `$2b$`, `$2a$`.
    Bcrypt { text: Box<str>, cost: u32 },
    /// `$argon2id$`, `$argon2i$`, `$argon2d$` (RFC 9106).
    Argon2 {
        algorithm: Algorithm,
        version: Version,
        params: Params,
        salt: Box<[u8]>,
        digest: Box<[u8]>,
    },
    /// `$5$`: SHA-256 crypt.
    Sha256Crypt {
        rounds: u32,
        salt: Box<[u8]>,
        digest: Digest64,
    },
    /// `$6$`: SHA-512 crypt.
    Sha512Crypt {
        rounds: u32,
        salt: Box<[u8]>,
        digest: Digest64,
    },
    /// `$apr1$`: the MD5 form of Apache.
    Apr1 { salt: Box<[u8]>, digest: Digest64 },
    /// `{SHA}`: SHA-1 without a salt.
    Sha1 { digest: [u8; 20] },
}

impl Hash {
    /// Reads a hash as it stands in a file.
    ///
    /// # Errors
    /// See [`HashError`].
    pub(crate) fn parse(text: &str) -> Result<Self, HashError> {
        if let Some(rest) = text.strip_prefix("$argon2") {
            argon2(rest)
        } else if ["$2y$", "$2b$", "$2a$"]
            .iter()
            .any(|id| text.starts_with(id))
        {
            bcrypt(text)
        } else if let Some(rest) = text.strip_prefix("$apr1$") {
            let (salt, digest) = rest.split_once('$').ok_or(HashError::Malformed("apr1"))?;
            Ok(Self::Apr1 {
                salt: salt_of(salt, 8, "apr1")?,
                digest: Digest64::read(digest, 22).ok_or(HashError::Malformed("apr1"))?,
            })
        } else if let Some(rest) = text.strip_prefix("$5$") {
            let (rounds, salt, digest) = sha_crypt(rest, 43)?;
            Ok(Self::Sha256Crypt {
                rounds,
                salt,
                digest,
            })
        } else if let Some(rest) = text.strip_prefix("$6$") {
            let (rounds, salt, digest) = sha_crypt(rest, 86)?;
            Ok(Self::Sha512Crypt {
                rounds,
                salt,
                digest,
            })
        } else if let Some(rest) = text.strip_prefix("{SHA}") {
            let mut digest = [0; 20];
            match Base64::decode(rest, &mut digest) {
                Ok(octets) if octets.len() == 20 => Ok(Self::Sha1 { digest }),
                _ => Err(HashError::Malformed("{SHA}")),
            }
        } else {
            Err(HashError::Unknown)
        }
    }

    /// Whether this is the password. It takes as long for a wrong one as for the right one.
    pub(crate) fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt { text, .. } => bcrypt::verify(password, text).unwrap_or(false),
            Self::Argon2 {
                algorithm,
                version,
                params,
                salt,
                digest,
            } => {
                let mut made = Zeroizing::new(vec![0; digest.len()]);
                let argon2 = Argon2::new(*algorithm, *version, params.clone());
                argon2.hash_password_into(password, salt, &mut made).is_ok() && same(&made, digest)
            }
            Self::Sha256Crypt {
                rounds,
                salt,
                digest,
            } => same(
                crypt::sha256(password, salt, *rounds).octets(),
                digest.octets(),
            ),
            Self::Sha512Crypt {
                rounds,
                salt,
                digest,
            } => same(
                crypt::sha512(password, salt, *rounds).octets(),
                digest.octets(),
            ),
            Self::Apr1 { salt, digest } => {
                same(crypt::apr1(password, salt).octets(), digest.octets())
            }
            Self::Sha1 { digest } => same(&Sha1::digest(password), digest),
        }
    }

    /// About how long it takes to check, in microseconds of a present core.
    pub(crate) fn micros(&self) -> u64 {
        match self {
            Self::Bcrypt { cost, .. } => 50 << (*cost).min(BCRYPT_COST_MAX),
            Self::Argon2 { params, .. } => work_kib(params.m_cost(), params.t_cost()),
            Self::Sha256Crypt { rounds, .. } | Self::Sha512Crypt { rounds, .. } => {
                u64::from(*rounds) / 2
            }
            Self::Apr1 { .. } => 300,
            Self::Sha1 { .. } => 1,
        }
    }

    fn form(&self) -> &'static str {
        match self {
            Self::Bcrypt { .. } => "bcrypt",
            Self::Argon2 { .. } => "argon2",
            Self::Sha256Crypt { .. } => "sha256-crypt",
            Self::Sha512Crypt { .. } => "sha512-crypt",
            Self::Apr1 { .. } => "apr1",
            Self::Sha1 { .. } => "{SHA}",
        }
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form())
    }
}

fn bcrypt(text: &str) -> Result<Hash, HashError> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| HashError::Malformed("bcrypt"))?;
    let cost = parts.get_cost();
    if !(4..=31).contains(&cost) {
        return Err(HashError::Malformed("bcrypt"));
    }
    if cost > BCRYPT_COST_MAX {
        return Err(HashError::Costly {
            what: "the cost of bcrypt",
            value: u64::from(cost),
            most: u64::from(BCRYPT_COST_MAX),
        });
    }
    Ok(Hash::Bcrypt {
        text: text.into(),
        cost,
    })
}

/// The PHC string format: `id$v=19$m=65536,t=3,p=4$<salt>$<hash>`, where the version may be absent (it is 16 then).
fn argon2(rest: &str) -> Result<Hash, HashError> {
    let malformed = HashError::Malformed("argon2");
    let mut parts = rest.split('$').peekable();
    let algorithm = match parts.next() {
        Some("id") => Algorithm::Argon2id,
        Some("i") => Algorithm::Argon2i,
        Some("d") => Algorithm::Argon2d,
        _ => return Err(malformed),
    };
    let version = match parts.next_if(|part| part.starts_with("v=")) {
        Some("v=19") => Version::V0x13,
        Some("v=16") | None => Version::V0x10,
        Some(_) => return Err(malformed),
    };
    let (Some(costs), Some(salt), Some(digest), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed);
    };
    let (memory_kib, passes, lanes) = argon2_costs(costs).ok_or(malformed)?;
    let decoded = |text: &str, most: usize| {
        let octets = Base64Unpadded::decode_vec(text).ok()?;
        (octets.len() <= most).then_some(octets.into_boxed_slice())
    };
    let salt = decoded(salt, 64)
        .filter(|salt| salt.len() >= 8)
        .ok_or(malformed)?;
    let digest = decoded(digest, 128)
        .filter(|digest| digest.len() >= 16)
        .ok_or(malformed)?;
    for (what, value, most) in [
        (
            "the memory of argon2 in KiB",
            u64::from(memory_kib),
            u64::from(ARGON2_MEMORY_KIB_MAX),
        ),
        (
            "memory times passes of argon2 in KiB",
            work_kib(memory_kib, passes),
            ARGON2_WORK_KIB_MAX,
        ),
    ] {
        if value > most {
            return Err(HashError::Costly { what, value, most });
        }
    }
    let params =
        Params::new(memory_kib, passes, lanes, Some(digest.len())).map_err(|_| malformed)?;
    Ok(Hash::Argon2 {
        algorithm,
        version,
        params,
        salt,
        digest,
    })
}

fn argon2_costs(text: &str) -> Option<(u32, u32, u32)> {
    let (memory, rest) = text.strip_prefix("m=")?.split_once(",t=")?;
    let (passes, lanes) = rest.split_once(",p=")?;
    Some((number(memory)?, number(passes)?, number(lanes)?))
}

/// `[rounds=<n>$]<salt>$<digest>`; 5000 rounds when nothing is said.
fn sha_crypt(rest: &str, digits: usize) -> Result<(u32, Box<[u8]>, Digest64), HashError> {
    let malformed = HashError::Malformed("sha-crypt");
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        None => (5000, rest),
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(malformed)?;
            (number(rounds).ok_or(malformed)?, rest)
        }
    };
    if rounds < 1000 {
        return Err(malformed);
    }
    if rounds > SHA_CRYPT_ROUNDS_MAX {
        return Err(HashError::Costly {
            what: "the rounds of sha-crypt",
            value: u64::from(rounds),
            most: u64::from(SHA_CRYPT_ROUNDS_MAX),
        });
    }
    let (salt, digest) = rest.split_once('$').ok_or(malformed)?;
    let digest = Digest64::read(digest, digits).ok_or(malformed)?;
    Ok((rounds, salt_of(salt, 16, "sha-crypt")?, digest))
}

fn salt_of(text: &str, octets_max: usize, form: &'static str) -> Result<Box<[u8]>, HashError> {
    if text.len() > octets_max || text.contains('$') {
        return Err(HashError::Malformed(form));
    }
    Ok(text.as_bytes().into())
}

/// Digits alone: no sign, no space.
fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn same(made: &[u8], stored: &[u8]) -> bool {
    made.ct_eq(stored).into()
}

fn work_kib(memory_kib: u32, passes: u32) -> u64 {
    u64::from(memory_kib) * u64::from(passes)
}

/// Why a hash cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// It is in no form that is known; a password in plain text is in none.
    Unknown,
    /// It begins as one of this form and goes on otherwise.
    Malformed(&'static str),
    /// To check it would take too long or too much memory.
    Costly {
        /// Which cost.
        what: &'static str,
        /// How much it is.
        value: u64,
        /// How much it may be.
        most: u64,
    },
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str(
                "the password is not hashed as bcrypt, argon2, apr1, {SHA}, $5$ or $6$; plain text and DES are refused; \
                 `hansom htpasswd FILE USER` writes such a line",
            ),
            Self::Malformed(form) => write!(f, "the hash begins as {form} but is not one"),
            Self::Costly { what, value, most } => {
                write!(f, "{what} is {value}, more than {most}: every sign-in would cost too much")
            }
        }
    }
}

/// The highest cost of bcrypt, about two seconds of a core.
pub const BCRYPT_COST_MAX: u32 = 15;
/// The most memory of argon2 in KiB, 256 MiB.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 256 * 1024;
/// The most memory times passes of argon2 in KiB, about two seconds of a core.
pub const ARGON2_WORK_KIB_MAX: u64 = 2 * 1024 * 1024;
/// The most rounds of SHA crypt, about half a second of a core.
pub const SHA_CRYPT_ROUNDS_MAX: u32 = 1_000_000;

#[cfg(test)]
mod tests;
