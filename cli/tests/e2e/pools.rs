//! Pools of servers behind a gateway: limits and the queue, what rests, reloads, who comes back to whom, what is left alone.

use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use rustix::process::Signal;

use crate::behind::{Behind, lock};
use crate::harness::{Client, Hansom, PATIENCE, Place, until};

/// A pool with these keys, all of whose site is asked of it.
fn configuration(workers: usize, servers: &[&Behind], keys: &str) -> String {
    let to: Vec<_> = servers
        .iter()
        .map(|it| format!("\"{}\"", it.url()))
        .collect();
    format!(
        "[server]\nworkers = {workers}\n\n[[pool]]\nname = \"app\"\nto = [{}]\n{keys}\n\n\
         [[site]]\n[[site.route]]\npath = \"/\"\nhandler = \"gateway\"\npool = \"app\"\n",
        to.join(", ")
    )
}

fn run(workers: usize, servers: &[&Behind], keys: &str) -> Hansom {
    Place::new().run(&configuration(workers, servers, keys))
}

fn content(client: &mut Client) -> String {
    let answer = client.get("/");
    assert_eq!(answer.status, 200, "{answer:?}");
    String::from_utf8(answer.content).expect("text")
}

/// Sends a request, and does not wait for its answer.
fn ask(hansom: &Hansom, target: &str) -> Client {
    let mut client = hansom.connect();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client
}

#[test]
fn one_connection_serves_the_clients_of_all_workers_and_there_is_never_a_second() {
    let server = Behind::start("one");
    let hansom = run(2, &[&server], "connections_max = 1\n");
    let clients: Vec<_> = (0..20).map(|_| hansom.connect()).collect();
    let asking = clients.into_iter().map(|mut client| {
        thread::spawn(move || {
            for _ in 0..20 {
                assert_eq!(content(&mut client), "one");
            }
        })
    });
    for client in asking.collect::<Vec<_>>() {
        client.join().expect("every request is answered");
    }
    assert_eq!(server.state.open_most.load(Ordering::SeqCst), 1);
    assert_eq!(server.asked().len(), 400);
}

#[test]
fn a_connection_at_rest_with_one_worker_is_given_up_for_another() {
    let server = Behind::start("one");
    let hansom = run(4, &[&server], "connections_max = 1\n");
    // Each on a connection of its own, so that all workers have some.
    let mut clients: Vec<_> = (0..12).map(|_| hansom.connect()).collect();
    for _ in 0..3 {
        for client in &mut clients {
            assert_eq!(content(client), "one");
        }
    }
    assert_eq!(server.state.open_most.load(Ordering::SeqCst), 1);
}

