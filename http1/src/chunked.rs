//! The chunked transfer coding, read (RFC 9112 §7.1).
//!
//! ```text
//!  Size ──";"──▶ Extension ──CR──▶ SizeLf ──LF──▶ Data ──all──▶ DataCr ──CR──▶ DataLf ──LF──▶ Size
//!                                     │
//!                                     └─ size 0 ──▶ Trailers ──empty line──▶ Done
//! ```
//!
//! Strict by grammar: what is odd becomes an anomaly, the caller's policy says which anomalies end the reading. A bare
//! LF ends a line only for a caller that lets [`Anomalies::CHUNK_BARE_LF`] pass (an observer).

use semantics::{
    Anomalies, LimitError, Limits, PeerError, Refusal, Section, SectionIndex, SpanKind,
};

use crate::octets::{is_space, is_token_octet};
use crate::scan::{self, Progress};

/// Reads one message's chunks.
#[derive(Debug, Default)]
pub struct Chunked {
    state: State,
    /// Octets of extensions so far, of the whole message.
    extension_octets: u64,
    /// Octets of the size line so far.
    line_octets: usize,
    /// What was odd so far.
    anomalies: Anomalies,
    /// Octets read since the first chunk.
    offset: u64,
    /// Where the extensions of the current size line begin.
    extension_at: u64,
    /// Allocated when the last chunk has come and its trailer section is not complete in one piece.
    trailers: Option<Box<Trailers>>,
}

#[derive(Debug, Default)]
struct Trailers {
    octets: Vec<u8>,
    progress: Progress,
    index: SectionIndex,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Awaiting hexadecimal digits.
    #[default]
    SizeStart,
    Size(u64),
    /// White space after the size: an extension must follow.
    SizeSpace(u64),
    Extension(u64, Extension),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    Trailers,
    Done,
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    NameStart,
    Name,
    NameEnd,
    ValueStart,
    Token,
    Quoted,
    Escaped,
    ValueEnd,
    /// Does not follow the grammar: skipped up to the end of the line.
    Junk,
}

/// What the next octets are.
#[derive(Debug)]
pub enum Chunk<'a> {
    /// All octets were taken; more are needed.
    NeedMore,
    /// Content.
    Content(&'a [u8]),
    /// The message is complete; [`Chunked::trailers`] has its trailer section.
    End,
}

/// Told where the parts of a chunked message lie, in octets from its first chunk.
pub trait Watch {
    /// Content is not told here: its octets go another way.
    fn span(&mut self, kind: SpanKind, start: u64, octets: u64);
}

impl Watch for () {
    #[inline(always)]
    fn span(&mut self, _: SpanKind, _: u64, _: u64) {}
}

