//! RFC 9112: octets to message parts and back, without I/O.
mod block;
mod chunked;
mod framing;
mod octets;
mod policy;
pub mod scan;
mod server;
mod write;
pub use chunked::{Chunk, Chunked, Watch};
pub use policy::{Leniency, Policy};
pub use server::{Delivery, Scratch, Server};
