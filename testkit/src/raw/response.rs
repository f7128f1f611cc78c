//! A strict parser of HTTP/1.1 responses: it accepts what RFC 9112 lets a server generate, and nothing else.

/// One response, final or interim.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Field lines in order, names as spelled.
    pub fields: Vec<(String, String)>,
    /// The content, without its framing.
    pub content: Vec<u8>,
    /// How the end of the content was known.
    pub framing: Framing,
}

/// How the end of a content is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No content by status or by the request's method.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection.
    Close,
}

/// What is to be known to read the response that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerTo {
    /// A request with any method but HEAD.
    Other,
    /// HEAD: no content whatever the fields say.
    Head,
}

/// What the octets held so far are.
#[derive(Debug)]
pub enum Progress {
    /// A prefix of a response.
    Partial,
    /// A response, and the count of octets it took.
    Complete(Response, usize),
}

impl Response {
    /// The values of all field lines of this name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let same = |(spelled, _): &&(String, String)| spelled.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The only value of a field, if there is exactly one line of it.
    pub fn value(&self, name: &str) -> Option<&str> {
        match self.values(name).as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    /// Whether a list field has this member, compared without case.
    pub fn has_member(&self, name: &str, member: &str) -> bool {
        let lines = self.values(name);
        lines
            .iter()
            .flat_map(|line| line.split(','))
            .any(|found| found.trim().eq_ignore_ascii_case(member))
    }
}

/// Reads one response from the start of `octets`; `at_end` says that no more will come.
pub fn parse(octets: &[u8], answer_to: AnswerTo, at_end: bool) -> Result<Progress, String> {
    let Some(head_end) = find(octets, b"\r\n\r\n") else {
        check_prefix(octets)?;
        return Ok(Progress::Partial);
    };
    let head = &octets[..head_end + 2];
    let (status, fields) = parse_head(head)?;
    let mut response = Response {
        status,
        fields,
        content: Vec::new(),
        framing: Framing::None,
    };
    response.framing = framing(&response, answer_to)?;
    let body = &octets[head_end + 4..];
    let taken = match response.framing {
        Framing::None => 0,
        Framing::Length(length) => {
            let length =
                usize::try_from(length).map_err(|_| "Content-Length beyond this machine")?;
            match body.get(..length) {
                Some(content) => response.content = content.to_vec(),
                None => return Ok(Progress::Partial),
            }
            length
        }
        Framing::Chunked => match parse_chunked(body)? {
            Some((content, taken)) => {
                response.content = content;
                taken
            }
            None => return Ok(Progress::Partial),
        },
        Framing::Close if at_end => {
            response.content = body.to_vec();
            body.len()
        }
        Framing::Close => return Ok(Progress::Partial),
    };
    Ok(Progress::Complete(response, head_end + 4 + taken))
}

/// Refuses early what cannot become a response, so that a test need not wait for it.
fn check_prefix(octets: &[u8]) -> Result<(), String> {
    let start = b"HTTP/1.1 ";
    let seen = octets.len().min(start.len());
    if octets[..seen] != start[..seen] {
        return Err("what comes does not start as `HTTP/1.1 ` (RFC 9112 §4)".into());
    }
    if octets.len() > 1 << 20 {
        return Err("a head of more than 1 MiB".into());
    }
    Ok(())
}

fn parse_head(head: &[u8]) -> Result<(u16, Vec<(String, String)>), String> {
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(end) = find(rest, b"\r\n") {
        let line = &rest[..end];
        if line
            .iter()
            .any(|&octet| octet == b'\r' || octet == b'\n' || octet == 0)
        {
            return Err("a bare CR, bare LF or NUL in a head (RFC 9112 §2.2)".into());
        }
        lines.push(line);
        rest = &rest[end + 2..];
    }
    let (first, rest) = lines.split_first().ok_or("no status line")?;
    let status = parse_status_line(first)?;
    Ok((
        status,
        rest.iter()
            .map(|line| parse_field_line(line))
            .collect::<Result<_, _>>()?,
    ))
}

/// `HTTP/1.1 SP 3DIGIT SP [reason]`: the second SP is there without a reason, too (RFC 9112 §4).
fn parse_status_line(line: &[u8]) -> Result<u16, String> {
    let wrong = || {
        format!(
            "not a status line (RFC 9112 §4): {:?}",
            String::from_utf8_lossy(line)
        )
    };
    let rest = line.strip_prefix(b"HTTP/1.1 ").ok_or_else(wrong)?;
    let (digits, reason) = rest.split_at_checked(3).ok_or_else(wrong)?;
    let reason = reason.strip_prefix(b" ").ok_or_else(wrong)?;
    let is_reason = reason
        .iter()
        .all(|&octet| octet == b'\t' || octet >= 0x20 && octet != 0x7f);
    let status = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse::<u16>().ok())
        .ok_or_else(wrong)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(100..600).contains(&status) || !is_reason {
        return Err(wrong());
    }
    Ok(status)
}

