use super::*;

fn servers(weights: &[u32]) -> Vec<Server> {
    let each = weights.iter().enumerate();
    each.map(|(i, weight)| Server {
        identity: hash::of(&[i as u8]),
        ..Server::new(*weight)
    })
    .collect()
}

/// How often each is chosen with keys and chances that are all different.
fn counted(name: &str, servers: &[Server], times: u64) -> Vec<u64> {
    let mut balance = Balance::named(name).unwrap();
    let mut counts = vec![0; servers.len()];
    for i in 0..times {
        let chance = hash::mixed(i);
        counts[balance.choose(servers, chance, chance).unwrap()] += 1;
    }
    counts
}

#[test]
fn every_policy_has_its_name_in_order() {
    let names: Vec<_> = Balance::names().collect();
    assert!(names.is_sorted());
    assert_eq!(names.len(), 6);
    for name in names {
        assert!(Balance::named(name).is_some());
    }
    assert!(Balance::named("other").is_none());
}

#[test]
fn nobody_is_chosen_from_nobody() {
    for name in Balance::names() {
        let mut balance = Balance::named(name).unwrap();
        assert_eq!(balance.choose(&[], 1, 2), None, "{name}");
        assert_eq!(balance.choose(&servers(&[0, 0]), 1, 2), None, "{name}");
        let mut drained = servers(&[1, 1]);
        drained[0].standing = Standing::Drained;
        drained[1].standing = Standing::Drained;
        assert_eq!(balance.choose(&drained, 1, 2), None, "{name}");
    }
}

#[test]
fn no_policy_chooses_one_that_is_out_beside_one_that_is_not() {
    for name in Balance::names() {
        let mut all = servers(&[1, 5, 1, 0]);
        all[1].standing = Standing::Out;
        all[2].standing = Standing::Drained;
        assert_eq!(counted(name, &all, 100), [100, 0, 0, 0], "{name}");
        all[0].standing = Standing::Out;
        let counts = counted(name, &all, 100);
        assert_eq!(
            counts[0] + counts[1],
            100,
            "{name}: the last ones are never out"
        );
    }
}

#[test]
fn weights_are_shares() {
    for name in Balance::names() {
        let counts = counted(name, &servers(&[1, 2, 1]), 4000);
        match name {
            // Without load the one with the most weight is lightest.
            "least-connections" | "least-time" => assert_eq!(counts, [0, 4000, 0]),
            "random-two" => assert!(counts[1] > counts[0] + counts[2], "{counts:?}"),
            "round-robin" => assert_eq!(counts, [1000, 2000, 1000]),
            _ => {
                let is_near = |count: u64, share: u64| count.abs_diff(share) < share / 5;
                assert!(
                    is_near(counts[0], 1000) && is_near(counts[1], 2000),
                    "{name} {counts:?}"
                );
            }
        }
    }
}

#[test]
fn turns_are_spread() {
    let mut balance = Balance::named("round-robin").unwrap();
    let all = servers(&[5, 1, 1]);
    let turns: Vec<_> = (0..7)
        .map(|_| balance.choose(&all, 0, 0).unwrap())
        .collect();
    assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
    let fewer = servers(&[1, 1]);
    let turns: Vec<_> = (0..4)
        .map(|_| balance.choose(&fewer, 0, 0).unwrap())
        .collect();
    assert_eq!(turns, [0, 1, 0, 1]);
}

#[test]
fn those_alike_are_chosen_by_chance() {
    for name in ["least-connections", "least-time", "random-two"] {
        let counts = counted(name, &servers(&[1, 1, 1]), 3000);
        assert!(
            counts.iter().all(|count| count.abs_diff(1000) < 150),
            "{name} {counts:?}"
        );
    }
}

#[test]
fn the_least_loaded_for_its_weight_is_chosen() {
    let mut all = servers(&[1, 4]);
    all[0].connections = 1;
    all[1].connections = 6;
    assert_eq!(counted("least-connections", &all, 10), [0, 10]);
    assert_eq!(counted("random-two", &all, 10), [0, 10]);
    all[1].connections = 8;
    assert_eq!(counted("least-connections", &all, 10), [10, 0]);
    all[0].connections = u32::MAX;
    all[1].connections = u32::MAX;
    assert_eq!(counted("least-connections", &all, 10), [0, 10]);
}

#[test]
fn the_quickest_is_chosen_until_it_has_too_much() {
    let mut all = servers(&[1, 1, 1]);
    all[0].micros = 1000;
    all[1].micros = 3000;
    all[2].micros = 3000;
    assert_eq!(counted("least-time", &all, 10), [10, 0, 0]);
    all[0].connections = 3;
    assert_eq!(counted("least-time", &all, 10)[0], 0);
    // Not known: as quick as the quickest, and so not flooded.
    all[2].micros = 0;
    all[2].connections = 1;
    assert_eq!(counted("least-time", &all, 10), [0, 0, 10]);
    all[2].connections = 4;
    assert_eq!(counted("least-time", &all, 10)[2], 0);
}

#[test]
fn one_key_has_one_server_and_few_change_it_when_another_goes() {
    let all = servers(&[1, 1, 1, 1]);
    let mut fewer = all.clone();
    fewer.remove(1);
    let mut balance = Balance::named("hash-target").unwrap();
    let mut of = |servers: &[Server], key: u64, chance: u64| {
        let place = balance.choose(servers, key, chance).unwrap();
        servers[place].identity
    };
    for i in 0..1000 {
        let key = key_of_target(b"a", &[i as u8, (i >> 8) as u8]);
        let before = of(&all, key, 1);
        assert_eq!(before, of(&all, key, 2));
        if before != all[1].identity {
            assert_eq!(before, of(&fewer, key, 3));
        }
    }
}

#[test]
fn keys_are_of_clients_and_of_targets() {
    let client = |text: &str| key_of_client(text.parse().ok());
    assert_eq!(client("192.0.2.1"), client("::ffff:192.0.2.1"));
    assert_eq!(client("2001:db8::1"), client("2001:db8::ffff"));
    assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
    assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    assert_eq!(key_of_target(b"A", b"/x"), key_of_target(b"a", b"/x"));
    assert_ne!(key_of_target(b"a", b"/x"), key_of_target(b"a/", b"x"));
    assert_eq!(Balance::named("hash-client").unwrap().key(), Key::Client);
}
