//! What a method does that changes the folder, by the same rules as the server's.

use super::Step;
use super::files::{is_hidden, join, relative};
use super::steps::{At, Explainer, step};
use crate::config::Settings;
use net::{FileKind, OpenError, Root, Wait};
use semantics::Method;
use std::fs;
use std::path::Path;

/// What comes of it, and the rule.
type Outcome = (String, &'static str);

impl Explainer<'_> {
    pub(super) fn change(&mut self, at: &At<'_>, settings: &Settings, root: &Path, below: &[u8]) {
        let is_folder = below.is_empty() || below.ends_with(b"/");
        let outcome = match self.asked.method() {
            _ if is_hidden(below) => Some((
                "403: a name that begins with a dot is not served, thus not stored".to_owned(),
                "RFC 9110 §15.5.4",
            )),
            Method::Put if is_folder => {
                Some(("405: a folder is not put".to_owned(), "RFC 9110 §15.5.6"))
            }
            Method::Put => Some(put(root, below)),
            Method::Post if is_folder => Some(post(root, below)),
            Method::Post => Some((
                "405: forms are for folders, whose paths end in a slash".to_owned(),
                "RFC 9110 §15.5.6",
            )),
            Method::Delete => Some(delete(root, below, is_folder)),
            Method::Patch if settings.resumable_uploads == Some(true) => Some((
                "goes on with an upload that was interrupted".to_owned(),
                "RFC 5789 §2",
            )),
            _ => None,
        };
        let Some((what, rule)) = outcome else {
            return self.unsupported(at, settings);
        };
        let status = what
            .split(':')
            .next()
            .and_then(|status| status.parse().ok());
        let place = self.spot_of(at, "uploads");
        self.push(Step {
            rule: Some(rule),
            ..step("answer", format!("{} {what}", self.asked.method), place)
        });
        if let Some(status @ 400..) = status {
            self.error_page(at, settings, status);
        }
    }
}

fn put(root: &Path, below: &[u8]) -> Outcome {
    let path = join(root, below);
    let shown = path.display();
    if let Err(outcome) = folder_of(root, below, no_folder_to_put_in) {
        return outcome;
    }
    match fs::symlink_metadata(&path).map(|facts| facts.file_type()) {
        Ok(kind) if kind.is_dir() => (format!("409: {shown} is a folder"), "RFC 9110 §15.5.10"),
        Ok(kind) if kind.is_file() => {
            (format!("204: replaces the file {shown}"), "RFC 9110 §9.3.4")
        }
        Ok(_) => (
            format!("409: {shown} is no regular file; links are not replaced"),
            "RFC 9110 §15.5.10",
        ),
        Err(_) => (format!("201: makes the file {shown}"), "RFC 9110 §9.3.4"),
    }
}

fn post(root: &Path, below: &[u8]) -> Outcome {
    let shown = join(root, below);
    match is_folder(root, relative(below)) {
        Ok(true) => (
            format!("303: stores the files of a form in {}", shown.display()),
            "RFC 9110 §9.3.3",
        ),
        _ => nothing(&shown),
    }
}

fn delete(root: &Path, below: &[u8], is_folder: bool) -> Outcome {
    let path = join(root, relative(below));
    let shown = join(root, below);
    if relative(below).is_empty() {
        let what = "403: the folder that is served is not removed".to_owned();
        return (what, "RFC 9110 §15.5.4");
    }
    if let Err(outcome) = folder_of(root, relative(below), nothing) {
        return outcome;
    }
    let removes = (
        format!("204: removes {}", shown.display()),
        "RFC 9110 §9.3.5",
    );
    let conflict = |why: &str| {
        (
            format!("409: {} {why}", path.display()),
            "RFC 9110 §15.5.10",
        )
    };
    match fs::symlink_metadata(&path).map(|facts| facts.file_type()) {
        Ok(kind) if kind.is_dir() && !is_folder => {
            conflict("is a folder, which is named with a slash at its end")
        }
        Ok(kind) if kind.is_dir() => match fs::read_dir(&path).map(|mut entries| entries.next()) {
            Ok(Some(_)) => conflict("is a folder that is not empty"),
            _ => removes,
        },
        Ok(_) if !is_folder => removes,
        Ok(kind) if kind.is_file() => nothing(&shown),
        Ok(_) => conflict("is no folder"),
        Err(_) => nothing(&shown),
    }
}

/// The folder that has the name at a path, or what comes of there being none.
fn folder_of(root: &Path, below: &[u8], none: fn(&Path) -> Outcome) -> Result<(), Outcome> {
    let below = relative(below);
    let end = below.iter().rposition(|octet| *octet == b'/').unwrap_or(0);
    let folder = below.get(..end).unwrap_or_default();
    match is_folder(root, folder) {
        Ok(true) => Ok(()),
        _ => Err(none(&join(root, below))),
    }
}

fn is_folder(root: &Path, relative: &[u8]) -> Result<bool, OpenError> {
    let root = Root::new(root)?;
    let meta = root.stat(relative, Wait::MayBlock)?;
    Ok(meta.kind == FileKind::Folder)
}

fn no_folder_to_put_in(path: &Path) -> Outcome {
    let folder = path.parent().unwrap_or(path).display();
    (
        format!("409: there is no folder {folder}"),
        "RFC 4918 §9.7.1",
    )
}

fn nothing(path: &Path) -> Outcome {
    (
        format!("404: there is no {}", path.display()),
        "RFC 9110 §15.5.5",
    )
}
