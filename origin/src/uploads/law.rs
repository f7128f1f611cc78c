//! What holds for any content given to the readers of forms, for tests and the fuzzer.

use super::disposition::Disposition;
use super::fields::Fields;
use super::multipart::{Event, Multipart, MultipartError};

/// Reads any octets as both kinds of form: the first octet says how they are cut. However they are, the parts are the
/// same, or the error, and the limits hold.
///
/// # Panics
/// When that does not hold.
#[doc(hidden)]
pub fn law(octets: &[u8]) {
    let Some((&cut, content)) = octets.split_first() else {
        return;
    };
    let whole = parts(content, content.len().max(1));
    assert_eq!(
        whole,
        parts(content, usize::from(cut) + 1),
        "the parts depend on the cuts"
    );
    if let Ok(parts) = whole {
        assert!(parts.len() <= PARTS_MAX);
        for (head, _) in parts {
            assert!(head.len() <= HEAD_OCTETS_MAX);
            let _ = Disposition::of(&head);
        }
    }
    let _ = Fields::of_urlencoded(content, FIELDS_OCTETS_MAX);
}

/// The parts, as head and data.
type Parts = Vec<(Vec<u8>, Vec<u8>)>;

fn parts(content: &[u8], piece: usize) -> Result<Parts, MultipartError> {
    let mut multipart = Multipart::new(b"b", HEAD_OCTETS_MAX, PARTS_MAX);
    let mut parts = Parts::new();
    for mut piece in content.chunks(piece) {
        while let Some(event) = multipart.next(&mut piece)? {
            match event {
                Event::Head(head) => parts.push((head.to_vec(), Vec::new())),
                Event::Data(data) => {
                    assert!(!data.is_empty());
                    if let Some((_, content)) = parts.last_mut() {
                        content.extend_from_slice(data);
                    }
                }
                Event::End => {}
            }
        }
    }
    multipart.finish().map(|()| parts)
}

const HEAD_OCTETS_MAX: usize = 256;
const PARTS_MAX: usize = 8;
const FIELDS_OCTETS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_law_holds_over_its_corpus_and_over_damaged_seeds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/fuzz/forms");
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
