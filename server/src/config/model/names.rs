//! How values are called in a configuration.

use super::{
    AuthMethod, ClientCertificate, ClientFields, CodingName, Expect, HandlerName, LogFormat,
    ProxyProtocol, SameSite, TellsProxy, TlsVersion, WhenAway,
};
use std::fmt;

impl ClientCertificate {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("off", Self::Off),
        ("request", Self::Request),
        ("require", Self::Require),
    ];
}

impl ProxyProtocol {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("off", Self::Off),
        ("trusted", Self::Trusted),
        ("require", Self::Require),
    ];
}

impl TellsProxy {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[("off", Self::Off), ("v1", Self::V1), ("v2", Self::V2)];
}

impl TlsVersion {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[("1.2", Self::Tls12), ("1.3", Self::Tls13)];
}

impl AuthMethod {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[("basic", Self::Basic), ("form", Self::Form)];
}

impl SameSite {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[("lax", Self::Lax), ("strict", Self::Strict)];
}

impl WhenAway {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[("refuse", Self::Refuse), ("remember", Self::Remember)];
}

impl ClientFields {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("forwarded", Self::Forwarded),
        ("x-forwarded", Self::XForwarded),
    ];
}

impl Expect {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[("answer", Self::Answer), ("pass", Self::Pass)];
}

impl CodingName {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] =
        &[("zstd", Self::Zstd), ("br", Self::Br), ("gzip", Self::Gzip)];
}

impl HandlerName {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("files", Self::Files),
        ("echo", Self::Echo),
        ("wire", Self::Wire),
        ("redirect", Self::Redirect),
        ("gateway", Self::Gateway),
        ("fastcgi", Self::Fastcgi),
        ("scgi", Self::Scgi),
        ("cgi", Self::Cgi),
    ];
}

impl LogFormat {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("off", Self::Off),
        ("human", Self::Human),
        ("combined", Self::Combined),
        ("json", Self::Json),
        ("own", Self::Own),
    ];
}

impl fmt::Display for HandlerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "files",
            Self::Echo => "echo",
            Self::Wire => "wire",
            Self::Redirect => "redirect",
            Self::Gateway => "gateway",
            Self::Fastcgi => "fastcgi",
            Self::Scgi => "scgi",
            Self::Cgi => "cgi",
        })
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Human => "human",
            Self::Combined => "combined",
            Self::Json => "json",
            Self::Own => "own",
        })
    }
}
