//! The same server for the same target, so that each keeps its share of what is asked for in memory.

use super::{Key, Policy, hash};

pub(super) static POLICY: Policy = Policy {
    name: "hash-target",
    key: Key::Target,
    choose: |choice, _| hash::choose(choice),
};

/// The key of a host and a target, as the server is asked for them; the case of a host means nothing (RFC 9110 §4.2.3).
#[must_use]
pub fn key_of_target(host: &[u8], target: &[u8]) -> u64 {
    let host = host.iter().map(u8::to_ascii_lowercase);
    let both: Vec<u8> = host.chain([0]).chain(target.iter().copied()).collect();
    hash::of(&both)
}
