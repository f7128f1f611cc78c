//! Exchanges over TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use hansom_engine::{
    Admission, Answer, Content, Exchange, FilePart, Handler, Interrupted, NoRecorder, Response,
    Source, Streamed, Worker, WorkerOptions,
};
use http1::{Leniency, Policy};
use net::{ListenOptions, RunOptions, Shutdown, Signals, Tls, TlsRules};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use semantics::{Limits, Refusal, RequestHead, ResponseHead, Status};

struct ByPath;

impl Handler for ByPath {
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        match exchange.head.target() {
            b"/file" => file(FILE_OCTETS).into(),
            // Its end is not there.
            b"/shrunk" => file(FILE_OCTETS + 1).into(),
            b"/count" => {
                let content = exchange.receive();
                Answer::Later(Box::pin(async move {
                    let mut octets = 0;
                    while let Ok(Some(piece)) = content.next().await {
                        octets += piece.len();
                    }
                    text(&octets.to_string())
                }))
            }
            b"/stream" => streamed(vec![Ok("one "), Ok("two")]).into(),
            b"/broken-stream" => streamed(vec![Ok("one "), Err(Interrupted)]).into(),
            b"/later" => {
                let mut exchange = exchange.detach();
                Answer::Later(Box::pin(async move {
                    net::sleep(Duration::from_millis(1)).await;
                    text(&facts(&exchange.exchange()))
                }))
            }
            _ => text(&facts(exchange)).into(),
        }
    }

    fn refuse(&self, refusal: Refusal, _: Option<RequestHead<'_>>) -> Response {
        Response::with_octets(
            ResponseHead::new(refusal.status()),
            refusal.answer().because.to_owned(),
        )
    }
}

fn facts(exchange: &Exchange<'_>) -> String {
    match exchange.tls {
        Some(tls) => format!(
            "{} {} {}",
            exchange.is_secured,
            tls.version,
            tls.server_name.as_deref().unwrap_or_default()
        ),
        None => format!("{}", exchange.is_secured),
    }
}

fn text(octets: &str) -> Response {
    Response::with_octets(ResponseHead::new(Status::OK), octets.to_owned())
}

fn file(octets: usize) -> Response {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&vec![b'f'; FILE_OCTETS]).unwrap();
    let part = FilePart {
        file: Rc::new(file),
        offset: 0,
        octets: octets as u64,
    };
    Response {
        head: ResponseHead::new(Status::OK),
        content: Content::File(part),
    }
}

struct Pieces(std::vec::IntoIter<Result<&'static str, Interrupted>>);

impl Source for Pieces {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Interrupted>>> {
        Poll::Ready(self.0.next().map(|piece| piece.map(Bytes::from)))
    }
}

fn streamed(pieces: Vec<Result<&'static str, Interrupted>>) -> Response {
    Response {
        head: ResponseHead::new(Status::OK),
        content: Content::Stream(Streamed {
            octets: None,
            source: Box::new(Pieces(pieces.into_iter())),
        }),
    }
}

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
    tls: Arc<Tls>,
}

impl Server {
    fn start(limits: Limits) -> Self {
        let (ready, address) = mpsc::channel();
        let shutdown = Shutdown::new();
        let tls = Arc::new(Tls::new(vec![TlsRules::default()], &[b"http/1.1"]).unwrap());
        let (stop, options) = (
            shutdown.clone(),
            ListenOptions {
                tls: Some(Arc::clone(&tls)),
                ..ListenOptions::default()
            },
        );
        let thread = std::thread::spawn(move || {
            let address = "127.0.0.1:0".parse().unwrap();
            let listeners = net::bind_all(&[(address, options)], 1).unwrap();
            let admission = Arc::new(Admission::new());
            let make = move |_| {
                let options = WorkerOptions {
                    policies: vec![Policy::with(Leniency::default(), 2, limits.clone())],
                    server_field: None,
                };
                Worker::new(options, ByPath, NoRecorder, Arc::clone(&admission))
            };
            let options = RunOptions {
                signals: Signals::Ignore,
                ..RunOptions::default()
            };
            net::run(listeners, options, &stop, make, |bound| {
                let port = bound[0].port().unwrap();
                ready
                    .send(SocketAddr::from(([127, 0, 0, 1], port)))
                    .unwrap();
            })
            .unwrap();
        });
        Self {
            address: address.recv().unwrap(),
            shutdown,
            thread: Some(thread),
            tls,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    fn client(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting))
            .with_no_client_auth();
        let name = ServerName::try_from("a.example").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(connection, self.connect())
    }

