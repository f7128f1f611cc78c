//! Octets in the clear to records.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustls::unbuffered::{ConnectionState, EncryptError};

use super::scratch::{PIECE_OCTETS, SCRATCH, Scratch, encode};
use super::{Session, State};
use crate::stream::More;

impl Session {
    /// Encrypts and sends octets: how many of them were sent. After `WouldBlock` the same octets must be given again.
    pub(crate) fn transmit(
        &mut self,
        socket: &OwnedFd,
        slices: &[IoSlice<'_>],
        more: More,
    ) -> io::Result<usize> {
        if let Some(octets) = self.settle_owed(socket)? {
            return Ok(octets);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch {
                gathered, outgoing, ..
            } = scratch;
            let clear = match slices {
                [only] => only.get(..PIECE_OCTETS).unwrap_or(only),
                several => {
                    gathered.clear();
                    for slice in several {
                        let room = PIECE_OCTETS - gathered.len();
                        gathered.extend_from_slice(slice.get(..room).unwrap_or(slice));
                    }
                    gathered
                }
            };
            self.seal(socket, clear, outgoing, more)
        })
    }

    /// As [`transmit`](Self::transmit), for a piece of a file. 0 is the end of the file.
    pub(crate) fn transmit_file(
        &mut self,
        socket: &OwnedFd,
        file: &File,
        offset: u64,
        octets: usize,
    ) -> io::Result<usize> {
        if let Some(octets) = self.settle_owed(socket)? {
            return Ok(octets);
        }
        if self.facts().is_none() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch {
                gathered, outgoing, ..
            } = scratch;
            gathered.resize(octets.min(PIECE_OCTETS), 0);
            let read = file.read_at(gathered, offset)?;
            let clear = gathered.get(..read).unwrap_or_default();
            let more = if read < octets { More::Yes } else { More::No };
            self.seal(socket, clear, outgoing, more)
        })
    }

    /// Sends what waits. If octets of the caller are part of it, they are reported when they are gone.
    fn settle_owed(&mut self, socket: &OwnedFd) -> io::Result<Option<usize>> {
        if (self.is_blocked || self.owed_octets > 0) && !self.flush(socket)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match std::mem::take(&mut self.owed_octets) {
            0 => Ok(None),
            octets => Ok(Some(octets)),
        }
    }

    /// Encrypts octets behind what waits, and sends all.
    fn seal(
        &mut self,
        socket: &OwnedFd,
        clear: &[u8],
        outgoing: &mut [u8],
        more: More,
    ) -> io::Result<usize> {
        if clear.is_empty() {
            return Ok(0);
        }
        let mut filled = 0;
        if !self.encrypt(Some(clear), outgoing, &mut filled)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let records = outgoing.get(..filled).unwrap_or_default();
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(records);
            if self.flush(socket)? {
                return Ok(clear.len());
            }
        } else {
            let sent = self.send(socket, records, more)?;
            if sent == records.len() {
                return Ok(clear.len());
            }
            self.unsent
                .extend_from_slice(records.get(sent..).unwrap_or_default());
        }
        self.owed_octets = clear.len();
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Appends records with these octets, or that there are no more, to `outgoing`: whether the handshake allows it.
    fn encrypt(
        &mut self,
        clear: Option<&[u8]>,
        outgoing: &mut [u8],
        filled: &mut usize,
    ) -> io::Result<bool> {
        let failed = || io::Error::from(io::ErrorKind::InvalidData);
        let unsent = &mut self.unsent;
        let State::Begun(begun) = &mut self.state else {
            return Ok(false);
        };
        if !begun.is_open {
            return Ok(false);
        }
        loop {
            // With what is held: rustls remembers where in it are parts of a message that is not complete.
            match begun.connection.process_tls_records(&mut self.held).state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let room = outgoing.get_mut(*filled..).unwrap_or_default();
                    let sealed = match clear {
                        Some(clear) => traffic.encrypt(clear, room),
                        None => traffic.queue_close_notify(room),
                    };
                    *filled += sealed.map_err(|_: EncryptError| failed())?;
                    return Ok(true);
                }
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, outgoing, filled, unsent);
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.is_ended = true,
                Ok(_) | Err(_) => return Err(failed()),
            }
        }
    }

    /// Says that our side ends (RFC 8446 §6.1), unless what was said is incomplete.
    pub(crate) fn end(&mut self, socket: &OwnedFd) {
        if std::mem::replace(&mut self.is_closed, true) || self.owed_octets > 0 {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut filled = 0;
            if matches!(
                self.encrypt(None, &mut scratch.outgoing, &mut filled),
                Ok(true)
            ) {
                self.unsent
                    .extend_from_slice(scratch.outgoing.get(..filled).unwrap_or_default());
                // Best effort: who does not take it learns of the end by the transport.
                let _ = self.flush(socket);
            }
        });
    }
}
