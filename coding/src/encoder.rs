//! Content into a coding.

use std::fmt;

use crate::{Coding, Negotiated, brotli, gzip, zstd};

/// Encodes one content, piece by piece.
///
/// What it appends to `out` in one call is at most the octets of the input and of its window, and a few more. It may
/// hold octets back until [`flush`](Self::flush) or [`finish`](Self::finish).
#[derive(Debug)]
pub struct Encoder(Inner);

#[derive(Debug)]
enum Inner {
    Zstd(zstd::Encoder),
    Brotli(Box<brotli::Encoder>),
    Gzip(gzip::Encoder),
}

impl Encoder {
    /// An encoder of what was negotiated.
    ///
    /// # Errors
    /// [`EncodeError`] if there is no memory for it.
    pub fn new(negotiated: &Negotiated<'_>) -> Result<Self, EncodeError> {
        Ok(Self(match negotiated.coding {
            Coding::Zstd => Inner::Zstd(zstd::Encoder::new(negotiated)?),
            Coding::Brotli => Inner::Brotli(Box::new(brotli::Encoder::new(negotiated))),
            Coding::Gzip => Inner::Gzip(gzip::Encoder::new(negotiated)),
        }))
    }

    /// Takes a piece of the content.
    ///
    /// # Errors
    /// [`EncodeError`]. There is no use in going on after it.
    pub fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &mut self.0 {
            Inner::Zstd(encoder) => encoder.encode(input, out),
            Inner::Brotli(encoder) => encoder.encode(input, out),
            Inner::Gzip(encoder) => encoder.encode(input, out),
        }
    }

    /// Appends all that is held back, so that a decoder has everything taken so far. It costs octets.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &mut self.0 {
            Inner::Zstd(encoder) => encoder.flush(out),
            Inner::Brotli(encoder) => encoder.flush(out),
            Inner::Gzip(encoder) => encoder.flush(out),
        }
    }

    /// Ends the content.
    ///
    /// # Errors
    /// [`EncodeError`], also if the content has not the length that was negotiated.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self.0 {
            Inner::Zstd(encoder) => encoder.finish(out),
            Inner::Brotli(encoder) => encoder.finish(out),
            Inner::Gzip(encoder) => encoder.finish(out),
        }
    }
}

/// Why there is no coded content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The content is longer or shorter than was negotiated.
    Length,
    /// The library failed; what is left is that it found no memory.
    Failed(Coding),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("the content has another length than was told"),
            Self::Failed(coding) => write!(f, "the encoder of {} failed", coding.name()),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Counts the content against the length that was negotiated.
#[derive(Debug)]
pub(crate) struct Counted {
    left: Option<u64>,
}

impl Counted {
    pub(crate) fn new(octets: Option<u64>) -> Self {
        Self { left: octets }
    }

    pub(crate) fn take(&mut self, input: &[u8]) -> Result<(), EncodeError> {
        if let Some(left) = &mut self.left {
            *left = left
                .checked_sub(input.len() as u64)
                .ok_or(EncodeError::Length)?;
        }
        Ok(())
    }

    pub(crate) fn end(&self) -> Result<(), EncodeError> {
        match self.left {
            None | Some(0) => Ok(()),
            Some(_) => Err(EncodeError::Length),
        }
    }
}

/// The binary logarithm of a window that holds this many octets, between two bounds.
pub(crate) fn window_log(octets: Option<u64>, least: u32, most: u32) -> u32 {
    let needed = octets.map_or(most, |octets| {
        u64::BITS - octets.saturating_sub(1).leading_zeros()
    });
    needed.clamp(least, most)
}

#[cfg(test)]
mod tests;
