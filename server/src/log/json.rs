//! JSON Lines: one object an exchange, with every fact (RFC 8259).

use super::escape::{self, Form};
use super::number::{self, digits};
use super::record::Record;
use super::time::Moment;

pub(super) fn append(out: &mut Vec<u8>, record: &Record<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    append_time(out, Moment::from_unix_millis(record.unix_millis));
    out.push(b'"');
    append_number(out, ",\"connection\":", record.connection);
    append_number(out, ",\"number\":", u64::from(record.number));
    if let Some(client) = record.client {
        out.extend_from_slice(b",\"client\":\"");
        number::append_ip(out, client.ip());
        out.push(b'"');
        append_number(out, ",\"client_port\":", u64::from(client.port()));
    }
    append_text(out, ",\"user\":", record.user.map(str::as_bytes));
    append_text(
        out,
        ",\"tls_version\":",
        record.tls_version.map(str::as_bytes),
    );
    append_text(out, ",\"tls_name\":", record.tls_name.map(str::as_bytes));
    append_text(out, ",\"method\":", Some(record.method));
    append_uri(out, ",\"target\":", Some(record.target));
    append_text(out, ",\"version\":", Some(record.version.as_bytes()));
    append_text(out, ",\"host\":", record.host);
    append_uri(out, ",\"referer\":", record.referer);
    append_text(out, ",\"user_agent\":", record.user_agent);
    append_text(out, ",\"site\":", record.site.map(str::as_bytes));
    append_text(out, ",\"route\":", record.route.map(str::as_bytes));
    if let Some(server) = record.server {
        append_text(out, ",\"server\":", Some(server.as_bytes()));
        append_number(out, ",\"tries\":", record.tries as u64);
    }
    match record.status {
        Some(status) => append_number(out, ",\"status\":", u64::from(status)),
        None => out.extend_from_slice(b",\"status\":null"),
    }
    append_number(out, ",\"octets\":", record.octets);
    append_number(out, ",\"micros\":", record.micros);
    append_number(out, ",\"request_octets\":", record.request_octets);
    append_switch(out, ",\"complete\":", record.complete);
    append_reason(out, ",\"content_end\":", record.content_end);
    append_switch(out, ",\"closes\":", record.closes);
    append_reason(out, ",\"fate\":", record.fate);
    out.extend_from_slice(b"}\n");
}

fn append_number(out: &mut Vec<u8>, name: &str, number: u64) {
    out.extend_from_slice(name.as_bytes());
    number::append(out, number);
}

fn append_switch(out: &mut Vec<u8>, name: &str, switch: bool) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(if switch { b"true" } else { b"false" });
}

fn append_text(out: &mut Vec<u8>, name: &str, octets: Option<&[u8]>) {
    if let Some(octets) = octets {
        out.extend_from_slice(name.as_bytes());
        out.push(b'"');
        escape::append(out, octets, Form::Json);
        out.push(b'"');
    }
}

fn append_uri(out: &mut Vec<u8>, name: &str, octets: Option<&[u8]>) {
    if let Some(octets) = octets {
        out.extend_from_slice(name.as_bytes());
        out.push(b'"');
        escape::append_uri(out, octets, Form::Json);
        out.push(b'"');
    }
}

/// `{"why":"...","rule":"RFC 9112 §6.3"}`.
fn append_reason(out: &mut Vec<u8>, name: &str, (why, rule): (&str, &str)) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"{\"why\":\"");
    escape::append(out, why.as_bytes(), Form::Json);
    out.extend_from_slice(b"\",\"rule\":\"");
    escape::append(out, rule.as_bytes(), Form::Json);
    out.extend_from_slice(b"\"}");
}

/// `2026-11-24T10:06:28.123Z` (RFC 3339).
pub(super) fn append_time(out: &mut Vec<u8>, moment: Moment) {
    let [y1, y2, y3, y4] = digits(moment.year);
    let [n1, n2] = digits(moment.month);
    let [d1, d2] = digits(moment.day);
    let [h1, h2] = digits(moment.hour);
    let [m1, m2] = digits(moment.minute);
    let [s1, s2] = digits(moment.second);
    let [f1, f2, f3] = digits(moment.milli);
    out.extend_from_slice(&[
        y1, y2, y3, y4, b'-', n1, n2, b'-', d1, d2, b'T', //
        h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, b'Z',
    ]);
}
