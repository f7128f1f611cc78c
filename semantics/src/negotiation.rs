//! Proactive negotiation (RFC 9110 §12.1): which of several representations is selected, and why.
//!
//! Each variant is judged in five dimensions, its own worth and four fields, in thousandths. Their product is its
//! overall quality; the largest wins. Where two are equal, [`Rule`]s decide, in their order. Whatever was decided is in
//! the [`Decision`], for each variant, so that it can be shown.
//!
//! A dimension in which all variants are alike cannot choose among them. Its field is disregarded then, as it is for a
//! file that has no variants (RFC 9110 §12.4.1), and Vary does not name it. The exception is the media type: a user
//! agent that accepts no type that there is gets a list of what there is. One variant alone is chosen whatever is asked.
//!
//! ```
//! use hansom_semantics::negotiation::{Preferences, Rules, Variant, Verdict, decide};
//!
//! let variants = [
//!     Variant { media_type: "text/html; charset=utf-8", languages: "en", ..Variant::default() },
//!     Variant { media_type: "text/html; charset=utf-8", languages: "zh-Hant", ..Variant::default() },
//! ];
//! let asked = Preferences { languages: vec![b"zh-TW, zh;q=0.8, en;q=0.5"], ..Preferences::default() };
//! let decision = decide(&asked, &variants, &Rules::default());
//! assert_eq!(decision.chosen, Some(1));
//! assert_eq!(decision.vary(), "Accept-Language");
//! assert_eq!(decision.judgements[0].to_string(), "0.500 = language 0.500; less welcome than the chosen one");
//! ```

use std::cmp::Reverse;
use std::fmt;

use crate::fields::accept::{self, Quality};
use crate::fields::accept_language::{self, Closeness};
use crate::fields::list::{ParameterGrammar, parameters, split_token};
use crate::fields::{accept_charset, accept_encoding};
use crate::{FieldSet, Known, RequestHead};

/// A representation as negotiation sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variant<'a> {
    /// The value of Content-Type.
    pub media_type: &'a str,
    /// Its charset; empty for what has none.
    pub charset: &'a str,
    /// The value of Content-Language; empty for none.
    pub languages: &'a str,
    /// The value of Content-Encoding; empty for none.
    pub codings: &'a str,
    /// What it is worth by itself, compared with the others; `None` is full worth.
    pub source_quality: Option<Quality>,
    /// The length of its content.
    pub octets: u64,
}

/// The lines of the fields that say what is preferred (RFC 9110 §12.5).
#[derive(Clone, Debug, Default)]
pub struct Preferences<'a> {
    /// Accept.
    pub media_types: Vec<&'a [u8]>,
    /// Accept-Charset.
    pub charsets: Vec<&'a [u8]>,
    /// Accept-Encoding.
    pub codings: Vec<&'a [u8]>,
    /// Accept-Language.
    pub languages: Vec<&'a [u8]>,
}

impl<'a> Preferences<'a> {
    /// Those of a request.
    pub fn of(head: RequestHead<'a>) -> Self {
        Self {
            media_types: head.all(Known::Accept).collect(),
            charsets: head.all(Known::AcceptCharset).collect(),
            codings: head.all(Known::AcceptEncoding).collect(),
            languages: head.all(Known::AcceptLanguage).collect(),
        }
    }

    /// As much of it as counts. What a user agent says beyond is disregarded (RFC 9110 §12.4.1).
    fn bounded(&self) -> Self {
        Self {
            media_types: bounded(&self.media_types),
            charsets: bounded(&self.charsets),
            codings: bounded(&self.codings),
            languages: bounded(&self.languages),
        }
    }
}

/// The first members of a list whose lines are no longer than [`FIELD_OCTETS_MAX`] together.
fn bounded<'a>(lines: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut out = Vec::with_capacity(lines.len().min(8));
    let mut left = FIELD_OCTETS_MAX;
    for line in lines {
        // Each line begins a member, so an empty one counts too.
        if let Some(rest) = left.checked_sub(line.len() + 1) {
            out.push(*line);
            left = rest;
            continue;
        }
        let front = line.get(..left).unwrap_or(line);
        let end = front.iter().rposition(|&octet| octet == b',');
        out.push(front.get(..end.unwrap_or(0)).unwrap_or_default());
        break;
    }
    out
}

