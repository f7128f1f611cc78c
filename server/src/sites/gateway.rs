//! Routes that other servers answer, and the pools of those.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::outbound::{Parent, Way};
use engine::{Answer, Exchange, Response};
use intermediary::{
    Balance, BreakerRules, BudgetRules, CheckRules, ExpectRule, Gateway, GatewayConfig,
    HealthRules, HostRule, IdleRules, Passage, PathMap, Place, PoolConfig, PoolServer, Scheme,
    Sticky, Told,
};
use net::{Address, ProxiedVersion};
use origin::{error_response, options_answer, trace_answer};
use semantics::{Method, RequestHead, ResponseHead, Status};

use super::route::{Made, SiteError};
use crate::config::{self, ClientFields, Config, Expect, HandlerName, Route, Site, TellsProxy};
use crate::tls::OutboundSets;

/// All pools of a configuration: those that have a name, and one for each route that names its servers itself.
pub(super) fn pools(
    config: &Config,
    outbound: &OutboundSets,
) -> Result<Vec<PoolConfig>, SiteError> {
    let pools = all_pools(config);
    pools.iter().map(|said| pool(said, outbound)).collect()
}

fn all_pools(config: &Config) -> Vec<config::Pool> {
    let own = config.sites.iter().flat_map(|site| {
        let routes = site.routes.iter();
        let own = routes.filter(|route| {
            route.handler == HandlerName::Gateway && route.pool.is_none() && !route.to.is_empty()
        });
        own.map(|route| config::Pool {
            name: own_pool(site, route),
            to: route.to.clone(),
            balance: route.balance.clone(),
            outbound_timeout: route.outbound_timeout,
            outbound: route.outbound.clone(),
            ..config::Pool::default()
        })
    });
    config.pools.iter().cloned().chain(own).collect()
}

/// Which servers come to pools, and which go, from one configuration to another: a line for each pool in which any does.
pub(crate) fn pool_changes(was: &Config, is: &Config) -> Vec<String> {
    let servers = |pools: &[config::Pool], name: &str| -> Vec<String> {
        let known = pools.iter().find(|pool| pool.name == name);
        let servers = known.into_iter().flat_map(config::Pool::all_servers);
        servers.map(|server| server.to).collect()
    };
    let (was, is) = (all_pools(was), all_pools(is));
    let gone = was
        .iter()
        .filter(|pool| !is.iter().any(|it| it.name == pool.name));
    let changes = is.iter().chain(gone).filter_map(|pool| {
        let (before, after) = (servers(&was, &pool.name), servers(&is, &pool.name));
        let only = |these: &[String], those: &[String]| {
            let only = these.iter().filter(|it| !those.contains(it));
            only.cloned().collect::<Vec<_>>().join(" ")
        };
        let parts = [
            ("added", only(&after, &before)),
            ("drained", only(&before, &after)),
        ];
        let parts: Vec<_> = (parts.iter())
            .filter(|(_, servers)| !servers.is_empty())
            .map(|(what, servers)| format!("{what} {servers}"))
            .collect();
        (!parts.is_empty()).then(|| format!("pool {}: {}", pool.name, parts.join(", ")))
    });
    changes.collect()
}

/// The name of a pool that a route has for itself: what no other can be called.
fn own_pool(site: &Site, route: &Route) -> String {
    let host = site.hosts.first().map_or("*", String::as_str);
    format!("{host}{}", route.path)
}

