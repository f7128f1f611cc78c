//! The floors: a crate imports lower floors only, never sideways, never up.

use super::manifest::{self, Kind};
use super::tree::Tree;

/// Complaints about dependencies that do not go down.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, folder, dependencies) in manifest::all(tree) {
        let place = Place::of(folder);
        if place == Place::Unknown && !folder.contains('/') {
            complaints.push(format!(
                "{path}: the crate {folder} has no floor (xtask/src/tidy/floors.rs)"
            ));
        }
        for dependency in dependencies {
            if let Some(reason) = refusal(place, &dependency.name, dependency.kind) {
                let line = dependency.line;
                complaints.push(format!(
                    "{path}:{line}: {folder} may not import {}: {reason}",
                    dependency.name
                ));
            }
        }
    }
    complaints
}

/// Whether this is the name of a crate of the project.
pub(super) fn is_ours(name: &str) -> bool {
    Place::of(name) != Place::Unknown
}

/// Where a folder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Floor(usize),
    Tool,
    Unknown,
}

impl Place {
    fn of(folder: &str) -> Self {
        let on = |floor: &[&str]| floor.contains(&folder);
        match FLOORS.iter().position(|floor| on(floor)) {
            Some(index) => Self::Floor(index + 1),
            None if TOOLS.contains(&folder) => Self::Tool,
            None => Self::Unknown,
        }
    }
}

fn refusal(importer: Place, imported: &str, kind: Kind) -> Option<String> {
    match (importer, Place::of(imported)) {
        (Place::Floor(own), Place::Floor(other)) if kind == Kind::Normal && own <= other => {
            Some(format!("floor {other} is not below floor {own}"))
        }
        (Place::Floor(_), Place::Tool) if kind != Kind::Dev || imported != "testkit" => {
            Some("tools are not shipped".to_owned())
        }
        _ => None,
    }
}

/// From the lowest up.
const FLOORS: &[&[&str]] = &[
    &["semantics"],
    &["http1", "http2", "http3", "coding", "guard", "net"],
    &["engine"],
    &[
        "origin",
        "auth",
        "cache",
        "intermediary",
        "application",
        "client",
        "inspect",
        "fingerprint",
    ],
    &["server"],
    &["cli"],
];

/// Beside the floors: they may import anything, and no floor imports them but for its tests.
const TOOLS: &[&str] = &["testkit", "xtask", "fuzz", "browser"];

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, manifest: &str) -> usize {
        check(&Tree::of(&[(path, manifest)])).len()
    }

    #[test]
    fn a_lower_floor_may_be_imported() {
        assert_eq!(
            complaints(
                "engine/Cargo.toml",
                "[dependencies]\nhttp1.workspace = true\nbytes = \"1\"\n"
            ),
            0
        );
    }

    #[test]
    fn an_import_may_go_neither_up_nor_sideways() {
        assert_eq!(
            complaints(
                "net/Cargo.toml",
                "[dependencies]\nengine.workspace = true\n"
            ),
            1
        );
        assert_eq!(
            complaints("net/Cargo.toml", "[dependencies]\nhttp1.workspace = true\n"),
            1
        );
    }

    #[test]
    fn testkit_is_for_tests_only() {
        assert_eq!(
            complaints(
                "http1/Cargo.toml",
                "[dev-dependencies]\ntestkit.workspace = true\n"
            ),
            0
        );
        assert_eq!(
            complaints(
                "http1/Cargo.toml",
                "[dependencies]\ntestkit.workspace = true\n"
            ),
            1
        );
    }

    #[test]
    fn a_crate_without_a_floor_is_named() {
        assert_eq!(
            complaints(
                "helpers/Cargo.toml",
                "[package]\nname = \"hansom-helpers\"\n"
            ),
            1
        );
    }
}
