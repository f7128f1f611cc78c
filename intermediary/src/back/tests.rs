use super::*;
use crate::testing::with_response;
use crate::{HostRule, PathMap, Scheme};

fn passage() -> Passage {
    Passage::new("edge", Scheme::Http, "inner:3000").unwrap()
}

/// The lines that the client gets.
fn told(passage: &Passage, response: &str) -> Result<String, Fault> {
    with_response(response, |view| {
        let head = back(view, passage, b"a.example")?;
        assert_eq!(head.status(), view.status());
        let lines = head.section().iter();
        Ok(lines
            .map(|(name, value)| {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                format!("{}: {}\n", text(name), text(value))
            })
            .collect())
    })
}

fn lines(passage: &Passage, fields: &str) -> String {
    let all = told(passage, &format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).unwrap();
    all.replace("Via: 1.1 edge\n", "")
}

#[test]
fn other_fields_keep_their_order_spelling_and_repetition() {
    let fields = "server: x\r\nDATE: y\r\neTag: \"a\"\r\nX-b: 1\r\nSet-Cookie: a=b; Path=/\r\nx-B: 2\r\n\
                  Set-Cookie: c=d\r\nLocation: /a\r\nX-Empty:\r\n";
    let expected = "server: x\nDATE: y\neTag: \"a\"\nX-b: 1\nSet-Cookie: a=b; Path=/\nx-B: 2\n\
                    Set-Cookie: c=d\nLocation: /a\nX-Empty: \nVia: 1.1 edge\n";
    let response = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    assert_eq!(told(&passage(), &response).as_deref(), Ok(expected));
}

#[test]
fn fields_of_the_connection_end_here() {
    // table
    for (fields, expected) in [
        ("Connection: close\r\nContent-Length: 5\r\n", ""),
        ("Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", ""),
        (
            "Transfer-Encoding: chunked\r\nTrailer: x\r\n",
            "Trailer: x\n",
        ),
        (
            "Proxy-Authenticate: Basic\r\nWWW-Authenticate: b\r\n",
            "WWW-Authenticate: b\n",
        ),
        ("Upgrade: h2c\r\nConnection: upgrade\r\n", ""),
        (
            "Connection: X-A, set-cookie\r\nx-a: 1\r\nSet-Cookie: a=b\r\nX-B: 2\r\n",
            "X-B: 2\n",
        ),
        (
            "Connection: x-a\r\nConnection: ,x-b\r\nX-B: 1\r\nX-A: 2\r\n",
            "",
        ),
        ("Connection: Via\r\nX-A: 2\r\n", "X-A: 2\n"),
    ] {
        assert_eq!(lines(&passage(), fields), expected, "{fields}");
    }
}

#[test]
fn via_tells_by_which_version_the_answer_came() {
    // table
    for (response, expected) in [
        ("HTTP/1.0 200 OK\r\n\r\n", "Via: 1.0 edge\n"),
        (
            "HTTP/1.1 200 OK\r\nVia: 1.1 a\r\nX: y\r\n\r\n",
            "Via: 1.1 a, 1.1 edge\nX: y\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nvia: 1.1 a\r\nVIA: 1.1 b (c)\r\n\r\n",
            "via: 1.1 a\nVIA: 1.1 b (c), 1.1 edge\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nVia: 1.1 a (\r\n\r\n",
            "Via: 1.1 a (\nVia: 1.1 edge\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nConnection: via\r\nVia: 1.1 a\r\n\r\n",
            "Via: 1.1 a, 1.1 edge\n",
        ),
        // It is no loop of the request: that one came through.
        (
            "HTTP/1.1 200 OK\r\nVia: 1.1 edge\r\n\r\n",
            "Via: 1.1 edge, 1.1 edge\n",
        ),
    ] {
        assert_eq!(
            told(&passage(), response).as_deref(),
            Ok(expected),
            "{response}"
        );
    }
}

#[test]
fn references_and_cookies_are_rewritten_in_place() {
    let passage = passage()
        .host(HostRule::Server)
        .paths(PathMap::new("/shop", "/v2").unwrap());
    let fields = "Location: http://inner:3000/v2/a\r\nX: 1\r\nSet-Cookie: a=b; Domain=inner; Path=/v2\r\n\
                  content-location: /v2/c\r\nSet-Cookie: c=d\r\n";
    let expected = "Location: /shop/a\nX: 1\nSet-Cookie: a=b; Path=/shop\n\
                    content-location: /shop/c\nSet-Cookie: c=d\n";
    assert_eq!(lines(&passage, fields), expected);
}

#[test]
fn a_protocol_is_told_only_where_it_may_be_asked_for() {
    let allowing = passage().upgrade("websocket");
    // table
    for (passage, response, expected) in [
        (
            &allowing,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\r\n",
            "Upgrade: WebSocket\nVia: 1.1 edge\nConnection: Upgrade\n",
        ),
        (
            &allowing,
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c, websocket\r\nConnection: upgrade\r\n\r\n",
            "Via: 1.1 edge\n",
        ),
        (
            &allowing,
            "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            "Via: 1.1 edge\n",
        ),
        (
            &passage(),
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            "Via: 1.1 edge\n",
        ),
    ] {
        assert_eq!(
            told(passage, response).as_deref(),
            Ok(expected),
            "{response}"
        );
    }
}

#[test]
fn an_answer_that_names_too_many_fields_is_not_passed_on() {
    let names: Vec<_> = (0..17).map(|i| format!("x-{i}")).collect();
    let response = format!(
        "HTTP/1.1 200 OK\r\nConnection: {}\r\n\r\n",
        names.join(", ")
    );
    assert_eq!(told(&passage(), &response), Err(Fault::ConnectionOptions));
}

#[test]
fn the_length_is_told_to_head() {
    let length =
        |fields: &str| with_response(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), length_told);
    assert_eq!(length("Content-Length: 5\r\n"), ContentLength::Exactly(5));
    assert_eq!(length(""), ContentLength::Unknown);
    assert_eq!(length("Content-Length: x\r\n"), ContentLength::Unknown);
}
