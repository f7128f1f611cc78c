//! Rules for single values that need more than a type: hosts, paths, names.

use super::slot::Complaint;
use std::net::Ipv6Addr;

/// A host name as it is compared: in lower case, without port (RFC 9110 §4.2.3).
pub(crate) fn host(text: &str) -> Result<String, Complaint> {
    let name = text.to_ascii_lowercase();
    if name == "*" {
        return Ok(name);
    }
    // An address is the same however it is spelled (RFC 5952 §4).
    if let Some(address) = ipv6(&name) {
        return Ok(format!("[{address}]"));
    }
    if let Some((before, port)) = name.rsplit_once(':')
        && port.bytes().all(|octet| octet.is_ascii_digit())
        && (!before.contains(':') || ipv6(before).is_some())
    {
        let hint = format!("write \"{before}\": the port does not choose a site");
        return Err(Complaint::with(format!("{} has a port", shown(text)), hint));
    }
    if name.parse::<Ipv6Addr>().is_ok() {
        let hint = format!("write \"[{name}]\"");
        return Err(Complaint::with(
            format!("{} needs brackets", shown(text)),
            hint,
        ));
    }
    if name.contains('*') && !name.starts_with("*.") {
        let hint = "write \"*.example.com\" for all names below, or \"*\" for any other host";
        let message = format!("{} has a \"*\" that is no whole first label", shown(text));
        return Err(Complaint::with(message, hint));
    }
    let labels = name.strip_prefix("*.").unwrap_or(&name);
    if name.len() <= HOST_OCTETS_MAX && labels.split('.').all(is_label) {
        return Ok(name);
    }
    let complaint = Complaint::new(format!("{} is not a host name", shown(text)));
    Err(Complaint {
        suggestion: host_hint(&name),
        ..complaint
    })
}

fn host_hint(name: &str) -> Option<String> {
    if !name.is_ascii() {
        let hint = "write it in its ASCII form (RFC 5890 §2.3.2.1), which begins with \"xn--\"";
        return Some(hint.to_owned());
    }
    let rest = name.split_once("://")?.1;
    let host = rest.split(['/', ':', '?']).next()?;
    Some(format!("write \"{host}\""))
}

/// The name of a file in any folder.
pub(crate) fn file_name(text: &str) -> Result<String, Complaint> {
    if text.contains(['/', '\\', '\0']) || matches!(text, "" | "." | "..") {
        return Err(Complaint::new(format!(
            "{} is not a file name",
            shown(text)
        )));
    }
    Ok(text.to_owned())
}

/// A path in the form that targets are compared in: percent-decoded, without dot
/// segments and empty segments (RFC 3986 §6.2.2).
pub(crate) fn route_path(text: &str) -> Result<String, Complaint> {
    let complaint = |what: &str| Complaint::new(format!("{} {what}", shown(text)));
    if !text.starts_with('/') {
        let hint = format!("write {}", shown(&format!("/{text}")));
        return Err(Complaint::with(
            complaint("does not begin with \"/\"").message,
            hint,
        ));
    }
    if text.contains(['?', '#']) {
        return Err(complaint("holds a query: a route looks at the path only"));
    }
    if text.contains('\\') || text.contains(char::is_control) {
        return Err(complaint("holds a character that no path has"));
    }
    if let Some(decoded) = percent_decoded(text) {
        let slashes = |text: &str| text.matches(['/', '\\', '\0']).count();
        if slashes(&decoded) != slashes(text) {
            return Err(complaint(
                "holds an octet that never separates: no target reaches it",
            ));
        }
        let hint = format!("write {}", shown(&decoded));
        return Err(Complaint::with(
            complaint("is percent-encoded").message,
            hint,
        ));
    }
    let normal = normal_form(text);
    if normal == text {
        return Ok(normal);
    }
    let hint = format!("write {}", shown(&normal));
    Err(Complaint::with(
        complaint("is not in normal form").message,
        hint,
    ))
}

