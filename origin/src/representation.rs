//! A selected representation, and the answers made of it: whole, in parts, not modified, refused.

use std::fmt::Write;
use std::fs::File;
use std::rc::Rc;

use bytes::Bytes;
use engine::{Content, FilePart, Piece, Response};
use net::{FileMeta, Now};
use semantics::fields::date::HttpDate;
use semantics::fields::entity_tag::EntityTag;
use semantics::fields::list::{members, only_line};
use semantics::fields::precondition::{self, Conditions, Validators, Verdict, evaluate};
use semantics::fields::range::{self, ByteRange, RangeRequest};
use semantics::{
    FieldRules, FieldSet, Known, Method, Rendition, RequestHead, ResponseHead, Status,
};

use crate::errors::error_response;

/// What a file gives: its octets, and the head that goes with them (RFC 9110 §3.2).
#[derive(Debug)]
pub(crate) struct Representation {
    /// The file, as it was before and after its content was read.
    pub(crate) meta: FileMeta,
    /// The content.
    pub(crate) held: Held,
    /// The head of a 200.
    pub(crate) rendition: Rendition,
    /// What is said of it.
    labels: Rc<Labels>,
    /// The ETag field's value.
    etag: Box<str>,
    /// The Last-Modified field's value.
    modified: HttpDate,
    /// The file changed so shortly before it was looked at that it may have changed once more without a sign.
    pub(crate) is_fresh_change: bool,
    /// The second for which the head was made, where it depends on one.
    head_second: Option<u64>,
}

/// Where the content is.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// All of it in memory.
    Whole(Bytes),
    /// In the file.
    Open(Rc<File>),
}

impl Held {
    /// All of it, if it is in memory.
    fn whole(&self) -> Option<&[u8]> {
        match self {
            Self::Whole(content) => Some(content),
            Self::Open(_) => None,
        }
    }
}

/// What is said of the content beside its validators (RFC 9110 §8): by the name of the file, or by how it was selected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    /// The value of Content-Type.
    pub(crate) media_type: String,
    /// Further fields, such as Content-Language and Vary.
    pub(crate) fields: Vec<(Known, String)>,
    /// Tells representations of one resource apart whose octets are the same (RFC 9110 §8.8.3).
    pub(crate) tag: Option<u64>,
}

impl Labels {
    /// Whether the content is in a coding (RFC 9110 §8.4).
    pub(crate) fn is_coded(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|(field, _)| *field == Known::ContentEncoding)
    }

    /// The same of the content in a coding.
    pub(crate) fn coded(&self, coding: &str) -> Self {
        let mut labels = self.clone();
        let coding = (Known::ContentEncoding, coding.to_owned());
        labels.fields.push(coding);
        labels
    }

    /// The selection also depends on this field of a request (RFC 9110 §12.5.5).
    pub(crate) fn vary_by(&mut self, name: &str) {
        match self
            .fields
            .iter_mut()
            .find(|(field, _)| *field == Known::Vary)
        {
            Some((_, value)) => {
                let mut names = members(value.as_bytes());
                if !names.any(|known| known.eq_ignore_ascii_case(name.as_bytes())) {
                    *value = format!("{value}, {name}");
                }
            }
            None => self.fields.push((Known::Vary, name.to_owned())),
        }
    }
}

/// What a site or route adds to the head of every file.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadRules {
    /// The Cache-Control field's value.
    pub(crate) cache_control: Option<String>,
    /// Expires lies this many seconds after Date.
    pub(crate) expires_seconds: Option<u64>,
    /// What is done to its other fields.
    pub(crate) fields: FieldRules,
}

impl HeadRules {
    pub(crate) fn add_to(&self, head: &mut ResponseHead, unix_seconds: u64) {
        if let Some(value) = &self.cache_control {
            head.add(Known::CacheControl, value);
        }
        if let Some(seconds) = self.expires_seconds {
            let expires = HttpDate::from_unix(unix_seconds.saturating_add(seconds));
            head.add(Known::Expires, expires.render());
        }
        self.fields.apply(head);
    }
}

