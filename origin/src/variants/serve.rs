//! Selects a variant and answers with it.

use std::rc::Rc;
use std::sync::Arc;

use engine::{Answer, Response};
use net::{Now, OpenError, Wait, blocking_while_awaited};
use semantics::fields::negotiate::{self, Asked};
use semantics::negotiation::{Decision, Preferences, Rules, Variant, decide};
use semantics::{Known, NormalPath, OwnedRequest, RequestHead, Status, Target};

use super::keep::{Variants, split};
use super::list::{self, alternates};
use super::set::FileVariant;
use crate::cache::Entry;
use crate::files::{Files, Inner, Located, internal, not_found};
use crate::representation::{Delivery, Labels, digest};

/// The variant that is sent, before anything is made of it: content codings, preconditions and ranges come after.
struct Selected {
    /// Where it is, below the root.
    path: Box<[u8]>,
    /// What is said of it.
    labels: Labels,
    /// By what it is kept: one file has another head as the variant of another resource.
    key: Vec<u8>,
}

/// Whether a path has variants.
pub(crate) enum Look {
    /// It is a file's or nothing's: there is nothing to choose.
    Nothing,
    /// It has these.
    Variants(Variants),
    /// Only a thread that may wait can tell.
    MustWait,
}

/// What came of a request before the selected file is read.
enum Outcome {
    Selected(Selected),
    Other(Response),
}

impl Files {
    /// The answer to a request for what has variants; `None` for all else.
    pub(crate) fn negotiate(&self, head: RequestHead<'_>, path: &[u8], now: Now) -> Option<Answer> {
        match self.0.look(path, now) {
            Look::Nothing => None,
            Look::MustWait => Some(self.negotiate_later(head, path, now)),
            Look::Variants(variants) => Some(self.select_of(&variants, head, path, now)),
        }
    }

    /// The answer to a request for one of some variants.
    pub(crate) fn select_of(
        &self,
        variants: &Variants,
        head: RequestHead<'_>,
        path: &[u8],
        now: Now,
    ) -> Answer {
        match self.0.choose(variants, head, path) {
            Outcome::Other(response) => response.into(),
            Outcome::Selected(selected) => match self.0.find_selected(&selected, now) {
                Ok(entry) => self.deliver(&entry, variants, &selected.key, head, now),
                Err(error) => {
                    self.0.make_room_after(&error, path);
                    self.negotiate_later(head, path, now)
                }
            },
        }
    }

    /// The same on a thread that may wait, with the folder read anew if it has to be.
    fn negotiate_later(&self, head: RequestHead<'_>, path: &[u8], now: Now) -> Answer {
        let (files, request) = (self.clone(), head.to_owned());
        let path: Box<[u8]> = path.into();
        Answer::Later(Box::pin(async move {
            match files.0.look_later(&path, now).await {
                Some(variants) => files.select_of_later(&variants, &request, &path, now).await,
                None => {
                    let answer = files.select_plain(request.head(), &path, now);
                    answer.response().await
                }
            }
        }))
    }

    pub(crate) async fn select_of_later(
        &self,
        variants: &Variants,
        request: &OwnedRequest,
        path: &[u8],
        now: Now,
    ) -> Response {
        let head = request.head();
        let selected = match self.0.choose(variants, head, path) {
            Outcome::Selected(selected) => selected,
            Outcome::Other(response) => return response,
        };
        let place = Arc::clone(self.place());
        let file = absolute(&selected.path);
        let loaded = blocking_while_awaited(move || place.load(&file, Wait::MayBlock)).await;
        match loaded {
            Ok(Ok(Located::File(loaded))) => {
                let entry = self
                    .0
                    .keep(loaded.alone(), selected.labels, &selected.key, now);
                let answer = self.deliver(&entry, variants, &selected.key, head, now);
                answer.response().await
            }
            Ok(outcome) => {
                // What was listed is gone, or is a folder.
                if let Some(negotiator) = &self.0.negotiator {
                    negotiator.forget(split(path).0);
                }
                let error = outcome.err().unwrap_or(OpenError::NotFound);
                self.0.failed(head, &selected.key, &error)
            }
            Err(_) => internal(head),
        }
    }

