//! The digests of crypt(3): MD5 of Apache, SHA-256 and SHA-512, as the letters in which they are written.

use md5::{Digest, Md5};
use sha_crypt::Params;

/// A digest in the base 64 of crypt(3), which is written as it is made: lowest bits first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest64 {
    letters: [u8; 86],
    len: usize,
}

impl Digest64 {
    /// A digest of so many letters as it stands in a file.
    pub(crate) fn read(text: &str, len: usize) -> Option<Self> {
        let mut digest = Self::EMPTY;
        let is_one = text.len() == len && text.bytes().all(|letter| LETTERS.contains(&letter));
        digest
            .letters
            .get_mut(..len)?
            .copy_from_slice(is_one.then_some(text.as_bytes())?);
        digest.len = len;
        Some(digest)
    }

    /// Its letters.
    pub(crate) fn octets(&self) -> &[u8] {
        self.letters.get(..self.len).unwrap_or_default()
    }

    /// The digest as 24 bits at a time, which `order` takes from it, highest octet first.
    fn of(digest: &[u8], order: impl Iterator<Item = [Option<usize>; 3]>) -> Self {
        let mut made = Self::EMPTY;
        for octets in order {
            let octet = |place: Option<usize>| {
                u32::from(place.and_then(|i| digest.get(i)).copied().unwrap_or(0))
            };
            let mut bits = octets
                .iter()
                .fold(0, |bits, place| bits << 8 | octet(*place));
            let letters = 1 + octets.iter().flatten().count();
            for _ in 0..letters {
                if let (Some(slot), Some(letter)) = (
                    made.letters.get_mut(made.len),
                    LETTERS.get(bits as usize & 63),
                ) {
                    *slot = *letter;
                    made.len += 1;
                }
                bits >>= 6;
            }
        }
        made
    }

    const EMPTY: Self = Self {
        letters: [0; 86],
        len: 0,
    };
}

/// SHA-256 crypt.
pub(crate) fn sha256(password: &[u8], salt: &[u8], rounds: u32) -> Digest64 {
    let digest = sha_crypt::sha256_crypt(password, salt, params(rounds));
    let next = |&[a, b, c]: &[usize; 3]| Some([c + 1, a + 1, b + 1]);
    let triples = std::iter::successors(Some([0, 10, 20]), next).take(10);
    let rest = [None, Some(31), Some(30)];
    Digest64::of(
        &digest,
        triples.map(|triple| triple.map(Some)).chain([rest]),
    )
}

/// SHA-512 crypt.
pub(crate) fn sha512(password: &[u8], salt: &[u8], rounds: u32) -> Digest64 {
    let digest = sha_crypt::sha512_crypt(password, salt, params(rounds));
    let next = |&[a, b, c]: &[usize; 3]| Some([b + 1, c + 1, a + 1]);
    let triples = std::iter::successors(Some([0, 21, 42]), next).take(21);
    let rest = [None, None, Some(63)];
    Digest64::of(
        &digest,
        triples.map(|triple| triple.map(Some)).chain([rest]),
    )
}

/// Rounds were checked when the hash was read.
fn params(rounds: u32) -> Params {
    Params::new(rounds).unwrap_or_default()
}

/// The thousand rounds of MD5 that Apache took over from FreeBSD's crypt(3), with a name of its own.
pub(crate) fn apr1(password: &[u8], salt: &[u8]) -> Digest64 {
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut first = Md5::new()
        .chain_update(password)
        .chain_update(b"$apr1$")
        .chain_update(salt);
    // As many octets of the inner digest as the password has.
    for piece in password.chunks(16) {
        first.update(inner.get(..piece.len()).unwrap_or_default());
    }
    // One octet for each bit of the password's length: NUL for a one, the password's first octet for a zero.
    let mut bits = password.len();
    while bits > 0 {
        match bits & 1 {
            1 => first.update([0]),
            _ => first.update(password.get(..1).unwrap_or_default()),
        }
        bits >>= 1;
    }
    let mut digest = first.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        let is_odd = round % 2 == 1;
        next.update(if is_odd { password } else { &digest });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if is_odd { &digest } else { password });
        digest = next.finalize();
    }
    let triples = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let rest = [None, None, Some(11)];
    Digest64::of(
        &digest,
        triples
            .into_iter()
            .map(|triple| triple.map(Some))
            .chain([rest]),
    )
}

const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