fn pool(pool: &config::Pool, outbound: &OutboundSets) -> Result<PoolConfig, SiteError> {
    let servers = pool.all_servers().map(|server| {
        let complain = |error| SiteError::Template(server.to.clone(), error);
        let named = server_of(&server.to).map_err(complain)?;
        Ok(PoolServer {
            way: way_of(&named, &pool.outbound, outbound).map_err(complain)?,
            name: named.place.to_string(),
            place: named.place,
            scheme: named.scheme,
            authority: named.authority,
            weight: number(server.weight),
            is_backup: server.backup,
            connections_max: server.connections_max.or(pool.connections_max).map(number),
        })
    });
    let servers: Vec<_> = servers.collect::<Result<_, SiteError>>()?;
    let plain = || SiteError::Template(pool.balance.clone(), "no balance".to_owned());
    let balance = Balance::named(&pool.balance).ok_or_else(plain)?;
    Ok(PoolConfig {
        outbound_millis: millis(pool.outbound_timeout),
        queue_max: usize::try_from(pool.queue_max).unwrap_or(usize::MAX),
        queue_millis: millis(pool.queue_time),
        tries_max: usize::try_from(pool.tries_max).unwrap_or(usize::MAX),
        idle: IdleRules {
            lines_max: usize::try_from(pool.idle_connections_max).unwrap_or(usize::MAX),
            millis_max: millis(pool.idle_time),
            age_millis_max: pool.connection_age.map_or(u64::MAX, millis),
        },
        health: HealthRules {
            failures_max: number(pool.failures_max),
            out_millis: millis(pool.out_time),
            out_millis_max: millis(pool.out_time_max),
            slow_start_millis: millis(pool.slow_start),
            slow_answer_millis: pool.slow_answer_time.map_or(0, millis),
        },
        budget: budget(pool),
        breaker: pool.breaker.as_ref().map(breaker),
        sticky: pool.sticky.as_ref().map(|sticky| Sticky {
            cookie: sticky.cookie.clone(),
            seconds: sticky.time.map(|time| time.as_secs().max(1)),
        }),
        check: pool.check.as_ref().map(check),
        ..PoolConfig::new(&pool.name, servers, balance)
    })
}

fn budget(pool: &config::Pool) -> BudgetRules {
    let per_second = number(pool.retries_per_second);
    let saved = per_second.saturating_mul(RETRIES_SAVED_SECONDS);
    BudgetRules {
        permille: number(pool.retries_percent).saturating_mul(10),
        per_second,
        // Also a share of the requests has to be saved up somewhere.
        tries_max: match pool.retries_percent {
            0 => saved,
            _ => saved.max(RETRIES_SAVED_MIN),
        },
    }
}

fn breaker(breaker: &config::Breaker) -> BreakerRules {
    BreakerRules {
        failures_max: breaker.failures_max.map_or(0, number),
        failures_percent: breaker.failures_percent.map_or(0, number),
        requests_min: number(breaker.requests_min),
        window_millis: millis(breaker.window),
        open_millis: millis(breaker.open_time),
    }
}

fn check(check: &config::Check) -> CheckRules {
    CheckRules {
        method: check.method.clone(),
        path: check.path.clone(),
        host: check.host.clone(),
        statuses: check.status.clone(),
        interval_millis: millis(check.interval),
        timeout_millis: millis(check.timeout),
        rise: number(check.rise),
        fall: number(check.fall),
    }
}

/// The gateway of a route.
pub(super) fn gateway(site: &Site, route: &Route, made: Made<'_>) -> Result<Gateway, SiteError> {
    let own = || own_pool(site, route);
    let name = route.pool.clone().unwrap_or_else(own);
    let pool = made
        .pools
        .find(&name)
        .ok_or_else(|| SiteError::Pool(name.clone()))?;
    let passages = pool.authorities().map(|(scheme, authority)| {
        let made = passage(route, scheme, authority);
        made.map_err(|error| SiteError::Template(authority.to_owned(), error))
    });
    Ok(Gateway::new(GatewayConfig {
        passages: passages.collect::<Result<_, _>>()?,
        pool: std::rc::Rc::clone(pool),
        words,
        is_recording: made.is_recording,
    }))
}

