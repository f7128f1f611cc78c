//! The handshake, however it comes.

use std::io::Write;

use hansom_net::{More, TlsClient, TlsVersion};

use crate::world::{Pair, Version, World};

#[test]
fn octets_go_both_ways_in_each_version_and_the_facts_are_told() {
    let world = World::new();
    let tls = world.tls();
    for version in Version::ALL {
        let mut config = world.client(version);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut pair = Pair::new(&tls, &config, "a.example");
        assert!(pair.stream.is_secured() && pair.stream.tls().is_none());
        pair.greet();
        let facts = pair.stream.tls().unwrap();
        assert_eq!(facts.server_name.as_deref(), Some("a.example"));
        assert_eq!(facts.alpn.as_deref(), Some(&b"http/1.1"[..]));
        assert_eq!(facts.client_subject, None);
        assert_eq!((facts.is_resumed, facts.rules), (false, 0));
        match version {
            Version::Tls12 => {
                assert_eq!(facts.version, TlsVersion::Tls12);
                assert!(facts.cipher_suite.starts_with("TLS_ECDHE_ECDSA_WITH_AES"));
            }
            Version::Tls13 => {
                assert_eq!(facts.version, TlsVersion::Tls13);
                assert!(
                    facts.cipher_suite.starts_with("TLS13_AES"),
                    "{}",
                    facts.cipher_suite
                );
            }
        }
    }
    assert_eq!((tls.counters().handshakes, tls.counters().failed), (2, 0));
}

/// What the client says first, and second with a request, cut at each place.
fn cut_everywhere(version: Version, is_one_rule: bool) {
    let world = World::new();
    let mut rules = vec![world.rules("a", &["a.example"])];
    if !is_one_rule {
        rules.push(world.rules("b", &["b.example"]));
    }
    let tls = world.tls_of(rules);
    let config = world.client(version);
    let mut cut = 0;
    loop {
        let mut pair = Pair::new(&tls, &config, "a.example");
        let mut longest = 0;
        for round in 0..3 {
            if !pair.client.is_handshaking() && round > 0 {
                pair.client.writer().write_all(b"hello").unwrap();
            }
            let mut octets = Vec::new();
            while pair.client.wants_write() {
                pair.client.write_tls(&mut octets).unwrap();
            }
            longest = longest.max(octets.len());
            let (first, second) = octets.split_at(cut.min(octets.len()));
            pair.socket.write_all(first).unwrap();
            pair.serve();
            pair.socket.write_all(second).unwrap();
            pair.serve();
            pair.hear().unwrap();
            if !pair.received.is_empty() {
                break;
            }
        }
        assert!(pair.end.is_none(), "cut at {cut}: {:?}", pair.end);
        assert_eq!(pair.received, b"hello", "cut at {cut}");
        cut += 1;
        if cut > longest {
            break;
        }
    }
    assert_eq!(tls.counters().handshakes, cut as u64);
}

#[test]
fn a_handshake_of_tls13_is_the_same_wherever_it_is_cut() {
    cut_everywhere(Version::Tls13, true);
}

#[test]
fn a_handshake_of_tls12_is_the_same_wherever_it_is_cut() {
    cut_everywhere(Version::Tls12, true);
}

#[test]
fn a_handshake_by_server_name_is_the_same_wherever_it_is_cut() {
    cut_everywhere(Version::Tls12, false);
}

#[test]
fn a_handshake_may_come_octet_by_octet() {
    let world = World::new();
    let tls = world.tls_of(vec![
        world.rules("a", &["a.example"]),
        world.rules("b", &["b.example"]),
    ]);
    for version in Version::ALL {
        let mut pair = Pair::new(&tls, &world.client(version), "b.example");
        pair.client.writer().write_all(b"hello").unwrap();
        for _ in 0..4 {
            let mut octets = Vec::new();
            while pair.client.wants_write() {
                pair.client.write_tls(&mut octets).unwrap();
            }
            for octet in octets {
                pair.socket.write_all(&[octet]).unwrap();
                pair.serve();
            }
            pair.hear().unwrap();
        }
        assert_eq!(pair.received, b"hello");
        assert_eq!(pair.stream.tls().unwrap().rules, 1);
    }
}

#[test]
fn a_client_below_the_lowest_version_is_refused() {
    let world = World::new();
    let mut rules = world.rules("a", &["a.example"]);
    rules.version_min = TlsVersion::Tls13;
    let tls = world.tls_of(vec![rules]);
    let mut pair = Pair::new(&tls, &world.client(Version::Tls12), "a.example");
    let error = pair.settle().unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    assert_eq!(tls.counters().failed, 1);
}

#[test]
fn a_client_that_wants_other_protocols_only_is_refused() {
    let world = World::new();
    let mut config = world.client(Version::Tls13);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut pair = Pair::new(&world.tls(), &config, "a.example");
    // RFC 7301 §3.2: no_application_protocol.
    let error = pair.settle().unwrap_err();
    assert!(
        error.to_string().contains("NoApplicationProtocol"),
        "{error}"
    );
}

#[test]
fn a_required_certificate_of_a_client_is_verified_and_its_subject_told() {
    let world = World::new();
    let tls = world.tls_of(vec![hansom_net::TlsRules {
        client: world.required(),
        ..world.rules("a", &["a.example"])
    }]);
    let jane = world.issue("Jane", &[]);
    let other_world = World::new();
    let stranger = other_world.issue("Stranger", &[]);
    for version in Version::ALL {
        let config = world.client_with(version, Some(&jane));
        let mut pair = Pair::new(&tls, &config, "a.example");
        pair.greet();
        assert_eq!(
            pair.stream.tls().unwrap().client_subject.as_deref(),
            Some("CN=Jane")
        );
        for own in [None, Some(&stranger)] {
            let config = world.client_with(version, own);
            let mut pair = Pair::new(&tls, &config, "a.example");
            pair.client.writer().write_all(b"hello").unwrap();
            assert!(pair.settle().is_err());
            assert!(pair.received.is_empty() && pair.stream.tls().is_none());
        }
    }
}

#[test]
fn a_client_that_is_asked_for_a_certificate_may_have_none_but_not_a_false_one() {
    let world = World::new();
    let tls = world.tls_of(vec![hansom_net::TlsRules {
        client: TlsClient::Request {
            authorities: world.authorities(),
        },
        ..world.rules("a", &["a.example"])
    }]);
    let mut pair = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    pair.greet();
    assert_eq!(pair.stream.tls().unwrap().client_subject, None);
    let other_world = World::new();
    let stranger = other_world.issue("Stranger", &[]);
    let config = world.client_with(Version::Tls13, Some(&stranger));
    let mut pair = Pair::new(&tls, &config, "a.example");
    pair.client.writer().write_all(b"hello").unwrap();
    assert!(pair.settle().is_err());
    assert!(pair.received.is_empty());
}

#[test]
fn before_the_handshake_nothing_is_transmitted() {
    let world = World::new();
    let mut pair = Pair::new(&world.tls(), &world.client(Version::Tls13), "a.example");
    let error = pair.stream.try_transmit(b"x", More::No).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    pair.greet();
}

#[test]
fn a_client_that_closes_during_the_handshake_is_counted_as_failed() {
    let world = World::new();
    let tls = world.tls();
    let mut pair = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    pair.client.write_tls(&mut pair.socket).unwrap();
    pair.serve();
    pair.socket.shutdown(std::net::Shutdown::Both).unwrap();
    pair.serve();
    let error = pair.end.take().unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    drop(pair);
    assert_eq!(tls.counters().failed, 1);
}
