//! What a request would meet, without a server: which listener, TLS rules, site and route, and where each is said.
//!
//! It asks what the running server asks: sites and routes by [`Matcher`], rewrites and redirects by [`Template`], TLS rules by
//! [`net::Tls`]. What depends on more than the target and the host (who asks, from where, with which fields) is told as what
//! would be asked.

mod answer;
mod application;
mod change;
mod files;
mod proxy;
mod steps;
mod url;

pub use url::UrlError;

use crate::config::{Json, Listener, Loaded, Role};
use std::fmt;

/// What a request would meet, in the order in which it would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The method and the URL.
    pub request: String,
    /// One thing after the other.
    pub steps: Vec<Step>,
}

/// One thing that a request meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is about, in a word: `listener`, `tls`, `site`, `route`, `rewrite`, `access`, `answer` and so on.
    pub about: &'static str,
    /// What is so, in a sentence.
    pub what: String,
    /// Where that is said; `None` where nobody said it.
    pub place: Option<Spot>,
    /// The rule of HTTP it follows.
    pub rule: Option<&'static str>,
    /// What was considered, and why it is not so.
    pub others: Vec<Other>,
}

/// What was considered, and why it is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// What, and why not.
    pub what: String,
    /// Where it is said.
    pub place: Option<Spot>,
}

/// A line of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file, as the user wrote it.
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// What a request for a URL would meet.
///
/// # Errors
/// Why that is no URL that a server is asked for.
pub fn explain(loaded: &Loaded, method: &str, url: &str) -> Result<Explanation, UrlError> {
    let config = &loaded.config;
    let is_server = |listener: &Listener| listener.role == Role::Server;
    let is_for_proxy = method == "CONNECT" && !url.contains("://");
    let mut steps = Vec::new();
    if config.listeners.iter().any(is_server) && !(is_for_proxy && config.has_proxy()) {
        let asked = url::Asked::of(method, url)?;
        steps = steps::Explainer::new(loaded, &asked).steps();
    }
    if config.has_proxy() {
        let asked = proxy::ProxyAsked::of(method, url)?;
        steps.extend(proxy::steps(loaded, &asked));
    }
    Ok(Explanation {
        request: format!("{method} {url}"),
        steps,
    })
}

impl Explanation {
    /// `{request, steps: [{about, what, file, line, rule, others: [{what, file, line}]}]}`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::object([
            ("request", self.request.as_str().into()),
            (
                "steps",
                Json::List(self.steps.iter().map(Step::to_json).collect()),
            ),
        ])
    }
}

impl Step {
    fn to_json(&self) -> Json {
        let others = self.others.iter().map(|other| {
            let what = Json::object([("what", other.what.as_str().into())]);
            with_place(what, other.place.as_ref())
        });
        let step = Json::object([
            ("about", self.about.into()),
            ("what", self.what.as_str().into()),
        ]);
        with_place(step, self.place.as_ref())
            .with("rule", Json::option(self.rule))
            .with("others", Json::List(others.collect()))
    }
}

fn with_place(json: Json, place: Option<&Spot>) -> Json {
    json.with("file", Json::option(place.map(|spot| spot.file.as_str())))
        .with("line", Json::option(place.map(|spot| spot.line)))
}

impl fmt::Display for Explanation {
    /// Lines for eyes: what, and where that is said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.request)?;
        for step in &self.steps {
            let rule = step.rule.map_or(String::new(), |rule| format!(" ({rule})"));
            line(
                f,
                step.about,
                &format!("{}{rule}", step.what),
                step.place.as_ref(),
            )?;
            for other in &step.others {
                line(
                    f,
                    "",
                    &format!("- not {}", other.what),
                    other.place.as_ref(),
                )?;
            }
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, about: &str, what: &str, place: Option<&Spot>) -> fmt::Result {
    write!(f, "{about:<9} {what}")?;
    match place {
        Some(spot) => writeln!(f, "  [{spot}]"),
        None => writeln!(f),
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[cfg(test)]
mod tests;
