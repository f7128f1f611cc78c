//! One exchange with an application, over a connection.
//!
//! ```text
//!  Content ──▶ framing ──▶ transmit ──┐
//!                                     ├── net::Outbound ── application
//!  head, content ◀── Speech ◀─ receive┘
//! ```
//!
//! Content of the request goes out while the answer is already listened for; the answer's is read as the client takes it.

use std::cell::Cell;
use std::io;
use std::task::{Context, Poll, ready};

use net::{More, Outbound};

use crate::content::{Content, ContentError};
use crate::head::{AnswerHead, AnswerScan};
use crate::records::{self, Ending, Keep, Records, Said};
use crate::{Fault, Variables, scgi};

/// In which way it is spoken.
#[derive(Debug)]
pub(crate) enum Speech {
    /// Records, both ways.
    FastCgi(Records, Keep),
    /// Variables as a netstring; the answer as it is, up to the end of the connection.
    Scgi,
    /// A program of ours: variables were given to it, the rest is as it is. The end of content is the end of our side.
    Program,
}

/// An exchange that has begun.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) outbound: Outbound,
    hearing: Hearing,
    /// Framed, and not transmitted from `sent` on.
    out: Vec<u8>,
    sent: usize,
    content: Content,
    is_content_over: bool,
    wait_millis: Option<u64>,
    bounded: Option<Awaited>,
    is_transmitted: bool,
    /// Not all of the request was transmitted.
    is_given_up: bool,
    /// Why there will be no more, to be told behind what had come before.
    fault: Option<Fault>,
}

/// What was heard.
#[derive(Debug)]
struct Hearing {
    speech: Speech,
    scan: AnswerScan,
    answer: Option<AnswerHead>,
    /// Content that nobody has taken.
    ready: Vec<u8>,
    /// The answer has come to its end.
    is_over: bool,
    /// An octet of an answer came.
    is_answered: bool,
    errors: Vec<u8>,
    /// More was said than is told.
    is_errors_cut: bool,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The application to take octets.
    Transmit,
    /// The application to answer.
    Answer,
    /// The client to send content.
    Client,
}

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// `None` where the client broke off.
    pub(crate) fault: Option<Fault>,
    /// An octet of the request was transmitted.
    pub(crate) is_transmitted: bool,
    /// An octet of an answer came.
    pub(crate) is_answered: bool,
}

impl Talk {
    pub(crate) fn new(
        outbound: Outbound,
        speech: Speech,
        variables: &Variables,
        content: Content,
        wait_millis: Option<u64>,
    ) -> Self {
        let mut out = Vec::with_capacity(4096);
        match &speech {
            Speech::FastCgi(_, keep) => records::begin(*keep, variables.iter(), &mut out),
            Speech::Scgi => scgi::begin(variables, &mut out),
            Speech::Program => {}
        }
        Self {
            outbound,
            hearing: Hearing {
                speech,
                scan: AnswerScan::default(),
                answer: None,
                ready: Vec::new(),
                is_over: false,
                is_answered: false,
                errors: Vec::new(),
                is_errors_cut: false,
            },
            out,
            sent: 0,
            content,
            is_content_over: false,
            wait_millis,
            bounded: None,
            is_transmitted: false,
            is_given_up: false,
            fault: None,
        }
    }

