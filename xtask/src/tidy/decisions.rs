//! The decision log: numbered without gaps, and a line for every dependency.

use super::floors;
use super::manifest;
use super::tree::Tree;

/// Complaints about `docs/decisions/NNNN-*.md` that are doubled or left out.
pub(super) fn numbered(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut next = None;
    for file in &tree.files {
        let Some(name) = file.path.strip_prefix(FOLDER) else {
            continue;
        };
        let Some(number) = name.get(..4).and_then(|digits| digits.parse::<u32>().ok()) else {
            continue;
        };
        let expected = next.unwrap_or(number.min(1));
        if number != expected {
            complaints.push(format!("{}: {expected:04} was expected here", file.path));
        }
        next = Some(number + 1);
    }
    complaints
}

/// Complaints about dependencies without a line `| `name` | ...` in the log.
pub(super) fn dependencies(tree: &Tree) -> Vec<String> {
    let log = tree.text(LOG).unwrap_or_default();
    let logged: Vec<&str> = log.lines().filter_map(logged_name).collect();
    let mut complaints = Vec::new();
    for (path, _, dependencies) in manifest::all(tree) {
        for dependency in dependencies {
            let (name, line) = (dependency.name.as_str(), dependency.line);
            if !floors::is_ours(name) && !logged.contains(&name) {
                complaints.push(format!("{path}:{line}: {name} has no line in {LOG}"));
            }
        }
    }
    complaints
}

/// The name in a row such as "| `bytes` | why | else |".
fn logged_name(line: &str) -> Option<&str> {
    let cell = line.strip_prefix("| `")?;
    cell.split_once('`').map(|(name, _)| name)
}

const FOLDER: &str = "docs/decisions/";
const LOG: &str = "docs/decisions/dependencies.md";

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(names: &[&str]) -> usize {
        let files: Vec<(String, &str)> = names
            .iter()
            .map(|name| (format!("{FOLDER}{name}"), ""))
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), *text))
            .collect();
        numbered(&Tree::of(&files)).len()
    }

    #[test]
    fn decisions_are_numbered_without_gaps() {
        assert_eq!(numbers(&["0001-a.md", "0002-b.md", "dependencies.md"]), 0);
        assert_eq!(numbers(&["0001-a.md", "0003-b.md"]), 1);
        assert_eq!(numbers(&["0001-a.md", "0001-b.md"]), 1);
        assert_eq!(numbers(&["0002-a.md"]), 1);
    }

    #[test]
    fn a_dependency_without_a_line_is_named() {
        let manifest = (
            "net/Cargo.toml",
            "[dependencies]\nslab = \"0.4\"\nsemantics.workspace = true\n",
        );
        let log = (LOG, "| `slab` | a table of connections | own list |\n");
        assert_eq!(
            dependencies(&Tree::of(&[manifest, log])),
            Vec::<String>::new()
        );
        assert_eq!(dependencies(&Tree::of(&[manifest])).len(), 1);
    }
}
