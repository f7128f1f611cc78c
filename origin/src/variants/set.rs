//! The variants that a folder holds, by the name that is asked for.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use net::{FileKind, FileMeta, Folder};
use semantics::fields::accept::Quality;
use semantics::negotiation::Variant;

use super::name::Name;
use crate::encode::push_path;
use crate::fences::Fences;
use crate::media_type;

/// One representation in a file of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileVariant {
    /// Where it is, below the root.
    pub(super) path: Box<[u8]>,
    /// By what it is named, relative to the folder, in the form of a URI.
    pub(super) reference: String,
    /// The value of Content-Type.
    pub(super) media_type: String,
    /// Empty for none.
    pub(super) charset: String,
    /// The value of Content-Language.
    pub(super) languages: String,
    /// The value of Content-Encoding.
    pub(super) codings: String,
    /// As a type map says.
    pub(super) source_quality: Option<Quality>,
    /// As a type map says.
    pub(super) description: String,
    pub(super) octets: u64,
    /// Whoever asks for it by its name has others to choose from too, so that the name does not tell which.
    pub(super) is_ambiguous: bool,
}

impl FileVariant {
    fn of(folder: &[u8], file: &[u8], name: &Name<'_>, octets: u64) -> Option<Self> {
        let media_type = name.media_type?;
        let mut reference = String::new();
        push_path(&mut reference, file);
        let (media_type, charset) = typed(media_type, name.charset);
        Some(Self {
            path: below(folder, file).into(),
            reference: rooted(reference),
            media_type,
            charset,
            languages: name.language.clone(),
            codings: name.coding.to_owned(),
            octets,
            ..Self::default()
        })
    }

    pub(super) fn as_seen(&self) -> Variant<'_> {
        Variant {
            media_type: &self.media_type,
            charset: &self.charset,
            languages: &self.languages,
            codings: &self.codings,
            source_quality: self.source_quality,
            octets: self.octets,
        }
    }
}

/// The value of Content-Type, and the charset in it.
pub(super) fn typed(media_type: &str, charset: &str) -> (String, String) {
    if !charset.is_empty() {
        let typed = format!("{media_type}; charset={charset}");
        return (typed, charset.to_owned());
    }
    let typed = media_type::with_charset(media_type);
    let is_text = typed.len() > media_type.len();
    (
        typed,
        if is_text {
            "utf-8".into()
        } else {
            String::new()
        },
    )
}

/// RFC 3986 §4.2: a colon in the first segment would make a scheme of it.
fn rooted(reference: String) -> String {
    if reference.contains(':') {
        format!("./{reference}")
    } else {
        reference
    }
}

/// The path of a file in a folder, below the root.
pub(super) fn below(folder: &[u8], file: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        file.to_vec()
    } else {
        [folder, b"/", file].concat()
    }
}

/// What a name in a folder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A file or nothing: there is nothing to choose.
    Plain,
    /// These variants, in the alphabet's order.
    Variants(Vec<FileVariant>),
    /// What the type map with this name in the folder says.
    Map(Vec<u8>),
}

/// What was read of a folder. It may cross threads.
#[derive(Debug)]
pub(super) struct Shelf {
    /// The folder, as it was before it was read.
    pub(super) meta: FileMeta,
    /// By stem; each in the alphabet's order. A name without a media type is no variant.
    variants: HashMap<Box<[u8]>, Vec<Shelved>, RandomState>,
    /// Names of regular files, as far as they may matter: those of variants and of type maps.
    files: HashSet<Box<[u8]>, RandomState>,
    folders: HashSet<Box<[u8]>, RandomState>,
    /// Memory, about.
    pub(super) memory_octets: usize,
}

#[derive(Debug)]
struct Shelved {
    file: Box<[u8]>,
    octets: u64,
}

impl Shelf {
    /// A folder of which more entries are than may be read has no variants.
    pub(super) fn of(meta: FileMeta, folder: Folder) -> Self {
        let mut out = Self {
            meta,
            variants: HashMap::default(),
            files: HashSet::default(),
            folders: HashSet::default(),
            memory_octets: 256,
        };
        if folder.is_cut {
            return out;
        }
        for entry in folder.entries {
            if entry.name.starts_with(b".") {
                continue;
            }
            out.memory_octets += 2 * entry.name.len() + ENTRY_OCTETS;
            match entry.meta.kind {
                FileKind::Folder => {
                    out.folders.insert(entry.name.into());
                }
                FileKind::Regular => out.add(entry.name, entry.meta.octets),
                FileKind::Link | FileKind::Other => {}
            }
        }
        for variants in out.variants.values_mut() {
            variants.sort_unstable_by(|one, other| one.file.cmp(&other.file));
        }
        out
    }

    fn add(&mut self, file: Vec<u8>, octets: u64) {
        let name = Name::read(&file);
        if name.media_type.is_some() {
            let stem = name.stem.into();
            let shelved = Shelved {
                file: file.clone().into(),
                octets,
            };
            self.variants.entry(stem).or_default().push(shelved);
        }
        self.files.insert(file.into());
    }

