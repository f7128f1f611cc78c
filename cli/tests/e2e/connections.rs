//! How connections live and end.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;
use testkit::raw::response::AnswerTo;

use crate::harness::{ECHO, End, Hansom, Place, assert_same, until, varied};

#[test]
fn http_10_closes_after_its_answer() {
    let hansom = Hansom::plain(&[]);
    let mut client = hansom.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.has_member("connection", "close"));
    client.closed();
}

#[test]
fn http_10_stays_when_asked_and_is_told_for_how_long() {
    let hansom = Hansom::plain(&["--keep-alive", "33"]);
    let mut client = hansom.connect();
    for _ in 0..3 {
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.answer();
        assert!(answer.has_member("connection", "keep-alive"));
        assert_eq!(answer.value("keep-alive"), Some("timeout=33"));
    }
}

#[test]
fn http_11_stays_without_asking_and_is_told_nothing() {
    let hansom = Hansom::plain(&[]);
    let mut client = hansom.connect();
    for _ in 0..3 {
        let answer = client.get("/");
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.values("keep-alive").len() + answer.values("connection").len(),
            0
        );
    }
}

#[test]
fn close_is_obeyed_and_said() {
    let hansom = Hansom::plain(&[]);
    let mut client = hansom.connect();
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert!(client.answer().has_member("connection", "close"));
    client.closed();
}

#[test]
fn a_keep_alive_of_zero_closes_after_every_answer() {
    let hansom = Hansom::plain(&["--keep-alive", "0"]);
    let mut client = hansom.connect();
    assert!(client.get("/").has_member("connection", "close"));
    client.closed();
}

#[test]
fn requests_on_a_connection_are_limited() {
    let hansom = Place::new().run("[server]\nkeep_alive_requests = 3\n[[site]]\nroot = \"site\"\n");
    let mut client = hansom.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5));
    for is_last in [false, false, true] {
        assert_eq!(client.answer().has_member("connection", "close"), is_last);
    }
    client.closed();
}

#[test]
fn the_age_of_a_connection_is_limited() {
    let hansom = Place::new().run("[server]\nconnection_age = \"1s\"\n[[site]]\nroot = \"site\"\n");
    let mut client = hansom.connect();
    until("the connection is old", || {
        client
            .get("/")
            .has_member("connection", "close")
            .then_some(())
    });
    client.closed();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut place = Place::new();
    for i in 0..100 {
        place = place.with(&format!("site/{i}"), format!("content {i}"));
    }
    let hansom = place.serve(&[]);
    let mut client = hansom.connect();
    let requests: String = (0..100)
        .map(|i| format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .collect();
    client.send(requests);
    for i in 0..100 {
        assert_eq!(client.answer().content, format!("content {i}").as_bytes());
    }
}

#[test]
fn requests_behind_a_large_file_are_answered_after_it() {
    let content = varied(5 << 20);
    let hansom = Place::new().with("site/big", &content).serve(&[]);
    let mut client = hansom.connect_narrow();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_same(&client.answer().content, &content);
    assert_eq!(client.answer().status, 200);
    assert_same(&client.answer().content, &content);
    assert_eq!(client.answer().status, 404);
    client.closed();
}

#[test]
fn pipelined_large_files_hold_one_descriptor_at_a_time() {
    let mut place = Place::new();
    for i in 0..60 {
        place = place.with(&format!("site/big{i}"), varied(1 << 20));
    }
    let hansom = place.serve(&[]);
    let mut clients: Vec<_> = (0..4).map(|_| hansom.connect_narrow()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let requests: String = (0..15)
            .map(|i| format!("GET /big{} HTTP/1.1\r\nHost: a\r\n\r\n", n * 15 + i))
            .collect();
        client.send(requests);
    }
    for client in &mut clients {
        client.octets(1);
    }
    let count = hansom.open_files(|path| path.contains("/site/big"));
    assert!(count <= 8, "{count} files are open for 4 connections");
}

#[test]
fn many_pipelined_requests_with_content_are_all_answered() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    let requests: String = (0..2000)
        .map(|i| format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n{i:04}"))
        .collect();
    let mut writer = client.stream.try_clone().expect("a handle");
    let writing = thread::spawn(move || writer.write_all(requests.as_bytes()));
    for i in 0..2000 {
        assert_eq!(client.answer().content, format!("{i:04}").as_bytes());
    }
    writing.join().expect("it ends").expect("it was read");
}

#[test]
fn a_client_that_ends_its_side_is_still_answered() {
    let content = varied(3 << 20);
    let hansom = Place::new().with("site/big", &content).run(ECHO);
    let mut client = hansom.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    client.end_sending();
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.answer().content, b"abc");
    assert_same(&client.answer().content, &content);
    client.closed();
}

