use super::*;

type Outcome = Result<(Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>, usize), Refusal>;

/// Reads `octets` delivered in the given pieces: content, trailers, octets left over; `None` when incomplete.
fn read(pieces: &[&[u8]], refuse: Anomalies, limits: &Limits) -> Option<Outcome> {
    let mut chunked = Chunked::default();
    let mut content = Vec::new();
    let total: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut given = 0;
    for piece in pieces {
        given += piece.len();
        let mut input = *piece;
        loop {
            match chunked.read(&mut input, refuse, limits, &mut ()) {
                Ok(Chunk::NeedMore) => break,
                Ok(Chunk::Content(octets)) => content.extend_from_slice(octets),
                Ok(Chunk::End) => {
                    let lines = chunked
                        .trailers()
                        .into_iter()
                        .flat_map(|section| section.iter());
                    let trailers = lines.map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
                    return Some(Ok((content, trailers, total - given + input.len())));
                }
                Err(refusal) => return Some(Err(refusal)),
            }
        }
    }
    None
}

/// All anomalies that a strict server refuses in chunks.
fn strict() -> Anomalies {
    crate::Policy::strict().refuse
}

fn whole(octets: &[u8]) -> Option<Outcome> {
    read(&[octets], strict(), &Limits::default())
}

fn refused(octets: &[u8]) -> &'static str {
    match whole(octets) {
        Some(Err(refusal)) => refusal.answer().name,
        other => panic!("{:?} gave {other:?}", String::from_utf8_lossy(octets)),
    }
}

#[test]
fn content_and_trailers_come_out() {
    let (content, trailers, left) =
        whole(b"3\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-A: b\r\n\r\nGET")
            .unwrap()
            .unwrap();
    assert_eq!(content, b"abc0123456789");
    assert_eq!(trailers, [(b"X-A".to_vec(), b"b".to_vec())]);
    assert_eq!(left, 3);
}

#[test]
fn extensions_follow_the_grammar() {
    let good: [&[u8]; 9] = [
        b"1;a",
        b"1;a=b",
        b"1;a=\"b;c\\\"\"",
        b"1 ; a = b",
        b"1;a;b=c;d",
        b"1\t;a",
        b"1;a ;b",
        b"001;q=\"\"",
        b"1;a=\"\x80\t\"",
    ];
    for good in good {
        let message = [good, b"\r\nx\r\n0\r\n\r\n"].concat();
        assert!(whole(&message).unwrap().is_ok(), "{good:?}");
    }
    for bad in [
        "1;",
        "1;=b",
        "1;a=",
        "1;a=\"b",
        "1;a b",
        "1;a=b c",
        "1;\x01",
        "1;a=\"b\x7f\"",
        "1;a,b",
        "1;a=b;",
        "1;a=\"b\"c",
        "1;a\rb",
    ] {
        let message = [bad.as_bytes(), b"\r\nx\r\n0\r\n\r\n"].concat();
        assert!(whole(&message).unwrap().is_err(), "{bad:?}");
    }
}

#[test]
fn sizes_are_hexadecimal_digits_alone() {
    let sizes = [
        "",
        " 1",
        "1 ",
        "1\t",
        "0x1",
        "+1",
        "-1",
        "g",
        "1g",
        "1_0",
        "1,",
        "1.",
        "\x0b1",
        "1\x0b",
        "1\x00",
        "1 1",
        "\n1",
        "10000000000000001",
        "fffffffffffffffff",
        "123456789012345678901234567890",
    ];
    for size in sizes {
        let message = [size.as_bytes(), b"\r\nx\r\n0\r\n\r\n"].concat();
        assert!(matches!(whole(&message), Some(Err(_))), "{size:?}");
    }
    assert_eq!(refused(b"10000000000000000\r\n"), "chunk-size-invalid");
}

#[test]
fn the_largest_size_is_no_error() {
    assert!(whole(b"ffffffffffffffff\r\nabc").is_none());
}

#[test]
fn leading_zeros_are_digits() {
    assert!(
        whole(b"0000000000000000000000003\r\nabc\r\n0\r\n\r\n")
            .unwrap()
            .is_ok()
    );
}

#[test]
fn bare_lf_never_ends_a_line() {
    assert_eq!(refused(b"3\nabc\r\n0\r\n\r\n"), "chunk-bare-lf");
    assert_eq!(refused(b"3;a\nabc\r\n0\r\n\r\n"), "chunk-bare-lf");
    assert_eq!(refused(b"3\r\nabc\n0\r\n\r\n"), "chunk-bare-lf");
    assert_eq!(refused(b"3\r\nabc\r\n0\n\r\n"), "chunk-bare-lf");
    assert_eq!(refused(b"3\r\nabc\r\n0\r\nA: b\n\r\n"), "bare-lf");
    assert_eq!(refused(b"3\r\nabc\r\n0\r\n\n"), "bare-lf");
}

