use super::*;
use crate::testing::with_request;
use crate::{HostRule, PathMap, Told};

fn passage() -> Passage {
    Passage::new("edge", Scheme::Http, "inner:3000")
        .unwrap()
        .told(Told {
            forwarded: false,
            x_forwarded: false,
        })
}

/// What the server gets of a request, as a head without its empty line.
fn onward(passage: &Passage, request: &str, more: impl Fn(&mut Came<'_>)) -> Result<String, Stop> {
    with_request(request, |head| {
        let mut came = Came::new(head);
        more(&mut came);
        let mut scratch = Scratch::default();
        let onward = Onward::new(&came, passage, &mut scratch)?;
        // What is written is what the machine takes.
        let mut out = Vec::new();
        let mut client = http1::Client::new();
        client
            .submit_request(onward.parts(), ContentLength::None, &mut out)
            .unwrap();
        Ok(String::from_utf8(out).unwrap().replace("\r\n", "\n"))
    })
}

fn lines(passage: &Passage, fields: &str) -> String {
    let request = format!("GET /x HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n");
    let all = onward(passage, &request, |_| {}).unwrap();
    let all = all.strip_prefix("GET /x HTTP/1.1\nHost: a.example\n");
    let all = all.unwrap().strip_suffix("\n").unwrap();
    all.replace("Via: 1.1 edge\n", "")
}

#[test]
fn other_fields_keep_their_order_spelling_and_repetition() {
    let request = "GET /x?y HTTP/1.1\r\nuser-AGENT: a b\r\nHOST: A.example\r\nX-b: 1\r\nx-B: 2,\t3\r\n\
                   Cookie: c\r\nX-Empty:\r\nx_y: \u{e4}\r\n\r\n";
    let expected = "GET /x?y HTTP/1.1\nuser-AGENT: a b\nHOST: A.example\nX-b: 1\nx-B: 2,\t3\nCookie: c\n\
                    X-Empty: \nx_y: \u{e4}\nVia: 1.1 edge\n\n";
    assert_eq!(onward(&passage(), request, |_| {}).as_deref(), Ok(expected));
}

#[test]
fn fields_of_the_connection_end_here() {
    // table
    for (fields, expected) in [
        ("Connection: close\r\n", ""),
        ("Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", ""),
        ("Proxy-Connection: keep-alive\r\n", ""),
        (
            "Proxy-Authorization: Basic eDp5\r\nAuthorization: b\r\n",
            "Authorization: b\n",
        ),
        ("TE: gzip\r\nConnection: TE\r\n", ""),
        ("Content-Length: 0\r\n", ""),
        (
            "Transfer-Encoding: chunked\r\nTrailer: x\r\n",
            "Trailer: x\n",
        ),
        ("Upgrade: websocket\r\nConnection: upgrade\r\n", ""),
        (
            "Upgrade: h2c\r\nHTTP2-Settings: AA\r\nConnection: Upgrade, HTTP2-Settings\r\n",
            "",
        ),
        (
            "Connection: x-a\r\nX-A: 1\r\nX-Ab: 2\r\nx-a: 3\r\n",
            "X-Ab: 2\n",
        ),
        (
            "X-A: 1\r\nconnection: close , X-A\r\nX-B: 2\r\nConnection: x-b\r\n",
            "",
        ),
        (
            "Connection: Authorization, Cookie\r\nAuthorization: a\r\nCookie: b\r\n",
            "",
        ),
        ("Connection: x-a,, ,x-a,X-A\r\nX-A: 1\r\n", ""),
        (
            "Connection: connection, Connection\r\nX-A: 1\r\n",
            "X-A: 1\n",
        ),
        ("Connection: close\r\nClose: 1\r\n", "Close: 1\n"),
        (
            "Connection: \"x-a\", x-b;q=1\r\nX-A: 1\r\nX-B: 2\r\n",
            "X-A: 1\nX-B: 2\n",
        ),
        ("Connection: x-a\u{b}\r\nX-A: 1\r\n", "X-A: 1\n"),
        ("Connection:\r\nX-A: 1\r\n", "X-A: 1\n"),
    ] {
        assert_eq!(lines(&passage(), fields), expected, "{fields}");
    }
}

#[test]
fn nobody_can_have_what_routes_a_message_removed() {
    let fields = "Connection: Host, Via, Forwarded, X-Forwarded-For, X-Forwarded-Proto, Max-Forwards\r\n\
                  Via: 1.0 a\r\nMax-Forwards: 5\r\n";
    assert_eq!(
        lines(&passage(), fields),
        "Via: 1.0 a, 1.1 edge\nMax-Forwards: 5\n"
    );
    let told = passage().told(Told::default());
    let all = onward(
        &told,
        &format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"),
        |came| {
            came.peer = "192.0.2.1".parse().ok();
        },
    );
    let all = all.unwrap();
    assert!(all.contains("X-Forwarded-For: 192.0.2.1\n"), "{all}");
    assert!(all.contains("Forwarded: for=192.0.2.1;"), "{all}");
}

#[test]
fn trusted_gateways_are_believed_whatever_connection_names() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\nx-forwarded-for: 1.1.1.1\r\n\
                   x-forwarded-for: 2.2.2.2\r\nX-Forwarded-Port: 80\r\n\r\n";
    let told = passage().told(Told {
        forwarded: false,
        x_forwarded: true,
    });
    let ask = |trust| {
        onward(&told, request, |came| {
            came.peer = "10.0.0.1".parse().ok();
            came.trust = trust;
            came.scheme = Scheme::Https;
        })
        .unwrap()
    };
    assert_eq!(
        ask(Trust::Gateway),
        "GET / HTTP/1.1\nHost: a\nx-forwarded-for: 1.1.1.1\nx-forwarded-for: 2.2.2.2, 10.0.0.1\n\
         X-Forwarded-Port: 80\nVia: 1.1 edge\nX-Forwarded-Proto: https\nX-Forwarded-Host: a\n\n"
    );
    assert_eq!(
        ask(Trust::Nobody),
        "GET / HTTP/1.1\nHost: a\nVia: 1.1 edge\nX-Forwarded-For: 10.0.0.1\nX-Forwarded-Proto: https\n\
         X-Forwarded-Host: a\n\n"
    );
}

