use super::*;

/// Sets the time of a file to this many seconds before or after that of another.
fn set_beside(site: &Site, name: &str, of: &str, seconds: i64) {
    let modified = fs::metadata(site.folder.path().join(of))
        .unwrap()
        .modified()
        .unwrap();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        modified - distance
    } else {
        modified + distance
    };
    set_modified(site, name, time);
}

#[test]
fn a_coded_file_beside_the_file_is_sent_in_its_place() {
    let site = site();
    for name in ["a.html", "unknown", "tiny.html", "large.bin"] {
        let content = if name == "large.bin" {
            noise(200_000)
        } else {
            b"beside".to_vec()
        };
        site.write(name, "the file");
        for (coding, extension) in [("gzip", "gz"), ("br", "br"), ("zstd", "zst")] {
            site.write(&format!("{name}.{extension}"), &content);
            let fields = format!("Accept-Encoding: {coding}\r\n");
            site.pass(1001);
            let response = site.ask(&format!("GET /{name}"), &fields);
            assert_eq!(octets(&response.content), content, "{name} {coding}");
            assert_eq!(coding_of(&response).unwrap(), coding);
            assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
            assert_eq!(field(&response, Known::AcceptRanges).unwrap(), "bytes");
            let plain = site.get(&format!("/{name}"));
            assert_eq!(octets(&plain.content), b"the file");
            assert_eq!(
                field(&plain, Known::ContentType),
                field(&response, Known::ContentType)
            );
            assert_ne!(field(&plain, Known::ETag), field(&response, Known::ETag));
            assert_eq!(field(&plain, Known::Vary).unwrap(), "Accept-Encoding");
        }
    }
}

#[test]
fn it_is_kept_or_sent_from_the_disk_like_any_file() {
    let site = site();
    site.write("a.html", "a");
    site.write("a.html.gz", "small");
    site.write("b.html", "b");
    site.write("b.html.gz", noise(200_000));
    site.ask("GET /a.html", GZIP);
    assert!(is_kept(&site.answer("GET /a.html", GZIP)));
    for _ in 0..2 {
        let response = site.ask("GET /b.html", GZIP);
        assert!(matches!(response.content, Content::File(_)));
        assert_eq!(response.content.octets(), 200_000);
    }
}

#[test]
fn it_goes_before_what_would_be_coded_on_the_fly() {
    let site = site();
    site.write("a.html", text(5000));
    site.write("a.html.gz", "beside");
    let response = site.ask("GET /a.html", EVERY);
    assert_eq!(coding_of(&response).unwrap(), "gzip");
    // But not before what the client would rather have.
    let response = site.ask("GET /a.html", "Accept-Encoding: br, gzip;q=0.9\r\n");
    assert_eq!(coding_of(&response).unwrap(), "br");
    assert_ne!(octets(&response.content), b"beside");
}

#[test]
fn it_is_sent_also_where_transforming_is_forbidden() {
    let site = site_with(
        |config| config.cache_control = Some("no-transform".into()),
        CacheLimits::default(),
    );
    site.write("a.html", text(5000));
    site.write("a.html.gz", "beside");
    let response = site.ask("GET /a.html", EVERY);
    assert_eq!(octets(&response.content), b"beside");
    assert_eq!(
        field(&response, Known::CacheControl).unwrap(),
        "no-transform"
    );
}

#[test]
fn an_older_one_is_not_sent() {
    let site = site();
    site.write("a.html", "the file");
    site.write("a.html.gz", "beside");
    for (seconds, expected) in [
        (-1, None),
        (0, Some("gzip")),
        (1, Some("gzip")),
        (-3600, None),
    ] {
        set_beside(&site, "a.html.gz", "a.html", seconds);
        site.pass(1001);
        let response = site.ask("GET /a.html", GZIP);
        assert_eq!(coding_of(&response).as_deref(), expected, "{seconds}");
    }
}

#[test]
fn one_with_the_date_of_the_file_in_whole_seconds_is_sent() {
    let site = site();
    site.write("a.html", "the file");
    site.write("a.html.gz", "beside");
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    set_modified(&site, "a.html", second + Duration::from_millis(750));
    set_modified(&site, "a.html.gz", second);
    assert!(coding_of(&site.ask("GET /a.html", GZIP)).is_some());
}

#[test]
fn that_it_comes_changes_and_goes_shows() {
    let site = site();
    site.write("a.html", "the file");
    let sent = || {
        site.pass(1001);
        octets(&site.ask("GET /a.html", GZIP).content)
    };
    assert_eq!(sent(), b"the file");
    site.write("a.html.gz", "first");
    assert_eq!(sent(), b"first");
    site.write("a.html.gz", "second");
    assert_eq!(sent(), b"second");
    site.write("a.html.gz", noise(100_000));
    assert_eq!(sent(), noise(100_000));
    fs::remove_file(site.folder.path().join("a.html.gz")).unwrap();
    assert_eq!(sent(), b"the file");
    assert_eq!(field(&site.get("/a.html"), Known::Vary), None);
}

