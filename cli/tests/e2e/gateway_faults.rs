//! `hansom gateway` before servers that fail while they are asked, and before one that answers while it is still asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::harness::{Hansom, PATIENCE, Place, assert_same, varied};

/// How a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Not at all.
    Fine,
    /// It resets a connection on which it is asked again.
    ResetsReused,
    /// It resets every connection.
    ResetsAll,
    /// It closes each connection after its answer, without saying so.
    ClosesAfter,
    /// It answers what is no answer.
    Garbage,
    /// Its answers lack their end.
    Truncates,
    /// It reads, and says nothing.
    Silent,
}

/// A server, and the POSTs that it carried out.
#[derive(Debug)]
struct Failing {
    address: SocketAddr,
    posts: Arc<Mutex<Vec<String>>>,
}

impl Failing {
    fn start(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let this = Self {
            address: listener.local_addr().expect("an address"),
            posts: Arc::default(),
        };
        let posts = Arc::clone(&this.posts);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let posts = Arc::clone(&posts);
                thread::spawn(move || serve(&stream, way, &posts));
            }
        });
        this
    }
}

/// Method and target of the next request, whose content is read and dropped.
fn next_request(reader: &mut BufReader<&TcpStream>) -> Option<(String, String)> {
    let (mut line, mut first, mut octets) = (String::new(), String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            octets = length.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut content = vec![0; octets];
    reader.read_exact(&mut content).ok()?;
    let mut words = first.split(' ').map(str::to_owned);
    Some((words.next()?, words.next()?))
}

fn serve(stream: &TcpStream, way: Way, posts: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    let mut reader = BufReader::new(stream);
    let mut answered = 0;
    while let Some((method, target)) = next_request(&mut reader) {
        if way == Way::ResetsAll || way == Way::ResetsReused && answered > 0 {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            return;
        }
        if method == "POST" {
            posts.lock().expect("nobody panicked").push(target.clone());
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            target.len()
        );
        let answer = match way {
            Way::Silent => continue,
            Way::Garbage => "\u{16}\u{3}junk\r\n\r\n".to_owned(),
            Way::Truncates => head + &target[1..],
            _ => head + &target,
        };
        let mut stream = stream;
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
        answered += 1;
        if [Way::ClosesAfter, Way::Garbage, Way::Truncates].contains(&way) {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn gateway(servers: &[SocketAddr], more: &[&str]) -> Hansom {
    let place = Place::new();
    let mut command = place.command();
    command.args(["gateway", "--listen", "0", "--workers", "1"]);
    for server in servers {
        command.args(["--to", &format!("http://{server}")]);
    }
    command.args(more);
    place.start(command)
}

/// Asks without pause; gives what became of each request that was not answered by its own target.
fn ask(hansom: &Hansom, client: usize, count: usize) -> Vec<(&'static str, Option<u16>)> {
    let mut failed = Vec::new();
    let mut connection = hansom.connect();
    for number in 0..count {
        let method = ["GET", "PUT", "GET", "POST"][number % 4];
        let target = format!("/{client}/{number}");
        let content = if method == "GET" { "" } else { "abcdefgh" };
        let length = content.len();
        let sent = connection.try_send(format!(
            "{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{content}"
        ));
        let answer = sent.ok().and_then(|()| connection.answer_if_any());
        let is_fine = |status: u16, content: &[u8]| status == 200 && content == target.as_bytes();
        match answer {
            Some(answer) if is_fine(answer.status, &answer.content) => {}
            Some(answer) => {
                assert_ne!(
                    answer.status, 200,
                    "{target} was answered by another's answer"
                );
                failed.push((method, Some(answer.status)));
            }
            None => {
                failed.push((method, None));
                connection = hansom.connect();
            }
        }
    }
    failed
}

#[test]
fn what_may_be_sent_again_succeeds_however_one_of_two_servers_fails_and_no_post_is_doubled() {
    // table
    for (way, may_cut) in [
        (Way::Fine, false),
        (Way::ResetsReused, false),
        (Way::ResetsAll, false),
        (Way::ClosesAfter, false),
        (Way::Garbage, false),
        (Way::Truncates, true),
        (Way::Silent, false),
    ] {
        let servers = [Failing::start(way), Failing::start(Way::Fine)];
        let addresses = servers.each_ref().map(|server| server.address);
        let hansom = gateway(&addresses, &["--outbound-timeout", "2"]);
        let failed: Vec<_> = thread::scope(|scope| {
            let clients = [0, 1, 2].map(|client| {
                let hansom = &hansom;
                scope.spawn(move || ask(hansom, client, 40))
            });
            clients
                .into_iter()
                .flat_map(|client| client.join().expect("no panic"))
                .collect()
        });
        for (method, status) in failed {
            // A POST that the server saw an octet of is not sent again.
            let is_right = method == "POST" && way != Way::Fine || may_cut && status.is_none();
            assert!(is_right, "{way:?}: {method} {status:?}");
        }
        let mut times: HashMap<String, usize> = HashMap::new();
        for server in &servers {
            for post in server.posts.lock().expect("nobody panicked").iter() {
                *times.entry(post.clone()).or_default() += 1;
            }
        }
        let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(doubled.is_empty(), "{way:?}: {doubled:?}");
    }
}

/// A server that gives back what it is sent, as it comes.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || give_back(&stream));
        }
    });
    address
}

