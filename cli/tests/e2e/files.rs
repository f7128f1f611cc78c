//! Files that change, are not files, or are not meant to be seen.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::{End, Hansom, Place, assert_same, until, varied};

#[test]
fn a_changed_file_is_served_changed() {
    for length in [10, 300_000] {
        let hansom = Place::new().with("site/a", vec![b'a'; length]).serve(&[]);
        let mut client = hansom.connect();
        let first = client.get("/a");
        assert_eq!(first.content, vec![b'a'; length]);
        // Of the same length, so that only its times tell.
        fs::write(hansom.site("a"), vec![b'b'; length]).expect("written");
        let changed = until("the change is seen", || {
            let answer = client.get("/a");
            (answer.content != first.content).then_some(answer)
        });
        assert_eq!(changed.content, vec![b'b'; length]);
        let tag = changed.value("etag").expect("a tag");
        // A weak one says that the clock of the file system may be too coarse to tell.
        assert!(tag.starts_with("W/") || Some(tag) != first.value("etag"));
    }
}

#[test]
fn a_file_that_comes_and_goes_is_served_and_is_not() {
    let hansom = Hansom::plain(&[]);
    let mut client = hansom.connect();
    assert_eq!(client.get("/a").status, 404);
    fs::write(hansom.site("a"), "a").expect("written");
    assert_eq!(
        client.get("/a").status,
        200,
        "that it is not there is not kept"
    );
    fs::remove_file(hansom.site("a")).expect("removed");
    until("it is gone", || {
        (client.get("/a").status == 404).then_some(())
    });
}

/// Replaces a file by rename, over and over, while clients ask for it: each answer must be one of the contents, with the
/// length and the entity tag of that content.
fn hammer(contents: [Vec<u8>; 2]) {
    let hansom = Place::new().with("site/a", &contents[0]).serve(&[]);
    let path = hansom.site("a");
    let aside = hansom.folder().join("aside");
    let contents = Arc::new(contents);
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = {
        let (contents, is_over) = (Arc::clone(&contents), Arc::clone(&is_over));
        thread::spawn(move || {
            for content in contents.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                fs::write(&aside, content).expect("written");
                fs::rename(&aside, &path).expect("renamed");
            }
        })
    };
    let mut client = hansom.connect();
    let mut seen = [false; 2];
    let mut tags = Vec::new();
    let mut answers = 0;
    until("both contents were served", || {
        let answer = client.get("/a");
        assert_eq!(answer.status, 200);
        let which = contents
            .iter()
            .position(|content| *content == answer.content);
        let which = which.expect("one of the contents, whole");
        seen[which] = true;
        let tag = answer.value("etag").expect("a tag").to_owned();
        if !tags.contains(&(tag.clone(), which)) {
            assert!(
                tags.iter().all(|(known, _)| *known != tag),
                "one tag for two contents"
            );
            tags.push((tag, which));
        }
        answers += 1;
        (seen == [true; 2] && answers >= 1000).then_some(())
    });
    is_over.store(true, Ordering::Relaxed);
    writing.join().expect("it ends");
}

#[test]
fn an_answer_is_of_one_version_though_a_small_file_of_one_length_is_replaced() {
    hammer([vec![b'a'; 5000], vec![b'b'; 5000]]);
}

#[test]
fn an_answer_is_of_one_version_though_a_small_file_of_another_length_is_replaced() {
    hammer([vec![b'a'; 5000], vec![b'b'; 9000]]);
}

#[test]
fn an_answer_is_of_one_version_though_a_large_file_is_replaced() {
    hammer([vec![b'a'; 400_000], vec![b'b'; 300_000]]);
}

#[test]
fn an_answer_is_of_one_version_though_a_small_file_is_written_in_place() {
    let hansom = Place::new().with("site/a", [b'a'; 20_000]).serve(&[]);
    let file = File::options()
        .write(true)
        .open(hansom.site("a"))
        .expect("it is there");
    let mut client = hansom.connect();
    for octet in *b"bcd" {
        file.write_all_at(&[octet; 20_000], 0).expect("written");
        until("the change is seen", || {
            let content = client.get("/a").content;
            assert_eq!(content.len(), 20_000);
            assert!(
                content.iter().all(|other| *other == content[0]),
                "a mix of two versions"
            );
            (content[0] == octet).then_some(())
        });
    }
}

