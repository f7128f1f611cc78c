//! Requests as servers read them: one strict parser, and many that forgive what servers are known to forgive.
//!
//! None of them shares a line with the parsers of the workspace.

use super::super::response::{find, is_tchar};

/// One request as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: Vec<u8>,
    /// The target.
    pub target: Vec<u8>,
    /// `HTTP/1.1`.
    pub version: Vec<u8>,
    /// Names as spelled, and values.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The content, without its framing.
    pub content: Vec<u8>,
    /// The lines of the trailer section.
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// How the end of the content is known.
    pub framing: Framing,
    /// The octets of the head, its empty line included.
    pub head: Vec<u8>,
    /// All octets that it took.
    pub octets: usize,
    /// Whether its end was there.
    pub is_whole: bool,
}

/// How the end of a request's content is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    #[default]
    None,
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Lines of a head.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

impl Seen {
    /// The values of all lines of this name.
    pub fn values(&self, name: &str) -> Vec<String> {
        values(&self.fields, name)
    }

    /// The values of all trailer lines of this name.
    pub fn trailer_values(&self, name: &str) -> Vec<String> {
        values(&self.trailers, name)
    }

    /// Method, target and content: what tells one request from another.
    pub fn said(&self) -> (&[u8], &[u8], &[u8]) {
        (&self.method, &self.target, &self.content)
    }
}

fn values(lines: &Fields, name: &str) -> Vec<String> {
    lines
        .iter()
        .filter(|(spelled, _)| spelled.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect()
}

/// Reads all requests of a connection as RFC 9112 has them, and nothing else; the last may lack its end.
///
/// # Errors
/// What stands there that no client may send, after the requests before it.
pub fn strict(octets: &[u8]) -> Result<Vec<Seen>, (Vec<Seen>, String)> {
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        match strict_one(&octets[at..]) {
            Ok(one) => {
                at += one.octets;
                let is_whole = one.is_whole;
                seen.push(one);
                if !is_whole {
                    break;
                }
            }
            Err(what) => return Err((seen, what)),
        }
    }
    Ok(seen)
}

/// Reads one request strictly.
///
/// # Errors
/// What no client may send.
pub fn strict_one(octets: &[u8]) -> Result<Seen, String> {
    let Some(end) = find(octets, b"\r\n\r\n") else {
        return Ok(Seen {
            head: octets.to_vec(),
            octets: octets.len(),
            ..Seen::default()
        });
    };
    let (line, fields) = strict_head(&octets[..end + 2])?;
    let [method, target, version] = strict_request_line(line)?;
    let mut seen = Seen {
        method,
        target,
        version,
        fields,
        head: octets[..end + 4].to_vec(),
        ..Seen::default()
    };
    let body = &octets[end + 4..];
    let taken = strict_body(&mut seen, body)?;
    seen.is_whole = taken.is_some();
    seen.octets = end + 4 + taken.unwrap_or(body.len());
    Ok(seen)
}

fn strict_request_line(line: &[u8]) -> Result<[Vec<u8>; 3], String> {
    let parts: Vec<_> = line.split(|&octet| octet == b' ').collect();
    let [method, target, version] = parts[..] else {
        return Err(format!("not a request line (RFC 9112 §3): {}", text(line)));
    };
    let is_version = version == b"HTTP/1.1" || version == b"HTTP/1.0";
    if method.is_empty() || !method.iter().all(|&octet| is_tchar(octet)) || !is_version {
        return Err(format!("not a request line (RFC 9112 §3): {}", text(line)));
    }
    if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return Err(format!("not a target (RFC 9112 §3.2): {}", text(line)));
    }
    Ok([method, target, version].map(<[u8]>::to_vec))
}

fn strict_head(head: &[u8]) -> Result<(&[u8], Fields), String> {
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(end) = find(rest, b"\r\n") {
        let line = &rest[..end];
        if line.iter().any(|octet| b"\r\n\0".contains(octet)) {
            return Err("a bare CR, bare LF or NUL in a head (RFC 9112 §2.2)".into());
        }
        lines.push(line);
        rest = &rest[end + 2..];
    }
    let (first, rest) = lines.split_first().ok_or("no request line")?;
    let fields = rest.iter().map(|line| strict_line(line));
    Ok((first, fields.collect::<Result<_, _>>()?))
}

