//! The side of the client: we begin, and judge the server.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustls::HandshakeKind;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;

use super::side::{Sinks, Step, go_on, last_words};
use super::{Session, State};
use crate::stream::More;
use crate::tls::{OutboundTls, OutboundTlsFacts, TlsFault, TlsVersion};

pub(super) struct Outward {
    connection: UnbufferedClientConnection,
    /// Why it failed.
    fault: Option<TlsFault>,
}

impl Outward {
    pub(super) fn is_open(&self) -> bool {
        !self.connection.is_handshaking()
    }

    pub(super) fn fault(&self) -> Option<TlsFault> {
        self.fault
    }

    pub(super) fn connection(&mut self) -> &mut UnbufferedClientConnection {
        &mut self.connection
    }

    pub(super) fn step(&mut self, incoming: &mut [u8], sinks: &mut Sinks<'_>) -> Step {
        go_on(&mut self.connection, incoming, sinks).unwrap_or_else(|error| {
            self.fault = Some(TlsFault::of(&error));
            Step::Failed
        })
    }

    pub(super) fn last_words(
        &mut self,
        outgoing: &mut [u8],
        filled: &mut usize,
        unsent: &mut Vec<u8>,
    ) {
        // What does not speak TLS, or has refused us, does not listen.
        if !matches!(self.fault, Some(TlsFault::ClearText | TlsFault::Alert(_))) {
            last_words(&mut self.connection, outgoing, filled, unsent);
        }
    }

    pub(super) fn facts(&self) -> Option<OutboundTlsFacts> {
        if !self.is_open() {
            return None;
        }
        let connection = &self.connection;
        Some(OutboundTlsFacts {
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
                _ => TlsVersion::Tls12,
            },
            cipher_suite: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or_default(),
            alpn: connection.alpn_protocol().map(Box::from),
            is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }
}

impl Session {
    /// As the client, asks for `name`: the first message is sent as far as the socket takes it.
    pub(crate) fn outward(
        tls: &OutboundTls,
        name: ServerName<'static>,
        socket: &OwnedFd,
    ) -> io::Result<Self> {
        let connection = UnbufferedClientConnection::new(Arc::clone(tls.config()), name)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, TlsFault::of(&error)))?;
        let mut session = Self::with(State::Outward(Box::new(Outward {
            connection,
            fault: None,
        })));
        super::SCRATCH.with_borrow_mut(|scratch| {
            let processed = session.process(socket, scratch, 0, &mut [])?;
            let hello = scratch.outgoing.get(..processed.outgoing_octets);
            let hello = hello.unwrap_or_default();
            let sent = session.send(socket, hello, More::No)?;
            let rest = hello.get(sent..).unwrap_or_default();
            session.unsent.extend_from_slice(rest);
            Ok(session)
        })
    }
}
