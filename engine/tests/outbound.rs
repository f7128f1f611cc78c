//! Requests handed on to other servers, over real sockets: a worker whose handler forwards, and servers that do as they are told.

mod forward;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use forward::{Front, Server, content_of, read_head, read_request, write_apart};

const GET: &str = "GET /a?b HTTP/1.1\r\nHost: a.example\r\nX-One: 1\r\n\r\n";
const LAST: &str = "GET /last HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

/// Reads and drops until the other end closes.
fn await_end(stream: &mut impl Read) {
    let _ = std::io::copy(stream, &mut std::io::sink());
}

/// A server that answers every request on every connection with this.
fn answering(answer: &'static [u8]) -> Server {
    Server::start(move |mut stream| {
        while let Some(_request) = read_request(&mut stream) {
            stream.write_all(answer).unwrap();
        }
    })
}

#[test]
fn what_is_asked_and_answered_goes_through_as_it_is_and_the_line_is_used_again() {
    let answer = b"HTTP/1.1 203 Fine\r\nserver: theirs\r\nX-A: 1\r\nDate: then\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello";
    let server = answering(answer);
    let front = Front::start(&server);
    let text = front.ask(&format!("{GET}{LAST}"));
    let head = "server: theirs\r\nX-A: 1\r\nDate: then\r\nx-a: 2\r\nContent-Length: 5\r\n";
    assert_eq!(
        text,
        format!(
            "HTTP/1.1 203 Non-Authoritative Information\r\n{head}\r\nhello\
             HTTP/1.1 203 Non-Authoritative Information\r\n{head}Connection: close\r\n\r\nhello"
        )
    );
    assert_eq!(front.errors(), Vec::<String>::new());
    let last = "GET /last HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assert_eq!(server.connections(), [format!("{GET}{last}")]);
}

/// Asks for the answer as often as it can be cut in two, and gives what the client got each time.
fn cut_everywhere(answer: &'static [u8], is_ended_by_close: bool) -> Vec<String> {
    let cut = AtomicUsize::new(0);
    let server = Server::start(move |mut stream| {
        while let Some(_request) = read_request(&mut stream) {
            let cut = cut.fetch_add(1, Ordering::SeqCst);
            write_apart(&mut stream, &[&answer[..cut], &answer[cut..]]);
            if is_ended_by_close {
                break;
            }
        }
    });
    let front = Front::start(&server);
    let all = (0..=answer.len()).map(|_| front.ask(LAST)).collect();
    assert_eq!(front.errors(), Vec::<String>::new());
    let lines = if is_ended_by_close {
        answer.len() + 1
    } else {
        1
    };
    assert_eq!(server.connections().len(), lines);
    all
}

#[test]
fn every_cut_of_an_answer_gives_the_same_result() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: y\r\n\r\nhello, world";
    for text in cut_everywhere(answer, false) {
        let expected = "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 12\r\nConnection: close\r\n\r\nhello, world";
        assert_eq!(text, expected);
    }
    let answer = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    for text in cut_everywhere(answer, false) {
        let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
        assert_eq!(text, format!("{early}{last}"));
    }
}

#[test]
fn every_cut_of_an_answer_without_a_length_gives_the_same_content() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6;a=b\r\nhello,\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 7\r\nHost: b\r\n\r\n";
    for text in cut_everywhere(answer, false) {
        assert!(
            text.starts_with(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            ),
            "{text}"
        );
        assert_eq!(
            content_of(&text),
            ("hello, world".into(), Some("X-Sum: 7\r\n\r\n".into()))
        );
    }
    // In chunks, or with its length if it came in one piece.
    for answer in [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"[..],
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ] {
        for text in cut_everywhere(answer, answer.starts_with(b"HTTP/1.0")) {
            assert_eq!(content_of(&text).0, "hello", "{text}");
        }
    }
}

#[test]
fn an_answer_that_is_cut_short_never_looks_complete() {
    let cases: [(&[u8], bool); 6] = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello", true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", true),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            true,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            true,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Le", false),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", false),
    ];
    for (answer, has_head) in cases {
        let server = Server::start(move |mut stream| {
            read_request(&mut stream).unwrap();
            stream.write_all(answer).unwrap();
        });
        let front = Front::start(&server);
        let text = front.ask(LAST);
        let shown = String::from_utf8_lossy(answer);
        if has_head {
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{shown}: {text}");
            assert!(!text.ends_with("0\r\n\r\n"), "{shown}: {text}");
            assert!(!text.contains("Content-Length: 5\r\n"), "{shown}: {text}");
        } else {
            assert!(text.contains("HTTP/1.1 502 "), "{shown}: {text}");
        }
        assert_eq!(front.errors(), ["Closed transmitted answered"], "{shown}");
    }
}

