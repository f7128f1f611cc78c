//! The longest files and functions: printed, never refused.

use super::tree::{File, Line, Tree};

/// What is longer than it should be, and the longest of all.
pub(super) fn report(tree: &Tree) -> Vec<String> {
    let counted = |file: &&File| {
        file.is_rust() && !file.is_table() && !file.is_test() && file.area() != "bench"
    };
    let files: Vec<&File> = tree.files.iter().filter(counted).collect();
    let mut sizes: Vec<(usize, String)> = files
        .iter()
        .map(|file| (own_lines(file), file.path.clone()))
        .collect();
    let mut functions: Vec<(usize, String)> =
        files.iter().flat_map(|file| functions_of(file)).collect();
    sizes.sort_by_key(|(lines, _)| std::cmp::Reverse(*lines));
    functions.sort_by_key(|(lines, _)| std::cmp::Reverse(*lines));
    let mut report = top("longest files (without tests)", &sizes, FILE_LINES_MAX);
    report.extend(top("longest functions", &functions, FUNCTION_LINES_MAX));
    report
}

fn top(title: &str, items: &[(usize, String)], lines_max: usize) -> Vec<String> {
    let over = items.iter().filter(|(lines, _)| *lines > lines_max).count();
    let mut rows = vec![format!("{title}; {over} over {lines_max} lines")];
    let shown = items.iter().take(over.max(SHOWN));
    rows.extend(shown.map(|(lines, name)| format!("  {lines:>5}  {name}")));
    rows
}

/// Lines before the tests.
fn own_lines(file: &File) -> usize {
    let before_tests = file
        .text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]");
    before_tests.count()
}

/// Each function with its length, from `fn` to the brace in the same column.
fn functions_of(file: &File) -> Vec<(usize, String)> {
    let code = file.code();
    let mut found = Vec::new();
    for (index, line) in code.iter().enumerate() {
        let Some(name) = function_name(line.text) else {
            continue;
        };
        if let Some(last) = code[index..].iter().find(|later| ends_like(line, later)) {
            let lines = last.number - line.number + 1;
            found.push((lines, format!("{}:{} {name}", file.path, line.number)));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = ["pub", "const", "async", "unsafe", "extern", "\"C\""];
    let is_word = |word: &str| {
        words.contains(&word) || word.starts_with("pub(") || word == "in" || word.ends_with(')')
    };
    let opens = before.split_whitespace().all(is_word);
    opens.then(|| after.split(['(', '<']).next().unwrap_or(after))
}

fn ends_like(first: &Line<'_>, line: &Line<'_>) -> bool {
    let indent = |text: &str| text.len() - text.trim_start().len();
    let closes = line.text.trim() == "}"
        || (line.number == first.number && line.text.trim_end().ends_with(['}', ';']));
    closes && indent(line.text) == indent(first.text)
}

const FILE_LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 70;
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_measured_to_its_closing_brace() {
        let text = "impl A {\n    pub fn a(\n        b: u8,\n    ) {\n        if b {\n        }\n    }\n}\nfn c() {}\n";
        let file = File {
            path: "a.rs".into(),
            text: text.into(),
        };
        let lengths: Vec<usize> = functions_of(&file)
            .iter()
            .map(|(lines, _)| *lines)
            .collect();
        assert_eq!(lengths, [6, 1]);
    }

    #[test]
    fn the_tests_of_a_file_do_not_count() {
        let file = File {
            path: "a.rs".into(),
            text: "a\nb\n#[cfg(test)]\nmod tests {}\n".into(),
        };
        assert_eq!(own_lines(&file), 2);
    }
}
