//! Content as both machines read it: by a length, or by chunks, each up to the limit.

use semantics::{LimitError, Refusal};

use crate::Policy;
use crate::chunked::{Chunk, Chunked};

/// Takes octets of content of which `left` are to come off the front of `input`; `None` when there are none.
pub(crate) fn take<'i>(left: &mut u64, input: &mut &'i [u8]) -> Option<&'i [u8]> {
    let len = usize::try_from(*left)
        .unwrap_or(usize::MAX)
        .min(input.len());
    if len == 0 {
        return None;
    }
    let (octets, rest) = input.split_at_checked(len)?;
    *input = rest;
    *left -= len as u64;
    Some(octets)
}

/// What reading chunks brought.
pub(crate) enum Read<'i> {
    /// Content, never empty.
    Content(&'i [u8]),
    /// The message is complete; the decoder has its trailer section.
    End,
    Refused(Refusal),
}

/// Reads on in chunked content of which `content_octets` of at most `octets_max` came before; `None` when more octets are needed. Nothing is
/// left of `input` after a refusal.
pub(crate) fn read_chunks<'i>(
    chunked: &mut Chunked,
    content_octets: &mut u64,
    octets_max: u64,
    policy: &Policy,
    input: &mut &'i [u8],
) -> Option<Read<'i>> {
    let limits = &policy.limits;
    while !input.is_empty() {
        // Content up to the limit is handed out however it is cut; what follows is looked at an octet at a time.
        let allowed = octets_max.saturating_sub(*content_octets).max(1);
        let len = usize::try_from(allowed)
            .unwrap_or(usize::MAX)
            .min(input.len());
        let mut piece = input.get(..len)?;
        let result = chunked.read(&mut piece, policy.refuse, limits, &mut ());
        *input = input.get(len - piece.len()..)?;
        let refusal = match result {
            Ok(Chunk::NeedMore) => continue,
            Ok(Chunk::End) => return Some(Read::End),
            Ok(Chunk::Content(octets)) => {
                *content_octets += octets.len() as u64;
                if *content_octets <= octets_max {
                    return Some(Read::Content(octets));
                }
                LimitError::ContentOctets.into()
            }
            Err(refusal) => refusal,
        };
        *input = &[];
        return Some(Read::Refused(refusal));
    }
    None
}
