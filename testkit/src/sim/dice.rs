//! Choices that follow from a seed.

/// A small generator of numbers; the seed is all there is to it.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same choices.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A seed for choices that belong to these octets.
    pub fn of(octets: &[u8]) -> Self {
        let fold =
            |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
        Self::new(octets.iter().fold(0xcbf2_9ce4_8422_2325, fold))
    }

    /// The next number (SplitMix64).
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.next_number().checked_rem(end as u64).unwrap_or(0) as usize
    }

    /// True once in so many times.
    pub fn is_one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Octets in a number that is small, or now and then large.
    pub fn octets(&mut self) -> Vec<u8> {
        let scale = *self.pick(&[1, 4, 100, 3_000]);
        let len = self.below(scale);
        (0..len).map(|_| self.next_number() as u8).collect()
    }

    /// These octets in pieces: whole, an octet at a time, or cut anywhere.
    pub fn cut<'a>(&mut self, octets: &'a [u8]) -> Vec<&'a [u8]> {
        let scale = *self.pick(&[1, 2, 7, 40, 1_000]);
        let mut pieces = Vec::new();
        let mut rest = octets;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + self.below(scale)).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}
