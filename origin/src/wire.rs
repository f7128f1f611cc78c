//! What a client's last exchanges did on the wire, as JSON for a page that explains it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{Answer, Exchange, Record, Response};
use semantics::{Because, Known, Method, ResponseHead, Status, secrets};
use serde_json::json;

use crate::json::{push_object, text};
use crate::methods::{options_answer, unsupported_method};

/// Exchanges that are remembered, of all clients together.
pub const RECENT_MAX: usize = 512;

/// Octets of a target that are remembered.
pub const RECENT_TARGET_OCTETS_MAX: usize = 512;

/// The last exchanges of a process. Clones share them, so that each worker writes to the same; the lock is held for a
/// copy, and only where somebody wants to look.
#[derive(Clone, Debug, Default)]
pub struct Recent(Arc<Mutex<VecDeque<Past>>>);

/// An exchange that is over.
#[derive(Clone, Debug)]
struct Past {
    client: Option<IpAddr>,
    connection: u64,
    number: u32,
    method: Box<[u8]>,
    target: Box<[u8]>,
    status: Status,
    octets: u64,
    unix_millis: u64,
    micros: u64,
    request_end: Because,
    fate: Because,
}

impl Recent {
    /// Nothing is remembered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers an exchange, without the secrets of its target, and forgets the oldest when there are too many.
    pub fn push(&self, record: &Record<'_>) {
        // One that ended without an answer has nothing to show.
        let Some(status) = record.status else { return };
        // Before it is cut: whether something is a secret may be told by what follows it.
        let mut target = secrets::blanked(record.request.target());
        target.truncate(RECENT_TARGET_OCTETS_MAX);
        let method = record.request.method();
        let past = Past {
            client: record.client.ip(),
            connection: record.connection,
            number: record.number,
            method: method.get(..METHOD_OCTETS_MAX).unwrap_or(method).into(),
            target: target.into(),
            status,
            octets: record.octets,
            unix_millis: record.unix_millis,
            micros: u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX),
            request_end: record.request_end.because(),
            fate: record.fate.because(),
        };
        let mut ring = self.ring();
        if ring.len() >= RECENT_MAX {
            ring.pop_front();
        }
        ring.push_back(past);
    }

    /// Answers with the exchanges of the client that asks, oldest first. Those of others are nobody's business.
    pub fn answer(&self, exchange: &Exchange<'_>) -> Answer {
        let head = exchange.head;
        match head.method() {
            Method::Get | Method::Head => {}
            Method::Options => return options_answer(ALLOW).into(),
            _ => return unsupported_method(head, ALLOW).into(),
        }
        let client = exchange.client.ip();
        let own: Vec<Past> = {
            let ring = self.ring();
            ring.iter()
                .filter(|past| past.client == client)
                .cloned()
                .collect()
        };
        let head = ResponseHead::new(Status::OK)
            .with(Known::ContentType, "application/json")
            .with(Known::CacheControl, "no-store")
            .with(Known::XContentTypeOptions, "nosniff");
        Response::with_octets(head, write(exchange, &own)).into()
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<Past>> {
        // Who panicked while holding it left whole entries all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(exchange: &Exchange<'_>, own: &[Past]) -> String {
    let mut out = String::with_capacity(128 + 400 * own.len());
    let (now, connection) = (exchange.now.unix_millis, exchange.connection);
    out.push_str(&format!(
        "{{\"now\": {now}, \"connection\": {connection}, \"exchanges\": ["
    ));
    for (i, past) in own.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        let members = [
            ("connection", json!(past.connection)),
            ("number", json!(past.number)),
            ("method", text(&past.method)),
            ("target", text(&past.target)),
            ("status", json!(past.status.code())),
            ("octets", json!(past.octets)),
            ("at", json!(past.unix_millis)),
            ("micros", json!(past.micros)),
            ("request_end", json!(past.request_end.sentence)),
            ("request_end_rule", json!(past.request_end.rule)),
            ("fate", json!(past.fate.sentence)),
            ("fate_rule", json!(past.fate.rule)),
        ];
        push_object(&mut out, &members);
    }
    out.push_str("\n]}\n");
    out
}

