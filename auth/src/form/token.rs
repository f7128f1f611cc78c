//! The token that shows that a form came from our own page: once in a cookie, once in the form.

use crate::secret::{NoRandom, fill};
use base64ct::{Base64UrlUnpadded, Encoding};
use subtle::ConstantTimeEq;

/// 128 random bits. Another site can neither read nor set the cookie, so it cannot make the form's half.
#[derive(Clone, Copy)]
pub(crate) struct Token([u8; OCTETS]);

impl Token {
    pub(crate) fn new() -> Result<Self, NoRandom> {
        let mut octets = [0; OCTETS];
        fill(&mut octets)?;
        Ok(Self(octets))
    }

    /// Reads the cookie's half.
    pub(crate) fn parse(cookie: &[u8]) -> Option<Self> {
        decoded(cookie).map(Self)
    }

    /// The cookie's half.
    pub(crate) fn cookie(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    /// The form's half: a pad, and the token under it. It differs each time, so that the length of a compressed page tells
    /// nothing of it.
    pub(crate) fn field(&self) -> Result<String, NoRandom> {
        let mut octets = [0; 2 * OCTETS];
        let (pad, hidden) = octets.split_at_mut(OCTETS);
        fill(pad)?;
        for (hidden, (pad, token)) in hidden.iter_mut().zip(pad.iter().zip(&self.0)) {
            *hidden = pad ^ token;
        }
        Ok(Base64UrlUnpadded::encode_string(&octets))
    }

    /// Whether this is the form's half of it.
    pub(crate) fn is_in(&self, field: &[u8]) -> bool {
        let Some(octets) = decoded::<{ 2 * OCTETS }>(field) else {
            return false;
        };
        let (pad, hidden) = octets.split_at(OCTETS);
        let shown: Vec<u8> = pad
            .iter()
            .zip(hidden)
            .map(|(pad, hidden)| pad ^ hidden)
            .collect();
        shown.ct_eq(&self.0).into()
    }
}

fn decoded<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut octets = [0; N];
    let text = std::str::from_utf8(text).ok()?;
    let len = Base64UrlUnpadded::decode(text, &mut octets).ok()?.len();
    (len == N).then_some(octets)
}

const OCTETS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halves_belong_together_and_to_no_other() {
        let (token, other) = (Token::new().unwrap(), Token::new().unwrap());
        let read = Token::parse(token.cookie().as_bytes()).unwrap();
        let field = token.field().unwrap();
        assert!(read.is_in(field.as_bytes()));
        assert!(!other.is_in(field.as_bytes()));
        assert_ne!(field, token.field().unwrap());
    }

    #[test]
    fn what_is_no_half_fits_nothing() {
        let token = Token::new().unwrap();
        for field in [
            "",
            "x",
            &token.cookie(),
            &format!("{}A", token.field().unwrap()),
        ] {
            assert!(!token.is_in(field.as_bytes()), "{field}");
        }
        assert!(Token::parse(b"").is_none());
    }
}
