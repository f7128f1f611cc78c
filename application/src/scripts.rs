//! Which program a path leads to.
//!
//! ```text
//!  /shop/item.php/7 ─▶ is shop/item.php a file below the root? ─▶ SCRIPT_NAME /shop/item.php, PATH_INFO /7
//!  /photo.jpg/x.php ─▶ there is no photo.jpg/x.php             ─▶ nothing is run, whatever is in the photo
//!  /shop/           ─▶ is shop/index.php a file?               ─▶ SCRIPT_NAME /shop/index.php
//! ```
//!
//! Invariant: where the files are on this machine, only one of them that exists below the root is ever named to an application.

use std::path::PathBuf;
use std::sync::Arc;

use net::{FileKind, OpenError, Root, Wait};

use crate::Script;

/// How programs are found. Clones are the same.
#[derive(Clone, Debug)]
pub struct Scripts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rule: Rule,
    /// Octets of a path that lead to the root, and that files do not have in theirs.
    led_octets: usize,
    root: Option<Root>,
    /// The root as the application sees it.
    seen_root: Vec<u8>,
    config: ScriptsConfig,
}

/// What of a path names a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The part up to the route's own path: all below is one application.
    #[default]
    Whole,
    /// The part up to a segment that ends as scripts do.
    Suffix,
    /// The part up to a file.
    File,
}

/// Where programs are looked for.
#[derive(Clone, Debug, Default)]
pub struct ScriptsConfig {
    /// What names them.
    pub rule: Rule,
    /// The path of the route, without a slash at its end.
    pub prefix: Vec<u8>,
    /// Whether the root is that of the route itself: then paths below it begin behind the prefix.
    pub is_led: bool,
    /// The folder they are in, if it is on this machine.
    pub root: Option<PathBuf>,
    /// The same folder as the application sees it, where that is another.
    pub seen_root: Option<String>,
    /// How the names of scripts end, as `.php`.
    pub suffixes: Vec<String>,
    /// Scripts that stand for their folder, the first that exists.
    pub index: Vec<String>,
    /// The script below the root that answers for what is not there.
    pub front: Option<String>,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A program.
    Script(Script),
    /// A program would be named by it, and there is none.
    Lost,
    /// It leads through a program to what asks more of who comes in.
    Closed,
    /// No program is named by it.
    Other,
}

impl Scripts {
    /// Finds by these rules.
    ///
    /// # Errors
    /// That the root cannot be opened.
    pub fn new(config: ScriptsConfig) -> std::io::Result<Self> {
        let root = match &config.root {
            Some(root) => Some(Root::new(root)?),
            None => None,
        };
        let own = root
            .as_ref()
            .map(|root| root.path().as_os_str().as_encoded_bytes());
        let seen = config
            .seen_root
            .as_ref()
            .map(|seen| seen.trim_end_matches('/').as_bytes());
        Ok(Self(Arc::new(Inner {
            rule: config.rule,
            led_octets: match config.is_led {
                true => config.prefix.len(),
                false => 0,
            },
            seen_root: seen.or(own).unwrap_or_default().to_vec(),
            root,
            config,
        })))
    }

    /// What a path in normal form leads to. `is_closed` says of a path below the root that it asks more of who comes in.
    ///
    /// # Errors
    /// [`OpenError::WouldBlock`] for [`Wait::CachedOnly`]; else what the system says that is not that there is none.
    pub fn find(
        &self,
        path: &[u8],
        wait: Wait,
        is_closed: impl Fn(&[u8]) -> bool,
    ) -> Result<Found, OpenError> {
        let inner = &*self.0;
        if inner.rule == Rule::Whole {
            let (name, info) = path
                .split_at_checked(inner.config.prefix.len())
                .unwrap_or((path, b""));
            return Ok(Found::Script(Script {
                name: name.to_vec(),
                info: info.to_vec(),
                ..Script::default()
            }));
        }
        let below = path.get(inner.led_octets..).unwrap_or_default();
        if has_hidden_segment(below) {
            return Ok(Found::Lost);
        }
        let mut is_named = false;
        for end in ends(below) {
            let (file, info) = below.split_at_checked(end).unwrap_or((below, b""));
            if inner.rule == Rule::Suffix && !inner.is_script(file) {
                continue;
            }
            is_named = true;
            match inner.kind(file, wait)? {
                // What applications make of PATH_INFO is a path too: of this route, not of one that asks more of who comes in.
                Some(FileKind::Regular) if is_named_closed(file, info, &is_closed) => {
                    return Ok(Found::Closed);
                }
                Some(FileKind::Regular) => {
                    let name = path.get(..inner.led_octets + end).unwrap_or(path);
                    return Ok(Found::Script(inner.script(name, file, info)));
                }
                Some(FileKind::Folder) => {}
                // Below what is no folder there is nothing.
                _ if inner.rule == Rule::File => return Ok(Found::Lost),
                _ => {}
            }
        }
        if below.ends_with(b"/") {
            for index in &inner.config.index {
                let file = [below, index.as_bytes()].concat();
                let is_file = inner.kind(&file, wait)? == Some(FileKind::Regular);
                if is_file && !is_closed(&file) {
                    let name = [path, index.as_bytes()].concat();
                    return Ok(Found::Script(inner.script(&name, &file, b"")));
                }
            }
        }
        Ok(match is_named || inner.rule == Rule::File {
            true => Found::Lost,
            false => Found::Other,
        })
    }

