//! What is queued, to the transport: framing and memory in one call, files without copying.

use std::io::{self, ErrorKind, IoSlice};

use bytes::{Buf, Bytes};
use net::{More, Stream};
use semantics::{Outbox, Payload, Segment};

use crate::FilePart;

/// Content on its way out.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Octets(Bytes),
    File {
        part: FilePart,
        /// Up to where the file is known to be in memory.
        resident_to: u64,
    },
}

impl Payload for Outgoing {
    fn octets_left(&self) -> u64 {
        match self {
            Self::Octets(octets) => octets.len() as u64,
            Self::File { part, .. } => part.octets,
        }
    }
}

/// How far transmitting came.
#[derive(Debug)]
pub(crate) enum Sent {
    /// Everything was taken.
    All,
    /// The transport takes no more for the time being.
    Blocked,
    /// Much was taken and more could be: others come first.
    Enough,
    /// This part of a file is not in memory: reading it would stall the worker.
    Cold(FilePart),
    /// The file is shorter than it was.
    Shrunk,
    /// The transport failed.
    Failed,
}

/// Transmits from the front of the outbox; adds to `octets` how many went.
pub(crate) fn transmit(
    stream: &mut Stream,
    outbox: &mut Outbox<Outgoing>,
    octets: &mut u64,
) -> Sent {
    let mut budget = TURN_OCTETS_MAX;
    loop {
        let result = match outbox.segments().front() {
            None => {
                outbox.clear();
                return Sent::All;
            }
            Some(Segment::Payload(Outgoing::File { .. })) => match transmit_file(stream, outbox) {
                Ok(sent) => Ok(sent),
                Err(stop) => return stop,
            },
            Some(_) => transmit_memory(stream, outbox),
        };
        match result {
            Ok(sent) => {
                *octets += sent;
                budget = budget.saturating_sub(sent);
                if budget == 0 && !outbox.is_empty() {
                    return Sent::Enough;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Sent::Blocked,
            Err(_) => return Sent::Failed,
        }
    }
}

/// Transmits what lies in memory up to the next file.
fn transmit_memory(stream: &mut Stream, outbox: &mut Outbox<Outgoing>) -> io::Result<u64> {
    let (framing, segments) = outbox.parts();
    let mut slices = [IoSlice::new(&[]); SLICES];
    let mut count = 0;
    let mut more = More::No;
    for segment in &*segments {
        let octets = match segment {
            Segment::Framing { start, end } => framing.get(*start..*end).unwrap_or_default(),
            Segment::Payload(Outgoing::Octets(octets)) => octets,
            Segment::Payload(Outgoing::File { .. }) => {
                more = More::Yes;
                break;
            }
        };
        let Some(slice) = slices.get_mut(count) else {
            break;
        };
        *slice = IoSlice::new(octets);
        count += 1;
    }
    let sent = match slices.get(..count) {
        Some([only]) => stream.try_transmit(only, more)?,
        Some(all) => stream.try_transmit_vectored(all, more)?,
        None => 0,
    };
    let mut left = sent;
    while let Some(segment) = segments.front_mut() {
        let len = match segment {
            Segment::Framing { start, end } => {
                let len = (*end - *start).min(left);
                *start += len;
                left -= len;
                *end - *start
            }
            Segment::Payload(Outgoing::Octets(octets)) => {
                let len = octets.len().min(left);
                octets.advance(len);
                left -= len;
                octets.len()
            }
            Segment::Payload(Outgoing::File { .. }) => break,
        };
        if len > 0 {
            break;
        }
        segments.pop_front();
    }
    Ok(sent as u64)
}

/// Transmits from the file at the front.
fn transmit_file(stream: &mut Stream, outbox: &mut Outbox<Outgoing>) -> Result<u64, Sent> {
    let segments = outbox.segments();
    let Some(Segment::Payload(Outgoing::File { part, resident_to })) = segments.front_mut() else {
        return Ok(0);
    };
    if part.octets == 0 {
        segments.pop_front();
        return Ok(0);
    }
    if part.offset >= *resident_to {
        let window = part.octets.min(RESIDENT_OCTETS);
        if !net::is_resident(&part.file, part.offset, window) {
            return Err(Sent::Cold(FilePart {
                octets: window,
                ..part.clone()
            }));
        }
        *resident_to = part.offset + window;
    }
    let wanted = part.octets.min(*resident_to - part.offset);
    match stream.try_send_file(
        &part.file,
        part.offset,
        usize::try_from(wanted).unwrap_or(usize::MAX),
    ) {
        Ok(0) => Err(Sent::Shrunk),
        Ok(sent) => {
            part.offset += sent as u64;
            part.octets -= sent as u64;
            if part.octets == 0 {
                segments.pop_front();
            }
            Ok(sent as u64)
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            copy_file(outbox)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Sent::Blocked),
        Err(_) => Err(Sent::Failed),
    }
}

/// Puts the next piece of the file into memory, for files that the system cannot send itself.
fn copy_file(outbox: &mut Outbox<Outgoing>) -> Result<u64, Sent> {
    let segments = outbox.segments();
    let Some(Segment::Payload(Outgoing::File { part, .. })) = segments.front_mut() else {
        return Ok(0);
    };
    let mut octets = vec![
        0;
        usize::try_from(part.octets)
            .unwrap_or(COPY_OCTETS)
            .min(COPY_OCTETS)
    ];
    if net::read_exact_at(&part.file, &mut octets, part.offset).is_err() {
        return Err(Sent::Shrunk);
    }
    part.offset += octets.len() as u64;
    part.octets -= octets.len() as u64;
    segments.push_front(Segment::Payload(Outgoing::Octets(octets.into())));
    Ok(0)
}

/// The file at the front is in memory up to there, as far as anybody can tell.
pub(crate) fn mark_resident(outbox: &mut Outbox<Outgoing>) {
    if let Some(Segment::Payload(Outgoing::File { part, resident_to })) =
        outbox.segments().front_mut()
    {
        *resident_to = part.offset + part.octets.min(RESIDENT_OCTETS);
    }
}

/// Moves what is left of `outbox` into one of its own, as small as it can be, and empties it.
pub(crate) fn split_rest(outbox: &mut Outbox<Outgoing>) -> Outbox<Outgoing> {
    let mut rest = Outbox::default();
    let (framing, segments) = outbox.parts();
    for segment in segments.drain(..) {
        match segment {
            Segment::Framing { start, end } => {
                rest.framing().reserve_exact(end - start);
                rest.framing()
                    .extend_from_slice(framing.get(start..end).unwrap_or_default());
            }
            Segment::Payload(payload) => rest.push(payload),
        }
    }
    outbox.clear();
    rest
}

/// Octets transmitted for one connection before others get their turn.
const TURN_OCTETS_MAX: u64 = 2 << 20;
/// Pieces handed to the transport in one call.
const SLICES: usize = 64;
/// How much of a file is looked at for being in memory at once.
const RESIDENT_OCTETS: u64 = 1 << 20;
/// Octets of a file that is copied.
const COPY_OCTETS: usize = 64 * 1024;
