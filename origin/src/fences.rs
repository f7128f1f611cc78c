//! Paths that keep their rules when a file is reached by another path than its own.
//!
//! ```text
//!  GET /secret ─▶ variants of "secret" ─▶ secret.html ─▶ is /secret.html fenced? ─▶ not among them
//!  GET /       ─▶ index of "/"        ─▶ index.html  ─▶ is /index.html fenced?  ─▶ the next index, or none
//! ```
//!
//! Files know nothing of who may come in. Whoever composes a server tells them below which paths more is asked of who
//! comes in than where they are served; what lies there answers for its own path alone.

/// Paths below which a file is the answer for its own path alone. None: every file may answer for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fences {
    /// Without a slash at the end, longest first. What is below one that is not closed is open, whatever is around it.
    prefixes: Vec<(Box<[u8]>, bool)>,
}

impl Fences {
    /// Fences around those of `prefixes` that are closed. Prefixes are paths below the root of the files, of whole segments,
    /// as `/a/b`; the empty one is the root. The longest that fits a path counts, of equal ones the first.
    pub fn new(prefixes: impl IntoIterator<Item = (Box<[u8]>, bool)>) -> Self {
        let mut prefixes: Vec<_> = prefixes.into_iter().collect();
        // Where nothing is closed, nothing has to be asked.
        if !prefixes.iter().any(|(_, is_closed)| *is_closed) {
            prefixes.clear();
        }
        // Stable: of equal prefixes the first counts.
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self { prefixes }
    }

    /// Whether what is at a path answers for that path alone. The path may begin with a slash.
    pub fn close(&self, path: &[u8]) -> bool {
        if self.prefixes.is_empty() {
            return false;
        }
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let fits = |prefix: &[u8]| match prefix.strip_prefix(b"/") {
            None => true,
            Some(prefix) => (path.strip_prefix(prefix))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")),
        };
        let nearest = self.prefixes.iter().find(|(prefix, _)| fits(prefix));
        nearest.is_some_and(|(_, is_closed)| *is_closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fences(prefixes: &[(&str, bool)]) -> Fences {
        let prefixes = prefixes.iter();
        Fences::new(prefixes.map(|(prefix, is_closed)| (prefix.as_bytes().into(), *is_closed)))
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_counts() {
        let fences = fences(&[
            ("", false),
            ("/a", true),
            ("/a/b", false),
            ("/a/b/c.html", true),
        ]);
        // table
        for (path, is_closed) in [
            ("/", false),
            ("/x", false),
            ("/a", true),
            ("/a/", true),
            ("/ab", false),
            ("/a/x", true),
            ("/a/b", false),
            ("/a/b/x", false),
            ("/a/b/c.html", true),
            ("/a/b/c.html.en", false),
            ("a/b/c.html", true),
            ("a", true),
        ] {
            assert_eq!(fences.close(path.as_bytes()), is_closed, "{path}");
        }
    }

    #[test]
    fn a_fence_around_everything_has_gates_where_it_is_open() {
        let fences = fences(&[("", true), ("/open", false), ("/open", true)]);
        assert!(fences.close(b"/x") && fences.close(b"/"));
        assert!(!fences.close(b"/open/x"));
    }

    #[test]
    fn without_a_closed_prefix_nothing_is_fenced() {
        let fences = fences(&[("", false), ("/a", false)]);
        assert_eq!(fences, Fences::default());
        assert!(!fences.close(b"/a"));
    }
}
