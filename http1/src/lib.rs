//! RFC 9112: octets to message parts and back, without I/O.
mod block;
mod chunked;
mod client;
mod framing;
mod observer;
mod octets;
mod policy;
pub mod scan;
mod server;
mod write;
pub use chunked::{Chunk, Chunked, Watch};
pub use client::{Client, Misuse, RequestParts, ResponseScratch};
pub use observer::{Observer, ObserverLimits, Side, Sighting, Sink, What};
pub use policy::{Leniency, Policy, UpstreamLeniency};
pub use server::{Delivery, Scratch, Server};
