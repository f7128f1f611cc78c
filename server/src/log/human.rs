//! One aligned line an exchange, for eyes.
//!
//! ```text
//! 10:06:28.123 GET     200 /index.html            1.2 KiB   420 µs  c12#3
//! 10:06:28.140 GET     404 /favicon.ico             173 B   210 µs  c12#4 closed: the client asked for it
//! ```

use super::escape::{self, Form};
use super::number::{self, digits};
use super::record::Record;
use super::time::Moment;
use crate::config::Output;

/// What the output allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether the status is coloured.
    pub colour: bool,
    /// The width of the terminal; 0 is unknown.
    pub columns: usize,
}

impl From<Output> for Style {
    fn from(output: Output) -> Self {
        Self {
            colour: output.has_colour,
            columns: output.columns,
        }
    }
}

pub(super) fn append(out: &mut Vec<u8>, record: &Record<'_>, style: &Style) {
    let paint = |out: &mut Vec<u8>, code: &str| {
        if style.colour {
            out.extend_from_slice(code.as_bytes());
        }
    };
    paint(out, DIM);
    append_time(out, Moment::from_unix_millis(record.unix_millis));
    paint(out, PLAIN);
    out.push(b' ');
    append_cell(out, METHOD_CELLS, |out| {
        append_given(out, record.method, escape::append)
    });
    out.push(b' ');
    paint(out, record.status.map_or("", status_colour));
    match record.status {
        Some(status) => out.extend_from_slice(&digits::<3>(u64::from(status))),
        None => out.extend_from_slice(b"---"),
    }
    paint(out, PLAIN);
    out.push(b' ');
    append_cell(out, target_cells(style), |out| {
        append_given(out, record.target, escape::append_uri)
    });
    append_right(out, AMOUNT_CELLS, |out| append_octets(out, record.octets));
    append_right(out, AMOUNT_CELLS, |out| append_micros(out, record.micros));
    paint(out, DIM);
    out.extend_from_slice(b"  c");
    number::append(out, record.connection);
    out.push(b'#');
    number::append(out, u64::from(record.number));
    if let Some(user) = record.user {
        out.push(b' ');
        escape::append(out, user.as_bytes(), Form::Line);
    }
    paint(out, PLAIN);
    append_end(out, record);
    out.push(b'\n');
}

/// How the exchange ended, unless it ended as it should on a kept connection.
fn append_end(out: &mut Vec<u8>, record: &Record<'_>) {
    if !record.complete {
        out.extend_from_slice(b" cut short");
    }
    if record.closes {
        out.extend_from_slice(if record.complete { b" " } else { b", " });
        // A refusal says what was wrong with the request; that it closes the connection goes without saying there.
        if !["closed", "reset", "tunnel"]
            .iter()
            .any(|how| record.fate.0.starts_with(how))
        {
            out.extend_from_slice(b"closed: ");
        }
        escape::append(out, record.fate.0.as_bytes(), Form::Line);
    }
    if record.fate.0.starts_with("tunnel") {
        out.extend_from_slice(b", ");
        append_octets(out, record.request_octets);
        out.extend_from_slice(b" from the client");
    }
}

/// `10:06:28.123`, in UTC.
fn append_time(out: &mut Vec<u8>, moment: Moment) {
    let [h1, h2] = digits(moment.hour);
    let [m1, m2] = digits(moment.minute);
    let [s1, s2] = digits(moment.second);
    let [f1, f2, f3] = digits(moment.milli);
    out.extend_from_slice(&[h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3]);
}

fn append_given(out: &mut Vec<u8>, octets: &[u8], append: fn(&mut Vec<u8>, &[u8], Form)) {
    match octets {
        [] => out.push(b'-'),
        octets => append(out, octets, Form::Line),
    }
}

/// `0 B`, `173 B`, `1.2 KiB`, `64 KiB`.
fn append_octets(out: &mut Vec<u8>, octets: u64) {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut power = 0;
    while power < 6 && octets >> (10 * power) >= 1000 {
        power += 1;
    }
    append_scaled(out, octets, 1 << (10 * power));
    out.push(b' ');
    out.extend_from_slice(UNITS.get(power).copied().unwrap_or_default().as_bytes());
}

