use semantics::{ResponseHead, Status};

use super::*;

/// What a machine told, in words; `Refused` carries the status alone, which no cut may change.
fn events(pieces: &[&[u8]], policy: &Policy) -> Vec<String> {
    let mut server = Server::new();
    let mut scratch = Scratch::default();
    let mut told: Vec<String> = Vec::new();
    let stamp = Stamp {
        date: [b'd'; 29],
        server: None,
    };
    let delivery = Delivery {
        stamp: &stamp,
        keep_alive_seconds: 75,
    };
    let mut out = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        while let Some(event) = server.poll_event(policy, &mut scratch, &mut input) {
            match event {
                Event::Head { id, head, content } => {
                    let fields: Vec<_> = head
                        .section()
                        .iter()
                        .map(|(n, v)| (text(n), text(v)))
                        .collect();
                    let line = (
                        text(head.method_octets()),
                        text(head.target()),
                        head.version(),
                    );
                    told.push(format!(
                        "{} {line:?} {fields:?} {:?} {content:?}",
                        id.0,
                        head.anomalies()
                    ));
                }
                Event::Content { octets, .. } => match told.last_mut() {
                    Some(last) if last.starts_with("content") => last.push_str(&text(octets)),
                    _ => told.push(format!("content {}", text(octets))),
                },
                Event::Trailers { section, .. } => {
                    told.push(format!(
                        "trailers {:?}",
                        section
                            .iter()
                            .map(|(n, v)| (text(n), text(v)))
                            .collect::<Vec<_>>()
                    ));
                }
                Event::End { why, .. } => {
                    told.push(format!("end {}", why.because().name));
                    server.submit_head(
                        delivery,
                        &ResponseHead::new(Status::OK),
                        ContentLength::None,
                        &mut out,
                    );
                    server.submit_end(None, &mut out);
                    told.push(format!(
                        "fate {:?}",
                        server.settle().map(|fate| fate.because().name)
                    ));
                }
                Event::Refused { refusal, .. } => {
                    told.push(format!("refused {}", refusal.status()))
                }
            }
        }
    }
    if let Some(refusal) = server.end_of_input() {
        told.push(format!("cut off: {}", refusal.status()));
    }
    told
}

fn text(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

fn status_of(request: &[u8]) -> Option<u16> {
    status_with(request, &Policy::strict())
}

fn status_with(request: &[u8], policy: &Policy) -> Option<u16> {
    let mut server = Server::new();
    let mut scratch = Scratch::default();
    let mut input = request;
    while let Some(event) = server.poll_event(policy, &mut scratch, &mut input) {
        if let Event::Refused { refusal, .. } = event {
            return Some(refusal.status().code());
        }
    }
    None
}

fn refused_as(request: &[u8]) -> &'static str {
    let mut server = Server::new();
    let mut scratch = Scratch::default();
    let mut input = request;
    while let Some(event) = server.poll_event(&Policy::strict(), &mut scratch, &mut input) {
        if let Event::Refused { refusal, .. } = event {
            return refusal.answer().name;
        }
    }
    "accepted"
}

