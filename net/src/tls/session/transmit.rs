//! Octets in the clear to records.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use super::scratch::{PIECE_OCTETS, SCRATCH, Scratch};
use super::side::seal;
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
        if !self.is_open() {
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
        if !self.is_open() {
            return Ok(false);
        }
        let (held, unsent, is_ended) = (&mut self.held, &mut self.unsent, &mut self.is_ended);
        match &mut self.state {
            State::Begun(begun) => {
                let connection = &mut begun.connection;
                seal(connection, held, clear, outgoing, filled, unsent, is_ended)
            }
            State::Outward(outward) => {
                let connection = outward.connection();
                seal(connection, held, clear, outgoing, filled, unsent, is_ended)
            }
            State::Hello { .. } | State::Failed => Ok(false),
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
