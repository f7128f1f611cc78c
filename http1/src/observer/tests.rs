use super::*;

const NOW: Duration = Duration::ZERO;

/// One line a sighting; octets that follow one another are one.
#[derive(Default)]
struct Told(Vec<String>, [u64; 2]);

impl Told {
    fn note(&mut self, sighting: Sighting<'_>) {
        let side = match sighting.side {
            Side::Client => ">",
            Side::Server => "<",
        };
        let id = sighting.exchange.map_or(0, |id| id.0);
        let at = sighting.offset;
        let start = format!("{side}{id}");
        let line = match sighting.what {
            What::Request { head, content } => format!(
                "{start} @{at}+{} {} {} {:?} {content:?}",
                sighting.octets,
                text(head.method_octets()),
                text(head.target()),
                head.anomalies()
            ),
            What::Response { head, content } => format!(
                "{start} @{at}+{} {} {:?} {content:?}",
                sighting.octets,
                head.status(),
                head.anomalies()
            ),
            What::Span(kind) => format!("{start} @{at}+{} {kind:?}", sighting.octets),
            What::Content(octets) => return self.append(&start, "content", at, octets),
            What::Skipped(octets) => return self.append(&start, "skipped", at, octets),
            What::Tunnel(octets) => return self.append(&start, "tunnel", at, octets),
            What::Missing => format!("{start} @{at} missing {}", sighting.octets),
            What::Trailers(section) => {
                let lines: Vec<_> = section.iter().map(|(n, v)| (text(n), text(v))).collect();
                format!("{start} @{at}+{} trailers {lines:?}", sighting.octets)
            }
            What::End { why, anomalies } => {
                format!("{start} @{at} end {} {anomalies:?}", why.because().name)
            }
            What::Fate(fate) => format!("fate {id} {}", fate.because().name),
            What::Unanswered => format!("unanswered {id}"),
            What::Lost(refusal) => format!("{start} @{at} lost {}", refusal.answer().name),
        };
        self.0.push(line);
    }

    fn append(&mut self, start: &str, kind: &str, at: u64, octets: &[u8]) {
        let is_client = start.starts_with('>');
        let begin = format!("{start} {kind}");
        let side = start.get(..1);
        match self.0.iter_mut().rev().find(|line| line.get(..1) == side) {
            Some(last) if last.starts_with(&begin) && self.1[usize::from(is_client)] == at => {
                last.push_str(&text(octets));
            }
            _ => self.0.push(format!("{begin} @{at} {}", text(octets))),
        }
        self.1[usize::from(is_client)] = at + octets.len() as u64;
    }
}

fn text(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    Client,
    Server,
}

/// What is seen when one side's octets all come before the other's, in pieces of this many octets.
fn seen_in(client: &[u8], server: &[u8], first: First, piece: usize) -> Vec<String> {
    let mut observer = Observer::default();
    let mut told = Told::default();
    let mut sink = |sighting: Sighting<'_>| told.note(sighting);
    let sides = match first {
        First::Client => [Side::Client, Side::Server],
        First::Server => [Side::Server, Side::Client],
    };
    for side in sides {
        match side {
            Side::Client => {
                for octets in client.chunks(piece) {
                    observer.client_octets(NOW, octets, &mut sink);
                }
            }
            Side::Server => {
                for octets in server.chunks(piece) {
                    observer.server_octets(NOW, octets, &mut sink);
                }
            }
        }
    }
    observer.client_end(NOW, &mut sink);
    observer.server_end(NOW, &mut sink);
    assert_eq!(observer.octets_held(), 0);
    told.0
}

/// The same, each side by itself: how far the sides interleave is for the cut to decide.
fn sides_in(client: &[u8], server: &[u8], first: First, piece: usize) -> Vec<String> {
    let mut told = seen_in(client, server, first, piece);
    told.sort_by_key(|line| line.chars().next());
    told
}

fn seen(client: &[u8], server: &[u8]) -> Vec<String> {
    seen_in(client, server, First::Client, usize::MAX)
}

#[test]
fn an_exchange_has_two_heads_two_ends_and_a_fate() {
    assert_eq!(
        seen(
            b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
        ),
        [
            ">1 @0+28 GET /a {} None",
            ">1 @28 end no-content {}",
            "<1 @0+38 200 {} Exactly(2)",
            "<1 content @38 ab",
            "<1 @40 end content-length {}",
            "fate 1 kept",
        ]
    );
}

