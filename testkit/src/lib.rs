//! Test tools of the workspace: dev-dependencies only, nothing ships them.
//!
//! [`laws`] says what holds for all octets, [`playbook`] plays dialogues and corpus cases on a machine, [`sim`] runs two
//! machines over a simulated wire. [`raw`] is the raw-socket conformance suite: cases as data under `corpus/origin/`,
//! and the runner that plays them against any server.
//!
//! It is *not* a mock of anything: machines and servers are the real ones, and `raw` has a parser of its own, so that a mistake in
//! ours cannot excuse itself.
//!
//! ```text
//!   corpus/fuzz/   ──▶ laws      panics when a law is broken; a fuzzer asks it too
//!   corpus/http1/  ──▶ playbook  octets in, events and octets out
//!   seeds          ──▶ sim       Client ◀─ cuts, delays, resets ─▶ Server, seen by an Observer
//!   corpus/origin/ ──▶ raw       a real socket to any server
//! ```
//!
//! ```
//! use hansom_testkit::{laws, raw::script};
//!
//! // No octets break a law of the target, whatever they are.
//! laws::target(b"/a%2e/../%00");
//!
//! let cases = script::parse(
//!     "host",
//!     "case missing\n# A request without Host MUST be answered 400 (RFC 9112 §3.2).\n>>> GET / HTTP/1.1\\r\\n\\r\\n\n<<< 400\nclose\n",
//! )?;
//! assert_eq!(cases[0].name, "host/missing");
//! # Ok::<(), String>(())
//! ```
//!
//! Where to look next: `corpus/origin/README.md` and `corpus/fuzz/README.md` (the formats), [`playbook`] (a dialogue in Rust).

pub mod laws;
pub mod playbook;
pub mod raw;
pub mod sim;
