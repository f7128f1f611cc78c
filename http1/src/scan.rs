//! Heads: from octets to spans. Reports what is odd and refuses nothing.
//!
//! ```text
//!  (blank line)* start-line (field-line)* blank line        RFC 9112 §2.1
//! ```
//!
//! A line ends at LF. Everything else that is wrong with it is an anomaly, and the next line begins after it: so a
//! strict server, a lenient observer and a fingerprinter see the same lines.
//!
//! Work is linear however the octets drip: a line that is not complete is left alone until its LF is there, and
//! [`Progress`] remembers how far the search for it came.

use semantics::{
    Anomalies, FieldLine, Known, Method, RequestIndex, ResponseIndex, SectionIndex, Span, Status,
    Target, Version,
};

use crate::block::{self, BLOCK};
use crate::octets::{is_space, is_token, trim_end};

/// How far an incomplete head has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Where the first line that is not taken apart begins.
    line: usize,
    /// No LF lies between `line` and here.
    searched: usize,
    /// Whether the start line was taken apart.
    has_start_line: bool,
    /// Empty lines before the start line.
    blank_lines: usize,
    /// The line at `line` as far as it is known, when it is continued.
    fold: Fold,
}

/// A field line of which some lines have come, and of which more may come (RFC 9112 §5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fold {
    /// Where its content ends, so far.
    end: usize,
    /// Where the next line begins; 0 when there is no such field line.
    next: usize,
    /// What was odd about it, so far.
    anomalies: Anomalies,
}

impl Progress {
    /// Whether the start line was taken apart.
    pub fn has_start_line(self) -> bool {
        self.has_start_line
    }

    /// Empty lines before the start line.
    pub fn blank_lines(self) -> usize {
        self.blank_lines
    }

    /// Where the first line that is not taken apart begins.
    pub fn line_start(self) -> usize {
        self.line
    }
}

/// Whether a head is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The index describes it; its length is in the index.
    Complete,
    /// More octets are needed.
    Partial,
}

/// Reads a request head from the start of `octets`. While the answer is [`Scan::Partial`], call again with the same
/// octets and more after them, the same `progress` and the same `index`. Begin with a new `progress`.
#[inline]
pub fn request_head(octets: &[u8], progress: &mut Progress, index: &mut RequestIndex) -> Scan {
    head(octets, progress, index)
}

/// Reads a response head; as [`request_head`].
pub fn response_head(octets: &[u8], progress: &mut Progress, index: &mut ResponseIndex) -> Scan {
    head(octets, progress, index)
}

/// Reads a trailer section; gives its length, empty line included, when it is complete. As [`request_head`].
pub fn trailers(octets: &[u8], progress: &mut Progress, index: &mut SectionIndex) -> Option<usize> {
    if !progress.has_start_line {
        progress.has_start_line = true;
        index.clear();
    }
    if progress.searched > 0 && !has_fresh_lf(octets, progress) {
        return None;
    }
    match field_lines(octets, progress.line, &mut progress.fold, index) {
        Lines::End(end) => Some(end),
        Lines::Partial(line) => {
            progress.line = line;
            progress.searched = searched_to(octets);
            None
        }
    }
}

/// What the two kinds of head have in common.
trait HeadIndex {
    fn section(&mut self) -> &mut SectionIndex;
    fn set_octets(&mut self, octets: usize);
    /// Takes the start line apart: `octets[at..end]`, without its line end.
    fn start_line(&mut self, octets: &[u8], at: usize, end: usize);
    /// The same for a start line of the commonest form, which `octets` begin with; gives where the next line begins.
    #[inline(always)]
    fn plain_start_line(&mut self, _octets: &[u8]) -> Option<usize> {
        None
    }
}

