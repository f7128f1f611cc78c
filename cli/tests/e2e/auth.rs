//! Who asks: passwords, the form, sessions and where they live.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, prlimit};
use testkit::raw::response::Response;

use crate::harness::{Hansom, Place, until};

/// anna and bert, both with the password `secret`.
const USERS: &str = "\
anna:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2
bert:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2
";

/// `/staff` is for everyone who is known, `/staff/anna` for anna.
pub(crate) fn configuration(method: &str, more: &str) -> String {
    format!(
        "\
[server]
workers = 2
state = \"state\"
trusted_gateways = [\"127.0.0.2\"]
[[auth]]
name = \"staff\"
method = \"{method}\"
users = \"users\"
realm = \"Staff\"
attempts_max = 3
[[site]]
root = \"site\"
[[site.route]]
path = \"/staff\"
auth = \"staff\"
cache_control = \"public, max-age=60\"
[[site.route]]
path = \"/staff/anna\"
auth = \"staff\"
users = [\"anna\"]
{more}"
    )
}

pub(crate) fn place() -> Place {
    Place::new()
        .with("users", USERS)
        .with("site/staff/index.html", "staff")
        .with("site/staff/anna/index.html", "anna")
        .with("site/login", "a file where the form is")
}

pub(crate) fn get(hansom: &Hansom, target: &str, fields: &str) -> Response {
    ask(hansom, &format!("GET {target}"), fields, "")
}

pub(crate) fn ask(hansom: &Hansom, line: &str, fields: &str, content: &str) -> Response {
    let length = match content.len() {
        0 => String::new(),
        octets => format!("Content-Length: {octets}\r\n"),
    };
    let mut client = hansom.connect();
    client.send(format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{fields}{length}\r\n{content}",
        hansom.address
    ));
    client.answer()
}

const ANNA: &str = "Authorization: Basic YW5uYTpzZWNyZXQ=\r\n";
const BERT: &str = "Authorization: Basic YmVydDpzZWNyZXQ=\r\n";
const WRONG: &str = "Authorization: Basic YW5uYTpndWVzcw==\r\n";
const HTML: &str = "Accept: text/html\r\n";

#[test]
fn passwords_are_asked_for_and_the_name_is_in_the_log() {
    let hansom = place().run(&configuration("basic", ""));
    let said = get(&hansom, "/staff/", "");
    assert_eq!(said.status, 401);
    let challenge = "Basic realm=\"Staff\", charset=\"UTF-8\"";
    assert_eq!(said.value("WWW-Authenticate"), Some(challenge));
    assert_eq!(get(&hansom, "/", "").status, 200);
    let said = get(&hansom, "/staff/", ANNA);
    assert_eq!((said.status, said.content.as_slice()), (200, &b"staff"[..]));
    assert_eq!(get(&hansom, "/staff/anna/", ANNA).status, 200);
    let said = get(&hansom, "/staff/anna/", BERT);
    assert_eq!((said.status, said.value("WWW-Authenticate")), (403, None));
    let users: Vec<_> = hansom
        .log_records(5)
        .iter()
        .map(|record| record["user"].clone())
        .collect();
    assert_eq!(
        users,
        [None, None, Some("anna"), Some("anna"), Some("bert")].map(serde_json::Value::from)
    );
    assert!(!hansom.log().contains("c2VjcmV0") && !hansom.log().contains("secret"));
}

#[test]
fn no_shared_cache_keeps_what_one_has_to_sign_in_for() {
    let of_site = "[site.set_fields]\nCache-Control = \"public, max-age=60\"\n";
    for method in ["basic", "form"] {
        let configuration = configuration(method, "");
        let (before, routes) = configuration.split_once("[[site.route]]").unwrap();
        let hansom = place().run(&format!("{before}{of_site}[[site.route]]{routes}"));
        let (signed_in, kept_from) = match method {
            "basic" => (ANNA.to_owned(), "private"),
            // In the clear nobody stores what a session lets see.
            _ => (sign_in(&hansom), "no-store"),
        };
        // The second one is kept in memory.
        for _ in 0..2 {
            let said = get(&hansom, "/staff/anna/", &signed_in);
            let lines = said.values("Cache-Control");
            assert_eq!(lines, ["public, max-age=60", kept_from], "{method}");
        }
        for fields in ["", HTML] {
            let said = get(&hansom, "/staff/anna/", fields);
            assert_eq!(said.value("Cache-Control"), Some("no-store"), "{method}");
        }
        if method == "form" {
            let said = get(&hansom, "/login", HTML);
            assert_eq!(said.value("Cache-Control"), Some("no-store"));
        }
    }
}

#[test]
fn guesses_come_to_an_end_for_one_name_and_not_for_others() {
    let hansom = place().run(&configuration("basic", ""));
    for guess in ["YW5uYTph", "YW5uYTpi", "YW5uYTpj"] {
        let fields = format!("Authorization: Basic {guess}\r\n");
        assert_eq!(get(&hansom, "/staff/", &fields).status, 401);
    }
    let said = get(&hansom, "/staff/", ANNA);
    assert_eq!(said.status, 429);
    assert!(said.value("Retry-After").is_some());
    assert_eq!(get(&hansom, "/staff/", BERT).status, 200);
}

#[test]
fn a_user_who_is_deleted_is_out_within_seconds() {
    let hansom = place().run(&configuration("basic", ""));
    assert_eq!(get(&hansom, "/staff/", ANNA).status, 200);
    let deleted = Command::new(env!("CARGO_BIN_EXE_hansom"))
        .args(["htpasswd", "users", "anna", "--delete"])
        .current_dir(hansom.folder())
        .stdout(Stdio::null())
        .status();
    assert!(deleted.expect("it runs").success());
    until("anna is out", || {
        (get(&hansom, "/staff/", ANNA).status == 401).then_some(())
    });
    assert_eq!(get(&hansom, "/staff/", BERT).status, 200);
}

/// Opens the form, sends it, and gives the `Cookie` line of the session.
pub(crate) fn sign_in(hansom: &Hansom) -> String {
    let said = send_form(hansom, "secret");
    assert_eq!(
        (said.status, said.value("Location")),
        (303, Some("/staff/?a=b"))
    );
    cookie(&said, "session")
}

fn send_form(hansom: &Hansom, password: &str) -> Response {
    let said = get(hansom, "/staff/?a=b", HTML);
    assert_eq!(
        (said.status, said.value("Location")),
        (303, Some("/login?next=/staff/%3Fa%3Db"))
    );
    let page = get(hansom, "/login?next=/staff/%3Fa%3Db", HTML);
    let text = String::from_utf8(page.content.clone()).expect("text");
    let (_, rest) = text.split_once("name=\"csrf\" value=\"").expect("a token");
    let token = rest.split('"').next().expect("its end");
    let fields = format!(
        "{}Origin: http://{}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        cookie(&page, "session-form"),
        hansom.address
    );
    let content = format!("user=anna&password={password}&csrf={token}&next=%2Fstaff%2F%3Fa%3Db");
    ask(hansom, "POST /login", &fields, &content)
}

fn cookie(said: &Response, name: &str) -> String {
    let begin = format!("{name}=");
    let sets = said.values("Set-Cookie");
    let set = sets
        .iter()
        .find(|set| set.starts_with(&begin))
        .expect("a cookie");
    format!("Cookie: {}\r\n", set.split(';').next().expect("a pair"))
}

#[test]
fn a_form_leads_in_and_out() {
    let hansom = place().run(&configuration("form", ""));
    assert_eq!(get(&hansom, "/staff/", "").status, 401, "a program");
    assert_eq!(send_form(&hansom, "guess").status, 401);
    let session = sign_in(&hansom);
    let said = get(&hansom, "/staff/", &session);
    assert_eq!((said.status, said.content.as_slice()), (200, &b"staff"[..]));
    assert_eq!(
        said.values("Cache-Control"),
        ["public, max-age=60", "no-store"]
    );
    let tag = format!(
        "{session}If-None-Match: {}\r\n",
        said.value("ETag").expect("a tag")
    );
    let said = get(&hansom, "/staff/", &tag);
    assert_eq!(
        (said.status, said.has_member("Cache-Control", "no-store")),
        (304, true)
    );
    let foreign = format!("{session}Origin: http://evil.example\r\n");
    assert_eq!(ask(&hansom, "POST /staff/", &foreign, "").status, 403);
    let own = format!("{session}{HTML}Origin: http://{}\r\n", hansom.address);
    assert_eq!(ask(&hansom, "POST /logout", &own, "").status, 303);
    assert_eq!(get(&hansom, "/staff/", &session).status, 401);
}

#[test]
fn over_a_trusted_gateway_with_tls_cookies_are_secure() {
    let hansom = place().run(&configuration("form", "").replace("127.0.0.2", "127.0.0.0/8"));
    let page = get(
        &hansom,
        "/login",
        "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\n",
    );
    let set = page.value("Set-Cookie").expect("a cookie");
    assert!(
        set.starts_with("__Host-session-form=") && set.contains("; Secure"),
        "{set}"
    );
}

#[test]
fn sessions_are_back_when_a_disk_that_was_full_has_room_again() {
    let place = place().with("hansom.toml", configuration("form", ""));
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_hansom"))
        .args(["run", "--listen", "0"])
        .current_dir(place.path());
    let hansom = place.start(command);
    let session = sign_in(&hansom);
    // As if there was no room for more than there is.
    let limit = |octets| {
        let limit = Rlimit {
            current: octets,
            maximum: None,
        };
        prlimit(Some(hansom.id()), Resource::Fsize, limit).expect("another limit");
    };
    let file = hansom.folder().join("state/sessions.redb");
    limit(Some(std::fs::metadata(&file).expect("a file").len()));
    let answers = |status| (send_form(&hansom, "secret").status == status).then_some(());
    until("a sign-in that fails", || answers(503));
    limit(None);
    until("one that does not", || answers(303));
    assert_eq!(get(&hansom, "/staff/", &session).status, 200);
}

#[test]
fn the_folder_of_the_state_stays_until_a_restart() {
    let mut hansom = place().run(&configuration("form", ""));
    let session = sign_in(&hansom);
    let other = configuration("form", "").replace("state = \"state\"", "state = \"other\"");
    std::fs::write(hansom.folder().join("hansom.toml"), other).expect("the file");
    hansom.signal(rustix::process::Signal::HUP);
    while hansom.next_said() != "hansom: server.state stays as it was until a restart" {}
    assert_eq!(get(&hansom, "/staff/", &session).status, 200);
    assert!(!hansom.folder().join("other").exists());
}

#[test]
fn a_reload_that_fails_leaves_the_limits_of_attempts() {
    fn listen(socket: &TcpListener) -> String {
        let address = socket.local_addr().expect("an address");
        format!("[[listen]]\naddress = \"{address}\"\n")
    }
    let [own, taken] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let own_listen = listen(&own);
    let place = place().with("hansom.toml", configuration("basic", &own_listen));
    drop(own);
    let mut command = place.command();
    command.args(["run"]);
    let mut hansom = place.start(command);
    let reload = |hansom: &mut Hansom, more: &str| {
        let stricter = configuration("basic", &format!("{own_listen}{more}"))
            .replace("attempts_max = 3", "attempts_max = 2");
        std::fs::write(hansom.folder().join("hansom.toml"), stricter).expect("the file");
        hansom.signal(rustix::process::Signal::HUP);
        loop {
            let line = hansom.next_said();
            if line.starts_with("hansom: reloaded") || line == "hansom: nothing was changed" {
                return line;
            }
        }
    };
    let said = reload(&mut hansom, &listen(&taken));
    assert_eq!(said, "hansom: nothing was changed");
    let guess = |hansom: &Hansom, guess: &str| {
        get(
            hansom,
            "/staff/",
            &format!("Authorization: Basic {guess}\r\n"),
        )
        .status
    };
    // The guesses `one`, `two` and `six` at anna's password.
    assert_eq!(guess(&hansom, "YW5uYTpvbmU="), 401);
    assert_eq!(guess(&hansom, "YW5uYTp0d28="), 401);
    assert_eq!(guess(&hansom, "YW5uYTpvbmU="), 401);
    assert!(reload(&mut hansom, "").starts_with("hansom: reloaded"));
    assert_eq!(guess(&hansom, "YW5uYTpzaXg="), 429);
}

#[test]
fn sessions_survive_a_kill_and_no_second_process_has_them() {
    let hansom = place().run(&configuration("form", ""));
    let session = sign_in(&hansom);
    let second = Command::new(env!("CARGO_BIN_EXE_hansom"))
        .args(["run", "--listen", "0"])
        .current_dir(hansom.folder())
        .output()
        .expect("it ends");
    let said = String::from_utf8(second.stderr).expect("text");
    assert!(
        !second.status.success() && said.contains("another process has it open"),
        "{said}"
    );
    let place = hansom.killed();
    let mut command = place.command();
    command.args(["run", "--listen", "0"]);
    let again = place.start(command);
    assert_eq!(get(&again, "/staff/", &session).status, 200);
}

#[test]
fn sessions_and_counts_survive_a_reload() {
    let mut hansom = place().run(&configuration("form", ""));
    let session = sign_in(&hansom);
    for _ in 0..2 {
        hansom.signal(rustix::process::Signal::HUP);
        hansom.next_said();
        assert_eq!(get(&hansom, "/staff/", &session).status, 200);
    }
}

#[test]
fn a_file_of_users_that_is_wrong_is_told_with_its_line() {
    let place = place()
        .with("users", "anna:secret\n")
        .with("hansom.toml", configuration("basic", ""));
    let output = place
        .command()
        .args(["run", "--listen", "0"])
        .output()
        .expect("it ends");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(
        said.contains("users: line 1: ") && said.contains("plain text"),
        "{said}"
    );
}

/// A redis-server of its own.
struct Redis {
    port: u16,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Redis {
    fn start() -> Option<Self> {
        let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = probe.local_addr().expect("an address").port();
        drop(probe);
        let folder = tempfile::tempdir().expect("a folder");
        let mut redis = Self {
            port,
            folder,
            child: None,
        };
        if redis.resume() {
            return Some(redis);
        }
        eprintln!("SKIPPED: there is no redis-server (apt-get install redis-server)");
        None
    }

    fn resume(&mut self) -> bool {
        let port = self.port.to_string();
        let child = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port,
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
            ])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = child else { return false };
        self.child = Some(child);
        until("it accepts", || {
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        true
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn two_servers_share_sessions_and_the_store_may_go_and_come() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let sessions = format!(
        "[sessions]\nstore = \"redis://127.0.0.1:{}/1\"\n",
        redis.port
    );
    let (here, there) = (
        place().run(&configuration("form", &sessions)),
        place().run(&configuration(
            "form",
            &format!("{sessions}when_away = \"remember\"\n"),
        )),
    );
    let session = sign_in(&here);
    assert_eq!(get(&there, "/staff/", &session).status, 200);
    redis.stop();
    let said = until("it is refused", || {
        let said = get(&here, "/staff/", &session);
        (said.status != 200).then_some(said)
    });
    assert_eq!(said.status, 503);
    assert!(said.value("Retry-After").is_some());
    assert_eq!(get(&there, "/staff/", &session).status, 200, "it remembers");
    assert!(redis.resume());
    until("it goes on", || {
        (get(&here, "/staff/", &session).status == 200).then_some(())
    });
    let own = format!("{session}Origin: http://{}\r\n", here.address);
    // Each worker finds out by itself that the store is back.
    until("it signs out", || {
        let said = ask(&here, "POST /logout", &own, "");
        (said.status == 204).then_some(())
    });
    until("it is out there too", || {
        (get(&there, "/staff/", &session).status == 401).then_some(())
    });
}

#[test]
fn a_wrong_password_again_and_again_is_one_guess() {
    let hansom = place().run(&configuration("basic", ""));
    for _ in 0..10 {
        assert_eq!(get(&hansom, "/staff/", WRONG).status, 401);
    }
    assert_eq!(get(&hansom, "/staff/", ANNA).status, 200);
}
