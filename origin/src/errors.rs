//! Answers that say what went wrong, to people and to programs.

use engine::Response;
use semantics::fields::accept::Accept;
use semantics::{Known, Refusal, RequestHead, ResponseHead, Status};
use serde_json::json;

use crate::encode::{push_html, push_text};
use crate::json::object;

/// Seconds after which a client may try again what failed for want of room.
pub const RETRY_SECONDS: &str = "2";

/// An error answer as HTML, JSON or text, whichever the request prefers; text when it has no preference.
///
/// `because` is one sentence without a full stop, `rule` the section that says so. Neither needs to be escaped.
pub fn error_response(
    status: Status,
    because: &str,
    rule: &str,
    head: Option<RequestHead<'_>>,
) -> Response {
    let (media_type, text) = match preference(head) {
        Form::Text => ("text/plain; charset=utf-8", as_text(status, because, rule)),
        Form::Html => ("text/html; charset=utf-8", as_html(status, because, rule)),
        Form::Json => ("application/json", as_json(status, because, rule)),
    };
    let mut response = ResponseHead::new(status)
        .with(Known::ContentType, media_type)
        .with(Known::CacheControl, "no-store");
    if head.is_some() {
        // RFC 9110 §12.5.5: whoever composes a server may let stores keep it.
        response.add(Known::Vary, "Accept");
    }
    if status == Status::SERVICE_UNAVAILABLE {
        response.add(Known::RetryAfter, RETRY_SECONDS);
    }
    Response::with_octets(response, text)
}

/// The answer to a request that was refused before any handler saw it.
pub fn refusal_response(refusal: Refusal, head: Option<RequestHead<'_>>) -> Response {
    let answer = refusal.answer();
    error_response(refusal.status(), answer.because, answer.rule, head)
}

/// A form in which something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Html,
    Json,
}

/// The form of an error. Where Accept allows none of the three, text is sent all the same: "disregard the field"
/// (RFC 9110 §12.4.1).
pub(crate) fn preference(head: Option<RequestHead<'_>>) -> Form {
    let order = [Form::Text, Form::Html, Form::Json];
    let best = head.and_then(|head| {
        Accept::new(head.all(Known::Accept)).best_of(&[
            "text/plain",
            "text/html",
            "application/json",
        ])
    });
    best.and_then(|i| order.get(i).copied())
        .unwrap_or(Form::Text)
}

fn as_text(status: Status, because: &str, rule: &str) -> String {
    let mut out = format!("{status} {}\n\n", status.reason());
    push_text(&mut out, because);
    out.push_str(".\n(");
    push_text(&mut out, rule);
    out.push_str(")\n");
    out
}

fn as_json(status: Status, because: &str, rule: &str) -> String {
    let mut json = object([
        ("status", json!(status.code())),
        ("title", json!(status.reason())),
        ("because", json!(because)),
        ("rule", json!(rule)),
    ]);
    json.push('\n');
    json
}

fn as_html(status: Status, because: &str, rule: &str) -> String {
    let reason = status.reason();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{status} {reason}</title><style>{STYLE}</style></head>\n\
         <body><main><h1><b>{status}</b> {reason}</h1>\n<p>"
    );
    push_html(&mut out, because);
    out.push_str(".</p>\n<small>");
    push_html(&mut out, rule);
    out.push_str("</small></main></body></html>\n");
    out
}

pub(crate) const STYLE: &str = ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;\
    font:1rem/1.5 system-ui,sans-serif}main{max-width:32rem;padding:2rem}h1{font-size:1.5rem;font-weight:400;margin:0}\
    h1 b{font-weight:700;margin-right:.2em}p{margin:.75rem 0}small{opacity:.65}\
    ul{padding-left:1.25rem}li{margin:.75rem 0;overflow-wrap:anywhere}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{octets, with_exchange};
    use semantics::LimitError;

    fn answer_to(accept: &str) -> (String, String) {
        with_exchange(
            &format!("GET / HTTP/1.1\r\nHost: a\r\n{accept}\r\n"),
            |exchange| {
                let response = error_response(
                    Status::NOT_FOUND,
                    "a <b> & c",
                    "RFC 9110 §15.5.5",
                    Some(exchange.head),
                );
                let media_type = response
                    .head
                    .section()
                    .first(Known::ContentType)
                    .unwrap()
                    .to_vec();
                (
                    String::from_utf8(media_type).unwrap(),
                    String::from_utf8(octets(&response.content)).unwrap(),
                )
            },
        )
    }

    #[test]
    fn without_a_preference_an_error_is_text() {
        for accept in ["", "Accept: */*\r\n", "Accept: image/png\r\n"] {
            let (media_type, text) = answer_to(accept);
            assert_eq!(media_type, "text/plain; charset=utf-8");
            assert_eq!(text, "404 Not Found\n\na <b> & c.\n(RFC 9110 §15.5.5)\n");
        }
    }

    #[test]
    fn a_browser_gets_html_in_which_nothing_is_markup_but_ours() {
        let (media_type, html) = answer_to(
            "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
        );
        assert_eq!(media_type, "text/html; charset=utf-8");
        assert!(
            html.contains("a &lt;b&gt; &amp; c") && !html.contains("<b> &"),
            "{html}"
        );
    }

    #[test]
    fn a_program_gets_json() {
        let (media_type, json) = answer_to("Accept: application/json\r\n");
        assert_eq!(media_type, "application/json");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            value,
            json!({"status": 404, "title": "Not Found", "because": "a <b> & c", "rule": "RFC 9110 §15.5.5"})
        );
    }

    #[test]
    fn a_server_without_room_says_when_to_come_back() {
        let response = refusal_response(LimitError::Connections.into(), None);
        assert_eq!(response.head.status(), Status::SERVICE_UNAVAILABLE);
        assert_eq!(
            response.head.section().first(Known::RetryAfter),
            Some(&b"2"[..])
        );
    }
}