#[inline(always)]
fn head<I: HeadIndex>(octets: &[u8], progress: &mut Progress, index: &mut I) -> Scan {
    if progress.searched > 0 && !has_fresh_lf(octets, progress) {
        return Scan::Partial;
    }
    if !progress.has_start_line {
        if progress.line == 0
            && let Some(next) = index.plain_start_line(octets)
        {
            progress.line = next;
            progress.has_start_line = true;
        } else if !start_line(octets, progress, index) {
            return Scan::Partial;
        }
    }
    match field_lines(octets, progress.line, &mut progress.fold, index.section()) {
        Lines::End(end) => {
            index.set_octets(end);
            Scan::Complete
        }
        Lines::Partial(line) => {
            progress.line = line;
            progress.searched = searched_to(octets);
            Scan::Partial
        }
    }
}

/// How far octets need not be searched again for an LF: not past one at their end, since the octet after it will tell
/// whether its line is complete. So what is known of a head depends on its octets alone, never on how they were cut.
#[inline]
fn searched_to(octets: &[u8]) -> usize {
    match octets {
        [rest @ .., b'\n'] => rest.len(),
        _ => octets.len(),
    }
}

/// Looks for an LF in what is new since the last call.
fn has_fresh_lf(octets: &[u8], progress: &mut Progress) -> bool {
    let fresh = octets.get(progress.searched..).unwrap_or_default();
    let found = memchr::memchr(b'\n', fresh).is_some();
    if !found {
        progress.searched = octets.len();
    }
    found
}

/// Skips empty lines and takes the start line apart; `false` when it is not complete.
#[inline(always)]
fn start_line<I: HeadIndex>(octets: &[u8], progress: &mut Progress, index: &mut I) -> bool {
    loop {
        let at = progress.line;
        let Some(lf) = octets
            .get(at..)
            .and_then(|rest| memchr::memchr(b'\n', rest))
            .map(|i| at + i)
        else {
            progress.searched = octets.len();
            return false;
        };
        progress.line = lf + 1;
        let has_cr = lf > at && octets.get(lf - 1) == Some(&b'\r');
        let end = if has_cr { lf - 1 } else { lf };
        if end == at {
            progress.blank_lines += 1;
            if progress.blank_lines == 1 {
                index.section().clear();
            }
            if !has_cr {
                index.section().anomalies.insert(Anomalies::BARE_LF);
            }
            continue;
        }
        if progress.blank_lines == 0 {
            index.section().clear();
        } else {
            index.section().anomalies.insert(Anomalies::BLANK_LINES);
        }
        if !has_cr {
            index.section().anomalies.insert(Anomalies::BARE_LF);
        }
        index.start_line(octets, at, end);
        progress.has_start_line = true;
        return true;
    }
}

impl HeadIndex for RequestIndex {
    fn section(&mut self) -> &mut SectionIndex {
        &mut self.section
    }

    fn set_octets(&mut self, octets: usize) {
        self.octets = octets;
    }

    #[inline(always)]
    fn plain_start_line(&mut self, octets: &[u8]) -> Option<usize> {
        let (method, method_len) = match octets {
            [b'G', b'E', b'T', b' ', b'/', ..] => (Method::Get, 3),
            [b'H', b'E', b'A', b'D', b' ', b'/', ..] => (Method::Head, 4),
            [b'P', b'O', b'S', b'T', b' ', b'/', ..] => (Method::Post, 4),
            _ => return None,
        };
        let target_at = method_len + 1;
        let (end, is_plain) = plain_target(octets, target_at)?;
        let rest: &[u8; 11] = octets.get(end..)?.first_chunk()?;
        let minor = match rest {
            b" HTTP/1.1\r\n" => 1,
            b" HTTP/1.0\r\n" => 0,
            _ => return None,
        };
        self.section.clear();
        self.method = method;
        self.method_span = Span::between(0, method_len);
        self.target_span = Span::between(target_at, end);
        self.is_plain_path = is_plain;
        self.version_span = Span::between(end + 1, end + 9);
        self.version = Version { major: 1, minor };
        self.start_anomalies = Anomalies::NONE;
        Some(end + 11)
    }

