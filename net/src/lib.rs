//! Sockets, timers, files and threads for servers that must be fast and never stall.
//!
//! It is one thread per core, each with its own runtime, its own listeners and one [`Service`] that owns its connections.
//! It is *not* a protocol: nothing here knows what the octets mean.
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
//! A service that greets whoever connects:
//!
//! ```
//! use std::io::Read;
//!
//! use hansom_net::{
//!     Context, ListenOptions, More, Peer, Readiness, RunOptions, Service, Shutdown, Signals, Stream, Token, bind_all, run,
//! };
//!
//! struct Greeter;
//!
//! impl Service for Greeter {
//!     fn accepted(&mut self, _: &mut Context<'_>, _: usize, mut stream: Stream, _: Peer) {
//!         // Dropping the stream closes it; who keeps one registers it and puts it in `Slots`.
//!         let _ = stream.try_transmit(b"hello", More::No);
//!     }
//!     fn ready(&mut self, _: &mut Context<'_>, _: Token, _: Readiness) {}
//!     fn woken(&mut self, _: &mut Context<'_>, _: Token) {}
//!     fn expired(&mut self, _: &mut Context<'_>, _: Token) {}
//!     fn batch_done(&mut self, _: &mut Context<'_>) {}
//!     fn drain(&mut self, _: &mut Context<'_>) {}
//!     fn is_drained(&self) -> bool {
//!         true
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listeners = bind_all(&[("127.0.0.1:0".parse()?, ListenOptions::default())], 1)?;
//! let options = RunOptions { signals: Signals::Ignore, ..RunOptions::default() };
//! let shutdown = Shutdown::new();
//! let mut client = None;
//! run(listeners, options, &shutdown, |_| Greeter, |bound| {
//!     let (port, shutdown) = (bound[0].port().unwrap(), shutdown.clone());
//!     client = Some(std::thread::spawn(move || {
//!         let mut text = String::new();
//!         let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
//!         stream.read_to_string(&mut text).unwrap();
//!         shutdown.drain();
//!         text
//!     }));
//! })?;
//! assert_eq!(client.unwrap().join().unwrap(), "hello");
//! # Ok(())
//! # }
//! ```
//!
//! Where to look next: [`Service`] and [`Context`] (the reactor), [`Stream`] (octets), [`Outbound`] (connections that we make), [`Flow`] (from one stream to another), [`bind_all`] and [`run()`] (start and stop),
//! [`Control`] (changing what runs), [`Tls`] (certificates), [`Root`] (files below a folder), [`blocking()`] (work that may wait). `net/examples/fixed.rs` is the least server there can be.
//!
//! Invariant: no other crate names an async runtime.

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

mod accepting;
mod address;
mod alarm;
mod append;
mod batch;
mod blocking;
mod clock;
mod control;
mod errand;
mod files;
mod holder;
mod listen;
mod machine;
mod nameless;
mod network;
mod notify;
mod outbound;
mod program;
mod proxied;
mod race;
mod reactor;
mod relay;
mod resolve;
mod run;
mod service;
mod slots;
mod stream;
mod sys;
mod tell;
mod timers;
mod tls;
mod wake;

pub use address::{Address, AddressError, Url};
pub use append::open_to_append;
pub use blocking::{
    Blocking, BlockingError, WhileAwaited, blocking, blocking_while_awaited, drop_elsewhere,
    run_alone, sleep, spawn,
};
pub use clock::{Now, Stopwatch};
pub use control::{Control, Reachable, Rebound, Unwatched};
pub use errand::Errand;
pub use files::{
    Changeable, FileKind, FileMeta, Folder, FolderEntry, NewFile, OpenError, OpenFile, Root, Swept,
    Wait, is_resident, is_temporary_name, read_exact_at, secret_name, warm,
};
pub use holder::Holder;
pub use listen::{BindError, ListenOptions, Listeners, bind_all};
pub use machine::{cores, raise_open_files, state_folder};
pub use nameless::{nameless_file, write_all_at};
pub use network::{Network, NetworkError};
pub use notify::{Notice, notify};
pub use outbound::{Outbound, poll_disturbed};
pub use program::Program;
pub use proxied::{
    PROXIED_OCTETS_MAX, Proxied, ProxiedError, ProxiedHeader, ProxiedRules, ProxiedVersion,
    law_of_proxied, read_proxied,
};
pub use race::ATTEMPT_DELAY;
pub use relay::{End, Flow, FlowError, Flowed};
pub use resolve::{resolve, resolve_within, set_name_servers};
pub use run::{Event, Pinning, RunError, RunOptions, Shutdown, Signals, run, run_with};
pub use service::{Context, Counters, Readiness, Service};
pub use slots::{Slots, Token};
pub use stream::{More, Peer, Received, Rest, Stream};
pub use tell::set_teller;
pub use timers::Timers;
pub use tls::{
    OutboundTls, OutboundTlsFacts, OutboundTlsRules, OutboundTrust, PemKind, Tls, TlsCertificate,
    TlsClient, TlsCounters, TlsError, TlsFacts, TlsFault, TlsRules, TlsServerName,
    TlsServerNameError, TlsVersion, TlsWarning,
};
