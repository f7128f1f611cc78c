//! What a parser saw and found odd. Parsers report, policies refuse.

use std::fmt;

/// A set of named oddities of one message.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Anomalies(u64);

macro_rules! anomalies {
    ($($bit:literal $name:ident $text:literal $status:literal $rule:literal $sentence:literal;)*) => {
        impl Anomalies {
            $(#[doc = concat!($sentence, " (", $rule, ").")] pub const $name: Self = Self(1 << $bit);)*
            const TABLE: &'static [Row] = &[$(Row {
                anomaly: Self::$name, name: $text, status: $status, rule: $rule, sentence: $sentence
            },)*];
        }
    };
}

// table: where several are refused, the first row is the one that is told.
anomalies! {
    22 VERSION_MAJOR "version-major" 505 "RFC 9110 §15.6.6" "A major version other than 1";
    0 BARE_LF "bare-lf" 400 "RFC 9112 §2.2" "A line of the head ends in LF without CR";
    1 BARE_CR "bare-cr" 400 "RFC 9112 §2.2" "A CR that is not followed by LF";
    2 OBS_FOLD "obs-fold" 400 "RFC 9112 §5.2" "A field line is continued on the next line";
    3 SPACE_BEFORE_COLON "space-before-colon" 400 "RFC 9112 §5.1" "White space between field name and colon";
    9 LEADING_SPACE "leading-space" 400 "RFC 9112 §2.2" "White space between start line and first field line";
    4 NO_COLON "no-colon" 400 "RFC 9112 §5" "A field line without a colon";
    5 NAME_NOT_TOKEN "name-not-token" 400 "RFC 9110 §5.1" "A field name that is empty or no token";
    6 VALUE_CTL "value-ctl" 400 "RFC 9110 §5.5" "A control character in a field value other than HTAB";
    7 VALUE_NUL "value-nul" 400 "RFC 9110 §5.5" "A NUL in a field value";
    8 VALUE_OBS_TEXT "value-obs-text" 400 "RFC 9110 §5.5" "Octets above 0x7F in a field value";
    10 BLANK_LINES "blank-lines" 400 "RFC 9112 §2.2" "Empty lines before the start line";
    11 BLANK_LINES_MANY "blank-lines-many" 400 "RFC 9112 §2.2" "More empty lines before the start line than are skipped";
    12 METHOD_NOT_TOKEN "method-not-token" 400 "RFC 9112 §3.1" "A method that is empty or no token";
    13 SPACES_EXTRA "spaces-extra" 400 "RFC 9112 §3" "Start line not separated by exactly one SP";
    14 TARGET_CTL "target-ctl" 400 "RFC 9112 §3.2" "A control character or SP in the target";
    15 TARGET_NON_ASCII "target-non-ascii" 400 "RFC 3986 §2" "Octets above 0x7F in the target";
    16 TARGET_DELIMITER "target-delimiter" 400 "RFC 3986 §2" "One of `\" < > \\` in the target";
    17 TARGET_UNWISE "target-unwise" 400 "RFC 3986 §2" "One of `{ } | ^ [ ]` or a grave accent in the target, as browsers send in queries";
    18 TARGET_EMPTY "target-empty" 400 "RFC 9112 §3.2" "No target";
    19 TARGET_FORM "target-form" 400 "RFC 9112 §3.2" "A target of none of the four forms, or of a form that the method does not allow";
    20 TARGET_FRAGMENT "target-fragment" 400 "RFC 9112 §3.2" "A `#` in the target";
    21 VERSION_MALFORMED "version-malformed" 400 "RFC 9112 §2.3" "The version is not `HTTP/` DIGIT `.` DIGIT";
    23 VERSION_MISSING "version-missing" 400 "RFC 9112 §3" "A request line of method and target alone, as HTTP/0.9 had it";
    24 HOST_MISSING "host-missing" 400 "RFC 9112 §3.2" "No Host in HTTP/1.1";
    25 HOST_REPEATED "host-repeated" 400 "RFC 9112 §3.2" "More than one Host line";
    26 HOST_INVALID "host-invalid" 400 "RFC 9110 §7.2" "A Host that is not uri-host [\":\" port]";
    27 LENGTH_INVALID "length-invalid" 400 "RFC 9112 §6.3, rule 5" "A Content-Length that is not all digits, or overflows";
    28 LENGTH_REPEATED "length-repeated" 400 "RFC 9112 §6.3, rule 5" "Content-Length stands twice with one value";
    29 LENGTH_CONFLICT "length-conflict" 400 "RFC 9112 §6.3, rule 5" "Two Content-Length values that differ";
    30 CODING_UNKNOWN "coding-unknown" 501 "RFC 9112 §6.1" "A transfer coding that is not known";
    31 CODING_MALFORMED "coding-malformed" 400 "RFC 9112 §6.1" "A Transfer-Encoding that does not parse";
    32 CHUNKED_NOT_FINAL "chunked-not-final" 400 "RFC 9112 §6.3, rule 4" "A request's transfer codings do not end in chunked";
    33 CHUNKED_REPEATED "chunked-repeated" 400 "RFC 9112 §6.1" "Chunked is applied more than once";
    34 FRAMING_CONFLICT "framing-conflict" 400 "RFC 9112 §6.1" "Both Transfer-Encoding and Content-Length";
    35 CODING_IN_10 "coding-in-10" 400 "RFC 9112 §6.1" "Transfer-Encoding in HTTP/1.0";
    36 CHUNK_SIZE_INVALID "chunk-size-invalid" 400 "RFC 9112 §7.1" "A chunk size that is not hexadecimal, or overflows";
    37 CHUNK_EXTENSION "chunk-extension" 400 "RFC 9112 §7.1.1" "A chunk extension";
    38 CHUNK_EXTENSION_INVALID "chunk-extension-invalid" 400 "RFC 9112 §7.1.1" "A chunk extension that does not follow the grammar";
    39 CHUNK_BARE_LF "chunk-bare-lf" 400 "RFC 9112 §7.1" "A line of the chunked coding ends in LF without CR";
    40 CHUNK_END_INVALID "chunk-end-invalid" 400 "RFC 9112 §7.1" "Chunk data is not followed by CRLF";
    41 TRAILERS "trailers" 400 "RFC 9110 §6.5" "A trailer section";
    42 STATUS_LINE_INVALID "status-line-invalid" 400 "RFC 9112 §4" "A status line that does not follow the grammar";
    43 UPGRADE "upgrade" 400 "RFC 9110 §7.8" "An Upgrade field";
    44 EXPECT_UNKNOWN "expect-unknown" 417 "RFC 9110 §10.1.1" "An expectation other than 100-continue";
    45 TARGET_AUTHORITY "target-authority" 400 "RFC 9110 §4.2.4" "An absolute-form target whose authority is not valid or carries userinfo";
    46 CONNECTION_MALFORMED "connection-malformed" 400 "RFC 9110 §7.6.1" "A Connection option that is no token";
    47 TARGET_ESCAPE "target-escape" 400 "RFC 3986 §2.1" "A `%` in the target that two hexadecimal digits do not follow";
    49 CONNECT_CONTENT "connect-content" 400 "RFC 9110 §9.3.6" "A CONNECT that announces content: what follows its head is the tunnel's";
    48 CHUNK_SPACE "chunk-space" 400 "RFC 9112 §7.1" "White space around a chunk size";
}