/// What the server has to say in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// The language that is chosen when nothing else decides.
    pub default_language: Option<&'a str>,
    /// Whether no variant is chosen rather than one that is in the default language, when the user agent accepts none
    /// of the languages.
    pub is_strict: bool,
}

/// A dimension of negotiation with a field of its own (RFC 9110 §12.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// By Accept.
    MediaType,
    /// By Accept-Charset.
    Charset,
    /// By Accept-Encoding.
    Coding,
    /// By Accept-Language.
    Language,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MediaType, Self::Charset, Self::Coding, Self::Language];

    /// The request field.
    pub const fn field(self) -> Known {
        match self {
            Self::MediaType => Known::Accept,
            Self::Charset => Known::AcceptCharset,
            Self::Coding => Known::AcceptEncoding,
            Self::Language => Known::AcceptLanguage,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::MediaType => "type",
            Self::Charset => "charset",
            Self::Coding => "coding",
            Self::Language => "language",
        }
    }
}

/// What decides between variants of equal quality; the earlier rule first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The language is named, not matched by `*`.
    LanguageMatch,
    /// The language stands earlier in Accept-Language.
    LanguagePlace,
    /// The language matches more closely: as asked, with more subtags, by lookup.
    LanguageCloseness,
    /// It is in the default language.
    DefaultLanguage,
    /// The media type is named, not matched by a wildcard.
    TypeMatch,
    /// The range that matches the media type stands earlier in Accept.
    TypePlace,
    /// It is HTML; otherwise the type that comes first in the server's order.
    TypeOrder,
    /// It is UTF-8; otherwise the charset that comes first in the server's order.
    CharsetOrder,
    /// It has no language, so it is for all audiences (RFC 9110 §8.5).
    NoLanguage,
    /// The language comes first in the server's order.
    LanguageOrder,
    /// It is the shortest.
    Size,
    /// It comes first in the server's order.
    Order,
}

impl Rule {
    const ALL: [Self; 12] = [
        Self::LanguageMatch,
        Self::LanguagePlace,
        Self::LanguageCloseness,
        Self::DefaultLanguage,
        Self::TypeMatch,
        Self::TypePlace,
        Self::TypeOrder,
        Self::CharsetOrder,
        Self::NoLanguage,
        Self::LanguageOrder,
        Self::Size,
        Self::Order,
    ];

    const fn sentence(self) -> &'static str {
        match self {
            Self::LanguageMatch => "its language is named in Accept-Language",
            Self::LanguagePlace => "its language stands earlier in Accept-Language",
            Self::LanguageCloseness => "its language matches more closely",
            Self::DefaultLanguage => "it is in the default language",
            Self::TypeMatch => "its type is named more exactly in Accept",
            Self::TypePlace => "its type stands earlier in Accept",
            Self::TypeOrder => "HTML goes before other types, then the server's order",
            Self::NoLanguage => "it is for all audiences",
            Self::LanguageOrder => "its language comes first in the server's order",
            Self::CharsetOrder => "UTF-8 goes before other charsets, then the server's order",
            Self::Size => "it is shorter",
            Self::Order => "it comes first in the server's order",
        }
    }
}

/// What became of a variant, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the selected one.
    Chosen,
    /// It is the selected one although the user agent accepts none of the languages (RFC 9110 §12.5.4: "disregard").
    Fallback,
    /// The field excludes it.
    NotAcceptable(Dimension),
    /// The server's own weight of it is 0.
    Worthless,
    /// Another has a larger overall quality.
    LessWelcome,
    /// Another has the same, and this rule decided.
    Tied(Rule),
}

