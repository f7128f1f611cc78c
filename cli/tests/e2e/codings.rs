//! Content codings: real clients decode what is sent, and long contents come while they are coded.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};

use testkit::raw::response::{AnswerTo, Response};

use crate::harness::{Client, Hansom, Place, assert_same, until, varied};

/// Shorter than what is kept, and longer.
const LENGTHS: [usize; 2] = [50_000, 3_000_000];

fn text(octets: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(octets + 64);
    for number in 0.. {
        if text.len() >= octets {
            break;
        }
        let _ = writeln!(
            text,
            "Line {number} of {octets} octets, more or less alike."
        );
    }
    text.truncate(octets);
    text
}

fn place() -> Place {
    Place::new()
        .with("site/0.txt", text(LENGTHS[0]))
        .with("site/1.txt", text(LENGTHS[1]))
}

fn ask(client: &mut Client, line: &str, fields: &str) -> Response {
    client.send(format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let answer_to = if line.starts_with("HEAD") {
        AnswerTo::Head
    } else {
        AnswerTo::Other
    };
    client.answer_to(answer_to)
}

/// The site, served, when its long file is no longer as new as if somebody were writing it.
fn served() -> Hansom {
    let hansom = place().serve(&[]);
    settle(&hansom, "/1.txt");
    hansom
}

/// A long file that has just changed is sent as it is: a further change might not show.
pub(crate) fn settle(hansom: &Hansom, path: &str) {
    until("it is coded", || {
        let fields = "Accept-Encoding: gzip\r\n";
        let head = ask(&mut hansom.connect(), &format!("HEAD {path}"), fields);
        head.value("content-encoding").map(|_| ())
    });
}

/// What comes out of a program when this is put in; `None` where it is not installed.
fn through(program: &str, args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut stdin = child.stdin.take()?;
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    feeding.join().expect("it is fed").expect("it reads");
    assert!(output.status.success(), "{program} {args:?}");
    Some(output.stdout)
}

#[test]
fn curl_decodes_what_it_asks_for() {
    let hansom = served();
    for (number, length) in LENGTHS.into_iter().enumerate() {
        let url = hansom.url(&format!("/{number}.txt"));
        for more in [
            &[][..],
            &["--http1.0"],
            &["-H", "Accept-Encoding: gzip"],
            &["-H", "Accept-Encoding: br"],
            &["-H", "Accept-Encoding: zstd"],
        ] {
            let args = [&["-sS", "--compressed", &url][..], more].concat();
            let Ok(output) = Command::new("curl").args(args).output() else {
                return;
            };
            assert!(output.status.success(), "{more:?}: {output:?}");
            assert_same(&output.stdout, &text(length));
        }
    }
}

#[test]
fn the_programs_of_each_coding_decode_it() {
    let hansom = served();
    let mut client = hansom.connect();
    let python =
        "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read(), 31))";
    for (coding, program, args) in [
        ("gzip", "gzip", &["-dc"][..]),
        ("gzip", "python3", &["-c", python]),
        ("zstd", "zstd", &["-dc"]),
        ("br", "brotli", &["-dc"]),
    ] {
        for (number, length) in LENGTHS.into_iter().enumerate() {
            let fields = format!("Accept-Encoding: {coding}\r\n");
            let answer = ask(&mut client, &format!("GET /{number}.txt"), &fields);
            assert_eq!(answer.value("content-encoding"), Some(coding));
            assert!(answer.content.len() < length / 2);
            if let Some(plain) = through(program, args, &answer.content) {
                assert_same(&plain, &text(length));
            }
        }
    }
}

#[test]
fn what_the_programs_made_is_sent_as_it_is() {
    for (coding, program, args, extension) in [
        ("gzip", "gzip", &["-k", "-9"][..], "gz"),
        ("zstd", "zstd", &["-q", "-k", "-19"], "zst"),
        ("br", "brotli", &["-k"], "br"),
    ] {
        let place = place();
        let status = Command::new(program)
            .args(args)
            .arg(place.path().join("site/1.txt"))
            .status();
        if !status.is_ok_and(|status| status.success()) {
            continue;
        }
        let made = fs::read(place.path().join(format!("site/1.txt.{extension}"))).expect("made");
        let hansom = place.serve(&[]);
        let fields = format!("Accept-Encoding: {coding}\r\n");
        let answer = ask(&mut hansom.connect(), "GET /1.txt", &fields);
        assert_eq!(answer.value("content-encoding"), Some(coding));
        let length = made.len().to_string();
        assert_eq!(answer.value("content-length"), Some(length.as_str()));
        assert_same(&answer.content, &made);
    }
}

#[test]
fn a_long_content_comes_in_chunks_and_the_connection_goes_on() {
    let hansom = served();
    let mut client = hansom.connect();
    let gzip = "Accept-Encoding: gzip\r\n";
    for _ in 0..3 {
        let head = ask(&mut client, "HEAD /1.txt", gzip);
        let get = ask(&mut client, "GET /1.txt", gzip);
        for answer in [&head, &get] {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.value("content-length"), None);
            assert_eq!(answer.value("content-encoding"), Some("gzip"));
            assert_eq!(answer.value("vary"), Some("Accept-Encoding"));
            assert_eq!(answer.value("etag"), get.value("etag"));
        }
        assert_eq!(get.value("transfer-encoding"), Some("chunked"));
        assert!(head.content.is_empty() && !get.content.is_empty());
        let tag = get.value("etag").expect("a tag").to_owned();
        let fields = format!("{gzip}If-None-Match: {tag}\r\n");
        assert_eq!(ask(&mut client, "GET /1.txt", &fields).status, 304);
        let plain = ask(&mut client, "GET /1.txt", "");
        assert_same(&plain.content, &text(LENGTHS[1]));
        let part = ask(
            &mut client,
            "GET /1.txt",
            &format!("{gzip}Range: bytes=0-99\r\n"),
        );
        assert_eq!((part.status, part.value("content-encoding")), (206, None));
        assert_same(&part.content, &text(LENGTHS[1])[..100]);
    }
}

