//! `Accept-Language` (RFC 9110 §12.5.4) and the matching of language tags (RFC 4647).

use super::accept::{MEMBERS_MAX, Quality, Weighted, weighted_list};
use super::list::members;

/// How a language tag was matched, the closer the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// A range includes it (basic filtering, RFC 4647 §3.3.1) and leaves this many subtags open.
    Filtered(usize),
    /// A range comes down to it without its last subtags, so many (lookup, RFC 4647 §3.4).
    LookedUp(usize),
    /// By `*`.
    Wild,
    /// A range names the same language with other subtags, as `pt-PT` beside `pt-BR`.
    Sibling,
    /// By nothing, or nothing was asked.
    Unlisted,
}

/// What a field says of one representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How welcome its language is.
    pub quality: Quality,
    /// By which kind of match.
    pub closeness: Closeness,
    /// The place of the range among the readable members, from 0. RFC 9110 §12.5.4 knows recipients that take the order
    /// for one of preference; here it decides between equals only.
    pub place: usize,
}

/// How welcome content in these languages is: `languages` is the value of its Content-Language, so the most welcome of
/// them counts. Content without a language is for all audiences (RFC 9110 §8.5): acceptable, but made for nobody in
/// particular, so it is worth [`Quality::LEAST`].
///
/// A tag has the weight of the longest range that includes it. If there is none, and `*;q=0` does not exclude it, the
/// tag may be what lookup would come to: `en` is what there is for somebody who asked for `en-GB`, at its weight. The
/// larger of that and the weight of `*` counts. A tag that differs from a range after the first subtag is still the same
/// language: it is worth [`Quality::LEAST`]. Chinese is told apart by script, not by region: `zh-TW` includes `zh-Hant`.
/// A field that is absent, or has no readable member, welcomes all.
pub fn judge<'a>(lines: impl IntoIterator<Item = &'a [u8]>, languages: &str) -> Judged {
    Ranges::of(lines).judge(languages)
}

/// The readable members of the field, read once for many questions.
#[derive(Clone, Debug)]
pub struct Ranges<'a>(Vec<Weighted<'a>>);

impl<'a> Ranges<'a> {
    /// Those of a field with these lines, of which the first [`MEMBERS_MAX`] members count.
    pub fn of(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let members = weighted_list(lines).take(MEMBERS_MAX);
        Self(members.filter_map(Result::ok).collect())
    }

    /// As [`judge`].
    pub fn judge(&self, languages: &str) -> Judged {
        let unlisted = |quality| Judged {
            quality,
            closeness: Closeness::Unlisted,
            place: 0,
        };
        if self.0.is_empty() {
            return unlisted(Quality::FULL);
        }
        let mut tags = members(languages.as_bytes()).peekable();
        if tags.peek().is_none() {
            return unlisted(Quality::LEAST);
        }
        let mut best = unlisted(Quality::NONE);
        for tag in tags.take(TAGS_MAX) {
            if let Some(judged) = judge_tag(&self.0, tag)
                && judged.is_better_than(&best)
            {
                best = judged;
            }
        }
        best
    }
}

fn judge_tag(ranges: &[Weighted<'_>], tag: &[u8]) -> Option<Judged> {
    // The length of the match, and whether the range says it in so many words.
    let mut filtered: Option<((usize, bool), Judged)> = None;
    let mut looked_up: Option<Judged> = None;
    let mut wild: Option<Judged> = None;
    let mut sibling: Option<Judged> = None;
    for (place, &Weighted { value, quality }) in ranges.iter().enumerate() {
        let judged = |closeness| Judged {
            quality,
            closeness,
            place,
        };
        if value == b"*" {
            keep_better(&mut wild, judged(Closeness::Wild));
        } else if let Some(left) = subtags_beyond(tag, value) {
            let matched = (value.len(), true);
            if filtered.is_none_or(|(than, best)| (matched, quality) > (than, best.quality)) {
                filtered = Some((matched, judged(Closeness::Filtered(left))));
            }
        } else if quality.is_acceptable() {
            if let Some(length) = included_by_script(tag, value) {
                let matched = (length, false);
                if filtered.is_none_or(|(than, best)| (matched, quality) > (than, best.quality)) {
                    filtered = Some((matched, judged(Closeness::LookedUp(1))));
                }
            } else if let Some(cut) = subtags_beyond(value, tag) {
                keep_better(&mut looked_up, judged(Closeness::LookedUp(cut)));
            } else if primary(value).eq_ignore_ascii_case(primary(tag)) {
                keep_better(
                    &mut sibling,
                    Judged {
                        quality: Quality::LEAST,
                        ..judged(Closeness::Sibling)
                    },
                );
            }
        }
    }
    if let Some((_, judged)) = filtered {
        return Some(judged);
    }
    match wild {
        Some(wild) if !wild.quality.is_acceptable() => Some(wild),
        Some(wild) => {
            keep_better(&mut looked_up, wild);
            looked_up
        }
        None => looked_up.or(sibling),
    }
}

impl Judged {
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |judged: &Self| (judged.quality, std::cmp::Reverse(judged.closeness));
        rank(self) > rank(other)
    }
}

fn keep_better(best: &mut Option<Judged>, judged: Judged) {
    if best.is_none_or(|best| judged.is_better_than(&best)) {
        *best = Some(judged);
    }
}

/// How many subtags `long` has beyond `short`, if it begins with all of those.
fn subtags_beyond(long: &[u8], short: &[u8]) -> Option<usize> {
    let (front, rest) = long.split_at_checked(short.len())?;
    if !front.eq_ignore_ascii_case(short) {
        return None;
    }
    match rest.first() {
        None => Some(0),
        Some(b'-') => Some(rest.iter().filter(|&&octet| octet == b'-').count()),
        Some(_) => None,
    }
}

