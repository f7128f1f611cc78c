//! Fuzz targets: `cargo xtask fuzz`.
//!
//! Each file in `targets/` hands its octets to one law of `testkit::laws`, which panics if the law is
//! broken. The same laws run over `corpus/fuzz/` as an ordinary test of testkit, so that whatever was
//! once found stays found without a fuzzer.

/// Stands in for `pub use testkit::laws;`.
#[path = "pending.rs"]
pub mod laws;