    /// The selected variant, in a coding if one is offered. RFC 9110 §13.2.1: preconditions are of what is sent.
    fn deliver(
        &self,
        entry: &Rc<Entry>,
        variants: &Variants,
        key: &[u8],
        head: RequestHead<'_>,
        now: Now,
    ) -> Answer {
        let asked = negotiate::parse(head.all(Known::Negotiate));
        let Asked::Choice { with_list } = asked else {
            return self.represent(entry, head, key, now);
        };
        let mut response = match entry.representation.deliver(head, now) {
            Delivery::Other(response) => response,
            Delivery::Whole => entry.representation.whole(),
        };
        let decision = decide(
            &Preferences::of(head),
            &self.0.as_seen(variants),
            &self.0.rules_of_choice(),
        );
        let listed = with_list.then_some(variants);
        add_transparent(&mut response, "choice", listed, &decision);
        response.into()
    }
}

impl Inner {
    /// Whether a path has variants, without waiting.
    pub(crate) fn look(&self, path: &[u8], now: Now) -> Look {
        let Some(negotiator) = &self.negotiator else {
            return Look::Nothing;
        };
        match negotiator.variants(&self.place, path, now) {
            Ok(Some(variants)) => Look::Variants(variants),
            Err(OpenError::WouldBlock) => Look::MustWait,
            // What stands at the path itself tells what is wrong.
            Ok(None) | Err(_) => Look::Nothing,
        }
    }

    /// The variants of a path, with its folder read anew on a thread that may wait if it has to be.
    pub(crate) async fn look_later(&self, path: &[u8], now: Now) -> Option<Variants> {
        let negotiator = self.negotiator.as_ref()?;
        match self.look(path, now) {
            Look::Variants(variants) => return Some(variants),
            Look::Nothing => return None,
            Look::MustWait => {}
        }
        negotiator.begin_reading(path, now);
        let place = Arc::clone(&self.place);
        let asked: Box<[u8]> = path.into();
        let survey = blocking_while_awaited(move || place.survey(&asked)).await;
        negotiator.take_in(survey.ok()?.ok()?, now);
        match self.look(path, now) {
            Look::Variants(variants) => Some(variants),
            Look::Nothing | Look::MustWait => None,
        }
    }

    /// Descriptors that are held for speed alone are the first to go, and a folder that is not as it was is forgotten.
    fn make_room_after(&self, error: &OpenError, path: &[u8]) {
        match (error, &self.negotiator) {
            (OpenError::TooManyOpen, _) => self.cache.close_files(),
            (OpenError::WouldBlock, _) => {}
            (_, Some(negotiator)) => negotiator.forget(split(path).0),
            _ => {}
        }
    }

    fn choose(&self, variants: &Variants, head: RequestHead<'_>, path: &[u8]) -> Outcome {
        if variants.is_empty() {
            // A type map of which nothing is there: whatever were accepted, there is no representation.
            return Outcome::Other(not_found(head));
        }
        let seen = self.as_seen(variants);
        let rules = self.rules_of_choice();
        let decision = decide(&Preferences::of(head), &seen, &rules);
        let asked = negotiate::parse(head.all(Known::Negotiate));
        if asked == Asked::List && variants.len() > 1 {
            let because = "The user agent asked for the list, to choose for itself";
            let choice = list::Choice {
                status: Status::MULTIPLE_CHOICES,
                because,
                rule: "RFC 9110 §15.4.1",
            };
            let mut response = list::response(&choice, head, variants, &decision);
            add_transparent(&mut response, "list", Some(variants), &decision);
            return Outcome::Other(response);
        }
        let chosen = decision.chosen.and_then(|chosen| variants.get(chosen));
        match (chosen, decision.chosen.and_then(|chosen| seen.get(chosen))) {
            (Some(variant), Some(seen)) => {
                let location = is_at_its_target(head, path).then_some(&variant.reference);
                let location = location.filter(|_| !variant.is_ambiguous);
                Outcome::Selected(Selected::of(variant, seen, location, &decision.vary()))
            }
            _ => {
                let choice = list::Choice {
                    status: Status::NOT_ACCEPTABLE,
                    because: "None of the variants is acceptable to the user agent",
                    rule: "RFC 9110 §15.5.7",
                };
                Outcome::Other(list::response(&choice, head, variants, &decision))
            }
        }
    }

