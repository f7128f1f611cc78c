use super::*;
use crate::cache::CacheLimits;
use crate::testing::{octets, response_of, with_exchange_at};
use engine::Content;
use semantics::fields::date::HttpDate;
use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A folder, its files as a server gives them, and a clock of its own, ahead of that of the system: so no change of a
/// file is fresh.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) files: Files,
    pub(crate) cache: Rc<Cache>,
    pub(crate) now: Cell<Now>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, CacheLimits::default())
    }

    /// Files of more than 16 octets are large.
    pub(crate) fn with_large_files() -> Self {
        let limits = CacheLimits {
            cached_file_octets_max: 16,
            ..CacheLimits::default()
        };
        Self::with(|_| {}, limits)
    }

    pub(crate) fn with(configure: impl FnOnce(&mut FilesConfig), limits: CacheLimits) -> Self {
        let folder = TempDir::new().unwrap();
        let cache = Rc::new(Cache::new(limits));
        let mut config = FilesConfig {
            root: folder.path().to_owned(),
            index: vec!["index.html".into(), "index.txt".into()],
            ..FilesConfig::default()
        };
        configure(&mut config);
        let files = Files::new(config, Rc::clone(&cache)).unwrap();
        let now = Cell::new(Now::read());
        let site = Self {
            folder,
            files,
            cache,
            now,
        };
        site.pass(60_000);
        site
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Sets the clock to the moment of the last change of a file.
    pub(crate) fn turn_back_to(&self, name: &str) {
        let meta = fs::metadata(self.folder.path().join(name)).unwrap();
        let mut now = self.now.get();
        now.unix_seconds = u64::try_from(meta.ctime()).unwrap();
        now.unix_millis =
            now.unix_seconds * 1000 + u64::try_from(meta.ctime_nsec()).unwrap() / 1_000_000;
        self.now.set(now);
    }

    pub(crate) fn pass(&self, millis: u64) {
        let mut now = self.now.get();
        now.millis += millis;
        now.unix_millis += millis;
        now.unix_seconds = now.unix_millis / 1000;
        self.now.set(now);
    }

    /// The answer to a request by its first line and further fields, each ended by CRLF.
    pub(crate) fn answer(&self, line: &str, fields: &str) -> Answer {
        let request = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        with_exchange_at(request.as_bytes(), self.now.get(), None, |exchange| {
            let target = Target::parse(exchange.head.target(), exchange.head.method()).unwrap();
            let path = NormalPath::of(target.path).unwrap();
            self.files.answer(exchange, &path)
        })
    }

    pub(crate) fn ask(&self, line: &str, fields: &str) -> Response {
        let answer = self.answer(line, fields);
        net::run_alone(response_of(answer))
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.ask(&format!("GET {path}"), "")
    }

    pub(crate) fn status(&self, path: &str) -> u16 {
        self.get(path).head.status().code()
    }

    pub(crate) fn is_kept(&self, path: &str) -> bool {
        self.cache
            .kept(self.files.0.site, path.as_bytes(), self.now.get(), None)
            .is_some()
    }
}

pub(crate) fn field(response: &Response, field: Known) -> Option<String> {
    response
        .head
        .section()
        .first(field)
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
}

pub(crate) fn content(response: &Response) -> String {
    String::from_utf8(octets(&response.content)).unwrap()
}

pub(crate) fn set_modified(site: &Site, name: &str, time: SystemTime) {
    let file = fs::File::options()
        .write(true)
        .open(site.folder.path().join(name))
        .unwrap();
    file.set_modified(time).unwrap();
}

// ---- what a path leads to

#[test]
fn a_file_is_given_with_its_fields() {
    let site = Site::new();
    site.write("a.html", "<p>");
    set_modified(
        &site,
        "a.html",
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
    );
    let response = site.get("/a.html");
    assert_eq!(
        (response.head.status().code(), content(&response).as_str()),
        (200, "<p>")
    );
    assert_eq!(
        field(&response, Known::ContentType).unwrap(),
        "text/html; charset=utf-8"
    );
    assert_eq!(
        field(&response, Known::LastModified).unwrap(),
        "Sun, 06 Nov 1994 08:49:37 GMT"
    );
    assert_eq!(field(&response, Known::AcceptRanges).unwrap(), "bytes");
    assert!(field(&response, Known::ETag).unwrap().starts_with("\"3-"));
    assert_eq!(field(&response, Known::CacheControl), None);
}

