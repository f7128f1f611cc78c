//! A [`Config`] as the file that gives it.

use super::keys;
use super::model::{Config, Route, Site};
use super::read::{Group, Keys};
use super::slot::Shown;
use std::fmt::Write as _;

impl Config {
    /// The file that gives this configuration, with every key.
    ///
    /// What is found only at start stands in a comment. A path that is not UTF-8
    /// cannot be written in TOML and is shown with replacement characters. For the password
    /// in the address of a store stand three asterisks.
    pub fn to_toml(&self) -> String {
        let mut config = self.without_passwords();
        let mut out = String::new();
        one(
            &mut out,
            "server",
            &mut Keys(keys::SERVER, &mut config.server),
        );
        one(
            &mut out,
            "limits",
            &mut Keys(keys::LIMITS, &mut config.limits),
        );
        one(&mut out, "log", &mut Keys(keys::LOG, &mut config.log));
        for listener in &mut config.listeners {
            many(&mut out, "listen", &mut Keys(keys::LISTEN, listener));
        }
        for tls in &mut config.tls {
            many(&mut out, "tls", &mut Keys(keys::TLS, tls));
        }
        for auth in &mut config.auth {
            many(&mut out, "auth", &mut Keys(keys::AUTH, auth));
        }
        one(
            &mut out,
            "sessions",
            &mut Keys(keys::SESSIONS, &mut config.sessions),
        );
        for pool in &mut config.pools {
            many(&mut out, "pool", &mut Keys(keys::POOL, &mut *pool));
            for server in &mut pool.servers {
                many(&mut out, "pool.server", &mut Keys(keys::SERVERS, server));
            }
        }
        for site in &mut config.sites {
            write_site(&mut out, site);
        }
        out
    }

    /// This configuration as it may be shown: for the password in the address of a store stand three asterisks.
    pub fn without_passwords(&self) -> Self {
        let mut config = self.clone();
        config.sessions.store = config.sessions.store.as_deref().map(without_password);
        config
    }
}

/// A URL without the password that it has (RFC 3986 §3.2.1).
pub(super) fn without_password(url: &str) -> String {
    let hidden = || {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let at = rest.get(..end)?.rfind('@')?;
        let (user_info, host) = rest.split_at(at);
        let (user, _) = user_info.split_once(':')?;
        Some(format!("{scheme}://{user}:{HIDDEN}{host}"))
    };
    hidden().unwrap_or_else(|| url.to_owned())
}

/// What stands for a password.
const HIDDEN: &str = "***";

fn write_site(out: &mut String, site: &mut Site) {
    let mut settings = std::mem::take(&mut site.settings);
    let groups: &mut [&mut dyn Group] = &mut [
        &mut Keys(keys::SITE, &mut *site),
        &mut Keys(keys::SETTINGS, &mut settings),
    ];
    section(out, "site", "[[site]]", Absent::Said, groups);
    for route in &mut site.routes {
        let mut settings = std::mem::take(&mut route.settings);
        section(
            out,
            "site.route",
            "[[site.route]]",
            Absent::Said,
            &mut [&mut Keys::<Route, _>(keys::ROUTE, route)],
        );
        // What a route does not say is the site's.
        let group: &mut [&mut dyn Group] = &mut [&mut Keys(keys::SETTINGS, &mut settings)];
        body(out, "site.route", Absent::Omitted, group);
    }
}

fn one(out: &mut String, at: &str, group: &mut dyn Group) {
    section(out, at, &format!("[{at}]"), Absent::Said, &mut [group]);
}

fn many(out: &mut String, at: &str, group: &mut dyn Group) {
    section(out, at, &format!("[[{at}]]"), Absent::Said, &mut [group]);
}

/// Whether what is not given stands in a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    Said,
    Omitted,
}

fn section(out: &mut String, at: &str, title: &str, absent: Absent, groups: &mut [&mut dyn Group]) {
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{title}");
    body(out, at, absent, groups);
}

/// The keys, and then the sections below, as TOML needs them.
fn body(out: &mut String, at: &str, absent: Absent, groups: &mut [&mut dyn Group]) {
    let mut tables = Vec::new();
    for row in groups.iter_mut().flat_map(|group| group.rows()) {
        match row.shown {
            Shown::Table(rows) => tables.push((row.name, rows)),
            shown => line(out, row.name, &shown, absent),
        }
    }
    for (name, rows) in tables {
        let _ = writeln!(out, "\n[{at}.{name}]");
        for (name, shown) in rows {
            line(out, &name, &shown, absent);
        }
    }
}

fn line(out: &mut String, name: &str, shown: &Shown, absent: Absent) {
    let _ = match shown {
        Shown::Value(value) => writeln!(out, "{name} = {value}"),
        Shown::Words(words) if absent == Absent::Said => writeln!(out, "# {name}: {words}"),
        Shown::Words(_) => Ok(()),
        // No section has two floors below it.
        Shown::Table(_) => Ok(()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "redis://hansom:open%20sesame@10.0.0.1:6379/0";

    fn with_store() -> Config {
        let mut config = Config::default();
        config.sessions.store = Some(STORE.to_owned());
        config
    }

    #[test]
    fn the_password_of_a_store_is_written_nowhere() {
        let printed = with_store().to_toml();
        assert!(
            printed.contains("store = \"redis://hansom:***@10.0.0.1:6379/0\""),
            "{printed}"
        );
        let debugged = format!("{:?}", with_store());
        for text in [printed, debugged] {
            assert!(!text.contains("sesame"), "{text}");
        }
    }

    #[test]
    fn what_has_no_password_is_written_as_it_is() {
        for url in [
            "redis://host:6379/0",
            "rediss://hansom@host",
            "redis://[::1]:6379/0?a=b:c@d",
        ] {
            assert_eq!(without_password(url), url);
        }
        assert_eq!(without_password("redis://:a:b@c@host"), "redis://:***@host");
    }
}
