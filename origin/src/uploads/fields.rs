//! The fields of forms that are no files: read, and written as one JSON file.

use net::Now;
use semantics::fields::date::HttpDate;
use serde_json::{Value, json};

use super::denial::Denial;
use crate::json::text;
use semantics::Status;

/// Names and values in the order of the form, up to a bound.
#[derive(Debug)]
pub(super) struct Fields {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    left_octets: usize,
}

impl Fields {
    pub(super) fn new(octets_max: usize) -> Self {
        Self {
            pairs: Vec::new(),
            left_octets: octets_max,
        }
    }

    /// Begins a field.
    pub(super) fn begin(&mut self, name: Vec<u8>) -> Result<(), Denial> {
        self.take(name.len() + FIELD_OCTETS)?;
        self.pairs.push((name, Vec::new()));
        Ok(())
    }

    /// Appends to the value of the last field.
    pub(super) fn append(&mut self, octets: &[u8]) -> Result<(), Denial> {
        self.take(octets.len())?;
        if let Some((_, value)) = self.pairs.last_mut() {
            value.extend_from_slice(octets);
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn take(&mut self, octets: usize) -> Result<(), Denial> {
        self.left_octets = self.left_octets.checked_sub(octets).ok_or(TOO_LARGE)?;
        Ok(())
    }

    /// The fields of `application/x-www-form-urlencoded` (URL standard §5.1).
    pub(super) fn of_urlencoded(octets: &[u8], octets_max: usize) -> Result<Self, Denial> {
        let mut fields = Self::new(octets_max);
        for pair in octets.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|&b| b == b'=');
            let (name, value) = pair.split_at(equals.unwrap_or(pair.len()));
            fields.begin(decoded(name))?;
            fields.append(&decoded(value.get(1..).unwrap_or_default()))?;
        }
        Ok(fields)
    }

    /// What is stored of the form.
    pub(super) fn as_json(&self, files: &[Value], now: Now) -> String {
        let pairs = self.pairs.iter();
        let pairs: Vec<Value> = pairs
            .map(|(name, value)| Value::Array(vec![text(name), text(value)]))
            .collect();
        let received = HttpDate::from_unix(now.unix_seconds).to_string();
        let form = json!({"received": received, "fields": pairs, "files": files});
        format!("{form:#}\n")
    }
}

/// `form-19941106T084937Z.json`.
pub(super) fn file_name(now: Now) -> Vec<u8> {
    // Sun, 06 Nov 1994 08:49:37 GMT
    let date = HttpDate::from_unix(now.unix_seconds).to_string();
    let part = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default();
    let month = MONTHS
        .iter()
        .position(|month| *month == part(8..11))
        .unwrap_or(0)
        + 1;
    format!(
        "form-{}{month:02}{}T{}{}{}Z.json",
        part(12..16),
        part(5..7),
        part(17..19),
        part(20..22),
        part(23..25)
    )
    .into_bytes()
}

/// `+` is a space, and `%` without two hexadecimal digits stands for itself (URL standard §1.3, §5.1).
fn decoded(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match octet {
            b'+' => out.push(b' '),
            b'%' => match escaped(rest) {
                Some((octet, after)) => {
                    out.push(octet);
                    rest = after;
                }
                None => out.push(b'%'),
            },
            octet => out.push(octet),
        }
    }
    out
}

/// The octets meant by `%xx` escapes; `None` if one is none.
pub(super) fn percent_decoded(octets: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        let octet = match octet {
            b'%' => {
                let (octet, after) = escaped(rest)?;
                rest = after;
                octet
            }
            octet => octet,
        };
        out.push(octet);
    }
    Some(out)
}

fn escaped(rest: &[u8]) -> Option<(u8, &[u8])> {
    let &[high, low, ref after @ ..] = rest else {
        return None;
    };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    let octet = digit(high)? << 4 | digit(low)?;
    Some((u8::try_from(octet).ok()?, after))
}

pub(super) const TOO_LARGE: Denial = Denial::new(
    Status::CONTENT_TOO_LARGE,
    "The fields of the form are longer than may be stored (fields_octets_max)",
    "RFC 9110 §15.5.14",
);
/// What a field takes beside its octets, about.
const FIELD_OCTETS: usize = 48;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Now = Now {
        millis: 0,
        unix_seconds: 784_111_777,
        unix_millis: 784_111_777_000,
    };

    fn pairs(content: &str) -> Vec<(String, String)> {
        let fields = Fields::of_urlencoded(content.as_bytes(), 10_000).unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        fields
            .pairs
            .into_iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn a_form_is_decoded_as_user_agents_encode_it() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            pairs("a=1&a=2+3%26&&=x&y&%E6%96%87=100%&b==%2"),
            [
                pair("a", "1"),
                pair("a", "2 3&"),
                pair("", "x"),
                pair("y", ""),
                pair("文", "100%"),
                pair("b", "=%2")
            ]
        );
        assert!(pairs("").is_empty());
    }

    #[test]
    fn fields_are_bounded_by_what_they_cost() {
        let form = "a&".repeat(1000);
        assert!(Fields::of_urlencoded(form.as_bytes(), 2000).is_err());
        assert!(Fields::of_urlencoded(b"a=bc", FIELD_OCTETS + 3).is_ok());
        assert!(Fields::of_urlencoded(b"a=bc", FIELD_OCTETS + 2).is_err());
    }

    #[test]
    fn the_file_of_a_form_tells_when_and_what() {
        assert_eq!(file_name(THEN), b"form-19941106T084937Z.json");
        let fields = Fields::of_urlencoded(b"z=1&a=%FF", 1000).unwrap();
        let value: Value = serde_json::from_str(&fields.as_json(&[], THEN)).unwrap();
        assert_eq!(value["received"], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(value["fields"], json!([["z", "1"], ["a", "\u{FFFD}"]]));
    }
}
