//! Preconditions that outlive their request: content may come for hours, or in several requests.

use net::Now;
use semantics::fields::date::HttpDate;
use semantics::fields::list::only_line;
use semantics::fields::precondition::{self, Method, Validators, Verdict, evaluate};
use semantics::{Known, RequestHead};
use serde_json::{Value, json};

use super::denial::Denial;

/// The preconditions of a request that changes something (RFC 9110 §13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    if_match: Vec<Vec<u8>>,
    if_none_match: Vec<Vec<u8>>,
    if_unmodified_since: Option<Vec<u8>>,
}

impl Conditions {
    pub(super) fn of(head: RequestHead<'_>) -> Self {
        let lines = |field| head.all(field).map(<[u8]>::to_vec).collect();
        Self {
            if_match: lines(Known::IfMatch),
            if_none_match: lines(Known::IfNoneMatch),
            if_unmodified_since: only_line(head.all(Known::IfUnmodifiedSince)).map(<[u8]>::to_vec),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether they let the request proceed (RFC 9110 §13.2.2).
    pub(super) fn judge(&self, current: Option<&Validators<'_>>, now: Now) -> Result<(), Denial> {
        let if_match: Vec<&[u8]> = self.if_match.iter().map(Vec::as_slice).collect();
        let if_none_match: Vec<&[u8]> = self.if_none_match.iter().map(Vec::as_slice).collect();
        let conditions = precondition::Conditions {
            if_match: &if_match,
            if_none_match: &if_none_match,
            if_unmodified_since: self.if_unmodified_since.as_deref(),
            ..precondition::Conditions::default()
        };
        let date = HttpDate::from_unix(now.unix_seconds);
        match evaluate(&conditions, Method::Other, current, date) {
            Verdict::PreconditionFailed(rule) => Err(Denial::precondition(rule)),
            Verdict::Proceed(_) | Verdict::NotModified(_) => Ok(()),
        }
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "if_match": self.if_match,
            "if_none_match": self.if_none_match,
            "if_unmodified_since": self.if_unmodified_since,
        })
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let lines = |name: &str| -> Option<Vec<Vec<u8>>> {
            value.get(name)?.as_array()?.iter().map(octets).collect()
        };
        Some(Self {
            if_match: lines("if_match")?,
            if_none_match: lines("if_none_match")?,
            if_unmodified_since: match value.get("if_unmodified_since")? {
                Value::Null => None,
                date => Some(octets(date)?),
            },
        })
    }
}

/// An array of numbers as octets.
pub(super) fn octets(value: &Value) -> Option<Vec<u8>> {
    let numbers = value.as_array()?.iter();
    numbers
        .map(|number| u8::try_from(number.as_u64()?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_exchange;

    #[test]
    fn conditions_outlive_their_request() {
        let request = "PUT /a HTTP/1.1\r\nIf-Match: \"a\"\r\nIf-Match: \"b\"\r\n\
                       If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        let conditions = with_exchange(request, |exchange| Conditions::of(exchange.head));
        assert!(!conditions.is_empty());
        assert_eq!(
            Conditions::from_json(&conditions.as_json()),
            Some(conditions)
        );
        let none = Conditions::default();
        assert_eq!(Conditions::from_json(&none.as_json()), Some(none));
        assert_eq!(Conditions::from_json(&json!({})), None);
    }
}
