use super::*;

fn rules(make: impl FnOnce(&mut FieldRules) -> Result<(), FieldRuleError>) -> FieldRules {
    let mut rules = FieldRules::default();
    make(&mut rules).unwrap();
    rules
}

fn lines(head: &ResponseHead) -> Vec<String> {
    head.section()
        .iter()
        .map(|(name, value)| {
            let text = |octets| String::from_utf8_lossy(octets).into_owned();
            format!("{}: {}", text(name), text(value))
        })
        .collect()
}

fn applied(rules: &FieldRules, mut head: ResponseHead) -> Vec<String> {
    rules.apply(&mut head);
    let once = lines(&head);
    rules.apply(&mut head);
    assert_eq!(once, lines(&head), "the second time changes nothing");
    once
}

fn ok() -> ResponseHead {
    ResponseHead::new(Status::OK)
}

#[test]
fn a_field_that_is_set_replaces_all_its_lines_in_any_case() {
    let rules = rules(|rules| rules.set("x-a", "new"));
    let mut head = ok().with(Known::ETag, "\"1\"");
    head.add_named("X-A", "1");
    head.add_named("X-a", "2");
    assert_eq!(applied(&rules, head), ["ETag: \"1\"", "x-a: new"]);
}

#[test]
fn vary_that_is_set_keeps_what_the_selection_depended_on() {
    let rules = rules(|rules| rules.set("vary", "Origin, accept-encoding"));
    let head = ok()
        .with(Known::Vary, "Accept-Language, Accept-Encoding")
        .with(Known::Vary, "Accept");
    assert_eq!(
        applied(&rules, head),
        ["vary: Origin, accept-encoding, Accept-Language, Accept"]
    );
    assert_eq!(applied(&rules, ok()), ["vary: Origin, accept-encoding"]);
}

#[test]
fn a_field_that_is_added_stands_beside_the_others() {
    let rules = rules(|rules| rules.add("Vary", "Origin"));
    let head = ok().with(Known::Vary, "Accept-Encoding");
    assert_eq!(
        applied(&rules, head),
        ["Vary: Accept-Encoding", "Vary: Origin"]
    );
}

#[test]
fn a_field_may_be_removed_set_and_added() {
    let rules = rules(|rules| {
        rules.add("X", "3")?;
        rules.remove("X")?;
        rules.set("X", "2")
    });
    let mut head = ok();
    head.add_named("X", "1");
    assert_eq!(applied(&rules, head), ["X: 2", "X: 3"]);
}

#[test]
fn a_field_is_supplied_where_nobody_said_otherwise() {
    let supply = |rules: &mut FieldRules| rules.supply("X-Content-Type-Options", "nosniff");
    assert_eq!(
        applied(&rules(supply), ok()),
        ["X-Content-Type-Options: nosniff"]
    );
    let mut own = ok();
    own.add_named("x-content-type-options", "own");
    assert_eq!(
        applied(&rules(supply), own),
        ["x-content-type-options: own"]
    );
    let removed = rules(|rules| {
        supply(rules)?;
        rules.remove("X-Content-Type-Options")
    });
    assert_eq!(applied(&removed, ok()), [""; 0]);
}

#[test]
fn a_removed_known_field_is_absent() {
    let rules = rules(|rules| rules.remove("ETAG"));
    let mut head = ok()
        .with(Known::ETag, "\"1\"")
        .with(Known::ContentType, "a/b");
    rules.apply(&mut head);
    assert!(!head.has(Known::ETag) && head.has(Known::ContentType));
    assert_eq!(head.section().first(Known::ETag), None);
}

#[test]
fn what_a_status_must_have_is_not_removed() {
    let rules = rules(|rules| {
        rules.remove("WWW-Authenticate")?;
        rules.remove("Allow")
    });
    let head = ResponseHead::new(Status::UNAUTHORIZED).with(Known::WwwAuthenticate, "Basic");
    assert_eq!(applied(&rules, head), ["WWW-Authenticate: Basic"]);
    let head = ResponseHead::new(Status::METHOD_NOT_ALLOWED).with(Known::Allow, "GET");
    assert_eq!(applied(&rules, head), ["Allow: GET"]);
    assert_eq!(applied(&rules, ok().with(Known::Allow, "GET")), [""; 0]);
}

