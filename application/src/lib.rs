//! Requests answered by programs that do not speak HTTP: FastCGI, SCGI, CGI.
//!
//! What a request is to such a program, and what its answer is to a client, is the same for all three (RFC 3875): it is made once, and
//! each has only its own way to say it. It is *not* a gateway to servers of HTTP, which know most of these things themselves.
//!
//! ```text
//!  client ──▶ head ──▶ Scripts ──▶ Script ──▶ Variables ──┐
//!         ──▶ content ────────────────────────────────────┼──▶ records, netstring, environment ──▶ application
//!  client ◀── ResponseHead ◀── AnswerScan ◀───────────────┘
//!                 │
//!               Fault
//! ```
//!
//! Where to look next: [`Application`] (what answers), [`Scripts`] (which program), [`Variables`] (what it is told), [`AnswerScan`]
//! (what it may answer), [`records`] (FastCGI), [`Fault`] (what the client is told instead).
//!
//! Invariant: nothing that a client sends becomes a variable under a name that it did not have.

#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

#[allow(clippy::module_inception, reason = "it is what the crate is about")]
mod application;
mod content;
mod fault;
mod head;
mod law;
mod programs;
pub mod records;
mod scgi;
mod scripts;
mod server;
mod talk;
mod variables;

pub use application::{Application, ApplicationConfig, DRAINED_OCTETS_MAX, Speaker, Wanted, Words};
pub use content::KEPT_OCTETS_MAX;
pub use fault::Fault;
pub use head::{AnswerError, AnswerHead, AnswerScan};
#[doc(hidden)]
pub use law::{law_of_answers, law_of_variables};
pub use programs::Programs;
pub use records::RecordError;
pub use scripts::{Found, Rule, Scripts, ScriptsConfig};
pub use server::Place;
pub use variables::{Asked, Script, Variables};

pub(crate) use programs::Running;
