//! `Accept`, and the weighted lists like it: `Accept-Encoding`, `Accept-Language`,
//! `Accept-Charset` (RFC 9110 §12.4, §12.5).
//!
//! Members that cannot be read are skipped: what a user agent would like is a hint, and a
//! server may always answer with something else (RFC 9110 §12.4.1).
//!
//! ```
//! use hansom_semantics::fields::accept::Accept;
//!
//! let lines: [&[u8]; 2] = [b"text/*;q=0.5, application/json", b"*/*;q=0.1"];
//! let accept = Accept::new(lines);
//! assert_eq!(accept.best_of(&["text/html", "application/json", "text/plain"]), Some(1));
//! ```

use std::fmt;

use super::list::{
    Malformed, Parameter, ParameterGrammar, ParameterValue, Parameters, is_token, members_of,
    parameters, split_token,
};

/// A weight in thousandths (RFC 9110 §12.4.2): 0 is "not acceptable".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(u16);

impl Quality {
    /// `q=0`: not acceptable.
    pub const NONE: Self = Self(0);
    /// `q=1`, also what no weight means.
    pub const FULL: Self = Self(1000);

    /// Reads a `qvalue`: 0 to 1 with up to three decimals (RFC 9110 §12.4.2).
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let (whole, decimals) = match octets {
            [whole] => (whole, &[][..]),
            [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
            _ => return None,
        };
        let mut thousandths = match whole {
            b'0' => 0,
            b'1' => 1000,
            _ => return None,
        };
        for (octet, unit) in decimals.iter().zip([100, 10, 1]) {
            let digit = octet.is_ascii_digit().then(|| u16::from(octet - b'0'))?;
            thousandths += digit * unit;
        }
        (thousandths <= 1000).then_some(Self(thousandths))
    }

    /// The smallest weight that is acceptable, 0.001.
    pub const LEAST: Self = Self(1);

    /// From 0 to 1000.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }

    /// Whether it is more than "not acceptable".
    #[must_use]
    pub const fn is_acceptable(self) -> bool {
        self.0 > 0
    }
}

/// An `Accept` field over its lines (RFC 9110 §12.5.1). It holds nothing: each question reads
/// the lines once.
#[derive(Clone, Debug)]
pub struct Accept<I> {
    lines: I,
}

impl<'a, I> Accept<I>
where
    I: IntoIterator<Item = &'a [u8]> + Clone,
{
    /// The field with these lines. None at all, or none with a readable member, accepts
    /// everything (RFC 9110 §12.5.1).
    #[must_use]
    pub const fn new(lines: I) -> Self {
        Self { lines }
    }

    /// The readable media ranges.
    pub fn ranges(&self) -> impl Iterator<Item = MediaRange<'a>> + use<'a, I> {
        members_of(self.lines.clone()).filter_map(MediaRange::parse)
    }

    /// How welcome a media type without parameters is.
    #[must_use]
    pub fn quality(&self, kind: &str, subtype: &str) -> Quality {
        self.quality_of(&Offer {
            kind: kind.as_bytes(),
            subtype: subtype.as_bytes(),
            rest: &[],
        })
    }

    /// How welcome a media type is, as it stands in Content-Type, and by which range. `None` if it is no media type.
    #[must_use]
    pub fn judge(&self, media_type: &str) -> Option<Judged> {
        Offer::parse(media_type.as_bytes()).map(|offer| self.judge_offer(&offer))
    }

    /// The most welcome of some media types, such as `text/html; charset=utf-8`; the earlier of
    /// two equally welcome. `None` when none is acceptable.
    #[must_use]
    pub fn best_of(&self, offered: &[&str]) -> Option<usize> {
        let mut best: Option<(usize, Quality)> = None;
        for (place, offer) in offered.iter().enumerate() {
            let Some(offer) = Offer::parse(offer.as_bytes()) else {
                continue;
            };
            let quality = self.quality_of(&offer);
            if quality > best.map_or(Quality::NONE, |(_, quality)| quality) {
                best = Some((place, quality));
            }
        }
        best.map(|(place, _)| place)
    }

    fn quality_of(&self, offer: &Offer<'_>) -> Quality {
        self.judge_offer(offer).quality
    }

    fn judge_offer(&self, offer: &Offer<'_>) -> Judged {
        judge_among(self.ranges().take(MEMBERS_MAX), offer)
    }
}

