//! The server machine: the same dialogue however what the client sends is cut, and answers that the client machine can
//! read back.

use http1::{Client, Delivery, Leniency, Policy, RequestParts, ResponseScratch, Scratch, Server};
use semantics::{
    ContentLength, Event, Fate, Known, Limits, Method, ResponseHead, Stamp, Status, Version,
};

use super::{cuts, lengths};

/// All that a client sends on one connection.
pub fn server_machine(data: &[u8]) {
    for policy in policies() {
        let whole = serve(&[data], &policy);
        whole.read_back();
        for pieces in cuts(data) {
            let cut = serve(&pieces, &policy);
            assert_eq!(cut.told, whole.told, "cut as {}", lengths(&pieces));
            assert_eq!(
                cut.out.escape_ascii().to_string(),
                whole.out.escape_ascii().to_string()
            );
        }
    }
}

fn policies() -> [Policy; 3] {
    let small = Limits {
        head_octets_max: 300,
        target_octets_max: 60,
        field_lines_max: 6,
        content_octets_max: 40,
        chunk_line_octets_max: 20,
        chunk_extensions_octets_max: 25,
        ..Limits::default()
    };
    let lenient = Leniency {
        allow_cl_with_te: true,
        allow_bare_lf_head: true,
        collapse_equal_cl: true,
        unfold_requests: true,
        allow_ctl_values: true,
        allow_multi_space: true,
        allow_missing_host: true,
        strict_target: false,
    };
    [
        Policy::strict(),
        Policy::with(Leniency::default(), 1, small.clone()),
        Policy::with(lenient, 3, small),
    ]
}

/// A dialogue: what was told, what was asked, what was answered.
#[derive(Default)]
struct Dialogue {
    told: Vec<String>,
    out: Vec<u8>,
    asked: Vec<Asked>,
}

/// A request as far as its answer depends on it.
struct Asked {
    method: Vec<u8>,
    version: Version,
    fate: Fate,
    status: Status,
    content: Vec<u8>,
    is_refused: bool,
    is_answered: bool,
}

fn serve(pieces: &[&[u8]], policy: &Policy) -> Dialogue {
    let mut dialogue = Dialogue::default();
    let mut server = Server::new();
    let mut scratch = Scratch::default();
    let mut held = 0;
    for piece in pieces {
        let mut input = *piece;
        loop {
            let before = input.len();
            let event = server.poll_event(policy, &mut scratch, &mut input);
            let taken = before - input.len();
            let Some(event) = event else {
                held = if server.is_in_head() { held + taken } else { 0 };
                assert!(
                    held <= policy.limits.head_octets_max + 1,
                    "{held} octets of a head are held"
                );
                break;
            };
            held = 0;
            let is_over = dialogue.note(event, policy);
            if is_over {
                dialogue.answer(&mut server);
            }
        }
    }
    if let Some(refusal) = server.end_of_input() {
        dialogue.told.push(format!("cut off {}", refusal.status()));
    }
    dialogue
}

impl Dialogue {
    /// Notes an event; whether it is time to answer.
    fn note(&mut self, event: Event<'_, semantics::RequestHead<'_>>, policy: &Policy) -> bool {
        match event {
            Event::Head { id, head, content } => {
                assert_eq!(id.0 as usize, self.asked.len() + 1);
                assert!(head.octets_len() <= policy.limits.head_octets_max);
                assert!(head.target().len() <= policy.limits.target_octets_max);
                assert!(head.section().lines().len() <= policy.limits.field_lines_max);
                assert!(!head.anomalies().intersects(policy.refuse));
                let lines: Vec<_> = head.section().iter().collect();
                for (_, value) in &lines {
                    assert!(!value.contains(&b'\n') && !value.contains(&b'\r'));
                    assert!(!value.starts_with(b" ") && !value.ends_with(b" "));
                }
                self.told.push(format!(
                    "head {:?} {:?} {} {content:?} {:?} {lines:?}",
                    head.method_octets(),
                    head.target(),
                    head.version(),
                    head.anomalies()
                ));
                self.asked.push(Asked::of(head, id.0));
                false
            }
            Event::Content { octets, .. } => {
                assert!(!octets.is_empty());
                match self.told.last_mut() {
                    Some(last) if last.starts_with("content") => {
                        last.push_str(&octets.escape_ascii().to_string());
                    }
                    _ => self.told.push(format!("content {}", octets.escape_ascii())),
                }
                false
            }
            Event::Trailers { section, .. } => {
                let lines: Vec<_> = section.iter().collect();
                self.told.push(format!("trailers {lines:?}"));
                false
            }
            Event::End { why, .. } => {
                self.told.push(format!("end {why:?}"));
                true
            }
            Event::Refused { refusal, .. } => {
                let status = refusal.status();
                self.told.push(format!("refused {status}"));
                // Refused within a request, or before its head was whole.
                let is_within =
                    self.told.iter().rev().nth(1).is_some_and(|last| {
                        last.starts_with("head") || last.starts_with("content")
                    });
                if !is_within {
                    self.asked.push(Asked::refused());
                }
                if let Some(asked) = self.asked.last_mut() {
                    asked.status = status;
                    asked.content = b"refused".to_vec();
                    asked.is_refused = true;
                }
                true
            }
        }
    }

