//! PHP behind `handler = "fastcgi"`: a real php-fpm of its own for each test.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use testkit::raw::response::AnswerTo;

use crate::harness::{Client, Hansom, Place, assert_same, until, varied};

/// php-fpm on a socket in its folder.
#[derive(Debug)]
struct Fpm {
    child: Child,
    folder: tempfile::TempDir,
}

impl Fpm {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().display();
        let conf = format!(
            "[global]\nerror_log = {at}/log\ndaemonize = no\n[www]\nlisten = {at}/sock\npm = static\n\
             pm.max_children = 2\nphp_admin_value[upload_max_filesize] = 64M\n\
             php_admin_value[post_max_size] = 64M\nphp_admin_value[session.save_path] = {at}\n\
             php_admin_value[upload_tmp_dir] = {at}\nphp_admin_value[output_buffering] = 0\n"
        );
        fs::write(folder.path().join("conf"), conf).expect("it can be written");
        let mut command = Command::new(program());
        command.args(["-F", "-y"]).arg(folder.path().join("conf"));
        if rustix::process::geteuid().is_root() {
            command.arg("-R");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command
            .stderr(Stdio::null())
            .spawn()
            .expect("php-fpm starts");
        let this = Self { child, folder };
        until("php-fpm listens", || {
            std::os::unix::net::UnixStream::connect(this.socket()).ok()
        });
        this
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }
}

