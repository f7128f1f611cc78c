//! From a path to a file: where files are looked for, also on threads that may wait.

use std::fs::File;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use coding::Coding;
use net::{FileKind, FileMeta, OpenError, OpenFile, Root, Wait, is_resident, read_exact_at};

use super::{is_folder_path, relative};
use crate::changes;
use crate::coded::Sidecars;
use crate::fences::Fences;
use crate::representation::Held;

/// Where files are looked for, also from other threads.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) root: Root,
    pub(crate) index: Vec<String>,
    pub(crate) fences: Fences,
    pub(super) whole_octets_max: u64,
    /// Those that are looked for beside a file.
    pub(super) codings: Vec<Coding>,
}

/// What the system says of a file, and what stands beside it.
pub(super) type Seen = (FileMeta, Option<Box<Sidecars>>);

/// What was found at a path. It may cross threads.
pub(crate) enum Located {
    File(Loaded),
    NeedsSlash,
    Folder,
}

pub(crate) struct Loaded {
    pub(super) file: File,
    pub(crate) meta: FileMeta,
    /// Of a small file that held still while it was read.
    pub(crate) content: Option<Bytes>,
    /// By which its media type is known.
    pub(super) name: Vec<u8>,
    /// The changes that this process had made before it was looked at.
    pub(crate) changes: u64,
    pub(super) sidecars: Option<Box<Sidecars>>,
}

impl Loaded {
    /// Without what stands beside it, which has been negotiated already.
    pub(crate) fn alone(mut self) -> Self {
        self.sidecars = None;
        self
    }

    pub(crate) fn held(self) -> Held {
        match self.content {
            Some(content) => Held::Whole(content),
            None => Held::Open(Rc::new(self.file)),
        }
    }
}

impl Place {
    /// Opens what the path leads to, and reads it if it is a small file.
    pub(crate) fn load(&self, path: &[u8], wait: Wait) -> Result<Located, OpenError> {
        let relative = relative(path);
        let changes = changes::count();
        let file = |open, name: Vec<u8>| {
            let loaded = self.read(open, name, wait)?;
            let sidecars = self.look_beside(&loaded.name, &loaded.meta, wait)?;
            Ok(Located::File(Loaded {
                changes,
                sidecars,
                ..loaded
            }))
        };
        if !is_folder_path(path) {
            let open = self.root.open(relative, wait)?;
            return match open.meta.kind {
                FileKind::Folder => Ok(Located::NeedsSlash),
                _ => file(open, relative.to_vec()),
            };
        }
        for name in self.index_paths(relative) {
            match self.root.open(&name, wait) {
                Ok(open) if open.meta.kind == FileKind::Regular => {
                    return file(open, name);
                }
                Ok(_) | Err(OpenError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        match self.root.stat(relative, wait)?.kind {
            FileKind::Folder => Ok(Located::Folder),
            // A slash after the name of a file names nothing.
            _ => Err(OpenError::NotFound),
        }
    }

    /// What the system says of the file that [`Self::load`] would open.
    pub(super) fn stat(&self, path: &[u8], wait: Wait) -> Result<FileMeta, OpenError> {
        let relative = relative(path);
        if !is_folder_path(path) {
            return self.root.stat(relative, wait);
        }
        for name in self.index_paths(relative) {
            match self.root.stat(&name, wait) {
                Ok(meta) if meta.kind == FileKind::Regular => return Ok(meta),
                Ok(_) | Err(OpenError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(OpenError::NotFound)
    }

    /// What the system says of the file that [`Self::load`] would open, and of what stands beside it.
    pub(super) fn look(&self, path: &[u8], wait: Wait) -> Result<Seen, OpenError> {
        let relative = relative(path);
        if !is_folder_path(path) {
            let meta = self.root.stat(relative, wait)?;
            return Ok((meta, self.look_beside(relative, &meta, wait)?));
        }
        for name in self.index_paths(relative) {
            match self.root.stat(&name, wait) {
                Ok(meta) if meta.kind == FileKind::Regular => {
                    return Ok((meta, self.look_beside(&name, &meta, wait)?));
                }
                Ok(_) | Err(OpenError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(OpenError::NotFound)
    }

    fn look_beside(
        &self,
        name: &[u8],
        meta: &FileMeta,
        wait: Wait,
    ) -> Result<Option<Box<Sidecars>>, OpenError> {
        let which = (&self.codings[..], &self.fences);
        Sidecars::look(&self.root, which, name, meta, wait)
    }

    /// Opens a regular file by its path below the root, and reads it if it is small.
    pub(crate) fn load_named(&self, name: Vec<u8>, wait: Wait) -> Result<Loaded, OpenError> {
        let changes = changes::count();
        let open = self.root.open(&name, wait)?;
        match open.meta.kind {
            FileKind::Regular => {
                let loaded = self.read(open, name, wait)?;
                Ok(Loaded { changes, ..loaded })
            }
            _ => Err(OpenError::NotAFile),
        }
    }

    /// The files that may stand for a folder.
    fn index_paths<'a>(&'a self, folder: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + 'a {
        let path = move |name: &String| {
            if folder.is_empty() {
                name.clone().into_bytes()
            } else {
                [folder, b"/", name.as_bytes()].concat()
            }
        };
        let paths = self.index.iter().map(path);
        paths.filter(|path| !self.fences.close(path))
    }

    /// Reads a small file so that its content and what is told of it are of one version: nothing that the system says
    /// of it differs before and after.
    pub(crate) fn read(
        &self,
        open: OpenFile,
        name: Vec<u8>,
        wait: Wait,
    ) -> Result<Loaded, OpenError> {
        let OpenFile { file, mut meta } = open;
        let mut content = None;
        let mut unsettled = None;
        for _ in 0..READ_TRIES_MAX {
            if meta.octets > self.whole_octets_max {
                break;
            }
            if wait == Wait::CachedOnly && !is_resident(&file, 0, meta.octets) {
                return Err(OpenError::WouldBlock);
            }
            let mut octets = vec![0; usize::try_from(meta.octets).unwrap_or(0)];
            let outcome = read_exact_at(&file, &mut octets, 0);
            let before = std::mem::replace(&mut meta, FileMeta::read(&file)?);
            match outcome {
                Ok(()) if before == meta => {
                    content = Some(octets.into());
                    break;
                }
                // Somebody writes it all the time. What was read goes out as what it is, by its own length and digest;
                // with the times from before it is looked at again.
                Ok(()) => unsettled = Some((octets, before)),
                // It was cut meanwhile.
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        if content.is_none()
            && let Some((octets, before)) = unsettled
        {
            content = Some(octets.into());
            meta = before;
        }
        Ok(Loaded {
            file,
            meta,
            content,
            name,
            changes: 0,
            sidecars: None,
        })
    }
}

/// How often a small file that changes while it is read is read again.
const READ_TRIES_MAX: usize = 4;
