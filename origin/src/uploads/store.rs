//! How files get their names, and lose them. All of it may wait for a disk.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use net::{Changeable, FileKind, FileMeta, NewFile, Now, OpenError, Wait};
use semantics::ContentLength;
use semantics::fields::date::HttpDate;
use semantics::fields::entity_tag::EntityTag;
use semantics::fields::precondition::Validators;

use super::conditions::Conditions;
use super::denial::Denial;
use super::name::{Place, numbered, split_last};
use crate::changes;
use crate::files;
use crate::representation::validators_of;

/// A folder and all below it, as it is changed.
#[derive(Debug)]
pub(super) struct Store {
    place: Arc<files::Place>,
    durable: bool,
}

/// What was stored.
#[derive(Debug)]
pub(super) struct Stored {
    /// What became of the name.
    pub(super) outcome: Outcome,
    pub(super) name: Vec<u8>,
    pub(super) octets: u64,
    /// The ETag field's value of the file.
    pub(super) etag: Box<str>,
    /// Its Last-Modified.
    pub(super) modified: HttpDate,
    meta: FileMeta,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Created,
    Replaced,
}

impl Store {
    pub(super) fn new(place: Arc<files::Place>, durable: bool) -> Self {
        Self { place, durable }
    }

    /// Removes what a process that was killed has left, if this process has not done so yet.
    pub(super) fn sweep_once(&self, entries_max: usize) {
        // By its path too: what another folder had before it was removed can be the number of this one.
        static SWEPT: Mutex<Option<HashSet<(PathBuf, u64, u64)>>> = Mutex::new(None);
        let root = &self.place.root;
        let identity = root.open_changeable(b"").map(|folder| folder.identity());
        let Ok(Ok((device, number))) = identity else {
            return;
        };
        let folder = (root.path().to_owned(), device, number);
        let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.get_or_insert_default().insert(folder) {
            // What stays is hidden, and no reason not to serve.
            let _ = root.sweep(b"", entries_max);
        }
    }

    /// The folder with this path.
    pub(super) fn folder(&self, folder: &[u8]) -> Result<Changeable, Denial> {
        Ok(self.place.root.open_changeable(folder)?)
    }

    /// Begins the file for a PUT, if as things are it could be stored.
    pub(super) fn begin_put(
        &self,
        folder: &[u8],
        name: &[u8],
        conditions: &Conditions,
        content: ContentLength,
    ) -> Result<NewFile, Denial> {
        let folder = self.folder(folder)?;
        self.judge_put(&folder, name, conditions)?;
        begin(&folder, content)
    }

    /// Whether as things are something could be put there.
    pub(super) fn judge_put(
        &self,
        folder: &Changeable,
        name: &[u8],
        conditions: &Conditions,
    ) -> Result<(), Denial> {
        let current = replaceable(folder, name)?;
        self.judge(folder, name, current.as_ref(), conditions)
    }

    /// The folder by its path, for what is not served.
    pub(super) fn root(&self) -> &net::Root {
        &self.place.root
    }

    pub(super) fn is_durable(&self) -> bool {
        self.durable
    }

    /// Nothing more is appended.
    pub(super) fn settle(&self, new: &NewFile) -> Result<(), Denial> {
        new.date()?;
        if self.durable {
            new.sync()?;
        }
        Ok(())
    }

    /// Gives a file the name of a PUT. The preconditions are evaluated once more, at a moment at which nobody else in this
    /// process changes the name: of two clients that saw the same version one is refused (RFC 9110 §13.1.1).
    pub(super) fn put(
        &self,
        new: &mut NewFile,
        folder: &Changeable,
        name: &[u8],
        conditions: &Conditions,
    ) -> Result<Stored, Denial> {
        // What can fail comes before the name is given.
        let file = new.file().try_clone()?;
        let outcome = {
            let _lock = changes::lock(folder.identity()?, name);
            self.name(new, folder, name, conditions)?
        };
        self.conclude(file, folder, name.to_vec(), outcome)
    }

