//! The head of a form's part: what it is called, and whether it is a file (RFC 7578 §4.2).

use semantics::fields::list::{is_token, split_token, trim_ows, trim_ows_start};

/// What a part is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    /// The name of the form's field.
    pub(super) name: Vec<u8>,
    /// The name of the file, as given; a part without one is no file.
    pub(super) filename: Option<Vec<u8>>,
}

/// The head of a part breaks RFC 7578.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DispositionError {
    /// A line that is no field.
    Syntax,
    /// No `Content-Disposition: form-data`, or two (RFC 7578 §4.2).
    Missing,
    /// A `Content-Transfer-Encoding` that changes octets (RFC 7578 §4.7).
    TransferEncoding,
}

impl Disposition {
    /// Reads the head of a part: field lines that end in CR LF.
    pub(super) fn of(head: &[u8]) -> Result<Self, DispositionError> {
        let mut found = None;
        let mut rest = head;
        while !rest.is_empty() {
            let end = rest
                .windows(2)
                .position(|two| two == b"\r\n")
                .ok_or(DispositionError::Syntax)?;
            let line = rest.get(..end).unwrap_or_default();
            rest = rest.get(end + 2..).unwrap_or_default();
            let colon = line
                .iter()
                .position(|&b| b == b':')
                .ok_or(DispositionError::Syntax)?;
            let (name, value) = line.split_at(colon);
            let value = trim_ows(value.get(1..).unwrap_or_default());
            if !is_token(name) || value.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
                return Err(DispositionError::Syntax);
            }
            if name.eq_ignore_ascii_case(b"content-disposition") {
                let disposition = Self::of_value(value).ok_or(DispositionError::Syntax)?;
                if found.replace(disposition).is_some() {
                    return Err(DispositionError::Missing);
                }
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding")
                && !["7bit", "8bit", "binary"]
                    .iter()
                    .any(|plain| value.eq_ignore_ascii_case(plain.as_bytes()))
            {
                return Err(DispositionError::TransferEncoding);
            }
        }
        found.ok_or(DispositionError::Missing)
    }

    fn of_value(value: &[u8]) -> Option<Self> {
        let (kind, mut rest) = split_token(value);
        if !kind.eq_ignore_ascii_case(b"form-data") {
            return None;
        }
        let (mut name, mut filename, mut extended) = (None, None, None);
        loop {
            rest = trim_ows_start(rest);
            let Some(after) = rest.strip_prefix(b";") else {
                break;
            };
            let (key, after) = split_token(trim_ows_start(after));
            if key.is_empty() && trim_ows(after).is_empty() {
                rest = &[];
                break;
            }
            let (given, after) = split_value(trim_ows_start(after).strip_prefix(b"=")?)?;
            rest = after;
            let place = match key.to_ascii_lowercase().as_slice() {
                b"name" => &mut name,
                b"filename" => &mut filename,
                // RFC 7578 §4.2 rules it out, some programs send it all the same.
                b"filename*" => &mut extended,
                _ => continue,
            };
            // Two of one would be read in two ways.
            if place.replace(given).is_some() {
                return None;
            }
        }
        if !rest.is_empty() {
            return None;
        }
        let extended = match extended {
            Some(extended) => Some(decode_extended(&extended)?),
            None => None,
        };
        Some(Self {
            name: name?,
            filename: extended.or(filename),
        })
    }
}

