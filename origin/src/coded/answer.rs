//! The answer to a GET or HEAD of a file, in the coding that is selected.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use coding::Coding;
use engine::{Answer, Content, Response, Streamed};
use net::{FileMeta, Now, OpenError, Wait, blocking, blocking_while_awaited};
use semantics::fields::entity_tag::{EntityTag, Listed, entity_tags};
use semantics::{Known, Method, RequestHead, ResponseHead};

use super::coders::{Outcome, Slot};
use super::stream::CodedSource;
use super::whole::{Coded, Plain, code};
use super::{Asked, Link, Sidecars, Variants, suffixed, tag_suffix};
use crate::cache::Entry;
use crate::files::{Files, Loaded};
use crate::representation::{Delivery, Held, Representation, SELECTIVE, Version};

/// A file that is asked for in a coding.
struct Selected<'a> {
    entry: &'a Rc<Entry>,
    variants: &'a Rc<Variants>,
    coding: Coding,
    asked: Asked<'a>,
    path: &'a [u8],
    now: Now,
}

impl Files {
    /// What a GET or HEAD of a file gets: it as it is, or in a coding.
    pub(crate) fn represent(
        &self,
        entry: &Rc<Entry>,
        head: RequestHead<'_>,
        path: &[u8],
        now: Now,
    ) -> Answer {
        let asked = self.codings().asked(head);
        let selected = asked
            .zip(entry.variants.as_ref())
            .and_then(|(asked, variants)| {
                Some(Selected {
                    entry,
                    variants,
                    coding: variants.choose(asked)?,
                    asked,
                    path,
                    now,
                })
            });
        let Some(selected) = selected else {
            return entry.representation.answer(head, now);
        };
        if selected.variants.sidecar(selected.coding).is_some() {
            self.beside(&selected, head)
        } else if entry.representation.meta.octets <= self.cache().coded_whole_octets_max() {
            self.coded_once(&selected, head)
        } else {
            self.coded_on_the_way(&selected, head)
        }
    }

    /// What stands beside the file, like any file.
    fn beside(&self, selected: &Selected<'_>, head: RequestHead<'_>) -> Answer {
        let sidecar = match self.kept(selected) {
            Some(kept) => kept,
            None => match self.open_sidecar(selected, Wait::CachedOnly) {
                Ok(opened) => opened,
                Err(OpenError::WouldBlock) => return self.beside_later(selected, head),
                // It went since, or was cut.
                Err(_) => return selected.as_it_is(head),
            },
        };
        selected.answer_with(&sidecar, head)
    }

    fn beside_later(&self, selected: &Selected<'_>, head: RequestHead<'_>) -> Answer {
        let (files, request) = (self.clone(), head.to_owned());
        let (entry, coding) = (Rc::clone(selected.entry), selected.coding);
        let (path, now) = (Box::<[u8]>::from(selected.path), selected.now);
        let Some(name) = selected
            .variants
            .sidecars()
            .map(|beside| beside.path(coding))
        else {
            return selected.as_it_is(head);
        };
        Answer::Later(Box::pin(async move {
            let head = request.head();
            let place = Arc::clone(files.place());
            let loaded =
                blocking_while_awaited(move || place.load_named(name, Wait::MayBlock)).await;
            let selected = files.selected_again(&entry, head, coding, &path, now);
            match (selected, loaded) {
                (Some(selected), Ok(Ok(loaded))) => {
                    let answer = match files.take_in_sidecar(&selected, loaded) {
                        Ok(sidecar) => selected.answer_with(&sidecar, head),
                        Err(_) => selected.as_it_is(head),
                    };
                    answer.response().await
                }
                _ => entry.representation.answer(head, now).response().await,
            }
        }))
    }

