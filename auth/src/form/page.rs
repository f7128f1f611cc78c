//! The pages on which people sign in and out.

use crate::secret::sha256;
use base64ct::{Base64, Encoding};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A page with places for what differs: `{csrf}`, `{next}`, `{error}`, `{realm}`, `{login}` and `{logout}`. Other braces are text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    parts: Vec<Part>,
    policy: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Csrf,
    Next,
    Error,
    Realm,
    Login,
    Logout,
}

/// What is put in the places.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filling<'a> {
    pub(crate) csrf: &'a str,
    pub(crate) next: &'a str,
    pub(crate) error: &'a str,
    pub(crate) realm: &'a str,
    pub(crate) login: &'a str,
    pub(crate) logout: &'a str,
}

impl Page {
    /// The page for signing in that comes with the program.
    pub fn login() -> Self {
        Self::own(include_str!("login.html"))
    }

    /// The page for signing out.
    pub(crate) fn logout() -> Self {
        Self::own(include_str!("logout.html"))
    }

    fn own(text: &str) -> Self {
        let hash = Base64::encode_string(&sha256(STYLE.as_bytes()));
        Self {
            parts: parts(&text.replace("{style}", STYLE)),
            // Nothing but our own style: no script, no image, no frame.
            policy: format!("default-src 'none'; style-src 'sha256-{hash}'; {POLICY}"),
        }
    }

    /// A page from a file; it may wait for a disk. Scripts and styles are up to it.
    ///
    /// # Errors
    /// That the file cannot be read, or has no `{csrf}`.
    pub fn load(file: &Path) -> Result<Self, PageError> {
        let mut text = String::new();
        File::open(file)?
            .take(PAGE_OCTETS_MAX + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > PAGE_OCTETS_MAX {
            return Err(PageError::TooLong);
        }
        let parts = parts(&text);
        match parts.contains(&Part::Place(Place::Csrf)) {
            false => Err(PageError::NoCsrf),
            true => Ok(Self {
                parts,
                policy: POLICY.to_owned(),
            }),
        }
    }

    /// Places that it does not have, of those that people would miss: `error` and `next`.
    pub fn lacks(&self) -> impl Iterator<Item = &'static str> {
        let missed = [("error", Place::Error), ("next", Place::Next)];
        let lacks = |place: Place| !self.parts.contains(&Part::Place(place));
        let missed = missed.into_iter().filter(move |(_, place)| lacks(*place));
        missed.map(|(name, _)| name)
    }

    /// The page with its places filled. What is put there is text and never markup.
    pub(crate) fn fill(&self, filling: Filling<'_>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(place) => push_html(&mut out, filling.of(*place)),
            }
        }
        out
    }

    /// Its `Content-Security-Policy`.
    pub(crate) fn policy(&self) -> &str {
        &self.policy
    }
}

impl<'a> Filling<'a> {
    fn of(&self, place: Place) -> &'a str {
        match place {
            Place::Csrf => self.csrf,
            Place::Next => self.next,
            Place::Error => self.error,
            Place::Realm => self.realm,
            Place::Login => self.login,
            Place::Logout => self.logout,
        }
    }
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut held = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        held.push_str(before);
        let place = PLACES.iter().find_map(|(name, place)| {
            let after = after.strip_prefix(name)?.strip_prefix('}')?;
            Some((*place, after))
        });
        rest = match place {
            Some((place, after)) => {
                parts.push(Part::Text(std::mem::take(&mut held)));
                parts.push(Part::Place(place));
                after
            }
            None => {
                held.push('{');
                after
            }
        };
    }
    held.push_str(rest);
    parts.push(Part::Text(held));
    parts
}

/// Text as HTML, for content and for attributes in quotes.
fn push_html(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if letter.is_control() => out.push('\u{FFFD}'),
            letter => out.push(letter),
        }
    }
}

/// Why a page cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum PageError {
    /// The system's reason.
    Unreadable(io::Error),
    /// It has more octets than [`PAGE_OCTETS_MAX`].
    TooLong,
    /// It has no `{csrf}`, so that its form would be refused.
    NoCsrf,
}

impl From<io::Error> for PageError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::TooLong => write!(f, "it is longer than {PAGE_OCTETS_MAX} octets"),
            Self::NoCsrf => f.write_str(
                "it has no {csrf}: its form needs <input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">",
            ),
        }
    }
}

impl std::error::Error for PageError {}

const PLACES: [(&str, Place); 6] = [
    ("csrf", Place::Csrf),
    ("next", Place::Next),
    ("error", Place::Error),
    ("realm", Place::Realm),
    ("login", Place::Login),
    ("logout", Place::Logout),
];
const STYLE: &str = include_str!("style.css");
/// Nobody may frame the page, and its form leads to us.
const POLICY: &str = "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Octets of a page.
pub const PAGE_OCTETS_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_filled_in_is_text() {
        let filling = Filling {
            csrf: "c",
            next: "\"><script>'&",
            error: "<b>",
            realm: "{csrf}",
            login: "/login",
            logout: "/logout",
        };
        let page = Page::login().fill(filling);
        assert!(
            page.contains("value=\"&quot;&gt;&lt;script&gt;&#39;&amp;\""),
            "{page}"
        );
        assert!(
            page.contains("&lt;b&gt;") && page.contains("<h1>{csrf}</h1>"),
            "{page}"
        );
        assert!(
            page.contains("name=\"csrf\" value=\"c\"") && page.contains("action=\"/login\""),
            "{page}"
        );
        assert!(Page::logout().fill(filling).contains("action=\"/logout\""));
    }

    #[test]
    fn the_style_is_the_one_that_the_policy_allows() {
        let page = Page::login();
        let text = page.fill(Filling::default());
        let style = text
            .split_once("<style>")
            .unwrap()
            .1
            .split_once("</style>")
            .unwrap()
            .0;
        let hash = Base64::encode_string(&sha256(style.as_bytes()));
        assert!(
            page.policy().contains(&format!("'sha256-{hash}'")),
            "{}",
            page.policy()
        );
    }

    #[test]
    fn other_braces_of_an_own_page_are_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.html");
        fs::write(&file, "p{color:red} {csrf}{nobody}{{error}}{").unwrap();
        let filling = Filling {
            csrf: "C",
            error: "E",
            ..Filling::default()
        };
        assert_eq!(
            Page::load(&file).unwrap().fill(filling),
            "p{color:red} C{nobody}{E}{"
        );
        fs::write(&file, "p{color:red}").unwrap();
        assert!(matches!(Page::load(&file), Err(PageError::NoCsrf)));
        assert!(matches!(
            Page::load(folder.path()),
            Err(PageError::Unreadable(_))
        ));
    }
}
