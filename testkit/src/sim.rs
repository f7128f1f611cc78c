//! A client, a server and an observer on one simulated connection: virtual time, seeded cuts, delays and resets.
//!
//! ```text
//!  Client ──▶ Wire ──▶ Server        each Wire delivers pieces of its own size at their own time
//!    ▲          │          │         the Observer sees every piece when it is delivered
//!    └── Wire ◀─┼──────────┘         a reset loses what is on its way, for good
//!               └──▶ Observer
//! ```
//!
//! Everything follows from the seed, which every failure prints.

use std::collections::VecDeque;
use std::time::Duration;

use http1::{
    Client, Delivery, Observer, Policy, RequestParts, ResponseScratch, Scratch, Server, Sighting,
    What,
};
use semantics::{
    ContentEnd, ContentLength, Event, ExchangeId, Fate, Known, Method, ResponseHead, Stamp, Status,
};

mod dice;
pub use dice::Dice;

/// What came of one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Exchanges that both sides saw complete.
    pub complete: usize,
    /// Requests whose answers a reset cut off.
    pub cut_off: usize,
    /// Connections that a reset ended.
    pub resets: usize,
}

/// Plays one connection; panics, naming the seed, when the two sides do not agree on what was said.
pub fn run(seed: u64) -> Tally {
    let mut world = World::new(seed);
    world.play();
    world.judge()
}

/// How many seeds a test plays: `HANSOM_SIM_SEEDS`, or this many.
pub fn seeds(usual: u64) -> u64 {
    let given = std::env::var("HANSOM_SIM_SEEDS").ok();
    given
        .and_then(|number| number.parse().ok())
        .unwrap_or(usual)
}

/// One direction of the wire.
#[derive(Debug, Default)]
struct Wire {
    /// When each piece arrives; never before the one ahead of it.
    pieces: VecDeque<(u64, Vec<u8>)>,
    last_arrival: u64,
    is_shut: bool,
}

impl Wire {
    /// Cuts what is transmitted and decides when each piece arrives.
    fn transmit(&mut self, octets: &[u8], now: u64, dice: &mut Dice) {
        let mut rest = octets;
        let scale = *dice.pick(&[1, 3, 20, 500, 5_000]);
        while !rest.is_empty() {
            let len = (1 + dice.below(scale)).min(rest.len());
            let (piece, after) = rest.split_at(len);
            rest = after;
            let spread = *dice.pick(&[1, 10, 1000]);
            let arrival = now + 1 + dice.below(spread) as u64;
            self.last_arrival = self.last_arrival.max(arrival);
            self.pieces.push_back((self.last_arrival, piece.to_vec()));
        }
    }

    fn arrived(&mut self, now: u64) -> Option<Vec<u8>> {
        let is_there = self.pieces.front().is_some_and(|(at, _)| *at <= now);
        if is_there {
            self.pieces.pop_front().map(|(_, octets)| octets)
        } else {
            None
        }
    }

    fn next_arrival(&self) -> Option<u64> {
        self.pieces.front().map(|(at, _)| *at)
    }
}

/// A request as planned, and what was seen of it.
#[derive(Debug)]
struct Plan {
    method: &'static str,
    version_minor: u8,
    content: Vec<u8>,
    framing: ContentLength,
    says_close: bool,
    answer: Answer,
    /// Whether the answer is given before the content has come.
    is_early: bool,
    /// Whether it was given.
    is_given: bool,
    /// What the server read of its content.
    received: Vec<u8>,
    is_received: bool,
    /// What the client read of the answer.
    answered: Option<(u16, Vec<u8>)>,
    end: Option<ContentEnd>,
    /// What the observer saw of the answer.
    observed: Vec<u8>,
    is_observed: bool,
}

#[derive(Debug)]
struct Answer {
    status: Status,
    content: Vec<u8>,
    framing: ContentLength,
    interims: usize,
    has_trailers: bool,
}

