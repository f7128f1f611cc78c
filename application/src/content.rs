//! The content of a request on its way to an application, which wants to know its length first.
//!
//! Content whose length the client does not tell is kept until it has come whole: in memory up to [`KEPT_OCTETS_MAX`], and else
//! in a file without a name. What a route lets in bounds it.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use engine::{Incoming, Interrupted};
use net::Blocking;

use crate::Fault;

/// Where the content of a request comes from.
#[derive(Debug)]
pub(crate) enum Content {
    /// There is none.
    None,
    /// The client.
    Incoming {
        incoming: Incoming,
        octets: u64,
        left: u64,
    },
    /// What was kept. It may be read again.
    Kept {
        kept: Kept,
        at: u64,
        reading: Reading,
    },
    /// It was taken by a try that failed.
    Lost,
}

/// Content that has come whole.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Memory(Bytes),
    File(Arc<File>, u64),
}

/// A piece that is read from a file on another thread.
#[derive(Default)]
pub(crate) struct Reading(Option<Blocking<std::io::Result<Bytes>>>);

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reading").field(&self.0.is_some()).finish()
    }
}

/// Why there is no more content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentError {
    /// The client broke off.
    Interrupted,
    /// Our own files failed.
    File,
}

impl From<Interrupted> for ContentError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl From<ContentError> for Option<Fault> {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Interrupted => None,
            ContentError::File => Some(Fault::Spool),
        }
    }
}

impl Content {
    /// Content whose length is told.
    pub(crate) fn incoming(incoming: Incoming, octets: u64) -> Self {
        Self::Incoming {
            incoming,
            octets,
            left: octets,
        }
    }

    /// Content whose length is not told, once it has come.
    pub(crate) async fn keep(incoming: &Incoming) -> Result<Self, ContentError> {
        let mut memory = Vec::new();
        let mut spilled: Option<(Arc<File>, u64)> = None;
        loop {
            let piece = incoming.next().await?;
            if let Some(octets) = &piece {
                memory.extend_from_slice(octets);
            }
            let is_long = memory.len() > KEPT_OCTETS_MAX;
            if is_long || (piece.is_none() && spilled.is_some() && !memory.is_empty()) {
                let (file, at) = match spilled.take() {
                    Some(spilled) => spilled,
                    None => (new_file().await?, 0),
                };
                let octets = std::mem::take(&mut memory);
                let end = at + octets.len() as u64;
                write(Arc::clone(&file), octets, at).await?;
                spilled = Some((file, end));
            }
            if piece.is_none() {
                let kept = match spilled {
                    Some((file, octets)) => Kept::File(file, octets),
                    None => Kept::Memory(memory.into()),
                };
                return Ok(Self::kept(kept));
            }
        }
    }

    pub(crate) fn kept(kept: Kept) -> Self {
        Self::Kept {
            kept,
            at: 0,
            reading: Reading::default(),
        }
    }

    /// Its length; `None` where there is none.
    pub(crate) fn octets(&self) -> Option<u64> {
        match self {
            Self::None | Self::Lost => None,
            Self::Incoming { octets, .. } => Some(*octets),
            Self::Kept { kept, .. } => Some(kept.octets()),
        }
    }

    /// The same once more, for another try.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Kept { kept, .. } => Self::kept(kept.clone()),
            Self::Incoming { .. } | Self::Lost => Self::Lost,
        }
    }

    /// The next piece; `None` after the last.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, ContentError>> {
        match self {
            Self::None => Poll::Ready(Ok(None)),
            Self::Lost => Poll::Ready(Err(ContentError::Interrupted)),
            Self::Incoming { incoming, left, .. } => {
                let next = pin!(incoming.next());
                let Some(mut piece) = ready!(next.poll(cx))? else {
                    let is_whole = *left == 0;
                    return Poll::Ready(match is_whole {
                        true => Ok(None),
                        false => Err(ContentError::Interrupted),
                    });
                };
                piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= piece.len() as u64;
                Poll::Ready(Ok(Some(piece)))
            }
            Self::Kept { kept, at, reading } => kept.poll_next(cx, at, reading),
        }
    }
}

