//! Coded files that stand beside a file: `page.html.gz` beside `page.html`.

use coding::Coding;
use net::{FileKind, FileMeta, OpenError, Root, Wait};

use super::{COUNT, worth};

/// What stands beside a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sidecars {
    /// The file's own path below the root.
    name: Box<[u8]>,
    /// By [`Coding::index`].
    metas: [Option<FileMeta>; COUNT],
}

impl Sidecars {
    /// Looks for those of a file. `None` if there are none.
    ///
    /// # Errors
    /// [`OpenError::WouldBlock`] alone: what cannot be opened otherwise is not there.
    pub(crate) fn look(
        root: &Root,
        codings: &[Coding],
        name: &[u8],
        file: &FileMeta,
        wait: Wait,
    ) -> Result<Option<Box<Self>>, OpenError> {
        if worth::is_compressed(name) || file.kind != FileKind::Regular {
            return Ok(None);
        }
        let mut metas = [None; COUNT];
        for coding in codings {
            match root.stat(&beside(name, *coding), wait) {
                Ok(meta) if Self::is_current(&meta, file) => {
                    if let Some(place) = metas.get_mut(coding.index()) {
                        *place = Some(meta);
                    }
                }
                Err(OpenError::WouldBlock) => return Err(OpenError::WouldBlock),
                _ => {}
            }
        }
        if metas.iter().all(Option::is_none) {
            return Ok(None);
        }
        let name = name.into();
        Ok(Some(Box::new(Self { name, metas })))
    }

    /// An older one is of an older version of the file. Whole seconds are compared, since some of the programs that make
    /// them give them the file's date without its fraction. An empty one is in no coding.
    pub(super) fn is_current(sidecar: &FileMeta, file: &FileMeta) -> bool {
        sidecar.kind == FileKind::Regular
            && sidecar.octets > 0
            && sidecar.modified.0 >= file.modified.0
    }

    /// What the system said of the one in this coding.
    pub(super) fn meta(&self, coding: Coding) -> Option<&FileMeta> {
        self.metas.get(coding.index())?.as_ref()
    }

    /// The path of the one in this coding, below the root.
    pub(super) fn path(&self, coding: Coding) -> Vec<u8> {
        beside(&self.name, coding)
    }
}

fn beside(name: &[u8], coding: Coding) -> Vec<u8> {
    [name, b".", coding.extension().as_bytes()].concat()
}
