//! Upgrades through a gateway: what both sides send once HTTP has ended, and how the tunnel ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use socket2::Socket;

use crate::harness::{Hansom, PATIENCE, Place, assert_same, until, varied};

const ASK: &str =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// A gateway before a server that the test plays itself.
struct Between {
    hansom: Hansom,
    server: TcpListener,
}

impl Between {
    fn start() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = Place::new();
        let mut command = place.command();
        let url = format!("http://{}", server.local_addr().expect("an address"));
        command.args(["gateway", "--listen", "0", "--to", &url]);
        let hansom = place.start(command);
        Self { hansom, server }
    }

    /// By a configuration that says more of the process, and of the route.
    fn with(more: &str, of_route: &str) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", server.local_addr().expect("an address"));
        let hansom = Place::new().run(&configuration(&url, more, of_route));
        Self { hansom, server }
    }

    fn connect(&self) -> TcpStream {
        prepared(TcpStream::connect(self.hansom.address).expect("it accepts"))
    }

    fn accept(&self) -> TcpStream {
        prepared(self.server.accept().expect("it connects").0)
    }

    /// A tunnel: the client's end, and the server's.
    fn open(&self) -> (TcpStream, TcpStream) {
        let mut client = self.connect();
        client.write_all(ASK.as_bytes()).expect("it reads");
        let mut server = self.accept();
        head(&mut server);
        server.write_all(SWITCH.as_bytes()).expect("it reads");
        assert!(head(&mut client).starts_with("HTTP/1.1 101 "));
        (client, server)
    }

    /// The record of the last exchange, as soon as there are so many.
    fn record(&self, count: usize) -> serde_json::Value {
        let mut records = self.hansom.log_records(count);
        records.remove(count - 1)
    }
}

fn configuration(url: &str, more: &str, of_route: &str) -> String {
    format!(
        "{more}\n[[site]]\n[[site.route]]\npath = \"/\"\nhandler = \"gateway\"\nto = [\"{url}\"]\n{of_route}\n"
    )
}

const WEBSOCKET: &str = "upgrade = [\"websocket\"]";

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).expect("an option");
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    stream.set_write_timeout(Some(PATIENCE)).expect("an option");
    stream
}

/// A head, and nothing of what is behind it.
fn head(stream: &mut TcpStream) -> String {
    let (mut text, mut octet) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).expect("a head");
        text.push(octet[0]);
    }
    String::from_utf8(text).expect("text")
}

fn comes(stream: &mut TcpStream, octets: &[u8]) {
    let mut received = vec![0; octets.len()];
    stream.read_exact(&mut received).expect("octets");
    assert_same(&received, octets);
}

fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("an orderly end");
    received
}

fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("an option");
}

/// Reads until the connection is reset.
fn is_reset(stream: &mut TcpStream) {
    let mut octets = [0; 4096];
    loop {
        match stream.read(&mut octets) {
            Ok(0) => panic!("it ended in good order"),
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                return;
            }
        }
    }
}

fn cut(stream: &mut TcpStream, octets: &[u8], piece_octets: usize) {
    for piece in octets.chunks(piece_octets) {
        stream.write_all(piece).expect("it reads");
    }
}

