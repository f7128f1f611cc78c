//! What a recipient refuses, and the named switches that let more pass.

use semantics::{Anomalies, Limits};

/// What a machine refuses, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A message with any of these is refused.
    pub refuse: Anomalies,
    /// Sizes and times.
    pub limits: Limits,
    /// Empty lines that are skipped before a start line (RFC 9112 §2.2); more are refused.
    pub blank_lines_max: usize,
}

/// Leniencies, each off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leniency {
    /// Both Transfer-Encoding and Content-Length: the length is dropped, the connection closes after the answer
    /// (RFC 9112 §6.1).
    pub allow_cl_with_te: bool,
    /// A bare LF ends a line of a head (RFC 9112 §2.2); never of a chunk.
    pub allow_bare_lf_head: bool,
    /// Equal Content-Length values count as one (RFC 9112 §6.3, rule 5).
    pub collapse_equal_cl: bool,
    /// Continued field lines are joined by SP (RFC 9112 §5.2).
    pub unfold_requests: bool,
    /// Controls other than NUL, CR and LF may stand in values (RFC 9110 §5.5).
    pub allow_ctl_values: bool,
    /// Several SP or HTAB may part a request line (RFC 9112 §3).
    pub allow_multi_space: bool,
    /// HTTP/1.1 without Host reaches the default site.
    pub allow_missing_host: bool,
    /// Stricter: what browsers send raw in targets is refused too.
    pub strict_target: bool,
}

/// Leniencies towards responses, each off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamLeniency {
    /// `chunked` applied twice by name counts as once (RFC 9112 §6.1).
    pub allow_dup_chunked: bool,
    /// Equal Content-Length values count as one (RFC 9112 §6.3, rule 5).
    pub collapse_equal_cl: bool,
    /// Both Transfer-Encoding and Content-Length: the length is dropped, the connection closes (RFC 9112 §6.1).
    pub allow_cl_with_te: bool,
    /// A bare LF ends a line of a head (RFC 9112 §2.2); never of a chunk.
    pub allow_bare_lf_head: bool,
}

/// Reported and never refused by a server: each is allowed, or answered by a handler.
const INFORMATIVE: Anomalies = Anomalies::BLANK_LINES
    .union(Anomalies::VALUE_OBS_TEXT)
    .union(Anomalies::TARGET_UNWISE)
    .union(Anomalies::TARGET_ESCAPE)
    .union(Anomalies::CHUNK_EXTENSION)
    .union(Anomalies::TRAILERS)
    .union(Anomalies::UPGRADE)
    .union(Anomalies::CONNECTION_MALFORMED);

impl Policy {
    /// RFC 9112 without any of the leniencies that it permits.
    pub fn strict() -> Self {
        Self::with(Leniency::default(), 2, Limits::default())
    }

    /// Strict but for what `leniency` lets pass.
    pub fn with(leniency: Leniency, blank_lines_max: usize, limits: Limits) -> Self {
        let switches = [
            (leniency.allow_cl_with_te, Anomalies::FRAMING_CONFLICT),
            (leniency.allow_bare_lf_head, Anomalies::BARE_LF),
            (leniency.collapse_equal_cl, Anomalies::LENGTH_REPEATED),
            (leniency.unfold_requests, Anomalies::OBS_FOLD),
            (leniency.allow_ctl_values, Anomalies::VALUE_CTL),
            (leniency.allow_multi_space, Anomalies::SPACES_EXTRA),
            (leniency.allow_missing_host, Anomalies::HOST_MISSING),
        ];
        let mut refuse = Anomalies::ALL.without(INFORMATIVE);
        for (is_on, anomaly) in switches {
            if is_on {
                refuse = refuse.without(anomaly);
            }
        }
        if leniency.strict_target {
            refuse.insert(Anomalies::TARGET_UNWISE);
        }
        Self {
            refuse,
            limits,
            blank_lines_max,
        }
    }

    /// What a client refuses: RFC 9112 without leniencies, but for what a recipient of responses must repair, white
    /// space before a colon (RFC 9112 §5.1) and continued lines (RFC 9112 §5.2). Content has no limit.
    pub fn responses() -> Self {
        Self::responses_with(UpstreamLeniency::default())
    }

    /// As [`Policy::responses`] but for what `leniency` lets pass.
    pub fn responses_with(leniency: UpstreamLeniency) -> Self {
        let switches = [
            (leniency.allow_dup_chunked, Anomalies::CHUNKED_REPEATED),
            (leniency.collapse_equal_cl, Anomalies::LENGTH_REPEATED),
            (leniency.allow_cl_with_te, Anomalies::FRAMING_CONFLICT),
            (leniency.allow_bare_lf_head, Anomalies::BARE_LF),
        ];
        let mut refuse = Anomalies::ALL
            .without(INFORMATIVE)
            .without(Anomalies::SPACE_BEFORE_COLON.union(Anomalies::OBS_FOLD));
        for (is_on, anomaly) in switches {
            if is_on {
                refuse = refuse.without(anomaly);
            }
        }
        let limits = Limits {
            content_octets_max: u64::MAX,
            ..Limits::default()
        };
        Self {
            refuse,
            limits,
            // RFC 9112 §2.2 lets servers skip empty lines, not clients.
            blank_lines_max: 0,
        }
    }

    /// Refuses nothing that can be read on from: for observers.
    pub fn observe() -> Self {
        let limits = Limits {
            head_octets_max: 1 << 20,
            target_octets_max: 1 << 20,
            field_lines_max: 10_000,
            chunk_extensions_octets_max: u64::MAX,
            content_octets_max: u64::MAX,
            ..Limits::default()
        };
        Self {
            refuse: Anomalies::NONE,
            limits,
            blank_lines_max: usize::MAX,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::strict()
    }
}