#[test]
fn as_many_wait_as_may_and_beyond_the_queue_is_503() {
    let server = Behind::start("one");
    let keys = "connections_max = 1\nqueue_max = 2\n";
    let mut hansom = run(1, &[&server], keys);
    server.hold();
    let mut first = ask(&hansom, "/1");
    server.awaits(1);
    // Which of them come first is the system's affair: what is sent by one connection may be read after what others sent later.
    let (sender, answers) = mpsc::channel();
    for at in 2..8 {
        let (mut client, sender) = (ask(&hansom, &format!("/{at}")), sender.clone());
        thread::spawn(move || sender.send(client.answer()));
    }
    let next = || {
        let answer = answers.recv_timeout(PATIENCE);
        answer.expect("each is answered")
    };
    for _ in 0..4 {
        let refused = next();
        assert_eq!(refused.status, 503);
        assert_eq!(refused.value("Retry-After"), Some("10"));
        let told = refused.value("Proxy-Status").expect("it is told");
        assert!(told.contains("error=connection_limit_reached"), "{told}");
    }
    assert_eq!(
        hansom.next_said(),
        "hansom: pool app: the queue is full, 2 wait for a connection (queue_max): more are answered by 503"
    );
    server.let_go();
    assert_eq!(first.answer().status, 200);
    assert_eq!([next().status, next().status], [200, 200]);
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn who_waits_too_long_is_503() {
    let server = Behind::start("one");
    let hansom = run(
        1,
        &[&server],
        "connections_max = 1\nqueue_time = \"50ms\"\n",
    );
    server.hold();
    let mut first = ask(&hansom, "/1");
    server.awaits(1);
    let answer = hansom.get("/2");
    assert_eq!(
        (answer.status, answer.value("Retry-After")),
        (503, Some("1"))
    );
    server.let_go();
    assert_eq!(first.answer().status, 200);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn who_leaves_the_queue_is_not_served() {
    let server = Behind::start("one");
    let hansom = run(1, &[&server], "connections_max = 1\nqueue_max = 1\n");
    server.hold();
    let mut first = ask(&hansom, "/1");
    server.awaits(1);
    let mut leaving = ask(&hansom, "/leaves");
    assert_eq!(hansom.get("/2").status, 503, "the queue is full");
    leaving.end_sending();
    // It is told, in case it listens.
    assert_eq!(leaving.answer().status, 503);
    let resetting = ask(&hansom, "/resets");
    assert_eq!(hansom.get("/3").status, 503, "the queue is full");
    resetting.reset();
    let mut waiting = until("there is room", || {
        let mut client = ask(&hansom, "/waits");
        server.let_go();
        (client.answer().status == 200).then_some(client)
    });
    assert_eq!(first.answer().status, 200);
    assert_eq!(waiting.get("/").status, 200);
    let lines = server.asked();
    let is_gone = |line: &String| line.contains("/leaves") || line.contains("/resets");
    assert!(!lines.iter().any(is_gone), "{lines:?}");
}

#[test]
fn no_connection_is_lost_to_clients_that_leave_and_servers_that_break() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let keys = "connections_max = 2\nqueue_max = 4\nqueue_time = \"200ms\"\nfailures_max = 1000\n";
    let hansom = run(2, &[&one, &two], keys);
    let clients: Vec<_> = (0..6)
        .map(|number| {
            let address = hansom.address;
            thread::spawn(move || {
                for at in 0..60 {
                    let mut client = Hansom::client(address);
                    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                    match (at + number) % 4 {
                        0 => client.reset(),
                        1 => client.end_sending(),
                        _ => assert!(client.try_answer()),
                    }
                }
            })
        })
        .collect();
    for at in 0..60 {
        one.set_broken(at % 3 == 0);
        two.set_broken(at % 5 == 0);
        for stream in lock(&one.state.streams).drain(..) {
            // It may be closed.
            let _ = stream.shutdown(Shutdown::Write);
        }
        hansom.get("/");
    }
    for client in clients {
        client.join().expect("every client that stays is answered");
    }
    one.set_broken(false);
    two.set_broken(false);
    // Nothing is under way any longer.
    hansom.log_lines(7 * 60);
    // As many at one time as there may be connections: if one were lost they would not all come through.
    one.hold();
    two.hold();
    let before = (one.asked().len(), two.asked().len());
    let mut last: Vec<_> = (0..4).map(|_| ask(&hansom, "/")).collect();
    one.awaits(before.0 + 2);
    two.awaits(before.1 + 2);
    one.let_go();
    two.let_go();
    for client in &mut last {
        assert_eq!(client.answer().status, 200);
    }
    for server in [&one, &two] {
        assert!(server.state.open_most.load(Ordering::SeqCst) <= 2);
    }
}

#[test]
fn a_server_that_has_room_is_asked_before_anybody_waits() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let hansom = run(1, &[&one, &two], "connections_max = 1\n");
    one.hold();
    two.hold();
    let mut clients: Vec<_> = (0..2).map(|_| ask(&hansom, "/")).collect();
    one.awaits(1);
    two.awaits(1);
    one.let_go();
    two.let_go();
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn an_idle_connection_that_the_server_ends_is_closed_at_once() {
    let server = Behind::start("one");
    let hansom = run(1, &[&server], "");
    assert_eq!(hansom.get("/").status, 200);
    for stream in lock(&server.state.streams).iter() {
        stream.shutdown(Shutdown::Write).expect("it is open");
    }
    // Nobody asks anything: the gateway ends its own side all the same.
    until("it is closed", || {
        (server.state.ended.load(Ordering::SeqCst) == 1).then_some(())
    });
}

#[test]
fn connections_are_closed_when_they_were_idle_for_long_enough() {
    let server = Behind::start("one");
    let hansom = run(1, &[&server], "idle_time = \"60ms\"\n");
    assert_eq!(hansom.get("/").status, 200);
    until("it is closed", || {
        (server.state.ended.load(Ordering::SeqCst) == 1).then_some(())
    });
    assert_eq!(hansom.get("/").status, 200);
}

#[test]
fn a_request_that_goes_no_further_costs_no_connection() {
    let server = Behind::start("one");
    let hansom = run(1, &[&server], "");
    assert_eq!(hansom.get("/").status, 200);
    let mut client = hansom.connect();
    for _ in 0..3 {
        client.send("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n");
        assert_eq!(client.answer().status, 400);
    }
    assert_eq!(content(&mut client), "one");
    assert_eq!(lock(&server.state.streams).len(), 1);
}

#[test]
fn no_more_connections_rest_than_may() {
    let server = Behind::start("one");
    let hansom = run(1, &[&server], "idle_connections_max = 2\n");
    server.hold();
    let mut clients: Vec<_> = (0..5).map(|_| ask(&hansom, "/")).collect();
    server.awaits(5);
    server.let_go();
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    until("two are left", || (server.open() == 2).then_some(()));
}

#[test]
fn an_old_connection_is_closed_after_its_exchange() {
    let server = Behind::start("one");
    let hansom = run(1, &[&server], "connection_age = \"1ms\"\n");
    let mut client = hansom.connect();
    until("another connection is made", || {
        assert_eq!(content(&mut client), "one");
        (server.state.ended.load(Ordering::SeqCst) > 0).then_some(())
    });
}

#[test]
fn clients_come_back_to_their_server_by_its_cookie() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let hansom = run(1, &[&one, &two], "sticky = { cookie = \"at\" }\n");
    let mut client = hansom.connect();
    let answer = client.get("/");
    let set = answer.value("Set-Cookie").expect("a cookie").to_owned();
    assert!(
        set.starts_with("at=") && set.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{set}"
    );
    let pair = set.split(';').next().expect("a pair");
    let name = String::from_utf8(answer.content).expect("text");
    for _ in 0..5 {
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nCookie: {pair}\r\n\r\n"
        ));
        let answer = client.answer();
        assert_eq!(answer.content, name.as_bytes());
        assert_eq!(answer.value("Set-Cookie"), None);
    }
    // What nobody gave out counts as none.
    let mut names = Vec::new();
    for _ in 0..4 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: at=127.0.0.1\r\n\r\n");
        let answer = client.answer();
        assert!(answer.value("Set-Cookie").is_some());
        names.push(answer.content);
    }
    assert!(names.contains(&b"one".to_vec()) && names.contains(&b"two".to_vec()));
}

