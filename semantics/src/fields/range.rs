//! `Range` in octets, and `Content-Range` (RFC 9110 §14).
//!
//! Not here: that `Range` is for GET alone and that other methods ignore it (RFC 9110 §14.2),
//! `If-Range`, and the multipart framing of several ranges.
//!
//! ```
//! use hansom_semantics::fields::range::{Limits, RangeRequest, content_range, parse};
//!
//! let RangeRequest::Satisfiable(ranges) = parse(b"bytes=-500", 10_000, &Limits::default()) else {
//!     unreachable!()
//! };
//! let [range] = ranges.as_slice() else { unreachable!() };
//! assert_eq!((range.first, range.last), (9_500, 9_999));
//! let field = content_range(range.first, range.last, 10_000);
//! assert_eq!(field.as_octets(), b"bytes 9500-9999/10000");
//! ```

use std::cmp::Ordering;

use super::list::{is_token, trim_ows};

/// How much a `Range` may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Ranges named in one field, overlapping and unsatisfiable ones included. With more, the
    /// field is ignored: "many small ranges" are the mark of an attack (RFC 9110 §14.2, §17.15).
    pub ranges_max: usize,
    /// Octets between two ranges up to which they are sent as one. About 80 is what another
    /// part of a multipart answer costs (RFC 9110 §15.3.7.2). With 0, only ranges that overlap
    /// or touch become one.
    pub gap_octets_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ranges_max: 32,
            gap_octets_max: 0,
        }
    }
}

/// What a `Range` field comes to for a representation of a known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// As if the field were absent: the whole representation, 200.
    Ignored(Ignored),
    /// 206: at least one range, in the order first asked for, none overlapping another.
    Satisfiable(Ranges),
    /// 416 (RFC 9110 §15.5.17).
    Unsatisfiable,
}

/// Why a `Range` is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// A range unit other than `bytes` (RFC 9110 §14.2).
    UnknownUnit,
    /// The value is invalid (RFC 9110 §14.1.1, §14.2).
    Malformed,
    /// More than [`Limits::ranges_max`] ranges (RFC 9110 §14.2).
    TooMany,
    /// The last octets of an empty representation are the whole of it, and no `Content-Range`
    /// can say so (RFC 9110 §14.1.2).
    EmptyRepresentation,
}

/// A range of octets, both ends included, inside the representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first octet, from 0.
    pub first: u64,
    /// The last octet, not before the first.
    pub last: u64,
}

impl ByteRange {
    /// How many octets, never 0.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        // The last octet is below a length, so one more is still a u64.
        self.last - self.first + 1
    }
}

/// One or more ranges; a single one needs no allocation.
#[derive(Clone, Debug)]
pub struct Ranges(Held);

#[derive(Clone, Debug)]
enum Held {
    One([ByteRange; 1]),
    Many(Vec<ByteRange>),
}

impl Ranges {
    /// The ranges, in the order first asked for.
    #[must_use]
    pub fn as_slice(&self) -> &[ByteRange] {
        match &self.0 {
            Held::One(one) => one,
            Held::Many(many) => many,
        }
    }
}

impl PartialEq for Ranges {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Ranges {}

/// Reads a `Range` value and resolves it against the length of the representation
/// (RFC 9110 §14.1, §14.2).
///
/// A position or length of more digits than a `u64` has is compared exactly, not wrapped.
/// Ranges that overlap, touch or nearly touch become one.
#[must_use]
pub fn parse(octets: &[u8], length: u64, limits: &Limits) -> RangeRequest {
    let set = match range_set(octets) {
        Ok(set) => set,
        Err(why) => return RangeRequest::Ignored(why),
    };
    let mut named: usize = 0;
    let mut is_whole_of_nothing = false;
    let mut ranges = Vec::new();
    for spec in set
        .split(|&octet| octet == b',')
        .map(trim_ows)
        .filter(|spec| !spec.is_empty())
    {
        named += 1;
        if named > limits.ranges_max {
            return RangeRequest::Ignored(Ignored::TooMany);
        }
        match resolve(spec, length) {
            None => return RangeRequest::Ignored(Ignored::Malformed),
            Some(Resolved::Range(range)) => ranges.push(range),
            Some(Resolved::WholeOfNothing) => is_whole_of_nothing = true,
            Some(Resolved::Outside) => {}
        }
    }
    match (named, ranges.as_slice()) {
        (0, _) => RangeRequest::Ignored(Ignored::Malformed),
        (_, []) if is_whole_of_nothing => RangeRequest::Ignored(Ignored::EmptyRepresentation),
        (_, []) => RangeRequest::Unsatisfiable,
        (_, &[one]) => RangeRequest::Satisfiable(Ranges(Held::One([one]))),
        _ => RangeRequest::Satisfiable(Ranges(Held::Many(coalesce(ranges, limits.gap_octets_max)))),
    }
}

/// The octets after `bytes=` (RFC 9110 §14.1, §14.1.2).
fn range_set(octets: &[u8]) -> Result<&[u8], Ignored> {
    let equals = memchr::memchr(b'=', octets).ok_or(Ignored::Malformed)?;
    let (unit, rest) = octets.split_at(equals);
    if !is_token(unit) {
        return Err(Ignored::Malformed);
    }
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Err(Ignored::UnknownUnit);
    }
    let set = rest.strip_prefix(b"=").unwrap_or(rest);
    // Optional whitespace belongs to the commas: none before the first range or after the last,
    // unless an empty member is there (RFC 9110 §5.6.1.2).
    let is_ows = |octet: Option<&u8>| matches!(octet, Some(b' ' | b'\t'));
    let starts_bare = is_ows(set.first()) && trim_ows(set).first() != Some(&b',');
    let ends_bare = is_ows(set.last()) && trim_ows(set).last() != Some(&b',');
    if starts_bare || ends_bare {
        Err(Ignored::Malformed)
    } else {
        Ok(set)
    }
}

