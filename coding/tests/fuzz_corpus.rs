//! The law of decoders over what was once found, or is a good start.

use std::fs;
use std::path::Path;

#[test]
fn the_law_holds_over_its_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/fuzz/codings");
    let mut seeds = 0;
    for entry in fs::read_dir(folder).unwrap() {
        hansom_coding::law(&fs::read(entry.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds > 5, "the corpus is gone");
}

#[test]
fn the_law_holds_for_damaged_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/fuzz/codings");
    for entry in fs::read_dir(folder).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        for at in 0..seed.len() {
            for bit in [0, 3, 7] {
                let mut damaged = seed.clone();
                damaged[at] ^= 1 << bit;
                hansom_coding::law(&damaged);
            }
            hansom_coding::law(&seed[..at]);
        }
    }
}
