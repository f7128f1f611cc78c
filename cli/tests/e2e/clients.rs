//! curl, with each of its methods and options that concern an origin server.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Hansom, Place, assert_same, until, varied};

/// anna and bert, both with the password `secret`.
const USERS: &str = "\
anna:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2
bert:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2
";

const CONFIGURATION: &str = "\
[server]
workers = 1
allow_trace = true
state = \"state\"

[[auth]]
name = \"staff\"
users = \"users\"
realm = \"Staff\"
attempts_max = 3

[[auth]]
name = \"people\"
method = \"form\"
users = \"users\"
attempts_max = 3

[[site]]
root = \"site\"
browse = true
negotiate = true
language = \"en\"

[[site.route]]
path = \"/echo\"
handler = \"echo\"

[[site.route]]
path = \"/in\"
uploads = true
content_octets_max = \"8MiB\"

[[site.route]]
path = \"/in/little\"
uploads = true
content_octets_max = \"1KiB\"

[[site.route]]
path = \"/staff\"
auth = \"staff\"
users = [\"anna\"]

[[site.route]]
path = \"/people\"
auth = \"people\"
";

fn configuration() -> String {
    let mut text = CONFIGURATION.to_owned();
    for status in STATUSES {
        for (from, to) in [("r", "/echo"), ("i", "/in{rest}")] {
            text.push_str(&format!(
                "\n[[site.route]]\npath = \"/{from}{status}\"\nhandler = \"redirect\"\nredirect = \"{to}\"\n\
                 redirect_status = {status}\n"
            ));
        }
    }
    text
}

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

fn served() -> Hansom {
    Place::new()
        .with("users", USERS)
        .with("site/a.txt", "hello\n")
        .with("site/large.txt", lines())
        .with("site/page.en.html", "Hello")
        .with("site/page.de.html", "Hallo")
        .with("site/staff/index.html", "staff")
        .with("site/people/index.html", "people")
        .with("site/in/little/here", "")
        .run(&configuration())
}

fn lines() -> String {
    (0..5000).map(|n| format!("Line {n} of many.\n")).collect()
}

/// What curl says: the status of the last response, and its content.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) content: Vec<u8>,
    pub(crate) told: String,
    pub(crate) code: Option<i32>,
}

impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// The request as the echo handler saw it.
    pub(crate) fn echoed(&self) -> serde_json::Value {
        serde_json::from_slice(&self.content).expect("JSON")
    }
}