    /// What a name stands for. `folder` is where this shelf is, below the root.
    ///
    /// * A name that says a language, a charset or a coding, and is there, is that file: it names the variant.
    /// * A name that is there and says no more than a media type is one of the variants. So `page.html` beside
    ///   `page.en.html` is negotiated, whether `/page` or `/page.html` is asked for.
    /// * A type map goes before what the names of files say, but not before a file of exactly this name.
    /// * A coded file is a variant only where the same is not there without its coding: otherwise it is for whoever
    ///   offers codings of the chosen one.
    /// * What is fenced stands for itself alone.
    pub(super) fn meaning(&self, folder: &[u8], asked: &[u8], fences: &Fences) -> Meaning {
        match self.meaning_of_all(folder, asked) {
            Meaning::Map(name) if name != asked && fences.close(&below(folder, &name)) => {
                Meaning::Plain
            }
            Meaning::Variants(mut variants) => {
                let all = variants.len();
                variants.retain(|variant| !fences.close(&variant.path));
                match variants.as_slice() {
                    [] => Meaning::Plain,
                    [left] if all > 1 && *left.path == below(folder, asked) => Meaning::Plain,
                    _ => Meaning::Variants(variants),
                }
            }
            meaning => meaning,
        }
    }

    fn meaning_of_all(&self, folder: &[u8], asked: &[u8]) -> Meaning {
        if self.folders.contains(asked) {
            return Meaning::Plain;
        }
        let name = Name::read(asked);
        let is_there = self.files.contains(asked);
        if asked.ends_with(MAP_SUFFIX) && is_there {
            return Meaning::Map(asked.to_vec());
        }
        if is_there && (!name.is_generic() || name.media_type.is_none()) {
            return Meaning::Plain;
        }
        let map = [if is_there { asked } else { name.stem }, MAP_SUFFIX].concat();
        if !is_there && self.files.contains(map.as_slice()) {
            return Meaning::Map(map);
        }
        let Some(shelved) = self.variants.get(name.stem) else {
            return Meaning::Plain;
        };
        let all: Vec<_> = shelved
            .iter()
            .map(|shelved| (Name::read(&shelved.file), shelved))
            .filter(|(own, shelved)| !self.is_sidecar(own, &shelved.file))
            .take(VARIANTS_MAX)
            .collect();
        let variants: Vec<_> = all
            .iter()
            .filter(|(own, _)| own.has_all(&name.suffixes))
            .filter_map(|(own, shelved)| {
                let mut variant = FileVariant::of(folder, &shelved.file, own, shelved.octets)?;
                let at_home = all.iter().filter(|(other, _)| other.has_all(&own.suffixes));
                variant.is_ambiguous = own.is_generic() && at_home.count() > 1;
                Some(variant)
            })
            .collect();
        if variants.is_empty() || (is_there && variants.len() == 1) {
            return Meaning::Plain;
        }
        Meaning::Variants(variants)
    }

    pub(super) fn has_file(&self, name: &[u8]) -> bool {
        self.files.contains(name)
    }

    /// Whether it is another file in a coding.
    fn is_sidecar(&self, name: &Name<'_>, file: &[u8]) -> bool {
        let end = file.iter().rposition(|&octet| octet == b'.');
        !name.coding.is_empty()
            && end
                .and_then(|end| file.get(..end))
                .is_some_and(|uncoded| self.files.contains(uncoded))
    }
}

/// What the name of a type map ends in.
pub(super) const MAP_SUFFIX: &[u8] = b".var";

/// Variants of one resource; others beyond are not seen.
pub(super) const VARIANTS_MAX: usize = 64;

