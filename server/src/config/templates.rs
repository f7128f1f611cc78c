//! Paths and URI references with words in braces, as `https://example.com{path}`.

use super::checks::{percent_decoded, shown};
use super::slot::Complaint;
use super::suggest::nearest;
use crate::sites::{Template, TemplateError};

/// A URI reference that a redirect leads to (RFC 9110 §10.2.2).
pub(crate) fn reference(text: &str) -> Result<String, Complaint> {
    pieces(text)?;
    if text.is_empty() {
        return Err(Complaint::new("an empty reference leads back here"));
    }
    // Characters of a URI (RFC 3986 §2), besides the braces of words.
    let is_fit =
        |octet: u8| octet.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%{}".contains(&octet);
    if !text.bytes().all(is_fit) {
        let message = format!("{} holds a character that no URI has", shown(text));
        let hint = "write it percent-encoded, as %20 for a space";
        return Err(Complaint::with(message, hint).by("RFC 3986 §2"));
    }
    if !is_escaped_well(text) {
        let message = format!(
            "{} holds a \"%\" without two hexadecimal digits",
            shown(text)
        );
        let hint = "a percent sign itself is %25";
        return Err(Complaint::with(message, hint).by("RFC 3986 §2.1"));
    }
    understood(text, Template::location)
}

fn is_escaped_well(text: &str) -> bool {
    let mut pieces = text.split('%');
    let _before = pieces.next();
    let is_hex = |piece: &str| {
        let digits = piece.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    pieces.all(is_hex)
}

/// A path of this site that is looked for.
pub(crate) fn local(text: &str) -> Result<String, Complaint> {
    pieces(text)?;
    if text.contains("://") {
        let message = format!("{} is of another server", shown(text));
        let hint = "a redirect leads there: handler = \"redirect\" and redirect = …";
        return Err(Complaint::with(message, hint));
    }
    if text.split('/').any(|segment| segment == "..") {
        return Err(Complaint::new(format!("{} leads upwards", shown(text))));
    }
    if !text.starts_with('/') && !text.starts_with("{path}") && !text.starts_with("{rest}") {
        let message = format!("{} does not begin with \"/\"", shown(text));
        return Err(Complaint::with(
            message,
            format!("write {}", shown(&format!("/{text}"))),
        ));
    }
    if text.contains('\\') || text.contains(char::is_control) || text.contains('#') {
        return Err(Complaint::new(format!(
            "{} holds a character that no path has",
            shown(text)
        )));
    }
    let (path, query) = text.split_at(text.find('?').unwrap_or(text.len()));
    if let Some(decoded) = percent_decoded(path) {
        let message = format!(
            "{} is percent-encoded: it is looked for as it is written",
            shown(text)
        );
        let hint = format!("write {}", shown(&format!("{decoded}{query}")));
        return Err(Complaint::with(message, hint));
    }
    understood(text, Template::path)
}

/// What whoever puts in the words says of the text.
fn understood(
    text: &str,
    parse: impl FnOnce(&str) -> Result<Template, TemplateError>,
) -> Result<String, Complaint> {
    match parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Complaint::new(format!("{}: {error}", shown(text)))),
    }
}

/// A path that is tried, or a status as `=404`.
pub(crate) fn tried(text: &str) -> Result<String, Complaint> {
    let Some(status) = text.strip_prefix('=') else {
        if let Some((path, _)) = text.split_once('?') {
            let message = format!("{} holds a query, by which no file is found", shown(text));
            return Err(Complaint::with(message, format!("write {}", shown(path))));
        }
        return local(text);
    };
    match status
        .parse::<u16>()
        .ok()
        .filter(|status| (400..=599).contains(status))
    {
        Some(status) => Ok(format!("={status}")),
        None => Err(Complaint::with(
            format!("{} is not the status of an error", shown(text)),
            "write \"=404\"",
        )),
    }
}