const ALLOW: &str = "GET, HEAD, OPTIONS";
const METHOD_OCTETS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{octets, response_of, with_exchange};
    use engine::Capture;
    use semantics::{ContentEnd, Fate, KeepReason};
    use serde_json::Value;
    use std::net::SocketAddr;
    use std::time::Duration;

    fn push(recent: &Recent, client: [u8; 4], number: u32) {
        push_target(recent, client, number, &format!("/{number}"));
    }

    fn push_target(recent: &Recent, client: [u8; 4], number: u32, target: &str) {
        with_exchange(
            &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"),
            |exchange| {
                recent.push(&Record {
                    unix_millis: 5,
                    connection: 9,
                    number,
                    client: SocketAddr::from((client, 1)).into(),
                    user: None,
                    server: None,
                    tries: 0,
                    mark: None,
                    tls: None,
                    request: &Capture::for_test(exchange.head),
                    status: Some(Status::NOT_MODIFIED),
                    octets: 3,
                    duration: Duration::from_micros(7),
                    request_octets: 0,
                    request_end: ContentEnd::NoFraming,
                    fate: Fate::Kept(KeepReason::PersistentByDefault),
                    is_complete: true,
                });
            },
        );
    }

    fn asked(recent: &Recent) -> Value {
        let answer = with_exchange("GET /wire.json HTTP/1.1\r\nHost: a\r\n\r\n", |exchange| {
            recent.answer(exchange)
        });
        serde_json::from_slice(&octets(&net::run_alone(response_of(answer)).content)).unwrap()
    }

    #[test]
    fn a_client_sees_its_own_exchanges_alone_and_the_oldest_first() {
        let recent = Recent::new();
        for (client, number) in [
            ([127, 0, 0, 1], 1),
            ([127, 0, 0, 2], 2),
            ([127, 0, 0, 1], 3),
        ] {
            push(&recent, client, number);
        }
        let json = asked(&recent);
        let targets: Vec<_> = json["exchanges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|x| &x["target"])
            .collect();
        assert_eq!(targets, ["/1", "/3"]);
        assert_eq!(json["connection"], 1);
        let first = &json["exchanges"][0];
        assert_eq!(
            *first,
            json!({
                "connection": 9, "number": 1, "method": "GET", "target": "/1", "status": 304, "octets": 3, "at": 5,
                "micros": 7, "request_end": "no content: neither length nor coding",
                "request_end_rule": "RFC 9112 §6.3, rule 7", "fate": "kept: persistent by default",
                "fate_rule": "RFC 9112 §9.3",
            })
        );
    }

    #[test]
    fn secrets_of_targets_are_blanked_also_where_a_target_is_cut() {
        let recent = Recent::new();
        let long = "x".repeat(RECENT_TARGET_OCTETS_MAX);
        let cases = [
            ("/a?x=1&token=abc&z=2", "/a?x=1&token=***&z=2"),
            ("/a?x=1#access_token=abc", "/a?x=1#access_token=***"),
            (
                &format!("http://user:{long}@a.example/b"),
                "http://***@a.example/b",
            ),
            (&format!("/a?key={long}&b=2"), "/a?key=***&b=2"),
        ];
        for (target, shown) in cases {
            push_target(&recent, [127, 0, 0, 1], 1, target);
            let json = asked(&recent);
            let last = json["exchanges"].as_array().unwrap().last().unwrap();
            assert_eq!(last["target"], shown);
        }
        let (target, cut) = (format!("/{long}"), RECENT_TARGET_OCTETS_MAX);
        push_target(&recent, [127, 0, 0, 1], 1, &target);
        let json = asked(&recent);
        let last = json["exchanges"].as_array().unwrap().last().unwrap();
        assert_eq!(last["target"], target[..cut]);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let recent = Recent::new();
        (0..RECENT_MAX as u32 + 10).for_each(|number| push(&recent, [127, 0, 0, 1], number));
        let json = asked(&recent);
        let exchanges = json["exchanges"].as_array().unwrap();
        assert_eq!(exchanges.len(), RECENT_MAX);
        assert_eq!(exchanges[0]["number"], 10);
    }

    #[test]
    fn nothing_yet_is_an_empty_list() {
        assert_eq!(asked(&Recent::new())["exchanges"], json!([]));
    }
}
