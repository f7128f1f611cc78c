//! Response heads to be sent.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::{FieldLine, Known, Section, SectionIndex, Span, Status};

/// A response head that we make: status and field lines in the order added.
///
/// `Date`, `Server` and the fields of message framing are added on delivery, never here.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    status: Status,
    octets: Vec<u8>,
    index: SectionIndex,
}

impl ResponseHead {
    /// A head without fields.
    pub fn new(status: Status) -> Self {
        Self {
            status,
            octets: Vec::new(),
            index: SectionIndex::default(),
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
        self.push(field.name().as_bytes(), value.as_ref(), Some(field));
    }

    /// Adds a line by name. A name that is no token is left out, since it would break the message.
    pub fn add_named(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let is_token = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        if is_token {
            self.push(
                name.as_bytes(),
                value.as_ref(),
                Known::from_name(name.as_bytes()),
            );
        }
    }

    /// Removes all lines of this name, compared without case.
    pub fn remove_named(&mut self, name: &[u8]) {
        let (octets, index) = (&self.octets, &mut self.index);
        index
            .lines
            .retain(|line| !line.name.of(octets).eq_ignore_ascii_case(name));
        if let Some(field) = Known::from_name(name) {
            index.present.remove(field);
        }
    }

    /// Replaces all lines of a known field by one.
    pub fn set(&mut self, field: Known, value: impl AsRef<[u8]>) {
        self.remove_named(field.name().as_bytes());
        self.add(field, value);
    }

    fn push(&mut self, name: &[u8], value: &[u8], known: Option<Known>) {
        let name_start = self.octets.len();
        self.octets.extend_from_slice(name);
        let value_start = self.octets.len();
        self.octets.extend(value.iter().map(|&b| {
            if (b < 0x20 && b != b'\t') || b == 0x7f {
                b' '
            } else {
                b
            }
        }));
        let line = FieldLine {
            name: Span::between(name_start, value_start),
            value: Span::between(value_start, self.octets.len()),
            known,
        };
        self.index.lines.push(line);
        if let Some(field) = known {
            self.index.present.insert(field);
        }
    }

    /// The status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The lines.
    pub fn section(&self) -> Section<'_> {
        self.index.over(&self.octets)
    }

    /// Whether a known field was added.
    pub fn has(&self, field: Known) -> bool {
        self.index.present.contains(field)
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