#[test]
fn a_reset_within_an_answer_is_not_its_end() {
    let server = Server::start(|mut stream| {
        read_request(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
        // It must not overtake what was not received.
        stream.settle();
        stream.reset();
    });
    let front = Front::start(&server);
    let text = front.ask(LAST);
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    let errors = front.errors();
    assert!(errors[0].starts_with("Transport transmitted"), "{errors:?}");
}

#[test]
fn answers_without_content_are_told_as_they_are() {
    let server = Server::start(|mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let answer: &[u8] = match &request {
                it if it.starts_with("HEAD /length") => {
                    b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"
                }
                it if it.starts_with("HEAD /chunked") => {
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                }
                it if it.starts_with("GET /204") => b"HTTP/1.1 204 No Content\r\n\r\n",
                it if it.starts_with("GET /304") => {
                    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"a\"\r\n\r\n"
                }
                _ => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            };
            stream.write_all(answer).unwrap();
        }
    });
    let front = Front::start(&server);
    let asked = ["HEAD /length", "HEAD /chunked", "GET /204", "GET /304"];
    let asked: String = asked
        .iter()
        .map(|start| format!("{start} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .collect();
    assert_eq!(
        front.ask(&format!("{asked}{LAST}")),
        "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n\
         HTTP/1.1 200 OK\r\n\r\n\
         HTTP/1.1 204 No Content\r\n\r\n\
         HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(server.connections().len(), 1);
}

#[test]
fn content_of_requests_goes_through_with_its_framing_and_its_trailers() {
    let server = answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let front = Front::start(&server);
    let length = "POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let none = "POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    let chunked = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\nHost: b\r\n\r\n";
    front.ask(&format!("{length}{none}{chunked}{LAST}"));
    let chunked = chunked.replace("\r\nHost: b\r\n\r\n", "\r\n\r\n");
    let last = "GET /last HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assert_eq!(
        server.connections(),
        [format!("{length}{none}{chunked}{last}")]
    );
}

#[test]
fn much_content_goes_through_both_ways_octet_by_octet() {
    const OCTETS: usize = 9 << 20;
    let pattern = |i: usize| (i % 251) as u8;
    let server = Server::start(move |mut stream| {
        read_head(&mut stream);
        let mut content = vec![0; OCTETS];
        stream.read_exact(&mut content).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {OCTETS}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&content).unwrap();
        await_end(&mut stream);
    });
    let front = Front::start(&server);
    let mut client = front.connect();
    let content: Vec<u8> = (0..OCTETS).map(pattern).collect();
    write!(
        client,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {OCTETS}\r\n\r\n"
    )
    .unwrap();
    client.write_all(&content).unwrap();
    let head = read_head(&mut client);
    assert!(
        head.contains(&format!("Content-Length: {OCTETS}\r\n")),
        "{head}"
    );
    let mut received = vec![0; OCTETS];
    client.read_exact(&mut received).unwrap();
    assert!(received == content);
}