#[test]
fn what_a_client_tells_of_itself_goes_even_where_nothing_is_told() {
    let fields = "Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 1.1.1.1\r\nX_Forwarded_For: 1.1.1.1\r\n\
                  X-Real-IP: 1.1.1.1\r\nX-Forwarded-Prefix: /x\r\nX-A: 1\r\n";
    assert_eq!(lines(&passage(), fields), "X-A: 1\n");
}

#[test]
fn host_is_the_one_that_is_asked_for_or_a_configured_one() {
    let first = |passage: &Passage, request: &str| {
        let all = onward(passage, request, |_| {}).unwrap();
        let mut all = all.lines();
        let target = all.next().unwrap().to_owned();
        (target, all.next().unwrap().to_owned())
    };
    let kept = passage();
    let server = passage().host(HostRule::Server);
    let set = passage().host(HostRule::Set(b"b:8080"[..].into()));
    // table
    for (passage, request, host) in [
        (
            &kept,
            "GET / HTTP/1.1\r\nhOst: A.example:80\r\n\r\n",
            "hOst: A.example:80",
        ),
        (
            &kept,
            "GET http://b.example/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "Host: b.example",
        ),
        (&kept, "GET / HTTP/1.0\r\nX: y\r\n\r\n", "Host: inner:3000"),
        (
            &kept,
            "GET http://b.example/ HTTP/1.0\r\nX: y\r\n\r\n",
            "Host: b.example",
        ),
        (
            &server,
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "Host: inner:3000",
        ),
        (
            &server,
            "GET http://b.example/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "Host: inner:3000",
        ),
        (&set, "GET / HTTP/1.0\r\nX: y\r\n\r\n", "Host: b:8080"),
    ] {
        let expected = ("GET / HTTP/1.1".to_owned(), host.to_owned());
        assert_eq!(first(passage, request), expected, "{request}");
    }
}

#[test]
fn the_version_is_our_own_and_via_tells_the_clients() {
    let all = onward(&passage(), "GET / HTTP/1.0\r\nHost: a\r\n\r\n", |_| {});
    assert_eq!(
        all.as_deref(),
        Ok("GET / HTTP/1.1\nHost: a\nVia: 1.0 edge\n\n")
    );
}

#[test]
fn a_loop_is_not_gone_round_again() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 Edge (x), 1.1 b\r\n\r\n";
    assert_eq!(onward(&passage(), request, |_| {}), Err(Stop::Loop));
}

#[test]
fn max_forwards_counts_down_for_trace_and_options() {
    let ask = |method: &str, fields: &str| {
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        onward(&passage(), &request, |_| {}).map(|all| {
            let line = all.lines().find(|line| line.starts_with("Max-Forwards"));
            line.unwrap_or_default().to_owned()
        })
    };
    // table
    for (method, fields, expected) in [
        ("OPTIONS", "Max-Forwards: 10\r\n", Ok("Max-Forwards: 9")),
        ("TRACE", "Max-Forwards: 1\r\n", Ok("Max-Forwards: 0")),
        ("TRACE", "Max-Forwards: 0\r\n", Err(Stop::LastForward)),
        ("OPTIONS", "Max-Forwards: 000\r\n", Err(Stop::LastForward)),
        (
            "OPTIONS",
            "Max-Forwards: 99999999999\r\n",
            Ok("Max-Forwards: 4294967294"),
        ),
        ("OPTIONS", "Max-Forwards: -1\r\n", Err(Stop::MaxForwards)),
        ("OPTIONS", "Max-Forwards: 5, 5\r\n", Err(Stop::MaxForwards)),
        (
            "OPTIONS",
            "Max-Forwards: 5\r\nMax-Forwards: 5\r\n",
            Err(Stop::MaxForwards),
        ),
        ("OPTIONS", "Max-Forwards:\r\n", Err(Stop::MaxForwards)),
        ("OPTIONS", "", Ok("")),
        ("GET", "Max-Forwards: 0\r\n", Ok("Max-Forwards: 0")),
        ("GET", "Max-Forwards: x\r\n", Ok("Max-Forwards: x")),
    ] {
        let expected = expected.map(str::to_owned);
        assert_eq!(ask(method, fields), expected, "{method} {fields}");
    }
}

