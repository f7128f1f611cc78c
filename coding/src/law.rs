//! What holds for any octets given to a decoder, for tests and the fuzzer.

use crate::{Coding, DecodeError, Decoder, DecoderLimits};

/// Decodes any octets: the first chooses the coding, the second how they are cut. However they are, the content is the
/// same, or the error, and the limits hold.
///
/// # Panics
/// When that does not hold.
#[doc(hidden)]
pub fn law(octets: &[u8]) {
    let [choice, cut, coded @ ..] = octets else {
        return;
    };
    let Some(&coding) = Coding::ALL.get(usize::from(*choice) % Coding::ALL.len()) else {
        return;
    };
    let whole = decoded(coding, coded, coded.len().max(1), 64 * 1024);
    let parts = decoded(
        coding,
        coded,
        usize::from(*cut) + 1,
        usize::from(*cut) * 16 + 1,
    );
    assert!(whole.0.len() as u64 <= LIMITS.octets_max);
    assert_eq!(whole.1, parts.1, "the end depends on the cuts");
    if whole.1.is_ok() {
        assert!(whole.0 == parts.0, "the content depends on the cuts");
    }
}

fn decoded(
    coding: Coding,
    coded: &[u8],
    piece: usize,
    room: usize,
) -> (Vec<u8>, Result<(), DecodeError>) {
    let mut content = Vec::new();
    let mut decoder = match Decoder::new(coding, LIMITS) {
        Ok(decoder) => decoder,
        Err(error) => return (content, Err(error)),
    };
    let mut room = vec![0; room];
    for mut piece in coded.chunks(piece) {
        loop {
            let step = match decoder.decode(piece, &mut room) {
                Ok(step) => step,
                Err(error) => return (content, Err(error)),
            };
            content.extend_from_slice(room.get(..step.written).unwrap_or_default());
            piece = piece.get(step.read..).unwrap_or_default();
            if step.written < room.len() {
                break;
            }
        }
    }
    (content, decoder.finish())
}

/// The ratio of what came so far depends on the cuts, so it is not limited here.
const LIMITS: DecoderLimits = DecoderLimits {
    octets_max: 1 << 20,
    ratio_max: u64::MAX,
};
