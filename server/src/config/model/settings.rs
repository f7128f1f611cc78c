//! What a route says, over what its site says.

use super::{Cors, Settings, Site};

impl Settings {
    /// What holds for a route: what it says itself, else what its site says. A table or list of a route takes the whole place
    /// of the site's.
    #[must_use]
    pub fn over(&self, site: &Self) -> Self {
        macro_rules! first {
            ($($field:ident),* $(,)?) => {
                Self { $($field: self.$field.clone().or_else(|| site.$field.clone()),)* }
            };
        }
        first!(
            negotiate,
            negotiate_strict,
            language,
            codings,
            coding_octets_min,
            uploads,
            durable_uploads,
            resumable_uploads,
            content_octets_max,
            auth,
            users,
            allow,
            deny,
            params,
            set_fields,
            add_fields,
            remove_fields,
            set_request_fields,
            remove_request_fields,
            nosniff,
            error_pages,
            cors,
        )
    }

    /// The name of the `[[auth]]` that says who asks.
    #[must_use]
    pub fn auth(&self) -> Option<&str> {
        self.auth.as_deref().filter(|name| !name.is_empty())
    }

    /// The file that answers for a status: its own, or that of its class (RFC 9110 §15).
    #[must_use]
    pub fn error_page(&self, status: u16) -> Option<&str> {
        let pages = self.error_pages.as_ref()?;
        let page = pages.get(&status).or_else(|| pages.get(&(status / 100)))?;
        Some(page)
    }

    /// Whether all clients may ask, whatever their address.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.allow
            .as_ref()
            .is_none_or(|networks| networks.iter().any(net::Network::is_all))
    }
}

impl Site {
    /// The settings that hold for each of its routes, and where those are: for the site itself `None`.
    pub fn effective(&self) -> impl Iterator<Item = (Option<usize>, Settings)> {
        let own = std::iter::once((None, self.settings.clone()));
        own.chain(
            self.routes
                .iter()
                .enumerate()
                .map(|(number, route)| (Some(number), route.settings.over(&self.settings))),
        )
    }
}

impl Cors {
    /// Whether pages of every origin may read.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_route_says_counts_more_than_what_its_site_says() {
        let site = Settings {
            auth: Some("a".to_owned()),
            uploads: Some(true),
            ..Settings::default()
        };
        let route = Settings {
            auth: Some(String::new()),
            ..Settings::default()
        };
        let both = route.over(&site);
        assert_eq!((both.auth(), both.uploads), (None, Some(true)));
    }

    #[test]
    fn a_page_of_a_status_counts_more_than_that_of_its_class() {
        let pages = [(404, "four"), (4, "class")].map(|(k, v)| (k, v.to_owned()));
        let settings = Settings {
            error_pages: Some(pages.into()),
            ..Settings::default()
        };
        assert_eq!(settings.error_page(404), Some("four"));
        assert_eq!(settings.error_page(403), Some("class"));
        assert_eq!(settings.error_page(500), None);
    }
}