    /// The script that answers for what is not there.
    #[must_use]
    pub fn front(&self) -> Option<Script> {
        let front = self.0.config.front.as_ref()?.trim_start_matches('/');
        let file = [b"/", front.as_bytes()].concat();
        let led = self
            .0
            .config
            .prefix
            .get(..self.0.led_octets)
            .unwrap_or_default();
        let name = [led, &file].concat();
        Some(self.0.script(&name, &file, b""))
    }

    /// Whether files that are no programs are below the root too.
    #[must_use]
    pub fn has_files(&self) -> bool {
        self.0.rule == Rule::Suffix && self.0.root.is_some()
    }
}

impl Inner {
    fn is_script(&self, file: &[u8]) -> bool {
        self.config.suffixes.iter().any(|suffix| {
            let start = file.len().checked_sub(suffix.len());
            let end = start.and_then(|start| file.get(start..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
        })
    }

    /// What is there; `None` for nothing. Where the files are elsewhere, what looks like a script is one.
    fn kind(&self, file: &[u8], wait: Wait) -> Result<Option<FileKind>, OpenError> {
        let Some(root) = &self.root else {
            return Ok(Some(FileKind::Regular));
        };
        let relative = file.strip_prefix(b"/").unwrap_or(file);
        match root.stat(relative, wait) {
            Ok(meta) => Ok(Some(meta.kind)),
            Err(OpenError::NotFound | OpenError::OutsideRoot | OpenError::NotAFile) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn script(&self, name: &[u8], file: &[u8], info: &[u8]) -> Script {
        Script {
            name: name.to_vec(),
            info: info.to_vec(),
            file: Some([&self.seen_root, file].concat()),
            root: Some(self.seen_root.clone()),
        }
    }
}

/// As files are not served whose names begin with a dot.
fn has_hidden_segment(path: &[u8]) -> bool {
    path.split(|&octet| octet == b'/')
        .any(|segment| segment.first() == Some(&b'.') && segment != b".well-known")
}

/// Whether PATH_INFO, behind the script's folder or alone, is the path of something closed.
fn is_named_closed(file: &[u8], info: &[u8], is_closed: impl Fn(&[u8]) -> bool) -> bool {
    let end = file.iter().rposition(|&octet| octet == b'/').unwrap_or(0);
    let folder = file.get(..end).unwrap_or_default();
    !info.is_empty() && (is_closed(info) || is_closed(&[folder, info].concat()))
}

/// Where the segments of a path end, the last included unless it is empty.
fn ends(path: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let slashes = path.iter().enumerate().skip(1);
    slashes
        .filter(|(_, octet)| **octet == b'/')
        .map(|(at, _)| at)
        .chain((path.len() > 1 && !path.ends_with(b"/")).then_some(path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("site");
        for name in [
            "a.php",
            "photo.jpg",
            "shop/index.php",
            "shop/item.php",
            "odd.php/x.php",
            ".hidden/a.php",
            "prog",
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(folder.path().join("out.php"), "").unwrap();
        std::os::unix::fs::symlink("../out.php", root.join("out.php")).unwrap();
        folder
    }

    fn scripts(folder: &Path, change: impl FnOnce(&mut ScriptsConfig)) -> Scripts {
        let mut config = ScriptsConfig {
            rule: Rule::Suffix,
            root: Some(folder.join("site")),
            seen_root: Some("/app/".to_owned()),
            suffixes: vec![".php".to_owned()],
            index: vec!["index.php".to_owned()],
            front: Some("index.php".to_owned()),
            ..ScriptsConfig::default()
        };
        change(&mut config);
        Scripts::new(config).unwrap()
    }

    fn found(scripts: &Scripts, path: &str) -> String {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        match scripts
            .find(path.as_bytes(), Wait::MayBlock, |_| false)
            .unwrap()
        {
            Found::Script(script) => format!(
                "{}|{}|{}",
                text(&script.name),
                text(&script.info),
                text(&script.file.unwrap_or_default())
            ),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn only_files_that_exist_below_the_root_are_scripts() {
        let folder = folder();
        let scripts = scripts(folder.path(), |_| {});
        // table
        for (path, expected) in [
            ("/a.php", "/a.php||/app/a.php"),
            ("/a.php/x/y.php", "/a.php|/x/y.php|/app/a.php"),
            ("/a.php/", "/a.php|/|/app/a.php"),
            ("/shop/item.php/7", "/shop/item.php|/7|/app/shop/item.php"),
            ("/shop/", "/shop/index.php||/app/shop/index.php"),
            ("/odd.php/x.php", "/odd.php/x.php||/app/odd.php/x.php"),
            ("/photo.jpg/x.php", "Lost"),
            ("/none.php", "Lost"),
            ("/out.php", "Lost"),
            ("/.hidden/a.php", "Lost"),
            ("/A.PHP", "Lost"),
            ("/photo.jpg", "Other"),
            ("/.well-known/a", "Other"),
            ("/none", "Other"),
            ("/shop", "Other"),
            ("/", "Other"),
        ] {
            assert_eq!(found(&scripts, path), expected, "{path}");
        }
        let front = scripts.front().unwrap();
        assert_eq!(
            (front.name, front.file),
            (b"/index.php".to_vec(), Some(b"/app/index.php".to_vec()))
        );
    }

    #[test]
    fn no_script_leads_to_what_is_closed() {
        let folder = folder();
        let scripts = scripts(folder.path(), |_| {});
        let find = |path: &str| {
            let is_closed = |path: &[u8]| path.starts_with(b"/shop/admin");
            scripts
                .find(path.as_bytes(), Wait::MayBlock, is_closed)
                .unwrap()
        };
        assert_eq!(find("/a.php/shop/admin/x"), Found::Closed);
        assert_eq!(find("/shop/item.php/admin"), Found::Closed);
        assert!(matches!(find("/a.php/admin"), Found::Script(_)));
    }

    #[test]
    fn below_a_root_of_its_own_a_path_begins_at_the_route() {
        let folder = folder();
        let scripts = scripts(folder.path(), |config| {
            config.prefix = b"/blog".to_vec();
            config.is_led = true;
        });
        assert_eq!(
            found(&scripts, "/blog/a.php/b"),
            "/blog/a.php|/b|/app/a.php"
        );
        assert_eq!(found(&scripts, "/blog"), "Other");
        assert_eq!(scripts.front().unwrap().name, b"/blog/index.php");
    }

    #[test]
    fn without_files_here_what_looks_like_a_script_is_one() {
        let scripts = scripts(Path::new("/"), |config| config.root = None);
        assert_eq!(found(&scripts, "/x.php/a.php"), "/x.php|/a.php|/app/x.php");
        assert_eq!(found(&scripts, "/x/"), "/x/index.php||/app/x/index.php");
        assert!(!scripts.has_files());
    }

    #[test]
    fn a_program_is_the_first_file_of_a_path() {
        let folder = folder();
        let scripts = scripts(folder.path(), |config| {
            config.rule = Rule::File;
            config.index.clear();
        });
        assert_eq!(found(&scripts, "/prog/a/b"), "/prog|/a/b|/app/prog");
        assert_eq!(found(&scripts, "/shop/none/b"), "Lost");
        assert_eq!(found(&scripts, "/shop"), "Lost");
    }

    #[test]
    fn one_application_has_all_that_is_below_its_route() {
        let whole = Scripts::new(ScriptsConfig {
            prefix: b"/app".to_vec(),
            ..ScriptsConfig::default()
        });
        let whole = whole.unwrap();
        assert_eq!(found(&whole, "/app/a/.b"), "/app|/a/.b|");
        assert_eq!(found(&whole, "/app"), "/app||");
    }
}
