//! Field names with an id (RFC 9110 §5.1 and the IANA registry).

#![expect(
    clippy::indexing_slicing,
    reason = "tables made by the compiler, with indices that a mask or their own length bounds"
)]

/// Widest name in the table, in octets; the lookup compares this many octets at most.
pub(crate) const NAME_OCTETS_MAX: usize = 32;

macro_rules! known {
    ($($variant:ident $name:literal;)*) => {
        /// A field whose name is known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Known { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl Known {
            /// All of them, in the order of their ids.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            const NAMES: &'static [&'static str] = &[$($name,)*];
        }
    };
}

// table sorted
known! {
    Accept "Accept";
    AcceptCharset "Accept-Charset";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AcceptRanges "Accept-Ranges";
    AccessControlRequestHeaders "Access-Control-Request-Headers";
    AccessControlRequestMethod "Access-Control-Request-Method";
    Age "Age";
    Allow "Allow";
    AltSvc "Alt-Svc";
    Alternates "Alternates";
    Authorization "Authorization";
    CacheControl "Cache-Control";
    CacheStatus "Cache-Status";
    Connection "Connection";
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding";
    ContentLanguage "Content-Language";
    ContentLength "Content-Length";
    ContentLocation "Content-Location";
    ContentRange "Content-Range";
    ContentSecurityPolicy "Content-Security-Policy";
    ContentType "Content-Type";
    Cookie "Cookie";
    Date "Date";
    Dnt "DNT";
    ETag "ETag";
    Expect "Expect";
    Expires "Expires";
    Forwarded "Forwarded";
    From "From";
    Host "Host";
    Http2Settings "HTTP2-Settings";
    IfMatch "If-Match";
    IfModifiedSince "If-Modified-Since";
    IfNoneMatch "If-None-Match";
    IfRange "If-Range";
    IfUnmodifiedSince "If-Unmodified-Since";
    KeepAlive "Keep-Alive";
    LastModified "Last-Modified";
    Link "Link";
    Location "Location";
    MaxForwards "Max-Forwards";
    Negotiate "Negotiate";
    Origin "Origin";
    Pragma "Pragma";
    Priority "Priority";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyConnection "Proxy-Connection";
    Range "Range";
    Referer "Referer";
    RetryAfter "Retry-After";
    SecFetchDest "Sec-Fetch-Dest";
    SecFetchMode "Sec-Fetch-Mode";
    SecFetchSite "Sec-Fetch-Site";
    SecFetchUser "Sec-Fetch-User";
    Server "Server";
    SetCookie "Set-Cookie";
    StrictTransportSecurity "Strict-Transport-Security";
    Tcn "TCN";
    Te "TE";
    Trailer "Trailer";
    TransferEncoding "Transfer-Encoding";
    Upgrade "Upgrade";
    UpgradeInsecureRequests "Upgrade-Insecure-Requests";
    UserAgent "User-Agent";
    Vary "Vary";
    Via "Via";
    WwwAuthenticate "WWW-Authenticate";
    XContentTypeOptions "X-Content-Type-Options";
    XForwardedFor "X-Forwarded-For";
    XForwardedHost "X-Forwarded-Host";
    XForwardedProto "X-Forwarded-Proto";
    XRequestedWith "X-Requested-With";
}

impl Known {
    /// The usual spelling.
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }

    /// The field of this name, compared without case.
    #[inline]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        if name.len() > NAME_OCTETS_MAX {
            return None;
        }
        let mut block = [0; NAME_OCTETS_MAX];
        block.get_mut(..name.len())?.copy_from_slice(name);
        Self::from_block(&block, name.len())
    }

    /// The field whose name is the first `len` octets of `block`; what follows them does not matter.
    ///
    /// A hit proves that the octets are a token, so that a parser need not look at them again.
    #[inline]
    pub fn from_block(block: &[u8; NAME_OCTETS_MAX], len: usize) -> Option<Self> {
        let [first, second] = *MASKS.get(len)?;
        let words = [
            word(block, 0),
            word(block, 1),
            word(block, 2),
            word(block, 3),
        ];
        let id = TABLE[hash(words[0] & first, words[1] & second, len)];
        let entry = ENTRIES.get(id as usize)?;
        if entry.len as usize != len {
            return None;
        }
        let differs = |i: usize| (words[i] ^ entry.name[i]) & entry.compare[i];
        let mut difference = differs(0) | differs(1);
        if len > 16 {
            difference |= differs(2) | differs(3);
        }
        if difference == 0 {
            Self::ALL.get(id as usize).copied()
        } else {
            None
        }
    }
}

struct Entry {
    /// The canonical name, eight octets a word.
    name: [u64; 4],
    /// The bits that must be equal: all bits of the name's octets but the case bit of letters.
    compare: [u64; 4],
    len: u8,
}

const COUNT: usize = Known::NAMES.len();
const SLOTS: usize = 1024;
/// Found by search so that no two names share a slot; a test and the compiler check it.
const MULTIPLIER: u64 = find_multiplier();
const ENTRIES: [Entry; COUNT] = entries();
static TABLE: [u8; SLOTS] = table();
/// The first two masks of every length.
static MASKS: [[u64; 2]; NAME_OCTETS_MAX + 1] = masks();

/// Word `index` of the block, first octet lowest.
#[inline(always)]
const fn word(block: &[u8; NAME_OCTETS_MAX], index: usize) -> u64 {
    let i = index * 8;
    u64::from_le_bytes([
        block[i],
        block[i + 1],
        block[i + 2],
        block[i + 3],
        block[i + 4],
        block[i + 5],
        block[i + 6],
        block[i + 7],
    ])
}

