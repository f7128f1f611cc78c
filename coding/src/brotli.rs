//! brotli (RFC 7932), in Rust.

use std::fmt;
use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, CompressorWriter};

use crate::decoder::{Advance, DecodeError};
use crate::encoder::{Counted, window_log};
use crate::{Coding, EncodeError, Negotiated, Quality};

pub(crate) struct Encoder {
    writer: CompressorWriter<Vec<u8>>,
    counted: Counted,
}

impl Encoder {
    pub(crate) fn new(negotiated: &Negotiated<'_>) -> Self {
        let (level, window) = match negotiated.quality {
            Quality::Quick => (QUICK_LEVEL, QUICK_WINDOW_LOG),
            Quality::Small => (SMALL_LEVEL, SMALL_WINDOW_LOG),
        };
        let window = window_log(negotiated.octets, WINDOW_LOG_MIN, window);
        let params = BrotliEncoderParams {
            quality: level,
            lgwin: i32::try_from(window).unwrap_or(WINDOW_LOG_FALLBACK),
            size_hint: negotiated
                .octets
                .and_then(|octets| usize::try_from(octets).ok())
                .unwrap_or(0),
            ..BrotliEncoderParams::default()
        };
        Self {
            writer: CompressorWriter::with_params(Vec::new(), BUFFER_OCTETS, &params),
            counted: Counted::new(negotiated.octets),
        }
    }

    pub(crate) fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.counted.take(input)?;
        self.writer.write_all(input).map_err(|_| FAILED)?;
        out.append(self.writer.get_mut());
        Ok(())
    }

    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.writer.flush().map_err(|_| FAILED)?;
        out.append(self.writer.get_mut());
        Ok(())
    }

    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.counted.end()?;
        out.append(&mut self.writer.into_inner());
        Ok(())
    }
}

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

pub(crate) struct Decoder {
    state: Box<State>,
    is_ended: bool,
}

impl Decoder {
    /// Invariant: windows above 16 MiB, which are no part of RFC 7932, are refused.
    pub(crate) fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self {
            state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())),
            is_ended: false,
        }
    }

    pub(crate) fn advance(&mut self, input: &[u8], out: &mut [u8]) -> Result<Advance, DecodeError> {
        if self.is_ended {
            if input.is_empty() {
                return Ok(Advance::default());
            }
            return Err(DecodeError::Trailing);
        }
        let (mut left_in, mut read) = (input.len(), 0);
        let (mut left_out, mut written, mut total) = (out.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left_in,
            &mut read,
            input,
            &mut left_out,
            &mut written,
            out,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(DecodeError::Malformed(Coding::Brotli)),
            BrotliResult::ResultSuccess => self.is_ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(Advance { read, written })
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.is_ended
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

const FAILED: EncodeError = EncodeError::Failed(Coding::Brotli);
const QUICK_LEVEL: i32 = 4;
const SMALL_LEVEL: i32 = 5;
const WINDOW_LOG_MIN: u32 = 16;
const QUICK_WINDOW_LOG: u32 = 18;
const SMALL_WINDOW_LOG: u32 = 20;
const WINDOW_LOG_FALLBACK: i32 = 18;
const BUFFER_OCTETS: usize = 16 * 1024;
