//! The meta-variables of a request (RFC 3875 §4.1), made once for all who speak to an application.
//!
//! Names of fields become names of variables, and in these `-` and `_` are one. So what could be taken for something else goes:
//!
//! * A field whose name has other octets than letters, digits and `-` is left out: `Content_Length` would be `Content-Length`.
//! * `Proxy` is left out: as `HTTP_PROXY` many a library takes it for the way out.
//! * What a client says of gateways in front, without one that is trusted, is left out: applications believe it.
//! * What is for one connection alone is left out (RFC 9110 §7.6.1), and with it what Connection names.
//! * Fields that stand several times are one list (RFC 3875 §4.1.18).

use std::borrow::Cow;
use std::net::IpAddr;

use semantics::fields::connection::options;
use semantics::fields::host::Host;
use semantics::{FieldSet, Known, NormalPath, RequestHead, Section};

/// Variables in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    octets: Vec<u8>,
    /// Where a name ends, and its value.
    ends: Vec<(usize, usize)>,
}

/// What a request asks of an application, and how it came.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Its head.
    pub head: RequestHead<'a>,
    /// The length of its content as the application gets it; `None` is none.
    pub content_octets: Option<u64>,
    /// The query of the target, as it is looked for.
    pub query: Option<&'a [u8]>,
    /// The host that is asked for, without port.
    pub host: Option<&'a str>,
    /// The client.
    pub client: (Option<IpAddr>, Option<u16>),
    /// Whether nobody on the way could read it.
    pub is_secured: bool,
    /// Whether the client is a gateway whose word is believed.
    pub is_told: bool,
    /// The name of who is signed in here.
    pub user: Option<&'a str>,
    /// What the target leads to.
    pub script: &'a Script,
}

/// What a target leads to within an application, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The part of the path that names the program (RFC 3875 §4.1.13).
    pub name: Vec<u8>,
    /// The part behind it (RFC 3875 §4.1.5).
    pub info: Vec<u8>,
    /// The file of the program, as the application sees it.
    pub file: Option<Vec<u8>>,
    /// The folder below which paths are files, as the application sees it.
    pub root: Option<Vec<u8>>,
}

impl Variables {
    /// All variables of a request; `own` are set as they are, and in place of those of the same name.
    #[must_use]
    pub fn new(asked: &Asked<'_>, own: &[(String, String)]) -> Self {
        let mut made = Maker {
            variables: Self {
                octets: Vec::with_capacity(2048),
                ends: Vec::with_capacity(48),
            },
            own,
        };
        made.length_first(asked);
        made.of_script(asked.script);
        made.of_request(asked);
        made.of_fields(asked);
        for (name, value) in own.iter().filter(|(name, _)| name != "CONTENT_LENGTH") {
            made.variables.push(name.as_bytes(), value.as_bytes());
        }
        made.variables
    }

    /// Variables by name and value.
    #[cfg(test)]
    pub(crate) fn for_test(pairs: &[(&str, &str)]) -> Self {
        let mut made = Self::default();
        for (name, value) in pairs {
            made.push(name.as_bytes(), value.as_bytes());
        }
        made
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(name_end, value_end)| {
            let name = self.octets.get(start..name_end).unwrap_or_default();
            let value = self.octets.get(name_end..value_end).unwrap_or_default();
            start = value_end;
            (name, value)
        })
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        self.push_all(name, std::iter::once(value), b"");
    }

    /// One variable of several values. A NUL would end it for some applications, so it is a space.
    fn push_all<'a>(
        &mut self,
        name: &[u8],
        values: impl Iterator<Item = &'a [u8]>,
        between: &[u8],
    ) {
        self.octets.extend_from_slice(name);
        let name_end = self.octets.len();
        for (number, value) in values.enumerate() {
            if number > 0 {
                self.octets.extend_from_slice(between);
            }
            self.octets.extend_from_slice(value);
        }
        let made = self.octets.get_mut(name_end..).unwrap_or_default();
        made.iter_mut()
            .filter(|octet| **octet == 0)
            .for_each(|octet| *octet = b' ');
        self.ends.push((name_end, self.octets.len()));
    }
}

struct Maker<'a> {
    variables: Variables,
    own: &'a [(String, String)],
}

