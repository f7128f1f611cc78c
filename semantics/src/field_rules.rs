//! Rules that change the fields of messages: what a configuration says beside what makes a message.

use std::borrow::Cow;
use std::fmt;

use crate::fields::list::{is_token, members, members_of};
use crate::{
    FieldLine, Known, OwnedRequest, RequestHead, RequestIndex, ResponseHead, Section, SectionIndex,
    Span, Status,
};

/// Fields removed, set, added and supplied, in this order.
///
/// Rules may be applied twice: a head that has followed them is not changed by them. So a line that is already there as
/// it is to be added is not added once more.
///
/// ```
/// use hansom_semantics::{FieldRules, Known, ResponseHead, Status};
///
/// let mut rules = FieldRules::default();
/// rules.remove("Last-Modified").unwrap();
/// rules.set("Cache-Control", "no-cache").unwrap();
/// rules.add("Link", "</a.css>; rel=preload").unwrap();
/// let mut head = ResponseHead::new(Status::OK).with(Known::CacheControl, "max-age=5");
/// rules.apply(&mut head);
/// assert_eq!(head.section().first(Known::CacheControl), Some(&b"no-cache"[..]));
/// assert!(rules.set("Date", "today").is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldRules {
    removed: Vec<Box<str>>,
    set: Vec<Rule>,
    added: Vec<Rule>,
    supplied: Vec<Rule>,
}

/// A line of a rule, as it may stand in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    name: Box<str>,
    known: Option<Known>,
    value: Box<[u8]>,
}

/// Why there can be no such rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldRuleError {
    /// The name is no token (RFC 9110 §5.1).
    Name,
    /// The value has an octet that no field value has, or white space around it (RFC 9110 §5.5).
    Value,
    /// The field says how the message is delivered or framed, which whoever delivers it knows alone.
    Delivery,
}

impl FieldRules {
    /// All lines of this name go.
    ///
    /// # Errors
    /// See [`FieldRuleError`].
    pub fn remove(&mut self, name: &str) -> Result<(), FieldRuleError> {
        check_name(name)?;
        self.removed.push(name.into());
        Ok(())
    }

    /// One line in place of all of this name. In Vary of a response it keeps what was there, behind what is set.
    ///
    /// # Errors
    /// See [`FieldRuleError`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), FieldRuleError> {
        self.set.push(checked(name, value)?);
        Ok(())
    }

    /// One line more.
    ///
    /// # Errors
    /// See [`FieldRuleError`].
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), FieldRuleError> {
        self.added.push(checked(name, value)?);
        Ok(())
    }

    /// One line where there is none of this name. It is not supplied where [`Self::remove`] names it.
    ///
    /// # Errors
    /// See [`FieldRuleError`].
    pub fn supply(&mut self, name: &str, value: &str) -> Result<(), FieldRuleError> {
        self.supplied.push(checked(name, value)?);
        Ok(())
    }

    /// Whether they change nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty()
            && self.set.is_empty()
            && self.added.is_empty()
            && self.supplied.is_empty()
    }

    /// Changes a response head. What its status must have stays, unless it is replaced; what says how its content is divided
    /// stays as it is.
    pub fn apply(&self, head: &mut ResponseHead) {
        let is_divided = is_divided(head);
        let is_fixed = |name: &str| is_divided && is_content_type(name);
        for name in &self.removed {
            if !is_needed(head.status(), name) && !is_fixed(name) {
                head.remove_named(name.as_bytes());
            }
        }
        for rule in self.set.iter().filter(|rule| !is_fixed(&rule.name)) {
            if !rule.may_be_in(head.section()) {
                rule.add_to(head);
                continue;
            }
            let value = with_own_members(head.section(), &rule.name, &rule.value);
            head.remove_named(rule.name.as_bytes());
            head.add_named(&rule.name, &*value);
        }
        for rule in self.added.iter().filter(|rule| !is_fixed(&rule.name)) {
            if !has_line(head.section(), &rule.name, &rule.value) {
                rule.add_to(head);
            }
        }
        for rule in &self.supplied {
            if !self.removes(&rule.name) && !rule.is_in(head.section()) {
                rule.add_to(head);
            }
        }
    }

    /// A request head with its fields changed.
    pub fn edit(&self, head: RequestHead<'_>) -> OwnedRequest {
        let section = head.section();
        let goes = |name: &[u8]| {
            let is = |rule: &str| rule.as_bytes().eq_ignore_ascii_case(name);
            self.removed.iter().any(|rule| is(rule)) || self.set.iter().any(|rule| is(&rule.name))
        };
        let kept = section.iter().filter(|(name, _)| !goes(name));
        let supplied = self
            .supplied
            .iter()
            .filter(|rule| !self.removes(&rule.name) && !rule.is_in(section));
        let new = self.set.iter().chain(&self.added).chain(supplied);
        let new = new.map(|rule| (rule.name.as_bytes(), &*rule.value));
        with_lines(head, head.target(), kept.chain(new))
    }

    fn removes(&self, name: &str) -> bool {
        self.removed
            .iter()
            .any(|removed| removed.eq_ignore_ascii_case(name))
    }
}