/// Checks the words in braces.
fn pieces(text: &str) -> Result<(), Complaint> {
    if let Some((_, after)) = text.split_once('$') {
        let name: String = after
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let word = OTHERS.iter().find(|(other, _)| *other == name);
        if let Some((_, word)) = word {
            let message = format!("\"${name}\" is not a word of this server");
            return Err(Complaint::with(message, format!("write \"{word}\"")));
        }
    }
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (_, braced) = rest.split_at(at);
        let Some((word, after)) = braced
            .strip_prefix('{')
            .and_then(|braced| braced.split_once('}'))
        else {
            return Err(Complaint::with(
                format!("{} has a brace without its other one", shown(text)),
                "write {path}, {rest}, {query} or {host}; a brace itself is %7B or %7D",
            ));
        };
        if !WORDS.contains(&word) {
            let complaint = Complaint::new(format!(
                "\"{{{}}}\" is not a word here",
                word.escape_debug()
            ));
            let known = OTHERS
                .iter()
                .find(|(other, _)| *other == word.trim_start_matches(['$', '.']));
            let near = nearest(word, WORDS.iter().copied()).map(|near| format!("{{{near}}}"));
            let near = known.map(|(_, word)| (*word).to_owned()).or(near);
            let suggestion = near.map(|near| format!("did you mean \"{near}\"?"));
            return Err(Complaint {
                suggestion,
                ..complaint
            });
        }
        rest = after;
    }
    Ok(())
}

/// What may stand in braces.
const WORDS: &[&str] = &["path", "rest", "query", "host"];

/// What nginx and Caddy call them.
const OTHERS: &[(&str, &str)] = &[
    ("uri", "{path}"),
    ("request_uri", "{path}?{query}"),
    ("document_uri", "{path}"),
    ("args", "{query}"),
    ("query_string", "{query}"),
    ("is_args", "?"),
    ("host", "{host}"),
    ("http_host", "{host}"),
    ("server_name", "{host}"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_holds_known_words_only() {
        for good in [
            "https://a.example{path}",
            "/new{rest}?{query}",
            "//{host}/",
            "https://{host}{path}",
            "https://{host}:8443{path}",
            "https://www.{host}/",
            "https://[::1]:8443{rest}",
            "/%2Fa",
        ] {
            assert_eq!(reference(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "{",
            "}",
            "{}",
            "{a{path}}",
            "/{paht}",
            "/a b",
            "/ä",
            "/a\u{7}",
            "#top",
            "new",
            "https://{path}",
            "https://a.example{query}",
            "https://a.example{rest}{query}",
            "https://a.example{rest}.html",
            "https://a.example:99999/",
            "https://a.example:b/",
            "https://[::1/",
            "https://[{host}]/",
            "https://:80/",
            "/%",
            "/%4",
            "/%zz",
        ] {
            assert!(reference(bad).is_err(), "{bad}");
        }
        let hint = reference("/{paht}").unwrap_err().suggestion;
        assert_eq!(hint.as_deref(), Some("did you mean \"{path}\"?"));
    }

    #[test]
    fn the_words_of_others_are_answered_with_ours() {
        for (bad, good) in [
            ("$uri", "{path}"),
            ("https://$host/", "{host}"),
            ("https://a.example$request_uri", "{path}?{query}"),
        ] {
            let hint = reference(bad).unwrap_err().suggestion;
            assert_eq!(hint, Some(format!("write \"{good}\"")), "{bad}");
        }
        let hint = tried("{uri}").unwrap_err().suggestion;
        assert_eq!(hint.as_deref(), Some("did you mean \"{path}\"?"));
    }

    #[test]
    fn a_path_that_is_looked_for_stays_below_the_root() {
        for good in [
            "/index.html",
            "{path}",
            "{path}/",
            "{path}.html",
            "/app{rest}",
            "/100%{rest}?a=%20",
        ] {
            assert_eq!(local(good).as_deref(), Ok(good));
        }
        for bad in [
            "index.html",
            "/../a",
            "http://a/",
            "/a#b",
            "\\a",
            "{host}/a",
            "{query}",
            "/a%20b{rest}",
            "/%2e%2e/a",
        ] {
            assert!(local(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_tried_may_end_in_the_status_of_an_error() {
        assert_eq!(tried("=404").as_deref(), Ok("=404"));
        for bad in ["{path}?{query}", "=", "=200", "=4040", "= 404", "=abc"] {
            assert!(tried(bad).is_err(), "{bad}");
        }
    }
}
