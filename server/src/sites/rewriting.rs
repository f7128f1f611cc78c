//! From a path to what is looked for instead: a pure question, also asked by `hansom check --explain`.

use std::borrow::Cow;

use semantics::NormalPath;

use super::template::{Template, Words};

/// What is looked for, and the route that it led to.
#[derive(Debug)]
pub(crate) struct Looked<'a> {
    /// Its place in the site's list.
    pub(crate) route: usize,
    pub(crate) path: NormalPath<'a>,
    pub(crate) query: Option<Cow<'a, [u8]>>,
}

/// Why no route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Astray {
    /// What is to be looked for instead of the path of this route is none.
    NoPath(usize),
    /// There is no end to what is to be looked for instead.
    Loop(usize),
}

/// Follows rewrites from route to route. A route that a path leads back to at once answers; more than [`REWRITES_MAX`] are a
/// loop.
///
/// `rewrite` gives what a route looks for instead, and the octets of its own path; `route` the route of a path. `tell` is told
/// of each step: the route that rewrote, and where that led.
pub(crate) fn follow<'a, 't>(
    mut at: Looked<'a>,
    host: Option<&str>,
    rewrite: impl Fn(usize) -> Option<(&'t Template, usize)>,
    route: impl Fn(&NormalPath<'_>) -> usize,
    mut tell: impl FnMut(usize, &Looked<'_>),
) -> Result<Looked<'a>, Astray> {
    for _ in 0..=REWRITES_MAX {
        let Some((template, prefix_octets)) = rewrite(at.route) else {
            return Ok(at);
        };
        let words = Words {
            path: at.path.octets(),
            rest: at.path.octets().get(prefix_octets..).unwrap_or_default(),
            query: at.query.as_deref(),
            host,
        };
        let Some((path, query)) = template.expand_path(&words) else {
            return Err(Astray::NoPath(at.route));
        };
        let from = at.route;
        at = Looked {
            route: route(&path),
            path,
            query: query.map(Cow::Owned).or(at.query),
        };
        tell(from, &at);
        if at.route == from {
            return Ok(at);
        }
    }
    Err(Astray::Loop(at.route))
}

/// How often a path is rewritten for one request.
const REWRITES_MAX: usize = 8;
