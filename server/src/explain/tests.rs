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
[[site.route]]
path = "/kept"
auth = "staff"
deny = ["192.0.2.0/24"]
rewrite = "/app{rest}"
[[site.route]]
path = "/single"
try_files = ["{rest}", "=410"]
[[site.route]]
path = "/echo"
handler = "echo"
[[site]]
hosts = ["two.example"]
root = "root"
index = ["index.html", "home.html"]
negotiate = true
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
        ("root/drop/full/a", "a"),
        ("root/drop/empty/.keep", ""),
        ("root/two/index.html", "i"),
        ("root/two/home.en.html", "en"),
        ("root/two/home.de.html", "de"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::remove_file(folder.path().join("root/drop/empty/.keep")).unwrap();
    std::os::unix::fs::symlink("../../users", folder.path().join("root/drop/out")).unwrap();
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
fn what_leads_to_https_is_told_as_it_is_sent() {
    for (url, answer) in [
        (
            "http://WWW.A.example./x/../%79?q",
            "301 to https://www.a.example/y?q",
        ),
        ("http://a.example/a%20b", "301 to https://a.example/a%20b"),
        ("http://a.example/%00", "400: "),
    ] {
        let lines = told("GET", url);
        let answer = format!("answer    {answer}");
        assert!(lines.last().unwrap().starts_with(&answer), "{lines:#?}");
    }
}

#[test]
fn every_route_on_the_way_says_who_may_come_in() {
    let lines = told("GET", "http://c.example/kept/admin/x");
    for wanted in [
        "access    403 for clients in 192.0.2.0/24  [a.toml:59]",
        "auth      \"staff\" asks who it is, by name and password, else 401  [a.toml:58]",
        "auth      \"staff\" asks who it is, by name and password, else 401; ann may come in, others 403  [a.toml:21]",
    ] {
        assert!(has(&lines, wanted), "{lines:#?}");
    }
}

#[test]
fn a_method_that_nothing_answers_is_told_as_that() {
    for (method, path, answer) in [
        (
            "OPTIONS",
            "app/x",
            "OPTIONS 204: the methods there are, in Allow (RFC 9110 §9.3.7)",
        ),
        (
            "TRACE",
            "index.html",
            "TRACE 405: files are not changed here (RFC 9110 §15.5.6)",
        ),
        (
            "TRACE",
            "drop/.x",
            "TRACE 405: files are not changed here (RFC 9110 §15.5.6)",
        ),
        (
            "get",
            "index.html",
            "get 501: no such method is known (RFC 9110 §15.6.2)",
        ),
        (
            "M_X",
            "drop/new",
            "M_X 501: no such method is known (RFC 9110 §15.6.2)",
        ),
        (
            "DELETE",
            "echo",
            "DELETE 405: there is no such method here (RFC 9110 §15.5.6)",
        ),
        (
            "DELETE",
            "login",
            "DELETE 405: there is no such method here (RFC 9110 §15.5.6)",
        ),
        (
            "CONNECT",
            "",
            "CONNECT 405: an origin server is no tunnel (RFC 9110 §9.3.6)",
        ),
    ] {
        let lines = told(method, &format!("http://c.example/{path}"));
        assert!(has(&lines, &format!("answer    {answer}")), "{lines:#?}");
    }
}

#[test]
fn a_link_that_leads_out_is_nothing() {
    let lines = told("GET", "http://c.example/drop/out");
    let answer = "answer    404: FOLDER/root/drop/out leads out of the root (RFC 9110 §15.5.5)";
    assert!(has(&lines, answer), "{lines:#?}");
    assert!(
        has(&lines, "page      missing.html  [a.toml:15]"),
        "{lines:#?}"
    );
}

#[test]
fn what_is_tried_is_what_the_server_tries() {
    for (path, why) in [
        (
            "/app/admin/x",
            "it is for a route that asks more of who comes in",
        ),
        ("/drop", "it has no index file, and is not listed"),
        ("/drop/out", "it leads out of the root"),
        ("/.x", "it has a name that begins with a dot"),
    ] {
        let lines = told("GET", &format!("http://c.example/single{path}"));
        let other = format!("          - not {path}: {why}  [a.toml:63]");
        assert!(has(&lines, &other), "{lines:#?}");
        let answer = "answer    410: nothing that is tried exists  [a.toml:63]";
        assert!(has(&lines, answer), "{lines:#?}");
        assert!(
            has(&lines, "page      missing.html  [a.toml:15]"),
            "{lines:#?}"
        );
    }
    let lines = told("GET", "http://c.example/single/two");
    let answer = "answer    the file FOLDER/root/two/index.html  [a.toml:63]";
    assert!(has(&lines, answer), "{lines:#?}");
}

#[test]
fn an_index_file_counts_before_variants_of_a_later_one() {
    let lines = told("GET", "http://two.example/two/");
    let answer = "answer    the file FOLDER/root/two/index.html";
    assert!(has(&lines, answer), "{lines:#?}");
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
    let page = "page      missing.html  [a.toml:15]";
    assert!(
        lines.iter().any(|line| line.starts_with("answer    400: ")),
        "{lines:#?}"
    );
    assert_eq!(lines.last().map(String::as_str), Some(page), "{lines:#?}");
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
        (
            "PUT",
            ".new",
            "PUT 403: a name that begins with a dot is not served, thus not stored (RFC 9110 §15.5.4)",
        ),
        (
            "PUT",
            "none/new",
            "PUT 409: there is no folder FOLDER/root/drop/none (RFC 4918 §9.7.1)",
        ),
        (
            "PUT",
            "full",
            "PUT 409: FOLDER/root/drop/full is a folder (RFC 9110 §15.5.10)",
        ),
        (
            "PUT",
            "out",
            "PUT 409: FOLDER/root/drop/out is no regular file; links are not replaced (RFC 9110 §15.5.10)",
        ),
        (
            "POST",
            "none/",
            "POST 404: there is no FOLDER/root/drop/none/ (RFC 9110 §15.5.5)",
        ),
        (
            "DELETE",
            "full",
            "DELETE 409: FOLDER/root/drop/full is a folder, which is named with a slash at its end (RFC 9110 §15.5.10)",
        ),
        (
            "DELETE",
            "full/",
            "DELETE 409: FOLDER/root/drop/full is a folder that is not empty (RFC 9110 §15.5.10)",
        ),
        (
            "DELETE",
            "empty/",
            "DELETE 204: removes FOLDER/root/drop/empty/ (RFC 9110 §9.3.5)",
        ),
        (
            "DELETE",
            "old/",
            "DELETE 404: there is no FOLDER/root/drop/old/ (RFC 9110 §15.5.5)",
        ),
        (
            "DELETE",
            "out",
            "DELETE 204: removes FOLDER/root/drop/out (RFC 9110 §9.3.5)",
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

#[test]
fn a_pool_is_told_with_its_servers_and_limits() {
    let text = r#"[[pool]]
name = "app"
to = ["http://127.0.0.1:3000"]
connections_max = 5
[[pool.server]]
to = "http://127.0.0.1:3001"
weight = 2
backup = true
[pool.breaker]
failures_max = 2
[[site]]
[[site.route]]
path = "/shop"
handler = "gateway"
pool = "app"
strip_prefix = "/shop"
outbound_host = "server"
"#;
    let loaded = parse_with_places(text, "a.toml", std::path::Path::new("/")).unwrap();
    let explained = explain(&loaded, "GET", "http://127.0.0.1:8080/shop/a").unwrap();
    let explained = explained.to_string();
    let lines: Vec<_> = explained.lines().map(str::to_owned).collect();
    for wanted in [
        "pool      \"app\"  [a.toml:1]",
        "limit     at most 5 connections to each server; 1000 requests wait up to 10s, beyond it 503  [a.toml:4]",
        "breaker   a server is left alone for 10s after 2 failures in a row; if all are, 503  [a.toml:9]",
        "asked     /shop is stripped from the path  [a.toml:16]",
        "asked     the Host is the server's own  [a.toml:17]",
        "answer    what one of http://127.0.0.1:3000, http://127.0.0.1:3001 (weight 2, backup) answers, by round-robin (RFC 9110 §3.7)  [a.toml:1]",
    ] {
        assert!(has(&lines, wanted), "{wanted}\n{lines:#?}");
    }
}