impl Kept {
    fn octets(&self) -> u64 {
        match self {
            Self::Memory(octets) => octets.len() as u64,
            Self::File(_, octets) => *octets,
        }
    }

    fn poll_next(
        &self,
        cx: &mut Context<'_>,
        at: &mut u64,
        reading: &mut Reading,
    ) -> Poll<Result<Option<Bytes>, ContentError>> {
        let left = self.octets() - *at;
        if left == 0 {
            return Poll::Ready(Ok(None));
        }
        let piece = match self {
            Self::Memory(octets) => octets.slice(usize::try_from(*at).unwrap_or(0)..),
            Self::File(file, _) => {
                let work = reading.0.get_or_insert_with(|| {
                    let count = usize::try_from(left.min(PIECE_OCTETS)).unwrap_or(0);
                    let (file, at) = (Arc::clone(file), *at);
                    net::blocking(move || {
                        let mut octets = vec![0; count];
                        net::read_exact_at(&file, &mut octets, at)?;
                        Ok(octets.into())
                    })
                });
                let read = ready!(Pin::new(work).poll(cx));
                reading.0 = None;
                match read {
                    Ok(Ok(octets)) => octets,
                    Ok(Err(_)) | Err(_) => return Poll::Ready(Err(ContentError::File)),
                }
            }
        };
        *at += piece.len() as u64;
        Poll::Ready(Ok(Some(piece)))
    }
}

async fn new_file() -> Result<Arc<File>, ContentError> {
    match net::blocking(net::nameless_file).await {
        Ok(Ok(file)) => Ok(Arc::new(file)),
        Ok(Err(_)) | Err(_) => Err(ContentError::File),
    }
}

async fn write(file: Arc<File>, octets: Vec<u8>, at: u64) -> Result<(), ContentError> {
    let written = net::blocking(move || net::write_all_at(&file, &octets, at));
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(ContentError::File),
    }
}

/// Content of unknown length that is kept in memory.
pub const KEPT_OCTETS_MAX: usize = 64 * 1024;
/// What is read of a file at once.
const PIECE_OCTETS: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use semantics::ContentEnd;
    use std::future::poll_fn;

    async fn read(content: &mut Content) -> Vec<u8> {
        let mut read = Vec::new();
        while let Some(piece) = poll_fn(|cx| content.poll_next(cx)).await.unwrap() {
            read.extend_from_slice(&piece);
        }
        read
    }

    #[test]
    fn content_of_unknown_length_is_kept_and_can_be_read_again() {
        let piece = [7; 40_000];
        net::run_alone(async {
            // table
            for count in [0, 1, 3, 9] {
                let pieces = vec![&piece[..]; count];
                let incoming = Incoming::for_test(&pieces, Ok(ContentEnd::LastChunk));
                let mut content = Content::keep(&incoming).await.unwrap();
                let is_file = matches!(
                    &content,
                    Content::Kept {
                        kept: Kept::File(..),
                        ..
                    }
                );
                assert_eq!(is_file, count > 1);
                assert_eq!(content.octets(), Some(count as u64 * 40_000));
                assert_eq!(read(&mut content).await, pieces.concat());
                assert_eq!(read(&mut content.again()).await, pieces.concat());
            }
        });
    }

    #[test]
    fn content_that_breaks_off_is_an_error() {
        net::run_alone(async {
            let broken = || Incoming::for_test(&[b"abc"], Err(Interrupted));
            let kept = Content::keep(&broken()).await;
            assert_eq!(kept.unwrap_err(), ContentError::Interrupted);
            let mut content = Content::incoming(broken(), 10);
            assert!(poll_fn(|cx| content.poll_next(cx)).await.is_ok());
            let end = poll_fn(|cx| content.poll_next(cx)).await;
            assert_eq!(end, Err(ContentError::Interrupted));
        });
    }
}
