//! Rendezvous hashing: each server has a score for a key, and the best one is asked. When a server comes or goes, only the
//! keys that it has change theirs.

use super::Choice;

/// The candidate with the best score, by weights: the chance of each is its share of the sum.
pub(super) fn choose(choice: &Choice<'_>) -> Option<usize> {
    let score = |identity: u64, weight: u32| {
        // An exponential variable of rate `weight`: the least of several is each one's with the chance of its weight.
        let uniform = (mixed(choice.key ^ mixed(identity)) >> 11) as f64 + 0.5;
        -(uniform / (1_u64 << 53) as f64).ln() / f64::from(weight)
    };
    let scored = choice
        .candidates()
        .map(|(place, server)| (score(server.identity, server.weight), place));
    scored
        .min_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, place)| place)
}

/// A number of which each bit depends on all bits of the given one (splitmix64).
pub(crate) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The same octets give the same number on every worker and after every start.
pub(super) fn of(octets: &[u8]) -> u64 {
    let fnv = octets
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
        });
    mixed(fnv)
}
