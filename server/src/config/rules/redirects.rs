//! Redirects that lead to themselves.

use super::Rules;
use crate::config::model::{Route, Site};
use crate::config::slot::Complaint;
use net::Address;

impl Rules<'_> {
    pub(super) fn check_redirects(&mut self) {
        for (path, site) in self.sites() {
            for (number, route) in site.routes.iter().enumerate() {
                if self.leads_to_itself(site, number, route) {
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
        }
    }

    fn leads_to_itself(&self, site: &Site, number: usize, route: &Route) -> bool {
        let Some(template) = &route.redirect else {
            return false;
        };
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
                    return false;
                }
                path
            }
            // Of another authority, or relative to whatever was asked.
            None if !target.starts_with('/') || target.starts_with("//") => return false,
            None => target.as_str(),
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        site.route_of(if path.is_empty() { "/" } else { path }) == Some(number)
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