#[test]
fn head_tells_what_get_would() {
    let site = Site::with_large_files();
    site.write("small", "abc");
    site.write("large", "a".repeat(100));
    for name in ["small", "large", "none"] {
        let get = site.get(&format!("/{name}"));
        let head = site.ask(&format!("HEAD /{name}"), "");
        let lines = |response: &Response| -> Vec<(Vec<u8>, Vec<u8>)> {
            let section = response.head.section();
            section
                .iter()
                .map(|(n, v)| (n.to_vec(), v.to_vec()))
                .collect()
        };
        assert_eq!(head.head.status(), get.head.status());
        assert_eq!(lines(&head), lines(&get));
        assert_eq!(head.content.octets(), get.content.octets());
    }
}

#[test]
fn nothing_at_a_path_is_404_also_when_a_precondition_is_false() {
    let site = Site::new();
    assert_eq!(site.status("/none"), 404);
    // RFC 9110 §13.2.1: without it the answer would be neither 2xx nor 412.
    assert_eq!(
        site.ask("GET /none", "If-Match: *\r\n")
            .head
            .status()
            .code(),
        404
    );
}

#[test]
fn names_with_a_dot_in_front_are_not_there() {
    let site = Site::new();
    for name in [
        ".env",
        ".git/config",
        "a/.b/c",
        "..x",
        ".well-known/.x",
        ".well-knownx",
    ] {
        site.write(name, "secret");
        assert_eq!(site.status(&format!("/{name}")), 404, "{name}");
        assert_eq!(
            site.status(&format!("/{}", name.replace('.', "%2E"))),
            404,
            "{name}"
        );
    }
}

#[test]
fn the_well_known_folder_is_there() {
    let site = Site::new();
    site.write(".well-known/acme-challenge/x", "y");
    assert_eq!(site.status("/.well-known/acme-challenge/x"), 200);
}

#[test]
fn a_folder_without_its_slash_is_elsewhere() {
    let site = Site::new();
    site.write("a b%/index.html", "x");
    let response = site.get("/a%20b%25?q=%41&r=<");
    assert_eq!(response.head.status().code(), 301);
    assert_eq!(
        field(&response, Known::Location).unwrap(),
        "/a%20b%25/?q=%41&r=%3C"
    );
}

#[test]
fn a_redirect_never_leads_to_another_host() {
    let site = Site::new();
    site.write("evil.example/index.html", "x");
    for target in [
        "//evil.example",
        "/.//evil.example",
        "http://b//evil.example",
    ] {
        let response = site.get(target);
        assert_eq!(
            field(&response, Known::Location).unwrap(),
            "/evil.example/",
            "{target}"
        );
    }
}

#[test]
fn a_redirect_below_a_route_keeps_the_route() {
    let site = Site::new();
    site.write("sub/index.html", "x");
    let request = b"GET /static/sub HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = with_exchange_at(request, site.now.get(), None, |exchange| {
        site.files.answer(exchange, &NormalPath::plain(b"/sub"))
    });
    let response = net::run_alone(response_of(answer));
    assert_eq!(field(&response, Known::Location).unwrap(), "/static/sub/");
}

#[test]
fn a_slash_after_a_file_names_nothing() {
    let site = Site::new();
    site.write("a", "x");
    assert_eq!(site.status("/a/"), 404);
    assert_eq!(site.status("/a/b"), 404);
}

#[test]
fn the_first_index_file_stands_for_its_folder() {
    let site = Site::new();
    site.write("d/index.txt", "second");
    assert_eq!(content(&site.get("/d/")), "second");
    site.write("d/index.html", "first");
    site.pass(1000);
    let response = site.get("/d/");
    assert_eq!(content(&response), "first");
    assert_eq!(
        field(&response, Known::ContentType).unwrap(),
        "text/html; charset=utf-8"
    );
    site.write("index.html", "root");
    assert_eq!(content(&site.get("/")), "root");
}