#[test]
fn a_file_that_is_not_in_memory_is_served_whole() {
    let content = varied(20 << 20);
    let hansom = Place::new().with("site/big", &content).serve(&[]);
    let file = File::open(hansom.site("big")).expect("it is there");
    file.sync_all().expect("it is on the disk");
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("it is forgotten");
    let mut client = hansom.connect();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(hansom.get("/").status, 200);
    assert_same(&client.answer().content, &content);
    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_in_a_close() {
    let hansom = Place::new().with("site/big", varied(32 << 20)).serve(&[]);
    let mut client = hansom.connect_narrow();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    client.octets(1);
    File::options()
        .write(true)
        .open(hansom.site("big"))
        .and_then(|file| file.set_len(1000))
        .expect("it can be cut");
    let (rest, end) = client.rest();
    assert!(rest.len() < 32 << 20, "it is not padded");
    assert_eq!(end, End::Closed);
    let record = &hansom.log_records(1)[0];
    assert_eq!(
        (&record["complete"], &record["closes"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn a_fifo_is_not_there_and_nobody_waits_for_it() {
    let hansom = Hansom::plain(&[]);
    let made = Command::new("mkfifo").arg(hansom.site("fifo")).status();
    assert!(made.is_ok_and(|status| status.success()));
    for _ in 0..3 {
        assert_eq!(hansom.get("/fifo").status, 404);
    }
    assert_eq!(hansom.get("/").status, 200);
}

#[test]
fn a_link_out_of_the_folder_is_not_there() {
    let hansom = Place::new().with("secret", "secret").serve(&[]);
    symlink("../secret", hansom.site("out")).expect("a link");
    symlink(hansom.folder().join("secret"), hansom.site("absolute")).expect("a link");
    symlink("..", hansom.site("up")).expect("a link");
    symlink("/", hansom.site("top")).expect("a link");
    symlink("loop", hansom.site("loop")).expect("a link");
    for target in [
        "/out",
        "/absolute",
        "/up/secret",
        "/top/etc/passwd",
        "/up/",
        "/loop",
    ] {
        let answer = hansom.get(target);
        assert!(
            [403, 404].contains(&answer.status),
            "{target}: {}",
            answer.status
        );
        assert!(
            !answer.content.windows(6).any(|window| window == b"secret"),
            "{target}"
        );
    }
}

#[test]
fn a_link_within_the_folder_is_followed() {
    let hansom = Place::new().with("site/dir/a", "a").serve(&[]);
    symlink("dir/a", hansom.site("link")).expect("a link");
    symlink(hansom.site("dir"), hansom.site("folder")).expect("a link");
    assert_eq!(hansom.get("/link").content, b"a");
    assert_eq!(hansom.get("/folder/a").content, b"a");
}

#[test]
fn a_file_that_may_not_be_read_is_no_failure_of_the_server() {
    let hansom = Place::new().with("site/locked", "x").serve(&[]);
    let chmod = Command::new("chmod")
        .arg("000")
        .arg(hansom.site("locked"))
        .status();
    assert!(chmod.is_ok_and(|status| status.success()));
    let answer = hansom.get("/locked");
    // Whoever runs the tests as root may read it all the same.
    assert!(
        [200, 403, 404].contains(&answer.status),
        "{}",
        answer.status
    );
}

#[test]
fn a_file_that_grows_is_sent_as_long_as_it_was() {
    let content = varied(4 << 20);
    let hansom = Place::new().with("site/big", &content).serve(&[]);
    let mut client = hansom.connect_narrow();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut start = client.octets(1);
    let mut file = File::options()
        .append(true)
        .open(hansom.site("big"))
        .expect("it is there");
    file.write_all(&[b'x'; 100_000]).expect("it grows");
    start.extend(client.octets(content.len()));
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (rest, end) = client.rest();
    start.extend(rest);
    assert_eq!(end, End::Closed);
    let at = start
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a head")
        + 4;
    assert_same(&start[at..at + content.len()], &content);
    assert!(start[at + content.len()..].starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_folder_is_listed_only_when_that_is_asked_for() {
    let place = || {
        Place::new()
            .with("site/dir/a & b.txt", "a")
            .with("site/dir/.hidden", "h")
    };
    assert_eq!(place().serve(&[]).get("/dir/").status, 403);
    let hansom = place().serve(&["--browse"]);
    let listing = hansom.get("/dir/");
    let text = String::from_utf8(listing.content).expect("text");
    assert_eq!(listing.status, 200);
    assert!(
        text.contains("a &amp; b.txt") && !text.contains(".hidden"),
        "{text}"
    );
    let index = hansom.get("/");
    assert!(
        index.content.starts_with(b"<!doctype html><title>a"),
        "an index file comes first"
    );
}

#[test]
fn a_folder_that_is_removed_while_it_is_served_is_not_there() {
    let hansom = Place::new().with("site/dir/index.html", "a").serve(&[]);
    assert_eq!(hansom.get("/dir/").status, 200);
    fs::remove_dir_all(hansom.site("dir")).expect("removed");
    until("it is gone", || {
        (hansom.get("/dir/").status == 404).then_some(())
    });
    assert!(!Path::new(&hansom.site("dir")).exists());
}
