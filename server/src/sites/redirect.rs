//! Answers that lead elsewhere (RFC 9110 §15.4).

use engine::Response;
use origin::{error_response, push_html, push_path, push_query};
use semantics::fields::host::{Host, HostKind};
use semantics::{Known, Method, NormalPath, RequestHead, ResponseHead, Status};

use super::template::{Template, Words};
use crate::config;

/// Where a route leads.
#[derive(Clone, Debug)]
pub(crate) struct Redirect {
    status: Status,
    location: Template,
    cache_control: Option<String>,
}

impl Redirect {
    pub(crate) fn new(status: Status, location: Template, cache_control: Option<String>) -> Self {
        Self {
            status,
            location,
            cache_control,
        }
    }

    pub(crate) fn answer(&self, head: RequestHead<'_>, words: &Words<'_>) -> Response {
        let Some(location) = self.location.expand_location(words) else {
            return without_host(head);
        };
        let mut response = to(self.status, &location);
        if let Some(value) = &self.cache_control {
            response.head.add(Known::CacheControl, value);
        }
        response
    }
}

/// A redirect with a link for who does not follow by itself (RFC 9110 §15.4). It is in one form, so that a store may keep it
/// whatever is asked for.
fn to(status: Status, location: &str) -> Response {
    let reason = status.reason();
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status} {reason}</title></head>\n\
         <body><h1>{status} {reason}</h1>\n<p><a href=\""
    );
    push_html(&mut html, location);
    html.push_str("\">");
    push_html(&mut html, location);
    html.push_str("</a></p></body></html>\n");
    let head = ResponseHead::new(status)
        .with(Known::Location, location)
        .with(Known::ContentType, "text/html; charset=utf-8");
    Response::with_octets(head, html)
}

/// How requests come to be secured: the port at which TLS is spoken, if it is not the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecurePort(Option<u16>);

impl SecurePort {
    /// That of the first listener with TLS, unless one is at 443 (RFC 9110 §4.2.2). Where there is none a gateway speaks TLS,
    /// and does so at 443.
    pub(crate) fn of(listeners: &[config::Listener]) -> Self {
        let mut ports = listeners
            .iter()
            .filter(|listener| listener.tls)
            .filter_map(|listener| listener.address.port())
            .filter(|&port| port != 0);
        let first = ports.next();
        let has_usual = first == Some(443) || ports.any(|port| port == 443);
        Self(first.filter(|_| !has_usual))
    }

    /// What stands behind the host in a URI.
    fn suffix(self) -> String {
        self.0.map_or(String::new(), |port| format!(":{port}"))
    }
}

/// The same target by `https`. GET and HEAD get 301, which everything that speaks HTTP understands; what might become a GET
/// by it gets 308 (RFC 9110 §15.4.2, §15.4.9).
pub(crate) fn to_https(
    head: RequestHead<'_>,
    host: Option<&str>,
    port: SecurePort,
    path: &NormalPath<'_>,
    query: Option<&[u8]>,
) -> Response {
    let Some(host) = host else {
        return without_host(head);
    };
    let location = secured_location(host, port, path, query);
    to(to_https_status(head.method()), &location)
}

/// The same target by `https`.
pub(crate) fn secured_location(
    host: &str,
    port: SecurePort,
    path: &NormalPath<'_>,
    query: Option<&[u8]>,
) -> String {
    let mut location = format!("https://{host}{}", port.suffix());
    push_path(&mut location, path.octets());
    if let Some(query) = query {
        location.push('?');
        push_query(&mut location, query);
    }
    location
}

/// Which redirect to `https` keeps the method.
pub(crate) fn to_https_status(method: Method) -> Status {
    match method {
        Method::Get | Method::Head => Status::MOVED_PERMANENTLY,
        _ => Status::PERMANENT_REDIRECT,
    }
}

/// The host of a request as it may be shown in a URI: in lower case, without port. `None` for what is no plain name and no
/// address, and so is nobody's host.
pub(crate) fn shown_host(host: Option<&[u8]>) -> Option<String> {
    let host = Host::parse(host?).ok()?;
    let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~".contains(octet);
    let name = match host.kind {
        HostKind::Ipv6 => host.name,
        HostKind::Name | HostKind::Ipv4 if host.name.iter().all(is_plain) => {
            host.name_without_root_dot()
        }
        _ => return None,
    };
    let name = String::from_utf8(name.to_ascii_lowercase()).ok()?;
    (!name.is_empty()).then_some(name)
}

fn without_host(head: RequestHead<'_>) -> Response {
    error_response(
        Status::BAD_REQUEST,
        "The answer is at another address of the same host, and the request names none",
        "RFC 9110 §7.2",
        Some(head),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Listener;
    use crate::sites::testing::with_head;
    use net::Address;

    fn location(request: &str, host: &[u8], ports: &[(&str, bool)]) -> (u16, String) {
        let listeners: Vec<_> = ports
            .iter()
            .map(|&(address, tls)| Listener {
                address: address.parse::<Address>().unwrap(),
                tls,
                ..Listener::default()
            })
            .collect();
        with_head(request, |head| {
            let target = semantics::Target::parse(head.target(), head.method()).unwrap();
            let path = NormalPath::of(target.path).unwrap();
            let host = shown_host(Some(host));
            let port = SecurePort::of(&listeners);
            let response = to_https(head, host.as_deref(), port, &path, target.query);
            let location = response.head.section().first(Known::Location);
            let location = location.unwrap_or_default().to_vec();
            (
                response.head.status().code(),
                String::from_utf8(location).unwrap(),
            )
        })
    }

    #[test]
    fn https_is_at_the_port_where_tls_is_spoken() {
        let get = "GET /a%20b?x=%41 HTTP/1.1\r\nHost: a\r\n\r\n";
        // table
        for (ports, authority) in [
            (&[("127.0.0.1:80", false)][..], "a.example"),
            (
                &[("127.0.0.1:80", false), ("127.0.0.1:443", true)],
                "a.example",
            ),
            (
                &[("127.0.0.1:80", false), ("127.0.0.1:8443", true)],
                "a.example:8443",
            ),
            (
                &[("127.0.0.1:8443", true), ("127.0.0.1:443", true)],
                "a.example",
            ),
            (&[("127.0.0.1:0", true)], "a.example"),
        ] {
            let expected = format!("https://{authority}/a%20b?x=%41");
            assert_eq!(location(get, b"A.Example.:80", ports), (301, expected));
        }
    }

    #[test]
    fn a_method_that_is_not_safe_is_not_lost_on_the_way() {
        let post = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
        let expected = (308, "https://[::1]/".to_owned());
        assert_eq!(location(post, b"[::1]:80", &[]), expected);
    }

    #[test]
    fn a_host_that_cannot_be_shown_leads_nowhere() {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for host in [
            &b""[..],
            b".",
            b":80",
            b"a%0d",
            b"a&b",
            b"a;b",
            b"a@b",
            b"a/b",
            b"a b",
        ] {
            assert_eq!(location(get, host, &[]), (400, String::new()), "{host:?}");
        }
    }

    #[test]
    fn the_link_of_a_redirect_is_text_in_html() {
        let response = to(Status::FOUND, "https://a.example/?a=1&b='\"><script>");
        let engine::Content::Octets(html) = response.content else {
            panic!("content from memory")
        };
        let html = String::from_utf8(html.to_vec()).unwrap();
        assert!(
            html.contains("href=\"https://a.example/?a=1&amp;b=&#39;&quot;&gt;&lt;script&gt;\""),
            "{html}"
        );
    }
}