#[test]
fn a_backup_is_asked_when_the_others_fail() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let more = format!("[[pool.server]]\nto = \"{}\"\nbackup = true\n", two.url());
    let mut hansom = run(1, &[&one], &format!("failures_max = 1\n{more}"));
    let mut client = hansom.connect();
    for _ in 0..5 {
        assert_eq!(content(&mut client), "one");
    }
    one.set_broken(true);
    for _ in 0..5 {
        assert_eq!(content(&mut client), "two");
    }
    let said = hansom.next_said();
    assert!(
        said.starts_with(&format!("hansom: pool app: {} is out", one.address))
            && said.ends_with("The server closed without an answer"),
        "{said}"
    );
}

#[test]
fn weights_are_shares_and_nobody_is_sent_to_a_weight_of_nothing() {
    let (one, two, three) = (
        Behind::start("one"),
        Behind::start("two"),
        Behind::start("three"),
    );
    let server = |it: &Behind, weight: u32| {
        format!(
            "[[pool.server]]\nto = \"{}\"\nweight = {weight}\n",
            it.url()
        )
    };
    let keys = server(&one, 1) + &server(&two, 3) + &server(&three, 0);
    let hansom = run(1, &[], &keys);
    let mut client = hansom.connect();
    for _ in 0..40 {
        content(&mut client);
    }
    assert_eq!((one.asked().len(), two.asked().len()), (10, 30));
    assert!(three.asked().is_empty());
}

#[test]
fn an_open_breaker_answers_503_until_a_trial_succeeds() {
    let server = Behind::start("one");
    let keys = "[pool.breaker]\nfailures_max = 2\nopen_time = \"100ms\"\n";
    let mut hansom = run(1, &[&server], keys);
    let mut client = hansom.connect();
    server.set_broken(true);
    let refused = until("the breaker opens", || {
        let answer = client.get("/");
        (answer.status == 503).then_some(answer)
    });
    assert_eq!(refused.value("Retry-After"), Some("1"));
    let told = refused.value("Proxy-Status").expect("it is told");
    assert!(told.contains("error=destination_unavailable"), "{told}");
    server.set_broken(false);
    until("it closes", || {
        (client.get("/").status == 200).then_some(())
    });
    let said = [hansom.next_said(), hansom.next_said()];
    assert!(
        said.iter().any(|line| line.contains("breaker is open")),
        "{said:?}"
    );
}

