use std::future::poll_fn;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use engine::Streamed;

use super::*;

const OCTETS: usize = 600_000;
/// What brotli makes of what gets no smaller.
const PIECE_OCTETS_MAX: usize = 600_000;

/// A site whose files are streamed from 100 kB on, with one of them.
fn streaming(configure: impl FnOnce(&mut CacheLimits)) -> Site {
    let mut limits = CacheLimits {
        cache_octets_max: 800_000,
        ..CacheLimits::default()
    };
    configure(&mut limits);
    let site = site_with(|_| {}, limits);
    site.write("a.txt", text(OCTETS));
    site
}

fn ask(site: &Site, fields: &str) -> Response {
    site.ask("GET /a.txt", &format!("{GZIP}{fields}"))
}

fn stream(response: Response) -> Streamed {
    match response.content {
        Content::Stream(streamed) => streamed,
        other => panic!("it is not streamed: {other:?}"),
    }
}

/// All pieces; `None` if it is cut.
async fn pieces(mut streamed: Streamed) -> Option<Vec<Vec<u8>>> {
    let mut pieces = Vec::new();
    loop {
        match poll_fn(|cx| streamed.source.poll_next(cx)).await {
            Some(Ok(piece)) => pieces.push(piece.to_vec()),
            Some(Err(_)) => return None,
            None => return Some(pieces),
        }
    }
}

#[test]
fn a_long_text_is_coded_while_it_is_sent() {
    let site = streaming(|_| {});
    for coding in Coding::ALL {
        let fields = format!("Accept-Encoding: {}\r\n", coding.name());
        let response = site.ask("GET /a.txt", &fields);
        assert_eq!(response.head.status().code(), 200);
        assert_eq!(coding_of(&response).unwrap(), coding.name());
        assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
        assert!(field(&response, Known::ETag).unwrap().starts_with("W/\""));
        assert_eq!(field(&response, Known::AcceptRanges), None);
        let streamed = stream(response);
        assert_eq!(streamed.octets, None);
        let coded = net::run_alone(pieces(streamed)).unwrap().concat();
        assert_eq!(decoded(coding, &coded), text(OCTETS).as_bytes());
    }
    assert_eq!(site.cache.coders().busy(), 0);
}

#[test]
fn pieces_are_bounded_whatever_is_coded() {
    let site = streaming(|_| {});
    // It gets no smaller: so much comes of each read.
    site.write("noise.txt", noise(3 << 20));
    for coding in Coding::ALL {
        let fields = format!("Accept-Encoding: {}\r\n", coding.name());
        let pieces = net::run_alone(pieces(stream(site.ask("GET /noise.txt", &fields)))).unwrap();
        let longest = pieces.iter().map(Vec::len).max().unwrap();
        assert!(longest <= PIECE_OCTETS_MAX, "{coding:?} {longest}");
        assert!(pieces.iter().all(|piece| !piece.is_empty()));
        assert_eq!(decoded(coding, &pieces.concat()), noise(3 << 20));
    }
}

#[test]
fn what_is_coded_to_next_to_nothing_comes_all_the_same() {
    let site = streaming(|_| {});
    site.write("zeros.txt", vec![0; 16 << 20]);
    for coding in Coding::ALL {
        let fields = format!("Accept-Encoding: {}\r\n", coding.name());
        let pieces = net::run_alone(pieces(stream(site.ask("GET /zeros.txt", &fields)))).unwrap();
        assert!(pieces.iter().all(|piece| !piece.is_empty()));
        assert_eq!(decoded(coding, &pieces.concat()), vec![0; 16 << 20]);
    }
}

#[test]
fn without_room_to_keep_anything_short_files_are_streamed_as_well() {
    let site = streaming(|limits| limits.cache_octets_max = 0);
    site.write("b.txt", text(2000));
    let response = site.ask("GET /b.txt", GZIP);
    let coded = net::run_alone(pieces(stream(response))).unwrap().concat();
    assert_eq!(decoded(Coding::Gzip, &coded), text(2000).as_bytes());
}

#[test]
fn a_file_that_changes_meanwhile_is_not_sent_as_if_it_were_complete() {
    let site = streaming(|_| {});
    site.write("b.txt", noise(3 << 20));
    let mut streamed = stream(site.ask("GET /b.txt", GZIP));
    let is_cut = net::run_alone(async {
        let first = poll_fn(|cx| streamed.source.poll_next(cx)).await;
        assert!(matches!(first, Some(Ok(_))));
        let path = site.folder.path().join("b.txt");
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        pieces(streamed).await.is_none()
    });
    assert!(is_cut);
}

