//! What is in a folder, as a page, as JSON or as text.

use engine::{Content, Response};
use net::{FileKind, Folder, FolderEntry};
use semantics::fields::accept::Accept;
use semantics::fields::date::HttpDate;
use semantics::{Known, RequestHead, ResponseHead, Status};
use serde_json::json;

use crate::encode::{push_html, push_path, push_text};
use crate::errors::Form;
use crate::json::{push_object, text};
use crate::uploads::page;

/// Entries of a folder that are read for a listing; it says so when there are more.
pub const LISTING_ENTRIES_MAX: usize = 10_000;

/// The form that the request prefers; a page when it has no preference.
pub(crate) fn preference(head: RequestHead<'_>) -> Form {
    let order = [Form::Html, Form::Json, Form::Text];
    let best = Accept::new(head.all(Known::Accept)).best_of(&[
        "text/html",
        "application/json",
        "text/plain",
    ]);
    best.and_then(|i| order.get(i).copied())
        .unwrap_or(Form::Html)
}

/// The answer that bears a listing. It is made anew each time, so no store keeps it and it needs no validator.
pub(crate) fn response(form: Form, text: String, uploads: bool) -> Response {
    let media_type = match form {
        Form::Html => "text/html; charset=utf-8",
        Form::Json => "application/json",
        Form::Text => "text/plain; charset=utf-8",
    };
    let mut head = with_rules_of_storing(Status::OK).with(Known::ContentType, media_type);
    if uploads && form == Form::Html {
        head.add(Known::ContentSecurityPolicy, page::POLICY);
    }
    Response::with_octets(head, text)
}

/// 304 for a listing that is asked for only if it is not there, with the fields that a 200 would have had
/// (RFC 9110 §15.4.5).
pub(crate) fn not_modified() -> Response {
    Response {
        head: with_rules_of_storing(Status::NOT_MODIFIED),
        content: Content::Empty,
    }
}

/// A head that says who may store it, and that the form follows from Accept (RFC 9110 §12.5.5).
fn with_rules_of_storing(status: Status) -> ResponseHead {
    ResponseHead::new(status)
        .with(Known::CacheControl, "no-store")
        .with(Known::Vary, "Accept")
}

/// Writes what a folder holds: folders first, then by name. Names with a dot in front are left out, as is what is
/// neither a file nor a folder.
/// `uploads` adds the form for uploading to a page.
pub(crate) fn write(form: Form, path: &[u8], folder: Folder, uploads: bool) -> String {
    let mut entries = folder.entries;
    entries.retain(|entry| {
        !entry.name.starts_with(b".")
            && matches!(entry.meta.kind, FileKind::Regular | FileKind::Folder)
    });
    entries.sort_unstable_by(|a, b| {
        (a.meta.kind != FileKind::Folder, &a.name).cmp(&(b.meta.kind != FileKind::Folder, &b.name))
    });
    match form {
        Form::Html => as_html(path, &entries, folder.is_cut, uploads),
        Form::Json => as_json(path, &entries, folder.is_cut),
        Form::Text => as_text(&entries, folder.is_cut),
    }
}

fn is_folder(entry: &FolderEntry) -> bool {
    entry.meta.kind == FileKind::Folder
}

/// The name as a relative reference: `./` in front, so that a colon in it makes no scheme (RFC 3986 §4.2).
fn reference(entry: &FolderEntry) -> String {
    let mut reference = String::from("./");
    push_path(&mut reference, &entry.name);
    if is_folder(entry) {
        reference.push('/');
    }
    reference
}

fn modified(entry: &FolderEntry) -> HttpDate {
    HttpDate::from_unix(u64::try_from(entry.meta.modified.0).unwrap_or(0))
}

fn as_json(path: &[u8], entries: &[FolderEntry], is_cut: bool) -> String {
    let mut out = format!(
        "{{\"path\": {}, \"is_cut\": {is_cut}, \"entries\": [",
        text(path)
    );
    for (i, entry) in entries.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        let (kind, octets) = if is_folder(entry) {
            ("folder", None)
        } else {
            ("file", Some(entry.meta.octets))
        };
        let members = [
            ("name", text(&entry.name)),
            ("reference", json!(reference(entry))),
            ("kind", json!(kind)),
            ("octets", json!(octets)),
            ("modified", json!(modified(entry).to_string())),
        ];
        push_object(&mut out, &members);
    }
    out.push_str("\n]}\n");
    out
}

fn as_text(entries: &[FolderEntry], is_cut: bool) -> String {
    let mut out = String::new();
    for entry in entries {
        push_text(&mut out, &String::from_utf8_lossy(&entry.name));
        out.push_str(if is_folder(entry) { "/\n" } else { "\n" });
    }
    if is_cut {
        out.push_str("... and more\n");
    }
    out
}

