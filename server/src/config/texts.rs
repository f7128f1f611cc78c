//! The rules that texts of the configuration follow, one for each kind of text.

use crate::log::own;

use super::checks::{self, shown};
use super::kinds::TextRule;
use super::slot::Complaint;
use super::templates;
use semantics::FieldRules;
use semantics::fields::cache_control as directives;

pub(crate) static HOST: TextRule = TextRule {
    check: checks::host,
    allowed: "a host name without port",
};
pub(crate) static SERVER_NAME: TextRule = TextRule {
    check: server_name,
    allowed: "a host name",
};
pub(crate) static FILE_NAME: TextRule = TextRule {
    check: checks::file_name,
    allowed: "a file name",
};
pub(crate) static ROUTE_PATH: TextRule = TextRule {
    check: checks::route_path,
    allowed: "a path from \"/\" in whole segments, as \"/images\"",
};
pub(crate) static LOCAL_PATH: TextRule = TextRule {
    check: checks::route_path,
    allowed: "a path from \"/\", as \"/login\"",
};
pub(crate) static PAGE: TextRule = TextRule {
    check: checks::page,
    allowed: "a file below the root, as \"errors/404.html\"",
};
pub(crate) static FIELD_VALUE: TextRule = TextRule {
    check: field_value,
    allowed: "a field value",
};
pub(crate) static CACHE_CONTROL: TextRule = TextRule {
    check: cache_control,
    allowed: "a list of directives, as \"public, max-age=3600\"",
};
pub(crate) static REALM: TextRule = TextRule {
    check: field_value,
    allowed: "a text in ASCII",
};
pub(crate) static LOG_TEXT: TextRule = TextRule {
    check: log_text,
    allowed: "a text with {name} for what is known of an exchange",
};
pub(crate) static AUTH_NAME: TextRule = TextRule {
    check: auth_name,
    allowed: "the name of an [[auth]], of letters, digits, \"-\" and \"_\"",
};
pub(crate) static USER_NAME: TextRule = TextRule {
    check: user_name,
    allowed: "a user's name without \":\"",
};
pub(crate) static COOKIE_NAME: TextRule = TextRule {
    check: cookie_name,
    allowed: "a token, as \"session\"",
};
pub(crate) static LANGUAGE: TextRule = TextRule {
    check: language,
    allowed: "a language tag, as \"en\" or \"zh-Hant\"",
};
pub(crate) static STORE: TextRule = TextRule {
    check: store,
    allowed: "\"redis://host:6379/0\" or \"rediss://host:6379/0\"",
};
pub(crate) static REDIRECT: TextRule = TextRule {
    check: templates::reference,
    allowed: "a URI reference, as \"https://example.com{path}\", with {path}, {rest}, {query} or {host}",
};
pub(crate) static LOCAL_TARGET: TextRule = TextRule {
    check: templates::local,
    allowed: "a path from \"/\", as \"/app{rest}\", with {path}, {rest}, {query} or {host}",
};
pub(crate) static SERVER_URL: TextRule = TextRule {
    check: |text| match crate::sites::server_of(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(why) => Err(Complaint::new(why)),
    },
    allowed: "\"http://HOST:PORT\", \"https://HOST:PORT\" or \"unix:PATH\"",
};
pub(crate) static PARENT: TextRule = TextRule {
    check: |text| match crate::sites::parent_of(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(why) => Err(Complaint::new(why)),
    },
    allowed: "\"http://HOST:PORT\", a proxy",
};
pub(crate) static NAME_SERVER: TextRule = TextRule {
    check: |text| match text.parse::<std::net::SocketAddr>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Complaint::new("this is no address and port")),
    },
    allowed: "an address and a port, as \"192.0.2.53:53\"",
};
pub(crate) static TLS_NAME: TextRule = TextRule {
    check: |text| match text.parse::<net::TlsServerName>() {
        Ok(name) => Ok(name.to_string()),
        Err(why) => Err(Complaint::new(format!("this is {why}"))),
    },
    allowed: "a host name, as \"app.example.com\", or an IP address",
};
pub(crate) static ASKED_URL: TextRule = TextRule {
    check: |text| match text.starts_with("tcp://") {
        true => match crate::sites::application_place(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(why) => Err(Complaint::new(why)),
        },
        false => (SERVER_URL.check)(text),
    },
    allowed: "\"http://HOST:PORT\", \"unix:PATH\" or, for applications, \"tcp://HOST:PORT\"",
};
pub(crate) static SCRIPT_SUFFIX: TextRule = TextRule {
    check: |text| match text.len() > 1 && text.starts_with('.') && !text.contains(['/', '\\', '\0'])
    {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(format!(
            "{} is not the end of a name",
            shown(text)
        ))),
    },
    allowed: "the end of a file name, as \".php\"",
};
pub(crate) static SCRIPT: TextRule = TextRule {
    check: checks::page,
    allowed: "a script below the root, as \"index.php\"",
};
pub(crate) static SEEN_FOLDER: TextRule = TextRule {
    check: |text| match text.starts_with('/') && !text.contains('\0') {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(format!(
            "{} is no folder from \"/\" on",
            shown(text)
        ))),
    },
    allowed: "a folder from \"/\" on, as \"/var/www/html\"",
};
pub(crate) static PARAM_VALUE: TextRule = TextRule {
    check: |text| match text.contains('\0') {
        false => Ok(text.to_owned()),
        true => Err(Complaint::new("a value has no NUL")),
    },
    allowed: "a text",
};
pub(crate) static BALANCE: TextRule = TextRule {
    check: |text| match intermediary::Balance::named(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(Complaint::new("this is no way to choose a server")),
    },
    allowed: "\"round-robin\", \"random-two\", \"least-connections\", \"least-time\", \"hash-client\" or \"hash-target\"",
};
pub(crate) static HOST_PATTERN: TextRule = TextRule {
    check: |text| match text.parse::<intermediary::Pattern>() {
        Ok(pattern) => Ok(pattern.to_string()),
        Err(error) => Err(Complaint::with(error.to_string(), error.suggestion())),
    },
    allowed: "a pattern of hosts",
};
pub(crate) static PROXY_METHOD: TextRule = TextRule {
    check: proxy_method,
    allowed: "a method, as \"GET\"",
};
pub(crate) static POOL_NAME: TextRule = TextRule {
    check: auth_name,
    allowed: "the name of a [[pool]], of letters, digits, \"-\" and \"_\"",
};
pub(crate) static PATH_PREFIX: TextRule = TextRule {
    check: path_prefix,
    allowed: "a path from \"/\" in whole segments, as \"/shop\"",
};
pub(crate) static CHECK_PATH: TextRule = TextRule {
    check: check_path,
    allowed: "a path from \"/\", perhaps with a query, as \"/health\"",
};
pub(crate) static OUTBOUND_HOST: TextRule = TextRule {
    check: outbound_host,
    allowed: "a host, perhaps with a port",
};
pub(crate) static HOST_RULE: TextRule = TextRule {
    check: outbound_host,
    allowed: "\"client\", \"server\", or a host, perhaps with a port",
};
pub(crate) static PROTOCOL: TextRule = TextRule {
    check: |text| match text {
        _ if text.eq_ignore_ascii_case("h2c") => Err(Complaint::with(
            "whoever speaks h2c with the server has its requests read by nobody on the way (RFC 9113 §3.1)",
            "leave it out",
        )),
        _ if is_token(text) => Ok(text.to_owned()),
        _ => Err(Complaint::new("this is no name of a protocol")),
    },
    allowed: "a protocol, as \"websocket\"",
};
pub(crate) static TRY_FILE: TextRule = TextRule {
    check: templates::tried,
    allowed: "a path from \"/\" with {path}, {rest}, {query} or {host}, or \"=404\"",
};
pub(crate) static RESPONSE_FIELD: TextRule = TextRule {
    check: response_field,
    allowed: "a field name",
};
pub(crate) static REQUEST_FIELD: TextRule = TextRule {
    check: request_field,
    allowed: "a field name",
};
pub(crate) static ANY_FIELD: TextRule = TextRule {
    check: field_name,
    allowed: "a field name, as \"X-Request-Id\"",
};
pub(crate) static ORIGIN: TextRule = TextRule {
    check: origin,
    allowed: "an origin, as \"https://example.com\"",
};
pub(crate) static METHOD: TextRule = TextRule {
    check: method,
    allowed: "a method, as \"PUT\"",
};

