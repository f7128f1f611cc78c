//! From a request to its answer.
//!
//! The phases, in their order; `Sites::handle` goes through them and nothing else does:
//!
//! | phase | is | where |
//! |---|---|---|
//! | admit | who asks, and how, as trusted gateways tell | `client.rs` |
//! | site | by host; 421 where that has other rules for TLS than the connection; a site for `https` alone redirects | `matching.rs`, `redirect.rs` |
//! | route | by path, again after each rewrite | `matching.rs`, `template.rs` |
//! | access | the client's network; 403 | `client.rs` |
//! | edit | fields of the request removed and set | `semantics::FieldRules` |
//! | preflight | of CORS, which nobody signs in for; 204 | `cors.rs` |
//! | limit | of the content; 413 | `route.rs` |
//! | authorize | who is signed in, and whether they may; 401, 403 | `gate.rs` |
//! | produce | files, echo, wire, redirect | `route.rs`, `origin` |
//! | finish | pages for errors, then fields: of every answer, also of refusals | `after.rs` |
//!
//! Where a route rewrites, both routes judge who may come in, and the one that answers finishes.

mod after;
mod application;
mod client;
mod cors;
mod fences;
mod gate;
mod gateway;
mod matching;
mod pages;
mod redirect;
mod rewriting;
mod route;
mod template;
#[cfg(test)]
mod testing;

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Write};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use engine::{Answer, Exchange, Handler, OwnedExchange, Response, SocksMethod};
use origin::wire::Recent;
use origin::{Cache, error_response, refusal_response};
use semantics::fields::host::Host;
use semantics::{Form, Known, Method, NormalPath, PeerError, Refusal, RequestHead, Status, Target};

use crate::config::{self, Config};
use crate::marks::mark_of;
use crate::proxy::Forward;
use crate::tls::OutboundSets;
pub(crate) use application::{application_place, scripts_config};
use auth::{Gate, Pass, Verdict};
use client::Gateways;
pub(crate) use fences::fences;
use fences::upload_fences;
use gate::Refused;
pub(crate) use gateway::{last_forward, own_name, parent_of, pool_changes, server_of};
use intermediary::{CameBy, Checks, Commons, Gateway, Pools, Scheme, Trust};
pub(crate) use matching::{HostRule, Matcher, prefix};
use redirect::to_https;
pub(crate) use redirect::{SecurePort, secured_location, shown_host, to_https_status};
pub(crate) use rewriting::{Astray, Looked, follow};
pub use route::SiteError;
use route::{Asked, Made, Route};
pub(crate) use route::{CODING_OCTETS_MIN, uploads_octets_max};
pub(crate) use template::{Template, TemplateError, Words};

/// All sites, for one worker.
#[derive(Debug)]
pub(crate) struct Sites {
    matcher: Matcher,
    sites: Vec<SiteTable>,
    gateways: Gateways,
    /// What answers on listeners of a forward proxy.
    forward: Option<Forward>,
    /// Something is looked at before the commonest request is answered.
    is_careful: bool,
    secure_port: SecurePort,
    pools: Pools,
    /// What is allowed anywhere.
    allow: String,
    /// Which configuration it is of; see [`mark_of`].
    generation: u16,
    /// The loop of rewrites was told of.
    told_loop: Cell<bool>,
}

/// The routes of one site in the order of the configuration, and the site itself behind them.
#[derive(Debug)]
struct SiteTable {
    routes: Vec<Rc<Route>>,
    /// Those that have paths of their own, which are in front of all routes.
    gates: Vec<Gate>,
    to_https: bool,
    /// A host of its own, for who names none.
    host: Option<String>,
}

/// The route that answers, and those that led to it.
struct Chosen<'a> {
    route: Rc<Route>,
    passed: Vec<Rc<Route>>,
    asked: Asked<'a>,
}

/// Why no route answers.
enum Lost {
    /// There is none, not even the site itself.
    NoRoute,
    /// What is to be looked for instead is no path.
    NoPath(Rc<Route>),
    /// There is no end to what is to be looked for instead.
    Loop(Rc<Route>),
}

/// Octets of content that listeners let in: as much as any route does. Routes that let in less say so themselves.
pub(crate) fn content_octets_max(config: &Config) -> u64 {
    let of_site = |site: &config::Site| {
        let routes = site.routes.iter().map(|route| &route.settings);
        let settings = routes.chain([&site.settings]);
        settings
            .filter_map(|settings| {
                let all = config.limits.content_octets_max;
                match settings.uploads {
                    Some(true) => Some(uploads_octets_max(settings, all)),
                    _ => settings.content_octets_max,
                }
            })
            .max()
    };
    let said = config.sites.iter().filter_map(of_site).max().unwrap_or(0);
    said.max(config.limits.content_octets_max)
}

