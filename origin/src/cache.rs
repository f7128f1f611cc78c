//! What a worker keeps of the files it served last: small ones whole, large ones open.
//!
//! Nothing in it lives on without being checked: an entry answers by itself for [`CHECK_MILLIS`] after it was found to
//! be what the folder holds, then it is looked at again; and at once when this process has changed any file
//! ([`changes`](crate::changes)). That a file does not exist is never kept.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};

use bytes::Bytes;
use engine::Answer;
use foldhash::fast::RandomState;
use net::{FileMeta, Now};

use crate::changes;
use crate::coded::{Asked, Coders, Sidecars, Variants};
use crate::representation::{Held, Representation};

/// How much a [`Cache`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Octets of a file that is kept whole. Larger ones are kept open.
    pub cached_file_octets_max: u64,
    /// Memory of all files kept whole and of what was coded, their heads and paths counted. What was coded takes half of
    /// it at most.
    pub cache_octets_max: usize,
    /// Files kept whole.
    pub cached_files_max: usize,
    /// Files kept open; each is a descriptor of this process.
    pub open_files_max: usize,
    /// Octets of a path by which something is kept.
    pub cached_path_octets_max: usize,
    /// Contents that are coded at one time. Above it they are sent without a coding. Below the threads of a worker's pool
    /// (16), so that those who wait for a disk find one.
    pub coders_max: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            cached_file_octets_max: 64 * 1024,
            cache_octets_max: 64 << 20,
            cached_files_max: 16 * 1024,
            open_files_max: 64,
            cached_path_octets_max: 1024,
            coders_max: 8,
        }
    }
}

/// The files kept by one worker, for all its [`Files`](crate::Files) together.
#[derive(Debug)]
pub struct Cache {
    limits: CacheLimits,
    inner: RefCell<Inner>,
    coders: Coders,
}

#[derive(Debug, Default)]
struct Inner {
    /// By site, then by path in normal form. Keys are paths of files that exist, so whoever asks cannot choose them, and
    /// no lookup of what is not there adds one: a fast hash is enough.
    sites: Vec<HashMap<Rc<[u8]>, Rc<Entry>, RandomState>>,
    whole: Shelf,
    open: Shelf,
    coded: Shelf,
}

/// Entries of one kind in the order in which they came, evicted by the clock algorithm: who was asked for since the
/// hand last passed stays for another round.
#[derive(Debug, Default)]
struct Shelf {
    /// Weak, so that an entry that was replaced is no longer held by its place in the queue.
    queue: VecDeque<Weak<Entry>>,
    entries: usize,
    octets: usize,
}

/// A file that is kept.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What is answered.
    pub(crate) representation: Representation,
    /// The same in codings, if there are any.
    pub(crate) variants: Option<Rc<Variants>>,
    site: usize,
    path: Rc<[u8]>,
    /// When it was last found to be what the folder holds, in [`Now::millis`].
    checked_millis: Cell<u64>,
    /// How many changes this process had made before it was looked at.
    checked_changes: Cell<u64>,
    was_used: Cell<bool>,
    is_listed: Cell<bool>,
}

