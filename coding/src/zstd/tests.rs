use super::*;
use crate::testing::sample;
use crate::{Decoder as AnyDecoder, DecoderLimits};

fn encoder(quality: Quality, octets: Option<u64>) -> Encoder {
    Encoder::new(&Negotiated {
        coding: Coding::Zstd,
        quality,
        octets,
        dictionary: None,
    })
    .unwrap()
}

#[test]
fn an_encoder_holds_as_much_memory_as_is_written_down() {
    for (quality, octets, octets_max) in [
        (Quality::Quick, None, 3 << 20),
        (Quality::Small, None, 12 << 20),
        (Quality::Small, Some(1 << 20), 12 << 20),
        (Quality::Small, Some(4096), 1 << 20),
    ] {
        let mut encoder = encoder(quality, octets);
        let mut out = Vec::new();
        let content = sample(usize::try_from(octets.unwrap_or(8 << 20)).unwrap());
        encoder.encode(&content, &mut out).unwrap();
        let held = encoder.memory_octets();
        assert!(held <= octets_max, "{quality:?} {octets:?}: {held}");
    }
}

/// RFC 9659 §3.
#[test]
fn a_window_above_8_mib_is_refused() {
    let frame = |window_log: u32| {
        let mut context = CCtx::create();
        for parameter in [
            CParameter::CompressionLevel(1),
            CParameter::WindowLog(window_log),
        ] {
            context.set_parameter(parameter).unwrap();
        }
        let mut encoder = Encoder {
            context,
            counted: Counted::new(None),
        };
        let mut out = Vec::new();
        encoder.encode(b"content", &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        out
    };
    let decoded = |octets: &[u8]| {
        AnyDecoder::new(Coding::Zstd, DecoderLimits::NONE)
            .unwrap()
            .decode_all(octets)
    };
    assert_eq!(decoded(&frame(23)).unwrap(), b"content");
    assert_eq!(decoded(&frame(24)), Err(DecodeError::WindowLimit));
}

/// RFC 9659 §3: also when the content is longer than that.
#[test]
fn what_is_encoded_needs_no_larger_window_than_every_recipient_has() {
    let content = sample(9 << 20);
    for quality in [Quality::Quick, Quality::Small] {
        for octets in [None, Some(content.len() as u64)] {
            let mut encoder = encoder(quality, octets);
            let mut out = Vec::new();
            encoder.encode(&content, &mut out).unwrap();
            encoder.finish(&mut out).unwrap();
            let decoder = AnyDecoder::new(Coding::Zstd, DecoderLimits::NONE).unwrap();
            assert!(decoder.decode_all(&out).unwrap() == content);
        }
    }
}
