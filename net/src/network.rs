//! Networks of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of addresses in prefix notation, as `192.0.2.0/24` (RFC 4632 §3.1) or `2001:db8::/32` (RFC 4291 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError {
    message: String,
    suggestion: String,
}

impl Network {
    /// Whether the address lies in the block. An IPv4 address that came to an IPv6 socket counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(address)) => {
                mask4(block, self.prefix) == mask4(address, self.prefix)
            }
            (IpAddr::V6(block), IpAddr::V6(address)) => {
                mask6(block, self.prefix) == mask6(address, self.prefix)
            }
            _ => false,
        }
    }
}

impl Network {
    /// Whether every address of its version lies in it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.prefix == 0
    }

    /// Its first address.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        self.address
    }

    /// The bits that its addresses share.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }
}

fn mask4(address: Ipv4Addr, prefix: u8) -> u32 {
    address.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask6(address: Ipv6Addr, prefix: u8) -> u128 {
    address.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |message: String, suggestion: String| NetworkError {
            message,
            suggestion,
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(error(
                format!("\"{}\" is no network", text.escape_debug()),
                "write an address and the length of its prefix, as 192.0.2.0/24 or 2001:db8::/32"
                    .to_owned(),
            ));
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) => match digits.parse::<u8>() {
                Ok(prefix) if prefix <= longest && digits.bytes().all(|d| d.is_ascii_digit()) => {
                    prefix
                }
                _ => {
                    return Err(error(
                        format!("\"{}\" has no such prefix", text.escape_debug()),
                        format!("its length is from 0 to {longest}"),
                    ));
                }
            },
        };
        let first: IpAddr = match address {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(mask4(v4, prefix)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(mask6(v6, prefix)).into(),
        };
        if first != address {
            return Err(error(
                format!("\"{text}\" names an address within a network"),
                format!("write {first}/{prefix} for the network, or {address} for that address"),
            ));
        }
        Ok(
            match (address.to_canonical(), prefix.checked_sub(MAPPED_PREFIX)) {
                // Addresses are compared as what they are, so a block of mapped ones is one of IPv4.
                (v4 @ IpAddr::V4(_), Some(prefix)) if address.is_ipv6() => Self {
                    address: v4,
                    prefix,
                },
                _ => Self { address, prefix },
            },
        )
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl NetworkError {
    /// What to write instead.
    #[must_use]
    pub fn suggestion(&self) -> &str {
        &self.suggestion
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NetworkError {}

/// Bits before the IPv4 address in a mapped one (RFC 4291 §2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(address: &str, network: &str) -> bool {
        let network: Network = network.parse().unwrap();
        network.contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_the_addresses_with_its_prefix() {
        assert!(is_in("192.0.2.200", "192.0.2.0/24"));
        assert!(!is_in("192.0.3.1", "192.0.2.0/24"));
        assert!(is_in("203.0.113.9", "0.0.0.0/0"));
        assert!(is_in("2001:db8:1::2", "2001:db8::/32"));
        assert!(!is_in("2001:db9::1", "2001:db8::/32"));
        assert!(is_in("2001:db9::1", "::/0"));
        assert!(!is_in("192.0.2.1", "::/0"));
    }

    #[test]
    fn a_network_without_a_prefix_is_one_address() {
        assert!(is_in("192.0.2.1", "192.0.2.1"));
        assert!(!is_in("192.0.2.2", "192.0.2.1"));
    }

    #[test]
    fn a_mapped_address_is_in_the_network_of_ipv4() {
        assert!(is_in("::ffff:192.0.2.1", "192.0.2.0/24"));
    }

    #[test]
    fn a_network_of_mapped_addresses_is_one_of_ipv4() {
        assert!(is_in("192.0.2.1", "::ffff:192.0.2.0/120"));
        assert!(is_in("::ffff:192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!is_in("192.0.3.1", "::ffff:192.0.2.0/120"));
        assert!(is_in("203.0.113.9", "::ffff:0:0/96"));
        assert!(!is_in("2001:db8::1", "::ffff:0:0/96"));
        let network: Network = "::ffff:192.0.2.0/120".parse().unwrap();
        assert_eq!(network.to_string(), "192.0.2.0/24");
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_to_write() {
        for text in [
            "",
            "a",
            "192.0.2.0/33",
            "192.0.2.0/+8",
            "192.0.2.0/",
            "::/129",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        let error = "192.0.2.1/24".parse::<Network>().unwrap_err();
        assert_eq!(
            error.suggestion(),
            "write 192.0.2.0/24 for the network, or 192.0.2.1 for that address"
        );
    }
}
