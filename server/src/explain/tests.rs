//! What is told of requests.

use super::*;
use crate::config::parse_with_places;
use std::fs;
use tempfile::TempDir;

const TEXT: &str = r#"[server]
trusted_gateways = ["192.0.2.0/24"]
[[listen]]
address = 80
[[auth]]
name = "staff"
users = "users"
[[site]]
hosts = ["a.example", "*.a.example"]
root = "root"
to_https = true
[[site]]
root = "root"
[site.error_pages]
4xx = "missing.html"
[[site.route]]
path = "/app"
try_files = ["{path}", "/index.html"]
[[site.route]]
path = "/app/admin"
auth = "staff"
users = ["ann"]
root = "root"
[[site.route]]
path = "/old"
handler = "redirect"
redirect = "https://b.example{rest}"
[[site.route]]
path = "/moved"
rewrite = "/app{rest}"
"#;

fn told(method: &str, url: &str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    for (name, text) in [
        ("users", "ann:x"),
        ("root/index.html", "i"),
        ("root/missing.html", "m"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let loaded = parse_with_places(TEXT, "a.toml", folder.path()).unwrap();
    let explained = explain(&loaded, method, url).unwrap().to_string();
    let explained = explained.replace(&folder.path().display().to_string(), "FOLDER");
    explained.lines().skip(2).map(str::to_owned).collect()
}

fn has(lines: &[String], wanted: &str) -> bool {
    lines.iter().any(|line| line == wanted)
}

#[test]
fn a_file_that_is_tried_is_named_with_those_that_do_not_exist() {
    let lines = told("GET", "http://other.example/app/x");
    assert!(
        has(&lines, "listener  127.0.0.1:80  [a.toml:3]"),
        "{lines:#?}"
    );
    assert!(
        has(
            &lines,
            "site      *: it is for every other host  [a.toml:12]"
        ),
        "{lines:#?}"
    );
    assert!(
        has(
            &lines,
            "route     /app, the longest path that fits  [a.toml:17]"
        ),
        "{lines:#?}"
    );
    assert!(
        has(
            &lines,
            "answer    the file FOLDER/root/index.html  [a.toml:18]"
        ),
        "{lines:#?}"
    );
    assert!(
        has(
            &lines,
            "          - not /app/x: it does not exist  [a.toml:18]"
        ),
        "{lines:#?}"
    );
}

#[test]
fn a_shorter_route_is_told_as_what_it_is_not() {
    let lines = told("GET", "http://other.example/app/admin/");
    assert!(
        has(
            &lines,
            "route     /app/admin, the longest path that fits  [a.toml:20]"
        ),
        "{lines:#?}"
    );
    assert!(
        has(
            &lines,
            "          - not /app: it fits, and is shorter  [a.toml:17]"
        ),
        "{lines:#?}"
    );
    let asks = "auth      \"staff\" asks who it is, by name and password, else 401; ann may come in, others 403  [a.toml:21]";
    assert!(has(&lines, asks), "{lines:#?}");
}

#[test]
fn a_site_for_https_alone_redirects() {
    let lines = told("POST", "http://www.a.example/x?y");
    let answer = "answer    308 to https://www.a.example/x?y (RFC 9110 §15.4)  [a.toml:11]";
    assert_eq!(lines.last().map(String::as_str), Some(answer), "{lines:#?}");
}

#[test]
fn a_redirect_is_told_with_its_location() {
    let lines = told("GET", "http://c.example/old/a%20b");
    let answer = "answer    308 to https://b.example/a%20b (RFC 9110 §15.4)  [a.toml:27]";
    assert!(has(&lines, answer), "{lines:#?}");
}

#[test]
fn a_rewrite_is_followed_to_the_route_that_answers() {
    let lines = told("GET", "http://c.example/moved/x");
    assert!(
        has(
            &lines,
            "rewrite   /app/x is looked for instead  [a.toml:30]"
        ),
        "{lines:#?}"
    );
    assert!(
        has(
            &lines,
            "route     /app, the longest path that fits  [a.toml:17]"
        ),
        "{lines:#?}"
    );
}

#[test]
fn a_missing_file_has_the_page_of_its_class() {
    let lines = told("GET", "http://c.example/nothing");
    assert!(
        has(
            &lines,
            "answer    404: there is no FOLDER/root/nothing (RFC 9110 §15.5.5)"
        ),
        "{lines:#?}"
    );
    assert!(
        has(&lines, "page      missing.html  [a.toml:15]"),
        "{lines:#?}"
    );
}

#[test]
fn a_path_that_is_none_is_400() {
    let lines = told("GET", "http://c.example/%00");
    assert!(
        lines.last().unwrap().starts_with("answer    400: "),
        "{lines:#?}"
    );
}

#[test]
fn what_changes_files_is_refused_without_uploads() {
    let lines = told("PUT", "http://c.example/x");
    assert!(
        has(
            &lines,
            "answer    PUT 405: files are not changed here (RFC 9110 §15.5.6)"
        ),
        "{lines:#?}"
    );
}

#[test]
fn the_document_for_programs_has_every_step() {
    let loaded = parse_with_places(
        "[[site]]\nroot = \".\"\n",
        "a.toml",
        std::path::Path::new("/"),
    )
    .unwrap();
    let explained = explain(&loaded, "GET", "http://a/").unwrap();
    let json: serde_json::Value = serde_json::from_str(&explained.to_json().to_string()).unwrap();
    assert_eq!(json["request"], "GET http://a/");
    let steps = json["steps"].as_array().unwrap();
    assert_eq!(steps.len(), explained.steps.len());
    assert!(
        steps
            .iter()
            .any(|step| step["about"] == "site" && step["line"] == 1)
    );
}
