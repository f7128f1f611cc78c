//! What holds for any octets given to the readers of credentials, for tests and the fuzzer.

use crate::credentials;
use crate::passwords::users::Users;

/// Reads any octets as the value of Authorization and as a file of users. Nothing panics, and a name that is read has
/// neither a colon nor a control character (RFC 7617 §2).
///
/// # Panics
/// When that does not hold.
#[doc(hidden)]
pub fn law(octets: &[u8]) {
    if let Some((name, _)) = credentials::basic(octets) {
        assert!(!name.contains(|c: char| c == ':' || c.is_control()));
    }
    let _ = Users::parse(octets);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_law_holds_over_its_corpus_and_over_damaged_seeds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/fuzz/credentials");
        let mut seeds = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            seeds += 1;
            super::law(&seed);
            for at in 0..seed.len() {
                super::law(&seed[..at]);
                let mut damaged = seed.clone();
                damaged[at] ^= 1 << (at % 8);
                super::law(&damaged);
            }
        }
        assert!(seeds >= 5, "the corpus is gone");
    }
}
