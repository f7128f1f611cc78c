//! A [`Config`] as the file that gives it.

use super::keys::{self, Key};
use super::model::Config;
use std::fmt::Write as _;

impl Config {
    /// The file that gives this configuration, with every key.
    ///
    /// What is found only at start stands in a comment. A path that is not UTF-8
    /// cannot be written in TOML and is shown with replacement characters.
    pub fn to_toml(&self) -> String {
        let mut config = self.clone();
        let mut out = String::new();
        section(&mut out, "[server]", keys::SERVER, &mut config.server);
        section(&mut out, "[limits]", keys::LIMITS, &mut config.limits);
        for listener in &mut config.listeners {
            section(&mut out, "[[listen]]", keys::LISTEN, listener);
            section(
                &mut out,
                "[listen.lenient]",
                keys::LENIENT,
                &mut listener.lenient,
            );
        }
        for site in &mut config.sites {
            section(&mut out, "[[site]]", keys::SITE, site);
            for route in &mut site.routes {
                section(&mut out, "[[site.route]]", keys::ROUTE, route);
            }
        }
        out
    }
}

fn section<T>(out: &mut String, title: &str, keys: &'static [Key<T>], target: &mut T) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(title);
    out.push('\n');
    for key in keys {
        let _ = match key.slot.show(target) {
            Ok(value) => writeln!(out, "{} = {value}", key.name),
            Err(words) => writeln!(out, "# {}: {words}", key.name),
        };
    }
}
