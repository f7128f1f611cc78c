//! Content of requests: what was sent comes back, however long and however framed.

use std::io::Write;
use std::thread;

use crate::harness::{ECHO, Place, assert_same, until, varied};

const LENGTHS: [usize; 7] = [0, 1, 65_535, 64 << 10, 256 << 10, 300 << 10, 20 << 20];

/// Chunks of different lengths; the last is the empty one.
fn chunked(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = content;
    let mut sizes = [1, 70_000, 3, 4096, 1_000_000].iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(1).min(rest.len());
        out.extend_from_slice(format!("{size:x};a=b\r\n").as_bytes());
        out.extend_from_slice(&rest[..size]);
        out.extend_from_slice(b"\r\n");
        rest = &rest[size..];
    }
    out.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
    out
}

#[test]
fn content_by_length_comes_back_though_all_is_sent_before_anything_is_read() {
    let hansom = Place::new().run(ECHO);
    for length in LENGTHS {
        let content = varied(length);
        let mut client = hansom.connect();
        client.send(format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ));
        client.send(&content);
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert_same(&answer.content, &content);
        assert_eq!(client.get("/").status, 200);
    }
}

#[test]
fn content_in_chunks_comes_back_though_all_is_sent_before_anything_is_read() {
    let hansom = Place::new().run(ECHO);
    for length in LENGTHS {
        let content = varied(length);
        let mut client = hansom.connect();
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(chunked(&content));
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert_same(&answer.content, &content);
        assert_eq!(client.get("/").status, 200);
    }
}

#[test]
fn content_that_fills_what_may_be_in_flight_ends() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    for length in (0..60).map(|i| (64 << 10) - 80 + 2 * i) {
        let content = varied(length);
        client.send(format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ));
        client.send(&content);
        assert_same(&client.answer().content, &content);
    }
}

#[test]
fn content_of_many_clients_at_once_is_not_mixed() {
    let hansom = Place::new().run(ECHO);
    let threads: Vec<_> = (0..8_usize)
        .map(|n| {
            let mut client = hansom.connect();
            thread::spawn(move || {
                for round in 0..10 {
                    let content = varied(100_000 * (n + 1) + round);
                    client.send(format!(
                        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                        content.len()
                    ));
                    client.send(&content);
                    assert_same(&client.answer().content, &content);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("each client got its own");
    }
}

#[test]
fn a_client_that_aborts_leaves_no_file_and_no_memory() {
    let temporary = tempfile::tempdir().expect("a folder");
    let place = Place::new().with("hansom.toml", ECHO);
    let mut command = place.command();
    command
        .args(["run", "--listen", "0"])
        .env("TMPDIR", temporary.path());
    let hansom = place.start(command);
    assert_eq!(hansom.get("/").status, 200);
    let is_temporary = {
        let folder = temporary.path().to_string_lossy().into_owned();
        move |path: &str| path.starts_with(&folder)
    };
    let before = hansom.memory();
    let mut clients: Vec<_> = (0..20).map(|_| hansom.connect()).collect();
    for client in &mut clients {
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n");
        client.send(vec![b'a'; 4 << 20]);
    }
    until("the contents are put aside", || {
        (hansom.open_files(&is_temporary) == 20).then_some(())
    });
    drop(clients);
    until("all are let go", || {
        (hansom.open_files(&is_temporary) == 0).then_some(())
    });
    assert_eq!(temporary.path().read_dir().expect("a folder").count(), 0);
    let grown = hansom.memory().saturating_sub(before);
    assert!(grown < 12 << 20, "{grown} octets are held for nobody");
    let record = &hansom.log_records(21)[1];
    assert_eq!(record["status"], 400);
    assert_eq!(record["target"], "/echo");
    assert_eq!(record["number"], 1);
}

#[test]
fn an_exchange_that_the_client_breaks_off_is_logged_without_a_status() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    assert_eq!(client.get("/").status, 200);
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    );
    assert_eq!(client.answer().status, 100);
    client.reset();
    let record = &hansom.log_records(2)[1];
    assert_eq!(
        (&record["target"], &record["number"]),
        (&"/echo".into(), &2.into())
    );
    assert_eq!(
        (&record["status"], &record["complete"]),
        (&serde_json::Value::Null, &false.into())
    );
}

#[test]
fn a_head_that_came_in_pieces_is_not_held_when_the_connection_is_idle() {
    let hansom = Place::new().run(ECHO);
    let before = hansom.memory();
    // What is freed stays with the allocator, which may give none of it back to the system: 6 MB, if all heads of a round
    // are there at one time. If connections held what they had, four rounds would need 24 MB.
    let mut idle = Vec::new();
    for _ in 0..4 {
        let first = idle.len();
        idle.extend((0..100).map(|_| hansom.connect()));
        for client in &mut idle[first..] {
            client.send(format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n",
                "x".repeat(60_000)
            ));
        }
        for client in &mut idle[first..] {
            client.send("\r\n");
            assert_eq!(client.answer().status, 200);
        }
    }
    let grown = hansom.memory().saturating_sub(before);
    assert!(grown < 14 << 20, "{grown} octets for 400 idle connections");
}

#[test]
fn a_client_that_is_gone_before_its_answer_is_told_in_the_log() {
    let hansom = Place::new().with("site/big", varied(32 << 20)).serve(&[]);
    let mut client = hansom.connect_narrow();
    assert_eq!(client.get("/").status, 200);
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    client.octets(1);
    drop(client);
    let record = &hansom.log_records(2)[1];
    assert_eq!(
        (&record["status"], &record["complete"]),
        (&200.into(), &false.into())
    );
    assert_eq!(
        (&record["number"], &record["closes"]),
        (&2.into(), &true.into())
    );
    assert!(
        record["octets"]
            .as_u64()
            .is_some_and(|octets| octets < 32 << 20)
    );
}

#[test]
fn content_that_drips_octet_by_octet_comes_back() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    let request = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for octet in request {
        client.stream.write_all(&[*octet]).expect("it reads");
    }
    assert_eq!(client.answer().content, b"hello");
}
