//! Octets made safe for where they are put: URIs and HTML.

use std::fmt::Write;

/// Appends a decoded path or name in the form of a URI path (RFC 3986 §3.3): whatever is not `pchar` or `/` is escaped.
pub fn push_path(out: &mut String, decoded: &[u8]) {
    for &octet in decoded {
        // RFC 3986 §2.2, §2.3: unreserved, sub-delims, and what else a path segment may have.
        if octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&octet) {
            out.push(char::from(octet));
        } else {
            push_escaped(out, octet);
        }
    }
}

/// Appends a query as received. What may not stand in a URI is escaped; escapes stay as they are.
pub fn push_query(out: &mut String, query: &[u8]) {
    for &octet in query {
        if octet.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&octet) {
            out.push(char::from(octet));
        } else {
            push_escaped(out, octet);
        }
    }
}

fn push_escaped(out: &mut String, octet: u8) {
    let _ = write!(out, "%{octet:02X}");
}

/// Text as HTML, for content and for attributes in double quotes.
pub fn push_html(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Controls, and what turns the direction of text, are shown, not obeyed.
            c if is_unseen(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
}

/// Text for a terminal or a text file: one line, whatever the text holds.
pub(crate) fn push_text(out: &mut String, text: &str) {
    out.extend(
        text.chars()
            .map(|c| if is_unseen(c) { '\u{FFFD}' } else { c }),
    );
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(decoded: &[u8]) -> String {
        let mut out = String::new();
        push_path(&mut out, decoded);
        out
    }

    #[test]
    fn a_path_is_escaped_so_that_it_reads_back() {
        assert_eq!(path(b"/a b/%41?#\xff\r\n"), "/a%20b/%2541%3F%23%FF%0D%0A");
        assert_eq!(path("/ü&é".as_bytes()), "/%C3%BC&%C3%A9");
    }

    #[test]
    fn a_query_keeps_its_escapes_and_loses_what_ends_a_line() {
        let mut out = String::new();
        push_query(&mut out, b"a=%41&b=<\r\n>");
        assert_eq!(out, "a=%41&b=%3C%0D%0A%3E");
    }

    #[test]
    fn text_in_html_is_text() {
        let mut out = String::new();
        push_html(&mut out, "<a href=\"'&'\">\u{1b}\u{202e}");
        assert_eq!(
            out,
            "&lt;a href=&quot;&#39;&amp;&#39;&quot;&gt;\u{FFFD}\u{FFFD}"
        );
    }
}
