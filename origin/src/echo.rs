//! A resource that shows what was asked: to POST and PUT it gives back their content, to GET the request itself.

use std::fs::File;
use std::io::{self, Write};
use std::rc::Rc;

use engine::{Answer, Content, Exchange, FilePart, Incoming, Interrupted, Response};
use net::{OpenError, blocking};
use semantics::fields::list::only_line;
use semantics::{
    ContentLength, Known, Method, NormalPath, OwnedRequest, RequestHead, ResponseHead, Status,
    Target,
};
use serde_json::{Value, json};

use crate::errors::error_response;
use crate::json::{push_object, text};
use crate::methods::{is_sensitive, options_answer, unsupported_method};

/// Octets of content held in memory before they are put aside in a temporary file. The client may send everything before
/// it reads anything, so all of it is taken before the answer begins. How long content may be in all is the engine's
/// `content_octets_max`.
pub const ECHO_MEMORY_OCTETS_MAX: usize = 256 * 1024;

/// What this resource allows.
pub const ALLOW: &str = "GET, HEAD, POST, PUT, OPTIONS";

/// Answers a request to the echo.
pub fn answer(exchange: &mut Exchange<'_>) -> Answer {
    let head = exchange.head;
    match head.method() {
        Method::Get | Method::Head => shown(exchange).into(),
        Method::Post | Method::Put if exchange.content == ContentLength::None => {
            given_back(head, Content::Empty).into()
        }
        Method::Post | Method::Put => {
            let incoming = exchange.receive();
            let request = head.to_owned();
            Answer::Later(Box::pin(take_and_give(incoming, request)))
        }
        Method::Options => options_answer(ALLOW).into(),
        _ => unsupported_method(head, ALLOW).into(),
    }
}

async fn take_and_give(incoming: Incoming, request: OwnedRequest) -> Response {
    let head = request.head();
    match take(incoming).await {
        Ok(content) => given_back(head, content),
        Err(failure) => failed(head, failure),
    }
}

fn failed(head: RequestHead<'_>, failure: Failure) -> Response {
    let (status, because, rule) = match failure {
        Failure::Interrupted => (
            Status::BAD_REQUEST,
            "The content did not come to its end",
            "RFC 9112 §8",
        ),
        Failure::Storage(error) if error.kind() == io::ErrorKind::StorageFull => (
            Status::INSUFFICIENT_STORAGE,
            "This server has no room for the content",
            "RFC 4918 §11.5",
        ),
        Failure::Storage(error) => match OpenError::from(error) {
            OpenError::TooManyOpen => (
                Status::SERVICE_UNAVAILABLE,
                "This server has as many files open as it may",
                "RFC 9110 §15.6.4",
            ),
            _ => (
                Status::INTERNAL_SERVER_ERROR,
                "This server could not put the content aside",
                "RFC 9110 §15.6.1",
            ),
        },
    };
    error_response(status, because, rule, Some(head))
}

enum Failure {
    Interrupted,
    Storage(io::Error),
}

