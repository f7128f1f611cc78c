//! The Basic scheme: credentials read, challenges written (RFC 7617, RFC 9110 §11).

use crate::secret::Password;
use base64ct::{Base64, Base64Unpadded, Encoding};
use semantics::fields::list::split_token;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Reads the value of `Authorization` as Basic credentials: `None` for another scheme and for what is none.
///
/// * The scheme has no case, and one or more spaces follow it (RFC 9110 §11.4).
/// * Base 64 may lack its padding, which some clients leave out, but has nothing else that token68 allows.
/// * The name ends at the first colon, and neither part has control characters (RFC 7617 §2).
/// * Both are UTF-8, as our challenge asks for (RFC 7617 §2.1).
pub(crate) fn basic(value: &[u8]) -> Option<(Arc<str>, Password)> {
    let (scheme, rest) = split_token(value);
    if !scheme.eq_ignore_ascii_case(b"Basic") || !rest.starts_with(b" ") {
        return None;
    }
    let rest = rest.trim_ascii_start();
    if rest.len() > CREDENTIALS_OCTETS_MAX {
        return None;
    }
    let text = std::str::from_utf8(rest).ok()?;
    let decoded = Zeroizing::new(
        Base64::decode_vec(text)
            .or_else(|_| Base64Unpadded::decode_vec(text))
            .ok()?,
    );
    let pair = std::str::from_utf8(&decoded).ok()?;
    if pair.contains(char::is_control) {
        return None;
    }
    let (name, password) = pair.split_once(':')?;
    Some((name.into(), Password::new(password.into())))
}

/// The challenge of the Basic scheme for a realm (RFC 7617 §2, §2.1).
pub(crate) fn basic_challenge(realm: &str) -> String {
    format!("Basic realm={}, charset=\"UTF-8\"", quoted(realm))
}

/// The text as a quoted-string (RFC 9110 §5.6.4), without what may not stand in one.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
    out
}

/// Octets of credentials in base 64 that are looked at: the longest name and password, twice over.
const CREDENTIALS_OCTETS_MAX: usize = 2048;

/// What a client says for `NAME:PASSWORD` to who asks by Basic (RFC 7617 §2).
///
/// ```
/// assert_eq!(hansom_auth::basic_credentials("Aladdin:open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// ```
#[must_use]
pub fn basic_credentials(name_password: &str) -> String {
    format!("Basic {}", Base64::encode_string(name_password.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(String, String)> {
        let (name, password) = basic(value.as_bytes())?;
        let password = String::from_utf8(password.octets().to_vec()).unwrap();
        Some((name.to_string(), password))
    }

    fn pair(name: &str, password: &str) -> Option<(String, String)> {
        Some((name.to_owned(), password.to_owned()))
    }

    fn encoded(pair: &str) -> String {
        format!("Basic {}", Base64::encode_string(pair.as_bytes()))
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        assert_eq!(
            read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            pair("Aladdin", "open sesame")
        );
        assert_eq!(read("Basic dGVzdDoxMjPCow=="), pair("test", "123£"));
    }

    #[test]
    fn the_scheme_has_no_case() {
        assert_eq!(read("bAsIc   dGVzdDoxMjPCow=="), pair("test", "123£"));
    }

    #[test]
    fn padding_may_be_absent() {
        assert_eq!(read("Basic dGVzdDoxMjPCow"), pair("test", "123£"));
    }

    #[test]
    fn only_the_first_colon_ends_the_name() {
        assert_eq!(read(&encoded("a:b:c")), pair("a", "b:c"));
        assert_eq!(read(&encoded("a:")), pair("a", ""));
        assert_eq!(read(&encoded(":b")), pair("", "b"));
    }

    #[test]
    fn what_is_no_credentials_is_none() {
        let control = encoded("a:b\n");
        let latin = format!("Basic {}", Base64::encode_string(b"a:\xe4"));
        let long = encoded(&format!("a:{}", "x".repeat(4096)));
        let colon = encoded("no colon");
        for value in [
            "",
            "Basic",
            "Basic ",
            "BasicdGVzdDoxMjPCow==",
            "Basic\tdGVzdDoxMjPCow==",
            "Basic dGVzdDoxMjPCow==x",
            "Basic dGVzdDoxMjPCow=",
            "Basic dGVz dDoxMjPCow==",
            "Basic dGVzdDoxMjPCow==, Basic x",
            "Bearer dGVzdDoxMjPCow==",
            "Basic dGVzdDox-jPCow==",
            &control,
            &latin,
            &long,
            &colon,
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn a_realm_cannot_end_its_quotes() {
        assert_eq!(
            basic_challenge("a \"b\" \\ c\r\n"),
            r#"Basic realm="a \"b\" \\ c", charset="UTF-8""#
        );
    }
}
