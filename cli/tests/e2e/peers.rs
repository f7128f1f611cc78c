//! Programs of others as clients. What is not installed is not asked; `cargo xtask ci` installs it.

use std::fs;
use std::process::{Command, Output};

use crate::harness::{ECHO, Hansom, Place, assert_same, varied};

/// What a program says, if it is there.
fn run(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn curl_gets_a_file_twice_on_one_connection() {
    let hansom = Hansom::plain(&[]);
    let url = hansom.url("/");
    let Some(output) = run("curl", &["-sv", &url, &url]) else {
        return;
    };
    assert!(output.status.success());
    assert_eq!(
        text(&output.stdout),
        "<!doctype html><title>a</title>".repeat(2)
    );
    let records = hansom.log_records(2);
    assert_eq!(records[0]["connection"], records[1]["connection"]);
}

#[test]
fn curl_posts_a_large_file_and_gets_it_back() {
    let content = varied(20 << 20);
    let hansom = Place::new().with("content", &content).run(ECHO);
    let data = format!("@{}", hansom.folder().join("content").display());
    let url = hansom.url("/echo");
    for fields in [&[][..], &["-H", "Transfer-Encoding: chunked"], &["-0"]] {
        let args = [&["-sS", "--data-binary", &data], fields, &[&url]].concat();
        let Some(output) = run("curl", &args) else {
            return;
        };
        assert_eq!(text(&output.stderr), "");
        assert_same(&output.stdout, &content);
    }
}

#[test]
fn curl_reads_a_refusal_of_what_it_uploads() {
    let hansom = Place::new().with("content", varied(20 << 20)).serve(&[]);
    let file = hansom.folder().join("content").display().to_string();
    let args = [
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-T",
        &file,
        &hansom.url("/x"),
    ];
    let Some(output) = run("curl", &args) else {
        return;
    };
    assert_eq!(text(&output.stdout), "405");
}

#[test]
fn curl_resumes_and_validates() {
    let content = varied(1 << 20);
    let hansom = Place::new().with("site/big", &content).serve(&[]);
    let part = hansom.folder().join("part");
    fs::write(&part, &content[..1000]).expect("written");
    let part_text = part.display().to_string();
    let Some(output) = run(
        "curl",
        &["-sS", "-C", "-", "-o", &part_text, &hansom.url("/big")],
    ) else {
        return;
    };
    assert_eq!(text(&output.stderr), "");
    assert_same(&fs::read(&part).expect("it is there"), &content);
    let tags = hansom.folder().join("tags").display().to_string();
    let args = [
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--etag-save",
        &tags,
        "--etag-compare",
        &tags,
        &hansom.url("/big"),
    ];
    for status in ["200", "304"] {
        assert_eq!(
            text(&run("curl", &args).expect("it is there").stdout),
            status
        );
    }
}

#[test]
fn curl_talks_to_a_unix_socket() {
    let place = Place::new();
    let mut command = place.command();
    command.args(["serve", "site", "--listen", "unix:a.sock", "--workers", "2"]);
    let hansom = place.start(command);
    let socket = hansom.folder().join("a.sock").display().to_string();
    let Some(output) = run("curl", &["-sS", "--unix-socket", &socket, "http://a/"]) else {
        return;
    };
    assert_eq!(text(&output.stdout), "<!doctype html><title>a</title>");
    assert!(hansom.log_records(1)[0]["client"].is_null());
}

#[test]
fn wrk_sees_no_error() {
    let hansom = Place::new()
        .with("site/big", varied(300_000))
        .serve(&["--access-log", "off"]);
    for (target, connections) in [("/", "20"), ("/big", "20"), ("/", "1")] {
        let args = ["-t1", "-c", connections, "-d1s", &hansom.url(target)];
        let Some(output) = run("wrk", &args) else {
            return;
        };
        let said = text(&output.stdout);
        assert!(
            output.status.success() && said.contains("Requests/sec"),
            "{said}"
        );
        assert!(
            !said.contains("Socket errors") && !said.contains("Non-2xx"),
            "{said}"
        );
    }
}

#[test]
fn a_batch_of_pipelined_requests_is_one_read_and_one_write() {
    let mut hansom = Hansom::plain(&["--access-log", "off"]);
    if run("strace", &["-V"]).is_none() {
        return;
    }
    let mut client = hansom.connect();
    // So that the file is held in memory.
    for _ in 0..2 {
        assert_eq!(client.get("/").status, 200);
    }
    let trace = hansom.folder().join("trace");
    let mut tracing = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=recvfrom,sendto,sendmsg,writev,sendfile",
            "-o",
        ])
        .arg(&trace)
        .args(["-p", &hansom.child.id().to_string()])
        .spawn()
        .expect("it is there");
    let read = || fs::read_to_string(&trace).unwrap_or_default();
    // Until it is seen at work, or says that it may not.
    let is_at_work = crate::harness::until("the trace begins", || {
        hansom.get("/");
        let has_ended = tracing.try_wait().expect("its status").is_some();
        (has_ended || read().contains("sendto")).then_some(!has_ended)
    });
    if !is_at_work {
        return;
    }
    let before = read().lines().count();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(16));
    for _ in 0..16 {
        assert_eq!(client.answer().status, 200);
    }
    let lines = crate::harness::until("the batch is traced", || {
        let lines: Vec<_> = read().lines().skip(before).map(str::to_owned).collect();
        lines
            .iter()
            .any(|line| line.contains("send"))
            .then_some(lines)
    });
    hansom.child.kill().expect("it runs");
    tracing.wait().expect("it ends with the program");
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("recvfrom("), count("send")), (1, 1), "{lines:#?}");
}