/// The media ranges of an `Accept` field, read once for many questions.
#[derive(Clone, Debug)]
pub struct Ranges<'a>(Vec<MediaRange<'a>>);

impl<'a> Ranges<'a> {
    /// Those of a field with these lines, of which the first [`MEMBERS_MAX`] count.
    pub fn of<I>(lines: I) -> Self
    where
        I: IntoIterator<Item = &'a [u8]> + Clone,
    {
        Self(Accept::new(lines).ranges().take(MEMBERS_MAX).collect())
    }

    /// As [`Accept::judge`].
    #[must_use]
    pub fn judge(&self, media_type: &str) -> Option<Judged> {
        let offer = Offer::parse(media_type.as_bytes())?;
        Some(judge_among(self.0.iter().cloned(), &offer))
    }
}

/// "The most specific reference has precedence"; of two as specific, the higher weight, then
/// the earlier.
fn judge_among<'a>(ranges: impl Iterator<Item = MediaRange<'a>>, offer: &Offer<'_>) -> Judged {
    let mut seen_any = false;
    let mut best: Option<(Exactness, Judged)> = None;
    for (place, range) in ranges.enumerate() {
        seen_any = true;
        if !range.includes(offer) {
            continue;
        }
        let exactness = range.specificity();
        let judged = Judged {
            quality: range.quality,
            exactness: exactness.0 + 1,
            place,
        };
        if best.is_none_or(|(than, best)| (exactness, judged.quality) > (than, best.quality)) {
            best = Some((exactness, judged));
        }
    }
    let unlisted = Judged {
        quality: if seen_any {
            Quality::NONE
        } else {
            Quality::FULL
        },
        exactness: 0,
        place: 0,
    };
    best.map_or(unlisted, |(_, judged)| judged)
}

/// How specific a range is: its wildcards, then how many parameters it has.
type Exactness = (u8, usize);

/// What a field says of one media type (RFC 9110 §12.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How welcome it is.
    pub quality: Quality,
    /// 3 for a range that names the type, 2 for `type/*`, 1 for `*/*`, 0 for none.
    pub exactness: u8,
    /// The place of the range among the readable ones, from 0.
    pub place: usize,
}

/// One member of `Accept` (RFC 9110 §12.5.1).
#[derive(Clone, Debug)]
pub struct MediaRange<'a> {
    /// The type, or `*`.
    pub kind: &'a [u8],
    /// The subtype, or `*`.
    pub subtype: &'a [u8],
    /// Its weight.
    pub quality: Quality,
    rest: &'a [u8],
}

impl<'a> MediaRange<'a> {
    /// Reads one member of the list. The parameter named `q` is the weight wherever it stands.
    #[must_use]
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        let Offer {
            kind,
            subtype,
            rest,
        } = Offer::parse(octets)?;
        if kind == b"*" && subtype != b"*" {
            return None;
        }
        let quality = weight(parameters(rest, ParameterGrammar::Common)).ok()?;
        Some(Self {
            kind,
            subtype,
            quality,
            rest,
        })
    }

    /// Its parameters without the weight.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> + use<'a> {
        readable(self.rest).filter(|parameter| !is_weight(parameter))
    }

    fn includes(&self, offer: &Offer<'_>) -> bool {
        let is_wild = |name: &[u8]| name == b"*";
        (is_wild(self.kind) || self.kind.eq_ignore_ascii_case(offer.kind))
            && (is_wild(self.subtype) || self.subtype.eq_ignore_ascii_case(offer.subtype))
            && self.parameters().all(|asked| offer.has(&asked))
    }

    fn specificity(&self) -> Exactness {
        let exactness = match (self.kind, self.subtype) {
            (b"*", _) => 0,
            (_, b"*") => 1,
            _ => 2,
        };
        (exactness, self.parameters().count())
    }
}