#[test]
fn a_plain_request_is_a_head_and_an_end() {
    let told = events(
        &[b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"],
        &Policy::strict(),
    );
    assert_eq!(told.len(), 3, "{told:#?}");
    assert_eq!(told[1..], ["end no-content", "fate Some(\"kept\")"]);
}

#[test]
fn each_broken_rule_has_its_name() {
    let cases: &[(&[u8], &str)] = &[
        (b"GET / HTTP/1.1\r\n\r\n", "host-missing"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "host-repeated"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "host-invalid"),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", "host-invalid"),
        (b"GET / HTTP/1.0\r\nHost: a@b\r\n\r\n", "host-invalid"),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "bare-lf"),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", "bare-lf"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", "bare-lf"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n", "bare-cr"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", "obs-fold"),
        (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "leading-space"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "space-before-colon"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", "no-colon"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "name-not-token"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA\x01: b\r\n\r\n", "name-not-token"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: \x01\r\n\r\n", "value-ctl"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n", "value-nul"),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "spaces-extra"),
        (b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", "target-ctl"),
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "spaces-extra"),
        (b"GET /\r\n\r\n", "version-missing"),
        (b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", "version-malformed"),
        (b"GET / http/1.1\r\nHost: a\r\n\r\n", "version-malformed"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "version-major"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version-major"),
        (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "method-not-token"),
        (b"\x16\x03\x01", "method-not-token"),
        (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "method-not-token"),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "target-form"),
        (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", "target-form"),
        (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "target-fragment"),
        (b"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", "target-non-ascii"),
        (b"GET /\" HTTP/1.1\r\nHost: a\r\n\r\n", "target-delimiter"),
        (b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", "target-ctl"),
        (b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "target-authority"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", "length-invalid"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n", "length-invalid"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "length-repeated"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nx", "length-conflict"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "coding-unknown"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n", "value-ctl"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a\r\n\r\n0\r\n\r\n", "coding-malformed"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "chunked-repeated"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "framing-conflict"),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "coding-in-10"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: more\r\nContent-Length: 1\r\n\r\n", "expect-unknown"),
        (b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "blank-lines-many"),
    ];
    for (request, name) in cases {
        assert_eq!(refused_as(request), *name, "{}", text(request));
    }
}

#[test]
fn what_the_rules_allow_is_accepted() {
    let cases: &[&[u8]] = &[
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.9\r\nHost: a\r\n\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a.example/?q HTTP/1.1\r\nHost: other\r\n\r\n",
        b"GET /?{|}^`[] HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\ta \t\r\nA:\r\nB: \x80\xff\t\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \t5\t \r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tChunked\t\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00005\r\n\r\nabcde",
        b"FROB / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.0\r\nExpect: anything\r\nContent-Length: 1\r\n\r\nx",
    ];
    for request in cases {
        assert_eq!(status_of(request), None, "{}", text(request));
    }
}

#[test]
fn each_limit_has_its_status() {
    let limits = semantics::Limits {
        head_octets_max: 200,
        target_octets_max: 50,
        field_lines_max: 4,
        content_octets_max: 10,
        ..semantics::Limits::default()
    };
    let policy = Policy::with(crate::Leniency::default(), 2, limits);
    let target =
        |n: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(n - 1)).into_bytes();
    assert_eq!(status_with(&target(50), &policy), None);
    assert_eq!(status_with(&target(51), &policy), Some(414));
    assert_eq!(status_with(&target(5000), &policy), Some(414));
    let fields = |n: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "A: b\r\n".repeat(n - 1)
        )
        .into_bytes()
    };
    assert_eq!(status_with(&fields(4), &policy), None);
    assert_eq!(status_with(&fields(5), &policy), Some(431));
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "b".repeat(300)).into_bytes();
    assert_eq!(status_with(&long, &policy), Some(431));
    let method = "a".repeat(300).into_bytes();
    assert_eq!(status_with(&method, &policy), Some(431));
    let content = |n: usize| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {n}\r\n\r\n").into_bytes()
    };
    assert_eq!(status_with(&content(10), &policy), None);
    assert_eq!(status_with(&content(11), &policy), Some(413));
    let chunks = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n";
    assert_eq!(status_with(chunks, &policy), Some(413));
}

