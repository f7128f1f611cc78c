//! The tracked files, and the part of a Rust file that is shipped code.

use std::path::Path;

use crate::shell;

/// The files of the repository in the order of their paths.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

/// One file; `text` is empty if it is not UTF-8.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

/// A line with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl Tree {
    /// Reads what git tracks or would track; without git, what lies there.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let mut list = shell::program(
            "git",
            [
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ],
        );
        let mut paths: Vec<String> = match shell::output(list.current_dir(root)) {
            Some(names) => names.split_terminator('\0').map(str::to_owned).collect(),
            None => walk(root)?,
        };
        paths.sort();
        paths.dedup();
        let read = |path: String| {
            let octets = std::fs::read(root.join(&path)).ok()?;
            let text = String::from_utf8(octets).unwrap_or_default();
            Some(File { path, text })
        };
        Ok(Self {
            files: paths.into_iter().filter_map(read).collect(),
        })
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        let found = self.files.iter().find(|file| file.path == path)?;
        Some(&found.text)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).into(),
            text: (*text).into(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }
}

impl File {
    /// The first folder of the path, which for a crate is the crate's.
    pub(super) fn area(&self) -> &str {
        self.path.split_once('/').map_or("", |(area, _)| area)
    }

    /// Whether this is Rust source.
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file as a whole is a test, a bench or an example.
    pub(super) fn is_test(&self) -> bool {
        let mut parts = self.path.split('/').skip(1);
        parts.any(|part| ["tests", "benches", "examples", "tests.rs", "build.rs"].contains(&part))
    }

    /// Whether the file says on top that it is a table.
    pub(super) fn is_table(&self) -> bool {
        self.text
            .lines()
            .take(3)
            .any(|line| line.starts_with("// table"))
    }

    /// The lines without comments and without test modules.
    pub(super) fn code(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        let mut left = self.text.lines().enumerate().peekable();
        while let Some((index, text)) = left.next() {
            if text.trim() == "#[cfg(test)]" {
                skip_item(&mut left);
                continue;
            }
            let code = without_comment(text);
            if !code.trim().is_empty() {
                lines.push(Line {
                    number: index + 1,
                    text: code,
                });
            }
        }
        lines
    }
}

/// Skips the item that follows `#[cfg(test)]`: to its `;`, or to the brace in the column it began in.
fn skip_item<'a>(left: &mut impl Iterator<Item = (usize, &'a str)>) {
    let mut indent = None;
    for (_, text) in left {
        let trimmed = text.trim_start();
        if indent.is_none() && trimmed.starts_with("#[") {
            continue;
        }
        let own = text.len() - trimmed.len();
        let start = *indent.get_or_insert(own);
        if own == start && (trimmed.ends_with(';') || trimmed.ends_with('}')) {
            return;
        }
    }
}

/// The line up to its `//`, unless that stands in a string literal (`"http://..."`).
fn without_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(found) = line[from..].find("//") {
        let at = from + found;
        if line[..at].matches('"').count().is_multiple_of(2) {
            return &line[..at];
        }
        from = at + 2;
    }
    line
}

/// Whether `word` stands in the line and is not part of a longer name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let in_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let ends_open = word.ends_with(':') || !after.is_some_and(in_name);
        !before.is_some_and(in_name) && ends_open
    })
}

fn walk(root: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                let built = [
                    "target",
                    ".git",
                    "node_modules",
                    "corpus-local",
                    "artifacts",
                ];
                if !built.iter().any(|skipped| name == *skipped) {
                    folders.push(path);
                }
            } else if let Ok(inner) = path.strip_prefix(root) {
                found.push(inner.to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Vec<String> {
        let file = File {
            path: "a/src/lib.rs".into(),
            text: text.into(),
        };
        file.code()
            .iter()
            .map(|line| line.text.trim().to_owned())
            .collect()
    }

    #[test]
    fn comments_are_not_code_but_addresses_in_strings_are() {
        let lines = code("// a\nlet b = 1; // c\nlet d = \"http://e\";\n");
        assert_eq!(lines, ["let b = 1;", "let d = \"http://e\";"]);
    }

    #[test]
    fn a_test_module_is_not_code_and_what_follows_it_is() {
        let lines =
            code("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n");
        assert_eq!(lines, ["fn a() {}", "fn c() {}"]);
    }

    #[test]
    fn a_test_module_in_its_own_file_takes_one_line() {
        assert_eq!(code("#[cfg(test)]\nmod tests;\nfn c() {}\n"), ["fn c() {}"]);
    }

    #[test]
    fn a_word_is_not_part_of_a_longer_name() {
        assert!(has_word("unsafe { x }", "unsafe"));
        assert!(!has_word("#![forbid(unsafe_code)]", "unsafe"));
        assert!(has_word("use tokio::net;", "tokio::"));
        assert!(!has_word("mytokio::net", "tokio::"));
    }
}
