//! We are the client: whom we believe, and what is told of those whom we do not.

use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use hansom_net::{
    More, Outbound, OutboundTls, OutboundTlsFacts, OutboundTlsRules, OutboundTrust, Rest, TlsFault,
    TlsVersion,
};
use rcgen::date_time_ymd;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::common::on_worker;
use crate::world::{Issued, World};

/// How a server behaves that shows this certificate.
fn server_config(world: &World, shown: &Issued, asks: bool) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match asks {
        false => builder.with_no_client_auth(),
        true => {
            let mut roots = RootCertStore::empty();
            roots.add(world.authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder
        .with_single_cert(vec![shown.der.clone()], shown.private.clone_key())
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

type Served = StreamOwned<ServerConnection, TcpStream>;

/// A server that does this with each of so many connections.
fn serve(
    config: Arc<ServerConfig>,
    connections: usize,
    work: impl Fn(Served) + Send + 'static,
) -> (std::net::SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        for _ in 0..connections {
            let socket = listener.accept().unwrap().0;
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            work(StreamOwned::new(connection, socket));
        }
    });
    (address, serving)
}

/// Reads a word and answers it, then ends as TLS has it.
fn greet(mut served: Served) {
    let mut word = [0; 5];
    if served.read_exact(&mut word).is_ok() {
        served.write_all(b"good day").unwrap();
        served.conn.send_close_notify();
        served.flush().unwrap();
    }
}

fn rules(world: &World) -> OutboundTlsRules {
    OutboundTlsRules {
        trust: OutboundTrust::Authorities(world.authorities()),
        ..OutboundTlsRules::default()
    }
}

/// What a server answers to a word, by what was negotiated.
async fn ask(
    address: std::net::SocketAddr,
    tls: &OutboundTls,
    name: &str,
) -> std::io::Result<(Vec<u8>, OutboundTlsFacts)> {
    let wait = Some(20_000);
    let outbound = Outbound::connect(&address.into(), wait).await?;
    let name = name.parse().unwrap();
    let mut outbound = outbound.secure(tls, &name, wait).await?;
    outbound.limit_wait(wait);
    let facts = outbound.tls().unwrap();
    let sent = poll_fn(|cx| outbound.poll_transmit(cx, b"hello", More::No)).await?;
    assert_eq!(sent, 5);
    let (mut all, mut room) = (Vec::new(), [0; 3]);
    loop {
        let received = poll_fn(|cx| outbound.poll_receive(cx, &mut room)).await?;
        all.extend_from_slice(&room[..received.octets]);
        if received.rest == Rest::Ended {
            return Ok((all, facts));
        }
    }
}

fn asked(
    address: std::net::SocketAddr,
    rules: OutboundTlsRules,
    name: &'static str,
    times: usize,
) -> Vec<Result<(Vec<u8>, OutboundTlsFacts), TlsFault>> {
    on_worker(move || async move {
        let tls = OutboundTls::new(&rules, &[b"http/1.1"]).unwrap();
        let mut all = Vec::new();
        for _ in 0..times {
            let asked = ask(address, &tls, name).await;
            all.push(asked.map_err(|error| TlsFault::inside(&error).expect("a fault of TLS")));
        }
        all
    })
}

fn fault(config: Arc<ServerConfig>, rules: OutboundTlsRules, name: &'static str) -> TlsFault {
    let (address, serving) = serve(config, 1, greet);
    let fault = asked(address, rules, name, 1).remove(0).unwrap_err();
    serving.join().unwrap();
    fault
}

#[test]
fn a_server_is_believed_by_its_authority_and_sessions_are_resumed() {
    let world = World::new();
    let config = server_config(&world, &world.issue("a", &["a.example"]), false);
    let (address, serving) = serve(config, 2, greet);
    let answers = asked(address, rules(&world), "a.example", 2);
    let is_resumed: Vec<bool> = answers
        .into_iter()
        .map(|answer| {
            let (octets, facts) = answer.unwrap();
            assert_eq!(octets, b"good day");
            assert_eq!(facts.alpn.as_deref(), Some(&b"http/1.1"[..]));
            assert_eq!(facts.version, TlsVersion::Tls13);
            facts.is_resumed
        })
        .collect();
    assert_eq!(is_resumed, [false, true]);
    serving.join().unwrap();
}

#[test]
fn each_thing_that_is_wrong_with_a_certificate_is_told_apart() {
    let world = World::new();
    let other = World::new();
    let good = world.issue("a", &["a.example"]);
    let old = world.issue_with("old", &["a.example"], |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let early = world.issue_with("early", &["a.example"], |params| {
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2091, 1, 1);
    });
    // table
    for (shown, trusted, name, expected) in [
        (&good, &world, "b.example", TlsFault::NameMismatch),
        (&good, &world, "127.0.0.1", TlsFault::NameMismatch),
        (&good, &other, "a.example", TlsFault::AuthorityUnknown),
        (&old, &world, "a.example", TlsFault::Expired),
        (&early, &world, "a.example", TlsFault::NotYetValid),
    ] {
        let config = server_config(&world, shown, false);
        let found = fault(config, rules(trusted), name);
        assert_eq!(found, expected);
        assert!(found.is_of_certificate());
    }
    // Whoever asks for it believes anybody.
    let (address, serving) = serve(server_config(&world, &old, false), 1, greet);
    let anybody = OutboundTlsRules {
        trust: OutboundTrust::Anybody,
        ..OutboundTlsRules::default()
    };
    assert!(asked(address, anybody, "b.example", 1)[0].is_ok());
    serving.join().unwrap();
}

#[test]
fn a_certificate_is_shown_to_a_server_that_asks_for_one() {
    let world = World::new();
    let shown = world.issue("a", &["a.example"]);
    let own = world.issue("me", &["me.example"]);
    let config = server_config(&world, &shown, true);
    let without = fault(Arc::clone(&config), rules(&world), "a.example");
    assert_eq!(without, TlsFault::Alert(116));
    assert!(without.because().contains("client_cert"));
    let (address, serving) = serve(config, 1, greet);
    let with = OutboundTlsRules {
        certificate: Some((own.chain, own.key)),
        ..rules(&world)
    };
    assert!(asked(address, with, "a.example", 1)[0].is_ok());
    serving.join().unwrap();
}

#[test]
fn what_does_not_speak_tls_is_told() {
    let world = World::new();
    // table
    for (said, expected) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", TlsFault::ClearText),
        ("", TlsFault::ClosedInHandshake),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let mut socket = listener.accept().unwrap().0;
            socket.read_exact(&mut [0; 5]).unwrap();
            socket.write_all(said.as_bytes()).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            // Until the other side has read it.
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let found = asked(address, rules(&world), "a.example", 1).remove(0);
        assert_eq!(found.unwrap_err(), expected);
        serving.join().unwrap();
    }
}