/// What is to be sent.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// The representation as it is, with 200.
    Whole,
    /// Something else.
    Other(Response),
}

/// What a file says of itself, and where its octets are.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) meta: FileMeta,
    pub(crate) held: Held,
    pub(crate) is_fresh_change: bool,
    pub(crate) etag: Box<str>,
}

impl Version {
    /// `tag` is that of its labels.
    pub(crate) fn of_file(meta: FileMeta, held: Held, tag: Option<u64>, now: Now) -> Self {
        let is_fresh_change = is_fresh_change(&meta, now);
        let etag = entity_tag(&meta, held.whole(), is_fresh_change, tag);
        Self {
            meta,
            held,
            is_fresh_change,
            etag,
        }
    }
}

impl Representation {
    pub(crate) fn new(version: Version, labels: Rc<Labels>, rules: &HeadRules, now: Now) -> Self {
        let Version {
            meta,
            held,
            is_fresh_change,
            etag,
        } = version;
        let (claimed, modified) = modified_of(&meta, now);
        let depends_on_time = modified != claimed || rules.expires_seconds.is_some();
        let mut head = ResponseHead::new(Status::OK)
            .with(Known::ContentType, &labels.media_type)
            .with(Known::LastModified, modified.render())
            .with(Known::ETag, &*etag)
            .with(Known::AcceptRanges, "bytes");
        for (field, value) in &labels.fields {
            head.add(*field, value);
        }
        rules.add_to(&mut head, now.unix_seconds);
        Self {
            meta,
            held,
            rendition: Rendition::new(head, meta.octets),
            labels,
            etag,
            modified,
            is_fresh_change,
            head_second: depends_on_time.then_some(now.unix_seconds),
        }
    }

    /// The same with a head for another second.
    pub(crate) fn with_head_for(&self, rules: &HeadRules, now: Now) -> Self {
        let version = Version {
            meta: self.meta,
            held: self.held.clone(),
            is_fresh_change: self.is_fresh_change,
            etag: self.etag.clone(),
        };
        Self::new(version, Rc::clone(&self.labels), rules, now)
    }

