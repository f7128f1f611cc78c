//! Which site and which route a request belongs to: a pure question, also asked by `hansom check --explain`.
//!
//! A site is found by its host: an exact name first, then the longest `*.name` that the host lies below, then `*`. A
//! wildcard stands for one label or more: `*.example.com` fits `a.example.com` and `a.b.example.com`, never `example.com`.
//! The port does not choose a site, the case of a name and the dot of the DNS root do not matter, and an IPv6 address is
//! the same however it is spelled.
//!
//! A route is found by the longest prefix of whole segments; of two equal ones the first in the file.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use semantics::NormalPath;
use semantics::fields::host::{Host, HostKind};

use crate::config::Site;

/// The hosts and the prefixes of all sites. Asking allocates nothing.
#[derive(Debug)]
pub(crate) struct Matcher {
    /// By host in lower case, without port and the dot of the DNS root.
    names: HashMap<Box<[u8]>, usize>,
    addresses: HashMap<Ipv6Addr, usize>,
    /// By what follows `*.`.
    below: HashMap<Box<[u8]>, usize>,
    default: Option<usize>,
    sites: Vec<Prefixes>,
}

/// The site of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SiteMatch {
    /// Its place in the configuration.
    pub(crate) site: usize,
    /// Why this one.
    pub(crate) by: HostRule,
}

/// Why a site was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostRule {
    /// One of its hosts is the one that was asked for.
    Exact,
    /// The host lies below the name of a wildcard with this many labels, and below none that is longer.
    Wildcard { labels: usize },
    /// It is for every other host.
    Default,
}

/// The routes of one site.
#[derive(Debug)]
struct Prefixes {
    /// Longest first, each with its place in the configuration.
    routes: Vec<(Box<[u8]>, usize)>,
    /// What stands for the site itself: a place behind all routes, or that of a route for `/`.
    whole: usize,
}

impl Matcher {
    /// The hosts and routes of these sites. Of two that claim the same, the first has it.
    pub(crate) fn new(sites: &[Site]) -> Self {
        let mut matcher = Self {
            names: HashMap::new(),
            addresses: HashMap::new(),
            below: HashMap::new(),
            default: None,
            sites: sites.iter().map(Prefixes::new).collect(),
        };
        for (site, config) in sites.iter().enumerate() {
            for host in &config.hosts {
                matcher.add(host, site);
            }
        }
        matcher
    }

    fn add(&mut self, host: &str, site: usize) {
        let host = host.to_ascii_lowercase();
        if host == "*" {
            self.default.get_or_insert(site);
        } else if let Some(name) = host.strip_prefix("*.") {
            self.below.entry(name.as_bytes().into()).or_insert(site);
        } else if let Some(address) = ipv6(host.as_bytes()) {
            self.addresses.entry(address).or_insert(site);
        } else {
            let name = host.strip_suffix('.').unwrap_or(&host);
            self.names.entry(name.as_bytes().into()).or_insert(site);
        }
    }

    /// The site for a host, as `Host` or the authority of a target says it, with or without a port.
    #[inline]
    pub(crate) fn site(&self, host: Option<&[u8]>) -> Option<SiteMatch> {
        let has_names =
            !self.names.is_empty() || !self.below.is_empty() || !self.addresses.is_empty();
        let named = if has_names { self.named(host) } else { None };
        let default = self.default.map(|site| SiteMatch {
            site,
            by: HostRule::Default,
        });
        named.or(default)
    }

