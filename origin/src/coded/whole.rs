//! A content coded as a whole. For [`net::blocking`] work.

use std::fs::File;

use bytes::Bytes;
use coding::{Coding, Encoder, Negotiated, Quality};
use net::{FileMeta, read_exact_at};

/// A content that is to be coded. It may cross threads.
#[derive(Debug)]
pub(super) enum Plain {
    /// From memory.
    Octets(Bytes),
    /// A file of one version.
    File {
        /// The file.
        file: File,
        /// The version.
        meta: FileMeta,
    },
}

/// What a coding made of a content.
#[derive(Debug)]
pub(super) enum Coded {
    /// This.
    Smaller(Bytes),
    /// Nothing that is worth sending.
    Worthless,
    /// The file changed meanwhile, could not be read, or there is no memory.
    Failed,
}

impl Plain {
    pub(super) fn octets(&self) -> u64 {
        match self {
            Self::Octets(octets) => octets.len() as u64,
            Self::File { meta, .. } => meta.octets,
        }
    }

    /// Fills `room` from `offset`. `false` if the file has not as much.
    pub(super) fn read(&self, room: &mut [u8], offset: u64) -> bool {
        match self {
            Self::Octets(octets) => {
                let from = usize::try_from(offset).ok();
                let part = from.and_then(|from| octets.get(from..)?.get(..room.len()));
                part.map(|part| room.copy_from_slice(part)).is_some()
            }
            Self::File { file, .. } => read_exact_at(file, room, offset).is_ok(),
        }
    }

    /// Whether what was read is of one version.
    pub(super) fn is_unchanged(&self) -> bool {
        match self {
            Self::Octets(_) => true,
            Self::File { file, meta } => FileMeta::read(file).is_ok_and(|now| now == *meta),
        }
    }
}

pub(super) fn code(plain: &Plain, coding: Coding) -> Coded {
    let octets = plain.octets();
    let mut content = vec![0; usize::try_from(octets).unwrap_or(0)];
    if !plain.read(&mut content, 0) || !plain.is_unchanged() {
        return Coded::Failed;
    }
    let negotiated = Negotiated {
        coding,
        quality: Quality::Small,
        octets: Some(octets),
        dictionary: None,
    };
    let mut coded = Vec::new();
    let done = Encoder::new(&negotiated).and_then(|mut encoder| {
        encoder.encode(&content, &mut coded)?;
        encoder.finish(&mut coded)
    });
    match done {
        Err(_) => Coded::Failed,
        Ok(()) if coded.len() as u64 > octets - octets / GAIN_PART => Coded::Worthless,
        Ok(()) => {
            // It is kept: no room stays unused.
            coded.shrink_to_fit();
            Coded::Smaller(coded.into())
        }
    }
}

/// This part of the content has to be saved, or decoding it costs more than it gains.
const GAIN_PART: u64 = 16;
