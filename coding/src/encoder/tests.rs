use super::*;
use crate::testing::{compressible, sample, with_every_coding};
use crate::{Decoder, DecoderLimits, RECIPE};

fn encoded(negotiated: &Negotiated<'_>, pieces: &[&[u8]]) -> Vec<u8> {
    let mut encoder = Encoder::new(negotiated).unwrap();
    let mut out = Vec::new();
    for piece in pieces {
        encoder.encode(piece, &mut out).unwrap();
    }
    encoder.finish(&mut out).unwrap();
    out
}

#[test]
fn what_is_encoded_is_decoded_to_the_same() {
    for content in [
        &b""[..],
        b"a",
        b"hello, hello, hello",
        &compressible(300_000),
        &sample(300_000),
    ] {
        with_every_coding(None, |negotiated| {
            let coded = encoded(negotiated, &[content]);
            let plain = Decoder::new(negotiated.coding, DecoderLimits::NONE)
                .unwrap()
                .decode_all(&coded)
                .unwrap();
            assert!(plain == content, "{negotiated:?}");
        });
    }
}

#[test]
fn however_content_is_cut_the_coded_octets_are_the_same() {
    let content = [compressible(90_000), sample(70_000), compressible(200_000)].concat();
    let length = Some(content.len() as u64);
    for octets in [None, length] {
        with_every_coding(octets, |negotiated| {
            let whole = encoded(negotiated, &[&content]);
            for piece in [1, 7, 1000, 4096, 65_536, 100_003] {
                let pieces: Vec<&[u8]> = content.chunks(piece).collect();
                assert!(
                    encoded(negotiated, &pieces) == whole,
                    "{negotiated:?} in pieces of {piece}"
                );
            }
        });
    }
}

#[test]
fn every_cut_in_two_gives_the_same_octets() {
    let content = compressible(700);
    with_every_coding(None, |negotiated| {
        let whole = encoded(negotiated, &[&content]);
        for at in 0..=content.len() {
            let (first, second) = content.split_at(at);
            assert!(encoded(negotiated, &[first, second]) == whole, "{at}");
        }
    });
}

#[test]
fn a_flush_gives_out_all_that_was_taken() {
    with_every_coding(None, |negotiated| {
        let mut encoder = Encoder::new(negotiated).unwrap();
        let mut decoder = Decoder::new(negotiated.coding, DecoderLimits::NONE).unwrap();
        let mut room = vec![0; 1 << 16];
        for piece in [&b"first"[..], b"second", &sample(20_000)] {
            let mut out = Vec::new();
            encoder.encode(piece, &mut out).unwrap();
            encoder.flush(&mut out).unwrap();
            let step = decoder.decode(&out, &mut room).unwrap();
            assert!(room[..step.written] == *piece, "{negotiated:?}");
        }
        let mut out = Vec::new();
        encoder.finish(&mut out).unwrap();
        decoder.decode(&out, &mut room).unwrap();
        decoder.finish().unwrap();
    });
}

#[test]
fn content_of_another_length_than_negotiated_is_refused() {
    with_every_coding(Some(10), |negotiated| {
        let mut longer = Encoder::new(negotiated).unwrap();
        let mut out = Vec::new();
        assert_eq!(
            longer.encode(&[0; 11], &mut out),
            Err(EncodeError::Length),
            "{negotiated:?}"
        );
        let mut shorter = Encoder::new(negotiated).unwrap();
        shorter.encode(&[0; 9], &mut out).unwrap();
        assert_eq!(shorter.finish(&mut out), Err(EncodeError::Length));
    });
}

#[test]
fn what_a_piece_adds_is_bounded_by_the_piece_and_the_window() {
    let content = sample(3 << 20);
    with_every_coding(None, |negotiated| {
        let mut encoder = Encoder::new(negotiated).unwrap();
        for piece in content.chunks(64 * 1024) {
            let mut out = Vec::new();
            encoder.encode(piece, &mut out).unwrap();
            assert!(out.len() <= (64 * 1024) + (2 << 20), "{negotiated:?}");
        }
    });
}

/// Coded contents that were kept elsewhere, by a tag that names [`RECIPE`], must be what this version makes.
#[test]
fn a_recipe_is_what_it_was() {
    let content = [compressible(50_000), sample(10_000)].concat();
    let mut sums = Vec::new();
    with_every_coding(Some(content.len() as u64), |negotiated| {
        let coded = encoded(negotiated, &[&content]);
        // FNV-1a, 64 bits.
        let sum = coded.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, octet| {
            (sum ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
        });
        sums.push(format!(
            "{} {} {sum:016x}",
            negotiated.coding.name(),
            coded.len()
        ));
    });
    assert_eq!(
        (RECIPE, sums),
        (
            1,
            [
                "zstd 20134 390e46fb2d0c26ae",
                "zstd 19406 f72b4cbdad9f38fc",
                "br 20597 106491106c2c7fe0",
                "br 18292 87c562d28b957867",
                "gzip 20656 e3ce8a5b9212e05c",
                "gzip 19790 b2a177943f952300",
            ]
            .map(str::to_owned)
            .to_vec()
        ),
        "raise RECIPE, then write down what is made by it"
    );
}

#[test]
fn a_window_is_as_large_as_it_has_to_be() {
    for (octets, expected) in [
        (None, 20),
        (Some(0), 10),
        (Some(1024), 10),
        (Some(1025), 11),
        (Some(1 << 20), 20),
        (Some(u64::MAX), 20),
    ] {
        assert_eq!(window_log(octets, 10, 20), expected, "{octets:?}");
    }
}

#[test]
fn names_and_aliases_are_known_in_any_case() {
    for (name, expected) in [
        (&b"gzip"[..], Some(Coding::Gzip)),
        (b"GZip", Some(Coding::Gzip)),
        (b"x-gzip", Some(Coding::Gzip)),
        (b"br", Some(Coding::Brotli)),
        (b"zstd", Some(Coding::Zstd)),
        (b"x-br", None),
        (b"identity", None),
        (b"deflate", None),
        (b"", None),
    ] {
        assert_eq!(Coding::from_name(name), expected);
    }
    for (place, coding) in Coding::ALL.into_iter().enumerate() {
        assert_eq!(coding.index(), place);
    }
}
