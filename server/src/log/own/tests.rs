use super::super::tests::record;
use super::*;

fn line(format: &str, record: &Record<'_>) -> String {
    let mut out = Vec::new();
    compile(format).expect("a format").append(&mut out, record);
    String::from_utf8(out).expect("every format is UTF-8")
}

#[test]
fn a_format_says_what_it_names() {
    assert_eq!(
        line(
            "{time} {client}:{client_port} {user} \"{method} {target} {version}\" {status} {octets} {micros} {{{connection}#{number}}}",
            &record()
        ),
        "2026-11-24T10:26:28.123Z 192.0.2.7:50122 - \"GET /index.html HTTP/1.1\" 200 1234 420 {12#3}\n"
    );
}

#[test]
fn every_name_gives_one_value_of_one_line() {
    for name in names() {
        let text = line(&format!("{{{name}}}"), &record());
        assert!(text.len() > 1 && text.ends_with('\n'), "{name}: {text:?}");
        assert_eq!(text.matches('\n').count(), 1, "{name}");
    }
}

#[test]
fn every_name_of_the_json_format_is_known() {
    let mut out = Vec::new();
    let all = Record {
        user: Some("a"),
        tls_version: Some("TLSv1.3"),
        tls_name: Some("a.example"),
        referer: Some(b"b"),
        site: Some("a.example"),
        route: Some("/docs"),
        server: Some("127.0.0.1:3000"),
        tries: 2,
        ..record()
    };
    json::append(&mut out, &all);
    let object: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    for key in object.as_object().expect("an object").keys() {
        assert!(names().any(|name| name == key), "{key}");
    }
}

#[test]
fn a_value_cannot_end_before_its_end() {
    let forger = Record {
        user: Some("a 200|b\n\"c"),
        user_agent: Some(b"x\" 500 \"y"),
        ..record()
    };
    assert_eq!(
        line("{user} {status}", &forger),
        "a\\x20200|b\\x0a\\\"c 200\n"
    );
    assert_eq!(
        line("{user}|{status}", &forger),
        "a 200\\x7cb\\x0a\\\"c|200\n"
    );
    assert_eq!(line("\"{user_agent}\"", &forger), "\"x\\\" 500 \\\"y\"\n");
}

#[test]
fn what_is_not_known_is_a_dash() {
    let unknown = Record {
        status: None,
        client: None,
        ..record()
    };
    assert_eq!(
        line("{status} {client} {user} {query} {referer}", &unknown),
        "- - - - -\n"
    );
}

#[test]
fn secrets_are_blanked_in_target_and_query() {
    let secret = Record {
        target: b"/a?token=b&c=d",
        referer: Some(b"http://u:p@a/?password=x"),
        ..record()
    };
    assert_eq!(
        line("{target} {path} {query} {referer}", &secret),
        "/a?token=***&c=d /a token=***&c=d http://***@a/?password=***\n"
    );
}

#[test]
fn what_is_no_format_is_refused_with_its_place() {
    for (text, offset, message, suggestion) in [
        (
            "a {stauts}",
            2,
            "`stauts` is nothing that is known of an exchange",
            "did you mean `{status}`?",
        ),
        ("{status", 0, "`{` has no `}`", "write `{{` for a brace"),
        ("a}", 1, "`}` has no `{`", "write `}}` for a brace"),
        (
            "a\nb",
            1,
            "a control character would break the line",
            "a line ends by itself",
        ),
        ("", 0, "the format is empty", "write `{client} {status}`"),
    ] {
        let error = compile(text).expect_err("no format");
        assert_eq!(
            (
                error.offset,
                error.message.as_str(),
                error.suggestion.as_deref()
            ),
            (offset, message, Some(suggestion)),
            "{text}"
        );
    }
    let error = compile("{xyzzyx}").expect_err("no name");
    assert!(
        error
            .suggestion
            .expect("all names")
            .starts_with("known are time, ")
    );
}

#[test]
fn a_format_is_shown_as_it_was_said() {
    let text = "{{a}} {client}";
    assert_eq!(compile(text).expect("a format").to_string(), text);
}
