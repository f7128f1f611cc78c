//! What is found below a root, by the same rules as the server's.

use super::steps::{At, Explainer, step};
use super::{Other, Step};
use crate::config::{CodingName, Settings};
use crate::sites::{CODING_OCTETS_MIN, Template, Words, fences};
use net::{FileKind, OpenError, Root, Wait};
use origin::Fences;
use semantics::Method;
use std::path::{Path, PathBuf};

/// What a path leads to.
enum Found {
    File(PathBuf),
    /// A folder, asked for without the slash.
    NeedsSlash,
    /// A folder without a file that stands for it.
    Folder(PathBuf),
    /// Nothing that is served, and what is so instead, of "it".
    Nothing(&'static str),
    /// Something that this process may not read.
    Closed,
}

impl Explainer<'_> {
    pub(super) fn files(&mut self, at: &At<'_>, settings: &Settings) {
        let own_root = at.route.and_then(|(_, route)| route.root.as_ref());
        let Some(root) = own_root.or(at.site.root.as_ref()) else {
            self.push(step(
                "answer",
                "404: the site has no files beside its routes".to_owned(),
                None,
            ));
            return self.error_page(at, settings, 404);
        };
        let place = self.spot_of(at, "root");
        self.push(step("root", root.display().to_string(), place));
        let led = match own_root {
            Some(_) => at.path.octets().len() - at.words(None).rest.len(),
            None => 0,
        };
        let below = at.path.octets().get(led..).unwrap_or_default().to_vec();
        match self.asked.method() {
            Method::Get | Method::Head => {}
            Method::Options => return self.options(),
            Method::Trace if self.config.server.allow_trace => {
                let what = "TRACE 200: the request itself".to_owned();
                let place = self.spot("server.allow_trace");
                return self.push(Step {
                    rule: Some("RFC 9110 §9.3.8"),
                    ..step("answer", what, place)
                });
            }
            method if settings.uploads == Some(true) && method != Method::Trace => {
                return self.change(at, settings, root, &below);
            }
            Method::Other => return self.unsupported(at, settings),
            _ => {
                let what = format!("{} 405: files are not changed here", self.asked.method);
                self.push(Step {
                    rule: Some("RFC 9110 §15.5.6"),
                    ..step("answer", what, None)
                });
                return self.error_page(at, settings, 405);
            }
        }
        match at.route.map(|(_, route)| route.try_files.as_slice()) {
            Some(tried) if !tried.is_empty() && !below.is_empty() => {
                self.tried(at, settings, root, &below);
            }
            _ => self.found(at, settings, root, &below),
        }
    }

    fn tried(&mut self, at: &At<'_>, settings: &Settings, root: &Path, below: &[u8]) {
        let Some((_, route)) = at.route else {
            return;
        };
        let host = self.host(at.site);
        let mut others = Vec::new();
        let mut status = 404;
        for (number, text) in route.try_files.iter().enumerate() {
            let place = self.spot(&format!("{}.try_files[{number}]", at.key()));
            if let Some(code) = text.strip_prefix('=') {
                status = code.parse().unwrap_or(404);
                continue;
            }
            let words = Words {
                path: below,
                ..at.words(host.as_deref())
            };
            let template = Template::path(text).ok();
            let path = template
                .as_ref()
                .and_then(|template| template.expand_path(&words));
            let (Some((path, _)), Some(template)) = (path, template) else {
                others.push(Other {
                    what: format!("{text}: it is no path"),
                    place,
                });
                continue;
            };
            let shown = String::from_utf8_lossy(path.octets()).into_owned();
            if template.has_words() && self.fences(at).close(path.octets()) {
                others.push(Other {
                    what: format!("{shown}: it is for a route that asks more of who comes in"),
                    place,
                });
                continue;
            }
            if self.negotiated(at, settings, root, path.octets(), &mut others) {
                return;
            }
            let mut found = self.look(at, root, path.octets());
            if matches!(found, Found::NeedsSlash) && path.octets() != below {
                found = self.look(at, root, &[path.octets(), b"/"].concat());
            }
            let why = match found {
                Found::Nothing(why) => why,
                Found::Folder(_) if !at.site.browse => "has no index file, and is not listed",
                found => {
                    let others = std::mem::take(&mut others);
                    return self.conclude(at, settings, found, place, others);
                }
            };
            others.push(Other {
                what: format!("{shown}: it {why}"),
                place,
            });
        }
        let place = self.spot(&format!("{}.try_files", at.key()));
        self.push(Step {
            others,
            ..step(
                "answer",
                format!("{status}: nothing that is tried exists"),
                place,
            )
        });
        self.error_page(at, settings, status);
    }