#[test]
fn octets_behind_both_heads_belong_to_the_tunnel_however_they_are_cut() {
    let between = Between::start();
    for piece_octets in [1, 7, usize::MAX] {
        let mut client = between.connect();
        let asked = [ASK.as_bytes(), b"\x81early", b"GET / HTTP/1.1\r\n\r\n"].concat();
        cut(&mut client, &asked, piece_octets);
        let mut server = between.accept();
        let request = head(&mut server);
        assert!(request.contains("\r\nUpgrade: websocket\r\n"), "{request}");
        assert!(request.contains("\r\nConnection: Upgrade\r\n"), "{request}");
        let answer = [
            SWITCH.as_bytes(),
            b"\x82back\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ]
        .concat();
        cut(&mut server, &answer, piece_octets);
        let switched = head(&mut client);
        let lower = switched.to_ascii_lowercase();
        assert!(lower.contains("\r\nconnection: upgrade\r\n"), "{switched}");
        assert!(lower.contains("\r\nupgrade: websocket\r\n"), "{switched}");
        for framing in ["content-length", "transfer-encoding", "close"] {
            assert!(!lower.contains(framing), "{switched}");
        }
        comes(&mut client, b"\x82back\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        comes(&mut server, b"\x81earlyGET / HTTP/1.1\r\n\r\n");
        cut(&mut client, b"there", piece_octets);
        comes(&mut server, b"there");
        cut(&mut server, b"and back", piece_octets);
        comes(&mut client, b"and back");
        client.shutdown(Shutdown::Write).expect("it is open");
        assert!(rest(&mut server).is_empty());
        drop(server);
        assert!(rest(&mut client).is_empty());
    }
}

#[test]
fn what_one_side_sends_before_it_ends_comes_while_the_other_goes_on() {
    let between = Between::start();
    let much = varied(10 << 20);
    for client_ends_first in [true, false] {
        let (client, server) = between.open();
        let (mut first, mut second) = match client_ends_first {
            true => (client, server),
            false => (server, client),
        };
        let (sending, mut half) = (much.clone(), first.try_clone().expect("a descriptor"));
        let sender = thread::spawn(move || {
            half.write_all(&sending).expect("it reads");
            half.shutdown(Shutdown::Write).expect("it is open");
        });
        assert_same(&rest(&mut second), &much);
        sender.join().expect("it sends");
        // The other direction is as good as before.
        let (sending, reader) = (much.clone(), second);
        let sender = thread::spawn(move || {
            let mut half = reader;
            half.write_all(&sending).expect("it reads");
        });
        assert_same(&rest(&mut first), &much);
        sender.join().expect("it sends");
        let why = match client_ends_first {
            true => "tunnel: ended by the client",
            false => "tunnel: ended by the server",
        };
        let record = between.record(if client_ends_first { 1 } else { 2 });
        assert_eq!(record["fate"]["why"], why, "{record}");
        assert_eq!(record["status"], 101);
        assert_eq!(record["octets"], much.len());
        assert_eq!(record["request_octets"], much.len());
        assert_eq!(record["complete"], true);
    }
}

#[test]
fn both_sides_may_send_at_the_same_time() {
    let between = Between::start();
    let (client, server) = between.open();
    let much = varied(10 << 20);
    let mut sides = Vec::new();
    for stream in [client, server] {
        let mut half = stream.try_clone().expect("a descriptor");
        let sending = much.clone();
        sides.push(thread::spawn(move || {
            half.write_all(&sending).expect("it reads");
            half.shutdown(Shutdown::Write).expect("it is open");
            Vec::new()
        }));
        let mut stream = stream;
        sides.push(thread::spawn(move || rest(&mut stream)));
    }
    for received in sides.into_iter().map(|side| side.join().expect("a side")) {
        assert!(received.is_empty() || received == much);
    }
}

#[test]
fn a_reset_is_handed_on_as_a_reset() {
    let between = Between::start();
    let (client, mut server) = between.open();
    reset(client);
    is_reset(&mut server);
    let record = between.record(1);
    assert_eq!(
        record["fate"]["why"],
        "tunnel: the client's connection failed"
    );
    assert_eq!(record["complete"], false);

    let (mut client, mut server) = between.open();
    server.write_all(b"last words").expect("it reads");
    comes(&mut client, b"last words");
    reset(server);
    is_reset(&mut client);
    let record = between.record(2);
    assert_eq!(
        record["fate"]["why"],
        "tunnel: the server's connection failed"
    );
    assert_eq!(record["octets"], 10);
}

#[test]
fn a_tunnel_in_which_nothing_moves_for_too_long_is_reset() {
    let limits = "[limits]\ntunnel_idle_time = \"200ms\"";
    let between = Between::with(limits, WEBSOCKET);
    let (mut client, mut server) = between.open();
    is_reset(&mut client);
    is_reset(&mut server);
    let record = between.record(1);
    assert_eq!(record["fate"]["why"], "tunnel: silent too long");
}

#[test]
fn a_quiet_tunnel_outlives_what_bounds_the_messages_of_http() {
    let more =
        "[server]\nkeep_alive = \"100ms\"\n[limits]\nhead_time = \"100ms\"\nrate_grace = \"100ms\"";
    let route = "upgrade = [\"websocket\"]\noutbound_timeout = \"100ms\"";
    let between = Between::with(more, route);
    let (mut client, mut server) = between.open();
    // One that only connects is let go in the same time, twice over.
    for _ in 0..2 {
        assert!(rest(&mut between.connect()).is_empty());
    }
    client.write_all(b"still").expect("it reads");
    comes(&mut server, b"still");
    server.write_all(b"here").expect("it reads");
    comes(&mut client, b"here");
}

#[test]
fn an_upgrade_that_the_server_declines_leaves_the_connection_in_http() {
    let between = Between::start();
    let mut client = between.connect();
    client.write_all(ASK.as_bytes()).expect("it reads");
    let mut server = between.accept();
    for status in ["426 Upgrade Required", "200 OK"] {
        head(&mut server);
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
        server.write_all(answer.as_bytes()).expect("it reads");
        assert!(head(&mut client).starts_with(&format!("HTTP/1.1 {status}\r\n")));
        comes(&mut client, b"ok");
        client.write_all(ASK.as_bytes()).expect("it reads");
    }
    head(&mut server);
    server.write_all(SWITCH.as_bytes()).expect("it reads");
    assert!(head(&mut client).starts_with("HTTP/1.1 101 "));
}

#[test]
fn a_server_that_switches_to_what_was_not_asked_for_is_502() {
    let between = Between::start();
    // table
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket, chat\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
    ] {
        let mut client = between.connect();
        client.write_all(ASK.as_bytes()).expect("it reads");
        // It is idempotent, so it is asked again.
        client.set_nonblocking(true).expect("an option");
        let told = until("the client is answered", || {
            between.server.set_nonblocking(true).expect("an option");
            if let Ok((stream, _)) = between.server.accept() {
                stream.set_nonblocking(false).expect("an option");
                let mut server = prepared(stream);
                head(&mut server);
                server.write_all(answer.as_bytes()).expect("it reads");
            }
            let mut octets = [0; 4096];
            let count = client.read(&mut octets).ok()?;
            Some(String::from_utf8_lossy(&octets[..count]).into_owned())
        });
        assert!(told.starts_with("HTTP/1.1 502 "), "{answer}\n{told}");
    }
}

#[test]
fn only_protocols_that_the_route_names_are_asked_for() {
    // table
    for (of_route, asked, told) in [
        ("", "websocket", None),
        (WEBSOCKET, "chat", None),
        (WEBSOCKET, "h2c, websocket", Some("websocket")),
        ("upgrade = [\"chat\", \"tcp\"]", "TCP", Some("TCP")),
    ] {
        let between = Between::with("", of_route);
        let mut client = between.connect();
        let request = ASK.replace("websocket", asked);
        client.write_all(request.as_bytes()).expect("it reads");
        let request = head(&mut between.accept());
        let line = request
            .lines()
            .find_map(|line| line.strip_prefix("Upgrade: "));
        assert_eq!(line, told, "{request}");
        assert_eq!(request.contains("Connection: Upgrade"), told.is_some());
    }
    // RFC 9110 §7.8: that of an HTTP/1.0 client is ignored.
    let between = Between::start();
    let mut client = between.connect();
    let old = ASK.replace("HTTP/1.1", "HTTP/1.0");
    client.write_all(old.as_bytes()).expect("it reads");
    let request = head(&mut between.accept());
    assert!(!request.contains("pgrade"), "{request}");
}

#[test]
fn a_request_is_read_whole_before_what_follows_it_is_the_tunnel_s() {
    let between = Between::start();
    let mut client = between.connect();
    let ask = ASK.replace("GET ", "POST ").replace(
        "\r\n\r\n",
        "\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    client.write_all(ask.as_bytes()).expect("it reads");
    assert!(head(&mut client).starts_with("HTTP/1.1 100 "));
    client.write_all(b"contetunnel").expect("it reads");
    let mut server = between.accept();
    head(&mut server);
    comes(&mut server, b"conte");
    server.write_all(SWITCH.as_bytes()).expect("it reads");
    assert!(head(&mut client).starts_with("HTTP/1.1 101 "));
    comes(&mut server, b"tunnel");
    server.write_all(b"back").expect("it reads");
    comes(&mut client, b"back");
}

#[test]
fn a_server_that_switches_early_gets_the_rest_of_the_request_before() {
    let between = Between::start();
    let mut client = between.connect();
    let ask = ASK
        .replace("GET ", "POST ")
        .replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nco");
    client.write_all(ask.as_bytes()).expect("it reads");
    let mut server = between.accept();
    head(&mut server);
    comes(&mut server, b"co");
    server.write_all(SWITCH.as_bytes()).expect("it reads");
    // The rest belongs to the request, and goes there.
    client.write_all(b"nte").expect("it reads");
    comes(&mut server, b"nte");
    assert!(head(&mut client).starts_with("HTTP/1.1 101 "));
    client.write_all(b"tunnel").expect("it reads");
    comes(&mut server, b"tunnel");
}

#[test]
fn a_stop_leaves_tunnels_until_its_time_is_over() {
    let mut between = Between::with("[server]\ndrain_time = \"700ms\"", WEBSOCKET);
    let (mut client, mut server) = between.open();
    between.hansom.signal(Signal::TERM);
    until("nobody is accepted", || {
        TcpStream::connect(between.hansom.address)
            .is_err()
            .then_some(())
    });
    client.write_all(b"still").expect("it reads");
    comes(&mut server, b"still");
    is_reset(&mut client);
    is_reset(&mut server);
    assert!(between.hansom.ended().success());
    let record = between.record(1);
    assert_eq!(record["fate"]["why"], "tunnel: the server shuts down");
    assert_eq!(record["request_octets"], 5);
}

#[test]
fn a_reload_keeps_tunnels_and_counts_them() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    let place = Place::new().with("hansom.toml", configuration(&url, "", WEBSOCKET));
    let mut command = place.command();
    command.args(["run", "--listen", "0"]);
    let hansom = place.start(command);
    let mut between = Between { hansom, server };
    let mut tunnels = [between.open(), between.open()];
    let path = between.hansom.folder().join("hansom.toml");
    // The server of these tunnels is asked no more.
    let other = configuration("http://127.0.0.1:9", "", "");
    std::fs::write(path, other).expect("the file");
    between.hansom.signal(Signal::HUP);
    let said = between.hansom.next_said();
    assert!(said.starts_with("hansom: reloaded: kept http://"), "{said}");
    assert!(said.ends_with(" and 2 tunnels"), "{said}");
    for (client, server) in &mut tunnels {
        client.write_all(b"still").expect("it reads");
        comes(server, b"still");
        server.write_all(b"here").expect("it reads");
        comes(client, b"here");
    }
}

#[test]
fn each_server_sent_event_comes_at_once() {
    let between = Between::start();
    let mut client = between.connect();
    client
        .write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let mut server = between.accept();
    head(&mut server);
    server
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .expect("it reads");
    assert!(head(&mut client).starts_with("HTTP/1.1 200 "));
    // The next is not sent before this one is there.
    for number in 0..20 {
        let event = format!("data: {number:04}\n\n");
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        server.write_all(chunk.as_bytes()).expect("it reads");
        let mut received = String::new();
        while !received.contains(&event) {
            let mut octet = [0];
            client.read_exact(&mut octet).expect("the event");
            received.push(char::from(octet[0]));
        }
    }
    server.write_all(b"0\r\n\r\n").expect("it reads");
}