#[test]
fn content_cut_short_by_the_end_of_the_clients_side_is_answered_400() {
    let hansom = Place::new().run(ECHO);
    for framing in [
        "Content-Length: 10\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let mut client = hansom.connect();
        client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\n{framing}"));
        client.end_sending();
        assert_eq!(client.answer().status, 400);
        client.closed();
    }
}

#[test]
fn a_head_cut_short_by_the_end_of_the_clients_side_is_answered_400() {
    let hansom = Hansom::plain(&[]);
    let mut client = hansom.connect();
    client.send("GET / HTTP/1.1\r\nHo");
    client.end_sending();
    assert_eq!(client.answer().status, 400);
    client.closed();
}

/// Sends far more than the buffers of both kernels hold, and reads only then. That all of it is taken shows that no reset
/// came before the answer was read; a reset would lose it on some systems.
fn answer_after_sending(hansom: &Hansom, head: &str, octets: usize) -> u16 {
    let mut client = hansom.connect();
    client.send(head);
    client.send(vec![b'a'; octets]);
    let answer = client.answer();
    assert!(answer.has_member("connection", "close"), "{head}");
    client.closed();
    answer.status
}

#[test]
fn an_answer_is_not_lost_to_content_that_nobody_reads() {
    let hansom = Place::new().run(&format!("[limits]\ncontent_octets_max = \"1MiB\"\n{ECHO}"));
    let much = 40 << 20;
    for (head, status) in [
        (
            format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {much}\r\n\r\n"),
            413,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"
                .to_owned(),
            413,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".to_owned(),
            400,
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
    ] {
        assert_eq!(answer_after_sending(&hansom, &head, much), status, "{head}");
    }
}

#[test]
fn an_answer_is_not_lost_to_content_for_a_resource_that_takes_none() {
    let hansom = Hansom::plain(&[]);
    let much = 40 << 20;
    for (version, fields) in [
        ("1.1", "Host: a\r\n"),
        ("1.1", "Host: a\r\nConnection: close\r\n"),
        ("1.0", ""),
        ("1.0", "Connection: keep-alive\r\n"),
    ] {
        let head = format!("PUT /x HTTP/{version}\r\n{fields}Content-Length: {much}\r\n\r\n");
        assert_eq!(answer_after_sending(&hansom, &head, much), 405, "{head}");
    }
    let head = "PUT /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n";
    assert_eq!(answer_after_sending(&hansom, head, much), 405, "{head}");
}

#[test]
fn little_content_that_nobody_wants_does_not_cost_the_connection() {
    let hansom = Hansom::plain(&[]);
    let mut client = hansom.connect();
    client.send(format!(
        "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{}",
        "a".repeat(1000)
    ));
    assert_eq!(client.answer().status, 405);
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn one_hundred_is_sent_when_the_content_is_wanted() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    );
    assert_eq!(client.answer().status, 100);
    client.send("abc");
    assert_eq!(client.answer().content, b"abc");
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn one_hundred_is_not_sent_when_the_content_is_there() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    );
    let first = client.answer();
    let last = if first.status == 100 {
        client.answer()
    } else {
        first
    };
    assert_eq!(last.content, b"abc");
}

#[test]
fn one_hundred_is_not_sent_to_http_10() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    client.send("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.answer().content, b"abc");
}