#[test]
fn a_folder_named_as_an_index_file_is_none() {
    let site = Site::new();
    site.write("d/index.html/x", "");
    assert_eq!(site.status("/d/"), 403);
}

#[test]
fn a_folder_without_an_index_file_is_listed_only_if_wanted() {
    let site = Site::new();
    site.write("d/x", "");
    assert_eq!(site.status("/d/"), 403);
    let site = Site::with(|config| config.browse = true, CacheLimits::default());
    site.write("d/x", "");
    let response = site.ask("GET /d/", "Accept: text/plain\r\n");
    assert_eq!(content(&response), "x\n");
    assert_eq!(field(&response, Known::Vary).unwrap(), "Accept");
    assert!(content(&site.get("/d/")).contains("<h1>/d/</h1>"));
    assert_eq!(site.status("/none/"), 404);
}

#[test]
fn a_listing_may_have_preconditions() {
    let site = Site::with(|config| config.browse = true, CacheLimits::default());
    let status = |fields| site.ask("GET /", fields).head.status().code();
    assert_eq!(status("If-Match: *\r\n"), 200);
    assert_eq!(status("If-Match: \"a\"\r\n"), 412);
    assert_eq!(status("If-None-Match: *\r\n"), 304);
}

#[test]
fn a_link_that_leads_out_is_not_there() {
    let (site, outside) = (Site::new(), TempDir::new().unwrap());
    fs::write(outside.path().join("x"), "secret").unwrap();
    let link =
        |to: &std::path::Path, name: &str| symlink(to, site.folder.path().join(name)).unwrap();
    link(&outside.path().join("x"), "absolute");
    link(outside.path(), "folder");
    link("../../../../../../etc/passwd".as_ref(), "relative");
    link("loop".as_ref(), "loop");
    for path in ["/absolute", "/folder/x", "/relative", "/loop", "/loop/"] {
        assert_eq!(site.status(path), 404, "{path}");
    }
}

#[test]
fn a_link_that_stays_inside_is_followed() {
    let site = Site::new();
    site.write("a/x", "y");
    symlink("a", site.folder.path().join("relative")).unwrap();
    symlink(
        site.folder.path().join("a/x"),
        site.folder.path().join("absolute"),
    )
    .unwrap();
    assert_eq!(content(&site.get("/relative/x")), "y");
    assert_eq!(content(&site.get("/absolute")), "y");
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let site = Site::new();
    let fifo = site.folder.path().join("fifo");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(fifo)
            .status()
            .unwrap()
            .success()
    );
    let _socket =
        std::os::unix::net::UnixListener::bind(site.folder.path().join("socket")).unwrap();
    assert_eq!(site.status("/fifo"), 404);
    assert_eq!(site.status("/socket"), 404);
}

#[test]
fn a_name_may_have_any_octets() {
    let site = Site::new();
    let name = OsStr::from_bytes(b"\xff \"<\n%41\x7f");
    fs::write(site.folder.path().join(name), "x").unwrap();
    assert_eq!(content(&site.get("/%FF%20%22%3C%0A%2541%7F")), "x");
    assert_eq!(site.status("/%FF"), 404);
}

#[test]
fn what_may_not_be_read_is_403_and_what_cannot_be_opened_comes_back() {
    let site = Site::new();
    let status = |error: OpenError| {
        with_exchange_at(
            b"GET / HTTP/1.1\r\n\r\n",
            site.now.get(),
            None,
            |exchange| {
                let response = site.files.0.failed(exchange.head, b"/", &error);
                (
                    response.head.status().code(),
                    field(&response, Known::RetryAfter).is_some(),
                )
            },
        )
    };
    assert_eq!(status(OpenError::NotAllowed), (403, false));
    assert_eq!(status(OpenError::TooManyOpen), (503, true));
    assert_eq!(status(OpenError::Io(io::Error::other("x"))), (500, false));
}

// ---- methods

