//! What a worker knows of the variants in folders. It is checked as files are: it answers for a second, then the folder
//! is looked at, and read again on a thread that may wait if it changed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use foldhash::fast::RandomState;
use net::{FileKind, FileMeta, Now, OpenError, Root, Wait};

use super::NegotiateConfig;
use super::reading::Readings;
use super::set::{FileVariant, Meaning, Shelf, below};
use super::type_map::{self, MAP_OCTETS_MAX};
use crate::fences::Fences;
use crate::files::{Place, is_folder_path, relative};
use crate::representation::is_fresh_change;

/// The rules of negotiation, and what is kept for it.
#[derive(Debug)]
pub(crate) struct Negotiator {
    pub(super) config: NegotiateConfig,
    /// Folders that are being read.
    pub(super) readings: Readings,
    kept: RefCell<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By path below the root. Keys are folders and maps that exist, so whoever asks cannot choose them.
    folders: HashMap<Box<[u8]>, Rc<KeptFolder>, RandomState>,
    maps: HashMap<Box<[u8]>, Rc<KeptMap>, RandomState>,
    memory_octets: usize,
    /// What paths were found to stand for.
    sets: HashMap<Box<[u8]>, KeptSet, RandomState>,
    sets_octets: usize,
    /// Folders read so far.
    readings: u64,
}

#[derive(Debug)]
struct KeptFolder {
    shelf: Shelf,
    freshness: Freshness,
    /// Which reading this is of.
    reading: u64,
}

#[derive(Debug)]
struct KeptSet {
    meant: Meant,
    /// That of the folder it follows from.
    reading: u64,
}

#[derive(Debug)]
struct KeptMap {
    variants: Variants,
    freshness: Freshness,
}

/// Some variants, shared by the exchanges that choose among them.
pub(crate) type Variants = Rc<[FileVariant]>;

/// What a name stands for, ready to be used.
#[derive(Clone, Debug)]
enum Meant {
    Variants(Variants),
    Map(Rc<[u8]>),
}

#[derive(Debug)]
struct Freshness {
    meta: FileMeta,
    /// It changed so shortly before it was read that it may have changed once more without a sign.
    is_fresh_change: bool,
    /// In [`Now::millis`].
    checked_millis: Cell<u64>,
    /// When it was last begun to read it again, in [`Now::millis`].
    read_again_millis: Cell<Option<u64>>,
}

impl Freshness {
    fn new(meta: FileMeta, now: Now) -> Self {
        Self {
            meta,
            is_fresh_change: is_fresh_change(&meta, now),
            checked_millis: Cell::new(now.millis),
            read_again_millis: Cell::new(None),
        }
    }

    /// Whether it is as it was read.
    ///
    /// # Errors
    /// [`OpenError::WouldBlock`] if it has to be read again, or if to know that may take a disk.
    fn check(
        &self,
        now: Now,
        look: impl FnOnce() -> Result<FileMeta, OpenError>,
    ) -> Result<(), OpenError> {
        if now.millis.saturating_sub(self.checked_millis.get()) < CHECK_MILLIS {
            return Ok(());
        }
        if self.is_fresh_change || look()? != self.meta {
            // Who comes while it is read again is answered by what is known: one reading is enough.
            let is_read = |since| now.millis.saturating_sub(since) < CHECK_MILLIS;
            let is_being_read = self.read_again_millis.get().is_some_and(is_read);
            return if is_being_read {
                Ok(())
            } else {
                Err(OpenError::WouldBlock)
            };
        }
        self.checked_millis.set(now.millis);
        Ok(())
    }
}

/// A folder and what was asked for in it, read anew. It may cross threads.
#[derive(Debug)]
pub(super) struct Survey {
    folder: Box<[u8]>,
    shelf: Shelf,
    map: Option<MapRead>,
}

#[derive(Debug)]
struct MapRead {
    path: Box<[u8]>,
    meta: FileMeta,
    variants: Vec<FileVariant>,
    /// What it lists in folders below may come without a sign in the folder or the map.
    has_gaps_below: bool,
}

impl Negotiator {
    pub(crate) fn new(config: NegotiateConfig) -> Self {
        Self {
            config,
            readings: Readings::default(),
            kept: RefCell::default(),
        }
    }