#[test]
fn every_split_tells_the_same() {
    let limits = semantics::Limits {
        head_octets_max: 220,
        target_octets_max: 60,
        field_lines_max: 6,
        content_octets_max: 30,
        ..semantics::Limits::default()
    };
    let policy = Policy::with(
        crate::Leniency {
            unfold_requests: true,
            ..Default::default()
        },
        2,
        limits,
    );
    let long_target = [b"GET /", &[b'a'; 80][..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let long_head = [
        b"GET / HTTP/1.1\r\nHost: a\r\nA: ",
        &[b'a'; 300][..],
        b"\r\n\r\n",
    ]
    .concat();
    let messages: &[&[u8]] = &[
        b"GET /a HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\nGET / HTTP/1.0\r\n\r\nleft",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\nA: b\r\n  c\r\n\td\r\nE: f\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\nA : b\r\n\r\n",
        b"\x16\x03 / HTTP/2.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nX\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\n",
        &long_target,
        &long_head,
    ];
    for message in messages {
        let expected = events(&[message], &policy);
        for first in 0..=message.len() {
            for second in [first, first + 1, first + 7, message.len()] {
                let second = second.min(message.len());
                let pieces = [
                    &message[..first],
                    &message[first..second],
                    &message[second..],
                ];
                assert_eq!(
                    events(&pieces, &policy),
                    expected,
                    "{} at {first},{second}",
                    text(message)
                );
            }
        }
        let octets: Vec<&[u8]> = message.chunks(1).collect();
        assert_eq!(events(&octets, &policy), expected);
    }
}

#[test]
fn answers_say_what_becomes_of_the_connection() {
    let answer = |request: &[u8]| {
        let mut server = Server::new();
        let mut scratch = Scratch::default();
        let mut input = request;
        while server
            .poll_event(&Policy::strict(), &mut scratch, &mut input)
            .is_some()
        {}
        let stamp = Stamp {
            date: [b'd'; 29],
            server: None,
        };
        let delivery = Delivery {
            stamp: &stamp,
            keep_alive_seconds: 75,
        };
        let mut out = Vec::new();
        server.submit_head(
            delivery,
            &ResponseHead::new(Status::OK),
            ContentLength::Unknown,
            &mut out,
        );
        let may = server.submit_content(3, &mut out);
        out.extend_from_slice(&b"abc"[..may as usize]);
        server.submit_end(None, &mut out);
        (
            String::from_utf8(out)
                .unwrap()
                .split_once("ddd\r\n")
                .unwrap()
                .1
                .to_owned(),
            server.settle().unwrap().because().name,
        )
    };
    assert_eq!(
        answer(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
            "kept"
        )
    );
    assert_eq!(
        answer(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n"),
        (
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
            "client-close"
        )
    );
    assert_eq!(
        answer(b"GET / HTTP/1.0\r\n\r\n"),
        ("Connection: close\r\n\r\nabc".into(), "http-1.0")
    );
    assert_eq!(
        answer(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
        ("Connection: close\r\n\r\nabc".into(), "close-delimited")
    );
    assert_eq!(
        answer(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("\r\n".into(), "kept")
    );
}

/// The statuses of refusals for one request, whole and an octet at a time.
fn statuses_both_ways(request: &[u8], policy: &Policy) -> (Option<String>, Option<String>) {
    let refused = |told: Vec<String>| told.into_iter().find(|t| t.starts_with("refused"));
    let octets: Vec<&[u8]> = request.chunks(1).collect();
    (
        refused(events(&[request], policy)),
        refused(events(&octets, policy)),
    )
}

fn small_limits() -> Policy {
    let limits = semantics::Limits {
        head_octets_max: 220,
        target_octets_max: 60,
        field_lines_max: 6,
        content_octets_max: 30,
        ..semantics::Limits::default()
    };
    Policy::with(crate::Leniency::default(), 2, limits)
}

#[test]
fn a_bad_first_octet_outweighs_a_long_target_however_it_is_cut() {
    let request = [b"\x01 /", &[b'a'; 80][..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let (whole, cut) = statuses_both_ways(&request, &small_limits());
    assert_eq!(whole.as_deref(), Some("refused 400"));
    assert_eq!(whole, cut);
}

#[test]
fn a_start_line_longer_than_a_target_may_make_it_is_a_long_target_however_it_is_cut() {
    let target = "a".repeat(55);
    for request in [
        format!(
            "GET /{target} HTTP/1.1{}\r\nHost: a\r\n\r\n",
            "1".repeat(30)
        ),
        format!("GET /{target}{}HTTP/1.1\r\nHost: a\r\n\r\n", " ".repeat(30)),
        format!(
            "GET /{target} HTTP/1.1{}\r\nHost: a\r\n\r\n",
            " ".repeat(30)
        ),
        format!(
            "GET {}/{target} HTTP/1.1\r\nHost: a\r\n\r\n",
            " ".repeat(30)
        ),
        format!("GET /a b c{} HTTP/1.1\r\nHost: a\r\n\r\n", " ".repeat(80)),
    ] {
        let (whole, cut) = statuses_both_ways(request.as_bytes(), &small_limits());
        assert_eq!(whole.as_deref(), Some("refused 414"), "{request:?}");
        assert_eq!(whole, cut, "{request:?}");
    }
}

#[test]
fn a_start_line_longer_than_a_head_may_be_is_a_large_head_however_it_is_cut() {
    let method = "M".repeat(70);
    let request = format!("{method} /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(200));
    let (whole, cut) = statuses_both_ways(request.as_bytes(), &small_limits());
    assert_eq!(whole.as_deref(), Some("refused 431"));
    assert_eq!(whole, cut);
}

#[test]
fn trailers_are_refused_alike_however_they_are_cut() {
    let start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    for trailers in [
        format!("A : b\r\n{}\r\n", "A: b\r\n".repeat(9)),
        format!("{}A : b\r\n\r\n", "A: b\r\n".repeat(9)),
        format!("A : {}\r\n\r\n", "b".repeat(300)),
    ] {
        let mut policy = small_limits();
        policy.limits.content_octets_max = 1 << 20;
        let (whole, cut) = statuses_both_ways(format!("{start}{trailers}").as_bytes(), &policy);
        assert!(whole.is_some());
        assert_eq!(whole, cut, "{trailers:?}");
    }
}

#[test]
fn a_continued_line_means_what_its_unfolded_line_means() {
    let policy = Policy::with(
        crate::Leniency {
            unfold_requests: true,
            ..Default::default()
        },
        2,
        semantics::Limits::default(),
    );
    let folded = b"POST / HTTP/1.1\r\nHost:\r\n a\r\nContent-Length:\r\n\t3\r\n \r\n\r\nabc";
    let told = events(&[folded], &policy);
    assert!(
        told[0].contains("(\"Host\", \"a\"), (\"Content-Length\", \"3\")"),
        "{told:#?}"
    );
    assert_eq!(told[1..3], ["content abc", "end content-length"]);
}

#[test]
fn empty_lines_alone_are_no_beginning_of_a_request() {
    let mut server = Server::new();
    let mut scratch = Scratch::default();
    for mut piece in [&b"\r"[..], b"\n", b"\r\n"] {
        assert!(
            server
                .poll_event(&Policy::strict(), &mut scratch, &mut piece)
                .is_none()
        );
    }
    assert!(server.is_idle() && !server.is_in_head());
    assert_eq!(server.end_of_input(), None);
}

#[test]
fn a_refused_head_request_is_answered_without_content() {
    let stamp = Stamp {
        date: [b'd'; 29],
        server: None,
    };
    let delivery = Delivery {
        stamp: &stamp,
        keep_alive_seconds: 75,
    };
    for pieces in [
        &[&b"HEAD / HTTP/1.1\r\n\r\n"[..]][..],
        &[b"HEAD / HTT", b"P/1.1\r\n\r\n"],
    ] {
        let mut server = Server::new();
        let mut scratch = Scratch::default();
        for piece in pieces {
            let mut input = *piece;
            server.poll_event(&Policy::strict(), &mut scratch, &mut input);
        }
        let mut out = Vec::new();
        let head = ResponseHead::new(Status::BAD_REQUEST);
        server.submit_head(delivery, &head, ContentLength::Exactly(3), &mut out);
        assert_eq!(server.submit_content(3, &mut out), 0);
    }
}

#[test]
fn an_expectation_without_content_waits_for_nothing() {
    let mut server = Server::new();
    let mut scratch = Scratch::default();
    let mut input =
        &b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"[..];
    server.poll_event(&Policy::strict(), &mut scratch, &mut input);
    assert!(!server.is_continue_expected());
}
