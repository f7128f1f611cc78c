//! The reference document, made from the tables.

use super::keys::{self, Key, SECTIONS};
use super::model::{Lenient, Limits, Listener, Route, Server, Site};
use std::fmt::Write as _;

/// The text of `docs/hansom.toml.md`.
pub fn reference() -> String {
    let mut out = String::from(INTRODUCTION);
    section(&mut out, 0, keys::SERVER, &mut Server::default());
    section(&mut out, 1, keys::LIMITS, &mut Limits::default());
    section(&mut out, 2, keys::LISTEN, &mut Listener::default());
    section(&mut out, 3, keys::LENIENT, &mut Lenient::default());
    section(&mut out, 4, keys::SITE, &mut Site::default());
    section(&mut out, 5, keys::ROUTE, &mut Route::default());
    out
}

fn section<T>(out: &mut String, number: usize, keys: &'static [Key<T>], defaults: &mut T) {
    let (title, about) = SECTIONS.get(number).copied().unwrap_or_default();
    let _ = write!(
        out,
        "\n## `{title}`\n\n{about}\n\n| key | holds | default | |\n|---|---|---|---|\n"
    );
    for Key { name, slot, about } in keys {
        let default = match slot.show(defaults) {
            _ if slot.is_required() => "must be given".to_owned(),
            Ok(value) => format!("`{value}`"),
            Err(words) => words.to_owned(),
        };
        let about = about.replace('|', "\\|");
        let _ = writeln!(
            out,
            "| `{name}` | {} | {default} | {about} |",
            slot.allowed()
        );
    }
}

const INTRODUCTION: &str = "\
<!-- Made from server/src/config/keys.rs: `HANSOM_BLESS=1 cargo test -p hansom-server` writes it. -->

# hansom.toml

What `hansom run` is told. `hansom check` says all that is wrong in it, `--print-config` shows what is in force.
A time is a number of seconds or a text as \"500ms\", \"10s\", \"5m\", \"2h\", \"1d\"; octets are a number or a text as \"64KiB\", \"16MiB\", \"1GiB\".
Paths are relative to the file's folder. Unknown keys are errors.

```toml
[server]
workers = 2

[[listen]]
address = \"127.0.0.1:8080\"

[[site]]
hosts = [\"*\"]                 # the site for any host; others by name
root = \"examples/site\"

[[site.route]]
path = \"/echo\"
handler = \"echo\"
```
";
