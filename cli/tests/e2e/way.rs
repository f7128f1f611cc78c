//! The way from `hansom gateway` to servers: TLS, the PROXY protocol in both directions and other proxies, with nginx and haproxy on the
//! other side and curl as the client. What is not installed is not asked.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

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
           ssl_session_cache shared:a:1m; ssl_protocols TLSv1.2 TLSv1.3; root .; {more}
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
        let said = format!("{:?}{}", answer.fields, text(&answer.content));
        assert_eq!(answer.status, status, "{said}");
        for part in [error, details, hint] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

/// haproxy with this configuration, in the folder.
fn haproxy(folder: &Path, configuration: &str, port: u16) -> Option<Serving> {
    let whole = format!(
        "defaults\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n{configuration}\n"
    );
    fs::write(folder.join("haproxy.cfg"), whole).expect("it can be written");
    serving(folder, "haproxy", &["-db", "-f", "haproxy.cfg"], port)
}

/// What curl gets as another client of this machine.
fn curl_from(source: &str, url: &str) -> Option<String> {
    let output = run("curl", &["-sSk", "--interface", source, url])?;
    assert_eq!(text(&output.stderr), "");
    Some(text(&output.stdout))
}

#[test]
fn haproxy_says_whose_a_connection_is_before_tls_and_without() {
    let place = Place::new();
    if certificates(place.path(), "IP:127.0.0.1").is_none() {
        return;
    }
    for (send, tls) in [
        ("send-proxy", false),
        ("send-proxy-v2", false),
        ("send-proxy-v2", true),
    ] {
        let place = Place::new();
        certificates(place.path(), "IP:127.0.0.1").expect("it is there");
        let (more, scheme) = match tls {
            true => (
                "tls = true\n[[tls]]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n",
                "https",
            ),
            false => ("", "http"),
        };
        let own = free_port();
        let hansom = place.with(
            "hansom.toml",
            format!(
                "[server]\nworkers = 1\ntrusted_gateways = [\"127.0.0.1\"]\n[[listen]]\naddress = \"127.0.0.1:{own}\"\n\
                 proxy_protocol = \"require\"\n{more}\n[[site]]\nroot = \"site\"\n[[site.route]]\npath = \"/only\"\n\
                 allow = [\"127.0.0.3\"]\nhandler = \"echo\"\n"
            ),
        );
        let mut command = hansom.command();
        command.args(["run"]);
        let hansom = hansom.start(command);
        let port = free_port();
        let configuration = format!(
            "frontend f\n mode tcp\n bind 127.0.0.1:{port}\n default_backend b\nbackend b\n mode tcp\n \
             server s 127.0.0.1:{own} {send}"
        );
        let Some(_haproxy) = haproxy(hansom.folder(), &configuration, port) else {
            return;
        };
        let url = format!("{scheme}://127.0.0.1:{port}");
        let Some(page) = curl_from("127.0.0.3", &format!("{url}/")) else {
            return;
        };
        assert_eq!(page, "<!doctype html><title>a</title>");
        let allowed = curl_from("127.0.0.3", &format!("{url}/only")).expect("it is there");
        assert!(
            allowed.contains("\"client\": \"127.0.0.3:"),
            "{send}: {allowed}"
        );
        let denied = curl_from("127.0.0.4", &format!("{url}/only")).expect("it is there");
        assert!(denied.contains("403"), "{send}: {denied}");
        let log = hansom.log_records(3);
        assert_eq!(log[0]["client"], "127.0.0.3", "{log:?}");
    }
}

#[test]
fn whoever_does_not_say_whose_a_connection_is_where_it_must_is_turned_away() {
    let place = Place::new();
    let place = place.with(
        "hansom.toml",
        "[server]\nworkers = 1\ntrusted_gateways = [\"127.0.0.1\"]\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
         proxy_protocol = \"require\"\n[[site]]\nroot = \"site\"\n",
    );
    let mut command = place.command();
    command.args(["run"]);
    let mut hansom = place.start(command);
    let mut client = hansom.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.try_rest();
    let said = hansom.next_said();
    assert!(
        said.contains("does not begin with the PROXY protocol"),
        "{said}"
    );
    // In pieces, and a request in the same segment as the end.
    let mut client = hansom.connect();
    for piece in [
        "PROXY TCP4 192.",
        "0.2.7 127.0.0.1 4711",
        " 80\r",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        client.send(piece);
    }
    assert_eq!(client.answer().status, 200);
    assert_eq!(hansom.log_records(1)[0]["client"], "192.0.2.7");
}

