//! One after the other, by weights, and no server twice in a row where its weight does not ask for it.
//!
//! With every choice each candidate gets its weight, and the one that has most pays the sum of all.

use super::{Choice, Key, Policy};

pub(super) static POLICY: Policy = Policy {
    name: "round-robin",
    key: Key::None,
    choose,
};

fn choose(choice: &Choice<'_>, turns: &mut Vec<i64>) -> Option<usize> {
    if turns.len() != choice.servers.len() {
        turns.clear();
        turns.resize(choice.servers.len(), 0);
    }
    let mut sum = 0_i64;
    let mut best: Option<(usize, i64)> = None;
    for (place, server) in choice.candidates() {
        let turn = turns.get_mut(place)?;
        let weight = i64::from(server.weight);
        *turn = turn.saturating_add(weight);
        sum = sum.saturating_add(weight);
        if best.is_none_or(|(_, most)| *turn > most) {
            best = Some((place, *turn));
        }
    }
    let (place, _) = best?;
    *turns.get_mut(place)? -= sum;
    Some(place)
}
