//! A server that goes over to another configuration while clients ask.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::harness::{Hansom, Place, until};

/// A site of its own, on two workers.
fn configuration(listen: &str, more: &str) -> String {
    format!("[server]\nworkers = 2\n{listen}{more}[[site]]\nroot = \"site\"\n")
}

fn listen(address: impl std::fmt::Display) -> String {
    format!("[[listen]]\naddress = \"{address}\"\n")
}

/// An address that was free a moment ago.
fn free() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("an address")
}

impl Hansom {
    fn rewrite(&self, configuration: &str) {
        fs::write(self.folder().join("hansom.toml"), configuration).expect("the file");
    }

    /// Reloads, and waits until it says that it did.
    fn reload(&mut self) -> String {
        self.signal(Signal::HUP);
        loop {
            let line = self.next_said();
            if line.starts_with("hansom: reloaded") || line == "hansom: nothing was changed" {
                return line;
            }
        }
    }
}

fn started(address: SocketAddr) -> Hansom {
    let place = Place::new().with("hansom.toml", configuration(&listen(address), ""));
    let mut command = place.command();
    command.args(["run"]);
    place.start(command)
}

#[test]
fn another_root_is_served_at_once_on_connections_that_stay() {
    let address = free();
    let place = Place::new().with("other/index.html", "other");
    let place = place.with("hansom.toml", configuration(&listen(address), ""));
    let mut command = place.command();
    command.args(["run"]);
    let mut hansom = place.start(command);
    let mut client = hansom.connect();
    assert_ne!(client.get("/").content, b"other");
    hansom.rewrite(&configuration(&listen(address), "").replace("\"site\"", "\"other\""));
    assert_eq!(
        hansom.reload(),
        format!("hansom: reloaded: kept http://{address}/")
    );
    assert_eq!(client.get("/").content, b"other");
    assert_eq!(hansom.get("/").content, b"other");
}

#[test]
fn a_wrong_file_is_said_with_its_line_and_changes_nothing() {
    let address = free();
    let mut hansom = started(address);
    let mut client = hansom.connect();
    assert_eq!(client.get("/").status, 200);
    hansom.rewrite("[server]\nworker = 2\n[[site]]\nroot = \"nowhere\"\n");
    hansom.signal(Signal::HUP);
    let mut said = String::new();
    until("it says that nothing was changed", || {
        said.push_str(&hansom.next_said());
        said.push('\n');
        said.ends_with("hansom: nothing was changed\n")
            .then_some(())
    });
    assert!(said.contains("hansom.toml:2:1"), "{said}");
    assert!(said.contains("workers"), "{said}");
    assert_eq!(client.get("/").status, 200);
    assert_eq!(hansom.get("/").status, 200);
}

#[test]
fn an_address_that_cannot_be_had_changes_nothing() {
    let (address, other) = (free(), free());
    let mut hansom = started(address);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = listen(taken.local_addr().expect("an address"));
    hansom.rewrite(&configuration(&format!("{}{busy}", listen(other)), ""));
    assert_eq!(hansom.reload(), "hansom: nothing was changed");
    assert_eq!(hansom.get("/").status, 200);
    assert!(std::net::TcpStream::connect(other).is_err());
}

#[test]
fn limits_count_from_the_next_request_on() {
    let address = free();
    let mut hansom = started(address);
    let mut client = hansom.connect();
    let long = format!("/{}", "a".repeat(3000));
    assert_eq!(client.get(&long).status, 404);
    let limits = "[limits]\ntarget_octets_max = \"1KiB\"\n";
    hansom.rewrite(&configuration(&listen(address), limits));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    assert_eq!(client.get(&long).status, 414);
}

/// Clients that ask until they are told to stop; any answer but the right one is a panic.
struct Load {
    is_over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    clients: Vec<thread::JoinHandle<()>>,
}

impl Load {
    /// Persistent connections, pipelined ones, and one for each request.
    fn on(hansom: &Hansom) -> Self {
        let mut load = Self {
            is_over: Arc::default(),
            answers: Arc::default(),
            clients: Vec::new(),
        };
        for kind in 0..6 {
            let mut client = hansom.connect();
            let address = hansom.address;
            let (is_over, answers) = (Arc::clone(&load.is_over), Arc::clone(&load.answers));
            load.clients.push(thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let count = match kind % 3 {
                        0 => {
                            assert_eq!(client.get("/").status, 200);
                            1
                        }
                        1 => {
                            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10));
                            for _ in 0..10 {
                                assert_eq!(client.answer().status, 200);
                            }
                            10
                        }
                        _ => {
                            let mut once = Hansom::client(address);
                            assert_eq!(once.get("/").status, 200);
                            1
                        }
                    };
                    answers.fetch_add(count, Ordering::Relaxed);
                }
            }));
        }
        load
    }

    /// Waits until so many more answers came.
    fn go_on(&self, count: usize) {
        let before = self.answers.load(Ordering::Relaxed);
        until("the clients are answered", || {
            let has_failed = self.clients.iter().any(thread::JoinHandle::is_finished);
            assert!(!has_failed, "a client failed");
            (self.answers.load(Ordering::Relaxed) >= before + count).then_some(())
        });
    }

    /// Ends it, and says how many answers there were in all.
    fn end(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("every request is answered");
        }
        self.answers.load(Ordering::Relaxed)
    }
}