/// Ones over the octets of word `index` that belong to a name of `len` octets.
#[inline(always)]
const fn mask(len: usize, index: usize) -> u64 {
    let octets = len.saturating_sub(index * 8);
    if octets >= 8 {
        u64::MAX
    } else {
        (1 << (octets * 8)) - 1
    }
}

#[inline(always)]
const fn hash_with(first: u64, second: u64, len: usize, multiplier: u64) -> usize {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let mixed = (first | LOWER) ^ (second | LOWER).rotate_left(23) ^ ((len as u64) << 58);
    (mixed.wrapping_mul(multiplier) >> 54) as usize
}

#[inline(always)]
fn hash(first: u64, second: u64, len: usize) -> usize {
    hash_with(first, second, len, MULTIPLIER)
}

const fn block_of(name: &str) -> [u8; NAME_OCTETS_MAX] {
    let octets = name.as_bytes();
    let mut block = [0; NAME_OCTETS_MAX];
    let mut i = 0;
    while i < octets.len() {
        block[i] = octets[i];
        i += 1;
    }
    block
}

const fn slot_of(name: &str, multiplier: u64) -> usize {
    let block = block_of(name);
    let len = name.len();
    hash_with(
        word(&block, 0) & mask(len, 0),
        word(&block, 1) & mask(len, 1),
        len,
        multiplier,
    )
}

const fn find_multiplier() -> u64 {
    let mut candidate: u64 = 0x9e37_79b9_7f4a_7c15;
    loop {
        let mut used = [false; SLOTS];
        let mut i = 0;
        while i < COUNT {
            let slot = slot_of(Known::NAMES[i], candidate);
            if used[slot] {
                break;
            }
            used[slot] = true;
            i += 1;
        }
        if i == COUNT {
            return candidate;
        }
        candidate = candidate.wrapping_mul(0xd129_0d3b_4a95_1d05) | 1;
    }
}

const fn masks() -> [[u64; 2]; NAME_OCTETS_MAX + 1] {
    let mut masks = [[0; 2]; NAME_OCTETS_MAX + 1];
    let mut len = 0;
    while len <= NAME_OCTETS_MAX {
        masks[len] = [mask(len, 0), mask(len, 1)];
        len += 1;
    }
    masks
}

const fn table() -> [u8; SLOTS] {
    let mut table = [u8::MAX; SLOTS];
    let mut i = 0;
    while i < COUNT {
        table[slot_of(Known::NAMES[i], MULTIPLIER)] = i as u8;
        i += 1;
    }
    table
}

const fn entries() -> [Entry; COUNT] {
    let mut entries = [const {
        Entry {
            name: [0; 4],
            compare: [0; 4],
            len: 0,
        }
    }; COUNT];
    let mut i = 0;
    while i < COUNT {
        let block = block_of(Known::NAMES[i]);
        let len = Known::NAMES[i].len();
        let mut compare = [0u8; NAME_OCTETS_MAX];
        let mut j = 0;
        while j < len {
            compare[j] = if block[j].is_ascii_alphabetic() {
                !0x20
            } else {
                0xff
            };
            j += 1;
        }
        let mut k = 0;
        while k < 4 {
            entries[i].name[k] = word(&block, k);
            entries[i].compare[k] = word(&compare, k);
            k += 1;
        }
        entries[i].len = len as u8;
        i += 1;
    }
    entries
}

/// A set of known fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u128);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// The set of these fields.
    pub const fn of(fields: &[Known]) -> Self {
        let mut set = 0;
        let mut i = 0;
        while i < fields.len() {
            set |= 1 << (fields[i] as u32);
            i += 1;
        }
        Self(set)
    }

    /// Whether the field is in the set.
    #[inline]
    pub const fn contains(self, field: Known) -> bool {
        self.0 >> (field as u32) & 1 == 1
    }

    /// Whether any field is in both sets.
    #[inline]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    #[inline]
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members of this set that are not in `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Adds a field.
    #[inline]
    pub fn insert(&mut self, field: Known) {
        self.0 |= 1 << (field as u32);
    }

    /// Removes a field.
    #[inline]
    pub fn remove(&mut self, field: Known) {
        self.0 &= !(1 << (field as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for &field in Known::ALL {
            let name = field.name();
            assert_eq!(Known::from_name(name.as_bytes()), Some(field), "{name}");
            assert_eq!(
                Known::from_name(name.to_uppercase().as_bytes()),
                Some(field)
            );
            assert_eq!(
                Known::from_name(name.to_lowercase().as_bytes()),
                Some(field)
            );
        }
    }

    #[test]
    fn one_changed_octet_is_never_the_field() {
        for &field in Known::ALL {
            let name = field.name().as_bytes();
            for i in 0..name.len() {
                for octet in 0..=255u8 {
                    if octet.eq_ignore_ascii_case(&name[i]) {
                        continue;
                    }
                    let mut other = name.to_vec();
                    other[i] = octet;
                    assert_ne!(Known::from_name(&other), Some(field), "{other:?}");
                }
            }
        }
    }

    #[test]
    fn names_of_other_lengths_are_unknown() {
        for name in [
            &b""[..],
            b"Hos",
            b"Hostt",
            b"Content-Lengthx",
            &[b'a'; 33],
            &[b'a'; 200],
        ] {
            assert_eq!(Known::from_name(name), None);
        }
    }

    #[test]
    fn the_table_fits_the_set() {
        const { assert!(COUNT <= 128 && COUNT < u8::MAX as usize) };
    }
}