    fn name(
        &self,
        new: &mut NewFile,
        folder: &Changeable,
        name: &[u8],
        conditions: &Conditions,
    ) -> Result<Outcome, Denial> {
        for _ in 0..RACES_MAX {
            let current = replaceable(folder, name)?;
            self.judge(folder, name, current.as_ref(), conditions)?;
            if current.is_some() {
                // It may be gone since, which is none of our doing.
                let _ = new.copy_permissions(folder, name);
                new.replace(folder, name)?;
                return Ok(Outcome::Replaced);
            }
            match new.link(folder, name) {
                // Another program was faster: everything is asked again.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                linked => {
                    linked?;
                    return Ok(Outcome::Created);
                }
            }
        }
        Err(Denial::BUSY)
    }

    /// Gives a file a name that stands for nothing, and is not closed: the one wanted, or that with a number.
    pub(super) fn add(
        &self,
        new: &mut NewFile,
        wanted: &[u8],
        is_closed: impl Fn(&[u8]) -> bool,
    ) -> Result<Stored, Denial> {
        let folder = new.folder().clone();
        let file = new.file().try_clone()?;
        let mut name = wanted.to_vec();
        for number in 2..NUMBERS_MAX {
            if is_closed(&name) {
                name = numbered(wanted, number);
                continue;
            }
            match new.link(&folder, &name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    name = numbered(wanted, number);
                }
                linked => {
                    linked?;
                    let meta = FileMeta::read(&file)?;
                    let concluded = self.conclude(file, &folder, name.clone(), Outcome::Created);
                    return concluded.inspect_err(|_| self.remove(&folder, &name, &meta));
                }
            }
        }
        Err(Denial::NUMBERS)
    }

    /// Takes back what [`Self::add`] did, unless the name stands for something else since.
    pub(super) fn undo(&self, folder: &Changeable, stored: &Stored) {
        self.remove(folder, &stored.name, &stored.meta);
    }

    fn remove(&self, folder: &Changeable, name: &[u8], meta: &FileMeta) {
        let Ok(identity) = folder.identity() else {
            return;
        };
        let _lock = changes::lock(identity, name);
        let is_same = folder.look(name).is_ok_and(|found| {
            found.is_some_and(|found| (found.device, found.inode) == (meta.device, meta.inode))
        });
        if is_same {
            let _ = folder.remove_file(name);
            changes::made();
        }
    }

    fn conclude(
        &self,
        file: std::fs::File,
        folder: &Changeable,
        name: Vec<u8>,
        outcome: Outcome,
    ) -> Result<Stored, Denial> {
        changes::made();
        if self.durable {
            folder.sync()?;
        }
        let meta = FileMeta::read(&file)?;
        let (meta, etag, modified) = self.told(net::OpenFile { file, meta })?;
        Ok(Stored {
            outcome,
            name,
            octets: meta.octets,
            etag,
            modified,
            meta,
        })
    }

    /// Removes what a path names.
    pub(super) fn delete(&self, place: Place<'_>, conditions: &Conditions) -> Result<(), Denial> {
        let (folder, name) = match place {
            Place::File { folder, name } => (folder, name),
            Place::Folder { folder: b"" } => return Err(Denial::ROOT),
            Place::Folder { folder } => split_last(folder),
        };
        let folder = self.folder(folder).map_err(|denial| match denial {
            Denial::NO_FOLDER => Denial::NOT_FOUND,
            denial => denial,
        })?;
        {
            let _lock = changes::lock(folder.identity()?, name);
            let current = folder.look(name)?.ok_or(Denial::NOT_FOUND)?;
            match (place, current.kind) {
                (Place::File { .. }, FileKind::Folder) => return Err(Denial::IS_FOLDER),
                (Place::File { .. }, FileKind::Other) => return Err(Denial::NOT_A_FILE),
                // With such a link all that is served below it would go.
                (Place::File { folder, .. }, FileKind::Link)
                    if self.folder(&joined(folder, name)).is_ok() =>
                {
                    return Err(Denial::IS_FOLDER);
                }
                (Place::File { .. }, _) => {
                    self.judge(&folder, name, Some(&current), conditions)?;
                    folder.remove_file(name)?;
                }
                (Place::Folder { .. }, FileKind::Folder) => {
                    self.judge(&folder, name, Some(&current), conditions)?;
                    folder
                        .remove_folder(name)
                        .map_err(|error| match error.kind() {
                            io::ErrorKind::DirectoryNotEmpty => Denial::NOT_EMPTY,
                            _ => error.into(),
                        })?;
                }
                // A slash after the name of a file names nothing.
                (Place::Folder { .. }, FileKind::Regular) => return Err(Denial::NOT_FOUND),
                (Place::Folder { .. }, _) => return Err(Denial::NOT_A_FILE),
            }
        }
        changes::made();
        if self.durable {
            folder.sync()?;
        }
        Ok(())
    }

    /// Whether the preconditions of a request let it proceed (RFC 9110 §13.2.2).
    pub(super) fn judge(
        &self,
        folder: &Changeable,
        name: &[u8],
        current: Option<&FileMeta>,
        conditions: &Conditions,
    ) -> Result<(), Denial> {
        if conditions.is_empty() {
            return Ok(());
        }
        let now = Now::read();
        let told = match current {
            Some(meta) if meta.kind == FileKind::Regular => match folder.open(name) {
                Ok(open) => Some(self.told(open)?),
                // Gone since.
                Err(OpenError::NotFound) => None,
                // What cannot be read has validators that nobody knows.
                Err(OpenError::NotAllowed) => {
                    return conditions.judge(Some(&Validators::default()), now);
                }
                Err(error) => return Err(error.into()),
            },
            Some(_) => return conditions.judge(Some(&Validators::default()), now),
            None => None,
        };
        let validators = told.as_ref().map(|(_, etag, modified)| Validators {
            etag: EntityTag::parse(etag.as_bytes()),
            last_modified: Some(*modified),
        });
        conditions.judge(validators.as_ref(), now)
    }

    /// What a GET would tell of a file.
    fn told(&self, open: net::OpenFile) -> Result<(FileMeta, Box<str>, HttpDate), Denial> {
        let loaded = self.place.read(open, Vec::new(), Wait::MayBlock)?;
        let (etag, modified) = validators_of(&loaded.meta, loaded.content.as_deref(), Now::read());
        Ok((loaded.meta, etag, modified))
    }
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        b"" => name.to_vec(),
        folder => [folder, b"/", name].concat(),
    }
}

/// Begins a file, if there is room for content of this length.
pub(super) fn begin(folder: &Changeable, content: ContentLength) -> Result<NewFile, Denial> {
    // Nothing is reserved: a client that declares much and sends nothing would take the room from others.
    if let ContentLength::Exactly(octets) = content
        && folder.room_octets().is_ok_and(|room| room < octets)
    {
        return Err(Denial::NO_ROOM);
    }
    Ok(folder.begin()?)
}

/// What stands where a file is put, if that may be replaced.
fn replaceable(folder: &Changeable, name: &[u8]) -> Result<Option<FileMeta>, Denial> {
    let current = folder.look(name)?;
    match current.map(|meta| meta.kind) {
        None | Some(FileKind::Regular) => Ok(current),
        Some(FileKind::Folder) => Err(Denial::IS_FOLDER),
        Some(FileKind::Link | FileKind::Other) => Err(Denial::NOT_A_FILE),
    }
}

/// How often another program may be faster.
const RACES_MAX: usize = 8;
/// Numbers that are tried for a name that is taken.
const NUMBERS_MAX: u32 = 1000;