    fn start_line(&mut self, octets: &[u8], at: usize, end: usize) {
        let line = octets.get(at..end).unwrap_or_default();
        let method_len = method_len(line);
        let target_at = method_len + 1;
        let target = target(octets, at + target_at.min(line.len()), end);
        self.method_span = Span::between(at, at + method_len);
        self.method = Method::from_octets(self.method_span.of(octets));
        self.target_span = Span::between(at + target_at.min(line.len()), target.end);
        self.is_plain_path = target.is_plain;
        self.section.anomalies.insert(target.anomalies);
        self.version_span = Span::between((target.end + 1).min(end), end);
        match Version::from_octets(self.version_span.of(octets)) {
            Some(version) => {
                self.version = version;
                if version.major != 1 {
                    self.section.anomalies.insert(Anomalies::VERSION_MAJOR);
                }
            }
            None => self.odd_version(octets, target.end, end),
        }
        if self.method == Method::Other && !is_token(self.method_span.of(octets)) {
            self.section.anomalies.insert(Anomalies::METHOD_NOT_TOKEN);
        }
        let is_plain_get =
            self.is_plain_path && matches!(self.method, Method::Get | Method::Head | Method::Post);
        if !is_plain_get {
            self.check_form(octets);
        }
        self.start_anomalies = self.section.anomalies;
    }
}

trait RequestLineExtra {
    fn odd_version(&mut self, octets: &[u8], target_end: usize, end: usize);
    fn check_form(&mut self, octets: &[u8]);
}

impl RequestLineExtra for RequestIndex {
    /// The line does not end in ` HTTP/x.y` after one target: splits it anew from the right, as a lenient reader would.
    #[cold]
    fn odd_version(&mut self, octets: &[u8], target_end: usize, end: usize) {
        let anomalies = &mut self.section.anomalies;
        self.version = Version::HTTP_11;
        if target_end >= end {
            anomalies.insert(Anomalies::VERSION_MISSING);
            return;
        }
        let start = self.target_span.start as usize;
        let rest = octets.get(start..end).unwrap_or_default();
        let trimmed = trim_end(rest);
        let last_space = trimmed.iter().rposition(|&b| is_space(b));
        let (target, version) = match last_space {
            Some(space) => (
                trimmed.get(..space).unwrap_or_default(),
                trimmed.get(space + 1..).unwrap_or_default(),
            ),
            None => (trimmed, b"".as_slice()),
        };
        let lead = target.iter().take_while(|&&b| is_space(b)).count();
        let target_len = trim_end(target).len();
        self.target_span = Span::between(start + lead, start + target_len.max(lead));
        let version_at = start + last_space.map_or(trimmed.len(), |space| space + 1);
        self.version_span = Span::between(version_at, start + trimmed.len());
        anomalies.insert(Anomalies::SPACES_EXTRA);
        if self.target_span.of(octets).iter().any(|&b| is_space(b)) {
            anomalies.insert(Anomalies::TARGET_CTL);
        }
        match Version::from_octets(version) {
            Some(version) => {
                self.version = version;
                if version.major != 1 {
                    anomalies.insert(Anomalies::VERSION_MAJOR);
                }
            }
            None => anomalies.insert(if version.is_empty() {
                Anomalies::VERSION_MISSING
            } else {
                Anomalies::VERSION_MALFORMED
            }),
        }
        if !version.is_empty()
            && rest.len() == trimmed.len()
            && lead == 0
            && target_len == target.len()
        {
            // One SP on both sides: only the version is odd.
            let is_one_target = !target.iter().any(|&b| is_space(b));
            if is_one_target {
                *anomalies = anomalies.without(Anomalies::SPACES_EXTRA);
            }
        }
        self.is_plain_path = false;
    }

    /// Whether the target has a form that the method allows.
    fn check_form(&mut self, octets: &[u8]) {
        let target = self.target_span.of(octets);
        if target.is_empty() {
            self.section.anomalies.insert(Anomalies::TARGET_EMPTY);
        } else if Target::parse(target, self.method).is_none() {
            self.section.anomalies.insert(Anomalies::TARGET_FORM);
        }
    }
}