/// How messages of a route pass to a server.
fn passage(route: &Route, scheme: Scheme, authority: &str) -> Result<Passage, String> {
    let made = Passage::new(own_name(), scheme, authority);
    let made = made.ok_or_else(|| format!("\"{authority}\" is no host"))?;
    let prefix = |prefix: &Option<String>| prefix.clone().unwrap_or_default();
    let paths = PathMap::new(&prefix(&route.strip_prefix), &prefix(&route.add_prefix));
    let tells = |fields| route.client_fields.contains(&fields);
    let protocols = route.upgrade.iter();
    Ok(protocols
        .fold(made, |made, protocol| made.upgrade(protocol))
        .paths(paths.map_err(|error| error.to_string())?)
        .host(match route.outbound_host.as_str() {
            "client" => HostRule::Kept,
            "server" => HostRule::Server,
            other => HostRule::Set(other.as_bytes().into()),
        })
        .told(Told {
            forwarded: tells(ClientFields::Forwarded),
            x_forwarded: tells(ClientFields::XForwarded),
        })
        .via_answers(route.via_answers)
        .expect(match route.expect {
            Expect::Answer => ExpectRule::Answered,
            Expect::Pass => ExpectRule::Passed,
        }))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn number(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// By which rules a server is connected to.
fn way_of(
    named: &NamedServer,
    said: &config::Outbound,
    outbound: &OutboundSets,
) -> Result<Way, String> {
    let mut way = Way {
        proxied: match said.proxy_protocol {
            TellsProxy::Off => None,
            TellsProxy::V1 => Some(ProxiedVersion::V1),
            TellsProxy::V2 => Some(ProxiedVersion::V2),
        },
        ..Way::default()
    };
    if let Some(via) = &said.via {
        way.parent = Some(Arc::new(Parent {
            place: parent_of(via)?,
            authorization: said.via_auth.as_deref().map(basic).transpose()?,
        }));
    }
    if named.scheme == Scheme::Https {
        let tls = outbound.of(said).ok_or("TLS was not prepared")?;
        let name = said.server_name.as_deref().unwrap_or(&named.host);
        let name = name.parse().map_err(|why| format!("\"{name}\" is {why}"))?;
        way.tls = Some((tls, name));
    }
    Ok(way)
}

/// Where a proxy is that a text names.
pub(crate) fn parent_of(text: &str) -> Result<Place, String> {
    let named = server_of(text)?;
    match (named.scheme, &named.place) {
        (Scheme::Http, Place::Address(Address::Unix(_))) | (Scheme::Https, _) => {
            Err("a proxy is asked by http://".to_owned())
        }
        (Scheme::Http, _) => Ok(named.place),
    }
}

/// The credentials in a file for a proxy (RFC 7617).
fn basic(file: &Path) -> Result<Box<[u8]>, String> {
    let unreadable = |error| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let line = text.lines().next().unwrap_or_default().trim();
    match line.split_once(':') {
        Some((name, _)) if !name.is_empty() => {
            Ok(auth::basic_credentials(line).into_bytes().into())
        }
        _ => Err(format!(
            "{}: its first line is not NAME:PASSWORD",
            file.display()
        )),
    }
}

/// What a text in `to` names.
#[derive(Debug)]
pub(crate) struct NamedServer {
    pub(crate) place: Place,
    pub(crate) scheme: Scheme,
    /// Host and port as they are written, for Host.
    pub(crate) authority: String,
    pub(crate) host: String,
}

/// What a text in `to` names.
pub(crate) fn server_of(text: &str) -> Result<NamedServer, String> {
    if text.starts_with("unix:") {
        let address: Address = text.parse().map_err(|error| format!("{error}"))?;
        // Whose folder it would be relative to is nobody's to guess.
        if matches!(&address, Address::Unix(path) if path.is_relative()) {
            return Err("the socket of a server is named from / on".to_owned());
        }
        return Ok(NamedServer {
            place: Place::Address(address),
            scheme: Scheme::Http,
            authority: "localhost".to_owned(),
            host: "localhost".to_owned(),
        });
    }
    let (scheme, authority, usual_port) = match text.split_once("://") {
        Some(("http", authority)) => (Scheme::Http, authority, 80),
        Some(("https", authority)) => (Scheme::Https, authority, 443),
        _ => return Err("servers are asked by http://, https:// or unix:".to_owned()),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("only a host and a port can be said of a server".to_owned());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let port = port.parse().ok().filter(|port| *port > 0);
            (
                host,
                port.ok_or_else(|| format!("\"{authority}\" has no port"))?,
            )
        }
        _ => (authority, usual_port),
    };
    if host.is_empty() {
        return Err("there is no host".to_owned());
    }
    if Passage::new(own_name(), scheme, authority).is_none() {
        return Err(format!("\"{authority}\" is no host"));
    }
    if scheme == Scheme::Https {
        let named = host.parse::<net::TlsServerName>();
        named.map_err(|why| format!("\"{host}\" is {why}"))?;
    }
    Ok(NamedServer {
        place: Place::of(host, port),
        scheme,
        authority: authority.to_owned(),
        host: host.to_owned(),
    })
}

/// What this process calls itself in Via: of two that have one name each would take the other for itself (RFC 9110 §7.6.3).
pub(crate) fn own_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        format!(
            "hansom-{:08x}",
            RandomState::new().hash_one(0) & 0xffff_ffff
        )
    })
}

