use semantics::Version;

use super::*;

const HOST: &[(&[u8], &[u8])] = &[(b"Host", b"a")];

/// A client with these requests outstanding; `CONNECT` and `UPGRADE` (a GET with Upgrade) end the list.
fn client(methods: &[&str]) -> Client {
    let mut client = Client::new();
    let mut out = Vec::new();
    for method in methods {
        let upgrade: &[(&[u8], &[u8])] = &[
            (b"Host", b"a"),
            (b"Connection", b"upgrade"),
            (b"Upgrade", b"x"),
        ];
        let request = match *method {
            "UPGRADE" => RequestParts::new(b"GET", b"/", upgrade),
            "CONNECT" => RequestParts::new(b"CONNECT", b"a:1", HOST),
            method => RequestParts::new(method.as_bytes(), b"/", HOST),
        };
        client
            .submit_request(request, ContentLength::None, &mut out)
            .unwrap();
        client.submit_end(None, &mut out).unwrap();
    }
    client
}

/// What a client tells of these octets, in words; the connection ends after them.
fn told_with(methods: &[&str], pieces: &[&[u8]], policy: &Policy) -> Vec<String> {
    let mut client = client(methods);
    let mut scratch = ResponseScratch::default();
    let mut told = Vec::new();
    let mut tunnel = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        while let Some(event) = client.poll_event(policy, &mut scratch, &mut input) {
            note(event, &mut told);
            let settled = client.settle();
            told.extend(settled.map(|fate| format!("fate {}", fate.because().name)));
        }
        if client.is_tunnel() {
            tunnel.extend_from_slice(input);
        }
        assert!(client.is_tunnel() || client.is_closed() || input.is_empty());
    }
    if client.is_tunnel() {
        told.push(format!("tunnel {}", text(&tunnel)));
    }
    if let Some(event) = client.end_of_input() {
        note(event, &mut told);
    }
    told.push(format!("{:?}", client.fate().because().name));
    told
}

fn note(event: Event<'_, ResponseView<'_>>, told: &mut Vec<String>) {
    match event {
        Event::Head { id, head, content } => {
            let lines: Vec<_> = head
                .section()
                .iter()
                .map(|(n, v)| text(&[n, b"=", v].concat()))
                .collect();
            told.push(format!(
                "{} {} {} {lines:?} {:?} {content:?}",
                id.0,
                head.status(),
                text(head.reason()),
                head.anomalies()
            ));
        }
        Event::Content { octets, .. } => match told.last_mut() {
            Some(last) if last.starts_with("content") => last.push_str(&text(octets)),
            _ => told.push(format!("content {}", text(octets))),
        },
        Event::Trailers { section, .. } => {
            let lines: Vec<_> = section.iter().map(|(n, v)| (text(n), text(v))).collect();
            told.push(format!("trailers {lines:?}"));
        }
        Event::End { id, why } => told.push(format!("{} end {}", id.0, why.because().name)),
        Event::Refused { refusal, .. } => told.push(format!("refused {}", refusal.answer().name)),
    }
}