struct World {
    seed: u64,
    dice: Dice,
    now: u64,
    plans: Vec<Plan>,
    submitted: usize,
    client: Client,
    server: Server,
    observer: Observer,
    upward: Wire,
    downward: Wire,
    /// Arrived and not read.
    server_input: Vec<u8>,
    client_input: Vec<u8>,
    /// When the answer to the request that is complete goes out, and how much of it went.
    answer_at: Option<u64>,
    reset_at: Option<u64>,
    is_reset: bool,
    is_over: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let plans = (0..1 + dice.below(12))
            .map(|_| Plan::new(&mut dice))
            .collect();
        let reset_at = dice.is_one_in(4).then(|| dice.below(4000) as u64);
        Self {
            seed,
            dice,
            now: 0,
            plans,
            submitted: 0,
            client: Client::new(),
            server: Server::new(),
            observer: Observer::default(),
            upward: Wire::default(),
            downward: Wire::default(),
            server_input: Vec::new(),
            client_input: Vec::new(),
            answer_at: None,
            reset_at,
            is_reset: false,
            is_over: false,
        }
    }

    fn play(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.is_over {
                return;
            }
            self.submit();
            self.deliver();
            self.serve();
            self.answer();
            self.read_answers();
            self.advance();
        }
        self.fail("the connection does not come to an end");
    }

    /// Submits requests, several ahead of their answers at times.
    fn submit(&mut self) {
        let mut out = Vec::new();
        while self.submitted < self.plans.len() && !self.is_reset {
            let is_alone = self.client.unanswered().next().is_none();
            if !is_alone && self.dice.is_one_in(2) {
                break;
            }
            let plan = &self.plans[self.submitted];
            match plan.submit(&mut self.client, &mut out) {
                Ok(id) => assert_eq!(id.0 as usize, self.submitted + 1, "seed {}", self.seed),
                // The connection closes: what is left is not sent.
                Err(_) => break,
            }
            self.submitted += 1;
        }
        if !out.is_empty() {
            self.upward.transmit(&out, self.now, &mut self.dice);
        }
    }

    /// Takes what has arrived off both wires; the observer sees it at this moment.
    fn deliver(&mut self) {
        let now = Duration::from_micros(self.now);
        let plans = &mut self.plans;
        let mut sink = |sighting: Sighting<'_>| note(plans, sighting);
        while let Some(octets) = self.upward.arrived(self.now) {
            self.observer.client_octets(now, &octets, &mut sink);
            self.server_input.extend_from_slice(&octets);
        }
        while let Some(octets) = self.downward.arrived(self.now) {
            self.observer.server_octets(now, &octets, &mut sink);
            self.client_input.extend_from_slice(&octets);
        }
    }

    fn serve(&mut self) {
        let policy = Policy::strict();
        let mut scratch = Scratch::default();
        let mut input = &self.server_input[..];
        let mut is_to_settle = false;
        while let Some(event) = self.server.poll_event(&policy, &mut scratch, &mut input) {
            match event {
                Event::Head { id, head, .. } => {
                    let plan = &self.plans[id.0 as usize - 1];
                    let is_same = head.method_octets() == plan.method.as_bytes()
                        && head.first(Known::Host) == Some(b"a.example");
                    assert!(is_same, "seed {}: another request head", self.seed);
                    if plan.is_early {
                        self.answer_at = Some(self.now + self.dice.below(5) as u64);
                    }
                }
                Event::Content { id, octets } => {
                    let plan = &mut self.plans[id.0 as usize - 1];
                    plan.received.extend_from_slice(octets);
                }
                Event::Trailers { .. } => {}
                Event::End { id, .. } => {
                    let plan = &mut self.plans[id.0 as usize - 1];
                    plan.is_received = true;
                    is_to_settle = plan.is_given;
                    if !plan.is_early {
                        self.answer_at = Some(self.now + self.dice.below(50) as u64);
                    }
                }
                Event::Refused { refusal, .. } => {
                    panic!("seed {}: the server refused: {refusal}", self.seed)
                }
            }
        }
        let read = self.server_input.len() - input.len();
        self.server_input.drain(..read);
        if is_to_settle {
            self.settle();
        }
    }

    fn answer(&mut self) {
        if self.answer_at.is_none_or(|at| at > self.now) || self.is_reset {
            return;
        }
        self.answer_at = None;
        let mut out = Vec::new();
        let plan = &mut self.plans[self.server.requests() as usize - 1];
        plan.is_given = true;
        let is_received = plan.is_received;
        plan.answer
            .submit(&mut self.server, &mut self.dice, &mut out);
        self.downward.transmit(&out, self.now, &mut self.dice);
        if is_received {
            self.settle();
        } else if self.server.settle().is_some() {
            self.fail("an exchange settles before its request is complete");
        }
    }

    fn settle(&mut self) {
        match self.server.settle() {
            Some(Fate::Kept(_)) => self.serve(),
            Some(Fate::Closed(_)) => self.downward.is_shut = true,
            None => self.fail("a complete exchange does not settle"),
        }
    }

    fn read_answers(&mut self) {
        let policy = Policy::responses();
        let mut scratch = ResponseScratch::default();
        let mut input = &self.client_input[..];
        let mut seen = Vec::new();
        while let Some(event) = self.client.poll_event(&policy, &mut scratch, &mut input) {
            seen.push(Seen::of(event, self.seed));
        }
        let read = self.client_input.len() - input.len();
        self.client_input.drain(..read);
        for seen in seen {
            self.note(seen);
        }
    }

    fn note(&mut self, seen: Seen) {
        let seed = self.seed;
        match seen {
            Seen::Head(id, status) if status >= 200 => {
                let plan = &mut self.plans[id];
                assert!(plan.answered.is_none(), "seed {seed}: answered twice");
                plan.answered = Some((status, Vec::new()));
            }
            Seen::Head(..) => {}
            Seen::Content(id, octets) => {
                let answered = self.plans[id].answered.as_mut();
                answered.expect("content after a head").1.extend(octets);
            }
            Seen::End(id, why) => self.plans[id].end = Some(why),
        }
    }

    /// Goes on to the moment at which something happens next.
    fn advance(&mut self) {
        let arrivals = [self.upward.next_arrival(), self.downward.next_arrival()];
        let next = arrivals.into_iter().chain([self.answer_at]).flatten().min();
        let is_quiet = next.is_none();
        self.now = next.unwrap_or(self.now).max(self.now + 1);
        if !self.is_reset && self.reset_at.is_some_and(|at| at <= self.now) {
            // What is on its way is lost; what had arrived stays readable.
            self.is_reset = true;
            self.upward.pieces.clear();
            self.downward.pieces.clear();
            self.answer_at = None;
            self.end();
        } else if is_quiet && (self.downward.is_shut || self.client.is_reusable()) {
            let may_go_on = self.client.is_reusable() && self.submitted < self.plans.len();
            if !may_go_on {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.is_over = true;
        self.read_answers();
        let last = self.client.end_of_input();
        if let Some(Event::End { id, why }) = last {
            self.note(Seen::End(id.0 as usize - 1, why));
        }
        self.server.end_of_input();
        let now = Duration::from_micros(self.now);
        let plans = &mut self.plans;
        let mut sink = |sighting: Sighting<'_>| note(plans, sighting);
        self.observer.client_end(now, &mut sink);
        self.observer.server_end(now, &mut sink);
    }

    /// What the sides made of one another.
    fn judge(&self) -> Tally {
        let mut tally = Tally {
            resets: usize::from(self.is_reset),
            ..Tally::default()
        };
        for (i, plan) in self.plans[..self.submitted].iter().enumerate() {
            let is_prefix = plan.content.starts_with(&plan.received);
            let is_whole = !plan.is_received || plan.received == plan.content;
            if !is_prefix || !is_whole {
                self.fail(&format!("request {i} arrived otherwise: {plan:?}"));
            }
            match plan.end {
                Some(ContentEnd::Truncated) | None => tally.cut_off += 1,
                // Whether a close is the end or a cut is what HTTP/1.0 cannot tell (RFC 9112 §8).
                Some(ContentEnd::ConnectionClose) if self.is_reset => tally.cut_off += 1,
                Some(_) => {
                    self.judge_answer(i, plan);
                    tally.complete += 1;
                }
            }
        }
        if !self.is_reset && tally.complete != self.submitted && self.all_kept() {
            self.fail("answers are missing though nothing was cut");
        }
        tally
    }

    fn judge_answer(&self, i: usize, plan: &Plan) {
        let expected = (plan.answer.status.code(), plan.answer_content());
        if plan.answered.as_ref() != Some(&expected) {
            self.fail(&format!("answer {i} arrived otherwise: {plan:?}"));
        }
        if !plan.is_observed || plan.observed != expected.1 {
            self.fail(&format!("answer {i} was observed otherwise: {plan:?}"));
        }
    }

    /// Whether no request asked for an end before the last one: what was sent ahead of a close stays unanswered.
    fn all_kept(&self) -> bool {
        let sent = &self.plans[..self.submitted];
        let kept = sent.len().saturating_sub(1);
        sent[..kept].iter().all(|plan| !plan.ends_connection())
    }

    fn fail(&self, what: &str) -> ! {
        panic!("seed {}: {what}", self.seed);
    }
}

/// What a client saw, freed of its octets.
enum Seen {
    Head(usize, u16),
    Content(usize, Vec<u8>),
    End(usize, ContentEnd),
}

impl Seen {
    fn of(event: Event<'_, semantics::ResponseView<'_>>, seed: u64) -> Self {
        let at = |id: ExchangeId| id.0 as usize - 1;
        match event {
            Event::Head { id, head, .. } => Self::Head(at(id), head.status().code()),
            Event::Content { id, octets } => Self::Content(at(id), octets.to_vec()),
            Event::Trailers { id, section } => {
                let sent = section.all_named(b"X-Sum").next();
                assert_eq!(sent, Some(&b"1"[..]), "seed {seed}");
                Self::Content(at(id), Vec::new())
            }
            Event::End { id, why } => Self::End(at(id), why),
            Event::Refused { refusal, .. } => panic!("seed {seed}: the client refused: {refusal}"),
        }
    }
}

/// What the observer saw of an answer.
fn note(plans: &mut [Plan], sighting: Sighting<'_>) {
    let id = sighting.exchange.map_or(0, |id| id.0 as usize);
    let Some(plan) = id.checked_sub(1).and_then(|i| plans.get_mut(i)) else {
        return;
    };
    match (sighting.side, sighting.what) {
        (http1::Side::Server, What::Content(octets)) => plan.observed.extend_from_slice(octets),
        (http1::Side::Server, What::End { .. }) => plan.is_observed = true,
        _ => {}
    }
}

impl Plan {
    fn new(dice: &mut Dice) -> Self {
        let method = *dice.pick(&["GET", "GET", "HEAD", "POST", "PUT", "DELETE", "FROB"]);
        let has_content = matches!(method, "POST" | "PUT") || dice.is_one_in(8);
        let content = if has_content {
            dice.octets()
        } else {
            Vec::new()
        };
        let version_minor = u8::from(!dice.is_one_in(5));
        let framing = match dice.below(2) {
            _ if !has_content => ContentLength::None,
            0 if version_minor == 1 => ContentLength::Unknown,
            _ => ContentLength::Exactly(content.len() as u64),
        };
        Self {
            method,
            version_minor,
            content,
            framing,
            says_close: dice.is_one_in(10),
            answer: Answer::new(dice),
            is_early: dice.is_one_in(5),
            is_given: false,
            received: Vec::new(),
            is_received: false,
            answered: None,
            end: None,
            observed: Vec::new(),
            is_observed: false,
        }
    }

    fn submit(&self, client: &mut Client, out: &mut Vec<u8>) -> Result<ExchangeId, http1::Misuse> {
        let option: &[u8] = match (self.says_close, self.version_minor) {
            (true, _) => b"close",
            (false, 0) => b"Keep-Alive",
            (false, _) => b"x",
        };
        let lines: &[(&[u8], &[u8])] = &[(b"Host", b"a.example"), (b"connection", option)];
        let mut request = RequestParts::new(self.method.as_bytes(), b"/a?b=c", lines);
        request.version.minor = self.version_minor;
        let id = client.submit_request(request, self.framing, out)?;
        for piece in self.content.chunks(777) {
            assert_eq!(
                client.submit_content(piece.len() as u64, out),
                piece.len() as u64
            );
            out.extend_from_slice(piece);
        }
        client.submit_end(None, out)?;
        Ok(id)
    }

    fn is_without_content(&self) -> bool {
        self.answer.status.is_without_content()
            || Method::from_octets(self.method.as_bytes()) == Method::Head
    }

    fn answer_content(&self) -> Vec<u8> {
        if self.is_without_content() || self.answer.framing == ContentLength::None {
            Vec::new()
        } else {
            self.answer.content.clone()
        }
    }

    fn ends_connection(&self) -> bool {
        let is_close_delimited = self.answer.framing == ContentLength::Unknown
            && self.version_minor == 0
            && !self.is_without_content();
        self.says_close || is_close_delimited
    }
}

impl Answer {
    fn new(dice: &mut Dice) -> Self {
        let content = dice.octets();
        let framing = match dice.below(3) {
            0 => ContentLength::Unknown,
            1 => ContentLength::None,
            _ => ContentLength::Exactly(content.len() as u64),
        };
        let codes = [200, 200, 204, 304, 404, 500];
        Self {
            status: Status::new(*dice.pick(&codes)).unwrap_or(Status::OK),
            content,
            framing,
            interims: if dice.is_one_in(6) { dice.below(4) } else { 0 },
            has_trailers: dice.is_one_in(2),
        }
    }

    fn submit(&self, server: &mut Server, dice: &mut Dice, out: &mut Vec<u8>) {
        let stamp = Stamp {
            date: *b"Thu, 01 Jan 1970 00:00:00 GMT",
            server: Some(b"sim"[..].into()),
        };
        let delivery = Delivery {
            stamp: &stamp,
            keep_alive_seconds: 5,
        };
        for _ in 0..self.interims {
            let hints = ResponseHead::new(Status::EARLY_HINTS).with(Known::Link, "</a>");
            server.submit_head(delivery, &hints, ContentLength::None, out);
        }
        server.submit_head(delivery, &ResponseHead::new(self.status), self.framing, out);
        let mut rest = &self.content[..];
        while !rest.is_empty() {
            let len = (1 + dice.below(900)).min(rest.len());
            let may = server.submit_content(len as u64, out) as usize;
            if may == 0 {
                break;
            }
            out.extend_from_slice(&rest[..may]);
            rest = &rest[may..];
        }
        let mut trailers = ResponseHead::new(self.status);
        trailers.add_named("X-Sum", "1");
        let section = self.has_trailers.then(|| trailers.section());
        server.submit_end(section, out);
    }
}

/// More than any connection needs.
const STEPS_MAX: usize = 1_000_000;
