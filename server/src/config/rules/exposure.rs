//! What is open to more people than was probably meant: warnings.

use super::Rules;
use crate::config::model::ClientCertificate;
use crate::config::slot::Complaint;
use crate::config::{Route, Settings, Site};
use crate::sites::{Matcher, fences, prefix};
use semantics::NormalPath;
use std::ffi::OsStr;
use std::path::Path;

/// Where a file is served.
struct Served<'r> {
    root: &'r Path,
    /// The key that names the root.
    said: String,
    may_change: bool,
}

impl Rules<'_> {
    pub(super) fn check_exposure(&mut self) {
        self.gateways_are_some();
        self.uploads_are_for_some();
        self.passwords_are_hidden();
        self.certificates_are_shown_everywhere();
        self.own_files_are_not_served();
        self.files_have_one_name();
    }

    /// Hashes, keys, logs and the configuration are no content, and above all nothing that clients may replace.
    fn own_files_are_not_served(&mut self) {
        let config = self.config;
        let users = (config.auth.iter().enumerate())
            .map(|(number, auth)| (format!("auth[{number}].users"), Some(&auth.users)));
        let keys = (config.tls.iter().enumerate()).map(|(number, tls)| match &tls.key {
            Some(key) => (format!("tls[{number}].key"), Some(key)),
            // One file may hold both.
            None => (format!("tls[{number}].cert"), tls.cert.as_ref()),
        });
        let others = [
            ("server.state".to_owned(), config.server.state.as_ref()),
            ("log.file".to_owned(), config.log.file.as_ref()),
        ];
        let elsewhere = "put it elsewhere, or into a folder whose name begins with a dot";
        for (path, file) in users.chain(keys).chain(others) {
            let Some(served) = file.and_then(|file| self.served(file)) else {
                continue;
            };
            let root = served.root.display();
            if served.may_change {
                let message =
                    format!("this is below {root}, where clients may replace it: uploads");
                self.error(&path, Complaint::with(message, elsewhere));
            } else {
                let message = format!("this is below {root}, whose files are served");
                self.warn(&path, Complaint::with(message, elsewhere));
            }
        }
        self.configuration_is_not_served();
    }

    fn configuration_is_not_served(&mut self) {
        let Some(served) = Some(self.file).filter(|file| file.is_file()) else {
            return;
        };
        let Some(served) = self.served(served) else {
            return;
        };
        let name = self.file.file_name().unwrap_or_default().display();
        let path = served.said;
        if served.may_change {
            let message = format!("clients may replace {name} itself, which is below: uploads");
            let hint = "serve a folder that it is not in";
            self.error(&path, Complaint::with(message, hint));
        } else {
            let message = format!("{name} itself is below, and is served");
            let hint = "serve a folder that it is not in";
            self.warn(&path, Complaint::with(message, hint));
        }
    }

    /// Where a file is served that is not hidden there: where clients may change it, if they may anywhere.
    fn served(&self, file: &Path) -> Option<Served<'_>> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let file = real(file);
        let all = self.settings().filter_map(|(spot, settings)| {
            let route = spot.route.and_then(|number| spot.site.routes.get(number));
            let (root, led) = match route {
                None => (spot.site.root.as_ref()?, ""),
                Some(route) => match &route.root {
                    Some(root) => (root, prefix(&route.path)),
                    None => (spot.site.root.as_ref()?, ""),
                },
            };
            let below = file.strip_prefix(real(root)).ok()?;
            let is_hidden = |part: &OsStr| part.as_encoded_bytes().starts_with(b".");
            if below.iter().any(is_hidden) {
                return None;
            }
            let path = format!("{led}/{}", below.display());
            let own = spot.route.unwrap_or(spot.site.routes.len());
            let is_of = place_of(spot.site, &path) == Some(own);
            let key = match route {
                Some(route) if route.root.is_some() => format!("{}.root", spot.path()),
                _ => format!("{}.root", spot.site_path),
            };
            is_of.then_some(Served {
                root,
                said: key,
                may_change: settings.uploads == Some(true),
            })
        });
        // What is worse is told.
        all.max_by_key(|served| served.may_change)
    }

    /// A route for one file that asks more of who comes in than the folder does: the file answers for its own path alone.
    /// And a route for a name that files are variants of: it does not hold for their own.
    fn files_have_one_name(&mut self) {
        for (spot, settings) in self.settings() {
            let route = spot.route.and_then(|number| spot.site.routes.get(number));
            let (Some(route), Some(root)) = (route, &spot.site.root) else {
                continue;
            };
            let denies = settings.deny.as_ref().is_some_and(|deny| !deny.is_empty());
            let is_closed = settings.auth().is_some() || !settings.is_open() || denies;
            if !is_closed || route.root.is_some() || route.path.ends_with('/') {
                continue;
            }
            let path = format!("{}.path", spot.path());
            let file = route.path.trim_start_matches('/');
            if root.join(file).is_file() {
                if let Some(name) = open_coded(spot.site, root, route) {
                    let message = format!(
                        "{name} holds the same, and can be asked for by its own path, where this route does not hold"
                    );
                    let hint = "let the route be for a folder, and put the files into that";
                    self.warn(&path, Complaint::with(message, hint));
                }
                if let Some(other) = left_out_of(spot.site, route, &settings) {
                    let message = format!(
                        "the file is left out where {other} is asked for, which is open to more people"
                    );
                    let hint = "let the route be for a folder, and put the file into that";
                    self.warn(&path, Complaint::with(message, hint));
                }
            } else if settings.negotiate == Some(true)
                && let Some(name) = open_variant(spot.site, root, route)
            {
                let message = format!(
                    "{name} is an answer here, and can be asked for by its own path, where this route does not hold"
                );
                let hint = "let the route be for a folder, and put the files into that";
                self.warn(&path, Complaint::with(message, hint));
            }
        }
    }

    /// RFC 7239 §8.1: whoever is believed says who asks.
    fn gateways_are_some(&mut self) {
        for (number, network) in self.config.server.trusted_gateways.iter().enumerate() {
            if network.is_all() {
                let message = "everybody is believed here: a client says itself who it is, and may come in where `allow` lets it";
                let hint = "name the addresses of the gateways";
                let path = format!("server.trusted_gateways[{number}]");
                self.warn(&path, Complaint::with(message, hint).by("RFC 7239 §8.1"));
            }
        }
    }

    fn uploads_are_for_some(&mut self) {
        let Some(address) = self.outside(|_| true) else {
            return;
        };
        for (spot, settings) in self.settings() {
            let is_open = settings.auth().is_none() && settings.is_open();
            if settings.uploads == Some(true) && is_open {
                let message = format!("everyone who reaches {address} may change this folder");
                let hint = "add auth = …, or allow = … with the networks that may";
                let path = spot.said(self.root, "uploads");
                self.warn_once(&path, Complaint::with(message, hint));
            }
        }
    }

    /// RFC 7617 §4: without TLS, passwords are readable on their way.
    fn passwords_are_hidden(&mut self) {
        let Some(address) = self.outside(|listener| !listener.tls) else {
            return;
        };
        if !self.config.server.trusted_gateways.is_empty() {
            return;
        }
        for (spot, settings) in self.settings() {
            if settings.auth().is_some() && !spot.site.to_https {
                let message = format!(
                    "passwords can be read on their way to {address}, which does not speak TLS"
                );
                let hint = "add tls = true to the [[listen]], or to_https = true to the [[site]]";
                let path = spot.said(self.root, "auth");
                self.warn_once(&path, Complaint::with(message, hint).by("RFC 7617 §4"));
            }
        }
    }

    /// A listener in the clear asks nobody for a certificate.
    fn certificates_are_shown_everywhere(&mut self) {
        let Some(address) = self.outside(|listener| !listener.tls) else {
            return;
        };
        let config = self.config;
        if !config.server.trusted_gateways.is_empty() {
            return;
        }
        for (number, tls) in config.tls.iter().enumerate() {
            let mut open = config.sites.iter().filter(|site| !site.to_https);
            let is_for = |site: &Site| {
                let mut hosts = site.hosts.iter();
                tls.names.is_empty()
                    || hosts.any(|host| tls.names.iter().any(|name| may_be_one(host, name)))
            };
            if tls.client_certificate == ClientCertificate::Require && open.any(is_for) {
                let message = format!(
                    "without one the same is served at {address}, which does not speak TLS"
                );
                let hint = "add tls = true to the [[listen]], or to_https = true to the [[site]]";
                let path = format!("tls[{number}].client_certificate");
                self.warn(&path, Complaint::with(message, hint));
            }
        }
    }

    /// A setting of a site holds for its routes, and is warned of once.
    pub(super) fn warn_once(&mut self, path: &str, complaint: Complaint) {
        let span = self.span(path);
        if !self.findings.is_warned(span.as_ref(), &complaint) {
            self.warn(path, complaint);
        }
    }
}