/// A file below the root that answers for errors.
pub(crate) fn page(text: &str) -> Result<String, Complaint> {
    let complaint = |what: &str| Complaint::new(format!("{} {what}", shown(text)));
    if text.is_empty() || text.contains(['\\', '\0']) || text.contains(char::is_control) {
        return Err(complaint("is not the path of a file"));
    }
    let is_hidden = |segment: &str| segment.starts_with('.') && segment != ".well-known";
    let mut segments = text.split('/');
    if segments.any(|segment| is_hidden(segment) && !matches!(segment, "." | "..")) {
        return Err(complaint(
            "has a name that begins with a dot, which is not served",
        ));
    }
    let normal = normal_form(text);
    let normal = normal.trim_start_matches('/');
    if normal == text {
        return Ok(text.to_owned());
    }
    match normal.is_empty() || text.split('/').any(|segment| segment == "..") {
        true => Err(complaint("is not a file below the root")),
        false => {
            let hint = format!("write {}", shown(normal));
            Err(Complaint::with(
                complaint("is not in normal form below the root").message,
                hint,
            ))
        }
    }
}

fn ipv6(text: &str) -> Option<Ipv6Addr> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_label(label: &str) -> bool {
    let is_fit = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    (1..=LABEL_OCTETS_MAX).contains(&label.len()) && label.bytes().all(is_fit)
}

fn normal_form(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

/// The decoded form, if anything is percent-encoded.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, tail)) = rest.split_first() {
        let pair = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let value = pair
            .filter(|_| octet == b'%')
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        out.push(value.unwrap_or(octet));
        rest = value.and_then(|_| tail.get(2..)).unwrap_or(tail);
    }
    (out != text.as_bytes()).then(|| String::from_utf8_lossy(&out).into_owned())
}

pub(crate) fn shown(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// RFC 1035 §2.3.4.
const LABEL_OCTETS_MAX: usize = 63;
/// RFC 1035 §2.3.4, as text without the final dot.
const HOST_OCTETS_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_in_lower_case() {
        assert_eq!(host("WWW.Example.ORG"), Ok("www.example.org".to_owned()));
        assert_eq!(host("[::1]"), Ok("[::1]".to_owned()));
        assert_eq!(host("[2001:DB8:0::1]"), Ok("[2001:db8::1]".to_owned()));
        assert_eq!(host("127.0.0.1"), Ok("127.0.0.1".to_owned()));
    }

    #[test]
    fn a_host_is_a_whole_name_without_port() {
        for bad in [
            "", "a:80", "[::1]:80", "::1", "a.*", "*a.b", "*.", "*.*.a", "a..b", "a b", "a/b", "ä",
            "http://a",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_is_a_file_that_is_served() {
        for good in [
            "404.html",
            "errors/404.html",
            ".well-known/404.html",
            "a..b",
        ] {
            assert_eq!(page(good).as_deref(), Ok(good));
        }
        for bad in ["", "/", "../a", "./a", "/a", ".a", "a/.b/c", "a/..", "a\\b"] {
            assert!(page(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_route_in_normal_form_is_taken() {
        for good in ["/", "/a", "/a/b.c", "/a b", "/ä", "/100%"] {
            assert_eq!(route_path(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn a_route_in_another_form_is_answered_with_the_normal_one() {
        for (bad, good) in [
            ("a", "/a"),
            ("/a/", "/a"),
            ("//a", "/a"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a%20b", "/a b"),
        ] {
            let hint = route_path(bad).expect_err(bad).suggestion;
            assert_eq!(hint, Some(format!("write \"{good}\"")), "{bad}");
        }
    }

    #[test]
    fn a_route_has_no_query_and_no_backslash() {
        for bad in [
            "/a?b", "/a#b", "/a\\b", "/a\u{7}", "/a%2Fb", "/a%00", "/a%5c",
        ] {
            assert!(route_path(bad).is_err(), "{bad}");
        }
    }
}
