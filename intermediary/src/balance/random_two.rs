//! Two at random, by weights, and of these the one with fewer exchanges: nearly as even as looking at all, and workers that
//! know nothing of each other do not all run to the same server.

use super::{Choice, Key, Policy, hash};

pub(super) static POLICY: Policy = Policy {
    name: "random-two",
    key: Key::None,
    choose: |choice, _| choose(choice),
};

fn choose(choice: &Choice<'_>) -> Option<usize> {
    let first = choice.at_random(choice.random, None)?;
    let other = choice.at_random(hash::mixed(choice.random), Some(first));
    let load = |place: usize| {
        let server = choice.servers.get(place)?;
        Some((u64::from(server.connections) + 1, u64::from(server.weight)))
    };
    let Some(((own, weight), (others, other_weight))) = load(first).zip(other.and_then(load))
    else {
        return Some(first);
    };
    let is_other_lighter = others.saturating_mul(weight) < own.saturating_mul(other_weight);
    other.filter(|_| is_other_lighter).or(Some(first))
}
