//! Files in content codings (RFC 9110 §8.4): which one is sent, and where it comes from.
//!
//! ```text
//!  Accept-Encoding ──▶ Variants::choose ──┬─▶ none: the file as it is
//!                                         ├─▶ page.html.gz stands beside page.html ─▶ like any file
//!                                         ├─▶ up to a MiB: coded once (Coders), kept ─▶ like any kept file
//!                                         └─▶ longer: coded while it is sent (Coding source), not kept
//! ```
//!
//! docs/decisions/0012-content-codings.md has the table of what is sent when, and why.

mod answer;
mod coders;
mod request;
mod sidecars;
mod stream;
mod whole;
mod worth;

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use coding::{Coding, RECIPE};
use net::FileMeta;
use semantics::fields::cache_control;
use semantics::fields::content_coding::Weights;
use semantics::{Known, RequestHead, ResponseHead, Status};

use crate::cache::Entry;
use crate::representation::{HeadRules, Labels};

pub(crate) use coders::Coders;
pub use request::coded_content_refused;
pub(crate) use sidecars::Sidecars;

/// The codings that some files are offered in.
#[derive(Debug, Default)]
pub(crate) struct Codings {
    /// Best first.
    order: Vec<Coding>,
    /// Octets of a content that is coded on the fly, at least.
    octets_min: u64,
    /// Whether anything is coded on the fly.
    is_on_the_fly: bool,
    /// The Accept-Encoding that was read last, since user agents of one kind all send the same.
    last: RefCell<Last>,
}

#[derive(Debug)]
struct Last {
    value: Vec<u8>,
    weights: Weights<COUNT>,
}

impl Default for Last {
    fn default() -> Self {
        Self {
            value: Vec::new(),
            weights: Weights::of([&b""[..]], NAMES),
        }
    }
}

/// What a request says of codings, and what the server thinks of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    weights: Weights<COUNT>,
    order: &'a [Coding],
}

impl Codings {
    pub(crate) fn new(order: &[Coding], octets_min: u64, rules: &HeadRules) -> Self {
        let mut codings = Self {
            octets_min,
            is_on_the_fly: !forbids_transforming(rules),
            ..Self::default()
        };
        for coding in order {
            if !codings.order.contains(coding) {
                codings.order.push(*coding);
            }
        }
        codings
    }

    pub(crate) fn order(&self) -> &[Coding] {
        &self.order
    }

