//! Certificates and keys from files: what is taken, what is refused and why, and what is taken anew.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use hansom_net::{PemKind, Tls, TlsCertificate, TlsClient, TlsError, TlsRules, TlsWarning};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::world::{Issued, Pair, Version, World};

fn rules_of(chain: &Path, key: &Path) -> TlsRules {
    TlsRules {
        certificate: TlsCertificate::Files {
            chain: chain.to_owned(),
            key: key.to_owned(),
        },
        ..TlsRules::default()
    }
}

fn error(chain: &Path, key: &Path) -> TlsError {
    Tls::new(vec![rules_of(chain, key)], &[]).unwrap_err()
}

fn issued(world: &World) -> Issued {
    world.issue("a", &["a.example"])
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let world = World::new();
    let (a, b) = (issued(&world), world.issue("b", &["b.example"]));
    let error = error(&a.chain, &b.key);
    assert!(matches!(error, TlsError::KeyMismatch { .. }));
    let text = error.to_string();
    assert!(text.starts_with(&b.key.display().to_string()), "{text}");
    assert!(text.contains(&a.chain.display().to_string()), "{text}");
}

#[test]
fn a_file_without_what_it_should_have_says_what_it_has() {
    let world = World::new();
    let a = issued(&world);
    let request = CertificateParams::new(vec!["a.example".to_owned()])
        .unwrap()
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap();
    let request = world.write("request.pem", &request.pem().unwrap());
    let empty = world.write("empty.pem", "nothing\n");
    let encrypted = world.write(
        "encrypted.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let old = world.write(
        "old.key",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n",
    );
    let cases = [
        (
            &request,
            &a.key,
            PemKind::Certificate,
            Some(PemKind::Request),
            "authority",
        ),
        (
            &a.key,
            &a.key,
            PemKind::Certificate,
            Some(PemKind::PrivateKey),
            "exchanged",
        ),
        (
            &a.chain,
            &a.chain,
            PemKind::PrivateKey,
            Some(PemKind::Certificate),
            "exchanged",
        ),
        (&empty, &a.key, PemKind::Certificate, None, "der"),
        (
            &a.chain,
            &encrypted,
            PemKind::PrivateKey,
            Some(PemKind::EncryptedKey),
            "openssl pkey",
        ),
        (
            &a.chain,
            &old,
            PemKind::PrivateKey,
            Some(PemKind::EncryptedKey),
            "openssl pkey",
        ),
    ];
    for (chain, key, expected, had, hint) in cases {
        let error = error(chain, key);
        let text = error.to_string();
        let TlsError::Missing { wanted, found, .. } = error else {
            panic!("{text}");
        };
        assert_eq!((wanted, found.first().copied()), (expected, had), "{text}");
        assert!(text.contains(hint), "{text}");
    }
}

