//! TLS against a client of rustls over a pair of sockets, against what no client would send, and against a server of rustls.

#[path = "../common/mod.rs"]
mod common;
mod files;
mod handshake;
mod hostile;
mod names;
mod outward;
mod resumption;
mod transfer;
mod world;
