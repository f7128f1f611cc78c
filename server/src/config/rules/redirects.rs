//! Redirects that lead to themselves, and rewrites that lead to one another.

use super::Rules;
use crate::config::model::{Route, Site};
use crate::config::slot::Complaint;
use crate::sites::{Astray, Looked, Matcher, Template, follow, prefix};
use net::Address;
use semantics::NormalPath;

impl Rules<'_> {
    pub(super) fn check_redirects(&mut self) {
        let matcher = Matcher::new(&self.config.sites);
        for (site_number, (path, site)) in self.sites().enumerate() {
            for (number, route) in site.routes.iter().enumerate() {
                let Some(target) = self.leads_back(site, route) else {
                    continue;
                };
                let Ok(target) = NormalPath::of(target.as_bytes()) else {
                    continue;
                };
                if matcher.route(site_number, &target) == number {
                    let at = format!("{path}.route[{number}].redirect");
                    let hint = match route
                        .redirect
                        .as_deref()
                        .is_some_and(|to| to.starts_with("https:"))
                    {
                        true => "to_https = true redirects only what did not come by TLS",
                        false => "lead to a path that another route answers",
                    };
                    let message = "the redirect leads to its own route, without end";
                    self.error(&at, Complaint::with(message, hint).by("RFC 9110 §15.4"));
                }
            }
            self.rewrites_end(&matcher, site_number, &path, site);
        }
    }

    /// A request for the path of each route comes to one that answers.
    fn rewrites_end(&mut self, matcher: &Matcher, number: usize, path: &str, site: &Site) {
        let template = |route: &Route| Template::path(route.rewrite.as_deref()?).ok();
        let templates: Vec<_> = site.routes.iter().map(template).collect();
        let rewrite = |number: usize| {
            let template = templates.get(number)?.as_ref()?;
            Some((template, prefix(&site.routes.get(number)?.path).len()))
        };
        for (at, route) in site.routes.iter().enumerate() {
            let start = Looked {
                route: at,
                path: NormalPath::plain(route.path.as_bytes()),
                query: None,
            };
            let next = |path: &NormalPath<'_>| matcher.route(number, path);
            let found = follow(start, Some("host"), rewrite, next, |_, _| ());
            if matches!(found, Err(Astray::Loop(_))) {
                let message =
                    "the rewrites lead to one another: a request for this path is answered by 500";
                self.warn(
                    &format!("{path}.route[{at}].rewrite"),
                    Complaint::with(message, "lead to a path that another route answers"),
                );
            }
        }
    }

    /// The path that a request for the route's own path is led to, if that is one of this site.
    fn leads_back(&self, site: &Site, route: &Route) -> Option<String> {
        let template = route.redirect.as_ref()?;
        let host = site.hosts.first().map_or("", String::as_str);
        let target = template
            .replace("{path}", &route.path)
            .replace("{rest}", "")
            .replace("{query}", "")
            .replace("{host}", host);
        let path = match target.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) =
                    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
                if !self.comes_back(site, scheme, authority) {
                    return None;
                }
                path
            }
            // Of another authority, or relative to whatever was asked.
            None if !target.starts_with('/') || target.starts_with("//") => return None,
            None => target.as_str(),
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Some(if path.is_empty() { "/" } else { path }.to_owned())
    }

    /// Whether a listener of this server answers for the authority with this site.
    fn comes_back(&self, site: &Site, scheme: &str, authority: &str) -> bool {
        let is_secured = scheme.eq_ignore_ascii_case("https");
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => {
                (host, port.parse().ok())
            }
            _ => (authority, Some(if is_secured { 443 } else { 80 })),
        };
        let host = host.to_ascii_lowercase();
        site.hosts.contains(&host)
            && self.config.listeners.iter().any(|listener| {
                listener.tls == is_secured
                    && matches!(&listener.address, Address::Inet(address) if Some(address.port()) == port)
            })
    }
}
