//! What holds for any message that a strict machine accepts.

use http1::{Client, Policy, ResponseScratch, Server};
use semantics::{ContentLength, Event, Known, Method, RequestHead, ResponseView};

use crate::{Came, HostRule, Onward, Passage, PathMap, Scheme, Scratch, Trust, back};

/// Reads any octets as a request; what is accepted and passed on is one request to whoever reads it next, with nothing left
/// of the connection by which it came.
///
/// # Panics
/// When that does not hold.
#[doc(hidden)]
pub fn law_of_requests(octets: &[u8]) {
    let (policy, mut scratch) = (Policy::strict(), http1::Scratch::default());
    let (mut machine, mut input) = (Server::new(), octets);
    let event = machine.poll_event(&policy, &mut scratch, &mut input);
    let Some(Event::Head { head, content, .. }) = event else {
        return;
    };
    for (passage, trust) in passages() {
        let came = Came {
            content,
            peer: "192.0.2.1".parse().ok(),
            trust,
            ..Came::new(head)
        };
        let mut scratch = Scratch::default();
        let Ok(onward) = Onward::new(&came, &passage, &mut scratch) else {
            continue;
        };
        let mut out = Vec::new();
        let mut client = Client::new();
        let submitted = client.submit_request(onward.parts(), ContentLength::None, &mut out);
        assert!(submitted.is_ok(), "{submitted:?}");
        is_one_request(&out, head);
    }
}

#[expect(clippy::panic, reason = "what panics is a law that is broken")]
fn is_one_request(out: &[u8], before: RequestHead<'_>) {
    let (policy, mut scratch) = (Policy::strict(), http1::Scratch::default());
    let (mut machine, mut input) = (Server::new(), out);
    let event = machine.poll_event(&policy, &mut scratch, &mut input);
    let Some(Event::Head { head, content, .. }) = event else {
        panic!("{event:?} of {}", String::from_utf8_lossy(out));
    };
    assert!(input.is_empty() && content == ContentLength::None);
    assert_eq!(head.method_octets(), before.method_octets());
    assert!(head.has(Known::Via) && head.all(Known::Host).count() == 1);
    for field in [
        Known::KeepAlive,
        Known::ProxyConnection,
        Known::TransferEncoding,
        Known::ContentLength,
        Known::Http2Settings,
        Known::ProxyAuthorization,
    ] {
        assert!(!head.has(field), "{field:?}");
    }
    let is_ours = |value: &[u8]| [&b"TE"[..], b"Upgrade", b"Upgrade, TE"].contains(&value);
    assert!(head.all(Known::Connection).all(is_ours));
    // Who gets it next does not take it for its own.
    let again = Passage::new("inner", Scheme::Http, "127.0.0.1:3001");
    let mut scratch = Scratch::default();
    let again = again.map(|again| Onward::new(&Came::new(head), &again, &mut scratch).is_ok());
    assert!(again == Some(true) || head.has(Known::MaxForwards));
}

/// Reads any octets as the answer to a request; what is accepted is passed on without anything of its connection.
///
/// # Panics
/// When that does not hold.
#[doc(hidden)]
pub fn law_of_answers(octets: &[u8]) {
    let (policy, mut scratch) = (Policy::responses(), ResponseScratch::default());
    let mut client = Client::new();
    let lines: [(&[u8], &[u8]); 1] = [(b"Host", b"a")];
    let request = http1::RequestParts::new(b"GET", b"/", &lines);
    let submitted = client.submit_request(request, ContentLength::None, &mut Vec::new());
    assert!(submitted.is_ok() && Method::from_octets(b"GET") == Method::Get);
    let mut input = octets;
    let event = client.poll_event(&policy, &mut scratch, &mut input);
    if let Some(Event::Head { head, .. }) = event {
        for (passage, _) in passages() {
            is_passed_on(head, &passage);
        }
    }
}

fn is_passed_on(view: ResponseView<'_>, passage: &Passage) {
    let Ok(head) = back(view, passage, b"a") else {
        return;
    };
    assert!(
        head.has(Known::Via) && head.section().iter().count() <= view.section().lines().len() + 2
    );
    for field in [
        Known::KeepAlive,
        Known::TransferEncoding,
        Known::ContentLength,
        Known::ProxyAuthenticate,
    ] {
        assert!(!head.has(field), "{field:?}");
    }
    for (name, value) in head.section().iter() {
        assert!(semantics::fields::list::is_token(name));
        assert!(
            !value
                .iter()
                .any(|octet| (*octet < b' ' && *octet != b'\t') || *octet == 0x7f)
        );
    }
    // What was a path stays one.
    let is_path = |value: &[u8]| {
        value.starts_with(b"/") && !value.starts_with(b"//") && !value.starts_with(b"/\\")
    };
    let before = view.section().all(Known::Location);
    if before.clone().count() == 1 && before.clone().all(is_path) {
        assert!(head.section().all(Known::Location).all(is_path));
    }
}

fn passages() -> impl Iterator<Item = (Passage, Trust)> {
    let passage = Passage::new("edge", Scheme::Http, "127.0.0.1:3000");
    let plain = passage.map(|passage| passage.upgrade("websocket"));
    let other = plain.clone().zip(PathMap::new("", "/in").ok());
    let other = other.map(|(passage, paths)| passage.paths(paths).host(HostRule::Server));
    let plain = plain.map(|passage| (passage, Trust::Nobody));
    plain
        .into_iter()
        .chain(other.map(|passage| (passage, Trust::Gateway)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// Each file of a folder, as it is and with an octet or two of it changed, many times.
    fn seeds(folder: &str, law: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../corpus/fuzz")
            .join(folder);
        let mut count = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            count += 1;
            law(&seed);
            let mut random = count;
            let mut next = |below: usize| {
                random = crate::balance::mixed(random);
                (random % below.max(1) as u64) as usize
            };
            for _ in 0..200 {
                let mut damaged = seed.clone();
                for _ in 0..1 + next(3) {
                    let (at, from) = (next(seed.len()), next(OCTETS.len()));
                    if let Some(octet) = damaged.get_mut(at) {
                        *octet = OCTETS[from];
                    }
                }
                law(&damaged);
            }
        }
        assert!(count > 5);
    }

    const OCTETS: &[u8] = b" \t\r\n\0\x7f\x80,;:=/\\\"()%.#?*a1";

    #[test]
    fn any_request_that_is_passed_on_is_one_request() {
        seeds("request_head", law_of_requests);
        seeds("intermediary", law_of_requests);
    }

    #[test]
    fn any_answer_that_is_passed_on_has_nothing_of_its_connection() {
        seeds("response_head", law_of_answers);
    }
}
