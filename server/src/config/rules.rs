//! What must hold between sections: errors, and warnings of what is probably not meant.

mod applications;
mod exposure;
mod named;
mod people;
mod pools;
mod proxy;
mod redirects;
mod repeats;
mod routes;
mod secured;

pub use proxy::{OPEN_PROXY, open_proxy};

use super::findings::Findings;
use super::model::{Config, Listener, Role, Settings, Site};
use super::node::{Node, Value};
use super::slot::Complaint;
use net::Address;
use std::ops::Range;
use std::path::Path;

/// Checks a configuration against its file, whose text is `root`.
pub(super) fn check(config: &Config, file: &Path, root: &Node, findings: &mut Findings) {
    let mut rules = Rules {
        config,
        file,
        root,
        findings,
    };
    rules.something_is_served();
    rules.the_log_has_a_format();
    rules.check_repeats();
    rules.check_routes();
    rules.check_pools();
    rules.check_redirects();
    rules.check_secured();
    rules.check_people();
    rules.check_proxy();
    rules.check_exposure();
    rules.check_named_files();
}

struct Rules<'r> {
    config: &'r Config,
    /// The file itself, which may not be there.
    file: &'r Path,
    root: &'r Node,
    findings: &'r mut Findings,
}

impl<'r> Rules<'r> {
    fn something_is_served(&mut self) {
        let has_site = match self.root.get("site") {
            None => false,
            // What is no list at all was complained of.
            Some(node) => !matches!(&node.value, Value::List(sites) if sites.is_empty()),
        };
        let is_server = |listener: &Listener| listener.role == Role::Server;
        if !has_site && self.config.listeners.iter().any(is_server) {
            let hint = "add a [[site]] with root = \"FOLDER\"";
            let complaint = Complaint::with("there is no [[site]]: nothing would be served", hint);
            self.findings.note_absence(None, complaint);
        }
    }

    fn the_log_has_a_format(&mut self) {
        use super::model::LogFormat::Own;
        let log = &self.config.log;
        match (log.format, &log.own) {
            (Some(Own), None) if self.span("log.own").is_none() => {
                let hint = "add own = \"{client} {method} {target} {status}\"";
                let complaint = Complaint::with("the format is `own`, and there is no `own`", hint);
                self.error("log.format", complaint);
            }
            (Some(other), Some(_)) if other != Own => {
                let complaint = Complaint::with(
                    format!("`own` is not used, for the format is \"{other}\""),
                    "write format = \"own\", or leave one of the two out",
                );
                self.warn("log.own", complaint);
            }
            _ => {}
        }
    }

    /// Where something stands, if the file says it.
    fn span(&self, path: &str) -> Option<Range<usize>> {
        self.root.at(path).map(|node| node.span.clone())
    }

    /// What the file says at a path is wrong. What could not be read, or was not said, is not complained of again.
    fn error(&mut self, path: &str, complaint: Complaint) {
        if let Some(span) = self
            .span(path)
            .filter(|span| !self.findings.is_within(span))
        {
            self.findings.note(span, complaint);
        }
    }

    /// What the file says at two places does not go together.
    fn error_also(&mut self, path: &str, also: &str, complaint: Complaint) {
        match self.span(also) {
            None => self.error(path, complaint),
            Some(also) => {
                if let Some(span) = self
                    .span(path)
                    .filter(|span| !self.findings.is_within(span))
                {
                    self.findings.note_also(span, also, complaint);
                }
            }
        }
    }

    /// A section lacks something.
    fn absence(&mut self, path: &str, complaint: Complaint) {
        if let Some(span) = self.span(path) {
            self.findings.note_absence(Some(span), complaint);
        }
    }

    /// What the file says at a path is probably not meant.
    fn warn(&mut self, path: &str, complaint: Complaint) {
        if let Some(span) = self.span(path) {
            self.findings.warn(Some(span), complaint);
        }
    }

    /// The sites with their paths.
    fn sites(&self) -> impl Iterator<Item = (String, &'r Site)> + use<'r> {
        let sites = self.config.sites.iter().enumerate();
        sites.map(|(number, site)| (format!("site[{number}]"), site))
    }

    /// What holds for each site and route, with their paths.
    fn settings(&self) -> impl Iterator<Item = (Spot<'r>, Settings)> + use<'r> {
        self.sites().flat_map(|(path, site)| {
            site.effective().map(move |(route, settings)| {
                let spot = Spot {
                    site_path: path.clone(),
                    site,
                    route,
                };
                (spot, settings)
            })
        })
    }

    /// A listener that others than this machine may reach, and of which something holds.
    fn outside(&self, holds: fn(&Listener) -> bool) -> Option<&'r Address> {
        let outside = self
            .config
            .listeners
            .iter()
            .filter(|listener| match &listener.address {
                Address::Inet(address) => !address.ip().is_loopback(),
                Address::Unix(_) => false,
            });
        let mut found = outside.filter(|listener| holds(listener));
        found.next().map(|listener| &listener.address)
    }

    /// Whether requests may come by TLS: to a listener, or to a gateway in front.
    fn is_secured(&self) -> bool {
        self.config.listeners.iter().any(|listener| listener.tls)
            || !self.config.server.trusted_gateways.is_empty()
    }
}

/// A site or one of its routes.
struct Spot<'r> {
    site_path: String,
    site: &'r Site,
    route: Option<usize>,
}

impl Spot<'_> {
    fn path(&self) -> String {
        match self.route {
            Some(number) => format!("{}.route[{number}]", self.site_path),
            None => self.site_path.clone(),
        }
    }

    /// The path of a setting where it is said: by the route, else by the site.
    fn said(&self, root: &Node, key: &str) -> String {
        let own = format!("{}.{key}", self.path());
        match root.at(&own) {
            Some(_) => own,
            None => format!("{}.{key}", self.site_path),
        }
    }
}