fn strict_line(line: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let wrong = || format!("not a field line (RFC 9112 §5): {}", text(line));
    let colon = line.iter().position(|&octet| octet == b':');
    let (name, value) = line.split_at(colon.ok_or_else(wrong)?);
    let is_ctl = |octet: &u8| *octet < 0x20 && *octet != b'\t' || *octet == 0x7f;
    if name.is_empty() || !name.iter().all(|&octet| is_tchar(octet)) {
        return Err(wrong());
    }
    match value.iter().any(is_ctl) {
        true => Err(wrong()),
        false => Ok((name.to_vec(), trim(&value[1..]).to_vec())),
    }
}

/// Reads the content: how many octets it took, if it is all there.
fn strict_body(seen: &mut Seen, body: &[u8]) -> Result<Option<usize>, String> {
    let (lengths, codings) = (
        seen.values("content-length"),
        seen.values("transfer-encoding"),
    );
    if seen.values("host").len() != 1 && seen.version == b"HTTP/1.1" {
        return Err("not exactly one Host (RFC 9112 §3.2)".into());
    }
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(Some(0)),
        ([one], []) => {
            let is_digits = !one.is_empty() && one.bytes().all(|octet| octet.is_ascii_digit());
            let length = one.parse::<usize>().ok().filter(|_| is_digits);
            let length = length.ok_or_else(|| format!("Content-Length: {one} (RFC 9110 §8.6)"))?;
            seen.framing = Framing::Length;
            seen.content = body[..length.min(body.len())].to_vec();
            Ok((body.len() >= length).then_some(length))
        }
        ([], [one]) if one.eq_ignore_ascii_case("chunked") && seen.version == b"HTTP/1.1" => {
            seen.framing = Framing::Chunked;
            strict_chunks(seen, body)
        }
        _ => Err(format!(
            "content framed in a way that can be read otherwise (RFC 9112 §6.1, §6.3): {lengths:?} {codings:?}"
        )),
    }
}

fn strict_chunks(seen: &mut Seen, body: &[u8]) -> Result<Option<usize>, String> {
    let mut at = 0;
    loop {
        let Some(end) = find(&body[at..], b"\r\n") else {
            return Ok(None);
        };
        let line = &body[at..at + end];
        let is_size =
            !line.is_empty() && line.len() <= 15 && line.iter().all(u8::is_ascii_hexdigit);
        let size = usize::from_str_radix(&String::from_utf8_lossy(line), 16).ok();
        let size = size.filter(|_| is_size);
        let size =
            size.ok_or_else(|| format!("not a chunk size (RFC 9112 §7.1): {}", text(line)))?;
        at += end + 2;
        if size == 0 {
            break;
        }
        let there = &body[at..];
        seen.content
            .extend_from_slice(&there[..size.min(there.len())]);
        let Some(after) = there.get(size..size + 2) else {
            return Ok(None);
        };
        if after != b"\r\n" {
            return Err("chunk data without CRLF after it (RFC 9112 §7.1)".into());
        }
        at += size + 2;
    }
    while let Some(end) = find(&body[at..], b"\r\n") {
        let line = &body[at..at + end];
        at += end + 2;
        if line.is_empty() {
            return Ok(Some(at));
        }
        seen.trailers.push(strict_line(line)?);
    }
    Ok(None)
}

/// A server that forgives: what it makes of what it should not have got.
#[derive(Clone, Copy, Debug)]
pub struct Lax {
    /// Who reads so.
    pub name: &'static str,
    /// Whether Content-Length wins over Transfer-Encoding.
    pub length_wins: bool,
    /// Whether the last line of several counts, and not the first.
    pub last_counts: bool,
    /// Whether a CR alone ends a line.
    pub bare_cr_ends: bool,
    /// Whether a coding has to be exactly `chunked`, and not only to have that in it.
    pub is_exact: bool,
    /// Whether a name with `_` is that with `-`.
    pub underscores: bool,
    /// Whether a continued line is a line of its own.
    pub folds_split: bool,
    /// Whether a value ends at a NUL.
    pub nul_ends: bool,
    /// Whether a chunk's line ends at its first LF, whatever is before it, and the CR after its data may lack.
    pub loose_chunks: bool,
    /// How many bits a length has.
    pub length_bits: u32,
}

const LAX: Lax = Lax {
    name: "takes what looks like chunked before any length",
    length_wins: false,
    last_counts: false,
    bare_cr_ends: false,
    is_exact: false,
    underscores: false,
    folds_split: false,
    nul_ends: false,
    loose_chunks: true,
    length_bits: 64,
};