    /// Everything that is answered to `request` until the connection ends in good order.
    fn ask(&self, request: &str) -> String {
        let mut client = self.client();
        client.write_all(request.as_bytes()).unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).unwrap();
        all
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.drain();
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(ended.unwrap().is_ok());
        }
    }
}

/// Trusts everybody: it is not the client that is tested.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

const FILE_OCTETS: usize = 5_000_000;

#[test]
fn what_tls_negotiated_reaches_the_handler() {
    let server = Server::start(Limits::default());
    for path in ["/", "/later"] {
        let answer = server.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(
            answer.ends_with("\r\n\r\ntrue TLSv1.3 a.example"),
            "{answer}"
        );
    }
}

#[test]
fn requests_in_one_record_are_answered_in_order() {
    let server = Server::start(Limits::default());
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(300)
        + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = server.ask(&request);
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 301);
}

#[test]
fn content_of_a_request_comes_whole() {
    let server = Server::start(Limits::default());
    let content = "x".repeat(1_000_000);
    let answer = server.ask(&format!(
        "POST /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n{content}"
    ));
    assert!(answer.ends_with("\r\n\r\n1000000"), "{answer}");
}

#[test]
fn a_large_file_comes_whole() {
    let server = Server::start(Limits::default());
    let answer = server.ask("GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (_, content) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(content.len(), FILE_OCTETS);
    assert!(content.bytes().all(|octet| octet == b'f'));
}

#[test]
fn content_that_is_cut_does_not_end_in_good_order() {
    let server = Server::start(Limits::default());
    for (path, version) in [("/shrunk", "1.1"), ("/broken-stream", "1.0")] {
        let mut client = server.client();
        let request = format!("GET {path} HTTP/{version}\r\nHost: a\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        let mut all = Vec::new();
        // RFC 8446 §6.1: without close_notify whoever waits for the end knows that it is none.
        let error = client.read_to_end(&mut all).unwrap_err();
        let is_told = matches!(
            error.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
        );
        assert!(is_told, "{path}: {error}");
    }
}

#[test]
fn content_that_ends_with_the_connection_ends_in_good_order() {
    let server = Server::start(Limits::default());
    let answer = server.ask("GET /stream HTTP/1.0\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\none two"), "{answer}");
}

#[test]
fn a_request_in_the_clear_is_told_to_use_https() {
    let server = Server::start(Limits::default());
    let mut client = server.connect();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
    assert!(answer.contains("speaks TLS"), "{answer}");
}

#[test]
fn a_handshake_that_takes_too_long_is_ended() {
    let server = Server::start(Limits {
        head_millis_max: 100,
        ..Limits::default()
    });
    // Nothing, half of a message, and a handshake without a request.
    for octets in [&b""[..], b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03"] {
        let mut client = server.connect();
        client.write_all(octets).unwrap();
        assert_eq!(client.read(&mut [0; 16]).unwrap(), 0);
    }
    let mut client = server.client();
    assert_eq!(client.read(&mut [0; 16]).unwrap(), 0);
    assert!(server.tls.counters().failed >= 1);
}

#[test]
fn a_connection_too_many_is_closed_without_a_handshake() {
    let server = Server::start(Limits {
        connections_max: 1,
        ..Limits::default()
    });
    let mut first = server.client();
    first
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    first.read_exact(&mut [0; 16]).unwrap();
    let mut second = server.client();
    assert!(
        second
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .is_err()
    );
    assert_eq!(server.tls.counters().handshakes, 1);
}

#[test]
fn a_client_that_has_said_its_end_is_still_answered() {
    let server = Server::start(Limits::default());
    let mut client = server.client();
    client
        .write_all(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    assert!(all.len() > FILE_OCTETS);
}