/// A server name of TLS (RFC 6066 §3): a host name, no address, perhaps with a wildcard (RFC 6125 §6.4.3).
fn server_name(text: &str) -> Result<String, Complaint> {
    let name = checks::host(text)?;
    let is_address = name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
    if is_address || name == "*" {
        let hint = "leave it out: clients that name no server get the first [[tls]]";
        let message = format!("{} is no server name", shown(text));
        return Err(Complaint::with(message, hint).by("RFC 6066 §3"));
    }
    Ok(name)
}

/// A field value is visible ASCII with single spaces or tabs between (RFC 9110 §5.5).
fn field_value(text: &str) -> Result<String, Complaint> {
    let is_fit = text
        .bytes()
        .all(|octet| matches!(octet, b' '..=b'~' | b'\t'));
    if is_fit && text.trim() == text {
        return Ok(text.to_owned());
    }
    Err(Complaint::new(format!("{} is not a field value", shown(text))).by("RFC 9110 §5.5"))
}

/// What every recipient can read (RFC 9111 §5.2).
fn cache_control(text: &str) -> Result<String, Complaint> {
    let text = field_value(text)?;
    match directives::render(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Complaint::new(error.to_string()).by("RFC 9111 §5.2")),
    }
}

fn log_text(text: &str) -> Result<String, Complaint> {
    match own::compile(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Complaint {
            suggestion: error.suggestion,
            ..Complaint::new(error.message)
        }),
    }
}

