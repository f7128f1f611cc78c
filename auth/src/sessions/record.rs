//! A session as it is stored.

use crate::secret::{NoRandom, fill, sha256};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::fmt;
use zeroize::Zeroizing;

/// The id of a session, 256 random bits, known to the user agent alone. The store knows its hash, so that whoever reads the
/// store can become nobody.
#[derive(Clone)]
pub(crate) struct SessionId(Zeroizing<[u8; ID_OCTETS]>);

/// What a session is stored by: the SHA-256 of its id.
pub(crate) type Key = [u8; 32];

/// What is stored of a session. Times are in seconds since 1970, since other machines and later starts read them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Who is signed in.
    pub(crate) user: Box<str>,
    /// By which `[[auth]]`.
    pub(crate) auth: Box<str>,
    /// What changes when the user's password does.
    pub(crate) mark: u64,
    /// When the user signed in.
    pub(crate) begin: u64,
    /// When it ends unless it is used before.
    pub(crate) end: u64,
    /// When it was used last, as far as that was written.
    pub(crate) used: u64,
    /// When its id was made, or last replaced by one that nobody used.
    pub(crate) renewed: u64,
    /// The session whose place it takes; of one that is retired, the one that took its place.
    pub(crate) former: Option<Key>,
    /// How it stands to the ids before and after it.
    pub(crate) stage: Stage,
}

/// How a session stands to the ids before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nobody has used it; the one it replaces is still valid.
    Offered,
    /// In use.
    Current,
    /// Another is in use in its place, and it ends soon.
    Retired,
}

impl SessionId {
    pub(crate) fn new() -> Result<Self, NoRandom> {
        let mut octets = Zeroizing::new([0; ID_OCTETS]);
        fill(&mut *octets)?;
        Ok(Self(octets))
    }

    /// Reads the value of a cookie.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut octets = Zeroizing::new([0; ID_OCTETS]);
        let text = std::str::from_utf8(text).ok()?;
        let decoded = Base64UrlUnpadded::decode(text, &mut *octets).ok()?;
        (decoded.len() == ID_OCTETS).then_some(Self(octets))
    }

    /// The value of a cookie.
    pub(crate) fn text(&self) -> String {
        Base64UrlUnpadded::encode_string(&*self.0)
    }

    pub(crate) fn key(&self) -> Key {
        sha256(&*self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId")
    }
}

impl Record {
    /// Its octets in a store.
    pub(crate) fn to_octets(&self) -> Vec<u8> {
        let mut octets = vec![FORMAT, self.stage as u8, u8::from(self.former.is_some())];
        for number in [self.mark, self.begin, self.end, self.used, self.renewed] {
            octets.extend_from_slice(&number.to_le_bytes());
        }
        octets.extend_from_slice(&self.former.unwrap_or_default());
        for text in [&self.auth, &self.user] {
            octets.extend_from_slice(&(text.len() as u32).to_le_bytes());
            octets.extend_from_slice(text.as_bytes());
        }
        octets
    }

    /// Reads them; `None` for what another version wrote otherwise.
    pub(crate) fn from_octets(octets: &[u8]) -> Option<Self> {
        let mut rest = octets;
        let [format, stage, has_former] = take(&mut rest)?;
        let stage = match (format, stage) {
            (FORMAT, 0) => Stage::Offered,
            (FORMAT, 1) => Stage::Current,
            (FORMAT, 2) => Stage::Retired,
            _ => return None,
        };
        let mut number = || Some(u64::from_le_bytes(take(&mut rest)?));
        let (mark, begin, end, used, renewed) =
            (number()?, number()?, number()?, number()?, number()?);
        let former: Key = take(&mut rest)?;
        let mut text = || {
            let len = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
            let (text, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(std::str::from_utf8(text).ok()?.into())
        };
        let (auth, user) = (text()?, text()?);
        rest.is_empty().then_some(Self {
            user,
            auth,
            mark,
            begin,
            end,
            used,
            renewed,
            former: (has_former == 1).then_some(former),
            stage,
        })
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("user", &self.user)
            .field("auth", &self.auth)
            .field("end", &self.end)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

const ID_OCTETS: usize = 32;
const FORMAT: u8 = 1;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(user: &str, end: u64) -> Record {
        Record {
            user: user.into(),
            auth: "staff".into(),
            mark: 1,
            begin: 2,
            end,
            used: 3,
            renewed: 4,
            former: None,
            stage: Stage::Current,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for (former, stage) in [(None, Stage::Offered), (Some([7; 32]), Stage::Retired)] {
            let record = Record {
                former,
                stage,
                ..record("bär", u64::MAX)
            };
            assert_eq!(Record::from_octets(&record.to_octets()), Some(record));
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_no_record() {
        let octets = record("anna", 5).to_octets();
        for end in 0..octets.len() {
            assert_eq!(Record::from_octets(&octets[..end]), None);
        }
        assert_eq!(Record::from_octets(&[&octets[..], b"x"].concat()), None);
        assert_eq!(Record::from_octets(&[&[9], &octets[1..]].concat()), None);
    }

    #[test]
    fn an_id_goes_through_a_cookie() {
        let id = SessionId::new().unwrap();
        assert_eq!(id.text().len(), 43);
        assert_eq!(
            SessionId::parse(id.text().as_bytes()).unwrap().key(),
            id.key()
        );
        assert_ne!(SessionId::new().unwrap().key(), id.key());
    }

    #[test]
    fn what_no_id_looks_like_is_none() {
        let text = SessionId::new().unwrap().text();
        for wrong in [
            "",
            "x",
            &text[1..],
            &format!("{text}A"),
            &format!("{text}="),
            &"+".repeat(43),
        ] {
            assert!(SessionId::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
