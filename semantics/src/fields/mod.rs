//! One module a header field: octets in, values out.
//!
//! Every function here is pure and takes field values as received: several field lines of one
//! name come as several slices, in order (RFC 9110 §5.3), each without the whitespace that
//! surrounds a field value (RFC 9112 §5.1). Nothing reads a clock: time comes in as `now`.
//!
//! The parsers report what they saw; whether an oddity is refused is for the caller's policy.
//! What each of them costs is linear in the octets given, however many members a list has.
//!
//! [`list`] holds what the grammars share. Start there to add a field.

pub mod accept;
pub mod accept_charset;
pub mod accept_encoding;
pub mod accept_language;
pub mod cache_control;
pub mod connection;
pub mod content_coding;
pub mod content_length;
pub mod cookie;
pub mod date;
pub mod entity_tag;
pub mod expect;
pub mod forwarded;
pub mod host;
pub mod list;
pub mod max_forwards;
pub mod negotiate;
pub mod precondition;
pub mod proxy_status;
pub mod range;
pub mod te;
pub mod transfer_encoding;
pub mod upgrade;
pub mod via;

#[cfg(test)]
mod tests;