#[test]
fn a_file_allows_what_it_says() {
    let site = Site::new();
    site.write("a", "");
    for (method, status) in [
        ("POST", 405),
        ("PUT", 405),
        ("DELETE", 405),
        ("PATCH", 405),
        ("TRACE", 405),
        ("OPTIONS", 204),
    ] {
        let response = site.ask(&format!("{method} /a"), "");
        assert_eq!(response.head.status().code(), status, "{method}");
        assert_eq!(
            field(&response, Known::Allow).unwrap(),
            "GET, HEAD, OPTIONS",
            "{method}"
        );
    }
    assert_eq!(site.ask("FROB /a", "").head.status().code(), 501);
}

#[test]
fn trace_echoes_the_head_without_its_secrets() {
    let site = Site::with(|config| config.allow_trace = true, CacheLimits::default());
    let response = site.ask(
        "TRACE /x?y",
        "a: b\r\nCookie: c\r\nauthorization: d\r\nproxy-authorization: e\r\nZ:\r\n",
    );
    assert_eq!(
        field(&response, Known::ContentType).unwrap(),
        "message/http"
    );
    assert_eq!(
        content(&response),
        "TRACE /x?y HTTP/1.1\r\nHost: a\r\na: b\r\nZ: \r\n\r\n"
    );
    assert!(
        field(&site.ask("PUT /x", ""), Known::Allow)
            .unwrap()
            .ends_with("TRACE")
    );
}

// ---- the cache

#[test]
fn a_small_file_is_kept_and_a_query_does_not_matter() {
    let site = Site::new();
    site.write("a", "x");
    assert!(!site.is_kept("/a"));
    site.get("/a?1");
    assert!(site.is_kept("/a"));
    let answer = site.answer("HEAD /a?2", "");
    assert!(matches!(answer, Answer::Kept { ref content, .. } if content == "x"));
}

#[test]
fn what_is_not_there_is_never_kept() {
    let site = Site::new();
    site.get("/a");
    site.write("a", "x");
    assert_eq!(site.status("/a"), 200);
}

#[test]
fn a_file_is_looked_at_again_after_one_second() {
    let site = Site::new();
    site.write("a", "x");
    site.get("/a");
    site.pass(999);
    assert!(site.is_kept("/a"));
    site.pass(1);
    assert!(!site.is_kept("/a"));
    site.get("/a");
    assert!(site.is_kept("/a"));
}

#[test]
fn a_changed_file_is_served_changed_within_one_second() {
    let site = Site::with_large_files();
    let mut tags = Vec::new();
    // Of all sizes, of the same size, by another file in its place, from small to large and back.
    for (i, text) in ["x", "y", "yy", &"z".repeat(100), &"Z".repeat(100), "small"]
        .into_iter()
        .enumerate()
    {
        if i % 2 == 0 {
            site.write("a", text);
        } else {
            site.write("b", text);
            fs::rename(site.folder.path().join("b"), site.folder.path().join("a")).unwrap();
        }
        site.pass(1000);
        let response = site.get("/a");
        assert_eq!(content(&response), text);
        assert_eq!(response.content.octets(), text.len() as u64);
        tags.push(field(&response, Known::ETag).unwrap());
    }
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count, "{tags:?}");
}

#[test]
fn a_file_changed_in_the_tick_in_which_it_was_read_is_read_again() {
    let site = Site::new();
    site.write("a", "x");
    site.turn_back_to("a");
    site.get("/a");
    let entry = site.cache.find(site.files.0.site, b"/a").unwrap();
    assert!(entry.representation.is_fresh_change);
    site.pass(1000);
    site.get("/a");
    let again = site.cache.find(site.files.0.site, b"/a").unwrap();
    assert!(!Rc::ptr_eq(&entry, &again) && !again.representation.is_fresh_change);
}

#[test]
fn a_head_made_again_does_not_put_off_the_look_at_the_file() {
    let configure = |config: &mut FilesConfig| config.expires_seconds = Some(60);
    let site = Site::with(configure, CacheLimits::default());
    site.write("a", "x");
    // Half a second apart, each of the first two in a second of its own: so the second one has another head.
    site.pass(1500 - site.now.get().unix_millis % 1000);
    site.get("/a");
    site.write("a", "y");
    site.pass(500);
    site.get("/a");
    site.pass(500);
    assert_eq!(content(&site.get("/a")), "y");
}