#[test]
fn a_file_that_gets_shorter_meanwhile_cuts_the_connection() {
    let site = streaming(|_| {});
    site.write("b.txt", noise(3 << 20));
    let streamed = stream(site.ask("GET /b.txt", GZIP));
    let path = site.folder.path().join("b.txt");
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(100)
        .unwrap();
    assert_eq!(net::run_alone(pieces(streamed)), None);
}

#[test]
fn who_hangs_up_makes_room_for_another() {
    let site = streaming(|limits| limits.coders_max = 1);
    let first = stream(ask(&site, ""));
    assert_eq!(coding_of(&ask(&site, "")), None);
    drop(first);
    assert_eq!(coding_of(&ask(&site, "")).unwrap(), "gzip");
    assert_eq!(site.cache.coders().busy(), 0);
}

#[test]
fn a_thread_that_codes_for_who_hung_up_is_counted_until_it_is_done() {
    let site = streaming(|limits| limits.coders_max = 1);
    let mut streamed = stream(ask(&site, ""));
    net::run_alone(async {
        let threads = occupy_all_threads();
        let first = poll_fn(|cx| Poll::Ready(streamed.source.poll_next(cx))).await;
        assert!(first.is_pending());
        drop(streamed);
        // Whoever asks and hangs up over and over has no more work waiting for him than anybody else.
        assert_eq!(site.cache.coders().busy(), 1);
        let another = response_of(site.answer("GET /a.txt", GZIP)).await;
        assert_eq!(coding_of(&another), None);
        drop(threads);
    });
    assert_eq!(site.cache.coders().busy(), 0);
}

/// Until what comes back is dropped.
fn occupy_all_threads() -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel();
    let wait = Arc::new(Mutex::new(wait));
    for _ in 0..16 {
        let wait = Arc::clone(&wait);
        drop(net::blocking(move || {
            let _ = wait.lock().unwrap().recv();
        }));
    }
    go
}

#[test]
fn a_range_is_of_the_content_without_a_coding() {
    let site = streaming(|_| {});
    let response = ask(&site, "Range: bytes=0-9\r\n");
    assert_eq!(response.head.status().code(), 206);
    assert_eq!(coding_of(&response), None);
    assert_eq!(octets(&response.content), &text(OCTETS).as_bytes()[..10]);
    assert!(field(&response, Known::ETag).unwrap().starts_with('"'));
    // Unless that is not acceptable.
    let fields = "Accept-Encoding: gzip, identity;q=0\r\nRange: bytes=0-9\r\n";
    let response = site.ask("GET /a.txt", fields);
    assert_eq!(
        (
            response.head.status().code(),
            coding_of(&response).as_deref()
        ),
        (200, Some("gzip"))
    );
}

#[test]
fn if_range_continues_what_was_begun_or_begins_anew() {
    let site = streaming(|_| {});
    let weak = field(&ask(&site, ""), Known::ETag).unwrap();
    let plain = site.get("/a.txt");
    let strong = field(&plain, Known::ETag).unwrap();
    let date = field(&plain, Known::LastModified).unwrap();
    for (validator, status, coding) in [
        (&strong, 206, None),
        (&weak, 200, Some("gzip")),
        (&date, 200, Some("gzip")),
        (&"\"other\"".to_owned(), 200, Some("gzip")),
    ] {
        let response = ask(
            &site,
            &format!("If-Range: {validator}\r\nRange: bytes=9-\r\n"),
        );
        assert_eq!(response.head.status().code(), status, "{validator}");
        assert_eq!(coding_of(&response).as_deref(), coding, "{validator}");
    }
}

#[test]
fn the_weak_entity_tag_validates_and_does_not_match() {
    let site = streaming(|_| {});
    let weak = field(&ask(&site, ""), Known::ETag).unwrap();
    let response = ask(&site, &format!("If-None-Match: {weak}\r\n"));
    assert_eq!(response.head.status().code(), 304);
    assert_eq!(field(&response, Known::ETag).unwrap(), weak);
    assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
    // RFC 9110 §13.1.1: by strong comparison.
    let response = ask(&site, &format!("If-Match: {weak}\r\n"));
    assert_eq!(response.head.status().code(), 412);
}