    fn rules_of_choice(&self) -> Rules<'_> {
        let config = self
            .negotiator
            .as_ref()
            .map(|negotiator| &negotiator.config);
        Rules {
            default_language: config.and_then(|config| config.language.as_deref()),
            is_strict: config.is_some_and(|config| config.strict),
        }
    }

    /// As negotiation sees them: beside variants that name a language, one without is in the default language.
    fn as_seen<'a>(&'a self, variants: &'a [FileVariant]) -> Vec<Variant<'a>> {
        let default = self.rules_of_choice().default_language;
        let names_some = variants.iter().any(|variant| !variant.languages.is_empty());
        let seen = variants.iter().map(FileVariant::as_seen);
        seen.map(|seen| match default {
            Some(default) if names_some && seen.languages.is_empty() => Variant {
                languages: default,
                ..seen
            },
            _ => seen,
        })
        .collect()
    }

    /// The file, without waiting.
    fn find_selected(&self, selected: &Selected, now: Now) -> Result<Rc<Entry>, OpenError> {
        let path = absolute(&selected.path);
        if let Some(entry) = self.cache.find(self.site, &selected.key)
            && let Some(entry) = self.revalidate(entry, &selected.key, &path, now)?
        {
            return Ok(entry);
        }
        match self.place.load(&path, Wait::CachedOnly)? {
            Located::File(loaded) => {
                Ok(self.keep(loaded.alone(), selected.labels.clone(), &selected.key, now))
            }
            _ => Err(OpenError::NotFound),
        }
    }
}

impl Selected {
    fn of(
        variant: &FileVariant,
        seen: &Variant<'_>,
        location: Option<&String>,
        vary: &str,
    ) -> Self {
        let mut fields = Vec::new();
        for (field, value) in [
            (Known::ContentLanguage, seen.languages),
            (Known::ContentEncoding, seen.codings),
            (Known::ContentLocation, location.map_or("", |name| name)),
            (Known::Vary, vary),
        ] {
            if !value.is_empty() {
                fields.push((field, value.to_owned()));
            }
        }
        let mut key = variant.path.to_vec();
        for (field, value) in &fields {
            key.extend_from_slice(&[0, *field as u8]);
            key.extend_from_slice(value.as_bytes());
        }
        key.push(0);
        key.extend_from_slice(variant.media_type.as_bytes());
        Self {
            labels: Labels {
                media_type: variant.media_type.clone(),
                fields,
                tag: Some(digest(&variant.path)),
            },
            path: variant.path.clone(),
            key,
        }
    }
}

/// RFC 2295 §8.5, §8.3. Whoever sends Negotiate learns that the answer depends on it.
fn add_transparent(
    response: &mut Response,
    kind: &str,
    listed: Option<&Variants>,
    decision: &Decision,
) {
    response.head.add(Known::Tcn, kind);
    response.head.add(Known::Vary, "Negotiate");
    if let Some(variants) = listed {
        response
            .head
            .add(Known::Alternates, alternates(variants, decision));
    }
}

/// Whether the target ends in the path, so that a reference relative to the target means a file of the same folder. What
/// stands in front led to these files; a target that was rewritten to something else does not.
fn is_at_its_target(head: RequestHead<'_>, path: &[u8]) -> bool {
    let target = Target::parse(head.target(), head.method());
    target
        .and_then(|target| NormalPath::of(target.path).ok())
        .is_some_and(|target| target.octets().ends_with(path))
}

fn absolute(relative: &[u8]) -> Vec<u8> {
    [b"/", relative].concat()
}