impl Cache {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            inner: RefCell::default(),
            coders: Coders::new(limits.coders_max),
        }
    }

    /// Its limits.
    pub fn limits(&self) -> &CacheLimits {
        &self.limits
    }

    /// Octets of memory of the files kept whole, and of what was coded.
    pub fn octets(&self) -> usize {
        let inner = self.inner.borrow();
        inner.whole.octets + inner.coded.octets
    }

    /// Octets of memory of what was coded.
    pub fn coded_octets(&self) -> usize {
        self.inner.borrow().coded.octets
    }

    /// The longest content that is coded as a whole, so that the results of several have room.
    pub(crate) fn coded_whole_octets_max(&self) -> u64 {
        let share = self.limits.cache_octets_max / CODED_SHARE / CODED_ROOM_MIN;
        CODED_WHOLE_OCTETS_MAX.min(share as u64)
    }

    /// Who codes at this time.
    pub(crate) fn coders(&self) -> &Coders {
        &self.coders
    }

    /// Files kept whole, and files kept open.
    pub fn files(&self) -> (usize, usize) {
        let inner = self.inner.borrow();
        (inner.whole.entries, inner.open.entries)
    }

    /// Closes the files that are kept open.
    pub fn close_files(&self) {
        let mut inner = self.inner.borrow_mut();
        while inner.evict(Kind::Open) {}
    }

    pub(crate) fn add_site(&self) -> usize {
        let sites = &mut self.inner.borrow_mut().sites;
        sites.push(HashMap::default());
        sites.len() - 1
    }

    /// The answer to a plain GET or HEAD, when it is here and needs no look at the folder.
    ///
    /// The hot path: no allocation, no system call.
    #[inline]
    pub(crate) fn kept(
        &self,
        site: usize,
        path: &[u8],
        now: Now,
        asked: Option<Asked<'_>>,
    ) -> Option<Answer> {
        let inner = self.inner.borrow();
        let entry = inner.sites.get(site)?.get(path)?;
        if let (Some(asked), Some(variants)) = (asked, &entry.variants)
            && let Some(coding) = variants.choose(asked)
        {
            let coded = variants.linked(coding)?;
            entry.was_used.set(true);
            let may_answer = entry.is_checked(now) && coded.is_settled(now);
            return may_answer.then(|| coded.kept_answer(now)).flatten();
        }
        if !entry.is_checked(now) {
            return None;
        }
        entry.kept_answer(now)
    }

    /// The entry of a path, however old.
    pub(crate) fn find(&self, site: usize, path: &[u8]) -> Option<Rc<Entry>> {
        let inner = self.inner.borrow();
        let entry = inner.sites.get(site)?.get(path)?;
        entry.was_used.set(true);
        Some(Rc::clone(entry))
    }

    /// Keeps a representation, in place of what was kept by this path, if it is of a kind to be kept. `changes` is their
    /// number before the file was looked at.
    pub(crate) fn keep(
        &self,
        site: usize,
        path: &[u8],
        representation: Representation,
        variants: Option<Rc<Variants>>,
        now: Now,
        changes: u64,
    ) -> Rc<Entry> {
        let entry = Rc::new(Entry {
            representation,
            variants,
            site,
            path: path.into(),
            checked_millis: Cell::new(now.millis),
            checked_changes: Cell::new(changes),
            was_used: Cell::new(false),
            is_listed: Cell::new(false),
        });
        self.remove(site, path);
        let is_large = entry.representation.meta.octets > self.limits.cached_file_octets_max;
        // A small file that is not held whole could not be read in one version: next time it is tried again.
        let may_keep = entry.kind() != Kind::Open || is_large;
        if may_keep && path.len() <= self.limits.cached_path_octets_max {
            self.insert(&entry);
        }
        entry
    }

    fn insert(&self, entry: &Rc<Entry>) {
        let inner = &mut *self.inner.borrow_mut();
        let Some(site) = inner.sites.get_mut(entry.site) else {
            return;
        };
        site.insert(Rc::clone(&entry.path), Rc::clone(entry));
        entry.is_listed.set(true);
        let kind = entry.kind();
        let shelf = inner.shelf(kind);
        shelf.queue.push_back(Rc::downgrade(entry));
        shelf.entries += 1;
        shelf.octets += entry.octets();
        while inner.is_over(kind, &self.limits) && inner.evict(kind) {}
        inner.shelf(kind).sweep();
        // Both share the memory.
        while inner.is_over(Kind::Whole, &self.limits) && inner.evict(Kind::Whole) {}
    }

    /// Forgets what is kept by a path.
    pub(crate) fn remove(&self, site: usize, path: &[u8]) {
        let inner = &mut *self.inner.borrow_mut();
        if let Some(entry) = inner.sites.get_mut(site).and_then(|site| site.remove(path)) {
            inner.shelf(entry.kind()).forget(&entry);
        }
    }
}

impl Inner {
    fn shelf(&mut self, kind: Kind) -> &mut Shelf {
        match kind {
            Kind::Whole => &mut self.whole,
            Kind::Open => &mut self.open,
            Kind::Coded => &mut self.coded,
        }
    }

    fn is_over(&self, kind: Kind, limits: &CacheLimits) -> bool {
        match kind {
            Kind::Whole => {
                self.whole.octets + self.coded.octets > limits.cache_octets_max
                    || self.whole.entries > limits.cached_files_max
            }
            Kind::Open => self.open.entries > limits.open_files_max,
            Kind::Coded => {
                self.coded.octets > limits.cache_octets_max / CODED_SHARE
                    || self.coded.entries > limits.cached_files_max
            }
        }
    }