    /// The variants of what a path names; `None` if there is nothing to choose.
    ///
    /// # Errors
    /// [`OpenError::WouldBlock`]: [`Place::survey`] first. Else what keeps the folder from being looked at.
    pub(super) fn variants(
        &self,
        place: &Place,
        path: &[u8],
        now: Now,
    ) -> Result<Option<Variants>, OpenError> {
        let folder = split(path).0;
        let kept = self.kept.borrow().folders.get(folder).cloned();
        let Some(kept) = kept else {
            // Of what is no folder nothing is kept, and nothing has to be read.
            let meta = place.root.stat(folder, Wait::CachedOnly)?;
            return match meta.kind {
                FileKind::Folder => Err(OpenError::WouldBlock),
                _ => Err(OpenError::NotFound),
            };
        };
        let look = || place.root.stat(folder, Wait::CachedOnly);
        if let Err(error) = kept.freshness.check(now, look) {
            self.forget_unless_waiting(folder, &error);
            return Err(error);
        }
        match self.meant(&kept, place, path) {
            None => Ok(None),
            Some(Meant::Variants(variants)) => Ok(Some(variants)),
            Some(Meant::Map(path)) => self.map(place, &path, now).map(Some),
        }
    }

    fn meant(&self, folder: &KeptFolder, place: &Place, path: &[u8]) -> Option<Meant> {
        let known = &mut *self.kept.borrow_mut();
        if let Some(set) = known.sets.get(path)
            && set.reading == folder.reading
        {
            return Some(set.meant.clone());
        }
        let (below_root, asked) = split(path);
        let (meant, octets) = match place.meaning(&folder.shelf, below_root, asked) {
            Meaning::Plain => return None,
            Meaning::Variants(variants) => {
                let octets = variants.len() * (VARIANT_OCTETS + 2 * path.len());
                (Meant::Variants(variants.into()), octets)
            }
            Meaning::Map(name) => (Meant::Map(below(below_root, &name).into()), 0),
        };
        known.sets_octets += octets + path.len() + VARIANT_OCTETS;
        if known.sets_octets > SETS_OCTETS_MAX {
            known.sets.clear();
            known.sets_octets = octets;
        }
        let set = KeptSet {
            meant: meant.clone(),
            reading: folder.reading,
        };
        known.sets.insert(path.into(), set);
        Some(meant)
    }

    /// Notes that the folder of a path, and the map it leads to, are about to be read again.
    pub(super) fn begin_reading(&self, path: &[u8], now: Now) {
        let kept = self.kept.borrow();
        if let Some(folder) = kept.folders.get(split(path).0) {
            folder.freshness.read_again_millis.set(Some(now.millis));
        }
        if let Some(KeptSet {
            meant: Meant::Map(map),
            ..
        }) = kept.sets.get(path)
            && let Some(map) = kept.maps.get(&**map)
        {
            map.freshness.read_again_millis.set(Some(now.millis));
        }
    }

    fn map(&self, place: &Place, path: &[u8], now: Now) -> Result<Variants, OpenError> {
        let kept = self.kept.borrow().maps.get(path).cloned();
        let kept = kept.ok_or(OpenError::WouldBlock)?;
        kept.freshness
            .check(now, || place.root.stat(path, Wait::CachedOnly))?;
        Ok(Rc::clone(&kept.variants))
    }

    fn forget_unless_waiting(&self, folder: &[u8], error: &OpenError) {
        if !matches!(error, OpenError::WouldBlock) {
            self.forget(folder);
        }
    }

    /// Folders read so far.
    #[cfg(test)]
    pub(super) fn folders_read(&self) -> u64 {
        self.kept.borrow().readings
    }

    /// Forgets a folder, so that it is read before it is used again.
    pub(super) fn forget(&self, folder: &[u8]) {
        self.kept.borrow_mut().remove(folder);
    }

    pub(super) fn take_in(&self, survey: Survey, now: Now) {
        let kept = &mut *self.kept.borrow_mut();
        kept.remove(&survey.folder);
        if let Some(map) = survey.map {
            if kept.maps.len() >= MAPS_MAX {
                kept.maps.clear();
            }
            let mut freshness = Freshness::new(map.meta, now);
            freshness.is_fresh_change |= map.has_gaps_below;
            let map_kept = KeptMap {
                variants: map.variants.into(),
                freshness,
            };
            kept.maps.insert(map.path, Rc::new(map_kept));
        }
        kept.memory_octets += survey.shelf.memory_octets;
        kept.readings += 1;
        let folder = KeptFolder {
            freshness: Freshness::new(survey.shelf.meta, now),
            shelf: survey.shelf,
            reading: kept.readings,
        };
        let path = survey.folder;
        kept.folders.insert(path.clone(), Rc::new(folder));
        while kept.folders.len() > FOLDERS_MAX || kept.memory_octets > SHELVES_OCTETS_MAX {
            let others = kept.folders.iter().filter(|(other, _)| **other != path);
            let oldest = others
                .min_by_key(|(_, folder)| folder.freshness.checked_millis.get())
                .map(|(path, _)| path.clone());
            let Some(oldest) = oldest else {
                return;
            };
            kept.remove(&oldest);
        }
    }
}

impl Kept {
    fn remove(&mut self, folder: &[u8]) {
        if let Some(kept) = self.folders.remove(folder) {
            self.memory_octets -= kept.shelf.memory_octets;
        }
    }
}

