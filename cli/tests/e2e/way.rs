//! The way from `hansom gateway` to servers: TLS, with nginx as the server and curl as the client. What is not installed is
//! not asked.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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

/// A program that serves until it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that is free for the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Starts a program in a folder and waits until it takes connections on a port.
fn serving(folder: &Path, program: &str, args: &[&str], port: u16) -> Option<Serving> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let said = fs::File::create(folder.join("said")).expect("a file");
    let child = match command.stderr(said).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{program}: {error}"),
    };
    let mut serving = Serving(child);
    until("the server listens", || {
        if let Ok(Some(_)) = serving.0.try_wait() {
            let said = fs::read_to_string(folder.join("said")).unwrap_or_default();
            panic!("{program} ended: {said}");
        }
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    Some(serving)
}

/// nginx with these servers, in the folder.
fn nginx(folder: &Path, servers: &str, port: u16) -> Option<Serving> {
    let configuration = format!(
        "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log nginx.err;
         events {{ worker_connections 256; }}
         http {{
           log_format tls '$request_method $ssl_session_reused $ssl_server_name $ssl_protocol $proxy_protocol_addr';
           access_log nginx.log tls; client_max_body_size 0; client_body_temp_path body; proxy_temp_path proxied;
           fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
           {servers}
         }}"
    );
    fs::write(folder.join("nginx.conf"), configuration).expect("it can be written");
    fs::create_dir_all(folder.join("stored")).expect("a folder");
    let prefix = format!("{}/", folder.display());
    serving(
        folder,
        "nginx",
        &["-p", &prefix, "-c", "nginx.conf", "-e", "nginx.err"],
        port,
    )
}

/// Makes `ca.pem`, and `cert.pem` with `key.pem` for `name` signed by it, if OpenSSL is there.
fn certificates(folder: &Path, name: &str) -> Option<()> {
    let path = |file: &str| folder.join(file).display().to_string();
    let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
    let subject = format!("subjectAltName={name}");
    let common = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "90",
    ];
    let own = ["-subj", "/CN=An Authority", "-keyout", &ca_key, "-out", &ca];
    let made = run("openssl", &[&common[..], &own].concat())?;
    assert!(made.status.success(), "{}", text(&made.stderr));
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let issued = [
        "-subj",
        "/CN=server",
        "-addext",
        &subject,
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-CA",
        &ca,
        "-CAkey",
        &ca_key,
        "-keyout",
        &key,
        "-out",
        &cert,
    ];
    let made = run("openssl", &[&common[..], &issued].concat())?;
    assert!(made.status.success(), "{}", text(&made.stderr));
    Some(())
}

fn tls_server(port: u16, more: &str) -> String {
    format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;
           ssl_session_cache shared:a:1m; root .; {more}
           location /stored/ {{ dav_methods PUT; }} }}"
    )
}

/// A gateway to `to`, with more said of its way.
fn gateway(place: Place, to: &str, outbound: &str) -> Hansom {
    place.run(&format!(
        "[server]\nworkers = 1\n\n[[site]]\n[[site.route]]\npath = \"/\"\nhandler = \"gateway\"\nto = [\"{to}\"]\n\n\
         [site.route.outbound]\n{outbound}\n\n[limits]\ncontent_octets_max = 100_000_000\n"
    ))
}