#[test]
fn one_that_is_cut_or_older_when_it_is_opened_is_not_sent() {
    let site = site();
    for seconds in [None, Some(-5)] {
        site.write("a.html", "the file");
        site.write("a.html.gz", "beside");
        site.pass(1001);
        // It is looked at here, and opened when somebody accepts it.
        site.get("/a.html");
        match seconds {
            None => site.write("a.html.gz", ""),
            Some(seconds) => set_beside(&site, "a.html.gz", "a.html", seconds),
        }
        for _ in 0..2 {
            let response = site.ask("GET /a.html", GZIP);
            assert_eq!(coding_of(&response), None, "{seconds:?}");
            assert_eq!(octets(&response.content), b"the file");
        }
    }
}

#[test]
fn a_large_one_that_changes_shows_at_once() {
    let site = site();
    site.write("a.html", "the file");
    site.write("a.html.gz", noise(100_000));
    let tag = |site: &Site| field(&site.ask("GET /a.html", GZIP), Known::ETag);
    let before = tag(&site);
    site.write("a.html.gz", noise(100_001));
    assert_ne!(tag(&site), before);
    assert_eq!(site.ask("GET /a.html", GZIP).content.octets(), 100_001);
}

#[test]
fn what_is_no_file_beside_the_file_is_not_sent() {
    let site = site();
    for name in ["folder.html", "empty.html", "out.html"] {
        site.write(name, "the file");
    }
    fs::create_dir(site.folder.path().join("folder.html.gz")).unwrap();
    site.write("empty.html.gz", "");
    std::os::unix::fs::symlink("/etc/hostname", site.folder.path().join("out.html.gz")).unwrap();
    for name in ["folder.html", "empty.html", "out.html"] {
        let response = site.ask(&format!("GET /{name}"), GZIP);
        assert_eq!(octets(&response.content), b"the file", "{name}");
    }
}

#[test]
fn one_beside_an_index_file_is_sent_for_the_folder() {
    let site = site();
    site.write("d/index.html", "the file");
    site.write("d/index.html.br", "beside");
    let response = site.ask("GET /d/", EVERY);
    assert_eq!(octets(&response.content), b"beside");
    assert_eq!(
        field(&response, Known::ContentType).unwrap(),
        "text/html; charset=utf-8"
    );
}

#[test]
fn one_without_the_file_stands_for_nothing() {
    let site = site();
    site.write("a.html.gz", "beside");
    assert_eq!(site.ask("GET /a.html", GZIP).head.status().code(), 404);
    let response = site.ask("GET /a.html.gz", GZIP);
    assert_eq!(coding_of(&response), None);
    assert_eq!(
        field(&response, Known::ContentType).unwrap(),
        "application/gzip"
    );
}

#[test]
fn a_coding_that_is_not_offered_is_not_looked_for() {
    let site = site_with(
        |config| config.codings = vec![Coding::Gzip],
        CacheLimits::default(),
    );
    site.write("a.txt", "the file");
    site.write("a.txt.br", "beside");
    let response = site.ask("GET /a.txt", EVERY);
    assert_eq!(
        (coding_of(&response), field(&response, Known::Vary)),
        (None, None)
    );
}

#[test]
fn ranges_and_preconditions_are_of_what_is_sent() {
    let site = site();
    site.write("a.html", "the file");
    site.write("a.html.gz", "0123456789");
    let response = site.ask("GET /a.html", &format!("{GZIP}Range: bytes=2-4\r\n"));
    assert_eq!(response.head.status().code(), 206);
    assert_eq!(octets(&response.content), b"234");
    assert_eq!(
        field(&response, Known::ContentRange).unwrap(),
        "bytes 2-4/10"
    );
    assert_eq!(coding_of(&response).unwrap(), "gzip");
    let tag = field(&response, Known::ETag).unwrap();
    let response = site.ask("GET /a.html", &format!("{GZIP}If-None-Match: {tag}\r\n"));
    assert_eq!(response.head.status().code(), 304);
    let plain = field(&site.get("/a.html"), Known::ETag).unwrap();
    let response = site.ask("GET /a.html", &format!("{GZIP}If-None-Match: {plain}\r\n"));
    assert_eq!(response.head.status().code(), 304);
    assert_eq!(field(&response, Known::ETag).unwrap(), plain);
}

/// Two changes within a tick of the clock bear the same times.
#[test]
fn one_that_has_just_changed_is_read_again() {
    let site = site();
    site.write("a.html", "the file");
    site.write("a.html.gz", "beside");
    let place = || {
        let response = net::run_alone(response_of(site.answer("GET /a.html", GZIP)));
        let Content::Octets(octets) = response.content else {
            panic!("it is not in memory");
        };
        octets
    };
    site.turn_back_to("a.html.gz");
    let first = place();
    assert_eq!(place().as_ptr(), first.as_ptr());
    site.pass(1001);
    let second = place();
    assert_ne!(second.as_ptr(), first.as_ptr());
    site.pass(1001);
    assert_eq!(place().as_ptr(), second.as_ptr());
}