/// The length of a tag's language and script, if a Chinese range implies them by its region (RFC 5646 §2.2.3 has tags
/// leave out a script that the region implies, and the other way round).
fn included_by_script(tag: &[u8], range: &[u8]) -> Option<usize> {
    let mut subtags = range.split(|&octet| octet == b'-');
    let (language, region) = (subtags.next()?, subtags.next()?);
    let is = |known: &[u8]| region.eq_ignore_ascii_case(known);
    let implied: &[u8] = if is(b"TW") || is(b"HK") || is(b"MO") {
        b"zh-Hant"
    } else if is(b"CN") || is(b"SG") {
        b"zh-Hans"
    } else {
        return None;
    };
    let is_it = language.eq_ignore_ascii_case(b"zh") && subtags_beyond(tag, implied).is_some();
    is_it.then_some(implied.len())
}

fn primary(tag: &[u8]) -> &[u8] {
    tag.split(|&octet| octet == b'-').next().unwrap_or_default()
}

/// Tags of one representation that are looked at.
const TAGS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, languages: &str) -> u16 {
        judge([line.as_bytes()], languages).quality.thousandths()
    }

    fn closeness(line: &str, languages: &str) -> Closeness {
        judge([line.as_bytes()], languages).closeness
    }

    #[test]
    fn absent_empty_or_unreadable_welcomes_every_language() {
        assert_eq!(judge([], "en").quality, Quality::FULL);
        for line in ["", ",", "en;q=7", "en us"] {
            assert_eq!(of(line, "zh"), 1000, "{line:?}");
        }
    }

    #[test]
    fn a_range_includes_the_tags_that_begin_with_its_subtags() {
        assert_eq!(of("en", "en-GB"), 1000);
        assert_eq!(of("en", "EN"), 1000);
        assert_eq!(of("en", "eng"), 0);
        assert_eq!(of("zh-Hant", "zh-hant-TW"), 1000);
        assert_eq!(of("zh-Hant", "zh-Hans"), 1);
    }

    #[test]
    fn the_longest_range_decides() {
        assert_eq!(of("en;q=0.8, en-GB;q=0.2", "en-GB"), 200);
        assert_eq!(of("en;q=0.8, en-GB;q=0", "en-GB"), 0);
        assert_eq!(of("en;q=0, en-GB", "en-GB"), 1000);
        assert_eq!(of("*;q=0.9, en;q=0.1", "en"), 100);
    }

    #[test]
    fn the_star_is_for_what_no_other_range_includes() {
        assert_eq!(of("de, *;q=0.4", "fr"), 400);
        assert_eq!(of("de, *;q=0", "fr"), 0);
        assert_eq!(of("*", "fr"), 1000);
    }

    #[test]
    fn a_tag_is_looked_up_when_no_range_includes_it() {
        // RFC 4647 §3.4.
        assert_eq!(of("en-GB;q=0.7", "en"), 700);
        assert_eq!(of("zh-Hant-TW;q=0.6", "zh"), 600);
        assert_eq!(of("en-GB", "en-US"), 1);
        assert_eq!(closeness("en-GB", "en"), Closeness::LookedUp(1));
    }

    #[test]
    fn chinese_is_told_apart_by_script() {
        assert_eq!(of("zh-TW, zh;q=0.9", "zh-Hant"), 1000);
        assert_eq!(of("zh-TW, zh;q=0.9", "zh-Hans"), 900);
        assert_eq!(of("zh-CN;q=0.8", "zh-Hans-CN"), 800);
        assert_eq!(of("zh-CN;q=0.8", "zh-Hant"), 1);
        assert_eq!(of("zh-HK;q=0, zh;q=0.5", "zh-Hant"), 500);
        assert_eq!(of("zh-TW, zh-Hant;q=0.2", "zh-Hant"), 200);
        assert_eq!(of("en-TW", "zh-Hant"), 0);
    }

    #[test]
    fn the_same_language_of_another_place_is_better_than_none() {
        assert_eq!(of("pt-PT", "pt-BR"), 1);
        assert_eq!(of("pt-PT;q=0", "pt-BR"), 0);
        assert_eq!(of("pt-PT, *;q=0", "pt-BR"), 0);
        assert_eq!(of("pt-PT, *;q=0.3", "pt-BR"), 300);
        assert_eq!(of("pt-PT, pt;q=0", "pt-BR"), 0);
        assert!(closeness("pt-PT", "pt-BR") < closeness("pt-PT", ""));
    }

    #[test]
    fn what_is_excluded_is_not_looked_up() {
        assert_eq!(of("en-GB, en;q=0", "en"), 0);
        assert_eq!(of("en-GB;q=0", "en"), 0);
        assert_eq!(of("en-GB, *;q=0", "en"), 0);
        assert_eq!(of("en-GB;q=0.3, *;q=0.8", "en"), 800);
    }

    #[test]
    fn content_without_a_language_is_acceptable_and_last() {
        assert_eq!(of("de", ""), 1);
        assert_eq!(of("*;q=0", ""), 1);
    }

    #[test]
    fn of_several_languages_the_most_welcome_counts() {
        assert_eq!(of("mi;q=0.4, en;q=0.6", "mi, en"), 600);
        assert_eq!(of("fr", "mi, en"), 0);
    }

    #[test]
    fn closer_is_smaller() {
        assert!(closeness("en", "en") < closeness("en", "en-GB"));
        assert!(closeness("en", "en-GB") < closeness("en-GB", "en"));
        assert!(closeness("en-GB", "en") < closeness("*", "en"));
    }
}
