//! As much of a Cargo.toml as tidy needs: the names under its dependency tables.
//!
//! It reads the style the manifests here are written in, not TOML in general:
//! tables in brackets, one `key = value` or `key.workspace = true` a line.

use super::tree::Tree;

/// One dependency of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    /// The name without `hansom-`, so that a crate of ours is called as its folder is.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Dev,
    Build,
}

/// Every manifest: its path, its folder and its dependencies.
pub(super) fn all(tree: &Tree) -> Vec<(&str, &str, Vec<Dependency>)> {
    let manifests = tree.files.iter().filter_map(|file| {
        let folder = file.path.strip_suffix("/Cargo.toml")?;
        Some((file.path.as_str(), folder, dependencies(&file.text)))
    });
    manifests.collect()
}

fn dependencies(text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut kind = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let (of, single) = table_of(table);
            kind = of.filter(|_| single.is_none());
            if let (Some(kind), Some(name)) = (of, single) {
                found.push(Dependency {
                    name: own_name(name),
                    kind,
                    line: index + 1,
                });
            }
        } else if let (Some(kind), Some((key, value))) = (kind, line.split_once('=')) {
            let key = key.split('.').next().unwrap_or(key).trim();
            let name = renamed(value).unwrap_or(key);
            if !key.starts_with('#') {
                found.push(Dependency {
                    name: own_name(name),
                    kind,
                    line: index + 1,
                });
            }
        }
    }
    found
}

/// The kind of dependency a table holds, and the name if it holds a single one (`[dependencies.x]`).
fn table_of(table: &str) -> (Option<Kind>, Option<&str>) {
    let inner = match table.rsplit_once("'.") {
        Some((_, inner)) if table.starts_with("target.") => inner,
        _ => table,
    };
    let (head, single) = match inner.split_once('.') {
        Some((head, single)) => (head, Some(single)),
        None => (inner, None),
    };
    let kind = match head {
        "dependencies" => Some(Kind::Normal),
        "dev-dependencies" => Some(Kind::Dev),
        "build-dependencies" => Some(Kind::Build),
        _ => None,
    };
    (kind, single)
}

/// The value of `package = "..."` in an inline table.
fn renamed(value: &str) -> Option<&str> {
    let (_, after) = value.split_once("package")?;
    after.split('"').nth(1)
}

fn own_name(name: &str) -> String {
    name.strip_prefix("hansom-").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, Kind)> {
        let found = dependencies(text);
        found.into_iter().map(|one| (one.name, one.kind)).collect()
    }

    #[test]
    fn each_way_to_write_a_dependency_is_read() {
        let text = "[package]\nname = \"x\"\n[dependencies]\nbytes.workspace = true\nslab = \"0.4\"\n\
            # mio = \"1\"\n[dev-dependencies]\nk = { path = \"../testkit\", package = \"hansom-testkit\" }\n\
            [dependencies.serde]\nversion = \"1\"\n";
        let expected = [
            ("bytes", Kind::Normal),
            ("slab", Kind::Normal),
            ("testkit", Kind::Dev),
            ("serde", Kind::Normal),
        ];
        assert_eq!(
            names(text),
            expected.map(|(name, kind)| (name.to_owned(), kind))
        );
    }

    #[test]
    fn a_target_has_dependencies_too() {
        let text = "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n[lints]\nworkspace = true\n";
        assert_eq!(names(text), [("libc".to_owned(), Kind::Normal)]);
    }
}
