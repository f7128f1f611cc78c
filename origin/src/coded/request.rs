//! Content of requests in a coding.

use engine::Response;
use semantics::fields::list::members_of;
use semantics::{Known, RequestHead, Status};

use crate::errors::error_response;

/// The answer to a request whose content is in a coding, for a handler that stores or shows content as it comes: what
/// is stored would be taken for the content itself. 415 says so, and which codings are taken: none (RFC 9110 §15.5.16,
/// §12.5.3).
pub fn coded_content_refused(head: RequestHead<'_>) -> Option<Response> {
    let is_coded = members_of(head.all(Known::ContentEncoding))
        .any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    is_coded.then(|| {
        let mut response = error_response(
            Status::UNSUPPORTED_MEDIA_TYPE,
            "Content in a content coding is not taken here",
            "RFC 9110 §15.5.16",
            Some(head),
        );
        response.head.add(Known::AcceptEncoding, "identity");
        response
    })
}
