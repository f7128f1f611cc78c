//! TLS against a client of rustls over a pair of sockets, and against what no client would send.

mod files;
mod handshake;
mod hostile;
mod names;
mod resumption;
mod transfer;
mod world;
