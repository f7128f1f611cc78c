//! Messages to octets (RFC 9112 §3 to §7).

use crate::RequestParts;
use semantics::{FieldLine, Known, Rendition, ResponseHead, Section, Stamp, Status, Version};

/// Appends `HTTP/1.1 <status> <reason> CRLF Date: … CRLF Server: … CRLF` and the head's own lines; neither framing
/// fields nor the empty line. A head that has a Date or a Server of its own, as one that is handed on, keeps it
/// (RFC 9110 §6.6.1, §10.2.4).
pub(crate) fn response_head(head: &ResponseHead, stamp: &Stamp, out: &mut Vec<u8>) {
    status_line(head.status(), out);
    if !head.status().is_interim() {
        if !head.has(Known::Date) {
            out.extend_from_slice(DATE);
            out.extend_from_slice(&stamp.date);
            out.extend_from_slice(b"\r\n");
        }
        if let Some(server) = &stamp.server
            && !head.has(Known::Server)
        {
            line(b"Server", server, out);
        }
    }
    lines(head.section(), out);
}

/// Appends all lines of a section. Those that stand one after the other as they are transmitted are copied in one go.
fn lines(section: Section<'_>, out: &mut Vec<u8>) {
    let octets = section.octets();
    out.reserve(octets.len() + ROOM_OCTETS);
    let mut run = 0..0;
    for field in section.lines() {
        let (start, end) = (field.name.start as usize, field.value.end() + 2);
        let is_run = is_as_transmitted(field, octets);
        if is_run && run.end == start {
            run.end = end;
            continue;
        }
        out.extend_from_slice(octets.get(run).unwrap_or_default());
        run = match is_run {
            true => start..end,
            false => {
                line(field.name.of(octets), field.value.of(octets), out);
                0..0
            }
        };
    }
    out.extend_from_slice(octets.get(run).unwrap_or_default());
}

/// Whether a line stands there as [`line`] would write it.
#[inline]
fn is_as_transmitted(field: &FieldLine, octets: &[u8]) -> bool {
    let (name_end, value_start) = (field.name.end(), field.value.start as usize);
    let value_end = field.value.end();
    value_start == name_end + 2
        && octets.get(name_end..value_start) == Some(b": ")
        && octets.get(value_end..value_end + 2) == Some(b"\r\n")
}

/// Appends what [`response_head`] would, with the length of the content, from octets made once.
#[inline]
pub(crate) fn rendition(rendition: &Rendition, stamp: &Stamp, out: &mut Vec<u8>) {
    let rendered = rendition.rendered(|head, content_octets| {
        let mut octets = Vec::with_capacity(512);
        if head.has(Known::Date) {
            // What is given often gets the time at which it is given.
            let mut head = head.clone();
            head.remove_named(b"Date");
            response_head(&head, stamp, &mut octets);
        } else {
            response_head(head, stamp, &mut octets);
        }
        content_length(content_octets, &mut octets);
        octets
    });
    let at = out.len();
    out.extend_from_slice(rendered);
    let date_at = at + date_offset(rendition.head().status());
    if let Some(date) = out.get_mut(date_at..date_at + stamp.date.len()) {
        date.copy_from_slice(&stamp.date);
    }
}

/// Where the Date's value begins in a head: its line follows the status line.
#[inline]
fn date_offset(status: Status) -> usize {
    b"HTTP/1.1 200 \r\n".len() + status.reason().len() + DATE.len()
}