    fn answer(&mut self, server: &mut Server) {
        let stamp = Stamp {
            date: *b"Thu, 01 Jan 1970 00:00:00 GMT",
            server: None,
        };
        let delivery = Delivery {
            stamp: &stamp,
            keep_alive_seconds: 5,
        };
        let count = self.asked.len();
        let Some(asked) = self.asked.last_mut() else {
            return;
        };
        let content = match count % 3 {
            _ if asked.content.is_empty() => ContentLength::None,
            0 => ContentLength::Unknown,
            _ => ContentLength::Exactly(asked.content.len() as u64),
        };
        let out = &mut self.out;
        if count % 4 == 2 {
            let hints = ResponseHead::new(Status::EARLY_HINTS);
            server.submit_head(delivery, &hints, ContentLength::None, out);
        }
        server.submit_head(delivery, &ResponseHead::new(asked.status), content, out);
        let may = server.submit_content(asked.content.len() as u64, out) as usize;
        out.extend_from_slice(&asked.content[..may]);
        if may < asked.content.len() {
            // RFC 9110 §9.3.2: a HEAD request, perhaps one of which nothing but the refusal was told.
            assert!(asked.is_refused || asked.method == b"HEAD");
            asked.method = b"HEAD".to_vec();
        }
        asked.is_answered = true;
        server.submit_end(None, out);
        let fate = server.settle().expect("a complete exchange settles");
        self.told.push(format!("fate {}", fate.because().name));
    }

    /// The client machine reads every answer as it was given.
    fn read_back(&self) {
        let mut client = Client::new();
        let mut scratch = ResponseScratch::default();
        let policy = Policy::responses();
        let mut input = &self.out[..];
        let answered: Vec<_> = self
            .asked
            .iter()
            .filter(|asked| asked.is_answered)
            .collect();
        for (i, asked) in answered.iter().enumerate() {
            let is_last = i + 1 == answered.len();
            asked.submit(&mut client);
            let (mut status, mut content, mut is_ended) = (None, Vec::new(), false);
            while !is_ended {
                let event = client.poll_event(&policy, &mut scratch, &mut input);
                let event = match event {
                    Some(event) => event,
                    None if is_last => client.end_of_input().expect("an answer ends"),
                    None => panic!("the answer to request {i} does not end"),
                };
                match event {
                    Event::Head { head, .. } => status = Some(head.status()),
                    Event::Content { octets, .. } => content.extend_from_slice(octets),
                    Event::End { .. } => is_ended = true,
                    Event::Trailers { .. } => {}
                    Event::Refused { refusal, .. } => panic!("the client refuses {i}: {refusal}"),
                }
            }
            let has_content = asked.method != b"HEAD";
            let expected: &[u8] = if has_content { &asked.content } else { b"" };
            assert_eq!(status, Some(asked.status));
            assert_eq!(content, expected);
        }
        assert!(
            input.is_empty(),
            "octets are left: {:?}",
            input.escape_ascii().to_string()
        );
    }
}

impl Asked {
    fn of(head: semantics::RequestHead<'_>, id: u64) -> Self {
        let options = semantics::fields::connection::Connection::parse(head.all(Known::Connection));
        let is_kept = !options.close && (head.version().is_at_least_11() || options.keep_alive);
        let reason = semantics::CloseReason::ClientOption;
        Self {
            method: head.method_octets().to_vec(),
            version: match head.version().is_at_least_11() {
                true => Version::HTTP_11,
                false => Version::HTTP_10,
            },
            fate: match is_kept {
                true => Fate::Kept(semantics::KeepReason::PersistentByDefault),
                false => Fate::Closed(reason),
            },
            // A tunnel would end the dialogue.
            status: match head.method() {
                Method::Connect => Status::METHOD_NOT_ALLOWED,
                _ => Status::OK,
            },
            content: (0..id % 5).map(|i| b'a' + i as u8).collect(),
            is_refused: false,
            is_answered: false,
        }
    }

    fn refused() -> Self {
        Self {
            method: b"GET".to_vec(),
            version: Version::HTTP_11,
            fate: Fate::Kept(semantics::KeepReason::PersistentByDefault),
            status: Status::BAD_REQUEST,
            content: Vec::new(),
            is_refused: true,
            is_answered: false,
        }
    }

    fn submit(&self, client: &mut Client) {
        let option: &[u8] = match (self.fate.is_kept(), self.version.minor) {
            (false, _) => b"close",
            (true, 0) => b"keep-alive",
            (true, _) => b"x",
        };
        let lines: &[(&[u8], &[u8])] = &[(b"Host", b"a"), (b"Connection", option)];
        let mut request = RequestParts::new(&self.method, b"/", lines);
        request.version = self.version;
        let mut out = Vec::new();
        client
            .submit_request(request, ContentLength::None, &mut out)
            .expect("a request that a server reads can be written");
        client
            .submit_end(None, &mut out)
            .expect("it has no content");
    }
}
