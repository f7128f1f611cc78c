//! Protocol versions (RFC 9110 §2.5).

use std::fmt;

/// The version named in a message's start line, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Digits before the dot.
    pub major: u8,
    /// Digits after the dot.
    pub minor: u8,
}

impl Version {
    /// HTTP/1.0.
    pub const HTTP_10: Self = Self { major: 1, minor: 0 };
    /// HTTP/1.1.
    pub const HTTP_11: Self = Self { major: 1, minor: 1 };

    /// Exactly `HTTP/` DIGIT `.` DIGIT (RFC 9112 §2.3); the name is case-sensitive.
    #[inline]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] = octets else {
            return None;
        };
        if !major.is_ascii_digit() || !minor.is_ascii_digit() {
            return None;
        }
        Some(Self {
            major: major - b'0',
            minor: minor - b'0',
        })
    }

    /// Whether rules of HTTP/1.1 apply: 1.1 and every later minor version (RFC 9110 §2.5).
    #[inline]
    pub fn is_at_least_11(self) -> bool {
        self >= Self::HTTP_11
    }

    /// The spelling used in logs, such as `HTTP/1.1`.
    pub fn name(self) -> &'static str {
        match (self.major, self.minor) {
            (1, 0) => "HTTP/1.0",
            (1, 1) => "HTTP/1.1",
            (1, _) => "HTTP/1.x",
            (2, _) => "HTTP/2",
            (3, _) => "HTTP/3",
            _ => "HTTP/?",
        }
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::HTTP_11
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP/{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_digit_a_side_is_a_version() {
        assert_eq!(Version::from_octets(b"HTTP/1.1"), Some(Version::HTTP_11));
        for bad in [
            &b"HTTP/1.10"[..],
            b"http/1.1",
            b"HTTP/11",
            b"HTTP/1.",
            b"HTTP/1.a",
            b"",
            b"HTTP/01.1",
            b"HTTP/ 1.1",
        ] {
            assert_eq!(Version::from_octets(bad), None);
        }
    }
}