#[test]
fn checks_take_a_server_out_and_bring_it_in() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let keys = "[pool.check]\npath = \"/health\"\ninterval = \"20ms\"\nfall = 2\nrise = 2\n";
    let mut hansom = run(2, &[&one, &two], keys);
    one.set_broken(true);
    let out = hansom.next_said();
    assert_eq!(
        out,
        format!(
            "hansom: pool app: {} is out, for its check failed: The server closed without an answer",
            one.address
        )
    );
    let mut client = hansom.connect();
    for _ in 0..6 {
        assert_eq!(content(&mut client), "two");
    }
    two.set_broken(true);
    until("none is in", || {
        (client.get("/").status == 503).then_some(())
    });
    one.set_broken(false);
    until("it is asked again", || {
        (client.get("/").status == 200).then_some(())
    });
    assert_eq!(content(&mut client), "one");
}

#[test]
fn what_is_sent_again_has_an_end() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let hansom = run(1, &[&one, &two], "tries_max = 1\n");
    one.set_broken(true);
    two.set_broken(true);
    assert_eq!(hansom.get("/").status, 502);
    assert_eq!(one.asked().len() + two.asked().len(), 1);
}

impl Hansom {
    fn change(&mut self, configuration: &str) {
        std::fs::write(self.folder().join("hansom.toml"), configuration).expect("the file");
        self.signal(Signal::HUP);
        loop {
            let line = self.next_said();
            assert_ne!(line, "hansom: nothing was changed");
            if line.starts_with("hansom: reloaded") {
                return;
            }
        }
    }
}

#[test]
fn servers_that_stay_keep_their_connections_and_those_that_go_lose_them() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let mut hansom = run(1, &[&one, &two], "");
    let mut client = hansom.connect();
    for _ in 0..4 {
        content(&mut client);
    }
    assert_eq!((one.open(), two.open()), (1, 1));
    // A site without a pool of its own is one more that is kept.
    hansom.change(&configuration(1, &[&one], "").replace(
        "[server]\nworkers = 1\n",
        "[server]\nworkers = 1\nkeep_alive = \"50s\"\n",
    ));
    until("the other is drained", || (two.open() == 0).then_some(()));
    for _ in 0..4 {
        assert_eq!(content(&mut client), "one");
    }
    assert_eq!(one.state.open_most.load(Ordering::SeqCst), 1);
    assert_eq!(one.state.ended.load(Ordering::SeqCst), 0);
}

#[test]
fn a_limit_that_a_reload_lowers_holds_for_connections_at_rest_too() {
    let server = Behind::start("one");
    let mut hansom = run(1, &[&server], "connections_max = 3\n");
    server.hold();
    let mut clients: Vec<_> = (0..3).map(|_| ask(&hansom, "/")).collect();
    server.awaits(3);
    server.let_go();
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(server.open(), 3);
    hansom.change(&configuration(1, &[&server], "connections_max = 1\n"));
    until("one is left", || (server.open() == 1).then_some(()));
    assert_eq!(content(&mut hansom.connect()), "one");
    assert_eq!(server.state.ended.load(Ordering::SeqCst), 2);
}

#[test]
fn an_exchange_with_a_server_that_goes_ends_in_peace() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let mut hansom = run(1, &[&one], "");
    one.hold();
    let mut client = ask(&hansom, "/");
    one.awaits(1);
    hansom.change(&configuration(1, &[&two], ""));
    assert_eq!(
        hansom.next_said(),
        format!(
            "hansom: pool app: added {}, drained {}",
            two.url(),
            one.url()
        )
    );
    assert_eq!(hansom.get("/").content, b"two");
    one.let_go();
    assert_eq!(client.answer().content, b"one");
    until("it is drained", || (one.open() == 0).then_some(()));
}

