//! Dialogues with the server's half.

use hansom_http1::{self as http1, Policy};
use semantics::{CloseReason, ContentLength, LimitError, Limits, TunnelEnd};
use testkit::playbook::{Cut, ServerPlay, every_cut};

fn strict(cut: Cut) -> ServerPlay {
    ServerPlay::new(Policy::strict(), cut)
}

fn limited(cut: Cut, limits: Limits) -> ServerPlay {
    ServerPlay::new(Policy::with(http1::Leniency::default(), 2, limits), cut)
}

#[test]
fn pipelined_requests_are_answered_one_after_the_other() {
    every_cut(|cut| {
        strict(cut)
            .receives("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            .tells("event 0 head GET /1 []")
            .tells("event 0 end no-content")
            .tells_nothing()
            .answers(200, "a")
            .transmits("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
            .settles("kept")
            .tells("event 1 head GET /2 []")
            .tells("event 1 end no-content")
            .answers(204, "")
            .transmits("HTTP/1.1 204 No Content\r\n\r\n")
            .settles("kept")
            .tells_nothing();
    });
}

#[test]
fn a_connection_that_closes_reads_nothing_more() {
    every_cut(|cut| {
        strict(cut)
            .receives("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n")
            .tells("event 0 head GET / []")
            .tells("event 0 end no-content")
            .answers(200, "")
            .transmits("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .settles("client-close")
            .tells_nothing();
    });
}

#[test]
fn an_http_10_client_that_asks_is_told_how_long_it_is_kept() {
    every_cut(|cut| {
        strict(cut)
            .receives("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .tells("event 0 head GET / []")
            .tells("event 0 end no-content")
            .answers(200, "")
            .transmits(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\n",
            )
            .settles("kept-alive");
    });
}

#[test]
fn an_http_10_client_gets_no_chunks_and_no_interim_answers() {
    every_cut(|cut| {
        strict(cut)
            .receives("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .tells("event 0 head GET / []")
            .tells("event 0 end no-content")
            .answers(103, "")
            .answers_with(200, ContentLength::Unknown, "abc")
            .transmits("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc")
            .settles("close-delimited");
    });
}

#[test]
fn an_expectation_waits_until_content_comes_or_is_asked_for() {
    every_cut(|cut| {
        let mut play = strict(cut);
        play.receives(
            "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        )
        .tells("event 0 head PUT / []")
        .tells_nothing();
        assert!(play.machine().is_continue_expected());
        play.answers(100, "")
            .transmits("HTTP/1.1 100 Continue\r\n\r\n");
        assert!(!play.machine().is_continue_expected());
        play.receives("abc")
            .tells("event 0 content abc")
            .tells("event 0 end content-length")
            .answers(201, "")
            .transmits("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
            .settles("kept");
    });
}

#[test]
fn an_answer_before_the_content_settles_when_the_content_has_come() {
    every_cut(|cut| {
        strict(cut)
            .receives("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
            .tells("event 0 head PUT / []")
            .tells("event 0 content a")
            .answers(404, "")
            .transmits("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            .settles_nothing()
            .receives("bcGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .tells("event 0 content bc")
            .tells("event 0 end content-length")
            .settles("kept")
            .tells("event 1 head GET / []")
            .tells("event 1 end no-content");
    });
}

#[test]
fn content_that_nobody_waits_for_can_be_left() {
    every_cut(|cut| {
        let mut play = strict(cut);
        play.receives("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
            .tells("event 0 head PUT / []")
            .tells("event 0 content a");
        play.machine().close_after(CloseReason::ContentUnread);
        play.answers(404, "")
            .transmits("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        play.settles_nothing();
        play.machine().abort_answer(CloseReason::ContentUnread);
        play.settles("content-unread")
            .receives("bc")
            .tells_nothing();
    });
}

#[test]
fn a_bad_chunk_ends_the_request_and_is_answered() {
    every_cut(|cut| {
        strict(cut)
            .receives("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nz")
            .tells("event 0 head POST / []")
            .tells("event 0 content x")
            .tells("refuse 400 chunk-size-invalid")
            .answers(400, "bad")
            .transmits(
                "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad",
            )
            .settles("chunk-size-invalid");
    });
}

#[test]
fn a_bad_chunk_after_the_answer_began_only_closes() {
    every_cut(|cut| {
        let mut play = strict(cut);
        play.receives("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            .tells("event 0 head POST / []")
            .answers(200, "ok")
            .transmits("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .receives("z")
            .tells("refuse 400 chunk-size-invalid");
        assert!(!play.machine().is_awaiting_answer());
        play.settles("chunk-size-invalid");
    });
}

#[test]
fn a_client_that_leaves_within_a_message_is_seen() {
    every_cut(|cut| {
        strict(cut)
            .receives("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
            .tells("event 0 head PUT / []")
            .tells("event 0 content a")
            .ends()
            .tells("refuse 400 truncated")
            .answers(400, "")
            .transmits("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .settles("truncated");
    });
}

#[test]
fn a_client_that_only_listens_gets_its_answer() {
    every_cut(|cut| {
        let mut play = strict(cut);
        play.receives("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .tells("event 0 head GET / []")
            .tells("event 0 end no-content")
            .ends()
            .tells_nothing()
            .answers(200, "a")
            .transmits("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
            .settles("kept")
            .ends()
            .tells_nothing();
        assert!(play.machine().is_closed());
        play.settles("client-closed");
    });
}

#[test]
fn a_time_limit_is_answered_when_a_head_has_begun() {
    every_cut(|cut| {
        let mut play = strict(cut);
        play.receives("GET / HT").tells_nothing();
        assert!(play.machine().is_in_head());
        play.machine().refuse(LimitError::HeadTime.into());
        play.answers(408, "")
            .transmits(
                "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            )
            .settles("head_millis_max")
            .receives("TP/1.1\r\n\r\n")
            .tells_nothing();
    });
}

#[test]
fn less_content_than_announced_closes() {
    every_cut(|cut| {
        strict(cut)
            .receives("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .tells("event 0 head GET / []")
            .tells("event 0 end no-content")
            .answers_with(200, ContentLength::Exactly(5), "abc")
            .transmits("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")
            .settles("incomplete");
    });
}

#[test]
fn a_head_may_be_as_large_as_its_limit() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nA: bc\r\n\r\n";
    let with = |octets: usize| Limits {
        head_octets_max: octets,
        ..Limits::default()
    };
    every_cut(|cut| {
        limited(cut, with(head.len()))
            .receives(head)
            .tells("event 0 head GET / []");
        limited(cut, with(head.len() - 1))
            .receives(head)
            .tells("refuse 431 head_octets_max");
    });
}

#[test]
fn content_may_be_as_large_as_its_limit() {
    let limits = Limits {
        content_octets_max: 4,
        ..Limits::default()
    };
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    every_cut(|cut| {
        limited(cut, limits.clone())
            .receives(format!("{chunked}4\r\nabcd\r\n0\r\nA: b\r\n\r\n"))
            .tells("event 0 head POST / []")
            .tells("event 0 content abcd")
            .tells("event 0 trailers A: b")
            .tells("event 0 end last-chunk");
        limited(cut, limits.clone())
            .receives(format!("{chunked}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
            .tells("event 0 head POST / []")
            .tells("event 0 content abcd")
            .tells("refuse 413 content_octets_max");
    });
}

#[test]
fn a_gibibyte_may_be_announced_and_one_octet_more_may_not() {
    let request =
        |octets: u64| format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {octets}\r\n\r\n");
    every_cut(|cut| {
        let mut play = strict(cut);
        play.receives(request(1 << 30))
            .tells("event 0 head PUT / []");
        assert_eq!(play.machine().content_octets_left(), Some(1 << 30));
        strict(cut)
            .receives(request((1 << 30) + 1))
            .tells("refuse 413 content_octets_max");
    });
}

#[test]
fn a_head_answer_carries_the_length_alone() {
    every_cut(|cut| {
        strict(cut)
            .receives("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            .tells("event 0 head HEAD / []")
            .tells("event 0 end no-content")
            .answers(200, "abc")
            .transmits("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
            .settles("kept");
    });
}

#[test]
fn what_follows_a_request_that_is_answered_by_101_is_not_read() {
    every_cut(|cut| {
        let mut play = strict(cut);
        play.receives(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: x\r\n\r\nGET / HTTP/1.1\r\n\r\n\0",
        )
        .tells("event 0 head GET / [upgrade]")
        .tells("event 0 end no-content")
        .tunnels(101, &[("Connection", "upgrade"), ("Upgrade", "x")])
        .transmits("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        .settles_nothing()
        .tells_nothing()
        .leaves("GET / HTTP/1.1\r\n\r\n\0");
        assert!(play.machine().is_tunnel());
        let reason = CloseReason::Tunnel(TunnelEnd::Client);
        play.machine().end_tunnel(reason);
        play.settles("tunnel-client");
    });
}

#[test]
fn a_successful_answer_to_connect_has_neither_length_nor_coding() {
    every_cut(|cut| {
        for version in ["1.1", "1.0"] {
            let asked = format!("CONNECT a:443 HTTP/{version}\r\nHost: a:443\r\n\r\n\x16\x03");
            strict(cut)
                .receives(asked)
                .tells("event 0 head CONNECT a:443 []")
                .tells("event 0 end no-content")
                .tunnels(200, &[])
                .transmits("HTTP/1.1 200 OK\r\n\r\n")
                .leaves("\x16\x03");
        }
    });
}

#[test]
fn a_connect_that_has_to_come_again_with_credentials_leaves_the_connection_in_http() {
    every_cut(|cut| {
        strict(cut)
            .receives(
                "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
            )
            .tells("event 0 head CONNECT a:443 []")
            .tells("event 0 end no-content")
            .answers(407, "")
            .transmits("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            .settles("kept")
            .tells("event 1 head GET /2 []")
            .tells("event 1 end no-content");
    });
}

#[test]
fn what_follows_a_connect_that_is_refused_is_not_read() {
    every_cut(|cut| {
        strict(cut)
            .receives(
                "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
            )
            .tells("event 0 head CONNECT a:443 []")
            .tells("event 0 end no-content")
            .answers(403, "")
            .transmits("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .settles("tunnel-refused");
    });
}

#[test]
fn only_what_was_asked_for_becomes_a_tunnel() {
    every_cut(|cut| {
        for (asked, status) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 101),
            ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n", 101),
            (
                "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                101,
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                200,
            ),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 101),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 407),
        ] {
            strict(cut)
                .receives(asked)
                .tunnels_nothing(status)
                .transmits("");
        }
    });
}

#[test]
fn no_tunnel_begins_within_a_request() {
    every_cut(|cut| {
        strict(cut)
            .receives("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\na")
            .tells("event 0 head POST / [upgrade]")
            .tells("event 0 content a")
            .tunnels_nothing(101)
            .receives("bc")
            .tells("event 0 content b")
            .tells("event 0 end content-length")
            .tunnels(101, &[])
            .leaves("c");
    });
}
