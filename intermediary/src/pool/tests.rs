use super::*;
use crate::keeper::Pools;
use crate::testing::with_request;

const NOW: Now = Now {
    millis: 1_000_000,
    unix_seconds: 0,
    unix_millis: 0,
};

fn server(name: &str) -> PoolServer {
    PoolServer {
        way: outbound::Way::default(),
        scheme: Scheme::Http,
        place: Place::Name(name.to_owned(), 80),
        authority: name.to_owned(),
        name: name.to_owned(),
        weight: 1,
        is_backup: false,
        connections_max: None,
    }
}

fn config(servers: Vec<PoolServer>) -> PoolConfig {
    PoolConfig::new("app", servers, Balance::named("round-robin").unwrap())
}

/// The pools of two workers.
fn two(config: impl Fn() -> PoolConfig) -> [Rc<Pool>; 2] {
    let commons = Arc::new(Commons::new(|_| {}));
    [(); 2].map(|()| {
        let pools = Pools::new(vec![config()], &commons, None, NOW);
        Rc::clone(pools.find("app").unwrap())
    })
}

fn one(config: impl Fn() -> PoolConfig) -> Rc<Pool> {
    let [one, _] = two(config);
    one
}

/// The names of those who are chosen for so many requests, one after the other, sorted; "queue" and "nobody" among them.
fn chosen(pool: &Pool, times: usize, tried: &[usize]) -> Vec<String> {
    chosen_with(pool, times, tried, "")
}

fn chosen_with(pool: &Pool, times: usize, tried: &[usize], lines: &str) -> Vec<String> {
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let mut names = with_request(&request, |head| {
        let wish = Wish {
            head,
            client: None,
            interims: None,
        };
        let choose = |_| match pool.choose(wish, tried, NOW.millis) {
            Choice::Server(place) => pool.upstream(place).unwrap().name().to_owned(),
            Choice::Queue(accepts) => format!("queue for {}", accepts.len()),
            Choice::Nobody => "nobody".to_owned(),
        };
        (0..times).map(choose).collect::<Vec<_>>()
    });
    names.sort();
    names
}

fn fail(pool: &Pool, place: usize) {
    for _ in 0..3 {
        pool.failed(pool.upstream(place).unwrap(), "why", NOW.millis);
    }
}

#[test]
fn a_backup_is_chosen_only_where_no_other_is_ready() {
    let backup = || PoolServer {
        is_backup: true,
        ..server("c")
    };
    let pool = one(|| config(vec![server("a"), server("b"), backup()]));
    assert_eq!(chosen(&pool, 4, &[]), ["a", "a", "b", "b"]);
    fail(&pool, 0);
    assert_eq!(chosen(&pool, 2, &[]), ["b", "b"]);
    assert_eq!(chosen(&pool, 1, &[1]), ["c"]);
    fail(&pool, 1);
    assert_eq!(chosen(&pool, 2, &[]), ["c", "c"]);
    // The last ones are never out.
    fail(&pool, 2);
    assert_eq!(chosen(&pool, 3, &[]), ["a", "b", "c"]);
}

#[test]
fn what_one_worker_found_another_finds_by_itself_but_checks_are_for_all() {
    let [here, there] = two(|| PoolConfig {
        check: Some(CheckRules {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            host: None,
            statuses: vec![(200, 299)],
            interval_millis: 1000,
            timeout_millis: 1000,
            rise: 1,
            fall: 1,
        }),
        ..config(vec![server("a"), server("b")])
    });
    fail(&here, 0);
    assert_eq!(chosen(&here, 2, &[]), ["b", "b"]);
    assert_eq!(chosen(&there, 2, &[]), ["a", "b"]);
    let both = || here.members.iter().map(|member| &member.upstream.commons);
    both().for_each(|commons| commons.set_checked_out(true));
    assert_eq!(chosen(&here, 1, &[]), ["nobody"]);
    assert_eq!(chosen(&there, 1, &[]), ["nobody"]);
    assert_eq!(there.retry_after(Fault::NoServer), Some(1));
    both().for_each(|commons| commons.set_checked_out(false));
    assert_eq!(chosen(&there, 2, &[]), ["a", "b"]);
}

#[test]
fn one_whose_breaker_is_open_is_not_chosen_though_it_is_the_last() {
    let pool = one(|| PoolConfig {
        breaker: Some(BreakerRules {
            failures_max: 3,
            failures_percent: 0,
            requests_min: 1,
            window_millis: 1000,
            open_millis: 2500,
        }),
        ..config(vec![server("a")])
    });
    assert_eq!(chosen(&pool, 1, &[]), ["a"]);
    fail(&pool, 0);
    assert_eq!(chosen(&pool, 1, &[]), ["nobody"]);
    assert_eq!(pool.retry_after(Fault::NoServer), Some(3));
    let upstream = pool.upstream(0).unwrap();
    let later = NOW.millis + 2500;
    assert!(upstream.breaker.borrow().may_ask(later));
    pool.asked(upstream, later);
    pool.succeeded(upstream, None, later);
    assert_eq!(chosen(&pool, 1, &[]), ["a"]);
}