    /// Ready when the head of the answer is there, and nothing more is to be transmitted.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        loop {
            let awaited = self.poll_send(cx)?;
            if self.hearing.answer.is_some() {
                if awaited.is_some() && !self.is_rest_wanted() {
                    self.give_up();
                }
                if self.is_content_over && self.out.is_empty() {
                    self.bound(None);
                    return Poll::Ready(Ok(()));
                }
            }
            self.bound(Some(awaited.unwrap_or(Awaited::Answer)));
            let late = match awaited {
                Some(Awaited::Transmit) => Fault::TransmitTimeout,
                _ => Fault::HeadTimeout,
            };
            match self.poll_hear(cx, late) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                // What had come before goes as far as it came.
                Poll::Ready(Err(fault)) if self.hearing.answer.is_some() => {
                    if !self.hearing.is_over {
                        self.fault = Some(fault);
                    }
                    self.give_up();
                    self.bound(None);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(self.failed(fault))),
            }
        }
    }

    /// Transmits what there is of the request; says what more of it waits for, `None` where there is no more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<Option<Awaited>, Failed> {
        loop {
            let is_waiting = self.gather(cx)?;
            if self.out.is_empty() {
                return Ok(match self.is_content_over {
                    true => None,
                    false => is_waiting.then_some(Awaited::Client),
                });
            }
            let left = self.out.get(self.sent..).unwrap_or_default();
            match self.outbound.poll_transmit(cx, left, More::No) {
                Poll::Pending => return Ok(Some(Awaited::Transmit)),
                Poll::Ready(Ok(octets)) => {
                    self.sent += octets;
                    self.is_transmitted |= octets > 0;
                    self.bounded = None;
                    if self.sent >= self.out.len() {
                        self.out.clear();
                        self.sent = 0;
                        self.end_side();
                    }
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(self.failed(Fault::TransmitTimeout));
                }
                // It may have answered before it closed.
                Poll::Ready(Err(_)) => self.give_up(),
            }
        }
    }

    /// Frames what has come of the content, up to what is worth a call; says whether more is waited for.
    fn gather(&mut self, cx: &mut Context<'_>) -> Result<bool, Failed> {
        while !self.is_content_over && self.out.len() - self.sent < GATHERED_OCTETS_MAX {
            let next = match self.content.poll_next(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(next)) => next,
                Poll::Ready(Err(ContentError::Interrupted)) => {
                    return Err(Failed {
                        fault: None,
                        ..self.failed(Fault::Internal)
                    });
                }
                Poll::Ready(Err(ContentError::File)) => return Err(self.failed(Fault::Spool)),
            };
            self.is_content_over = next.is_none();
            match (&self.hearing.speech, next) {
                (Speech::FastCgi(..), Some(octets)) => records::content(&octets, &mut self.out),
                (Speech::FastCgi(..), None) => records::content_end(&mut self.out),
                (_, Some(octets)) => self.out.extend_from_slice(&octets),
                (_, None) if self.out.is_empty() => self.end_side(),
                (_, None) => {}
            }
        }
        Ok(false)
    }

    /// A program sees the end of its input by the end of our side.
    fn end_side(&mut self) {
        if self.is_content_over && matches!(self.hearing.speech, Speech::Program) {
            // A program that has ended does not want to know.
            let _ = self.outbound.shutdown_transmit();
        }
    }

    /// Whether the rest of the request is transmitted although the head of the answer is there.
    fn is_rest_wanted(&self) -> bool {
        let status = self.hearing.answer.as_ref().map(|it| it.head.status());
        !self.hearing.is_over
            && self.hearing.ready.len() < EARLY_OCTETS_MAX
            && status.is_none_or(|status| !status.is_error())
    }

    /// Nothing more is transmitted, so nobody can use the connection again.
    fn give_up(&mut self) {
        if !(self.is_content_over && self.out.is_empty()) {
            self.content = Content::Lost;
            self.is_content_over = true;
            self.is_given_up = true;
            self.out = Vec::new();
            self.sent = 0;
        }
    }

    /// Receives once.
    fn poll_hear(&mut self, cx: &mut Context<'_>, late: Fault) -> Poll<Result<(), Fault>> {
        if self.hearing.is_over {
            // What was not said before the end is not said at all.
            return Poll::Ready(Err(Fault::ClosedWithin));
        }
        let mut buffer = BUFFER.take();
        buffer.resize(RECEIVE_OCTETS, 0);
        let received = self.outbound.poll_receive(cx, &mut buffer);
        let heard = match received {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(received)) => {
                self.bounded = None;
                let octets = buffer.get(..received.octets).unwrap_or_default();
                let is_end = received.octets == 0 && received.rest == net::Rest::Ended;
                Poll::Ready(match is_end {
                    true => self.hearing.ended(),
                    false => self.hearing.hear(octets),
                })
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                Poll::Ready(Err(late))
            }
            // A reset is no end, also where the end of the connection is that of the answer.
            Poll::Ready(Err(_)) => Poll::Ready(Err(self.hearing.broken())),
        };
        BUFFER.set(buffer);
        heard
    }

    /// The head of the answer, once.
    pub(crate) fn take_answer(&mut self) -> Option<AnswerHead> {
        let answer = self.hearing.answer.as_mut()?;
        let taken = AnswerHead {
            head: answer.head.clone(),
            content_octets: answer.content_octets,
        };
        self.hearing.scan = AnswerScan::default();
        Some(taken)
    }

    /// The next piece of the answer's content; `None` after the last.
    pub(crate) fn poll_content(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Vec<u8>, Fault>>> {
        loop {
            if !self.hearing.ready.is_empty() {
                // While the client takes it, nothing is awaited of the application.
                self.bound(None);
                return Poll::Ready(Some(Ok(std::mem::take(&mut self.hearing.ready))));
            }
            if let Some(fault) = self.fault {
                return Poll::Ready(Some(Err(fault)));
            }
            if self.hearing.is_over {
                self.bound(None);
                return Poll::Ready(None);
            }
            self.bound(Some(Awaited::Answer));
            let heard = ready!(self.poll_hear(cx, Fault::ContentTimeout));
            self.fault = heard.err();
        }
    }

    /// All content of the answer, if it has come to its end and is as long as it was told.
    pub(crate) fn take_whole(&mut self, told: Option<u64>) -> Option<Vec<u8>> {
        let is_whole = told.is_none_or(|told| told == self.hearing.ready.len() as u64);
        (is_whole && self.hearing.is_over && self.fault.is_none())
            .then(|| std::mem::take(&mut self.hearing.ready))
    }

    /// The connection, if it may be used for another request.
    pub(crate) fn into_kept(self) -> Option<Outbound> {
        let may = matches!(&self.hearing.speech, Speech::FastCgi(records, Keep::Yes) if records.is_ended());
        (may && !self.is_given_up && self.fault.is_none()).then_some(self.outbound)
    }

    /// What the application said for the people who run it, since the last time.
    pub(crate) fn take_errors(&mut self) -> Vec<u8> {
        let mut errors = std::mem::take(&mut self.hearing.errors);
        if std::mem::take(&mut self.hearing.is_errors_cut) {
            errors.extend_from_slice(MORE);
        }
        errors
    }

    fn failed(&self, fault: Fault) -> Failed {
        Failed {
            fault: Some(fault),
            is_transmitted: self.is_transmitted,
            is_answered: self.hearing.is_answered,
        }
    }

    /// Sets how long may be waited, unless that was done when it began to be.
    fn bound(&mut self, awaited: Option<Awaited>) {
        if self.bounded == awaited {
            return;
        }
        self.bounded = awaited;
        self.outbound.limit_wait(match awaited {
            Some(Awaited::Transmit | Awaited::Answer) => self.wait_millis,
            // It is the client that keeps the application waiting.
            Some(Awaited::Client) | None => None,
        });
    }
}