/// Ways in which servers are known to read.
pub const READINGS: [Lax; 9] = [
    LAX,
    Lax {
        name: "takes the length before chunked",
        length_wins: true,
        ..LAX
    },
    Lax {
        name: "takes the last of several lines",
        last_counts: true,
        ..LAX
    },
    Lax {
        name: "takes the last of several lengths, before chunked",
        length_wins: true,
        last_counts: true,
        ..LAX
    },
    Lax {
        name: "ends lines at a bare CR",
        bare_cr_ends: true,
        ..LAX
    },
    Lax {
        name: "makes variables of names, _ and - alike",
        underscores: true,
        last_counts: true,
        ..LAX
    },
    Lax {
        name: "takes continued lines for lines",
        folds_split: true,
        is_exact: true,
        ..LAX
    },
    Lax {
        name: "ends values at NUL",
        nul_ends: true,
        is_exact: true,
        ..LAX
    },
    Lax {
        name: "has lengths of 32 bits",
        length_bits: 32,
        is_exact: true,
        loose_chunks: false,
        ..LAX
    },
];

/// Reads all requests of a connection as such a server does; the last may lack its end.
pub fn lax(octets: &[u8], lax: &Lax) -> Vec<Seen> {
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        let one = lax_one(&octets[at..], lax);
        at += one.octets.max(1);
        let is_whole = one.is_whole;
        // Empty lines are skipped.
        if !one.method.is_empty() || !is_whole {
            seen.push(one);
        }
        if !is_whole {
            break;
        }
    }
    seen
}

fn lax_one(octets: &[u8], lax: &Lax) -> Seen {
    let mut seen = Seen::default();
    let mut at = 0;
    let mut is_first = true;
    loop {
        let Some((line, taken)) = lax_line(&octets[at..], lax) else {
            seen.octets = octets.len();
            return seen;
        };
        at += taken;
        if line.is_empty() {
            break;
        }
        if is_first {
            let mut words = line
                .split(|octet| b" \t".contains(octet))
                .filter(|word| !word.is_empty());
            let mut word = || words.next().unwrap_or_default().to_vec();
            (seen.method, seen.target, seen.version) = (word(), word(), word());
            is_first = false;
        } else {
            lax_field(&mut seen.fields, line, lax);
        }
    }
    seen.head = octets[..at].to_vec();
    let body = &octets[at..];
    let taken = lax_body(&mut seen, body, lax);
    seen.is_whole = taken.is_some();
    seen.octets = at + taken.unwrap_or(body.len());
    seen
}

fn lax_line<'a>(octets: &'a [u8], lax: &Lax) -> Option<(&'a [u8], usize)> {
    let is_end = |octet: &u8| *octet == b'\n' || lax.bare_cr_ends && *octet == b'\r';
    let end = octets.iter().position(is_end)?;
    let is_crlf = octets[end] == b'\r' && octets.get(end + 1) == Some(&b'\n');
    let line = &octets[..end];
    Some((
        line.strip_suffix(b"\r").unwrap_or(line),
        end + 1 + usize::from(is_crlf),
    ))
}

fn lax_field(fields: &mut Fields, line: &[u8], lax: &Lax) {
    let is_folded = line.first().is_some_and(|octet| b" \t".contains(octet));
    if is_folded && !lax.folds_split {
        if let Some((_, value)) = fields.last_mut() {
            value.push(b' ');
            value.extend_from_slice(trim(line));
        }
        return;
    }
    let colon = line
        .iter()
        .position(|&octet| octet == b':')
        .unwrap_or(line.len());
    let (name, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default());
    let is_part = |octet: &u8| octet.is_ascii_graphic();
    let mut name: Vec<u8> = name.iter().copied().filter(is_part).collect();
    if lax.underscores {
        name.iter_mut()
            .filter(|octet| **octet == b'_')
            .for_each(|octet| *octet = b'-');
    }
    let mut value = trim(value);
    if lax.nul_ends {
        value = value.split(|&octet| octet == 0).next().unwrap_or_default();
    }
    fields.push((name, value.to_vec()));
}

fn lax_body(seen: &mut Seen, body: &[u8], lax: &Lax) -> Option<usize> {
    let pick = |values: Vec<String>| match lax.last_counts {
        true => values.into_iter().next_back(),
        false => values.into_iter().next(),
    };
    let length = pick(seen.values("content-length")).map(|text| lax_number(&text, 10, lax));
    let coding = pick(seen.values("transfer-encoding")).filter(|text| {
        let text = text.to_ascii_lowercase();
        if lax.is_exact {
            text == "chunked"
        } else {
            text.contains("chunked")
        }
    });
    match (length, coding) {
        (Some(length), coding) if lax.length_wins || coding.is_none() => {
            seen.framing = Framing::Length;
            seen.content = body[..length.min(body.len())].to_vec();
            (body.len() >= length).then_some(length)
        }
        (_, Some(_)) => {
            seen.framing = Framing::Chunked;
            lax_chunks(seen, body, lax)
        }
        _ => Some(0),
    }
}