    /// What answers for its own path alone.
    fn fences(&self, at: &At<'_>) -> Fences {
        let number = at.route.map_or(at.site.routes.len(), |(number, _)| number);
        let mut fences = fences(at.site).into_iter();
        fences.nth(number).unwrap_or_default()
    }

    fn found(&mut self, at: &At<'_>, settings: &Settings, root: &Path, below: &[u8]) {
        if below.is_empty() {
            return self.conclude(at, settings, Found::NeedsSlash, None, Vec::new());
        }
        if self.negotiated(at, settings, root, below, &mut Vec::new()) {
            return;
        }
        match self.look(at, root, below) {
            Found::Nothing(why) => {
                let path = join(root, below);
                let what = match why {
                    MISSING => format!("404: there is no {}", path.display()),
                    why => format!("404: {} {why}", path.display()),
                };
                self.push(Step {
                    rule: Some("RFC 9110 §15.5.5"),
                    ..step("answer", what, None)
                });
                self.error_page(at, settings, 404);
            }
            found => self.conclude(at, settings, found, None, Vec::new()),
        }
    }

    /// What is there answers.
    fn conclude(
        &mut self,
        at: &At<'_>,
        settings: &Settings,
        found: Found,
        place: Option<super::Spot>,
        others: Vec<Other>,
    ) {
        let (what, status) = match &found {
            Found::File(file) => (format!("the file {}", file.display()), None),
            Found::NeedsSlash => (
                "301 to the same path with a slash: it is a folder".to_owned(),
                None,
            ),
            Found::Folder(folder) if at.site.browse => {
                (format!("a list of the folder {}", folder.display()), None)
            }
            Found::Folder(_) => (
                "403: the folder has no index file, and is not listed".to_owned(),
                Some(403),
            ),
            Found::Closed => ("403: this process may not read it".to_owned(), Some(403)),
            Found::Nothing(why) => (format!("404: it {why}"), Some(404)),
        };
        self.push(Step {
            others,
            ..step("answer", what, place)
        });
        if let Found::File(file) = &found {
            self.codings(at, settings, file);
        }
        if let Some(status) = status {
            self.error_page(at, settings, status);
        }
    }

    /// Tells of the variants that stand for a path.
    fn negotiated(
        &mut self,
        at: &At<'_>,
        settings: &Settings,
        root: &Path,
        below: &[u8],
        others: &mut Vec<Other>,
    ) -> bool {
        if settings.negotiate != Some(true) || is_hidden(below) {
            return false;
        }
        let asked: Vec<Vec<u8>> = match below.ends_with(b"/") {
            true => {
                let index = at.site.index.iter();
                index
                    .map(|name| [below, name.as_bytes()].concat())
                    .collect()
            }
            false => vec![below.to_vec()],
        };
        let fences = self.fences(at);
        let mut names = Vec::new();
        for path in &asked {
            names = origin::variant_names(root, path, &fences);
            // A file that has no variants stands for its folder before those that come later.
            let is_file = || Root::new(root).is_ok_and(|root| is_file(&root, relative(path)));
            let is_file = || !fences.close(path) && is_file();
            if !names.is_empty() || is_file() {
                break;
            }
        }
        if names.is_empty() {
            return false;
        }
        let what = format!(
            "one of the variants, by Accept, Accept-Language and Accept-Encoding: {}",
            names.join(", ")
        );
        let place = self.spot_of(at, "negotiate");
        self.push(Step {
            rule: Some("RFC 9110 §12.1"),
            others: std::mem::take(others),
            ..step("answer", what, place)
        });
        true
    }