impl Sites {
    /// The sites of a configuration. What the pools of those before know stays.
    pub(crate) fn new(
        config: &Config,
        cache: &Rc<Cache>,
        recent: &Recent,
        gates: &[(String, Gate)],
        forward: Option<Forward>,
        generation: u16,
        (commons, before, outbound): (&Arc<Commons>, Option<&Self>, &OutboundSets),
    ) -> Result<Self, SiteError> {
        let gateways = Gateways::new(&config.server.trusted_gateways);
        let configs = gateway::pools(config, outbound)?;
        let before = before.map(|before| &before.pools);
        let pools = Pools::new(configs, commons, before, net::Now::read());
        let made = Made {
            pools: &pools,
            is_recording: config.log_format() != config::LogFormat::Off,
            allow_trace: config.server.allow_trace,
            cache,
            recent,
            content_octets_max: config.limits.content_octets_max,
            listener_octets_max: content_octets_max(config),
            gates,
            upload_limits: route::upload_limits(&config.limits),
        };
        Ok(Self {
            matcher: Matcher::new(&config.sites),
            sites: config
                .sites
                .iter()
                .map(|site| SiteTable::new(site, made))
                .collect::<Result<_, _>>()?,
            is_careful: !gateways.is_empty() || forward.is_some(),
            gateways,
            forward,
            secure_port: SecurePort::of(&config.listeners),
            allow: allow(config),
            generation,
            told_loop: Cell::new(false),
            pools,
        })
    }

    /// They are in force, on this worker.
    pub(crate) fn start(&self, checks: Checks) {
        self.pools.start(checks);
    }

    /// The route of the commonest requests, with its place: a plain path, at a route that answers it itself if nothing stands before it.
    #[inline]
    fn direct_route(&self, exchange: &Exchange<'_>) -> Option<(&Rc<Route>, (usize, usize))> {
        let head = exchange.head;
        if !head.is_plain_path() || head.method() == Method::Connect {
            return None;
        }
        if self.is_careful && (!self.gateways.is_empty() || self.forward_of(exchange).is_some()) {
            return None;
        }
        let host = head.first(Known::Host);
        let site = self.matcher.site(host)?.site;
        let path = NormalPath::plain(head.target());
        if self.sites.get(site)?.gate_at(&path).is_some() {
            return None;
        }
        let place = self.matcher.route(site, &path);
        let route = self.sites.get(site)?.routes.get(place)?;
        let is_asked_from_elsewhere = route.cors.is_some() && head.has(Known::Origin);
        let is_direct = may_be_served(exchange, host) && !is_asked_from_elsewhere;
        is_direct.then_some((route, (site, place)))
    }

    /// The forward proxy, where it answers on the listener.
    fn forward_of(&self, exchange: &Exchange<'_>) -> Option<&Forward> {
        let forward = self.forward.as_ref();
        forward.filter(|forward| forward.answers_on(exchange.listener))
    }

    /// What goes on beside the requests, once they are those of a worker.
    pub(crate) fn begin(&self) {
        self.forward.iter().for_each(Forward::begin);
    }

    /// What a gateway answers that nothing stands before, to content or without.
    fn pass_on(
        &self,
        exchange: &mut Exchange<'_>,
        (site, place): (usize, usize),
        route: &Rc<Route>,
        gateway: &Gateway,
    ) -> Option<Answer> {
        exchange.mark(mark_of(self.generation, site, place));
        if let Err(response) = route.limit_content(exchange) {
            return Some(after::finish(route, exchange, (*response).into()));
        }
        let came = CameBy {
            peer: exchange.client.ip(),
            trust: Trust::Nobody,
            scheme: match exchange.tls {
                Some(_) => Scheme::Https,
                None => Scheme::Http,
            },
        };
        gateway.answer(
            exchange,
            came,
            after::finish_plain(route, exchange.is_secured),
        )
    }

    fn route(&self, site: usize, path: &NormalPath<'_>) -> Option<&Rc<Route>> {
        let place = self.matcher.route(site, path);
        self.sites.get(site)?.routes.get(place)
    }