/// Octets before the first SP.
#[inline(always)]
fn method_len(line: &[u8]) -> usize {
    match line {
        [b'G', b'E', b'T', b' ', ..] => 3,
        [first @ .., b' '] if first.len() == 4 && !first.contains(&b' ') => 4,
        _ => line.iter().position(|&b| b == b' ').unwrap_or(line.len()),
    }
}

struct TargetScan {
    end: usize,
    is_plain: bool,
    anomalies: Anomalies,
}

/// Finds the SP that ends a target with nothing special in it, and tells whether it is a path in normal form. `None`
/// when a closer look must be taken.
#[inline(always)]
fn plain_target(octets: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut position = at;
    // Whether the octet before the block was a slash.
    let mut slash_before = 0;
    let mut dots_and_slashes = 0;
    loop {
        let block = octets.get(position..)?.first_chunk::<BLOCK>()?;
        let mask = block::target(block);
        let stop_at = mask.stop.trailing_zeros();
        let before_stop = if mask.stop == 0 {
            u32::MAX
        } else {
            (1 << stop_at) - 1
        };
        if mask.special & before_stop != 0 {
            return None;
        }
        let after_slash = (mask.slash << 1) | slash_before;
        dots_and_slashes |= (mask.slash | mask.dot) & after_slash & before_stop & 0xffff;
        slash_before = mask.slash >> (BLOCK - 1) & 1;
        if mask.stop != 0 {
            return Some((position + stop_at as usize, dots_and_slashes == 0));
        }
        position += BLOCK;
    }
}

/// Finds the SP that ends any target, an octet at a time, naming what is odd.
fn target(octets: &[u8], at: usize, end: usize) -> TargetScan {
    let mut anomalies = Anomalies::NONE;
    let mut is_plain = octets.get(at) == Some(&b'/');
    let mut previous = 0;
    let line = octets.get(at..end).unwrap_or_default();
    let len = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
    for &octet in line.get(..len).unwrap_or_default() {
        match octet {
            b'?' | b'%' => is_plain = false,
            b'/' | b'.' if previous == b'/' => is_plain = false,
            b'"' | b'<' | b'>' | b'\\' => anomalies.insert(Anomalies::TARGET_DELIMITER),
            b'{' | b'}' | b'|' | b'^' | b'`' | b'[' | b']' => {
                anomalies.insert(Anomalies::TARGET_UNWISE)
            }
            b'#' => anomalies.insert(Anomalies::TARGET_FRAGMENT),
            0x80.. => anomalies.insert(Anomalies::TARGET_NON_ASCII),
            0..=0x20 | 0x7f => anomalies.insert(Anomalies::TARGET_CTL),
            _ => {}
        }
        previous = octet;
    }
    TargetScan {
        end: at + len,
        is_plain: is_plain && anomalies.is_empty(),
        anomalies,
    }
}

impl HeadIndex for ResponseIndex {
    fn section(&mut self) -> &mut SectionIndex {
        &mut self.section
    }

    fn set_octets(&mut self, octets: usize) {
        self.octets = octets;
    }

    #[inline(always)]
    fn plain_start_line(&mut self, octets: &[u8]) -> Option<usize> {
        const PLAIN: &[u8; 17] = b"HTTP/1.1 200 OK\r\n";
        if octets.first_chunk() != Some(PLAIN) {
            return None;
        }
        self.section.clear();
        self.version_span = Span::between(0, 8);
        self.version = Version::HTTP_11;
        self.status_span = Span::between(9, 12);
        self.status = Some(Status::OK);
        self.reason_span = Span::between(13, 15);
        self.start_anomalies = Anomalies::NONE;
        Some(PLAIN.len())
    }

