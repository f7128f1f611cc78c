//! Which rules a server name leads to.

use std::sync::Arc;

use hansom_net::{Tls, TlsRules, TlsWarning};

use crate::world::{Pair, Version, World};

fn negotiated(world: &World, tls: &Arc<Tls>, name: &'static str) -> usize {
    let mut pair = Pair::new(tls, &world.client(Version::Tls13), name);
    pair.greet();
    pair.stream.tls().unwrap().rules
}

#[test]
fn the_names_of_a_certificate_lead_to_its_rules() {
    let world = World::new();
    let tls = world.tls_of(vec![
        world.rules("first", &["first.example", "other.example"]),
        world.rules("b", &["b.example", "*.c.example"]),
        world.rules("c", &["x.c.example"]),
    ]);
    assert_eq!(negotiated(&world, &tls, "first.example"), 0);
    assert_eq!(negotiated(&world, &tls, "b.example"), 1);
    assert_eq!(negotiated(&world, &tls, "y.c.example"), 1);
    assert_eq!(negotiated(&world, &tls, "x.c.example"), 2);
    assert_eq!(negotiated(&world, &tls, "other.example"), 0);
}

#[test]
fn names_are_compared_without_case_and_a_wildcard_is_one_label() {
    let world = World::new();
    let tls = world.tls_of(vec![
        world.rules("first", &["first.example"]),
        world.rules("b", &["b.example", "*.c.example"]),
    ]);
    for (name, rules) in [
        ("B.Example", 1),
        ("b.example.", 1),
        ("x.C.example", 1),
        ("x.y.c.example", 0),
        ("c.example", 0),
        ("", 0),
        ("unknown", 0),
    ] {
        assert_eq!(tls.rules_for(name), rules, "{name}");
    }
}

#[test]
fn names_that_are_given_take_the_place_of_those_in_the_certificate() {
    let world = World::new();
    let tls = world.tls_of(vec![
        world.rules("first", &["first.example"]),
        TlsRules {
            names: vec!["D.example".to_owned()],
            ..world.rules("b", &["b.example"])
        },
    ]);
    assert_eq!(
        (tls.rules_for("d.example"), tls.rules_for("b.example")),
        (1, 0)
    );
}

#[test]
fn a_name_that_is_given_twice_is_the_first_ones_and_is_warned_of() {
    let world = World::new();
    let named = |rules: TlsRules| TlsRules {
        names: vec!["a.example".to_owned()],
        ..rules
    };
    let tls = world.tls_of(vec![
        world.rules("first", &["first.example"]),
        named(world.rules("a", &["a.example"])),
        named(world.rules("b", &["a.example"])),
    ]);
    assert_eq!(tls.rules_for("a.example"), 1);
    let name = "a.example".to_owned();
    assert!(tls.warnings().contains(&TlsWarning::NameTwice { name }));
}

#[test]
fn a_host_is_served_on_a_connection_of_another_name_only_under_the_same_policy() {
    let world = World::new();
    let tls = world.tls_of(vec![
        world.rules("a", &["a.example"]),
        world.rules("b", &["b.example"]),
        TlsRules {
            client: world.required(),
            ..world.rules("c", &["c.example"])
        },
    ]);
    assert!(tls.is_same_policy(0, 1) && !tls.is_same_policy(0, 2));
    let mut pair = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    pair.greet();
    let facts = pair.stream.tls().unwrap();
    assert!(facts.may_serve("a.example") && facts.may_serve("B.example"));
    assert!(facts.may_serve("unknown.example"));
    // RFC 9110 §15.5.20: its clients must show a certificate, and this one was not asked.
    assert!(!facts.may_serve("c.example"));
}

#[test]
fn hosts_deep_below_a_wildcard_ask_for_what_it_says() {
    let world = World::new();
    let rules = || {
        vec![
            world.rules("a", &["a.example", "*.open.b.example"]),
            TlsRules {
                client: world.required(),
                ..world.rules("b", &["*.b.example"])
            },
        ]
    };
    let tls = world.tls_of(rules());
    let mut pair = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    pair.greet();
    let facts = Arc::clone(pair.stream.tls().unwrap());
    for _ in 0..2 {
        // A site for `*.b.example` has them all.
        for host in ["c.b.example", "d.c.b.example", "E.D.C.b.example."] {
            assert!(!facts.may_serve(host), "{host}");
        }
        for host in ["a.example", "b.example", "x.open.b.example", ""] {
            assert!(facts.may_serve(host), "{host}");
        }
        // Rules that came since are asked too.
        tls.replace(rules()).unwrap();
    }
    assert!(tls.serves("c.b.example") && tls.serves("x.open.b.example"));
    assert!(!tls.serves("d.c.b.example"));
}

#[test]
fn what_a_host_asks_for_since_is_asked_of_older_connections_too() {
    let world = World::new();
    let tls = world.tls_of(vec![world.rules("a", &["a.example"])]);
    let mut pair = Pair::new(&tls, &world.client(Version::Tls13), "a.example");
    pair.greet();
    let required = |file, name| TlsRules {
        client: world.required(),
        ..world.rules(file, &[name])
    };
    let facts = Arc::clone(pair.stream.tls().unwrap());
    assert!(facts.are_only_rules());
    // The same rules once more change nothing, nor does another name.
    tls.reload().unwrap();
    assert!(facts.may_serve("a.example") && facts.may_serve("b.example"));
    let both = vec![world.rules("a", &["a.example"]), required("b", "b.example")];
    tls.replace(both).unwrap();
    assert!(!facts.are_only_rules());
    assert!(facts.may_serve("a.example") && !facts.may_serve("b.example"));
    tls.replace(vec![required("a", "a.example")]).unwrap();
    assert!(!facts.may_serve("a.example"));
}

#[test]
fn a_client_without_a_server_name_gets_the_first_rules() {
    let world = World::new();
    let tls = world.tls_of(vec![
        world.rules("a", &["127.0.0.1"]),
        world.rules("b", &["b.example"]),
    ]);
    let mut pair = Pair::new(&tls, &world.client(Version::Tls13), "127.0.0.1");
    pair.greet();
    let facts = pair.stream.tls().unwrap();
    assert_eq!((facts.rules, facts.server_name.as_deref()), (0, None));
}
