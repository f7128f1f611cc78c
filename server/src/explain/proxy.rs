//! What a request would meet at the forward proxy.
//!
//! No name is resolved: what its addresses would meet is told as what will be asked.

use super::steps::{listed, step};
use super::url::UrlError;
use super::{Other, Spot, Step};
use crate::config::{Config, Loaded, Places, Role};
use crate::proxy::rules;
use intermediary::{Allowed, By, Denied, Destination, Pattern, ProxyRules};

/// A request to a proxy, as far as a method and a URL tell.
pub(super) struct ProxyAsked<'a> {
    method: &'a str,
    by: By,
    to: Destination,
    shown: String,
}

impl<'a> ProxyAsked<'a> {
    /// `CONNECT HOST:PORT`, or a URL. One by https is asked for by CONNECT.
    pub(super) fn of(method: &'a str, url: &str) -> Result<Self, UrlError> {
        let odd = |error| UrlError::Destination(url.to_owned(), error);
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        let is_https = scheme.eq_ignore_ascii_case("https");
        let (method, by, port) = match method {
            "CONNECT" if !scheme.is_empty() => return Err(UrlError::Scheme(url.to_owned())),
            "CONNECT" => (method, By::Tunnel, None),
            _ if is_https => ("CONNECT", By::Tunnel, Some(443)),
            _ if scheme.eq_ignore_ascii_case("http") => (method, By::Request, Some(80)),
            _ => return Err(UrlError::Scheme(url.to_owned())),
        };
        let to = Destination::parse(authority.as_bytes(), port).map_err(odd)?;
        let shown = match by {
            By::Tunnel => format!("CONNECT {to}"),
            By::Request => format!("{method} http://{to}"),
        };
        Ok(Self {
            method,
            by,
            to,
            shown,
        })
    }
}

/// What it meets, in order.
pub(super) fn steps(loaded: &Loaded, asked: &ProxyAsked<'_>) -> Vec<Step> {
    let at = At {
        config: &loaded.config,
        places: &loaded.places,
        asked,
    };
    let mut steps = vec![at.listener()];
    steps.extend(at.access());
    steps.extend(at.authorize());
    match rules(&loaded.config) {
        Ok(rules) => steps.extend(at.judged(&rules)),
        Err(error) => steps.push(step("rule", error.to_string(), None)),
    }
    steps
}

struct At<'a> {
    config: &'a Config,
    places: &'a Places,
    asked: &'a ProxyAsked<'a>,
}

