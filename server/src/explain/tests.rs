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
[[site.route]]
path = "/drop"
uploads = true
[[site.route]]
path = "/members"
auth = "form"
[[site.route]]
path = "/pages"
negotiate = true
[[site.route]]
path = "/pages/b.en.html"
auth = "staff"
[[site.route]]
path = "/pages/index.html"
auth = "staff"
[[site.route]]
path = "/round"
rewrite = "/about{rest}"
[[site.route]]
path = "/about"
rewrite = "/round{rest}"
[[auth]]
name = "form"
method = "form"
users = "users"
"#;

fn told(method: &str, url: &str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    for (name, text) in [
        ("users", "ann:{SHA}4V440WL1axDf+F+S9kVPLU2lu4E="),
        ("root/index.html", "i"),
        ("root/missing.html", "m"),
        ("root/pages/a.en.html", "en"),
        ("root/pages/a.de.html", "de"),
        ("root/pages/b.en.html", "en"),
        ("root/pages/b.de.html", "de"),
        ("root/pages/index.html", "i"),
        ("root/drop/old", "o"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
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
fn uploads_are_told_by_what_they_do() {
    for (method, path, answer) in [
        (
            "PUT",
            "new",
            "PUT 201: makes the file FOLDER/root/drop/new (RFC 9110 §9.3.4)",
        ),
        (
            "PUT",
            "old",
            "PUT 204: replaces the file FOLDER/root/drop/old (RFC 9110 §9.3.4)",
        ),
        (
            "POST",
            "",
            "POST 303: stores the files of a form in FOLDER/root/drop/ (RFC 9110 §9.3.3)",
        ),
        (
            "DELETE",
            "old",
            "DELETE 204: removes FOLDER/root/drop/old (RFC 9110 §9.3.5)",
        ),
        (
            "DELETE",
            "none",
            "DELETE 404: there is no FOLDER/root/drop/none (RFC 9110 §15.5.5)",
        ),
    ] {
        let lines = told(method, &format!("http://c.example/drop/{path}"));
        let answer = format!("answer    {answer}  [a.toml:33]");
        assert!(has(&lines, &answer), "{lines:#?}");
        let limit = "content   at most 10737418240 octets, beyond it 413 (RFC 9110 §15.5.14)";
        assert!(has(&lines, limit), "{lines:#?}");
    }
}

#[test]
fn the_paths_of_a_form_are_answered_by_it() {
    let lines = told("GET", "http://c.example/login");
    let answer = "answer    the form to sign in by, whatever the route is; it is the `login` of \"form\"  [a.toml:53]";
    assert_eq!(lines.last().map(String::as_str), Some(answer), "{lines:#?}");
    let lines = told("POST", "http://c.example/logout");
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with("answer    ends the session: 303"),
        "{lines:#?}"
    );
}

#[test]
fn variants_are_told_with_what_chooses() {
    let lines = told("GET", "http://c.example/pages/a");
    let answer = "answer    one of the variants, by Accept, Accept-Language and Accept-Encoding: a.de.html, a.en.html (RFC 9110 §12.1)  [a.toml:39]";
    assert!(has(&lines, answer), "{lines:#?}");
}

#[test]
fn content_that_is_too_short_for_a_coding_is_told() {
    let lines = told("GET", "http://c.example/index.html");
    let coding = "coding    none is made: it has 1 octets, less than 1024 (RFC 9110 §12.5.3)";
    assert!(has(&lines, coding), "{lines:#?}");
}

#[test]
fn rewrites_that_lead_to_one_another_are_told_to_the_end() {
    let lines = told("GET", "http://c.example/round/x");
    let last = lines.last().unwrap();
    assert!(
        last.starts_with("answer    500: the rewrites lead to one another"),
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

#[test]
fn a_file_that_is_closed_to_who_asks_for_another_path_is_not_named_as_its_answer() {
    let lines = told("GET", "http://other.example/pages/b");
    let answer = lines.iter().find(|line| line.starts_with("answer"));
    let answer = answer.unwrap();
    assert!(
        answer.contains("b.de.html") && !answer.contains("b.en.html"),
        "{answer}"
    );
    let lines = told("GET", "http://other.example/pages/");
    let answer = lines.iter().find(|line| line.starts_with("answer"));
    assert!(
        answer
            .unwrap()
            .contains("403: the folder has no index file"),
        "{lines:#?}"
    );
}