#[test]
fn an_early_refusal_ends_the_upload() {
    let server = Server::start(|mut stream| {
        read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
            .unwrap();
        let mut rest = Vec::new();
        // It ends, whether in order or not, long before all of it came.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.len() < 64 << 20);
    });
    let front = Front::start(&server);
    let mut client = front.connect();
    let length = 1_u64 << 30;
    write!(
        client,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    let head = read_head(&mut client);
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert!(head.contains("Connection: close\r\n"), "{head}");
    let mut content = [0; 2];
    client.read_exact(&mut content).unwrap();
    assert_eq!(&content, b"no");
    assert_eq!(front.errors(), Vec::<String>::new());
    assert_eq!(front.lines_kept(), 0);
}

#[test]
fn an_early_answer_that_wants_the_rest_gets_it() {
    let server = Server::start(|mut stream| {
        read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            .unwrap();
        stream.settle();
        let mut content = [0; 10];
        stream.read_exact(&mut content).unwrap();
        stream.write_all(&content).unwrap();
        await_end(&mut stream);
    });
    let front = Front::start(&server);
    let mut client = front.connect();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
        .unwrap();
    // What follows comes once the head of the answer is there.
    server.await_octets_answered();
    client.write_all(b"56789").unwrap();
    let head = read_head(&mut client);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let mut content = [0; 10];
    client.read_exact(&mut content).unwrap();
    assert_eq!(&content, b"0123456789");
    assert_eq!(front.errors(), Vec::<String>::new());
}

#[test]
fn a_line_that_the_server_closed_is_not_used_and_one_it_closes_meanwhile_fails_unanswered() {
    let server = Server::start(|mut stream| {
        // The first request is answered, the second not.
        if read_request(&mut stream).is_some() {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
            stream.write_all(answer).unwrap();
            read_request(&mut stream);
        }
    });
    let front = Front::start(&server);
    let text = front.ask(&format!("{GET}{LAST}"));
    assert!(text.contains("\r\n\r\nxHTTP/1.1 502 "), "{text}");
    assert_eq!(front.errors(), ["Closed transmitted"]);

    let server = Server::start(|mut stream| {
        read_request(&mut stream);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
        stream.write_all(answer).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        await_end(&mut stream);
    });
    let front = Front::start(&server);
    for _ in 0..3 {
        assert!(front.ask(LAST).ends_with("\r\n\r\nx"));
        // Its end has come, with the answer or behind it.
        front.await_no_quiet_line();
    }
    assert_eq!(front.errors(), Vec::<String>::new());
    assert_eq!(server.connections().len(), 3);
}

#[test]
fn octets_behind_an_answer_end_the_use_of_the_line() {
    let server = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n");
    let front = Front::start(&server);
    let text = front.ask(&format!("{GET}{LAST}"));
    assert_eq!(text.matches("\r\n\r\nx").count(), 2, "{text}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 2, "{text}");
    assert_eq!(server.connections().len(), 2);
}

#[test]
fn what_is_no_answer_is_refused() {
    let cases: [(&[u8], &str); 6] = [
        (b"SSH-2.0-x\r\n", "status-line-invalid"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            "length-conflict",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "framing-conflict",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
            "length-invalid",
        ),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "upgrade"),
        (b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", "value-nul"),
    ];
    for (answer, name) in cases {
        let server = answering(answer);
        let front = Front::start(&server);
        let text = front.ask(LAST);
        assert!(text.starts_with("HTTP/1.1 502 "), "{name}: {text}");
        let errors = front.errors();
        assert_eq!(errors.len(), 1);
        assert!(
            errors[0].starts_with(&format!("Refused {name}")),
            "{name}: {errors:?}"
        );
    }
}

#[test]
fn chunks_that_break_a_rule_cut_the_answer_behind_what_was_good() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let rest = "5\r\nhello\r\nZ\r\n";
    for cut in 0..=rest.len() {
        let server = Server::start(move |mut stream| {
            read_request(&mut stream).unwrap();
            let first = format!("{head}{}", &rest[..cut]);
            write_apart(&mut stream, &[first.as_bytes(), &rest.as_bytes()[cut..]]);
            // What ends it is not the end of the connection.
            await_end(&mut stream);
        });
        let front = Front::start(&server);
        assert_eq!(content_of(&front.ask(LAST)), ("hello".to_owned(), None));
        let errors = front.errors();
        assert!(errors[0].starts_with("Refused chunk"), "{errors:?}");
    }
}

#[test]
fn interim_answers_are_handed_on_but_to_clients_of_http_10() {
    let server = answering(
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    );
    let front = Front::start(&server);
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    assert_eq!(
        front.ask(LAST),
        format!(
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{last}"
        )
    );
    assert_eq!(front.ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), last);
}

