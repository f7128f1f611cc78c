use super::*;
use crate::testing::with_request;

fn map(strip: &str, add: &str) -> PathMap {
    PathMap::new(strip, add).unwrap()
}

/// What the server is asked for.
fn asked(map: &PathMap, line: &str) -> Result<String, Stop> {
    with_request(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"), |head| {
        let mut made = Vec::new();
        let place = map.target(head, &mut made)?;
        Ok(String::from_utf8(place.of(&made).to_vec()).unwrap())
    })
}

fn get(strip: &str, add: &str, target: &str) -> Result<String, Stop> {
    asked(&map(strip, add), &format!("GET {target}"))
}

#[test]
fn a_target_without_dot_segments_keeps_its_spelling() {
    for target in [
        "/",
        "/a",
        "/a/b/?x=/../y",
        "/%61?%2e%2e",
        "//a//b",
        "/.a/..b/c.",
        "/...",
        "/a?",
        "/{|}^[`]",
        "/a%2Fb",
    ] {
        assert_eq!(get("", "", target).as_deref(), Ok(target));
    }
}

#[test]
fn dot_segments_go_as_they_do_for_routes() {
    // table
    for (target, expected) in [
        ("/a/../b?c", "/b?c"),
        ("/a/./b", "/a/b"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/..", "/"),
        ("/../../etc", "/etc"),
        ("/%2e%2E/x", "/x"),
        ("/a/.%2e/%62", "/%62"),
        ("/a//../b", "/b"),
        ("/./", "/"),
        ("/a/b/../", "/a/"),
    ] {
        assert_eq!(get("", "", target).as_deref(), Ok(expected), "{target}");
        let path = target.split('?').next().unwrap();
        let normal = NormalPath::of(path.as_bytes()).unwrap();
        let out = expected.split('?').next().unwrap();
        let again = NormalPath::of(out.as_bytes()).unwrap();
        assert_eq!(normal, again, "{target}");
    }
}

#[test]
fn absolute_form_becomes_origin_form_and_the_asterisk_stays() {
    let identity = PathMap::default();
    // table
    for (line, expected) in [
        ("GET http://b.example/x?y", Ok("/x?y")),
        ("GET http://b.example", Ok("/")),
        ("GET http://b.example?y=/", Ok("/?y=/")),
        ("OPTIONS http://b.example", Ok("*")),
        ("OPTIONS http://b.example/", Ok("/")),
        ("OPTIONS http://b.example?x", Ok("/?x")),
        ("OPTIONS *", Ok("*")),
        ("CONNECT b.example:443", Err(Stop::Connect)),
        ("GET *", Err(Stop::Path)),
    ] {
        assert_eq!(
            asked(&identity, line),
            expected.map(str::to_owned),
            "{line}"
        );
    }
    assert_eq!(asked(&map("/a", ""), "OPTIONS *").as_deref(), Ok("*"));
}

#[test]
fn a_prefix_is_stripped_and_added_by_whole_segments() {
    // table
    for (strip, add, target, expected) in [
        ("/app", "", "/app/x?y", Ok("/x?y")),
        ("/app", "", "/app", Ok("/")),
        ("/app", "", "/app?y", Ok("/?y")),
        ("/app", "", "/app/", Ok("/")),
        ("/app", "", "/apple", Err(Stop::Path)),
        ("/app", "", "/x/app", Err(Stop::Path)),
        ("/app", "", "/%61p%70/%78", Ok("/%78")),
        ("/app", "", "/app%2Fx", Err(Stop::Path)),
        ("/app", "", "//app//x", Ok("/x")),
        ("/app", "", "/app//evil.example/x", Ok("/evil.example/x")),
        ("/app", "", "/x/../app/y", Ok("/y")),
        ("/app", "", "/app/../x", Err(Stop::Path)),
        ("/app", "", "http://b/app/x?y", Ok("/x?y")),
        ("/app/", "/in/", "/app/x", Ok("/in/x")),
        ("/app", "/in", "/app", Ok("/in")),
        ("/app", "/in", "/app?y", Ok("/in?y")),
        ("", "/in", "/x?y", Ok("/in/x?y")),
        ("", "/in", "/", Ok("/in/")),
        ("", "/in", "http://b", Ok("/in/")),
        ("/a/b", "/c%20d", "/a//b/e", Ok("/c%20d/e")),
        ("/a%20b", "", "/a%20b/x", Ok("/x")),
        ("/app", "/app", "/app/x", Ok("/app/x")),
    ] {
        assert_eq!(
            get(strip, add, target),
            expected.map(str::to_owned),
            "{strip} {add} {target}"
        );
    }
}

#[test]
fn what_is_no_prefix_is_refused() {
    for text in [
        "a", "/a//b", "/a/../b", "/%2e/a", "/a?b", "/a#", "/ä", "/a b", "//", "/a%2Fb", "/%",
    ] {
        assert_eq!(PathMap::new(text, ""), Err(PrefixError), "{text}");
        assert_eq!(PathMap::new("", text), Err(PrefixError), "{text}");
    }
    assert!(map("/", "/").is_identity() && map("", "").is_identity());
}

#[test]
fn paths_of_the_server_are_told_as_the_client_asks_for_them() {
    // table
    for (strip, add, path, expected) in [
        ("/app", "", "/x?y#z", Some("/app/x?y#z")),
        ("/app", "", "/", Some("/app/")),
        ("/app", "/in", "/in/x", Some("/app/x")),
        ("/app", "/in", "/in", Some("/app")),
        ("/app", "/in", "/in?y", Some("/app?y")),
        ("/app", "/in", "/inner", None),
        ("/app", "/in", "/x", None),
        ("", "/in", "/in/x", Some("/x")),
        ("", "/in", "/in", Some("/")),
        ("", "/in", "/in?y", Some("/?y")),
        ("", "/in", "/in#y", Some("/#y")),
    ] {
        let map = map(strip, add);
        let told = map
            .back(path.as_bytes())
            .map(|(front, rest)| String::from_utf8([front, rest].concat()).unwrap());
        assert_eq!(told.as_deref(), expected, "{strip} {add} {path}");
    }
}
