//! The server with the fewest exchanges for its weight.

use super::{Key, Policy};

pub(super) static POLICY: Policy = Policy {
    name: "least-connections",
    key: Key::None,
    choose: |choice, _| choice.cheapest(|server| u64::from(server.connections) + 1),
};