    /// Forgets one entry; `false` if there is none. Each step past an entry clears a mark that a hit has set, so the
    /// work is at most that of the hits before it.
    fn evict(&mut self, kind: Kind) -> bool {
        while let Some(next) = self.shelf(kind).queue.pop_front() {
            let Some(entry) = next.upgrade().filter(|entry| entry.is_listed.get()) else {
                continue;
            };
            if entry.was_used.replace(false) {
                self.shelf(kind).queue.push_back(next);
                continue;
            }
            if let Some(site) = self.sites.get_mut(entry.site) {
                site.remove(&entry.path);
            }
            self.shelf(kind).forget(&entry);
            return true;
        }
        false
    }
}

impl Shelf {
    fn forget(&mut self, entry: &Entry) {
        entry.is_listed.set(false);
        self.entries -= 1;
        self.octets -= entry.octets();
    }

    /// Drops the places of entries that were replaced, when they are most of the queue.
    fn sweep(&mut self) {
        if self.queue.len() > 2 * self.entries + SWEEP_PLACES_MIN {
            self.queue
                .retain(|place| place.upgrade().is_some_and(|entry| entry.is_listed.get()));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Open,
    Coded,
}

impl Entry {
    /// Whether it was looked at so lately that it may answer by itself, and nothing was changed by this process since.
    #[inline]
    pub(crate) fn is_checked(&self, now: Now) -> bool {
        now.millis.saturating_sub(self.checked_millis.get()) < CHECK_MILLIS
            && self.checked_changes.get() == changes::count()
    }

    /// Whether it is of this version of the file, and of what stands beside it.
    pub(crate) fn is_of(&self, meta: &FileMeta, sidecars: Option<&Sidecars>) -> bool {
        let variants = self.variants.as_ref();
        self.representation.meta == *meta
            && variants.and_then(|variants| variants.sidecars()) == sidecars
    }

    /// It was found to be what the folder holds, after so many changes.
    pub(crate) fn check(&self, now: Now, changes: u64) {
        self.checked_millis.set(now.millis);
        self.checked_changes.set(changes);
    }

    /// It was found to be what the folder holds when `other` was.
    pub(crate) fn check_as(&self, other: &Self) {
        self.checked_millis.set(other.checked_millis.get());
        self.checked_changes.set(other.checked_changes.get());
    }

    /// The answer to a plain GET or HEAD, if it is in memory.
    #[inline]
    fn kept_answer(&self, now: Now) -> Option<Answer> {
        let Held::Whole(content) = &self.representation.held else {
            return None;
        };
        if !self.representation.is_head_valid(now) {
            return None;
        }
        self.was_used.set(true);
        Some(Answer::Kept {
            rendition: self.representation.rendition.clone(),
            content: Bytes::clone(content),
        })
    }

    /// Whether its file can have changed since without a sign.
    pub(crate) fn is_settled(&self, now: Now) -> bool {
        !self.representation.is_fresh_change || self.is_checked(now)
    }

    /// Whether the cache holds it.
    pub(crate) fn is_listed(&self) -> bool {
        self.is_listed.get()
    }

    fn kind(&self) -> Kind {
        match self.representation.held {
            Held::Whole(_) if self.representation.labels().is_coded() => Kind::Coded,
            Held::Whole(_) => Kind::Whole,
            Held::Open(_) => Kind::Open,
        }
    }

    fn octets(&self) -> usize {
        let content = match &self.representation.held {
            Held::Whole(content) => content.len(),
            Held::Open(_) => 0,
        };
        content + self.path.len() + ENTRY_OCTETS
    }
}

/// How long an entry answers without a look at the folder.
const CHECK_MILLIS: u64 = 1000;
/// What an entry takes beside its content and its path, about: the head, as fields and as octets, and the table's places.
const ENTRY_OCTETS: usize = 1400;
const SWEEP_PLACES_MIN: usize = 64;
/// What was coded takes this part of the memory at most.
const CODED_SHARE: usize = 2;
/// Contents that are to have room in that part, if they did not get smaller.
const CODED_ROOM_MIN: usize = 4;
/// Octets of a content that is coded as a whole, and kept. Longer ones are coded while they are sent.
const CODED_WHOLE_OCTETS_MAX: u64 = 1 << 20;
