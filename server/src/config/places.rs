//! Where each value of a configuration stands.

use super::node::{Node, Value};
use std::collections::BTreeMap;

/// Where each value of a configuration stands, by a path as `site[0].route[2].redirect`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    file: String,
    lines: BTreeMap<String, usize>,
}

impl Places {
    pub(super) fn of(file: &str, text: &str, root: &Node) -> Self {
        let mut places = Self {
            file: file.to_owned(),
            lines: BTreeMap::new(),
        };
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let starts: Vec<_> = starts.collect();
        places.add(String::new(), root, &starts);
        places
    }

    /// The file, as the user wrote it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1, if the file says it at all.
    #[must_use]
    pub fn line(&self, path: &str) -> Option<usize> {
        self.lines.get(path).copied()
    }

    fn add(&mut self, path: String, node: &Node, starts: &[usize]) {
        let below = |name: &str| match path.is_empty() {
            true => name.to_owned(),
            false => format!("{path}.{name}"),
        };
        for entry in node.entries() {
            let path = below(&entry.name);
            let line = starts.partition_point(|start| *start <= entry.span.start);
            self.lines.insert(path.clone(), line);
            self.add(path, &entry.node, starts);
        }
        if let Value::List(nodes) = &node.value {
            for (number, node) in nodes.iter().enumerate() {
                let path = format!("{path}[{number}]");
                let line = starts.partition_point(|start| *start <= node.span.start);
                self.lines.insert(path.clone(), line);
                self.add(path, node, starts);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    #[test]
    fn every_value_has_the_line_it_stands_in() {
        let text = "[[site]]\nroot = 1\n\n[[site]]\n[[site.route]]\npath = [\n 1,\n 2]\n";
        let root = Node::of_document(&DeTable::parse(text).unwrap());
        let places = Places::of("a.toml", text, &root);
        assert_eq!(places.line("site[0]"), Some(1));
        assert_eq!(places.line("site[0].root"), Some(2));
        assert_eq!(places.line("site[1]"), Some(4));
        assert_eq!(places.line("site[1].route[0].path[1]"), Some(8));
        assert_eq!(places.line("site[1].root"), None);
    }
}