    /// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 §4). A missing second SP is an anomaly.
    fn start_line(&mut self, octets: &[u8], at: usize, end: usize) {
        let line = octets.get(at..end).unwrap_or_default();
        let version_len = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
        let status_at = (version_len + 1).min(line.len());
        let after = line.get(status_at..).unwrap_or_default();
        let status_len = after.iter().position(|&b| b == b' ').unwrap_or(after.len());
        let reason_at = (status_at + status_len + 1).min(line.len());
        self.version_span = Span::between(at, at + version_len);
        self.status_span = Span::between(at + status_at, at + status_at + status_len);
        self.reason_span = Span::between(at + reason_at, end);
        let anomalies = &mut self.section.anomalies;
        self.version = Version::HTTP_11;
        match Version::from_octets(self.version_span.of(octets)) {
            Some(version) if version.major == 1 => self.version = version,
            Some(_) => anomalies.insert(Anomalies::VERSION_MAJOR),
            None => anomalies.insert(Anomalies::VERSION_MALFORMED),
        }
        self.status = match self.status_span.of(octets) {
            &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => Status::new(
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'),
            ),
            _ => None,
        };
        let has_second_space = after.get(status_len) == Some(&b' ');
        if self.status.is_none() || !has_second_space {
            anomalies.insert(Anomalies::STATUS_LINE_INVALID);
        }
        let reason = self.reason_span.of(octets);
        if reason
            .iter()
            .any(|&b| (b < 0x20 && b != b'\t') || b == 0x7f)
        {
            anomalies.insert(Anomalies::STATUS_LINE_INVALID);
        }
        self.start_anomalies = self.section.anomalies;
    }
}

enum Lines {
    /// The empty line ends here.
    End(usize),
    /// The line that begins here is not complete.
    Partial(usize),
}

/// Takes lines apart up to the empty one.
#[inline(always)]
fn field_lines(octets: &[u8], mut at: usize, fold: &mut Fold, index: &mut SectionIndex) -> Lines {
    if fold.next > 0 {
        match odd_line(octets, at, fold, index) {
            Some(next) => at = next,
            None => return Lines::Partial(at),
        }
    }
    loop {
        let next = match octets.get(at) {
            Some(b'\r') => match octets.get(at + 1) {
                Some(b'\n') => return Lines::End(at + 2),
                Some(_) => odd_line(octets, at, fold, index),
                None => return Lines::Partial(at),
            },
            Some(b'\n') => {
                index.anomalies.insert(Anomalies::BARE_LF);
                return Lines::End(at + 1);
            }
            Some(_) => match ordinary_line(octets, at, index) {
                Some(next) => Some(next),
                None => odd_line(octets, at, fold, index),
            },
            None => return Lines::Partial(at),
        };
        match next {
            Some(next) => at = next,
            None => return Lines::Partial(at),
        }
    }
}

/// Takes apart `name: value CRLF` with nothing odd about it but obs-text, when the next line's first octet shows that
/// it does not continue this one. Anything else is left to [`odd_line`].
#[inline(always)]
fn ordinary_line(octets: &[u8], at: usize, index: &mut SectionIndex) -> Option<usize> {
    let rest = octets.get(at..)?;
    let mut padded = [0; 32];
    let block = match rest.first_chunk::<32>() {
        Some(block) => block,
        None => pad(rest, &mut padded),
    };
    let (first, second) = halves(block);
    let colon = block::colon(first) | block::colon(second) << BLOCK;
    if colon == 0 {
        return None;
    }
    let name_len = colon.trailing_zeros() as usize;
    let known = Known::from_block(block, name_len);
    if known.is_none() && !is_token(block.get(..name_len)?) {
        return None;
    }
    let mut value_at = at + name_len + 1;
    while is_space(*octets.get(value_at)?) {
        value_at += 1;
    }
    let (cr, high) = value_end(octets, value_at)?;
    let &[b'\r', b'\n', next] = octets.get(cr..)?.first_chunk::<3>()? else {
        return None;
    };
    if is_space(next) {
        return None;
    }
    let mut value_end = cr;
    while value_end > value_at && is_space(*octets.get(value_end - 1)?) {
        value_end -= 1;
    }
    if high {
        index.anomalies.insert(Anomalies::VALUE_OBS_TEXT);
    }
    let line = FieldLine {
        name: Span::between(at, at + name_len),
        value: Span::between(value_at, value_end),
        known,
    };
    index.lines.push(line);
    if let Some(field) = known {
        index.present.insert(field);
    }
    Some(cr + 2)
}

