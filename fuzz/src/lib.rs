//! Fuzz targets: `cargo xtask fuzz`.
//!
//! Each file in `targets/` hands its octets to one law of `testkit::laws`, which panics if the law is
//! broken. The same laws run over `corpus/fuzz/` as an ordinary test of testkit, so that whatever was
//! once found stays found without a fuzzer.

/// The laws, and what stands in for those that testkit has not.
pub mod laws {
    pub use testkit::laws::*;

    pub use crate::pending::config;
}

mod pending;