impl Maker<'_> {
    fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        if !self.is_own(name.as_bytes()) {
            self.variables.push(name.as_bytes(), value.as_ref());
        }
    }

    fn is_own(&self, name: &[u8]) -> bool {
        (self.own.iter()).any(|(own, _)| own.as_bytes() == name)
    }

    /// It is the first, as SCGI has it; and never one of the configuration's.
    fn length_first(&mut self, asked: &Asked<'_>) {
        if let Some(octets) = asked.content_octets {
            let digits = octets.to_string();
            self.variables.push(b"CONTENT_LENGTH", digits.as_bytes());
        }
    }

    fn of_script(&mut self, script: &Script) {
        self.add("SCRIPT_NAME", &script.name);
        if !script.info.is_empty() {
            self.add("PATH_INFO", &script.info);
        }
        if let Some(root) = &script.root {
            self.add("DOCUMENT_ROOT", root);
            if !script.info.is_empty() {
                self.add("PATH_TRANSLATED", [root, &script.info[..]].concat());
            }
        }
        if let Some(file) = &script.file {
            self.add("SCRIPT_FILENAME", file);
        }
    }

    fn of_request(&mut self, asked: &Asked<'_>) {
        let head = asked.head;
        self.add("GATEWAY_INTERFACE", "CGI/1.1");
        self.add(
            "SERVER_SOFTWARE",
            concat!("hansom/", env!("CARGO_PKG_VERSION")),
        );
        self.add("REQUEST_METHOD", head.method_octets());
        self.add("QUERY_STRING", asked.query.unwrap_or_default());
        self.add("REQUEST_URI", request_uri(local_target(head.target())));
        let version = head.version();
        self.add(
            "SERVER_PROTOCOL",
            format!("HTTP/{}.{}", version.major, version.minor),
        );
        let (scheme, port) = match asked.is_secured {
            true => ("https", 443),
            false => ("http", 80),
        };
        if asked.is_secured {
            self.add("HTTPS", "on");
        }
        self.add("REQUEST_SCHEME", scheme);
        self.add("SERVER_NAME", asked.host.unwrap_or("localhost"));
        let told = head
            .first(Known::Host)
            .and_then(|host| Host::parse(host).ok()?.port);
        self.add("SERVER_PORT", told.unwrap_or(port).to_string());
        let address = asked.client.0.map(|ip| ip.to_canonical().to_string());
        // RFC 3875 §4.1.8 wants one; who comes by a unix socket is on this machine.
        self.add("REMOTE_ADDR", address.as_deref().unwrap_or("127.0.0.1"));
        if let Some(port) = asked.client.1.filter(|port| *port > 0) {
            self.add("REMOTE_PORT", port.to_string());
        }
        if let Some(user) = asked.user {
            self.add("REMOTE_USER", user);
            let scheme = head.first(Known::Authorization).map(|it| {
                let end = it.iter().position(|&octet| octet == b' ');
                it.get(..end.unwrap_or(it.len())).unwrap_or_default()
            });
            self.add("AUTH_TYPE", scheme.unwrap_or(b"Session"));
        }
        if let Some(media_type) = head.first(Known::ContentType) {
            self.add("CONTENT_TYPE", media_type);
        }
        // Programs that a server's redirect has led to are told so; PHP takes it for a sign that it is not called by itself.
        self.add("REDIRECT_STATUS", "200");
    }

    fn of_fields(&mut self, asked: &Asked<'_>) {
        let section = asked.head.section();
        let octets = section.octets();
        let nominated: Vec<&[u8]> = options(section.all(Known::Connection)).flatten().collect();
        let mut name = Vec::with_capacity(64);
        for (number, line) in section.lines().iter().enumerate() {
            let field = line.name.of(octets);
            let is_same = |other: &[u8]| other.eq_ignore_ascii_case(field);
            let mut before = section.iter().take(number).map(|(name, _)| name);
            let goes = !is_left_out(field, line.known, asked)
                && !nominated.iter().any(|option| is_same(option))
                && !before.any(is_same);
            if !goes {
                continue;
            }
            name.clear();
            name.extend_from_slice(b"HTTP_");
            name.extend(field.iter().map(|octet| match octet {
                b'-' => b'_',
                octet => octet.to_ascii_uppercase(),
            }));
            if self.is_own(&name) {
                continue;
            }
            let between: &[u8] = match line.known {
                Some(Known::Cookie) => b"; ",
                _ => b", ",
            };
            let values = values_of(section, field, line.known);
            self.variables.push_all(&name, values, between);
        }
    }
}

/// The values of all lines of a field; the first of what may stand once alone.
fn values_of<'a>(
    section: Section<'a>,
    field: &'a [u8],
    known: Option<Known>,
) -> impl Iterator<Item = &'a [u8]> {
    let lines_max = match known {
        Some(Known::Host | Known::UserAgent | Known::Referer) => 1,
        _ => usize::MAX,
    };
    section.all_named(field).take(lines_max)
}