    /// What is said of it.
    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The ETag field's value.
    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }

    /// Whether the head may be sent at this time.
    #[inline]
    pub(crate) fn is_head_valid(&self, now: Now) -> bool {
        self.head_second
            .is_none_or(|second| second == now.unix_seconds)
    }

    /// 200 with all of it.
    pub(crate) fn whole(&self) -> Response {
        Response {
            head: self.rendition.head().clone(),
            content: self.content(ByteRange {
                first: 0,
                last: self.meta.octets.saturating_sub(1),
            }),
        }
    }

    /// What a GET or HEAD with this head gets.
    pub(crate) fn deliver(&self, head: RequestHead<'_>, now: Now) -> Delivery {
        if !head.section().present().intersects(SELECTIVE) {
            return Delivery::Whole;
        }
        if let Some(response) = self.refusal(head, now) {
            return Delivery::Other(response);
        }
        // RFC 9110 §14.2: Range is defined for GET alone.
        if head.method() != Method::Get {
            return Delivery::Whole;
        }
        let Some(asked) = only_line(head.all(Known::Range)) else {
            return Delivery::Whole;
        };
        let if_range = only_line(head.all(Known::IfRange));
        let date = HttpDate::from_unix(now.unix_seconds);
        let mut validators = self.validators();
        if self.labels.is_coded() || self.labels.tag.is_some() {
            // The codings of one content share their date, and variants may, so that it is no strong validator
            // (RFC 9110 §8.8.1): by it, the parts of two of them would be put together.
            validators.last_modified = None;
        }
        if !precondition::range_applies(if_range, &validators, date) {
            return Delivery::Whole;
        }
        match range::parse(asked, self.meta.octets, &range::Limits::default()) {
            RangeRequest::Ignored(_) => Delivery::Whole,
            RangeRequest::Unsatisfiable => Delivery::Other(self.unsatisfiable(head)),
            RangeRequest::Satisfiable(ranges) => {
                let is_known = if_range.is_some();
                Delivery::Other(match ranges.as_slice() {
                    &[one] => self.part(one, is_known),
                    many => self.parts(many, is_known),
                })
            }
        }
    }

    /// The answer, if the preconditions do not let the request proceed.
    pub(crate) fn refusal(&self, head: RequestHead<'_>, now: Now) -> Option<Response> {
        let mut response = refused_by(head, &self.validators(), now, || self.not_modified())?;
        if response.head.status() == Status::PRECONDITION_FAILED {
            // It is of the representation that was selected.
            self.copy_fields(&mut response.head, &[Known::Vary]);
        }
        Some(response)
    }

    fn validators(&self) -> Validators<'_> {
        Validators {
            etag: EntityTag::parse(self.etag.as_bytes()),
            last_modified: Some(self.modified),
        }
    }

    /// 304 with the fields that a 200 would have had, as far as a store needs them (RFC 9110 §15.4.5). As there is an
    /// entity tag, Last-Modified tells it nothing more.
    fn not_modified(&self) -> Response {
        let mut response = Response::new(Status::NOT_MODIFIED);
        let fields = [
            Known::ETag,
            Known::CacheControl,
            Known::ContentLocation,
            Known::Expires,
            Known::Vary,
        ];
        self.copy_fields(&mut response.head, &fields);
        response
    }

    /// The head of a 206 but for what the ranges add and its type (RFC 9110 §15.3.7): all that a 200 has, or, when the
    /// client showed by If-Range that it has that, only what it must have.
    fn partial_head(&self, is_known: bool) -> ResponseHead {
        let mut head = ResponseHead::new(Status::PARTIAL_CONTENT);
        if !is_known {
            let fields = [Known::LastModified, Known::ContentLanguage];
            self.copy_fields(&mut head, &fields);
        }
        let fields = [
            Known::ETag,
            Known::AcceptRanges,
            Known::CacheControl,
            Known::ContentLocation,
            Known::Expires,
            Known::Vary,
        ];
        self.copy_fields(&mut head, &fields);
        head
    }

    fn copy_fields(&self, to: &mut ResponseHead, fields: &[Known]) {
        let from = self.rendition.head().section();
        for &field in fields {
            for value in from.all(field) {
                to.add(field, value);
            }
        }
    }

    /// 206 with one range.
    fn part(&self, range: ByteRange, is_known: bool) -> Response {
        let mut head = self.partial_head(is_known);
        // With If-Range §15.3.7 would rather have it left out, and §8.3 have it with every content: who knows what the
        // content is cannot take it for anything else.
        self.copy_fields(&mut head, &[Known::ContentType, Known::ContentEncoding]);
        let content_range = range::content_range(range.first, range.last, self.meta.octets);
        head.add(Known::ContentRange, content_range.as_octets());
        Response {
            head,
            content: self.content(range),
        }
    }

    /// 206 with several ranges, each with its own head (RFC 9110 §14.6, §15.3.7.2).
    fn parts(&self, ranges: &[ByteRange], is_known: bool) -> Response {
        let mut head = self.partial_head(is_known);
        let boundary = self.boundary();
        let full_head = self.rendition.head().section();
        // The coding is that of each part, not of the multipart, so it stands where the type of a part does.
        let described = [Known::ContentType, Known::ContentEncoding]
            .map(|field| Some((field, full_head.first(field)?)));
        let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
        for range in ranges {
            let start = if pieces.is_empty() { "" } else { "\r\n" };
            let mut framing = format!("{start}--{boundary}\r\n").into_bytes();
            for (field, value) in described.iter().flatten() {
                framing.extend_from_slice(field.name().as_bytes());
                framing.extend_from_slice(b": ");
                framing.extend_from_slice(value);
                framing.extend_from_slice(b"\r\n");
            }
            framing.extend_from_slice(b"Content-Range: ");
            let content_range = range::content_range(range.first, range.last, self.meta.octets);
            framing.extend_from_slice(content_range.as_octets());
            framing.extend_from_slice(b"\r\n\r\n");
            pieces.push(Piece::Octets(framing.into()));
            pieces.extend(self.piece(*range));
        }
        pieces.push(Piece::Octets(format!("\r\n--{boundary}--\r\n").into()));
        // Not to be generated in the head of a multipart: Content-Range (§15.3.7.2).
        head.add(
            Known::ContentType,
            format!("multipart/byteranges; boundary={boundary}"),
        );
        Response {
            head,
            content: Content::Pieces(pieces),
        }
    }

    /// What separates the parts. It follows from this version of the file, its times and its place, so that it is the same
    /// for the same answer, and is not found in the content but by somebody who foresees all of them.
    fn boundary(&self) -> String {
        let meta = &self.meta;
        let mut seed = Vec::with_capacity(96);
        seed.extend_from_slice(self.etag.as_bytes());
        for number in [
            meta.inode,
            meta.device,
            meta.changed.0.cast_unsigned(),
            u64::from(meta.changed.1),
        ] {
            seed.extend_from_slice(&number.to_le_bytes());
        }
        let first = digest(&seed);
        seed.push(1);
        format!("part-{first:016x}{:016x}", digest(&seed))
    }

    /// 416 (RFC 9110 §15.5.17).
    fn unsatisfiable(&self, head: RequestHead<'_>) -> Response {
        let because = "None of the ranges lies inside the representation";
        let mut response = error_response(
            Status::RANGE_NOT_SATISFIABLE,
            because,
            "RFC 9110 §15.5.17",
            Some(head),
        );
        let content_range = range::unsatisfied_content_range(self.meta.octets);
        response
            .head
            .add(Known::ContentRange, content_range.as_octets());
        // The length is that of the selected representation.
        self.copy_fields(&mut response.head, &[Known::Vary]);
        response
    }

    fn content(&self, range: ByteRange) -> Content {
        match self.piece(range) {
            None => Content::Empty,
            Some(Piece::Octets(octets)) => Content::Octets(octets),
            Some(Piece::File(part)) => Content::File(part),
        }
    }

    /// The octets of a range; `None` for the impossible and for an empty file.
    fn piece(&self, range: ByteRange) -> Option<Piece> {
        if range.last >= self.meta.octets {
            return None;
        }
        Some(match &self.held {
            Held::Whole(content) => {
                let first = usize::try_from(range.first).ok()?;
                let end = usize::try_from(range.last).ok()?.checked_add(1)?;
                if end > content.len() || first > end {
                    return None;
                }
                Piece::Octets(content.slice(first..end))
            }
            Held::Open(file) => Piece::File(FilePart {
                file: Rc::clone(file),
                offset: range.first,
                octets: range.octets(),
            }),
        })
    }
}

