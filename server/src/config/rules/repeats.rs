//! What may be there only once.

use super::Rules;
use crate::config::checks;
use crate::config::node::Node;
use crate::config::slot::Complaint;
use net::Address;
use std::collections::HashMap;
use std::ops::Range;

type Texts = Vec<(String, Range<usize>)>;

impl Rules<'_> {
    pub(super) fn check_repeats(&mut self) {
        let address = |text: &str| match text.parse::<Address>() {
            Ok(address) if address.is_exclusive() => address.to_string(),
            _ => String::new(),
        };
        self.repeated(self.texts("listen", "address", address), "the address");
        self.repeated(self.texts("auth", "name", str::to_owned), "the [[auth]]");
        self.repeated(self.texts("pool", "name", str::to_owned), "the [[pool]]");
        self.repeated(self.hosts(), "the host");
        self.repeated(self.server_names(), "the server name");
        for site in self.sections("site") {
            let routes = site.get("route").map(Node::elements).unwrap_or_default();
            let paths = routes.iter().filter_map(|route| route.get("path"));
            let paths = paths.filter_map(|path| Some((path.scalar_text()?, path.span.clone())));
            self.repeated(paths.collect(), "the route");
        }
    }

    fn hosts(&self) -> Texts {
        let mut texts = Texts::new();
        for site in self.sections("site") {
            match site.get("hosts") {
                Some(hosts) => texts.extend(names(hosts)),
                None => texts.push(("*".to_owned(), site.span.clone())),
            }
        }
        texts
    }

    fn server_names(&self) -> Texts {
        let lists = self
            .sections("tls")
            .iter()
            .filter_map(|tls| tls.get("names"));
        lists.flat_map(names).collect()
    }

    /// The values of one key in all sections of a name, as they are compared.
    fn texts(&self, section: &str, key: &str, normal: impl Fn(&str) -> String) -> Texts {
        let sections = self.sections(section).iter();
        let values = sections.filter_map(|section| section.get(key));
        values
            .filter_map(|node| Some((normal(&node.scalar_text()?), node.span.clone())))
            .collect()
    }

    /// Says of each later one of equal texts where the first is; an empty text equals none.
    fn repeated(&mut self, texts: Texts, noun: &str) {
        let mut first: HashMap<String, Range<usize>> = HashMap::new();
        for (text, span) in texts {
            match first.get(&text) {
                _ if text.is_empty() => {}
                None => {
                    first.insert(text, span);
                }
                Some(earlier) => {
                    let message = format!("{noun} \"{}\" is there twice", text.escape_debug());
                    self.findings
                        .note_also(span, earlier.clone(), Complaint::new(message));
                }
            }
        }
    }
}

impl<'r> Rules<'r> {
    fn sections(&self, name: &str) -> &'r [Node] {
        self.root.get(name).map(Node::elements).unwrap_or_default()
    }
}

fn names(list: &Node) -> impl Iterator<Item = (String, Range<usize>)> {
    list.elements().iter().filter_map(|node| {
        let name = checks::host(&node.scalar_text()?).ok()?;
        Some((name, node.span.clone()))
    })
}