#[test]
fn an_interim_answer_is_told_before_the_final_one_is_there() {
    let (told, is_told) = std::sync::mpsc::channel();
    let is_told = std::sync::Mutex::new(is_told);
    let server = Server::start(move |mut stream| {
        read_request(&mut stream).unwrap();
        stream
            .write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            .unwrap();
        is_told.lock().unwrap().recv().unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    let front = Front::start(&server);
    let mut client = front.connect();
    client.write_all(LAST.as_bytes()).unwrap();
    assert!(read_head(&mut client).starts_with("HTTP/1.1 103 "));
    told.send(()).unwrap();
    assert!(read_head(&mut client).starts_with("HTTP/1.1 200 "));
}

fn expecting(client: &mut TcpStream) {
    client
        .write_all(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        )
        .unwrap();
}

#[test]
fn content_that_the_client_holds_back_is_asked_for_when_the_server_wants_it() {
    let server = Server::start(|mut stream| {
        let head = read_head(&mut stream);
        assert!(head.contains("Expect: 100-continue\r\n"));
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        let mut content = [0; 5];
        stream.read_exact(&mut content).unwrap();
        assert_eq!(&content, b"hello");
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap();
        await_end(&mut stream);
    });
    let front = Front::start(&server);
    let mut client = front.connect();
    expecting(&mut client);
    assert!(read_head(&mut client).starts_with("HTTP/1.1 100 "));
    client.write_all(b"hello").unwrap();
    assert!(read_head(&mut client).starts_with("HTTP/1.1 204 "));
    drop(client);
    assert_eq!(front.lines_kept(), 1);
}

#[test]
fn content_that_the_server_refuses_is_not_asked_for() {
    let server = Server::start(|mut stream| {
        read_head(&mut stream);
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    let front = Front::start(&server);
    let mut client = front.connect();
    expecting(&mut client);
    assert!(read_head(&mut client).starts_with("HTTP/1.1 403 "));
    // The line has announced content that will not come.
    assert_eq!(front.lines_kept(), 0);
}

#[test]
fn content_is_sent_after_a_while_to_a_server_that_knows_no_100() {
    let server = answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let front = Front::start(&server);
    let mut client = front.connect();
    expecting(&mut client);
    assert!(read_head(&mut client).starts_with("HTTP/1.1 100 "));
    client.write_all(b"hello").unwrap();
    assert!(read_head(&mut client).starts_with("HTTP/1.1 204 "));
}

#[test]
fn a_server_that_is_silent_is_waited_for_no_longer_than_was_said() {
    let server = Server::start(|mut stream| {
        read_request(&mut stream);
        await_end(&mut stream);
    });
    let front = Front::impatient(&server);
    let text = front.ask(LAST);
    assert!(text.starts_with("HTTP/1.1 504 "), "{text}");
    assert_eq!(front.errors(), ["Timeout Head transmitted"]);

    let server = Server::start(|mut stream| {
        read_request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            .unwrap();
        await_end(&mut stream);
    });
    let front = Front::impatient(&server);
    let text = front.ask(LAST);
    assert!(text.ends_with("\r\n\r\nhello"), "{text}");
    assert_eq!(front.errors(), ["Timeout Content transmitted answered"]);
}

#[test]
fn a_server_that_does_not_take_the_request_is_waited_for_no_longer_than_was_said() {
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let is_done = std::sync::Mutex::new(is_done);
    let server = Server::start(move |_stream| {
        let _ = is_done.lock().unwrap().recv();
    });
    let front = Front::impatient(&server);
    let mut client = front.connect();
    let length = 1_u64 << 29;
    write!(
        client,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    let mut sending = client.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let block = vec![0; 1 << 20];
        while sending.write_all(&block).is_ok() {}
    });
    assert!(read_head(&mut client).starts_with("HTTP/1.1 504 "));
    client.shutdown(Shutdown::Both).unwrap();
    sender.join().unwrap();
    assert_eq!(front.errors(), ["Timeout Transmit transmitted"]);
    drop(done);
}

#[test]
fn a_client_that_keeps_the_server_waiting_is_not_the_servers_fault() {
    let server = answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let other = Server::start(|mut stream| await_end(&mut stream));
    let front = Front::impatient(&server);
    let mut client = front.connect();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        .unwrap();
    server.await_octets(b"hello");
    // So long that a wait which began before is over.
    let slow = Front::impatient(&other);
    assert!(slow.ask(LAST).starts_with("HTTP/1.1 504 "));
    client.write_all(b"world").unwrap();
    assert!(read_head(&mut client).starts_with("HTTP/1.1 204 "));
    assert_eq!(front.errors(), Vec::<String>::new());
}

#[test]
fn a_client_that_leaves_within_its_request_ends_it_for_the_server() {
    let server = answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let front = Front::start(&server);
    let mut client = front.connect();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        .unwrap();
    server.await_octets(b"hello");
    drop(client);
    server.await_end_of_first();
    let seen = server.connections();
    assert!(seen[0].ends_with("\r\n\r\nhello"), "{seen:?}");
}

#[test]
fn where_no_server_is_nothing_is_transmitted() {
    let server = answering(b"");
    let address = server.address();
    drop(server);
    let front = Front::to(address, None);
    let text = front.ask(LAST);
    assert!(text.starts_with("HTTP/1.1 502 "), "{text}");
    assert_eq!(front.errors(), ["Connect"]);
}

#[test]
fn a_request_that_cannot_be_said_is_not_transmitted() {
    let server = answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let front = Front::start(&server);
    // HTTP/1.1 has no request without Host, and the front of this test adds none.
    let text = front.ask("GET / HTTP/1.0\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 502 "), "{text}");
    assert_eq!(front.errors(), ["Misuse(Host)"]);
    assert_eq!(server.connections().concat(), "");
}

#[test]
fn interim_answers_without_end_are_an_error() {
    let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(300);
    let server = answering(Box::leak(flood.into_bytes().into_boxed_slice()));
    let front = Front::start(&server);
    let text = front.ask(LAST);
    assert!(text.contains("HTTP/1.1 502 "), "{text}");
    assert_eq!(front.errors(), ["Interims transmitted answered"]);
}