    fn handle_any(&self, exchange: &mut Exchange<'_>) -> Answer {
        if let Some(forward) = self.forward_of(exchange) {
            return forward.answer(exchange);
        }
        let peer = exchange.client.ip();
        let told = self.gateways.resolve(exchange);
        let came = CameBy {
            peer,
            trust: match told {
                Some(_) => Trust::Gateway,
                None => Trust::Nobody,
            },
            scheme: match exchange.tls {
                Some(_) => Scheme::Https,
                None => Scheme::Http,
            },
        };
        let client = match &told {
            Some(told) => told.client,
            None => exchange.client.ip(),
        };
        let told_host = told.and_then(|told| told.host);
        let head = exchange.head;
        let Some(target) = Target::parse(head.target(), head.method()) else {
            let refusal = PeerError::Syntax(semantics::Anomalies::TARGET_FORM);
            return refusal_response(refusal.into(), Some(head)).into();
        };
        let host = match target.form {
            Form::Origin => told_host.as_deref().or(head.first(Known::Host)),
            // RFC 9112 §3.2.2: the target's authority counts, whatever Host says. RFC 9110 §7.4: a request for https
            // that did not come over a secured connection is misdirected; other schemes are not served at all.
            Form::Absolute { scheme, authority } if self.serves(scheme, exchange.is_secured) => {
                Some(authority)
            }
            Form::Absolute { .. } => return misdirected(head),
            Form::Asterisk => return origin::options_answer(&self.allow).into(),
            // An origin server is no tunnel (RFC 9110 §9.3.6).
            Form::Authority(_) => return origin::method_not_allowed(head, &self.allow).into(),
        };
        let Some(site) = self.matcher.site(host) else {
            return without_site(head);
        };
        // Also from a gateway: what a host asks of clients by TLS, nobody else can show in their place.
        if !may_be_served(exchange, host) {
            return other_rules(head);
        }
        let is_told = told_host.is_some() && matches!(target.form, Form::Origin);
        match host.filter(|host| is_told && head.first(Known::Host) != Some(*host)) {
            None => self.handle_at(exchange, site.site, (client, came), host, target),
            // A gateway may ask by a name of its own. Below, Host is what the user agent asked for: it is compared with Origin.
            Some(told) => {
                let asked = semantics::with_host(head, told);
                let exchange = &mut exchange.with_head(asked.head());
                self.handle_at(exchange, site.site, (client, came), host, target)
            }
        }
    }

    fn serves(&self, scheme: &[u8], is_secured: bool) -> bool {
        scheme.eq_ignore_ascii_case(b"http")
            || (is_secured && scheme.eq_ignore_ascii_case(b"https"))
    }

    fn handle_at(
        &self,
        exchange: &mut Exchange<'_>,
        place: usize,
        (client, came): (Option<IpAddr>, CameBy),
        host: Option<&[u8]>,
        target: Target<'_>,
    ) -> Answer {
        let head = exchange.head;
        let Some(site) = self.sites.get(place) else {
            return without_site(head);
        };
        let path = match NormalPath::of(target.path) {
            Ok(path) => path,
            Err(error) => {
                let status = Status::BAD_REQUEST;
                let response = error_response(status, error.sentence(), error.rule(), Some(head));
                return match self.route(place, &NormalPath::plain(b"/")) {
                    Some(route) => after::finish(route, exchange, response.into()),
                    None => response.into(),
                };
            }
        };
        exchange.mark(mark_of(
            self.generation,
            place,
            self.matcher.route(place, &path),
        ));
        let host = shown_host(host).or_else(|| site.host.clone());
        if site.to_https && !exchange.is_secured {
            let response = to_https(head, host.as_deref(), self.secure_port, &path, target.query);
            let answer = response.into();
            return match self.route(place, &path) {
                Some(route) => after::finish(route, exchange, answer),
                None => answer,
            };
        }
        if let (Some(gate), Some(route)) = (site.gate_at(&path), self.route(place, &path)) {
            let signed = match route.access.admits(client) {
                true => gate::sign(exchange, gate, route, path.octets()),
                false => Some(not_admitted(route, exchange)),
            };
            if let Some(answer) = signed {
                return answer;
            }
        }
        let asked = Asked {
            path,
            query: target.query.map(Cow::Borrowed),
            host,
            came,
            is_rewritten: false,
        };
        match self.choose(place, asked) {
            Ok((number, chosen)) => {
                exchange.mark(mark_of(self.generation, place, number));
                proceed(exchange, chosen, client)
            }
            Err(lost) => self.lost(exchange, lost),
        }
    }

