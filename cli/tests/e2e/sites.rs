//! What sites and routes do to requests and answers, over real connections.

use crate::harness::{Client, Hansom, Place};
use testkit::raw::response::{AnswerTo, Response};

fn sites() -> Hansom {
    Place::new()
        .with("site/a.txt", "a")
        .with("site/errors/404.html", "<p>own 404")
        .with("app/index.html", "app")
        .with("app/main.js", "main")
        .with("below/who", "below")
        .run(
            "[server]\ntrusted_gateways = [\"127.0.0.0/8\"]\n\
             [[site]]\nroot = \"site\"\n\
             set_fields = { X-Frame-Options = \"DENY\" }\n\
             remove_fields = [\"Last-Modified\"]\n\
             error_pages = { 404 = \"errors/404.html\" }\n\
             [[site.route]]\npath = \"/app\"\nroot = \"app\"\ntry_files = [\"{path}\", \"/index.html\"]\n\
             [[site.route]]\npath = \"/old\"\nhandler = \"redirect\"\nredirect = \"/new{rest}?{query}\"\n\
             [[site.route]]\npath = \"/away\"\nhandler = \"redirect\"\nredirect = \"https://b.example{path}\"\nredirect_status = 303\n\
             [[site.route]]\npath = \"/in\"\nrewrite = \"{rest}\"\n\
             [[site.route]]\npath = \"/inside\"\nallow = [\"203.0.113.0/24\"]\n\
             [[site.route]]\npath = \"/echo\"\nhandler = \"echo\"\ncontent_octets_max = 10\nset_request_fields = { X-Set = \"1\" }\n\
             [site.route.cors]\norigins = [\"https://b.example\"]\nmethods = [\"PUT\"]\n\
             [[site]]\nhosts = [\"*.below.example\"]\nroot = \"below\"\n\
             [[site]]\nhosts = [\"tls.example\"]\nroot = \"site\"\nto_https = true\nhsts = \"1h\"\n",
        )
}

fn send(client: &mut Client, start: &str, fields: &str) -> Response {
    client.send(format!("{start} HTTP/1.1\r\n{fields}\r\n"));
    if start.starts_with("HEAD") {
        client.answer_to(AnswerTo::Head)
    } else {
        client.answer()
    }
}

fn ask(hansom: &Hansom, start: &str, fields: &str) -> Response {
    send(&mut hansom.connect(), start, fields)
}

const HOST: &str = "Host: a\r\n";

#[test]
fn a_wildcard_is_for_all_names_below() {
    let hansom = sites();
    for (host, status) in [
        ("a.below.example", 200),
        ("B.A.below.example.:80", 200),
        ("below.example", 404),
        ("abelow.example", 404),
    ] {
        let answer = ask(&hansom, "GET /who", &format!("Host: {host}\r\n"));
        assert_eq!(answer.status, status, "{host}");
    }
}

#[test]
fn redirects_lead_where_they_are_told_and_the_connection_stays() {
    let hansom = sites();
    let mut client = hansom.connect();
    for (start, status, location) in [
        ("GET /old/x%20y?z=1", 308, "/new/x%20y?z=1"),
        ("HEAD /old/x", 308, "/new/x"),
        ("POST /old", 308, "/new"),
        (
            "GET /old//evil.example/%0d%0aSet-Cookie:a",
            308,
            "/new/evil.example/%0D%0ASet-Cookie:a",
        ),
        ("GET /away/x", 303, "https://b.example/away/x"),
    ] {
        let answer = send(&mut client, start, HOST);
        assert_eq!(answer.status, status, "{start}");
        assert_eq!(answer.values("Location"), [location], "{start}");
        assert_eq!(answer.values("Set-Cookie"), [""; 0]);
    }
}

