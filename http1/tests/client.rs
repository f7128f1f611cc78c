//! Dialogues with the client's half.

use hansom_http1::{self as http1, Policy};
use semantics::ContentLength;
use testkit::playbook::{ClientPlay, Cut, every_cut};

fn client(cut: Cut) -> ClientPlay {
    ClientPlay::new(Policy::responses(), cut)
}

#[test]
fn a_connection_is_used_for_one_exchange_after_the_other() {
    every_cut(|cut| {
        let mut play = client(cut);
        for exchange in 0..3 {
            play.asks("GET", "/", &[])
                .transmits("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .receives("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
                .tells(&format!("event {exchange} head 200 []"))
                .tells(&format!("event {exchange} content ab"))
                .tells(&format!("event {exchange} end content-length"))
                .settles("kept");
            assert!(play.machine().is_reusable());
        }
    });
}

#[test]
fn several_requests_leave_before_their_answers() {
    every_cut(|cut| {
        client(cut)
            .asks("HEAD", "/1", &[])
            .asks_with("POST", "/2", &[], ContentLength::Unknown, "abc")
            .asks("GET", "/3", &[("Connection", "close")])
            .transmits("HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .receives("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 N\r\n\r\n")
            .tells("event 0 head 200 []")
            .tells("event 0 end head-request")
            .tells("event 1 head 204 []")
            .tells("event 1 end status")
            .settles("kept")
            .receives("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nrest")
            .tells("event 2 head 200 []")
            .tells("event 2 content rest")
            .ends()
            .tells("event 2 end close")
            .settles("client-close");
    });
}

#[test]
fn an_answer_may_come_while_content_is_sent() {
    every_cut(|cut| {
        let mut play = client(cut);
        let request = http1::RequestParts::new(b"PUT", b"/", &[(b"Host", b"a")]);
        let mut out = Vec::new();
        let content = ContentLength::Exactly(3);
        play.machine()
            .submit_request(request, content, &mut out)
            .unwrap();
        play.receives("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
            .tells("event 0 head 413 []")
            .tells("event 0 end content-length")
            .settles("kept");
        assert!(!play.machine().is_reusable());
        assert_eq!(play.machine().submit_content(3, &mut out), 3);
        play.machine().submit_end(None, &mut out).unwrap();
        assert!(play.machine().is_reusable());
    });
}

#[test]
fn a_server_that_leaves_while_nothing_is_asked_does_no_harm() {
    every_cut(|cut| {
        let mut play = client(cut);
        play.ends().tells_nothing().settles("server-closed");
        assert!(!play.machine().is_reusable());
    });
}

#[test]
fn a_server_that_leaves_without_an_answer_leaves_the_request_unanswered() {
    every_cut(|cut| {
        let mut play = client(cut);
        play.asks("GET", "/", &[])
            .ends()
            .tells("refuse 400 truncated");
        assert_eq!(play.machine().unanswered().count(), 1);
    });
}

#[test]
fn a_tunnel_leaves_its_octets_to_the_caller() {
    every_cut(|cut| {
        let mut play = client(cut);
        play.asks("GET", "/", &[("Connection", "upgrade"), ("Upgrade", "x")])
            .receives("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x01\x02")
            .tells("event 0 head 101 []")
            .tells("event 0 end tunnel")
            .leaves("\x01\x02");
        assert!(play.machine().is_tunnel());
    });
}