fn is_left_out(field: &[u8], known: Option<Known>, asked: &Asked<'_>) -> bool {
    let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'-';
    if !field.iter().all(is_plain) || field.eq_ignore_ascii_case(b"Proxy") {
        return true;
    }
    let is_of_gateways = match known {
        Some(known) => FORWARDING.contains(known),
        None => is_of_gateways(field),
    };
    let is_ended = known.is_some_and(|known| ENDS_HERE.contains(known));
    // RFC 3875 §4.1.18: what was for us is nothing for the application.
    let is_ours = known == Some(Known::Authorization) && asked.user.is_some();
    is_ended || is_ours || (is_of_gateways && !asked.is_told)
}

/// `X-Forwarded-*` and its like, which only gateways should say.
fn is_of_gateways(field: &[u8]) -> bool {
    let prefix = b"x-forwarded-";
    let begins = field
        .get(..prefix.len())
        .is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    let is = |name: &str| field.eq_ignore_ascii_case(name.as_bytes());
    begins || is("X-Real-IP") || is("Client-IP") || is("X-Original-URL") || is("X-Rewrite-URL")
}

/// The target as it came, unless its path has segments that lead elsewhere: an application that reads them otherwise would answer for a path
/// that nobody has judged, so it gets the one that was.
fn request_uri(target: &[u8]) -> Cow<'_, [u8]> {
    let end = target.iter().position(|&octet| octet == b'?');
    let (path, query) = target
        .split_at_checked(end.unwrap_or(target.len()))
        .unwrap_or((target, b""));
    let segments: Vec<_> = path.split(|&octet| octet == b'/').skip(1).collect();
    let leads_elsewhere = |(number, segment): (usize, &&[u8])| {
        let is_last = number + 1 == segments.len();
        let text = String::from_utf8_lossy(segment).to_ascii_lowercase();
        let name = text.replace("%2e", ".");
        (name.is_empty() && !is_last) || name == "." || name == ".."
    };
    if !segments.iter().enumerate().any(leads_elsewhere) {
        return Cow::Borrowed(target);
    }
    let Ok(normal) = NormalPath::of(path) else {
        return Cow::Borrowed(target);
    };
    let mut uri = Vec::with_capacity(target.len());
    for &octet in normal.octets() {
        match octet.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&octet) {
            true => uri.push(octet),
            false => uri.extend_from_slice(format!("%{octet:02X}").as_bytes()),
        }
    }
    uri.extend_from_slice(query);
    Cow::Owned(uri)
}

/// The path and query of a target (RFC 9112 §3.2.2).
fn local_target(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") || target == b"*" {
        return target;
    }
    let authority = target
        .windows(3)
        .position(|it| it == b"://")
        .and_then(|at| target.get(at + 3..));
    let local = authority.and_then(|rest| {
        let at = rest.iter().position(|&octet| octet == b'/')?;
        rest.get(at..)
    });
    local.unwrap_or(b"/")
}

const FORWARDING: FieldSet = FieldSet::of(&[
    Known::Forwarded,
    Known::XForwardedFor,
    Known::XForwardedHost,
    Known::XForwardedProto,
]);

/// What ends here, and what has a variable of its own.
const ENDS_HERE: FieldSet = FieldSet::of(&[
    Known::Connection,
    Known::ContentLength,
    Known::ContentType,
    Known::Expect,
    Known::Http2Settings,
    Known::KeepAlive,
    Known::ProxyAuthenticate,
    Known::ProxyAuthorization,
    Known::ProxyConnection,
    Known::Te,
    Known::Trailer,
    Known::TransferEncoding,
    Known::Upgrade,
]);

#[cfg(test)]
mod tests {
    use super::*;
    use http1::scan::{Progress, request_head};
    use semantics::RequestIndex;

    fn variables(text: &str, change: impl FnOnce(&mut Asked<'_>)) -> Vec<(String, String)> {
        let mut index = RequestIndex::default();
        request_head(text.as_bytes(), &mut Progress::default(), &mut index);
        let script = Script {
            name: b"/a.php".to_vec(),
            info: b"/x y".to_vec(),
            file: Some(b"/srv/a.php".to_vec()),
            root: Some(b"/srv".to_vec()),
        };
        let mut asked = Asked {
            head: RequestHead::new(text.as_bytes(), &index),
            content_octets: None,
            query: Some(b"q=1"),
            host: Some("a.example"),
            client: ("192.0.2.1".parse().ok(), Some(4711)),
            is_secured: false,
            is_told: false,
            user: None,
            script: &script,
        };
        change(&mut asked);
        let own = [
            ("HTTP_OWN".to_owned(), "ours".to_owned()),
            ("APP".to_owned(), "1".to_owned()),
        ];
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let made = Variables::new(&asked, &own);
        made.iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    fn value<'a>(of: &'a [(String, String)], name: &str) -> Option<&'a str> {
        let mut values = of.iter().filter(|(it, _)| it == name);
        let value = values.next().map(|(_, value)| &value[..]);
        assert!(values.next().is_none(), "{name} stands twice");
        value
    }