/// The digits at the start of a text, behind blanks, a sign or `0x`, as `strtol` reads them.
fn lax_number(text: &str, radix: u32, lax: &Lax) -> usize {
    let text = text.trim_start_matches([' ', '\t', '+', '-', '"']);
    let text = if radix == 16 {
        text.strip_prefix("0x").unwrap_or(text)
    } else {
        text
    };
    let number =
        text.chars()
            .map_while(|digit| digit.to_digit(radix))
            .fold(0_u64, |number, digit| {
                number
                    .wrapping_mul(u64::from(radix))
                    .wrapping_add(u64::from(digit))
            });
    let number = if lax.length_bits == 32 {
        number & 0xffff_ffff
    } else {
        number
    };
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn lax_chunks(seen: &mut Seen, body: &[u8], lax: &Lax) -> Option<usize> {
    let mut at = 0;
    loop {
        let (line, taken) = lax_line(&body[at..], lax)?;
        let size = lax_number(&String::from_utf8_lossy(line), 16, lax);
        at += taken;
        if size == 0 {
            break;
        }
        let there = &body[at..];
        seen.content
            .extend_from_slice(&there[..size.min(there.len())]);
        let after = there.get(size..)?;
        at += size;
        at += match (after.first()?, lax.loose_chunks) {
            (b'\n', true) => 1,
            (b'\r', _) if after.get(1)? == &b'\n' => 2,
            (_, true) => 0,
            (_, false) => 2,
        };
    }
    loop {
        let (line, taken) = lax_line(&body[at..], lax)?;
        at += taken;
        if line.is_empty() {
            return Some(at);
        }
        lax_field(&mut seen.trailers, line, lax);
    }
}

fn trim(octets: &[u8]) -> &[u8] {
    let is_blank = |octet: &u8| *octet == b' ' || *octet == b'\t';
    let start = octets
        .iter()
        .position(|octet| !is_blank(octet))
        .unwrap_or(octets.len());
    let end = octets
        .iter()
        .rposition(|octet| !is_blank(octet))
        .map_or(start, |at| at + 1);
    &octets[start..end]
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(seen: &[Seen]) -> Vec<String> {
        seen.iter().map(|one| text(&one.target)).collect()
    }

    #[test]
    fn what_is_clean_is_read_alike_by_all() {
        let octets = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
            POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n\
            GET /3 HTTP/1.1\r\nHost: a\r\n\r\n";
        let seen = strict(octets).unwrap();
        assert_eq!(targets(&seen), ["/1", "/2", "/3"]);
        for reading in &READINGS {
            let read = lax(octets, reading);
            assert_eq!(targets(&read), ["/1", "/2", "/3"], "{}", reading.name);
            assert_eq!(read[1].content, b"abc");
        }
    }

    #[test]
    fn each_way_of_reading_finds_the_request_that_is_hidden_from_others() {
        let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
        // table
        for (name, head, body) in [
            (
                READINGS[0].name,
                "Content-Length: 37\r\nTransfer-Encoding: xchunked\r\n",
                "0\r\n\r\n",
            ),
            (
                READINGS[1].name,
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "25\r\n\r\n",
            ),
            (
                READINGS[4].name,
                "X: y\rContent-Length: 0\r\nContent-Length: 35\r\n",
                "",
            ),
            (
                READINGS[5].name,
                "Content-Length: 35\r\nContent_Length: 0\r\n",
                "",
            ),
            (
                READINGS[7].name,
                "Content-Length: 40\r\nTransfer-Encoding: chunked\0x\r\n",
                "0\r\n\r\n",
            ),
            (READINGS[8].name, "Content-Length: 4294967296\r\n", ""),
        ] {
            let octets = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n{body}{hidden}");
            let reading = READINGS
                .iter()
                .find(|reading| reading.name == name)
                .unwrap();
            let read = lax(octets.as_bytes(), reading);
            assert!(
                targets(&read).contains(&"/hidden".to_owned()),
                "{name}: {read:?}"
            );
        }
    }

    #[test]
    fn what_no_client_may_send_is_no_request() {
        // table
        for head in [
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\nb\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert!(strict(head.as_bytes()).is_err(), "{head}");
        }
    }
}
