//! Where octets stand that are written: in what was received, or in what was made for it.

use std::ops::Range;

/// Octets of a message to be written.
#[derive(Clone, Debug)]
pub(crate) enum Place<'a> {
    /// As they were received, or as the configuration has them.
    Given(&'a [u8]),
    /// In the buffer of what was made.
    Made(Range<usize>),
}

impl<'a> Place<'a> {
    /// The octets.
    #[inline]
    pub(crate) fn of(&self, made: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Given(octets) => octets,
            Self::Made(range) => made.get(range.clone()).unwrap_or_default(),
        }
    }

    /// What `write` appends.
    #[inline]
    pub(crate) fn made(made: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let start = made.len();
        write(made);
        Self::Made(start..made.len())
    }
}

/// Appends a number in decimal.
pub(crate) fn number(mut number: u32, out: &mut Vec<u8>) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        at -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}