    /// What the request says of codings; `None` if it says nothing, or there are none.
    #[inline]
    pub(crate) fn asked(&self, head: RequestHead<'_>) -> Option<Asked<'_>> {
        if self.order.is_empty() || !head.has(Known::AcceptEncoding) {
            return None;
        }
        let mut lines = head.all(Known::AcceptEncoding);
        let first = lines.next()?;
        let weights = if lines.next().is_some() || first.len() > REMEMBERED_OCTETS_MAX {
            Weights::of(head.all(Known::AcceptEncoding), NAMES)
        } else {
            self.weights_of(first)
        };
        Some(Asked {
            weights,
            order: &self.order,
        })
    }

    fn weights_of(&self, value: &[u8]) -> Weights<COUNT> {
        let last = &mut *self.last.borrow_mut();
        if last.value != value {
            last.weights = Weights::of([value], NAMES);
            last.value.clear();
            last.value.extend_from_slice(value);
        }
        last.weights
    }

    /// What a file is offered in. `None` if it is offered as it is alone.
    pub(crate) fn variants(
        &self,
        labels: &Labels,
        octets: u64,
        sidecars: Option<Box<Sidecars>>,
    ) -> Option<Rc<Variants>> {
        if labels.is_coded() {
            return None;
        }
        let is_on_the_fly = self.is_on_the_fly
            && !self.order.is_empty()
            && octets >= self.octets_min.max(1)
            && worth::is_worth_coding(&labels.media_type);
        if sidecars.is_none() && !is_on_the_fly {
            return None;
        }
        Some(Rc::new(Variants {
            sidecars,
            is_on_the_fly,
            links: RefCell::default(),
        }))
    }
}

/// RFC 9110 §7.7 binds intermediaries; who says so of his own files wants them sent as they are. What stands beside a
/// file is no transformation of it but chosen by whoever put it there.
fn forbids_transforming(rules: &HeadRules) -> bool {
    let mut head = ResponseHead::new(Status::OK);
    rules.add_to(&mut head, 0);
    cache_control::directives(head.section().all(Known::CacheControl))
        .filter_map(Result::ok)
        .any(|directive| directive.name.eq_ignore_ascii_case(b"no-transform"))
}

/// A file in codings.
#[derive(Debug)]
pub(crate) struct Variants {
    /// Those that stand beside the file.
    sidecars: Option<Box<Sidecars>>,
    /// Whether it is coded on the fly.
    is_on_the_fly: bool,
    /// What is kept of it, by [`Coding::index`].
    links: RefCell<[Link; COUNT]>,
}

/// What is known of a file in one coding.
#[derive(Debug, Default)]
enum Link {
    /// Nothing.
    #[default]
    Unknown,
    /// It is kept. Weak, so that the cache alone decides for how long.
    Kept(Weak<Entry>),
    /// Coded it is not worth to be sent.
    Worthless,
}

impl Variants {
    /// The coding to be sent: the most welcome, of equals one that stands beside the file, then the server's order.
    #[inline]
    pub(crate) fn choose(&self, asked: Asked<'_>) -> Option<Coding> {
        let beside = asked
            .order
            .iter()
            .filter(|coding| self.sidecar(**coding).is_some());
        let on_the_fly = asked.order.iter().filter(|coding| self.is_worth(**coding));
        let best = asked
            .weights
            .best(beside.chain(on_the_fly).map(|coding| coding.index()));
        best.and_then(|place| Coding::ALL.get(place).copied())
    }

    /// What stands beside the file in this coding.
    fn sidecar(&self, coding: Coding) -> Option<&FileMeta> {
        self.sidecars.as_ref()?.meta(coding)
    }

    pub(crate) fn sidecars(&self) -> Option<&Sidecars> {
        self.sidecars.as_deref()
    }

    fn is_worth(&self, coding: Coding) -> bool {
        self.is_on_the_fly
            && !matches!(
                self.links.borrow().get(coding.index()),
                Some(Link::Worthless)
            )
    }

    /// What is kept of it in this coding.
    #[inline]
    pub(crate) fn linked(&self, coding: Coding) -> Option<Rc<Entry>> {
        match self.links.borrow().get(coding.index())? {
            Link::Kept(entry) => entry.upgrade().filter(|entry| entry.is_listed()),
            _ => None,
        }
    }

    fn link(&self, coding: Coding, link: Link) {
        if let Some(place) = self.links.borrow_mut().get_mut(coding.index()) {
            *place = link;
        }
    }
}

/// What is added to an entity tag for a coding of the same content, so that each has its own (RFC 9110 §8.8.3.3). What
/// is coded here is the same octets each time, as long as the recipe is, so its tag is as strong as that of the file.
fn tag_suffix(coding: Coding) -> String {
    format!("-{}{RECIPE}", coding.extension())
}

/// An entity tag with something added inside its quotes.
fn suffixed(tag: &str, suffix: &str) -> Box<str> {
    let opaque = tag.strip_suffix('"').unwrap_or(tag);
    format!("{opaque}{suffix}\"").into()
}

const COUNT: usize = Coding::ALL.len();
/// In the order of [`Coding::index`].
const NAMES: [&str; COUNT] = [
    Coding::Zstd.name(),
    Coding::Brotli.name(),
    Coding::Gzip.name(),
];
/// Octets of an Accept-Encoding that is remembered.
const REMEMBERED_OCTETS_MAX: usize = 128;

#[cfg(test)]
mod tests;