fn give_back(mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut left) = (String::new(), 0_usize);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).is_err() || line.is_empty() {
            return;
        }
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            left = length.trim().parse().expect("a number");
        }
    }
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {left}\r\n\r\n");
    let mut is_good = stream.write_all(head.as_bytes()).is_ok();
    let mut piece = vec![0; 16 << 10];
    while is_good && left > 0 {
        let most = left.min(piece.len());
        match reader.read(&mut piece[..most]) {
            Ok(count) if count > 0 => {
                left -= count;
                is_good = stream.write_all(&piece[..count]).is_ok();
            }
            _ => return,
        }
    }
}

#[test]
fn request_and_answer_go_on_at_the_same_time_however_long_they_are() {
    let hansom = gateway(&[echo()], &[]);
    let content = varied(30 << 20);
    let mut client = hansom.connect();
    let mut sending = client.stream.try_clone().expect("a second handle");
    let answer = thread::scope(|scope| {
        scope.spawn(|| {
            let head = format!(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                content.len()
            );
            sending.write_all(head.as_bytes()).expect("it reads");
            sending.write_all(&content).expect("it reads");
        });
        client.answer()
    });
    assert_same(&answer.content, &content);
    assert!(hansom.memory() < 16 << 20, "{}", hansom.memory());
    // The connection is in order afterwards.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(client.answer().content, b"ok");
}

#[test]
fn a_client_may_wait_for_the_answer_to_what_it_sent_before_it_sends_more() {
    let hansom = gateway(&[echo()], &[]);
    let mut client = hansom.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na");
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\na") {
        seen.extend(client.octets(1));
    }
    for octet in ["b", "c", "d"] {
        client.send(octet);
        assert_eq!(client.octets(1), octet.as_bytes());
    }
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(client.answer().content, b"ok");
}

#[test]
fn an_answer_that_goes_on_is_cut_when_the_request_breaks_off() {
    let server = echo();
    // table
    for (fields, broken) in [("Content-Length: 100", ""), ("Content-Length: 100", "x")] {
        let hansom = gateway(&[server], &[]);
        let mut client = hansom.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\na"));
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\na") {
            seen.extend(client.octets(1));
        }
        client.send(broken);
        client.end_sending();
        let (rest, _) = client.rest();
        assert!(rest.len() <= broken.len(), "{rest:?}");
        assert_eq!(hansom.log_records(1)[0]["status"], 200);
    }
}
