//! Memory that all lines of a worker share.

use std::cell::Cell;
use std::ops::Range;

use bytes::Bytes;
use http1::ResponseScratch;

/// Where lines receive, one after the other: each reads all that it received before the next has its turn.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    buffer: Vec<u8>,
    index: ResponseScratch,
}

impl Scratch {
    pub(super) fn take() -> Box<Self> {
        SCRATCH.take().unwrap_or_default()
    }

    pub(super) fn give_back(self: Box<Self>) {
        SCRATCH.set(Some(self));
    }

    /// Room to receive.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buffer.resize(RECEIVE_OCTETS, 0);
        &mut self.buffer
    }

    /// What was received, and where a head is read.
    pub(super) fn received(&mut self, octets: usize) -> (&[u8], &mut ResponseScratch) {
        let received = self.buffer.get(..octets).unwrap_or_default();
        (received, &mut self.index)
    }
}

/// Content within received octets.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The only piece.
    first: Range<usize>,
    /// Several pieces one after the other.
    joined: Vec<u8>,
}

impl Gathered {
    /// Adds the piece that lies at `range` of `received`.
    pub(super) fn add(&mut self, received: &[u8], range: Range<usize>) {
        if self.first.is_empty() {
            self.first = range;
            return;
        }
        if self.joined.is_empty() {
            self.joined.reserve_exact(received.len() - self.first.start);
            let first = received.get(self.first.clone()).unwrap_or_default();
            self.joined.extend_from_slice(first);
        }
        self.joined
            .extend_from_slice(received.get(range).unwrap_or_default());
    }

    /// The content: with the memory in which it was received, if it fills that, so that it is not copied.
    pub(super) fn finish(self, scratch: &mut Scratch, octets: usize) -> Bytes {
        if !self.joined.is_empty() {
            return self.joined.into();
        }
        if self.first.len() >= OWN_OCTETS_MIN {
            let mut whole = std::mem::take(&mut scratch.buffer);
            whole.truncate(octets);
            return Bytes::from(whole).slice(self.first);
        }
        Bytes::copy_from_slice(scratch.buffer.get(self.first).unwrap_or_default())
    }
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Octets received in one call.
const RECEIVE_OCTETS: usize = 64 * 1024;
/// Content from this long on keeps the memory in which it was received: at most twice what it needs.
const OWN_OCTETS_MIN: usize = RECEIVE_OCTETS / 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(ranges: &[Range<usize>]) -> (Bytes, bool) {
        let mut scratch = Scratch::default();
        for (i, octet) in scratch.room().iter_mut().enumerate() {
            *octet = (i % 251) as u8;
        }
        let mut content = Gathered::default();
        let (received, _) = scratch.received(RECEIVE_OCTETS);
        for range in ranges {
            content.add(received, range.clone());
        }
        let octets = content.finish(&mut scratch, RECEIVE_OCTETS);
        (octets, scratch.buffer.is_empty())
    }

    #[test]
    fn content_is_what_lies_at_the_ranges_and_is_copied_unless_it_is_long() {
        const NONE: Range<usize> = 0..0;
        for (ranges, is_own) in [
            ([NONE, NONE, NONE], false),
            ([3..4, NONE, NONE], false),
            ([3..4, 7..100, 200..201], false),
            ([100..40_000, NONE, NONE], true),
            ([1..40_000, 50_000..60_000, NONE], false),
        ] {
            // The machine tells no content that is empty.
            let ranges: Vec<_> = ranges.into_iter().filter(|it| !it.is_empty()).collect();
            let (octets, took_buffer) = gathered(&ranges);
            let expected = ranges.iter().cloned().flatten().map(|i| (i % 251) as u8);
            assert_eq!(octets, expected.collect::<Vec<_>>());
            assert_eq!(took_buffer, is_own, "{ranges:?}");
        }
    }
}