/// Whether there is a name that fits both: the host of a site and the name of a certificate, each of which may begin with `*.`.
fn may_be_one(host: &str, name: &str) -> bool {
    let parts = |name: &str| {
        let name = name.to_ascii_lowercase();
        match name.strip_prefix("*.") {
            Some(parent) => (parent.to_owned(), true),
            None => (name, false),
        }
    };
    let ((host, is_host_wild), (name, is_name_wild)) = (parts(host), parts(name));
    let is_below = |name: &str, parent: &str| {
        name.strip_suffix(parent)
            .is_some_and(|label| label.ends_with('.'))
    };
    host == "*"
        || (host == name && is_host_wild == is_name_wild)
        || (is_host_wild && is_below(&name, &host))
        || (is_name_wild && is_below(&host, &name))
}

/// In the place of which other path the file of a route would answer, were that as closed.
fn left_out_of(site: &Site, route: &Route, settings: &Settings) -> Option<&'static str> {
    let (folder, name) = route.path.rsplit_once('/')?;
    let is_index = site.index.iter().any(|index| index == name);
    let is_variant = settings.negotiate == Some(true) && name.contains('.');
    if !is_index && !is_variant {
        return None;
    }
    let fences = fences_at(site, &format!("{folder}/"))?;
    let is_left_out = fences.close(route.path.as_bytes());
    is_left_out.then_some(match is_index {
        true => "its folder",
        false => "a name that it is a variant of",
    })
}

