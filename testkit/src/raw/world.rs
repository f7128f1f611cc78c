//! The folder and the configuration that all cases are written for.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Sat, 06 Jan 2024 10:00:00 GMT: when every file of the world was last modified.
pub const MODIFIED: u64 = 1_704_535_200;

/// The content of `/secret.txt` beside the root, that no answer may hold.
pub const SECRET: &str = "a secret beside the root\n";

/// Writes `root/`, `other/` and `secret.txt` into a folder.
pub fn write(folder: &Path) -> io::Result<()> {
    let root = folder.join("root");
    for inner in ["root/f", "root/dir", "root/noindex", "other"] {
        fs::create_dir_all(folder.join(inner))?;
    }
    let page =
        |title: &str| format!("<!doctype html>\n<title>{title}</title>\n<p>{title}\n").into_bytes();
    let files = [
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
    ];
    for (name, content) in files {
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
pub fn configuration(folder: &Path) -> String {
    let quoted = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    let (root, other) = (quoted("root"), quoted("other"));
    format!(
        "[server]\nworkers = 2\n\n[[listen]]\naddress = \"127.0.0.1:0\"\n\n\
         [[site]]\nhosts = [\"*\"]\nroot = {root}\n\n\
         [[site.route]]\npath = \"/echo\"\nhandler = \"echo\"\n\n\
         [[site]]\nhosts = [\"other.example\"]\nroot = {other}\n"
    )
}