#[test]
fn servers_are_told_whose_a_connection_is() {
    for version in ["v1", "v2"] {
        let place = Place::new();
        let (port, other) = (free_port(), free_port());
        let servers = format!(
            "server {{ listen 127.0.0.1:{port} proxy_protocol; \
             location / {{ return 200 '$proxy_protocol_addr $connection_requests'; }} }}"
        );
        let Some(_nginx) = nginx(place.path(), &servers, port) else {
            return;
        };
        let frontend = format!(
            "frontend f\n mode http\n bind 127.0.0.1:{other} accept-proxy\n \
             http-request return status 200 content-type text/plain lf-string \"%[src]\""
        );
        let Some(_haproxy) = haproxy(place.path(), &frontend, other) else {
            return;
        };
        let said = format!("proxy_protocol = \"{version}\"");
        let hansom = gateway(place, &format!("http://127.0.0.1:{port}"), &said);
        let url = hansom.url("/");
        let Some(first) = curl_from("127.0.0.3", &url) else {
            return;
        };
        assert_eq!(first, "127.0.0.3 1");
        // A connection that was made for one client is used for no other.
        assert_eq!(
            curl_from("127.0.0.4", &url).expect("it is there"),
            "127.0.0.4 1"
        );
        let mut client = hansom.connect();
        assert_eq!(text(&client.get("/").content), "127.0.0.1 1");
        assert_eq!(text(&client.get("/").content), "127.0.0.1 2");
        let hansom = gateway(Place::new(), &format!("http://127.0.0.1:{other}"), &said);
        let told = curl_from("127.0.0.5", &hansom.url("/")).expect("it is there");
        assert_eq!(told, "127.0.0.5");
    }
}

/// A proxy that records what it is asked, asks for a password, answers what it is asked by a whole URL, and goes on by CONNECT.
fn parent() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let record = Arc::clone(&record);
            thread::spawn(move || go_on(stream, &record));
        }
    });
    (port, asked)
}

fn go_on(mut client: TcpStream, record: &Mutex<Vec<String>>) {
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(client.read(&mut octet), Ok(1)) {
            return;
        }
        head.push(octet[0]);
    }
    let head = text(&head);
    record
        .lock()
        .expect("nobody panicked with it")
        .push(head.clone());
    let answer = match head.contains("Proxy-Authorization: Basic bWU6c2VjcmV0") {
        false => {
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n"
        }
        true if head.starts_with("CONNECT ") => "HTTP/1.1 200 Go\r\n\r\n",
        true => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nby proxy\n",
    };
    client.write_all(answer.as_bytes()).expect("it can be sent");
    if !answer.starts_with("HTTP/1.1 200 Go") {
        return;
    }
    let target = head.split(' ').nth(1).expect("a target");
    let server = TcpStream::connect(target).expect("a server");
    let (mut from, mut to) = (
        server.try_clone().expect("a socket"),
        client.try_clone().expect("a socket"),
    );
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut server = server;
    let _ = std::io::copy(&mut client, &mut server);
}

#[test]
fn a_proxy_on_the_way_goes_on_to_servers_and_is_told_who_asks() {
    let (proxy, asked) = parent();
    let place = Place::new()
        .with("page", "ok")
        .with("secret", "me:secret\n");
    let port = free_port();
    if certificates(place.path(), "IP:127.0.0.1").is_none() {
        return;
    }
    let Some(_nginx) = nginx(place.path(), &tls_server(port, ""), port) else {
        return;
    };
    let said =
        format!("via = \"http://127.0.0.1:{proxy}\"\nvia_auth = \"secret\"\nca = \"ca.pem\"");
    let hansom = gateway(place, &format!("https://127.0.0.1:{port}"), &said);
    assert_eq!(text(&hansom.get("/page").content), "ok");
    let first = asked.lock().expect("nobody panicked with it").concat();
    assert!(
        first.starts_with(&format!(
            "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        )),
        "{first}"
    );

    let place = Place::new().with("secret", "me:secret\n");
    let said = format!("via = \"http://127.0.0.1:{proxy}\"\nvia_auth = \"secret\"");
    let hansom = gateway(place, "http://app.invalid:3000", &said);
    assert_eq!(text(&hansom.get("/a?b").content), "by proxy\n");
    let last = asked
        .lock()
        .expect("nobody panicked with it")
        .last()
        .cloned()
        .expect("a request");
    assert!(
        last.starts_with("GET http://app.invalid:3000/a?b HTTP/1.1\r\n"),
        "{last}"
    );
    assert!(last.contains("Host: app.invalid:3000\r\n"), "{last}");

    let said = format!("via = \"http://127.0.0.1:{proxy}\"\ndanger_accept_any_certificate = true");
    let hansom = gateway(Place::new(), &format!("https://127.0.0.1:{port}"), &said);
    let answer = hansom.get("/page");
    let told = format!("{:?}{}", answer.fields, text(&answer.content));
    assert!(
        told.contains("proxy_configuration_error") && told.contains("via_auth"),
        "{told}"
    );
}