fn text(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

fn told(methods: &[&str], octets: &[u8]) -> Vec<String> {
    told_with(methods, &[octets], &Policy::responses())
}

#[test]
fn an_answer_is_a_head_content_and_an_end() {
    assert_eq!(
        told(&["GET"], b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        [
            "1 200 OK [\"Content-Length=3\"] {} Exactly(3)",
            "content abc",
            "1 end content-length",
            "fate kept",
            "\"server-closed\"",
        ]
    );
}

#[test]
fn interim_heads_have_no_end_of_their_own() {
    for pieces in [
        &[&b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 204 N\r\n\r\n"[..]][..],
        &[
            b"HTTP/1.1 100 C\r\n\r",
            b"\nHTTP/1.1 103 E\r\nLink: ",
            b"x\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
        ],
    ] {
        assert_eq!(
            told_with(&["GET"], pieces, &Policy::responses())[..4],
            [
                "1 100 C [] {} None",
                "1 103 E [\"Link=x\"] {} None",
                "1 204 N [] {} None",
                "1 end status",
            ]
        );
    }
}

#[test]
fn answers_belong_to_requests_by_their_order() {
    let octets = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: u\r\n\r\n";
    assert_eq!(
        told(&["HEAD", "GET", "POST"], octets),
        [
            "1 200 OK [\"Content-Length=9\"] {} None",
            "1 end head-request",
            "fate kept",
            "2 304 N [\"Content-Length=9\"] {} None",
            "2 end status",
            "fate kept",
            "3 200 OK [\"Transfer-Encoding=chunked\"] {} Unknown",
            "content x",
            "trailers [(\"T\", \"u\")]",
            "3 end last-chunk",
            "fate kept",
            "\"server-closed\"",
        ]
    );
}

#[test]
fn content_without_framing_ends_with_the_connection() {
    assert_eq!(
        told(&["GET"], b"HTTP/1.0 200 OK\r\n\r\nabc")[1..],
        ["content abc", "1 end close", "\"close-delimited\""]
    );
}

#[test]
fn content_that_is_cut_off_is_truncated() {
    assert_eq!(
        told(&["GET"], b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc")[1..],
        ["content abc", "1 end truncated", "\"truncated\""]
    );
    assert_eq!(
        told(
            &["GET"],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
        )[1..],
        ["content abc", "1 end truncated", "\"truncated\""]
    );
}

#[test]
fn a_head_that_is_cut_off_is_refused() {
    for octets in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n"] {
        let told = told(&["GET"], octets);
        assert_eq!(
            told[told.len() - 2..],
            ["refused truncated", "\"truncated\""]
        );
    }
}

#[test]
fn a_tunnel_takes_the_rest() {
    assert_eq!(
        told(
            &["GET", "CONNECT"],
            b"HTTP/1.1 204 N\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nHTTP/1.1 xyz"
        )[3..6],
        [
            "2 200 OK [\"Content-Length=3\"] {} None",
            "2 end tunnel",
            "tunnel HTTP/1.1 xyz"
        ]
    );
    assert_eq!(
        told(
            &["UPGRADE"],
            b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n\x00\x01"
        )[1..3],
        ["1 end tunnel", "tunnel \\x00\\x01"]
    );
}

#[test]
fn a_refused_tunnel_leaves_http() {
    assert_eq!(
        told(
            &["CONNECT"],
            b"HTTP/1.1 403 No\r\nContent-Length: 1\r\n\r\nx"
        )[1..4],
        ["content x", "1 end content-length", "fate kept"]
    );
}

#[test]
fn a_switch_that_nobody_asked_for_is_refused() {
    assert_eq!(
        told(&["GET"], b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n")[0],
        "refused upgrade"
    );
}

#[test]
fn octets_that_answer_nothing_end_the_connection() {
    let told = told(&["GET"], b"HTTP/1.1 204 N\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(
        told[1..],
        ["1 end status", "fate kept", "\"surplus-octets\""]
    );
}

#[test]
fn each_broken_rule_of_a_response_has_its_name() {
    let cases: &[(&[u8], &str)] = &[
        (b"JUNK/1.1 200 OK\r\n\r\n", "status-line-invalid"),
        (b"<html>", "status-line-invalid"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "status-line-invalid"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "status-line-invalid"),
        (b"HTTP/1.1 099 OK\r\n\r\n", "status-line-invalid"),
        (b"HTTP/1.1  200 OK\r\n\r\n", "status-line-invalid"),
        (b"HTTP/1.1 200\r\n\r\n", "status-line-invalid"),
        (b"HTTP/1.1 200 O\x01K\r\n\r\n", "status-line-invalid"),
        (b"HTTP/1.12 200 OK\r\n\r\n", "version-malformed"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "version-major"),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "blank-lines-many"),
        (b"HTTP/1.1 200 OK\n\r\n", "bare-lf"),
        (b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "bare-cr"),
        (b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", "value-nul"),
        (b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "no-colon"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "framing-conflict",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "length-conflict",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
            "length-repeated",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
            "length-invalid",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
            "length-invalid",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
            "chunked-repeated",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "coding-unknown",
        ),
        (
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "coding-in-10",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
            "chunk-bare-lf",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "chunk-size-invalid",
        ),
    ];
    for (octets, name) in cases {
        let told = told(&["GET"], octets);
        let refused = told.iter().find(|t| t.starts_with("refused"));
        assert_eq!(
            refused,
            Some(&format!("refused {name}")),
            "{}: {told:#?}",
            text(octets)
        );
    }
}

#[test]
fn what_a_recipient_of_responses_repairs_is_repaired() {
    assert_eq!(
        told(
            &["GET"],
            b"HTTP/1.1 200 \r\nA : b\r\nC: d\r\n\te\r\nContent-Length:\r\n 1\r\n\r\nx"
        )[..3],
        [
            "1 200  [\"A=b\", \"C=d  \\\\te\", \"Content-Length=1\"] {\"obs-fold\", \"space-before-colon\"} Exactly(1)",
            "content x",
            "1 end content-length"
        ]
    );
}

#[test]
fn fates_have_their_reasons() {
    let fate = |octets: &[u8]| {
        told(&["GET"], octets)
            .into_iter()
            .find(|t| t.starts_with("fate"))
            .unwrap()
    };
    assert_eq!(fate(b"HTTP/1.1 204 N\r\n\r\n"), "fate kept");
    assert_eq!(
        fate(b"HTTP/1.1 204 N\r\nConnection: close\r\n\r\n"),
        "fate server-close"
    );
    assert_eq!(fate(b"HTTP/1.0 204 N\r\n\r\n"), "fate http-1.0");
    assert_eq!(
        fate(b"HTTP/1.0 204 N\r\nConnection: keep-alive\r\n\r\n"),
        "fate kept-alive"
    );
}

#[test]
fn requests_that_a_close_left_are_unanswered() {
    let mut client = client(&["GET", "GET", "GET"]);
    let mut scratch = ResponseScratch::default();
    let mut input = &b"HTTP/1.1 204 N\r\nConnection: close\r\n\r\nHTTP/1.1 204 N\r\n\r\n"[..];
    while client
        .poll_event(&Policy::responses(), &mut scratch, &mut input)
        .is_some()
    {}
    let left: Vec<u64> = client.unanswered().map(|id| id.0).collect();
    assert_eq!(left, [2, 3]);
    assert!(client.is_closed() && !client.is_reusable());
}

#[test]
fn requests_are_written_with_their_framing() {
    let mut client = Client::new();
    let mut out = Vec::new();
    let request = RequestParts::new(b"PUT", b"/a", HOST);
    client
        .submit_request(request, ContentLength::Exactly(2), &mut out)
        .unwrap();
    assert_eq!(client.submit_content(3, &mut out), 2);
    out.extend_from_slice(b"xy");
    client.submit_end(None, &mut out).unwrap();
    client
        .submit_request(request, ContentLength::Unknown, &mut out)
        .unwrap();
    assert_eq!(client.submit_content(1, &mut out), 1);
    out.extend_from_slice(b"z");
    client.submit_end(None, &mut out).unwrap();
    assert_eq!(
        text(&out),
        text(b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyPUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n")
    );
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let parts = RequestParts::new;
    let cases: &[(RequestParts<'_>, Misuse)] = &[
        (parts(b"G T", b"/", HOST), Misuse::Method),
        (parts(b"GET", b"", HOST), Misuse::Target),
        (parts(b"GET", b"/ HTTP/1.1\r\nX: y", HOST), Misuse::Target),
        (parts(b"GET", b"/", &[]), Misuse::Host),
        (
            parts(b"GET", b"/", &[(b"Host", b"a\r\nX: y")]),
            Misuse::Field,
        ),
        (
            parts(b"GET", b"/", &[(b"Host", b"a"), (b"X Y", b"")]),
            Misuse::Field,
        ),
        (
            parts(b"GET", b"/", &[(b"Host", b"a"), (b"content-length", b"1")]),
            Misuse::Framing,
        ),
        (
            RequestParts {
                version: Version { major: 2, minor: 0 },
                ..parts(b"GET", b"/", HOST)
            },
            Misuse::Version,
        ),
    ];
    for (request, misuse) in cases {
        let mut out = Vec::new();
        let outcome = Client::new().submit_request(*request, ContentLength::None, &mut out);
        assert_eq!(outcome, Err(*misuse), "{request:?}");
        assert!(out.is_empty());
    }
}

#[test]
fn no_request_follows_one_that_is_the_last() {
    let mut out = Vec::new();
    let mut asked = client(&["CONNECT"]);
    let request = RequestParts::new(b"GET", b"/", HOST);
    assert_eq!(
        asked.submit_request(request, ContentLength::None, &mut out),
        Err(Misuse::SwitchPending)
    );
    let mut closing = Client::new();
    let close: &[(&[u8], &[u8])] = &[(b"Host", b"a"), (b"Connection", b"close")];
    let last = RequestParts::new(b"GET", b"/", close);
    closing
        .submit_request(last, ContentLength::None, &mut out)
        .unwrap();
    assert_eq!(
        closing.submit_request(request, ContentLength::None, &mut out),
        Err(Misuse::Unfinished)
    );
    closing.submit_end(None, &mut out).unwrap();
    assert_eq!(
        closing.submit_request(request, ContentLength::None, &mut out),
        Err(Misuse::Closing)
    );
}

#[test]
fn outstanding_requests_are_bounded() {
    let mut full = client(&["GET"; Client::OUTSTANDING_MAX]);
    let request = RequestParts::new(b"GET", b"/", HOST);
    assert_eq!(
        full.submit_request(request, ContentLength::None, &mut Vec::new()),
        Err(Misuse::OutstandingMax)
    );
}

#[test]
fn every_split_tells_the_same() {
    let mut policy = Policy::responses();
    policy.limits.head_octets_max = 100;
    policy.limits.field_lines_max = 3;
    policy.limits.content_octets_max = 12;
    let long = [b"HTTP/1.1 200 ", &[b'a'; 150][..], b"\r\n\r\n"].concat();
    let cases: &[(&[&str], &[u8])] = &[
        (&["GET", "HEAD"], b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"),
        (&["GET"], b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n"),
        (&["GET"], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcdefghi\r\n9\r\nabcdefghi\r\n"),
        (&["GET"], b"HTTP/1.1 200 OK\r\n\r\nabcdefghijklmnopq"),
        (&["GET"], b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n"),
        (&["GET"], b"HTTP/1.1 200 OK\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"),
        (&["GET"], b"HTTP/1.1 20x OK\nA : b\r\n\r\n"),
        (&["GET"], b"HTTX/1.1 20x OK\nA : b\r\n\r\n"),
        (&["UPGRADE"], b"HTTP/1.1 101 OK\r\n\r\nrest"),
        (&["GET"], b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd"),
        (&["GET"], &long),
    ];
    for (methods, octets) in cases {
        let whole = told_with(methods, &[octets], &policy);
        for first in 0..=octets.len() {
            for second in [first, first + 1, first + 7, octets.len()] {
                let second = second.min(octets.len());
                let pieces = [&octets[..first], &octets[first..second], &octets[second..]];
                assert_eq!(
                    told_with(methods, &pieces, &policy),
                    whole,
                    "{} at {first},{second}",
                    text(octets)
                );
            }
        }
        let single: Vec<&[u8]> = octets.chunks(1).collect();
        assert_eq!(told_with(methods, &single, &policy), whole);
    }
}