impl From<Interrupted> for Failure {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// Takes all content, in memory or in a temporary file that has no name.
async fn take(incoming: Incoming) -> Result<Content, Failure> {
    let mut held = Vec::new();
    let mut file = None;
    let mut stored: u64 = 0;
    while let Some(piece) = incoming.next().await? {
        held.extend_from_slice(&piece);
        if held.len() >= ECHO_MEMORY_OCTETS_MAX {
            stored += held.len() as u64;
            (file, held) = store(file, held).await?;
        }
    }
    if file.is_some() && !held.is_empty() {
        stored += held.len() as u64;
        (file, held) = store(file, held).await?;
    }
    Ok(match file {
        Some(file) => Content::File(FilePart {
            file: Rc::new(file),
            offset: 0,
            octets: stored,
        }),
        None => Content::Octets(held.into()),
    })
}

/// Appends `held` to the file and gives its memory back, empty.
async fn store(file: Option<File>, mut held: Vec<u8>) -> Result<(Option<File>, Vec<u8>), Failure> {
    let work = move || {
        let mut file = match file {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        file.write_all(&held)?;
        held.clear();
        Ok((Some(file), held))
    };
    match blocking(work).await {
        Ok(stored) => stored.map_err(Failure::Storage),
        Err(error) => Err(Failure::Storage(io::Error::other(error))),
    }
}

/// The content as it came, but never as a type that a user agent would execute or show as a page.
fn given_back(head: RequestHead<'_>, content: Content) -> Response {
    let mut response = fields(harmless_type(head));
    // A user agent that guessed another type would undo the one above.
    response.add(Known::XContentTypeOptions, "nosniff");
    Response {
        head: response,
        content,
    }
}

fn fields(media_type: &str) -> ResponseHead {
    ResponseHead::new(Status::OK)
        .with(Known::ContentType, media_type)
        .with(Known::CacheControl, "no-store")
}

fn harmless_type(head: RequestHead<'_>) -> &'static str {
    let given = only_line(head.all(Known::ContentType)).unwrap_or_default();
    // RFC 9110 §8.3.1: parameters follow a semicolon, the case means nothing.
    let essence = given
        .split(|&b| b == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    HARMLESS
        .iter()
        .find(|known| essence.eq_ignore_ascii_case(known.as_bytes()))
        .unwrap_or(&"application/octet-stream")
}

const HARMLESS: [&str; 2] = ["text/plain", "application/json"];

/// The request, as JSON.
fn shown(exchange: &Exchange<'_>) -> Response {
    let head = exchange.head;
    let target = Target::parse(head.target(), head.method());
    let path = target.and_then(|target| {
        NormalPath::of(target.path)
            .ok()
            .map(|normal| text(normal.octets()))
    });
    let query = target.and_then(|target| target.query).map(text);
    let lines = head.section().iter().map(|(name, value)| {
        let value = if is_sensitive(name) {
            json!(BLANK)
        } else {
            text(value)
        };
        Value::Array(vec![text(name), value])
    });
    let anomalies: Vec<&str> = head.anomalies().names().collect();
    let members = [
        ("method", text(head.method_octets())),
        ("target", text(head.target())),
        ("path", path.unwrap_or_default()),
        ("query", query.unwrap_or_default()),
        ("version", json!(head.version().name())),
        ("fields", Value::Array(lines.collect())),
        ("client", json!(exchange.client.to_string())),
        ("connection", json!(exchange.connection)),
        ("number", json!(exchange.number)),
        ("listener", json!(exchange.listener)),
        (
            "user",
            exchange.user().map_or(Value::Null, |user| json!(*user)),
        ),
        ("secured", json!(exchange.is_secured)),
        ("tls", tls(exchange)),
        ("anomalies", json!(anomalies)),
    ];
    let mut json = String::with_capacity(1024);
    push_object(&mut json, &members);
    json.push('\n');
    let mut response = fields("application/json");
    response.add(Known::XContentTypeOptions, "nosniff");
    Response::with_octets(response, json)
}

/// What was negotiated on the connection; null where that does not speak TLS itself.
fn tls(exchange: &Exchange<'_>) -> Value {
    let Some(facts) = exchange.tls else {
        return Value::Null;
    };
    json!({
        "version": facts.version.to_string(),
        "cipher_suite": facts.cipher_suite,
        "server_name": facts.server_name,
        "client": facts.client_subject,
        "resumed": facts.is_resumed,
    })
}

/// Stands for what may be a secret.
const BLANK: &str = "***";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{octets, response_of, with_exchange, with_exchange_at};
    use net::Now;
    use semantics::ContentEnd;

    fn given(request: &str, incoming: Incoming) -> Response {
        let answer = with_exchange_at(
            request.as_bytes(),
            Now::read(),
            Some(incoming),
            |exchange| {
                exchange.content = ContentLength::Unknown;
                answer(exchange)
            },
        );
        net::run_alone(response_of(answer))
    }

    fn post(media_type: &str, pieces: &[&[u8]]) -> Response {
        let request =
            format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: {media_type}\r\n\r\n");
        given(
            &request,
            Incoming::for_test(pieces, Ok(ContentEnd::LastChunk)),
        )
    }

    fn get(fields: &str) -> Value {
        let request = format!("GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let response = with_exchange(&request, |exchange| shown(exchange));
        serde_json::from_slice(&octets(&response.content)).unwrap()
    }

    #[test]
    fn who_is_signed_in_and_how_it_came_is_shown() {
        let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let response = with_exchange(request, |exchange| {
            exchange.note().set_user("ann\"a");
            exchange.is_secured = true;
            shown(exchange)
        });
        let shown: Value = serde_json::from_slice(&octets(&response.content)).unwrap();
        assert_eq!(shown["user"], "ann\"a");
        assert_eq!(shown["secured"], true);
        // RFC 8259 §4: names within an object should be unique.
        let text = String::from_utf8(octets(&response.content)).unwrap();
        assert_eq!(text.matches("\"user\"").count(), 1, "{text}");
        let nobody = get("");
        assert_eq!(nobody["user"], Value::Null);
        assert_eq!(nobody["secured"], false);
        assert_eq!(nobody["tls"], Value::Null);
    }

    #[test]
    fn the_content_comes_back_as_it_went() {
        let response = post("text/plain; charset=latin1", &[b"a", b"bc"]);
        assert_eq!(octets(&response.content), b"abc");
        assert_eq!(
            response.head.section().first(Known::ContentType),
            Some(&b"text/plain"[..])
        );
    }

    #[test]
    fn a_type_that_could_do_harm_does_not_come_back() {
        for media_type in [
            "text/html",
            "image/svg+xml",
            "",
            "text/plainx",
            "text/html;text/plain",
        ] {
            let response = post(media_type, &[b"<script>"]);
            let section = response.head.section();
            assert_eq!(
                section.first(Known::ContentType),
                Some(&b"application/octet-stream"[..])
            );
            assert_eq!(
                section.first(Known::XContentTypeOptions),
                Some(&b"nosniff"[..])
            );
        }
    }

    #[test]
    fn two_types_are_none() {
        let request =
            "POST / HTTP/1.1\r\nContent-Type: text/plain\r\ncontent-type: application/json\r\n\r\n";
        let response = given(request, Incoming::for_test(&[], Ok(ContentEnd::Length)));
        assert_eq!(
            response.head.section().first(Known::ContentType),
            Some(&b"application/octet-stream"[..])
        );
    }

    #[test]
    fn content_beyond_what_memory_may_hold_is_put_aside_whole() {
        let piece: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
        let pieces = vec![&piece[..]; 9];
        let response = post("", &pieces);
        assert!(matches!(response.content, Content::File(_)));
        assert_eq!(octets(&response.content), piece.repeat(9));
    }

    #[test]
    fn content_that_is_interrupted_is_an_error() {
        let incoming = Incoming::for_test(&[b"a"], Err(Interrupted));
        let response = given("POST / HTTP/1.1\r\n\r\n", incoming);
        assert_eq!(response.head.status(), Status::BAD_REQUEST);
    }

    #[test]
    fn a_server_without_descriptors_says_when_to_come_back() {
        let emfile = io::Error::from_raw_os_error(24);
        let response = with_exchange("POST / HTTP/1.1\r\n\r\n", |exchange| {
            failed(exchange.head, Failure::Storage(emfile))
        });
        assert_eq!(response.head.status(), Status::SERVICE_UNAVAILABLE);
        assert!(response.head.has(Known::RetryAfter));
    }

    #[test]
    fn a_request_is_shown_in_its_own_order_and_spelling() {
        let json = get("x-B: 1\r\nX-b:  2 \r\n");
        assert_eq!(
            json["fields"],
            json!([["Host", "x"], ["x-B", "1"], ["X-b", "2"]])
        );
        assert_eq!(
            (&json["path"], &json["query"]),
            (&json!("/a b"), &json!("c=d"))
        );
        assert_eq!(
            (&json["method"], &json["version"]),
            (&json!("GET"), &json!("HTTP/1.1"))
        );
        assert_eq!(json["client"], "127.0.0.1:4711");
    }

    #[test]
    fn credentials_are_blanked() {
        let json = get(
            "AUTHORIZATION: Basic x\r\nProxy-Authorization: x\r\nCookie: x\r\nX-Api-Key: x\r\nMy-Token: x\r\n",
        );
        for line in json["fields"].as_array().unwrap().iter().skip(1) {
            assert_eq!(line[1], "***", "{line}");
        }
    }

    #[test]
    fn other_methods_are_refused() {
        for (method, status) in [
            ("DELETE", 405),
            ("PATCH", 405),
            ("TRACE", 405),
            ("FROB", 501),
            ("OPTIONS", 204),
        ] {
            let request = format!("{method} / HTTP/1.1\r\n\r\n");
            let Answer::Ready(response) = with_exchange(&request, answer) else {
                panic!("{method}")
            };
            assert_eq!(response.head.status().code(), status);
        }
    }
}