#[test]
fn the_head_of_a_large_file_is_never_of_an_older_version() {
    let site = Site::with_large_files();
    site.write("a", "0123456789".repeat(10));
    let first = site.get("/a");
    // In its place, so that the open file has the octets at once.
    fs::write(site.folder.path().join("a"), "9876543210".repeat(10)).unwrap();
    // The clock of files may not have ticked since.
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    set_modified(&site, "a", modified);
    let second = site.get("/a");
    assert_eq!(content(&first), content(&second));
    assert_ne!(field(&first, Known::ETag), field(&second, Known::ETag));
}

#[test]
fn a_removed_file_is_gone_within_one_second() {
    let site = Site::with_large_files();
    for (name, text) in [("small", "x"), ("large", "a large one, as it is here")] {
        let path = format!("/{name}");
        site.write(name, text);
        site.get(&path);
        fs::remove_file(site.folder.path().join(name)).unwrap();
        site.pass(1000);
        assert_eq!(site.status(&path), 404);
        fs::create_dir(site.folder.path().join(name)).unwrap();
        assert_eq!(site.status(&path), 301);
    }
    assert_eq!(site.cache.files(), (0, 0));
}

#[test]
fn a_large_file_is_opened_once() {
    let site = Site::with_large_files();
    site.write("a", "0123456789".repeat(10));
    let file = || match site.get("/a").content {
        Content::File(part) => part.file,
        other => panic!("{other:?}"),
    };
    let first = file();
    assert!(Rc::ptr_eq(&first, &file()));
    site.pass(1000);
    assert!(Rc::ptr_eq(&first, &file()));
    site.cache.close_files();
    assert!(!Rc::ptr_eq(&first, &file()));
}

#[test]
fn the_cache_is_bounded_in_octets_files_and_descriptors() {
    let limits = CacheLimits {
        cached_file_octets_max: 1000,
        cache_octets_max: 20_000,
        cached_files_max: 6,
        open_files_max: 3,
        cached_path_octets_max: 20,
        ..CacheLimits::default()
    };
    let site = Site::with(|_| {}, limits);
    for i in 0..40 {
        site.write(&format!("small-{i}"), "x".repeat(i));
        site.write(&format!("medium-{i}"), "x".repeat(900));
        site.write(&format!("large-{i}"), "x".repeat(1001));
        for kind in ["small", "medium", "large"] {
            assert_eq!(site.status(&format!("/{kind}-{i}")), 200);
            let (whole, open) = site.cache.files();
            assert!(site.cache.octets() <= 20_000 && whole <= 6 && open <= 3);
        }
    }
    assert_eq!(site.cache.files(), (6, 3));
    site.write("a-name-longer-than-twenty-octets", "x");
    site.get("/a-name-longer-than-twenty-octets");
    assert!(!site.is_kept("/a-name-longer-than-twenty-octets"));
}

#[test]
fn what_is_asked_for_again_outlives_what_is_not() {
    let limits = CacheLimits {
        cached_files_max: 4,
        ..CacheLimits::default()
    };
    let site = Site::with(|_| {}, limits);
    site.write("often", "x");
    for i in 0..30 {
        site.get("/often");
        site.write(&format!("{i}"), "x");
        site.get(&format!("/{i}"));
        assert!(site.is_kept("/often"), "{i}");
    }
}

#[test]
fn files_of_two_sites_in_one_cache_do_not_mix() {
    let (one, folder) = (Site::new(), TempDir::new().unwrap());
    fs::write(folder.path().join("a"), "two").unwrap();
    let config = FilesConfig {
        root: folder.path().to_owned(),
        ..FilesConfig::default()
    };
    let files = Files::new(config, Rc::clone(&one.cache)).unwrap();
    one.write("a", "one");
    let two = Site {
        folder,
        files,
        cache: Rc::clone(&one.cache),
        now: Cell::new(one.now.get()),
    };
    for _ in 0..2 {
        assert_eq!(
            (content(&one.get("/a")), content(&two.get("/a"))),
            ("one".into(), "two".into())
        );
    }
}

