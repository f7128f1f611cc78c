//! The way of a request to its route.

use super::answer::NEEDS_HOST;
use super::url::Asked;
use super::{Other, Spot, Step};
use crate::config::{
    Address, AuthMethod, Config, HandlerName, Loaded, Places, Role, Route, Settings, Site,
};
use crate::sites::{
    Astray, HostRule, Looked, Matcher, SecurePort, Template, Words, follow, prefix,
    secured_location, shown_host, to_https_status,
};
use semantics::{Method, NormalPath};
use std::borrow::Cow;

pub(super) struct Explainer<'a> {
    pub(super) config: &'a Config,
    pub(super) places: &'a Places,
    pub(super) asked: &'a Asked,
    matcher: Matcher,
    steps: Vec<Step>,
}

/// Where a request has come to.
pub(super) struct At<'a> {
    pub(super) site: &'a Site,
    pub(super) site_number: usize,
    /// `None` is the site itself.
    pub(super) route: Option<(usize, &'a Route)>,
    pub(super) path: NormalPath<'static>,
    pub(super) query: Option<Vec<u8>>,
}

impl<'a> Explainer<'a> {
    pub(super) fn new(loaded: &'a Loaded, asked: &'a Asked) -> Self {
        Self {
            config: &loaded.config,
            places: &loaded.places,
            asked,
            matcher: Matcher::new(&loaded.config.sites),
            steps: Vec::new(),
        }
    }

    pub(super) fn steps(mut self) -> Vec<Step> {
        self.listener();
        let is_served = !self.asked.is_secured || self.tls();
        self.answered(is_served);
        self.steps
    }

    /// From the site on, if the connection serves its host. `None` where it is answered before its way is over.
    fn answered(&mut self, is_served: bool) -> Option<()> {
        self.no_tunnel()?;
        let site = self.site()?;
        self.misdirected(is_served)?;
        let at = self.path(site)?;
        self.led_to_https(&at)?;
        self.route(&at);
        self.form(&at)?;
        let (at, passed) = self.rewritten(at)?;
        self.settle(&at, &passed);
        Some(())
    }

    /// CONNECT asks for no path.
    fn no_tunnel(&mut self) -> Option<()> {
        if self.asked.method() != Method::Connect {
            return Some(());
        }
        let what = "CONNECT 405: an origin server is no tunnel".to_owned();
        self.push(Step {
            rule: Some("RFC 9110 §9.3.6"),
            ..step("answer", what, None)
        });
        None
    }

    /// Which listener the connection comes to.
    fn listener(&mut self) {
        let (mut chosen, mut others) = (None, Vec::new());
        for (number, listener) in self.config.listeners.iter().enumerate() {
            let at = self.spot(&format!("listen[{number}]"));
            let address = &listener.address;
            let why_not = match (listener.tls == self.asked.is_secured, address.port()) {
                _ if listener.role == Role::Proxy => Some("it is a proxy".to_owned()),
                (false, _) if listener.tls => Some("it speaks TLS".to_owned()),
                (false, _) => Some("it does not speak TLS".to_owned()),
                (true, None) => Some("it is a unix socket".to_owned()),
                (true, Some(port)) if port != self.asked.port => {
                    Some(format!("the port is {}", self.asked.port))
                }
                (true, Some(_)) if self.is_elsewhere(address) => {
                    Some("it is another address".to_owned())
                }
                (true, Some(_)) => None,
            };
            match why_not {
                None if chosen.is_none() => chosen = Some((address, at)),
                None => others.push(Other {
                    what: format!("{address}: the other fits as well"),
                    place: at,
                }),
                Some(why) => others.push(Other {
                    what: format!("{address}: {why}"),
                    place: at,
                }),
            }
        }
        let (what, place) = match chosen {
            Some((address, place)) => (format!("{address}"), place),
            None if self.config.server.trusted_gateways.is_empty() => (
                "none listens there; what follows is what would answer".to_owned(),
                None,
            ),
            None => (
                "none listens there: it comes by a gateway".to_owned(),
                self.spot("server.trusted_gateways"),
            ),
        };
        self.push(Step {
            others,
            ..step("listener", what, place)
        });
    }