#[inline(always)]
fn halves(block: &[u8; 32]) -> (&[u8; BLOCK], &[u8; BLOCK]) {
    let (first, rest) = block
        .split_first_chunk::<BLOCK>()
        .unwrap_or((&[0; BLOCK], &[]));
    (first, rest.first_chunk::<BLOCK>().unwrap_or(&[0; BLOCK]))
}

/// Where the first control octet other than HTAB lies, and whether obs-text lies before it.
#[inline(always)]
fn value_end(octets: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut position = at;
    let mut high = 0;
    while let Some(block) = octets.get(position..)?.first_chunk::<BLOCK>() {
        let mask = block::value(block);
        if mask.stop != 0 {
            let stop_at = mask.stop.trailing_zeros();
            high |= mask.high & ((1 << stop_at) - 1);
            return Some((position + stop_at as usize, high != 0));
        }
        high |= mask.high;
        position += BLOCK;
    }
    let rest = octets.get(position..)?;
    let mut padded = [0; BLOCK];
    let mask = block::value(pad(rest, &mut padded));
    let stop_at = mask.stop.trailing_zeros();
    high |= mask.high & ((1u32 << stop_at.min(31)) - 1);
    // The padding stops as well: then the line is not complete.
    ((stop_at as usize) < rest.len()).then_some((position + stop_at as usize, high != 0))
}

/// Fewer octets than a block, with zeros after them.
#[inline(always)]
fn pad<'a, const N: usize>(octets: &[u8], padded: &'a mut [u8; N]) -> &'a [u8; N] {
    for (place, octet) in padded.iter_mut().zip(octets) {
        *place = *octet;
    }
    padded
}

/// Takes any line apart, with its continuation lines, and names what is odd about it. `None` when it is not complete,
/// or when it cannot be told yet whether the next line continues it; `fold` then holds how far it came, so that a line
/// continued a thousand times is not read a thousand times.
#[cold]
fn odd_line(octets: &[u8], at: usize, fold: &mut Fold, index: &mut SectionIndex) -> Option<usize> {
    if fold.next == 0 {
        let mut anomalies = Anomalies::NONE;
        let (end, next) = line_end(octets, at, &mut anomalies)?;
        if is_space(*octets.get(at)?) && index.lines.is_empty() {
            anomalies.insert(Anomalies::LEADING_SPACE);
        }
        *fold = Fold {
            end,
            next,
            anomalies,
        };
    }
    while is_space(*octets.get(fold.next)?) {
        let mut anomalies = Anomalies::OBS_FOLD;
        (fold.end, fold.next) = line_end(octets, fold.next, &mut anomalies)?;
        fold.anomalies.insert(anomalies);
    }
    let Fold {
        end,
        next,
        mut anomalies,
    } = std::mem::take(fold);
    let line = octets.get(at..end)?;
    let field = match memchr::memchr(b':', line) {
        Some(colon) => field(line, at, colon, &mut anomalies),
        None => {
            anomalies.insert(Anomalies::NO_COLON);
            FieldLine {
                name: Span::between(at, end),
                value: Span::between(end, end),
                known: None,
            }
        }
    };
    for &octet in field.value.of(octets) {
        match octet {
            0 => anomalies.insert(Anomalies::VALUE_NUL),
            b'\t' | b'\n' | b'\r' => {}
            1..=0x1f | 0x7f => anomalies.insert(Anomalies::VALUE_CTL),
            0x80.. => anomalies.insert(Anomalies::VALUE_OBS_TEXT),
            _ => {}
        }
    }
    index.anomalies.insert(anomalies);
    index.lines.push(field);
    if let Some(known) = field.known {
        index.present.insert(known);
    }
    Some(next)
}

