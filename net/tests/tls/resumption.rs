//! Sessions that go on where an earlier one stopped.

use std::sync::Arc;

use hansom_net::{TlsCertificate, TlsClient, TlsRules};

use crate::world::{Pair, Version, World};

#[test]
fn a_session_is_resumed_whichever_worker_made_it() {
    let world = World::new();
    let tls = world.tls();
    for version in Version::ALL {
        let config = Arc::new(world.client(version));
        let mut is_resumed = Vec::new();
        for _ in 0..3 {
            let (tls, config) = (Arc::clone(&tls), Arc::clone(&config));
            let worker = std::thread::spawn(move || {
                let mut pair = Pair::with(&tls, &config, "a.example");
                pair.greet();
                let facts = pair.stream.tls().unwrap();
                (facts.is_resumed, facts.server_name.clone())
            });
            let (resumed, name) = worker.join().unwrap();
            assert_eq!(name.as_deref(), Some("a.example"));
            is_resumed.push(resumed);
        }
        assert_eq!(is_resumed, [false, true, true], "{version:?}");
    }
    assert_eq!(tls.counters().resumed, 4);
}

#[test]
fn a_session_is_resumed_after_a_reload_of_the_same_rules() {
    let world = World::new();
    let rules = world.rules("a", &["a.example"]);
    let tls = world.tls_of(vec![rules]);
    let config = Arc::new(world.client(Version::Tls13));
    Pair::with(&tls, &config, "a.example").greet();
    world.issue("a", &["a.example"]);
    tls.reload().unwrap();
    let mut pair = Pair::with(&tls, &config, "a.example");
    pair.greet();
    assert!(pair.stream.tls().unwrap().is_resumed);
}

#[test]
fn a_session_made_without_a_certificate_is_not_resumed_where_one_is_required() {
    let world = World::new();
    let rules = world.rules("a", &["a.example"]);
    for version in Version::ALL {
        let tls = world.tls_of(vec![rules.clone()]);
        let config = Arc::new(world.client(version));
        Pair::with(&tls, &config, "a.example").greet();
        tls.replace(vec![TlsRules {
            client: world.required(),
            ..rules.clone()
        }])
        .unwrap();
        let mut pair = Pair::with(&tls, &config, "a.example");
        use std::io::Write;
        pair.client.writer().write_all(b"hello").unwrap();
        assert!(pair.settle().is_err());
        assert!(pair.received.is_empty());
    }
}

#[test]
fn a_session_is_not_resumed_for_another_name() {
    let world = World::new();
    let tls = world.tls_of(vec![world.rules("a", &["a.example", "b.example"])]);
    // A client that asks for another name by the session of the first.
    let config = Arc::new(world.client(Version::Tls13));
    Pair::with(&tls, &config, "a.example").greet();
    let mut pair = Pair::with(&tls, &config, "b.example");
    pair.greet();
    assert!(!pair.stream.tls().unwrap().is_resumed);
}

#[test]
fn the_subject_of_a_resumed_session_is_that_of_its_beginning() {
    let world = World::new();
    let jane = world.issue("Jane", &[]);
    let tls = world.tls_of(vec![TlsRules {
        client: world.required(),
        ..world.rules("a", &["a.example"])
    }]);
    let config = Arc::new(world.client_with(Version::Tls13, Some(&jane)));
    Pair::with(&tls, &config, "a.example").greet();
    let mut pair = Pair::with(&tls, &config, "a.example");
    pair.greet();
    let facts = pair.stream.tls().unwrap();
    assert!(facts.is_resumed);
    assert_eq!(facts.client_subject.as_deref(), Some("CN=Jane"));
}

#[test]
fn a_certificate_that_was_made_stays_when_rules_are_read_again() {
    let world = World::new();
    let tls = world.tls_of(vec![TlsRules {
        names: vec!["a.example".to_owned()],
        certificate: TlsCertificate::SelfSigned,
        client: TlsClient::Off,
        ..TlsRules::default()
    }]);
    let config = Arc::new(world.client(Version::Tls13));
    let certificate = |pair: &mut Pair| {
        // The client does not know the authority; what it was shown is all that matters.
        let error = pair.settle().unwrap_err();
        format!("{error:?}")
    };
    let before = certificate(&mut Pair::with(&tls, &config, "a.example"));
    tls.reload().unwrap();
    assert_eq!(
        certificate(&mut Pair::with(&tls, &config, "a.example")),
        before
    );
    assert!(before.contains("UnknownIssuer"), "{before}");
}