#[test]
fn a_single_page_application_answers_for_what_it_shows_itself() {
    let hansom = sites();
    let mut client = hansom.connect();
    for _ in 0..2 {
        for (target, content) in [
            ("/app/", "app"),
            ("/app/main.js", "main"),
            ("/app/some/deep/page", "app"),
        ] {
            let answer = send(&mut client, &format!("GET {target}"), HOST);
            assert_eq!((answer.status, &*answer.content), (200, content.as_bytes()));
        }
    }
    let answer = send(&mut client, "GET /app/page", HOST);
    let etag = answer.value("ETag").expect("a tag");
    let fields = format!("{HOST}If-None-Match: {etag}\r\n");
    assert_eq!(send(&mut client, "GET /app/other", &fields).status, 304);
}

#[test]
fn a_rewritten_path_answers_as_itself() {
    let hansom = sites();
    let answer = ask(&hansom, "GET /in/a.txt", HOST);
    assert_eq!((answer.status, &*answer.content), (200, &b"a"[..]));
    assert_eq!(ask(&hansom, "GET /in/old/x", HOST).status, 308);
    assert_eq!(ask(&hansom, "GET /in/inside/x", HOST).status, 403);
}

#[test]
fn errors_have_the_pages_and_the_fields_of_their_site() {
    let hansom = sites();
    let mut client = hansom.connect();
    for (start, status) in [
        ("GET /a.txt", 200),
        ("GET /none", 404),
        ("HEAD /none", 404),
        ("PUT /a.txt", 405),
        ("GET /%2f", 400),
    ] {
        let answer = send(&mut client, start, HOST);
        assert_eq!(answer.status, status, "{start}");
        assert_eq!(answer.values("X-Frame-Options"), ["DENY"], "{start}");
        assert_eq!(
            answer.values("X-Content-Type-Options"),
            ["nosniff"],
            "{start}"
        );
        assert_eq!(answer.values("Last-Modified"), [""; 0], "{start}");
    }
    let answer = send(&mut client, "GET /none", HOST);
    assert_eq!(answer.content, b"<p>own 404");
    let answer = send(
        &mut client,
        "GET /none",
        &format!("{HOST}Accept: application/json\r\n"),
    );
    assert_eq!(answer.value("Content-Type"), Some("application/json"));
    // What the engine refuses, too.
    let refused = send(
        &mut client,
        "GET /a.txt",
        &format!("{HOST}Content-Length: x\r\n"),
    );
    assert_eq!(refused.status, 400);
    assert_eq!(refused.values("X-Frame-Options"), ["DENY"]);
}

#[test]
fn a_gateway_is_believed_and_the_log_has_its_client() {
    let hansom = sites();
    let inside = |fields: &str| ask(&hansom, "GET /inside/x", &format!("{HOST}{fields}")).status;
    assert_eq!(inside(""), 403);
    assert_eq!(inside("X-Forwarded-For: 203.0.113.5\r\n"), 404);
    assert_eq!(inside("X-Forwarded-For: 203.0.113.5, 192.0.2.1\r\n"), 403);
    let records = hansom.log_records(3);
    let clients: Vec<_> = records
        .iter()
        .map(|record| record["client"].as_str())
        .collect();
    let of = |text| clients.contains(&Some(text));
    assert!(of("203.0.113.5") && of("192.0.2.1"), "{clients:?}");
}

#[test]
fn a_site_for_https_is_served_through_a_gateway_that_speaks_it() {
    let hansom = sites();
    let host = "Host: tls.example\r\n";
    let answer = ask(&hansom, "GET /a.txt?x", host);
    assert_eq!(answer.status, 301);
    assert_eq!(
        answer.value("Location"),
        Some("https://tls.example/a.txt?x")
    );
    assert_eq!(answer.value("Strict-Transport-Security"), None);
    let answer = ask(
        &hansom,
        "GET /a.txt",
        &format!("{host}X-Forwarded-Proto: https\r\n"),
    );
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.value("Strict-Transport-Security"),
        Some("max-age=3600")
    );
}

