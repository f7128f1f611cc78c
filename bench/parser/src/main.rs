//! `parser-bench PARSER HEAD TIMES`: parses one request head many times, to be counted by callgrind.
//!
//! PARSER is `ours`, `machine`, `httparse` or `nothing`, HEAD is `browser` or `short`. `cargo xtask parser-bench`
//! runs it twice with different TIMES and divides the difference, so that start-up does not count.

mod heads;
mod httparse_side;
mod our_side;

use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [parser, head, times] = words.as_slice() else {
        return usage();
    };
    let (Some(parse), Some(octets), Ok(times)) = (parser_of(parser), head_of(head), times.parse())
    else {
        return usage();
    };
    repeat(parse, octets, times)
}

/// Parses the head so many times; a parser that does not take the whole head fails.
fn repeat(parse: fn(&[u8]) -> usize, octets: &[u8], times: u32) -> ExitCode {
    for _ in 0..times {
        let consumed = black_box(parse(black_box(octets)));
        if consumed != octets.len() {
            eprintln!("{consumed} of {} octets were consumed", octets.len());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn parser_of(name: &str) -> Option<fn(&[u8]) -> usize> {
    match name {
        "ours" => Some(our_side::ours),
        "machine" => Some(our_side::machine),
        "httparse" => Some(httparse_side::theirs),
        "nothing" => Some(<[u8]>::len),
        _ => None,
    }
}

fn head_of(name: &str) -> Option<&'static [u8]> {
    match name {
        "browser" => Some(heads::BROWSER),
        "short" => Some(heads::SHORT),
        _ => None,
    }
}

fn usage() -> ExitCode {
    eprintln!("parser-bench ours|machine|httparse|nothing browser|short TIMES");
    ExitCode::FAILURE
}