/// One variant in each dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What it is worth by itself.
    pub source: Quality,
    /// In the order of [`Dimension::ALL`]; `None` where all variants are alike.
    pub qualities: [Option<Quality>; 4],
    /// What became of it.
    pub verdict: Verdict,
}

impl Judgement {
    /// The product over all dimensions, 10^15 for full quality in all.
    pub fn overall(&self) -> u64 {
        let all = self.qualities.iter().flatten().chain([&self.source]);
        let mut product = FULL_OVERALL;
        for quality in all {
            product = product / 1000 * u64::from(quality.thousandths());
        }
        product
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let overall = self.overall() / (FULL_OVERALL / 1000);
        write!(f, "{}.{:03}", overall / 1000, overall % 1000)?;
        let mut sign = "=";
        if self.source != Quality::FULL {
            write!(f, " = source {}", self.source)?;
            sign = "×";
        }
        for (dimension, quality) in Dimension::ALL.iter().zip(self.qualities) {
            if let Some(quality) = quality {
                write!(f, " {sign} {} {quality}", dimension.name())?;
                sign = "×";
            }
        }
        match self.verdict {
            Verdict::Chosen => f.write_str("; chosen"),
            Verdict::Fallback => {
                f.write_str("; chosen as the default, since no language is acceptable")
            }
            Verdict::NotAcceptable(dimension) => {
                write!(f, "; not acceptable by {}", dimension.field().name())
            }
            Verdict::Worthless => f.write_str("; the server never chooses it"),
            Verdict::LessWelcome => f.write_str("; less welcome than the chosen one"),
            Verdict::Tied(rule) => {
                write!(
                    f,
                    "; as welcome as the chosen one, but of that {}",
                    rule.sentence()
                )
            }
        }
    }
}

/// What was decided, and all of why.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The selected variant; `None` when none is acceptable.
    pub chosen: Option<usize>,
    /// Of each variant.
    pub judgements: Vec<Judgement>,
    /// The request fields that the decision depends on.
    pub depends_on: FieldSet,
}

impl Decision {
    /// The value of Vary (RFC 9110 §12.5.5); empty when the decision depends on no field.
    pub fn vary(&self) -> String {
        vary_of(self.depends_on)
    }
}

/// The value of Vary for what depends on these of the fields of negotiation; empty for none.
pub fn vary_of(fields: FieldSet) -> String {
    let mut out = String::new();
    for field in Dimension::ALL.map(Dimension::field) {
        if fields.contains(field) {
            out.push_str(if out.is_empty() { "" } else { ", " });
            out.push_str(field.name());
        }
    }
    out
}

/// Selects one of the variants, which are in the server's order. What it costs is the number of variants times the
/// length of the fields, of which the first [`FIELD_OCTETS_MAX`] octets count.
pub fn decide(asked: &Preferences<'_>, variants: &[Variant<'_>], rules: &Rules<'_>) -> Decision {
    let asked = &asked.bounded();
    let differs = Differences::of(variants);
    let mut fields = Fields::new(asked, differs, variants);
    let mut judged: Vec<Judged> = variants
        .iter()
        .map(|variant| fields.judge(variant))
        .collect();
    let ranks: Vec<Rank> = judged
        .iter()
        .enumerate()
        .map(|(place, judged)| rank(judged, place, variants, rules))
        .collect();
    let best = |is_candidate: &dyn Fn(&Judged) -> bool, quality: &dyn Fn(&Judged) -> u64| {
        let candidates = judged.iter().zip(&ranks).enumerate();
        candidates
            .filter(|(_, (judged, _))| is_candidate(judged))
            .max_by_key(|(_, (judged, rank))| (quality(judged), Reverse(**rank)))
            .map(|(place, _)| place)
    };
    let mut chosen = best(&|judged| judged.verdict().is_none(), &|judged| {
        judged.judgement.overall()
    });
    let mut verdict = Verdict::Chosen;
    if chosen.is_none() && !rules.is_strict && rules.default_language.is_some() {
        // RFC 9110 §12.5.4: to send what there is, in place of 406, is the server's to choose.
        chosen = best(
            &|judged| judged.is_excluded_by_language_alone(),
            &|judged| judged.without_language().overall(),
        );
        verdict = Verdict::Fallback;
    }
    let mut depends_on = differs.fields(asked, variants);
    if chosen.is_none()
        && judged
            .iter()
            .any(|judged| judged.is_excluded_by(Dimension::MediaType))
    {
        depends_on.insert(Known::Accept);
    }
    conclude(&mut judged, &ranks, chosen, verdict);
    Decision {
        chosen,
        judgements: judged.iter().map(|judged| judged.judgement).collect(),
        depends_on,
    }
}

