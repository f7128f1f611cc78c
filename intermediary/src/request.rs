//! A request on its way to the server.

use std::net::IpAddr;

use http1::RequestParts;
use semantics::fields::expect::{self, Expectation};
use semantics::fields::list::only_line;
use semantics::fields::{max_forwards, te, upgrade};
use semantics::{ContentLength, FieldSet, Form, Known, Method, RequestHead, ResponseView, Target};

use crate::Stop;
use crate::authority::Scheme;
use crate::forwarding::{FORWARDING, Forwarding, Trust, is_alias};
use crate::hop::{ENDS_HERE, Nominated};
use crate::passage::{ExpectRule, Passage};
use crate::place::{Place, number};
use crate::via::Via;

/// A request, and how it came.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// Its head, accepted by a policy that refuses what is ambiguous.
    pub head: RequestHead<'a>,
    /// The length of its content.
    pub content: ContentLength,
    /// Who made the connection: neither the client that a gateway tells of nor, by a unix socket, anybody with an address.
    pub peer: Option<IpAddr>,
    /// Whether that is a gateway whose word is believed.
    pub trust: Trust,
    /// By which scheme the request came.
    pub scheme: Scheme,
}

impl<'a> Came<'a> {
    /// A request without content, in the clear, of nobody in particular.
    #[must_use]
    pub fn new(head: RequestHead<'a>) -> Self {
        Self {
            head,
            content: ContentLength::None,
            peer: None,
            trust: Trust::Nobody,
            scheme: Scheme::Http,
        }
    }
}

/// Memory for requests on their way, used again for the next.
#[derive(Debug, Default)]
pub struct Scratch {
    made: Vec<u8>,
    lines: Lines,
}

/// The memory of an [`Onward`] that is done with.
#[derive(Debug, Default)]
pub struct Lines(Vec<Line<'static>>);

type Line<'a> = (&'a [u8], &'a [u8]);

impl Scratch {
    /// Takes memory back.
    pub fn give_back(&mut self, lines: Lines) {
        self.lines = lines;
    }
}

/// A request as the server gets it. It may be sent again as it is.
#[derive(Debug)]
pub struct Onward<'a> {
    method: &'a [u8],
    target: &'a [u8],
    host: &'a [u8],
    lines: Vec<Line<'a>>,
}

impl<'a> Onward<'a> {
    /// What becomes of a request. Names and values are slices of its head, of `passage` and of `scratch`; nothing is
    /// allocated once `scratch` has grown.
    ///
    /// # Errors
    /// Why it goes no further.
    #[inline]
    pub fn new(
        came: &Came<'a>,
        passage: &'a Passage,
        scratch: &'a mut Scratch,
    ) -> Result<Self, Stop> {
        let Scratch { made, lines } = scratch;
        made.clear();
        let changes = Changes::of(came, passage, made)?;
        let made: &'a [u8] = made;
        let mut lines: Vec<Line<'a>> = std::mem::take(&mut lines.0);
        changes.write(came, made, &mut lines);
        Ok(Self {
            method: came.head.method_octets(),
            target: changes.target.of(made),
            host: changes.host.of(made),
            lines,
        })
    }

    /// What an [`http1::Client`] is given.
    #[inline]
    #[must_use]
    pub fn parts(&self) -> RequestParts<'_> {
        RequestParts::new(self.method, self.target, &self.lines)
    }

    /// The Host that the server is asked with.
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// Whether an answer names protocols to go over to, and none but those that this request asks for (RFC 9110 §15.2.2).
    #[must_use]
    pub fn offers(&self, answer: ResponseView<'_>) -> bool {
        let section = answer.section();
        let asked = |name: &[u8]| {
            let mut lines = self.lines.iter();
            lines.any(|(field, value)| {
                field.eq_ignore_ascii_case(b"upgrade")
                    && upgrade::protocols([*value]).any(|it| it.name.eq_ignore_ascii_case(name))
            })
        };
        let mut named = upgrade::protocols(section.all(Known::Upgrade)).peekable();
        named.peek().is_some() && named.all(|it| asked(it.name))
    }

    /// Its memory, for [`Scratch::give_back`].
    #[must_use]
    pub fn into_lines(self) -> Lines {
        recycled(self.lines)
    }
}

/// The same memory without what it borrowed: `collect` works in place for types of one layout.
fn recycled(mut lines: Vec<Line<'_>>) -> Lines {
    lines.clear();
    Lines(lines.into_iter().map(|_| (&[][..], &[][..])).collect())
}

