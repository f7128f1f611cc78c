use super::*;
use crate::testing::{octets, response_of, with_exchange_at};
use crate::{Cache, CacheLimits, FilesConfig};
use engine::{Incoming, Interrupted, Response};
use semantics::{ContentEnd, Known};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

struct World {
    folder: TempDir,
    uploads: Uploads,
}

impl World {
    fn new() -> Self {
        Self::with(UploadsConfig::default())
    }

    fn with(config: UploadsConfig) -> Self {
        let folder = TempDir::new().unwrap();
        let files = Files::new(
            FilesConfig {
                root: folder.path().to_owned(),
                browse: true,
                uploads: true,
                ..FilesConfig::default()
            },
            Rc::new(Cache::new(CacheLimits::default())),
        );
        let uploads = Uploads::new(config, files.unwrap());
        Self { folder, uploads }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// Every name below the folder, sorted.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The answer to a request whose content has come so far.
    fn ask_with(&self, request: &str, incoming: Incoming) -> Response {
        let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
        let fields = fields.replace('\n', "\r\n");
        let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        net::run_alone(async {
            let answer =
                with_exchange_at(head.as_bytes(), Now::read(), Some(incoming), |exchange| {
                    exchange.content = semantics::ContentLength::Unknown;
                    let target =
                        Target::parse(exchange.head.target(), exchange.head.method()).unwrap();
                    let path = NormalPath::of(target.path).unwrap();
                    self.uploads.answer(exchange, &path)
                });
            response_of(answer).await
        })
    }

    fn ask(&self, request: &str, content: impl AsRef<[u8]>) -> Response {
        let end = Ok(ContentEnd::Length);
        self.ask_with(request, Incoming::for_test(&[content.as_ref()], end))
    }

    fn status(&self, request: &str, content: impl AsRef<[u8]>) -> u16 {
        self.ask(request, content).head.status().code()
    }
}

fn field(response: &Response, field: Known) -> String {
    let value = response.head.section().first(field);
    String::from_utf8(value.unwrap_or_default().to_vec()).unwrap()
}

/// A form of these parts: the rest of the disposition, and the content.
fn form(parts: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (disposition, content) in parts {
        out.push_str(&format!(
            "--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n"
        ));
    }
    out + "--b--\r\n"
}

const POST_FORM: &str = "POST /\nContent-Type: multipart/form-data; boundary=b\n";
const POST_FORM_JSON: &str =
    "POST /\nContent-Type: multipart/form-data; boundary=b\nAccept: application/json\n";

#[test]
fn put_creates_and_then_replaces() {
    let world = World::new();
    assert_eq!(world.status("PUT /a.txt", "one"), 201);
    assert_eq!(world.read("a.txt"), "one");
    assert_eq!(world.status("PUT /a.txt", "two"), 204);
    assert_eq!(world.read("a.txt"), "two");
    assert_eq!(world.names(), ["a.txt"]);
}

#[test]
fn put_tells_the_validators_that_get_tells() {
    let world = World::new();
    for (name, content) in [("small", vec![b'a'; 100]), ("large", vec![b'b'; 100_000])] {
        let put = world.ask(&format!("PUT /{name}"), &content);
        let get = world.ask(&format!("GET /{name}"), "");
        assert_eq!(octets(&get.content), content);
        for known in [Known::ETag, Known::LastModified] {
            assert_eq!(field(&put, known), field(&get, known));
        }
        assert!(field(&put, Known::ETag).starts_with('"'), "a strong one");
    }
}

#[test]
fn two_large_versions_of_one_length_have_different_tags_at_once() {
    let world = World::new();
    let tag = |content: u8| field(&world.ask("PUT /a", vec![content; 100_000]), Known::ETag);
    let (one, two) = (tag(b'a'), tag(b'b'));
    assert_ne!(one, two);
    let request = |tag: &str| format!("PUT /a\nIf-Match: {tag}\n");
    assert_eq!(world.status(&request(&one), "x"), 412);
    assert_eq!(world.status(&request(&two), "x"), 204);
}

#[test]
fn a_get_after_a_put_gives_what_was_put_although_the_old_was_kept() {
    let world = World::new();
    for content in ["one", "two", "six"] {
        world.ask("PUT /a", content);
        for _ in 0..2 {
            assert_eq!(octets(&world.ask("GET /a", "").content), content.as_bytes());
        }
    }
    world.ask("DELETE /a", "");
    assert_eq!(world.status("GET /a", ""), 404);
}

#[test]
fn preconditions_decide_over_what_is_there() {
    for (condition, absent, present) in [
        ("If-None-Match: *", 201, 412),
        ("If-Match: *", 412, 204),
        ("If-Match: \"3-0\"", 412, 412),
        ("If-Match: nonsense", 412, 412),
        ("If-None-Match: \"3-0\"", 201, 204),
        (
            "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
            201,
            412,
        ),
        (
            "If-Unmodified-Since: Sun, 06 Nov 2044 08:49:37 GMT",
            201,
            204,
        ),
        // Not for PUT (RFC 9110 §13.1.3).
        ("If-Modified-Since: Sun, 06 Nov 2044 08:49:37 GMT", 201, 204),
    ] {
        let world = World::new();
        fs::write(world.path("there"), "old").unwrap();
        let put = |name: &str| world.status(&format!("PUT /{name}\n{condition}\n"), "new");
        assert_eq!(
            (put("absent"), put("there")),
            (absent, present),
            "{condition}"
        );
        let kept = if present == 204 { "new" } else { "old" };
        assert_eq!(world.read("there"), kept, "{condition}");
    }
}

#[test]
fn content_that_is_interrupted_leaves_what_was_there_and_nothing_else() {
    let world = World::new();
    fs::write(world.path("a"), "old").unwrap();
    for (request, content) in [
        ("PUT /a", "ne"),
        ("PUT /b", "ne"),
        (
            POST_FORM,
            "--b\r\nContent-Disposition: form-data; name=f; filename=c\r\n\r\nx\r\n--b",
        ),
        (
            "POST /\nContent-Type: application/x-www-form-urlencoded\n",
            "a=1",
        ),
    ] {
        let incoming = Incoming::for_test(&[content.as_bytes()], Err(Interrupted));
        assert_eq!(world.ask_with(request, incoming).head.status().code(), 400);
    }
    assert_eq!(
        (world.names(), world.read("a")),
        (vec!["a".to_owned()], "old".to_owned())
    );
}

#[test]
fn content_longer_than_a_batch_is_stored_whole() {
    let world = World::new();
    let content: Vec<u8> = (0..3_000_001_u32).map(|i| (i % 251) as u8).collect();
    let pieces: Vec<&[u8]> = content.chunks(65_521).collect();
    let incoming = Incoming::for_test(&pieces, Ok(ContentEnd::Length));
    assert_eq!(world.ask_with("PUT /a", incoming).head.status().code(), 201);
    assert!(fs::read(world.path("a")).unwrap() == content);
}

#[test]
fn content_beyond_the_bound_is_refused_and_leaves_nothing() {
    let world = World::with(UploadsConfig {
        content_octets_max: 10,
        ..UploadsConfig::default()
    });
    assert_eq!(world.status("PUT /a", "0123456789"), 201);
    assert_eq!(world.status("PUT /b", "0123456789x"), 413);
    assert_eq!(
        world.status(POST_FORM, form(&[("name=a; filename=c", "")])),
        413
    );
    assert_eq!(world.names(), ["a"]);
}

#[test]
fn what_is_no_place_for_a_file_is_refused_by_the_status_that_fits() {
    let world = World::new();
    let other = TempDir::new().unwrap();
    fs::create_dir(world.path("d")).unwrap();
    fs::write(world.path("f"), "").unwrap();
    std::os::unix::fs::symlink(world.path("f"), world.path("link")).unwrap();
    std::os::unix::fs::symlink(other.path(), world.path("out")).unwrap();
    let long = format!("PUT /{}", "a".repeat(256));
    for (request, status) in [
        ("PUT /", 405),
        ("PUT /d/", 405),
        ("PUT /d", 409),
        ("PUT /none/a", 409),
        ("PUT /f/a", 409),
        ("PUT /link", 409),
        ("PUT /out/a", 409),
        ("PUT /.a", 403),
        ("PUT /.git/a", 403),
        ("PUT /a%0Ab", 400),
        (&*long, 414),
        ("PUT /a\nContent-Range: bytes 0-1/2\n", 400),
        ("PUT /a\nContent-Encoding: gzip\n", 415),
        ("PUT /a\nContent-Encoding: identity, gzip\n", 415),
        ("PUT /a\nSec-Fetch-Site: cross-site\n", 403),
        ("PUT /a\nOrigin: null\n", 403),
        ("POST /f", 405),
        ("PATCH /f", 405),
        ("FROB /f", 501),
    ] {
        assert_eq!(world.status(request, "x"), status, "{request}");
    }
    assert_eq!(world.names(), ["d", "f", "link", "out"]);
    assert!(fs::read_dir(other.path()).unwrap().next().is_none());
    let coded = "PUT /a\nContent-Encoding: identity\n";
    assert_eq!(world.status(coded, "x"), 201);
}

#[test]
fn what_is_allowed_depends_on_whether_the_path_names_a_folder() {
    let world = World::new();
    for (path, allow) in [
        ("/", "GET, HEAD, OPTIONS, DELETE, POST"),
        ("/a", "GET, HEAD, OPTIONS, PUT, DELETE"),
    ] {
        assert_eq!(
            field(&world.ask(&format!("OPTIONS {path}"), ""), Known::Allow),
            allow
        );
        assert_eq!(
            field(&world.ask(&format!("PATCH {path}"), ""), Known::Allow),
            allow
        );
    }
}

#[test]
fn delete_removes_files_and_empty_folders() {
    let world = World::new();
    let other = TempDir::new().unwrap();
    fs::write(other.path().join("x"), "").unwrap();
    std::os::unix::fs::symlink(other.path().join("x"), world.path("link")).unwrap();
    fs::create_dir_all(world.path("d/e")).unwrap();
    fs::create_dir(world.path("kept")).unwrap();
    std::os::unix::fs::symlink("kept", world.path("folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(world.path("socket")).unwrap();
    fs::write(world.path("a"), "x").unwrap();
    for (request, status) in [
        ("DELETE /", 403),
        ("DELETE /d", 409),
        ("DELETE /d/", 409),
        ("DELETE /a/", 404),
        ("DELETE /none", 404),
        ("DELETE /none/a", 404),
        ("DELETE /.a", 403),
        ("DELETE /a\nIf-Match: \"x\"\n", 412),
        ("DELETE /none\nIf-Match: \"x\"\n", 404),
        ("DELETE /d/e/\nIf-Match: \"x\"\n", 412),
        ("DELETE /a\nIf-Match: *\n", 204),
        ("DELETE /d/e/", 204),
        ("DELETE /d/", 204),
        ("DELETE /link", 204),
        ("DELETE /folder", 409),
        ("DELETE /folder/", 409),
        ("DELETE /socket", 409),
    ] {
        assert_eq!(world.status(request, ""), status, "{request}");
    }
    assert_eq!(world.names(), ["folder", "kept", "socket"]);
    assert!(other.path().join("x").exists());
}

#[test]
fn a_server_with_all_the_uploads_it_may_have_says_when_to_come_back() {
    let limits = |uploads_max, open_files_max| UploadsConfig {
        limits: UploadLimits {
            uploads_max,
            open_files_max,
            ..UploadLimits::default()
        },
        ..UploadsConfig::default()
    };
    for config in [limits(0, 1), limits(1, 0)] {
        let world = World::with(config);
        let response = world.ask("PUT /a", "x");
        assert_eq!(response.head.status().code(), 503);
        assert!(response.head.has(Known::RetryAfter));
        assert_eq!(
            world.status(POST_FORM, form(&[("name=a; filename=a", "x")])),
            503
        );
        assert!(world.names().is_empty());
    }
}

#[test]
fn the_files_of_a_form_are_stored_beside_what_is_there() {
    let world = World::new();
    fs::write(world.path("a.txt"), "old").unwrap();
    let content = form(&[
        ("name=\"f\"; filename=\"a.txt\"", "one"),
        ("name=\"f\"; filename=\"C:\\dir\\a.txt\"", "two"),
        ("name=\"f\"; filename=\"../empty\"", ""),
        ("name=\"g\"; filename=\"\"", ""),
    ]);
    let response = world.ask(POST_FORM, content);
    assert_eq!(response.head.status().code(), 303);
    assert_eq!(field(&response, Known::Location), "/");
    assert_eq!(world.names(), ["a (2).txt", "a (3).txt", "a.txt", "empty"]);
    assert_eq!(world.read("a.txt"), "old");
    assert_eq!(world.read("a (2).txt"), "one");
    assert_eq!(world.read("a (3).txt"), "two");
}

#[test]
fn a_program_is_told_what_was_stored() {
    let world = World::new();
    let response = world.ask(POST_FORM_JSON, form(&[("name=f; filename=\"a b\"", "one")]));
    assert_eq!(response.head.status().code(), 201);
    assert_eq!(field(&response, Known::Location), "/a%20b");
    let value: Value = serde_json::from_slice(&octets(&response.content)).unwrap();
    let get = world.ask("GET /a%20b", "");
    let etag = field(&get, Known::ETag);
    let stored = json!([{"name": "a b", "reference": "/a%20b", "octets": 3, "etag": etag}]);
    assert_eq!(value["stored"], stored);
    let nothing = world.ask(POST_FORM_JSON, form(&[("name=f; filename=\"\"", "")]));
    assert_eq!(nothing.head.status().code(), 200);
}

#[test]
fn a_form_that_breaks_a_rule_leaves_nothing() {
    let world = World::new();
    let good = "--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nx\r\n";
    for (rest, status) in [
        ("", 400),
        ("--b", 400),
        ("--b\r\n\r\n\r\n--b--", 400),
        ("--bc\r\n", 400),
        (
            "--b\r\nContent-Disposition: form-data; name=f; filename=.a\r\n\r\nx\r\n--b--",
            403,
        ),
        (
            "--b\r\nContent-Disposition: form-data; name=f; filename=\"a%0D%0A\"\r\n\r\nx\r\n--b--",
            400,
        ),
        (
            "--b\r\nContent-Disposition: form-data; name=f; filename=\"\"\r\n\r\nx\r\n--b--",
            400,
        ),
    ] {
        assert_eq!(
            world.status(POST_FORM, format!("{good}{rest}")),
            status,
            "{rest}"
        );
    }
    for (content_type, status) in [
        ("", 415),
        ("Content-Type: text/plain\n", 415),
        ("Content-Type: multipart/form-data\n", 400),
        ("Content-Type: multipart/mixed; boundary=b\n", 415),
    ] {
        assert_eq!(
            world.status(&format!("POST /\n{content_type}"), good),
            status,
            "{content_type}"
        );
    }
    assert_eq!(
        world.status(&POST_FORM.replace("POST /", "POST /none/"), good),
        404
    );
    assert!(world.names().is_empty());
}

#[test]
fn when_one_file_of_a_form_gets_no_name_the_others_lose_theirs() {
    let world = World::new();
    // Every numbered name of the second file is taken.
    fs::write(world.path("b"), "").unwrap();
    for number in 2..1000 {
        fs::write(world.path(&format!("b ({number})")), "").unwrap();
    }
    let content = form(&[("name=f; filename=a", "x"), ("name=f; filename=b", "x")]);
    assert_eq!(world.status(POST_FORM, content), 409);
    assert!(!world.path("a").exists());
    assert_eq!(world.names().len(), 999);
}

#[test]
fn a_form_stores_nothing_at_a_path_with_rules_of_its_own() {
    let world = World::with(UploadsConfig {
        fences: Fences::new([((*b"/closed").into(), true)]),
        ..UploadsConfig::default()
    });
    let parts = form(&[
        ("name=a; filename=open", "a"),
        ("name=b; filename=closed", "b"),
    ]);
    assert_eq!(world.status(POST_FORM, parts), 403);
    assert_eq!(world.names(), [""; 0]);
    let parts = form(&[("name=a; filename=closed.txt", "a")]);
    assert_eq!(world.status(POST_FORM, parts), 303);
    assert_eq!(world.names(), ["closed.txt"]);
}

#[test]
fn a_form_whose_file_gets_a_number_stores_nothing_at_a_path_with_rules_of_its_own() {
    let world = World::with(UploadsConfig {
        fences: Fences::new([((*b"/a (2)").into(), true)]),
        ..UploadsConfig::default()
    });
    for _ in 0..2 {
        let parts = form(&[("name=a; filename=a", "a")]);
        assert_eq!(world.status(POST_FORM, parts), 303);
    }
    assert_eq!(world.names(), ["a", "a (3)"]);
}

#[test]
fn what_a_form_has_beside_files_is_stored_as_json() {
    let world = World::new();
    let content = form(&[("name=\"who\"", "me"), ("name=f; filename=a", "x")]);
    assert_eq!(world.status(POST_FORM, content), 303);
    let names = world.names();
    assert!(
        names[1].starts_with("form-") && names[1].ends_with("Z.json"),
        "{names:?}"
    );
    let value: Value = serde_json::from_str(&world.read(&names[1])).unwrap();
    assert_eq!(value["fields"], json!([["who", "me"]]));
    assert_eq!(value["files"], json!(["a"]));
}

#[test]
fn a_form_without_files_is_stored_as_json() {
    let world = World::new();
    let request = "POST /\nContent-Type: application/x-www-form-urlencoded;charset=utf-8\n";
    assert_eq!(world.status(request, "a=1+2&b=%C3%A9"), 303);
    assert_eq!(world.status(request, "a=2"), 303);
    let names = world.names();
    assert_eq!(names.len(), 2);
    let values: Vec<Value> = names
        .iter()
        .map(|name| serde_json::from_str(&world.read(name)).unwrap())
        .collect();
    assert!(
        values
            .iter()
            .any(|value| value["fields"] == json!([["a", "1 2"], ["b", "é"]]))
    );
    let long = format!("a={}", "x".repeat(2 << 20));
    assert_eq!(world.status(request, long), 413);
}

#[test]
fn a_form_cut_anywhere_stores_the_same() {
    let content = form(&[
        ("name=f; filename=a", "\r\n--\r\n-b"),
        ("name=g", "\r\n--c"),
    ]);
    for at in 0..=content.len() {
        let world = World::new();
        let (one, two) = content.as_bytes().split_at(at);
        let pieces: Vec<&[u8]> = [one, two]
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .collect();
        let incoming = Incoming::for_test(&pieces, Ok(ContentEnd::Length));
        assert_eq!(
            world.ask_with(POST_FORM, incoming).head.status().code(),
            303
        );
        assert_eq!(world.read("a"), "\r\n--\r\n-b", "cut at {at}");
        assert_eq!(world.names().len(), 2);
    }
}

#[test]
fn a_form_cut_off_anywhere_stores_nothing() {
    let content = form(&[("name=f; filename=a", "xyz"), ("name=g", "1")]);
    let world = World::new();
    // Behind the closing delimiter nothing is missing.
    for end in 0..content.len() - 2 {
        assert_eq!(
            world.status(POST_FORM, &content[..end]),
            400,
            "cut off at {end}"
        );
    }
    assert!(world.names().is_empty());
}

#[test]
fn the_page_is_for_folders_that_are_there() {
    let world = World::new();
    let page = world.ask("GET /?upload", "");
    assert_eq!(page.head.status().code(), 200);
    assert!(page.head.has(Known::ContentSecurityPolicy));
    let list = world.ask("GET /\nAccept: text/html\n", "");
    let html = String::from_utf8(octets(&list.content)).unwrap();
    assert!(html.contains("enctype=\"multipart/form-data\""));
    assert_eq!(field(&list, Known::ContentSecurityPolicy), page::POLICY);
    for target in ["/none/?upload", "/.git/?upload"] {
        assert_eq!(world.status(&format!("GET {target}"), ""), 404);
    }
}

#[test]
fn the_permissions_of_a_file_outlive_its_content() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    fs::write(world.path("a"), "old").unwrap();
    fs::set_permissions(world.path("a"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(world.status("PUT /a", "new"), 204);
    let mode = fs::metadata(world.path("a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_a_killed_process_left_is_removed_before_anything_is_served() {
    // Many, since a folder may get the number of one that was removed.
    for _ in 0..20 {
        let folder = TempDir::new().unwrap();
        let left = folder.path().join(".hansom-12ab.part");
        fs::write(&left, "x").unwrap();
        let config = FilesConfig {
            root: folder.path().to_owned(),
            ..FilesConfig::default()
        };
        let files = Files::new(config, Rc::new(Cache::new(CacheLimits::default()))).unwrap();
        let _uploads = Uploads::new(UploadsConfig::default(), files);
        assert!(!left.exists());
    }
}

/// A world whose uploads may be resumed, and the path of an upload resource that was begun there.
fn begun(fields: &str, content: &str) -> (World, String) {
    let world = World::with(UploadsConfig {
        resumable: true,
        content_octets_max: 1000,
        ..UploadsConfig::default()
    });
    let response = world.ask(&format!("PUT /a\nUpload-Complete: ?0\n{fields}"), content);
    assert_eq!(response.head.status().code(), 201);
    assert_eq!(named(&response, "upload-offset"), content.len().to_string());
    let location = field(&response, Known::Location);
    assert!(location.starts_with("/a?upload="), "{location}");
    (world, location)
}

fn named(response: &Response, name: &str) -> String {
    let mut lines = response.head.section().iter();
    lines
        .find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| String::from_utf8(value.to_vec()).unwrap())
        .unwrap_or_default()
}

fn append(world: &World, location: &str, offset: u64, complete: &str, content: &str) -> Response {
    let request = format!(
        "PATCH {location}\nContent-Type: application/partial-upload\nUpload-Offset: {offset}\n\
         Upload-Complete: {complete}\n"
    );
    world.ask(&request, content)
}

#[test]
fn an_upload_in_parts_becomes_a_file_when_it_is_complete() {
    let (world, location) = begun("", "one");
    assert!(!world.path("a").exists());
    let more = append(&world, &location, 3, "?0", " two");
    assert_eq!(
        (more.head.status().code(), named(&more, "upload-offset")),
        (204, "7".into())
    );
    let head = world.ask(&format!("HEAD {location}"), "");
    assert_eq!(head.head.status().code(), 204);
    assert_eq!(named(&head, "upload-complete"), "?0");
    assert_eq!(named(&head, "upload-offset"), "7");
    assert_eq!(field(&head, Known::CacheControl), "no-store");
    let last = append(&world, &location, 7, "?1", " six");
    assert_eq!(
        (last.head.status().code(), named(&last, "upload-complete")),
        (201, "?1".into())
    );
    assert_eq!(world.read("a"), "one two six");
    assert_eq!(
        field(&last, Known::ETag),
        field(&world.ask("GET /a", ""), Known::ETag)
    );
    let head = world.ask(&format!("HEAD {location}"), "");
    assert_eq!(
        (
            named(&head, "upload-complete"),
            named(&head, "upload-length")
        ),
        ("?1".into(), "11".into())
    );
    assert_eq!(
        append(&world, &location, 11, "?1", "x")
            .head
            .status()
            .code(),
        400
    );
}

#[test]
fn an_offset_that_is_not_that_of_the_upload_is_told_the_right_one() {
    let (world, location) = begun("", "one");
    for offset in [0, 2, 4] {
        let response = append(&world, &location, offset, "?0", "x");
        assert_eq!(response.head.status().code(), 409);
        assert_eq!(named(&response, "upload-offset"), "3");
        let problem: Value = serde_json::from_slice(&octets(&response.content)).unwrap();
        assert_eq!(problem["expected-offset"], 3);
    }
}

#[test]
fn what_came_before_an_interruption_is_kept() {
    let (world, location) = begun("", "one");
    let request = format!(
        "PATCH {location}\nContent-Type: application/partial-upload\nUpload-Offset: 3\nUpload-Complete: ?1\n"
    );
    let incoming = Incoming::for_test(&[b" two"], Err(Interrupted));
    assert_eq!(world.ask_with(&request, incoming).head.status().code(), 400);
    let offset = named(&world.ask(&format!("HEAD {location}"), ""), "upload-offset");
    assert_eq!(offset, "7");
}

#[test]
fn an_upload_has_the_length_that_was_said() {
    let (world, location) = begun("Upload-Length: 5\n", "one");
    assert_eq!(
        append(&world, &location, 3, "?1", "x").head.status().code(),
        400
    );
    let (world, location) = begun("Upload-Length: 5\n", "one");
    assert_eq!(
        append(&world, &location, 3, "?0", "xyz")
            .head
            .status()
            .code(),
        400
    );
    // It is void since.
    assert_eq!(world.status(&format!("HEAD {location}"), ""), 404);
    let request = "PUT /b\nUpload-Complete: ?0\nUpload-Length: 1001\n";
    let response = world.ask(request, "");
    assert_eq!(response.head.status().code(), 413);
    assert!(named(&response, "upload-limit").starts_with("max-size=1000, "));
}

#[test]
fn the_preconditions_of_the_first_request_hold_for_the_last() {
    let (world, location) = begun("If-None-Match: *\n", "one");
    fs::write(world.path("a"), "other").unwrap();
    assert_eq!(
        append(&world, &location, 3, "?1", "").head.status().code(),
        412
    );
    assert_eq!(world.read("a"), "other");
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing() {
    let (world, location) = begun("", "one");
    assert_eq!(world.status(&format!("DELETE {location}"), ""), 204);
    assert_eq!(world.status(&format!("HEAD {location}"), ""), 404);
    assert_eq!(
        fs::read_dir(world.path(".hansom-uploads")).unwrap().count(),
        0
    );
}

#[test]
fn an_upload_that_nobody_goes_on_with_is_removed() {
    let (world, location) = begun("", "one");
    let later = Now {
        unix_seconds: Now::read().unix_seconds + 25 * 3600,
        ..Now::read()
    };
    let expire = |now| {
        let store = &world.uploads.0.store;
        store.expire(&UploadLimits::default(), now).unwrap()
    };
    assert_eq!(expire(Now::read()), 1);
    assert_eq!(expire(later), 0);
    assert_eq!(world.status(&format!("HEAD {location}"), ""), 404);
}

#[test]
fn an_upload_that_was_begun_long_ago_and_is_gone_on_with_stays() {
    let (world, location) = begun("", "one");
    let shelf = world.path(".hansom-uploads");
    let about = fs::read_dir(&shelf)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some())
        .unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(48 * 3600);
    let about = fs::File::options().write(true).open(about).unwrap();
    about.set_modified(long_ago).unwrap();
    let store = &world.uploads.0.store;
    let left = store.expire(&UploadLimits::default(), Now::read()).unwrap();
    assert_eq!(left, 1);
    assert_eq!(
        append(&world, &location, 3, "?1", "x").head.status().code(),
        201
    );
}

#[test]
fn uploads_that_are_complete_are_none_of_those_that_may_be_unfinished() {
    let world = World::with(UploadsConfig {
        resumable: true,
        limits: UploadLimits {
            resumable_uploads_max: 2,
            ..UploadLimits::default()
        },
        ..UploadsConfig::default()
    });
    let begin = |name: usize| world.ask(&format!("PUT /{name}\nUpload-Complete: ?0\n"), "x");
    for name in 0..5 {
        let response = begin(name);
        assert_eq!(response.head.status().code(), 201, "{name}");
        let location = field(&response, Known::Location);
        let last = append(&world, &location, 1, "?1", "y");
        assert_eq!(last.head.status().code(), 201);
    }
    // What is known of those that are complete is bounded too.
    let count = || fs::read_dir(world.path(".hansom-uploads")).unwrap().count();
    assert_eq!(count(), 3);
    for status in [201, 201, 503] {
        assert_eq!(begin(9).head.status().code(), status);
    }
}

#[test]
fn a_length_that_was_said_later_is_not_another_later_still() {
    let (world, location) = begun("", "one");
    let say = |length: u64, offset: u64| {
        let request = format!(
            "PATCH {location}\nContent-Type: application/partial-upload\nUpload-Offset: {offset}\n\
             Upload-Complete: ?0\nUpload-Length: {length}\n"
        );
        world.ask(&request, "x").head.status().code()
    };
    assert_eq!(say(9, 3), 204);
    let head = world.ask(&format!("HEAD {location}"), "");
    assert_eq!(named(&head, "upload-length"), "9");
    assert_eq!(say(8, 4), 400);
    assert_eq!(say(9, 4), 204);
}

#[test]
fn a_name_that_is_taken_with_all_its_numbers_is_told_so() {
    let world = World::new();
    fs::write(world.path("a"), "").unwrap();
    for number in 2..1000 {
        fs::write(world.path(&format!("a ({number})")), "").unwrap();
    }
    let response = world.ask(POST_FORM, form(&[("name=a; filename=a", "x")]));
    assert_eq!(response.head.status().code(), 409);
    let text = String::from_utf8(octets(&response.content)).unwrap();
    assert!(text.contains("taken"), "{text}");
}

#[test]
fn an_upload_resource_is_that_of_its_target_and_token() {
    let (world, location) = begun("", "one");
    let token = location.split_once('?').unwrap().1;
    let other = token.replace(|c: char| c.is_ascii_digit(), "f");
    for target in [format!("/b?{token}"), format!("/a?{other}")] {
        assert_eq!(world.status(&format!("HEAD {target}"), ""), 404, "{target}");
    }
    for (request, status) in [
        (
            format!("PATCH {location}\nUpload-Offset: 3\nUpload-Complete: ?1\n"),
            415,
        ),
        (
            format!("PATCH {location}\nContent-Type: application/partial-upload\n"),
            400,
        ),
        (format!("PUT {location}"), 405),
        (format!("DELETE {location}\nOrigin: null\n"), 403),
    ] {
        assert_eq!(world.status(&request, "x"), status, "{request}");
    }
    let options = world.ask("OPTIONS /a", "");
    assert_eq!(
        named(&options, "accept-patch"),
        "application/partial-upload"
    );
}

#[test]
fn a_part_is_not_stored_as_the_whole_where_uploads_are_not_resumable() {
    let world = World::new();
    assert_eq!(world.status("PUT /a\nUpload-Complete: ?0\n", "x"), 400);
    assert_eq!(world.status("PUT /a\nUpload-Complete: ?1\n", "x"), 201);
    assert_eq!(world.status("PUT /b\nUpload-Complete: 0\n", "x"), 201);
}
