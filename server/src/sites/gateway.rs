//! Routes that other servers answer.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use engine::{Answer, Exchange, Response};
use intermediary::{
    Balance, Gateway, GatewayConfig, GatewayServer, IdleRules, Passage, Place, Scheme,
};
use net::{Address, Now};
use origin::{error_response, options_answer, trace_answer};
use semantics::{Method, RequestHead, ResponseHead, Status};

use super::route::SiteError;
use crate::config::Route;

/// The gateway of a route.
pub(super) fn gateway(route: &Route) -> Result<Gateway, SiteError> {
    let server =
        |text: &String| server_of(text).map_err(|error| SiteError::Template(text.clone(), error));
    let config = GatewayConfig {
        servers: route.to.iter().map(server).collect::<Result<_, _>>()?,
        balance: Balance::named(&route.balance)
            .or_else(|| Balance::named("round-robin"))
            .ok_or_else(|| SiteError::Template(route.balance.clone(), "no balance".to_owned()))?,
        outbound_millis: u64::try_from(route.outbound_timeout.as_millis()).unwrap_or(u64::MAX),
        idle: IdleRules::default(),
        words,
    };
    Ok(Gateway::new(config, Now::read()))
}

/// What a text in `to` names.
pub(crate) fn server_of(text: &str) -> Result<GatewayServer, String> {
    let server = |place: Place, authority: &str| {
        let passage = Passage::new(own_name(), Scheme::Http, authority);
        let passage = passage.ok_or_else(|| format!("\"{authority}\" is no host"))?;
        Ok(GatewayServer {
            place,
            passage,
            weight: 1,
        })
    };
    if text.starts_with("unix:") {
        let address: Address = text.parse().map_err(|error| format!("{error}"))?;
        // Whose folder it would be relative to is nobody's to guess.
        if matches!(&address, Address::Unix(path) if path.is_relative()) {
            return Err("the socket of a server is named from / on".to_owned());
        }
        return server(Place::Address(address), "localhost");
    }
    let Some(authority) = text.strip_prefix("http://") else {
        return Err("servers are asked in the clear, by http:// or unix:".to_owned());
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
        _ => (authority, 80),
    };
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let place = match literal.parse() {
        Ok(ip) => Place::Address(Address::Inet(std::net::SocketAddr::new(ip, port))),
        Err(_) if host.is_empty() => return Err("there is no host".to_owned()),
        Err(_) => Place::Name(host.to_owned(), port),
    };
    server(place, authority)
}

/// What this process calls itself in Via: of two that have one name each would take the other for itself (RFC 9110 §7.6.3).
pub(super) fn own_name() -> &'static str {
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
        response
            .head
            .add_named(&String::from_utf8_lossy(name), value);
    }
    response
}

/// What is answered to TRACE and OPTIONS that came as far as they may.
pub(super) fn last_forward(exchange: &Exchange<'_>) -> Answer {
    match exchange.head.method() {
        Method::Trace => trace_answer(exchange).into(),
        _ => options_answer("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port_or_a_socket() {
        // table
        for (text, shown) in [
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            ("http://[::1]:3000/", "[::1]:3000"),
            ("http://[::1]", "[::1]:80"),
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
            "https://a",
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
