//! Fuzz targets: `cargo xtask fuzz`.
//!
//! Each file in `targets/` hands its octets to one law, which panics if it is broken. The same laws run over
//! `corpus/fuzz/` as ordinary tests, so that whatever was once found stays found without a fuzzer.

/// The laws: of the message core, and of the configuration.
pub mod laws {
    pub use server::config::law as config;
    pub use testkit::laws::*;
}
