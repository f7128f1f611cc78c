//! From a request to the handler that answers it: site by host, route by path.

use std::collections::HashMap;
use std::rc::Rc;

use engine::{Answer, Exchange, Handler, Response};
use origin::{Cache, Files, FilesConfig, FilesError, error_response, refusal_response};
use semantics::fields::host::Host;
use semantics::{Form, Known, Method, NormalPath, PeerError, Refusal, RequestHead, Status, Target};

use crate::config::{Config, HandlerName, Route, Site};
use origin::wire::Recent;

/// All sites, for one worker.
#[derive(Debug)]
pub(crate) struct Sites {
    sites: Vec<SiteTable>,
    /// By host in lower case, without port and the dot of the DNS root.
    by_host: HashMap<Box<[u8]>, usize>,
    /// The site for every other host.
    default: Option<usize>,
    allow_trace: bool,
}

/// The routes of one site, longest prefix first: the site's own files come last.
#[derive(Debug)]
struct SiteTable {
    routes: Vec<RouteTable>,
}

#[derive(Debug)]
struct RouteTable {
    prefix: Box<[u8]>,
    /// Octets of the path that led here, and that the files below another root do not have in their own.
    led_octets: usize,
    target: RouteTarget,
}

#[derive(Debug)]
enum RouteTarget {
    Files(Files),
    Echo,
    Wire(Recent),
}

impl Sites {
    /// The sites of a configuration.
    pub(crate) fn new(
        config: &Config,
        cache: &Rc<Cache>,
        recent: &Recent,
    ) -> Result<Self, FilesError> {
        let mut sites = Vec::new();
        let mut by_host = HashMap::new();
        let mut default = None;
        for site in &config.sites {
            for host in &site.hosts {
                match host.as_str() {
                    "*" => default = Some(sites.len()),
                    name => {
                        by_host.insert(name.as_bytes().into(), sites.len());
                    }
                }
            }
            sites.push(SiteTable::new(
                site,
                config.server.allow_trace,
                cache,
                recent,
            )?);
        }
        Ok(Self {
            sites,
            by_host,
            default,
            allow_trace: config.server.allow_trace,
        })
    }

    #[inline]
    fn site(&self, host: Option<&[u8]>) -> Option<&SiteTable> {
        let named = if self.by_host.is_empty() {
            None
        } else {
            self.named(host)
        };
        self.sites.get(named.or(self.default)?)
    }

    fn named(&self, host: Option<&[u8]>) -> Option<usize> {
        let host = Host::parse(host?).ok()?;
        let name = host.name_without_root_dot();
        // On the stack, since this is done for every request. A longer name is no site's (RFC 1035 §2.3.4).
        let mut lower = [0; HOST_OCTETS_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_host.get(&*lower).copied()
    }

    /// A target that is not a plain path: another form, a query, or a path that is not in normal form.
    fn handle_any(&self, exchange: &mut Exchange<'_>) -> Answer {
        let head = exchange.head;
        let Some(target) = Target::parse(head.target(), head.method()) else {
            return refusal_response(
                PeerError::Syntax(semantics::Anomalies::TARGET_FORM).into(),
                Some(head),
            )
            .into();
        };
        let host = match target.form {
            Form::Origin => head.first(Known::Host),
            // RFC 9112 §3.2.2: the target's authority counts, whatever Host says. RFC 9110 §7.4: a request for https
            // that did not come over a secured connection is misdirected; other schemes are not served at all.
            Form::Absolute { scheme, authority } if scheme.eq_ignore_ascii_case(b"http") => {
                Some(authority)
            }
            Form::Absolute { .. } => return misdirected(head),
            Form::Asterisk => return origin::options_answer(self.allow()).into(),
            // An origin server is no tunnel (RFC 9110 §9.3.6).
            Form::Authority(_) => return origin::method_not_allowed(head, self.allow()).into(),
        };
        let Some(site) = self.site(host) else {
            return without_site(head);
        };
        match NormalPath::of(target.path) {
            Ok(path) => site.handle(exchange, &path),
            Err(error) => error_response(
                Status::BAD_REQUEST,
                error.sentence(),
                error.rule(),
                Some(head),
            )
            .into(),
        }
    }

    fn allow(&self) -> &'static str {
        if self.allow_trace {
            "GET, HEAD, OPTIONS, POST, TRACE"
        } else {
            "GET, HEAD, OPTIONS, POST"
        }
    }
}

impl Handler for Sites {
    #[inline]
    fn handle(&self, exchange: &mut Exchange<'_>) -> Answer {
        let head = exchange.head;
        if head.is_plain_path() && head.method() != Method::Connect {
            return match self.site(head.first(Known::Host)) {
                Some(site) => site.handle(exchange, &NormalPath::plain(head.target())),
                None => without_site(head),
            };
        }
        self.handle_any(exchange)
    }

    fn refuse(&self, refusal: Refusal, head: Option<RequestHead<'_>>) -> Response {
        refusal_response(refusal, head)
    }
}

