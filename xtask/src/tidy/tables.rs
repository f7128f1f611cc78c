//! Tables that say they are sorted are.
//!
//! A file that says `// table, sorted` on top is a list of rows; the key of a row is the first string
//! literal of its line. A line that ends in `[` begins a list of its own.

use super::tree::{File, Tree};

/// Complaints about rows out of order.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let sorted = |file: &&File| file.is_rust() && file.is_table() && says_sorted(&file.text);
    tree.files
        .iter()
        .filter(sorted)
        .flat_map(disorder)
        .collect()
}

fn says_sorted(text: &str) -> bool {
    text.lines()
        .take(3)
        .any(|line| line.starts_with("// table") && line.contains("sorted"))
}

fn disorder(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut last: Option<&str> = None;
    for line in file.code() {
        if line.text.trim_end().ends_with('[') {
            last = None;
        }
        let Some(key) = line.text.split('"').nth(1) else {
            continue;
        };
        if let Some(before) = last.filter(|before| *before > key) {
            complaints.push(format!(
                "{}:{}: {key} stands after {before}",
                file.path, line.number
            ));
        }
        last = Some(key);
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> usize {
        check(&Tree::of(&[("semantics/src/known.rs", text)])).len()
    }

    #[test]
    fn a_sorted_table_has_its_rows_in_order() {
        assert_eq!(
            complaints("// table, sorted by name\n    (\"age\", 1),\n    (\"allow\", 2),\n"),
            0
        );
        assert_eq!(
            complaints("// table, sorted by name\n    (\"allow\", 2),\n    (\"age\", 1),\n"),
            1
        );
    }

    #[test]
    fn each_list_of_a_table_has_its_own_order() {
        assert_eq!(
            complaints("// table, sorted\na = [\n    \"z\",\n];\nb = [\n    \"a\",\n];\n"),
            0
        );
    }

    #[test]
    fn a_table_that_does_not_say_so_may_have_any_order() {
        assert_eq!(complaints("// table\n    \"b\",\n    \"a\",\n"), 0);
    }
}
