//! The observer: sees the same however the octets are cut, every octet once and in order, and holds no more than it may.

use std::time::Duration;

use http1::{Observer, ObserverLimits, Side, Sighting, What};

use super::{cuts, lengths};
use crate::sim::Dice;

/// Both directions of a connection: the first part is the client's, the rest the server's. They are parted where the
/// server's first status line begins, or anywhere.
pub fn observer(data: &[u8]) {
    let status_line = data
        .windows(6)
        .position(|octets| octets == b"HTTP/1" && data[0] != b'H');
    let is_line = |at: &usize| *at == 0 || data[at - 1] == b'\n';
    let parting = status_line.filter(is_line);
    let at = parting.unwrap_or_else(|| Dice::of(data).below(data.len() + 1));
    let (client, server) = data.split_at(at);
    let small = ObserverLimits {
        outstanding_max: 4,
        head_octets_max: 200,
        ..ObserverLimits::default()
    };
    for limits in [ObserverLimits::default(), small] {
        let whole = observe(&[client], &[server], limits);
        whole.check(client.len(), server.len());
        for client_pieces in cuts(client) {
            let seen = observe(&client_pieces, &[server], limits);
            assert_eq!(
                seen.sides,
                whole.sides,
                "cut as {}",
                lengths(&client_pieces)
            );
        }
        for server_pieces in cuts(server) {
            let seen = observe(&[client], &server_pieces, limits);
            seen.check(client.len(), server.len());
            assert_eq!(
                seen.sides,
                whole.sides,
                "cut as {}",
                lengths(&server_pieces)
            );
        }
    }
}

/// What was seen of each side, in words.
#[derive(Default)]
struct Seen {
    sides: [Vec<String>; 2],
    /// Where the last sighting of each side ended.
    ends: [u64; 2],
    /// Octets of each side that were seen as part of something.
    octets: [u64; 2],
}

fn observe(client: &[&[u8]], server: &[&[u8]], limits: ObserverLimits) -> Seen {
    let mut observer = Observer::new(limits);
    let mut seen = Seen::default();
    let now = Duration::ZERO;
    let mut held_max = 0;
    for piece in client {
        observer.client_octets(now, piece, &mut |sighting: Sighting<'_>| {
            seen.note(sighting)
        });
        held_max = held_max.max(observer.octets_held());
    }
    observer.client_end(now, &mut |sighting: Sighting<'_>| seen.note(sighting));
    for piece in server {
        observer.server_octets(now, piece, &mut |sighting: Sighting<'_>| {
            seen.note(sighting)
        });
        held_max = held_max.max(observer.octets_held());
    }
    observer.server_end(now, &mut |sighting: Sighting<'_>| seen.note(sighting));
    assert_eq!(observer.octets_held(), 0);
    // Of each direction: a head, or what waits, or a line that may yet be a head.
    let allowed = limits
        .head_octets_max
        .max(limits.waiting_octets_max)
        .max(LINE_OCTETS)
        + 1;
    assert!(held_max <= 2 * allowed, "{held_max} octets held");
    seen
}

impl Seen {
    fn note(&mut self, sighting: Sighting<'_>) {
        let side = match sighting.side {
            Side::Client => 0,
            Side::Server => 1,
        };
        let (kind, octets): (&str, &[u8]) = match sighting.what {
            What::Content(octets) => ("content", octets),
            What::Skipped(octets) => ("skipped", octets),
            What::Tunnel(octets) => ("tunnel", octets),
            ref what => {
                self.note_part(side, &sighting, what);
                return;
            }
        };
        assert!(!octets.is_empty());
        assert_eq!(octets.len() as u64, sighting.octets);
        self.pass(side, &sighting);
        let text = octets.escape_ascii();
        let start = format!("{:?} {kind} ", sighting.exchange);
        match self.sides[side].last_mut() {
            Some(last) if last.starts_with(&start) => last.push_str(&text.to_string()),
            _ => self.sides[side].push(format!("{start}{text}")),
        }
    }

    fn note_part(&mut self, side: usize, sighting: &Sighting<'_>, what: &What<'_>) {
        let text = match what {
            What::Request { head, content } => {
                self.pass(side, sighting);
                format!("{:?} {content:?} {:?}", head.octets(), head.anomalies())
            }
            What::Response { head, content } => {
                self.pass(side, sighting);
                format!("{:?} {content:?} {:?}", head.octets(), head.anomalies())
            }
            What::Trailers(section) => format!("{:?}", section.iter().collect::<Vec<_>>()),
            // When both sides are complete is for the interleaving to say.
            What::Fate(_) | What::Unanswered => return,
            other => format!("{other:?}"),
        };
        let (exchange, at) = (sighting.exchange, sighting.offset);
        self.sides[side].push(format!("{exchange:?} @{at}+{} {text}", sighting.octets));
    }

    /// Octets are seen once, in order.
    fn pass(&mut self, side: usize, sighting: &Sighting<'_>) {
        assert!(sighting.offset >= self.ends[side], "{sighting:?} goes back");
        self.ends[side] = sighting.offset + sighting.octets;
        self.octets[side] += sighting.octets;
    }

    fn check(&self, client: usize, server: usize) {
        for (side, len) in [(0, client as u64), (1, server as u64)] {
            assert!(self.ends[side] <= len);
            let is_chunked = self.sides[side]
                .iter()
                .any(|line| line.contains("ChunkSize"));
            let is_abandoned = self.sides[side].iter().any(|line| line.contains("Unknown"));
            if !is_chunked && !is_abandoned {
                assert_eq!(
                    self.octets[side], len,
                    "octets are missing: {:#?}",
                    self.sides
                );
            }
        }
    }
}

/// Twice the longest line in which a request line is looked for.
const LINE_OCTETS: usize = 32 * 1024;