    /// In which codings a file may be sent.
    fn codings(&mut self, at: &At<'_>, settings: &Settings, file: &Path) {
        let names = match &settings.codings {
            None => CodingName::NAMES.iter().map(|(name, _)| *name).collect(),
            Some(chosen) => {
                let named = |coding: &CodingName| {
                    let mut names = CodingName::NAMES.iter();
                    names
                        .find(|(_, known)| known == coding)
                        .map(|(name, _)| *name)
                };
                chosen.iter().filter_map(named).collect::<Vec<_>>()
            }
        };
        let octets = file.metadata().map_or(0, |facts| facts.len());
        let octets_min = settings.coding_octets_min.unwrap_or(CODING_OCTETS_MIN);
        if names.is_empty() {
            return;
        }
        let (what, key) = match octets < octets_min {
            true => (
                format!("none is made: it has {octets} octets, less than {octets_min}"),
                "coding_octets_min",
            ),
            false => (
                format!(
                    "{} by Accept-Encoding, if its type is worth it",
                    names.join(", ")
                ),
                "codings",
            ),
        };
        let place = self.spot_of(at, key);
        self.push(Step {
            rule: Some("RFC 9110 §12.5.3"),
            ..step("coding", what, place)
        });
    }

    /// What is there: names with a dot are not served, and links lead nowhere but below the root.
    fn look(&self, at: &At<'_>, root: &Path, below: &[u8]) -> Found {
        if is_hidden(below) {
            return Found::Nothing("has a name that begins with a dot");
        }
        let path = join(root, below);
        let Ok(root) = Root::new(root) else {
            return Found::Nothing(MISSING);
        };
        let outcome = match below.ends_with(b"/") {
            false => root
                .open(relative(below), Wait::MayBlock)
                .map(|open| match open.meta.kind {
                    FileKind::Folder => Found::NeedsSlash,
                    _ => Found::File(path),
                }),
            true => self.look_in(at, &root, path, relative(below)),
        };
        outcome.unwrap_or_else(|error| match error {
            OpenError::OutsideRoot => Found::Nothing("leads out of the root"),
            OpenError::NotAFile => Found::Nothing("is neither a file nor a folder"),
            OpenError::NotAllowed => Found::Closed,
            _ => Found::Nothing(MISSING),
        })
    }

    fn look_in(
        &self,
        at: &At<'_>,
        root: &Root,
        path: PathBuf,
        folder: &[u8],
    ) -> Result<Found, OpenError> {
        let fences = self.fences(at);
        for name in &at.site.index {
            let index = match folder {
                b"" => name.as_bytes().to_vec(),
                folder => [folder, b"/", name.as_bytes()].concat(),
            };
            if fences.close(&index) {
                continue;
            }
            match root.open(&index, Wait::MayBlock) {
                Ok(open) if open.meta.kind == FileKind::Regular => {
                    return Ok(Found::File(path.join(name)));
                }
                Ok(_) | Err(OpenError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        match root.stat(folder, Wait::MayBlock)?.kind {
            FileKind::Folder => Ok(Found::Folder(path)),
            // A slash after the name of a file names nothing.
            _ => Err(OpenError::NotFound),
        }
    }
}

fn is_file(root: &Root, relative: &[u8]) -> bool {
    let meta = root.stat(relative, Wait::MayBlock);
    meta.is_ok_and(|meta| meta.kind == FileKind::Regular)
}

pub(super) fn is_hidden(below: &[u8]) -> bool {
    let mut segments = below.split(|octet| *octet == b'/');
    segments.any(|segment| segment.starts_with(b".") && segment != b".well-known")
}

/// A path as a name below the root.
pub(super) fn relative(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path)
}

pub(super) fn join(root: &Path, below: &[u8]) -> PathBuf {
    let below = String::from_utf8_lossy(below);
    root.join(below.trim_start_matches('/'))
}

const MISSING: &str = "does not exist";