    /// Whether the URL has an address, and the listener is bound to another.
    fn is_elsewhere(&self, address: &Address) -> bool {
        let host = self.asked.host.trim_matches(['[', ']']);
        match (address, host.parse::<std::net::IpAddr>()) {
            (Address::Inet(bound), Ok(ip)) => !bound.ip().is_unspecified() && bound.ip() != ip,
            _ => false,
        }
    }

    /// Which rules of TLS are for the server name, and whether they are those for the host.
    fn tls(&mut self) -> bool {
        if !self.config.listeners.iter().any(|listener| listener.tls) {
            return true;
        }
        let tls = match net::Tls::new(crate::tls::rules(self.config), &[]) {
            Ok(tls) => tls,
            Err(error) => {
                self.push(step("tls", format!("cannot be spoken: {error}"), None));
                return true;
            }
        };
        // Addresses are no server names (RFC 6066 §3).
        let is_name = !self.asked.host.starts_with('[')
            && self.asked.host.parse::<std::net::IpAddr>().is_err();
        let name = if is_name {
            self.asked.host.as_str()
        } else {
            ""
        };
        let number = tls.rules_for(name);
        let Some(rules) = self.config.tls.get(number) else {
            return true;
        };
        let certificate = match &rules.cert {
            Some(path) => format!("the certificate {}", path.display()),
            None => "a certificate made at start".to_owned(),
        };
        let place = self.spot(&format!("tls[{number}]"));
        let others = self
            .config
            .tls
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number);
        let others = others.map(|(other, rules)| Other {
            what: format!(
                "[[tls]] for {}: its names fit less",
                listed(&rules.names, "the names in its certificate")
            ),
            place: self.spot(&format!("tls[{other}]")),
        });
        let others = others.collect();
        self.push(Step {
            rule: Some("RFC 6066 §3"),
            others,
            ..step("tls", certificate, place)
        });
        tls.serves(name)
    }

    /// Where a wildcard above the host asks more of clients than the rules for its name.
    fn misdirected(&mut self, is_served: bool) -> Option<()> {
        if is_served {
            return Some(());
        }
        let what = "421: a [[tls]] with a wildcard above the host asks for more".to_owned();
        self.push(Step {
            rule: Some("RFC 9110 §15.5.20"),
            ..step("answer", what, None)
        });
        None
    }

    /// Which site is for the host.
    fn site(&mut self) -> Option<usize> {
        let found = self.matcher.site(Some(self.asked.host.as_bytes()));
        let others = self.config.sites.iter().enumerate();
        let others = others.filter(|(number, _)| Some(*number) != found.map(|found| found.site));
        let others = others.map(|(number, site)| Other {
            what: format!("the site for {}", listed(&site.hosts, "no host")),
            place: self.spot(&format!("site[{number}]")),
        });
        let others = others.collect();
        let Some(found) = found else {
            let what = "none is for this host, and none for every other: 421".to_owned();
            self.push(Step {
                rule: Some("RFC 9110 §15.5.20"),
                others,
                ..step("site", what, None)
            });
            return None;
        };
        let why = match found.by {
            HostRule::Exact => "it names the host",
            HostRule::Wildcard { .. } => "its wildcard is the longest that fits the host",
            HostRule::Default => "it is for every other host",
        };
        let site = self.config.sites.get(found.site)?;
        let path = format!("site[{}]", found.site);
        let place = self
            .spot(&format!("{path}.hosts"))
            .or_else(|| self.spot(&path));
        let what = format!("{}: {why}", listed(&site.hosts, "*"));
        self.push(Step {
            others,
            ..step("site", what, place)
        });
        Some(found.site)
    }

    /// A site for `https` alone leads there.
    fn led_to_https(&mut self, at: &At<'_>) -> Option<()> {
        if !at.site.to_https || self.asked.is_secured {
            return Some(());
        }
        let port = SecurePort::of(&self.config.listeners);
        let (what, rule) = match self.host(at.site) {
            None => (NEEDS_HOST.to_owned(), "RFC 9110 §7.2"),
            Some(host) => {
                let location = secured_location(&host, port, &at.path, at.query.as_deref());
                let status = to_https_status(self.asked.method());
                (format!("{status} to {location}"), "RFC 9110 §15.4")
            }
        };
        let place = self.spot(&format!("site[{}].to_https", at.site_number));
        self.push(Step {
            rule: Some(rule),
            ..step("answer", what, place)
        });
        None
    }

    /// The path in normal form, and the route that it leads to.
    fn path(&mut self, site_number: usize) -> Option<At<'a>> {
        let path = match NormalPath::of(self.asked.path.as_bytes()) {
            Ok(path) => path.into_owned(),
            Err(error) => {
                let what = format!("400: {}", error.sentence());
                self.push(Step {
                    rule: Some(error.rule()),
                    ..step("answer", what, None)
                });
                // What the site says of `/` holds where there is no path to say more.
                let at = self.at(site_number, NormalPath::plain(b"/"), None)?;
                self.error_page(&at, &at.settings(), 400);
                return None;
            }
        };
        let shown = String::from_utf8_lossy(path.octets());
        if shown != self.asked.path {
            let what = format!("{shown}, which is {} in normal form", self.asked.path);
            self.push(Step {
                rule: Some("RFC 3986 §6.2.2"),
                ..step("path", what, None)
            });
        }
        let query = self.asked.query.clone().map(String::into_bytes);
        self.at(site_number, path, query)
    }

    pub(super) fn at(
        &self,
        site_number: usize,
        path: NormalPath<'static>,
        query: Option<Vec<u8>>,
    ) -> Option<At<'a>> {
        let number = self.matcher.route(site_number, &path);
        self.at_route(site_number, number, path, query)
    }

    fn at_route(
        &self,
        site_number: usize,
        number: usize,
        path: NormalPath<'static>,
        query: Option<Vec<u8>>,
    ) -> Option<At<'a>> {
        let site = self.config.sites.get(site_number)?;
        let route = site.routes.get(number).map(|route| (number, route));
        Some(At {
            site,
            site_number,
            route,
            path,
            query,
        })
    }

    fn route(&mut self, at: &At<'_>) {
        let shorter = at.site.routes.iter().enumerate().filter(|(number, route)| {
            at.path.is_below(route.path.as_bytes())
                && at.route.map(|(chosen, _)| chosen) != Some(*number)
        });
        let others = shorter.map(|(number, route)| Other {
            what: format!("{}: it fits, and is shorter", route.path),
            place: self.spot(&format!("site[{}].route[{number}].path", at.site_number)),
        });
        let others = others.collect();
        let (what, place) = match at.route {
            Some((_, route)) => (
                format!("{}, the longest path that fits", route.path),
                self.spot(&format!("{}.path", at.key())),
            ),
            None => (
                "none fits: the site itself".to_owned(),
                self.spot(&at.key()),
            ),
        };
        self.push(Step {
            others,
            ..step("route", what, place)
        });
    }

    /// Follows rewrites by what the server asks, to the route that answers. Gives those it passed as well.
    fn rewritten(&mut self, at: At<'a>) -> Option<(At<'a>, Vec<At<'a>>)> {
        let (site, site_number) = (at.site, at.site_number);
        let template = |route: &Route| Template::path(route.rewrite.as_deref()?).ok();
        let templates: Vec<_> = site.routes.iter().map(template).collect();
        let rewrite = |number: usize| {
            let template = templates.get(number)?.as_ref()?;
            Some((template, prefix(&site.routes.get(number)?.path).len()))
        };
        let host = self.host(site);
        let start = Looked {
            route: self.matcher.route(site_number, &at.path),
            path: at.path,
            query: at.query.map(Cow::Owned),
        };
        let next = |path: &NormalPath<'_>| self.matcher.route(site_number, path);
        let mut told = Vec::new();
        let tell = |from: usize, to: &Looked<'_>| {
            told.push((from, to.route, to.path.clone().into_owned()));
        };
        let found = follow(start, host.as_deref(), rewrite, next, tell);
        let place = |number: usize| format!("site[{site_number}].route[{number}].rewrite");
        let mut passed = Vec::new();
        for (from, to, path) in told {
            let shown = String::from_utf8_lossy(path.octets());
            let what = format!("{shown} is looked for instead");
            self.push(step("rewrite", what, self.spot(&place(from))));
            if from != to {
                passed.push(self.at_route(site_number, from, path.clone(), None)?);
                let at = self.at(site_number, path, None)?;
                self.route(&at);
            }
        }
        let (what, status, number) = match found {
            Ok(at) => {
                let query = at.query.map(Cow::into_owned);
                let at = self.at(site_number, at.path.into_owned(), query)?;
                return Some((at, passed));
            }
            Err(Astray::NoPath(number)) => {
                ("404: what is looked for instead is no path", 404, number)
            }
            Err(Astray::Loop(number)) => ("500: the rewrites lead to one another", 500, number),
        };
        self.push(step("answer", what.to_owned(), self.spot(&place(number))));
        let at = self.at_route(site_number, number, NormalPath::plain(b"/"), None)?;
        self.error_page(&at, &at.settings(), status);
        None
    }

    /// The path of a form is answered by it, whatever route is there.
    fn form(&mut self, at: &At<'_>) -> Option<()> {
        let names: Vec<_> = at
            .site
            .effective()
            .filter_map(|(_, settings)| settings.auth().map(str::to_owned))
            .collect();
        let mut forms = self
            .config
            .auth
            .iter()
            .enumerate()
            .filter(|(_, auth)| auth.method == AuthMethod::Form && names.contains(&auth.name));
        let is = |path: &str| at.path.octets() == path.as_bytes();
        let Some((number, form)) = forms.find(|(_, form)| is(&form.login) || is(&form.logout))
        else {
            return Some(());
        };
        self.access(at, &at.settings());
        let key = if is(&form.login) { "login" } else { "logout" };
        let place = self.spot(&format!("auth[{number}].{key}"));
        let place = place.or_else(|| self.spot(&format!("auth[{number}].name")));
        let what = match (key, self.asked.method()) {
            ("login", Method::Post) => "signs in: 303, or the form with what is wrong",
            ("login", Method::Get | Method::Head) => "the form to sign in by",
            (_, Method::Post) => "ends the session: 303",
            (_, Method::Get | Method::Head) => "the form to sign out by",
            (_, Method::Options) => {
                self.options();
                return None;
            }
            _ => {
                self.unsupported(at, &at.settings());
                return None;
            }
        };
        let what = format!(
            "{what}, whatever the route is; it is the `{key}` of \"{}\"",
            form.name
        );
        self.push(step("answer", what, place));
        None
    }

    /// The host for `{host}`: that of the request, else the first that the site names.
    pub(super) fn host(&self, site: &Site) -> Option<String> {
        let own = || {
            site.hosts
                .iter()
                .find(|host| !host.starts_with('*'))
                .cloned()
        };
        shown_host(Some(self.asked.host.as_bytes())).or_else(own)
    }

    pub(super) fn spot(&self, path: &str) -> Option<Spot> {
        Some(Spot {
            file: self.places.file().to_owned(),
            line: self.places.line(path)?,
        })
    }

    /// Where a setting is said: by the route, else by the site.
    pub(super) fn spot_of(&self, at: &At<'_>, key: &str) -> Option<Spot> {
        let site = || self.spot(&format!("site[{}].{key}", at.site_number));
        self.spot(&format!("{}.{key}", at.key())).or_else(site)
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }
}