/// A request head with this Host in place of its own: what a gateway in front was asked for.
pub fn with_host(head: RequestHead<'_>, host: &[u8]) -> OwnedRequest {
    let lines = head.section().iter();
    let others = lines.filter(|(name, _)| Known::from_name(name) != Some(Known::Host));
    let lines = others.chain([(Known::Host.name().as_bytes(), host)]);
    with_lines(head, head.target(), lines)
}

/// A request head with this target in place of its own: what is looked for instead.
pub fn with_target(head: RequestHead<'_>, target: &[u8]) -> OwnedRequest {
    with_lines(head, target, head.section().iter())
}

/// The head with these lines and this target in place of its own.
fn with_lines<'a>(
    head: RequestHead<'_>,
    target: &[u8],
    lines: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> OwnedRequest {
    let mut octets = Vec::with_capacity(head.octets_len() + 256);
    let mut put = |part: &[u8], after: &[u8]| {
        let start = octets.len();
        octets.extend_from_slice(part);
        let span = Span::between(start, octets.len());
        octets.extend_from_slice(after);
        span
    };
    let mut index = RequestIndex {
        method_span: put(head.method_octets(), b" "),
        target_span: put(target, b" "),
        version_span: put(head.version().name().as_bytes(), b"\r\n"),
        method: head.method(),
        version: head.version(),
        is_plain_path: head.is_plain_path() && target == head.target(),
        start_anomalies: head.anomalies(),
        section: SectionIndex {
            anomalies: head.anomalies(),
            ..SectionIndex::default()
        },
        octets: 0,
    };
    for (name, value) in lines {
        let known = Known::from_name(name);
        let line = FieldLine {
            name: put(name, b": "),
            value: put(value, b"\r\n"),
            known,
        };
        index.section.lines.push(line);
        if let Some(field) = known {
            index.section.present.insert(field);
        }
    }
    octets.extend_from_slice(b"\r\n");
    index.octets = octets.len();
    OwnedRequest::new(octets.into(), index)
}

impl Rule {
    /// Whether a line of this name is there; a field with an id is not looked for.
    #[inline]
    fn may_be_in(&self, section: Section<'_>) -> bool {
        self.known.is_none_or(|field| section.has(field))
    }

    fn is_in(&self, section: Section<'_>) -> bool {
        match self.known {
            Some(field) => section.has(field),
            None => section.all_named(self.name.as_bytes()).next().is_some(),
        }
    }

    fn add_to(&self, head: &mut ResponseHead) {
        head.add_checked(&self.name, self.known, &self.value);
    }
}