impl At<'_> {
    fn listener(&self) -> Step {
        let listeners = self.config.listeners.iter().enumerate();
        let mut proxies = listeners.filter(|(_, listener)| listener.role == Role::Proxy);
        let found = proxies.next();
        let others = proxies.map(|(number, listener)| Other {
            what: format!("{}: the other is a proxy as well", listener.address),
            place: self.spot(&format!("listen[{number}].role")),
        });
        let others = others.collect();
        let (what, place) = match found {
            Some((number, listener)) => (
                format!("{}, as its proxy: {}", listener.address, self.asked.shown),
                self.spot(&format!("listen[{number}].role")),
            ),
            None => ("none is a proxy".to_owned(), None),
        };
        Step {
            others,
            ..step("proxy", what, place)
        }
    }

    fn access(&self) -> Option<Step> {
        let clients = &self.config.proxy.clients;
        let names: Vec<_> = clients.iter().map(ToString::to_string).collect();
        (!names.is_empty()).then(|| {
            let what = format!("from {}, else 403", listed(&names, ""));
            step("access", what, self.spot("proxy.clients"))
        })
    }

    fn authorize(&self) -> Option<Step> {
        let proxy = &self.config.proxy;
        let name = proxy.auth.as_ref()?;
        let who = listed(&proxy.users, "every user");
        let what = format!("{who} of \"{name}\", else 407");
        Some(Step {
            rule: Some("RFC 9110 §11.7"),
            ..step("sign in", what, self.spot("proxy.auth"))
        })
    }

    fn judged(&self, rules: &ProxyRules) -> Vec<Step> {
        let asked = self.asked;
        let allowed = rules.judge(asked.method.as_bytes(), asked.by, &asked.to);
        let allowed = match allowed {
            Ok(allowed) => allowed,
            Err(denied) => return vec![self.denied(rules, &denied)],
        };
        let (what, place) = match allowed {
            Allowed::Name(None) => ("nothing denies it, and `allow` is empty".to_owned(), None),
            Allowed::Name(Some(pattern)) => (
                format!("allow {pattern}"),
                self.pattern("allow", &rules.allow, pattern),
            ),
            Allowed::ByAddress => (
                "no name in `allow` fits: its address decides".to_owned(),
                self.spot("proxy.allow"),
            ),
        };
        let mut steps = vec![step("rule", what, place)];
        match asked.to.ip() {
            None => steps.push(self.addresses(rules)),
            Some(ip) => match rules.judge_address(allowed, ip, asked.to.port()) {
                Ok(()) => {}
                Err(denied) => {
                    steps.push(self.denied(rules, &denied));
                    return steps;
                }
            },
        }
        let to = &asked.to;
        steps.push(match asked.by {
            By::Tunnel => Step {
                rule: Some("RFC 9110 §9.3.6"),
                ..step("answer", format!("200, and a tunnel to {to}"), None)
            },
            By::Request => Step {
                rule: Some("RFC 9112 §3.2.2"),
                ..step("answer", format!("what {to} answers"), None)
            },
        });
        steps
    }

    /// What is judged once the name is resolved.
    fn addresses(&self, rules: &ProxyRules) -> Step {
        let networks = |patterns: &[Pattern]| {
            let networks = patterns.iter().filter(|pattern| pattern.is_network());
            networks.map(ToString::to_string).collect::<Vec<_>>()
        };
        let mut parts = Vec::new();
        let (denied, allowed) = (networks(&rules.deny), networks(&rules.allow));
        if !denied.is_empty() {
            parts.push(format!("none in {}", denied.join(", ")));
        }
        if !rules.allow_private {
            parts.push(match allowed.is_empty() {
                true => "no private or other special ones".to_owned(),
                false => format!(
                    "no private or other special ones but those in {}",
                    allowed.join(", ")
                ),
            });
        }
        let what = match parts.is_empty() {
            true => "every one that the name has".to_owned(),
            false => format!("{}, else 403", parts.join("; ")),
        };
        step("address", what, self.spot("proxy.allow_private"))
    }

    fn denied(&self, rules: &ProxyRules, denied: &Denied<'_>) -> Step {
        let place = match denied {
            Denied::Deny(pattern) => self.pattern("deny", &rules.deny, pattern),
            Denied::NotAllowed => self.spot("proxy.allow"),
            Denied::TunnelPort(_) | Denied::BlockedPort(_) => self.spot("proxy.allow_ports"),
            Denied::Method => self.spot("proxy.methods"),
            _ => self.spot("proxy.allow_private"),
        };
        Step {
            rule: Some("RFC 9110 §15.5.4"),
            ..step("answer", format!("403: {denied}"), place)
        }
    }

    fn pattern(&self, key: &str, patterns: &[Pattern], pattern: &Pattern) -> Option<Spot> {
        let number = patterns.iter().position(|other| other == pattern)?;
        self.spot(&format!("proxy.{key}[{number}]"))
    }

    fn spot(&self, path: &str) -> Option<Spot> {
        Some(Spot {
            file: self.places.file().to_owned(),
            line: self.places.line(path)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse_with_places;
    use crate::explain;
    use std::path::Path;

    const TEXT: &str = r#"[[listen]]
address = "127.0.0.1:3128"
role = "proxy"
[proxy]
allow = [
  "*.example.com",
  "10.1.0.0/16",
]
deny = [
  "bad.example.com",
  "203.0.113.9",
]
allow_ports = [443, 8443]
clients = ["192.0.2.0/24"]
"#;

    fn explained(method: &str, url: &str) -> String {
        let loaded = parse_with_places(TEXT, "a.toml", Path::new("/")).unwrap();
        let explained = explain(&loaded, method, url).map(|it| it.to_string());
        explained.unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn the_rule_that_decides_is_named_with_its_line() {
        // table
        for (method, url, expected) in [
            (
                "GET",
                "http://a.example.com/x",
                "allow *.example.com  [a.toml:6]",
            ),
            (
                "GET",
                "http://a.example.com/x",
                "what a.example.com:80 answers",
            ),
            (
                "GET",
                "http://a.example.com/x",
                "from 192.0.2.0/24, else 403  [a.toml:14]",
            ),
            (
                "GET",
                "http://bad.example.com/",
                "deny bad.example.com (RFC 9110 §15.5.4)  [a.toml:10]",
            ),
            (
                "GET",
                "http://example.org/",
                "its address decides  [a.toml:5]",
            ),
            ("GET", "http://10.1.2.3/", "what 10.1.2.3:80 answers"),
            (
                "GET",
                "http://10.2.2.3/",
                "403: The host has a private address",
            ),
            (
                "GET",
                "http://8.8.8.8/",
                "403: This proxy does not go there: nothing in allow",
            ),
            (
                "CONNECT",
                "a.example.com:443",
                "200, and a tunnel to a.example.com:443",
            ),
            (
                "CONNECT",
                "a.example.com:443",
                "CONNECT a.example.com:443  [a.toml:3]",
            ),
            ("CONNECT", "a.example.com:22", "no tunnel to port 22"),
            ("CONNECT", "a.example.com:22", "[a.toml:13]"),
            (
                "GET",
                "https://a.example.com/",
                "200, and a tunnel to a.example.com:443",
            ),
            ("CONNECT", "a.example.com", "has no port"),
            ("CONNECT", "https://a.example.com/", "begins with neither"),
            ("GET", "http://127.1/", "four decimal numbers"),
            ("GET", "ftp://a/", "begins with neither"),
        ] {
            let told = explained(method, url);
            assert!(told.contains(expected), "{method} {url}: {told}");
        }
    }
}
