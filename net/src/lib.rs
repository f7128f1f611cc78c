//! Sockets, timers, files and threads for servers that must be fast and never stall.
//!
//! It is one thread per core, each with its own runtime, its own listeners and one [`Service`] that owns its connections.
//! It is not a protocol: nothing here knows what the octets mean.
//!
//! ```text
//!  run ── thread per core ── runtime ── reactor task ── Service
//!                                        │   ▲
//!                             epoll, accept, wakers, timers
//! ```
//!
//! A connection is not a task. The service keeps it in [`Slots`], the reactor calls back with its [`Token`].
//! Futures of handlers are polled inside those calls, with a waker from [`Context::waker`]; they may use everything of the runtime.
//!
//! Where to look next: [`Service`] and [`Context`] (the reactor), [`Stream`] (octets), [`bind_all`] and [`run`] (start and stop),
//! [`Root`] (files below a folder), [`blocking`] (work that may wait).
//!
//! Invariant: no other crate names an async runtime.

mod accepting;
mod address;
mod alarm;
mod blocking;
mod clock;
mod files;
mod holder;
mod listen;
mod machine;
mod reactor;
mod run;
mod service;
mod slots;
mod stream;
mod sys;
mod timers;
mod wake;

pub use address::{Address, AddressError, Url};
pub use blocking::{Blocking, BlockingError, blocking, run_alone, sleep, spawn};
pub use clock::{Now, Stopwatch};
pub use files::{
    FileKind, FileMeta, Folder, FolderEntry, OpenError, OpenFile, Root, Wait, is_resident,
    read_exact_at, warm,
};
pub use holder::Holder;
pub use listen::{BindError, ListenOptions, Listeners, bind_all};
pub use machine::{cores, raise_open_files};
pub use run::{Pinning, RunError, RunOptions, Shutdown, Signals, run};
pub use service::{Context, Counters, Readiness, Service};
pub use slots::{Slots, Token};
pub use stream::{More, Peer, Stream};
pub use timers::Timers;
