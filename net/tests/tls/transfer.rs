//! Octets in the clear over records, however much room there is.

use std::io::{ErrorKind, IoSlice, Read, Seek, Write};

use hansom_net::{More, Rest};

use crate::world::{Pair, Version, World};

fn open(version: Version) -> Pair {
    let world = World::new();
    let mut pair = Pair::new(&world.tls(), &world.client(version), "a.example");
    pair.greet();
    pair
}

fn noise(octets: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..octets).map(|_| next()).collect()
}

#[test]
fn what_is_received_does_not_depend_on_the_room_for_it() {
    let sent = noise(100_000);
    for room in [1, 7, 100, 4096, 16 * 1024, 64 * 1024, 200_000] {
        for version in Version::ALL {
            let mut pair = open(version);
            pair.room = room;
            for piece in sent.chunks(if room < 100 { 5000 } else { 50_000 }).take(2) {
                pair.client.writer().write_all(piece).unwrap();
                pair.settle().unwrap();
            }
            let expected = if room < 100 {
                &sent[..10_000]
            } else {
                &sent[..]
            };
            assert!(pair.received == expected, "room for {room}");
        }
    }
}

#[test]
fn records_may_be_cut_at_each_place() {
    let mut pair = open(Version::Tls13);
    let expected = b"a request in two records";
    let mut cut = 0;
    loop {
        let mut octets = Vec::new();
        for piece in expected.chunks(15) {
            pair.client.writer().write_all(piece).unwrap();
            pair.client.write_tls(&mut octets).unwrap();
        }
        let (first, second) = octets.split_at(cut.min(octets.len()));
        pair.socket.write_all(first).unwrap();
        pair.serve();
        pair.socket.write_all(second).unwrap();
        pair.serve();
        assert_eq!(pair.received, expected, "cut at {cut}");
        pair.received.clear();
        cut += 1;
        if cut > octets.len() {
            break;
        }
    }
}

#[test]
fn a_slow_reader_gets_everything_and_little_is_kept_for_it() {
    for version in Version::ALL {
        let mut pair = open(version);
        let sent = noise(3_000_000);
        let (mut at, mut heard) = (0, Vec::new());
        while heard.len() < sent.len() {
            loop {
                let rest = &sent[at..];
                let (first, second) = rest.split_at(rest.len() / 3);
                let slices = [IoSlice::new(first), IoSlice::new(second)];
                match pair.stream.try_transmit_vectored(&slices, More::No) {
                    Ok(0) => break,
                    Ok(octets) => at += octets,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        break;
                    }
                }
            }
            assert!(at <= sent.len());
            // A little is read at a time.
            let mut taken = (&pair.socket).take(5000);
            while let Ok(1..) = pair.client.read_tls(&mut taken) {}
            pair.client.process_new_packets().unwrap();
            heard.extend(pair.heard());
        }
        assert!(heard == sent, "{version:?}");
        // What was heard last was not reported as transmitted before.
        while at < sent.len() {
            at += pair.stream.try_transmit(&sent[at..], More::No).unwrap();
        }
        assert_eq!(at, sent.len());
    }
}

#[test]
fn a_file_is_sent_in_pieces_from_an_offset_and_ends() {
    let mut pair = open(Version::Tls13);
    let sent = noise(300_000);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&sent).unwrap();
    file.rewind().unwrap();
    let (mut at, mut heard) = (1000, Vec::new());
    while at < sent.len() as u64 {
        match pair.stream.try_send_file(&file, at, sent.len()) {
            Ok(octets) => at += octets as u64,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        pair.settle().unwrap();
        heard.extend(pair.heard());
    }
    assert_eq!(pair.stream.try_send_file(&file, at, 100).unwrap(), 0);
    assert!(heard == sent[1000..]);
}

#[test]
fn an_answer_before_the_end_of_an_orderly_close_is_complete() {
    for version in Version::ALL {
        let mut pair = open(version);
        pair.stream.try_transmit(b"all", More::No).unwrap();
        pair.stream.shutdown_transmit().unwrap();
        pair.hear().unwrap();
        assert_eq!(pair.heard(), b"all");
        // An error unless close_notify came.
        pair.client.reader().read_to_end(&mut Vec::new()).unwrap();
        // The other half stays.
        pair.client.writer().write_all(b"more").unwrap();
        pair.client.write_tls(&mut pair.socket).unwrap();
        pair.serve();
        assert_eq!(pair.received, b"more");
    }
}

#[test]
fn a_close_says_that_it_is_one() {
    let mut pair = open(Version::Tls13);
    let Pair {
        stream,
        mut client,
        mut socket,
        ..
    } = pair_parts(&mut pair);
    stream.close();
    while let Ok(1..) = client.read_tls(&mut socket) {
        client.process_new_packets().unwrap();
    }
    assert!(client.reader().read_to_end(&mut Vec::new()).is_ok());
}

#[test]
fn what_was_cut_does_not_end_as_if_it_were_complete() {
    let mut pair = open(Version::Tls13);
    let Pair {
        mut stream,
        mut client,
        mut socket,
        ..
    } = pair_parts(&mut pair);
    stream.try_transmit(b"half", More::No).unwrap();
    stream.cut();
    stream.close();
    while let Ok(1..) = client.read_tls(&mut socket) {
        client.process_new_packets().unwrap();
    }
    let error = client.reader().read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

/// The parts of a pair, another taking its place.
fn pair_parts(pair: &mut Pair) -> Pair {
    std::mem::replace(pair, open(Version::Tls13))
}

#[test]
fn the_end_that_a_client_says_comes_after_its_octets() {
    for version in Version::ALL {
        let mut pair = open(version);
        pair.client.writer().write_all(b"last").unwrap();
        pair.client.send_close_notify();
        pair.settle().unwrap();
        assert_eq!(pair.received, b"last");
        assert!(matches!(pair.end, Some(Ok(Rest::Ended))), "{:?}", pair.end);
        // RFC 8446 §6.1: our side is not ended by it.
        assert_eq!(pair.stream.try_transmit(b"answer", More::No).unwrap(), 6);
        pair.hear().unwrap();
        assert_eq!(pair.heard(), b"answer");
    }
}

#[test]
fn an_end_without_a_word_is_an_end_and_is_counted() {
    let world = World::new();
    let tls = world.tls();
    let mut pair = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    pair.greet();
    pair.socket.shutdown(std::net::Shutdown::Write).unwrap();
    pair.serve();
    assert!(matches!(pair.end, Some(Ok(Rest::Ended))));
    assert_eq!(tls.counters().truncated, 1);
}

#[test]
fn keys_are_changed_when_the_client_asks_for_it() {
    let mut pair = open(Version::Tls13);
    for _ in 0..3 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.greet();
    }
}
