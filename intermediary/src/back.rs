//! An answer on its way to the client.

use semantics::fields::upgrade;
use semantics::fields::via::hops;
use semantics::{
    ContentLength, FieldLine, FieldSet, Known, Pass, ResponseHead, ResponseView, Status, Version,
};

use crate::fault::Fault;
use crate::hop::{ENDS_HERE, Nominated};
use crate::passage::Passage;
use crate::{cookie, location, via};

/// The head of an answer, final or interim, as the client gets it: two allocations, and one pass over its lines.
///
/// `host` is the Host that the server was asked with ([`crate::Onward::host`]).
///
/// # Errors
/// What the server may not have said.
pub fn back(view: ResponseView<'_>, passage: &Passage, host: &[u8]) -> Result<ResponseHead, Fault> {
    let section = view.section();
    let nominated = Nominated::of(section).map_err(|_| Fault::ConnectionOptions)?;
    let octets = section.octets();
    let keeps_upgrade = section.has(Known::Upgrade) && may_upgrade(view, passage);
    let mut goes = ENDS_HERE.union(nominated.known).without(KEPT_ALWAYS);
    if keeps_upgrade {
        goes.remove(Known::Upgrade);
    }
    let is_rewritten = !passage.paths.is_identity() || passage.new_host().is_some();
    let mut left_vias = match section.has(Known::Via) {
        true => section.all(Known::Via).count(),
        false => 0,
    };
    let mut is_via_written = false;
    let pass = |line: &FieldLine, value: &mut Vec<u8>| {
        let Some(field) = line.known else {
            return match nominated.names(line.name.of(octets)) {
                true => Pass::Dropped,
                false => Pass::Kept,
            };
        };
        if goes.contains(field) {
            return Pass::Dropped;
        }
        let received = line.value.of(octets);
        let start = value.len();
        let is_new = match field {
            Known::Via if !passage.via_answers => false,
            Known::Via => {
                left_vias -= 1;
                // As for requests: behind what is malformed our own member gets a line of its own.
                is_via_written = left_vias == 0 && hops([received]).all(|hop| hop.is_ok());
                if is_via_written {
                    via::member(Some(received), view.version(), passage, value);
                }
                is_via_written
            }
            Known::Location | Known::ContentLocation => {
                location::rewrite(received, passage, host, value)
            }
            Known::SetCookie if is_rewritten => cookie::rewrite(received, passage, value),
            _ => false,
        };
        if is_new {
            return Pass::Replaced;
        }
        value.truncate(start);
        Pass::Kept
    };
    let mut head = ResponseHead::received(view, pass);
    if !passage.via_answers {
        is_via_written = true;
    }
    if !is_via_written && view.version() == Version::HTTP_11 {
        head.add(Known::Via, &passage.via_11);
    } else if !is_via_written {
        let mut value = Vec::new();
        via::member(None, view.version(), passage, &mut value);
        head.add(Known::Via, value);
    }
    if keeps_upgrade {
        // RFC 9110 §7.8: what is for the next connection is named.
        head.add(Known::Connection, "Upgrade");
    }
    Ok(head)
}

/// Whether a response may name protocols to go over to: those that requests may ask for, where it has to (RFC 9110
/// §15.2.2, §15.5.22).
fn may_upgrade(view: ResponseView<'_>, passage: &Passage) -> bool {
    let has_to = [Status::SWITCHING_PROTOCOLS, Status::UPGRADE_REQUIRED].contains(&view.status());
    let mut named = upgrade::protocols(view.section().all(Known::Upgrade));
    has_to && passage.has_upgrades() && named.all(|it| passage.allows_upgrade(it.name))
}

/// What Connection may not have removed: where the message was.
const KEPT_ALWAYS: FieldSet = FieldSet::of(&[Known::Via]);

/// The length that an answer to HEAD says the content would have (RFC 9110 §8.6, §9.3.2); of others a machine tells it.
#[must_use]
pub fn length_told(view: ResponseView<'_>) -> ContentLength {
    use semantics::fields::content_length::{ContentLength as Declared, parse};
    match parse(view.section().all(Known::ContentLength)) {
        Some(Declared::Valid(octets) | Declared::Repeated(octets)) => {
            ContentLength::Exactly(octets)
        }
        _ => ContentLength::Unknown,
    }
}

#[cfg(test)]
mod tests;