/// The answer of a request whose preconditions do not let it proceed (RFC 9110 §13.2.2).
pub(crate) fn refused_by(
    head: RequestHead<'_>,
    validators: &Validators<'_>,
    now: Now,
    not_modified: impl FnOnce() -> Response,
) -> Option<Response> {
    match verdict(head, precondition::Method::GetOrHead, Some(validators), now) {
        Verdict::Proceed(_) => None,
        Verdict::NotModified(_) => Some(not_modified()),
        Verdict::PreconditionFailed(rule) => Some(error_response(
            Status::PRECONDITION_FAILED,
            "A precondition of the request is false",
            rule.citation(),
            Some(head),
        )),
    }
}

/// What the preconditions of a request say (RFC 9110 §13.2.2).
fn verdict(
    head: RequestHead<'_>,
    method: precondition::Method,
    current: Option<&Validators<'_>>,
    now: Now,
) -> Verdict {
    let if_match: Vec<&[u8]> = head.all(Known::IfMatch).collect();
    let if_none_match: Vec<&[u8]> = head.all(Known::IfNoneMatch).collect();
    let conditions = Conditions {
        if_match: &if_match,
        if_none_match: &if_none_match,
        if_modified_since: only_line(head.all(Known::IfModifiedSince)),
        if_unmodified_since: only_line(head.all(Known::IfUnmodifiedSince)),
        if_range: None,
    };
    let date = HttpDate::from_unix(now.unix_seconds);
    evaluate(&conditions, method, current, date)
}