// ---- time

#[test]
fn a_date_in_the_future_is_not_told() {
    let site = Site::new();
    site.write("a", "x");
    set_modified(&site, "a", SystemTime::now() + Duration::from_secs(100_000));
    for _ in 0..2 {
        let date = HttpDate::from_unix(site.now.get().unix_seconds).to_string();
        assert_eq!(field(&site.get("/a"), Known::LastModified).unwrap(), date);
        site.pass(1000);
    }
}

#[test]
fn a_file_from_before_1970_is_served() {
    let site = Site::new();
    site.write("a", "x");
    set_modified(&site, "a", SystemTime::UNIX_EPOCH - Duration::from_secs(5));
    assert_eq!(
        field(&site.get("/a"), Known::LastModified).unwrap(),
        "Thu, 01 Jan 1970 00:00:00 GMT"
    );
}

#[test]
fn expires_stays_as_far_from_date_as_it_is_configured() {
    let configure = |config: &mut FilesConfig| {
        config.expires_seconds = Some(60);
        config.cache_control = Some("public,max-age=60".into());
    };
    let site = Site::with(configure, CacheLimits::default());
    site.write("a", "x");
    for _ in 0..5 {
        let response = site.get("/a");
        let expires = HttpDate::from_unix(site.now.get().unix_seconds + 60).to_string();
        assert_eq!(field(&response, Known::Expires).unwrap(), expires);
        assert_eq!(
            field(&response, Known::CacheControl).unwrap(),
            "public, max-age=60"
        );
        site.pass(300);
    }
}

#[test]
fn a_cache_control_that_nobody_could_read_is_refused() {
    let folder = TempDir::new().unwrap();
    let config = FilesConfig {
        root: folder.path().to_owned(),
        cache_control: Some("max-age=soon".into()),
        ..FilesConfig::default()
    };
    let cache = Rc::new(Cache::new(CacheLimits::default()));
    assert!(matches!(
        Files::new(config, cache),
        Err(FilesError::CacheControl(_))
    ));
}

// ---- preconditions