    fn named(&self, host: Option<&[u8]>) -> Option<SiteMatch> {
        let host = Host::parse(host?).ok()?;
        let exact = |&site: &usize| SiteMatch {
            site,
            by: HostRule::Exact,
        };
        if host.kind == HostKind::Ipv6 {
            return self.addresses.get(&ipv6(host.name)?).map(exact);
        }
        let name = host.name_without_root_dot();
        // On the stack, since this is done for every request. A longer name is no site's (RFC 1035 §2.3.4).
        let mut lower = [0; HOST_OCTETS_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        if let Some(site) = self.names.get(&*lower) {
            return Some(exact(site));
        }
        if self.below.is_empty() || host.kind != HostKind::Name {
            return None;
        }
        self.by_wildcard(lower)
    }

    /// What lies behind the first dot, then behind the second: so the longest comes first.
    fn by_wildcard(&self, name: &[u8]) -> Option<SiteMatch> {
        let mut rest = name;
        while let Some(dot) = memchr::memchr(b'.', rest) {
            // A name that begins with a dot has no label before it.
            let has_label = dot > 0;
            rest = rest.get(dot + 1..)?;
            if let Some(&site) = self.below.get(rest).filter(|_| has_label) {
                let labels = rest.iter().filter(|&&b| b == b'.').count() + 1;
                return Some(SiteMatch {
                    site,
                    by: HostRule::Wildcard { labels },
                });
            }
        }
        None
    }

    /// The place of the route for a path in the site's list; behind its end stands the site itself.
    #[inline]
    pub(crate) fn route(&self, site: usize, path: &NormalPath<'_>) -> usize {
        let Some(prefixes) = self.sites.get(site) else {
            return usize::MAX;
        };
        for (prefix, route) in &prefixes.routes {
            if path.is_below(prefix) {
                return *route;
            }
        }
        prefixes.whole
    }
}

impl Prefixes {
    fn new(site: &Site) -> Self {
        let mut routes: Vec<(Box<[u8]>, usize)> = Vec::with_capacity(site.routes.len());
        for (place, route) in site.routes.iter().enumerate() {
            routes.push((prefix(&route.path).as_bytes().into(), place));
        }
        let is_whole = |(prefix, _): &&(Box<[u8]>, usize)| prefix.is_empty();
        let whole = routes
            .iter()
            .find(is_whole)
            .map_or(site.routes.len(), |(_, place)| *place);
        routes.retain(|(prefix, _)| !prefix.is_empty());
        // Stable: of equal prefixes, which the configuration refuses, the first would win.
        routes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self { routes, whole }
    }
}

/// A route's path without the slash at its end: empty for the whole site.
pub(crate) fn prefix(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

fn ipv6(literal: &[u8]) -> Option<Ipv6Addr> {
    let inside = literal.strip_prefix(b"[")?.strip_suffix(b"]")?;
    std::str::from_utf8(inside).ok()?.parse().ok()
}

/// Octets of a host name that a site can have.
const HOST_OCTETS_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Route;

    fn site(hosts: &[&str], routes: &[&str]) -> Site {
        Site {
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            routes: routes
                .iter()
                .map(|&path| Route {
                    path: path.to_owned(),
                    ..Route::default()
                })
                .collect(),
            ..Site::default()
        }
    }

    fn sites() -> Matcher {
        Matcher::new(&[
            site(&["*"], &[]),
            site(&["example.com", "192.0.2.1"], &[]),
            site(&["*.example.com"], &[]),
            site(&["*.a.example.com"], &[]),
            site(&["b.a.example.com"], &[]),
            site(&["[2001:db8::1]"], &[]),
        ])
    }

    #[test]
    fn a_site_is_found_by_the_nearest_name() {
        use HostRule::{Default, Exact};
        let wildcard = |labels| HostRule::Wildcard { labels };
        // table
        for (host, place, by) in [
            ("example.com", 1, Exact),
            ("EXAMPLE.com", 1, Exact),
            ("example.com.", 1, Exact),
            ("example.com:8080", 1, Exact),
            ("example.com.:8080", 1, Exact),
            ("example.com:", 1, Exact),
            ("192.0.2.1", 1, Exact),
            ("192.0.2.1:80", 1, Exact),
            ("www.example.com", 2, wildcard(2)),
            ("WWW.Example.Com.", 2, wildcard(2)),
            ("x.y.example.com", 2, wildcard(2)),
            ("a.example.com", 2, wildcard(2)),
            ("x.a.example.com", 3, wildcard(3)),
            ("y.x.a.example.com:1", 3, wildcard(3)),
            ("b.a.example.com", 4, Exact),
            ("c.b.a.example.com", 3, wildcard(3)),
            ("[2001:db8::1]", 5, Exact),
            ("[2001:DB8:0:0::1]:443", 5, Exact),
            ("[2001:db8::2]", 0, Default),
            (".example.com", 0, Default),
            ("notexample.com", 0, Default),
            ("example.com.evil", 0, Default),
            ("com", 0, Default),
            ("", 0, Default),
            (":80", 0, Default),
            (".", 0, Default),
            ("example.com..", 0, Default),
            ("user@example.com", 0, Default),
            ("192.0.2.2", 0, Default),
        ] {
            let found = sites().site(Some(host.as_bytes())).unwrap();
            assert_eq!((found.site, found.by), (place, by), "{host}");
        }
        assert_eq!(sites().site(None).unwrap().site, 0);
    }

    #[test]
    fn a_host_that_is_nobodys_has_no_site_where_none_is_for_the_others() {
        let matcher = Matcher::new(&[site(&["example.com", "*.example.org"], &[])]);
        for host in ["other.example", "example.org", "", "[::1]"] {
            assert_eq!(matcher.site(Some(host.as_bytes())), None, "{host}");
        }
        let long = "a.".repeat(200) + "example.org";
        assert_eq!(matcher.site(Some(long.as_bytes())), None);
        assert_eq!(matcher.site(None), None);
    }

    #[test]
    fn of_two_sites_for_one_host_the_first_has_it() {
        let matcher = Matcher::new(&[site(&["a"], &[]), site(&["a", "*"], &[]), site(&["*"], &[])]);
        assert_eq!(matcher.site(Some(b"a")).unwrap().site, 0);
        assert_eq!(matcher.site(Some(b"b")).unwrap().site, 1);
    }

    #[test]
    fn a_route_is_the_longest_prefix_of_whole_segments() {
        let matcher = Matcher::new(&[site(&["*"], &["/a", "/a/b", "/c d", "/a/b/", "/ä"])]);
        // table
        for (path, place) in [
            ("/", 5),
            ("/a", 0),
            ("/a/", 0),
            ("/ab", 5),
            ("/a/bc", 0),
            ("/a/b", 1),
            ("/a/b/", 1),
            ("/a/b/c", 1),
            ("/A", 5),
            ("/c%20d/x", 2),
            ("/x/../a/b", 1),
            ("//a///b", 1),
            ("/%61/./b", 1),
            ("/a/%2e%2e/x", 5),
            ("/%C3%A4/x", 4),
        ] {
            let path_normal = NormalPath::of(path.as_bytes()).unwrap();
            assert_eq!(matcher.route(0, &path_normal), place, "{path}");
        }
    }

    #[test]
    fn a_route_for_everything_stands_for_the_site() {
        let matcher = Matcher::new(&[site(&["*"], &["/a", "/"])]);
        assert_eq!(matcher.route(0, &NormalPath::plain(b"/x")), 1);
        assert_eq!(matcher.route(0, &NormalPath::plain(b"/a/x")), 0);
    }
}