fn auth_name(text: &str) -> Result<String, Complaint> {
    let is_fit = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    match !text.is_empty() && text.bytes().all(is_fit) {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(format!(
            "{} is not such a name",
            shown(text)
        ))),
    }
}

fn path_prefix(text: &str) -> Result<String, Complaint> {
    let text = text.strip_suffix('/').unwrap_or(text);
    match intermediary::PathMap::new(text, "") {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(Complaint::new(format!("{} is no such path", shown(text))).by("RFC 3986 §3.3")),
    }
}

/// What is asked for in origin-form (RFC 9112 §3.2.1).
fn check_path(text: &str) -> Result<String, Complaint> {
    let is_fit =
        |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'#' | b'"' | b'<' | b'>');
    match text.starts_with('/') && text.bytes().all(is_fit) {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(format!("{} is no target", shown(text))).by("RFC 9112 §3.2.1")),
    }
}

fn outbound_host(text: &str) -> Result<String, Complaint> {
    match intermediary::Passage::new("a", intermediary::Scheme::Http, text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(Complaint::new(format!("{} is no host", shown(text))).by("RFC 9110 §7.2")),
    }
}

/// A colon ends the name of a user (RFC 7617 §2).
fn user_name(text: &str) -> Result<String, Complaint> {
    if text.is_empty() || text.contains(':') || text.contains(char::is_control) {
        let message = format!("{} is not a user's name", shown(text));
        return Err(Complaint::new(message).by("RFC 7617 §2"));
    }
    Ok(text.to_owned())
}

/// A token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let is_tchar = |octet: u8| {
        octet.is_ascii_alphanumeric()
            || matches!(
                octet,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            )
    };
    !text.is_empty() && text.bytes().all(is_tchar)
}

fn cookie_name(text: &str) -> Result<String, Complaint> {
    match is_token(text) {
        true => Ok(text.to_owned()),
        false => {
            let message = format!("{} is not the name of a cookie", shown(text));
            Err(Complaint::new(message).by("RFC 6265 §4.1.1"))
        }
    }
}

/// A tag of subtags of up to eight letters and digits (RFC 5646 §2.1).
fn language(text: &str) -> Result<String, Complaint> {
    let mut subtags = text.split('-');
    let is_primary = |tag: &str| {
        (1..=8).contains(&tag.len()) && tag.bytes().all(|octet| octet.is_ascii_alphabetic())
    };
    let is_subtag = |tag: &str| {
        (1..=8).contains(&tag.len()) && tag.bytes().all(|octet| octet.is_ascii_alphanumeric())
    };
    if subtags.next().is_some_and(is_primary) && subtags.all(is_subtag) {
        return Ok(text.to_owned());
    }
    let complaint = Complaint::new(format!("{} is not a language tag", shown(text)));
    let hyphens = text.replace('_', "-");
    let suggestion = (hyphens != text).then(|| format!("write {}", shown(&hyphens)));
    Err(Complaint {
        suggestion,
        ..complaint
    }
    .by("RFC 5646 §2.1"))
}