/// `420 µs`, `1.2 ms`, `12 s`.
fn append_micros(out: &mut Vec<u8>, micros: u64) {
    let (scale, unit) = match micros {
        0..1_000 => (1, " µs"),
        1_000..1_000_000 => (1_000, " ms"),
        _ => (1_000_000, " s"),
    };
    append_scaled(out, micros, scale);
    out.extend_from_slice(unit.as_bytes());
}

/// An amount in a unit, with one decimal while that is below ten.
fn append_scaled(out: &mut Vec<u8>, amount: u64, scale: u64) {
    let whole = amount / scale;
    number::append(out, whole);
    if scale > 1 && whole < 10 {
        out.push(b'.');
        // The remainder is less than 2^60.
        number::append(out, amount % scale * 10 / scale);
    }
}

/// Appends something of exactly so many cells: padded, or elided in the middle.
fn append_cell(out: &mut Vec<u8>, width: usize, append: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    append(out);
    elide(out, start, width);
    let used = cells(text_from(out, start));
    out.resize(out.len() + width.saturating_sub(used), b' ');
}

/// Appends something after so many spaces that it ends at the cell given.
fn append_right(out: &mut Vec<u8>, width: usize, append: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    append(out);
    let missing = width.saturating_sub(cells(text_from(out, start)));
    out.resize(out.len() + missing, b' ');
    if let Some(cell) = out.get_mut(start..) {
        cell.rotate_right(missing);
    }
}

/// Replaces the middle by `…` if more than so many cells were appended.
fn elide(out: &mut Vec<u8>, start: usize, width: usize) {
    let text = text_from(out, start);
    if cells(text) <= width {
        return;
    }
    let front_cells = width.saturating_sub(1) / 2;
    let back_cells = width.saturating_sub(1) - front_cells;
    let fitting = |room: usize, characters: &mut dyn Iterator<Item = char>| {
        let mut used = 0;
        let fits = characters.take_while(|character| {
            used += cell(*character);
            used <= room
        });
        fits.map(char::len_utf8).sum::<usize>()
    };
    let front = fitting(front_cells, &mut text.chars());
    let back = fitting(back_cells, &mut text.chars().rev());
    let end = out.len() - back;
    out.splice(start + front..end, "…".bytes());
}

/// What was appended since; it is UTF-8, since everything is escaped.
fn text_from(out: &[u8], start: usize) -> &str {
    let octets = out.get(start..).unwrap_or_default();
    std::str::from_utf8(octets).unwrap_or_default()
}

fn cells(text: &str) -> usize {
    match text.is_ascii() {
        true => text.len(),
        false => text.chars().map(cell).sum(),
    }
}

/// Cells of a terminal that a character takes: two for East Asian scripts and emoji.
fn cell(character: char) -> usize {
    match u32::from(character) {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 => 2,
        0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

fn target_cells(style: &Style) -> usize {
    let columns = if style.columns == 0 {
        COLUMNS_UNKNOWN
    } else {
        style.columns
    };
    let reason = if columns >= REASON_FROM_COLUMNS {
        REASON_CELLS
    } else {
        0
    };
    columns
        .saturating_sub(OTHER_CELLS + reason)
        .clamp(TARGET_CELLS_MIN, TARGET_CELLS_MAX)
}

fn status_colour(status: u16) -> &'static str {
    match status {
        200..300 => "\x1b[32m",
        300..400 => "\x1b[36m",
        400..500 => "\x1b[33m",
        500.. => "\x1b[1;31m",
        _ => "",
    }
}

const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";
const METHOD_CELLS: usize = 7;
const AMOUNT_CELLS: usize = 9;
const TARGET_CELLS_MIN: usize = 16;
const TARGET_CELLS_MAX: usize = 160;
const COLUMNS_UNKNOWN: usize = 120;
/// All of a line but its target: time, method, status, two amounts, `c1234#12`.
const OTHER_CELLS: usize = 13 + 8 + 4 + 2 * AMOUNT_CELLS + 10;
/// A wide terminal has room for a reason beside the target.
const REASON_FROM_COLUMNS: usize = 110;
const REASON_CELLS: usize = 28;