#[test]
fn pipelined_answers_go_to_their_requests() {
    let client = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    let server = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\nConnection: close\r\n\r\n";
    let told = seen(client, server);
    assert_eq!(
        told[4..],
        [
            "<1 @0+38 200 {} None",
            "<1 @38 end head-request {}",
            "fate 1 kept",
            "<2 @38+18 100 {} None",
            "<2 @56+37 204 {} None",
            "<2 @93 end status {}",
            "fate 2 server-close",
        ]
    );
}

#[test]
fn chunks_are_seen_with_their_places() {
    let server =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n";
    let told = seen(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", server);
    assert_eq!(
        told[2..],
        [
            "<1 @0+47 200 {} Unknown",
            "<1 @47+1 ChunkSize",
            "<1 @48+4 ChunkExtension",
            "<1 content @54 abc",
            "<1 @59+1 ChunkSize",
            "<1 @62+1 TrailerName",
            "<1 @65+1 TrailerValue",
            "<1 @68+2 TrailersEnd",
            "<1 @62+8 trailers [(\"T\", \"u\")]",
            "<1 @70 end last-chunk {\"chunk-extension\", \"trailers\"}",
            "fate 1 kept",
        ]
    );
}

#[test]
fn replies_that_come_before_their_requests_wait_for_them() {
    let client = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    let server = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let told = seen_in(client, server, First::Server, 7);
    assert_eq!(
        told[..3],
        [
            ">1 @0+28 HEAD / {} None",
            ">1 @28 end no-content {}",
            "<1 @0+38 200 {} None",
        ]
    );
}

#[test]
fn a_reply_without_a_request_is_seen_at_the_end() {
    assert_eq!(
        seen(b"", b"HTTP/1.1 408 T\r\nContent-Length: 1\r\n\r\nx"),
        [
            "<0 @0+37 408 {} Exactly(1)",
            "<0 content @37 x",
            "<0 @38 end content-length {}",
        ]
    );
}

#[test]
fn a_tunnel_is_not_read() {
    for first in [First::Client, First::Server] {
        let told = seen_in(
            b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 B\r\n\r\n",
            first,
            5,
        );
        let tunnel: Vec<_> = told.iter().filter(|t| t.contains("tunnel")).collect();
        assert_eq!(tunnel.len(), 3, "{told:#?}");
        assert!(!told.iter().any(|t| t.starts_with("fate")));
    }
}

#[test]
fn a_refused_connect_leaves_http() {
    let told = seen(
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 403 F\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 B\r\n\r\n",
    );
    assert!(told.contains(&"fate 2 kept".to_owned()), "{told:#?}");
}

#[test]
fn an_unreadable_place_is_said_and_left_at_the_next_head() {
    let client = b"\x01\x02 rubbish\r\nmore GET\r\n \x00POST /x HTTP/1.1\r\nHost: a\r\n\r\n";
    let server = b"nonsense HTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(
        seen(client, server),
        [
            ">0 @0 lost method-not-token",
            ">0 skipped @0 \\x01\\x02 rubbish\\r\\nmore GET\\r\\n \\x00",
            ">1 @24+29 POST /x {} None",
            ">1 @53 end no-content {}",
            "<0 @0 lost status-line-invalid",
            "<0 skipped @0 nonsense ",
            "<1 @9+19 200 {} Unknown",
            "<1 @28 end close {}",
            "fate 1 close-delimited",
        ]
    );
}

#[test]
fn broken_chunks_lose_the_direction() {
    let client = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    let server =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nHTTP/1.1 204 N\r\n\r\n";
    assert_eq!(
        seen(client, server)[4..],
        [
            "<1 @0+47 200 {} Unknown",
            "<0 @47 lost chunk-size-invalid",
            "<1 @47 end abandoned {\"chunk-size-invalid\"}",
            "fate 1 incomplete",
            "<0 skipped @47 zz\\r\\n",
            "<2 @51+18 204 {} None",
            "<2 @69 end status {}",
            "fate 2 kept",
        ]
    );
}