#[test]
fn data_is_followed_by_crlf() {
    assert_eq!(refused(b"3\r\nabcd\r\n0\r\n\r\n"), "chunk-end-invalid");
    assert_eq!(refused(b"3\r\nabc\rX"), "chunk-end-invalid");
    assert_eq!(refused(b"2\r\nabc\r\n0\r\n\r\n"), "chunk-end-invalid");
}

#[test]
fn long_lines_and_many_extensions_are_limited() {
    let limits = Limits {
        chunk_line_octets_max: 100,
        chunk_extensions_octets_max: 150,
        ..Limits::default()
    };
    let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(200));
    let Some(Err(refusal)) = read(&[long.as_bytes()], strict(), &limits) else {
        panic!()
    };
    assert_eq!(refusal, LimitError::ChunkLineOctets.into());
    let many = format!("1;{}\r\nx\r\n", "a".repeat(60)).repeat(4);
    let Some(Err(refusal)) = read(&[many.as_bytes()], strict(), &limits) else {
        panic!()
    };
    assert_eq!(refusal, LimitError::ChunkExtensionsOctets.into());
}

#[test]
fn trailers_are_limited_by_octets_and_lines() {
    let limits = Limits {
        head_octets_max: 100,
        field_lines_max: 5,
        ..Limits::default()
    };
    let long = format!("0\r\nA: {}\r\n\r\n", "a".repeat(200));
    assert_eq!(
        read(&[long.as_bytes()], strict(), &limits),
        Some(Err(LimitError::HeadOctets.into()))
    );
    let many = format!("0\r\n{}\r\n", "A:b\r\n".repeat(6));
    assert_eq!(
        read(&[many.as_bytes()], strict(), &limits),
        Some(Err(LimitError::FieldLines.into()))
    );
}

#[test]
fn every_split_gives_the_same() {
    let messages: [&[u8]; 6] = [
        b"3;a=\"x\"\r\nabc\r\n1\r\nd\r\n0\r\nA: b\r\nC: d\r\n\r\nleft",
        b"0\r\n\r\n",
        b"0\r\nA : b\r\n\r\n",
        b"3\r\nabcd\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"0\r\nA: b\r\n c\r\n\r\n",
    ];
    for message in messages {
        let expected = whole(message);
        for first in 0..=message.len() {
            for second in first..=message.len() {
                let pieces = [
                    &message[..first],
                    &message[first..second],
                    &message[second..],
                ];
                let outcome = read(&pieces, strict(), &Limits::default());
                assert_eq!(
                    outcome,
                    expected,
                    "{:?} at {first},{second}",
                    String::from_utf8_lossy(message)
                );
            }
        }
    }
}

#[test]
fn spans_lie_where_the_parts_are() {
    struct Spans(Vec<(SpanKind, u64, u64)>);
    impl Watch for Spans {
        fn span(&mut self, kind: SpanKind, start: u64, octets: u64) {
            self.0.push((kind, start, octets));
        }
    }
    let message = b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n";
    let mut spans = Spans(Vec::new());
    let mut chunked = Chunked::default();
    let mut input = &message[..];
    while !matches!(
        chunked.read(&mut input, strict(), &Limits::default(), &mut spans),
        Ok(Chunk::End)
    ) {}
    let text = |start: u64, octets: u64| {
        String::from_utf8_lossy(&message[start as usize..(start + octets) as usize]).into_owned()
    };
    let seen: Vec<_> = spans
        .0
        .iter()
        .map(|&(kind, start, octets)| (kind, text(start, octets)))
        .collect();
    assert_eq!(
        seen[..5],
        [
            (SpanKind::ChunkSize, "3".into()),
            (SpanKind::ChunkExtension, ";a=b".into()),
            (SpanKind::ChunkSize, "0".into()),
            (SpanKind::TrailerName, "X".into()),
            (SpanKind::TrailerValue, "y".into()),
        ]
    );
}

#[test]
fn leniency_towards_heads_is_none_towards_trailers() {
    let leniency = crate::Leniency {
        allow_bare_lf_head: true,
        ..Default::default()
    };
    let refuse = crate::Policy::with(leniency, 2, Limits::default()).refuse;
    for message in [&b"0\r\nA: b\n\r\n"[..], b"0\r\nA: b\r\n\n", b"0\r\n\n"] {
        let Some(Err(refusal)) = read(&[message], refuse, &Limits::default()) else {
            panic!("{message:?} is accepted");
        };
        assert_eq!(refusal.answer().name, "chunk-bare-lf");
    }
}
