//! Many clients that do not behave, at once.

use std::thread;

use crate::harness::{Client, ECHO, Hansom, Place, until, varied};

/// What a client sends; some of it is no request, some is never finished.
const SAID: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /big HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /big HTTP/1.0\r\n\r\n",
    "GET /big HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9,20-29,1000000-\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.1\r\nHo",
    "nonsense\r\n\r\n",
    "\r\n",
    "",
];

/// What a client does when it has said something.
const DONE: [fn(Client); 5] = [
    drop,
    Client::reset,
    |mut client| {
        client.end_sending();
        drop(client);
    },
    |mut client| {
        let _ = client.try_send(vec![b'x'; 200_000]);
        client.reset();
    },
    |mut client| {
        client.end_sending();
        client.try_rest();
    },
];

fn sockets(hansom: &Hansom) -> usize {
    hansom.open_files(|path| path.starts_with("socket:"))
}

#[test]
fn clients_that_do_not_behave_leave_nothing_behind() {
    let hansom = Place::new().with("site/big", varied(3 << 20)).run(ECHO);
    assert_eq!(hansom.get("/").status, 200);
    let before = sockets(&hansom);
    thread::scope(|scope| {
        for n in 0..4_usize {
            let hansom = &hansom;
            scope.spawn(move || {
                for (i, octet) in varied(250).iter().enumerate() {
                    let chosen = usize::from(*octet) + n * 31 + i;
                    let mut client = if i % 2 == 0 {
                        hansom.connect()
                    } else {
                        hansom.connect_narrow()
                    };
                    let one = SAID[chosen % SAID.len()];
                    let other = SAID[chosen / 7 % SAID.len()];
                    let _ = client.try_send(format!("{one}{other}"));
                    DONE[chosen % DONE.len()](client);
                }
            });
        }
        for _ in 0..100 {
            assert_eq!(hansom.get("/").status, 200, "who behaves is served");
        }
    });
    until("all connections are gone", || {
        (sockets(&hansom) <= before).then_some(())
    });
    let held = hansom.open_files(|path| path.contains("/tmp") && path.contains("(deleted)"));
    assert_eq!(held, 0, "temporary files are let go");
    assert_eq!(hansom.get("/").status, 200);
}