impl Hearing {
    fn hear(&mut self, octets: &[u8]) -> Result<(), Fault> {
        let Self {
            speech,
            scan,
            answer,
            ready,
            is_over,
            is_answered,
            errors,
            is_errors_cut,
        } = self;
        let mut output = |octets: &[u8]| -> Result<(), Fault> {
            *is_answered |= !octets.is_empty();
            let mut content = octets;
            if answer.is_none() {
                let Some(taken) = scan.receive(octets)? else {
                    return Ok(());
                };
                *answer = Some(scan.finish()?);
                content = octets.get(taken..).unwrap_or_default();
            }
            ready.extend_from_slice(content);
            Ok(())
        };
        let Speech::FastCgi(records, _) = speech else {
            return output(octets);
        };
        let mut at = 0;
        while let Some(said) = records.next(octets, &mut at)? {
            match said {
                Said::Output(range) => output(octets.get(range).unwrap_or_default())?,
                Said::Error(range) => {
                    let room = ERRORS_OCTETS_MAX.saturating_sub(errors.len());
                    let said = octets.get(range).unwrap_or_default();
                    errors.extend_from_slice(said.get(..room).unwrap_or(said));
                    *is_errors_cut |= said.len() > room;
                }
                Said::End(Ending::Complete { .. }) => *is_over = true,
                Said::End(Ending::CannotMultiplex | Ending::Overloaded) => {
                    return Err(Fault::Overloaded);
                }
                Said::End(Ending::UnknownRole) => return Err(Fault::Role),
            }
        }
        match *is_over && answer.is_none() {
            true => Err(self.broken()),
            false => Ok(()),
        }
    }

    /// The application closed.
    fn ended(&mut self) -> Result<(), Fault> {
        let is_end = !matches!(self.speech, Speech::FastCgi(..)) && self.answer.is_some();
        match is_end {
            true => {
                self.is_over = true;
                Ok(())
            }
            false => Err(self.broken()),
        }
    }

    fn broken(&self) -> Fault {
        match self.is_answered {
            true => Fault::ClosedWithin,
            false => Fault::ClosedBeforeHead,
        }
    }
}

thread_local! {
    /// Memory to receive in, which all exchanges of a worker share.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Octets received in one call.
const RECEIVE_OCTETS: usize = 64 * 1024;
/// Framed content that is transmitted in one call, about.
const GATHERED_OCTETS_MAX: usize = 64 * 1024;
/// Octets of an answer's content that are held while its request is still transmitted.
const EARLY_OCTETS_MAX: usize = 64 * 1024;
/// What an application may say for the people who run it, until that is told.
const ERRORS_OCTETS_MAX: usize = 4096;
/// What is told in place of the rest.
pub(crate) const MORE: &[u8] = b"\n(it says more than is told)";