fn field(line: &[u8], at: usize, colon: usize, anomalies: &mut Anomalies) -> FieldLine {
    let spelled = line.get(..colon).unwrap_or_default();
    let name = trim_end(spelled);
    if name.len() < spelled.len() {
        anomalies.insert(Anomalies::SPACE_BEFORE_COLON);
    }
    if !is_token(name) {
        anomalies.insert(Anomalies::NAME_NOT_TOKEN);
    }
    let after = line.get(colon + 1..).unwrap_or_default();
    let lead = after.iter().take_while(|&&b| is_space(b)).count();
    let value_at = at + colon + 1 + lead;
    let value = trim_end(after.get(lead..).unwrap_or_default());
    FieldLine {
        name: Span::between(at, at + name.len()),
        value: Span::between(value_at, value_at + value.len()),
        known: Known::from_name(name),
    }
}

/// Where the line's content ends and where the next line begins.
fn line_end(octets: &[u8], at: usize, anomalies: &mut Anomalies) -> Option<(usize, usize)> {
    steps::take();
    let lf = at + memchr::memchr(b'\n', octets.get(at..)?)?;
    let line = octets.get(at..lf)?;
    let content = match line.strip_suffix(b"\r") {
        Some(content) => content,
        None => {
            anomalies.insert(Anomalies::BARE_LF);
            line
        }
    };
    if memchr::memchr(b'\r', content).is_some() {
        anomalies.insert(Anomalies::BARE_CR);
    }
    Some((at + content.len(), lf + 1))
}

/// Makes every continued line of a section one line: CR and LF become SP, and what is then white space around a value is
/// taken off it. No octet moves, so the other spans stay (RFC 9112 §5.2).
pub fn unfold(octets: &mut [u8], section: &mut SectionIndex) {
    for line in &mut section.lines {
        let start = line.value.start as usize;
        let Some(value) = octets.get_mut(start..line.value.end()) else {
            continue;
        };
        for octet in value
            .iter_mut()
            .filter(|octet| matches!(octet, b'\r' | b'\n'))
        {
            *octet = b' ';
        }
        let lead = value.iter().take_while(|&&b| is_space(b)).count();
        let len = trim_end(value.get(lead..).unwrap_or_default()).len();
        line.value = Span::between(start + lead, start + lead + len);
    }
}

/// Counts lines looked at, for the tests that say that work is linear.
mod steps {
    #[cfg(test)]
    thread_local! {
        static TAKEN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[inline(always)]
    pub(super) fn take() {
        #[cfg(test)]
        TAKEN.set(TAKEN.get() + 1);
    }

    #[cfg(test)]
    pub(super) fn taken() -> usize {
        TAKEN.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_lines_are_known_as_if_all_octets_had_come_at_once() {
        let head = b"GET / HTTP/1.1\r\nA: b\r\nC: d\r\n e\r\nF : g\r\n\r\n";
        let (mut progress, mut index) = (Progress::default(), RequestIndex::default());
        for end in 1..=head.len() {
            request_head(&head[..end], &mut progress, &mut index);
            let mut whole = RequestIndex::default();
            request_head(&head[..end], &mut Progress::default(), &mut whole);
            assert_eq!(index.section.lines, whole.section.lines, "{end}");
        }
    }

    #[test]
    fn a_line_continued_often_is_looked_at_in_linear_work() {
        let lines = 2_000;
        let head = format!("GET / HTTP/1.1\r\nA: b{}\r\n\r\n", "\r\n c".repeat(lines));
        let (mut progress, mut index) = (Progress::default(), RequestIndex::default());
        let before = steps::taken();
        for end in 1..=head.len() {
            let scan = request_head(&head.as_bytes()[..end], &mut progress, &mut index);
            assert_eq!(scan == Scan::Complete, end == head.len());
        }
        assert!(steps::taken() - before < 3 * lines);
        assert!(index.section.anomalies.contains(Anomalies::OBS_FOLD));
    }
}
