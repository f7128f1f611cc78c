//! The reference document, made from the tables.

use super::keys::{self, Described};
use super::slot::Shown;
use std::fmt::Write as _;

/// The text of `docs/hansom.toml.md`.
pub fn reference() -> String {
    let mut out = String::from(INTRODUCTION);
    for described in keys::sections() {
        section(&mut out, described);
    }
    out
}

fn section(out: &mut String, mut section: Described) {
    let title = match section.title {
        "settings" => "Settings".to_owned(),
        title => format!("`{title}`"),
    };
    let about = section.about;
    let _ = write!(
        out,
        "\n## {title}\n\n{about}\n\n| key | holds | default | |\n|---|---|---|---|\n"
    );
    for row in section.keys.rows() {
        let default = match row.shown {
            _ if row.is_required => "must be given".to_owned(),
            Shown::Value(value) => format!("`{value}`"),
            Shown::Words(words) => words.to_owned(),
            Shown::Table(_) => "see below".to_owned(),
        };
        let about = row.about.replace('|', "\\|");
        let _ = writeln!(
            out,
            "| `{}` | {} | {default} | {about} |",
            row.name, row.allowed
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