#[test]
fn only_allowed_protocols_are_asked_for() {
    let allowing = passage().upgrade("WebSocket").upgrade("h2c").upgrade("x");
    let asked = "Upgrade: websocket\nConnection: Upgrade\n";
    // table
    for (fields, expected) in [
        ("Upgrade: websocket\r\nConnection: upgrade\r\n", asked),
        (
            "Upgrade: h2c, websocket, y\r\nConnection: keep-alive, Upgrade\r\n",
            asked,
        ),
        (
            "Upgrade: y\r\nUpgrade: websocket\r\nConnection: upgrade\r\n",
            asked,
        ),
        (
            "Upgrade: x/1,websocket\r\nConnection: upgrade\r\n",
            "Upgrade: x/1, websocket\nConnection: Upgrade\n",
        ),
        ("Upgrade: h2c\r\nConnection: upgrade\r\n", ""),
        ("Upgrade: H2C/1\r\nConnection: upgrade\r\n", ""),
        ("Upgrade: websocket\r\n", ""),
        ("Upgrade: websocket\r\nConnection: close\r\n", ""),
    ] {
        assert_eq!(lines(&allowing, fields), expected, "{fields}");
    }
    let old = "GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    let all = onward(&allowing, old, |_| {}).unwrap();
    assert!(!all.contains("pgrade"), "{all}");
}

#[test]
fn trailers_are_asked_for_where_the_client_does() {
    let asked = "te: trailers\nConnection: TE\n";
    // table
    for (fields, expected) in [
        ("te: trailers\r\nConnection: te\r\n", asked),
        (
            "te: gzip, Trailers\r\nTE: trailers\r\nConnection: te\r\n",
            asked,
        ),
        ("TE: gzip\r\nConnection: te\r\n", ""),
    ] {
        assert_eq!(lines(&passage(), fields), expected, "{fields}");
    }
    let both = "TE: trailers\r\nUpgrade: websocket\r\nConnection: te, upgrade\r\n";
    assert_eq!(
        lines(&passage().upgrade("websocket"), both),
        "TE: trailers\nUpgrade: websocket\nConnection: Upgrade, TE\n"
    );
}

#[test]
fn an_expectation_is_passed_on_only_where_that_is_configured() {
    let fields = "Host: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n";
    let ask = |rule, version: &str, content| {
        let request = format!("POST / {version}\r\n{fields}");
        let all = onward(&passage().expect(rule), &request, |came| {
            came.content = content
        });
        all.unwrap().contains("Expect: 100-continue\n")
    };
    let five = ContentLength::Exactly(5);
    assert!(!ask(ExpectRule::Answered, "HTTP/1.1", five));
    assert!(ask(ExpectRule::Passed, "HTTP/1.1", five));
    assert!(!ask(ExpectRule::Passed, "HTTP/1.0", five));
    assert!(!ask(ExpectRule::Passed, "HTTP/1.1", ContentLength::None));
}

#[test]
fn a_request_that_asks_for_a_tunnel_or_has_no_path_here_stops() {
    let stripping = passage().paths(PathMap::new("/app", "").unwrap());
    let ask = |line: &str| {
        onward(
            &stripping,
            &format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"),
            |_| {},
        )
    };
    assert_eq!(ask("CONNECT a:443"), Err(Stop::Connect));
    assert_eq!(ask("GET /other"), Err(Stop::Path));
    let names: Vec<_> = (0..17).map(|i| format!("x-{i}")).collect();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: {}\r\n\r\n",
        names.join(",")
    );
    assert_eq!(
        onward(&passage(), &request, |_| {}),
        Err(Stop::ConnectionOptions)
    );
}

#[test]
fn memory_is_used_again() {
    with_request(
        "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\nVia: 1.1 c\r\n\r\n",
        |head| {
            let passage = passage();
            let mut scratch = Scratch::default();
            let mut places = Vec::new();
            for _ in 0..3 {
                let onward = Onward::new(&Came::new(head), &passage, &mut scratch).unwrap();
                places.push((onward.lines.as_ptr() as usize, onward.host().as_ptr()));
                let lines = onward.into_lines();
                scratch.give_back(lines);
            }
            assert_eq!(places[1], places[2]);
            assert_eq!(places[0], places[1]);
        },
    );
}