/// A server answers with its own version, whatever the request's minor version (RFC 9110 §2.5).
pub(crate) fn status_line(status: Status, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(u64::from(status.code()), out);
    out.push(b' ');
    out.extend_from_slice(status.reason().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends the request line and the lines given (RFC 9112 §3); neither framing fields nor the empty line.
pub(crate) fn request_head(request: &RequestParts<'_>, out: &mut Vec<u8>) {
    let lines = request.lines.iter();
    let octets = lines.map(|(name, value)| name.len() + value.len() + 4);
    out.reserve(request.method.len() + request.target.len() + octets.sum::<usize>() + ROOM_OCTETS);
    out.extend_from_slice(request.method);
    out.push(b' ');
    out.extend_from_slice(request.target);
    out.extend_from_slice(match request.version {
        Version::HTTP_11 => b" HTTP/1.1\r\n",
        _ => b" HTTP/1.0\r\n",
    });
    for (name, value) in request.lines {
        line(name, value, out);
    }
}

/// Appends one field line.
#[inline]
pub(crate) fn line(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a Content-Length line.
pub(crate) fn content_length(octets: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Content-Length: ");
    number(octets, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal.
pub(crate) fn number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        at -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Appends what stands before a chunk's data.
pub(crate) fn chunk_start(octets: u64, out: &mut Vec<u8>) {
    let mut is_leading = true;
    for shift in (0..16).rev() {
        let digit = (octets >> (shift * 4) & 0xf) as u8;
        is_leading &= digit == 0 && shift > 0;
        if !is_leading {
            out.push(if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            });
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Room for the version of a request or the status of a response, its framing and the empty line.
const ROOM_OCTETS: usize = 64;
/// The name of the field that follows the status line, up to its value.
const DATE: &[u8] = b"Date: ";

#[cfg(test)]
mod tests {
    use semantics::Pass;

    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_decimal() {
        for n in [0, 9, 10, 99, 1_000_000, u64::MAX] {
            assert_eq!(written(|out| number(n, out)), n.to_string());
        }
    }

    #[test]
    fn chunk_sizes_are_hexadecimal() {
        for n in [1, 15, 16, 0x10_000, u64::MAX] {
            assert_eq!(written(|out| chunk_start(n, out)), format!("{n:x}\r\n"));
        }
    }

    #[test]
    fn a_head_that_brings_its_own_date_and_server_keeps_them() {
        let stamp = Stamp {
            date: [b'1'; 29],
            server: Some(b"x"[..].into()),
        };
        let head = ResponseHead::new(Status::OK)
            .with(Known::Date, "theirs")
            .with(Known::Server, "them");
        let octets = written(|out| response_head(&head, &stamp, out));
        assert_eq!(
            octets,
            "HTTP/1.1 200 OK\r\nDate: theirs\r\nServer: them\r\n"
        );
        let kept = Rendition::new(head, 5);
        for date in [b'1', b'2'] {
            let stamp = Stamp {
                date: [date; 29],
                ..stamp.clone()
            };
            let octets = written(|out| rendition(&kept, &stamp, out));
            let date = String::from(char::from(date)).repeat(29);
            assert_eq!(
                octets,
                format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nServer: them\r\nContent-Length: 5\r\n")
            );
        }
    }

    #[test]
    fn lines_are_written_alike_however_they_lie() {
        let received = b"HTTP/1.1 200 OK\r\nA: 1\r\nB:2\r\nX-Gone: 0\r\nC:  3 \r\nD: 4\r\nE: \r\nLocation: /a\r\nF: 6\r\n\r\n";
        let mut index = semantics::ResponseIndex::default();
        crate::scan::response_head(received, &mut crate::scan::Progress::default(), &mut index);
        let view = semantics::ResponseView::new(received, &index);
        let mut head = ResponseHead::received(view, |line, value| match line.known {
            Some(Known::Location) => {
                value.extend_from_slice(b"/b");
                Pass::Replaced
            }
            _ if line.name.of(received) == b"X-Gone" => Pass::Dropped,
            _ => Pass::Kept,
        });
        head.add(Known::Via, "1.1 x");
        head.add_named("G", "");
        let octets = written(|out| lines(head.section(), out));
        let expected =
            "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: \r\nLocation: /b\r\nF: 6\r\nVia: 1.1 x\r\nG: \r\n";
        assert_eq!(octets, expected);
    }

    #[test]
    fn a_rendition_is_the_head_with_the_date_of_delivery() {
        let head = ResponseHead::new(Status::NOT_FOUND).with(semantics::Known::ETag, "\"a\"");
        let kept = Rendition::new(head.clone(), 5);
        for date in [b'1', b'2'] {
            let stamp = Stamp {
                date: [date; 29],
                server: Some(b"x"[..].into()),
            };
            let plain = written(|out| {
                response_head(&head, &stamp, out);
                content_length(5, out);
            });
            assert_eq!(written(|out| rendition(&kept, &stamp, out)), plain);
            assert!(plain.contains(&format!(
                "Date: {}\r\n",
                String::from_utf8_lossy(&[date; 29])
            )));
        }
    }
}