impl Anomalies {
    /// Every oddity.
    pub const ALL: Self = Self(u64::MAX);
    /// No oddity.
    pub const NONE: Self = Self(0);

    /// Whether nothing odd was seen.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are in the set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in the set.
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

    /// The members that are in both sets.
    #[inline]
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Adds `other`.
    #[inline]
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The names of the members, in the order of the table.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.rows().map(|row| row.name)
    }

    /// The single members, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Self> {
        self.rows().map(|row| row.anomaly)
    }

    /// The anomaly of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.anomaly)
    }

    /// The first member's name, status of a refusal, rule, and sentence; `None` for the empty set.
    pub(crate) fn first_row(self) -> Option<&'static Row> {
        Self::TABLE.iter().find(|row| self.contains(row.anomaly))
    }

    fn rows(self) -> impl Iterator<Item = &'static Row> {
        Self::TABLE
            .iter()
            .filter(move |row| self.contains(row.anomaly))
    }
}

/// A line of the table of anomalies.
#[derive(Debug)]
pub(crate) struct Row {
    anomaly: Anomalies,
    pub(crate) name: &'static str,
    pub(crate) status: u16,
    pub(crate) rule: &'static str,
    pub(crate) sentence: &'static str,
}

impl fmt::Debug for Anomalies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
