//! Response heads to be sent.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::{Known, OwnedSection, Section, Status};

/// A response head that we make: status and field lines in the order added.
///
/// `Date`, `Server` and the fields of message framing are added on delivery, never here.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    status: Status,
    fields: OwnedSection,
}

impl ResponseHead {
    /// A head without fields.
    pub fn new(status: Status) -> Self {
        Self {
            status,
            fields: OwnedSection::default(),
        }
    }

    /// Adds a line of a known field. Octets that may not stand in a value (CR, LF, NUL and other controls but HTAB)
    /// become SP, so that no value can end its line (RFC 9110 §5.5).
    #[must_use]
    pub fn with(mut self, field: Known, value: impl AsRef<[u8]>) -> Self {
        self.add(field, value);
        self
    }

    /// Adds a line of a known field.
    pub fn add(&mut self, field: Known, value: impl AsRef<[u8]>) {
        let name = field.name().as_bytes();
        self.fields.push(name, value.as_ref(), Some(field));
    }

    /// Adds a line by name. A name that is no token is left out, since it would break the message.
    pub fn add_named(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.fields.add(name.as_bytes(), value.as_ref());
    }

    /// Removes all lines of this name, compared without case.
    pub fn remove_named(&mut self, name: &[u8]) {
        self.fields.remove(name);
    }

    /// Replaces all lines of a known field by one.
    pub fn set(&mut self, field: Known, value: impl AsRef<[u8]>) {
        self.remove_named(field.name().as_bytes());
        self.add(field, value);
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The lines.
    pub fn section(&self) -> Section<'_> {
        self.fields.section()
    }

    /// Whether a known field was added.
    pub fn has(&self, field: Known) -> bool {
        self.section().has(field)
    }
}

/// A response head with room for the octets that a protocol version makes of it, so that an answer given often is
/// rendered once.
///
/// The version that renders first owns the room. Invariant: what is kept there depends on the head and on the
/// server's own fields alone, never on a request.
#[derive(Clone, Debug)]
pub struct Rendition(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    head: ResponseHead,
    /// Octets of the content that belongs to the head.
    content_octets: u64,
    rendered: OnceCell<Box<[u8]>>,
}

impl Rendition {
    /// A head whose content has this many octets.
    pub fn new(head: ResponseHead, content_octets: u64) -> Self {
        Self(Rc::new(Inner {
            head,
            content_octets,
            rendered: OnceCell::new(),
        }))
    }

    /// The head.
    #[inline]
    pub fn head(&self) -> &ResponseHead {
        &self.0.head
    }

    /// Octets of the content that belongs to the head.
    #[inline]
    pub fn content_octets(&self) -> u64 {
        self.0.content_octets
    }

    /// The octets made of the head, made by `render` the first time.
    #[inline]
    pub fn rendered(&self, render: impl FnOnce(&ResponseHead, u64) -> Vec<u8>) -> &[u8] {
        self.0
            .rendered
            .get_or_init(|| render(&self.0.head, self.0.content_octets).into_boxed_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_line() {
        let head = ResponseHead::new(Status::OK).with(Known::Location, b"/a\r\nSet-Cookie: x\0");
        assert_eq!(
            head.section().first(Known::Location),
            Some(&b"/a  Set-Cookie: x "[..])
        );
    }

    #[test]
    fn a_name_that_is_no_token_is_left_out() {
        let mut head = ResponseHead::new(Status::OK);
        head.add_named("bad name", "x");
        head.add_named("", "x");
        head.add_named("X-Good", "x");
        assert_eq!(head.section().iter().count(), 1);
    }
}