#[test]
fn a_validator_the_client_holds_is_304_with_what_a_store_needs() {
    let configure = |config: &mut FilesConfig| {
        config.expires_seconds = Some(60);
        config.cache_control = Some("no-cache".into());
    };
    let site = Site::with(configure, CacheLimits::default());
    site.write("a.css", "x");
    let full = site.get("/a.css");
    let (etag, date) = (
        field(&full, Known::ETag).unwrap(),
        field(&full, Known::LastModified).unwrap(),
    );
    for fields in [
        format!("If-None-Match: {etag}\r\n"),
        format!(
            "If-None-Match: \"x\", W/{etag}\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        ),
        format!("If-Modified-Since: {date}\r\n"),
        "If-None-Match: *\r\n".into(),
    ] {
        for method in ["GET", "HEAD"] {
            let response = site.ask(&format!("{method} /a.css"), &fields);
            assert_eq!(response.head.status().code(), 304, "{fields}");
            for same in [Known::ETag, Known::CacheControl, Known::Expires] {
                assert_eq!(field(&response, same), field(&full, same));
            }
            assert_eq!(field(&response, Known::ContentType), None);
            assert_eq!(response.content.octets(), 0);
        }
    }
}

#[test]
fn a_condition_that_is_false_is_412() {
    let site = Site::new();
    site.write("a", "x");
    let etag = field(&site.get("/a"), Known::ETag).unwrap();
    let status = |fields: &str| site.ask("GET /a", fields).head.status().code();
    assert_eq!(status("If-Match: \"x\"\r\n"), 412);
    assert_eq!(
        status("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        412
    );
    assert_eq!(
        status(&format!(
            "If-Match: {etag}\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        )),
        200
    );
    // RFC 9110 §13.2.2: the first step that is false decides.
    assert_eq!(
        status(&format!("If-None-Match: {etag}\r\nIf-Match: \"x\"\r\n")),
        412
    );
}

#[test]
fn a_large_file_that_just_changed_has_a_weak_tag() {
    let site = Site::with_large_files();
    site.write("a", "x".repeat(100));
    site.turn_back_to("a");
    let weak = field(&site.get("/a"), Known::ETag).unwrap();
    assert!(weak.starts_with("W/\""), "{weak}");
    site.pass(3000);
    let strong = field(&site.get("/a"), Known::ETag).unwrap();
    assert!(
        strong.starts_with('"') && !weak.ends_with(&strong),
        "{strong}"
    );
}

// ---- ranges

#[test]
fn one_range_is_206_with_the_fields_of_the_whole() {
    for site in [Site::new(), Site::with_large_files()] {
        site.write("a.txt", "0123456789abcdefghij");
        let full = site.get("/a.txt");
        for (asked, part, content_range) in [
            ("0-0", "0", "bytes 0-0/20"),
            ("5-9", "56789", "bytes 5-9/20"),
            ("18-", "ij", "bytes 18-19/20"),
            ("-3", "hij", "bytes 17-19/20"),
            ("0-999", "0123456789abcdefghij", "bytes 0-19/20"),
            ("1-2,3-4", "1234", "bytes 1-4/20"),
        ] {
            let response = site.ask("GET /a.txt", &format!("Range: bytes={asked}\r\n"));
            assert_eq!(response.head.status().code(), 206);
            assert_eq!(
                (content(&response).as_str(), response.content.octets()),
                (part, part.len() as u64)
            );
            assert_eq!(
                field(&response, Known::ContentRange).unwrap(),
                content_range
            );
            for same in [Known::ETag, Known::LastModified, Known::ContentType] {
                assert_eq!(field(&response, same), field(&full, same));
            }
        }
    }
}

#[test]
fn several_ranges_are_a_multipart_of_exactly_its_length() {
    for site in [Site::new(), Site::with_large_files()] {
        let text: String = (0..400)
            .map(|i| char::from(b'a' + (i % 26) as u8))
            .collect();
        site.write("a.txt", &text);
        let response = site.ask("GET /a.txt", "Range: bytes=300-303, 0-1\r\n");
        assert_eq!(response.head.status().code(), 206);
        assert_eq!(field(&response, Known::ContentRange), None);
        let media_type = field(&response, Known::ContentType).unwrap();
        let boundary = media_type
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        let type_line = "Content-Type: text/plain; charset=utf-8";
        let expected = format!(
            "--{boundary}\r\n{type_line}\r\nContent-Range: bytes 300-303/400\r\n\r\n{}\r\n\
             --{boundary}\r\n{type_line}\r\nContent-Range: bytes 0-1/400\r\n\r\n{}\r\n--{boundary}--\r\n",
            &text[300..304],
            &text[..2]
        );
        assert_eq!(content(&response), expected);
        assert_eq!(response.content.octets(), expected.len() as u64);
    }
}

#[test]
fn a_range_outside_is_416_with_the_length() {
    let site = Site::new();
    site.write("a", "0123456789");
    site.write("empty", "");
    for (path, length) in [("a", 10), ("empty", 0)] {
        let response = site.ask(&format!("GET /{path}"), "Range: bytes=10-\r\n");
        assert_eq!(response.head.status().code(), 416);
        assert_eq!(
            field(&response, Known::ContentRange).unwrap(),
            format!("bytes */{length}")
        );
    }
}

#[test]
fn a_range_that_says_nothing_is_as_if_it_were_not_there() {
    let site = Site::new();
    site.write("a", "0123456789");
    let many = format!(
        "Range: bytes={}\r\n",
        (0..1300).map(|i| format!("{i}-,")).collect::<String>()
    );
    for fields in [
        "Range: lines=1-2\r\n",
        "Range: bytes=2-1\r\n",
        "Range: bytes=0-1\r\nRange: bytes=2-3\r\n",
        &many,
    ] {
        assert_eq!(
            site.ask("GET /a", fields).head.status().code(),
            200,
            "{fields}"
        );
    }
    // RFC 9110 §14.2: for GET alone.
    assert_eq!(
        site.ask("HEAD /a", "Range: bytes=0-1\r\n")
            .head
            .status()
            .code(),
        200
    );
}

#[test]
fn if_range_gives_the_whole_when_the_part_would_not_fit() {
    let site = Site::new();
    site.write("a", "0123456789");
    let full = site.get("/a");
    let (etag, date) = (
        field(&full, Known::ETag).unwrap(),
        field(&full, Known::LastModified).unwrap(),
    );
    for (given, status) in [
        (etag.as_str(), 206),
        (&date, 206),
        ("\"x\"", 200),
        (&format!("W/{etag}"), 200),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 200),
    ] {
        let response = site.ask(
            "GET /a",
            &format!("Range: bytes=0-1\r\nIf-Range: {given}\r\n"),
        );
        assert_eq!(response.head.status().code(), status, "{given}");
        // RFC 9110 §15.3.7: who has the rest has its fields.
        assert_eq!(
            field(&response, Known::LastModified).is_some(),
            status == 200
        );
    }
}

#[test]
fn preconditions_come_before_ranges() {
    let site = Site::new();
    site.write("a", "0123456789");
    let etag = field(&site.get("/a"), Known::ETag).unwrap();
    let status = |fields: String| site.ask("GET /a", &fields).head.status().code();
    assert_eq!(
        status(format!("Range: bytes=0-1\r\nIf-None-Match: {etag}\r\n")),
        304
    );
    assert_eq!(
        status("Range: bytes=99-\r\nIf-Match: \"x\"\r\n".into()),
        412
    );
}

#[test]
fn an_empty_file_is_whole() {
    let site = Site::new();
    site.write("a", "");
    let response = site.get("/a");
    assert_eq!(
        (response.head.status().code(), response.content.octets()),
        (200, 0)
    );
    assert_eq!(
        site.ask("GET /a", "Range: bytes=-5\r\n")
            .head
            .status()
            .code(),
        200
    );
}

// ---- what may wait

#[test]
fn what_needs_a_disk_is_answered_the_same_later() {
    let site = Site::with(|config| config.browse = true, CacheLimits::default());
    site.write("d/a", "0123456789");
    site.write("d/index.html/x", "");
    for (path, fields, status) in [
        ("/d/a", "", 200),
        ("/d/a", "Range: bytes=0-1\r\n", 206),
        ("/d", "", 301),
        ("/d/", "", 200),
        ("/none", "", 404),
    ] {
        let now = site.ask(&format!("GET {path}"), fields);
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let answer = with_exchange_at(request.as_bytes(), site.now.get(), None, |exchange| {
            site.files
                .select_later(exchange.head, path.as_bytes(), site.now.get())
        });
        assert!(matches!(answer, Answer::Later(_)));
        let later = net::run_alone(response_of(answer));
        assert_eq!(later.head.status().code(), status, "{path}");
        assert_eq!(later.head.status(), now.head.status());
        assert_eq!(content(&later), content(&now));
    }
    assert!(site.is_kept("/d/a"));
}

#[test]
fn a_file_that_changes_between_opening_and_reading_is_read_as_it_is() {
    let site = Site::new();
    for text in ["", "short", "longer than it was at first"] {
        site.write("a", "as it was");
        let open = site.files.0.place.root.open(b"a", Wait::MayBlock).unwrap();
        site.write("a", text);
        let loaded = site
            .files
            .0
            .place
            .read(open, b"a".to_vec(), Wait::MayBlock)
            .unwrap();
        assert_eq!(loaded.content.unwrap(), text.as_bytes());
        assert_eq!(loaded.meta.octets, text.len() as u64);
    }
}

#[test]
fn a_folder_with_more_entries_than_are_listed_says_so() {
    let site = Site::with(|config| config.browse = true, CacheLimits::default());
    let names = listing::LISTING_ENTRIES_MAX + 1;
    for i in 0..names {
        fs::File::create(site.folder.path().join(i.to_string())).unwrap();
    }
    let response = site.ask("GET /", "Accept: application/json\r\n");
    let json: serde_json::Value = serde_json::from_str(&content(&response)).unwrap();
    assert_eq!(json["entries"].as_array().unwrap().len(), names - 1);
    assert_eq!(json["is_cut"], true);
}
