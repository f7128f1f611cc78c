//! Sixteen octets at a time: where a run of ordinary octets stops.
//!
//! The plain algorithm, for a value (a target is alike):
//!
//! ```text
//! for each octet: stop if it is a control other than HTAB, or DEL; note whether it is above 0x7F
//! ```
//!
//! Departures from it:
//! 1. Sixteen octets are classified at once and the answer is a bit mask, first octet lowest.
//! 2. On x86-64 the masks come from SSE2, which is part of that architecture. The intrinsics used work on values, and
//!    a block is made from two integers, which compiles to one unaligned load: so the only unsafe step is to call
//!    functions that need SSE2. Elsewhere the plain loop makes the masks.
//!
//! `plain` is compiled everywhere and is the oracle of the tests.

/// Octets looked at in one step.
pub(crate) const BLOCK: usize = 16;

/// Masks over one block, first octet lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueMask {
    /// Controls other than HTAB, and DEL.
    pub(crate) stop: u32,
    /// Octets above 0x7F.
    pub(crate) high: u32,
}

/// Masks over one block of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TargetMask {
    /// SP, controls and DEL.
    pub(crate) stop: u32,
    /// What a closer look must be taken at: octets above 0x7F, `" # $ % < = > ? [ \ ] ^ { | }` and the grave accent.
    pub(crate) special: u32,
    /// Slashes.
    pub(crate) slash: u32,
    /// Dots.
    pub(crate) dot: u32,
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use core::arch::x86_64::{
        __m128i, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_min_epu8, _mm_movemask_epi8,
        _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8, _mm_sub_epi8,
    };

    use super::{BLOCK, TargetMask, ValueMask};

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(block: &[u8; BLOCK]) -> __m128i {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *block;
        let low = i64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let high = i64::from_le_bytes([i, j, k, l, m, n, o, p]);
        _mm_set_epi64x(high, low)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn each(octet: u8) -> __m128i {
        _mm_set1_epi8(octet.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn bits(mask: __m128i) -> u32 {
        _mm_movemask_epi8(mask).cast_unsigned()
    }

    /// Octets from `first` to `first + more`.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn within(octets: __m128i, first: u8, more: u8) -> __m128i {
        let from_first = _mm_sub_epi8(octets, each(first));
        _mm_cmpeq_epi8(_mm_min_epu8(from_first, each(more)), from_first)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(crate) fn value(block: &[u8; BLOCK]) -> ValueMask {
        let octets = load(block);
        // Signed comparison: octets above 0x7F are negative and count as low; they are taken out by their sign bits.
        let low = _mm_andnot_si128(
            _mm_cmpeq_epi8(octets, each(b'\t')),
            _mm_cmplt_epi8(octets, each(0x20)),
        );
        let high = bits(octets);
        let stop = bits(_mm_or_si128(low, _mm_cmpeq_epi8(octets, each(0x7f)))) & !high;
        ValueMask { stop, high }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(crate) fn target(block: &[u8; BLOCK]) -> TargetMask {
        let octets = load(block);
        let high = bits(octets);
        let low = _mm_cmplt_epi8(octets, each(0x21));
        let stop = bits(_mm_or_si128(low, _mm_cmpeq_epi8(octets, each(0x7f)))) & !high;
        let special = _mm_or_si128(
            _mm_or_si128(within(octets, b'"', 3), within(octets, b'<', 3)),
            _mm_or_si128(
                _mm_or_si128(within(octets, b'[', 3), within(octets, b'{', 2)),
                _mm_cmpeq_epi8(octets, each(b'`')),
            ),
        );
        TargetMask {
            stop,
            special: bits(special) | high,
            slash: bits(_mm_cmpeq_epi8(octets, each(b'/'))),
            dot: bits(_mm_cmpeq_epi8(octets, each(b'.'))),
        }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(crate) fn colon(block: &[u8; BLOCK]) -> u32 {
        bits(_mm_cmpeq_epi8(load(block), each(b':')))
    }
}

#[cfg_attr(
    all(target_arch = "x86_64", not(test)),
    expect(
        dead_code,
        reason = "the oracle of the tests, and the way of other processors"
    )
)]
mod plain {
    use super::{BLOCK, TargetMask, ValueMask};

    fn mask(block: &[u8; BLOCK], is_in: impl Fn(u8) -> bool) -> u32 {
        block
            .iter()
            .enumerate()
            .fold(0, |mask, (i, &octet)| mask | u32::from(is_in(octet)) << i)
    }

    pub(crate) fn value(block: &[u8; BLOCK]) -> ValueMask {
        ValueMask {
            stop: mask(block, |b| (b < 0x20 && b != b'\t') || b == 0x7f),
            high: mask(block, |b| b > 0x7f),
        }
    }

    pub(crate) fn target(block: &[u8; BLOCK]) -> TargetMask {
        TargetMask {
            stop: mask(block, |b| b <= 0x20 || b == 0x7f),
            special: mask(block, |b| b > 0x7f || b"\"#$%<=>?[\\]^`{|}".contains(&b)),
            slash: mask(block, |b| b == b'/'),
            dot: mask(block, |b| b == b'.'),
        }
    }

    pub(crate) fn colon(block: &[u8; BLOCK]) -> u32 {
        mask(block, |b| b == b':')
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use plain::{colon, target, value};

macro_rules! on_sse2 {
    ($(#[$doc:meta] $name:ident -> $mask:ty;)*) => {$(
        #[$doc]
        #[cfg(target_arch = "x86_64")]
        #[inline(always)]
        #[expect(unsafe_code, reason = "the one SIMD module; its plain twin is the oracle of its tests")]
        pub(crate) fn $name(block: &[u8; BLOCK]) -> $mask {
            // SAFETY: SSE2 is part of x86-64, so the processor has it.
            unsafe { sse2::$name(block) }
        }
    )*};
}

on_sse2! {
    /// Where a field value stops.
    value -> ValueMask;
    /// Where a target stops, and what is special in it.
    target -> TargetMask;
    /// Colons.
    colon -> u32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_agree_with_the_plain_loop() {
        let mut seed = 0x1234_5678_9abc_def0u64;
        for round in 0..20_000 {
            let mut block = [b'a'; BLOCK];
            for (i, octet) in block.iter_mut().enumerate() {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                if round % 3 == 0 || i == round % BLOCK {
                    *octet = (seed >> 33) as u8;
                }
            }
            assert_eq!(value(&block), plain::value(&block), "{block:?}");
            assert_eq!(target(&block), plain::target(&block), "{block:?}");
            assert_eq!(colon(&block), plain::colon(&block), "{block:?}");
        }
    }
}
