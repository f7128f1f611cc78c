//! What client and server do alike with what rustls says.

use std::io;
use std::ops::Deref;

use rustls::CommonState;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncryptError, UnbufferedConnectionCommon, UnbufferedStatus,
};

use super::scratch::{UNEXPECTED_MESSAGE, encode, take};

/// One side of a connection of rustls.
pub(super) trait Side {
    /// What rustls keeps for that side.
    type Data;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data>;

    fn common(&self) -> &CommonState;
}

impl Side for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        UnbufferedConnectionCommon::deref(self)
    }
}

impl Side for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        UnbufferedConnectionCommon::deref(self)
    }
}

/// What processing of received octets came to.
#[derive(Default)]
pub(super) struct Processed {
    /// Octets in the clear that the caller got.
    pub(super) clear_octets: usize,
    /// Octets of records that are ready to be sent.
    pub(super) outgoing_octets: usize,
}

/// Where goes what rustls makes of received octets.
pub(super) struct Sinks<'a> {
    pub(super) outgoing: &'a mut [u8],
    /// The caller's.
    pub(super) octets: &'a mut [u8],
    pub(super) done: &'a mut Processed,
    pub(super) clear: &'a mut Vec<u8>,
    pub(super) unsent: &'a mut Vec<u8>,
    pub(super) is_ended: &'a mut bool,
}

/// How far received octets were processed.
pub(super) enum Step {
    /// There may be more in what is left.
    On { discard: usize },
    /// What is left is not complete.
    Last { discard: usize },
    /// The peer broke a rule.
    Failed,
}

/// Lets rustls go on until it has something for us.
pub(super) fn go_on<S: Side>(
    side: &mut S,
    incoming: &mut [u8],
    sinks: &mut Sinks<'_>,
) -> Result<Step, rustls::Error> {
    let len = incoming.len();
    let UnbufferedStatus { discard, state } = side.process(incoming);
    let is_last = match state? {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(Ok(record)) = traffic.next_record() {
                let filled = &mut sinks.done.clear_octets;
                take(record.payload, sinks.octets, filled, sinks.clear);
            }
            discard == len
        }
        ConnectionState::EncodeTlsData(data) => {
            let filled = &mut sinks.done.outgoing_octets;
            encode(data, sinks.outgoing, filled, sinks.unsent);
            false
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            false
        }
        ConnectionState::PeerClosed => {
            *sinks.is_ended = true;
            false
        }
        _ => true,
    };
    Ok(match is_last {
        true => Step::Last { discard },
        false => Step::On { discard },
    })
}

/// Appends records with octets of the caller, or that there are no more, to `outgoing`: whether it could be.
pub(super) fn seal<S: Side>(
    side: &mut S,
    held: &mut [u8],
    clear: Option<&[u8]>,
    outgoing: &mut [u8],
    filled: &mut usize,
    unsent: &mut Vec<u8>,
    is_ended: &mut bool,
) -> io::Result<bool> {
    let failed = || io::Error::from(io::ErrorKind::InvalidData);
    loop {
        // With what is held: rustls remembers where in it are parts of a message that is not complete.
        match side.process(held).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                let room = outgoing.get_mut(*filled..).unwrap_or_default();
                let sealed = match clear {
                    Some(clear) => traffic.encrypt(clear, room),
                    None => traffic.queue_close_notify(room),
                };
                *filled += sealed.map_err(|_: EncryptError| failed())?;
                return Ok(true);
            }
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, outgoing, filled, unsent),
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::PeerClosed) => *is_ended = true,
            Ok(_) | Err(_) => return Err(failed()),
        }
    }
}

/// Appends to `outgoing` why the connection ends (RFC 8446 §6.2).
pub(super) fn last_words<S: Side>(
    side: &mut S,
    outgoing: &mut [u8],
    filled: &mut usize,
    unsent: &mut Vec<u8>,
) {
    let mut has_word = false;
    // Only for as long as it has words: it must not look at octets again after it failed on some.
    while side.common().wants_write() {
        match side.process(&mut []).state {
            Ok(ConnectionState::EncodeTlsData(data)) => {
                encode(data, outgoing, filled, unsent);
                has_word = true;
            }
            // Octets that came before the failure: nobody answers them.
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while traffic.next_record().is_some() {}
            }
            _ => break,
        }
    }
    if !has_word && side.common().negotiated_cipher_suite().is_none() {
        unsent.extend_from_slice(outgoing.get(..*filled).unwrap_or_default());
        *filled = 0;
        unsent.extend_from_slice(UNEXPECTED_MESSAGE);
    }
}