#[test]
fn curl_gets_and_puts_through_tls_with_an_own_authority_and_sessions_are_resumed() {
    let content = varied(30 << 20);
    let place = Place::new().with("sent", &content);
    let port = free_port();
    if certificates(place.path(), "DNS:localhost").is_none() {
        return;
    }
    // Each request has a connection of its own.
    let Some(_nginx) = nginx(
        place.path(),
        &tls_server(port, "keepalive_timeout 0;"),
        port,
    ) else {
        return;
    };
    let hansom = gateway(
        place,
        &format!("https://localhost:{port}"),
        "ca = \"ca.pem\"",
    );
    let sent = hansom.folder().join("sent").display().to_string();
    let url = hansom.url("/stored/large");
    let Some(put) = run("curl", &["-sS", "-w", "%{http_code}", "-T", &sent, &url]) else {
        return;
    };
    assert_eq!(
        (text(&put.stdout), text(&put.stderr)),
        ("201".into(), String::new())
    );
    let stored = fs::read(hansom.folder().join("stored/large")).expect("it was stored");
    assert_same(&stored, &content);
    let expecting = [
        "-sS",
        "-w",
        "%{http_code}",
        "-H",
        "Expect: 100-continue",
        "-T",
        &sent,
        &url,
    ];
    let put = run("curl", &expecting).expect("it is there");
    assert_eq!(
        (text(&put.stdout), text(&put.stderr)),
        ("204".into(), String::new())
    );
    let got = run("curl", &["-sS", &url]).expect("it is there");
    assert_same(&got.stdout, &content);
    let log = until("three are logged", || {
        let log = fs::read_to_string(hansom.folder().join("nginx.log")).ok()?;
        (log.lines().count() >= 3).then_some(log)
    });
    let lines: Vec<&str> = log.lines().map(str::trim_end).collect();
    assert_eq!(lines[0], "PUT . localhost TLSv1.3 -");
    assert!(
        lines[1..].iter().all(|line| line.contains(" r localhost ")),
        "{log}"
    );
}

#[test]
fn a_connection_with_tls_is_used_again() {
    let place = Place::new().with("page", "ok");
    let port = free_port();
    if certificates(place.path(), "IP:127.0.0.1").is_none() {
        return;
    }
    let with_count = "location /count { return 200 $connection_requests; }";
    let Some(_nginx) = nginx(place.path(), &tls_server(port, with_count), port) else {
        return;
    };
    let hansom = gateway(
        place,
        &format!("https://127.0.0.1:{port}"),
        "ca = \"ca.pem\"",
    );
    let mut client = hansom.connect();
    for count in ["1", "2", "3"] {
        assert_eq!(text(&client.get("/count").content), count);
    }
}

#[test]
fn who_is_not_believed_is_asked_nothing_and_the_answer_says_how_to_mend_it() {
    let place = Place::new();
    let (port, clear) = (free_port(), free_port());
    if certificates(place.path(), "DNS:app.example").is_none() {
        return;
    }
    let servers = format!(
        "{} server {{ listen 127.0.0.1:{clear}; }}",
        tls_server(port, "")
    );
    let Some(_nginx) = nginx(place.path(), &servers, port) else {
        return;
    };
    let folder = place.path().to_owned();
    let ca = format!("ca = \"{}\"", folder.join("ca.pem").display());
    let own = folder.join("cert.pem").display().to_string();
    let named = format!("{ca}\nserver_name = \"app.example\"");
    // table
    for (to, outbound, status, error, details, hint) in [
        (
            port,
            &*ca,
            502,
            "tls_certificate_error",
            "name-mismatch",
            "server_name",
        ),
        (
            port,
            "",
            502,
            "tls_certificate_error",
            "authority-unknown",
            "by ca",
        ),
        (
            clear,
            &ca,
            502,
            "tls_protocol_error",
            "clear-text",
            "http://",
        ),
        (port, &named, 200, "", "", ""),
        (
            port,
            "danger_accept_any_certificate = true",
            200,
            "",
            "",
            "",
        ),
    ] {
        // There may be none of the system's own.
        let mut place = Place::new().with("own", "");
        if outbound.is_empty() {
            place = place.with("some.pem", fs::read(&own).expect("a certificate"));
        }
        let outbound = match outbound {
            "" => {
                // Another authority: the server's certificate itself is none.
                let other = Place::new();
                certificates(other.path(), "DNS:other.example").expect("it is there");
                let pem = fs::read(other.path().join("ca.pem")).expect("a certificate");
                place = place.with("other.pem", pem);
                "ca = \"other.pem\"\nserver_name = \"app.example\"".to_owned()
            }
            outbound => outbound.to_owned(),
        };
        let hansom = gateway(place, &format!("https://127.0.0.1:{to}"), &outbound);
        let answer = hansom.connect().get("/cert.pem");
        let said = format!("{}{}", answer.head, text(&answer.content));
        assert_eq!(answer.status, status, "{said}");
        for part in [error, details, hint] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
