//! gzip (RFC 1952), by zlib-rs.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::decoder::{Advance, DecodeError};
use crate::encoder::Counted;
use crate::{Coding, EncodeError, Negotiated, Quality};

pub(crate) struct Encoder {
    deflate: Compress,
    counted: Counted,
}

impl Encoder {
    pub(crate) fn new(negotiated: &Negotiated<'_>) -> Self {
        let level = match negotiated.quality {
            Quality::Quick => QUICK_LEVEL,
            Quality::Small => SMALL_LEVEL,
        };
        Self {
            deflate: Compress::new_gzip(Compression::new(level), WINDOW_BITS),
            counted: Counted::new(negotiated.octets),
        }
    }

    pub(crate) fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.counted.take(input)?;
        self.drive(input, out, FlushCompress::None)
    }

    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.drive(&[], out, FlushCompress::Sync)
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.counted.end()?;
        self.drive(&[], out, FlushCompress::Finish)
    }

    /// Until the input is taken, and what was asked for is out: that is so when the library leaves room unused.
    fn drive(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        flush: FlushCompress,
    ) -> Result<(), EncodeError> {
        loop {
            out.reserve(ROOM_OCTETS);
            let before = self.deflate.total_in();
            let status = self
                .deflate
                .compress_vec(input, out, flush)
                .map_err(|_| EncodeError::Failed(Coding::Gzip))?;
            let read = usize::try_from(self.deflate.total_in() - before).unwrap_or(usize::MAX);
            input = input.get(read..).unwrap_or_default();
            let is_done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                _ => input.is_empty() && out.len() < out.capacity(),
            };
            if is_done {
                return Ok(());
            }
        }
    }
}

pub(crate) struct Decoder {
    inflate: Decompress,
    /// Whether octets of a member were read that has not ended.
    is_within: bool,
    has_member: bool,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            inflate: Decompress::new_gzip(WINDOW_BITS),
            is_within: false,
            has_member: false,
        }
    }

    /// A content may be several members one after the other (RFC 1952 §2.2).
    pub(crate) fn advance(&mut self, input: &[u8], out: &mut [u8]) -> Result<Advance, DecodeError> {
        if input.is_empty() && !self.is_within {
            return Ok(Advance::default());
        }
        if !self.is_within {
            if self.has_member {
                self.inflate = Decompress::new_gzip(WINDOW_BITS);
            }
            self.is_within = true;
        }
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, out, FlushDecompress::None);
        let status = status.map_err(|_| DecodeError::Malformed(Coding::Gzip))?;
        if status == Status::StreamEnd {
            self.is_within = false;
            self.has_member = true;
        }
        let since = |total: u64, before: u64| usize::try_from(total - before).unwrap_or(usize::MAX);
        Ok(Advance {
            read: since(self.inflate.total_in(), read),
            written: since(self.inflate.total_out(), written),
        })
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.has_member && !self.is_within
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

const QUICK_LEVEL: u32 = 4;
const SMALL_LEVEL: u32 = 7;
/// 32 KiB, the largest and the usual.
const WINDOW_BITS: u8 = 15;
const ROOM_OCTETS: usize = 16 * 1024;
