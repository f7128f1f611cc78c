//! What is open to more people than was probably meant: warnings.

use super::Rules;
use crate::config::slot::Complaint;

impl Rules<'_> {
    pub(super) fn check_exposure(&mut self) {
        self.uploads_are_for_some();
        self.passwords_are_hidden();
    }

    fn uploads_are_for_some(&mut self) {
        let Some(address) = self.outside(|_| true) else {
            return;
        };
        for (spot, settings) in self.settings() {
            let is_open = settings.auth().is_none() && settings.is_open();
            if settings.uploads == Some(true) && is_open {
                let message = format!("everyone who reaches {address} may change this folder");
                let hint = "add auth = …, or allow = … with the networks that may";
                let path = spot.said(self.root, "uploads");
                self.warn_once(&path, Complaint::with(message, hint));
            }
        }
    }

    /// RFC 7617 §4: without TLS, passwords are readable on their way.
    fn passwords_are_hidden(&mut self) {
        let Some(address) = self.outside(|listener| !listener.tls) else {
            return;
        };
        if !self.config.server.trusted_gateways.is_empty() {
            return;
        }
        for (spot, settings) in self.settings() {
            if settings.auth().is_some() && !spot.site.to_https {
                let message = format!(
                    "passwords can be read on their way to {address}, which does not speak TLS"
                );
                let hint = "add tls = true to the [[listen]], or to_https = true to the [[site]]";
                let path = spot.said(self.root, "auth");
                self.warn_once(&path, Complaint::with(message, hint).by("RFC 7617 §4"));
            }
        }
    }

    /// A setting of a site holds for its routes, and is warned of once.
    fn warn_once(&mut self, path: &str, complaint: Complaint) {
        let span = self.span(path);
        if !self.findings.is_warned(span.as_ref(), &complaint) {
            self.warn(path, complaint);
        }
    }
}
