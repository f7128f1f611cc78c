//! Files that clients store: whole or not at all, whatever happens meanwhile.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::{Resource, Rlimit, prlimit};
use testkit::raw::response::{AnswerTo, Response};

use crate::harness::{Client, Hansom, Place, assert_same, until, varied};

fn serve(args: &[&str]) -> Hansom {
    start(Place::new(), args)
}

fn start(place: Place, args: &[&str]) -> Hansom {
    let mut command = place.command();
    command
        .args([
            "serve",
            "site",
            "--listen",
            "0",
            "--uploads",
            "--workers",
            "2",
        ])
        .args(args);
    place.start(command)
}

fn put(client: &mut Client, target: &str, fields: &str, content: &[u8]) -> Response {
    client.send(format!(
        "PUT {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{fields}\r\n",
        content.len()
    ));
    client.send(content);
    client.answer()
}

/// Begins a PUT up to the first octets of its content.
fn begin_put(client: &mut Client, target: &str, octets: usize, first: &[u8]) {
    client.send(format!(
        "PUT {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {octets}\r\n\r\n"
    ));
    client.send(first);
}

fn hidden_names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect()
}

/// Files without a name that the program holds open.
fn files_in_the_making(hansom: &Hansom) -> usize {
    hansom.open_files(|path| path.contains("/site/") && path.ends_with(" (deleted)"))
}

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

fn expect_continue(client: &mut Client) {
    let octets = client.octets(CONTINUE.len());
    assert_eq!(String::from_utf8_lossy(&octets), CONTINUE);
}

#[test]
fn a_file_that_was_put_is_got_at_once_on_every_connection() {
    let hansom = serve(&[]);
    let mut clients: Vec<_> = (0..12).map(|_| hansom.connect()).collect();
    for round in 0..20 {
        let content = format!("version {round}");
        let putting = round % clients.len();
        let answer = put(&mut clients[putting], "/a", "", content.as_bytes());
        assert_eq!(answer.status, if round == 0 { 201 } else { 204 });
        for client in &mut clients {
            assert_eq!(client.get("/a").content, content.as_bytes());
        }
    }
}

