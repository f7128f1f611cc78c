//! Which program a path leads to, by the same rules as the server's.

use super::Step;
use super::steps::{At, Explainer, step};
use crate::config::{HandlerName, Settings};
use crate::sites::{fences, scripts_config};
use application::{Found, Rule, Script, Scripts};
use net::Wait;
use semantics::Method;

impl Explainer<'_> {
    pub(super) fn application(&mut self, at: &At<'_>, settings: &Settings) {
        let Some((number, route)) = at.route else {
            return;
        };
        if matches!(self.asked.method(), Method::Trace | Method::Connect) {
            return self.unsupported(at, settings);
        }
        let config = scripts_config(route, at.site);
        let has_root = config.rule != Rule::Whole && config.root.is_some();
        if let Some(root) = config.root.as_ref().filter(|_| has_root) {
            let place = self.spot_of(at, "root");
            self.push(step("root", root.display().to_string(), place));
        }
        let Ok(scripts) = Scripts::new(config) else {
            let what = "500: the root cannot be opened".to_owned();
            return self.push(step("answer", what, None));
        };
        let fences = fences(at.site).into_iter().nth(number).unwrap_or_default();
        let found = scripts.find(at.path.octets(), Wait::MayBlock, |file| fences.close(file));
        let is_read = matches!(self.asked.method(), Method::Get | Method::Head);
        let (script, place) = match found {
            Ok(Found::Script(script)) => (script, None),
            Ok(Found::Closed) => {
                let what = "404: it leads to a route that asks more of who comes in".to_owned();
                self.push(step("answer", what, None));
                return self.error_page(at, settings, 404);
            }
            Ok(Found::Other) if is_read && scripts.has_files() && scripts.front().is_none() => {
                return self.files(at, settings);
            }
            Ok(Found::Other) if is_read && scripts.has_files() && self.is_file(at) => {
                return self.files(at, settings);
            }
            Ok(Found::Other | Found::Lost) => match scripts.front() {
                Some(front) => (front, self.spot(&format!("{}.front", at.key()))),
                None => {
                    self.push(Step {
                        rule: Some("RFC 9110 §15.5.5"),
                        ..step("answer", "404: there is no such program".to_owned(), None)
                    });
                    return self.error_page(at, settings, 404);
                }
            },
            Err(_) => {
                let what = "500: what is there cannot be found out".to_owned();
                return self.push(step("answer", what, None));
            }
        };
        let who = match (route.handler, route.to.as_slice()) {
            (HandlerName::Cgi, _) => "the program itself".to_owned(),
            (handler, [only]) => format!("{only} by {handler}"),
            (handler, several) => format!("one of {} by {handler}", several.join(", ")),
        };
        let place = place.or_else(|| self.spot(&format!("{}.handler", at.key())));
        self.push(Step {
            rule: Some("RFC 3875 §4.1.13"),
            ..step(
                "answer",
                format!("what {who} answers, as {}", told(&script)),
                place,
            )
        });
    }

    /// Whether the files beside the scripts have something at this path.
    fn is_file(&self, at: &At<'_>) -> bool {
        let own = at.route.and_then(|(_, route)| route.root.as_ref());
        let led = match own {
            Some(_) => at.path.octets().len() - at.words(None).rest.len(),
            None => 0,
        };
        let below = at.path.octets().get(led..).unwrap_or_default();
        let below = String::from_utf8_lossy(below);
        let root = own.or(at.site.root.as_ref());
        root.is_some_and(|root| root.join(below.trim_start_matches('/')).exists())
    }
}

fn told(script: &Script) -> String {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let mut told = match &script.file {
        Some(file) => format!("the script {}", text(file)),
        None => format!("the application at \"{}\"", text(&script.name)),
    };
    if !script.info.is_empty() {
        told.push_str(&format!(" with PATH_INFO {}", text(&script.info)));
    }
    told
}
