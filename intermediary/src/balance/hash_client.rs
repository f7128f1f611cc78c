//! The same server for the same client.

use std::net::IpAddr;

use super::{Key, Policy, hash};

pub(super) static POLICY: Policy = Policy {
    name: "hash-client",
    key: Key::Client,
    choose: |choice, _| hash::choose(choice),
};

/// The key of a client: its address, of IPv6 the network alone, since a host there has many addresses (RFC 8981). Who has no
/// address is one client.
#[must_use]
pub fn key_of_client(client: Option<IpAddr>) -> u64 {
    match client.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => hash::of(&ip.octets()),
        Some(IpAddr::V6(ip)) => hash::of(&(ip.to_bits() >> 64).to_be_bytes()),
        None => hash::of(b""),
    }
}
