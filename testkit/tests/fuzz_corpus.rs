//! Every law over the seeds of its fuzz target, and over octets made of pieces that parsers care about.
//!
//! `HANSOM_FUZZ_CORPUS=FOLDER` names another folder of targets, such as the finds of one machine;
//! `HANSOM_LAW_SEEDS=N` makes more octets.

use std::fs;
use std::path::{Path, PathBuf};

use hansom_testkit::laws;
use hansom_testkit::sim::Dice;

type Law = fn(&[u8]);

/// The law of each fuzz target. That of `config` is with the configuration.
const LAWS: [(&str, Law); 7] = [
    ("request_head", laws::request_head),
    ("response_head", laws::response_head),
    ("chunks", laws::chunks),
    ("server_machine", laws::server_machine),
    ("observer", laws::observer),
    ("target", laws::target),
    ("fields", laws::fields),
];

#[test]
fn no_seed_of_the_corpus_breaks_its_law() {
    for (target, law) in LAWS {
        // The observer reads what a server reads.
        let folder = if target == "observer" {
            "server_machine"
        } else {
            target
        };
        let seeds = seeds_of(folder);
        assert!(!seeds.is_empty(), "no seeds for {target}");
        for seed in seeds {
            let octets = fs::read(&seed).expect("a seed can be read");
            hold(law, &octets, &seed.display().to_string());
        }
    }
}

#[test]
fn no_pieces_put_together_break_a_law() {
    let count = std::env::var("HANSOM_LAW_SEEDS").ok();
    let count = count.and_then(|count| count.parse().ok()).unwrap_or(300);
    for (target, law) in LAWS {
        for seed in 0..count {
            let octets = made_of_pieces(target, seed);
            hold(law, &octets, &format!("{target}, seed {seed}"));
        }
    }
}

/// Says which octets broke the law before the panic goes on.
fn hold(law: Law, octets: &[u8], what: &str) {
    let outcome = std::panic::catch_unwind(|| law(octets));
    if let Err(panic) = outcome {
        eprintln!("{what}: {}", octets.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

fn seeds_of(target: &str) -> Vec<PathBuf> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/fuzz");
    let root = std::env::var_os("HANSOM_FUZZ_CORPUS").map_or(usual, PathBuf::from);
    let Ok(entries) = fs::read_dir(root.join(target)) else {
        return Vec::new();
    };
    let mut seeds: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    seeds.sort();
    seeds
}

fn made_of_pieces(target: &str, seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let starts: &[&[u8]] = match target {
        "observer" => &BOTH_STARTS,
        "request_head" | "server_machine" => &REQUEST_STARTS,
        "response_head" => &RESPONSE_STARTS,
        "target" => &[b"/", b"http://a/", b"*", b"a:1"],
        _ => &[b""],
    };
    let mut octets = Vec::new();
    for _ in 0..1 + dice.below(3) {
        octets.extend_from_slice(one_of(&mut dice, starts));
        let pieces: &[&[u8]] = match target {
            "target" => &PATH_PIECES,
            "chunks" => &CHUNK_PIECES,
            _ => &PIECES,
        };
        for _ in 0..dice.below(14) {
            octets.extend_from_slice(one_of(&mut dice, pieces));
            if dice.is_one_in(40) {
                octets.push(dice.next_number() as u8);
            }
        }
        if dice.is_one_in(2) {
            octets.extend_from_slice(b"\r\n\r\n");
        }
        if dice.is_one_in(2) && matches!(target, "server_machine" | "observer") {
            for _ in 0..dice.below(10) {
                octets.extend_from_slice(one_of(&mut dice, &CHUNK_PIECES));
            }
        }
    }
    octets
}

fn one_of<'a>(dice: &mut Dice, pieces: &[&'a [u8]]) -> &'a [u8] {
    dice.pick::<&[u8]>(pieces)
}

const REQUEST_STARTS: [&[u8]; 14] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n",
    b"HEAD /a?b HTTP/1.0\r\nConnection: keep-alive\r\n",
    b"GET http://a.example/ HTTP/1.1\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n",
    b"OPTIONS * HTTP/1.1\n",
    b"GET  /  HTTP/1.1 \r\n",
    b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    b"\r\n\r\nGET",
    b"\x16\x03\x01",
    b"GET /",
    b"",
];

const BOTH_STARTS: [&[u8]; 10] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"GET / HTTP/1.1\r\nUpgrade: x\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 101 S\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n",
];

const RESPONSE_STARTS: [&[u8]; 6] = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 C\r\n\r\nHTTP/1.0 404 \r\n",
    b"HTTP/1.1 200\r\n",
    b"HTTP/1.1 2",
    b"\r\nHTTP/1.1 204 N\n",
    b"",
];

const PIECES: [&[u8]; 46] = [
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b"\r\n ",
    b"\r\n\t",
    b":",
    b": ",
    b"A: b\r\n",
    b"A: b\r\n",
    b"A: b\r\n c\r\n",
    b"A : b\r\n",
    b"Host: a\r\n",
    b"Content-Length: ",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: x\r\n",
    b"HTTP/1.1",
    b" HTTP/1.1\r\n",
    b"HTTP/1.0",
    b"HTTP/3.0",
    b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    b"0",
    b"5",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xe2\x82\xac",
    b"\"",
    b",",
    b";",
    b"=",
    b"W/\"a\"",
    b"bytes=0-1",
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"q=0.5",
    b"max-age=1",
    b"[::1]:80",
];

const PATH_PIECES: [&[u8]; 20] = [
    b"/", b"//", b".", b"..", b"/../", b"/./", b"a", b"%2e", b"%2E", b"%2f", b"%5c", b"%00",
    b"%25", b"%", b"%4", b"\\", b"?", b"?a/../b", b"\0", b"\xff",
];

const CHUNK_PIECES: [&[u8]; 24] = [
    b"3\r\nabc\r\n",
    b"1\r\nx\r\n",
    b"0\r\n\r\n",
    b"0\r\n",
    b"A: b\r\n",
    b"A: b\r\n c\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"5",
    b"a",
    b";",
    b";a=b",
    b";a=\"b\\\"\"",
    b" ",
    b"\t",
    b"=",
    b"\"",
    b"ffffffffffffffff",
    b"10000000000000000",
    b"0000000003",
    b"g",
    b"abc",
    b"\0",
];