/// Writes down what became of each.
fn conclude(judged: &mut [Judged], ranks: &[Rank], chosen: Option<usize>, verdict: Verdict) {
    let winner =
        chosen.and_then(|chosen| Some((judged.get(chosen)?.judgement, *ranks.get(chosen)?)));
    for (place, (judged, rank)) in judged.iter_mut().zip(ranks).enumerate() {
        let own = match (judged.verdict(), winner) {
            _ if chosen == Some(place) => verdict,
            (Some(excluded), _) => excluded,
            (None, Some((winner, winners_rank)))
                if winner.overall() == judged.judgement.overall() =>
            {
                Verdict::Tied(first_difference(&winners_rank, rank))
            }
            _ => Verdict::LessWelcome,
        };
        judged.judgement.verdict = own;
    }
}

fn first_difference(one: &Rank, other: &Rank) -> Rule {
    let differing = one.iter().zip(other).position(|(one, other)| one != other);
    differing
        .and_then(|place| Rule::ALL.get(place).copied())
        .unwrap_or(Rule::Order)
}

/// The dimensions in which the variants are not all alike.
#[derive(Clone, Copy, Debug)]
struct Differences {
    media_type: bool,
    charset: bool,
    coding: bool,
    language: bool,
}

impl Differences {
    fn of(variants: &[Variant<'_>]) -> Self {
        let first = variants.first().copied().unwrap_or_default();
        // Of what has no charset the field says nothing, so only two that have one can differ.
        let mut charsets = variants.iter().map(|variant| variant.charset);
        let charset = charsets.find(|charset| !charset.is_empty());
        Self {
            media_type: variants
                .iter()
                .any(|variant| !is_same_type(variant.media_type, first.media_type)),
            charset: charset.is_some_and(|one| {
                charsets.any(|other| {
                    !other.is_empty() && !accept_charset::is_same(one.as_bytes(), other.as_bytes())
                })
            }),
            coding: variants
                .iter()
                .any(|variant| !variant.codings.eq_ignore_ascii_case(first.codings)),
            language: variants
                .iter()
                .any(|variant| !variant.languages.eq_ignore_ascii_case(first.languages)),
        }
    }

    fn fields(self, asked: &Preferences<'_>, variants: &[Variant<'_>]) -> FieldSet {
        let mut fields = FieldSet::EMPTY;
        // A charset may also be asked for as a parameter of a media range.
        let by_parameter = self.charset && asked.media_types.iter().any(|line| names_charset(line));
        for (is_used, field) in [
            (self.media_type || by_parameter, Known::Accept),
            (self.charset, Known::AcceptCharset),
            (self.coding, Known::AcceptEncoding),
            (self.language, Known::AcceptLanguage),
        ] {
            if is_used && variants.len() > 1 {
                fields.insert(field);
            }
        }
        fields
    }
}

fn names_charset(line: &[u8]) -> bool {
    line.windows(8)
        .any(|octets| octets.eq_ignore_ascii_case(b"charset="))
}

/// Whether two media types are the same but for a charset.
fn is_same_type(one: &str, other: &str) -> bool {
    if !essence(one).eq_ignore_ascii_case(essence(other)) {
        return false;
    }
    one.eq_ignore_ascii_case(other) || parameters_of(one) == parameters_of(other)
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim_end()
}

