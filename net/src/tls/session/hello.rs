//! The first message of a handshake, by which its rules are chosen.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::net::SendFlags;
use rustls::server::{Acceptor, UnbufferedServerConnection};

use super::scratch::{Scratch, UNEXPECTED_MESSAGE};
use super::{Begun, Session, State};
use crate::tls::TlsFailure;
use crate::tls::facts::TlsFacts;

/// How far the first message came.
pub(super) enum Hello {
    Incomplete,
    ClearText,
    Begun,
}

impl Session {
    /// Chooses the rules by the first message, if it has come whole.
    pub(super) fn begin(
        &mut self,
        socket: &OwnedFd,
        scratch: &Scratch,
        held: usize,
        len: usize,
    ) -> io::Result<Hello> {
        let State::Hello { tls, acceptor } = &mut self.state else {
            return Ok(Hello::Begun);
        };
        if scratch.incoming.first().is_some_and(u8::is_ascii_uppercase) {
            tls.count(|counters| &counters.clear_text);
            return Ok(Hello::ClearText);
        }
        let generation = tls.generation();
        let sets = tls.current();
        let set = if sets.is_single() {
            0
        } else {
            let acceptor = acceptor.get_or_insert_default();
            let mut fresh = scratch.incoming.get(held..len).unwrap_or_default();
            match hello_name(acceptor, &mut fresh) {
                Ok(None) => return Ok(Hello::Incomplete),
                Ok(Some(name)) => name.map_or(0, |name| sets.find(&name)),
                Err(alert) => {
                    // Best effort: the connection is over.
                    let _ = rustix::net::send(socket, &alert, SendFlags::NOSIGNAL);
                    return Err(self.fail(TlsFailure::Peer));
                }
            }
        };
        let Some(config) = sets.config(set) else {
            return Err(self.fail(TlsFailure::Peer));
        };
        let Ok(connection) = UnbufferedServerConnection::new(config) else {
            return Err(self.fail(TlsFailure::Peer));
        };
        let tls = Arc::clone(tls);
        self.state = State::Begun(Box::new(Begun {
            connection,
            facts: Arc::new(TlsFacts::begun(Arc::clone(&tls), generation, sets, set)),
            tls,
            is_open: false,
        }));
        Ok(Hello::Begun)
    }
}

/// Feeds what came to `acceptor`: the server name, if any, once the first message is whole; the alert if it is malformed.
fn hello_name(
    acceptor: &mut Acceptor,
    fresh: &mut &[u8],
) -> Result<Option<Option<String>>, Vec<u8>> {
    while !fresh.is_empty() {
        if acceptor.read_tls(fresh).is_err() {
            return Err(Vec::new());
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                return Ok(Some(
                    accepted.client_hello().server_name().map(str::to_owned),
                ));
            }
            Err((_, mut alert)) => {
                let mut records = Vec::new();
                // A vector takes all.
                let _ = alert.write_all(&mut records);
                if records.is_empty() {
                    records.extend_from_slice(UNEXPECTED_MESSAGE);
                }
                return Err(records);
            }
        }
    }
    Ok(None)
}
