//! Which files answer for their own path alone: a pure question, also asked by `hansom check --explain`.
//!
//! A route is found by the path that is asked for. Where that leads to a file with another path (an index, a variant,
//! something that is tried), the route of that path may ask more of who comes in. Such files are left out.

use origin::Fences;

use super::matching::prefix;
use crate::config::{Route, Settings, Site};

/// The fences for the routes of a site: one by one, and those for the site itself last. They are around what is below the
/// folder that the route serves.
pub(crate) fn fences(site: &Site) -> Vec<Fences> {
    fences_by(site, |settings, other| !is_as_open_as(other, settings))
}

/// The same for what forms store: they are also around what may not be uploaded to.
pub(crate) fn upload_fences(site: &Site) -> Vec<Fences> {
    fences_by(site, |settings, other| {
        other.uploads != Some(true) || !is_as_open_as(other, settings)
    })
}

fn fences_by(site: &Site, is_closed: impl Fn(&Settings, &Settings) -> bool) -> Vec<Fences> {
    let whole = Route::default();
    let routes: Vec<_> = (site.routes.iter().chain([&whole]))
        .map(|route| (route, route.settings.over(&site.settings)))
        .collect();
    let around = |(route, settings): &(&Route, Settings)| {
        let led = match route.root {
            Some(_) => prefix(&route.path),
            None => "",
        };
        let fence = |(other, its): &(&Route, Settings)| {
            let below = prefix(&other.path).strip_prefix(led)?;
            let is_whole = below.is_empty() || below.starts_with('/');
            is_whole.then(|| (below.as_bytes().into(), is_closed(settings, its)))
        };
        Fences::new(routes.iter().filter_map(fence))
    };
    routes.iter().map(around).collect()
}

/// Whether everybody may come in at one place who may at another.
fn is_as_open_as(this: &Settings, other: &Settings) -> bool {
    let users = |settings: &Settings| settings.users.clone().unwrap_or_default();
    let (its, others) = (users(this), users(other));
    let has_all =
        its.is_empty() || (!others.is_empty() && others.iter().all(|user| its.contains(user)));
    let admits = match (this.auth(), other.auth()) {
        (None, _) => true,
        (Some(one), Some(other)) => one == other && has_all,
        (Some(_), None) => false,
    };
    let networks = |settings: &Settings| {
        let list = |networks: &Option<Vec<_>>| networks.clone().unwrap_or_default();
        (list(&settings.allow), list(&settings.deny))
    };
    let (allow, deny) = networks(this);
    admits && ((allow.is_empty() && deny.is_empty()) || (allow, deny) == networks(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str, change: impl FnOnce(&mut Route)) -> Route {
        let mut route = Route {
            path: path.to_owned(),
            ..Route::default()
        };
        change(&mut route);
        route
    }

    fn auth(name: &str, users: &[&str]) -> impl FnOnce(&mut Route) {
        let name = Some(name.to_owned());
        let users = users.iter().map(|&user| user.to_owned()).collect();
        move |route| {
            route.settings.auth = name;
            route.settings.users = Some(users);
        }
    }

    #[test]
    fn what_asks_more_of_who_comes_in_is_closed() {
        let site = Site {
            routes: vec![
                route("/ann", auth("a", &["ann"])),
                route("/both", auth("a", &["ann", "bob"])),
                route("/all", auth("a", &[])),
                route("/other", auth("b", &["ann"])),
                route("/near", |route| {
                    route.settings.allow = Some(vec!["127.0.0.0/8".parse().unwrap()]);
                }),
                route("/near too", |route| {
                    route.settings.allow = Some(vec!["127.0.0.0/8".parse().unwrap()]);
                }),
            ],
            ..Site::default()
        };
        let fences = fences(&site);
        let all = [
            "/ann",
            "/both",
            "/all",
            "/other",
            "/near",
            "/near too",
            "/x",
        ];
        // table: from a route, what is closed
        for (from, closed) in [
            (0, &["/other", "/near", "/near too"][..]),
            (1, &["/ann", "/other", "/near", "/near too"]),
            (2, &["/ann", "/both", "/other", "/near", "/near too"]),
            (3, &["/ann", "/both", "/all", "/near", "/near too"]),
            (4, &["/ann", "/both", "/all", "/other"]),
            (
                6,
                &["/ann", "/both", "/all", "/other", "/near", "/near too"],
            ),
        ] {
            let is_closed = |path: &&str| fences[from].close(path.as_bytes());
            let got: Vec<_> = all.into_iter().filter(is_closed).collect();
            assert_eq!(got, closed, "from {from}");
        }
    }

    #[test]
    fn a_route_may_be_more_open_than_what_is_around_it() {
        let mut site = Site {
            routes: vec![route("/open", auth("", &[]))],
            ..Site::default()
        };
        site.settings.auth = Some("a".to_owned());
        let fences = fences(&site);
        assert!(fences[0].close(b"/x") && !fences[0].close(b"/open/x"));
        assert!(!fences[1].close(b"/x") && !fences[1].close(b"/open/x"));
    }

    #[test]
    fn below_a_root_of_its_own_a_path_begins_at_the_route() {
        let site = Site {
            routes: vec![
                route("/docs", |route| route.root = Some("/srv/docs".into())),
                route("/docs/secret.html", auth("a", &[])),
                route("/secret.html", auth("a", &[])),
                route("/docsecret", auth("a", &[])),
            ],
            ..Site::default()
        };
        let fences = &fences(&site)[0];
        assert!(fences.close(b"/secret.html"));
        assert!(!fences.close(b"/docs/secret.html") && !fences.close(b"ecret"));
    }

    #[test]
    fn forms_store_nothing_where_nothing_is_uploaded_to() {
        let site = Site {
            routes: vec![
                route("/drop", |route| route.settings.uploads = Some(true)),
                route("/drop/kept.txt", |_| {}),
            ],
            ..Site::default()
        };
        assert!(upload_fences(&site)[0].close(b"/drop/kept.txt"));
        assert!(!upload_fences(&site)[0].close(b"/drop/other.txt"));
        assert!(!fences(&site)[0].close(b"/drop/kept.txt"));
    }
}