#[test]
fn an_end_that_is_not_said_is_a_cut() {
    let world = World::new();
    let config = server_config(&world, &world.issue("a", &["a.example"]), false);
    let cut = |mut served: Served| {
        served.read_exact(&mut [0; 5]).unwrap();
        served.write_all(b"good").unwrap();
        served.flush().unwrap();
        served.sock.shutdown(Shutdown::Write).unwrap();
        let _ = served.sock.read_to_end(&mut Vec::new());
    };
    let (address, serving) = serve(config, 1, cut);
    let found = asked(address, rules(&world), "a.example", 1).remove(0);
    assert_eq!(found.unwrap_err(), TlsFault::Cut);
    serving.join().unwrap();
}

#[test]
fn a_handshake_that_the_server_never_ends_is_bounded() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let rules = rules(&world);
    let kind = on_worker(move || async move {
        let tls = OutboundTls::new(&rules, &[]).unwrap();
        let outbound = Outbound::connect(&address.into(), None).await.unwrap();
        let name = "a.example".parse().unwrap();
        outbound
            .secure(&tls, &name, Some(50))
            .await
            .unwrap_err()
            .kind()
    });
    assert_eq!(kind, ErrorKind::TimedOut);
    drop(listener);
}

#[test]
fn older_versions_are_refused_where_a_version_is_asked_for() {
    let world = World::new();
    let shown = world.issue("a", &["a.example"]);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![shown.der.clone()], shown.private.clone_key())
        .unwrap();
    let config = Arc::new(config);
    let strict = OutboundTlsRules {
        version_min: TlsVersion::Tls13,
        ..rules(&world)
    };
    let found = fault(Arc::clone(&config), strict, "a.example");
    assert_eq!(found, TlsFault::NothingInCommon);
    let (address, serving) = serve(config, 1, greet);
    let answer = asked(address, rules(&world), "a.example", 1).remove(0);
    assert_eq!(answer.unwrap().1.version, TlsVersion::Tls12);
    serving.join().unwrap();
}
