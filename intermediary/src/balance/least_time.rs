//! The server from which an answer is expected first: what one took before, times the exchanges that wait there.

use super::{Choice, Key, Policy};

pub(super) static POLICY: Policy = Policy {
    name: "least-time",
    key: Key::None,
    choose: |choice, _| choose(choice),
};

fn choose(choice: &Choice<'_>) -> Option<usize> {
    // One that was not asked yet counts as the quickest of the others, not as one that takes no time.
    let known = choice.candidates().map(|(_, server)| server.micros);
    let quickest = known.filter(|micros| *micros > 0).min().unwrap_or(1);
    choice.cheapest(|server| {
        let micros = match server.micros {
            0 => quickest,
            micros => micros,
        };
        u64::from(micros).saturating_mul(u64::from(server.connections) + 1)
    })
}