impl SiteTable {
    fn new(
        site: &Site,
        allow_trace: bool,
        cache: &Rc<Cache>,
        recent: &Recent,
    ) -> Result<Self, FilesError> {
        let whole = Route {
            path: "/".to_owned(),
            ..Route::default()
        };
        let has_whole = site.routes.iter().any(|route| route.path == "/");
        let routes = site.routes.iter().chain((!has_whole).then_some(&whole));
        let mut routes: Vec<_> = routes
            .map(|route| RouteTable::new(route, site, allow_trace, cache, recent))
            .collect::<Result<_, _>>()?;
        // Stable: of equal prefixes, which the configuration refuses, the first would win.
        routes.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        Ok(Self { routes })
    }

    #[inline]
    fn handle(&self, exchange: &mut Exchange<'_>, path: &NormalPath<'_>) -> Answer {
        for route in &self.routes {
            if path.is_below(&route.prefix) {
                return route.handle(exchange, path);
            }
        }
        error_response(
            Status::NOT_FOUND,
            "There is nothing at this path",
            "RFC 9110 §15.5.5",
            Some(exchange.head),
        )
        .into()
    }
}

impl RouteTable {
    fn new(
        route: &Route,
        site: &Site,
        allow_trace: bool,
        cache: &Rc<Cache>,
        recent: &Recent,
    ) -> Result<Self, FilesError> {
        let prefix = route.path.strip_suffix('/').unwrap_or(&route.path);
        let target = match route.handler {
            // What redirects is not served yet.
            HandlerName::Redirect => RouteTarget::Echo,
            HandlerName::Echo => RouteTarget::Echo,
            HandlerName::Wire => RouteTarget::Wire(recent.clone()),
            HandlerName::Files => RouteTarget::Files(Files::new(
                FilesConfig {
                    root: route
                        .root
                        .clone()
                        .or_else(|| site.root.clone())
                        .unwrap_or_default(),
                    index: site.index.clone(),
                    browse: site.browse,
                    allow_trace,
                    cache_control: route.cache_control.clone(),
                    expires_seconds: route.expires.map(|expires| expires.as_secs()),
                    ..FilesConfig::default()
                },
                Rc::clone(cache),
            )?),
        };
        let led_octets = if route.root.is_some() {
            prefix.len()
        } else {
            0
        };
        Ok(Self {
            prefix: prefix.as_bytes().into(),
            led_octets,
            target,
        })
    }

    #[inline]
    fn handle(&self, exchange: &mut Exchange<'_>, path: &NormalPath<'_>) -> Answer {
        match &self.target {
            RouteTarget::Files(files) if self.led_octets == 0 => files.answer(exchange, path),
            RouteTarget::Files(files) => {
                // Empty where the path is the route's own, without a slash: the files then redirect to it with one.
                let below = path.octets().get(self.led_octets..).unwrap_or_default();
                files.answer(exchange, &NormalPath::plain(below))
            }
            RouteTarget::Echo => origin::echo::answer(exchange),
            RouteTarget::Wire(recent) => recent.answer(exchange),
        }
    }
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

fn misdirected(head: RequestHead<'_>) -> Answer {
    refusal_response(PeerError::Misdirected.into(), Some(head)).into()
}

/// Octets of a host name that a site can have.
const HOST_OCTETS_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Lent;
    use net::{Now, Peer};
    use origin::CacheLimits;
    use semantics::{RequestIndex, ResponseHead};
    use std::fs;
    use std::net::SocketAddr;
    use tempfile::TempDir;

    /// The head of the answer, whenever that comes.
    fn answered(sites: &Sites, target: &str) -> ResponseHead {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut index = RequestIndex::default();
        http1::scan::request_head(request.as_bytes(), &mut Default::default(), &mut index);
        let head = RequestHead::new(request.as_bytes(), &index);
        let client = Peer::from(SocketAddr::from(([127, 0, 0, 1], 4711)));
        let mut lent = Lent::default();
        let mut exchange = Exchange::for_test(head, client, Now::read(), &mut lent);
        net::run_alone(async { sites.handle(&mut exchange).response().await.head })
    }

    #[test]
    fn a_route_to_a_folder_of_its_own_is_a_folder_with_a_slash() {
        let folder = TempDir::new().unwrap();
        let docs = TempDir::new().unwrap();
        fs::write(docs.path().join("index.html"), "x").unwrap();
        let mut config = Config::for_folder(folder.path().to_owned());
        config.sites[0].routes.push(Route {
            path: "/docs".to_owned(),
            root: Some(docs.path().to_owned()),
            ..Route::default()
        });
        let cache = Rc::new(Cache::new(CacheLimits::default()));
        let sites = Sites::new(&config, &cache, &Recent::new()).unwrap();
        let head = answered(&sites, "/docs");
        assert_eq!(head.status(), Status::MOVED_PERMANENTLY);
        assert_eq!(head.section().first(Known::Location), Some(&b"/docs/"[..]));
        assert_eq!(answered(&sites, "/docs/").status(), Status::OK);
    }
}
