use super::*;
use crate::testing::{compressible, sample, with_every_coding};
use crate::{Encoder, Negotiated, Quality};

fn encoded(coding: Coding, content: &[u8]) -> Vec<u8> {
    let negotiated = Negotiated {
        coding,
        quality: Quality::Quick,
        octets: None,
        dictionary: None,
    };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&negotiated).unwrap();
    encoder.encode(content, &mut out).unwrap();
    encoder.finish(&mut out).unwrap();
    out
}

/// Decodes in pieces of the given sizes in and out.
fn decoded(
    coding: Coding,
    limits: DecoderLimits,
    input: &[u8],
    piece: usize,
    room: usize,
) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = Decoder::new(coding, limits)?;
    let mut content = Vec::new();
    let mut room = vec![0; room];
    for mut piece in input.chunks(piece) {
        loop {
            let step = decoder.decode(piece, &mut room)?;
            content.extend_from_slice(&room[..step.written]);
            piece = &piece[step.read..];
            if step.written < room.len() {
                assert!(piece.is_empty(), "input is left though there is room");
                break;
            }
        }
    }
    decoder.finish()?;
    Ok(content)
}

#[test]
fn however_coded_octets_are_cut_the_content_is_the_same() {
    let content = [compressible(5000), sample(3000)].concat();
    for coding in Coding::ALL {
        let coded = encoded(coding, &content);
        for (piece, room) in [(1, 1), (1, 100_000), (7, 13), (1000, 64), (100_000, 1)] {
            let plain = decoded(coding, DecoderLimits::NONE, &coded, piece, room).unwrap();
            assert!(plain == content, "{coding:?} {piece} {room}");
        }
    }
}

#[test]
fn a_coded_content_without_its_end_is_incomplete() {
    let content = compressible(3000);
    for coding in Coding::ALL {
        let coded = encoded(coding, &content);
        for end in 0..coded.len() {
            let result = decoded(coding, DecoderLimits::NONE, &coded[..end], 4096, 4096);
            assert_eq!(result, Err(DecodeError::Incomplete), "{coding:?} {end}");
        }
    }
}

#[test]
fn octets_of_another_kind_are_no_coded_content() {
    for coding in Coding::ALL {
        let result = decoded(coding, DecoderLimits::NONE, &[0xff; 64], 64, 4096);
        assert_eq!(result, Err(DecodeError::Malformed(coding)));
    }
}

#[test]
fn damage_is_found_out_by_codings_with_a_checksum() {
    let content = sample(5000);
    for coding in [Coding::Gzip, Coding::Zstd] {
        let mut coded = encoded(coding, &content);
        let middle = coded.len() / 2;
        coded[middle] ^= 1;
        let result = decoded(coding, DecoderLimits::NONE, &coded, 4096, 4096);
        assert_eq!(result, Err(DecodeError::Malformed(coding)));
    }
}

#[test]
fn members_and_frames_follow_one_another_where_the_coding_has_them() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let two = [encoded(coding, b"first "), encoded(coding, b"second")].concat();
        for piece in [1, 1000] {
            let plain = decoded(coding, DecoderLimits::NONE, &two, piece, 64).unwrap();
            assert_eq!(plain, b"first second");
        }
    }
    let two = [
        encoded(Coding::Brotli, b"first "),
        encoded(Coding::Brotli, b"x"),
    ]
    .concat();
    let result = decoded(Coding::Brotli, DecoderLimits::NONE, &two, 1000, 64);
    assert_eq!(result, Err(DecodeError::Trailing));
}

#[test]
fn what_follows_the_end_is_refused() {
    for (coding, expected) in [
        (Coding::Gzip, DecodeError::Malformed(Coding::Gzip)),
        (Coding::Zstd, DecodeError::Malformed(Coding::Zstd)),
        (Coding::Brotli, DecodeError::Trailing),
    ] {
        let more = [encoded(coding, b"content"), b"trailing octets".to_vec()].concat();
        for piece in [1, 1000] {
            let result = decoded(coding, DecoderLimits::NONE, &more, piece, 64);
            assert_eq!(result, Err(expected), "{coding:?}");
        }
    }
}

#[test]
fn a_bomb_ends_at_the_limit_of_octets() {
    for coding in Coding::ALL {
        let bomb = encoded(coding, &vec![0; 32 << 20]);
        assert!(bomb.len() < 64 * 1024, "{coding:?} {}", bomb.len());
        let limits = DecoderLimits {
            octets_max: 1 << 20,
            ratio_max: u64::MAX,
        };
        for room in [100, 1 << 16] {
            let mut decoder = Decoder::new(coding, limits).unwrap();
            let mut room = vec![0; room];
            let (mut input, mut written) = (&bomb[..], 0);
            let error = loop {
                match decoder.decode(input, &mut room) {
                    Ok(step) => {
                        input = &input[step.read..];
                        written += step.written;
                    }
                    Err(error) => break error,
                }
            };
            assert_eq!(error, DecodeError::OctetsLimit);
            assert!(written <= 1 << 20, "{coding:?} {written}");
        }
    }
}

#[test]
fn a_bomb_ends_at_the_limit_of_the_ratio() {
    for coding in Coding::ALL {
        let bomb = encoded(coding, &vec![0; 8 << 20]);
        let limits = DecoderLimits {
            octets_max: u64::MAX,
            ratio_max: 100,
        };
        let result = decoded(coding, limits, &bomb, 512, 4096);
        assert_eq!(result, Err(DecodeError::RatioLimit), "{coding:?}");
    }
}

#[test]
fn short_repetitive_content_is_within_any_ratio() {
    let content = vec![b' '; usize::try_from(RATIO_FREE_OCTETS).unwrap()];
    for coding in Coding::ALL {
        let limits = DecoderLimits {
            octets_max: RATIO_FREE_OCTETS,
            ratio_max: 1,
        };
        let plain = decoded(coding, limits, &encoded(coding, &content), 4096, 4096);
        assert!(plain.unwrap() == content, "{coding:?}");
    }
}

#[test]
fn octets_at_the_limit_are_given() {
    with_every_coding(None, |negotiated| {
        let coding = negotiated.coding;
        let coded = encoded(coding, &[b'x'; 100]);
        let limits = |octets_max| DecoderLimits {
            octets_max,
            ratio_max: 1000,
        };
        assert!(decoded(coding, limits(100), &coded, 10, 10).is_ok());
        let result = decoded(coding, limits(99), &coded, 10, 10);
        assert_eq!(result, Err(DecodeError::OctetsLimit));
    });
}
