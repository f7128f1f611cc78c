//! What would be asked at the route, and what would answer.

use super::steps::{At, Explainer, listed, step};
use super::{Other, Step};
use crate::config::{AuthMethod, CodingName, HandlerName, Settings};
use crate::sites::{CODING_OCTETS_MIN, Template, fences, uploads_octets_max};
use std::path::{Path, PathBuf};

/// What is found at a path.
enum Found {
    File(PathBuf),
    /// A folder, and what is said of it.
    Folder(String),
    Nothing,
}

impl Explainer<'_> {
    pub(super) fn settle(&mut self, at: &At<'_>) {
        let settings = at.settings();
        self.access(at, &settings);
        self.cors(at, &settings);
        self.people(at, &settings);
        self.content(at, &settings);
        self.answer(at, &settings);
        self.fields(at, &settings);
    }

    fn access(&mut self, at: &At<'_>, settings: &Settings) {
        let names = |networks: &[net::Network]| {
            networks
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        if let Some(deny) = settings.deny.as_deref().filter(|deny| !deny.is_empty()) {
            let place = self.spot_of(at, "deny");
            self.push(step(
                "access",
                format!("403 for clients in {}", names(deny)),
                place,
            ));
        }
        if let Some(allow) = settings.allow.as_deref().filter(|allow| !allow.is_empty()) {
            let place = self.spot_of(at, "allow");
            self.push(step(
                "access",
                format!("403 for clients not in {}", names(allow)),
                place,
            ));
        }
    }

    fn cors(&mut self, at: &At<'_>, settings: &Settings) {
        if let Some(cors) = &settings.cors {
            let place = self.spot_of(at, "cors");
            let what = format!(
                "pages of {} may read it",
                listed(&cors.origins, "no origin")
            );
            self.push(step("cors", what, place));
        }
    }

    fn people(&mut self, at: &At<'_>, settings: &Settings) {
        let Some(name) = settings.auth() else {
            return;
        };
        let auth = self
            .config
            .auth
            .iter()
            .enumerate()
            .find(|(_, auth)| auth.name == name);
        let how = match auth.map(|(_, auth)| (auth.method, auth.login.as_str())) {
            Some((AuthMethod::Form, login)) => format!("by the form at {login}"),
            _ => "by name and password, else 401".to_owned(),
        };
        let users = settings.users.as_deref().unwrap_or_default();
        let who = match users.is_empty() {
            true => String::new(),
            false => format!("; {} may come in, others 403", users.join(", ")),
        };
        let place = self.spot_of(at, "auth");
        let defined = auth.and_then(|(number, _)| self.spot(&format!("auth[{number}]")));
        let what = format!("\"{name}\" asks who it is, {how}{who}");
        self.push(step("auth", what, place));
        if defined.is_some() {
            self.push(step("auth", format!("\"{name}\" is said here"), defined));
        }
    }

    fn content(&mut self, at: &At<'_>, settings: &Settings) {
        if matches!(
            self.asked.method.as_str(),
            "GET" | "HEAD" | "OPTIONS" | "TRACE"
        ) {
            return;
        }
        let of_all = self.config.limits.content_octets_max;
        let octets = match settings.uploads {
            Some(true) => uploads_octets_max(settings, of_all),
            _ => settings.content_octets_max.unwrap_or(of_all),
        };
        let place = match settings.content_octets_max {
            Some(_) => self.spot_of(at, "content_octets_max"),
            None => self.spot("limits.content_octets_max"),
        };
        let what = format!("at most {octets} octets, beyond it 413");
        self.push(Step {
            rule: Some("RFC 9110 §15.5.14"),
            ..step("content", what, place)
        });
    }

    fn answer(&mut self, at: &At<'_>, settings: &Settings) {
        let place = self.spot(&format!("{}.handler", at.key()));
        match at.handler() {
            HandlerName::Echo => self.push(step(
                "answer",
                "the request itself, by `echo`".to_owned(),
                place,
            )),
            HandlerName::Wire => self.push(step(
                "answer",
                "what happened on the connection, by `wire`".to_owned(),
                place,
            )),
            HandlerName::Redirect => self.redirect(at),
            HandlerName::Files => self.files(at, settings),
        }
    }

    fn redirect(&mut self, at: &At<'_>) {
        let Some((_, route)) = at.route else {
            return;
        };
        let host = self.host(at.site);
        let template = route
            .redirect
            .as_deref()
            .and_then(|text| Template::location(text).ok());
        let location =
            template.and_then(|template| template.expand_location(&at.words(host.as_deref())));
        let what = match location {
            Some(location) => format!("{} to {location}", route.redirect_status),
            None => "400: the redirect needs a host".to_owned(),
        };
        let place = self.spot(&format!("{}.redirect", at.key()));
        self.push(Step {
            rule: Some("RFC 9110 §15.4"),
            ..step("answer", what, place)
        });
    }

    fn files(&mut self, at: &At<'_>, settings: &Settings) {
        let own_root = at.route.and_then(|(_, route)| route.root.as_ref());
        let Some(root) = own_root.or(at.site.root.as_ref()) else {
            self.push(step(
                "answer",
                "404: the site has no files beside its routes".to_owned(),
                None,
            ));
            return self.error_page(at, settings, 404);
        };
        let place = self.spot_of(at, "root");
        self.push(step("root", root.display().to_string(), place));
        let led = match own_root {
            Some(_) => at.path.octets().len() - at.words(None).rest.len(),
            None => 0,
        };
        let below = at.path.octets().get(led..).unwrap_or_default().to_vec();
        if !matches!(self.asked.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
            return self.change(at, settings, root, &below);
        }
        match at.route.map(|(_, route)| route.try_files.as_slice()) {
            Some(tried) if !tried.is_empty() && !below.is_empty() => {
                self.tried(at, settings, root, &below)
            }
            _ => self.found(at, settings, root, &below),
        }
    }

    /// What a method does that is none of reading.
    fn change(&mut self, at: &At<'_>, settings: &Settings, root: &Path, below: &[u8]) {
        let method = self.asked.method.as_str();
        let shown = String::from_utf8_lossy(below).into_owned();
        let path = join(root, &shown);
        let is_folder = below.is_empty() || shown.ends_with('/');
        let exists = path.exists();
        let shown = path.display();
        let not_allowed = Some("RFC 9110 §15.5.6");
        let (what, rule) = match (settings.uploads, method, is_folder) {
            (Some(true), "PUT", false) if path.is_dir() => {
                (format!("409: {shown} is a folder"), Some("RFC 9110 §9.3.4"))
            }
            (Some(true), "PUT", false) if exists => (
                format!("204: replaces the file {shown}"),
                Some("RFC 9110 §9.3.4"),
            ),
            (Some(true), "PUT", false) => (
                format!("201: makes the file {shown}"),
                Some("RFC 9110 §9.3.4"),
            ),
            (Some(true), "POST", true) => {
                let what = format!("303: stores the files of a form in {shown}");
                (what, Some("RFC 9110 §9.3.3"))
            }
            (Some(true), "DELETE", _) if exists => {
                (format!("204: removes {shown}"), Some("RFC 9110 §9.3.5"))
            }
            (Some(true), "DELETE", _) => (
                format!("404: there is no {shown}"),
                Some("RFC 9110 §15.5.5"),
            ),
            (Some(true), "PATCH", _) if settings.resumable_uploads == Some(true) => (
                "goes on with an upload that was interrupted".to_owned(),
                None,
            ),
            (Some(true), "PUT", true) => ("405: a folder is not put".to_owned(), not_allowed),
            (Some(true), "POST", false) => (
                "405: forms are for folders, whose paths end in a slash".to_owned(),
                not_allowed,
            ),
            _ => ("405: files are not changed here".to_owned(), not_allowed),
        };
        let place = self.spot_of(at, "uploads");
        let what = format!("{method} {what}");
        self.push(Step {
            rule,
            ..step("answer", what, place)
        });
    }

    fn tried(&mut self, at: &At<'_>, settings: &Settings, root: &Path, below: &[u8]) {
        let Some((_, route)) = at.route else {
            return;
        };
        let host = self.host(at.site);
        let mut others = Vec::new();
        let mut status = 404;
        for (number, text) in route.try_files.iter().enumerate() {
            let place = self.spot(&format!("{}.try_files[{number}]", at.key()));
            if let Some(code) = text.strip_prefix('=') {
                status = code.parse().unwrap_or(404);
                continue;
            }
            let words = crate::sites::Words {
                path: below,
                ..at.words(host.as_deref())
            };
            let path = Template::path(text)
                .ok()
                .and_then(|template| template.expand_path(&words));
            let Some((path, _)) = path else {
                others.push(Other {
                    what: format!("{text}: it is no path"),
                    place,
                });
                continue;
            };
            let fences = self.fences(at);
            if Template::path(text).is_ok_and(|template| template.has_words())
                && fences.close(path.octets())
            {
                let shown = String::from_utf8_lossy(path.octets()).into_owned();
                others.push(Other {
                    what: format!("{shown}: another route asks more of who comes in"),
                    place,
                });
                continue;
            }
            let what = match self.look(at, root, path.octets()) {
                Found::File(file) => format!("the file {}", file.display()),
                Found::Folder(what) => what,
                Found::Nothing => {
                    let shown = String::from_utf8_lossy(path.octets()).into_owned();
                    others.push(Other {
                        what: format!("{shown}: it does not exist"),
                        place,
                    });
                    continue;
                }
            };
            return self.push(Step {
                others,
                ..step("answer", what, place)
            });
        }
        let place = self.spot(&format!("{}.try_files", at.key()));
        self.push(Step {
            others,
            ..step(
                "answer",
                format!("{status}: nothing that is tried exists"),
                place,
            )
        });
        self.error_page(at, settings, status);
    }

    fn found(&mut self, at: &At<'_>, settings: &Settings, root: &Path, below: &[u8]) {
        if below.is_empty() {
            let what = "301 to the same path with a slash: it is a folder".to_owned();
            return self.push(step("answer", what, None));
        }
        if self.negotiated(at, settings, root, below) {
            return;
        }
        match self.look(at, root, below) {
            Found::File(file) => {
                self.push(step("answer", format!("the file {}", file.display()), None));
                self.codings(at, settings, &file);
            }
            Found::Folder(what) => {
                let is_closed = what.starts_with("403");
                self.push(step("answer", what, None));
                if is_closed {
                    self.error_page(at, settings, 403);
                }
            }
            Found::Nothing => {
                let shown = String::from_utf8_lossy(below).into_owned();
                let what = format!("404: there is no {}", join(root, &shown).display());
                self.push(Step {
                    rule: Some("RFC 9110 §15.5.5"),
                    ..step("answer", what, None)
                });
                self.error_page(at, settings, 404);
            }
        }
    }

    /// Tells of the variants that stand for a file that is not there.
    fn negotiated(&mut self, at: &At<'_>, settings: &Settings, root: &Path, below: &[u8]) -> bool {
        if settings.negotiate != Some(true) {
            return false;
        }
        let fences = self.fences(at);
        let shown = String::from_utf8_lossy(below).into_owned();
        let asked = match shown.ends_with('/') {
            true => at
                .site
                .index
                .iter()
                .map(|name| format!("{shown}{name}"))
                .collect(),
            false => vec![shown],
        };
        let found = asked
            .iter()
            .map(|path| origin::variant_names(root, path.as_bytes(), &fences));
        let Some(names) = found.into_iter().find(|names| !names.is_empty()) else {
            return false;
        };
        let what = format!(
            "one of the variants, by Accept, Accept-Language and Accept-Encoding: {}",
            names.join(", ")
        );
        let place = self.spot_of(at, "negotiate");
        self.push(Step {
            rule: Some("RFC 9110 §12.1"),
            ..step("answer", what, place)
        });
        true
    }

    /// In which codings a file may be sent.
    fn codings(&mut self, at: &At<'_>, settings: &Settings, file: &Path) {
        let names = match &settings.codings {
            None => CodingName::NAMES.iter().map(|(name, _)| *name).collect(),
            Some(chosen) => {
                let named = |coding: &CodingName| {
                    let mut names = CodingName::NAMES.iter();
                    names
                        .find(|(_, known)| known == coding)
                        .map(|(name, _)| *name)
                };
                chosen.iter().filter_map(named).collect::<Vec<_>>()
            }
        };
        let octets = file.metadata().map_or(0, |facts| facts.len());
        let octets_min = settings.coding_octets_min.unwrap_or(CODING_OCTETS_MIN);
        if names.is_empty() {
            return;
        }
        let (what, key) = match octets < octets_min {
            true => (
                format!("none is made: it has {octets} octets, less than {octets_min}"),
                "coding_octets_min",
            ),
            false => (
                format!(
                    "{} by Accept-Encoding, if its type is worth it",
                    names.join(", ")
                ),
                "codings",
            ),
        };
        let place = self.spot_of(at, key);
        self.push(Step {
            rule: Some("RFC 9110 §12.5.3"),
            ..step("coding", what, place)
        });
    }

    /// What answers for its own path alone.
    fn fences(&self, at: &At<'_>) -> origin::Fences {
        let mut fences = fences(at.site);
        let number = at.route.map_or(at.site.routes.len(), |(number, _)| number);
        match number < fences.len() {
            true => fences.swap_remove(number),
            false => origin::Fences::default(),
        }
    }

    /// What is there, as the files of a folder are looked up: names with a dot are not shown.
    fn look(&self, at: &At<'_>, root: &Path, below: &[u8]) -> Found {
        let shown = String::from_utf8_lossy(below).into_owned();
        let is_hidden = |segment: &str| segment.starts_with('.') && segment != ".well-known";
        if shown.split('/').any(is_hidden) {
            return Found::Nothing;
        }
        let path = join(root, &shown);
        match path.metadata() {
            Ok(facts) if facts.is_file() && !shown.ends_with('/') => Found::File(path),
            Ok(facts) if facts.is_dir() && !shown.ends_with('/') => {
                Found::Folder("301 to the same path with a slash: it is a folder".to_owned())
            }
            Ok(facts) if facts.is_dir() => {
                let fences = self.fences(at);
                let is_index = |name: &&String| {
                    path.join(name).is_file() && !fences.close(format!("{shown}{name}").as_bytes())
                };
                match at.site.index.iter().find(is_index) {
                    Some(name) => Found::File(path.join(name)),
                    None if at.site.browse => {
                        Found::Folder(format!("a list of the folder {}", path.display()))
                    }
                    None => Found::Folder(
                        "403: the folder has no index file, and is not listed".to_owned(),
                    ),
                }
            }
            _ => Found::Nothing,
        }
    }

    fn error_page(&mut self, at: &At<'_>, settings: &Settings, status: u16) {
        if let Some(page) = settings.error_page(status) {
            let place = self.spot_of(at, &format!("error_pages.{status}"));
            let class = || self.spot_of(at, &format!("error_pages.{}xx", status / 100));
            let place = place.or_else(class);
            self.push(step("page", page.to_owned(), place));
        }
    }

    fn fields(&mut self, at: &At<'_>, settings: &Settings) {
        let tables = [
            ("set_fields", &settings.set_fields),
            ("add_fields", &settings.add_fields),
        ];
        for (key, table) in tables {
            for (name, value) in table.iter().flatten() {
                let place = self.spot_of(at, &format!("{key}.{name}"));
                self.push(step("field", format!("{name}: {value}"), place));
            }
        }
        if let Some((_, route)) = at.route {
            if let Some(value) = &route.cache_control {
                let place = self.spot_of(at, "cache_control");
                self.push(step("field", format!("Cache-Control: {value}"), place));
            }
            if let Some(time) = route.expires {
                let place = self.spot_of(at, "expires");
                self.push(step(
                    "field",
                    format!("Expires: {} s after Date", time.as_secs()),
                    place,
                ));
            }
        }
        for name in settings.remove_fields.iter().flatten() {
            let place = self.spot_of(at, "remove_fields");
            self.push(step("field", format!("{name} is removed"), place));
        }
    }
}

fn join(root: &Path, below: &str) -> PathBuf {
    root.join(below.trim_start_matches('/'))
}
