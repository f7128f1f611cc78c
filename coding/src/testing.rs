//! Contents for the tests of this crate.

use crate::{Coding, DecoderLimits, Negotiated, Quality};

impl DecoderLimits {
    pub(crate) const NONE: Self = Self {
        octets_max: u64::MAX,
        ratio_max: u64::MAX,
    };
}

/// Calls `act` with every coding in every quality.
pub(crate) fn with_every_coding(octets: Option<u64>, mut act: impl FnMut(&Negotiated<'static>)) {
    for coding in Coding::ALL {
        for quality in [Quality::Quick, Quality::Small] {
            act(&Negotiated {
                coding,
                quality,
                octets,
                dictionary: None,
            });
        }
    }
}

/// Octets that no coding makes smaller, the same ones each time.
pub(crate) fn sample(octets: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..octets).map(|_| next()).collect()
}

/// Something like text: words of a small language in no order.
pub(crate) fn compressible(octets: usize) -> Vec<u8> {
    const WORDS: [&[u8]; 16] = [
        b"the ",
        b"field ",
        b"of ",
        b"a ",
        b"request ",
        b"is ",
        b"sent ",
        b"to ",
        b"an ",
        b"origin ",
        b"server, ",
        b"which ",
        b"selects ",
        b"one ",
        b"representation.\n",
        b"<p>",
    ];
    let mut text: Vec<u8> = sample(octets)
        .iter()
        .flat_map(|octet| WORDS[usize::from(octet % 16)])
        .copied()
        .collect();
    text.truncate(octets);
    text
}
