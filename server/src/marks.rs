//! By what exchanges are marked for the log: small numbers on the way, names when a line is written.

use std::sync::Arc;

use crate::config::Config;

/// What the exchanges of a route are marked by: which configuration, site and route. A number that does not fit is that of
/// nothing.
#[inline]
pub(crate) fn mark_of(generation: u16, site: usize, route: usize) -> u64 {
    let number = |number: usize| u64::from(u16::try_from(number).unwrap_or(u16::MAX));
    u64::from(generation) << 32 | number(site) << 16 | number(route)
}

/// The names of sites and routes, by the marks of a configuration and of the one before it: exchanges that were under way
/// while it changed are told by what answered them.
#[derive(Debug)]
pub(crate) struct Names {
    own: Arc<Generation>,
    before: Option<Arc<Generation>>,
}

#[derive(Debug)]
struct Generation {
    number: u16,
    /// The first host of each site, and the paths of its routes.
    sites: Vec<(Box<str>, Vec<Box<str>>)>,
}

impl Names {
    /// The names in a configuration that follows another.
    pub(crate) fn new(config: &Config, before: Option<&Self>) -> Self {
        let before = before.map(|before| Arc::clone(&before.own));
        let sites = config.sites.iter().map(|site| {
            let host = site.hosts.first().map_or("*", String::as_str);
            let routes = site.routes.iter().map(|route| route.path.as_str().into());
            (host.into(), routes.collect())
        });
        let own = Generation {
            number: before
                .as_ref()
                .map_or(0, |before| before.number.wrapping_add(1)),
            sites: sites.collect(),
        };
        Self {
            own: Arc::new(own),
            before,
        }
    }

    /// The number of the configuration, for [`mark_of`].
    pub(crate) fn generation(&self) -> u16 {
        self.own.number
    }

    /// The site, and the route unless it is the site itself.
    pub(crate) fn find(&self, mark: u64) -> Option<(&str, Option<&str>)> {
        let part = |shift: u32| usize::from((mark >> shift) as u16);
        let all = [Some(&self.own), self.before.as_ref()];
        let mut all = all.into_iter().flatten();
        let generation = all.find(|own| usize::from(own.number) == part(32))?;
        let (site, routes) = generation.sites.get(part(16))?;
        Some((site, routes.get(part(0)).map(|route| &**route)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Route, Site};

    fn config(host: &str, paths: &[&str]) -> Config {
        let route = |path: &&str| Route {
            path: (*path).to_owned(),
            ..Route::default()
        };
        Config {
            sites: vec![Site {
                hosts: vec![host.to_owned()],
                routes: paths.iter().map(route).collect(),
                ..Site::default()
            }],
            ..Config::default()
        }
    }

    #[test]
    fn a_mark_finds_its_site_and_route() {
        let names = Names::new(&config("a.example", &["/a", "/b"]), None);
        let found = |route| names.find(mark_of(names.generation(), 0, route));
        assert_eq!(found(1), Some(("a.example", Some("/b"))));
        assert_eq!(found(2), Some(("a.example", None)), "the site itself");
        assert_eq!(names.find(mark_of(0, 1, 0)), None);
        assert_eq!(names.find(mark_of(0, 1 << 20, 0)), None);
    }

    #[test]
    fn marks_of_the_configuration_before_keep_their_names() {
        let first = Names::new(&config("a.example", &["/a"]), None);
        let second = Names::new(&config("b.example", &["/b"]), Some(&first));
        let third = Names::new(&config("c.example", &[]), Some(&second));
        let mark = mark_of(first.generation(), 0, 0);
        assert_eq!(second.find(mark), Some(("a.example", Some("/a"))));
        assert_eq!(third.find(mark), None, "it is two configurations ago");
    }
}
