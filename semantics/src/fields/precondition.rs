//! Preconditions, evaluated in the order of RFC 9110 §13.2.2.
//!
//! Not here: *whether* they are evaluated. A server ignores them when the answer without them
//! would be neither 2xx nor 412, and for methods that neither select nor modify a
//! representation, such as OPTIONS and TRACE (RFC 9110 §13.2.1).
//!
//! ```
//! use hansom_semantics::fields::date::HttpDate;
//! use hansom_semantics::fields::entity_tag::EntityTag;
//! use hansom_semantics::fields::precondition::*;
//!
//! let conditions = Conditions { if_none_match: &[b"\"b\", W/\"a\""], ..Conditions::default() };
//! let current = Validators { etag: EntityTag::parse(b"\"a\""), last_modified: None };
//! let now = HttpDate::from_unix(1_700_000_000);
//! let verdict = evaluate(&conditions, Method::GetOrHead, Some(&current), now);
//! assert_eq!(verdict, Verdict::NotModified(Rule::IfNoneMatch));
//! assert_eq!(verdict.rule().citation(), "RFC 9110 §13.2.2 step 3");
//! ```

use super::date::HttpDate;
use super::entity_tag::{EntityTag, ListMatch, match_list};

/// The conditional fields of a request as received: lists as their field lines, which are
/// empty when the field is absent.
///
/// A date field must not come twice; give [`super::list::only_line`] of its lines, so that
/// one that does counts as invalid.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// `If-Match` (RFC 9110 §13.1.1).
    pub if_match: &'a [&'a [u8]],
    /// `If-None-Match` (RFC 9110 §13.1.2).
    pub if_none_match: &'a [&'a [u8]],
    /// `If-Modified-Since` (RFC 9110 §13.1.3).
    pub if_modified_since: Option<&'a [u8]>,
    /// `If-Unmodified-Since` (RFC 9110 §13.1.4).
    pub if_unmodified_since: Option<&'a [u8]>,
    /// `If-Range` (RFC 9110 §13.1.5), for [`range_applies`].
    pub if_range: Option<&'a [u8]>,
}

/// What the conditions ask of the request's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET or HEAD: a representation already held is answered with 304.
    GetOrHead,
    /// Any other.
    Other,
}

/// The validators of the selected representation (RFC 9110 §8.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// Its entity tag.
    pub etag: Option<EntityTag<'a>>,
    /// Its modification date, not later than the `Date` it is sent with (RFC 9110 §8.8.2.1).
    pub last_modified: Option<HttpDate>,
}

/// What becomes of the request, and the rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The method is performed; the rule is the last one that was true.
    Proceed(Rule),
    /// Answered with 304 (RFC 9110 §15.4.5).
    NotModified(Rule),
    /// Answered with 412 (RFC 9110 §15.5.13).
    PreconditionFailed(Rule),
}

impl Verdict {
    /// The rule that decided.
    #[must_use]
    pub const fn rule(self) -> Rule {
        match self {
            Self::Proceed(rule) | Self::NotModified(rule) | Self::PreconditionFailed(rule) => rule,
        }
    }
}

/// A step of RFC 9110 §13.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Step 1.
    IfMatch,
    /// Step 2.
    IfUnmodifiedSince,
    /// Step 3.
    IfNoneMatch,
    /// Step 4.
    IfModifiedSince,
    /// Step 6: no condition, or all of them to be ignored.
    NoCondition,
}

impl Rule {
    /// Where the rule stands.
    #[must_use]
    pub const fn citation(self) -> &'static str {
        match self {
            Self::IfMatch => "RFC 9110 §13.2.2 step 1",
            Self::IfUnmodifiedSince => "RFC 9110 §13.2.2 step 2",
            Self::IfNoneMatch => "RFC 9110 §13.2.2 step 3",
            Self::IfModifiedSince => "RFC 9110 §13.2.2 step 4",
            Self::NoCondition => "RFC 9110 §13.2.2 step 6",
        }
    }
}

/// Evaluates the preconditions at an origin server.
///
/// `current` is `None` when the target has no current representation. `now` is the server's
/// clock, which dates in requests are read by.
#[must_use]
pub fn evaluate(
    conditions: &Conditions<'_>,
    method: Method,
    current: Option<&Validators<'_>>,
    now: HttpDate,
) -> Verdict {
    let mut last = Rule::NoCondition;
    // An `If-Match` makes `If-Unmodified-Since` ignored (RFC 9110 §13.1.4).
    let first = match if_match(conditions, current) {
        Some(is_true) => Some((Rule::IfMatch, is_true)),
        None => if_unmodified_since(conditions, current, now)
            .map(|is_true| (Rule::IfUnmodifiedSince, is_true)),
    };
    match first {
        Some((rule, false)) => return Verdict::PreconditionFailed(rule),
        Some((rule, true)) => last = rule,
        None => {}
    }
    match (if_none_match(conditions, current), method) {
        (Some(false), Method::GetOrHead) => return Verdict::NotModified(Rule::IfNoneMatch),
        (Some(false), Method::Other) => return Verdict::PreconditionFailed(Rule::IfNoneMatch),
        (Some(true), _) => last = Rule::IfNoneMatch,
        (None, Method::Other) => {}
        (None, Method::GetOrHead) => match if_modified_since(conditions, current, now) {
            Some(false) => return Verdict::NotModified(Rule::IfModifiedSince),
            Some(true) => last = Rule::IfModifiedSince,
            None => {}
        },
    }
    Verdict::Proceed(last)
}