fn parse_field_line(line: &[u8]) -> Result<(String, String), String> {
    let wrong = || {
        format!(
            "not a field line (RFC 9112 §5): {:?}",
            String::from_utf8_lossy(line)
        )
    };
    let colon = line
        .iter()
        .position(|&octet| octet == b':')
        .ok_or_else(wrong)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|&octet| is_tchar(octet)) {
        return Err(wrong());
    }
    if value
        .iter()
        .any(|&octet| octet < 0x20 && octet != b'\t' || octet == 0x7f)
    {
        return Err(wrong());
    }
    let value = String::from_utf8_lossy(value)
        .trim_matches([' ', '\t'])
        .to_owned();
    Ok((String::from_utf8_lossy(name).into_owned(), value))
}

/// RFC 9110 §5.6.2.
pub fn is_tchar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

fn framing(response: &Response, answer_to: AnswerTo) -> Result<Framing, String> {
    let (lengths, codings) = (
        response.values("content-length"),
        response.values("transfer-encoding"),
    );
    if lengths.len() > 1 {
        return Err("more than one Content-Length (RFC 9110 §8.6)".into());
    }
    if lengths.len() == 1 && !codings.is_empty() {
        return Err("Content-Length with Transfer-Encoding (RFC 9112 §6.2)".into());
    }
    let length = match lengths.first() {
        Some(text) if text.bytes().all(|octet| octet.is_ascii_digit()) => Some(
            text.parse::<u64>()
                .map_err(|_| format!("Content-Length: {text:?}"))?,
        ),
        Some(text) => {
            return Err(format!(
                "Content-Length is not 1*DIGIT (RFC 9110 §8.6): {text:?}"
            ));
        }
        None => None,
    };
    if response.status < 200 || response.status == 204 {
        if length.is_some() || !codings.is_empty() {
            return Err(
                "Content-Length or Transfer-Encoding in 1xx or 204 (RFC 9110 §8.6, RFC 9112 §6.1)"
                    .into(),
            );
        }
        return Ok(Framing::None);
    }
    if answer_to == AnswerTo::Head || response.status == 304 {
        return Ok(Framing::None);
    }
    match (length, codings.as_slice()) {
        (Some(length), _) => Ok(Framing::Length(length)),
        (None, []) => Ok(Framing::Close),
        (None, [one]) if one.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        (None, other) => Err(format!("Transfer-Encoding nobody asked for: {other:?}")),
    }
}

/// The content of a chunked body and the octets it took (RFC 9112 §7.1).
fn parse_chunked(body: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut content, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = find(&body[at..], b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&body[at..at + end]).into_owned();
        let digits = line.split(';').next().unwrap_or_default();
        if digits.is_empty()
            || digits.len() > 8
            || !digits.bytes().all(|octet| octet.is_ascii_hexdigit())
        {
            return Err(format!("not a chunk size: {line:?}"));
        }
        let size =
            usize::from_str_radix(digits, 16).map_err(|_| format!("not a chunk size: {line:?}"))?;
        at += end + 2;
        if size == 0 {
            return Ok(parse_trailers(&body[at..])?.map(|taken| (content, at + taken)));
        }
        let Some(data) = body.get(at..at + size + 2) else {
            return Ok(None);
        };
        let (data, line_end) = data.split_at(size);
        if line_end != b"\r\n" {
            return Err("chunk data without CRLF after it".into());
        }
        content.extend_from_slice(data);
        at += size + 2;
    }
}

fn parse_trailers(octets: &[u8]) -> Result<Option<usize>, String> {
    let mut at = 0;
    while let Some(end) = find(&octets[at..], b"\r\n") {
        let line = &octets[at..at + end];
        at += end + 2;
        if line.is_empty() {
            return Ok(Some(at));
        }
        parse_field_line(line)?;
    }
    Ok(None)
}

/// Where `what` starts in `octets`.
pub fn find(octets: &[u8], what: &[u8]) -> Option<usize> {
    octets.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(octets: &[u8]) -> Result<(Response, usize), String> {
        match parse(octets, AnswerTo::Other, true)? {
            Progress::Complete(response, taken) => Ok((response, taken)),
            Progress::Partial => Err("partial".into()),
        }
    }

    #[test]
    fn a_length_ends_a_response() {
        let (response, taken) =
            whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP").unwrap();
        assert_eq!((response.content.as_slice(), taken), (&b"hi"[..], 40));
    }

    #[test]
    fn a_last_chunk_ends_a_response() {
        let (response, _) =
            whole(b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
                .unwrap();
        assert_eq!(response.content, b"hi");
    }

    #[test]
    fn a_status_line_without_its_second_space_is_refused() {
        assert!(whole(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").is_err());
    }

    #[test]
    fn a_bare_line_feed_in_a_head_is_refused() {
        assert!(whole(b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n").is_err());
    }

    #[test]
    fn length_and_coding_together_are_refused() {
        assert!(whole(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").is_err());
    }

    #[test]
    fn a_response_of_another_protocol_is_refused_before_its_end() {
        assert!(parse(b"<html>", AnswerTo::Other, false).is_err());
    }

    #[test]
    fn head_has_no_content_whatever_the_length_says() {
        let progress = parse(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            AnswerTo::Head,
            false,
        )
        .unwrap();
        assert!(matches!(progress, Progress::Complete(_, 38)));
    }
}