fn has_line(section: Section<'_>, name: &str, value: &[u8]) -> bool {
    section
        .all_named(name.as_bytes())
        .any(|there| there == value)
}

/// The value that a field is set to. What a selection depended on stays in Vary: without it a store would give one
/// representation to those who asked for another (RFC 9110 §12.5.5).
fn with_own_members<'a>(section: Section<'_>, name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
    let mut out = Cow::Borrowed(value);
    if !name.eq_ignore_ascii_case(Known::Vary.name()) {
        return out;
    }
    for own in members_of(section.all(Known::Vary)) {
        if !members(&out).any(|member| member.eq_ignore_ascii_case(own)) {
            let all = out.to_mut();
            if !all.is_empty() {
                all.extend_from_slice(b", ");
            }
            all.extend_from_slice(own);
        }
    }
    out
}

/// Fields that a response with this status must have (RFC 9110 §11.6.1, §15.5.6, §15.3.7, §15.5.22).
fn is_needed(status: Status, name: &str) -> bool {
    let needed = match status {
        Status::UNAUTHORIZED => Known::WwwAuthenticate,
        Status::METHOD_NOT_ALLOWED => Known::Allow,
        Status::UPGRADE_REQUIRED => Known::Upgrade,
        _ => return false,
    };
    needed.name().eq_ignore_ascii_case(name)
}

/// Whether the content is several parts of a representation: its type has their boundary, and that of the representation
/// is told with each of them (RFC 9110 §15.3.7.2).
fn is_divided(head: &ResponseHead) -> bool {
    let is_parts = |value: &[u8]| {
        value
            .get(..MULTIPART_RANGES.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(MULTIPART_RANGES))
    };
    head.status() == Status::PARTIAL_CONTENT
        && head
            .section()
            .first(Known::ContentType)
            .is_some_and(is_parts)
}

fn is_content_type(name: &str) -> bool {
    name.eq_ignore_ascii_case(Known::ContentType.name())
}

/// RFC 9110 §14.6.
const MULTIPART_RANGES: &[u8] = b"multipart/byteranges";

fn checked(name: &str, value: &str) -> Result<Rule, FieldRuleError> {
    check_name(name)?;
    let is_text = value
        .bytes()
        .all(|octet| octet == b'\t' || (octet >= b' ' && octet != 0x7f));
    if !is_text || value.trim_matches([' ', '\t']) != value {
        return Err(FieldRuleError::Value);
    }
    Ok(Rule {
        name: name.into(),
        known: Known::from_name(name.as_bytes()),
        value: value.as_bytes().into(),
    })
}

fn check_name(name: &str) -> Result<(), FieldRuleError> {
    if !is_token(name.as_bytes()) {
        return Err(FieldRuleError::Name);
    }
    match Known::from_name(name.as_bytes()) {
        Some(field) if DELIVERY.contains(&field) => Err(FieldRuleError::Delivery),
        _ => Ok(()),
    }
}

/// What whoever delivers a message says of it (RFC 9110 §6.6.1, §7.6.1, §7.8, §8.6, §10.1.1, §10.2.4, §14.4; RFC 9112
/// §6, §7.1.2), and Host, by which the rules were found.
const DELIVERY: [Known; 14] = [
    Known::Connection,
    Known::ContentLength,
    Known::ContentRange,
    Known::Date,
    Known::Expect,
    Known::Host,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::Server,
    Known::Te,
    Known::Trailer,
    Known::TransferEncoding,
    Known::Upgrade,
    Known::Http2Settings,
];

impl fmt::Display for FieldRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the name of a field is a token (RFC 9110 §5.1)",
            Self::Value => {
                "a field's value has no controls, and no white space around it (RFC 9110 §5.5)"
            }
            Self::Delivery => {
                "the field belongs to the delivery of the message, which the server does itself"
            }
        })
    }
}

impl std::error::Error for FieldRuleError {}

#[cfg(test)]
mod tests;
