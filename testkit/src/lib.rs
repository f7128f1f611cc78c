//! Test tools of the workspace: dev-dependencies only, nothing ships them.
//!
//! [`laws`] says what holds for all octets, [`playbook`] plays dialogues and corpus cases on a machine, [`sim`] runs two
//! machines over a simulated wire.

pub mod laws;
pub mod playbook;
pub mod sim;