#[test]
fn delivery_and_framing_are_nobody_elses() {
    let mut rules = FieldRules::default();
    for name in [
        "Date",
        "date",
        "Server",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Trailer",
        "Keep-Alive",
        "Host",
    ] {
        assert_eq!(rules.remove(name), Err(FieldRuleError::Delivery), "{name}");
        assert_eq!(rules.set(name, "x"), Err(FieldRuleError::Delivery));
        assert_eq!(rules.add(name, "x"), Err(FieldRuleError::Delivery));
    }
    assert!(rules.is_empty());
}

#[test]
fn names_are_tokens_and_values_are_one_line() {
    let mut rules = FieldRules::default();
    for name in ["", "a b", "a:", "ä", "a\r\n"] {
        assert_eq!(rules.set(name, "x"), Err(FieldRuleError::Name), "{name:?}");
    }
    for value in ["a\r\nb", "\n", "a\0", " a", "a ", "\u{7f}"] {
        assert_eq!(
            rules.set("a", value),
            Err(FieldRuleError::Value),
            "{value:?}"
        );
    }
    assert_eq!(rules.set("a", "ä\tb"), Ok(()));
    assert_eq!(rules.set("a", ""), Ok(()));
}

fn request() -> OwnedRequest {
    let lines = [("Host", "a"), ("X-A", "1"), ("Accept", "b"), ("x-a", "2")];
    let mut octets = b"GET /x?y HTTP/1.1\r\n".to_vec();
    let mut index = RequestIndex {
        method_span: Span::between(0, 3),
        target_span: Span::between(4, 8),
        version_span: Span::between(9, 17),
        method: crate::Method::Get,
        ..RequestIndex::default()
    };
    for (name, value) in lines {
        let start = octets.len();
        octets.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        let name_end = start + name.len();
        let known = Known::from_name(name.as_bytes());
        index.section.lines.push(FieldLine {
            name: Span::between(start, name_end),
            value: Span::between(name_end + 2, octets.len() - 2),
            known,
        });
        known
            .into_iter()
            .for_each(|field| index.section.present.insert(field));
    }
    octets.extend_from_slice(b"\r\n");
    index.octets = octets.len();
    OwnedRequest::new(octets.into(), index)
}

#[test]
fn the_type_of_content_in_several_parts_stays() {
    let parts = "multipart/byteranges; boundary=b";
    let head = || ResponseHead::new(Status::PARTIAL_CONTENT).with(Known::ContentType, parts);
    let own = [format!("Content-Type: {parts}")];
    let set = rules(|rules| rules.set("content-type", "text/x"));
    assert_eq!(applied(&set, head()), own);
    let added = rules(|rules| rules.add("Content-Type", "text/x"));
    assert_eq!(applied(&added, head()), own);
    let removed = rules(|rules| rules.remove("Content-Type"));
    assert_eq!(applied(&removed, head()), own);
    // A part alone is sent with the type of the representation.
    let one = ResponseHead::new(Status::PARTIAL_CONTENT).with(Known::ContentType, "text/plain");
    assert_eq!(applied(&set, one), ["content-type: text/x"]);
}

#[test]
fn a_request_is_edited_and_reads_as_one() {
    let rules = rules(|rules| {
        rules.remove("accept")?;
        rules.set("X-A", "3")?;
        rules.add("X-B", "4")
    });
    let edited = rules.edit(request().head());
    let head = edited.head();
    assert_eq!(
        head.octets(),
        b"GET /x?y HTTP/1.1\r\nHost: a\r\nX-A: 3\r\nX-B: 4\r\n\r\n"
    );
    assert_eq!(head.target(), b"/x?y");
    assert_eq!(head.first(Known::Host), Some(&b"a"[..]));
    assert!(!head.has(Known::Accept));
    assert_eq!(head.section().all_named(b"x-a").collect::<Vec<_>>(), [b"3"]);
}

#[test]
fn a_host_is_one_line_in_place_of_all_there_were() {
    let request = request();
    let edited = with_host(request.head(), b"b:1");
    let hosts: Vec<_> = edited.head().all(Known::Host).collect();
    assert_eq!(hosts, [b"b:1"]);
    assert_eq!(edited.head().section().iter().count(), 4);
    assert_eq!(edited.head().target(), request.head().target());
}
