//! What the files hold that a configuration names: certificates and keys, users, pages.

use super::Rules;
use crate::config::model::{Auth, AuthMethod, Tls};
use crate::config::slot::Complaint;
use auth::Page;
use net::{TlsError, TlsWarning};

impl Rules<'_> {
    pub(super) fn check_named_files(&mut self) {
        self.certificates_can_be_used();
        for (number, auth) in self.config.auth.iter().enumerate() {
            self.users_can_sign_in(number, auth);
            if auth.method == AuthMethod::Form {
                self.page_has_places(number, auth);
            }
        }
    }

    /// All rules are tried, so that all errors are told at once.
    fn certificates_can_be_used(&mut self) {
        let mut are_sound = !self.config.tls.is_empty();
        for (number, tls) in self.config.tls.iter().enumerate() {
            if self.is_wrong(&format!("tls[{number}]")) {
                are_sound = false;
            } else if let Err(error) = net::Tls::new(vec![crate::tls::rules_of(tls)], &[]) {
                are_sound = false;
                self.tell_tls_error(number, tls, &error);
            }
        }
        if !are_sound {
            return;
        }
        if let Ok(all) = net::Tls::new(crate::tls::rules(self.config), &[]) {
            for warning in all.warnings() {
                self.warn(
                    &self.place_of(&warning),
                    Complaint::new(warning.to_string()),
                );
            }
        }
    }

    fn tell_tls_error(&mut self, number: usize, tls: &Tls, error: &TlsError) {
        let key = |name: &str| format!("tls[{number}].{name}");
        let named = [
            ("key", &tls.key),
            ("cert", &tls.cert),
            ("client_ca", &tls.client_ca),
        ];
        let file = error.file();
        let found = named
            .into_iter()
            .find(|(_, path)| file.is_some() && path.as_deref() == file);
        let complaint = Complaint::new(error.to_string());
        match (found, error) {
            (Some((name, _)), TlsError::KeyMismatch { .. }) if name != "cert" => {
                self.error_also(&key(name), &key("cert"), complaint);
            }
            (Some((name, _)), _) => self.error(&key(name), complaint),
            // A certificate that could not be made is that of a name that is none.
            (None, _) if self.span(&key("names")).is_some() => {
                self.error(&key("names"), complaint);
            }
            (None, _) => self.error(&format!("tls[{number}]"), complaint),
        }
    }

    /// Where the file of a warning is named.
    fn place_of(&self, warning: &TlsWarning) -> String {
        let file = warning.file();
        let mut named = self.config.tls.iter().enumerate().flat_map(|(at, tls)| {
            let keys = [("cert", &tls.cert), ("key", &tls.key)];
            keys.map(|(name, path)| (format!("tls[{at}].{name}"), path.as_deref()))
        });
        let found = named.find(|(_, path)| file.is_some() && *path == file);
        found.map_or("tls[0]".to_owned(), |(place, _)| place)
    }

    fn users_can_sign_in(&mut self, number: usize, auth: &Auth) {
        let at = format!("auth[{number}].users");
        let Some(span) = self.span(&at).filter(|_| !self.is_wrong(&at)) else {
            return;
        };
        let errors = auth::users_errors(&auth.users);
        let file = auth.users.display();
        for error in errors.iter().take(LINES_MAX) {
            let complaint = Complaint::new(format!("{file}: {error}"));
            self.findings.note(span.clone(), complaint);
        }
        if let Some(more) = errors.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
            let complaint = Complaint::new(format!("{file}: {more} more lines cannot be used"));
            self.findings.note(span, complaint);
        }
    }

    fn page_has_places(&mut self, number: usize, auth: &Auth) {
        let at = format!("auth[{number}].page");
        let Some(file) = auth.page.as_ref().filter(|_| !self.is_wrong(&at)) else {
            return;
        };
        let shown = file.display();
        match Page::load(file) {
            Err(error) => self.error(&at, Complaint::new(format!("{shown}: {error}"))),
            Ok(page) => {
                for place in page.lacks() {
                    let message = format!("{shown}: it has no {{{place}}}");
                    let hint = match place {
                        "error" => "without it nobody is told why signing in failed",
                        _ => {
                            "without it nobody comes back to where they were: <input type=\"hidden\" name=\"next\" value=\"{next}\">"
                        }
                    };
                    self.warn(&at, Complaint::with(message, hint));
                }
            }
        }
    }

    /// Whether something there was complained of.
    fn is_wrong(&self, path: &str) -> bool {
        let span = self.span(path);
        span.is_some_and(|span| self.findings.is_within(&span))
    }
}

/// Lines of one file of users that are complained of one by one.
const LINES_MAX: usize = 20;
