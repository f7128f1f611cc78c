//! `Cache-Control` as it is configured and sent (RFC 9111 §5.2). What its directives mean to a
//! cache is not here.
//!
//! ```
//! use hansom_semantics::fields::cache_control::render;
//!
//! assert_eq!(render("public,max-age=60").unwrap(), "public, max-age=60");
//! assert!(render("max-age=soon").is_err());
//! ```

use super::list::{
    Malformed, ParameterValue, members, members_of, split_parameter_value, split_token,
};

/// One directive (RFC 9111 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// Its name; the case means nothing.
    pub name: &'a [u8],
    /// Its argument.
    pub argument: Option<ParameterValue<'a>>,
}

/// The directives of all lines of the field.
pub fn directives<'a, I>(
    lines: I,
) -> impl Iterator<Item = Result<Directive<'a>, Malformed>> + use<'a, I>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    members_of(lines).map(|member| directive(member).ok_or(Malformed))
}

fn directive(member: &[u8]) -> Option<Directive<'_>> {
    let (name, rest) = split_token(member);
    let argument = match rest {
        [] => None,
        [b'=', rest @ ..] => match split_parameter_value(rest)? {
            (value, []) => Some(value),
            _ => return None,
        },
        _ => return None,
    };
    (!name.is_empty()).then_some(Directive { name, argument })
}

/// Why a configured value cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid<'a> {
    /// There is no directive.
    Empty,
    /// This member is no directive.
    Malformed(&'a str),
    /// This directive needs a number of seconds (RFC 9111 §1.2.2).
    Seconds(&'a str),
}

impl std::fmt::Display for Invalid<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no directive"),
            Self::Malformed(text) => write!(f, "`{text}` is not a directive"),
            Self::Seconds(text) => write!(f, "`{text}` needs a whole number of seconds"),
        }
    }
}

/// A configured list of directives as it is sent: one `, ` between two, nothing empty.
///
/// # Errors
///
/// Says what a recipient could not read.
pub fn render(configured: &str) -> Result<String, Invalid<'_>> {
    let mut rendered = String::with_capacity(configured.len() + 8);
    for member in members(configured.as_bytes()) {
        // A member begins and ends beside ASCII, so it is text as the whole is.
        let text = std::str::from_utf8(member).unwrap_or_default();
        let directive = directive(member).ok_or(Invalid::Malformed(text))?;
        if takes_seconds(directive.name) && !has_seconds(&directive) {
            return Err(Invalid::Seconds(text));
        }
        if !rendered.is_empty() {
            rendered.push_str(", ");
        }
        rendered.push_str(text);
    }
    if rendered.is_empty() {
        Err(Invalid::Empty)
    } else {
        Ok(rendered)
    }
}

/// The response directives with seconds: RFC 9111 §5.2.2.1, §5.2.2.10 and RFC 5861 §3, §4.
fn takes_seconds(name: &[u8]) -> bool {
    const KNOWN: [&[u8]; 4] = [
        b"max-age",
        b"s-maxage",
        b"stale-while-revalidate",
        b"stale-if-error",
    ];
    KNOWN.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A sender writes seconds as a token, not quoted (RFC 9111 §5.2.2.1).
fn has_seconds(directive: &Directive<'_>) -> bool {
    matches!(directive.argument, Some(ParameterValue::Token(digits)) if digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_directives_is_rendered_with_one_separator() {
        assert_eq!(render("no-cache").as_deref(), Ok("no-cache"));
        assert_eq!(
            render(" public ,, max-age=60,").as_deref(),
            Ok("public, max-age=60")
        );
        assert_eq!(
            render("private=\"a, b\",x=y").as_deref(),
            Ok("private=\"a, b\", x=y")
        );
        assert_eq!(
            render("max-age=31536000, immutable").as_deref(),
            Ok("max-age=31536000, immutable")
        );
    }

    #[test]
    fn nothing_is_no_list() {
        assert_eq!(render(""), Err(Invalid::Empty));
        assert_eq!(render(" , "), Err(Invalid::Empty));
    }

    #[test]
    fn what_is_no_directive_is_named() {
        for bad in [
            "no cache",
            "=1",
            "a=",
            "a=b c",
            "a=\"b",
            "a=\"b\"c",
            "a\r\nb",
            "a\0",
            "é",
            "a=é",
            "max-age =1",
            "a;b",
        ] {
            assert_eq!(
                render(&format!("public, {bad}")),
                Err(Invalid::Malformed(bad)),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn seconds_are_digits() {
        for bad in [
            "max-age",
            "max-age=soon",
            "S-MaxAge=-1",
            "max-age=\"60\"",
            "stale-if-error=1.5",
            "stale-while-revalidate",
        ] {
            assert_eq!(render(bad), Err(Invalid::Seconds(bad)), "{bad}");
        }
    }

    #[test]
    fn directives_are_read_over_all_lines() {
        let lines: [&[u8]; 2] = [b"no-store, ext=\"max-age=1, x\"", b"max-age=1, b@d"];
        let read: Vec<_> = directives(lines).collect();
        assert_eq!(
            read,
            [
                Ok(Directive {
                    name: b"no-store",
                    argument: None
                }),
                Ok(Directive {
                    name: b"ext",
                    argument: Some(ParameterValue::Quoted(b"max-age=1, x"))
                }),
                Ok(Directive {
                    name: b"max-age",
                    argument: Some(ParameterValue::Token(b"1"))
                }),
                Err(Malformed),
            ]
        );
    }
}