impl At<'_> {
    pub(super) fn key(&self) -> String {
        match self.route {
            Some((number, _)) => format!("site[{}].route[{number}]", self.site_number),
            None => format!("site[{}]", self.site_number),
        }
    }

    pub(super) fn handler(&self) -> HandlerName {
        self.route
            .map_or(HandlerName::Files, |(_, route)| route.handler)
    }

    pub(super) fn settings(&self) -> Settings {
        let plain = Settings::default();
        let own = self.route.map_or(&plain, |(_, route)| &route.settings);
        own.over(&self.site.settings)
    }

    pub(super) fn words<'w>(&'w self, host: Option<&'w str>) -> Words<'w> {
        let prefix = self.route.map_or("", |(_, route)| prefix(&route.path));
        Words {
            path: self.path.octets(),
            rest: self.path.octets().get(prefix.len()..).unwrap_or_default(),
            query: self.query.as_deref(),
            host,
        }
    }
}

pub(super) fn step(about: &'static str, what: String, place: Option<Spot>) -> Step {
    Step {
        about,
        what,
        place,
        rule: None,
        others: Vec::new(),
    }
}

pub(super) fn listed(names: &[String], none: &str) -> String {
    match names.is_empty() {
        true => none.to_owned(),
        false => names.join(", "),
    }
}
