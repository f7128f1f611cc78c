//! Proactive negotiation over files that are there as variants (RFC 9110 §12.1).
//!
//! ```text
//!  /page ─▶ Shelf of the folder ─▶ Meaning::Variants ─▶ semantics::negotiation::decide ─▶ Selected ─▶ cache, as any file
//!                 │                    or ::Map ─▶ type map ──┘        │
//!                 └─▶ Meaning::Plain: there is nothing to choose       └─▶ none acceptable: 406; the list was asked for: 300
//! ```
//!
//! What is selected is a file with [`Labels`]: preconditions, ranges and codings come after, as for any other file
//! (RFC 9110 §13.2.1).

mod keep;
mod language;
mod list;
mod name;
mod reading;
mod serve;
mod set;
mod type_map;

pub(crate) use keep::Negotiator;
pub use keep::variant_names;
use name::Name;
use semantics::Known;
pub(crate) use serve::Look;

use crate::media_type;
use crate::representation::Labels;

/// How variants are negotiated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NegotiateConfig {
    /// The language of variants that name none beside others that do, and what is chosen when nothing else decides.
    pub language: Option<String>,
    /// Whether the answer is 406 when the user agent accepts none of the languages, rather than a variant in the
    /// default language. Without a default language it is 406 in any case.
    pub strict: bool,
}

/// What is said of a file that is asked for by its own name. Only a server that negotiates takes `page.html.en` for
/// HTML in English.
pub(crate) fn labels_of(path: &[u8], negotiator: Option<&Negotiator>) -> Labels {
    let plain = || Labels {
        media_type: media_type::of(path),
        ..Labels::default()
    };
    let file = path.rsplit(|&octet| octet == b'/').next();
    let (Some(_), Some(file)) = (negotiator, file) else {
        return plain();
    };
    let name = Name::read(file);
    // A file that ends in a coding is what it is: a compressed file.
    let (Some(media_type), "") = (name.media_type, name.coding) else {
        return plain();
    };
    let mut fields = Vec::new();
    if !name.language.is_empty() {
        fields.push((Known::ContentLanguage, name.language));
    }
    Labels {
        media_type: set::typed(media_type, name.charset).0,
        fields,
        tag: None,
    }
}

#[cfg(test)]
mod tests;