fn as_html(path: &[u8], entries: &[FolderEntry], is_cut: bool, uploads: bool) -> String {
    let title = String::from_utf8_lossy(path);
    let mut out = String::with_capacity(1024 + 200 * entries.len());
    out.push_str(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>",
    );
    push_html(&mut out, &title);
    out.push_str("</title><style>");
    out.push_str(STYLE);
    out.push_str("</style></head>\n<body><main><h1>");
    push_html(&mut out, &title);
    out.push_str("</h1>\n<table><thead><tr><th>Name<th>Size<th>Modified</thead><tbody>\n");
    if path != b"/" {
        out.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for entry in entries {
        push_row(&mut out, entry);
    }
    out.push_str("</tbody></table>\n<p>");
    out.push_str(&match (entries.len(), is_cut) {
        (0, false) => "Nothing is here.".to_owned(),
        (1, false) => "1 entry".to_owned(),
        (count, false) => format!("{count} entries"),
        (count, true) => format!("{count} entries are shown, there are more."),
    });
    out.push_str("</p>\n");
    if uploads {
        page::push_form(&mut out);
    }
    out.push_str("</main></body></html>\n");
    out
}

fn push_row(out: &mut String, entry: &FolderEntry) {
    out.push_str("<tr><td><a href=\"");
    push_html(out, &reference(entry));
    out.push_str("\">");
    push_html(out, &String::from_utf8_lossy(&entry.name));
    if is_folder(entry) {
        out.push_str("/</a><td>");
    } else {
        out.push_str("</a><td>");
        out.push_str(&size(entry.meta.octets));
    }
    out.push_str("<td>");
    // Without the day's name and the zone.
    let date = modified(entry).to_string();
    out.push_str(date.get(5..25).unwrap_or(&date));
    out.push('\n');
}

/// Octets in the unit in which they have at most four digits.
fn size(octets: u64) -> String {
    let mut tenths = u128::from(octets) * 10;
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    if octets < 1024 {
        return format!("{octets} {unit}");
    }
    for larger in units {
        if tenths < 10 * 1024 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

pub(crate) const STYLE: &str = ":root{color-scheme:light dark}body{margin:0;font:1rem/1.5 system-ui,sans-serif}\
    main{max-width:56rem;margin:auto;padding:2rem 1rem}h1{font-size:1.25rem;overflow-wrap:anywhere}\
    table{width:100%;border-collapse:collapse}th{text-align:left;font-weight:600;opacity:.65}\
    td,th{padding:.3rem .5rem;border-bottom:1px solid color-mix(in srgb,currentColor 15%,transparent)}\
    td:first-child{overflow-wrap:anywhere}td+td,th+th{white-space:nowrap;text-align:right;\
    font-variant-numeric:tabular-nums}tbody tr:hover{background:color-mix(in srgb,currentColor 6%,transparent)}\
    a{text-decoration:none}a:hover{text-decoration:underline}p{opacity:.65}\
    @media(max-width:40rem){thead{display:none}tr{display:grid;grid-template-columns:1fr auto;padding:.35rem .25rem;\
    border-bottom:1px solid color-mix(in srgb,currentColor 15%,transparent)}td{border:0;padding:0}\
    td:first-child{grid-column:1/-1}td+td{text-align:left;font-size:.875em;opacity:.65}}";

#[cfg(test)]
mod tests {
    use super::*;
    use net::FileMeta;

    fn entry(name: &[u8], kind: FileKind, octets: u64) -> FolderEntry {
        let meta = FileMeta {
            octets,
            modified: (784_111_777, 0),
            changed: (0, 0),
            inode: 1,
            device: 1,
            kind,
        };
        FolderEntry {
            name: name.to_vec(),
            meta,
        }
    }

    fn folder() -> Folder {
        Folder {
            entries: vec![
                entry(b"b.txt", FileKind::Regular, 1536),
                entry(b".secret", FileKind::Regular, 1),
                entry(b"pipe", FileKind::Other, 0),
                entry(b"out", FileKind::Link, 0),
                entry(b"a<script>:\xff\n", FileKind::Regular, 0),
                entry(b"z", FileKind::Folder, 4096),
            ],
            is_cut: false,
        }
    }

    #[test]
    fn folders_come_first_and_hidden_names_never() {
        let text = write(Form::Text, b"/", folder(), false);
        assert_eq!(text, "z/\na<script>:\u{FFFD}\u{FFFD}\nb.txt\n");
    }

    #[test]
    fn a_name_is_never_markup_and_its_link_reads_back() {
        let html = write(Form::Html, b"/<x>/", folder(), false);
        assert!(
            html.contains("<a href=\"./a%3Cscript%3E:%FF%0A\">a&lt;script&gt;:"),
            "{html}"
        );
        assert!(!html.contains("<script>") && !html.contains("<x>"));
        assert!(html.contains("1.5 KiB<td>06 Nov 1994 08:49:37"), "{html}");
    }

    #[test]
    fn only_a_folder_below_another_links_to_it() {
        assert!(!write(Form::Html, b"/", folder(), false).contains("../"));
        assert!(write(Form::Html, b"/a/", folder(), false).contains("<a href=\"../\">"));
    }

    #[test]
    fn json_tells_kind_and_size_and_whether_there_is_more() {
        let mut folder = folder();
        folder.is_cut = true;
        let value: serde_json::Value =
            serde_json::from_str(&write(Form::Json, b"/", folder, false)).unwrap();
        assert_eq!(value["is_cut"], true);
        assert_eq!(value["entries"][0]["kind"], "folder");
        assert_eq!(value["entries"][2]["octets"], 1536);
        assert_eq!(value["entries"][1]["reference"], "./a%3Cscript%3E:%FF%0A");
    }

    #[test]
    fn sizes_are_short() {
        for (octets, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(octets), text);
        }
    }
}
