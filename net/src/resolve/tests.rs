//! Names, asked of a name server of our own.

use std::net::UdpSocket;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::run_alone;

/// What a name server answers: addresses and their time to live, that there are none, or nothing.
#[derive(Clone, Debug)]
enum Says {
    Addresses(&'static [&'static str], u32),
    None,
    Failure,
}

struct NameServer {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    fn start(says: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let this = Self {
            address: socket.local_addr().unwrap(),
            says: Arc::new(Mutex::new(says)),
            asked: Arc::default(),
        };
        let (says, asked) = (Arc::clone(&this.says), Arc::clone(&this.asked));
        thread::spawn(move || {
            let mut octets = [0; 512];
            while let Ok((len, from)) = socket.recv_from(&mut octets) {
                asked.fetch_add(1, Ordering::Relaxed);
                let says = says.lock().unwrap().clone();
                let answer = answer(&octets[..len], &says);
                socket.send_to(&answer, from).unwrap();
            }
        });
        this
    }

    fn names(&self) -> Names {
        Names::new(Some(vec![self.address]))
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }
}

/// An answer to a question (RFC 1035 §4).
fn answer(question: &[u8], says: &Says) -> Vec<u8> {
    let name_end = 12 + question[12..].iter().position(|octet| *octet == 0).unwrap() + 1;
    let asked = &question[12..name_end + 4];
    let is_6 = question[name_end + 1] == 28;
    let (code, addresses, ttl) = match says {
        Says::Addresses(addresses, ttl) => (0, *addresses, *ttl),
        Says::None => (3, &[][..], 0),
        Says::Failure => (2, &[][..], 0),
    };
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let own: Vec<_> = addresses.iter().filter(|it| it.is_ipv6() == is_6).collect();
    let mut octets = question[..2].to_vec();
    octets.extend_from_slice(&[0x81, 0x80 | code, 0, 1, 0, own.len() as u8, 0, 0, 0, 0]);
    octets.extend_from_slice(asked);
    for address in own {
        octets.extend_from_slice(&[0xc0, 12, 0, if is_6 { 28 } else { 1 }, 0, 1]);
        octets.extend_from_slice(&ttl.to_be_bytes());
        match address {
            IpAddr::V4(ip) => {
                octets.extend_from_slice(&[0, 4]);
                octets.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                octets.extend_from_slice(&[0, 16]);
                octets.extend_from_slice(&ip.octets());
            }
        }
    }
    octets
}

fn ask(names: &Names, host: &str) -> io::Result<Vec<String>> {
    let addresses = run_alone(names.addresses(host))?;
    Ok(addresses.iter().map(IpAddr::to_string).collect())
}

/// As if so much time had gone by.
fn age(names: &Names, millis: u64) {
    let mut known = names.known.write().unwrap();
    for known in known.values_mut() {
        known.fresh_until = known.fresh_until.saturating_sub(millis);
        known.stale_until = known.stale_until.saturating_sub(millis);
    }
}

#[test]
fn literals_are_themselves_and_names_are_asked_for() {
    let of = |host: &str| run_alone(resolve(host.to_owned(), 80));
    let shown = |host: &str| of(host).unwrap()[0].to_string();
    assert_eq!(shown("127.0.0.1"), "127.0.0.1:80");
    assert_eq!(shown("[::1]"), "[::1]:80");
}

#[test]
fn an_answer_is_known_for_its_time_to_live_and_then_asked_for_again() {
    let server = NameServer::start(Says::Addresses(&["192.0.2.1", "2001:db8::1"], 60));
    let names = server.names();
    for host in ["app.example", "App.Example"] {
        assert_eq!(ask(&names, host).unwrap(), ["2001:db8::1", "192.0.2.1"]);
    }
    assert_eq!(server.asked.load(Ordering::Relaxed), 2);
    server.say(Says::Addresses(&["192.0.2.2"], 60));
    age(&names, 50_000);
    assert_eq!(ask(&names, "app.example").unwrap().len(), 2);
    age(&names, 11_000);
    assert_eq!(ask(&names, "app.example").unwrap(), ["192.0.2.2"]);
}

#[test]
fn a_time_to_live_is_believed_within_bounds() {
    let server = NameServer::start(Says::Addresses(&["192.0.2.1"], 1_000_000));
    let names = server.names();
    ask(&names, "app.example").unwrap();
    let until = names.find("app.example").unwrap().fresh_until;
    assert!(until <= Now::read().millis + 300_000);
}

#[test]
fn what_was_known_serves_where_no_name_server_answers() {
    let server = NameServer::start(Says::Addresses(&["192.0.2.1"], 1));
    let names = server.names();
    ask(&names, "app.example").unwrap();
    age(&names, 2000);
    server.say(Says::Failure);
    assert_eq!(ask(&names, "app.example").unwrap(), ["192.0.2.1"]);
    // And not asked for again at once.
    let asked = server.asked.load(Ordering::Relaxed);
    assert_eq!(ask(&names, "app.example").unwrap(), ["192.0.2.1"]);
    assert_eq!(server.asked.load(Ordering::Relaxed), asked);
    assert!(names.find("app.example").unwrap().is_told);
    let failed = ask(&names, "other.example").unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::HostUnreachable);
}

#[test]
fn that_a_name_has_no_address_is_known_for_a_while_too() {
    let server = NameServer::start(Says::None);
    let names = server.names();
    for _ in 0..3 {
        let missing = ask(&names, "app.example").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
    assert!(server.asked.load(Ordering::Relaxed) <= 2);
    server.say(Says::Addresses(&["192.0.2.1"], 1));
    age(&names, 31_000);
    assert_eq!(ask(&names, "app.example").unwrap(), ["192.0.2.1"]);
}

#[test]
fn those_who_want_one_name_at_once_wait_for_one_question() {
    let server = NameServer::start(Says::Addresses(&["192.0.2.1"], 60));
    let names = Arc::new(server.names());
    let askers: Vec<_> = (0..20)
        .map(|_| {
            let names = Arc::clone(&names);
            thread::spawn(move || ask(&names, "app.example").unwrap())
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.join().unwrap(), ["192.0.2.1"]);
    }
    assert_eq!(server.asked.load(Ordering::Relaxed), 2);
}

#[test]
fn localhost_is_this_machine_whatever_name_servers_say() {
    let server = NameServer::start(Says::Addresses(&["192.0.2.1"], 60));
    for address in ask(&server.names(), "localhost").unwrap() {
        assert!(address.parse::<IpAddr>().unwrap().is_loopback());
    }
}