#[test]
fn a_head_without_end_is_given_up() {
    let mut observer = Observer::new(ObserverLimits {
        head_octets_max: 100,
        ..ObserverLimits::default()
    });
    let mut told = Told::default();
    let mut sink = |sighting: Sighting<'_>| told.note(sighting);
    observer.client_octets(NOW, b"GET /a HTTP/1.1\r\n", &mut sink);
    for _ in 0..50 {
        observer.client_octets(NOW, b"A: bcdefgh\r\n", &mut sink);
        assert!(observer.octets_held() <= 112);
    }
    observer.client_octets(NOW, b"\r\nGET /b HTTP/1.1\r\n\r\n", &mut sink);
    assert_eq!(told.0[0], ">0 @0 lost head_octets_max");
    assert_eq!(told.0[2], ">1 @619+19 GET /b {\"host-missing\"} None");
}

#[test]
fn missing_octets_of_content_are_passed_over() {
    let mut observer = Observer::default();
    let mut told = Told::default();
    let mut sink = |sighting: Sighting<'_>| told.note(sighting);
    observer.client_octets(NOW, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut sink);
    observer.server_octets(
        NOW,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
        &mut sink,
    );
    observer.server_gap(NOW, 4, &mut sink);
    observer.server_octets(NOW, b"xyzHTTP/1.1 2", &mut sink);
    observer.server_gap(NOW, 10, &mut sink);
    observer.server_octets(NOW, b"uvHTTP/1.1 204 N\r\n\r\n", &mut sink);
    observer.server_end(NOW, &mut sink);
    assert_eq!(
        told.0[3..],
        [
            "<1 content @38 ab",
            "<1 @40 missing 4",
            "<1 content @44 xyz",
            "<1 @47 end content-length {}",
            "fate 1 kept",
            "<0 skipped @47 HTTP/1.1 2",
            "<0 @57 missing 10",
            "<0 skipped @67 uv",
            "<0 @69+18 204 {} None",
            "<0 @87 end status {}",
        ]
    );
}

#[test]
fn what_waits_is_bounded() {
    let limits = ObserverLimits {
        waiting_octets_max: 1000,
        ..ObserverLimits::default()
    };
    let mut observer = Observer::new(limits);
    let mut heads = 0;
    let mut sink = |sighting: Sighting<'_>| {
        heads += usize::from(matches!(sighting.what, What::Response { .. }));
    };
    for _ in 0..200 {
        observer.server_octets(NOW, b"HTTP/1.1 204 N\r\n\r\n", &mut sink);
        assert!(observer.octets_held() <= 1018);
    }
    observer.server_end(NOW, &mut sink);
    assert_eq!(heads, 200);
}

#[test]
fn requests_without_answers_are_bounded_and_told() {
    let limits = ObserverLimits {
        outstanding_max: 3,
        ..ObserverLimits::default()
    };
    let mut observer = Observer::new(limits);
    let mut told = Told::default();
    let mut sink = |sighting: Sighting<'_>| told.note(sighting);
    for _ in 0..5 {
        observer.client_octets(NOW, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut sink);
    }
    observer.server_end(NOW, &mut sink);
    let unanswered: Vec<_> = told
        .0
        .iter()
        .filter(|t| t.starts_with("unanswered"))
        .collect();
    assert_eq!(
        unanswered,
        [
            "unanswered 1",
            "unanswered 2",
            "unanswered 3",
            "unanswered 4",
            "unanswered 5"
        ]
    );
}

#[test]
fn continued_lines_frame_content_and_stay_as_they_came() {
    let client = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 2\r\n\r\nab";
    assert_eq!(
        seen(client, b"")[..2],
        [
            ">1 @0+49 POST / {\"obs-fold\"} Exactly(2)",
            ">1 content @49 ab",
        ]
    );
}

#[test]
fn every_cut_shows_the_same() {
    let cases: &[(&[u8], &[u8])] = &[
        (
            b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.0 200 OK\r\n\r\nxyz",
        ),
        (
            b"\x16\x03\x01 rubbish\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost",
            b"xHTTP/1.1HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\nHTTP/1.1 204 N\r\n\r\nHTTP",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x00\x01GET / HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n\x02\x03HTTP/1.1 200 OK\r\n\r\n",
        ),
        (b"GET /", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"),
    ];
    for (client, server) in cases {
        for first in [First::Client, First::Server] {
            let whole = sides_in(client, server, first, usize::MAX);
            for piece in 1..=client.len().max(server.len()) {
                assert_eq!(
                    sides_in(client, server, first, piece),
                    whole,
                    "{first:?} in pieces of {piece}"
                );
            }
        }
    }
}