#[test]
fn pipelined_requests_for_codings_are_answered_in_order() {
    let hansom = served();
    let mut client = hansom.connect();
    let mut requests = String::new();
    for coding in ["gzip", "br", "zstd", "identity"] {
        for number in [1, 0] {
            requests.push_str(&format!(
                "GET /{number}.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"
            ));
        }
    }
    client.send(requests);
    for coding in [Some("gzip"), Some("br"), Some("zstd"), None] {
        for _ in [1, 0] {
            assert_eq!(client.answer().value("content-encoding"), coding);
        }
    }
}

#[test]
fn clients_that_hang_up_hold_no_coder_and_no_memory() {
    // It gets no smaller, so that nobody has it all before it reads.
    let hansom = Place::new()
        .with("site/long.txt", varied(30_000_000))
        .serve(&[]);
    settle(&hansom, "/long.txt");
    let request = "GET /long.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    let coding = || {
        let mut client = hansom.connect_narrow();
        client.send("HEAD /long.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        let head = client.answer_to(AnswerTo::Head);
        head.value("content-encoding").map(str::to_owned)
    };
    for _ in 0..2 {
        let mut clients = Vec::new();
        until("as many code as may", || {
            let mut client = hansom.connect_narrow();
            client.send(request);
            client.octets(16);
            clients.push(client);
            coding().is_none().then_some(())
        });
        // Nobody reads: what is held is bounded by the encoders and two pieces each.
        assert!(clients.len() <= 32);
        assert!(hansom.memory() < 120 << 20, "{}", hansom.memory());
        clients.into_iter().for_each(Client::reset);
        until("there is room again", &coding);
    }
}

/// A file of a GiB that is all holes: it is read to its end, and nothing of it is held.
#[test]
fn a_gib_is_coded_in_bounded_memory() {
    let place = Place::new();
    let path = place.path().join("site/holes.txt");
    File::create(path)
        .expect("a file")
        .set_len(1 << 30)
        .expect("holes");
    let hansom = place.serve(&[]);
    settle(&hansom, "/holes.txt");
    let mut client = hansom.connect();
    client.send("GET /holes.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.value("content-encoding"), Some("zstd"));
    assert!(answer.content.len() < 1 << 20);
    assert!(hansom.memory() < 32 << 20, "{}", hansom.memory());
}
