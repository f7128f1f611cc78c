//! What a peer can make grow, and how far.

/// The limits of a server. Sizes in octets, times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A whole head: start line, field lines and the empty line. Over it: 431.
    pub head_octets_max: usize,
    /// A request target. Over it: 414.
    pub target_octets_max: usize,
    /// Field lines of a head; also of a trailer section. Over it: 431.
    pub field_lines_max: usize,
    /// Content of a request. Over it: 413.
    pub content_octets_max: u64,
    /// Unwanted content that is read and dropped to keep a connection. Over it the connection is closed.
    pub discard_octets_max: u64,
    /// Octets of one chunk's size line with extensions. Over it: 400.
    pub chunk_line_octets_max: usize,
    /// Chunk extension octets of one message together. Over it: 400.
    pub chunk_extensions_octets_max: u64,
    /// From the first octet of a head (or the connection's start) to its end. Over it: 408.
    pub head_millis_max: u64,
    /// Silence between exchanges. Over it the connection is closed.
    pub idle_millis_max: u64,
    /// Requests on one connection; 0 is unlimited.
    pub requests_max: u32,
    /// Age of a connection; 0 is unlimited. Reached: the connection closes after the exchange.
    pub age_millis_max: u64,
    /// Slowest rate of content received, a second, after the grace. Below it: 408.
    pub receive_octets_per_second_min: u64,
    /// Slowest rate of an answer transmitted, a second, after the grace. Below it the connection is reset.
    pub transmit_octets_per_second_min: u64,
    /// Time before the slowest rates count.
    pub rate_grace_millis: u64,
    /// How long octets are still read after the last answer of a connection that we close (RFC 9112 §9.6).
    pub linger_millis_max: u64,
    /// Silence that ends it before.
    pub linger_silence_millis_max: u64,
    /// How many octets are still read then.
    pub linger_octets_max: u64,
    /// Silence in both directions of a tunnel. Over it both ends are reset.
    pub tunnel_idle_millis_max: u64,
    /// Content in flight between connection and handler.
    pub window_octets: usize,
    /// Connections in all.
    pub connections_max: usize,
    /// Connections of one client address; loopback has no such limit.
    pub connections_per_client_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_octets_max: 64 * 1024,
            target_octets_max: 16 * 1024,
            field_lines_max: 100,
            content_octets_max: 1 << 30,
            discard_octets_max: 64 * 1024,
            chunk_line_octets_max: 4096,
            chunk_extensions_octets_max: 16 * 1024,
            head_millis_max: 10_000,
            idle_millis_max: 75_000,
            requests_max: 0,
            age_millis_max: 0,
            receive_octets_per_second_min: 100,
            transmit_octets_per_second_min: 100,
            rate_grace_millis: 10_000,
            linger_millis_max: 30_000,
            linger_silence_millis_max: 5_000,
            linger_octets_max: 1 << 30,
            tunnel_idle_millis_max: 3_600_000,
            window_octets: 64 * 1024,
            connections_max: 10_000,
            connections_per_client_max: 1_000,
        }
    }
}