    fn selected_again<'a>(
        &'a self,
        entry: &'a Rc<Entry>,
        head: RequestHead<'_>,
        coding: Coding,
        path: &'a [u8],
        now: Now,
    ) -> Option<Selected<'a>> {
        Some(Selected {
            entry,
            variants: entry.variants.as_ref()?,
            coding,
            asked: self.codings().asked(head)?,
            path,
            now,
        })
    }

    fn open_sidecar(&self, selected: &Selected<'_>, wait: Wait) -> Result<Rc<Entry>, OpenError> {
        let beside = selected.variants.sidecars().ok_or(OpenError::NotFound)?;
        let loaded = self
            .place()
            .load_named(beside.path(selected.coding), wait)?;
        self.take_in_sidecar(selected, loaded)
    }

    /// Takes in what was opened, unless it is none of the file since: it was looked at up to a second ago, and may have
    /// been cut for its next version.
    fn take_in_sidecar(
        &self,
        selected: &Selected<'_>,
        loaded: Loaded,
    ) -> Result<Rc<Entry>, OpenError> {
        let (meta, changes) = (loaded.meta, loaded.changes);
        if !Sidecars::is_current(&meta, &selected.entry.representation.meta) {
            return Err(OpenError::NotFound);
        }
        let tag = selected.entry.representation.labels().tag;
        let mut version = Version::of_file(meta, loaded.held(), tag, selected.now);
        // A file of the same length and time has another tag.
        version.etag = suffixed(&version.etag, &format!("-{}", selected.coding.extension()));
        Ok(self.keep_coded(selected, version, changes))
    }

    /// What was coded once, or is coded for this request and those that come meanwhile.
    fn coded_once(&self, selected: &Selected<'_>, head: RequestHead<'_>) -> Answer {
        let tag = selected.coded_tag();
        if selected.is_unsettled() || selected.prefers_identity(head, &tag) {
            return selected.as_it_is(head);
        }
        if let Some(kept) = self.kept(selected) {
            return kept.representation.answer(head, selected.now);
        }
        if head.section().present().intersects(SELECTIVE)
            && let Some(response) = self.uncoded(selected, &tag).refusal(head, selected.now)
        {
            // Validators follow from the file, so that a coded content need not be there to be validated.
            return response.into();
        }
        let (files, request) = (self.clone(), head.to_owned());
        let (entry, coding) = (Rc::clone(selected.entry), selected.coding);
        let (path, now) = (Box::<[u8]>::from(selected.path), selected.now);
        Answer::Later(Box::pin(async move {
            let head = request.head();
            let coded = match files.selected_again(&entry, head, coding, &path, now) {
                Some(selected) => files.code(&selected).await,
                None => Outcome::Uncoded,
            };
            let representation = match &coded {
                Outcome::Coded(coded) => &coded.representation,
                Outcome::Uncoded => &entry.representation,
            };
            representation.answer(head, now).response().await
        }))
    }

    /// Codes a content, or waits for who does already.
    async fn code(&self, selected: &Selected<'_>) -> Outcome {
        let site = self.coded_site(selected.coding);
        let key = (site, selected.path.into(), selected.coded_tag());
        let coders = self.cache().coders();
        let job = match coders.find(&key) {
            Some(job) => job,
            None => {
                let (Some(slot), Some(plain)) = (coders.slot(), selected.plain()) else {
                    return Outcome::Uncoded;
                };
                let job = coders.begin(key.clone());
                let (files, path) = (self.clone(), Box::<[u8]>::from(selected.path));
                let (entry, coding, now) =
                    (Rc::clone(selected.entry), selected.coding, selected.now);
                // It goes on for those who come later, should this client hang up.
                net::spawn(async move {
                    let coded = blocking(move || code(&plain, coding)).await;
                    let coded = coded.unwrap_or(Coded::Failed);
                    let outcome = files.take_in_coded(&entry, coding, &path, now, coded, &key.2);
                    files.cache().coders().end(&key, outcome);
                    drop::<Slot>(slot);
                });
                job
            }
        };
        job.outcome().await
    }

    fn take_in_coded(
        &self,
        entry: &Rc<Entry>,
        coding: Coding,
        path: &[u8],
        now: Now,
        coded: Coded,
        tag: &str,
    ) -> Outcome {
        let Some(variants) = &entry.variants else {
            return Outcome::Uncoded;
        };
        let content = match coded {
            Coded::Smaller(content) => content,
            Coded::Worthless => {
                // Another coding would not do better.
                for coding in Coding::ALL {
                    variants.link(coding, Link::Worthless);
                }
                return Outcome::Uncoded;
            }
            Coded::Failed => return Outcome::Uncoded,
        };
        let version = version_of(&entry.representation, content, tag);
        let representation = self.coded_representation(&entry.representation, coding, version, now);
        let site = self.coded_site(coding);
        let coded = self.cache().keep(site, path, representation, None, now, 0);
        variants.link(coding, Link::Kept(Rc::downgrade(&coded)));
        Outcome::Coded(coded)
    }

    /// The content in pieces, each coded when there is room for it.
    fn coded_on_the_way(&self, selected: &Selected<'_>, head: RequestHead<'_>) -> Answer {
        // The file is read while it is sent, so nobody can vouch for each octet of what comes of it.
        let tag: Box<str> = format!("W/{}", selected.coded_tag()).into();
        if selected.is_unsettled()
            || selected.wants_range_of_identity(head)
            || selected.prefers_identity(head, &tag)
        {
            return selected.as_it_is(head);
        }
        let representation = self.uncoded(selected, &tag);
        if let Some(response) = representation.refusal(head, selected.now) {
            return response.into();
        }
        let (Some(slot), Some(plain)) = (self.cache().coders().slot(), selected.plain()) else {
            return selected.as_it_is(head);
        };
        let source = CodedSource::new(plain, selected.coding, slot);
        Response {
            head: without_ranges(representation.rendition.head()),
            content: Content::Stream(Streamed {
                octets: None,
                source: Box::new(source),
            }),
        }
        .into()
    }

    /// A coded representation without its content, to be asked for its head and validators.
    fn uncoded(&self, selected: &Selected<'_>, tag: &str) -> Representation {
        let version = version_of(&selected.entry.representation, Bytes::new(), tag);
        self.coded_representation(
            &selected.entry.representation,
            selected.coding,
            version,
            selected.now,
        )
    }

    fn keep_coded(&self, selected: &Selected<'_>, version: Version, changes: u64) -> Rc<Entry> {
        let representation = self.coded_representation(
            &selected.entry.representation,
            selected.coding,
            version,
            selected.now,
        );
        let site = self.coded_site(selected.coding);
        let entry = self.cache().keep(
            site,
            selected.path,
            representation,
            None,
            selected.now,
            changes,
        );
        selected.link(&entry);
        entry
    }

    fn coded_representation(
        &self,
        identity: &Representation,
        coding: Coding,
        version: Version,
        now: Now,
    ) -> Representation {
        let labels = identity.labels().coded(coding.name());
        Representation::new(version, Rc::new(labels), self.rules(), now)
    }

    /// What is kept of the file in the coding, with a head for this time.
    fn kept(&self, selected: &Selected<'_>) -> Option<Rc<Entry>> {
        let site = self.coded_site(selected.coding);
        let kept = match selected.variants.linked(selected.coding) {
            Some(linked) => linked,
            None => self.cache().find(site, selected.path)?,
        };
        let is_of_version = match selected.variants.sidecar(selected.coding) {
            Some(meta) => {
                kept.representation.meta == *meta
                    && kept.representation.is_still(meta)
                    && kept.is_settled(selected.now)
            }
            None => kept.representation.etag() == &*selected.coded_tag(),
        };
        if !is_of_version {
            self.cache().remove(site, selected.path);
            return None;
        }
        let kept = if kept.representation.is_head_valid(selected.now) {
            kept
        } else {
            let again = kept
                .representation
                .with_head_for(self.rules(), selected.now);
            self.cache()
                .keep(site, selected.path, again, None, selected.now, 0)
        };
        selected.link(&kept);
        Some(kept)
    }
}

