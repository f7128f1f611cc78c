//! Language tags in the names of files (BCP 47, RFC 5646 §2.1).

/// The tag, in the case that RFC 5646 §2.1.1 recommends, if it is one: a known primary language, then subtags by
/// their syntax. Extensions and private use have no place in the name of a file.
pub(super) fn tag(text: &str) -> Option<String> {
    let mut subtags = text.split('-').peekable();
    let primary = subtags.next()?.to_ascii_lowercase();
    if text.len() > TAG_OCTETS_MAX || !is_known(&primary) {
        return None;
    }
    let mut out = primary;
    let is_alpha = |subtag: &str| subtag.bytes().all(|octet| octet.is_ascii_alphabetic());
    if let Some(extended) = subtags.next_if(|subtag| subtag.len() == 3 && is_alpha(subtag)) {
        push(&mut out, &extended.to_ascii_lowercase());
    }
    if let Some(script) = subtags.next_if(|subtag| subtag.len() == 4 && is_alpha(subtag)) {
        let (first, rest) = script.split_at(1);
        push(
            &mut out,
            &(first.to_ascii_uppercase() + &rest.to_ascii_lowercase()),
        );
    }
    if let Some(region) = subtags.next_if(|subtag| {
        (subtag.len() == 2 && is_alpha(subtag))
            || (subtag.len() == 3 && subtag.bytes().all(|octet| octet.is_ascii_digit()))
    }) {
        push(&mut out, &region.to_ascii_uppercase());
    }
    for variant in subtags {
        let is_variant = variant.bytes().all(|octet| octet.is_ascii_alphanumeric())
            && match variant.len() {
                4 => variant.starts_with(|c: char| c.is_ascii_digit()),
                5..=8 => true,
                _ => false,
            };
        if !is_variant {
            return None;
        }
        push(&mut out, &variant.to_ascii_lowercase());
    }
    Some(out)
}

fn push(out: &mut String, subtag: &str) {
    out.push('-');
    out.push_str(subtag);
}

fn is_known(primary: &str) -> bool {
    TWO_LETTERS
        .split_ascii_whitespace()
        .any(|code| code == primary)
        || THREE_LETTERS
            .split_ascii_whitespace()
            .any(|code| code == primary)
}

const TAG_OCTETS_MAX: usize = 35;

/// ISO 639-1.
const TWO_LETTERS: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv \
    cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig \
    ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn \
    mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si \
    sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo \
    za zh zu";

/// Languages of ISO 639-3 without a code of two letters that web sites are written in. Codes that file names have for
/// other things (`min`, `map`, `bin`, `new`, `lua`) are left out.
const THREE_LETTERS: &str = "arn ary arz ast bal bem bho brx ceb chr ckb cmn crh csb diq dsb fil frp fur gag gom gsw \
    hak haw hif hmn hsb ilo inh jbo kaa kab kbd kmr kok kpv krl lij lld lmo ltg lus lzh mai mdf mni mos myv nah nan nap \
    nds nqo nso pap pcm pms pnb quc rif rup sah scn sco sgs shi shn skr sma smj smn sms srn syr szl tet tpi tyv tzm \
    udm und vec vep vls vro wuu xmf yua yue zea zgh zza";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_begins_with_a_known_language() {
        for (text, expected) in [
            ("en", "en"),
            ("EN", "en"),
            ("zh-hant", "zh-Hant"),
            ("zh-HANT-tw", "zh-Hant-TW"),
            ("pt-br", "pt-BR"),
            ("es-419", "es-419"),
            ("sr-latn", "sr-Latn"),
            ("de-ch-1996", "de-CH-1996"),
            ("sl-rozaj-biske", "sl-rozaj-biske"),
            ("zh-yue", "zh-yue"),
            ("yue", "yue"),
        ] {
            assert_eq!(tag(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn whatever_else_is_none() {
        for text in [
            "",
            "-",
            "xx",
            "js",
            "md",
            "min",
            "map",
            "html",
            "en-",
            "en--gb",
            "en_GB",
            "en-GB-",
            "en-x-a",
            "e",
            "en-toolongsubtag",
            "en-GB-US",
            "ené",
        ] {
            assert_eq!(tag(text), None, "{text}");
        }
    }
}