/// The files among which is chosen where `path` of a folder is asked for and negotiated, or the type map that lists them;
/// none where there is nothing to choose. For tools; it waits for a disk.
pub fn variant_names(root: &Path, path: &[u8], fences: &Fences) -> Vec<String> {
    let (folder, asked) = split(path);
    let shelf = Root::new(root).ok().and_then(|root| {
        let meta = root.stat(folder, Wait::MayBlock).ok()?;
        let read = root.read_folder(folder, FOLDER_ENTRIES_MAX).ok()?;
        Some(Shelf::of(meta, read))
    });
    match shelf.map(|shelf| shelf.meaning(folder, asked, fences)) {
        Some(Meaning::Variants(variants)) => variants
            .into_iter()
            .map(|variant| String::from_utf8_lossy(split(&variant.path).1).into_owned())
            .collect(),
        Some(Meaning::Map(map)) => vec![String::from_utf8_lossy(&map).into_owned()],
        Some(Meaning::Plain) | None => Vec::new(),
    }
}

impl Place {
    /// Reads the folder of a path, and the type map that the path leads to. It may wait for a disk.
    pub(super) fn survey(&self, path: &[u8]) -> Result<Survey, OpenError> {
        let (folder, asked) = split(path);
        let meta = self.root.stat(folder, Wait::MayBlock)?;
        let read = self.root.read_folder(folder, FOLDER_ENTRIES_MAX)?;
        let shelf = Shelf::of(meta, read);
        let map = match self.meaning(&shelf, folder, asked) {
            Meaning::Map(name) => Some(self.read_map(folder, &name)?),
            _ => None,
        };
        Ok(Survey {
            folder: folder.into(),
            shelf,
            map,
        })
    }

    /// What is asked for in a folder: a name, or nothing, which is the first index that there is.
    fn meaning(&self, shelf: &Shelf, folder: &[u8], asked: &[u8]) -> Meaning {
        if !asked.is_empty() {
            return shelf.meaning(folder, asked, &self.fences);
        }
        let is_closed = |name: &[u8]| self.fences.close(&below(folder, name));
        for name in self.index.iter().map(String::as_bytes) {
            match shelf.meaning(folder, name, &self.fences) {
                Meaning::Map(map) if is_closed(&map) => {}
                Meaning::Plain if !shelf.has_file(name) || is_closed(name) => {}
                meaning => return meaning,
            }
        }
        Meaning::Plain
    }

    fn read_map(&self, folder: &[u8], name: &[u8]) -> Result<MapRead, OpenError> {
        let path = below(folder, name);
        let open = self.root.open(&path, Wait::MayBlock)?;
        let mut variants = Vec::new();
        let mut has_gaps_below = false;
        if open.meta.octets <= MAP_OCTETS_MAX && open.meta.kind == FileKind::Regular {
            let mut octets = vec![0; usize::try_from(open.meta.octets).unwrap_or(0)];
            net::read_exact_at(&open.file, &mut octets, 0)?;
            variants = type_map::read(folder, &octets);
            // Only what is there can be chosen.
            variants.retain(|variant| !self.fences.close(&variant.path));
            variants.retain_mut(|variant| {
                let meta = self.root.stat(&variant.path, Wait::MayBlock);
                let meta = meta.ok().filter(|meta| meta.kind == FileKind::Regular);
                match meta {
                    Some(meta) => variant.octets = meta.octets,
                    None => {
                        has_gaps_below |= variant.reference.trim_start_matches("./").contains('/')
                    }
                }
                meta.is_some()
            });
        }
        Ok(MapRead {
            path: path.into(),
            meta: open.meta,
            variants,
            has_gaps_below,
        })
    }
}

/// The folder of a path, below the root, and the name in it; empty for the folder itself.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let relative = relative(path);
    if is_folder_path(path) {
        return (relative, b"");
    }
    match relative.iter().rposition(|&octet| octet == b'/') {
        Some(slash) => (
            relative.get(..slash).unwrap_or_default(),
            relative.get(slash + 1..).unwrap_or_default(),
        ),
        None => (b"", relative),
    }
}

/// How long what is kept answers without a look at the folder.
const CHECK_MILLIS: u64 = 1000;
/// Entries of a folder that are read; a folder with more has no variants.
const FOLDER_ENTRIES_MAX: usize = 10_000;
/// Folders that are kept.
const FOLDERS_MAX: usize = 1024;
/// Memory of all folders that are kept, about.
const SHELVES_OCTETS_MAX: usize = 16 << 20;
/// Memory of what paths were found to stand for, about; beyond it all of that is forgotten.
const SETS_OCTETS_MAX: usize = 4 << 20;
/// What a variant takes beside its path, about.
const VARIANT_OCTETS: usize = 400;
/// Type maps that are kept.
const MAPS_MAX: usize = 256;