#[test]
fn a_file_that_is_not_there_too_large_or_broken_is_named() {
    let world = World::new();
    let a = issued(&world);
    let text = fs::read_to_string(&a.chain).unwrap();
    let cut = world.write("cut.pem", &text[..text.len() / 2]);
    let not_der = world.write(
        "not-der.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let not_key = world.write(
        "not-key.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    let large = world.write("large.pem", &"x".repeat(5 << 20));
    let absent = world.folder.path().join("absent.pem");
    assert!(matches!(
        error(&absent, &a.key),
        TlsError::Unreadable { .. }
    ));
    assert!(matches!(
        error(&a.chain, &absent),
        TlsError::Unreadable { .. }
    ));
    assert!(matches!(error(&large, &a.key), TlsError::TooLarge { .. }));
    assert!(matches!(error(&cut, &a.key), TlsError::BadPem { .. }));
    assert!(matches!(
        error(&not_der, &a.key),
        TlsError::BadCertificate { .. }
    ));
    assert!(matches!(error(&a.chain, &not_key), TlsError::BadKey { .. }));
    for (file, error) in [
        (&absent, error(&absent, &a.key)),
        (&cut, error(&cut, &a.key)),
    ] {
        assert!(
            error.to_string().contains(&file.display().to_string()),
            "{error}"
        );
    }
}

#[test]
fn no_rules_and_authorities_that_are_none_are_refused() {
    let world = World::new();
    assert!(matches!(Tls::new(Vec::new(), &[]), Err(TlsError::NoRules)));
    let a = issued(&world);
    let rules = TlsRules {
        client: TlsClient::Require {
            authorities: a.key.clone(),
        },
        ..rules_of(&a.chain, &a.key)
    };
    assert!(matches!(
        Tls::new(vec![rules], &[]),
        Err(TlsError::Missing { .. })
    ));
}

#[test]
fn one_file_may_hold_certificate_and_key() {
    let world = World::new();
    let a = issued(&world);
    let both = fs::read_to_string(&a.chain).unwrap() + &fs::read_to_string(&a.key).unwrap();
    let both = world.write("both.pem", &both);
    assert!(Tls::new(vec![rules_of(&both, &both)], &[]).is_ok());
}

#[test]
fn a_certificate_that_is_not_valid_at_present_is_warned_of() {
    let world = World::new();
    let expired = world.issue_with("expired", &["a.example"], |params| {
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let early = world.issue_with("early", &["a.example"], |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
    });
    let warnings = |issued: &Issued| {
        fs::set_permissions(&issued.key, Permissions::from_mode(0o600)).unwrap();
        Tls::new(vec![rules_of(&issued.chain, &issued.key)], &[])
            .unwrap()
            .warnings()
    };
    assert!(matches!(&*warnings(&expired), [TlsWarning::Expired { days, .. }] if *days > 8000));
    assert!(matches!(
        &*warnings(&early),
        [TlsWarning::NotYetValid { .. }]
    ));
    assert!(warnings(&issued(&world)).is_empty());
}

#[test]
fn a_key_that_everybody_can_read_is_warned_of() {
    let world = World::new();
    let a = issued(&world);
    fs::set_permissions(&a.key, Permissions::from_mode(0o644)).unwrap();
    let tls = Tls::new(vec![rules_of(&a.chain, &a.key)], &[]).unwrap();
    assert!(matches!(&*tls.warnings(), [TlsWarning::KeyReadable { file }] if *file == a.key));
}

#[test]
fn a_changed_certificate_is_taken_by_a_reload_and_open_connections_stay() {
    let world = World::new();
    let a = issued(&world);
    let tls = world.tls_of(vec![rules_of(&a.chain, &a.key)]);
    let mut before = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    before.greet();
    assert!(!tls.has_changed());
    let fresh = issued(&world);
    assert!(tls.has_changed());
    tls.reload().unwrap();
    assert!(!tls.has_changed());
    let mut after = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    after.greet();
    assert_eq!(after.client.peer_certificates().unwrap()[0], fresh.der);
    assert_ne!(fresh.der, a.der);
    before.greet();
}

#[test]
fn a_bad_file_leaves_everything_as_it_was_and_is_tried_once() {
    let world = World::new();
    let a = issued(&world);
    let tls = world.tls_of(vec![rules_of(&a.chain, &a.key)]);
    fs::write(&a.chain, "nothing\n").unwrap();
    assert!(tls.has_changed());
    assert!(matches!(tls.reload(), Err(TlsError::Missing { .. })));
    assert!(!tls.has_changed());
    let mut pair = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    pair.greet();
    assert_eq!(pair.client.peer_certificates().unwrap()[0], a.der);
    fs::remove_file(&a.chain).unwrap();
    assert!(tls.has_changed());
}

#[test]
fn what_changes_while_a_bad_file_is_tried_is_tried_too() {
    let world = World::new();
    let a = issued(&world);
    let tls = world.tls_of(vec![rules_of(&a.chain, &a.key)]);
    let good = fs::read(&a.chain).unwrap();
    // A certificate that takes its time to be read.
    fs::remove_file(&a.chain).unwrap();
    let made = Command::new("mkfifo").arg(&a.chain).status().unwrap();
    assert!(made.success());
    let trying = {
        let tls = Arc::clone(&tls);
        thread::spawn(move || tls.reload())
    };
    let mut pipe = OpenOptions::new().write(true).open(&a.chain).unwrap();
    let fresh = a.chain.with_extension("fresh");
    fs::write(&fresh, &good).unwrap();
    fs::rename(&fresh, &a.chain).unwrap();
    pipe.write_all(b"nothing\n").unwrap();
    drop(pipe);
    assert!(matches!(
        trying.join().unwrap(),
        Err(TlsError::Missing { .. })
    ));
    assert!(tls.has_changed());
    tls.reload().unwrap();
    assert!(!tls.has_changed());
}

#[test]
fn a_file_that_cannot_be_read_is_tried_again() {
    let world = World::new();
    let a = issued(&world);
    let tls = world.tls_of(vec![rules_of(&a.chain, &a.key)]);
    let aside = a.chain.with_extension("aside");
    fs::rename(&a.chain, &aside).unwrap();
    fs::create_dir(&a.chain).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Unreadable { .. })));
    assert!(tls.has_changed());
}

#[test]
fn other_rules_that_are_refused_do_not_hide_a_change_of_those_in_force() {
    let world = World::new();
    let a = issued(&world);
    let tls = world.tls_of(vec![rules_of(&a.chain, &a.key)]);
    issued(&world);
    let nothing = world.write("nothing.pem", "nothing\n");
    assert!(tls.replace(vec![rules_of(&nothing, &nothing)]).is_err());
    assert!(tls.has_changed());
}

#[test]
fn a_made_certificate_is_for_the_names_and_for_this_machine() {
    let world = World::new();
    let tls = world.tls_of(vec![TlsRules {
        names: vec!["a.example".to_owned()],
        ..TlsRules::default()
    }]);
    // A client that trusts it is one that has been told its certificate.
    let shown = crate::world::shown(&tls);
    for name in ["a.example", "localhost", "127.0.0.1", "::1"] {
        let config = crate::world::trusting(&shown);
        let mut pair = Pair::new(&tls, &config, name);
        pair.greet();
    }
}