impl Drop for Fpm {
    fn drop(&mut self) {
        // Told to end it takes its children along.
        let id = i32::try_from(self.child.id()).ok();
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// Debian names it by its version.
fn program() -> String {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/sbin"];
    let names = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let names = names.flatten().flatten().map(|entry| entry.path());
    let is_fpm = |path: &PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        name.starts_with("php-fpm")
    };
    let found = names
        .into_iter()
        .find(is_fpm)
        .expect("php-fpm is installed");
    found.display().to_string()
}

fn site(fpm: &Fpm, scripts: &[(&str, &str)], more: &str) -> Hansom {
    let mut place = Place::new().with("site/style.css", "body{}");
    for (name, text) in scripts {
        place = place.with(&format!("site/{name}"), format!("<?php {text}"));
    }
    place.run(&format!(
        "[server]\nworkers = 1\n[[site]]\nroot = \"site\"\n[[site.route]]\npath = \"/\"\nhandler = \"fastcgi\"\n\
         to = [\"unix:{}\"]\n{more}\n",
        fpm.socket().display()
    ))
}

fn text(content: &[u8]) -> String {
    String::from_utf8_lossy(content).into_owned()
}

const SHOW: &str = "header('Content-Type: application/json'); echo json_encode($_SERVER);";

#[test]
fn php_is_told_of_a_request_as_it_is() {
    let fpm = Fpm::start();
    let hansom = site(
        &fpm,
        &[("show.php", SHOW)],
        "params = { APP_ENV = \"test\" }",
    );
    let mut client = hansom.connect();
    client.send(
        "GET /show.php/a%20b?c=d HTTP/1.1\r\nHost: a.example:81\r\nX-Own: 1\r\nProxy: evil\r\nX_Own: 2\r\n\
         X-Forwarded-For: 6.6.6.6\r\nCookie: e=f\r\nCookie: g=h\r\n\r\n",
    );
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    let told: serde_json::Value = serde_json::from_slice(&answer.content).expect("JSON");
    let root = hansom
        .folder()
        .canonicalize()
        .expect("a folder")
        .join("site");
    // table
    for (name, value) in [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/show.php/a%20b?c=d"),
        ("QUERY_STRING", "c=d"),
        ("SCRIPT_NAME", "/show.php"),
        ("PATH_INFO", "/a b"),
        ("PHP_SELF", "/show.php/a b"),
        (
            "SCRIPT_FILENAME",
            root.join("show.php").to_str().expect("UTF-8"),
        ),
        ("DOCUMENT_ROOT", root.to_str().expect("UTF-8")),
        ("SERVER_NAME", "a.example"),
        ("SERVER_PORT", "81"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", "a.example:81"),
        ("HTTP_X_OWN", "1"),
        ("HTTP_COOKIE", "e=f; g=h"),
        ("APP_ENV", "test"),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    for name in [
        "HTTP_PROXY",
        "HTTP_X_FORWARDED_FOR",
        "HTTPS",
        "CONTENT_LENGTH",
    ] {
        assert!(told[name].is_null(), "{name}: {}", told[name]);
    }
}

#[test]
fn content_comes_whole_however_it_is_framed_and_files_are_uploaded() {
    let fpm = Fpm::start();
    let hansom = site(
        &fpm,
        &[(
            "sum.php",
            "echo $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['CONTENT_LENGTH'], ' ', md5(file_get_contents('php://input')), ' ', \
             implode(',', array_map(fn($f) => $f['name'].':'.$f['size'].':'.md5_file($f['tmp_name']), $_FILES)), ' ', $_POST['a'] ?? '';",
        )],
        "",
    );
    let content = varied(20 << 20);
    let place = hansom.folder().join("big");
    fs::write(&place, &content).expect("it can be written");
    let digest = Command::new("md5sum")
        .arg(&place)
        .output()
        .expect("md5sum runs");
    let digest = text(&digest.stdout)
        .split(' ')
        .next()
        .expect("a digest")
        .to_owned();
    let curl = |args: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-s", "--max-time", "60"]).args(args);
        let output = command
            .arg(hansom.url("/sum.php"))
            .output()
            .expect("curl runs");
        text(&output.stdout)
    };
    let big = place.to_str().expect("UTF-8");
    let length = content.len();
    let put = curl(&["-T", big]);
    assert_eq!(put, format!("PUT {length} {digest}  "));
    let chunked = curl(&["-T", big, "-H", "Transfer-Encoding: chunked"]);
    assert_eq!(chunked, put);
    let form = curl(&["-F", &format!("file=@{big}"), "-F", "a=b"]);
    assert!(
        form.ends_with(&format!(" big:{length}:{digest} b")),
        "{form}"
    );
    let small = curl(&["-d", "a=xyz"]);
    assert!(
        small.starts_with("POST 5 ") && small.ends_with(" xyz"),
        "{small}"
    );
}

#[test]
fn answers_come_with_their_status_fields_and_content() {
    let fpm = Fpm::start();
    let hansom = site(
        &fpm,
        &[
            (
                "moved.php",
                "header('Location: /elsewhere?x'); echo 'moved';",
            ),
            (
                "gone.php",
                "http_response_code(410); header('X-Powered-By: none'); echo 'gone';",
            ),
            (
                "same.php",
                "if (($_SERVER['HTTP_IF_NONE_MATCH'] ?? '') === '\"v1\"') { http_response_code(304); } header('ETag: \"v1\"'); echo 'new';",
            ),
            (
                "session.php",
                "session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];",
            ),
            ("none.php", "http_response_code(204);"),
            (
                "long.php",
                "for ($i = 0; $i < 3000; $i++) echo str_repeat(chr(65 + $i % 26), 1000);",
            ),
            ("length.php", "header('Content-Length: 3'); echo 'abc';"),
            (
                "cookies.php",
                "setcookie('a', '1'); setcookie('b', '2'); header_remove('X-Powered-By');",
            ),
        ],
        "",
    );
    let mut client = hansom.connect();
    let moved = client.get("/moved.php");
    assert_eq!(
        (moved.status, text(&moved.content)),
        (302, "moved".to_owned())
    );
    assert_eq!(moved.value("location"), Some("/elsewhere?x"));
    let gone = client.get("/gone.php");
    assert_eq!((gone.status, text(&gone.content)), (410, "gone".to_owned()));
    assert_eq!(client.get("/same.php").value("etag"), Some("\"v1\""));
    client.send("GET /same.php HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"v1\"\r\n\r\n");
    let same = client.answer();
    assert_eq!((same.status, same.content.len()), (304, 0));
    assert_eq!(client.get("/none.php").status, 204);
    let first = client.get("/session.php");
    let cookie = first.value("set-cookie").expect("a cookie").to_owned();
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    client.send(format!(
        "GET /session.php HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n"
    ));
    assert_eq!(text(&client.answer().content), "2");
    let long = client.get("/long.php").content;
    let expected: Vec<u8> = (0..3000_usize)
        .flat_map(|i| [b'A' + (i % 26) as u8; 1000])
        .collect();
    assert_same(&long, &expected);
    assert_eq!(client.get("/length.php").value("content-length"), Some("3"));
    assert_eq!(client.get("/cookies.php").values("set-cookie").len(), 2);
    head_has_no_content(&mut client);
    assert_eq!(
        client.get("/style.css").value("content-type"),
        Some("text/css; charset=utf-8")
    );
}

fn head_has_no_content(client: &mut Client) {
    client.send("HEAD /gone.php HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.answer_to(AnswerTo::Head);
    assert_eq!((head.status, head.content.len()), (410, 0));
}

#[test]
fn only_scripts_below_the_root_are_run_and_none_is_shown() {
    let fpm = Fpm::start();
    let hansom = site(
        &fpm,
        &[
            ("a/index.php", "echo 'index of a';"),
            ("x.php", "echo 'x';"),
        ],
        "",
    );
    fs::write(hansom.site("photo.jpg"), "<?php echo 'run';").expect("it can be written");
    let outside = hansom.folder().join("outside.php");
    fs::write(&outside, "<?php echo 'outside';").expect("it can be written");
    std::os::unix::fs::symlink(&outside, hansom.site("link.php")).expect("a link");
    let mut client = hansom.connect();
    // table
    for (path, status, content) in [
        ("/x.php", 200, "x"),
        ("/a/", 200, "index of a"),
        ("/photo.jpg", 200, "<?php echo 'run';"),
        ("/photo.jpg/x.php", 404, ""),
        ("/none.php", 404, ""),
        ("/link.php", 404, ""),
        ("/..%2foutside.php", 400, ""),
        ("/../outside.php", 404, ""),
        ("/x.PHP", 404, ""),
    ] {
        let answer = client.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(text(&answer.content).contains(content), "{path}");
        assert!(!text(&answer.content).contains("outside'"), "{path}");
    }
    assert_eq!(client.get("/a").value("location"), Some("/a/"));
}

#[test]
fn a_front_script_answers_for_what_is_not_there() {
    let fpm = Fpm::start();
    let front = "echo 'front ', $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['REQUEST_URI'], ' ', $_SERVER['SCRIPT_NAME'];";
    let hansom = site(&fpm, &[("index.php", front)], "front = \"index.php\"");
    let mut client = hansom.connect();
    for path in ["/", "/posts/7?x=y", "/none.php", "/style.css/x.php"] {
        let answer = client.get(path);
        assert_eq!(
            text(&answer.content),
            format!("front GET {path} /index.php")
        );
    }
    assert_eq!(text(&client.get("/style.css").content), "body{}");
    client.send("POST /style.css HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(
        text(&client.answer().content),
        "front POST /style.css /index.php"
    );
}

#[test]
fn a_route_that_asks_who_comes_in_is_not_reached_through_a_script() {
    let fpm = Fpm::start();
    let front = "echo 'front ', $_SERVER['REQUEST_URI'];";
    let admin = format!(
        "front = \"index.php\"\n[[site.route]]\npath = \"/admin\"\nhandler = \"fastcgi\"\nto = [\"unix:{}\"]\n\
         front = \"index.php\"\ndeny = [\"127.0.0.0/8\"]",
        fpm.socket().display()
    );
    let hansom = site(&fpm, &[("index.php", front)], &admin);
    let mut client = hansom.connect();
    // table
    for (path, status) in [
        ("/admin", 403),
        ("/admin/x", 403),
        ("//admin/x", 403),
        ("/%61dmin", 403),
        ("/x/../admin", 403),
        ("/index.php/admin", 404),
        ("/index.php/admin/x", 404),
        ("/index.php/x", 200),
        ("/x", 200),
    ] {
        assert_eq!(client.get(path).status, status, "{path}");
    }
    let told = client.get("/admin/../x").content;
    assert_eq!(text(&told), "front /x");
}

#[test]
fn an_answer_that_is_flushed_comes_at_once() {
    let fpm = Fpm::start();
    let hansom = site(
        &fpm,
        &[(
            "slow.php",
            "echo 'first'; flush(); while (!file_exists('go')) { usleep(1000); clearstatcache(); } echo 'second';",
        )],
        "",
    );
    let mut client = hansom.connect();
    client.send("GET /slow.php HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut seen = Vec::new();
    while !text(&seen).contains("first") {
        seen.extend(client.octets(1));
    }
    assert!(!text(&seen).contains("second"));
    fs::write(hansom.site("go"), "").expect("it can be written");
    while !text(&seen).contains("second") {
        seen.extend(client.octets(1));
    }
}

#[test]
fn a_script_ends_when_its_client_has_left() {
    let fpm = Fpm::start();
    let hansom = site(
        &fpm,
        &[(
            "on.php",
            "register_shutdown_function(fn() => touch(__DIR__ . '/left')); while (true) { echo str_repeat('x', 4096); flush(); usleep(1000); }",
        )],
        "",
    );
    let mut client = hansom.connect();
    client.send("GET /on.php HTTP/1.1\r\nHost: a\r\n\r\n");
    client.octets(10_000);
    drop(client);
    until("the script ends", || {
        hansom.site("left").exists().then_some(())
    });
}

#[test]
fn what_goes_wrong_is_told_by_its_status() {
    let fpm = Fpm::start();
    let scripts = [
        ("hang.php", "while (true) usleep(1000);"),
        ("half.php", "header('Content-Length: 10'); echo 'half';"),
        ("warn.php", "error_log('so that people know'); echo 'fine';"),
    ];
    let mut hansom = site(&fpm, &scripts, "outbound_timeout = \"500ms\"");
    let hang = hansom.get("/hang.php");
    assert_eq!(hang.status, 504);
    let told = hang.value("proxy-status").expect("it is told").to_owned();
    assert!(told.contains("error=http_response_timeout"), "{told}");
    let mut client = hansom.connect();
    client.send("GET /half.php HTTP/1.1\r\nHost: a\r\n\r\n");
    let (rest, _) = client.rest();
    assert!(text(&rest).contains("Content-Length: 10\r\n") && text(&rest).ends_with("half"));
    assert_eq!(text(&hansom.get("/warn.php").content), "fine");
    assert!(hansom.next_said().contains("so that people know"));
    drop(fpm);
    let away = hansom.get("/warn.php");
    assert_eq!(away.status, 502);
    assert!(
        away.value("proxy-status")
            .is_some_and(|it| it.contains("connection_refused"))
    );
}

#[test]
fn connections_are_kept_where_that_is_wished() {
    let fpm = Fpm::start();
    let hansom = site(
        &fpm,
        &[("who.php", "echo getmypid();")],
        "idle_connections = 1",
    );
    let mut client = hansom.connect();
    let first = client.get("/who.php").content;
    for _ in 0..5 {
        assert_eq!(client.get("/who.php").content, first);
    }
}

#[test]
fn the_configuration_tells_which_script_answers() {
    let place = Place::new().with("site/index.php", "").with(
        "hansom.toml",
        "[[site]]\nroot = \"site\"\n[[site.route]]\npath = \"/\"\nhandler = \"fastcgi\"\nto = [\"tcp://127.0.0.1:9\"]\nfront = \"index.php\"\n",
    );
    let explain = |path: &str| {
        let mut command = place.command();
        command.args(["check", "hansom.toml", "--explain", path]);
        text(&command.output().expect("it runs").stdout)
    };
    let front = explain("http://a/posts/7");
    assert!(
        front.contains("tcp://127.0.0.1:9 by fastcgi") && front.contains("site/index.php"),
        "{front}"
    );
    let info = explain("http://a/index.php/x");
    assert!(info.contains("with PATH_INFO /x"), "{info}");
}
