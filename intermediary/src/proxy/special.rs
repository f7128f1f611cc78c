// table
//! Addresses that a proxy is not a way to unless somebody says so: those of this machine, of networks that are nobody else's, and
//! of nobody at all (the IANA registries of special-purpose addresses, RFC 6890 and RFC 8190).
//!
//! An address that holds another one is as special as that, however it is wrapped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses that are special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    first: IpAddr,
    prefix: u8,
    /// What its addresses are, as in "a loopback address".
    pub what: &'static str,
}

impl Special {
    /// The block that an address is in, or the address within it.
    #[must_use]
    pub fn of(ip: IpAddr) -> Option<&'static Self> {
        let ip = ip.to_canonical();
        if let Some(inner) = embedded(ip)
            && let Some(special) = Self::of(inner.into())
        {
            return Some(special);
        }
        let mut blocks = BLOCKS.iter();
        blocks.find(|block| block.contains(ip)).or(match ip {
            IpAddr::V6(v6) if !is_global(v6) && embedded(ip).is_none() => Some(&UNASSIGNED),
            _ => None,
        })
    }

    /// Whether a network of this first address and prefix lies within the block.
    pub(crate) fn holds(&self, first: IpAddr, prefix: u8) -> bool {
        prefix >= self.prefix && self.contains(first)
    }

    fn contains(&self, ip: IpAddr) -> bool {
        match (self.first, ip) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                let bits = u32::from(self.prefix);
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                first.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                let bits = u32::from(self.prefix);
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                first.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// The IPv4 address to which octets for an IPv6 address come in the end.
pub(crate) fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = ip else { return None };
    let [.., a, b] = v6.segments();
    let last = || Some(v4(a, b));
    match v6.segments() {
        // Mapped (RFC 4291 §2.5.5.2), and compatible (§2.5.5.1), but not :: and ::1.
        [0, 0, 0, 0, 0, 0xffff, ..] => last(),
        [0, 0, 0, 0, 0, 0, a, b] if (a, b) != (0, 0) && (a, b) != (0, 1) => last(),
        // Translated (RFC 2765 §2.1), and by NAT64 (RFC 6052 §2.1).
        [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => last(),
        // 6to4 (RFC 3056 §2).
        [0x2002, a, b, ..] => Some(v4(a, b)),
        // ISATAP (RFC 5214 §6.1), of whatever prefix.
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => last(),
        _ => None,
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Only 2000::/3 is given out (RFC 4291 §2.4 and the IANA registry of IPv6 address space).
fn is_global(ip: Ipv6Addr) -> bool {
    let [first, ..] = ip.segments();
    first & 0xe000 == 0x2000
}

const fn block4(octets: [u8; 4], prefix: u8, what: &'static str) -> Special {
    let [a, b, c, d] = octets;
    Special {
        first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        prefix,
        what,
    }
}

const fn block6(segments: [u16; 3], prefix: u8, what: &'static str) -> Special {
    let [a, b, c] = segments;
    Special {
        first: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)),
        prefix,
        what,
    }
}

const UNASSIGNED: Special = block6([0, 0, 0], 0, "an address that is given to nobody");

/// Narrower blocks stand before the wider ones that hold them.
const BLOCKS: &[Special] = &[
    block4([0, 0, 0, 0], 8, "an unspecified address"),
    block4([10, 0, 0, 0], 8, "a private address"),
    block4([100, 64, 0, 0], 10, "an address shared behind a carrier"),
    block4([127, 0, 0, 0], 8, "a loopback address"),
    block4([169, 254, 0, 0], 16, "a link-local address"),
    block4([172, 16, 0, 0], 12, "a private address"),
    block4([192, 0, 0, 0], 24, "an address for protocols"),
    block4([192, 0, 2, 0], 24, "an address for documentation"),
    block4([192, 88, 99, 0], 24, "an address of 6to4 relays"),
    block4([192, 168, 0, 0], 16, "a private address"),
    block4([198, 18, 0, 0], 15, "an address for measurements"),
    block4([198, 51, 100, 0], 24, "an address for documentation"),
    block4([203, 0, 113, 0], 24, "an address for documentation"),
    block4([224, 0, 0, 0], 4, "a multicast address"),
    block4([255, 255, 255, 255], 32, "the broadcast address"),
    block4([240, 0, 0, 0], 4, "a reserved address"),
    Special {
        first: IpAddr::V6(Ipv6Addr::LOCALHOST),
        prefix: 128,
        what: "a loopback address",
    },
    Special {
        first: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        prefix: 128,
        what: "an unspecified address",
    },
    block6([0x64, 0xff9b, 1], 48, "an address of a local translator"),
    block6([0x100, 0, 0], 64, "an address that discards"),
    block6([0x2001, 0, 0], 23, "an address for protocols"),
    block6([0x2001, 0xdb8, 0], 32, "an address for documentation"),
    block6([0x3fff, 0, 0], 20, "an address for documentation"),
    block6([0x5f00, 0, 0], 16, "an address of segment routing"),
    block6([0xfc00, 0, 0], 7, "a unique local address"),
    block6([0xfe80, 0, 0], 10, "a link-local address"),
    block6([0xfec0, 0, 0], 10, "a site-local address"),
    block6([0xff00, 0, 0], 8, "a multicast address"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn what(ip: &str) -> Option<&'static str> {
        Special::of(ip.parse().unwrap()).map(|special| special.what)
    }

    #[test]
    fn special_addresses_are_known_by_what_they_are() {
        // table
        for (ip, expected) in [
            ("0.0.0.0", "an unspecified address"),
            ("0.1.2.3", "an unspecified address"),
            ("10.255.0.1", "a private address"),
            ("100.64.0.1", "an address shared behind a carrier"),
            ("100.127.255.255", "an address shared behind a carrier"),
            ("127.0.0.1", "a loopback address"),
            ("127.255.255.254", "a loopback address"),
            ("169.254.169.254", "a link-local address"),
            ("172.31.255.255", "a private address"),
            ("192.0.0.8", "an address for protocols"),
            ("192.168.1.1", "a private address"),
            ("198.19.0.1", "an address for measurements"),
            ("203.0.113.7", "an address for documentation"),
            ("239.1.1.1", "a multicast address"),
            ("255.255.255.255", "the broadcast address"),
            ("240.0.0.1", "a reserved address"),
            ("::", "an unspecified address"),
            ("::1", "a loopback address"),
            ("fd00::1", "a unique local address"),
            ("fe80::1", "a link-local address"),
            ("fec0::1", "a site-local address"),
            ("ff02::1", "a multicast address"),
            ("2001:db8::1", "an address for documentation"),
            ("2001::1", "an address for protocols"),
            ("4000::1", "an address that is given to nobody"),
            ("64:ff9b:1::a00:1", "an address of a local translator"),
        ] {
            assert_eq!(what(ip), Some(expected), "{ip}");
        }
    }

    #[test]
    fn an_address_within_another_is_as_special_as_by_itself() {
        // table
        for ip in [
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::1",
            "2a00::5efe:127.0.0.1",
            "2a00::200:5efe:127.0.0.1",
        ] {
            assert_eq!(what(ip), Some("a loopback address"), "{ip}");
        }
        assert_eq!(what("64:ff9b::8.8.8.8"), None);
        assert_eq!(what("::ffff:8.8.8.8"), None);
        assert_eq!(what("2002:808:808::1"), None);
    }

    #[test]
    fn all_others_are_not_special() {
        // table
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "3ffe::1",
        ] {
            assert_eq!(what(ip), None, "{ip}");
        }
    }
}