/// What an entry takes beside its name twice, about.
const ENTRY_OCTETS: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use net::FolderEntry;

    fn shelf(names: &[&str]) -> Shelf {
        let meta = |kind| FileMeta {
            octets: 5,
            modified: (0, 0),
            changed: (0, 0),
            inode: 1,
            device: 1,
            kind,
        };
        let entries = names.iter().map(|name| FolderEntry {
            name: name.trim_end_matches('/').into(),
            meta: meta(if name.ends_with('/') {
                FileKind::Folder
            } else {
                FileKind::Regular
            }),
        });
        let folder = Folder {
            entries: entries.collect(),
            is_cut: false,
        };
        Shelf::of(meta(FileKind::Folder), folder)
    }

    fn variants(names: &[&str], asked: &str) -> Vec<String> {
        variants_within(names, asked, &Fences::default())
    }

    fn variants_within(names: &[&str], asked: &str, fences: &Fences) -> Vec<String> {
        match shelf(names).meaning(b"dir", asked.as_bytes(), fences) {
            Meaning::Plain => Vec::new(),
            Meaning::Variants(variants) => variants
                .into_iter()
                .map(|variant| variant.reference)
                .collect(),
            Meaning::Map(map) => vec![String::from_utf8(map).unwrap()],
        }
    }

    const PAGES: &[&str] = &["page.en.html", "page.zh.html", "page.html.gb2312"];

    #[test]
    fn a_stem_stands_for_all_that_have_it() {
        let all = ["page.en.html", "page.html.gb2312", "page.zh.html"];
        assert_eq!(variants(PAGES, "page"), all);
        assert_eq!(variants(PAGES, "page.html"), all);
        assert_eq!(variants(PAGES, "page.en"), ["page.en.html"]);
        assert_eq!(variants(PAGES, "page.html.en"), ["page.en.html"]);
        assert_eq!(variants(PAGES, "page.txt"), [""; 0]);
        assert_eq!(variants(PAGES, "pag"), [""; 0]);
    }

    #[test]
    fn a_name_that_tells_the_variant_is_that_file() {
        assert_eq!(variants(PAGES, "page.en.html"), [""; 0]);
        assert_eq!(variants(PAGES, "page.html.gb2312"), [""; 0]);
    }

    #[test]
    fn a_file_without_a_language_is_one_of_its_variants() {
        let names = ["page.html", "page.en.html"];
        assert_eq!(variants(&names, "page.html"), ["page.en.html", "page.html"]);
        assert_eq!(variants(&names[..1], "page.html"), [""; 0]);
        assert_eq!(variants(&names[..1], "page"), ["page.html"]);
    }

    #[test]
    fn a_file_without_a_type_is_itself() {
        assert_eq!(variants(&["page", "page.en.html"], "page"), [""; 0]);
        assert_eq!(variants(&["README.en"], "README"), [""; 0]);
    }

    #[test]
    fn a_folder_goes_before_variants() {
        assert_eq!(variants(&["page/", "page.html"], "page"), [""; 0]);
    }

    #[test]
    fn a_sidecar_is_no_variant() {
        let names = ["page.en.html", "page.en.html.gz", "page.de.html.gz"];
        assert_eq!(
            variants(&names, "page"),
            ["page.de.html.gz", "page.en.html"]
        );
    }

    #[test]
    fn a_type_map_goes_before_names_but_not_before_the_file() {
        let names = ["page.var", "page.en.html", "page.html"];
        assert_eq!(variants(&names[..2], "page"), ["page.var"]);
        assert_eq!(variants(&names[..2], "page.html"), ["page.var"]);
        assert_eq!(variants(&names, "page.html"), ["page.en.html", "page.html"]);
        assert_eq!(variants(&names, "page.var"), ["page.var"]);
    }

    #[test]
    fn what_is_fenced_stands_for_itself_alone() {
        let within = |closed: &str, names: &[&str], asked: &str| {
            let path = ["/dir/", closed].concat();
            let fences = Fences::new([(path.as_bytes().into(), true)]);
            variants_within(names, asked, &fences)
        };
        let pages = ["page.html", "page.en.html", "page.txt"];
        // table
        for (closed, names, asked, left) in [
            ("page.html", &pages[..1], "page", &[][..]),
            ("page.html", &pages, "page", &["page.en.html", "page.txt"]),
            ("page.en.html", &pages, "page.html", &[]),
            (
                "page.txt",
                &pages,
                "page.html",
                &["page.en.html", "page.html"],
            ),
            ("page.var", &["page.var", "page.html"], "page", &[]),
            (
                "page.var",
                &["page.var", "page.html"],
                "page.var",
                &["page.var"],
            ),
            (
                "page",
                &pages,
                "page",
                &["page.en.html", "page.html", "page.txt"],
            ),
        ] {
            assert_eq!(within(closed, names, asked), left, "{closed} {asked}");
        }
    }

    #[test]
    fn hidden_files_are_no_variants() {
        assert_eq!(variants(&[".page.en.html", ".page.html"], ".page"), [""; 0]);
    }

    #[test]
    fn a_folder_that_is_too_large_has_no_variants() {
        let names = shelf(&["page.html"]);
        let cut = Folder {
            is_cut: true,
            ..Folder::default()
        };
        assert_eq!(
            Shelf::of(names.meta, cut).meaning(b"", b"page", &Fences::default()),
            Meaning::Plain
        );
    }

    #[test]
    fn what_is_told_of_a_variant_follows_from_its_name() {
        let shelf = shelf(&["p q.ja.html.iso2022-jp", "p q.png"]);
        let Meaning::Variants(variants) = shelf.meaning(b"dir", b"p q", &Fences::default()) else {
            panic!()
        };
        let expected = FileVariant {
            path: (*b"dir/p q.ja.html.iso2022-jp").into(),
            reference: "p%20q.ja.html.iso2022-jp".into(),
            media_type: "text/html; charset=iso-2022-jp".into(),
            charset: "iso-2022-jp".into(),
            languages: "ja".into(),
            octets: 5,
            ..FileVariant::default()
        };
        assert_eq!(variants[0], expected);
        assert_eq!(
            (
                variants[1].media_type.as_str(),
                variants[1].charset.as_str()
            ),
            ("image/png", "")
        );
        assert!(!variants[1].is_ambiguous);
    }
}
