//! Who asks: ways of knowing that, and who refers to them.

use super::Rules;
use crate::config::model::{Auth, AuthMethod, Site};
use crate::config::slot::Complaint;
use crate::config::suggest::nearest;
use std::collections::HashSet;

impl Rules<'_> {
    pub(super) fn check_people(&mut self) {
        self.names_are_known();
        self.users_are_asked();
        self.credentials_arrive();
        for (number, auth) in self.config.auth.iter().enumerate() {
            self.check_auth(&format!("auth[{number}]"), auth);
        }
        self.forms_keep_apart();
        self.sessions_are_used();
    }

    fn names_are_known(&mut self) {
        let config = self.config;
        let known = || config.auth.iter().map(|auth| auth.name.as_str());
        for (spot, _) in self.settings() {
            let path = format!("{}.auth", spot.path());
            let node = self.root.at(&path).and_then(|node| node.scalar_text());
            let Some(name) = node.filter(|name| !known().any(|known| known == name)) else {
                continue;
            };
            let shown = name.escape_debug();
            let suggestion = match (nearest(&name, known()), known().next()) {
                (Some(near), _) => format!("did you mean \"{near}\"?"),
                (None, None) => format!("add [[auth]] with name = \"{shown}\" and users = …"),
                (None, Some(_)) => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("there is no [[auth]] with the name \"{shown}\"");
            self.error(&path, Complaint::with(message, suggestion));
        }
    }

    fn users_are_asked(&mut self) {
        for (spot, settings) in self.settings() {
            let path = format!("{}.users", spot.path());
            // What a site says may be for one of its routes.
            let is_asked = match spot.route {
                Some(_) => settings.auth().is_some(),
                None => spot
                    .site
                    .effective()
                    .any(|(_, settings)| settings.auth().is_some()),
            };
            let names_users = self
                .root
                .at(&path)
                .is_some_and(|node| !node.elements().is_empty());
            if names_users
                && !is_asked
                && settings
                    .users
                    .as_ref()
                    .is_some_and(|users| !users.is_empty())
            {
                let complaint = Complaint::with(
                    "nobody is asked who they are here",
                    "add auth = …, the name of an [[auth]]",
                );
                self.error(&path, complaint);
            }
        }
    }

    /// Fields of requests are changed before it is asked who sent them.
    fn credentials_arrive(&mut self) {
        for (spot, settings) in self.settings() {
            let mut ways = self.config.auth.iter();
            let Some(way) = ways.find(|auth| settings.auth() == Some(&auth.name)) else {
                continue;
            };
            let field = match way.method {
                AuthMethod::Basic => "Authorization",
                AuthMethod::Form => "Cookie",
            };
            let is_it = |name: &&String| name.eq_ignore_ascii_case(field);
            let removed = settings.remove_request_fields.as_ref();
            let set = settings.set_request_fields.as_ref();
            let (key, message) = if set.is_some_and(|set| set.keys().any(|name| is_it(&name))) {
                let message = format!("`{field}` says who asks, and is the same for everybody");
                ("set_request_fields", message)
            } else if removed.is_some_and(|names| names.iter().any(|name| is_it(&name))) {
                let message =
                    format!("`{field}` says who asks, and is gone before that is looked at");
                ("remove_request_fields", message)
            } else {
                continue;
            };
            let path = spot.said(self.root, key);
            self.warn_once(&path, Complaint::new(message));
        }
    }

    fn check_auth(&mut self, at: &str, auth: &Auth) {
        let key = |name: &str| format!("{at}.{name}");
        if auth.method == AuthMethod::Basic {
            self.basic_has_no_form(at, auth);
        } else {
            if auth.login == auth.logout {
                let complaint = Complaint::new("signing in and out have one path");
                let (path, also) = match self.span(&key("logout")) {
                    Some(_) => (key("logout"), key("login")),
                    None => (key("login"), key("logout")),
                };
                self.error_also(&path, &also, complaint);
            }
            if auth.session_time < auth.idle_time {
                let complaint = Complaint::new("a session may be idle for longer than it lasts");
                self.warn(&key("session_time"), complaint);
            }
            // RFC 6265bis §4.1.3: such names are kept only with Secure.
            let is_secure_name =
                auth.cookie.starts_with("__Host-") || auth.cookie.starts_with("__Secure-");
            if is_secure_name && !self.is_secured() {
                let message =
                    "user agents keep a cookie of this name only over TLS, which nobody serves";
                self.error(
                    &key("cookie"),
                    Complaint::new(message).by("RFC 6265bis §4.1.3"),
                );
            }
        }
        let is_used = self
            .settings()
            .any(|(_, settings)| settings.auth() == Some(&auth.name))
            || self.config.proxy.auth.as_ref() == Some(&auth.name);
        if !is_used && !auth.name.is_empty() {
            let hint = format!(
                "add auth = \"{}\" to a [[site]] or [[site.route]]",
                auth.name
            );
            self.warn(
                &key("name"),
                Complaint::with("no site and no route asks this way", hint),
            );
        }
    }

    fn basic_has_no_form(&mut self, at: &str, auth: &Auth) {
        let plain = Auth::default();
        let for_form = [
            ("login", auth.login != plain.login),
            ("logout", auth.logout != plain.logout),
            ("page", auth.page.is_some()),
            ("cookie", auth.cookie != plain.cookie),
            ("same_site", auth.same_site != plain.same_site),
            ("idle_time", auth.idle_time != plain.idle_time),
            ("session_time", auth.session_time != plain.session_time),
        ];
        for (name, _) in for_form.into_iter().filter(|(_, is_said)| *is_said) {
            let message = format!("`{name}` is for forms, and the method is `basic`");
            let complaint = Complaint::with(message, "add method = \"form\"");
            self.warn(&format!("{at}.{name}"), complaint);
        }
    }

    /// Two forms of one site need paths and cookies of their own.
    fn forms_keep_apart(&mut self) {
        let config = self.config;
        for (path, site) in self.sites() {
            let named: HashSet<_> = site
                .effective()
                .filter_map(|(_, settings)| settings.auth().map(str::to_owned))
                .collect();
            let forms = config.auth.iter().enumerate();
            let forms: Vec<_> = forms
                .filter(|(_, auth)| auth.method == AuthMethod::Form && named.contains(&auth.name))
                .collect();
            for (at, (number, form)) in forms.iter().enumerate() {
                self.is_no_route(&path, site, form);
                for (earlier_number, earlier) in forms.iter().take(at) {
                    let shared = [
                        (
                            "login",
                            form.login == earlier.login || form.login == earlier.logout,
                        ),
                        (
                            "logout",
                            form.logout == earlier.logout || form.logout == earlier.login,
                        ),
                        ("cookie", form.cookie == earlier.cookie),
                    ];
                    for (name, _) in shared.into_iter().filter(|(_, is_shared)| *is_shared) {
                        let message = format!(
                            "the forms \"{}\" and \"{}\" of one site share a `{name}`",
                            earlier.name, form.name
                        );
                        let complaint =
                            Complaint::with(message, format!("give each a `{name}` of its own"));
                        let said = [
                            format!("auth[{number}].{name}"),
                            format!("auth[{number}].name"),
                        ];
                        let at = said.iter().find(|path| self.span(path).is_some());
                        if let Some(at) = at {
                            self.error_also(
                                at,
                                &format!("auth[{earlier_number}].{name}"),
                                complaint,
                            );
                        }
                    }
                }
            }
        }
    }

    fn is_no_route(&mut self, path: &str, site: &Site, form: &Auth) {
        for (route_number, route) in site.routes.iter().enumerate() {
            let found = [("login", &form.login), ("logout", &form.logout)]
                .into_iter()
                .find(|(_, own)| **own == route.path);
            if let Some((name, _)) = found {
                let message = format!(
                    "the route is never reached: it is the `{name}` of the [[auth]] \"{}\"",
                    form.name
                );
                let hint = format!("give the [[auth]] another `{name}`, or the route another path");
                self.warn(
                    &format!("{path}.route[{route_number}].path"),
                    Complaint::with(message, hint),
                );
            }
        }
    }

    fn sessions_are_used(&mut self) {
        let is_form = |auth: &Auth| auth.method == AuthMethod::Form;
        if self.config.sessions.store.is_some() && !self.config.auth.iter().any(is_form) {
            let hint = "an [[auth]] with method = \"form\" has sessions";
            self.warn(
                "sessions.store",
                Complaint::with("nothing needs sessions", hint),
            );
        }
    }
}
