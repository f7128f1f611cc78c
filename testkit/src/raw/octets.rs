//! The octets of a case: escapes, repetitions and bindings.

use std::collections::BTreeMap;

/// Names that a case may use between braces, such as `{ETAG}`.
pub type Bindings = BTreeMap<String, Vec<u8>>;

/// The most octets one line of a case may expand to.
const EXPANDED_OCTETS_MAX: usize = 64 << 20;

/// Expands `\r \n \t \s \0 \\ \{ \} \xNN`, `{text*times}` and `{NAME}`.
pub fn expand(text: &str, bindings: &Bindings) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '\\' => escape(&mut out, rest)?,
            '{' => braces(&mut out, rest, bindings)?,
            _ => {
                let (plain, after) = rest.split_at(first.len_utf8());
                out.extend_from_slice(plain.as_bytes());
                after
            }
        };
        if out.len() > EXPANDED_OCTETS_MAX {
            return Err("expands to too many octets".into());
        }
    }
    Ok(out)
}

/// Shows octets as a case would spell them, with the middle of long ones left out.
pub fn show(octets: &[u8], shown_max: usize) -> String {
    if octets.len() <= shown_max {
        return spell(octets);
    }
    let half = shown_max / 2;
    let (head, tail) = (&octets[..half], &octets[octets.len() - half..]);
    format!(
        "{} ...{} octets... {}",
        spell(head),
        octets.len() - 2 * half,
        spell(tail)
    )
}

fn spell(octets: &[u8]) -> String {
    let mut out = String::new();
    for &octet in octets {
        match octet {
            b'\r' => out.push_str("\\r"),
            b'\n' => out.push_str("\\n\n      "),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(char::from(octet)),
            _ => out.push_str(&format!("\\x{octet:02x}")),
        }
    }
    out
}

fn escape<'t>(out: &mut Vec<u8>, text: &'t str) -> Result<&'t str, String> {
    let mut chars = text.chars();
    chars.next();
    let octet = match chars.next() {
        Some('r') => b'\r',
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('s') => b' ',
        Some('0') => 0,
        Some(same @ ('\\' | '{' | '}' | '|')) => same as u8,
        Some('x') => {
            let digits = text.get(2..4).ok_or("\\x wants two digits")?;
            out.push(
                u8::from_str_radix(digits, 16)
                    .map_err(|_| format!("not hexadecimal: {digits:?}"))?,
            );
            return Ok(&text[4..]);
        }
        other => return Err(format!("unknown escape: {other:?}")),
    };
    out.push(octet);
    Ok(chars.as_str())
}

fn braces<'t>(out: &mut Vec<u8>, text: &'t str, bindings: &Bindings) -> Result<&'t str, String> {
    let end = closing(text).ok_or("a brace that nothing closes")?;
    let (inner, after) = (&text[1..end], &text[end + 1..]);
    if let Some((what, times)) = inner.rsplit_once('*')
        && let Ok(times) = times.parse::<usize>()
    {
        let what = expand(what, bindings)?;
        if what.len().saturating_mul(times) > EXPANDED_OCTETS_MAX {
            return Err("expands to too many octets".into());
        }
        out.extend(what.repeat(times));
        return Ok(after);
    }
    out.extend_from_slice(
        bindings
            .get(inner)
            .ok_or_else(|| format!("nothing is bound to {inner:?}"))?,
    );
    Ok(after)
}

/// Where the brace at the start of `text` is closed; escaped braces do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0usize, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Vec<u8> {
        expand(text, &Bindings::new()).unwrap()
    }

    #[test]
    fn escapes_become_their_octets() {
        assert_eq!(plain(r"a\r\n\t\s\0\\\{\x7f"), b"a\r\n\t \0\\{\x7f");
    }

    #[test]
    fn a_repetition_repeats_what_it_holds_with_its_escapes() {
        assert_eq!(plain(r"<{a\r*3}>"), b"<a\ra\ra\r>");
        assert_eq!(plain(r"{x{ab*2}*2}"), b"xababxabab");
    }

    #[test]
    fn an_unbound_name_is_an_error() {
        assert!(expand("{NOBODY}", &Bindings::new()).is_err());
        assert!(expand("{open", &Bindings::new()).is_err());
    }

    #[test]
    fn long_octets_are_shown_by_their_ends() {
        assert_eq!(show(b"abcdefgh", 4), "ab ...4 octets... gh");
    }
}