fn store(text: &str) -> Result<String, Complaint> {
    let rest = text
        .strip_prefix("redis://")
        .or_else(|| text.strip_prefix("rediss://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?']).next());
    let host = authority.map(|authority| authority.rsplit('@').next().unwrap_or_default());
    let is_fit = host.is_some_and(|host| !host.is_empty() && !host.starts_with(':'))
        && !text.contains(char::is_whitespace)
        && !text.contains(char::is_control)
        && auth::is_redis_url(text);
    if is_fit {
        return Ok(text.to_owned());
    }
    // A password may be in it: the text is not repeated.
    Err(Complaint::new("this is not the address of a store"))
}

/// A field name is a token (RFC 9110 §5.1).
fn field_name(text: &str) -> Result<String, Complaint> {
    match is_token(text) {
        true => Ok(text.to_owned()),
        false => {
            let message = format!("{} is not a field name", shown(text));
            Err(Complaint::new(message).by("RFC 9110 §5.1"))
        }
    }
}

/// A field of responses that may be set or removed.
pub(crate) fn response_field(text: &str) -> Result<String, Complaint> {
    own_field(text, &[FRAMING, RESPONSE])
}

/// A field of responses that may be set: none by which the server itself judges preconditions, for it judges by what it knows,
/// and one value for all versions of a file is no validator (RFC 9110 §8.8.1).
pub(crate) fn set_field(text: &str) -> Result<String, Complaint> {
    let name = response_field(text)?;
    match VALIDATORS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(&name))
    {
        false => Ok(name),
        true => Err(Complaint::with(
            format!("`{name}` is not for configurations"),
            "the server knows which version it sends; `remove_fields` leaves it out",
        )
        .by("RFC 9110 §8.8.1")),
    }
}

/// A field of responses that may be added: one of which there may be several lines (RFC 9110 §5.3).
pub(crate) fn added_field(text: &str) -> Result<String, Complaint> {
    let name = response_field(text)?;
    match SINGLE
        .iter()
        .any(|single| single.eq_ignore_ascii_case(&name))
    {
        false => Ok(name),
        true => Err(Complaint::with(
            format!("`{name}` would be there twice"),
            "write it in `set_fields`, which replaces the server's own",
        )
        .by("RFC 9110 §5.3")),
    }
}

/// A field of requests that may be set or removed.
pub(crate) fn request_field(text: &str) -> Result<String, Complaint> {
    own_field(text, &[FRAMING, REQUEST])
}

fn own_field(text: &str, refused: &[&[(&str, &str, &'static str)]]) -> Result<String, Complaint> {
    let name = field_name(text)?;
    let mut refused = refused.iter().flat_map(|fields| fields.iter());
    match refused.find(|(refused, ..)| refused.eq_ignore_ascii_case(&name)) {
        // What serves it has the last word.
        None => match FieldRules::default().remove(&name) {
            Ok(()) => Ok(name),
            Err(error) => Err(Complaint::with(
                format!("`{name}` is not for configurations"),
                error.to_string(),
            )),
        },
        Some((field, why, rule)) => {
            Err(Complaint::with(format!("`{field}` is not for configurations"), *why).by(rule))
        }
    }
}

/// A status of errors, or the first digit of a class of them (RFC 9110 §15).
pub(crate) fn error_status(text: &str) -> Result<u16, Complaint> {
    match text {
        "4xx" => Ok(4),
        "5xx" => Ok(5),
        _ => {
            let status = text.parse::<u16>().ok().filter(|_| text.len() == 3);
            status
                .filter(|status| (400..=599).contains(status))
                .ok_or_else(|| {
                    let message = format!("{} is not the status of an error", shown(text));
                    Complaint::with(message, "give 400 to 599, 4xx or 5xx").by("RFC 9110 §15")
                })
        }
    }
}

/// A serialized origin: scheme, host, port (RFC 6454 §6.2).
fn origin(text: &str) -> Result<String, Complaint> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let complaint = Complaint::new(format!("{} is not an origin", shown(text))).by("RFC 6454 §6.2");
    let Some((scheme, rest)) = text.split_once("://") else {
        let suggestion = checks::host(text)
            .ok()
            .filter(|host| host.contains('.'))
            .map(|host| format!("write \"https://{host}\""));
        return Err(Complaint {
            suggestion,
            ..complaint
        });
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = port.is_none_or(|port| {
        port.parse::<u16>()
            .is_ok_and(|number| number.to_string() == port)
    });
    let is_scheme = scheme.bytes().enumerate().all(|(at, octet)| {
        octet.is_ascii_alphabetic()
            || (at > 0 && (octet.is_ascii_digit() || b"+-.".contains(&octet)))
    });
    let is_host = checks::host(host).is_ok() && !host.contains('*');
    if scheme.is_empty() || !is_scheme || !is_host || !is_port {
        return Err(complaint);
    }
    // As user agents send it: in lower case, without path and default port.
    let port = port.filter(|port| !matches!((scheme, *port), ("http", "80") | ("https", "443")));
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    let normal = format!("{scheme}://{host}{port}").to_ascii_lowercase();
    match normal == text {
        true => Ok(normal),
        false => Err(Complaint {
            suggestion: Some(format!("write {}", shown(&normal))),
            ..complaint
        }),
    }
}

/// A method that a proxy may pass on (RFC 9110 §9.1): case counts.
fn proxy_method(text: &str) -> Result<String, Complaint> {
    match text {
        "CONNECT" | "TRACE" => Ok(text.to_owned()),
        _ if is_token(text) && text.eq_ignore_ascii_case("connect") => {
            let message = format!("{} is not in upper case, which counts", shown(text));
            Err(Complaint::with(message, "write \"CONNECT\"").by("RFC 9110 §9.1"))
        }
        _ => method(text),
    }
}

/// A method is a token, and case counts (RFC 9110 §9.1).
fn method(text: &str) -> Result<String, Complaint> {
    let complaint = |what: &str| Complaint::new(format!("{} {what}", shown(text)));
    if !is_token(text) {
        return Err(complaint("is not a method").by("RFC 9110 §9.1"));
    }
    let upper = text.to_ascii_uppercase();
    if matches!(upper.as_str(), "CONNECT" | "TRACE" | "TRACK") {
        return Err(complaint("is a method that pages cannot use").by("Fetch standard §2.2.1"));
    }
    let is_known =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"].contains(&upper.as_str());
    if is_known && upper != text {
        let complaint = complaint("is not in upper case, which counts").by("RFC 9110 §9.1");
        return Err(Complaint {
            suggestion: Some(format!("write \"{upper}\"")),
            ..complaint
        });
    }
    Ok(text.to_owned())
}

type Refused = [(&'static str, &'static str, &'static str)];

/// Fields that say how the message is framed, or are for one connection.
const FRAMING: &Refused = &[
    (
        "Content-Length",
        "the server frames what it sends",
        "RFC 9112 §6.2",
    ),
    (
        "Transfer-Encoding",
        "the server frames what it sends",
        "RFC 9112 §6.1",
    ),
    (
        "Connection",
        "the server decides on connections",
        "RFC 9110 §7.6.1",
    ),
    (
        "Keep-Alive",
        "`keep_alive` in [server] decides on that",
        "RFC 9112 §9.3",
    ),
    (
        "Proxy-Connection",
        "the server decides on connections",
        "RFC 9110 §7.6.1",
    ),
    (
        "Trailer",
        "the server knows which trailers it sends",
        "RFC 9110 §6.6.2",
    ),
    ("TE", "it is for one connection", "RFC 9110 §10.1.4"),
    ("Upgrade", "it is for one connection", "RFC 9110 §7.8"),
];

/// Fields that tell versions of a representation apart.
const VALIDATORS: &[&str] = &["ETag", "Last-Modified"];

/// Fields of which there is one line, and which the server itself may send.
const SINGLE: &[&str] = &[
    "Access-Control-Allow-Origin",
    "Content-Location",
    "Content-Type",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Retry-After",
];

/// Fields of responses that say what the server alone knows.
const RESPONSE: &Refused = &[
    (
        "Date",
        "the server knows when the response was made",
        "RFC 9110 §6.6.1",
    ),
    (
        "Server",
        "`server_field` in [server] sets it",
        "RFC 9110 §10.2.4",
    ),
    (
        "Content-Range",
        "the server knows which range it sends",
        "RFC 9110 §14.4",
    ),
    (
        "Content-Encoding",
        "`codings` chooses them",
        "RFC 9110 §8.4",
    ),
    ("WWW-Authenticate", "`auth` sets it", "RFC 9110 §11.6.1"),
    (
        "Allow",
        "the server knows which methods a resource has",
        "RFC 9110 §10.2.1",
    ),
];

/// Fields of requests that were acted upon before any configuration is looked at.
const REQUEST: &Refused = &[
    ("Host", "it chose the site", "RFC 9110 §7.2"),
    (
        "Expect",
        "the server meets expectations",
        "RFC 9110 §10.1.1",
    ),
];

/// The name of a variable that an application gets (RFC 3875 §4.1).
pub(crate) fn param_name(text: &str) -> Result<String, Complaint> {
    let is_fit = |octet: u8| octet.is_ascii_uppercase() || octet.is_ascii_digit() || octet == b'_';
    let begins = text
        .bytes()
        .next()
        .is_some_and(|octet| !octet.is_ascii_digit());
    if !begins || !text.bytes().all(is_fit) {
        let message = format!("{} is not the name of a variable", shown(text));
        return Err(
            Complaint::with(message, "write capitals, digits and \"_\"").by("RFC 3875 §4.1")
        );
    }
    if text == "CONTENT_LENGTH" {
        let message = "the length of content is told as it is";
        return Err(Complaint::new(message).by("RFC 3875 §4.1.2"));
    }
    Ok(text.to_owned())
}
