//! The variants of a resource, listed for who has to choose: people, programs, and user agents that know RFC 2295.

use engine::Response;
use semantics::fields::accept::Quality;
use semantics::fields::list::is_token_octet;
use semantics::negotiation::{Decision, Judgement, vary_of};
use semantics::{Known, RequestHead, ResponseHead, Status};
use serde_json::json;

use super::set::FileVariant;
use crate::encode::{push_html, push_text};
use crate::errors::{Form, STYLE, preference};
use crate::json::push_object;

/// Why there is a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) status: Status,
    pub(super) because: &'static str,
    pub(super) rule: &'static str,
}

/// "A list of available representation characteristics and corresponding resource identifiers" (RFC 9110 §15.5.7,
/// §15.4.1), each with what was decided about it.
pub(super) fn response(
    choice: &Choice,
    head: RequestHead<'_>,
    variants: &[FileVariant],
    decision: &Decision,
) -> Response {
    let rows: Vec<_> = variants.iter().zip(&decision.judgements).collect();
    let (media_type, text) = match preference(Some(head)) {
        Form::Text => ("text/plain; charset=utf-8", as_text(choice, &rows)),
        Form::Html => ("text/html; charset=utf-8", as_html(choice, &rows)),
        Form::Json => ("application/json", as_json(choice, &rows)),
    };
    let mut head = ResponseHead::new(choice.status)
        .with(Known::ContentType, media_type)
        .with(Known::CacheControl, "no-store");
    // The form of the list follows from Accept, whatever was decided by.
    let mut depends_on = decision.depends_on;
    depends_on.insert(Known::Accept);
    head.add(Known::Vary, vary_of(depends_on));
    Response::with_octets(head, text)
}

/// The value of Alternates (RFC 2295 §8.3).
pub(super) fn alternates(variants: &[FileVariant], decision: &Decision) -> String {
    let mut out = String::new();
    for (variant, judgement) in variants.iter().zip(&decision.judgements) {
        if !out.is_empty() {
            out.push_str(", ");
        }
        let quality = source_quality(judgement.source);
        out.push_str(&format!("{{\"{}\" {quality}", variant.reference));
        let media_type = variant.media_type.split(';').next().unwrap_or_default();
        for (name, value) in [
            ("type", media_type),
            ("charset", &variant.charset),
            ("language", &variant.languages),
        ] {
            // A charset that a type map quotes may hold what ends the element.
            let is_plain = |octet: u8| is_token_octet(octet) || b"/, ".contains(&octet);
            if !value.is_empty() && value.bytes().all(is_plain) {
                out.push_str(&format!(" {{{name} {value}}}"));
            }
        }
        out.push_str(&format!(" {{length {}}}}}", variant.octets));
    }
    out
}

/// The shortest form that RFC 2295 §8.3 allows.
fn source_quality(quality: Quality) -> String {
    let text = quality.to_string();
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() {
        "0".into()
    } else {
        text.into()
    }
}

type Row<'a> = (&'a FileVariant, &'a Judgement);

/// What there is to know of a variant beside its name.
fn traits(variant: &FileVariant) -> String {
    let mut out = variant.media_type.clone();
    for (label, value) in [
        ("language", &variant.languages),
        ("coding", &variant.codings),
    ] {
        if !value.is_empty() {
            out.push_str(&format!(", {label} {value}"));
        }
    }
    out.push_str(&format!(", {} octets", variant.octets));
    if !variant.description.is_empty() {
        out.push_str(&format!(", {}", variant.description));
    }
    out
}

fn as_text(choice: &Choice, rows: &[Row<'_>]) -> String {
    let Choice {
        status,
        because,
        rule,
    } = choice;
    let mut out = format!("{status} {}\n\n{because}.\n({rule})\n", status.reason());
    for (variant, judgement) in rows {
        out.push('\n');
        push_text(&mut out, &variant.reference);
        out.push_str("\n  ");
        push_text(&mut out, &traits(variant));
        out.push_str(&format!("\n  {judgement}\n"));
    }
    out
}

fn as_html(choice: &Choice, rows: &[Row<'_>]) -> String {
    let Choice {
        status,
        because,
        rule,
    } = choice;
    let reason = status.reason();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{status} {reason}</title><style>{STYLE}</style></head>\n\
         <body><main><h1><b>{status}</b> {reason}</h1>\n<p>{because}.</p>\n<ul>\n"
    );
    for (variant, judgement) in rows {
        out.push_str("<li><a href=\"");
        push_html(&mut out, &variant.reference);
        if !variant.languages.is_empty() && !variant.languages.contains(',') {
            out.push_str("\" hreflang=\"");
            push_html(&mut out, &variant.languages);
        }
        out.push_str("\" type=\"");
        push_html(&mut out, &variant.media_type);
        out.push_str("\">");
        push_html(&mut out, &variant.reference);
        out.push_str("</a><br>");
        push_html(&mut out, &traits(variant));
        out.push_str("<br><small>");
        push_html(&mut out, &judgement.to_string());
        out.push_str("</small></li>\n");
    }
    out.push_str(&format!(
        "</ul>\n<small>{rule}</small></main></body></html>\n"
    ));
    out
}

fn as_json(choice: &Choice, rows: &[Row<'_>]) -> String {
    let Choice {
        status,
        because,
        rule,
    } = choice;
    let mut out = format!(
        "{{\"status\": {status}, \"title\": {}, \"because\": {}, \"rule\": {}, \"variants\": [",
        json!(status.reason()),
        json!(because),
        json!(rule)
    );
    for (i, (variant, judgement)) in rows.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let members = [
            ("reference", json!(variant.reference)),
            ("type", json!(variant.media_type)),
            ("charset", json!(known(&variant.charset))),
            ("language", json!(known(&variant.languages))),
            ("coding", json!(known(&variant.codings))),
            ("octets", json!(variant.octets)),
            ("description", json!(known(&variant.description))),
            ("because", json!(judgement.to_string())),
        ];
        push_object(&mut out, &members);
    }
    out.push_str("\n]}\n");
    out
}
