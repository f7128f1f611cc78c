//! Trailer fields that may pass (RFC 9110 §6.5).

use semantics::{FieldSet, Known};

use crate::forwarding::{FORWARDING, is_alias};
use crate::hop::ENDS_HERE;

/// Whether a trailer field may be passed on. A recipient may put it among the fields of the head (RFC 9110 §6.5.2): so what
/// frames or routes a message, says who asks, controls an answer or how its content is read, goes (§6.5.1).
///
/// ```
/// use hansom_intermediary::may_trail;
///
/// assert!(may_trail(b"X-Checksum") && may_trail(b"ETag"));
/// assert!(!may_trail(b"content-length") && !may_trail(b"Set-Cookie"));
/// ```
#[must_use]
pub fn may_trail(name: &[u8]) -> bool {
    match Known::from_name(name) {
        Some(field) => !HEAD_ONLY.contains(field),
        None => !is_alias(name, false),
    }
}

const HEAD_ONLY: FieldSet = ENDS_HERE.union(FORWARDING).union(FieldSet::of(&[
    Known::Age,
    Known::Authorization,
    Known::CacheControl,
    Known::ContentEncoding,
    Known::ContentLocation,
    Known::ContentRange,
    Known::ContentType,
    Known::Cookie,
    Known::Date,
    Known::Expect,
    Known::Expires,
    Known::Host,
    Known::IfMatch,
    Known::IfModifiedSince,
    Known::IfNoneMatch,
    Known::IfRange,
    Known::IfUnmodifiedSince,
    Known::Location,
    Known::MaxForwards,
    Known::Origin,
    Known::Pragma,
    Known::Range,
    Known::RetryAfter,
    Known::SetCookie,
    Known::StrictTransportSecurity,
    Known::Trailer,
    Known::Vary,
    Known::Via,
    Known::WwwAuthenticate,
]));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_head_does_not_trail() {
        for name in [
            "Transfer-Encoding",
            "HOST",
            "x-forwarded-for",
            "X_Forwarded_For",
            "X-Real-IP",
            "Connection",
            "Cookie",
        ] {
            assert!(!may_trail(name.as_bytes()), "{name}");
        }
        for name in [
            "Digest",
            "Server-Timing",
            "grpc-status",
            "ETag",
            "Last-Modified",
        ] {
            assert!(may_trail(name.as_bytes()), "{name}");
        }
    }
}
