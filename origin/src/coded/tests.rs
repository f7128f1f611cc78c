use std::fs;
use std::time::{Duration, SystemTime};

use coding::{Decoder, DecoderLimits};
use engine::{Answer, Content, Response};

use super::*;
use crate::cache::CacheLimits;
use crate::files::FilesConfig;
use crate::files::tests::{Site, field, set_modified};
use crate::testing::{octets, response_of};

mod sidecars;
mod streams;
mod validators;

const EVERY: &str = "Accept-Encoding: gzip, deflate, br, zstd\r\n";
const GZIP: &str = "Accept-Encoding: gzip\r\n";

fn site() -> Site {
    site_with(|_| {}, CacheLimits::default())
}

fn site_with(configure: impl FnOnce(&mut FilesConfig), limits: CacheLimits) -> Site {
    let codings = |config: &mut FilesConfig| {
        config.codings = Coding::ALL.to_vec();
        config.coding_octets_min = 1024;
        configure(config);
    };
    Site::with(codings, limits)
}

fn text(octets: usize) -> String {
    let mut text = String::new();
    for number in 0.. {
        if text.len() >= octets {
            break;
        }
        text.push_str(&format!("Line {number} of a text that gets smaller.\n"));
    }
    text.truncate(octets);
    text
}

/// Octets that no coding makes smaller.
fn noise(octets: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..octets).map(|_| next()).collect()
}

fn decoded(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let limits = DecoderLimits {
        octets_max: 1 << 30,
        ratio_max: u64::MAX,
    };
    Decoder::new(coding, limits)
        .unwrap()
        .decode_all(coded)
        .unwrap()
}

fn coding_of(response: &Response) -> Option<String> {
    field(response, Known::ContentEncoding)
}

fn is_kept(answer: &Answer) -> bool {
    matches!(answer, Answer::Kept { .. })
}

#[test]
fn a_text_is_sent_in_the_coding_that_is_most_welcome() {
    let site = site();
    let content = text(20_000);
    site.write("a.html", &content);
    for (asked, expected) in [
        ("gzip, deflate, br, zstd", Coding::Zstd),
        ("gzip, deflate, br", Coding::Brotli),
        ("gzip", Coding::Gzip),
        ("x-gzip", Coding::Gzip),
        ("gzip;q=0.9, br;q=0.8", Coding::Gzip),
        ("*", Coding::Zstd),
    ] {
        let response = site.ask("GET /a.html", &format!("Accept-Encoding: {asked}\r\n"));
        assert_eq!(response.head.status().code(), 200);
        assert_eq!(
            coding_of(&response).as_deref(),
            Some(expected.name()),
            "{asked}"
        );
        assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
        assert_eq!(
            field(&response, Known::ContentType).unwrap(),
            "text/html; charset=utf-8"
        );
        let coded = octets(&response.content);
        assert!(coded.len() < content.len() / 2);
        assert_eq!(decoded(expected, &coded), content.as_bytes());
    }
}

