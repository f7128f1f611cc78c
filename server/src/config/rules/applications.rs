//! Routes that applications answer: what they need, and what is of use to them alone.

use std::path::{Path, PathBuf};

use super::Rules;
use crate::config::model::{HandlerName, Route, Site};
use crate::config::slot::Complaint;
use crate::sites::scripts_config;
use application::Rule;

impl Rules<'_> {
    /// What only applications have.
    pub(super) fn check_application(&mut self, at: &str, route: &Route) {
        let handler = route.handler;
        let key = |name: &str| format!("{at}.{name}");
        let defaults = Route::default();
        let is_cgi = handler == HandlerName::Cgi;
        let is_fastcgi = handler == HandlerName::Fastcgi;
        let has_scripts = is_fastcgi || handler == HandlerName::Scgi;
        let said = [
            ("scripts", route.scripts.is_some(), has_scripts),
            ("front", route.front.is_some(), has_scripts),
            ("script_root", route.script_root.is_some(), has_scripts),
            (
                "params",
                route.settings.params.is_some(),
                has_scripts || is_cgi,
            ),
            (
                "idle_connections",
                route.idle_connections != defaults.idle_connections,
                is_fastcgi,
            ),
            (
                "processes_max",
                route.processes_max != defaults.processes_max,
                is_cgi,
            ),
        ];
        for (name, ..) in said
            .into_iter()
            .filter(|(_, is_said, fits)| *is_said && !fits)
        {
            let message = format!("the handler is `{handler}`, which has nothing of the kind");
            let hint = "add handler = \"fastcgi\"";
            let complaint = match name {
                "processes_max" => Complaint::with(message, "add handler = \"cgi\""),
                _ => Complaint::with(message, hint),
            };
            self.error(&key(name), complaint);
        }
        let site = at.split(".route").next().unwrap_or(at);
        let root = match (&route.root, self.span(&format!("{site}.root"))) {
            (Some(root), _) => Some(root.clone()),
            (None, Some(_)) => self.site_root(site),
            (None, None) => None,
        };
        if is_cgi && root.is_none() {
            let hint = "add root = …: the folder with the programs";
            let message = "the handler is `cgi`, and there is no `root` in which programs are";
            self.error(&key("handler"), Complaint::with(message, hint));
        }
        if let Some(front) = route.front.as_ref().filter(|_| has_scripts) {
            self.front_exists(&key("front"), front, root.as_deref(), route);
        }
        self.asks_an_application(at, route);
    }

    fn front_exists(&mut self, key: &str, front: &str, root: Option<&Path>, route: &Route) {
        if root.is_none() && route.script_root.is_none() {
            let hint = "add root = …, the folder with the scripts";
            let complaint = Complaint::with("there is no folder in which it would be", hint);
            self.error(key, complaint);
        } else if let Some(root) = root
            && !root.join(front).is_file()
        {
            let message = format!("there is no script \"{}\"", root.join(front).display());
            self.error(key, Complaint::new(message));
        }
    }

    /// Files that are served beside those of an application show its scripts as they are.
    pub(super) fn scripts_are_not_shown(&mut self, path: &str, site: &Site) {
        let root_of = |route: &Route| route.root.clone().or(site.root.clone());
        let has_scripts = |route: &&Route| {
            scripts_config(route, site).rule == Rule::Suffix && root_of(route).is_some()
        };
        let Some(run) = site.routes.iter().find(has_scripts) else {
            return;
        };
        let shown = |root: Option<PathBuf>| root.is_some() && root == root_of(run);
        let is_shown = |route: &Route| {
            route.handler == HandlerName::Files && route.rewrite.is_none() && shown(root_of(route))
        };
        let complaint = |at: &str| {
            let message =
                "scripts below this folder are shown as text here, where they are not run";
            Complaint::with(message, format!("{at}, or keep scripts out of it"))
        };
        for (number, route) in site.routes.iter().enumerate() {
            if is_shown(route) {
                let complaint = complaint("let `fastcgi` answer here too");
                self.warn(&format!("{path}.route[{number}].path"), complaint);
            }
        }
        let has_whole = site.routes.iter().any(|route| route.path == "/");
        if !has_whole && shown(site.root.clone()) {
            let complaint = complaint("let `fastcgi` answer at \"/\"");
            self.warn(&format!("{path}.root"), complaint);
        }
    }

    fn site_root(&self, path: &str) -> Option<PathBuf> {
        let mut sites = self.sites();
        let found = sites.find(|(at, _)| at == path);
        found.and_then(|(_, site)| site.root.clone())
    }

    /// Applications are asked by sockets alone, and each in turn.
    fn asks_an_application(&mut self, at: &str, route: &Route) {
        let handler = route.handler;
        let key = |name: &str| format!("{at}.{name}");
        let is_asked = matches!(handler, HandlerName::Fastcgi | HandlerName::Scgi);
        if is_asked && route.to.is_empty() {
            let hint = "add to = [\"unix:/run/php/php-fpm.sock\"]";
            let message =
                format!("the handler is `{handler}`, and there is no application in `to`");
            self.error(&key("handler"), Complaint::with(message, hint));
        }
        let is_gateway = handler == HandlerName::Gateway;
        for (number, to) in route.to.iter().enumerate() {
            let is_tcp = to.starts_with("tcp://");
            let is_wrong = is_asked && !is_tcp && !to.starts_with("unix:");
            if is_wrong || (is_gateway && is_tcp) {
                let hint = match is_asked {
                    true => "write \"tcp://HOST:PORT\" or \"unix:PATH\"",
                    false => "write \"http://HOST:PORT\" or \"unix:PATH\"",
                };
                let message = format!("`{handler}` does not ask this way");
                self.error(
                    &key(&format!("to[{number}]")),
                    Complaint::with(message, hint),
                );
            }
        }
        if handler == HandlerName::Cgi && !route.to.is_empty() {
            let message = "the handler is `cgi`, which starts programs and asks no server";
            self.error(&key("to"), Complaint::new(message));
        }
        let has_balance = route.balance != Route::default().balance;
        if has_balance && (is_asked || handler == HandlerName::Cgi) {
            let message = format!("the handler is `{handler}`, which asks in turn");
            self.error(&key("balance"), Complaint::new(message));
        }
    }
}