/// The validators of a file, with its content if that is held in memory.
pub(crate) fn validators_of(
    meta: &FileMeta,
    content: Option<&[u8]>,
    now: Now,
) -> (Box<str>, HttpDate) {
    let etag = entity_tag(meta, content, is_fresh_change(meta, now), None);
    (etag, modified_of(meta, now).1)
}

/// When the file was modified as it says itself, and as is told of it.
///
/// RFC 9110 §8.8.2.1: a date in the future is replaced by that of the message.
fn modified_of(meta: &FileMeta, now: Now) -> (HttpDate, HttpDate) {
    let claimed = HttpDate::from_unix(u64::try_from(meta.modified.0).unwrap_or(0));
    (claimed, claimed.min(HttpDate::from_unix(now.unix_seconds)))
}

/// The strong entity tag of a file, if it can be had (RFC 9110 §8.8.3).
///
/// * Content in memory: its length and a digest of it. Two versions share it only if they are the same octets, whatever
///   the clock and whoever set a date back, and two machines with the same file agree.
/// * Content in a file: when it was modified, to the nanosecond, and its length, as far as the system's clock ticks
///   tell versions apart. Shortly after a change they do not, unless the file was dated by whoever stored it: then the tag is weak, with the time of the last change of
///   any kind, so that it is not taken for one octet by octet, and differs from the strong one that follows.
fn entity_tag(
    meta: &FileMeta,
    content: Option<&[u8]>,
    is_fresh_change: bool,
    variant: Option<u64>,
) -> Box<str> {
    let octets = meta.octets;
    let mut tag = String::with_capacity(64);
    let _ = match content {
        Some(content) => write!(tag, "\"{octets:x}-{:016x}\"", digest(content)),
        None => {
            let modified = nanos(meta.modified);
            // Where the two times differ, whatever writes the content from here on gives it another time than it has.
            if is_fresh_change && meta.modified == meta.changed {
                write!(
                    tag,
                    "W/\"{modified:x}-{octets:x}-{:x}\"",
                    nanos(meta.changed)
                )
            } else {
                write!(tag, "\"{modified:x}-{octets:x}\"")
            }
        }
    };
    if let Some(variant) = variant {
        tag.pop();
        let _ = write!(tag, "-{variant:x}\"");
    }
    tag.into()
}

fn nanos((seconds, nanos): (i64, u32)) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
}

/// Whether the file changed so shortly before `now` that a further change could bear the same times: file times advance
/// in ticks of up to 10 ms, and by whole seconds on some file systems, or by two. The time of a change of any kind
/// counts, since no program can set that.
pub(crate) fn is_fresh_change(meta: &FileMeta, now: Now) -> bool {
    let tick_millis = if meta.changed.1 == 0 { 2000 } else { 100 };
    let changed_millis = nanos(meta.changed) / 1_000_000;
    changed_millis + tick_millis > i128::from(now.unix_millis)
}

/// 64 bits that depend on every octet and are the same on every machine. It tells versions of a file apart, it does not
/// withstand somebody who makes two files for each other.
pub(crate) fn digest(octets: &[u8]) -> u64 {
    let mut state = SEED ^ octets.len() as u64;
    let (words, rest) = octets.as_chunks::<8>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    fold(fold(state ^ u64::from_le_bytes(last)) ^ SEED)
}

/// Both halves of a product, one over the other, and the factor, so that no state is lost to a zero.
fn fold(state: u64) -> u64 {
    let product = u128::from(state) * u128::from(MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64) ^ state.rotate_left(29)
}

/// The fields that may make the answer to a GET another one than 200 with everything.
pub(crate) const SELECTIVE: FieldSet = FieldSet::of(&[
    Known::IfMatch,
    Known::IfNoneMatch,
    Known::IfModifiedSince,
    Known::IfUnmodifiedSince,
    Known::IfRange,
    Known::Range,
]);

/// The fractional part of the golden ratio, and that of the square root of two, made odd.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const SEED: u64 = 0x6a09_e667_f3bc_c909;