/// curl in a folder of its own files. Heads are in `heads`, content in `content`, and what it tells on standard error.
pub(crate) fn curl_in(folder: &Path, args: &[&str]) -> Said {
    let content = folder.join("content");
    let _ = fs::remove_file(&content);
    let output = Command::new("curl")
        .args([
            "-sS",
            "--max-time",
            "30",
            "-o",
            "content",
            "-w",
            "%{http_code}",
        ])
        .args(args)
        .current_dir(folder)
        .output()
        .expect("curl is there");
    Said {
        status: String::from_utf8_lossy(&output.stdout).parse().unwrap_or(0),
        content: fs::read(&content).unwrap_or_default(),
        told: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}

fn curl(hansom: &Hansom, args: &[&str], path: &str) -> Said {
    let url = hansom.url(path);
    curl_in(hansom.folder(), &[args, &[&url]].concat())
}

#[test]
fn every_method_has_its_answer() {
    let hansom = served();
    for (method, path, status) in [
        ("GET", "/a.txt", 200),
        ("PUT", "/a.txt", 405),
        ("POST", "/a.txt", 405),
        ("DELETE", "/a.txt", 405),
        ("PATCH", "/a.txt", 405),
        ("OPTIONS", "/a.txt", 204),
        ("TRACE", "/a.txt", 200),
        ("CONNECT", "/a.txt", 400),
        ("BREW", "/a.txt", 501),
        ("get", "/a.txt", 501),
        ("GET", "/echo", 200),
        ("POST", "/echo", 200),
        ("OPTIONS", "/in/", 204),
        ("PATCH", "/in/a", 405),
        ("DELETE", "/in/none", 404),
        ("DELETE", "/in/", 409),
        ("POST", "/in/", 415),
        ("POST", "/r303", 303),
    ] {
        let said = curl(&hansom, &["-X", method], path);
        assert_eq!(said.status, status, "{method} {path}: {}", said.text());
    }
    let said = curl(
        &hansom,
        &["-X", "TRACE", "-H", "X-Own: yes", "-H", "Cookie: a=b"],
        "/a.txt",
    );
    let text = said.text();
    assert!(text.starts_with("TRACE /a.txt HTTP/1.1\r\n") && text.contains("X-Own: yes"));
    assert!(!text.contains("a=b"), "{text}");
}

#[test]
fn a_head_alone_has_the_fields_of_a_get() {
    let hansom = served();
    let said = curl(&hansom, &["-I", "-D", "heads"], "/a.txt");
    assert_eq!((said.status, said.code), (200, Some(0)), "{}", said.told);
    let heads = fs::read_to_string(hansom.folder().join("heads")).expect("heads");
    assert!(heads.contains("Content-Length: 6\r\n"), "{heads}");
    let said = curl(&hansom, &["-I"], "/none");
    assert_eq!((said.status, said.code), (404, Some(0)), "{}", said.told);
}

#[test]
fn a_request_of_http_1_0_is_answered_and_its_connection_closed() {
    let hansom = served();
    for path in ["/a.txt", "/in/", "/none"] {
        let said = curl(&hansom, &["--http1.0", "-D", "heads"], path);
        assert_eq!(said.code, Some(0), "{}", said.told);
        let heads = fs::read_to_string(hansom.folder().join("heads")).expect("heads");
        assert!(!heads.contains("Transfer-Encoding"), "{heads}");
    }
}

#[test]
fn data_of_every_kind_arrives_as_it_was_given() {
    let hansom = served();
    for (args, content) in [
        (&["-d", "a=1", "-d", "b=2"][..], "a=1&b=2"),
        (&["--data-raw", "@a"], "@a"),
        (&["--json", "{\"a\": 1}"], "{\"a\": 1}"),
    ] {
        let said = curl(&hansom, args, "/echo");
        assert_eq!((said.status, said.text().as_str()), (200, content));
    }
    // Releases of curl differ in how they write a space and hexadecimal digits.
    let plain = |text: &str| text.to_ascii_lowercase().replace("%20", "+");
    let said = curl(&hansom, &["--data-urlencode", "a=ö &=+"], "/echo");
    assert_eq!(plain(&said.text()), "a=%c3%b6+%26%3d%2b");
    let said = curl(&hansom, &["-G", "--data-urlencode", "q=ö b"], "/echo");
    let query = said.echoed()["query"].as_str().map(plain);
    assert_eq!(query.as_deref(), Some("q=%c3%b6+b"));
    let said = curl(
        &hansom,
        &["-F", "a=1", "-F", "b=@users;type=text/plain"],
        "/echo",
    );
    assert!(said.text().contains("filename=\"users\"") && said.text().contains("anna:"));
}

#[test]
fn a_form_is_stored_field_by_field_and_leads_to_the_folder() {
    let hansom = served();
    let said = curl(&hansom, &["-L", "-F", "f=@users", "-F", "note=hi"], "/in/");
    assert_eq!(said.status, 200);
    assert!(said.text().contains("users"), "{}", said.text());
    let said = curl(&hansom, &["-L", "--data-urlencode", "note=ö"], "/in/");
    assert_eq!(said.status, 200);
    let stored: Vec<_> = fs::read_dir(hansom.site("in"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| fs::read_to_string(path).expect("a form"))
        .collect();
    assert_eq!(stored.len(), 2, "{stored:?}");
    assert!(stored.iter().any(|form| form.contains('ö')), "{stored:?}");
}

#[test]
fn a_redirect_keeps_or_changes_the_method_of_a_post() {
    let hansom = served();
    for status in STATUSES {
        let said = curl(&hansom, &["-L", "-d", "x=1"], &format!("/r{status}"));
        assert_eq!(said.status, 200, "{status}");
        // RFC 9110 §15.4: 307 and 308 keep it; 301 and 302 may not, and 303 does not.
        let is_kept = status >= 307;
        assert_eq!(said.text() == "x=1", is_kept, "{status}: {}", said.text());
        if !is_kept {
            assert_eq!(said.echoed()["method"], "GET");
        }
    }
    for (option, status) in [("--post301", 301), ("--post302", 302), ("--post303", 303)] {
        let said = curl(
            &hansom,
            &["-L", option, "-d", "x=1"],
            &format!("/r{status}"),
        );
        assert_eq!(said.text(), "x=1", "{option}");
    }
}

#[test]
fn a_redirect_keeps_a_put_but_where_303_makes_it_a_get() {
    let hansom = served();
    let content = varied(3 << 20);
    fs::write(hansom.folder().join("big"), &content).expect("written");
    for status in STATUSES {
        let path = format!("/i{status}/big{status}");
        let said = curl(&hansom, &["-L", "-T", "big"], &path);
        // There is nothing to be got before it was put.
        let expected = if status == 303 { 404 } else { 201 };
        assert_eq!(said.status, expected, "{status}: {}", said.told);
        if status != 303 {
            let stored = fs::read(hansom.site(&format!("in/big{status}"))).expect("stored");
            assert_same(&stored, &content);
        }
    }
    let said = curl(&hansom, &["-sI", "-L"], "/r301");
    assert_eq!(said.status, 200);
}

#[test]
fn a_large_put_waits_to_be_asked_for() {
    let hansom = served();
    fs::write(hansom.folder().join("big"), varied(4 << 20)).expect("written");
    let said = curl(&hansom, &["-v", "-T", "big"], "/in/big");
    assert_eq!(said.status, 201);
    assert!(
        said.told.contains("< HTTP/1.1 100 Continue"),
        "{}",
        said.told
    );
    // What is refused is not sent.
    for (fields, path, status) in [
        ("If-None-Match: *", "/in/big", 412),
        ("X: y", "/in/little/big", 413),
        ("X: y", "/a.txt", 405),
        ("X: y", "/staff/big", 401),
    ] {
        let sent = [
            "-v",
            "-T",
            "big",
            "-H",
            fields,
            "-H",
            "Expect: 100-continue",
        ];
        let said = curl(&hansom, &sent, path);
        assert_eq!((said.status, said.code), (status, Some(0)), "{}", said.told);
        assert!(!said.told.contains("100 Continue"), "{}", said.told);
    }
}

#[test]
fn the_bound_of_a_route_holds_with_and_without_a_length() {
    let hansom = served();
    fs::write(hansom.folder().join("big"), varied(9 << 20)).expect("written");
    fs::write(hansom.folder().join("fits"), varied(1024)).expect("written");
    for more in [
        &[][..],
        &["-H", "Transfer-Encoding: chunked"],
        &["-H", "Expect:"],
        &["-H", "Expect:", "-H", "Transfer-Encoding: chunked"],
    ] {
        for path in ["/in/big", "/in/little/big"] {
            let said = curl(&hansom, &[&["-T", "big"], more].concat(), path);
            assert_eq!(said.status, 413, "{path} {more:?}: {}", said.told);
        }
        let said = curl(
            &hansom,
            &[&["-T", "fits"], more].concat(),
            "/in/little/fits",
        );
        assert!([201, 204].contains(&said.status), "{more:?}: {}", said.told);
    }
    assert!(!hansom.site("in/big").exists() && !hansom.site("in/little/big").exists());
}

#[test]
fn a_slow_upload_is_taken() {
    let hansom = served();
    let content = varied(300_000);
    fs::write(hansom.folder().join("big"), &content).expect("written");
    let said = curl(&hansom, &["--limit-rate", "400k", "-T", "big"], "/in/slow");
    assert_eq!(said.status, 201, "{}", said.told);
    assert_same(&fs::read(hansom.site("in/slow")).expect("stored"), &content);
}

#[test]
fn parts_are_got_put_together_and_validated() {
    let hansom = served();
    let all = lines();
    let said = curl(&hansom, &["-r", "5-14"], "/large.txt");
    assert_eq!((said.status, said.text().as_str()), (206, &all[5..15]));
    let said = curl(&hansom, &["-r", "-5"], "/large.txt");
    assert_eq!(
        (said.status, said.text().as_str()),
        (206, &all[all.len() - 5..])
    );
    let said = curl(&hansom, &["-r", "0-1,4-5"], "/large.txt");
    assert_eq!(said.status, 206);
    assert!(said.text().contains("Content-Range: bytes 4-5/"));
    let said = curl(&hansom, &["-r", "9999999-"], "/large.txt");
    assert_eq!(said.status, 416);
    let part = hansom.folder().join("part");
    fs::write(&part, &all[..1000]).expect("written");
    let said = Command::new("curl")
        .args(["-sS", "-C", "-", "-o", "part", &hansom.url("/large.txt")])
        .current_dir(hansom.folder())
        .output()
        .expect("curl is there");
    assert!(said.status.success(), "{said:?}");
    assert_same(&fs::read(&part).expect("it"), all.as_bytes());
}

#[test]
fn what_is_known_already_is_not_sent_again() {
    let hansom = served();
    let tags = ["--etag-save", "tags", "--etag-compare", "tags"];
    for status in [200, 304] {
        assert_eq!(curl(&hansom, &tags, "/a.txt").status, status);
    }
    for (date, status) in [
        ("2001-01-01", 200),
        ("2101-01-01", 200),
        ("-Mon, 01 Jan 2001 00:00:00 GMT", 412),
        ("-Sat, 01 Jan 2101 00:00:00 GMT", 200),
    ] {
        let said = curl(&hansom, &["-z", date], "/a.txt");
        // A date in the future is no precondition (RFC 9110 §13.1.3); a file
        // that has changed since -DATE is refused (§13.1.4).
        assert_eq!(said.status, status, "{date}");
    }
    let file = hansom.site("a.txt").display().to_string();
    assert_eq!(curl(&hansom, &["-z", &file], "/a.txt").status, 304);
}

#[test]
fn each_coding_of_curl_is_decoded_to_the_same() {
    let hansom = served();
    // A long file that has just changed is sent as it is for a while.
    until("it is coded", || {
        curl(
            &hansom,
            &["-I", "--compressed", "-D", "heads"],
            "/large.txt",
        );
        let heads = fs::read_to_string(hansom.folder().join("heads")).expect("heads");
        heads.contains("Content-Encoding: ").then_some(())
    });
    let all = lines();
    for coding in ["zstd", "br", "gzip", "deflate", "identity", "gzip, br;q=0"] {
        let field = format!("Accept-Encoding: {coding}");
        let args = ["--compressed", "-H", &field, "-D", "heads"];
        let said = curl(&hansom, &args, "/large.txt");
        assert_eq!(said.code, Some(0), "{coding}: {}", said.told);
        assert_same(&said.content, all.as_bytes());
        let heads = fs::read_to_string(hansom.folder().join("heads")).expect("heads");
        let is_coded = heads.contains("Content-Encoding: ");
        assert_eq!(
            is_coded,
            !["deflate", "identity"].contains(&coding),
            "{heads}"
        );
    }
    let said = curl(&hansom, &["--compressed", "--tr-encoding"], "/large.txt");
    assert_same(&said.content, all.as_bytes());
}

#[test]
fn a_language_that_is_asked_for_is_what_comes() {
    let hansom = served();
    for (field, text) in [
        ("Accept-Language: de", "Hallo"),
        ("Accept-Language: en, de;q=0.5", "Hello"),
        ("Accept-Language: fr", "Hello"),
        ("Accept-Language:", "Hello"),
    ] {
        let said = curl(&hansom, &["-H", field], "/page");
        assert_eq!((said.status, said.text().as_str()), (200, text), "{field}");
    }
    assert_eq!(
        curl(&hansom, &["-H", "Accept: image/png"], "/page").status,
        406
    );
}

#[test]
fn basic_credentials_lead_in_by_every_way_curl_has() {
    let hansom = served();
    let url = hansom.url("/staff/");
    let inside = url.replace("http://", "http://anna:secret@");
    for args in [
        &["-u", "anna:secret", &url][..],
        &["--basic", "-u", "anna:secret", &url],
        &["--anyauth", "-u", "anna:secret", &url],
        &[&inside],
    ] {
        let said = curl_in(hansom.folder(), args);
        assert_eq!(
            (said.status, said.text().as_str()),
            (200, "staff"),
            "{args:?}"
        );
    }
    fs::write(
        hansom.folder().join("netrc"),
        "machine 127.0.0.1 login anna password secret\n",
    )
    .expect("written");
    assert_eq!(
        curl(&hansom, &["--netrc-file", "netrc"], "/staff/").status,
        200
    );
    assert_eq!(curl(&hansom, &["-u", "bert:secret"], "/staff/").status, 403);
    assert_eq!(
        curl(&hansom, &["--digest", "-u", "anna:secret"], "/staff/").status,
        401
    );
    assert_eq!(
        curl(&hansom, &["--oauth2-bearer", "secret"], "/staff/").status,
        401
    );
}

#[test]
fn too_many_wrong_passwords_are_told_with_a_time_to_wait() {
    let hansom = served();
    for number in 0..3 {
        let guess = format!("anna:guess{number}");
        assert_eq!(curl(&hansom, &["-u", &guess], "/staff/").status, 401);
    }
    let said = curl(&hansom, &["-u", "anna:secret", "-D", "heads"], "/staff/");
    assert_eq!(said.status, 429);
    let heads = fs::read_to_string(hansom.folder().join("heads")).expect("heads");
    assert!(heads.contains("Retry-After: "), "{heads}");
}

/// The value of the form's token.
fn token(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a token");
    rest.split('"').next().expect("its end")
}

#[test]
fn a_cookie_jar_goes_through_the_form_in_and_out() {
    let hansom = served();
    let jar = ["-b", "jar", "-c", "jar"];
    let asked = |args: &[&str], path: &str| curl(&hansom, &[&jar, args].concat(), path);
    let html = "Accept: text/html";
    let page = asked(&["-L", "-H", html], "/people/?a=b");
    assert_eq!(page.status, 200);
    let page = page.text();
    assert!(
        page.contains("name=\"next\" value=\"/people/?a=b\""),
        "{page}"
    );
    let csrf = format!("csrf={}", token(&page));
    let send = |password: &str, csrf: &str| {
        let password = format!("password={password}");
        let form = [
            "-d",
            "user=anna",
            "--data-urlencode",
            &password,
            "--data-urlencode",
            csrf,
        ];
        asked(
            &[&form[..], &["--data-urlencode", "next=/people/?a=b"]].concat(),
            "/login",
        )
    };
    let said = send("guess", &csrf);
    assert_eq!(said.status, 401);
    assert!(said.text().contains("The name or the password is wrong."));
    assert_eq!(send("secret", "csrf=forged").status, 403);
    let csrf = format!("csrf={}", token(&asked(&[], "/login").text()));
    assert_eq!(send("secret", &csrf).status, 303);
    let said = asked(&[], "/people/");
    assert_eq!((said.status, said.text().as_str()), (200, "people"));
    let jar_text = fs::read_to_string(hansom.folder().join("jar")).expect("a jar");
    assert!(
        jar_text.contains("#HttpOnly_127.0.0.1") && !jar_text.contains("session-form"),
        "{jar_text}"
    );
    // A program signs out by the page's token too: no browser vouches for it.
    let csrf = format!("csrf={}", token(&asked(&[], "/logout").text()));
    let said = asked(&["-L", "-H", html, "--data-urlencode", &csrf], "/logout");
    assert_eq!(said.status, 200);
    assert!(said.text().contains("Sign in"), "{}", said.text());
    assert_eq!(asked(&[], "/people/").status, 401);
}

#[test]
fn a_unix_socket_serves_what_a_port_does() {
    let place = Place::new()
        .with("users", USERS)
        .with("hansom.toml", configuration());
    let mut command = place.command();
    fs::create_dir_all(place.path().join("site/in/little")).expect("a folder");
    command.args(["run", "--listen", "unix:a.sock"]);
    let hansom = place.start(command);
    fs::write(hansom.folder().join("big"), varied(3 << 20)).expect("written");
    let socket = ["--unix-socket", "a.sock"];
    let ask = |args: &[&str]| curl_in(hansom.folder(), &[&socket, args].concat());
    assert_eq!(ask(&["http://a.example/"]).status, 200);
    assert_eq!(ask(&["-T", "big", "http://a.example/in/big"]).status, 201);
    assert_eq!(
        ask(&["-u", "anna:guess", "http://a.example/staff/"]).status,
        401
    );
    assert_same(
        &fs::read(hansom.site("in/big")).expect("stored"),
        &varied(3 << 20),
    );
}

#[test]
fn a_slow_reader_gets_all_of_a_large_file() {
    let content = varied(2 << 20);
    let hansom = Place::new().with("site/large", &content).serve(&[]);
    let said = curl(&hansom, &["--limit-rate", "2M"], "/large");
    assert_eq!(said.status, 200, "{}", said.told);
    assert_same(&said.content, &content);
}
