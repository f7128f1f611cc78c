//! Memory that all sessions of a thread share.

use std::cell::RefCell;

use rustls::unbuffered::{EncodeError, EncodeTlsData};

/// What all sessions of a thread share, since each call leaves nothing in it.
pub(super) struct Scratch {
    pub(super) incoming: Box<[u8]>,
    pub(super) gathered: Vec<u8>,
    pub(super) outgoing: Box<[u8]>,
}

thread_local! {
    pub(super) static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        incoming: vec![0; HELD_OCTETS_MAX + RECEIVE_OCTETS].into_boxed_slice(),
        gathered: Vec::new(),
        outgoing: vec![0; OUTGOING_OCTETS].into_boxed_slice(),
    });
}

/// Gives octets in the clear to the caller, and keeps those for which it has no room.
pub(super) fn take(from: &[u8], to: &mut [u8], filled: &mut usize, rest: &mut Vec<u8>) {
    let room = to.get_mut(*filled..).unwrap_or_default();
    let len = room.len().min(from.len());
    match (room.get_mut(..len), from.split_at_checked(len)) {
        (Some(room), Some((now, later))) if rest.is_empty() => {
            room.copy_from_slice(now);
            *filled += len;
            rest.extend_from_slice(later);
        }
        _ => rest.extend_from_slice(from),
    }
}

/// Appends a message of the handshake to `outgoing`; what it holds goes to `unsent` if there is no room.
pub(super) fn encode<D>(
    mut data: EncodeTlsData<'_, D>,
    outgoing: &mut [u8],
    filled: &mut usize,
    unsent: &mut Vec<u8>,
) {
    for _ in 0..2 {
        match data.encode(outgoing.get_mut(*filled..).unwrap_or_default()) {
            Ok(octets) => {
                *filled += octets;
                return;
            }
            Err(EncodeError::AlreadyEncoded) => return,
            Err(EncodeError::InsufficientSize(_)) => {
                unsent.extend_from_slice(outgoing.get(..*filled).unwrap_or_default());
                *filled = 0;
            }
        }
    }
}

/// The alert for what rustls has none for, before there are keys.
pub(super) const UNEXPECTED_MESSAGE: &[u8] = &[21, 3, 3, 0, 2, 2, 10];
/// The most that is received in one call.
pub(super) const RECEIVE_OCTETS: usize = 64 * 1024;
/// What is received at least if it is there, however little room the caller has: records are taken whole.
pub(super) const RECEIVE_OCTETS_MIN: usize = 2048;
/// Octets kept of what is not complete: a record has 16 KiB and some. A message of the handshake is no longer than this in
/// all its records; the longest of honest clients is a chain of certificates.
pub(super) const HELD_OCTETS_MAX: usize = 32 * 1024;
/// Octets that are encrypted in one turn.
pub(super) const PIECE_OCTETS: usize = 64 * 1024;
/// Room for a piece in records of 16 KiB, for what goes before it, and for the largest message of a handshake.
pub(super) const OUTGOING_OCTETS: usize = PIECE_OCTETS + 32 * 1024;