#[test]
fn a_final_answer_instead_of_one_hundred_closes() {
    let hansom = Hansom::plain(&[]);
    let mut client = hansom.connect();
    client.send("PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 405);
    assert!(answer.has_member("connection", "close"));
    client.closed();
}

#[test]
fn another_expectation_is_answered_417() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.answer().status, 417);
}

#[test]
fn head_has_no_content_whatever_is_asked() {
    let hansom = Place::new()
        .with("site/big", varied(1 << 20))
        .with("site/empty", "")
        .run(ECHO);
    let mut client = hansom.connect();
    for target in [
        "/",
        "/big",
        "/empty",
        "/none",
        "/echo",
        "/wire.json",
        "/%2F",
        "/%00",
    ] {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = client.answer_to(AnswerTo::Head);
        assert_eq!(client.get("/").status, 200, "{target}: {}", answer.status);
    }
}

#[test]
fn a_client_that_sends_without_end_does_not_keep_others_waiting() {
    let hansom = Place::new().run(ECHO);
    let greedy = hansom.connect();
    let mut writer = greedy.stream.try_clone().expect("a handle");
    let mut reader = greedy.stream.try_clone().expect("a handle");
    // Answered one by one, so that nothing but its own limit makes the server turn to others.
    let request = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let requests = request.repeat(10_000);
    let writing = thread::spawn(move || while writer.write_all(requests.as_bytes()).is_ok() {});
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let reading = thread::spawn(move || {
        let mut octets = vec![0; 1 << 20];
        while let Ok(count @ 1..) = reader.read(&mut octets) {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    });
    until("it is at it", || {
        (read.load(Ordering::Relaxed) > 4 << 20).then_some(())
    });
    for _ in 0..20 {
        assert_eq!(hansom.get("/").status, 200);
    }
    greedy
        .stream
        .shutdown(std::net::Shutdown::Both)
        .expect("it is open");
    writing.join().expect("it ends");
    reading.join().expect("it ends");
}

#[test]
fn a_large_file_to_a_slow_reader_does_not_keep_others_waiting() {
    let hansom = Place::new().with("site/big", varied(64 << 20)).serve(&[]);
    let mut slow: Vec<_> = (0..10).map(|_| hansom.connect_narrow()).collect();
    for client in &mut slow {
        client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
        client.octets(1);
    }
    for _ in 0..50 {
        assert_eq!(hansom.get("/").status, 200);
    }
}

/// Processor time that the program takes while nothing happens for a second, in ticks of 10 ms.
fn idle_ticks(hansom: &Hansom) -> u64 {
    let before = hansom.ticks();
    thread::sleep(std::time::Duration::from_secs(1));
    hansom.ticks() - before
}

#[test]
fn waiting_takes_no_processor_time() {
    let hansom = Place::new().with("site/big", varied(32 << 20)).run(ECHO);
    // Each waits in another state, most of them with their side ended.
    let mut clients = Vec::new();
    let mut add = |octets: &str, is_ended: bool, is_answered: bool| {
        let mut client = hansom.connect_narrow();
        client.send(octets);
        if is_ended {
            client.end_sending();
        }
        if is_answered {
            client.octets(1);
        }
        clients.push(client);
    };
    add("GET /big HTTP/1.1\r\nHost: a\r\n\r\n", true, true);
    add("GET /big HTTP/1.1\r\nHost: a\r\n\r\n", false, true);
    add(
        "GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        true,
        true,
    );
    add(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
        false,
        false,
    );
    add(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        false,
        true,
    );
    add("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, true);
    add("GET / HTT", false, false);
    add("", false, false);
    // This one lingers: it was refused and goes on to hold its side open.
    add("BAD\r\n\r\n", false, true);
    assert_eq!(hansom.get("/").status, 200);
    // One that fails while its answer is under way.
    let mut failing = hansom.connect_narrow();
    failing.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    failing.octets(1);
    drop(failing);
    let ticks = idle_ticks(&hansom);
    assert!(ticks <= 20, "{ticks} ticks in a second of waiting");
}

#[test]
fn an_interrupt_ends_an_idle_server_at_once() {
    for signal in [Signal::INT, Signal::TERM] {
        // Draining may take longer than this test has patience, so it ends in time only by closing what is idle.
        let mut hansom =
            Place::new().run("[server]\ndrain_time = \"1h\"\n[[site]]\nroot = \"site\"\n");
        let mut idle = hansom.connect();
        assert_eq!(idle.get("/").status, 200);
        hansom.signal(signal);
        idle.closed();
        assert_eq!(hansom.ended().code(), Some(0));
    }
}

#[test]
fn an_interrupt_lets_an_exchange_end_and_closes_its_connection() {
    let mut hansom = Place::new().run(&format!(
        "[server]\ndrain_time = \"1h\"\n{}",
        ECHO.trim_start_matches("[server]\n")
    ));
    let mut client = hansom.connect();
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n",
    );
    assert_eq!(client.answer().status, 100);
    let mut idle = hansom.connect();
    assert_eq!(idle.get("/").status, 200);
    hansom.signal(Signal::INT);
    idle.closed();
    client.send("abcdef");
    let answer = client.answer();
    assert_eq!(answer.content, b"abcdef");
    assert!(answer.has_member("connection", "close"));
    client.closed();
    assert_eq!(hansom.ended().code(), Some(0));
}

#[test]
fn an_interrupt_lets_a_large_file_end_and_closes_its_connection() {
    let content = varied(16 << 20);
    let mut hansom = Place::new()
        .with("site/big", &content)
        .run("[server]\ndrain_time = \"1h\"\n[[site]]\nroot = \"site\"\n");
    let mut client = hansom.connect_narrow();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    let start = client.octets(1);
    let mut idle = hansom.connect();
    assert_eq!(idle.get("/").status, 200);
    hansom.signal(Signal::INT);
    idle.closed();
    let (rest, end) = client.rest();
    assert_eq!(end, End::Closed);
    let all = [start, rest].concat();
    assert!(all.ends_with(&content));
    drop(client);
    assert_eq!(hansom.ended().code(), Some(0));
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let mut hansom = Place::new().run(&format!(
        "[server]\ndrain_time = \"1h\"\n{}",
        ECHO.trim_start_matches("[server]\n")
    ));
    let mut client = hansom.connect();
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n",
    );
    assert_eq!(client.answer().status, 100);
    let mut idle = hansom.connect();
    assert_eq!(idle.get("/").status, 200);
    hansom.signal(Signal::INT);
    idle.closed();
    assert!(hansom.is_running());
    hansom.signal(Signal::INT);
    assert_eq!(hansom.ended().code(), Some(0)); // What was cut off is in the log, as such.
    let records = hansom.log_records(2);
    let cut = records
        .iter()
        .find(|record| record["target"] == "/echo")
        .expect("a record");
    assert_eq!(cut["status"], serde_json::Value::Null);
    assert_eq!(cut["complete"], false);
}

#[test]
fn an_interrupt_lets_what_was_pipelined_be_answered() {
    let content = varied(16 << 20);
    let mut hansom = Place::new()
        .with("site/big", &content)
        .run("[server]\ndrain_time = \"1h\"\n[[site]]\nroot = \"site\"\n");
    let mut client = hansom.connect_narrow();
    let big = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!("{big}{}", big.repeat(2).replace("/big", "/")));
    let start = client.octets(1);
    let mut idle = hansom.connect();
    assert_eq!(idle.get("/").status, 200);
    hansom.signal(Signal::INT);
    idle.closed();
    let (rest, end) = client.rest();
    assert_eq!(end, End::Closed);
    let all = [start, rest].concat();
    let tail = String::from_utf8_lossy(&all[all.len() - 1000..]).into_owned();
    assert_eq!(tail.matches("<title>a</title>").count(), 2, "{tail}");
    assert_eq!(tail.matches("Connection: close").count(), 1, "{tail}");
    drop(client);
    assert_eq!(hansom.ended().code(), Some(0));
}