/// What differs from the head that was received.
#[derive(Debug)]
struct Changes<'a> {
    nominated: Nominated<'a>,
    target: Place<'a>,
    host: Place<'a>,
    via: Via<'a>,
    forwarding: Forwarding<'a>,
    max_forwards: Option<Place<'a>>,
    upgrade: Option<Place<'a>>,
    wants_trailers: bool,
    keeps_expect: bool,
}

/// Fields whose lines are not simply kept.
const LOOKED_AT: FieldSet = ENDS_HERE.union(FORWARDING).union(FieldSet::of(&[
    Known::Expect,
    Known::Host,
    Known::MaxForwards,
    Known::Via,
]));

/// Fields for which nearly no request takes more than a look.
const RARE: FieldSet =
    FieldSet::of(&[Known::Expect, Known::MaxForwards, Known::Te, Known::Upgrade]);

impl<'a> Changes<'a> {
    #[inline]
    fn of(came: &Came<'a>, passage: &'a Passage, made: &mut Vec<u8>) -> Result<Self, Stop> {
        let head = came.head;
        let section = head.section();
        let target = passage.paths.target(head, made)?;
        let nominated = Nominated::of(section).map_err(|_| Stop::ConnectionOptions)?;
        let via = Via::of(section, head.version(), passage, made);
        if via.is_loop {
            return Err(Stop::Loop);
        }
        let asked = asked_host(head);
        let host = match (passage.new_host(), asked) {
            (Some(host), _) => host,
            (None, Some(host)) => host,
            (None, None) => &passage.authority,
        };
        let forwarding = Forwarding::of(came, passage.told, asked, made);
        let mut changes = Self {
            nominated,
            target,
            host: Place::Given(host),
            via,
            forwarding,
            max_forwards: None,
            upgrade: None,
            wants_trailers: false,
            keeps_expect: false,
        };
        if section.present().intersects(RARE) {
            changes.look_at_rare(came, passage, made)?;
        }
        Ok(changes)
    }

    #[cold]
    fn look_at_rare(
        &mut self,
        came: &Came<'a>,
        passage: &Passage,
        made: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let head = came.head;
        let is_11 = head.version().is_at_least_11();
        self.max_forwards = max_forwards_left(head, made)?;
        // RFC 9110 §10.1.4: whoever passes trailers on may ask for them where its own client does.
        self.wants_trailers = is_11 && te::wants_trailers(head.all(Known::Te));
        // RFC 9110 §10.1.1: only with content, and never of HTTP/1.0.
        self.keeps_expect = passage.expect == ExpectRule::Passed
            && is_11
            && came.content != ContentLength::None
            && expect::parse(head.all(Known::Expect)) == Some(Expectation::Continue);
        // RFC 9110 §7.8: not of HTTP/1.0, and not without the connection option.
        let may_upgrade = is_11 && self.nominated.known.contains(Known::Upgrade);
        if may_upgrade && passage.has_upgrades() {
            self.upgrade = allowed_upgrades(head, passage, made);
        }
        Ok(())
    }

    /// Writes all lines, in one pass over those received.
    #[inline]
    fn write(&self, came: &Came<'a>, made: &'a [u8], out: &mut Vec<Line<'a>>) {
        let section = came.head.section();
        let octets = section.octets();
        let lines = section.lines();
        out.reserve(lines.len() + ADDED_LINES_MAX);
        if !section.has(Known::Host) {
            // RFC 9110 §7.2: first, where there is a choice.
            out.push((b"Host", self.host.of(made)));
        }
        let looked_at = LOOKED_AT.union(self.nominated.known);
        for (at, line) in lines.iter().enumerate() {
            let name = line.name.of(octets);
            match line.known {
                None => {
                    let goes =
                        self.nominated.names(name) || is_alias(name, self.forwarding.is_believed);
                    if !goes {
                        out.push((name, line.value.of(octets)));
                    }
                }
                Some(field) if !looked_at.contains(field) => {
                    out.push((name, line.value.of(octets)));
                }
                Some(field) => {
                    let is_last = || lines.iter().skip(at + 1).all(|l| l.known != line.known);
                    let is_first = || lines.iter().take(at).all(|l| l.known != line.known);
                    let received = line.value.of(octets);
                    let value = self.value_of(field, received, made, is_first, is_last);
                    out.extend(value.map(|value| (name, value)));
                }
            }
        }
        self.add(came, made, out);
    }