#[test]
fn a_large_file_goes_through_little_memory() {
    let hansom = serve(&[]);
    let content = varied(64 << 20);
    let mut client = hansom.connect();
    assert_eq!(put(&mut client, "/warm", "", b"x").status, 201);
    let before = hansom.memory();
    client.send("PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut most = 0;
    for _ in 0..3 {
        for piece in content.chunks(4 << 20) {
            client.send(format!("{:x}\r\n", piece.len()));
            client.send(piece);
            client.send("\r\n");
            most = most.max(hansom.memory().saturating_sub(before));
        }
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status, 201);
    assert!(most < 4 << 20, "{most} octets more than before");
    let stored = fs::read(hansom.site("a")).expect("the file");
    assert_same(&stored, &content.repeat(3));
}

#[test]
fn preconditions_are_judged_before_the_content_is_asked_for() {
    let hansom = serve(&["--limit", "content_octets_max=1000"]);
    for (fields, status) in [
        ("If-None-Match: *\r\nContent-Length: 9\r\n", 412),
        ("Content-Length: 1001\r\n", 413),
        ("Content-Range: bytes 0-1/9\r\nContent-Length: 9\r\n", 400),
        ("Sec-Fetch-Site: cross-site\r\nContent-Length: 9\r\n", 403),
    ] {
        let mut client = hansom.connect();
        client.send(format!(
            "PUT /index.html HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{fields}\r\n"
        ));
        assert_eq!(client.answer().status, status, "{fields}");
    }
    let mut client = hansom.connect();
    client
        .send("PUT /new HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    expect_continue(&mut client);
    client.send("abc");
    assert_eq!(client.answer().status, 201);
}

#[test]
fn of_two_clients_that_saw_the_same_version_one_is_refused() {
    let hansom = serve(&[]);
    let tag = hansom.get("/index.html").value("etag").map(str::to_owned);
    let tag = tag.expect("a tag");
    let mut first = hansom.connect();
    let mut second = hansom.connect();
    for client in [&mut first, &mut second] {
        client.send(format!(
            "PUT /index.html HTTP/1.1\r\nHost: a\r\nIf-Match: {tag}\r\nExpect: 100-continue\r\n\
             Content-Length: 3\r\n\r\n"
        ));
        // The precondition is true for both when their heads come.
        expect_continue(client);
    }
    second.send("two");
    assert_eq!(second.answer().status, 204);
    first.send("one");
    assert_eq!(first.answer().status, 412);
    assert_eq!(hansom.get("/index.html").content, b"two");
}

#[test]
fn of_many_clients_that_create_one_file_one_does() {
    let hansom = serve(&[]);
    let threads: Vec<_> = (0..16)
        .map(|n| {
            let mut client = hansom.connect();
            thread::spawn(move || {
                let content = vec![n; 10_000];
                put(&mut client, "/one", "If-None-Match: *\r\n", &content).status
            })
        })
        .collect();
    let statuses: Vec<u16> = threads
        .into_iter()
        .map(|t| t.join().expect("it ends"))
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 15);
}

#[test]
fn a_file_that_is_replaced_all_the_time_is_always_whole() {
    let hansom = serve(&[]);
    let is_over = AtomicBool::new(false);
    let mut client = hansom.connect();
    put(&mut client, "/a", "", &[0; 100_000]);
    thread::scope(|scope| {
        for n in 1..4_u8 {
            let mut client = hansom.connect();
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let content = vec![n; 40_000 * usize::from(n)];
                    assert_eq!(put(&mut client, "/a", "", &content).status, 204);
                }
            });
        }
        for _ in 0..300 {
            let content = client.get("/a").content;
            let first = content[0];
            assert!(content.iter().all(|octet| *octet == first));
            let octets = if first == 0 {
                100_000
            } else {
                40_000 * usize::from(first)
            };
            assert_eq!(content.len(), octets);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(hidden_names(&hansom.site("")).is_empty());
}

#[test]
fn a_client_that_leaves_leaves_nothing() {
    let hansom = serve(&[]);
    let old = fs::read(hansom.site("index.html")).expect("the file");
    for is_reset in [true, false] {
        for target in ["/index.html", "/new"] {
            let mut client = hansom.connect();
            begin_put(&mut client, target, 10_000_000, &varied(2_000_000));
            until("the upload is under way", || {
                (files_in_the_making(&hansom) == 1).then_some(())
            });
            match is_reset {
                true => client.reset(),
                false => drop(client),
            }
            until("the upload is given up", || {
                (files_in_the_making(&hansom) == 0).then_some(())
            });
        }
    }
    assert_same(
        &fs::read(hansom.site("index.html")).expect("the file"),
        &old,
    );
    let names = fs::read_dir(hansom.site("")).expect("the folder").count();
    assert_eq!(names, 1);
}

#[test]
fn content_that_breaks_a_rule_half_way_leaves_nothing() {
    let hansom = serve(&[]);
    let mut client = hansom.connect();
    client
        .send("PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n");
    assert_eq!(client.answer().status, 400);
    until("the upload is given up", || {
        (files_in_the_making(&hansom) == 0).then_some(())
    });
    assert!(!hansom.site("a").exists());
}

#[test]
fn content_beyond_the_bound_is_refused_also_when_its_length_is_not_told() {
    let hansom = serve(&["--limit", "content_octets_max=100000"]);
    let mut client = hansom.connect();
    client.send("PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..4 {
        let _ = client.try_send(format!("{:x}\r\n{}\r\n", 30_000, "x".repeat(30_000)));
    }
    assert_eq!(client.answer().status, 413);
    until("the upload is given up", || {
        (files_in_the_making(&hansom) == 0).then_some(())
    });
    assert!(!hansom.site("a").exists());
}

#[test]
fn an_upload_in_parts_that_finds_no_room_leaves_nothing() {
    let configuration = "[[site]]\nroot = \"site\"\nuploads = true\nresumable_uploads = true\n";
    let place = Place::new().with("hansom.toml", configuration);
    let mut command = Command::new("sh");
    command
        .current_dir(place.path())
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_hansom"))
        .args(["run", "--listen", "0"]);
    let hansom = place.start(command);
    let none = Rlimit {
        current: Some(0),
        maximum: None,
    };
    prlimit(Some(hansom.id()), Resource::Fsize, none).expect("another limit");
    let mut client = hansom.connect();
    client.send("PUT /new HTTP/1.1\r\nHost: a\r\nUpload-Complete: ?0\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.answer().status, 507);
    let shelf = hansom.site(".hansom-uploads");
    assert_eq!(fs::read_dir(shelf).expect("the folder").count(), 0);
}

#[test]
fn without_room_the_old_file_stays_and_507_is_told() {
    let place = Place::new();
    let mut command = place.command();
    let program = command.get_program().to_owned();
    // A file may have 100 KiB or so (dash counts in 512 octets, others in 1024), and to exceed that is an error, not a signal.
    command = Command::new("sh");
    command
        .current_dir(place.path())
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\""])
        .arg(program)
        .args([
            "serve",
            "site",
            "--listen",
            "0",
            "--workers",
            "1",
            "--uploads",
        ])
        .args(["--access-log", "off"]);
    let hansom = place.start(command);
    let old = fs::read(hansom.site("index.html")).expect("the file");
    for target in ["/index.html", "/new"] {
        let mut client = hansom.connect();
        let answer = put(&mut client, target, "", &varied(300_000));
        assert_eq!(answer.status, 507, "{target}");
    }
    let mut client = hansom.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    );
    let form = "--b\r\nContent-Disposition: form-data; name=a; filename=small\r\n\r\nx\r\n\
                --b\r\nContent-Disposition: form-data; name=a; filename=large\r\n\r\n";
    let form = [form.as_bytes(), &varied(300_000), b"\r\n--b--\r\n"].concat();
    client.send(format!("{:x}\r\n", form.len()));
    client.send(&form);
    client.send("\r\n0\r\n\r\n");
    assert_eq!(client.answer().status, 507);
    assert_same(
        &fs::read(hansom.site("index.html")).expect("the file"),
        &old,
    );
    assert_eq!(
        fs::read_dir(hansom.site("")).expect("the folder").count(),
        1
    );
    assert_eq!(put(&mut hansom.connect(), "/new", "", b"x").status, 201);
}