#[test]
fn no_request_fails_while_the_configuration_changes_again_and_again() {
    let address = free();
    let mut hansom = started(address);
    let load = Load::on(&hansom);
    for round in 0..30 {
        let seconds = 60 + round;
        hansom.rewrite(&configuration(
            &format!("keep_alive = \"{seconds}s\"\n{}", listen(address)),
            "",
        ));
        assert!(hansom.reload().starts_with("hansom: reloaded: kept"));
        load.go_on(200);
    }
    load.end();
}

#[test]
fn descriptors_and_threads_are_the_same_after_many_reloads() {
    let address = free();
    let mut hansom = started(address);
    assert_eq!(hansom.get("/").status, 200);
    hansom.reload();
    let (files, threads) = (hansom.open_files(|_| true), hansom.threads());
    for _ in 0..50 {
        assert!(hansom.reload().starts_with("hansom: reloaded"));
        assert_eq!(hansom.get("/").status, 200);
    }
    until("as many descriptors as before", || {
        (hansom.open_files(|_| true) == files).then_some(())
    });
    assert_eq!(hansom.threads(), threads);
}

#[test]
fn an_address_that_comes_is_served_and_one_that_goes_is_refused_after_its_last_answer() {
    let (address, other) = (free(), free());
    let mut hansom = started(address);
    let both = format!("{}{}", listen(address), listen(other));
    hansom.rewrite(&configuration(&both, ""));
    assert_eq!(
        hansom.reload(),
        format!("hansom: reloaded: kept http://{address}/, added http://{other}/")
    );
    let mut client = Hansom::client(other);
    assert_eq!(client.get("/").status, 200);
    let mut silent = Hansom::client(other);
    silent.send("GET / HT");
    hansom.rewrite(&configuration(&listen(address), ""));
    assert_eq!(
        hansom.reload(),
        format!("hansom: reloaded: kept http://{address}/, drained http://{other}/")
    );
    // What the client had not sent then is still answered, and that it is the last is said (RFC 9112 §9.6).
    let last = client.get("/");
    assert_eq!(
        (last.status, last.value("connection")),
        (200, Some("close"))
    );
    client.closed();
    silent.send("TP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(silent.answer().status, 200);
    silent.closed();
    until("it is refused", || {
        std::net::TcpStream::connect(other).is_err().then_some(())
    });
    assert_eq!(hansom.get("/").status, 200);
}

#[test]
fn who_connected_before_a_listener_went_is_answered_also_from_the_queue() {
    let (address, other) = (free(), free());
    let mut hansom = started(address);
    let both = format!("{}{}", listen(address), listen(other));
    for round in 0..3 {
        hansom.rewrite(&configuration(&both, ""));
        assert!(hansom.reload().contains(&format!("added http://{other}/")));
        let is_over = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let is_over = Arc::clone(&is_over);
                thread::spawn(move || {
                    let mut answers = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        // Once connected, the request is answered; to be refused is to know that nothing was done.
                        match std::net::TcpStream::connect(other) {
                            Ok(stream) => {
                                let mut client = Hansom::client_of(stream);
                                client
                                    .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                                assert_eq!(client.answer().status, 200);
                                answers += 1;
                            }
                            Err(error) => {
                                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
                                return answers;
                            }
                        }
                    }
                    answers
                })
            })
            .collect();
        // Connections are under way when it goes.
        hansom.get("/");
        hansom.rewrite(&configuration(&listen(address), ""));
        assert!(
            hansom
                .reload()
                .contains(&format!("drained http://{other}/")),
            "{round}"
        );
        for client in clients {
            client.join().expect("whoever connected is answered");
        }
        is_over.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_listener_that_comes_back_at_once_serves_again() {
    let (address, other) = (free(), free());
    let mut hansom = started(address);
    let both = format!("{}{}", listen(address), listen(other));
    for _ in 0..5 {
        hansom.rewrite(&configuration(&both, ""));
        assert!(hansom.reload().contains("added"));
        hansom.rewrite(&configuration(&listen(address), ""));
        assert!(hansom.reload().contains("drained"));
    }
    hansom.rewrite(&configuration(&both, ""));
    assert!(hansom.reload().contains("added"));
    assert_eq!(Hansom::client(other).get("/").status, 200);
    let files = |hansom: &Hansom| hansom.open_files(|path| path.starts_with("socket:"));
    hansom.rewrite(&configuration(&listen(address), ""));
    hansom.reload();
    until("all sockets of the other address are closed", || {
        (files(&hansom) < 8).then_some(())
    });
}