    /// The route of a path, and of what that is rewritten to, with its place.
    fn choose<'a>(&self, site: usize, asked: Asked<'a>) -> Result<(usize, Chosen<'a>), Lost> {
        let routes = &self.sites.get(site).ok_or(Lost::NoRoute)?.routes;
        let number = self.matcher.route(site, &asked.path);
        let start = Looked {
            route: number,
            path: asked.path,
            query: asked.query,
        };
        let rewrite = |number: usize| {
            let route = routes.get(number)?;
            Some((route.rewrite.as_ref()?, route.prefix_octets()))
        };
        let next = |path: &NormalPath<'_>| self.matcher.route(site, path);
        let (mut passed, mut is_rewritten) = (Vec::new(), false);
        let tell = |from: usize, to: &Looked<'_>| {
            is_rewritten = true;
            passed.extend(routes.get(from).filter(|_| from != to.route).map(Rc::clone));
        };
        let host = asked.host;
        let at = follow(start, host.as_deref(), rewrite, next, tell);
        let route = |number: usize| routes.get(number).map(Rc::clone).ok_or(Lost::NoRoute);
        let at = match at {
            Ok(at) => at,
            Err(Astray::NoPath(number)) => return Err(Lost::NoPath(route(number)?)),
            Err(Astray::Loop(number)) => return Err(Lost::Loop(route(number)?)),
        };
        let asked = Asked {
            path: at.path,
            query: at.query,
            host,
            came: asked.came,
            is_rewritten,
        };
        let chosen = Chosen {
            route: route(at.route)?,
            passed,
            asked,
        };
        Ok((at.route, chosen))
    }

    /// The answer where no route answers.
    fn lost(&self, exchange: &Exchange<'_>, lost: Lost) -> Answer {
        let head = Some(exchange.head);
        let (route, response) = match lost {
            Lost::NoRoute => return without_site(exchange.head),
            Lost::NoPath(route) => {
                let because = "There is nothing at this path";
                let status = Status::NOT_FOUND;
                (
                    route,
                    error_response(status, because, "RFC 9110 §15.5.5", head),
                )
            }
            Lost::Loop(route) => {
                self.tell_loop(exchange.head);
                let because = "The paths that this site looks for instead lead to one another";
                let status = Status::INTERNAL_SERVER_ERROR;
                (
                    route,
                    error_response(status, because, "RFC 9110 §15.6.1", head),
                )
            }
        };
        after::finish(&route, exchange, response.into())
    }

    fn tell_loop(&self, head: RequestHead<'_>) {
        if self.told_loop.replace(true) {
            return;
        }
        let target = String::from_utf8_lossy(head.target()).into_owned();
        // With standard error closed there is nobody left to tell.
        let _ = writeln!(
            io::stderr(),
            "the rewrites of \"{}\" lead to one another: answered by 500 (told once)",
            target.escape_debug()
        );
    }
}

/// What is allowed anywhere (RFC 9110 §9.3.7): the answer to `OPTIONS *`.
fn allow(config: &Config) -> String {
    let is_anywhere = |holds: fn(&config::Settings) -> bool| {
        let settings = config.sites.iter().flat_map(config::Site::effective);
        settings.into_iter().any(|(_, settings)| holds(&settings))
    };
    let mut methods = "GET, HEAD, OPTIONS, POST".to_owned();
    if is_anywhere(|settings| settings.uploads == Some(true)) {
        methods.push_str(", PUT, DELETE");
        if is_anywhere(|settings| settings.resumable_uploads == Some(true)) {
            methods.push_str(", PATCH");
        }
    }
    if config.server.allow_trace {
        methods.push_str(", TRACE");
    }
    methods
}