/// Content that tells of itself whether it is whole.
fn told(version: u32) -> Vec<u8> {
    let octets = 20 + (version as usize * 7919) % 200_000;
    let mut content = format!("{octets:08} {version:08} ").into_bytes();
    content.resize(octets, version as u8);
    content
}

fn is_whole(content: &[u8]) -> bool {
    let Some(version) = content.get(9..17) else {
        return false;
    };
    let version = String::from_utf8_lossy(version).parse();
    version.is_ok_and(|version| told(version) == content)
}

#[test]
fn a_server_that_is_killed_leaves_every_file_old_or_new_and_no_litter() {
    let mut place = Place::new();
    for name in 0..8 {
        place = place.with(&format!("site/f{name}"), told(name));
    }
    for round in 1..=3 {
        let hansom = start(place, &[]);
        let answered = AtomicUsize::new(0);
        place = thread::scope(|scope| {
            for n in 0..6_u32 {
                let mut client = hansom.connect();
                let answered = &answered;
                scope.spawn(move || {
                    for turn in 0.. {
                        let version = round * 1_000_000 + turn * 10 + n;
                        let content = told(version);
                        let name = (version / 10 + n) % 8;
                        let head = format!(
                            "PUT /f{name} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                            content.len()
                        );
                        let sent = client
                            .try_send(head)
                            .and_then(|()| client.try_send(content));
                        if sent.is_err() || !client.try_answer() {
                            return;
                        }
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            until("many are answered", || {
                (answered.load(Ordering::Relaxed) > 60).then_some(())
            });
            hansom.killed()
        });
        for name in 0..8 {
            let content = fs::read(place.path().join(format!("site/f{name}"))).expect("the file");
            assert!(is_whole(&content), "f{name} has {} octets", content.len());
        }
    }
    // As if it had been killed between its two system calls.
    let place = place
        .with("site/.hansom-1f.part", "x")
        .with("site/d/.hansom-2e.part", "x");
    let hansom = start(place, &[]);
    assert!(hidden_names(&hansom.site("")).is_empty());
    assert!(hidden_names(&hansom.site("d")).is_empty());
    assert_eq!(
        fs::read_dir(hansom.site("")).expect("the folder").count(),
        10
    );
}

#[test]
fn uploads_may_be_longer_than_other_content_without_a_word_about_it() {
    let hansom = serve(&[]);
    for (octets, status) in [(10_u64 << 30, None), ((10 << 30) + 1, Some(413))] {
        let mut client = hansom.connect();
        client.send(format!(
            "PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {octets}\r\n\r\n"
        ));
        match status {
            Some(status) => assert_eq!(client.answer().status, status),
            None => assert!(
                [100, 507].contains(&client.answer().status),
                "its length is no reason to refuse it"
            ),
        }
    }
}

#[test]
fn a_resumable_upload_outlives_the_server() {
    let hansom = Place::new().run(RESUMABLE);
    let content = varied(3_000_000);
    let (first, rest) = content.split_at(1_000_000);
    let mut client = hansom.connect();
    let answer = put(&mut client, "/a", "Upload-Complete: ?0\r\n", b"");
    assert_eq!(answer.status, 201);
    let at = answer.value("Location").expect("the upload").to_owned();
    // More is announced than comes before the server is killed.
    client.send(patch(&at, 0, content.len(), "?1"));
    client.send(first);
    until("octets are stored", || (stored(&hansom) > 0).then_some(()));
    let hansom = hansom.killed().run(RESUMABLE);
    assert!(!hansom.site("a").exists());
    let mut client = hansom.connect();
    client.send(format!("HEAD {at} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let answer = client.answer_to(AnswerTo::Head);
    assert_eq!(answer.value("Upload-Complete"), Some("?0"));
    let offset = answer.value("Upload-Offset").expect("an offset");
    let offset: usize = offset.parse().expect("a number");
    assert!((1..=first.len()).contains(&offset), "{offset}");
    let left = &content[offset..];
    assert!(left.len() >= rest.len());
    client.send(patch(&at, offset, left.len(), "?1"));
    client.send(left);
    assert!(matches!(client.answer().status, 200 | 201 | 204));
    assert_same(&fs::read(hansom.site("a")).expect("the file"), &content);
    assert_same(&client.get("/a").content, &content);
}

const RESUMABLE: &str = "\
[[site]]
root = \"site\"
uploads = true
resumable_uploads = true
";

fn patch(at: &str, offset: usize, octets: usize, is_complete: &str) -> String {
    format!(
        "PATCH {at} HTTP/1.1\r\nHost: a\r\nContent-Type: application/partial-upload\r\n\
         Upload-Offset: {offset}\r\nUpload-Complete: {is_complete}\r\nContent-Length: {octets}\r\n\r\n"
    )
}

/// Octets of unfinished uploads.
fn stored(hansom: &Hansom) -> u64 {
    let entries = fs::read_dir(hansom.site(".hansom-uploads")).expect("the folder");
    entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| !entry.file_name().to_string_lossy().ends_with(".json"))
        .map(|entry| entry.metadata().map_or(0, |it| it.len()))
        .sum()
}

/// What curl prints of an answer's status, and its content.
fn curl(hansom: &Hansom, args: &[&str], path: &str) -> (String, String) {
    let out = Command::new("curl")
        .args(["-sS", "--max-time", "30", "-w", "\n%{http_code}"])
        .args(args)
        .arg(hansom.url(path))
        .current_dir(hansom.folder())
        .stderr(Stdio::inherit())
        .output()
        .expect("curl is there");
    let text = String::from_utf8(out.stdout).expect("text");
    let (content, status) = text.rsplit_once('\n').expect("a status");
    (status.to_owned(), content.to_owned())
}

#[test]
fn curl_puts_posts_and_deletes() {
    let place = Place::new()
        .with("big", varied(3_000_000))
        .with("a b.txt", "hello")
        .with("site/d/x", "");
    let hansom = start(place, &["--browse"]);
    let status = |args: &[&str], path: &str| curl(&hansom, args, path).0;
    assert_eq!(status(&["-T", "big"], "/big"), "201");
    assert_eq!(status(&["-T", "big"], "/big"), "204");
    assert_eq!(status(&["-T", "a b.txt"], "/"), "201");
    assert_eq!(
        status(&["-T", "big", "-H", "If-None-Match: *"], "/big"),
        "412"
    );
    assert_eq!(
        status(
            &["-T", "big", "-H", "Transfer-Encoding: chunked"],
            "/chunked"
        ),
        "201"
    );
    assert_eq!(
        status(
            &["-F", "f=@big;filename=\"q\\\"uote\"", "-F", "f=@a b.txt"],
            "/"
        ),
        "303"
    );
    assert_eq!(
        fs::read(hansom.site("q\"uote")).expect("the file").len(),
        3_000_000
    );
    assert_eq!(
        fs::read(hansom.site("a b (2).txt")).expect("the file"),
        b"hello"
    );
    let (code, json) = curl(
        &hansom,
        &["-H", "Accept: application/json", "-d", "x=1"],
        "/",
    );
    assert_eq!(code, "201");
    assert!(json.contains("\"name\": \"form-"), "{json}");
    let (code, list) = curl(&hansom, &["-L", "-F", "f=@a b.txt"], "/d/");
    assert_eq!(code, "200");
    assert!(list.contains("a b.txt"), "{list}");
    assert_eq!(status(&["-X", "DELETE"], "/big"), "204");
    assert_eq!(status(&["-X", "DELETE"], "/big"), "404");
    assert_same(
        &fs::read(hansom.site("chunked")).expect("it"),
        &varied(3_000_000),
    );
}

#[test]
fn without_the_flag_nothing_can_be_changed() {
    let hansom = Hansom::plain(&[]);
    for method in ["PUT", "DELETE", "POST"] {
        let mut client = hansom.connect();
        client.send(format!(
            "{method} /index.html HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(client.answer().status, 405);
    }
}