#[test]
fn a_unix_socket_comes_and_goes_with_its_file() {
    let address = free();
    let mut hansom = started(address);
    let path = hansom.folder().join("s");
    let both = format!(
        "{}{}",
        listen(address),
        listen(format!("unix:{}", path.display()))
    );
    hansom.rewrite(&configuration(&both, ""));
    assert!(hansom.reload().contains("added unix:"));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("it listens");
    hansom.rewrite(&configuration(&listen(address), ""));
    assert!(hansom.reload().contains("drained unix:"));
    assert!(!path.exists());
    // It was connected before, so it is answered.
    use std::io::{Read, Write};
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_key_that_only_a_restart_changes_is_named() {
    let address = free();
    let mut hansom = started(address);
    hansom.rewrite(&configuration(&listen(address), "").replace("workers = 2", "workers = 3"));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    assert_eq!(
        hansom.next_said(),
        "hansom: server.workers stays as it was until a restart"
    );
}

#[test]
fn an_upload_that_has_begun_goes_on_by_the_limits_it_began_with() {
    let address = free();
    let route = "[[site.route]]\npath = \"/echo\"\nhandler = \"echo\"\n";
    let with = |limits: &str| configuration(&listen(address), limits) + route;
    let place = Place::new().with("hansom.toml", with(""));
    let mut command = place.command();
    command.args(["run"]);
    let mut hansom = place.start(command);
    let mut client = hansom.connect();
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    );
    let asked = b"HTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(client.octets(asked.len()), asked);
    hansom.rewrite(&with("[limits]\ncontent_octets_max = 8\n"));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    client.send("5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(
        (answer.status, answer.content),
        (200, b"hello0123456789abcdef".to_vec())
    );
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(client.answer().status, 413);
}

#[test]
fn a_log_file_in_an_own_format_is_opened_again_without_a_lost_line() {
    let address = free();
    let log = "[log]\nfile = \"access.log\"\nown = \"{method} {path} {status}\"\n";
    let place = Place::new().with("hansom.toml", configuration(&listen(address), log));
    let mut command = place.command();
    command.args(["run"]);
    let hansom = place.start(command);
    let (path, moved) = (
        hansom.folder().join("access.log"),
        hansom.folder().join("access.log.1"),
    );
    let load = Load::on(&hansom);
    load.go_on(100);
    fs::rename(&path, &moved).expect("there is a log");
    hansom.signal(Signal::USR1);
    until("there is another log", || path.exists().then_some(()));
    load.go_on(100);
    let answers = load.end();
    let text = until("every exchange has its line", || {
        let text =
            fs::read_to_string(&moved).expect("a log") + &fs::read_to_string(&path).expect("a log");
        (text.lines().count() >= answers).then_some(text)
    });
    assert_eq!(text.lines().count(), answers);
    assert!(text.lines().all(|line| line == "GET / 200"), "{text}");
}

#[test]
fn a_reload_moves_the_log_and_changes_its_format() {
    let address = free();
    let with = |log: &str| configuration(&listen(address), log);
    let place = Place::new().with("hansom.toml", with(""));
    let mut command = place.command();
    command.args(["run"]);
    let mut hansom = place.start(command);
    hansom.get("/1");
    hansom.rewrite(&with("[log]\nfile = \"a.log\"\nformat = \"combined\"\n"));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    hansom.get("/2");
    hansom.rewrite(&with("[log]\nfile = \"a.log\"\nown = \"{target}\"\n"));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    hansom.get("/3");
    hansom.rewrite(&with("[log]\nformat = \"off\"\n"));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    hansom.get("/4");
    hansom.rewrite(&with("[log]\nfile = \"nowhere/a.log\"\n"));
    assert_eq!(hansom.reload(), "hansom: nothing was changed");
    let text = fs::read_to_string(hansom.folder().join("a.log")).expect("a log");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("\"GET /2 HTTP/1.1\""), "{text}");
    assert_eq!(lines[1], "/3");
    assert_eq!(hansom.log_records(1).len(), 1);
}