/// A token or a quoted string in front, and what follows it.
///
/// User agents put every octet but three between the quotes as it is, those as `%22`, `%0D` and `%0A` (HTML, multipart
/// form data); other programs escape a quote by a backslash (RFC 9110 §5.6.4), and some the backslash too. So a backslash stands
/// for itself unless a quote follows that does not end the value.
fn split_value(octets: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let octets = trim_ows_start(octets);
    let Some(mut rest) = octets.strip_prefix(b"\"") else {
        let end = octets
            .iter()
            .position(|b| matches!(b, b';' | b' ' | b'\t'))
            .unwrap_or(octets.len());
        let (token, rest) = octets.split_at(end);
        return (!token.is_empty() && !token.contains(&b'"')).then(|| (token.to_vec(), rest));
    };
    let mut value = Vec::new();
    loop {
        match rest {
            [b'\\', b'"', after @ ..] if !ends_value(after) => {
                value.push(b'"');
                rest = after;
            }
            [b'"', after @ ..] => return ends_value(after).then_some((value, after)),
            [b'%', b'2', b'2', after @ ..] => {
                value.push(b'"');
                rest = after;
            }
            [b'%', b'0', b'd' | b'D', after @ ..] => {
                value.push(b'\r');
                rest = after;
            }
            [b'%', b'0', b'a' | b'A', after @ ..] => {
                value.push(b'\n');
                rest = after;
            }
            [octet, after @ ..] => {
                value.push(*octet);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn ends_value(after: &[u8]) -> bool {
    matches!(trim_ows_start(after), [] | [b';', ..])
}

/// The value of `filename*` (RFC 8187 §3.2), in UTF-8.
fn decode_extended(value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = value.splitn(3, |&b| b == b'\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case(b"utf-8") {
        return None;
    }
    super::fields::percent_decoded(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<(String, Option<String>)> {
        let head = format!("Content-Disposition: {value}\r\nContent-Type: text/plain\r\n");
        let disposition = Disposition::of(head.as_bytes()).ok()?;
        let text = |octets| String::from_utf8(octets).unwrap();
        Some((text(disposition.name), disposition.filename.map(text)))
    }

    fn file(value: &str) -> Option<String> {
        of(&format!("form-data; name=\"a\"; {value}")).and_then(|(_, filename)| filename)
    }

    #[test]
    fn the_shapes_that_user_agents_send_are_read() {
        for (value, filename) in [
            // Chromium, Firefox, Safari.
            (r#"filename="a b.txt""#, "a b.txt"),
            (r#"filename="文.txt""#, "文.txt"),
            (r#"filename="a%22b%0D%0A.txt""#, "a\"b\r\n.txt"),
            (r#"filename="100%.txt""#, "100%.txt"),
            (r#"filename="a%20b;c.txt""#, "a%20b;c.txt"),
            (r#"filename="""#, ""),
            (r#"filename="C:\dir\a.txt""#, r"C:\dir\a.txt"),
            (r#"filename="a\""#, r"a\"),
            // curl before 7.81, and libraries of several languages.
            (r#"filename="a\"b.txt""#, "a\"b.txt"),
            ("filename=a.txt", "a.txt"),
            (
                r#"filename="x.txt"; filename*=UTF-8''%e2%82%ac%20rates"#,
                "€ rates",
            ),
            (r#"filename*=utf-8'en'a.txt"#, "a.txt"),
            (r#"FILENAME = "a";"#, "a"),
        ] {
            assert_eq!(file(value).as_deref(), Some(filename), "{value}");
        }
    }

    #[test]
    fn a_part_without_a_file_name_is_no_file() {
        assert_eq!(
            of(r#"form-data; name="a b""#),
            Some(("a b".to_owned(), None))
        );
        assert_eq!(of("form-data;name=a"), Some(("a".to_owned(), None)));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for value in [
            "attachment; name=a",
            "form-data",
            r#"form-data; name="a"#,
            r#"form-data; name="a"b; filename="c""#,
            r#"form-data; name="a"; name="b""#,
            r#"form-data; name="a"; filename="a"; filename="b""#,
            r#"form-data; name="a\"; filename=\"b""#,
            "form-data; name=a; filename*=latin1''a",
            "form-data; name=a; filename*=UTF-8''%zz",
            "form-data; name=a; x",
            "form-data; name=a b",
        ] {
            assert_eq!(of(value), None, "{value}");
        }
    }

    #[test]
    fn a_head_has_one_disposition_and_no_transfer_encoding() {
        let of = |head: &str| Disposition::of(head.as_bytes());
        assert_eq!(of(""), Err(DispositionError::Missing));
        assert_eq!(
            of("Content-Type: text/plain\r\n"),
            Err(DispositionError::Missing)
        );
        let line = "content-disposition:form-data;name=a\r\n";
        assert!(of(line).is_ok());
        assert_eq!(of(&[line, line].concat()), Err(DispositionError::Missing));
        for (encoding, is_read) in [("binary", true), ("8BIT", true), ("base64", false)] {
            let head = format!("{line}Content-Transfer-Encoding: {encoding}\r\n");
            assert_eq!(of(&head).is_ok(), is_read, "{encoding}");
        }
        for head in ["a\r\n", " a: b\r\n", "a: b", "a: \0\r\n", "a: b\rc\r\n"] {
            assert_eq!(of(head), Err(DispositionError::Syntax), "{head:?}");
        }
    }
}
