//! Heads as a server judges them: whole or in pieces, with the same outcome however they were cut.

use semantics::{Anomalies, ContentLength, LimitError, PeerError, Refusal, RequestIndex};

use super::Held;
use crate::Policy;
use crate::framing::{self, Framing};
use crate::octets::is_token_octet;
use crate::scan::{self, Progress, Scan};

impl Held {
    /// Whether there is more than empty lines; a CR alone may yet be one.
    pub(super) fn has_begun(&self) -> bool {
        let rest = self.octets.get(self.progress.line_start()..);
        self.progress.has_start_line() || rest.is_some_and(|rest| !rest.is_empty() && rest != b"\r")
    }

    pub(super) fn examine(&mut self, policy: &Policy) -> Result<bool, Refusal> {
        examine(&self.octets, &mut self.progress, &mut self.index, policy)
    }

    pub(super) fn judge(&mut self, policy: &Policy) -> Result<Framing, Refusal> {
        if self.index.section.anomalies.contains(Anomalies::OBS_FOLD) {
            scan::unfold(&mut self.octets, &mut self.index.section);
        }
        judge(&self.octets, &mut self.index, policy)
    }
}

/// Reads as much of a head as is there, up to one octet more than a head may have: whether it is complete.
///
/// Invariant: the status of a refusal does not depend on how the octets were cut. So whatever can be refused early is
/// looked at in the order in which its octets come.
#[inline(always)]
pub(super) fn examine(
    octets: &[u8],
    progress: &mut Progress,
    index: &mut RequestIndex,
    policy: &Policy,
) -> Result<bool, Refusal> {
    let limits = &policy.limits;
    let scan = scan::request_head(octets, progress, index);
    if progress.blank_lines() > policy.blank_lines_max
        && policy.refuse.contains(Anomalies::BLANK_LINES_MANY)
    {
        return Err(PeerError::Syntax(Anomalies::BLANK_LINES_MANY).into());
    }
    if !progress.has_start_line() {
        return examine_start(octets, *progress, policy).map(|()| false);
    }
    if index.target_span.len as usize > limits.target_octets_max
        || !index.start_anomalies.is_empty()
    {
        examine_odd_start(octets, index, policy)?;
    }
    if index.section.lines.len() > limits.field_lines_max {
        return Err(LimitError::FieldLines.into());
    }
    let is_complete = scan == Scan::Complete;
    let head_octets = if is_complete {
        index.octets
    } else {
        octets.len()
    };
    if head_octets > limits.head_octets_max {
        return Err(LimitError::HeadOctets.into());
    }
    Ok(is_complete)
}

/// Whether a head that was refused, perhaps before its start line was whole, asks HEAD.
#[cold]
pub(super) fn asks_head(
    octets: &[u8],
    progress: Progress,
    index: &RequestIndex,
    refusal: Refusal,
) -> bool {
    let start = match progress.has_start_line() {
        true => index.method_span.start as usize,
        false => progress.line_start(),
    };
    let is_known = refusal != PeerError::Syntax(Anomalies::BLANK_LINES_MANY).into();
    is_known
        && octets
            .get(start..)
            .is_some_and(|line| line.starts_with(b"HEAD "))
}

/// Judges a head that is complete, and says how its content is framed.
#[inline(always)]
pub(super) fn judge(
    octets: &[u8],
    index: &mut RequestIndex,
    policy: &Policy,
) -> Result<Framing, Refusal> {
    let framing = framing::of_request(octets, index);
    let refused = index.section.anomalies.intersection(policy.refuse);
    if !refused.is_empty() {
        return Err(PeerError::Syntax(refused).into());
    }
    if matches!(framing.content, ContentLength::Exactly(octets) if octets > policy.limits.content_octets_max)
    {
        return Err(LimitError::ContentOctets.into());
    }
    Ok(framing)
}

/// Judges a start line that is not complete.
#[cold]
fn examine_start(octets: &[u8], progress: Progress, policy: &Policy) -> Result<(), Refusal> {
    let line = octets.get(progress.line_start()..).unwrap_or_default();
    if is_bad_start(line) && policy.refuse.contains(Anomalies::METHOD_NOT_TOKEN) {
        return Err(PeerError::Syntax(Anomalies::METHOD_NOT_TOKEN).into());
    }
    if is_long_start(line, policy) {
        return Err(LimitError::TargetOctets.into());
    }
    if octets.len() > policy.limits.head_octets_max {
        return Err(LimitError::HeadOctets.into());
    }
    Ok(())
}

/// Judges a complete start line that is too long or odd, as [`examine_start`] would have judged its beginning.
#[cold]
fn examine_odd_start(octets: &[u8], index: &RequestIndex, policy: &Policy) -> Result<(), Refusal> {
    let refused = index.start_anomalies.intersection(policy.refuse);
    let start = octets
        .get(index.method_span.start as usize..)
        .unwrap_or_default();
    if refused.contains(Anomalies::METHOD_NOT_TOKEN) && is_bad_start(start) {
        return Err(PeerError::Syntax(Anomalies::METHOD_NOT_TOKEN).into());
    }
    let line = start.split(|&b| b == b'\n').next().unwrap_or_default();
    let is_long = index.target_span.len as usize > policy.limits.target_octets_max;
    if is_long || is_long_start(line, policy) {
        return Err(LimitError::TargetOctets.into());
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(PeerError::Syntax(refused).into())
    }
}

/// Whether the line, without its LF, is longer than its method, the longest target and a version make it.
///
/// A method without end runs into the limit of the head; known methods are far shorter than what is looked at here.
fn is_long_start(line: &[u8], policy: &Policy) -> bool {
    let method_len = line.iter().take(METHOD_LOOKED_AT).position(|&b| b == b' ');
    method_len.is_some_and(|len| {
        line.len() - len > policy.limits.target_octets_max + b"  HTTP/1.1\r".len()
    })
}

/// Whether a line cannot begin a request, such as the first octet of TLS. A CR may yet begin an empty line.
fn is_bad_start(line: &[u8]) -> bool {
    line.first()
        .is_some_and(|&octet| !is_token_octet(octet) && octet != b'\r')
}

/// How many octets of a start line are searched for the end of the method.
const METHOD_LOOKED_AT: usize = 64;
