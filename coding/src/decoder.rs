//! A coding into content, within limits.

use std::fmt;

use crate::{Coding, brotli, gzip, zstd};

/// How much a [`Decoder`] gives out. Its memory is bounded by the coding (see the [crate's docs](crate#memory)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderLimits {
    /// Octets of the content.
    pub octets_max: u64,
    /// Octets of the content for each octet that came. The first [`RATIO_FREE_OCTETS`] are not counted, since text of
    /// a few lines can be very repetitive.
    pub ratio_max: u64,
}

/// Decodes one content, piece by piece.
#[derive(Debug)]
pub struct Decoder {
    inner: Inner,
    limits: DecoderLimits,
    read: u64,
    written: u64,
}

#[derive(Debug)]
enum Inner {
    Zstd(zstd::Decoder),
    Brotli(brotli::Decoder),
    Gzip(gzip::Decoder),
}

/// What a call of [`Decoder::decode`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Octets of the input that were taken.
    pub read: usize,
    /// Octets of the room that were filled. If it is all of it there may be more.
    pub written: usize,
}

pub(crate) use Step as Advance;

impl Decoder {
    /// A decoder of a coding.
    ///
    /// # Errors
    /// [`DecodeError::Memory`].
    pub fn new(coding: Coding, limits: DecoderLimits) -> Result<Self, DecodeError> {
        Ok(Self {
            inner: match coding {
                Coding::Zstd => Inner::Zstd(zstd::Decoder::new()?),
                Coding::Brotli => Inner::Brotli(brotli::Decoder::new()),
                Coding::Gzip => Inner::Gzip(gzip::Decoder::new()),
            },
            limits,
            read: 0,
            written: 0,
        })
    }

    /// Takes from `input` and fills `out`, which has room, until either has no more. So everything that came is out when all of the
    /// input is taken and some of the room is left.
    ///
    /// # Errors
    /// [`DecodeError`]. There is no use in going on after it.
    pub fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, DecodeError> {
        let mut done = Step::default();
        loop {
            let (Some(from), Some(to)) = (input.get(done.read..), out.get_mut(done.written..))
            else {
                return Ok(done);
            };
            if to.is_empty() {
                return Ok(done);
            }
            let step = match &mut self.inner {
                Inner::Zstd(decoder) => decoder.advance(from, to),
                Inner::Brotli(decoder) => decoder.advance(from, to),
                Inner::Gzip(decoder) => decoder.advance(from, to),
            }?;
            self.count(step)?;
            done.read += step.read;
            done.written += step.written;
            if step == Step::default() {
                return Ok(done);
            }
        }
    }

    /// Decodes a content that is here as a whole.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_all(mut self, mut input: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut content = Vec::new();
        let mut room = vec![0; ROOM_OCTETS];
        loop {
            let step = self.decode(input, &mut room)?;
            content.extend_from_slice(room.get(..step.written).unwrap_or_default());
            input = input.get(step.read..).unwrap_or_default();
            if step.written < room.len() {
                break;
            }
        }
        self.finish()?;
        Ok(content)
    }

    /// Says whether the content was complete.
    ///
    /// # Errors
    /// [`DecodeError::Incomplete`].
    pub fn finish(self) -> Result<(), DecodeError> {
        let is_complete = match &self.inner {
            Inner::Zstd(decoder) => decoder.is_complete(),
            Inner::Brotli(decoder) => decoder.is_complete(),
            Inner::Gzip(decoder) => decoder.is_complete(),
        };
        if is_complete {
            Ok(())
        } else {
            Err(DecodeError::Incomplete)
        }
    }

    fn count(&mut self, step: Step) -> Result<(), DecodeError> {
        self.read += step.read as u64;
        self.written += step.written as u64;
        if self.written > self.limits.octets_max {
            return Err(DecodeError::OctetsLimit);
        }
        let ratio_octets = self.read.saturating_mul(self.limits.ratio_max);
        if self.written > RATIO_FREE_OCTETS && self.written > ratio_octets {
            return Err(DecodeError::RatioLimit);
        }
        Ok(())
    }
}

/// Why there is no content, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is not in this coding, or was damaged.
    Malformed(Coding),
    /// It ends before its end.
    Incomplete,
    /// Octets follow its end.
    Trailing,
    /// The content is longer than [`DecoderLimits::octets_max`].
    OctetsLimit,
    /// The content is more than [`DecoderLimits::ratio_max`] times what came.
    RatioLimit,
    /// The sender used a larger window than a recipient has to have (RFC 9659 §3).
    WindowLimit,
    /// There is no memory for the decoder.
    Memory,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(coding) => write!(f, "the content is not {}", coding.name()),
            Self::Incomplete => f.write_str("the coded content is incomplete"),
            Self::Trailing => f.write_str("octets follow the end of the coded content"),
            Self::OctetsLimit => f.write_str("the decoded content is too long (octets_max)"),
            Self::RatioLimit => {
                f.write_str("the decoded content is too long for what came (ratio_max)")
            }
            Self::WindowLimit => f.write_str("the coded content needs a window above 8 MiB"),
            Self::Memory => f.write_str("no memory for a decoder"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Octets that are decoded whatever the ratio.
pub const RATIO_FREE_OCTETS: u64 = 64 * 1024;
const ROOM_OCTETS: usize = 16 * 1024;

#[cfg(test)]
mod tests;
