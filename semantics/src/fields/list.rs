//! What the grammars of field values share: lists, tokens, quoted strings, parameters
//! (RFC 9110 §5.6).
//!
//! ```
//! use hansom_semantics::fields::list::members_of;
//!
//! let lines: [&[u8]; 2] = [b"a, \"b, c\",,", b"d"];
//! let members: Vec<_> = members_of(lines).collect();
//! assert_eq!(members, [&b"a"[..], b"\"b, c\"", b"d"]);
//! ```

use memchr::memchr2;

/// A value, or a member of a list, that does not follow the grammar of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The members of one list value: split at the commas outside quoted strings, without the
/// whitespace around them, empty ones left out (RFC 9110 §5.6.1.2).
///
/// A quoted string that never ends reaches to the end of the line, so that the last member
/// comes out malformed instead of hiding a comma.
#[must_use]
pub fn members(line: &[u8]) -> Members<'_> {
    Members { rest: Some(line) }
}

/// The members of a list given as several field lines (RFC 9110 §5.3), in order.
pub fn members_of<'a, I>(lines: I) -> impl Iterator<Item = &'a [u8]> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    lines.into_iter().flat_map(members)
}

/// Whether a list value has an empty member, such as `a,` or `,a` or nothing at all.
///
/// A recipient skips them, but a sender must not generate them (RFC 9110 §5.6.1.1), which a
/// strict policy may want to know of framing fields.
#[must_use]
pub fn has_empty_member(line: &[u8]) -> bool {
    let mut rest = Some(line);
    while let Some(octets) = rest {
        let (member, after) = split_member(octets);
        if trim_ows(member).is_empty() {
            return true;
        }
        rest = after;
    }
    false
}

/// The only line of a field that is not a list; several lines give an empty value.
///
/// Such a field must not be sent twice (RFC 9110 §5.3). The empty value fits no grammar, so
/// its parser then does what the field's section says about an invalid value.
pub fn only_line<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let mut lines = lines.into_iter();
    let first = lines.next()?;
    Some(if lines.next().is_none() { first } else { b"" })
}

/// Iterator of [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while let Some(octets) = self.rest {
            let (member, after) = split_member(octets);
            self.rest = after;
            let member = trim_ows(member);
            if !member.is_empty() {
                return Some(member);
            }
        }
        None
    }
}

/// Without the optional whitespace on both sides: SP and HTAB, nothing else (RFC 9110 §5.6.3).
#[must_use]
pub fn trim_ows(octets: &[u8]) -> &[u8] {
    let mut octets = trim_ows_start(octets);
    while let [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

/// Without the optional whitespace in front (RFC 9110 §5.6.3).
#[must_use]
pub fn trim_ows_start(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = octets {
        octets = rest;
    }
    octets
}

/// Whether an octet may stand in a token: `tchar` of RFC 9110 §5.6.2.
#[must_use]
#[expect(
    clippy::indexing_slicing,
    reason = "the table has an entry for every octet"
)]
pub const fn is_token_octet(octet: u8) -> bool {
    TOKEN[octet as usize]
}

/// Whether the octets are a token, which has at least one octet (RFC 9110 §5.6.2).
#[must_use]
pub fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|&octet| is_token_octet(octet))
}

/// The token in front, possibly empty, and what follows it.
#[must_use]
pub fn split_token(octets: &[u8]) -> (&[u8], &[u8]) {
    let end = octets
        .iter()
        .position(|&octet| !is_token_octet(octet))
        .unwrap_or(octets.len());
    octets.split_at(end)
}

/// The quoted string in front and what follows it (RFC 9110 §5.6.4).
///
/// The first part is what stands between the quotes, its quoted pairs untouched: see
/// [`unescaped`]. `None` when there is no quoted string, it does not end or holds an octet it
/// may not hold.
#[must_use]
pub fn split_quoted_string(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = octets.strip_prefix(b"\"")?;
    let mut left = inside.iter().enumerate();
    while let Some((at, &octet)) = left.next() {
        match octet {
            b'"' => {
                let (raw, rest) = inside.split_at(at);
                return Some((raw, rest.strip_prefix(b"\"")?));
            }
            b'\\' if left.next().is_some_and(|(_, &next)| is_text_octet(next)) => {}
            b'\\' => return None,
            _ if is_text_octet(octet) => {}
            _ => return None,
        }
    }
    None
}

/// The octets meant by the raw inside of a quoted string: `\x` stands for `x`
/// (RFC 9110 §5.6.4).
pub fn unescaped(raw: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut left = raw.iter().copied();
    std::iter::from_fn(move || match left.next()? {
        b'\\' => left.next(),
        octet => Some(octet),
    })
}

/// HTAB, SP, VCHAR or obs-text: what a quoted string may hold.
const fn is_text_octet(octet: u8) -> bool {
    matches!(octet, b'\t' | b' '..=b'~' | 0x80..)
}

