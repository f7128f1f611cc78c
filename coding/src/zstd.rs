//! zstd (RFC 8878), by the library of its authors.

use std::fmt;

use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer};

use crate::decoder::{Advance, DecodeError};
use crate::encoder::{Counted, window_log};
use crate::{Coding, EncodeError, Negotiated, Quality};

pub(crate) struct Encoder {
    context: CCtx<'static>,
    counted: Counted,
}

impl Encoder {
    pub(crate) fn new(negotiated: &Negotiated<'_>) -> Result<Self, EncodeError> {
        let level = match negotiated.quality {
            Quality::Quick => QUICK_LEVEL,
            Quality::Small => SMALL_LEVEL,
        };
        let mut context = CCtx::try_create().ok_or(FAILED)?;
        let window = window_log(negotiated.octets, WINDOW_LOG_MIN, WINDOW_LOG_MOST);
        for parameter in [
            CParameter::CompressionLevel(level),
            CParameter::WindowLog(window),
            // A damaged content is found out by the decoder; four octets.
            CParameter::ChecksumFlag(true),
        ] {
            context.set_parameter(parameter).map_err(|_| FAILED)?;
        }
        context
            .set_pledged_src_size(negotiated.octets)
            .map_err(|_| FAILED)?;
        Ok(Self {
            context,
            counted: Counted::new(negotiated.octets),
        })
    }

    pub(crate) fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.counted.take(input)?;
        let mut input = InBuffer::around(input);
        while input.pos() < input.src.len() {
            self.step(&mut input, out, ZSTD_EndDirective::ZSTD_e_continue)?;
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.drain(out, ZSTD_EndDirective::ZSTD_e_flush)
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.counted.end()?;
        self.drain(out, ZSTD_EndDirective::ZSTD_e_end)
    }

    /// Memory it holds.
    #[cfg(test)]
    pub(crate) fn memory_octets(&self) -> usize {
        self.context.sizeof()
    }

    fn drain(&mut self, out: &mut Vec<u8>, until: ZSTD_EndDirective) -> Result<(), EncodeError> {
        while self.step(&mut InBuffer::around(&[]), out, until)? > 0 {}
        Ok(())
    }

    /// One call of the library; gives how many octets it still holds, about.
    fn step(
        &mut self,
        input: &mut InBuffer<'_>,
        out: &mut Vec<u8>,
        until: ZSTD_EndDirective,
    ) -> Result<usize, EncodeError> {
        out.reserve(ROOM_OCTETS);
        let written = out.len();
        let mut output = OutBuffer::around_pos(out, written);
        self.context
            .compress_stream2(&mut output, input, until)
            .map_err(|_| FAILED)
    }
}

pub(crate) struct Decoder {
    context: DCtx<'static>,
    is_within: bool,
    has_frame: bool,
}

impl Decoder {
    pub(crate) fn new() -> Result<Self, DecodeError> {
        let mut context = DCtx::try_create().ok_or(DecodeError::Memory)?;
        // RFC 9659 §3: windows of more than 8 MB are refused.
        context
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .map_err(|_| DecodeError::Memory)?;
        Ok(Self {
            context,
            is_within: false,
            has_frame: false,
        })
    }

    /// A content may be several frames one after the other (RFC 8878 §3.1).
    pub(crate) fn advance(&mut self, input: &[u8], out: &mut [u8]) -> Result<Advance, DecodeError> {
        if input.is_empty() && !self.is_within {
            return Ok(Advance::default());
        }
        // A frame that comes whole is decoded by another path of the library, which also compares the length that its
        // head tells of an empty content. With the first octet alone it is the same path however the frame is cut.
        let first = if self.is_within {
            input
        } else {
            input.get(..1).unwrap_or_default()
        };
        let mut source = InBuffer::around(first);
        let mut output = OutBuffer::around(out);
        let left = self.context.decompress_stream(&mut output, &mut source);
        let left = left.map_err(refused)?;
        self.is_within = left != 0;
        self.has_frame |= left == 0;
        Ok(Advance {
            read: source.pos(),
            written: output.pos(),
        })
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.has_frame && !self.is_within
    }
}

fn refused(code: zstd_safe::ErrorCode) -> DecodeError {
    let is = |kind| zstd_safe::is_error_kind(code, kind);
    if is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        DecodeError::WindowLimit
    } else if is(ZSTD_ErrorCode::ZSTD_error_memory_allocation) {
        DecodeError::Memory
    } else {
        DecodeError::Malformed(Coding::Zstd)
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

const FAILED: EncodeError = EncodeError::Failed(Coding::Zstd);
const QUICK_LEVEL: i32 = 3;
const SMALL_LEVEL: i32 = 9;
const WINDOW_LOG_MIN: u32 = 10;
/// 1 MiB: what is larger gains little with text, and each encoder holds it.
const WINDOW_LOG_MOST: u32 = 20;
/// 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;
const ROOM_OCTETS: usize = 16 * 1024;

#[cfg(test)]
mod tests;
