//! The real program, talked to over real sockets: each test has a process, a folder and a port of its own.
//!
//! Nothing here waits for a fixed time: a test waits for what must come, and gives up after [`harness::PATIENCE`].

mod auth;
mod behind;
mod clients;
mod clients_tls;
mod codings;
mod connections;
mod content;
mod crowd;
mod fastcgi;
mod files;
mod gateway;
mod gateway_faults;
mod harness;
mod limits;
mod log;
mod peers;
mod php;
mod pools;
mod programs;
mod proxy;
mod reload;
mod routing;
mod running;
mod sharing;
mod sites;
mod terminal;
mod tls;
mod tunnels;
mod uploads;
mod way;
mod websockets;
