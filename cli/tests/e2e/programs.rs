//! SCGI and CGI: a server in Python, and programs in shell.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use testkit::raw::response::AnswerTo;

use crate::harness::{Hansom, Place, until};

/// Reads one request a connection, and answers by what it was told.
const SCGI: &str = r#"
import socket, sys, hashlib
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(8)
while True:
    peer, _ = listener.accept()
    file = peer.makefile("rwb")
    length = b""
    while (octet := file.read(1)) != b":":
        length += octet
    pairs = file.read(int(length)).split(b"\0")[:-1]
    assert file.read(1) == b","
    names = dict(zip(pairs[::2], pairs[1::2]))
    assert pairs[0] == b"CONTENT_LENGTH" and names[b"SCGI"] == b"1"
    content = file.read(int(names[b"CONTENT_LENGTH"]))
    if names[b"PATH_INFO"] == b"/silent":
        file.close()
        peer.close()
        continue
    told = b"%s %s %s %s" % (names[b"REQUEST_METHOD"], names[b"SCRIPT_NAME"], names[b"PATH_INFO"], names[b"QUERY_STRING"])
    file.write(b"Status: 201 Made\nContent-Type: text/plain\nX-App: a\n\n" + told + b" " + hashlib.md5(content).hexdigest().encode())
    file.flush()
    file.close()
    peer.close()
"#;

#[derive(Debug)]
struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(content: &[u8]) -> String {
    String::from_utf8_lossy(content).into_owned()
}

#[test]
fn an_application_by_scgi_has_all_that_is_below_its_route() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("sock");
    let mut command = Command::new("python3");
    command.args(["-c", SCGI]).arg(&socket).stdin(Stdio::null());
    let _python = Python(command.spawn().expect("python3 runs"));
    until("it listens", || socket.exists().then_some(()));
    let hansom = Place::new().run(&format!(
        "[[site]]\nroot = \"site\"\n[[site.route]]\npath = \"/app\"\nhandler = \"scgi\"\nto = [\"unix:{}\"]\n",
        socket.display()
    ));
    let mut client = hansom.connect();
    client.send("POST /app/a%20b/c?d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    let answer = client.answer();
    assert_eq!((answer.status, answer.value("x-app")), (201, Some("a")));
    assert_eq!(
        text(&answer.content),
        "POST /app /a b/c d 900150983cd24fb0d6963f7d28e17f72"
    );
    client.send(
        "PUT /app/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    let answer = client.answer();
    assert_eq!(
        text(&answer.content),
        "PUT /app /x  900150983cd24fb0d6963f7d28e17f72"
    );
    assert_eq!(client.get("/app/silent").status, 502);
    assert_eq!(client.get("/").status, 200);
}

fn programs(scripts: &[(&str, &str)], more: &str) -> Hansom {
    let mut place = Place::new();
    for (name, script) in scripts {
        let file = format!("programs/{name}");
        place = place.with(&file, format!("#!/bin/sh\n{script}\n"));
        let path = place.path().join(file);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it can be changed");
    }
    place = place.with("programs/no-program", "text");
    place.run(&format!(
        "[server]\nworkers = 1\n[[site]]\nroot = \"site\"\n[[site.route]]\npath = \"/run\"\nhandler = \"cgi\"\nroot = \"programs\"\n{more}\n"
    ))
}

#[test]
fn a_program_gets_the_request_as_its_environment_and_its_input() {
    let hansom = programs(
        &[
            (
                "env",
                "echo 'Content-Type: text/plain'; echo; env | sort; pwd",
            ),
            ("cat", "echo 'Status: 202'; echo; cat"),
        ],
        "",
    );
    let mut client = hansom.connect();
    let told = text(&client.get("/run/env/a/b?c=d").content);
    let folder = hansom
        .folder()
        .canonicalize()
        .expect("a folder")
        .join("programs");
    let folder = folder.display();
    for line in [
        "GATEWAY_INTERFACE=CGI/1.1\n".to_owned(),
        "PATH_INFO=/a/b\n".to_owned(),
        "QUERY_STRING=c=d\n".to_owned(),
        "SCRIPT_NAME=/run/env\n".to_owned(),
        format!("PATH_TRANSLATED={folder}/a/b\n"),
        "PATH=/usr/local/bin:/usr/bin:/bin\n".to_owned(),
        format!("\n{folder}\n"),
    ] {
        assert!(told.contains(&line), "{line}: {told}");
    }
    assert!(!told.contains("HOME=") && !told.contains("CARGO"), "{told}");
    client.send("POST /run/cat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(
        (answer.status, text(&answer.content)),
        (202, "abc".to_owned())
    );
    client.send("HEAD /run/env HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer_to(AnswerTo::Head).status, 200);
    for path in ["/run/none", "/run/", "/run", "/run/..%2fx"] {
        assert!([404, 400].contains(&client.get(path).status), "{path}");
    }
}

#[test]
fn a_program_that_fails_is_told_of_and_one_that_hangs_is_killed() {
    let scripts = [
        ("silent", "echo 'so that people know' >&2"),
        ("hang", "echo $$ > ../pid; sleep 1000 & wait"),
        ("fine", "echo 'Status: 204'; echo"),
    ];
    let mut hansom = programs(&scripts, "outbound_timeout = \"300ms\"\nprocesses_max = 1");
    assert_eq!(hansom.get("/run/silent").status, 502);
    assert!(hansom.next_said().contains("so that people know"));
    assert_eq!(hansom.get("/run/hang").status, 504);
    let id = fs::read_to_string(hansom.folder().join("pid")).expect("an id");
    let process = format!("/proc/{}", id.trim());
    until("it is gone", || {
        (!fs::exists(&process).unwrap_or(true)).then_some(())
    });
    until("there is room again", || {
        (hansom.get("/run/fine").status == 204).then_some(())
    });
    until("it is tried", || {
        let refused = hansom.get("/run/no-program");
        assert_eq!(refused.status, 503);
        let told = refused.value("proxy-status").expect("it is told");
        told.contains("destination_unavailable").then_some(())
    });
    assert!(hansom.next_said().contains("cannot be started"));
}

#[test]
fn no_more_programs_run_than_may_and_who_leaves_takes_his_along() {
    let script =
        "echo 'Content-Type: text/plain'; echo; while true; do echo line; sleep 0.01; done";
    let hansom = programs(&[("on", script)], "processes_max = 1");
    let mut first = hansom.connect();
    first.send("GET /run/on HTTP/1.1\r\nHost: a\r\n\r\n");
    first.octets(200);
    let second = hansom.get("/run/on");
    assert_eq!(second.status, 503);
    let told = second.value("proxy-status").expect("it is told").to_owned();
    assert!(told.contains("processes_max"), "{told}");
    drop(first);
    until("there is room again", || {
        let mut client = hansom.connect();
        client.send("GET /run/on HTTP/1.1\r\nHost: a\r\n\r\n");
        text(&client.octets(12)).ends_with("200").then_some(())
    });
}
