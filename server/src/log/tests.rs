use super::*;
use std::net::{IpAddr, SocketAddr};

const FORMATS: [LogFormat; 3] = [LogFormat::Human, LogFormat::Combined, LogFormat::Json];

pub(super) fn record() -> Record<'static> {
    Record {
        unix_millis: 1_795_515_988_123,
        connection: 12,
        number: 3,
        client: Some(SocketAddr::from(([192, 0, 2, 7], 50122))),
        user: None,
        tls_version: None,
        tls_name: None,
        method: b"GET",
        target: b"/index.html",
        version: "HTTP/1.1",
        host: Some(b"a.example"),
        referer: None,
        user_agent: Some(b"test/1.0"),
        site: None,
        route: None,
        server: None,
        tries: 0,
        status: Some(200),
        octets: 1234,
        micros: 420,
        request_octets: 0,
        complete: true,
        content_end: ("no content", "RFC 9112 §6.3"),
        closes: false,
        fate: ("persistent by default", "RFC 9112 §9.3"),
    }
}

fn line(format: LogFormat, record: &Record<'_>) -> String {
    let mut out = Vec::new();
    append(
        format,
        &Style {
            colour: false,
            columns: 80,
        },
        &mut out,
        record,
    );
    String::from_utf8(out).expect("every format is UTF-8")
}

fn human(record: &Record<'_>) -> String {
    line(LogFormat::Human, record)
}

fn json(record: &Record<'_>) -> serde_json::Value {
    serde_json::from_str(&line(LogFormat::Json, record)).expect("JSON")
}

#[test]
fn a_human_line_is_aligned() {
    let short = human(&record());
    assert_eq!(
        short,
        "10:26:28.123 GET     200 /index.html                  1.2 KiB   420 µs  c12#3\n"
    );
    let other = human(&Record {
        method: b"OPTIONS",
        target: b"/a/target/that/is/much/longer/than/the/terminal.html",
        status: Some(404),
        octets: 12_345_678,
        micros: 1_234_567,
        ..record()
    });
    assert_eq!(
        other,
        "10:26:28.123 OPTIONS 404 /a/target/tha…terminal.html   11 MiB    1.2 s  c12#3\n"
    );
}

#[test]
fn a_human_line_says_why_the_connection_was_closed() {
    let closed = Record {
        closes: true,
        fate: ("the client asked for it", ""),
        ..record()
    };
    assert!(human(&closed).ends_with("  c12#3 closed: the client asked for it\n"));
    let cut = Record {
        complete: false,
        ..closed
    };
    assert!(human(&cut).ends_with("  c12#3 cut short, closed: the client asked for it\n"));
    let worded = Record {
        fate: ("reset: the client reads too slowly", "RFC 9112 §9.5"),
        ..closed
    };
    assert!(human(&worded).ends_with("  c12#3 reset: the client reads too slowly\n"));
}

#[test]
fn a_human_line_of_no_request_shows_that_there_was_none() {
    let none = Record {
        method: b"",
        target: b"",
        version: "",
        status: Some(400),
        ..record()
    };
    assert!(human(&none).starts_with("10:26:28.123 -       400 -  "));
    assert!(line(LogFormat::Combined, &none).contains("] \"-\" 400 "));
}

#[test]
fn a_human_line_is_coloured_by_the_class_of_its_status() {
    let style = Style {
        colour: true,
        columns: 80,
    };
    let coloured = |status| {
        let mut out = Vec::new();
        append(
            LogFormat::Human,
            &style,
            &mut out,
            &Record {
                status: Some(status),
                ..record()
            },
        );
        String::from_utf8(out).expect("UTF-8")
    };
    assert!(coloured(200).contains("\x1b[32m200\x1b[0m"));
    assert!(coloured(304).contains("\x1b[36m304\x1b[0m"));
    assert!(coloured(404).contains("\x1b[33m404\x1b[0m"));
    assert!(coloured(500).contains("\x1b[1;31m500\x1b[0m"));
}

#[test]
fn the_columns_stay_where_they_are_whatever_the_width() {
    for columns in [0, 1, 40, 80, 109, 110, 200, 100_000] {
        let style = Style {
            colour: false,
            columns,
        };
        let at = |target: &[u8]| {
            let mut out = Vec::new();
            append(
                LogFormat::Human,
                &style,
                &mut out,
                &Record { target, ..record() },
            );
            let text = String::from_utf8(out).expect("UTF-8");
            text.split_once("  c12#3")
                .expect("the connection")
                .0
                .chars()
                .count()
        };
        assert_eq!(at(b"/"), at(&[b'a'; 20_000]), "{columns}");
        assert_eq!(at(b"/"), at("é".repeat(500).as_bytes()), "{columns}");
    }
}

#[test]
fn a_line_on_a_terminal_fits_it() {
    let long = Record {
        target: &[b'a'; 500],
        octets: u64::MAX,
        connection: 1234,
        ..record()
    };
    assert!(
        human(&long).trim_end().chars().count() <= 80,
        "{}",
        human(&long)
    );
}