enum Resolved {
    Range(ByteRange),
    Outside,
    WholeOfNothing,
}

/// One `int-range` or `suffix-range` (RFC 9110 §14.1.1, §14.1.2); `None` when it is invalid.
fn resolve(spec: &[u8], length: u64) -> Option<Resolved> {
    let dash = memchr::memchr(b'-', spec)?;
    let (first, rest) = spec.split_at(dash);
    let last = rest.strip_prefix(b"-")?;
    match (first, last) {
        ([], []) => None,
        ([], suffix) => Some(match (decimal(suffix)?, length) {
            // Satisfiable if the suffix length is not zero; one longer than the representation
            // means all of it.
            (0, _) => Resolved::Outside,
            (_, 0) => Resolved::WholeOfNothing,
            (suffix, _) => Resolved::Range(ByteRange {
                first: length.saturating_sub(suffix),
                last: length - 1,
            }),
        }),
        (first, last) => {
            let from = decimal(first)?;
            let to = if last.is_empty() {
                u64::MAX
            } else {
                decimal(last)?
            };
            if !last.is_empty() && compare_decimals(last, first) == Ordering::Less {
                return None;
            }
            Some(match length.checked_sub(1) {
                Some(end) if from <= end => Resolved::Range(ByteRange {
                    first: from,
                    last: to.min(end),
                }),
                _ => Resolved::Outside,
            })
        }
    }
}

/// Digits as a number, `u64::MAX` when it is larger. No length reaches that far, so nothing
/// that is saturated is inside a representation.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, &octet| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
        Some(
            sum.checked_mul(10)
                .and_then(|tens| tens.checked_add(digit))
                .unwrap_or(u64::MAX),
        )
    })
}

/// Two numbers of any size, as digits.
fn compare_decimals(one: &[u8], other: &[u8]) -> Ordering {
    let significant = |digits: &'_ [u8]| digits.iter().take_while(|&&digit| digit == b'0').count();
    let (one, other) = (
        one.split_at(significant(one)).1,
        other.split_at(significant(other)).1,
    );
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Makes ranges that overlap, or lie at most `gap_max` octets apart, into one, which stands where
/// the first of them stood: the order asked for is to be kept (RFC 9110 §15.3.7.2).
///
/// Afterwards all together are no longer than the representation, whatever was asked for.
fn coalesce(ranges: Vec<ByteRange>, gap_max: u64) -> Vec<ByteRange> {
    let mut sorted: Vec<(usize, ByteRange)> = ranges.into_iter().enumerate().collect();
    sorted.sort_unstable_by_key(|&(place, range)| (range.first, place));
    let mut merged: Vec<(usize, ByteRange)> = Vec::with_capacity(sorted.len());
    for (place, range) in sorted {
        match merged.last_mut() {
            Some((earliest, held))
                if range.first <= held.last.saturating_add(1).saturating_add(gap_max) =>
            {
                held.last = held.last.max(range.last);
                *earliest = place.min(*earliest);
            }
            _ => merged.push((place, range)),
        }
    }
    merged.sort_unstable_by_key(|&(place, _)| place);
    merged.into_iter().map(|(_, range)| range).collect()
}

/// A rendered `Content-Range` value.
#[derive(Clone, Copy, Debug)]
pub struct ContentRange {
    octets: [u8; Self::OCTETS_MAX],
    length: usize,
}

impl ContentRange {
    /// The longest value: `bytes `, three numbers of 20 digits, `-` and `/`.
    pub const OCTETS_MAX: usize = 68;

    /// The field value.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }

    fn start() -> Self {
        Self {
            octets: [0; Self::OCTETS_MAX],
            length: 0,
        }
        .with(b"bytes ")
    }

    fn with(mut self, octets: &[u8]) -> Self {
        let end = self.length + octets.len();
        if let Some(space) = self.octets.get_mut(self.length..end) {
            space.copy_from_slice(octets);
            self.length = end;
        }
        self
    }

    fn with_number(self, mut number: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            count += 1;
            if number == 0 {
                break;
            }
        }
        self.with(digits.split_at(digits.len() - count).1)
    }
}

/// `bytes first-last/length` of a 206 (RFC 9110 §14.4).
#[must_use]
pub fn content_range(first: u64, last: u64, length: u64) -> ContentRange {
    ContentRange::start()
        .with_number(first)
        .with(b"-")
        .with_number(last)
        .with(b"/")
        .with_number(length)
}

/// `bytes */length` of a 416 (RFC 9110 §14.4, §15.5.17).
#[must_use]
pub fn unsatisfied_content_range(length: u64) -> ContentRange {
    ContentRange::start().with(b"*/").with_number(length)
}

#[cfg(test)]
mod tests;
