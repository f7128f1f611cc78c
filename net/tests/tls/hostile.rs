//! What no honest client would send.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use hansom_net::{Rest, Tls};

use crate::world::{Pair, Version, World};

/// How the server's side ends, and what it says, when `octets` come.
fn told(tls: &Arc<Tls>, octets: &[u8]) -> (Option<Result<Rest, ErrorKind>>, Vec<u8>) {
    let world = World::new();
    let mut pair = Pair::new(tls, &world.client(Version::Tls13), "a.example");
    let mut left = octets;
    while !left.is_empty() && pair.end.is_none() {
        match pair.socket.write(left) {
            Ok(octets) => left = &left[octets..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        pair.serve();
    }
    let mut said = Vec::new();
    let _ = pair.socket.read_to_end(&mut said);
    let end = pair.end.take();
    (end.map(|end| end.map_err(|error| error.kind())), said)
}

fn both() -> (World, [Arc<Tls>; 2]) {
    let world = World::new();
    let one = world.tls();
    let two = world.tls_of(vec![
        world.rules("a", &["a.example"]),
        world.rules("b", &["b.example"]),
    ]);
    (world, [one, two])
}

const FAILED: Option<Result<Rest, ErrorKind>> = Some(Err(ErrorKind::InvalidData));

fn is_alert(said: &[u8]) -> bool {
    said.len() == 7 && said[0] == 21 && said[5] == 2
}

#[test]
fn a_request_in_the_clear_is_told_from_tls() {
    let (_world, all) = both();
    for tls in all {
        let (end, said) = told(&tls, b"GET / HTTP/1.1\r\n");
        assert_eq!((end, said.len()), (Some(Ok(Rest::ClearText)), 0));
        assert_eq!((tls.counters().clear_text, tls.counters().failed), (1, 0));
    }
}

#[test]
fn garbage_is_answered_by_an_alert() {
    let (_world, all) = both();
    for tls in all {
        for garbage in [
            &b"\x00\x01\x02\x03\x04\x05\x06\x07"[..],
            b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x20",
            // A record of the handshake, with nothing in it.
            b"\x16\x03\x01\x00\x00",
            // A message of the handshake that is not the first.
            b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
            // Application data before the handshake.
            b"\x17\x03\x03\x00\x05hello",
            // A record longer than records are.
            b"\x16\x03\x01\xff\xff\x01",
            // A hello that is no hello.
            b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\xff\xff\xff\xff",
        ] {
            let (end, said) = told(&tls, garbage);
            assert_eq!(end, FAILED, "{garbage:?}");
            assert!(is_alert(&said), "{garbage:?}: {said:?}");
        }
        assert_eq!(tls.counters().failed, 7);
    }
}

#[test]
fn a_message_longer_than_messages_are_is_not_gathered() {
    let (_world, all) = both();
    for tls in all {
        // Four records of a hello that says it has 16 MiB less one.
        let mut octets = b"\x16\x03\x01\x40\x00\x01\xff\xff\xff".to_vec();
        octets.resize(5 + 0x4000, 0);
        let mut record = b"\x16\x03\x01\x40\x00".to_vec();
        record.resize(5 + 0x4000, 0);
        for _ in 0..8 {
            octets.extend_from_slice(&record);
        }
        let (end, _) = told(&tls, &octets);
        assert_eq!(end, FAILED);
    }
}

#[test]
fn records_of_one_octet_are_not_gathered_without_end() {
    let (_world, all) = both();
    for tls in all {
        // A hello that says it has 0xfff0 octets, each in a record of its own.
        let mut octets = Vec::new();
        for octet in [1, 0, 0xff, 0xf0] {
            octets.extend_from_slice(&[0x16, 3, 1, 0, 1, octet]);
        }
        for _ in 0..0xfff0 {
            octets.extend_from_slice(b"\x16\x03\x01\x00\x01\x00");
        }
        let (end, _) = told(&tls, &octets);
        assert_eq!(end, FAILED);
    }
}

#[test]
fn a_hello_that_stops_is_waited_for() {
    let (_world, all) = both();
    for tls in all {
        let (end, said) = told(&tls, b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03");
        assert_eq!((end, said.len()), (None, 0));
    }
}

#[test]
fn octets_changed_on_the_way_end_the_connection_with_an_alert() {
    for version in Version::ALL {
        let world = World::new();
        let mut pair = Pair::new(&world.tls(), &world.client(version), "a.example");
        pair.greet();
        let mut octets = Vec::new();
        pair.client.writer().write_all(b"hello").unwrap();
        pair.client.write_tls(&mut octets).unwrap();
        *octets.last_mut().unwrap() ^= 1;
        pair.socket.write_all(&octets).unwrap();
        pair.serve();
        assert_eq!(
            pair.end.take().unwrap().unwrap_err().kind(),
            ErrorKind::InvalidData
        );
        // RFC 8446 §6.2: bad_record_mac.
        let error = pair.hear().unwrap_err();
        assert!(error.to_string().contains("BadRecordMac"), "{error}");
        assert!(pair.received.is_empty());
    }
}

#[test]
fn octets_after_a_failure_are_not_looked_at() {
    let world = World::new();
    let mut pair = Pair::new(&world.tls(), &world.client(Version::Tls13), "a.example");
    pair.socket.write_all(b"\x00\x01\x02\x03\x04\x05").unwrap();
    pair.serve();
    assert!(pair.end.take().unwrap().is_err());
    pair.client.write_tls(&mut pair.socket).unwrap();
    pair.serve();
    assert!(matches!(pair.end, Some(Ok(Rest::Ended))), "{:?}", pair.end);
    assert!(pair.stream.tls().is_none());
}

#[test]
fn keys_that_are_changed_all_the_time_end_the_connection() {
    let world = World::new();
    let mut pair = Pair::new(&world.tls(), &world.client(Version::Tls13), "a.example");
    pair.greet();
    for _ in 0..100 {
        pair.client.refresh_traffic_keys().unwrap();
        while pair.client.wants_write() {
            pair.client.write_tls(&mut pair.socket).unwrap();
        }
    }
    pair.serve();
    assert_eq!(
        pair.end.take().unwrap().unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

#[test]
fn whatever_is_changed_on_the_way_nothing_false_is_received_and_nothing_panics() {
    let (world, all) = both();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for case in 0..600 {
        let version = Version::ALL[case % 2];
        let mut pair = Pair::new(&all[case / 2 % 2], &world.client(version), "a.example");
        let victim = numbers.below(3);
        for flight in 0..3 {
            if !pair.client.is_handshaking() {
                pair.client.writer().write_all(b"hello").unwrap();
            }
            let mut octets = Vec::new();
            while pair.client.wants_write() {
                pair.client.write_tls(&mut octets).unwrap();
            }
            if flight == victim && !octets.is_empty() {
                change(&mut octets, &mut numbers);
            }
            for piece in octets.chunks(1 + numbers.below(400)) {
                // The server may have closed.
                let _ = pair.socket.write_all(piece);
                pair.serve();
                let _ = pair.stream.try_transmit(b"answer", hansom_net::More::No);
            }
            if pair.hear().is_err() {
                break;
            }
        }
        assert!(
            b"hellohellohello".starts_with(&pair.received),
            "case {case}"
        );
    }
}

fn change(octets: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(octets.len());
    match numbers.below(5) {
        0 => octets[at] ^= 1 << numbers.below(8),
        1 => octets.truncate(at),
        2 => {
            octets.remove(at);
        }
        3 => octets.insert(at, numbers.below(256) as u8),
        _ => {
            let again = octets[..at].to_vec();
            octets.extend_from_slice(&again);
        }
    }
}

#[test]
fn a_handshake_in_very_short_records_is_put_together() {
    let (world, all) = both();
    for tls in all {
        for version in Version::ALL {
            let mut config = world.client(version);
            config.max_fragment_size = Some(32);
            let mut pair = Pair::new(&tls, &config, "a.example");
            pair.greet();
        }
    }
}
