//! Apache's combined format: `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`.

use super::escape::{self, Form};
use super::number::{self, digits};
use super::record::Record;
use super::time::Moment;

pub(super) fn append(out: &mut Vec<u8>, record: &Record<'_>) {
    match record.client {
        Some(client) => number::append_ip(out, client.ip()),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" - ");
    append_user(out, record.user);
    out.extend_from_slice(b" [");
    append_time(out, Moment::from_unix_millis(record.unix_millis));
    out.extend_from_slice(b"] \"");
    append_request_line(out, record);
    out.extend_from_slice(b"\" ");
    match record.status {
        Some(status) => number::append(out, u64::from(status)),
        None => out.push(b'-'),
    }
    out.push(b' ');
    match record.octets {
        0 => out.push(b'-'),
        octets => number::append(out, octets),
    }
    out.extend_from_slice(b" \"");
    match record.referer {
        Some(referer) => escape::append_uri(out, referer, Form::Quoted),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\" \"");
    escape::append(out, record.user_agent.unwrap_or(b"-"), Form::Quoted);
    out.extend_from_slice(b"\"\n");
}

/// One column: without a space, and never empty.
fn append_user(out: &mut Vec<u8>, user: Option<&str>) {
    let Some(user) = user else {
        return out.push(b'-');
    };
    if user.is_empty() {
        return out.extend_from_slice(b"\"\"");
    }
    for (number, word) in user.split(' ').enumerate() {
        if number > 0 {
            out.extend_from_slice(b"\\x20");
        }
        escape::append(out, word.as_bytes(), Form::Quoted);
    }
}

fn append_request_line(out: &mut Vec<u8>, record: &Record<'_>) {
    if record.method.is_empty() && record.target.is_empty() {
        return out.push(b'-');
    }
    escape::append(out, record.method, Form::Quoted);
    out.push(b' ');
    escape::append_uri(out, record.target, Form::Quoted);
    if !record.version.is_empty() {
        out.push(b' ');
        escape::append(out, record.version.as_bytes(), Form::Quoted);
    }
}

/// `24/Nov/2026:10:06:28 +0000`.
fn append_time(out: &mut Vec<u8>, moment: Moment) {
    let [d1, d2] = digits(moment.day);
    let [y1, y2, y3, y4] = digits(moment.year);
    let [h1, h2] = digits(moment.hour);
    let [m1, m2] = digits(moment.minute);
    let [s1, s2] = digits(moment.second);
    out.extend_from_slice(&[d1, d2, b'/']);
    out.extend_from_slice(moment.month_name().as_bytes());
    out.extend_from_slice(&[
        b'/', y1, y2, y3, y4, b':', h1, h2, b':', m1, m2, b':', s1, s2,
    ]);
    out.extend_from_slice(b" +0000");
}