/// A variant for the path of a route whose own path is open to who may not come in here.
fn open_variant(site: &Site, root: &Path, route: &Route) -> Option<String> {
    let names = origin::variant_names(root, route.path.as_bytes(), &origin::Fences::default());
    let (folder, _) = route.path.rsplit_once('/')?;
    names.into_iter().find(|name| {
        let path = format!("{folder}/{name}");
        fences_at(site, &path).is_some_and(|fences| fences.close(route.path.as_bytes()))
    })
}

/// A coded file beside that of a route whose own path is open to who may not come in here.
fn open_coded(site: &Site, root: &Path, route: &Route) -> Option<String> {
    let coded = [".gz", ".br", ".zst"].map(|suffix| format!("{}{suffix}", route.path));
    let is_open = |path: &String| {
        root.join(path.trim_start_matches('/')).is_file()
            && fences_at(site, path).is_some_and(|fences| fences.close(route.path.as_bytes()))
    };
    let open = coded.into_iter().find(is_open)?;
    Some(open.rsplit('/').next().unwrap_or_default().to_owned())
}

/// What is closed to who asks for a path.
fn fences_at(site: &Site, path: &str) -> Option<origin::Fences> {
    fences(site).into_iter().nth(place_of(site, path)?)
}

/// The place of the route for a path as files have it, not as targets encode it; behind all stands the site itself.
fn place_of(site: &Site, path: &str) -> Option<usize> {
    let path = NormalPath::of_decoded(path.as_bytes())?;
    Some(Matcher::new(std::slice::from_ref(site)).route(0, &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_no_targets_and_hold_what_a_target_would_encode() {
        let folder = tempfile::tempdir().unwrap();
        let within = folder.path().join("100%");
        std::fs::create_dir(&within).unwrap();
        std::fs::write(within.join("a b%41.html"), "").unwrap();
        let route = |path: &str| {
            let mut route = Route {
                path: path.to_owned(),
                ..Route::default()
            };
            route.settings.auth = Some("a".to_owned());
            route
        };
        let mut site = Site {
            routes: vec![route("/100%/index.html"), route("/100%/a b%41")],
            index: vec!["index.html".to_owned()],
            ..Site::default()
        };
        let left_out = |site: &Site| {
            let settings = site.routes[0].settings.over(&site.settings);
            left_out_of(site, &site.routes[0], &settings)
        };
        let open = |site: &Site| open_variant(site, folder.path(), &site.routes[1]);
        assert_eq!(left_out(&site), Some("its folder"));
        assert_eq!(open(&site).as_deref(), Some("a b%41.html"));
        site.routes.push(route("/100%/a b%41.html"));
        assert_eq!(open(&site), None);
        assert_eq!(place_of(&site, "/100%/users"), Some(3));
    }
}