/// An answer of our own, in the words of all others.
pub(super) fn words(
    told: semantics::Answer,
    head: &ResponseHead,
    request: RequestHead<'_>,
) -> Response {
    let status = told.status.unwrap_or(Status::INTERNAL_SERVER_ERROR);
    let mut response = error_response(status, told.because, told.rule, Some(request));
    for (name, value) in head.section().iter() {
        // As Retry-After, of which the gateway knows more.
        response.head.remove_named(name);
        response
            .head
            .add_named(&String::from_utf8_lossy(name), value);
    }
    response
}

/// What is answered to TRACE and OPTIONS that came as far as they may.
pub(crate) fn last_forward(exchange: &Exchange<'_>) -> Answer {
    match exchange.head.method() {
        Method::Trace => trace_answer(exchange).into(),
        _ => options_answer("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS").into(),
    }
}

/// Retries are saved up for so many seconds.
const RETRIES_SAVED_SECONDS: u32 = 10;
const RETRIES_SAVED_MIN: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_requests_or_so_many_a_second_or_none() {
        let of = |retries_percent, retries_per_second| {
            budget(&config::Pool {
                retries_percent,
                retries_per_second,
                ..config::Pool::default()
            })
        };
        let defaults = config::Pool::default();
        assert_eq!(
            of(defaults.retries_percent, defaults.retries_per_second),
            BudgetRules::default()
        );
        assert_eq!(of(20, 0).tries_max, 100);
        assert_eq!(of(0, 5).tries_max, 50);
        assert_eq!(of(0, 0).tries_max, 0);
    }

    #[test]
    fn a_change_of_pools_is_told_by_what_comes_and_goes() {
        let config = |pools: &[(&str, &[&str])]| Config {
            pools: (pools.iter())
                .map(|(name, to)| config::Pool {
                    name: (*name).to_owned(),
                    to: to.iter().map(|to| (*to).to_owned()).collect(),
                    ..config::Pool::default()
                })
                .collect(),
            ..Config::default()
        };
        let was = config(&[("a", &["x", "y"]), ("b", &["z"]), ("c", &["w"])]);
        let is = config(&[("a", &["y", "v"]), ("c", &["w"]), ("d", &["u"])]);
        assert_eq!(
            pool_changes(&was, &is),
            [
                "pool a: added v, drained x",
                "pool d: added u",
                "pool b: drained z"
            ]
        );
    }

    #[test]
    fn a_server_is_a_host_and_a_port_or_a_socket() {
        // table
        for (text, shown) in [
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            ("http://[::1]:3000/", "[::1]:3000"),
            ("http://[::1]", "[::1]:80"),
            ("https://127.0.0.1", "127.0.0.1:443"),
            ("https://[::1]:8443", "[::1]:8443"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
        ] {
            match server_of(text).unwrap().place {
                Place::Address(address) => assert_eq!(address.to_string(), shown),
                Place::Name(..) => panic!("{text}"),
            }
        }
        let named = server_of("http://app.internal:3000").unwrap().place;
        assert_eq!(named, Place::Name("app.internal".to_owned(), 3000));
        for text in [
            "",
            "127.0.0.1:3000",
            "https://a_b:x",
            "ftp://a",
            "https://u@a",
            "http://",
            "http://a/b",
            "http://a:0",
            "http://a:x",
            "http://a b",
            "http://u@a",
            "unix:app.sock",
            "http://:80",
        ] {
            assert!(server_of(text).is_err(), "{text}");
        }
    }
}
