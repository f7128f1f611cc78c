//! The program over TLS, with curl and OpenSSL as clients. What is not installed is not asked.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::harness::{Hansom, Place, assert_same, until, varied};

/// What a program says, if it is there.
fn run(program: &str, args: &[&str]) -> Option<Output> {
    let mut command = Command::new(program);
    match command.args(args).stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Makes `cert.pem` and `key.pem` in a folder, if OpenSSL is there.
fn certificate(folder: &Path, name: &str) -> Option<()> {
    let path = |file: &str| folder.join(file).display().to_string();
    let names = format!("subjectAltName=DNS:{name},IP:127.0.0.1");
    let made = run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "90",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            &names,
            "-keyout",
            &path("fresh.key"),
            "-out",
            &path("fresh.pem"),
        ],
    )?;
    assert!(made.status.success(), "{}", text(&made.stderr));
    // Each in one step, as programs that renew certificates do.
    fs::rename(path("fresh.key"), path("key.pem")).expect("it can be renamed");
    fs::rename(path("fresh.pem"), path("cert.pem")).expect("it can be renamed");
    Some(())
}

fn url(hansom: &Hansom, path: &str) -> String {
    format!("https://{}{path}", hansom.address)
}

#[test]
fn a_folder_is_served_by_a_certificate_that_is_made_at_start() {
    let content = varied(5 << 20);
    let hansom = Place::new()
        .with("site/large", &content)
        .serve(&["--tls-self-signed"]);
    for version in [&[][..], &["--tls-max", "1.2"]] {
        let (page, large) = (url(&hansom, "/"), url(&hansom, "/large"));
        let Some(output) = run("curl", &[&["-skS", &page], version].concat()) else {
            return;
        };
        assert_eq!(text(&output.stderr), "");
        assert_eq!(text(&output.stdout), "<!doctype html><title>a</title>");
        let output = run("curl", &[&["-skS", &large], version].concat()).expect("it is there");
        assert_same(&output.stdout, &content);
    }
    // Nobody vouches for it.
    let output = run("curl", &["-s", &url(&hansom, "/")]).expect("it is there");
    assert_eq!(output.status.code(), Some(60));
}

#[test]
fn a_certificate_is_taken_anew_when_its_file_changes_and_a_bad_one_changes_nothing() {
    let place = Place::new();
    if certificate(place.path(), "a.example").is_none() {
        return;
    }
    let mut hansom = place.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let cert = hansom.folder().join("cert.pem").display().to_string();
    let verified = |hansom: &Hansom| {
        let output = run("curl", &["-sS", "--cacert", &cert, &url(hansom, "/")])?;
        Some(output.status.success())
    };
    match verified(&hansom) {
        Some(is_verified) => assert!(is_verified),
        None => return,
    }
    let good = fs::read(&cert).expect("the certificate");
    fs::write(&cert, "nothing\n").expect("it can be written");
    let said = hansom.next_said();
    assert!(said.contains("has no certificate"), "{said}");
    fs::write(&cert, &good).expect("it can be written");
    assert_eq!(verified(&hansom), Some(true));
    certificate(hansom.folder(), "b.example").expect("it is there");
    until("the certificate is taken anew", || {
        verified(&hansom).filter(|is_verified| *is_verified)
    });
}

#[test]
fn who_asks_in_the_clear_is_told_that_the_port_speaks_tls() {
    let hansom = Hansom::plain(&["--tls-self-signed"]);
    let response = hansom.get("/");
    assert_eq!(response.status, 400);
    assert!(text(&response.content).contains("speaks TLS"));
}

#[test]
fn a_session_is_resumed_by_openssl() {
    let hansom = Hansom::plain(&["--tls-self-signed"]);
    let session = hansom.folder().join("session").display().to_string();
    let address = hansom.address.to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        // With a request, so that the tickets come before the end.
        let request = hansom.folder().join("request").display().to_string();
        fs::write(
            &request,
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .expect("it can be written");
        let connect = |args: &[&str]| {
            let mut command = Command::new("openssl");
            command.args(["s_client", "-ign_eof", "-connect", &address, version]);
            command.stdin(fs::File::open(&request).expect("the request"));
            command
                .args(args)
                .output()
                .ok()
                .map(|output| text(&output.stdout))
        };
        let Some(first) = connect(&["-sess_out", &session]) else {
            return;
        };
        assert!(first.contains("New, TLSv1."), "{first}");
        let second = connect(&["-sess_in", &session]).expect("it is there");
        assert!(second.contains("Reused, TLSv1."), "{second}");
        assert!(second.contains("HTTP/1.1 200 OK"), "{second}");
    }
}

#[test]
fn a_key_without_a_certificate_and_a_file_that_is_none_are_told() {
    let place = Place::new().with("none.pem", "nothing\n");
    let mut command = place.command();
    command.args(["serve", "site", "--tls-key", "none.pem"]);
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--tls-cert FILE"));
    let mut command = place.command();
    command.args(["serve", "site", "--listen", "0", "--tls-cert", "none.pem"]);
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("none.pem: has no certificate"), "{said}");
}

#[test]
fn a_host_that_asks_for_more_than_was_negotiated_is_misdirected() {
    let place = Place::new();
    if certificate(place.path(), "a.example").is_none() {
        return;
    }
    let configuration = "\
[[listen]]
address = \"127.0.0.1:0\"
tls = true

[[tls]]
names = [\"a.example\"]

[[tls]]
names = [\"b.example\"]

[[tls]]
names = [\"c.example\"]
client_certificate = \"require\"
client_ca = \"cert.pem\"

[[site]]
root = \"site\"
";
    let place = place.with("hansom.toml", configuration);
    let mut command = place.command();
    command.args(["run", "--workers", "1"]);
    let hansom = place.start(command);
    let port = hansom.address.port();
    let status = |host: &str, more: &[&str]| {
        let (url, resolve) = (
            format!("https://a.example:{port}/"),
            format!("a.example:{port}:127.0.0.1"),
        );
        let field = format!("Host: {host}");
        let args = [
            "-sk",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--resolve",
            &resolve,
        ];
        let output = run("curl", &[&args[..], &["-H", &field, &url], more].concat())?;
        Some(text(&output.stdout))
    };
    let Some(own) = status("a.example", &[]) else {
        return;
    };
    assert_eq!(own, "200");
    // Rules of its own that ask for no more.
    assert_eq!(status("B.example:1", &[]).as_deref(), Some("200"));
    assert_eq!(status("unknown.example", &[]).as_deref(), Some("200"));
    // RFC 9110 §15.5.20: this connection was not asked for a certificate.
    assert_eq!(status("c.example", &[]).as_deref(), Some("421"));
    assert_eq!(status("C.example.:8443", &[]).as_deref(), Some("421"));
}
