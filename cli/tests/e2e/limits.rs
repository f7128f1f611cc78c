//! What a peer can make grow or last, and what becomes of who goes beyond.

use std::thread;

use crate::harness::{Client, ECHO, End, Hansom, Place, until, varied};

#[test]
fn a_head_that_drips_beyond_its_time_is_answered_408() {
    let hansom = Hansom::plain(&["--limit", "head_time=1s"]);
    let mut client = hansom.connect();
    let mut writer = client.stream.try_clone().expect("a handle");
    // One octet at a time, each long before the limit: only the whole is slow.
    let dripping = thread::spawn(move || {
        use std::io::Write;
        let head = b"GET / HTTP/1.1\r\nHost: "
            .iter()
            .chain([b'a'].iter().cycle());
        for octet in head.take(4000) {
            if writer.write_all(&[*octet]).is_err() {
                break;
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
    });
    let answer = client.answer();
    assert_eq!(answer.status, 408);
    assert!(answer.has_member("connection", "close"));
    client
        .stream
        .shutdown(std::net::Shutdown::Both)
        .expect("it is open");
    dripping.join().expect("it ends when the server closes");
}

#[test]
fn a_connection_that_never_says_anything_is_closed_without_a_word() {
    let hansom = Hansom::plain(&["--limit", "head_time=1s"]);
    hansom.connect().closed();
}

#[test]
fn empty_lines_alone_are_closed_without_a_word() {
    let hansom = Hansom::plain(&["--limit", "head_time=1s"]);
    let mut client = hansom.connect();
    client.send("\r\n");
    client.closed();
}

#[test]
fn a_second_head_that_does_not_end_is_answered_408() {
    let hansom = Hansom::plain(&["--limit", "head_time=1s"]);
    let mut client = hansom.connect();
    assert_eq!(client.get("/").status, 200);
    client.send("GET / HT");
    assert_eq!(client.answer().status, 408);
    client.closed();
}

#[test]
fn a_head_that_does_not_end_is_logged_with_what_is_known_of_it() {
    let hansom = Hansom::plain(&["--limit", "head_time=1s"]);
    let mut client = hansom.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a.example\r\nAcc");
    assert_eq!(client.answer().status, 408);
    let record = &hansom.log_records(1)[0];
    assert_eq!(record["target"], "/slow");
    assert_eq!(record["method"], "GET");
    assert_eq!(record["host"], "a.example");
    assert_eq!(record["status"], 408);
}

#[test]
fn the_time_of_a_head_begins_with_that_head() {
    let hansom = Hansom::plain(&["--limit", "head_time=2s"]);
    let mut client = hansom.connect();
    // Each send ends one head and begins the next, for longer than one head may take.
    client.send("GET / HTTP/1.1\r\n");
    let start = std::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_secs(4) {
        client.send("Host: a\r\n\r\nGET / HTTP/1.1\r\n");
        assert_eq!(client.answer().status, 200);
        thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn idleness_beyond_its_time_is_closed_without_a_word() {
    let hansom = Hansom::plain(&["--keep-alive", "1"]);
    let mut client = hansom.connect();
    assert_eq!(client.get("/").status, 200);
    client.closed();
}

#[test]
fn content_that_stops_coming_is_answered_408() {
    let limits = "[limits]\nrate_grace = \"1s\"\n";
    let hansom = Place::new().run(&format!("{limits}{ECHO}"));
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut client = hansom.connect();
        client.send(format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"
        ));
        assert_eq!(client.answer().status, 408, "{framing}");
        client.closed();
    }
}

#[test]
fn content_that_drips_too_slowly_is_answered_408() {
    let limits = "[limits]\nrate_grace = \"1s\"\ncontent_octets_per_second_min = 1000\n";
    let hansom = Place::new().run(&format!("{limits}{ECHO}"));
    let mut client = hansom.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    let mut writer = client.stream.try_clone().expect("a handle");
    thread::spawn(move || {
        use std::io::Write;
        while writer.write_all(b"a").is_ok() {
            thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    assert_eq!(client.answer().status, 408);
}

#[test]
fn content_that_comes_at_the_least_rate_is_taken() {
    let limits = "[limits]\nrate_grace = \"1s\"\ncontent_octets_per_second_min = 20\n";
    let hansom = Place::new().run(&format!("{limits}{ECHO}"));
    let mut client = hansom.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 150\r\n\r\n");
    for _ in 0..150 {
        client.send("a");
        thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(client.answer().content, [b'a'; 150]);
}

#[test]
fn who_does_not_read_its_answer_is_reset() {
    let hansom = Place::new()
        .with("site/big", varied(32 << 20))
        .serve(&["--limit", "rate_grace=1s"]);
    let mut client = hansom.connect_narrow();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    let record = &hansom.log_records(1)[0];
    assert_eq!(record["complete"], false);
    assert_eq!(record["closes"], true);
    let (_, end) = client.rest();
    assert_eq!(end, End::Reset);
}

#[test]
fn who_reads_slowly_but_steadily_gets_all() {
    let content = varied(2 << 20);
    let hansom = Place::new()
        .with("site/big", &content)
        .serve(&["--limit", "rate_grace=1s"]);
    let mut client = hansom.connect_narrow();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut got = Vec::new();
    while got.len() < 1 << 20 {
        got.extend(client.octets(32 << 10));
        thread::sleep(std::time::Duration::from_millis(80));
    }
    let (rest, end) = client.rest();
    got.extend(rest);
    assert_eq!(end, End::Closed);
    assert!(got.ends_with(&content));
}

#[test]
fn connections_beyond_the_most_are_answered_503_and_served_when_others_go() {
    let hansom = Hansom::plain(&["--limit", "connections_max=3"]);
    let mut served: Vec<_> = (0..3).map(|_| hansom.connect()).collect();
    for client in &mut served {
        assert_eq!(client.get("/").status, 200);
    }
    let mut beyond = hansom.connect();
    let refused = beyond.answer();
    assert_eq!(refused.status, 503);
    assert!(refused.value("retry-after").is_some());
    assert!(refused.has_member("connection", "close"));
    beyond.closed();
    assert_eq!(
        served[2].get("/").status,
        200,
        "the others are not disturbed"
    );
    served.pop();
    until("there is room again", || {
        (hansom.get("/").status == 200).then_some(())
    });
}

#[test]
fn a_request_sent_at_once_beyond_the_most_connections_is_answered_503() {
    let hansom = Hansom::plain(&["--limit", "connections_max=1"]);
    let mut served = hansom.connect();
    assert_eq!(served.get("/").status, 200);
    for _ in 0..20 {
        let mut beyond = hansom.connect();
        beyond.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(beyond.answer().status, 503);
        beyond.closed();
        assert_eq!(served.get("/").status, 200);
    }
}

#[test]
fn accepting_never_stalls_however_many_come() {
    let hansom = Hansom::plain(&["--limit", "connections_max=10"]);
    let crowd: Vec<Client> = (0..500).map(|_| hansom.connect()).collect();
    drop(crowd);
    until("there is room again", || {
        let mut client = hansom.connect();
        let _ = client.try_send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (octets, _) = client.rest();
        octets.starts_with(b"HTTP/1.1 200").then_some(())
    });
}

#[test]
fn used_up_descriptors_neither_stop_nor_end_the_server() {
    let place = Place::new().with("site/other", "other");
    let mut command = std::process::Command::new("sh");
    command.current_dir(place.path()).args([
        "-c",
        "ulimit -n 64; exec \"$0\" serve site --listen 0 --workers 1 --limit connections_max=1000",
        env!("CARGO_BIN_EXE_hansom"),
    ]);
    let mut hansom = place.start(command);
    let mut first = hansom.connect();
    assert_eq!(first.get("/").status, 200);
    let crowd: Vec<Client> = (0..200).map(|_| hansom.connect()).collect();
    // Held in memory, so it needs no descriptor.
    assert_eq!(first.get("/").status, 200, "who is in is served");
    let other = first.get("/other").status;
    assert!([200, 503].contains(&other), "{other}");
    drop(crowd);
    until("there is room again", || {
        let mut client = hansom.connect();
        let _ = client.try_send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (octets, _) = client.rest();
        octets.starts_with(b"HTTP/1.1 200").then_some(())
    });
    assert!(hansom.is_running());
}

#[test]
fn few_descriptors_leave_room_for_connections() {
    let place = Place::new();
    let mut command = std::process::Command::new("sh");
    command.current_dir(place.path()).args([
        "-c",
        "ulimit -n 64; exec \"$0\" serve site --listen 0 --workers 1",
        env!("CARGO_BIN_EXE_hansom"),
    ]);
    let hansom = place.start(command);
    let mut clients: Vec<Client> = (0..20).map(|_| hansom.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
}

#[test]
fn a_declared_length_costs_no_memory() {
    let hansom = Place::new().run(ECHO);
    assert_eq!(hansom.get("/").status, 200);
    let before = hansom.memory();
    let mut clients: Vec<Client> = (0..50).map(|_| hansom.connect()).collect();
    for client in &mut clients {
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\nabc");
    }
    // The server has read them all: it answers others on the same worker.
    assert_eq!(hansom.get("/").status, 200);
    let grown = hansom.memory().saturating_sub(before);
    assert!(grown < 2 << 20, "{grown} octets for 50 connections");
}

#[test]
fn content_in_many_small_chunks_costs_little_memory() {
    let hansom = Place::new().run(ECHO);
    assert_eq!(hansom.get("/").status, 200);
    let before = hansom.memory();
    let mut clients: Vec<Client> = (0..20).map(|_| hansom.connect()).collect();
    let chunks = "1\r\na\r\n".repeat(20_000);
    for client in &mut clients {
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(&chunks);
    }
    for client in &mut clients {
        client.send("0\r\n\r\n");
        assert_eq!(client.answer().content.len(), 20_000);
    }
    let grown = hansom.memory().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} octets");
}

#[test]
fn a_head_beyond_its_octets_is_answered_431() {
    let hansom = Hansom::plain(&["--limit", "head_octets_max=1KiB"]);
    let mut client = hansom.connect();
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(5000)
    ));
    assert_eq!(client.answer().status, 431);
    client.closed();
}

#[test]
fn content_beyond_its_octets_is_answered_413() {
    let hansom = Place::new().run(&format!("[limits]\ncontent_octets_max = 1000\n{ECHO}"));
    let mut client = hansom.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    client.end_sending();
    client.closed();
    let mut client = hansom.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("3e9\r\n{}\r\n0\r\n\r\n", "a".repeat(1001)));
    assert_eq!(client.answer().status, 413);
}
