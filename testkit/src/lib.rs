//! Test tools of the workspace: dev-dependencies only, nothing ships them.
//!
//! [`laws`] says what holds for all octets, [`playbook`] plays dialogues and corpus cases on a machine, [`sim`] runs two
//! machines over a simulated wire. [`raw`] is the raw-socket conformance suite: cases as data under `corpus/origin/`,
//! and the runner that plays them against any server.

pub mod laws;
pub mod playbook;
pub mod raw;
pub mod sim;