impl Selected<'_> {
    fn as_it_is(&self, head: RequestHead<'_>) -> Answer {
        self.entry.representation.answer(head, self.now)
    }

    /// The coded representation, unless the client names the other.
    fn answer_with(&self, coded: &Rc<Entry>, head: RequestHead<'_>) -> Answer {
        if self.prefers_identity(head, coded.representation.etag()) {
            self.as_it_is(head)
        } else {
            coded.representation.answer(head, self.now)
        }
    }

    fn link(&self, coded: &Rc<Entry>) {
        let link = Link::Kept(Rc::downgrade(coded));
        self.variants.link(self.coding, link);
    }

    /// The entity tag of what is coded here.
    fn coded_tag(&self) -> Box<str> {
        suffixed(self.entry.representation.etag(), &tag_suffix(self.coding))
    }

    /// A file that is being written has a weak entity tag, of which nothing is derived.
    fn is_unsettled(&self) -> bool {
        self.entry.representation.etag().starts_with("W/")
    }

    /// A client that shows by a validator that it holds the content without a coding goes on with that: it may validate
    /// it, and fetch the rest of it.
    fn prefers_identity(&self, head: RequestHead<'_>, coded_tag: &str) -> bool {
        self.asked.weights.accepts_identity()
            && head.section().present().intersects(SELECTIVE)
            && names(head, self.entry.representation.etag())
            && !names(head, coded_tag)
    }

    /// Ranges of what is coded on the way cannot be had (RFC 9110 §14.2: Range may be ignored), those of the content
    /// without a coding can. With If-Range the client holds a part of something, and gets more of the same or all.
    fn wants_range_of_identity(&self, head: RequestHead<'_>) -> bool {
        head.method() == Method::Get
            && head.has(Known::Range)
            && !head.has(Known::IfRange)
            && self.asked.weights.accepts_identity()
    }

    /// The content for another thread. `None` if there is no descriptor left for it.
    fn plain(&self) -> Option<Plain> {
        let representation = &self.entry.representation;
        match &representation.held {
            Held::Whole(content) => Some(Plain::Octets(content.clone())),
            Held::Open(file) => Some(Plain::File {
                file: file.try_clone().ok()?,
                meta: representation.meta,
            }),
        }
    }
}