    #[test]
    fn a_request_is_told_by_the_variables_of_the_rfc() {
        let got = variables(
            "POST http://a.example:8080/a.php/x%20y?q=1 HTTP/1.1\r\nHost: a.example:8080\r\nContent-Type: a/b\r\n\r\n",
            |asked| asked.content_octets = Some(12),
        );
        assert_eq!(got[0], ("CONTENT_LENGTH".to_owned(), "12".to_owned()));
        // table
        for (name, expected) in [
            ("CONTENT_TYPE", "a/b"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("PATH_INFO", "/x y"),
            ("PATH_TRANSLATED", "/srv/x y"),
            ("QUERY_STRING", "q=1"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("REMOTE_PORT", "4711"),
            ("REQUEST_METHOD", "POST"),
            ("REQUEST_URI", "/a.php/x%20y?q=1"),
            ("SCRIPT_NAME", "/a.php"),
            ("SCRIPT_FILENAME", "/srv/a.php"),
            ("DOCUMENT_ROOT", "/srv"),
            ("SERVER_NAME", "a.example"),
            ("SERVER_PORT", "8080"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("HTTP_HOST", "a.example:8080"),
            ("REQUEST_SCHEME", "http"),
            ("APP", "1"),
        ] {
            assert_eq!(value(&got, name), Some(expected), "{name}");
        }
        for absent in ["HTTPS", "REMOTE_USER", "AUTH_TYPE", "HTTP_CONTENT_TYPE"] {
            assert_eq!(value(&got, absent), None, "{absent}");
        }
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_left_out() {
        let text = "GET /a.php HTTP/1.1\r\nHost: a\r\nProxy: http://evil\r\nX_Real: 1\r\nContent_Length: 3\r\n\
                    X.Y: 1\r\nConnection: x-named, close\r\nX-Named: 1\r\nTE: trailers\r\nUpgrade: h2c\r\n\
                    X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Port: 1\r\nOwn: theirs\r\n\
                    Proxy-Authorization: Basic x\r\nX-A: 1\r\nx-a: 2\r\nCookie: a\r\nCookie: b\r\n\r\n";
        let got = variables(text, |_| {});
        let of_fields: Vec<_> = (got.iter())
            .filter(|(name, _)| name.starts_with("HTTP_"))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let expected = [
            "HTTP_HOST=a",
            "HTTP_X_A=1, 2",
            "HTTP_COOKIE=a; b",
            "HTTP_OWN=ours",
        ];
        assert_eq!(of_fields, expected);
        assert_eq!(value(&got, "CONTENT_LENGTH"), None);
        let told = variables(text, |asked| asked.is_told = true);
        assert_eq!(value(&told, "HTTP_X_FORWARDED_FOR"), Some("6.6.6.6"));
    }

    #[test]
    fn credentials_go_to_the_application_unless_they_were_for_us() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eA==\r\n\r\n";
        let theirs = variables(text, |_| {});
        assert_eq!(value(&theirs, "HTTP_AUTHORIZATION"), Some("Basic eA=="));
        let ours = variables(text, |asked| asked.user = Some("ann"));
        assert_eq!(value(&ours, "HTTP_AUTHORIZATION"), None);
        assert_eq!(value(&ours, "REMOTE_USER"), Some("ann"));
        assert_eq!(value(&ours, "AUTH_TYPE"), Some("Basic"));
    }

    #[test]
    fn the_target_is_told_as_it_came_unless_it_leads_elsewhere() {
        // table
        for (target, expected) in [
            ("/a%20b?c=/../d", "/a%20b?c=/../d"),
            ("/%61", "/%61"),
            ("/", "/"),
            ("/a/", "/a/"),
            ("*", "*"),
            ("/admin/../a%20b?c", "/a%20b?c"),
            ("/admin/%2E%2e/a", "/a"),
            ("//admin//x", "/admin/x"),
            ("/./a", "/a"),
        ] {
            let told = request_uri(target.as_bytes());
            assert_eq!(String::from_utf8_lossy(&told), expected, "{target}");
        }
    }

    #[test]
    fn a_request_over_tls_says_so() {
        let got = variables("GET / HTTP/1.0\r\n\r\n", |asked| asked.is_secured = true);
        assert_eq!(value(&got, "HTTPS"), Some("on"));
        assert_eq!(value(&got, "SERVER_PORT"), Some("443"));
        assert_eq!(value(&got, "SERVER_PROTOCOL"), Some("HTTP/1.0"));
    }
}