#[test]
fn a_manager_is_told_how_far_the_server_is() {
    use std::os::unix::net::UnixDatagram;
    let address = free();
    let place = Place::new().with("hansom.toml", configuration(&listen(address), ""));
    let manager = UnixDatagram::bind(place.path().join("notify")).expect("a socket");
    manager
        .set_read_timeout(Some(crate::harness::PATIENCE))
        .expect("an option");
    let told = || {
        let mut octets = [0; 200];
        let count = manager.recv(&mut octets).expect("it tells");
        String::from_utf8_lossy(&octets[..count]).into_owned()
    };
    let mut command = place.command();
    command
        .args(["run"])
        .env("NOTIFY_SOCKET", place.path().join("notify"));
    let mut hansom = place.start(command);
    assert_eq!(told(), "READY=1");
    hansom.signal(Signal::HUP);
    let reloading = told();
    let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    assert!(
        micros.is_some_and(|micros| micros.parse::<u64>().is_ok()),
        "{reloading}"
    );
    assert_eq!(told(), "READY=1");
    hansom.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
    assert!(hansom.ended().success());
}

#[test]
fn a_folder_served_without_a_file_is_served_on_after_a_reload() {
    let mut hansom = Hansom::plain(&[]);
    let mut client = hansom.connect();
    assert_eq!(client.get("/").status, 200);
    assert!(
        hansom
            .reload()
            .starts_with("hansom: reloaded: kept http://")
    );
    assert_eq!(client.get("/").status, 200);
}

/// Whether curl is answered by TLS; `None` if there is no curl.
fn speaks_tls(address: SocketAddr) -> Option<bool> {
    let args = ["-sk", "-o", "/dev/null", &format!("https://{address}/")];
    match std::process::Command::new("curl").args(args).status() {
        Ok(status) => Some(status.success()),
        Err(_) => None,
    }
}

#[test]
fn tls_comes_and_goes_at_an_address_that_stays() {
    let (address, other) = (free(), free());
    let mut hansom = started(address);
    let secured = format!(
        "{}tls = true\n[[tls]]\nnames = [\"a.example\"]\n",
        listen(other)
    );
    let both = format!("{}{secured}", listen(address));
    let mut clear = hansom.connect();
    assert_eq!(clear.get("/").status, 200);
    hansom.rewrite(&configuration(&both, ""));
    assert_eq!(
        hansom.reload(),
        format!("hansom: reloaded: kept http://{address}/, added https://{other}/")
    );
    let Some(is_secured) = speaks_tls(other) else {
        return;
    };
    assert!(is_secured);
    until("its record says by what", || {
        let log = hansom.log();
        log.contains("\"tls_version\":\"TLSv1.3\"").then_some(())
    });
    // The same address, in the clear.
    hansom.rewrite(&configuration(
        &format!("{}{}", listen(address), listen(other)),
        "",
    ));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    assert_eq!(speaks_tls(other), Some(false));
    assert_eq!(Hansom::client(other).get("/").status, 200);
    hansom.rewrite(&configuration(&both, ""));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    assert_eq!(speaks_tls(other), Some(true));
    assert_eq!(clear.get("/").status, 200);
}

#[test]
fn a_certificate_that_is_none_changes_nothing() {
    let (address, other) = (free(), free());
    let mut hansom = started(address);
    fs::write(hansom.folder().join("cert.pem"), "no certificate").expect("the file");
    let secured = format!(
        "{}tls = true\n[[tls]]\ncert = \"cert.pem\"\n",
        listen(other)
    );
    hansom.rewrite(&configuration(&format!("{}{secured}", listen(address)), ""));
    assert_eq!(hansom.reload(), "hansom: nothing was changed");
    assert_eq!(hansom.get("/").status, 200);
    assert!(std::net::TcpStream::connect(other).is_err());
    // Neither where there was a good one.
    let good = secured.replace("cert = \"cert.pem\"\n", "names = [\"a.example\"]\n");
    hansom.rewrite(&configuration(&format!("{}{good}", listen(address)), ""));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    hansom.rewrite(&configuration(&format!("{}{secured}", listen(address)), ""));
    assert_eq!(hansom.reload(), "hansom: nothing was changed");
    assert_ne!(speaks_tls(other), Some(false));
}

#[test]
fn a_log_that_moves_to_a_fifo_without_a_reader_holds_up_neither_the_reload_nor_the_end() {
    let address = free();
    let mut hansom = started(address);
    let fifo = hansom.folder().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let more = "[log]\nformat = \"json\"\nfile = \"fifo\"\n";
    hansom.rewrite(&configuration(&listen(address), more));
    assert!(hansom.reload().starts_with("hansom: reloaded"));
    assert_eq!(hansom.get("/").status, 200);
    hansom.signal(Signal::TERM);
    assert!(hansom.ended().success());
}