impl Representation {
    /// What a GET or HEAD of this representation gets.
    fn answer(&self, head: RequestHead<'_>, now: Now) -> Answer {
        match self.deliver(head, now) {
            Delivery::Other(response) => response.into(),
            Delivery::Whole => self.whole_answer(),
        }
    }

    /// Whether an open file is what it was.
    fn is_still(&self, meta: &FileMeta) -> bool {
        match &self.held {
            Held::Whole(_) => true,
            Held::Open(file) => FileMeta::read(file).is_ok_and(|now| now == *meta),
        }
    }
}

fn version_of(identity: &Representation, content: Bytes, tag: &str) -> Version {
    Version {
        meta: FileMeta {
            octets: content.len() as u64,
            ..identity.meta
        },
        held: Held::Whole(content),
        is_fresh_change: false,
        etag: tag.into(),
    }
}

/// Whether the preconditions name an entity tag.
fn names(head: RequestHead<'_>, tag: &str) -> bool {
    let Some(tag) = EntityTag::parse(tag.as_bytes()) else {
        return false;
    };
    let listed = |field| {
        entity_tags(head.all(field))
            .any(|listed| matches!(listed, Ok(Listed::Tag(given)) if given.weak_matches(&tag)))
    };
    let if_range = head.first(Known::IfRange).and_then(EntityTag::parse);
    listed(Known::IfNoneMatch)
        || listed(Known::IfMatch)
        || if_range.is_some_and(|given| given.weak_matches(&tag))
}

fn without_ranges(head: &ResponseHead) -> ResponseHead {
    let mut without = ResponseHead::new(head.status());
    for (name, value) in head.section().iter() {
        if Known::from_name(name) != Some(Known::AcceptRanges) {
            without.add_named(&String::from_utf8_lossy(name), value);
        }
    }
    without
}
