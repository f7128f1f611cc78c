//! What the levels of each coding cost and gain: `cargo run --release -p hansom-coding --example levels -- FILE...`
//!
//! Without files it takes a JSON of 5 MiB that it makes itself. The figures in docs/decisions/0012-content-codings.md
//! and the levels of [`Quality`](hansom_coding::Quality) come from here.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};

fn main() {
    let mut contents: Vec<(String, Vec<u8>)> = std::env::args()
        .skip(1)
        .filter_map(|path| Some((path.clone(), std::fs::read(path).ok()?)))
        .collect();
    if contents.is_empty() {
        contents.push(("json".into(), json(5 << 20)));
    }
    println!("coding level window   ratio   MiB/s  ms");
    for (name, content) in &contents {
        println!("{name}: {} octets", content.len());
        for level in [1, 3, 4, 5, 6, 7, 8, 9] {
            show("gzip", level, 15, content, |content| gzip(content, level));
        }
        for (level, window) in [
            (1, 18),
            (3, 18),
            (4, 18),
            (4, 20),
            (5, 18),
            (5, 20),
            (6, 20),
            (7, 20),
            (9, 20),
            (9, 22),
        ] {
            show("br", level, window, content, |content| {
                brotli(content, level, window)
            });
        }
        for (level, window) in [
            (1, 20),
            (2, 20),
            (3, 20),
            (4, 20),
            (6, 20),
            (6, 21),
            (9, 20),
            (9, 21),
            (12, 21),
            (15, 20),
            (19, 20),
        ] {
            show("zstd", level, window, content, |content| {
                zstd(content, level, window)
            });
        }
    }
}

fn show(coding: &str, level: u32, window: u32, content: &[u8], code: impl Fn(&[u8]) -> Vec<u8>) {
    let mut best = Duration::MAX;
    let mut octets = 0;
    for _ in 0..3 {
        let start = Instant::now();
        octets = code(content).len();
        best = best.min(start.elapsed());
    }
    let ratio = content.len() as f64 / octets as f64;
    let speed = content.len() as f64 / best.as_secs_f64() / f64::from(1 << 20);
    let millis = best.as_secs_f64() * 1e3;
    println!("{coding:6} {level:5} {window:6} {ratio:7.2} {speed:7.1} {millis:8.2}");
}

fn gzip(content: &[u8], level: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 1024);
    Compress::new_gzip(Compression::new(level), 15)
        .compress_vec(content, &mut out, FlushCompress::Finish)
        .unwrap();
    out
}

fn brotli(content: &[u8], level: u32, window: u32) -> Vec<u8> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: i32::try_from(level).unwrap(),
        lgwin: i32::try_from(window).unwrap(),
        ..Default::default()
    };
    let mut writer = brotli::CompressorWriter::with_params(Vec::new(), 16 * 1024, &params);
    writer.write_all(content).unwrap();
    writer.into_inner()
}

fn zstd(content: &[u8], level: u32, window: u32) -> Vec<u8> {
    let mut context = zstd_safe::CCtx::create();
    let level = i32::try_from(level).unwrap();
    context
        .set_parameter(zstd_safe::CParameter::CompressionLevel(level))
        .unwrap();
    context
        .set_parameter(zstd_safe::CParameter::WindowLog(window))
        .unwrap();
    let mut out = vec![0; zstd_safe::compress_bound(content.len())];
    let written = context.compress2(&mut out[..], content).unwrap();
    out.truncate(written);
    out
}

/// Records as an API would list them.
fn json(octets: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 33
    };
    let names = [
        "Ada", "Grace", "Edsger", "Barbara", "Donald", "Leslie", "Radia", "Tim",
    ];
    let mut out = b"[\n".to_vec();
    while out.len() < octets {
        let (id, name, place) = (next(), next() as usize % names.len(), next());
        let _ = writeln!(
            out,
            r#"  {{"id":{id},"name":"{}","email":"{}{}@example.org","balance":{}.{:02},"tags":["t{}","t{}"],"active":{}}},"#,
            names[name],
            names[name].to_lowercase(),
            place % 10_000,
            next() % 100_000,
            next() % 100,
            next() % 50,
            next() % 50,
            next() % 2 == 0,
        );
    }
    out.extend_from_slice(b"  {}\n]\n");
    out
}
