use super::*;

/// A site with a text, and its entity tags: as it is, and in gzip.
fn tagged(octets: usize) -> (Site, String, String) {
    let site = site();
    site.write("a.html", text(octets));
    let plain = field(&site.get("/a.html"), Known::ETag).unwrap();
    let coded = suffixed(&plain, &tag_suffix(Coding::Gzip)).to_string();
    (site, plain, coded)
}

fn ask(site: &Site, fields: &str) -> Response {
    site.ask("GET /a.html", &format!("{GZIP}{fields}\r\n"))
}

#[test]
fn a_coded_content_is_validated_without_being_coded() {
    let (site, _, coded) = tagged(5000);
    let response = ask(&site, &format!("If-None-Match: {coded}"));
    assert_eq!(response.head.status().code(), 304);
    assert_eq!(field(&response, Known::ETag).unwrap(), coded);
    assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
    let response = ask(&site, "If-Match: \"other\"");
    assert_eq!(response.head.status().code(), 412);
    assert_eq!(site.cache.coded_octets(), 0);
}

#[test]
fn the_same_entity_tag_is_given_with_the_content() {
    let (site, _, coded) = tagged(5000);
    let response = ask(&site, "If-None-Match: \"other\"");
    assert_eq!(response.head.status().code(), 200);
    assert_eq!(field(&response, Known::ETag).unwrap(), coded);
    let response = ask(&site, &format!("If-None-Match: {coded}"));
    assert_eq!(response.head.status().code(), 304);
}

#[test]
fn who_holds_the_content_without_a_coding_goes_on_with_that() {
    let (site, plain, coded) = tagged(5000);
    for _ in 0..2 {
        let response = ask(&site, &format!("If-None-Match: {plain}"));
        assert_eq!(response.head.status().code(), 304);
        assert_eq!(field(&response, Known::ETag).unwrap(), plain);
        let response = ask(&site, &format!("If-Match: {plain}"));
        assert_eq!(
            (response.head.status().code(), coding_of(&response)),
            (200, None)
        );
        let response = ask(&site, &format!("If-Range: {plain}\r\nRange: bytes=0-9"));
        assert_eq!(
            (response.head.status().code(), coding_of(&response)),
            (206, None)
        );
        assert_eq!(octets(&response.content), &text(5000).as_bytes()[..10]);
        // Who holds both is told of the one that is more welcome.
        let response = ask(&site, &format!("If-None-Match: {plain}, {coded}"));
        assert_eq!(field(&response, Known::ETag).unwrap(), coded);
        // The second time it is kept.
        ask(&site, "");
    }
}

#[test]
fn who_holds_it_in_a_coding_but_accepts_none_gets_all_of_it() {
    let (site, _, coded) = tagged(5000);
    let ask = |fields: &str| site.ask("GET /a.html", &format!("{fields}\r\n"));
    let response = ask(&format!("If-None-Match: {coded}"));
    assert_eq!(
        (response.head.status().code(), coding_of(&response)),
        (200, None)
    );
    let response = ask(&format!("If-Range: {coded}\r\nRange: bytes=0-9"));
    assert_eq!(response.head.status().code(), 200);
}

#[test]
fn a_range_is_of_the_coded_octets() {
    let (site, _, coded) = tagged(5000);
    let whole = octets(&ask(&site, "").content);
    for fields in [String::new(), format!("If-Range: {coded}\r\n")] {
        let response = ask(&site, &format!("{fields}Range: bytes=3-12"));
        assert_eq!(response.head.status().code(), 206);
        assert_eq!(octets(&response.content), &whole[3..13]);
        assert_eq!(coding_of(&response).unwrap(), "gzip");
        assert_eq!(field(&response, Known::Vary).unwrap(), "Accept-Encoding");
        let expected = format!("bytes 3-12/{}", whole.len());
        assert_eq!(field(&response, Known::ContentRange).unwrap(), expected);
    }
    let beyond = format!("Range: bytes={}-", whole.len());
    assert_eq!(ask(&site, &beyond).head.status().code(), 416);
}

/// RFC 9110 §15.3.7.2: each part has the fields of the representation; the multipart itself is in no coding.
#[test]
fn of_several_ranges_each_part_names_the_coding() {
    let (site, _, _) = tagged(5000);
    let response = ask(&site, "Range: bytes=0-1,4-5");
    assert_eq!(response.head.status().code(), 206);
    assert_eq!(coding_of(&response), None);
    let content = String::from_utf8_lossy(&octets(&response.content)).into_owned();
    assert_eq!(content.matches("\r\nContent-Encoding: gzip\r\n").count(), 2);
}

/// The date is that of the content in every coding, so parts must not be put together by it (RFC 9110 §8.8.1).
#[test]
fn a_date_does_not_tell_codings_apart() {
    let (site, _, _) = tagged(5000);
    let date = field(&site.get("/a.html"), Known::LastModified).unwrap();
    let response = ask(&site, &format!("If-Range: {date}\r\nRange: bytes=0-9"));
    assert_eq!(response.head.status().code(), 200);
    assert_eq!(coding_of(&response).unwrap(), "gzip");
    let fields = format!("If-Range: {date}\r\nRange: bytes=0-9\r\n");
    assert_eq!(site.ask("GET /a.html", &fields).head.status().code(), 206);
    let response = ask(&site, &format!("If-Modified-Since: {date}"));
    assert_eq!(response.head.status().code(), 304);
}

#[test]
fn where_only_codings_are_acceptable_what_is_held_without_one_does_not_count() {
    let (site, plain, _) = tagged(5000);
    let fields = format!("Accept-Encoding: gzip, identity;q=0\r\nIf-None-Match: {plain}\r\n");
    let response = site.ask("GET /a.html", &fields);
    assert_eq!(response.head.status().code(), 200);
    assert_eq!(coding_of(&response).unwrap(), "gzip");
}

#[test]
fn what_is_not_modified_or_partial_has_every_line_that_a_store_needs() {
    let fields = |config: &mut FilesConfig| {
        config.fields.add("Vary", "Origin").unwrap();
        config.fields.add("Cache-Control", "immutable").unwrap();
        config.cache_control = Some("max-age=60".to_owned());
    };
    let site = site_with(fields, CacheLimits::default());
    site.write("a.html", text(5000));
    let whole = site.get("/a.html");
    let tag = field(&whole, Known::ETag).unwrap();
    let all = |response: &Response, field| -> Vec<String> {
        let lines = response.head.section().all(field);
        lines
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    };
    for (asked, status) in [
        (format!("If-None-Match: {tag}\r\n"), 304),
        ("Range: bytes=0-9\r\n".to_owned(), 206),
    ] {
        let response = site.ask("GET /a.html", &asked);
        assert_eq!(response.head.status().code(), status);
        for field in [Known::Vary, Known::CacheControl] {
            assert_eq!(all(&whole, field).len(), 2);
            assert_eq!(all(&response, field), all(&whole, field));
        }
    }
}

#[test]
fn the_length_that_a_range_lies_outside_of_is_told_to_be_of_a_selection() {
    let (site, ..) = tagged(5000);
    let response = ask(&site, "Range: bytes=6000-");
    assert_eq!(response.head.status().code(), 416);
    let mut vary = response.head.section().all(Known::Vary);
    assert!(vary.any(|line| line == b"Accept-Encoding"));
}
