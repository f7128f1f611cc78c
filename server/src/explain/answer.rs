//! What would be asked at the route, and what would answer.

use super::Step;
use super::steps::{At, Explainer, listed, step};
use crate::config::{AuthMethod, HandlerName, Pool, PoolServer, Route, Settings};
use crate::sites::{Template, uploads_octets_max};
use semantics::Method;

impl Explainer<'_> {
    /// What the route answers that a request came to, past those that rewrote it. All of them judge who may come in.
    pub(super) fn settle(&mut self, at: &At<'_>, passed: &[At<'_>]) {
        let settings = at.settings();
        for judge in passed {
            self.access(judge, &judge.settings());
        }
        self.access(at, &settings);
        self.cors(at, &settings);
        let mut asked = Vec::new();
        for judge in passed.iter().chain([at]) {
            let settings = judge.settings();
            let by = (settings.auth().map(str::to_owned), settings.users.clone());
            // Each once, as the server does.
            if !asked.contains(&by) {
                self.people(judge, &settings);
                asked.push(by);
            }
        }
        self.content(at, &settings);
        self.answer(at, &settings);
        self.fields(at, &settings);
    }

    pub(super) fn access(&mut self, at: &At<'_>, settings: &Settings) {
        let names = |networks: &[net::Network]| {
            networks
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        if let Some(deny) = settings.deny.as_deref().filter(|deny| !deny.is_empty()) {
            let place = self.spot_of(at, "deny");
            self.push(step(
                "access",
                format!("403 for clients in {}", names(deny)),
                place,
            ));
        }
        if let Some(allow) = settings.allow.as_deref().filter(|allow| !allow.is_empty()) {
            let place = self.spot_of(at, "allow");
            self.push(step(
                "access",
                format!("403 for clients not in {}", names(allow)),
                place,
            ));
        }
    }

    fn cors(&mut self, at: &At<'_>, settings: &Settings) {
        if let Some(cors) = &settings.cors {
            let place = self.spot_of(at, "cors");
            let what = format!(
                "pages of {} may read it",
                listed(&cors.origins, "no origin")
            );
            self.push(step("cors", what, place));
        }
    }

    fn people(&mut self, at: &At<'_>, settings: &Settings) {
        let Some(name) = settings.auth() else {
            return;
        };
        let auth = self
            .config
            .auth
            .iter()
            .enumerate()
            .find(|(_, auth)| auth.name == name);
        let how = match auth.map(|(_, auth)| (auth.method, auth.login.as_str())) {
            Some((AuthMethod::Form, login)) => format!("by the form at {login}"),
            _ => "by name and password, else 401".to_owned(),
        };
        let users = settings.users.as_deref().unwrap_or_default();
        let who = match users.is_empty() {
            true => String::new(),
            false => format!("; {} may come in, others 403", users.join(", ")),
        };
        let place = self.spot_of(at, "auth");
        let defined = auth.and_then(|(number, _)| self.spot(&format!("auth[{number}]")));
        let what = format!("\"{name}\" asks who it is, {how}{who}");
        self.push(step("auth", what, place));
        if defined.is_some() {
            self.push(step("auth", format!("\"{name}\" is said here"), defined));
        }
    }

    fn content(&mut self, at: &At<'_>, settings: &Settings) {
        if self.asked.method().is_safe() {
            return;
        }
        let of_all = self.config.limits.content_octets_max;
        let octets = match settings.uploads {
            Some(true) => uploads_octets_max(settings, of_all),
            _ => settings.content_octets_max.unwrap_or(of_all),
        };
        let place = match settings.content_octets_max {
            Some(_) => self.spot_of(at, "content_octets_max"),
            None => self.spot("limits.content_octets_max"),
        };
        let what = format!("at most {octets} octets, beyond it 413");
        self.push(Step {
            rule: Some("RFC 9110 §15.5.14"),
            ..step("content", what, place)
        });
    }

    fn answer(&mut self, at: &At<'_>, settings: &Settings) {
        let place = self.spot(&format!("{}.handler", at.key()));
        let what = match (at.handler(), self.asked.method()) {
            (HandlerName::Redirect, _) => return self.redirect(at, settings),
            (HandlerName::Gateway, _) => return self.gateway(at),
            (HandlerName::Fastcgi | HandlerName::Scgi | HandlerName::Cgi, _) => {
                return self.application(at, settings);
            }
            (HandlerName::Files, _) => return self.files(at, settings),
            (HandlerName::Echo, Method::Get | Method::Head) => "the request itself, by `echo`",
            (HandlerName::Echo, Method::Post | Method::Put) => {
                "the content of the request, by `echo`"
            }
            (HandlerName::Wire, Method::Get | Method::Head) => {
                "what happened on the connection, by `wire`"
            }
            (HandlerName::Echo | HandlerName::Wire, Method::Options) => {
                return self.options();
            }
            (HandlerName::Echo | HandlerName::Wire, _) => return self.unsupported(at, settings),
        };
        self.push(step("answer", what.to_owned(), place));
    }

    pub(super) fn options(&mut self) {
        let what = "OPTIONS 204: the methods there are, in Allow".to_owned();
        self.push(Step {
            rule: Some("RFC 9110 §9.3.7"),
            ..step("answer", what, None)
        });
    }

    /// A method that nothing here answers, or that nothing at all does.
    pub(super) fn unsupported(&mut self, at: &At<'_>, settings: &Settings) {
        let method = self.asked.method.as_str();
        let (status, why, rule) = match self.asked.method() {
            Method::Other => (501, "no such method is known", "RFC 9110 §15.6.2"),
            _ => (405, "there is no such method here", "RFC 9110 §15.5.6"),
        };
        let what = format!("{method} {status}: {why}");
        self.push(Step {
            rule: Some(rule),
            ..step("answer", what, None)
        });
        self.error_page(at, settings, status);
    }

    fn gateway(&mut self, at: &At<'_>) {
        let Some((_, route)) = at.route else { return };
        let pools = self.config.pools.iter().enumerate();
        let named = route.pool.as_ref().and_then(|name| {
            let mut pools = pools.clone();
            pools.find(|(_, pool)| pool.name == *name)
        });
        let (servers, balance, place) = match named {
            Some((number, pool)) => {
                let place = self.spot(&format!("pool[{number}]"));
                self.push(step("pool", format!("\"{}\"", pool.name), place.clone()));
                let servers = pool.all_servers().map(|server| shown(&server, pool));
                (servers.collect::<Vec<_>>(), &pool.balance, place)
            }
            None => {
                let place = self.spot(&format!("{}.to", at.key()));
                (route.to.clone(), &route.balance, place)
            }
        };
        if let Some((number, pool)) = named {
            self.limits(number, pool);
        }
        self.asked_as(at, route);
        let mut what = match servers.as_slice() {
            [only] => format!("what {only} answers"),
            several => format!("what one of {} answers, by {balance}", several.join(", ")),
        };
        if !route.upgrade.is_empty() {
            what.push_str("; it may go over to ");
            what.push_str(&route.upgrade.join(", "));
        }
        self.push(Step {
            rule: Some("RFC 9110 §3.7"),
            ..step("answer", what, place)
        });
    }

    /// What bounds and guards the servers of a pool.
    fn limits(&mut self, number: usize, pool: &Pool) {
        let key = |name: &str| format!("pool[{number}].{name}");
        let mut said = Vec::new();
        if let Some(max) = pool.connections_max {
            let what = format!(
                "at most {max} connections to each server; {} requests wait up to {:?}, beyond it 503",
                pool.queue_max, pool.queue_time
            );
            said.push(("limit", what, key("connections_max")));
        }
        if let Some(sticky) = &pool.sticky {
            let what = format!("the cookie {} leads back to the same server", sticky.cookie);
            said.push(("sticky", what, key("sticky")));
        }
        if let Some(check) = &pool.check {
            let what = format!(
                "{} {} is asked of each server every {:?}; out after {} bad answers, in after {} good ones",
                check.method, check.path, check.interval, check.fall, check.rise
            );
            said.push(("check", what, key("check")));
        }
        if let Some(breaker) = &pool.breaker {
            let by = [
                breaker
                    .failures_max
                    .map(|max| format!("{max} failures in a row")),
                breaker
                    .failures_percent
                    .map(|percent| format!("{percent} % failures within {:?}", breaker.window)),
            ];
            let by: Vec<_> = by.into_iter().flatten().collect();
            let what = format!(
                "a server is left alone for {:?} after {}; if all are, 503",
                breaker.open_time,
                by.join(" or ")
            );
            said.push(("breaker", what, key("breaker")));
        }
        for (about, what, place) in said {
            let place = self.spot(&place);
            self.push(step(about, what, place));
        }
    }

    /// With which target and Host a server is asked.
    fn asked_as(&mut self, at: &At<'_>, route: &Route) {
        let key = |name: &str| format!("{}.{name}", at.key());
        let prefix = |prefix: &Option<String>| prefix.clone().unwrap_or_default();
        let (strip, add) = (prefix(&route.strip_prefix), prefix(&route.add_prefix));
        let what = match (strip.as_str(), add.as_str()) {
            ("", "") => None,
            (strip, "") => Some(format!("{strip} is stripped from the path")),
            ("", add) => Some(format!("{add} is put before the path")),
            (strip, add) => Some(format!("{add} takes the place of {strip} in the path")),
        };
        if let Some(what) = what {
            let place = self.spot(&key("strip_prefix"));
            let place = place.or_else(|| self.spot(&key("add_prefix")));
            self.push(step("asked", what, place));
        }
        let host = match route.outbound_host.as_str() {
            "client" => return,
            "server" => "the server's own".to_owned(),
            other => other.to_owned(),
        };
        let place = self.spot(&key("outbound_host"));
        self.push(step("asked", format!("the Host is {host}"), place));
    }

    fn redirect(&mut self, at: &At<'_>, settings: &Settings) {
        let Some((_, route)) = at.route else {
            return;
        };
        let host = self.host(at.site);
        let template = route
            .redirect
            .as_deref()
            .and_then(|text| Template::location(text).ok());
        let location =
            template.and_then(|template| template.expand_location(&at.words(host.as_deref())));
        let is_lost = location.is_none();
        let (what, rule) = match location {
            Some(location) => (
                format!("{} to {location}", route.redirect_status),
                "RFC 9110 §15.4",
            ),
            None => (NEEDS_HOST.to_owned(), "RFC 9110 §7.2"),
        };
        let place = self.spot(&format!("{}.redirect", at.key()));
        self.push(Step {
            rule: Some(rule),
            ..step("answer", what, place)
        });
        if is_lost {
            self.error_page(at, settings, 400);
        }
    }

    pub(super) fn error_page(&mut self, at: &At<'_>, settings: &Settings, status: u16) {
        if let Some(page) = settings.error_page(status) {
            let place = self.spot_of(at, &format!("error_pages.{status}"));
            let class = || self.spot_of(at, &format!("error_pages.{}xx", status / 100));
            let place = place.or_else(class);
            self.push(step("page", page.to_owned(), place));
        }
    }

    fn fields(&mut self, at: &At<'_>, settings: &Settings) {
        let tables = [
            ("set_fields", &settings.set_fields),
            ("add_fields", &settings.add_fields),
        ];
        for (key, table) in tables {
            for (name, value) in table.iter().flatten() {
                let place = self.spot_of(at, &format!("{key}.{name}"));
                self.push(step("field", format!("{name}: {value}"), place));
            }
        }
        if let Some((_, route)) = at.route {
            if let Some(value) = &route.cache_control {
                let place = self.spot_of(at, "cache_control");
                self.push(step("field", format!("Cache-Control: {value}"), place));
            }
            if let Some(time) = route.expires {
                let place = self.spot_of(at, "expires");
                self.push(step(
                    "field",
                    format!("Expires: {} s after Date", time.as_secs()),
                    place,
                ));
            }
        }
        for name in settings.remove_fields.iter().flatten() {
            let place = self.spot_of(at, "remove_fields");
            self.push(step("field", format!("{name} is removed"), place));
        }
    }
}

/// A server with what is said of it alone.
fn shown(server: &PoolServer, pool: &Pool) -> String {
    let said = [
        (server.weight != 1).then(|| format!("weight {}", server.weight)),
        server.backup.then(|| "backup".to_owned()),
        server
            .connections_max
            .filter(|max| Some(*max) != pool.connections_max)
            .map(|max| format!("at most {max} connections")),
    ];
    let said: Vec<_> = said.into_iter().flatten().collect();
    match said.is_empty() {
        true => server.to.clone(),
        false => format!("{} ({})", server.to, said.join(", ")),
    }
}

/// Of a redirect for which nobody names a host.
pub(super) const NEEDS_HOST: &str = "400: the redirect needs a host";
