//! `hansom proxy` between clients and servers of whom some are scripted.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use testkit::raw::response::AnswerTo;

use crate::gateway::{OK, Scripted};
use crate::harness::{Client, Hansom, Place, assert_same, varied};

/// anna and bert, both with the password `secret`.
const USERS: &str = "\
anna:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2
bert:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2
";

/// `anna:secret`, and a password that is wrong.
const ANNA: &str = "YW5uYTpzZWNyZXQ=";
const WRONG: &str = "YW5uYTp3cm9uZw==";

/// A proxy with more arguments.
fn proxy(more: &[&str]) -> Hansom {
    let place = Place::new().with("users", USERS);
    let mut command = place.command();
    command.args(["proxy", "--listen", "0", "--workers", "1"]);
    command.args(more);
    place.start(command)
}

fn open(more: &[&str]) -> Hansom {
    proxy(&[&["--allow-private"], more].concat())
}

/// A port at which nobody listens.
fn nobody() -> String {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
    probe.local_addr().expect("an address").to_string()
}

fn ask(client: &mut Client, line: &str) -> testkit::raw::response::Response {
    client.send(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.answer()
}

#[test]
fn a_request_goes_on_in_origin_form_without_what_is_for_the_proxy() {
    let server = Scripted::start(&[OK]);
    let hansom = open(&[]);
    let mut client = hansom.connect();
    let to = server.address;
    client.send(format!(
        "GET HTTP://{to}/a%20b?c HTTP/1.1\r\nhOST: other.example\r\nProxy-Connection: keep-alive, x-mine\r\n\
         Connection: x-own\r\nX-Own: 1\r\nProxy-Authorization: Basic c2VjcmV0\r\nx-KEPT: 2\r\n\
         X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1, bad\"\r\nVia: 1.0 before\r\n\r\n"
    ));
    let answer = client.answer();
    assert_eq!((answer.status, &*answer.content), (200, &b"ok"[..]));
    let via = answer.value("Via").expect("it says that it passed");
    assert!(via.starts_with("1.1 hansom-"), "{via}");
    let asked = server.asked().concat();
    let expected = format!("GET /a%20b?c HTTP/1.1\r\nhOST: {to}\r\nx-KEPT: 2\r\n");
    assert!(asked.starts_with(&expected), "{asked}");
    assert!(
        asked.contains("\r\nVia: 1.0 before, 1.1 hansom-"),
        "{asked}"
    );
    // What others tell of themselves is theirs to tell.
    assert!(
        asked.contains("\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1, bad\"\r\n"),
        "{asked}"
    );
    for gone in [
        "Own",
        "Proxy-",
        "Basic",
        "other.example",
        "127.0.0.1\r\nX-F",
    ] {
        assert!(!asked.contains(gone), "{gone}: {asked}");
    }
}

#[test]
fn a_target_without_a_path_asks_for_the_root_or_for_the_server_as_a_whole() {
    let server = Scripted::start(&[OK]);
    let hansom = open(&[]);
    let mut client = hansom.connect();
    let to = server.address;
    for line in [
        format!("GET http://{to}"),
        format!("GET http://{to}?a"),
        format!("OPTIONS http://{to}"),
        format!("OPTIONS http://{to}/"),
    ] {
        assert_eq!(ask(&mut client, &line).status, 200);
    }
    let lines: Vec<_> = (server.asked().iter())
        .filter_map(|asked| asked.lines().next().map(str::to_owned))
        .collect();
    let expected = ["GET /", "GET /?a", "OPTIONS *", "OPTIONS /"];
    assert_eq!(lines, expected.map(|line| format!("{line} HTTP/1.1")));
}

#[test]
fn one_connection_to_each_server_is_used_again_by_all_clients() {
    let (a, b) = (Scripted::start(&[OK]), Scripted::start(&[OK]));
    let hansom = open(&[]);
    for _ in 0..3 {
        let mut client = hansom.connect();
        for server in [&a, &b] {
            let line = format!("GET http://{}/", server.address);
            assert_eq!(ask(&mut client, &line).status, 200);
        }
    }
    for server in [&a, &b] {
        assert_eq!(server.asked().len(), 3);
        assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn content_goes_both_ways_octet_by_octet() {
    let content = varied(2_000_000);
    let behind = Place::new()
        .with("site/large", &content)
        .serve(&["--uploads"]);
    let hansom = open(&[]);
    let mut client = hansom.connect();
    let large = ask(&mut client, &format!("GET {}", behind.url("/large")));
    assert_same(&large.content, &content);
    client.send(format!(
        "PUT {} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
        behind.url("/put")
    ));
    assert_eq!(client.octets(25), b"HTTP/1.1 100 Continue\r\n\r\n"[..25]);
    for piece in content.chunks(100_000) {
        client.send(format!("{:x}\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status, 201);
    assert_same(
        &std::fs::read(behind.site("put")).expect("it is there"),
        &content,
    );
}

#[test]
fn a_truncated_answer_reaches_the_client_as_truncated() {
    // table
    for answer in [
        "HTTP/1.1 200 OK\r\nX: close-delimited\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nX: close-delimited\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let server = Scripted::start(Box::leak(Box::new([answer])));
        let hansom = open(&[]);
        let mut client = hansom.connect();
        client.send(format!(
            "GET http://{}/ HTTP/1.1\r\nHost: a\r\n\r\n",
            server.address
        ));
        assert!(!client.try_answer(), "{answer}");
    }
}

#[test]
fn special_addresses_are_closed_also_to_names_that_have_them() {
    let server = Scripted::start(&[OK]);
    let port = server.address.port();
    let hansom = proxy(&[]);
    let mut client = hansom.connect();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "0.0.0.0",
        "169.254.169.254",
        "192.0.2.1",
    ] {
        let got = ask(&mut client, &format!("GET http://{host}:{port}/"));
        assert_eq!(got.status, 403, "{host}");
        let told = got.value("Proxy-Status").expect("it tells why");
        assert!(
            told.ends_with("; error=http_request_denied; details=\"allow_private\""),
            "{host} {told}"
        );
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
    // A network that is named is meant.
    let hansom = proxy(&["--allow", "127.0.0.0/8"]);
    let got = ask(
        &mut hansom.connect(),
        &format!("GET http://localhost:{port}/"),
    );
    assert_eq!(got.status, 200);
}

#[test]
fn a_host_that_could_be_read_in_two_ways_is_refused() {
    let hansom = open(&[]);
    for host in [
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "user@127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "a..b",
        "[fe80::1%25lo]",
    ] {
        let mut client = hansom.connect();
        let got = ask(&mut client, &format!("GET http://{host}/"));
        assert_eq!(got.status, 400, "{host}");
    }
}

#[test]
fn what_is_not_for_a_proxy_is_told_how_to_be() {
    let hansom = open(&["--auth-file", "users"]);
    let mut client = hansom.connect();
    let got = ask(&mut client, "GET /");
    assert_eq!(got.status, 400);
    assert!(
        String::from_utf8_lossy(&got.content).contains("curl -x"),
        "{got:?}"
    );
    let got = ask(&mut client, "OPTIONS *");
    assert_eq!((got.status, got.value("Allow").is_some()), (204, true));
}

#[test]
fn other_schemes_than_http_are_not_asked_for_in_the_clear() {
    let hansom = open(&[]);
    let mut client = hansom.connect();
    for (line, word) in [
        ("GET https://a.example/", "CONNECT"),
        ("GET ftp://a.example/", "http alone"),
    ] {
        let got = ask(&mut client, line);
        assert_eq!(got.status, 501, "{line}");
        assert!(
            String::from_utf8_lossy(&got.content).contains(word),
            "{line}"
        );
    }
}

#[test]
fn trace_and_options_go_as_far_as_they_may() {
    let server = Scripted::start(&[OK]);
    let hansom = open(&[]);
    let mut client = hansom.connect();
    let to = server.address;
    client.send(format!(
        "TRACE http://{to}/ HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n"
    ));
    let got = client.answer();
    assert_eq!(
        (got.status, got.value("Content-Type")),
        (200, Some("message/http"))
    );
    client.send(format!(
        "OPTIONS http://{to}/ HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n"
    ));
    assert!(client.answer().value("Allow").is_some());
    assert!(server.asked().is_empty());
    client.send(format!(
        "OPTIONS http://{to}/ HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n"
    ));
    assert_eq!(client.answer().status, 200);
    assert!(server.asked().concat().contains("\r\nMax-Forwards: 2\r\n"));
}

#[test]
fn the_rule_that_refuses_is_named() {
    let hansom = open(&[
        "--deny",
        "*.ads.example",
        "--deny",
        "127.0.0.2",
        "--allow",
        ".example",
        "--allow",
        "127.0.0.2",
    ]);
    let mut client = hansom.connect();
    // table
    for (host, details) in [
        ("x.ads.example", "deny *.ads.example"),
        ("127.0.0.2", "deny 127.0.0.2"),
        ("[::ffff:127.0.0.2]", "deny 127.0.0.2"),
        ("127.0.0.1", "allow"),
        ("a.example:22", "allow_ports"),
    ] {
        let got = ask(&mut client, &format!("GET http://{host}/"));
        assert_eq!(got.status, 403, "{host}");
        let told = got.value("Proxy-Status").expect("it tells why");
        assert!(
            told.ends_with(&format!("details=\"{details}\"")),
            "{host} {told}"
        );
        assert!(
            String::from_utf8_lossy(&got.content).contains("proxy") || details == "allow_ports"
        );
    }
}

#[test]
fn who_may_not_come_in_is_asked_who_they_are() {
    let server = Scripted::start(&[OK]);
    let hansom = open(&["--auth-file", "users", "--access-log", "json"]);
    let mut client = hansom.connect();
    let mut ask_as = |pair: Option<&str>| {
        let credentials = pair.map_or(String::new(), |pair| {
            format!("Proxy-Authorization: Basic {pair}\r\n")
        });
        client.send(format!(
            "GET http://{}/ HTTP/1.1\r\nHost: a\r\nAuthorization: Basic b3du\r\n{credentials}\r\n",
            server.address
        ));
        client.answer()
    };
    let got = ask_as(None);
    assert_eq!(got.status, 407);
    assert_eq!(
        got.value("Proxy-Authenticate"),
        Some("Basic realm=\"Proxy\", charset=\"UTF-8\"")
    );
    assert_eq!(ask_as(Some(WRONG)).status, 407);
    assert_eq!(ask_as(Some(ANNA)).status, 200);
    assert_eq!(ask_as(Some(ANNA)).status, 200);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    // The server's own credentials are not the proxy's.
    assert!(
        asked[0].contains("\r\nAuthorization: Basic b3du\r\n"),
        "{asked:?}"
    );
    assert!(!asked.concat().contains("Proxy-"), "{asked:?}");
    let records = hansom.log_records(4);
    let users: Vec<_> = records
        .iter()
        .map(|record| record["user"].as_str())
        .collect();
    assert_eq!(users, [None, None, Some("anna"), Some("anna")]);
    assert!(!hansom.log().contains(ANNA) && !hansom.log().contains("Basic"));
}

#[test]
fn what_went_wrong_on_the_way_is_told_apart() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("an address").to_string();
    let junk = Scripted::start(&["junk\r\n\r\n"]).address.to_string();
    let closing = Scripted::start(&[""]).address.to_string();
    let hansom = open(&["--outbound-timeout", "0.5"]);
    let mut client = hansom.connect();
    // table
    for (to, status, error) in [
        (nobody(), 502, "connection_refused"),
        ("no.such.invalid".to_owned(), 502, "dns_error"),
        (junk, 502, "http_protocol_error"),
        (closing, 502, "connection_terminated"),
        (silent, 504, "http_response_timeout"),
    ] {
        let got = ask(&mut client, &format!("GET http://{to}/"));
        let told = got.value("Proxy-Status").expect("it tells why").to_owned();
        assert_eq!(got.status, status, "{to} {told}");
        assert!(
            told.contains(&format!("; error={error}; next-hop=\"{to}")),
            "{told}"
        );
    }
}

#[test]
fn who_would_be_led_back_here_is_told_so() {
    let address = nobody();
    let place = Place::new();
    let mut command = place.command();
    command.args(["proxy", "--listen", &address, "--allow-private"]);
    let hansom = place.start(command);
    let mut client = hansom.connect();
    let port = hansom.address.port();
    for host in [
        address.clone(),
        format!("localhost:{port}"),
        format!("0.0.0.0:{port}"),
    ] {
        let got = ask(&mut client, &format!("GET http://{host}/"));
        assert_eq!(got.status, 502, "{host}");
        let told = got.value("Proxy-Status").expect("it tells why");
        assert!(told.ends_with("proxy_loop_detected"), "{told}");
    }
    // By its own name in Via as well.
    let server = Scripted::start(&[OK]);
    let via = ask(&mut client, &format!("GET http://{}/", server.address));
    let via = via.value("Via").expect("it says that it passed").to_owned();
    client.send(format!(
        "GET http://{}/ HTTP/1.1\r\nHost: a\r\nVia: {via}\r\n\r\n",
        server.address
    ));
    assert_eq!(client.answer().status, 502);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn nobody_starts_a_proxy_for_everybody_by_mistake() {
    let place = Place::new().with("users", USERS);
    let refused = place
        .command()
        .args(["proxy", "--listen", "0.0.0.0:0"])
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("anybody") && said.contains("--auth-file"),
        "{said}"
    );
    let mut command = place.command();
    command.args(["proxy", "--listen", "0.0.0.0:0", "--auth-file", "users"]);
    let hansom = place.start(command);
    let got = ask(&mut hansom.connect(), "GET http://a.example/");
    assert_eq!(got.status, 407);
}

#[test]
fn one_process_is_server_and_proxy_and_a_file_says_which_is_where() {
    let server = Scripted::start(&[OK]);
    let (site, through) = (nobody(), nobody());
    let text = format!(
        "\
[[listen]]
address = \"{site}\"
[[listen]]
address = \"{through}\"
role = \"proxy\"
[proxy]
allow = [\"127.0.0.1\"]
methods = [\"GET\"]
clients = [\"127.0.0.0/8\"]
[[site]]
root = \"site\"
"
    );
    let place = Place::new().with("hansom.toml", text);
    let mut command = place.command();
    command.args(["run"]);
    let hansom = place.start(command);
    assert_eq!(hansom.get("/").status, 200);
    let through = through.parse().expect("an address");
    let mut client = Hansom::client(through);
    assert_eq!(ask(&mut client, "GET /").status, 400);
    let line = format!("http://{}/", server.address);
    assert_eq!(ask(&mut client, &format!("GET {line}")).status, 200);
    assert_eq!(ask(&mut client, &format!("DELETE {line}")).status, 403);
    // To the server an absolute-form is only another way to write its own (RFC 9112 §3.2.2).
    let mut client = hansom.connect();
    let own = ask(&mut client, &format!("GET {line}"));
    assert_eq!(own.content, b"<!doctype html><title>a</title>");
}

/// A tunnel to a listener of the test's own: the client's end, and the server's.
fn tunnel(hansom: &Hansom, server: &TcpListener, early: &str) -> (Client, Client) {
    let mut client = hansom.connect();
    let to = server.local_addr().expect("an address");
    client.send(format!(
        "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n{early}"
    ));
    let end = Hansom::client_of(server.accept().expect("it connects").0);
    let got = client.answer_to(AnswerTo::Head);
    assert_eq!(got.status, 200);
    for name in ["Content-Length", "Transfer-Encoding"] {
        assert_eq!(got.value(name), None, "RFC 9110 §9.3.6");
    }
    (client, end)
}

fn listener() -> (TcpListener, String) {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port().to_string();
    (server, port)
}

#[test]
fn a_tunnel_relays_what_both_say_and_is_logged_with_its_octets() {
    let (server, port) = listener();
    let hansom = open(&["--allow-port", &port, "--access-log", "json"]);
    let (mut client, mut end) = tunnel(&hansom, &server, "early");
    assert_eq!(end.octets(5), b"early");
    let content = varied(1_000_000);
    end.send("HTTP/1.1 no matter\r\n");
    assert_eq!(client.octets(20), b"HTTP/1.1 no matter\r\n");
    client.send(&content);
    assert_same(&end.octets(content.len()), &content);
    // One side ends, the other goes on.
    client.end_sending();
    end.closed();
    end.send(&content);
    assert_same(&client.octets(content.len()), &content);
    drop(end);
    client.closed();
    let record = hansom.log_records(1).remove(0);
    assert_eq!(
        (record["method"].as_str(), record["status"].as_u64()),
        (Some("CONNECT"), Some(200))
    );
    assert_eq!(
        record["request_octets"].as_u64(),
        Some(1_000_005),
        "{record}"
    );
    assert_eq!(record["octets"].as_u64(), Some(1_000_020), "{record}");
    assert!(record.to_string().contains("tunnel"), "{record}");
}

#[test]
fn a_tunnel_goes_to_ports_that_are_allowed_alone() {
    let (_server, port) = listener();
    let hansom = open(&[]);
    // table
    for (target, status) in [
        (format!("127.0.0.1:{port}"), 403),
        ("a.example:80".to_owned(), 403),
        ("a.example".to_owned(), 400),
        ("a.example:".to_owned(), 400),
        ("a.example:0".to_owned(), 400),
        ("user@a.example:443".to_owned(), 400),
        ("http://a.example:443/".to_owned(), 400),
        ("a.example:443/".to_owned(), 400),
        ("127.1:443".to_owned(), 400),
        ("*".to_owned(), 400),
        ("/".to_owned(), 400),
    ] {
        let mut client = hansom.connect();
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.answer().status, status, "{target}");
    }
    let closed = proxy(&["--allow-port", &port]);
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let mut client = closed.connect();
        client.send(format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.answer().status, 403, "{host}");
    }
}

#[test]
fn a_tunnel_that_cannot_be_opened_is_told_why_and_the_connection_closes() {
    let gone = nobody();
    let (_, port) = gone.rsplit_once(':').expect("a port");
    let hansom = open(&["--allow-port", port, "--auth-file", "users"]);
    let mut client = hansom.connect();
    client.send(format!("CONNECT {gone} HTTP/1.1\r\nHost: {gone}\r\n\r\n"));
    assert_eq!(client.answer().status, 407);
    let connect = |client: &mut Client, more: &str| {
        let fields = format!("Host: a\r\nProxy-Authorization: Basic {ANNA}\r\n{more}");
        // What a hasty client sends behind it is not the next request.
        client.send(format!(
            "CONNECT {gone} HTTP/1.1\r\n{fields}\r\nGET http://{gone}/ HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        let answer = client.answer();
        assert_eq!(answer.value("Connection"), Some("close"));
        assert_eq!(client.rest().0, b"");
        answer
    };
    let got = connect(&mut client, "");
    assert_eq!(got.status, 502);
    let told = got.value("Proxy-Status").expect("it tells why").to_owned();
    assert!(told.contains("error=connection_refused"), "{told}");
    let (name, _) = told.split_once(';').expect("a name");
    let got = connect(&mut hansom.connect(), &format!("Via: 1.1 {name}\r\n"));
    let told = got.value("Proxy-Status").expect("it tells why");
    assert!(told.contains("proxy_loop_detected"), "{told}");
}

#[test]
fn curl_and_wget_open_tunnels_for_https() {
    let content = varied(300_000);
    let behind = Place::new()
        .with("site/a", &content)
        .serve(&["--tls-self-signed"]);
    let port = behind.address.port().to_string();
    let hansom = open(&["--allow-port", &port, "--auth-file", "users"]);
    let url = format!("https://{}/a", behind.address);
    let output = |command: &mut Command| {
        let output = command
            .stdin(Stdio::null())
            .output()
            .expect("it is installed");
        assert!(output.status.success(), "{command:?} {output:?}");
        output.stdout
    };
    let (proxy, user) = (hansom.url(""), "anna:secret");
    let curl = output(Command::new("curl").args(["-sSk", "-x", &proxy, "-U", user, &url, &url]));
    assert_same(&curl, &[&content[..], &content[..]].concat());
    let with_user = proxy.replace("http://", "http://anna:secret@");
    let wget = output(
        Command::new("wget")
            .args(["-q", "--no-check-certificate", "-O", "-", &url])
            .env("https_proxy", &with_user)
            .env_remove("no_proxy"),
    );
    assert_same(&wget, &content);
    // In the clear as well.
    let plain = Place::new().with("site/a", &content).serve(&[]);
    let port = plain.address.port().to_string();
    let hansom = open(&["--allow-port", &port]);
    let curl = output(Command::new("curl").args(["-sSp", "-x", &hansom.url(""), &plain.url("/a")]));
    assert_same(&curl, &content);
}

#[test]
fn curl_and_wget_go_through_it() {
    let content = varied(300_000);
    let behind = Place::new().with("site/a", &content).serve(&[]);
    let hansom = open(&["--auth-file", "users"]);
    let output = |command: &mut Command| {
        let output = command
            .stdin(Stdio::null())
            .output()
            .expect("it is installed");
        assert!(output.status.success(), "{command:?} {output:?}");
        output.stdout
    };
    let url = behind.url("/a");
    let curl = output(Command::new("curl").args([
        "-sS",
        "-x",
        &hansom.url(""),
        "-U",
        "anna:secret",
        &url,
        &url,
    ]));
    assert_same(&curl, &[&content[..], &content[..]].concat());
    let with_user = hansom.url("").replace("http://", "http://anna:secret@");
    let wget = output(
        Command::new("wget")
            .args(["-q", "-O", "-", &url])
            .env("http_proxy", &with_user)
            .env_remove("no_proxy"),
    );
    assert_same(&wget, &content);
    let refused = Command::new("curl")
        .args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-x",
            &hansom.url(""),
            &url,
        ])
        .output()
        .expect("it is installed");
    assert_eq!(refused.stdout, b"407");
}

/// What is said to a SOCKS5 client of a request, octets cut into single ones.
fn socks(hansom: &Hansom, octets: &[u8], replies: usize) -> (Client, Vec<u8>) {
    let mut client = hansom.connect();
    for octet in octets {
        client.send([*octet]);
    }
    let said = client.octets(replies);
    (client, said)
}

#[test]
fn socks_clients_get_tunnels_by_the_same_rules() {
    let (server, port) = listener();
    let number = port.parse::<u16>().expect("a port").to_be_bytes();
    let hansom = open(&["--allow-port", &port, "--access-log", "json"]);
    let ask =
        |address: &[u8], port: [u8; 2]| [b"\x05\x01\x00\x05\x01\x00", address, &port].concat();
    let local = b"\x01\x7f\x00\x00\x01";
    let octets = [&ask(local, number)[..], b"early"].concat();
    let (mut client, said) = socks(&hansom, &octets, 12);
    assert_eq!(said, b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0");
    let mut end = Hansom::client_of(server.accept().expect("it connects").0);
    assert_eq!(end.octets(5), b"early");
    end.send("hello");
    assert_eq!(client.octets(5), b"hello");
    client.end_sending();
    end.closed();
    drop(end);
    client.closed();
    // table
    for (address, port, code) in [
        (&local[..], [0, 22], 2),
        (b"\x03\x05127.1", number, 1),
        (b"\x03\x0fno.such.invalid", number, 4),
    ] {
        let (mut client, said) = socks(&hansom, &ask(address, port), 12);
        assert_eq!(said[..4], [5, 0, 5, code], "{address:x?}");
        client.closed();
    }
    drop(server);
    let (mut client, said) = socks(&hansom, &ask(local, number), 12);
    assert_eq!(said[..4], [5, 0, 5, 5]);
    client.closed();
    for octets in [
        &b"\x05\x01\x02"[..],
        b"\x05\x01\x00\x05\x02\x00\x01\x7f\0\0\x01\0\x50",
    ] {
        let mut client = hansom.connect();
        client.send(octets);
        let (said, _) = client.rest();
        assert_eq!(said.first(), Some(&5), "no word of HTTP: {said:x?}");
        assert!(said.len() <= 12, "{said:x?}");
    }
    let records = hansom.log_records(7);
    let first = &records[0];
    assert_eq!(
        (first["method"].as_str(), first["user_agent"].as_str()),
        (Some("CONNECT"), Some("SOCKS5"))
    );
    assert_eq!(
        (first["octets"].as_u64(), first["request_octets"].as_u64()),
        (Some(5), Some(5))
    );
    // A server, and a proxy that is told not to, do not speak it.
    let plain = Hansom::plain(&[]);
    let mut client = plain.connect();
    client.send(b"\x05\x01\x00");
    assert!(client.rest().0.starts_with(b"HTTP/1.1 400 "));
}

#[test]
fn curl_goes_by_socks_with_a_name_and_a_password() {
    let content = varied(300_000);
    let behind = Place::new().with("site/a", &content).serve(&[]);
    let port = behind.address.port().to_string();
    let hansom = open(&["--allow-port", &port, "--auth-file", "users"]);
    let curl = |kind: &str, user: &str| {
        let mut command = Command::new("curl");
        command.args([
            "-sS",
            "-U",
            user,
            kind,
            &hansom.address.to_string(),
            &behind.url("/a"),
        ]);
        command.output().expect("it is installed")
    };
    for kind in ["--socks5", "--socks5-hostname"] {
        let got = curl(kind, "anna:secret");
        assert!(got.status.success(), "{got:?}");
        assert_same(&got.stdout, &content);
        assert_eq!(curl(kind, "anna:wrong").status.code(), Some(97));
    }
}

#[test]
fn a_line_that_the_server_closed_costs_no_request() {
    // Each connection is closed after its first answer, though nothing in that says so.
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = server.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in server.incoming().map_while(Result::ok) {
            let mut client = Hansom::client_of(stream);
            while !client.octets(1).ends_with(b"!") {}
            client.send(OK);
        }
    });
    let hansom = open(&[]);
    let mut client = hansom.connect();
    for at in 0..20 {
        let method = ["GET", "POST"][at % 2];
        client.send(format!(
            "{method} http://{to}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n!"
        ));
        let got = client.answer();
        // A POST that the server may have seen is not sent again: its close came meanwhile.
        assert!(
            got.status == 200 || (method == "POST" && got.status == 502),
            "{got:?}"
        );
    }
}

#[test]
fn a_reload_changes_the_rules_and_leaves_tunnels_open() {
    let (server, port) = listener();
    let through = nobody();
    let text = |more: &str| {
        format!(
            "[[listen]]\naddress = \"{through}\"\nrole = \"proxy\"\n[proxy]\nallow_private = true\nallow_ports = [{port}]\n{more}\n"
        )
    };
    let place = Place::new().with("hansom.toml", text(""));
    let mut command = place.command();
    command.args(["run"]);
    let mut hansom = place.start(command);
    let (mut client, mut end) = tunnel(&hansom, &server, "");
    // On another listener too, whose number is not its place in the file.
    let more = format!(
        "deny = [\"a.example\"]\n[[listen]]\naddress = \"{}\"\n[[site]]\nroot = \"site\"\n",
        nobody()
    );
    std::fs::write(hansom.folder().join("hansom.toml"), text(&more)).expect("it can be written");
    hansom.signal(rustix::process::Signal::HUP);
    while !hansom.next_said().starts_with("hansom: reloaded") {}
    let got = ask(&mut hansom.connect(), "GET http://a.example/");
    assert_eq!(got.status, 403);
    client.send("still");
    assert_eq!(end.octets(5), b"still");
    end.send("there");
    assert_eq!(client.octets(5), b"there");
}
