//! Memory that encoders and decoders hold, as the system counts it: `cargo run --release -p hansom-coding --example
//! memory` (Linux).

use hansom_coding::{Coding, Decoder, DecoderLimits, Encoder, Negotiated, Quality};

fn main() {
    let mut state = 1_u32;
    let content: Vec<u8> = (0..CONTENT_OCTETS)
        .map(|_| {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
            b"etaoin shrdlu\n<>"[(state >> 24) as usize % 16]
        })
        .collect();
    println!("KiB held by each of {COUNT}, about");
    // The smallest first, since what is given back to the allocator is not seen by the system.
    for coding in Coding::ALL.into_iter().rev() {
        let negotiated = Negotiated {
            coding,
            quality: Quality::Small,
            octets: None,
            dictionary: None,
        };
        let mut coded = Vec::new();
        let mut encoder = Encoder::new(&negotiated).unwrap();
        encoder.encode(&content, &mut coded).unwrap();
        encoder.finish(&mut coded).unwrap();
        let limits = DecoderLimits {
            octets_max: u64::MAX,
            ratio_max: u64::MAX,
        };
        let before = resident_kib();
        let decoders: Vec<Decoder> = (0..COUNT)
            .map(|_| {
                let mut decoder = Decoder::new(coding, limits).unwrap();
                let (mut input, mut room) = (&coded[..coded.len() - 16], vec![0; 16 * 1024]);
                while !input.is_empty() {
                    let step = decoder.decode(input, &mut room).unwrap();
                    input = &input[step.read..];
                }
                decoder
            })
            .collect();
        println!(
            "{} decoder {} (of what our encoders send)",
            coding.name(),
            (resident_kib() - before) / COUNT
        );
        drop(decoders);
        for quality in [Quality::Quick, Quality::Small] {
            let negotiated = Negotiated {
                coding,
                quality,
                octets: None,
                dictionary: None,
            };
            let before = resident_kib();
            let encoders: Vec<Encoder> = (0..COUNT)
                .map(|_| {
                    let mut encoder = Encoder::new(&negotiated).unwrap();
                    for piece in content.chunks(64 * 1024) {
                        encoder.encode(piece, &mut Vec::new()).unwrap();
                    }
                    encoder
                })
                .collect();
            println!(
                "{} {quality:?} encoder {}",
                coding.name(),
                (resident_kib() - before) / COUNT
            );
            drop(encoders);
        }
    }
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const COUNT: usize = 16;
const CONTENT_OCTETS: usize = 6 << 20;
