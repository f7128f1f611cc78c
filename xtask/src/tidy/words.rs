//! Words and file names that do not belong in the repository.

use super::tree::Tree;

/// Complaints about forbidden words, absolute paths and odd file names.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in &tree.files {
        if let Some(reason) = odd_name(&file.path) {
            complaints.push(format!("{}: the file's name {reason}", file.path));
        }
        for (index, line) in file.text.lines().enumerate() {
            if let Some(word) = forbidden(line) {
                complaints.push(format!(
                    "{}:{}: {word} does not belong here",
                    file.path,
                    index + 1
                ));
            }
        }
    }
    complaints
}

fn odd_name(path: &str) -> Option<&'static str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if path.contains(char::is_whitespace) {
        return Some("has a space");
    }
    if path.starts_with("corpus/") && !path.chars().all(plain) {
        return Some("has more than letters, digits, `-`, `_` and `.`");
    }
    None
}

fn forbidden(line: &str) -> Option<&'static str> {
    let word = WORDS.iter().find(|word| line.contains(*word));
    word.or_else(|| PLACES.iter().find(|place| names_place(line, place)))
        .copied()
}

/// Whether an absolute path begins in the line (`a/work/` is not one).
fn names_place(line: &str, place: &str) -> bool {
    let in_path = |letter: char| letter.is_alphanumeric() || "._-*}".contains(letter);
    line.match_indices(place)
        .any(|(at, _)| !line[..at].ends_with(in_path))
}

/// Written in two halves, so that this file has none of them.
const WORDS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
];

/// Folders of one machine.
const PLACES: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_of_one_machine_is_found() {
        let line = concat!("see /wo", "rk/shared");
        assert_eq!(check(&Tree::of(&[("README.md", line)])).len(), 1);
        assert_eq!(
            check(&Tree::of(&[("README.md", "net/work/x")])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_note_to_oneself_is_found_with_its_line() {
        let text = concat!("a\n// TO", "DO: b\n");
        let complaints = check(&Tree::of(&[("net/src/lib.rs", text)]));
        assert!(
            complaints[0].starts_with("net/src/lib.rs:2:"),
            "{complaints:?}"
        );
    }

    #[test]
    fn the_lint_against_such_notes_may_be_named() {
        assert_eq!(forbidden("todo = \"warn\""), None);
    }

    #[test]
    fn a_space_in_a_file_name_is_found() {
        assert_eq!(check(&Tree::of(&[("docs/a b.md", "")])).len(), 1);
    }
}