/// Whether a `Range` is to be honoured as far as `If-Range` has a say (RFC 9110 §13.1.5).
///
/// `response_date` is the `Date` the answer will bear. Without the field the range applies.
#[must_use]
pub fn range_applies(
    if_range: Option<&[u8]>,
    current: &Validators<'_>,
    response_date: HttpDate,
) -> bool {
    let Some(octets) = if_range else { return true };
    // An entity tag has a DQUOTE among its first three octets, a date never has (§13.1.5).
    if octets.iter().take(3).any(|&octet| octet == b'"') {
        // Strong comparison, since parts of two representations must not be put together.
        return EntityTag::parse(octets)
            .zip(current.etag)
            .is_some_and(|(given, held)| given.strong_matches(&held));
    }
    let (Some(given), Some(held)) = (
        HttpDate::parse(octets, response_date),
        current.last_modified,
    ) else {
        return false;
    };
    // A date is a weak validator unless the representation cannot have changed twice during
    // the second it names: at least one second must have passed since (RFC 9110 §8.8.2.2).
    // Exactly the same date, an earlier or later one is false (§13.1.5).
    given == held && held < response_date
}

impl Conditions<'_> {
    /// [`range_applies`] for these conditions.
    #[must_use]
    pub fn range_applies(&self, current: &Validators<'_>, response_date: HttpDate) -> bool {
        range_applies(self.if_range, current, response_date)
    }
}

/// `None` when the field is absent; otherwise whether the condition is true (RFC 9110 §13.1.1).
fn if_match(conditions: &Conditions<'_>, current: Option<&Validators<'_>>) -> Option<bool> {
    let lines = conditions.if_match;
    if lines.is_empty() {
        return None;
    }
    let held = current.and_then(|validators| validators.etag);
    let found = match_list(lines.iter().copied(), |given| {
        held.is_some_and(|held| held.strong_matches(given))
    });
    Some(match found {
        Ok(ListMatch::Any) => current.is_some(),
        Ok(ListMatch::Tag) => true,
        Ok(ListMatch::None) => false,
        // The client asked for nothing to happen unless a condition holds. One that cannot be
        // read is not known to hold, and to refuse loses no update.
        Err(_) => false,
    })
}

/// `None` when the field is absent or to be ignored (RFC 9110 §13.1.4).
///
/// That an `If-Match` makes it ignored is seen to by the caller.
fn if_unmodified_since(
    conditions: &Conditions<'_>,
    current: Option<&Validators<'_>>,
    now: HttpDate,
) -> Option<bool> {
    // Ignored: a value that is no date, and a resource that has no modification date.
    let given = HttpDate::parse(conditions.if_unmodified_since?, now)?;
    Some(current?.last_modified? <= given)
}

/// `None` when the field is absent; otherwise whether the condition is true (RFC 9110 §13.1.2).
fn if_none_match(conditions: &Conditions<'_>, current: Option<&Validators<'_>>) -> Option<bool> {
    let lines = conditions.if_none_match;
    if lines.is_empty() {
        return None;
    }
    let held = current.and_then(|validators| validators.etag);
    let found = match_list(lines.iter().copied(), |given| {
        held.is_some_and(|held| held.weak_matches(given))
    });
    Some(match found {
        Ok(ListMatch::Any) => current.is_none(),
        Ok(ListMatch::Tag) => false,
        Ok(ListMatch::None) => true,
        // A list that cannot be read names nothing the client is known to hold, and sending
        // the representation once more is always correct, where a wrong 304 is not.
        Err(_) => true,
    })
}

/// `None` when the field is absent or to be ignored (RFC 9110 §13.1.3).
///
/// That an `If-None-Match` or another method makes it ignored is seen to by the caller.
fn if_modified_since(
    conditions: &Conditions<'_>,
    current: Option<&Validators<'_>>,
    now: HttpDate,
) -> Option<bool> {
    // Ignored: a value that is no date, and a resource that has no modification date.
    let given = HttpDate::parse(conditions.if_modified_since?, now)?;
    let held = current?.last_modified?;
    // A date ahead of the server's clock was not given out by it: a representation modified
    // between now and then would be answered with 304. RFC 2616 §14.25 calls it invalid;
    // RFC 9110 leaves it open, and to ignore it costs one transfer.
    (given <= now).then_some(held > given)
}

#[cfg(test)]
mod tests;