impl Handler for Sites {
    #[inline]
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        // Each answer is made where it is returned: moving one costs as much as finding its route.
        if let Some((route, place)) = self.direct_route(exchange) {
            if let Some(files) = route.direct(exchange.is_secured)
                && exchange.content == semantics::ContentLength::None
            {
                exchange.mark(mark_of(self.generation, place.0, place.1));
                let path = NormalPath::plain(exchange.head.target());
                return match files.answer(exchange, &path) {
                    kept @ Answer::Kept { .. } => kept,
                    other => after::finish(route, exchange, other),
                };
            }
            if let Some(gateway) = route.direct_gateway()
                && let Some(answer) = self.pass_on(exchange, place, route, gateway)
            {
                return answer;
            }
        }
        self.handle_any(exchange)
    }

    fn refuse(&self, refusal: Refusal, head: Option<RequestHead<'_>>) -> Response {
        self.refuse_over(Transport::Clear, refusal, head)
    }

    fn refuse_secured(&self, refusal: Refusal, head: Option<RequestHead<'_>>) -> Response {
        self.refuse_over(Transport::Tls, refusal, head)
    }

    fn socks(&self, listener: usize) -> Option<SocksMethod> {
        let forward = self.forward.as_ref();
        forward.filter(|it| it.answers_on(listener))?.socks()
    }
}

/// Over what a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Clear,
    Tls,
}

impl Sites {
    fn refuse_over(
        &self,
        transport: Transport,
        refusal: Refusal,
        head: Option<RequestHead<'_>>,
    ) -> Response {
        let response = refusal_response(refusal, head);
        let Some(head) = head else { return response };
        let is_secured = transport == Transport::Tls;
        match self.route_of_refused(head) {
            Some(route) => after::finish_refusal(route, head, response, is_secured),
            None => response,
        }
    }

    /// The route that a refused request was for, as far as its head tells. Where it does not, nothing is guessed.
    fn route_of_refused(&self, head: RequestHead<'_>) -> Option<&Route> {
        let target = Target::parse(head.target(), head.method())?;
        let host = match target.form {
            Form::Absolute { authority, .. } => Some(authority),
            Form::Origin => {
                let mut hosts = head.all(Known::Host);
                let host = hosts.next();
                if hosts.next().is_some() {
                    return None;
                }
                host
            }
            Form::Authority(_) | Form::Asterisk => return None,
        };
        let site = self.matcher.site(host)?.site;
        let path = NormalPath::of(target.path).ok()?;
        self.route(site, &path).map(|route| &**route)
    }
}

impl SiteTable {
    fn new(site: &config::Site, made: Made<'_>) -> Result<Self, SiteError> {
        let whole = config::Route::default();
        let mut routes = Vec::with_capacity(site.routes.len() + 1);
        let fences = fences(site).into_iter().zip(upload_fences(site));
        for (route, fences) in site.routes.iter().chain([&whole]).zip(fences) {
            routes.push(Route::new(route, site, fences, made)?);
        }
        let is_name = |host: &&String| !host.starts_with('*');
        let mut gates: Vec<Gate> = Vec::new();
        for gate in routes.iter().filter_map(|route| route.gate.as_ref()) {
            if gate.has_paths() && !gates.iter().any(|known| known.is_same(gate)) {
                gates.push(gate.clone());
            }
        }
        Ok(Self {
            routes: routes.into_iter().map(Rc::new).collect(),
            gates,
            to_https: site.to_https,
            host: site.hosts.iter().find(is_name).cloned(),
        })
    }
}

impl SiteTable {
    /// The gate that a path is of.
    #[inline]
    fn gate_at(&self, path: &NormalPath<'_>) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.owns(path.octets()))
    }
}

/// From the chosen route on: access, edit.
fn proceed(exchange: &mut Exchange<'_>, chosen: Chosen<'_>, client: Option<IpAddr>) -> Answer {
    let is_admitted = |route: &Rc<Route>| route.access.admits(client);
    if !is_admitted(&chosen.route) || !chosen.passed.iter().all(is_admitted) {
        return not_admitted(&chosen.route, exchange);
    }
    let rules = &chosen.route.request_rules;
    if rules.is_empty() {
        return proceed_edited(exchange, chosen);
    }
    let edited = rules.edit(exchange.head);
    proceed_edited(&mut exchange.with_head(edited.head()), chosen)
}

/// Preflight, limit, and on to whoever judges.
fn proceed_edited(exchange: &mut Exchange<'_>, chosen: Chosen<'_>) -> Answer {
    let route = &chosen.route;
    let preflight = route
        .cors
        .as_ref()
        .and_then(|cors| cors.preflight(exchange.head));
    if let Some(response) = preflight {
        return after::finish(route, exchange, response.into());
    }
    if let Err(response) = route.limit_content(exchange) {
        return after::finish(route, exchange, (*response).into());
    }
    authorize(exchange, chosen)
}

