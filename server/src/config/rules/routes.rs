//! Routes: what they serve, and from where.

use super::{Rules, Spot};
use crate::config::model::{HandlerName, Route, Settings, Site};
use crate::config::slot::Complaint;
use crate::config::suggest::nearest_path;
use std::path::Path;

impl Rules<'_> {
    pub(super) fn check_routes(&mut self) {
        for (path, site) in self.sites() {
            self.files_have_a_root(&path, site);
            self.scripts_are_not_shown(&path, site);
            for (number, route) in site.routes.iter().enumerate() {
                self.check_route(&format!("{path}.route[{number}]"), route);
            }
        }
        for (spot, settings) in self.settings() {
            self.pages_exist(&spot);
            self.cors_is_sound(&spot);
            self.uploads_have_a_folder(&spot, settings.uploads == Some(true));
        }
    }

    /// A site without a folder is for its routes alone, and those that serve files have one of their own.
    fn files_have_a_root(&mut self, path: &str, site: &Site) {
        let has_root = self.span(&format!("{path}.root")).is_some();
        if has_root || self.root.at(path).is_none_or(|node| !node.is_table()) {
            return;
        }
        let hint = "add root = …: a folder, relative to this file";
        if site.routes.is_empty() {
            self.absence(path, Complaint::with("[[site]] has no `root`", hint));
            return;
        }
        for (number, route) in site.routes.iter().enumerate() {
            let at = format!("{path}.route[{number}]");
            let has_root = self.span(&format!("{at}.root")).is_some();
            // What is rewritten is answered elsewhere.
            let has_files = route.handler == HandlerName::Files && route.rewrite.is_none();
            if has_files && !has_root {
                let message =
                    "the route serves files, and neither it nor its [[site]] has a `root`";
                self.absence(&at, Complaint::with(message, hint));
            }
        }
    }

    fn check_route(&mut self, at: &str, route: &Route) {
        let handler = route.handler;
        let key = |name: &str| format!("{at}.{name}");
        let is_redirect = handler == HandlerName::Redirect;
        if is_redirect && self.span(&key("redirect")).is_none() {
            let hint = "add redirect = …, as \"https://example.com{path}\"";
            self.error(
                &key("handler"),
                Complaint::with(
                    "the handler is `redirect`, and there is no `redirect`",
                    hint,
                ),
            );
        }
        if !is_redirect && self.span(&key("redirect")).is_some() {
            let message = format!("the handler is `{handler}`, which does not redirect");
            self.error(
                &key("redirect"),
                Complaint::with(message, "add handler = \"redirect\""),
            );
        }
        if !is_redirect
            && route.redirect.is_none()
            && route.redirect_status != Route::default().redirect_status
        {
            let complaint = Complaint::new("nothing is redirected here");
            self.warn(&key("redirect_status"), complaint);
        }
        self.check_application(at, route);
        if handler != HandlerName::Files {
            let of_files = [
                ("try_files", !route.try_files.is_empty()),
                ("rewrite", route.rewrite.is_some()),
            ];
            for (name, _) in of_files.into_iter().filter(|(_, is_said)| *is_said) {
                let message = format!("the handler is `{handler}`, which looks for no file");
                self.error(&key(name), Complaint::new(message));
            }
        }
        let of_content = [("cache_control", !is_redirect), ("expires", true)];
        for (name, is_unsaid) in of_content {
            let has_files = matches!(handler, HandlerName::Files | HandlerName::Fastcgi);
            if !has_files && is_unsaid {
                let message = format!("the handler is `{handler}`, whose answers do not say this");
                self.warn(&key(name), Complaint::new(message));
            }
        }
        for (number, tried) in route.try_files.iter().enumerate() {
            if tried.starts_with('=') && number + 1 < route.try_files.len() {
                let complaint = Complaint::with(
                    "a status ends the search, and more is to be tried after it",
                    "put it last",
                );
                self.error(&key(&format!("try_files[{number}]")), complaint);
            }
        }
    }

    fn pages_exist(&mut self, spot: &Spot<'_>) {
        let (own, root) = match spot.route.and_then(|number| spot.site.routes.get(number)) {
            None => (&spot.site.settings, spot.site.root.as_ref()),
            Some(route) => (
                &route.settings,
                route.root.as_ref().or(spot.site.root.as_ref()),
            ),
        };
        let Some(pages) = &own.error_pages else {
            return;
        };
        let at = format!("{}.error_pages", spot.path());
        let Some(root) = root else {
            let hint = "add root = …, the folder that has them";
            self.error(
                &at,
                Complaint::with("pages are files below a `root`, and there is none", hint),
            );
            return;
        };
        for (status, page) in pages {
            let path = root.join(page);
            if path.is_file() {
                continue;
            }
            let near = nearest_path(&path, Path::is_file);
            let near = near
                .as_deref()
                .and_then(|near| near.strip_prefix(root).ok());
            let complaint = Complaint {
                suggestion: near.map(|near| format!("did you mean \"{}\"?", near.display())),
                ..Complaint::new(format!("the page \"{}\" does not exist", path.display()))
            };
            let key = match status {
                class @ 0..10 => format!("{class}xx"),
                status => status.to_string(),
            };
            self.error(&format!("{at}.{key}"), complaint);
        }
    }

    fn cors_is_sound(&mut self, spot: &Spot<'_>) {
        let own = match spot.route.and_then(|number| spot.site.routes.get(number)) {
            None => &spot.site.settings,
            Some(route) => &route.settings,
        };
        let Some(cors) = &own.cors else {
            return;
        };
        let at = format!("{}.cors", spot.path());
        if cors.is_for_all() && cors.credentials {
            let complaint = Complaint::with(
                "user agents refuse credentials where every origin may read",
                "name the origins",
            );
            let complaint = complaint.by("Fetch standard §3.3.5");
            self.error_also(
                &format!("{at}.credentials"),
                &format!("{at}.origins"),
                complaint,
            );
        } else if cors.is_for_all() && cors.origins.len() > 1 {
            let complaint = Complaint::new("\"*\" is every origin: the others say nothing more");
            self.warn(&format!("{at}.origins"), complaint);
        }
        let lists = [
            ("methods", &cors.methods),
            ("request_fields", &cors.request_fields),
            ("exposed_fields", &cors.exposed_fields),
        ];
        for (key, list) in lists {
            if cors.credentials && list.iter().any(|name| name == "*") {
                let message =
                    "where credentials go along, user agents take \"*\" for a name, not for all";
                let complaint = Complaint::with(message, "name them").by("Fetch standard §3.3.5");
                self.warn(&format!("{at}.{key}"), complaint);
            }
        }
    }

    fn uploads_have_a_folder(&mut self, spot: &Spot<'_>, has_uploads: bool) {
        let route = spot.route.and_then(|number| spot.site.routes.get(number));
        let own = route.map_or(&spot.site.settings, |route| &route.settings);
        if let Some(route) = route
            && own.uploads == Some(true)
            && route.handler != HandlerName::Files
        {
            let message = format!(
                "the handler is `{}`, which has no folder to change",
                route.handler
            );
            self.error(&format!("{}.uploads", spot.path()), Complaint::new(message));
        }
        if own.resumable_uploads == Some(true) && !has_uploads {
            let complaint = Complaint::with("there are no uploads to resume", "add uploads = true");
            self.warn(&format!("{}.resumable_uploads", spot.path()), complaint);
        }
        // What a site says may be for one of its routes.
        if own.durable_uploads.is_some() && !self.is_so_here(spot, |s| s.uploads == Some(true)) {
            let complaint = Complaint::with("nothing is uploaded here", "add uploads = true");
            self.warn(&format!("{}.durable_uploads", spot.path()), complaint);
        }
        if own.negotiate_strict.is_some() && !self.is_so_here(spot, |s| s.negotiate == Some(true)) {
            let complaint = Complaint::with("nothing is negotiated here", "add negotiate = true");
            self.warn(&format!("{}.negotiate_strict", spot.path()), complaint);
        }
    }

    /// Whether something holds for a route, or for a site or any route of it.
    fn is_so_here(&self, spot: &Spot<'_>, holds: fn(&Settings) -> bool) -> bool {
        let mut effective = spot.site.effective();
        effective.any(|(route, settings)| {
            (spot.route.is_none() || spot.route == route) && holds(&settings)
        })
    }
}
