use super::*;
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};

use socket2::SockRef;

fn bind(text: &str, workers: usize) -> Result<Listeners, BindError> {
    bind_all(
        &[(text.parse().unwrap(), ListenOptions::default())],
        workers,
    )
}

fn address(listeners: &Listeners) -> SocketAddr {
    match listeners.bound()[0] {
        Address::Inet(address) => address,
        Address::Unix(_) => panic!("an Internet address was bound"),
    }
}

#[test]
fn port_0_is_chosen_once_for_all_workers() {
    let listeners = bind("127.0.0.1:0", 3).unwrap();
    let port = address(&listeners).port();
    assert_ne!(port, 0);
    for listener in &listeners.bound[0].listeners {
        assert_eq!(
            SockRef::from(listener)
                .local_addr()
                .unwrap()
                .as_socket()
                .unwrap()
                .port(),
            port
        );
    }
}

#[test]
fn an_accepted_socket_inherits_the_options_of_its_listener() {
    let options = ListenOptions {
        notsent_octets_max: Some(12345),
        defer_accept: Some(1),
        ..ListenOptions::default()
    };
    let listeners = bind_all(&[("127.0.0.1:0".parse().unwrap(), options)], 1).unwrap();
    let mut client = TcpStream::connect(address(&listeners)).unwrap();
    let early = crate::stream::accept(listeners.bound[0].listeners[0].as_fd(), StreamKind::Tcp);
    assert!(
        matches!(early, Err(Errno::AGAIN)),
        "a connection without octets is withheld"
    );
    io::Write::write_all(&mut client, b"x").unwrap();
    let stream = loop {
        match crate::stream::accept(listeners.bound[0].listeners[0].as_fd(), StreamKind::Tcp) {
            Err(Errno::AGAIN) => std::thread::yield_now(),
            accepted => break accepted.unwrap().0,
        }
    };
    let accepted = SockRef::from(&stream);
    assert!(accepted.tcp_nodelay().unwrap());
    assert_eq!(accepted.tcp_notsent_lowat().unwrap(), 12345);
    assert!(accepted.nonblocking().unwrap());
}

#[test]
fn a_busy_port_names_this_process_and_the_next_free_port() {
    let first = bind("127.0.0.1:0", 2).unwrap();
    let address = address(&first);
    let error = bind(&address.to_string(), 2).unwrap_err();
    let text = error.to_string();
    let BindError::Busy {
        holders, next_free, ..
    } = error
    else {
        panic!("{text}")
    };
    assert!(
        holders
            .iter()
            .any(|holder| holder.pid == std::process::id()),
        "{text}"
    );
    assert!(
        next_free.is_some_and(|port| port > address.port()),
        "{text}"
    );
    assert!(text.contains(&std::process::id().to_string()), "{text}");
}

#[test]
fn a_port_is_free_again_at_once_after_its_listeners_are_dropped() {
    let first = bind("127.0.0.1:0", 2).unwrap();
    let address = address(&first);
    let client = TcpStream::connect(address).unwrap();
    drop(first);
    drop(client);
    assert!(bind(&address.to_string(), 2).is_ok());
}

#[test]
fn one_port_of_both_versions_of_ip_can_be_had() {
    let Ok(port) = bind("[::]:0", 1).map(|free| address(&free).port()) else {
        return;
    };
    let both = [format!("[::]:{port}"), format!("0.0.0.0:{port}")]
        .map(|text| (text.parse().unwrap(), ListenOptions::default()));
    assert_eq!(bind_all(&both, 2).unwrap().bound().len(), 2);
}

#[test]
fn an_address_of_another_machine_is_named() {
    assert!(matches!(
        bind("192.0.2.1:0", 1),
        Err(BindError::NotOurs { .. })
    ));
}

#[test]
fn a_stale_unix_socket_is_replaced_and_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listeners = bind(&format!("unix:{}", path.display()), 2).unwrap();
    assert!(UnixStream::connect(&path).is_ok());
    drop(listeners);
    assert!(!path.exists());
}

#[test]
fn a_unix_socket_that_answers_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let held = UnixListener::bind(&path).unwrap();
    let text = format!("unix:{}", path.display());
    assert!(matches!(
        bind(&text, 1),
        Err(BindError::SocketAnswers { .. })
    ));
    assert!(path.exists());
    drop(held);
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    fs::write(&path, "precious").unwrap();
    assert!(matches!(
        bind(&format!("unix:{}", path.display()), 1),
        Err(BindError::NotASocket { .. })
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_socket_file_of_a_successor_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listeners = bind(&format!("unix:{}", path.display()), 1).unwrap();
    fs::rename(&path, folder.path().join("old")).unwrap();
    let successor = UnixListener::bind(&path).unwrap();
    drop(listeners);
    assert!(path.exists());
    drop(successor);
}
