//! Test tools of the workspace: dev-dependencies only, nothing ships them.
//!
//! [`raw`] is the raw-socket conformance suite: cases as data under `corpus/origin/`, and the runner that plays them
//! against any server.

pub mod raw;
