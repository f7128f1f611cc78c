//! Fuzz targets: `cargo xtask fuzz`.
//!
//! Each file in `targets/` hands its octets to one law, which panics if it is broken. The same laws run over
//! `corpus/fuzz/` as ordinary tests, so that whatever was once found stays found without a fuzzer.

/// The laws: of the message core, of the configuration, of decoders, forms, credentials, of requests
/// passed on, of applications and of the PROXY protocol.
pub mod laws {
    pub use application::law_of_answers as application;
    pub use auth::law as credentials;
    pub use coding::law as codings;
    pub use intermediary::law_of_requests as intermediary;
    pub use net::law_of_proxied as proxied;
    pub use origin::law_of_forms as forms;
    pub use server::config::law as config;
    pub use testkit::laws::*;
}
