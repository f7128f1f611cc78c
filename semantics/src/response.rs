//! Response heads to be sent.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::fields::list::is_token;
use crate::section::make_safe;
use crate::{
    Anomalies, FieldLine, Known, OwnedSection, ResponseView, Section, SectionIndex, Span, Status,
};

/// A response head that we make: status and field lines in the order added.
///
/// The fields of message framing are added on delivery, never here; so are `Date` and `Server`, unless the head brings its
/// own, as one does that another server made.
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

    /// A head that another server made, to be passed on: the lines for which `pass` says so, in their order and spelling. It
    /// takes two allocations, however many lines there are.
    pub fn received(
        view: ResponseView<'_>,
        mut pass: impl FnMut(&FieldLine, &mut Vec<u8>) -> Pass,
    ) -> Self {
        let received = view.octets();
        let lines = view.section().lines();
        let mut fields = OwnedSection {
            octets: Vec::with_capacity(received.len() + ROOM_OCTETS),
            index: SectionIndex {
                lines: Vec::with_capacity(lines.len() + ROOM_LINES),
                ..SectionIndex::default()
            },
        };
        // The spans stay what they are over a copy of all octets.
        fields.octets.extend_from_slice(received);
        let is_odd = view.anomalies().intersects(UNSAFE_TO_WRITE);
        for line in lines {
            if is_odd && !is_token(line.name.of(received)) {
                continue;
            }
            let start = fields.octets.len();
            let value = match pass(line, &mut fields.octets) {
                Pass::Dropped => continue,
                Pass::Kept if !is_odd => line.value,
                Pass::Kept => {
                    fields.octets.extend_from_slice(line.value.of(received));
                    Span::between(start, fields.octets.len())
                }
                Pass::Replaced => Span::between(start, fields.octets.len()),
            };
            make_safe(fields.octets.get_mut(start..).unwrap_or_default());
            fields.index.lines.push(FieldLine { value, ..*line });
            if let Some(field) = line.known {
                fields.index.present.insert(field);
            }
        }
        Self {
            status: view.status(),
            fields,
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

    /// Adds a line whose name was found to be a token.
    pub(crate) fn add_checked(&mut self, name: &str, known: Option<Known>, value: &[u8]) {
        self.fields.push(name.as_bytes(), value, known);
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

/// What becomes of a line of a head that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It stays as it is.
    Kept,
    /// It stays out.
    Dropped,
    /// It gets the value that was appended to the octets given.
    Replaced,
}

/// What a recipient may have let pass, and nobody may send.
const UNSAFE_TO_WRITE: Anomalies = Anomalies::NAME_NOT_TOKEN
    .union(Anomalies::NO_COLON)
    .union(Anomalies::SPACE_BEFORE_COLON)
    .union(Anomalies::OBS_FOLD)
    .union(Anomalies::BARE_CR)
    .union(Anomalies::BARE_LF)
    .union(Anomalies::VALUE_CTL)
    .union(Anomalies::VALUE_NUL);

/// Room for lines that are added to a head that is passed on.
const ROOM_LINES: usize = 4;
const ROOM_OCTETS: usize = 256;

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
    use crate::ResponseIndex;

    #[test]
    fn a_value_cannot_end_its_line() {
        let head = ResponseHead::new(Status::OK).with(Known::Location, b"/a\r\nSet-Cookie: x\0");
        assert_eq!(
            head.section().first(Known::Location),
            Some(&b"/a  Set-Cookie: x "[..])
        );
    }

    /// What is passed on of a head, as lines.
    fn passed(
        octets: &[u8],
        lines: &[(&str, &str)],
        anomalies: Anomalies,
        pass: impl FnMut(&FieldLine, &mut Vec<u8>) -> Pass,
    ) -> Vec<(String, String)> {
        let mut index = ResponseIndex {
            status: Some(Status::OK),
            octets: octets.len(),
            ..ResponseIndex::default()
        };
        index.section.anomalies = anomalies;
        let place = |text: &str| {
            let find = |window: &[u8]| window == text.as_bytes();
            let start = octets.windows(text.len()).position(find).unwrap();
            Span::between(start, start + text.len())
        };
        for (name, value) in lines {
            index.section.lines.push(FieldLine {
                name: place(name),
                value: place(value),
                known: Known::from_name(name.as_bytes()),
            });
        }
        let head = ResponseHead::received(ResponseView::new(octets, &index), pass);
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        head.section()
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn lines_of_a_received_head_are_kept_dropped_and_replaced_in_place() {
        let octets = b"HTTP/1.1 200 OK\r\neTag: \"a\"\r\nLocation: /b\r\nx-c: d\r\n\r\n";
        let lines = [("eTag", "\"a\""), ("Location", "/b"), ("x-c", "d")];
        let got = passed(octets, &lines, Anomalies::NONE, |line, value| {
            match line.known {
                Some(Known::Location) => {
                    value.extend_from_slice(b"/new\r\n");
                    Pass::Replaced
                }
                Some(_) => Pass::Kept,
                None => Pass::Dropped,
            }
        });
        let want = [("eTag", "\"a\""), ("Location", "/new  ")];
        let want = want.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(got, want);
    }

    #[test]
    fn what_was_let_pass_is_not_passed_on_as_it_came() {
        let octets = b"HTTP/1.1 200 OK\r\nA: b\0c\r\nb d: e\r\n\r\n";
        let lines = [("A", "b\0c"), ("b d", "e")];
        let odd = Anomalies::VALUE_NUL.union(Anomalies::NAME_NOT_TOKEN);
        let got = passed(octets, &lines, odd, |_, _| Pass::Kept);
        assert_eq!(got, [("A".to_owned(), "b c".to_owned())]);
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