#[test]
fn the_combined_format_is_that_of_apache() {
    assert_eq!(
        line(LogFormat::Combined, &record()),
        "192.0.2.7 - - [24/Nov/2026:10:26:28 +0000] \"GET /index.html HTTP/1.1\" 200 1234 \"-\" \"test/1.0\"\n"
    );
    let other = Record {
        client: Some(SocketAddr::new(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), 5)),
        referer: Some(b"http://a.example/\"\\"),
        user_agent: None,
        octets: 0,
        status: Some(304),
        ..record()
    };
    assert_eq!(
        line(LogFormat::Combined, &other),
        "::1 - - [24/Nov/2026:10:26:28 +0000] \"GET /index.html HTTP/1.1\" 304 - \"http://a.example/\\\"\\\\\" \"-\"\n"
    );
}

#[test]
fn a_json_line_has_every_fact() {
    assert_eq!(
        json(&record()),
        serde_json::json!({
            "time": "2026-11-24T10:26:28.123Z", "connection": 12, "number": 3,
            "client": "192.0.2.7", "client_port": 50122,
            "method": "GET", "target": "/index.html", "version": "HTTP/1.1",
            "host": "a.example", "user_agent": "test/1.0",
            "status": 200, "octets": 1234, "micros": 420, "request_octets": 0,
            "complete": true, "content_end": {"why": "no content", "rule": "RFC 9112 §6.3"},
            "closes": false, "fate": {"why": "persistent by default", "rule": "RFC 9112 §9.3"},
        })
    );
}

#[test]
fn a_json_line_on_a_unix_socket_names_no_client() {
    let object = json(&Record {
        client: None,
        ..record()
    });
    assert_eq!(object.get("client"), None);
    assert_eq!(object.get("client_port"), None);
}

#[test]
fn nothing_of_a_peer_acts_on_the_log_or_the_terminal() {
    let all: Vec<u8> = (0..=255).collect();
    let spoofs = "\u{9b}31m \u{202e} \u{200b} \u{2028} \u{feff} \u{e0041}".as_bytes();
    for octets in [
        all.as_slice(),
        spoofs,
        b"a\r\n127.0.0.1 - - forged",
        b"\x1b]0;title\x07",
    ] {
        let hostile = Record {
            method: octets,
            target: octets,
            host: Some(octets),
            referer: Some(octets),
            user_agent: Some(octets),
            ..record()
        };
        for format in FORMATS {
            let text = line(format, &hostile);
            let (text, rest) = text.split_once('\n').expect("one line");
            assert_eq!(rest, "", "{format}");
            assert!(!text.contains(char::is_control), "{format}: {text}");
            assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{2028}', '\u{feff}', '\u{e0041}']));
        }
        json(&hostile);
    }
}

#[test]
fn octets_that_are_no_text_are_shown_by_their_number() {
    let odd = Record {
        target: b"/\xff\xc3\xa9\x00",
        ..record()
    };
    assert!(human(&odd).contains(" /\\xffé\\x00 "));
    assert!(line(LogFormat::Combined, &odd).contains("GET /\\xffé\\x00 HTTP"));
    assert_eq!(json(&odd)["target"], "/\\xffé\0");
}

#[test]
fn json_gives_back_every_text() {
    for text in [
        "a\"b",
        "a\\b",
        "\\x41",
        "\u{1}\u{7f}\u{85}",
        "\u{e0041}",
        "日本",
    ] {
        let odd = Record {
            user_agent: Some(text.as_bytes()),
            ..record()
        };
        assert_eq!(json(&odd)["user_agent"], text);
    }
}

#[test]
fn secrets_in_a_query_are_blanked_in_every_format() {
    let secret = "hunter2";
    for key in [
        "password",
        "PASSWORD",
        "user[password]",
        "p%61ssword",
        "access_token",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "api_key",
        "apiKey",
        "key",
        "client_secret",
        "sig",
        "pwd",
        "sessionId",
        "a=b&token",
        "a=b;token",
        "a?token",
    ] {
        let target = format!("/a?{key}={secret}&z=1");
        let shown = Record {
            target: target.as_bytes(),
            referer: Some(target.as_bytes()),
            ..record()
        };
        for format in FORMATS {
            let text = line(format, &shown);
            assert!(!text.contains(secret), "{format} {text}");
            assert!(text.contains("***&z=1"), "{format} {text}");
        }
    }
}

#[test]
fn a_secret_goes_on_up_to_what_ends_it_for_certain() {
    for secret in ["hun;ter2", "hun?ter2", ";hunter2", "hun;a=ter2"] {
        let target = format!("/a?x=1;y&token={secret}&z=1;2");
        let shown = Record {
            target: target.as_bytes(),
            referer: Some(target.as_bytes()),
            ..record()
        };
        for format in FORMATS {
            let text = line(format, &shown);
            assert!(!text.contains("ter2"), "{format} {text}");
            assert!(text.contains("x=1;y&token=***&z=1;2"), "{format} {text}");
        }
    }
}