#[test]
fn those_that_have_as_many_connections_as_they_may_are_passed_over_and_then_waited_for() {
    let limited = |name: &str| PoolServer {
        connections_max: Some(1),
        ..server(name)
    };
    let [here, there] = two(|| config(vec![limited("a"), limited("b")]));
    let take = |pool: &Pool, place: usize| pool.try_take(place, NOW.millis).unwrap();
    let Way::Seat(of_a) = take(&here, 0).way else {
        panic!("no line is there")
    };
    assert!(there.try_take(0, NOW.millis).is_none());
    assert_eq!(chosen(&there, 2, &[]), ["b", "b"]);
    let _of_b = take(&there, 1);
    assert_eq!(chosen(&here, 1, &[]), ["queue for 2"]);
    // One that failed is not waited for beside one that did not.
    fail(&here, 1);
    assert_eq!(chosen(&here, 1, &[]), ["queue for 1"]);
    drop(of_a);
    assert_eq!(chosen(&here, 1, &[]), ["a"]);
    assert_eq!(here.retry_after(Fault::ConnectionsMax), Some(10));
}

#[test]
fn who_waits_for_one_server_keeps_nobody_from_another() {
    let limited = |name: &str| PoolServer {
        connections_max: Some(1),
        ..server(name)
    };
    let pool = one(|| config(vec![limited("a"), limited("b")]));
    let _of_a = pool.try_take(0, NOW.millis).unwrap();
    let ticket = pool.commons.join(pool.alone(0), 9, 10).unwrap();
    assert_eq!(chosen(&pool, 2, &[]), ["b", "b"]);
    assert_eq!(pool.commons.leave(ticket), None);
}

#[test]
fn a_cookie_leads_back_for_as_long_as_its_server_is_in() {
    let drained = || PoolServer {
        weight: 0,
        ..server("c")
    };
    let pool = one(|| PoolConfig {
        sticky: Some(Sticky {
            cookie: "at".to_owned(),
            seconds: None,
        }),
        ..config(vec![server("a"), server("b"), drained()])
    });
    let cookie = |place: usize| format!("Cookie: at={}\r\n", pool.members[place].sticky_value);
    for (place, name) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(chosen_with(&pool, 2, &[], &cookie(place)), [name, name]);
    }
    assert_eq!(chosen_with(&pool, 2, &[], "Cookie: at=x\r\n"), ["a", "b"]);
    assert_eq!(chosen_with(&pool, 1, &[1], &cookie(1)), ["a"]);
    fail(&pool, 1);
    assert_eq!(chosen_with(&pool, 2, &[], &cookie(1)), ["a", "a"]);
    let set = |lines: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        with_request(&request, |head| pool.set_sticky(0, head, true))
    };
    assert_eq!(set(&cookie(0)), None);
    assert!(set(&cookie(1)).unwrap().contains("; Secure"));
}

#[test]
fn servers_that_stay_keep_what_is_known_of_them_and_those_that_come_rise() {
    let commons = Arc::new(Commons::new(|_| {}));
    let before = Pools::new(
        vec![config(vec![server("a"), server("b")])],
        &commons,
        None,
        NOW,
    );
    let pool = before.find("app").unwrap();
    fail(pool, 0);
    let after = Pools::new(
        vec![config(vec![server("c"), server("a")])],
        &commons,
        Some(&before),
        NOW,
    );
    let pool = after.find("app").unwrap();
    assert_eq!(chosen(pool, 2, &[]), ["c", "c"]);
    let weight = |place: usize, now: u64| {
        let member: &Member = &pool.members[place];
        member.seen(&pool.rules, false, false, now).weight
    };
    assert_eq!(weight(0, NOW.millis + 5_000), WEIGHT_SCALE / 2);
    assert_eq!(weight(0, NOW.millis + 10_000), WEIGHT_SCALE);
}

#[test]
fn a_slow_answer_is_a_failure_where_it_is_said_to_be() {
    let pool = one(|| PoolConfig {
        health: HealthRules {
            slow_answer_millis: 100,
            ..HealthRules::default()
        },
        ..config(vec![server("a"), server("b")])
    });
    let upstream = pool.upstream(0).unwrap();
    for micros in [99_999, 100_000, 200_000, 300_000] {
        assert_eq!(chosen(&pool, 2, &[]), ["a", "b"]);
        pool.succeeded(upstream, Some(micros), NOW.millis);
    }
    assert_eq!(chosen(&pool, 2, &[]), ["b", "b"]);
}

#[test]
fn somebody_can_be_asked_or_waited_for_whatever_other_workers_take_meanwhile() {
    let limited = |name| PoolServer {
        connections_max: Some(1),
        ..server(name)
    };
    let config = || config(vec![limited("a"), limited("b")]);
    let commons = Arc::new(Commons::new(|_| {}));
    let worker = |commons: &Arc<Commons>| Pools::new(vec![config()], commons, None, NOW);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let pools = worker(&commons);
            let pool = pools.find("app").unwrap();
            let _a = pool.try_take(0, NOW.millis).unwrap();
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                drop(pool.try_take(1, NOW.millis));
            }
        });
        let pools = worker(&commons);
        let pool = pools.find("app").unwrap();
        let seen = chosen(pool, 300_000, &[]);
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(!seen.contains(&"nobody".to_owned()));
    });
}