#[test]
fn each_coding_has_a_strong_entity_tag_of_its_own() {
    let site = site();
    site.write("a.html", text(20_000));
    let mut tags: Vec<String> = ["", GZIP, "Accept-Encoding: br\r\n", EVERY]
        .iter()
        .map(|fields| field(&site.ask("GET /a.html", fields), Known::ETag).unwrap())
        .collect();
    assert!(tags.iter().all(|tag| tag.starts_with('"')), "{tags:?}");
    assert!(tags[1].ends_with(&format!("-gz{RECIPE}\"")), "{tags:?}");
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

#[test]
fn without_a_coding_that_is_welcome_the_file_is_sent_as_it_is_and_still_varies() {
    let site = site();
    let content = text(2000);
    site.write("a.html", &content);
    for fields in [
        "",
        "Accept-Encoding: \r\n",
        "Accept-Encoding: identity\r\n",
        "Accept-Encoding: deflate\r\n",
        "Accept-Encoding: gzip;q=0.4, identity\r\n",
        "Accept-Encoding: gzip;q=0, *;q=0\r\n",
        // RFC 9110 §12.5.3 does not say what is sent to whoever accepts nothing.
        "Accept-Encoding: identity;q=0\r\n",
    ] {
        let response = site.ask("GET /a.html", fields);
        assert_eq!(response.head.status().code(), 200);
        assert_eq!(coding_of(&response), None, "{fields}");
        assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
        assert_eq!(octets(&response.content), content.as_bytes());
    }
}

#[test]
fn what_is_not_offered_in_a_coding_does_not_vary() {
    let plain = |site: &Site, path: &str| {
        let response = site.ask(&format!("GET {path}"), EVERY);
        assert_eq!(response.head.status().code(), 200);
        (coding_of(&response), field(&response, Known::Vary))
    };
    let offering = site();
    offering.write("tiny.html", text(1023));
    offering.write("image.png", text(5000));
    offering.write("unknown", text(5000));
    for path in ["/tiny.html", "/image.png", "/unknown"] {
        assert_eq!(plain(&offering, path), (None, None), "{path}");
    }
    let no_transform = |config: &mut FilesConfig| {
        config.cache_control = Some("public, No-Transform".into());
    };
    let none = |config: &mut FilesConfig| config.codings.clear();
    for site in [
        site_with(no_transform, CacheLimits::default()),
        site_with(none, CacheLimits::default()),
    ] {
        site.write("a.html", text(5000));
        assert_eq!(plain(&site, "/a.html"), (None, None));
    }
}

#[test]
fn a_content_of_the_least_length_is_coded() {
    let site = site();
    site.write("a.txt", text(1024));
    assert!(coding_of(&site.ask("GET /a.txt", EVERY)).is_some());
}

#[test]
fn what_was_coded_is_kept_and_sent_again_without_waiting() {
    let site = site();
    // Of a file that is kept whole, and of one that is kept open.
    for octets in [5000, 200_000] {
        site.write("a.html", text(octets));
        site.pass(1001);
        let first = site.ask("GET /a.html", EVERY);
        let again = site.answer("GET /a.html", EVERY);
        assert!(is_kept(&again), "{octets}");
        let again = net::run_alone(response_of(again));
        let (Content::Octets(first), Content::Octets(again)) = (&first.content, &again.content)
        else {
            panic!("it is not in memory");
        };
        assert_eq!(first.as_ptr(), again.as_ptr());
    }
}

#[test]
fn what_was_coded_is_kept_when_the_head_is_of_another_second() {
    let site = site_with(
        |config| config.expires_seconds = Some(60),
        CacheLimits::default(),
    );
    site.write("a.html", text(5000));
    let first = site.ask("GET /a.html", EVERY);
    for _ in 0..3 {
        site.pass(1100);
        let Answer::Kept { .. } = site.answer("GET /a.html", EVERY) else {
            panic!("it is coded again");
        };
    }
    let last = site.ask("GET /a.html", EVERY);
    assert!(is_kept(&site.answer("GET /a.html", EVERY)));
    assert_ne!(field(&first, Known::Expires), field(&last, Known::Expires));
    let (Content::Octets(first), Content::Octets(last)) = (&first.content, &last.content) else {
        panic!("it is not in memory");
    };
    assert_eq!(first.as_ptr(), last.as_ptr());
}

#[test]
fn a_file_that_changed_is_coded_anew() {
    let site = site();
    for octets in [5000, 200_000] {
        site.write("a.html", text(octets));
        site.pass(1001);
        let before = site.ask("GET /a.html", GZIP);
        site.write("a.html", text(octets + 1));
        set_modified(&site, "a.html", SystemTime::now() + Duration::from_secs(5));
        site.pass(60_000);
        let after = site.ask("GET /a.html", GZIP);
        let content = decoded(Coding::Gzip, &self::octets(&after.content));
        assert_eq!(content.len(), octets + 1);
        assert_ne!(field(&before, Known::ETag), field(&after, Known::ETag));
    }
}

#[test]
fn a_file_that_goes_goes_in_every_coding() {
    let site = site();
    site.write("a.html", text(5000));
    site.ask("GET /a.html", GZIP);
    fs::remove_file(site.folder.path().join("a.html")).unwrap();
    site.pass(1001);
    assert_eq!(site.ask("GET /a.html", GZIP).head.status().code(), 404);
}

#[test]
fn a_large_file_that_changes_all_the_time_is_sent_as_it_is() {
    let site = site();
    site.write("a.html", text(200_000));
    site.turn_back_to("a.html");
    let response = site.ask("GET /a.html", EVERY);
    assert_eq!(coding_of(&response), None);
    assert!(field(&response, Known::ETag).unwrap().starts_with("W/"));
    assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
}

#[test]
fn head_tells_what_get_would_in_every_coding() {
    let site = site_with(
        |_| {},
        CacheLimits {
            cache_octets_max: 800_000,
            ..CacheLimits::default()
        },
    );
    site.write("kept.html", text(5000));
    site.write("streamed.html", text(300_000));
    site.write("beside.html", text(5000));
    site.write("beside.html.gz", noise(500));
    for path in ["/kept.html", "/streamed.html", "/beside.html"] {
        for fields in ["", GZIP, EVERY] {
            let lines = |method: &str| -> Vec<(Vec<u8>, Vec<u8>)> {
                let response = site.ask(&format!("{method} {path}"), fields);
                let mut lines: Vec<_> = (response.head.section().iter())
                    .map(|(name, value)| (name.to_vec(), value.to_vec()))
                    .collect();
                lines.push((
                    b"octets".to_vec(),
                    response.content.octets().to_string().into(),
                ));
                lines
            };
            assert_eq!(lines("HEAD"), lines("GET"), "{path} {fields}");
        }
    }
}

#[test]
fn what_gets_no_smaller_is_sent_as_it_is_and_not_tried_again() {
    let site = site();
    site.write("a.txt", noise(5000));
    for fields in [EVERY, GZIP] {
        let response = site.ask("GET /a.txt", fields);
        assert_eq!(coding_of(&response), None);
        assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
        assert!(is_kept(&site.answer("GET /a.txt", fields)));
    }
}

#[test]
fn requests_that_come_while_it_is_coded_wait_for_the_same() {
    let site = site();
    site.write("a.html", text(60_000));
    site.get("/a.html");
    let answers: Vec<Answer> = (0..8).map(|_| site.answer("GET /a.html", EVERY)).collect();
    let coders = site.cache.coders();
    let responses = net::run_alone(async {
        let mut waiting: Vec<_> = answers
            .into_iter()
            .map(|answer| Box::pin(response_of(answer)))
            .collect();
        let mut busy_most = 0;
        let mut responses = Vec::new();
        std::future::poll_fn(|cx| {
            waiting.retain_mut(|response| match response.as_mut().poll(cx) {
                std::task::Poll::Ready(response) => {
                    responses.push(response);
                    false
                }
                std::task::Poll::Pending => true,
            });
            busy_most = busy_most.max(coders.busy());
            if waiting.is_empty() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        assert_eq!(busy_most, 1);
        responses
    });
    let places: Vec<*const u8> = responses
        .iter()
        .map(|response| match &response.content {
            Content::Octets(octets) => octets.as_ptr(),
            _ => panic!("it is not in memory"),
        })
        .collect();
    assert_eq!(places.len(), 8);
    assert!(places.iter().all(|place| *place == places[0]));
    assert_eq!(coders.busy(), 0);
}

#[test]
fn where_as_many_code_as_may_files_are_sent_as_they_are() {
    let site = site_with(
        |_| {},
        CacheLimits {
            coders_max: 0,
            ..CacheLimits::default()
        },
    );
    site.write("a.html", text(5000));
    let response = site.ask("GET /a.html", EVERY);
    assert_eq!(coding_of(&response), None);
    assert_eq!(octets(&response.content).len(), 5000);
    // It is not taken for good.
    assert!(!is_kept(&site.answer("GET /a.html", EVERY)));
}

#[test]
fn what_was_coded_takes_half_of_the_memory_at_most() {
    let limits = CacheLimits {
        cache_octets_max: 100_000,
        ..CacheLimits::default()
    };
    let site = site_with(|_| {}, limits);
    for number in 0..100 {
        let name = format!("{number}.html");
        site.write(&name, text(8000 + number));
        let response = site.ask(&format!("GET /{name}"), EVERY);
        assert!(coding_of(&response).is_some());
        assert!(site.cache.coded_octets() <= 50_000);
        assert!(site.cache.octets() <= 100_000);
    }
    assert!(site.cache.coded_octets() > 40_000);
}

#[test]
fn codings_are_offered_in_the_order_of_the_configuration() {
    let site = site_with(
        |config| config.codings = vec![Coding::Gzip, Coding::Zstd, Coding::Gzip],
        CacheLimits::default(),
    );
    site.write("a.html", text(5000));
    assert_eq!(coding_of(&site.ask("GET /a.html", EVERY)).unwrap(), "gzip");
    let response = site.ask("GET /a.html", "Accept-Encoding: br, zstd\r\n");
    assert_eq!(coding_of(&response).unwrap(), "zstd");
    let response = site.ask("GET /a.html", "Accept-Encoding: br\r\n");
    assert_eq!(coding_of(&response), None);
}

#[test]
fn the_field_is_read_over_all_its_lines_and_whatever_was_read_before() {
    let site = site();
    site.write("a.html", text(5000));
    let coding = |fields: &str| coding_of(&site.ask("GET /a.html", fields));
    let two = "Accept-Encoding: br;q=0.5\r\nAccept-Encoding: gzip\r\n";
    for _ in 0..2 {
        assert_eq!(coding(EVERY).unwrap(), "zstd");
        assert_eq!(coding(GZIP).unwrap(), "gzip");
        assert_eq!(coding(two).unwrap(), "gzip");
        assert_eq!(
            coding(&format!("Accept-Encoding: {}br\r\n", "x, ".repeat(60))).unwrap(),
            "br"
        );
        assert_eq!(coding("Accept-Encoding: \r\n"), None);
    }
}

#[test]
fn coded_content_of_a_request_is_refused_with_what_is_taken() {
    use crate::testing::with_exchange;
    let answer = |fields: &str| {
        with_exchange(
            &format!("PUT / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"),
            |exchange| coded_content_refused(exchange.head),
        )
    };
    for fields in [
        "",
        "Content-Encoding: identity\r\n",
        "Content-Encoding: \r\n",
    ] {
        assert!(answer(fields).is_none(), "{fields}");
    }
    let refused = answer("Content-Encoding: gzip\r\n").unwrap();
    assert_eq!(refused.head.status().code(), 415);
    assert_eq!(field(&refused, Known::AcceptEncoding).unwrap(), "identity");
    assert!(answer("Content-Encoding: identity\r\nContent-Encoding: br\r\n").is_some());
}

#[test]
fn a_variant_that_was_negotiated_is_sent_in_a_coding() {
    let negotiate = |config: &mut FilesConfig| {
        config.negotiate = Some(crate::variants::NegotiateConfig::default());
    };
    let site = site_with(negotiate, CacheLimits::default());
    site.write("a.en.html", text(5000));
    site.write("a.de.html", text(6000));
    site.pass(1001);
    for (language, octets_expected) in [("en", 5000), ("de", 6000), ("en", 5000)] {
        let response = site.ask("GET /a", &format!("{GZIP}Accept-Language: {language}\r\n"));
        assert_eq!(coding_of(&response).as_deref(), Some("gzip"));
        assert_eq!(
            field(&response, Known::ContentLanguage).as_deref(),
            Some(language)
        );
        let vary = field(&response, Known::Vary).unwrap();
        assert_eq!(vary, "Accept-Language, Accept-Encoding");
        let content = decoded(Coding::Gzip, &octets(&response.content));
        assert_eq!(content.len(), octets_expected);
    }
}

#[test]
fn vary_names_no_field_twice() {
    let negotiate = |config: &mut FilesConfig| {
        config.negotiate = Some(crate::variants::NegotiateConfig::default());
    };
    let site = site_with(negotiate, CacheLimits::default());
    site.write("a.en.html", text(5000));
    site.write("a.de.html.gz", noise(5000));
    site.pass(1001);
    let response = site.ask("GET /a", "Accept-Language: en\r\n");
    assert_eq!(
        field(&response, Known::Vary).unwrap(),
        "Accept-Encoding, Accept-Language"
    );
}
