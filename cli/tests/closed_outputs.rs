//! The program when nobody reads what it says.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use tempfile::TempDir;

/// Serves a folder on a unix socket; nobody reads its standard error.
fn serve(folder: &TempDir) -> Child {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let socket = folder.path().join("socket");
    Command::new(env!("CARGO_BIN_EXE_hansom"))
        .arg("serve")
        .arg(folder.path())
        .arg("--listen")
        .arg(format!("unix:{}", socket.display()))
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn()
        .unwrap()
}

#[test]
fn a_server_whose_standard_error_is_closed_serves() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("a"), "x").unwrap();
    let mut server = serve(&folder);
    let mut stream = loop {
        if let Ok(stream) = UnixStream::connect(folder.path().join("socket")) {
            break stream;
        }
        assert_eq!(server.try_wait().unwrap(), None, "it ended");
        thread::yield_now();
    };
    let mut answer = String::new();
    stream
        .write_all(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let received = stream.read_to_string(&mut answer);
    // It has been ready by now, and has tried to say so.
    let stop = Command::new("kill").arg(server.id().to_string()).status();
    assert!(stop.unwrap().success());
    assert_eq!(server.wait().unwrap().code(), Some(0));
    received.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
}