/// A media type as offered (RFC 9110 §8.3.1).
#[derive(Clone, Copy, Debug)]
struct Offer<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    /// From the first `;` on.
    rest: &'a [u8],
}

impl<'a> Offer<'a> {
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let (kind, rest) = split_token(octets);
        let (subtype, rest) = split_token(rest.strip_prefix(b"/")?);
        if kind.is_empty() || subtype.is_empty() {
            return None;
        }
        Some(Self {
            kind,
            subtype,
            rest,
        })
    }

    fn has(&self, asked: &Parameter<'_>) -> bool {
        readable(self.rest)
            .any(|own| own.name.eq_ignore_ascii_case(asked.name) && own.value.is_same(&asked.value))
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A member of a weighted list: a token, which `*` is too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighted<'a> {
    /// A content coding, language range or charset, or `*`; its case means nothing.
    pub value: &'a [u8],
    /// Its weight.
    pub quality: Quality,
}

/// The members of `Accept-Encoding`, `Accept-Language` or `Accept-Charset`: tokens with an
/// optional weight (RFC 9110 §12.5.2, §12.5.3, §12.5.4).
pub fn weighted_list<'a, I>(
    lines: I,
) -> impl Iterator<Item = Result<Weighted<'a>, Malformed>> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    members_of(lines).map(|member| {
        let (value, rest) = split_token(member);
        if !is_token(value) {
            return Err(Malformed);
        }
        let mut rest = parameters(rest, ParameterGrammar::Common);
        let quality = match rest.next() {
            None => Quality::FULL,
            Some(first) => quality_in(&first?).ok_or(Malformed)?,
        };
        if rest.next().is_some() {
            Err(Malformed)
        } else {
            Ok(Weighted { value, quality })
        }
    })
}

/// What a weighted list says of one value: its own weight, or else that of `*`; `None` when
/// neither is listed, whose meaning is each field's own.
pub fn weight_of<'a>(lines: impl IntoIterator<Item = &'a [u8]>, value: &[u8]) -> Option<Quality> {
    let mut exact: Option<Quality> = None;
    let mut wild: Option<Quality> = None;
    for listed in weighted_list(lines).filter_map(Result::ok) {
        if listed.value.eq_ignore_ascii_case(value) {
            exact = exact.max(Some(listed.quality));
        } else if listed.value == b"*" {
            wild = wild.max(Some(listed.quality));
        }
    }
    exact.or(wild)
}

/// The weight among some parameters; given twice it is malformed.
fn weight(parameters: Parameters<'_>) -> Result<Quality, Malformed> {
    let mut found = None;
    for parameter in parameters {
        let parameter = parameter?;
        if is_weight(&parameter) {
            let quality = quality_in(&parameter).ok_or(Malformed)?;
            if found.replace(quality).is_some() {
                return Err(Malformed);
            }
        }
    }
    Ok(found.unwrap_or(Quality::FULL))
}

fn quality_in(parameter: &Parameter<'_>) -> Option<Quality> {
    match parameter.value {
        ParameterValue::Token(octets) if is_weight(parameter) => Quality::parse(octets),
        _ => None,
    }
}

fn is_weight(parameter: &Parameter<'_>) -> bool {
    parameter.name.eq_ignore_ascii_case(b"q")
}

fn readable(rest: &[u8]) -> impl Iterator<Item = Parameter<'_>> {
    parameters(rest, ParameterGrammar::Common).filter_map(Result::ok)
}

/// Members of one field that count when something is judged by it; what a longer list says beyond is disregarded.
pub const MEMBERS_MAX: usize = 256;

#[cfg(test)]
mod tests;