impl Chunked {
    /// Reads on. Takes what it reads off the front of `input`.
    ///
    /// # Errors
    /// The first anomaly that is in `refuse`, or the limit that was passed. Nothing may be read after an error.
    pub fn read<'a>(
        &mut self,
        input: &mut &'a [u8],
        refuse: Anomalies,
        limits: &Limits,
        watch: &mut impl Watch,
    ) -> Result<Chunk<'a>, Refusal> {
        loop {
            match self.state {
                State::Data(left) => {
                    if input.is_empty() {
                        return Ok(Chunk::NeedMore);
                    }
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let (content, rest) = input.split_at_checked(take).unwrap_or((input, &[]));
                    *input = rest;
                    self.offset += take as u64;
                    self.state = if left == take as u64 {
                        State::DataCr
                    } else {
                        State::Data(left - take as u64)
                    };
                    return Ok(Chunk::Content(content));
                }
                State::Trailers => return self.read_trailers(input, refuse, limits, watch),
                State::Done => return Ok(Chunk::NeedMore),
                _ => {
                    let Some((&octet, rest)) = input.split_first() else {
                        return Ok(Chunk::NeedMore);
                    };
                    self.state = self.on_octet(octet, refuse, limits, watch)?;
                    *input = rest;
                    self.offset += 1;
                }
            }
        }
    }

    /// What was odd so far.
    pub fn anomalies(&self) -> Anomalies {
        self.anomalies
    }

    /// Whether the message is complete.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer section of a complete message, when it has lines.
    pub fn trailers(&self) -> Option<Section<'_>> {
        let trailers = self.trailers.as_ref()?;
        let has_lines = self.is_done() && !trailers.index.lines.is_empty();
        has_lines.then(|| trailers.index.over(&trailers.octets))
    }

    /// One octet outside of data and trailers.
    fn on_octet(
        &mut self,
        octet: u8,
        refuse: Anomalies,
        limits: &Limits,
        watch: &mut impl Watch,
    ) -> Result<State, Refusal> {
        match self.state {
            State::DataCr => {
                return match octet {
                    b'\r' => Ok(State::DataLf),
                    b'\n' => self
                        .odd(Anomalies::CHUNK_BARE_LF, refuse)
                        .map(|()| State::SizeStart),
                    _ => Err(self.refuse(Anomalies::CHUNK_END_INVALID)),
                };
            }
            State::DataLf => {
                return match octet {
                    b'\n' => Ok(State::SizeStart),
                    _ => Err(self.refuse(Anomalies::CHUNK_END_INVALID)),
                };
            }
            _ => {}
        }
        self.line_octets += 1;
        if self.line_octets > limits.chunk_line_octets_max {
            return Err(LimitError::ChunkLineOctets.into());
        }
        match self.state {
            State::SizeStart => match hex(octet) {
                Some(digit) => Ok(State::Size(digit)),
                None => Err(self.refuse(Anomalies::CHUNK_SIZE_INVALID)),
            },
            State::Size(size) => match octet {
                b'\r' | b'\n' | b';' | b' ' | b'\t' => {
                    let digits = (self.line_octets as u64).saturating_sub(1);
                    watch.span(
                        SpanKind::ChunkSize,
                        self.offset.saturating_sub(digits),
                        digits,
                    );
                    self.after_size(octet, size, refuse)
                }
                _ => match hex(octet) {
                    Some(digit) if size >> 60 == 0 => Ok(State::Size(size << 4 | digit)),
                    _ => Err(self.refuse(Anomalies::CHUNK_SIZE_INVALID)),
                },
            },
            State::SizeSpace(size) => match octet {
                b' ' | b'\t' => Ok(State::SizeSpace(size)),
                b';' => self.after_size(octet, size, refuse),
                b'\r' | b'\n' => {
                    self.odd(Anomalies::CHUNK_SPACE, refuse)?;
                    self.after_size(octet, size, refuse)
                }
                _ => Err(self.refuse(Anomalies::CHUNK_SIZE_INVALID)),
            },
            State::Extension(size, extension) => {
                self.on_extension(octet, size, extension, refuse, limits, watch)
            }
            State::SizeLf(size) => match octet {
                b'\n' => Ok(self.after_line(size)),
                _ => Err(self.refuse(Anomalies::CHUNK_SIZE_INVALID)),
            },
            // Handled by the caller or above.
            state @ (State::Data(_)
            | State::DataCr
            | State::DataLf
            | State::Trailers
            | State::Done) => Ok(state),
        }
    }

    fn after_size(&mut self, octet: u8, size: u64, refuse: Anomalies) -> Result<State, Refusal> {
        match octet {
            b' ' | b'\t' => Ok(State::SizeSpace(size)),
            b';' => {
                self.odd(Anomalies::CHUNK_EXTENSION, refuse)?;
                self.extension_at = self.offset;
                Ok(State::Extension(size, Extension::NameStart))
            }
            b'\r' => Ok(State::SizeLf(size)),
            _ => {
                self.odd(Anomalies::CHUNK_BARE_LF, refuse)?;
                Ok(self.after_line(size))
            }
        }
    }

    fn after_line(&mut self, size: u64) -> State {
        self.line_octets = 0;
        if size == 0 {
            State::Trailers
        } else {
            State::Data(size)
        }
    }

    fn on_extension(
        &mut self,
        octet: u8,
        size: u64,
        extension: Extension,
        refuse: Anomalies,
        limits: &Limits,
        watch: &mut impl Watch,
    ) -> Result<State, Refusal> {
        self.extension_octets += 1;
        if self.extension_octets > limits.chunk_extensions_octets_max {
            return Err(LimitError::ChunkExtensionsOctets.into());
        }
        let is_end = octet == b'\r' || octet == b'\n';
        let next = extension.on(octet);
        if is_end {
            watch.span(
                SpanKind::ChunkExtension,
                self.extension_at,
                self.offset.saturating_sub(self.extension_at),
            );
            if !extension.may_end() {
                self.odd(Anomalies::CHUNK_EXTENSION_INVALID, refuse)?;
            }
            return self.after_size(octet, size, refuse);
        }
        if next == Extension::Junk {
            self.odd(Anomalies::CHUNK_EXTENSION_INVALID, refuse)?;
        }
        Ok(State::Extension(size, next))
    }

    fn read_trailers<'a>(
        &mut self,
        input: &mut &'a [u8],
        refuse: Anomalies,
        limits: &Limits,
        watch: &mut impl Watch,
    ) -> Result<Chunk<'a>, Refusal> {
        if input.is_empty() {
            return Ok(Chunk::NeedMore);
        }
        if self.trailers.is_none()
            && let Some(rest) = input.strip_prefix(b"\r\n")
        {
            // The usual end: no trailer section.
            *input = rest;
            watch.span(SpanKind::TrailersEnd, self.offset, 2);
            self.state = State::Done;
            return Ok(Chunk::End);
        }
        let trailers = self.trailers.get_or_insert_default();
        let before = trailers.octets.len();
        // As much as the limit allows is looked at, and one octet more to know that it is passed.
        let room = (limits.head_octets_max + 1)
            .saturating_sub(before)
            .min(input.len());
        trailers
            .octets
            .extend_from_slice(input.get(..room).unwrap_or_default());
        let end = scan::trailers(
            &trailers.octets,
            &mut trailers.progress,
            &mut trailers.index,
        );
        // Invariant: the refusal does not depend on how the octets were cut. So the limits, which end an incomplete
        // section, come before the anomalies, which are judged of a complete one.
        if trailers.index.lines.len() > limits.field_lines_max {
            return Err(LimitError::FieldLines.into());
        }
        let Some(end) = end else {
            if trailers.octets.len() > limits.head_octets_max {
                return Err(LimitError::HeadOctets.into());
            }
            *input = input.get(room..).unwrap_or_default();
            return Ok(Chunk::NeedMore);
        };
        if end > limits.head_octets_max {
            return Err(LimitError::HeadOctets.into());
        }
        let mut anomalies = trailers.index.anomalies;
        if anomalies.contains(Anomalies::BARE_LF) {
            // RFC 9112 §2.2 lets a bare LF end lines of a head; a trailer section belongs to the chunked coding.
            anomalies.insert(Anomalies::CHUNK_BARE_LF);
        }
        self.anomalies.insert(anomalies);
        if anomalies.intersects(refuse) {
            return Err(PeerError::Syntax(anomalies.intersection(refuse)).into());
        }
        *input = input.get(end - before..).unwrap_or_default();
        trailers.octets.truncate(end);
        trailers.tell(self.offset, watch);
        if anomalies.contains(Anomalies::OBS_FOLD) {
            scan::unfold(&mut trailers.octets, &mut trailers.index);
        }
        self.state = State::Done;
        if !trailers.index.lines.is_empty() {
            self.anomalies.insert(Anomalies::TRAILERS);
        }
        Ok(Chunk::End)
    }

    /// Notes an anomaly that the policy may refuse.
    fn odd(&mut self, anomaly: Anomalies, refuse: Anomalies) -> Result<(), Refusal> {
        self.anomalies.insert(anomaly);
        if refuse.intersects(anomaly) {
            Err(PeerError::Syntax(anomaly).into())
        } else {
            Ok(())
        }
    }

    /// An anomaly after which nobody can know where the message goes on.
    fn refuse(&mut self, anomaly: Anomalies) -> Refusal {
        self.anomalies.insert(anomaly);
        PeerError::Syntax(anomaly).into()
    }
}