#[test]
fn a_long_key_hides_no_secret() {
    let target = format!("/?{}token=hunter2", "a".repeat(500));
    let shown = Record {
        target: target.as_bytes(),
        ..record()
    };
    assert!(!line(LogFormat::Json, &shown).contains("hunter2"));
}

#[test]
fn what_is_no_secret_is_left_in_a_query() {
    for target in [
        "/?page=2&q=a=b",
        "/?keyboard=1",
        "/?password",
        "/?password=",
        "/a=b?c",
        "/?",
        "/#",
    ] {
        assert_eq!(
            json(&Record {
                target: target.as_bytes(),
                ..record()
            })["target"],
            target
        );
    }
}

#[test]
fn userinfo_is_blanked() {
    for (target, shown) in [
        ("http://user:pass@a.example/b@c", "http://***@a.example/b@c"),
        ("http://a@b@a.example?x", "http://***@a.example?x"),
        ("http://a.example/b@c", "http://a.example/b@c"),
        ("/x://a@b", "/x://a@b"),
        ("@", "@"),
    ] {
        assert_eq!(
            json(&Record {
                target: target.as_bytes(),
                ..record()
            })["target"],
            shown
        );
    }
}

#[test]
fn formatting_does_not_allocate_once_the_buffer_is_large() {
    let mut out = Vec::with_capacity(4096);
    let place = out.as_ptr();
    for format in FORMATS {
        for target in [
            b"/a?token=1".as_slice(),
            &[b'a'; 900],
            "é".repeat(300).as_bytes(),
        ] {
            out.clear();
            append(
                format,
                &Style::default(),
                &mut out,
                &Record { target, ..record() },
            );
            assert_eq!(out.as_ptr(), place);
        }
    }
}

#[test]
fn dropped_lines_are_told_in_the_words_of_the_format() {
    let told = |format| {
        let mut out = Vec::new();
        append_dropped(format, &mut out, 7);
        String::from_utf8(out).expect("UTF-8")
    };
    assert_eq!(
        told(LogFormat::Json),
        "{\"event\":\"dropped\",\"lines\":7}\n"
    );
    assert!(told(LogFormat::Human).starts_with("-- 7 lines"));
    assert!(told(LogFormat::Combined).starts_with("# 7 lines"));
    assert_eq!(told(LogFormat::Off), "");
}

#[test]
fn amounts_are_short() {
    let octets = |octets| {
        let text = human(&Record {
            octets,
            target: b"/",
            ..record()
        });
        text[26..]
            .trim_start()
            .split("  ")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    for (amount, text) in [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.9 KiB"),
        (1024, "1.0 KiB"),
        (10 * 1024, "10 KiB"),
        (999 * 1024, "999 KiB"),
        (1 << 30, "1.0 GiB"),
        (u64::MAX, "15 EiB"),
    ] {
        assert_eq!(octets(amount), text);
    }
}

#[test]
fn plain_octets_are_told_from_others_wherever_they_are() {
    for octet in 0..=255_u8 {
        for at in 0..20 {
            let mut octets = [b'a'; 20];
            octets[at] = octet;
            let mut out = Vec::new();
            super::escape::append(&mut out, &octets, super::escape::Form::Quoted);
            let shown = match octet {
                b'"' | b'\\' => format!("\\{}", char::from(octet)),
                b' '..=b'~' => char::from(octet).to_string(),
                _ => format!("\\x{octet:02x}"),
            };
            let expected = format!("{}{shown}{}", "a".repeat(at), "a".repeat(19 - at));
            assert_eq!(String::from_utf8(out), Ok(expected));
        }
    }
}

#[test]
fn an_exchange_without_an_answer_has_no_status() {
    let unanswered = Record {
        status: None,
        complete: false,
        ..record()
    };
    for (format, part) in [
        (LogFormat::Json, "\"status\":null,"),
        (LogFormat::Combined, "HTTP/1.1\" - "),
        (LogFormat::Human, " --- "),
    ] {
        let mut out = Vec::new();
        append(format, &Style::default(), &mut out, &unanswered);
        let line = String::from_utf8(out).unwrap();
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn the_user_is_in_every_format_and_in_one_column() {
    let signed_in = Record {
        user: Some("a b\n\"200"),
        ..record()
    };
    assert!(human(&signed_in).ends_with("  c12#3 a b\\x0a\"200\n"));
    assert_eq!(json(&signed_in)["user"], "a b\n\"200");
    let combined = line(LogFormat::Combined, &signed_in);
    assert!(
        combined.starts_with("192.0.2.7 - a\\x20b\\x0a\\\"200 ["),
        "{combined}"
    );
    let nameless = Record {
        user: Some(""),
        ..record()
    };
    assert!(line(LogFormat::Combined, &nameless).starts_with("192.0.2.7 - \"\" ["));
}
