//! Which site and which handler answers.

use crate::harness::{ECHO, Hansom, Place};

fn several() -> Hansom {
    Place::new()
        .with("site/who", "default")
        .with("one/who", "one")
        .with("one/a/who", "one a")
        .with("two/who", "two")
        .run(
            "[[site]]\nroot = \"site\"\n\
             [[site]]\nhosts = [\"one.example\", \"uno.example\"]\nroot = \"one\"\n\
             [[site.route]]\npath = \"/b\"\nroot = \"two\"\n\
             [[site.route]]\npath = \"/a/echo\"\nhandler = \"echo\"\n\
             [[site]]\nhosts = [\"two.example\"]\nroot = \"two\"\n",
        )
}

fn ask(hansom: &Hansom, target: &str, host: &str) -> (u16, Vec<u8>) {
    let mut client = hansom.connect();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let answer = client.answer();
    (answer.status, answer.content)
}

#[test]
fn the_host_selects_the_site() {
    let hansom = several();
    for (host, content) in [
        ("one.example", "one"),
        ("ONE.example:8080", "one"),
        ("one.example.", "one"),
        ("uno.example", "one"),
        ("two.example", "two"),
        ("other.example", "default"),
        ("one.example.org", "default"),
    ] {
        assert_eq!(
            ask(&hansom, "/who", host),
            (200, content.as_bytes().to_vec()),
            "{host}"
        );
    }
}

#[test]
fn the_authority_of_the_target_counts_more_than_the_host() {
    let hansom = several();
    assert_eq!(
        ask(&hansom, "http://two.example/who", "one.example"),
        (200, b"two".to_vec())
    );
}

#[test]
fn hosts_on_one_connection_select_sites_by_themselves() {
    let hansom = several();
    let mut client = hansom.connect();
    for (host, content) in [
        ("one.example", "one"),
        ("two.example", "two"),
        ("x", "default"),
    ] {
        client.send(format!("GET /who HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.answer().content, content.as_bytes());
    }
}

#[test]
fn a_route_fits_whole_segments_only() {
    let hansom = several();
    let host = "one.example";
    assert_eq!(ask(&hansom, "/b/who", host), (200, b"two".to_vec()));
    assert_eq!(ask(&hansom, "/bb/who", host).0, 404);
    assert_eq!(ask(&hansom, "/a/who", host), (200, b"one a".to_vec()));
    assert_eq!(ask(&hansom, "/a/echo", host).0, 200);
    assert_eq!(ask(&hansom, "/a/echo/deeper", host).0, 200);
    assert_eq!(ask(&hansom, "/a/echoes", host).0, 404);
}

#[test]
fn a_route_is_found_by_the_normal_form_of_a_path() {
    let hansom = several();
    for target in [
        "/./b/who",
        "/x/../b/who",
        "//b//who",
        "/%62/wh%6f",
        "/b/who?x=/../y",
        "/b/%2e%2e/b/who",
    ] {
        assert_eq!(
            ask(&hansom, target, "one.example"),
            (200, b"two".to_vec()),
            "{target}"
        );
    }
}

#[test]
fn an_encoded_separator_never_separates() {
    let hansom = several();
    for target in [
        "/b%2Fwho",
        "/b%2fwho",
        "/b/..%2fwho",
        "/%00",
        "/b/who%00",
        "/b%5Cwho",
        "/b%5cwho",
        "/b\\who",
        "/..%5c..%5cetc",
    ] {
        assert_eq!(ask(&hansom, target, "one.example").0, 400, "{target}");
    }
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let hansom = Place::new().with("secret", "secret").serve(&[]);
    for target in [
        "/../secret",
        "/%2e%2e/secret",
        "/x/../../secret",
        "/.%2e/secret",
        "/%252e%252e/secret",
        "/....//secret",
    ] {
        let (status, content) = ask(&hansom, target, "a");
        assert!([400, 403, 404].contains(&status), "{target}: {status}");
        assert!(
            !content.windows(6).any(|window| window == b"secret\n"),
            "{target}"
        );
    }
}

#[test]
fn wire_json_tells_what_this_client_did() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.get("/none").status, 404);
    let answer = client.get("/wire.json");
    let json: serde_json::Value = serde_json::from_slice(&answer.content).expect("JSON");
    let exchanges = json["exchanges"].as_array().expect("a list");
    assert_eq!(exchanges.len(), 2);
    for (number, (exchange, status)) in exchanges.iter().zip([200, 404]).enumerate() {
        assert_eq!(exchange["status"], status);
        assert_eq!(exchange["number"], number + 1);
        assert_eq!(exchange["connection"], json["connection"]);
    }
    assert_eq!(exchanges[1]["target"], "/none");
    assert_eq!(answer.value("cache-control"), Some("no-store"));
}

#[test]
fn echo_shows_a_request_and_blanks_credentials() {
    let hansom = Place::new().run(ECHO);
    let mut client = hansom.connect();
    client.send("GET /echo?q=1 HTTP/1.1\r\nHost: a\r\nCookie: secret\r\nAuthorization: Basic secret\r\nX-Own: yes\r\n\r\n");
    let answer = client.answer();
    let text = String::from_utf8(answer.content.clone()).expect("text");
    assert!(!text.contains("secret") && text.contains("yes"), "{text}");
    assert_eq!(answer.value("x-content-type-options"), Some("nosniff"));
}