/// The parameters but for the charset, in lower case and in order.
fn parameters_of(media_type: &str) -> Vec<(Vec<u8>, String)> {
    let start = media_type.find(';').unwrap_or(media_type.len());
    let rest = media_type.as_bytes().get(start..).unwrap_or_default();
    let mut all: Vec<_> = parameters(rest, ParameterGrammar::Common)
        .filter_map(Result::ok)
        .filter(|parameter| !parameter.name.eq_ignore_ascii_case(b"charset"))
        .map(|parameter| {
            (
                parameter.name.to_ascii_lowercase(),
                format!("{:?}", parameter.value).to_ascii_lowercase(),
            )
        })
        .collect();
    all.sort_unstable();
    all
}

/// A variant with what the fields say of it.
struct Judged {
    judgement: Judgement,
    closeness: Closeness,
    language_place: usize,
    type_exactness: u8,
    type_place: usize,
}

impl Judged {
    /// Why it cannot be chosen, if that is so.
    fn verdict(&self) -> Option<Verdict> {
        if !self.judgement.source.is_acceptable() {
            return Some(Verdict::Worthless);
        }
        Dimension::ALL
            .into_iter()
            .find(|&dimension| self.is_excluded_by(dimension))
            .map(Verdict::NotAcceptable)
    }

    fn is_excluded_by(&self, dimension: Dimension) -> bool {
        Dimension::ALL
            .iter()
            .zip(self.judgement.qualities)
            .any(|(&one, quality)| {
                one == dimension && quality.is_some_and(|quality| !quality.is_acceptable())
            })
    }

    fn is_excluded_by_language_alone(&self) -> bool {
        self.judgement.source.is_acceptable()
            && Dimension::ALL.into_iter().all(|dimension| {
                self.is_excluded_by(dimension) == (dimension == Dimension::Language)
            })
    }

    fn without_language(&self) -> Judgement {
        let [media_type, charset, coding, _] = self.judgement.qualities;
        Judgement {
            qualities: [media_type, charset, coding, None],
            ..self.judgement
        }
    }
}

/// The fields, each asked once for each value: variants often share theirs, and a field may be long.
struct Fields<'a, 'v> {
    asked: &'a Preferences<'a>,
    differs: Differences,
    /// There is nothing to choose from, so no field is asked.
    is_alone: bool,
    media_ranges: accept::Ranges<'a>,
    languages: accept_language::Ranges<'a>,
    types: Answers<'v, Option<accept::Judged>>,
    charsets: Answers<'v, Quality>,
    codings: Answers<'v, Quality>,
}

/// What was answered, by what was asked.
type Answers<'v, T> = Vec<(&'v str, T)>;

fn once<'v, T: Copy>(known: &mut Answers<'v, T>, value: &'v str, ask: impl FnOnce() -> T) -> T {
    if let Some((_, answer)) = known.iter().find(|(known, _)| *known == value) {
        return *answer;
    }
    let answer = ask();
    known.push((value, answer));
    answer
}

