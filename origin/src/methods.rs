//! Answers that depend on the method alone (RFC 9110 §9, §15.5.6, §15.6.2).

use engine::{Exchange, Response};
use semantics::{Known, Method, RequestHead, ResponseHead, Status};

use crate::errors::error_response;

/// 405 with the methods that the resource allows (RFC 9110 §15.5.6).
pub fn method_not_allowed(head: RequestHead<'_>, allow: &str) -> Response {
    let because = "The resource does not allow this method; see Allow";
    let mut response = error_response(
        Status::METHOD_NOT_ALLOWED,
        because,
        "RFC 9110 §15.5.6",
        Some(head),
    );
    // A MUST.
    response.head.add(Known::Allow, allow);
    response
}

/// 501: the method is not known here for any resource (RFC 9110 §9.1, §15.6.2).
pub fn method_unknown(head: RequestHead<'_>) -> Response {
    let because = "This server does not know the method";
    error_response(
        Status::NOT_IMPLEMENTED,
        because,
        "RFC 9110 §15.6.2",
        Some(head),
    )
}

/// 405 for a method that is known, 501 for one that is not.
pub fn unsupported_method(head: RequestHead<'_>, allow: &str) -> Response {
    if head.method() == Method::Other {
        method_unknown(head)
    } else {
        method_not_allowed(head, allow)
    }
}

/// The answer to OPTIONS: 204 with Allow, of a resource or, for `*`, of the server (RFC 9110 §9.3.7).
pub fn options_answer(allow: &str) -> Response {
    let mut response = Response::new(Status::NO_CONTENT);
    response.head.add(Known::Allow, allow);
    response
}

/// The answer to TRACE: the request's head as it was received, without fields that may hold a secret
/// (RFC 9110 §9.3.8). To be used only where TRACE is allowed.
pub fn trace_answer(exchange: &Exchange<'_>) -> Response {
    let head = exchange.head;
    let mut echo = Vec::with_capacity(head.octets_len());
    for part in [head.method_octets(), b" ", head.target(), b" "] {
        echo.extend_from_slice(part);
    }
    echo.extend_from_slice(head.version().name().as_bytes());
    echo.extend_from_slice(b"\r\n");
    for (name, value) in head.section().iter() {
        if !is_sensitive(name) {
            for part in [name, b": ", value, b"\r\n"] {
                echo.extend_from_slice(part);
            }
        }
    }
    echo.extend_from_slice(b"\r\n");
    let head = ResponseHead::new(Status::OK)
        .with(Known::ContentType, "message/http")
        .with(Known::CacheControl, "no-store")
        .with(Known::XContentTypeOptions, "nosniff");
    Response::with_octets(head, echo)
}

/// Whether a field of this name may hold a secret: credentials (RFC 9110 §11.6.2, §11.7.1), cookies (RFC 6265 §5.4),
/// and every name that says so itself.
pub(crate) fn is_sensitive(name: &[u8]) -> bool {
    let names = [
        &b"authorization"[..],
        b"proxy-authorization",
        b"cookie",
        b"cookie2",
        b"set-cookie",
    ];
    if names.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return true;
    }
    let words = [
        &b"token"[..],
        b"secret",
        b"key",
        b"password",
        b"passwd",
        b"credential",
        b"session",
        b"auth",
    ];
    words.iter().any(|word| {
        name.windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word))
    })
}