/// Every gate on the way judges, each once.
fn authorize(exchange: &mut Exchange<'_>, chosen: Chosen<'_>) -> Answer {
    let Chosen {
        route,
        passed,
        asked,
    } = chosen;
    let mut judges: Vec<Rc<Route>> = Vec::new();
    for judge in passed.into_iter().chain([Rc::clone(&route)]) {
        let is_judged = judges.iter().any(|other| judge.is_as_open_as(other));
        if judge.gate.is_some() && !is_judged {
            judges.push(judge);
        }
    }
    let mut passes = Vec::new();
    for at in 0..judges.len() {
        let Some((judge, gate)) = judges
            .get(at)
            .and_then(|judge| Some((judge, judge.gate.as_ref()?)))
        else {
            continue;
        };
        match gate.check(exchange, &judge.users) {
            Verdict::Ready(outcome) => match gate::settle(outcome, exchange.head) {
                Ok(pass) => passes.push(pass),
                Err(refused) => return refused.finish(&route, exchange),
            },
            later @ Verdict::Later(_) => {
                let judging = Judging {
                    first: later,
                    judges: judges.split_off(at),
                    passes,
                };
                let asked = asked.into_owned();
                let owned = exchange.detach();
                return Answer::Later(Box::pin(authorize_later(owned, judging, route, asked)));
            }
        }
    }
    let answer = route.produce(exchange, &asked);
    gate::carry(after::finish(&route, exchange, answer), passes)
}

/// Who is still to judge.
struct Judging {
    /// What the first of them says.
    first: Verdict,
    judges: Vec<Rc<Route>>,
    /// What those before them said.
    passes: Vec<Pass>,
}

/// The same from a gate on that has to wait.
async fn authorize_later(
    mut owned: OwnedExchange,
    judging: Judging,
    route: Rc<Route>,
    asked: Asked<'static>,
) -> Response {
    let (mut first, mut passes) = (Some(judging.first), judging.passes);
    for judge in judging.judges {
        let verdict = match (first.take(), &judge.gate) {
            (Some(verdict), _) => verdict,
            (None, Some(gate)) => gate.check(&mut owned.exchange(), &judge.users),
            (None, None) => continue,
        };
        let outcome = match verdict {
            Verdict::Ready(outcome) => outcome,
            Verdict::Later(outcome) => outcome.await,
        };
        match gate::settle(outcome, owned.head()) {
            Ok(pass) => passes.push(pass),
            Err(refused) => {
                let answer = refused.finish(&route, &owned.exchange());
                return answer.response().await;
            }
        }
    }
    let answer = {
        let mut exchange = owned.exchange();
        let answer = route.produce(&mut exchange, &asked);
        after::finish(&route, &exchange, answer)
    };
    gate::carry(answer, passes).response().await
}

fn not_admitted(route: &Rc<Route>, exchange: &Exchange<'_>) -> Answer {
    let because = "This server does not answer your network here";
    let response = forbidden(exchange.head, because);
    Refused::new(response).finish(route, exchange)
}

pub(crate) fn forbidden(head: RequestHead<'_>, because: &str) -> Response {
    error_response(Status::FORBIDDEN, because, "RFC 9110 §15.5.4", Some(head))
}

/// No site is for that host, and none is for every other (RFC 9110 §7.4).
fn without_site(head: RequestHead<'_>) -> Answer {
    error_response(
        Status::MISDIRECTED_REQUEST,
        "This server has no site for that host",
        "RFC 9110 §15.5.20",
        Some(head),
    )
    .into()
}

/// Whether the connection has shown what the rules of TLS for this host ask for.
#[inline]
fn may_be_served(exchange: &Exchange<'_>, host: Option<&[u8]>) -> bool {
    let Some(tls) = exchange.tls else { return true };
    if tls.are_only_rules() {
        return true;
    }
    let host = host.and_then(|host| Host::parse(host).ok());
    let name = host.map_or(&b""[..], |host| host.name_without_root_dot());
    tls.may_serve(std::str::from_utf8(name).unwrap_or_default())
}

/// RFC 9110 §15.5.20: the client may ask again on a connection of its own.
fn other_rules(head: RequestHead<'_>) -> Answer {
    error_response(
        Status::MISDIRECTED_REQUEST,
        "The host has other rules for TLS than the name that this connection was made for",
        "RFC 9110 §15.5.20",
        Some(head),
    )
    .into()
}

fn misdirected(head: RequestHead<'_>) -> Answer {
    refusal_response(PeerError::Misdirected.into(), Some(head)).into()
}

#[cfg(test)]
mod tests;