#[test]
fn a_route_that_names_its_servers_itself_keeps_their_connections_too() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let configuration = |servers: &[&Behind]| {
        let to: Vec<_> = servers
            .iter()
            .map(|it| format!("\"{}\"", it.url()))
            .collect();
        let to = to.join(", ");
        format!(
            "[server]\nworkers = 1\n[[site]]\n[[site.route]]\npath = \"/\"\nhandler = \"gateway\"\nto = [{to}]\n"
        )
    };
    let mut hansom = Place::new().run(&configuration(&[&one]));
    let mut client = hansom.connect();
    assert_eq!(content(&mut client), "one");
    hansom.change(&configuration(&[&one, &two]));
    assert_eq!(
        hansom.next_said(),
        format!("hansom: pool */: added {}", two.url())
    );
    until("both are asked", || {
        content(&mut client);
        (!two.asked().is_empty()).then_some(())
    });
    assert_eq!(lock(&one.state.streams).len(), 1);
    assert_eq!(one.state.ended.load(Ordering::SeqCst), 0);
}

#[test]
fn a_pool_that_a_reload_brings_is_looked_after_and_checked() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    let mut hansom = Place::new().run("[server]\nworkers = 2\n[[site]]\nroot = \"site\"\n");
    let keys = "idle_time = \"60ms\"\n[pool.check]\npath = \"/health\"\ninterval = \"20ms\"\n";
    two.set_broken(true);
    hansom.change(&configuration(2, &[&one, &two], keys));
    until("the check finds it", || {
        hansom
            .next_said()
            .contains("is out, for its check failed")
            .then_some(())
    });
    let mut client = hansom.connect();
    for _ in 0..4 {
        assert_eq!(content(&mut client), "one");
    }
    // Also of a pool without checks nobody is out by those that were.
    hansom.change(&configuration(2, &[&one, &two], "idle_time = \"60ms\"\n"));
    two.set_broken(false);
    until("it is asked again", || {
        (content(&mut client) == "two").then_some(())
    });
    until("nothing rests any longer", || {
        (one.open() + two.open() == 0).then_some(())
    });
}

#[test]
fn no_request_is_lost_while_servers_come_and_go() {
    let servers = ["one", "two", "three"].map(Behind::start);
    let all = |without: usize| {
        let left: Vec<_> = (0..3)
            .filter(|at| *at != without)
            .map(|at| &servers[at])
            .collect();
        configuration(2, &left, "connections_max = 3\nqueue_time = \"30s\"\n")
    };
    let mut hansom = Place::new().run(&all(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, is_over) = (hansom.connect(), Arc::clone(&is_over));
            thread::spawn(move || {
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) {
                    content(&mut client);
                    count += 1;
                }
                count
            })
        })
        .collect();
    for round in 1..=20 {
        let before: usize = servers.iter().map(|it| it.asked().len()).sum();
        hansom.change(&all(round % 3));
        until("requests go on", || {
            let asked: usize = servers.iter().map(|it| it.asked().len()).sum();
            (asked > before + 20).then_some(())
        });
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.join().expect("no request is lost") > 0);
    }
    for server in &servers {
        assert!(server.state.open_most.load(Ordering::SeqCst) <= 3);
    }
}

#[test]
fn paths_and_hosts_are_what_the_route_says() {
    let server = Behind::start("one");
    let route = "strip_prefix = \"/shop\"\nadd_prefix = \"/v2\"\noutbound_host = \"inner.example\"\n\
                 client_fields = [\"forwarded\"]\n";
    let configuration = configuration(1, &[&server], "")
        .replace("path = \"/\"\n", &format!("path = \"/shop\"\n{route}"));
    let rewritten = "\n[[site.route]]\npath = \"/old\"\nrewrite = \"/shop/new{rest}?x={query}\"\n";
    let hansom = Place::new().run(&(configuration + rewritten));
    assert_eq!(hansom.get("/shop/a%20b?q").status, 200);
    assert_eq!(hansom.get("/old/c%20d?e").status, 200);
    assert_eq!(
        server.asked(),
        ["GET /v2/a%20b?q HTTP/1.1", "GET /v2/new/c%20d?x=e HTTP/1.1"]
    );
    let asked = lock(&server.state.asked).concat();
    assert!(asked.contains("\r\nHost: inner.example\r\n"), "{asked}");
    assert!(asked.contains("\r\nForwarded: "), "{asked}");
    assert!(!asked.contains("X-Forwarded"), "{asked}");
}

#[test]
fn the_log_has_the_server_and_how_many_were_tried() {
    let (one, two) = (Behind::start("one"), Behind::start("two"));
    one.set_broken(true);
    let hansom = run(1, &[&one, &two], "");
    assert_eq!(hansom.get("/").status, 200);
    let record = &hansom.log_records(1)[0];
    assert_eq!(record["server"], two.address.to_string());
    assert_eq!(record["tries"], 2);
}
