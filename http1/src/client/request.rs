//! Requests to be written, and what may not be.

use semantics::fields::connection::Connection;
use semantics::{CloseReason, ContentLength, Fate, FieldSet, KeepReason, Known, Method, Version};

use crate::octets::{has_control, is_token};

/// A request head that we make. The fields of message framing are added by the machine.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// Any token.
    pub method: &'a [u8],
    /// As it goes on the wire.
    pub target: &'a [u8],
    /// HTTP/1.1 or HTTP/1.0.
    pub version: Version,
    /// Names and values, in order; Host among them.
    pub lines: &'a [(&'a [u8], &'a [u8])],
}

/// What our caller may not do. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// [`crate::Client::OUTSTANDING_MAX`] requests await their responses.
    OutstandingMax,
    /// The request before is not complete.
    Unfinished,
    /// The request before may change the protocol, and its answer is awaited (RFC 9110 §7.8).
    SwitchPending,
    /// No request may follow on this connection (RFC 9112 §9.6).
    Closing,
    /// The method is no token (RFC 9110 §9.1).
    Method,
    /// The target is empty or has an octet that would end it (RFC 9112 §3.2).
    Target,
    /// A version that this machine does not speak.
    Version,
    /// A field name that is no token, or a value that would end its line (RFC 9110 §5.5).
    Field,
    /// Not exactly one Host in HTTP/1.1 (RFC 9112 §3.2).
    Host,
    /// Content-Length and Transfer-Encoding are the machine's (RFC 9112 §6).
    Framing,
    /// Content of unknown length in HTTP/1.0 (RFC 9112 §6.1).
    ContentUnframed,
    /// Trailers after content that is not chunked (RFC 9112 §7.1.2).
    Trailers,
    /// Less content than was announced (RFC 9112 §8).
    ContentIncomplete,
}

impl<'a> RequestParts<'a> {
    /// A request of HTTP/1.1.
    pub fn new(method: &'a [u8], target: &'a [u8], lines: &'a [(&'a [u8], &'a [u8])]) -> Self {
        Self {
            method,
            target,
            version: Version::HTTP_11,
            lines,
        }
    }

    fn all(&self, field: Known) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.lines.iter();
        lines
            .filter(move |(name, _)| Known::from_name(name) == Some(field))
            .map(|&(_, value)| value)
    }

    /// Whether what is written can be read back as what it is; gives which known fields there are.
    pub(super) fn check(&self, content: ContentLength) -> Result<FieldSet, Misuse> {
        let is_11 = self.version == Version::HTTP_11;
        let is_method = Method::from_octets(self.method) != Method::Other || is_token(self.method);
        if !is_method {
            return Err(Misuse::Method);
        }
        let is_target = |b: &u8| b.is_ascii_graphic();
        if self.target.is_empty() || !self.target.iter().all(is_target) {
            return Err(Misuse::Target);
        }
        if !is_11 && self.version != Version::HTTP_10 {
            return Err(Misuse::Version);
        }
        let (mut present, mut hosts) = (FieldSet::EMPTY, 0);
        for (name, value) in self.lines {
            // The names of known fields are tokens.
            let field = Known::from_name(name);
            if has_control(value) || (field.is_none() && !is_token(name)) {
                return Err(Misuse::Field);
            }
            if let Some(field) = field {
                present.insert(field);
                hosts += usize::from(field == Known::Host);
            }
        }
        if present.contains(Known::ContentLength) || present.contains(Known::TransferEncoding) {
            return Err(Misuse::Framing);
        }
        if hosts > 1 || (is_11 && hosts == 0) {
            return Err(Misuse::Host);
        }
        if !is_11 && content == ContentLength::Unknown {
            return Err(Misuse::ContentUnframed);
        }
        Ok(present)
    }

    /// What the request says of its connection (RFC 9112 §9.3).
    pub(super) fn fate(&self, present: FieldSet) -> Fate {
        let options = match present.contains(Known::Connection) {
            true => Connection::parse(self.all(Known::Connection)),
            false => Connection::default(),
        };
        let is_11 = self.version.is_at_least_11();
        match (options.close, is_11, options.keep_alive) {
            (true, _, _) => Fate::Closed(CloseReason::ClientOption),
            (false, true, _) => Fate::Kept(KeepReason::PersistentByDefault),
            (false, false, true) => Fate::Kept(KeepReason::KeepAliveOption),
            (false, false, false) => Fate::Closed(CloseReason::NotPersistent),
        }
    }
}