impl Trailers {
    /// Tells where the parts of a complete section lie, which begins at `offset`.
    fn tell(&self, offset: u64, watch: &mut impl Watch) {
        for line in &self.index.lines {
            let (name, value) = (line.name, line.value);
            let at = |start: u32| offset + u64::from(start);
            watch.span(SpanKind::TrailerName, at(name.start), u64::from(name.len));
            watch.span(
                SpanKind::TrailerValue,
                at(value.start),
                u64::from(value.len),
            );
        }
        let end_octets = if self.octets.ends_with(b"\r\n") { 2 } else { 1 };
        let end = offset + self.octets.len() as u64;
        watch.span(SpanKind::TrailersEnd, end - end_octets, end_octets);
    }
}

impl Extension {
    fn on(self, octet: u8) -> Self {
        let is_token = is_token_octet(octet);
        match self {
            Self::NameStart if is_space(octet) => self,
            Self::NameStart | Self::Name if is_token => Self::Name,
            Self::Name | Self::NameEnd if is_space(octet) => Self::NameEnd,
            Self::Name | Self::NameEnd if octet == b'=' => Self::ValueStart,
            Self::Name | Self::NameEnd | Self::Token | Self::ValueEnd if octet == b';' => {
                Self::NameStart
            }
            Self::ValueStart if is_space(octet) => self,
            Self::ValueStart if octet == b'"' => Self::Quoted,
            Self::ValueStart | Self::Token if is_token => Self::Token,
            Self::Quoted if octet == b'"' => Self::ValueEnd,
            Self::Quoted if octet == b'\\' => Self::Escaped,
            Self::Quoted | Self::Escaped if octet == b'\t' || (octet >= 0x20 && octet != 0x7f) => {
                Self::Quoted
            }
            Self::Token | Self::ValueEnd if is_space(octet) => Self::ValueEnd,
            _ => Self::Junk,
        }
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::ValueEnd)
    }
}

fn hex(octet: u8) -> Option<u64> {
    char::from(octet).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests;