    /// The value of a line that is looked at; `None` for one that goes no further.
    ///
    /// What Connection names goes, but for what we say ourselves and for where and how far the message goes: a client
    /// could otherwise take from the server what tells of it (RFC 9110 §7.6.1 lets nobody name such fields).
    #[inline]
    fn value_of(
        &self,
        field: Known,
        received: &'a [u8],
        made: &'a [u8],
        is_first: impl Fn() -> bool,
        is_last: impl Fn() -> bool,
    ) -> Option<&'a [u8]> {
        let forwarding = &self.forwarding;
        let continued = |place: &Option<Place<'a>>| match place {
            Some(place) if is_last() => Some(place.of(made)),
            _ => Some(received),
        };
        match field {
            Known::Host => Some(self.host.of(made)),
            Known::Via if self.via.is_in_line && is_last() => Some(self.via.value.of(made)),
            Known::Via => Some(received),
            field if FORWARDING.contains(field) && !forwarding.is_believed => None,
            Known::Forwarded => continued(&forwarding.forwarded),
            Known::XForwardedFor => continued(&forwarding.x_for),
            Known::XForwardedProto | Known::XForwardedHost => Some(received),
            Known::MaxForwards => match &self.max_forwards {
                Some(left) => Some(left.of(made)),
                None => Some(received),
            },
            Known::Te if self.wants_trailers && is_first() => Some(b"trailers"),
            Known::Upgrade if is_first() => self.upgrade.as_ref().map(|it| it.of(made)),
            Known::Expect if self.keeps_expect && is_first() => Some(b"100-continue"),
            // What ends here, and what Connection names.
            _ => None,
        }
    }

    /// Adds the lines that replaced none.
    #[inline]
    fn add(&self, came: &Came<'a>, made: &'a [u8], out: &mut Vec<Line<'a>>) {
        let section = came.head.section();
        let forwarding = &self.forwarding;
        if !self.via.is_in_line {
            out.push((b"Via", self.via.value.of(made)));
        }
        let is_new = |field| !forwarding.is_believed || !section.has(field);
        if let Some(value) = &forwarding.forwarded
            && is_new(Known::Forwarded)
        {
            out.push((b"Forwarded", value.of(made)));
        }
        if let Some(value) = &forwarding.x_for
            && is_new(Known::XForwardedFor)
        {
            out.push((b"X-Forwarded-For", value.of(made)));
        }
        if let Some(value) = forwarding.x_proto {
            out.push((b"X-Forwarded-Proto", value));
        }
        if let Some(value) = forwarding.x_host {
            out.push((b"X-Forwarded-Host", value));
        }
        // RFC 9110 §7.8, §10.1.4: what is for the next connection is named.
        match (self.upgrade.is_some(), self.wants_trailers) {
            (true, true) => out.push((b"Connection", b"Upgrade, TE")),
            (true, false) => out.push((b"Connection", b"Upgrade")),
            (false, true) => out.push((b"Connection", b"TE")),
            (false, false) => {}
        }
    }
}

/// Host, Via, Forwarded, three of `X-Forwarded-*` and Connection.
const ADDED_LINES_MAX: usize = 7;

/// The host that is asked for: that of the target where it has one (RFC 9112 §3.2.2), else that of Host.
#[inline]
fn asked_host(head: RequestHead<'_>) -> Option<&[u8]> {
    if !head.target().starts_with(b"/")
        && let Some(Target {
            form: Form::Absolute { authority, .. },
            ..
        }) = Target::parse(head.target(), head.method())
    {
        return Some(authority);
    }
    head.first(Known::Host)
}

/// The Max-Forwards to be passed on; `None` where it does not matter (RFC 9110 §7.6.2).
fn max_forwards_left<'a>(
    head: RequestHead<'a>,
    made: &mut Vec<u8>,
) -> Result<Option<Place<'a>>, Stop> {
    if !matches!(head.method(), Method::Trace | Method::Options) {
        return Ok(None);
    }
    let Some(value) = only_line(head.all(Known::MaxForwards)) else {
        return Ok(None);
    };
    match max_forwards::parse(value) {
        None => Err(Stop::MaxForwards),
        Some(0) => Err(Stop::LastForward),
        Some(left) => Ok(Some(Place::made(made, |out| number(left - 1, out)))),
    }
}

/// The protocols asked for that may be.
fn allowed_upgrades<'a>(
    head: RequestHead<'a>,
    passage: &Passage,
    made: &mut Vec<u8>,
) -> Option<Place<'a>> {
    let start = made.len();
    for protocol in upgrade::protocols(head.all(Known::Upgrade)) {
        if passage.allows_upgrade(protocol.name) {
            if made.len() > start {
                made.extend_from_slice(b", ");
            }
            made.extend_from_slice(protocol.octets);
        }
    }
    (made.len() > start).then_some(Place::Made(start..made.len()))
}

#[cfg(test)]
mod tests;
