//! The folder and the configuration that all cases are written for.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Sat, 06 Jan 2024 10:00:00 GMT: when every file of the world was last modified.
pub const MODIFIED: u64 = 1_704_535_200;

/// The content of `/secret.txt` beside the root, that no answer may hold.
pub const SECRET: &str = "a secret beside the root\n";

/// How clients reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// By plain TCP.
    Clear,
    /// By TLS, with a certificate that the server makes itself.
    Tls,
}

/// Writes `root/`, `other/`, `more/`, `users` and `secret.txt` into a folder.
pub fn write(folder: &Path) -> io::Result<()> {
    let root = folder.join("root");
    for inner in FOLDERS {
        fs::create_dir_all(folder.join(inner))?;
    }
    for (name, content) in plain_files().into_iter().chain(more_files()) {
        fs::write(folder.join(name), content)?;
        File::options()
            .write(true)
            .open(folder.join(name))?
            .set_modified(UNIX_EPOCH + Duration::from_secs(MODIFIED))?;
    }
    #[cfg(unix)]
    if !root.join("leak.txt").exists() {
        std::os::unix::fs::symlink("../secret.txt", root.join("leak.txt"))?;
    }
    Ok(())
}

/// The configuration of `hansom run` for that folder, on a port of the system's choice.
pub fn configuration(folder: &Path, access: Access) -> String {
    let tls = match access {
        Access::Clear => "",
        Access::Tls => "tls = true\n\n[[tls]]\n",
    };
    // A basic string of TOML escapes as Rust's debug format does.
    let quoted = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    PLACES
        .iter()
        .fold(CONFIGURATION.to_owned(), |text, name| {
            text.replace(&format!("<{name}>"), &quoted(name))
        })
        .replace("<tls>\n", tls)
}

fn page(title: &str) -> Vec<u8> {
    format!("<!doctype html>\n<title>{title}</title>\n<p>{title}\n").into_bytes()
}

/// What any server needs for the cases.
fn plain_files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("root/index.html", page("index")),
        ("root/a.txt", (b'a'..=b'z').collect()),
        ("root/f/1k", b"0123456789abcdef".repeat(64)),
        (
            "root/big.bin",
            (0..1 << 20).map(|at: u32| (at % 251) as u8).collect(),
        ),
        ("root/empty.txt", Vec::new()),
        ("root/dir/index.html", page("dir")),
        ("root/noindex/inside.txt", b"inside".to_vec()),
        ("root/.hidden", b"a hidden file\n".to_vec()),
        ("root/with space.txt", b"space".to_vec()),
        ("root/data.json", b"{}".to_vec()),
        ("other/who.txt", b"other".to_vec()),
        ("other/a.txt", b"other".to_vec()),
        ("secret.txt", SECRET.as_bytes().to_vec()),
    ]
}

/// What the site `more.example` is made of.
fn more_files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("users", USERS.as_bytes().to_vec()),
        ("more/a.txt", b"more".to_vec()),
        ("more/text.txt", b"a line of text\n".repeat(300)),
        ("more/long.txt", b"a line of text\n".repeat(100_000)),
        ("more/noise.png", b"\x89PNG".repeat(1000)),
        ("more/page.html", page("page")),
        ("more/page.html.gz", PAGE_GZIP.to_vec()),
        ("more/same/text.txt", b"a line of text\n".repeat(300)),
        ("more/n/hello.en.txt", b"Hello".to_vec()),
        ("more/n/hello.de.txt", b"Hallo".to_vec()),
        ("more/staff/index.html", page("staff")),
        ("more/staff/anna/index.html", page("anna")),
        ("more/form/index.html", page("form")),
        ("more/closed/index.html", page("closed")),
        ("more/shared/a.txt", b"shared".to_vec()),
    ]
}

const FOLDERS: [&str; 12] = [
    "root/f",
    "root/dir",
    "root/noindex",
    "other",
    "more/same",
    "more/n",
    "more/staff/anna",
    "more/form",
    "more/closed",
    "more/shared",
    "more/up",
    "more/resume",
];

const PLACES: [&str; 5] = ["root", "other", "more", "users", "state"];

/// anna and bert, both with the password `secret`, hashed at the least cost.
const USERS: &str = "\
anna:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2
bert:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2
";

/// `page.html` by gzip.
const PAGE_GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xb3\x51\x4c\xc9\x4f\x2e\xa9\x2c\x48\x55\xc8\x28\xc9\xcd\xb1\xe3\xb2\x29\
    \xc9\x2c\xc9\x49\xb5\x2b\x48\x4c\x4f\xb5\xd1\x87\xb0\xb9\x6c\x0a\xc0\x7c\x2e\0\x1b\0\x6f\xa9\x2c\0\0\0";

const CONFIGURATION: &str = r#"[server]
workers = 2
state = <state>
trusted_gateways = ["192.0.2.1"]

# Many cases are played at once: none gets another representation because all coders are busy.
[limits]
coders_max = 64

[[listen]]
address = "127.0.0.1:0"
<tls>

[[auth]]
name = "staff"
users = <users>
realm = "Staff \"only\""
attempts_max = 1000000

[[auth]]
name = "few"
users = <users>
realm = "Few"
attempts_max = 1

[[auth]]
name = "form"
method = "form"
users = <users>
realm = "Form"
attempts_max = 1000000

[[site]]
hosts = ["*"]
root = <root>

[[site.route]]
path = "/echo"
handler = "echo"

[[site]]
hosts = ["other.example"]
root = <other>

[[site]]
hosts = ["secure.example"]
root = <other>
to_https = true

[[site]]
hosts = ["more.example"]
root = <more>
hsts = "180d"
set_fields = { X-Set = "more" }
error_pages = { 410 = "page.html" }

[[site.route]]
path = "/same"
cache_control = "no-transform"

[[site.route]]
path = "/n"
negotiate = true

[[site.route]]
path = "/moved"
handler = "redirect"
redirect = "/text.txt{rest}?{query}"

[[site.route]]
path = "/moved/301"
handler = "redirect"
redirect = "/text.txt"
redirect_status = 301

[[site.route]]
path = "/moved/302"
handler = "redirect"
redirect = "https://away.example{rest}"
redirect_status = 302

[[site.route]]
path = "/moved/303"
handler = "redirect"
redirect = "/text.txt"
redirect_status = 303

[[site.route]]
path = "/moved/307"
handler = "redirect"
redirect = "/text.txt"
redirect_status = 307

[[site.route]]
path = "/rewritten"
rewrite = "/a.txt"

[[site.route]]
path = "/gone"
try_files = ["=410"]

[[site.route]]
path = "/app"
try_files = ["{path}", "/a.txt"]

[[site.route]]
path = "/staff"
auth = "staff"

[[site.route]]
path = "/staff/anna"
auth = "staff"
users = ["anna"]

[[site.route]]
path = "/few"
auth = "few"

[[site.route]]
path = "/form"
auth = "form"

[[site.route]]
path = "/closed"
deny = ["0.0.0.0/0", "::/0"]

[[site.route]]
path = "/up"
uploads = true
content_octets_max = "64KiB"

[[site.route]]
path = "/resume"
uploads = true
resumable_uploads = true

[[site.route]]
path = "/shared"

[site.route.cors]
origins = ["https://app.example"]
methods = ["PUT"]
request_fields = ["X-A"]
exposed_fields = ["X-Set"]
preflight_time = "10m"
"#;