impl<'a, 'v> Fields<'a, 'v> {
    fn new(asked: &'a Preferences<'a>, differs: Differences, variants: &[Variant<'_>]) -> Self {
        Self {
            asked,
            differs,
            is_alone: variants.len() == 1,
            media_ranges: accept::Ranges::of(asked.media_types.iter().copied()),
            languages: accept_language::Ranges::of(asked.languages.iter().copied()),
            types: Vec::new(),
            charsets: Vec::new(),
            codings: Vec::new(),
        }
    }

    fn judge(&mut self, variant: &Variant<'v>) -> Judged {
        let (asked, differs) = (self.asked, self.differs);
        let ranges = &self.media_ranges;
        let media_type = once(&mut self.types, variant.media_type, || {
            // What has no readable type is no worse than octets of which nothing is known.
            ranges
                .judge(variant.media_type)
                .or_else(|| ranges.judge("application/octet-stream"))
        });
        let is_unasked = self.is_alone || (asked.media_types.is_empty() && !differs.media_type);
        let language = self.languages.judge(variant.languages);
        let charset = differs.charset.then(|| match variant.charset {
            "" => Quality::FULL,
            name => once(&mut self.charsets, name, || {
                accept_charset::quality(asked.charsets.iter().copied(), name)
            }),
        });
        let coding = differs.coding.then(|| {
            once(&mut self.codings, variant.codings, || {
                accept_encoding::quality(asked.codings.iter().copied(), variant.codings)
            })
        });
        Judged {
            judgement: Judgement {
                source: variant.source_quality.unwrap_or(Quality::FULL),
                qualities: [
                    media_type
                        .map(|judged| judged.quality)
                        .filter(|_| !is_unasked),
                    charset,
                    coding,
                    differs.language.then_some(language.quality),
                ],
                verdict: Verdict::LessWelcome,
            },
            closeness: language.closeness,
            language_place: language.place,
            type_exactness: media_type.map_or(0, |judged| judged.exactness),
            type_place: media_type.map_or(0, |judged| judged.place),
        }
    }
}

/// By each [`Rule`], the smaller the better.
type Rank = [u64; 12];

fn rank(judged: &Judged, place: usize, variants: &[Variant<'_>], rules: &Rules<'_>) -> Rank {
    let variant = variants.get(place).copied().unwrap_or_default();
    let first_with = |is_alike: &dyn Fn(&Variant<'_>) -> bool| {
        let first = variants.iter().position(is_alike);
        first.unwrap_or(place) as u64 + 1
    };
    let is_default = rules
        .default_language
        .is_some_and(|default| is_in_language(variant.languages, default));
    let type_order = if is_html(variant.media_type) {
        0
    } else {
        first_with(&|other| is_same_type(other.media_type, variant.media_type))
    };
    let charset_order = if variant.charset.eq_ignore_ascii_case("utf-8") {
        0
    } else {
        first_with(&|other| other.charset.eq_ignore_ascii_case(variant.charset))
    };
    [
        match judged.closeness {
            Closeness::Filtered(_) | Closeness::LookedUp(_) => 0,
            Closeness::Wild => 1,
            Closeness::Sibling => 2,
            Closeness::Unlisted => 3,
        },
        judged.language_place as u64,
        match judged.closeness {
            Closeness::Filtered(left) => left as u64,
            Closeness::LookedUp(cut) => (1 << 32) + cut as u64,
            Closeness::Wild | Closeness::Sibling | Closeness::Unlisted => 0,
        },
        u64::from(!is_default),
        u64::from(u8::MAX - judged.type_exactness),
        judged.type_place as u64,
        type_order,
        charset_order,
        u64::from(!variant.languages.is_empty()),
        first_with(&|other| other.languages.eq_ignore_ascii_case(variant.languages)),
        variant.octets,
        place as u64,
    ]
}

/// Whether one of some languages is `range`, or begins with its subtags (RFC 4647 §3.3.1).
fn is_in_language(languages: &str, range: &str) -> bool {
    languages.split(',').any(|tag| {
        let tag = tag.trim();
        tag.get(..range.len())
            .is_some_and(|front| front.eq_ignore_ascii_case(range))
            && matches!(tag.as_bytes().get(range.len()), None | Some(b'-'))
    })
}

fn is_html(media_type: &str) -> bool {
    let (kind, rest) = split_token(media_type.as_bytes());
    let (subtype, _) = split_token(rest.get(1..).unwrap_or_default());
    kind.eq_ignore_ascii_case(b"text") && subtype.eq_ignore_ascii_case(b"html")
}

/// Octets of each field that count. User agents send a tenth of it; without an end to it one request could keep a worker
/// for as long as hundreds of others.
pub const FIELD_OCTETS_MAX: usize = 2048;
/// 1 in each of five dimensions.
const FULL_OVERALL: u64 = 1_000_000_000_000_000;

#[cfg(test)]
mod tests;