/// Which of the two parameter grammars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterGrammar {
    /// RFC 9110 §5.6.6: nothing around `=`, and a `;` without a parameter is skipped.
    Common,
    /// RFC 9112 §7: whitespace around `=` is read, a `;` without a parameter is malformed.
    Transfer,
}

/// A parameter's value, as a token or inside quotes: both mean the same (RFC 9110 §5.6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterValue<'a> {
    /// A token.
    Token(&'a [u8]),
    /// The inside of a quoted string, its quoted pairs untouched.
    Quoted(&'a [u8]),
}

impl ParameterValue<'_> {
    /// Whether the value means these octets, in any case.
    #[must_use]
    pub fn is(&self, octets: &[u8]) -> bool {
        match self {
            Self::Token(token) => token.eq_ignore_ascii_case(octets),
            Self::Quoted(raw) => {
                let lower = |octet: u8| octet.to_ascii_lowercase();
                unescaped(raw)
                    .map(lower)
                    .eq(octets.iter().copied().map(lower))
            }
        }
    }

    /// Whether two values mean the same, in any case.
    #[must_use]
    pub fn is_same(&self, other: &ParameterValue<'_>) -> bool {
        match other {
            ParameterValue::Token(token) => self.is(token),
            ParameterValue::Quoted(raw) => match self {
                Self::Token(token) => other.is(token),
                Self::Quoted(own) => unescaped(own)
                    .map(|octet| octet.to_ascii_lowercase())
                    .eq(unescaped(raw).map(|octet| octet.to_ascii_lowercase())),
            },
        }
    }
}

/// One `name=value` (RFC 9110 §5.6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The name, a token; its case means nothing.
    pub name: &'a [u8],
    /// The value.
    pub value: ParameterValue<'a>,
}

/// The parameters that follow a value: `octets` is empty or begins at the first `;` or the
/// whitespace before it. Ends after the first malformed one.
#[must_use]
pub fn parameters(octets: &[u8], grammar: ParameterGrammar) -> Parameters<'_> {
    Parameters {
        rest: octets,
        grammar,
    }
}

/// Iterator of [`parameters`].
#[derive(Clone, Debug)]
pub struct Parameters<'a> {
    rest: &'a [u8],
    grammar: ParameterGrammar,
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<Parameter<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = trim_ows_start(std::mem::take(&mut self.rest));
            let (semicolon, rest) = rest.split_first()?;
            if *semicolon != b';' {
                return Some(Err(Malformed));
            }
            let rest = trim_ows_start(rest);
            if self.grammar == ParameterGrammar::Common && matches!(rest, [] | [b';', ..]) {
                self.rest = rest;
                continue;
            }
            let Some((parameter, rest)) = split_parameter(rest, self.grammar) else {
                return Some(Err(Malformed));
            };
            self.rest = rest;
            return Some(Ok(parameter));
        }
    }
}

fn split_parameter(octets: &[u8], grammar: ParameterGrammar) -> Option<(Parameter<'_>, &[u8])> {
    let bad_whitespace = |octets| match grammar {
        ParameterGrammar::Common => octets,
        ParameterGrammar::Transfer => trim_ows_start(octets),
    };
    let (name, rest) = split_token(octets);
    if name.is_empty() {
        return None;
    }
    let rest = bad_whitespace(bad_whitespace(rest).strip_prefix(b"=")?);
    let (value, rest) = split_parameter_value(rest)?;
    Some((Parameter { name, value }, rest))
}

/// The token or quoted string in front and what follows it.
#[must_use]
pub fn split_parameter_value(octets: &[u8]) -> Option<(ParameterValue<'_>, &[u8])> {
    if let Some((raw, rest)) = split_quoted_string(octets) {
        return Some((ParameterValue::Quoted(raw), rest));
    }
    let (token, rest) = split_token(octets);
    (!token.is_empty()).then_some((ParameterValue::Token(token), rest))
}

/// The octets up to the first comma outside quoted strings, and what follows that comma.
fn split_member(octets: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut at = 0;
    while let Some(found) = octets.get(at..).and_then(|rest| memchr2(b',', b'"', rest)) {
        let (before, after) = octets.split_at(at + found);
        match after {
            [b',', rest @ ..] => return (before, Some(rest)),
            _ => at = end_of_quoted(octets, at + found + 1),
        }
    }
    (octets, None)
}

/// Where a quoted string whose inside begins at `at` has ended, or the end of all octets.
fn end_of_quoted(octets: &[u8], mut at: usize) -> usize {
    while let Some(rest) = octets.get(at..) {
        match memchr2(b'"', b'\\', rest) {
            None => return octets.len(),
            Some(found) if rest.get(found) == Some(&b'"') => return at + found + 1,
            Some(found) => at += found + 2,
        }
    }
    octets.len()
}

/// The octets of a token: `tchar` of RFC 9110 §5.6.2.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 128 {
        table[octet] = matches!(
            octet as u8,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
                | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        );
        octet += 1;
    }
    table
};

#[cfg(test)]
mod tests;
