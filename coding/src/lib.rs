//! Content codings: gzip, brotli and zstd, taken and given piece by piece (RFC 9110 §8.4).
//!
//! It is encoders and decoders that hold a bounded amount of memory and never more of the content than their window.
//! It is *not* negotiation, which is `semantics::fields::accept_encoding`, and it does no I/O: whoever has a long
//! content hands it over in pieces, on a thread that may work for a while.
//!
//! ```
//! use hansom_coding::{Coding, Decoder, DecoderLimits, Encoder, Negotiated, Quality};
//!
//! let negotiated = Negotiated { coding: Coding::Gzip, quality: Quality::Quick, octets: None, dictionary: None };
//! let mut encoder = Encoder::new(&negotiated)?;
//! let mut coded = Vec::new();
//! for piece in ["It was ", "a dark ", "and stormy night"] {
//!     encoder.encode(piece.as_bytes(), &mut coded)?;
//! }
//! encoder.finish(&mut coded)?;
//!
//! let limits = DecoderLimits { octets_max: 1024, ratio_max: 100 };
//! let plain = Decoder::new(Coding::Gzip, limits)?.decode_all(&coded)?;
//! assert_eq!(plain, b"It was a dark and stormy night");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to look next: [`Coding`], [`Encoder`], [`Decoder`]; a coding is one file and one arm in each of them.
//!
//! # Memory
//!
//! Most that one of them takes, whatever the content: `examples/memory.rs` measures it, and tests hold zstd to it, whose
//! library can tell.
//!
//! | coding | encoder, [`Quality::Quick`] | encoder, [`Quality::Small`] | decoder |
//! |---|---|---|---|
//! | gzip | 0.4 MiB | 0.4 MiB | 0.1 MiB |
//! | brotli | 3 MiB | 11 MiB | 17 MiB, if the sender chose its largest window |
//! | zstd | 3 MiB | 12 MiB | 9 MiB (RFC 9659 §3) |
//!
//! Invariant: nothing here reads a clock, and the same octets with the same [`Negotiated`] give the same coded octets
//! in the same version of this crate, however they are cut ([`RECIPE`]).

// What a peer sends must not panic here.
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod brotli;
mod decoder;
mod encoder;
mod gzip;
mod law;
#[cfg(test)]
mod testing;
mod zstd;

pub use decoder::{DecodeError, Decoder, DecoderLimits, RATIO_FREE_OCTETS, Step};
pub use encoder::{EncodeError, Encoder};
#[doc(hidden)]
pub use law::law;

/// A content coding that is encoded and decoded here, by its registered name (RFC 9110 §18.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// `zstd` (RFC 8878, with the window of RFC 9659).
    Zstd,
    /// `br` (RFC 7932).
    Brotli,
    /// `gzip` (RFC 9110 §8.4.1.3, RFC 1952).
    Gzip,
}

impl Coding {
    /// All of them, the smallest and quickest first.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// The name in Content-Encoding and Accept-Encoding.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The coding of this name; the case means nothing (RFC 9110 §8.4.1). `x-gzip` is `gzip` (§8.4.1.3).
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL
            .into_iter()
            .find(|coding| name.eq_ignore_ascii_case(coding.name().as_bytes()))
    }

    /// What the name of a file ends with behind the dot, when its content is in this coding.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Zstd => "zst",
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What an encoder is to do.
#[derive(Clone, Copy, Debug)]
pub struct Negotiated<'d> {
    /// The coding.
    pub coding: Coding,
    /// How much work it may be.
    pub quality: Quality,
    /// The length of the content, if it is known: less memory is taken for a short one. With another length than this
    /// the encoder fails.
    pub octets: Option<u64>,
    /// What the peer holds already.
    pub dictionary: Option<&'d Dictionary>,
}

/// How much work is put into a short result. The levels were chosen by `examples/levels.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// For content that is coded each time it is sent.
    Quick,
    /// For content that is coded once and sent often.
    Small,
}

/// A dictionary of RFC 9842. It has no values: the codings that take one, `dcb` and `dcz`, are not here.
#[derive(Clone, Copy, Debug)]
pub enum Dictionary {}

/// Stands for everything that decides how octets are coded: the libraries and their levels. It is part of what makes
/// two coded contents the same, so it is raised whenever `a_recipe_is_what_it_was` fails.
pub const RECIPE: u32 = 1;
