//! What must hold between sections.

use super::checks;
use super::findings::Findings;
use super::model::{Config, HandlerName, Route};
use super::node::{Node, Value};
use super::slot::Complaint;
use net::Address;
use std::collections::HashMap;
use std::ops::Range;

/// Checks a configuration against its file.
pub(super) fn check(config: &Config, root: &Node, findings: &mut Findings) {
    let mut rules = Rules {
        config,
        root,
        findings,
    };
    rules.something_is_served();
    rules.files_have_a_root();
    rules.repeated_addresses();
    rules.repeated_hosts();
    rules.repeated_routes();
}

struct Rules<'r> {
    config: &'r Config,
    root: &'r Node,
    findings: &'r mut Findings,
}

impl Rules<'_> {
    fn something_is_served(&mut self) {
        let has_site = match self.root.get("site") {
            None => false,
            // What is no list at all was complained of.
            Some(node) => !matches!(&node.value, Value::List(sites) if sites.is_empty()),
        };
        if !has_site {
            let hint = "add a [[site]] with root = \"FOLDER\"";
            let complaint = Complaint::with("there is no [[site]]: nothing would be served", hint);
            self.findings.note_absence(None, complaint);
        }
    }

    fn files_have_a_root(&mut self) {
        for (number, site) in self.config.sites.iter().enumerate() {
            let is_whole = |(index, route): (usize, &Route)| {
                let path = format!("site[{number}].route[{index}].path");
                route.path == "/" && self.root.at(&path).is_some()
            };
            let is_without =
                |route: &Route| route.handler == HandlerName::Files && route.root.is_none();
            let needs =
                !site.routes.iter().enumerate().any(is_whole) || site.routes.iter().any(is_without);
            let node = self.root.at(&format!("site[{number}]"));
            // A root that could not be read was complained of.
            let Some(node) = node.filter(|node| node.get("root").is_none()) else {
                continue;
            };
            if needs && matches!(node.value, Value::Table(_)) {
                let complaint = Complaint::with(
                    "[[site]] has no `root`",
                    "add root = …: a folder, relative to this file",
                );
                self.findings
                    .note_absence(Some(node.span.clone()), complaint);
            }
        }
    }

    fn repeated_addresses(&mut self) {
        let normal = |text: &str| match text.parse::<Address>() {
            Ok(address) if address.is_exclusive() => address.to_string(),
            _ => String::new(),
        };
        let texts = self.texts("listen", "address", normal);
        self.repeated(texts, "the address");
    }

    fn repeated_hosts(&mut self) {
        let mut texts = Vec::new();
        for site in self
            .root
            .get("site")
            .map(Node::elements)
            .unwrap_or_default()
        {
            let Some(hosts) = site.get("hosts") else {
                texts.push(("*".to_owned(), site.span.clone()));
                continue;
            };
            texts.extend(hosts.elements().iter().filter_map(|host| {
                let name = checks::host(&host.scalar_text()?).ok()?;
                Some((name, host.span.clone()))
            }));
        }
        self.repeated(texts, "the host");
    }

    fn repeated_routes(&mut self) {
        let sites = self
            .root
            .get("site")
            .map(Node::elements)
            .unwrap_or_default();
        for site in sites {
            let routes = site.get("route").map(Node::elements).unwrap_or_default();
            let paths = routes.iter().filter_map(|route| route.get("path"));
            let paths = paths.filter_map(|path| Some((path.scalar_text()?, path.span.clone())));
            self.repeated(paths.collect(), "the route");
        }
    }

    /// The values of one key in all sections of a name, as they are compared.
    fn texts(
        &self,
        section: &str,
        key: &str,
        normal: impl Fn(&str) -> String,
    ) -> Vec<(String, Range<usize>)> {
        let sections = self
            .root
            .get(section)
            .map(Node::elements)
            .unwrap_or_default();
        let values = sections.iter().filter_map(|section| section.get(key));
        let texts =
            values.filter_map(|node| Some((normal(&node.scalar_text()?), node.span.clone())));
        texts.collect()
    }

    /// Says of each later one of equal texts where the first is; an empty text equals none.
    fn repeated(&mut self, texts: Vec<(String, Range<usize>)>, noun: &str) {
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
