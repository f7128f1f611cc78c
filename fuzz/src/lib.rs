//! Fuzz targets: `cargo xtask fuzz`.
//!
//! Each file in `targets/` hands its octets to one law, which panics if it is broken. The same laws run over
//! `corpus/fuzz/` as ordinary tests, so that whatever was once found stays found without a fuzzer.

/// The laws: of the message core, of the configuration, and of decoders.
pub mod laws {
    pub use coding::law as codings;
    pub use server::config::law as config;
    pub use testkit::laws::*;
}