#[test]
fn a_page_of_another_origin_may_do_what_it_is_told() {
    let hansom = sites();
    let origin = format!("{HOST}Origin: https://b.example\r\n");
    let fields = format!("{origin}Access-Control-Request-Method: PUT\r\n");
    let answer = ask(&hansom, "OPTIONS /echo", &fields);
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.value("Access-Control-Allow-Methods"),
        Some("GET, HEAD, POST, PUT")
    );
    let answer = ask(&hansom, "GET /echo", &origin);
    assert_eq!(
        answer.value("Access-Control-Allow-Origin"),
        Some("https://b.example")
    );
    let answer = ask(&hansom, "GET /echo", HOST);
    assert_eq!(answer.value("Access-Control-Allow-Origin"), None);
    assert_eq!(answer.value("Vary"), Some("Origin"));
    assert!(String::from_utf8_lossy(&answer.content).contains("X-Set"));
}

#[test]
fn content_longer_than_the_route_lets_in_is_413() {
    let hansom = sites();
    let post = |octets: usize, field: &str, content: &str| {
        let mut client = hansom.connect();
        client.send(format!("POST /echo HTTP/1.1\r\n{HOST}{field}\r\n{content}"));
        let answer = client.answer();
        assert_eq!(answer.values("X-Frame-Options"), ["DENY"], "{octets}");
        answer.status
    };
    assert_eq!(post(10, "Content-Length: 10\r\n", "0123456789"), 200);
    assert_eq!(post(11, "Content-Length: 11\r\n", "0123456789a"), 413);
    let chunked = "Transfer-Encoding: chunked\r\n";
    assert_eq!(post(11, chunked, "b\r\n0123456789a\r\n0\r\n\r\n"), 413);
}

/// What curl gets for a URL of a server at an address: status, and a field.
fn curl(hansom: &Hansom, args: &[&str], name: &str, field: &str) -> Option<(String, String)> {
    let port = hansom.address.port();
    let resolve = format!("{name}:{port}:127.0.0.1");
    let shown = format!("%{{http_code}} %header{{{field}}}");
    let url = format!("https://{name}:{port}/a.txt");
    let all = [
        "-sk",
        "--resolve",
        &resolve,
        "-o",
        "/dev/null",
        "-w",
        &shown,
        &url,
    ];
    let output = match std::process::Command::new("curl")
        .args(all)
        .args(args)
        .output()
    {
        Ok(output) => String::from_utf8(output.stdout).expect("text"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("curl: {error}"),
    };
    let (status, field) = output.split_once(' ').expect("two words");
    Some((status.to_owned(), field.to_owned()))
}

fn over_tls() -> Hansom {
    let place = Place::new().with("site/a.txt", "a").with(
        "hansom.toml",
        "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n\
         [[tls]]\nnames = [\"a.example\"]\n\
         [[tls]]\nnames = [\"b.example\"]\nversion_min = \"1.3\"\n\
         [[tls]]\nnames = [\"c.example\"]\n\
         [[tls]]\nnames = [\"*.d.example\"]\nversion_min = \"1.3\"\n\
         [[site]]\nroot = \"site\"\nto_https = true\nhsts = \"1h\"\n",
    );
    let mut command = place.command();
    command.arg("run");
    place.start(command)
}

#[test]
fn a_site_for_https_is_served_by_tls_and_says_so_for_the_future() {
    let hansom = over_tls();
    for _ in 0..2 {
        let Some(got) = curl(&hansom, &[], "a.example", "strict-transport-security") else {
            return;
        };
        assert_eq!(got, ("200".to_owned(), "max-age=3600".to_owned()));
    }
}

#[test]
fn a_host_with_other_rules_for_tls_is_misdirected() {
    let hansom = over_tls();
    for (name, host, status) in [
        ("a.example", "a.example", "200"),
        ("a.example", "c.example", "200"),
        ("a.example", "b.example", "421"),
        ("a.example", "B.example.:443", "421"),
        ("b.example", "a.example", "421"),
        ("b.example", "b.example:1", "200"),
        ("a.example", "x.d.example", "421"),
        // A wildcard of a site is for as many labels as there are.
        ("a.example", "y.x.d.example", "421"),
    ] {
        let host_field = format!("Host: {host}");
        let Some(got) = curl(&hansom, &["-H", &host_field], name, "date") else {
            return;
        };
        assert_eq!(got.0, status, "{host} on a connection for {name}");
    }
}
