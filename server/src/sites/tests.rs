use super::*;
use crate::config::{Cors, HandlerName, Route as RouteConfig, Settings, Site};
use crate::sites::testing::with_exchange;
use engine::Content;
use net::{Network, Peer};
use origin::CacheLimits;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A folder with files, and sites over it.
struct World {
    _folder: TempDir,
    config: Config,
}

/// An answer in the words of the tables.
#[derive(Debug, PartialEq, Eq)]
struct Got {
    status: u16,
    /// All fields, one a line.
    fields: String,
    content: String,
}

impl Got {
    fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.lines().filter_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next();
        assert_eq!(
            values.next(),
            None,
            "{name} is there twice: {}",
            self.fields
        );
        value
    }
}

impl World {
    fn new(sites: impl FnOnce(&Path) -> Vec<Site>) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, content) in FILES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let config = Config {
            sites: sites(folder.path()),
            ..Config::default()
        };
        Self {
            _folder: folder,
            config,
        }
    }

    /// One site for every host with these routes.
    fn with_routes(routes: Vec<RouteConfig>) -> Self {
        Self::new(|folder| {
            vec![Site {
                root: Some(folder.join("site")),
                routes,
                ..Site::default()
            }]
        })
    }

    /// One site for every host with these settings.
    fn with_settings(settings: Settings) -> Self {
        let mut world = Self::with_routes(Vec::new());
        world.config.sites[0].settings = settings;
        world
    }

    fn sites(&self) -> Result<Sites, SiteError> {
        let cache = Rc::new(Cache::new(CacheLimits::default()));
        let commons = Arc::new(Commons::new(|_| {}));
        Sites::new(
            &self.config,
            &cache,
            &Recent::new(),
            &[],
            None,
            0,
            (&commons, None, &crate::tls::OutboundSets::default()),
        )
    }

    /// The answer to a request from 127.0.0.1, whenever that comes.
    fn ask(&self, request: &str) -> Got {
        self.ask_as(request, |_| ())
    }

    fn ask_as(&self, request: &str, change: impl FnOnce(&mut Exchange<'_>)) -> Got {
        let sites = self.sites().unwrap();
        with_exchange(request, |exchange| {
            change(exchange);
            net::run_alone(async { got(sites.handle(exchange).response().await) })
        })
    }

    fn get(&self, target: &str) -> Got {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }
}

fn got(response: Response) -> Got {
    let text = |octets| String::from_utf8_lossy(octets).into_owned();
    let lines = response.head.section().iter();
    Got {
        status: response.head.status().code(),
        fields: lines
            .map(|(name, value)| format!("{}: {}\n", text(name), text(value)))
            .collect(),
        content: match response.content {
            Content::Empty => String::new(),
            Content::Octets(octets) => text(&octets),
            other => panic!("{other:?}"),
        },
    }
}

const FILES: [(&str, &str); 18] = [
    ("site/index.html", "index"),
    ("site/a.txt", "a"),
    ("site/a b.txt", "a b"),
    ("site/.secret", "secret"),
    ("site/dir/index.html", "dir index"),
    ("site/dir/b.txt", "b"),
    ("site/new/a.txt", "new a"),
    ("site/empty/x", "x"),
    ("site/errors/404.html", "<p>own 404"),
    ("site/errors/403.txt", "own 403"),
    ("site/papers/paper.html", "paper"),
    ("site/papers/paper.en.html", "paper en"),
    ("site/papers/plan.html", "plan"),
    ("site/papers/index.html", "papers"),
    ("app/index.html", "app"),
    ("app/main.js", "main"),
    ("app/dir/x", "x"),
    ("hosts/one.example/who", "one"),
];

fn route(path: &str) -> RouteConfig {
    RouteConfig {
        path: path.to_owned(),
        ..RouteConfig::default()
    }
}

fn redirect(path: &str, to: &str, status: u64) -> RouteConfig {
    RouteConfig {
        handler: HandlerName::Redirect,
        redirect: Some(to.to_owned()),
        redirect_status: status,
        ..route(path)
    }
}

fn rewrite(path: &str, to: &str) -> RouteConfig {
    RouteConfig {
        rewrite: Some(to.to_owned()),
        ..route(path)
    }
}

fn tried(path: &str, paths: &[&str]) -> RouteConfig {
    RouteConfig {
        try_files: strings(paths),
        ..route(path)
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn fields(lines: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    Some(lines.iter().map(owned).collect())
}

fn networks(texts: &[&str]) -> Option<Vec<Network>> {
    Some(texts.iter().map(|text| text.parse().unwrap()).collect())
}

/// Many sites, of which the table below tells what they answer.
fn many() -> World {
    World::new(|folder| {
        let site = |hosts: &[&str], routes: Vec<RouteConfig>| Site {
            hosts: strings(hosts),
            root: Some(folder.join("site")),
            routes,
            ..Site::default()
        };
        let app = RouteConfig {
            root: Some(folder.join("app")),
            ..tried("/app", &["{path}", "/index.html"])
        };
        vec![
            site(
                &["a.example"],
                vec![
                    RouteConfig {
                        handler: HandlerName::Echo,
                        ..route("/echo")
                    },
                    redirect("/old", "/new{rest}?{query}", 308),
                    redirect("/moved", "https://b.example{path}", 301),
                    redirect("/other", "https://{host}/x", 303),
                    redirect("/found", "/dir/?from={path}&{query}", 302),
                    redirect("/keep", "/new/{rest}", 307),
                    rewrite("/in", "/new{rest}"),
                    rewrite("/in/two", "/in{rest}"),
                    rewrite("/loop", "/pool{rest}"),
                    rewrite("/pool", "/loop{rest}"),
                    rewrite("/hosts", "/{host}{rest}"),
                    rewrite("/hidden", "/.secret"),
                    tried("/try", &["/dir{rest}", "{rest}", "=410"]),
                    tried("/pages", &["{rest}.txt", "{rest}/", "/a.txt"]),
                    app,
                ],
            ),
            site(
                &["*.b.example"],
                vec![redirect("/", "https://{host}:8443{path}", 302)],
            ),
            site(&["[::1]"], vec![redirect("/r", "https://{host}/", 301)]),
            Site {
                hosts: strings(&["none.example"]),
                routes: vec![redirect("/r", "/x", 301)],
                ..Site::default()
            },
            Site {
                to_https: true,
                ..site(&["tls.example"], vec![])
            },
        ]
    })
}

#[test]
fn a_request_leads_where_the_table_says() {
    let world = many();
    // table: method, host, target, status, Location or content
    for (method, host, target, status, expected) in [
        ("GET", "a.example", "/", 200, "index"),
        ("GET", "a.example:8080", "/a.txt", 200, "a"),
        ("GET", "A.EXAMPLE.", "/a.txt", 200, "a"),
        ("HEAD", "a.example", "/a.txt", 200, "a"),
        ("GET", "a.example", "/a%20b.txt", 200, "a b"),
        ("GET", "a.example", "/a.txt?query", 200, "a"),
        ("GET", "a.example", "//a.txt", 200, "a"),
        ("GET", "a.example", "/dir/../a.txt", 200, "a"),
        ("GET", "a.example", "/../../a.txt", 200, "a"),
        ("GET", "a.example", "/dir", 301, "/dir/"),
        ("GET", "a.example", "/dir?x=1", 301, "/dir/?x=1"),
        ("GET", "a.example", "/dir/", 200, "dir index"),
        ("GET", "a.example", "/a%2Ftxt", 400, ""),
        ("GET", "a.example", "/a%00", 400, ""),
        ("GET", "a.example", "/a\\b", 400, ""),
        ("GET", "a.example", "/%zz", 400, ""),
        ("GET", "a.example", "/.secret", 404, ""),
        ("GET", "a.example", "/%2esecret", 404, ""),
        ("GET", "a.example", "/echoes", 404, ""),
        ("POST", "a.example", "/a.txt", 405, ""),
        ("BREW", "a.example", "/a.txt", 501, ""),
        ("OPTIONS", "a.example", "/a.txt", 204, ""),
        ("OPTIONS", "a.example", "*", 204, ""),
        ("OPTIONS", "nobody.example", "*", 204, ""),
        ("CONNECT", "a.example", "a.example:443", 405, ""),
        ("GET", "nobody.example", "/", 421, ""),
        ("GET", "", "/", 421, ""),
        ("GET", "b.example", "/", 421, ""),
        ("GET", "[::2]", "/", 421, ""),
        ("GET", "x", "http://a.example/a.txt", 200, "a"),
        ("GET", "x", "HTTP://A.example:80/a.txt", 200, "a"),
        ("GET", "a.example", "http://nobody.example/", 421, ""),
        ("GET", "a.example", "https://a.example/", 421, ""),
        ("GET", "a.example", "ftp://a.example/", 421, ""),
        ("GET", "a.example", "http://a.example", 200, "index"),
        ("GET", "a.example", "/old", 308, "/new"),
        ("GET", "a.example", "/old/", 308, "/new/"),
        ("GET", "a.example", "/old/x%20y?z=1", 308, "/new/x%20y?z=1"),
        ("POST", "a.example", "/old/x", 308, "/new/x"),
        ("HEAD", "a.example", "/old/x", 308, "/new/x"),
        (
            "GET",
            "a.example",
            "/old//evil.example/",
            308,
            "/new/evil.example/",
        ),
        (
            "GET",
            "a.example",
            "//old//evil.example",
            308,
            "/new/evil.example",
        ),
        ("GET", "a.example", "/old/%0d%0aX:y", 308, "/new/%0D%0AX:y"),
        ("GET", "a.example", "/old/%3Fa", 308, "/new/%3Fa"),
        ("GET", "a.example", "/old/..", 200, "index"),
        (
            "GET",
            "a.example",
            "/moved/x",
            301,
            "https://b.example/moved/x",
        ),
        (
            "GET",
            "a.example",
            "/moved/@evil",
            301,
            "https://b.example/moved/@evil",
        ),
        ("GET", "A.example.:99", "/other", 303, "https://a.example/x"),
        (
            "GET",
            "a.example",
            "/found/a&b?c=d",
            302,
            "/dir/?from=/found/a%26b&c=d",
        ),
        ("GET", "a.example", "/found", 302, "/dir/?from=/found"),
        ("GET", "a.example", "/keep/x", 307, "/new/x"),
        ("GET", "a.example", "/keep", 307, "/new/"),
        (
            "GET",
            "w.b.example",
            "/x",
            302,
            "https://w.b.example:8443/x",
        ),
        (
            "GET",
            "v.w.b.example:80",
            "/",
            302,
            "https://v.w.b.example:8443/",
        ),
        ("GET", "[::1]:8080", "/r", 301, "https://[::1]/"),
        ("GET", "[0:0::1]", "/a.txt", 200, "a"),
        ("GET", "none.example", "/", 404, ""),
        ("GET", "none.example", "/r", 301, "/x"),
        ("GET", "a.example", "/in/a.txt", 200, "new a"),
        ("GET", "a.example", "/in/two/a.txt", 200, "new a"),
        ("GET", "a.example", "/in/x", 404, ""),
        ("POST", "a.example", "/in/a.txt", 405, ""),
        ("GET", "a.example", "/loop/x", 500, ""),
        ("GET", "a.example", "/hosts/x", 404, ""),
        ("GET", "a.example", "/hidden", 404, ""),
        ("GET", "a.example", "/try/b.txt", 200, "b"),
        ("GET", "a.example", "/try/a.txt", 200, "a"),
        ("GET", "a.example", "/try/none", 410, ""),
        ("GET", "a.example", "/try/.secret", 410, ""),
        ("POST", "a.example", "/try/a.txt", 405, ""),
        ("OPTIONS", "a.example", "/try/a.txt", 204, ""),
        ("GET", "a.example", "/pages/a", 200, "a"),
        ("GET", "a.example", "/pages/dir", 200, "dir index"),
        ("GET", "a.example", "/pages/none", 200, "a"),
        ("GET", "a.example", "/app", 301, "/app/"),
        ("GET", "a.example", "/app/", 200, "app"),
        ("GET", "a.example", "/app/main.js", 200, "main"),
        ("GET", "a.example", "/app/deep/link", 200, "app"),
        ("GET", "a.example", "/app/dir", 301, "/app/dir/"),
        ("GET", "a.example", "/app/dir/", 200, "app"),
        ("GET", "a.example", "/app/.git/config", 200, "app"),
        ("GET", "tls.example", "/x?y", 301, "https://tls.example/x?y"),
        ("PUT", "tls.example:80", "/x", 308, "https://tls.example/x"),
        (
            "GET",
            "TLS.example.",
            "//evil.example/%0d",
            301,
            "https://tls.example/evil.example/%0D",
        ),
    ] {
        let got = world.ask(&format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"
        ));
        let case = format!("{method} {target} at {host}: {got:?}");
        assert_eq!(got.status, status, "{case}");
        match status {
            300..400 => assert_eq!(got.field("Location"), Some(expected), "{case}"),
            200 => assert_eq!(got.content, expected, "{case}"),
            _ => assert_eq!(got.field("Location"), None, "{case}"),
        }
    }
}

#[test]
fn a_request_without_a_host_goes_to_the_site_for_every_other() {
    let world = World::with_routes(vec![redirect("/r", "https://{host}/", 302)]);
    let got = world.ask("GET /a.txt HTTP/1.0\r\n\r\n");
    assert_eq!((got.status, got.content.as_str()), (200, "a"));
    let got = world.ask("GET /r HTTP/1.0\r\n\r\n");
    assert_eq!((got.status, got.field("Location")), (400, None));
}

#[test]
fn a_redirect_has_a_link_and_may_be_kept_as_configured() {
    let mut kept = redirect("/r", "/new", 301);
    kept.cache_control = Some("max-age=60".to_owned());
    let got = World::with_routes(vec![kept]).get("/r");
    assert_eq!(got.field("Cache-Control"), Some("max-age=60"));
    assert_eq!(got.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(got.content.contains("<a href=\"/new\">/new</a>"), "{got:?}");
}

#[test]
fn a_route_that_leads_back_to_itself_answers_below_its_new_path() {
    let world = World::with_routes(vec![rewrite("/", "/dir{path}")]);
    assert_eq!(world.get("/b.txt").content, "b");
    assert_eq!(world.get("/dir/b.txt").status, 404);
}

#[test]
fn a_host_below_a_folder_does_not_leave_it() {
    let world = World::new(|folder| {
        vec![Site {
            root: Some(folder.to_owned()),
            routes: vec![rewrite("/", "/hosts/{host}{path}")],
            ..Site::default()
        }]
    });
    let ask =
        |host: &str, path: &str| world.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    assert_eq!(ask("ONE.example:80", "/who").content, "one");
    for host in ["..", ".", "...", "", "%2e%2e", "two.example"] {
        assert_eq!(ask(host, "/site/a.txt").status, 404, "{host}");
    }
}

#[test]
fn what_a_tried_file_answers_is_what_that_file_answers() {
    let world = World::with_routes(vec![tried("/x", &["/none", "/a.txt"])]);
    let got = world.get("/x/y");
    let etag = got.field("ETag").unwrap();
    let ask =
        |fields: &str| world.ask(&format!("GET /x/y HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"));
    assert_eq!(ask(&format!("If-None-Match: {etag}")).status, 304);
    assert_eq!(ask("If-Match: \"other\"").status, 412);
    let part = ask("Range: bytes=0-0");
    assert_eq!((part.status, part.content.as_str()), (206, "a"));
    assert_eq!(ask("Range: bytes=9-").status, 416);
}

#[test]
fn fields_are_changed_on_every_answer_also_on_errors() {
    let world = World::with_settings(Settings {
        set_fields: fields(&[("X-Set", "1"), ("Last-Modified", "never")]),
        add_fields: fields(&[("Vary", "X"), ("X-Set", "2")]),
        remove_fields: Some(strings(&["ETag", "Allow"])),
        ..Settings::default()
    });
    // The second request of each is answered from memory where there is such a thing.
    for (request, status) in [
        ("GET /a.txt", 200),
        ("GET /a.txt?again", 200),
        ("GET /none", 404),
        ("GET /%2F", 400),
        ("POST /a.txt", 405),
        ("OPTIONS /a.txt", 204),
        ("GET /dir", 301),
    ] {
        let got = world.ask(&format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(got.status, status, "{request}");
        let set: Vec<_> = got
            .fields
            .lines()
            .filter(|line| line.starts_with("X-Set"))
            .collect();
        assert_eq!(set, ["X-Set: 1", "X-Set: 2"], "{request}");
        assert!(
            got.fields.lines().any(|line| line == "Vary: X"),
            "{request}"
        );
        assert_eq!(got.field("Last-Modified"), Some("never"), "{request}");
        assert_eq!(got.field("ETag"), None, "{request}");
        // A MUST (RFC 9110 §15.5.6).
        assert_eq!(got.field("Allow").is_some(), status == 405, "{request}");
    }
}

#[test]
fn fields_are_changed_once_whoever_reads_the_file() {
    let world = World::with_settings(Settings {
        add_fields: fields(&[("Link", "<a>")]),
        ..Settings::default()
    });
    let sites = world.sites().unwrap();
    for fields in [
        "",
        "",
        "Range: bytes=0-0\r\n",
        "If-Range: \"x\"\r\nRange: bytes=0-0\r\n",
    ] {
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let got = with_exchange(&request, |exchange| {
            net::run_alone(async { got(sites.handle(exchange).response().await) })
        });
        assert_eq!(got.field("Link"), Some("<a>"), "{fields}");
        assert_eq!(
            got.field("X-Content-Type-Options"),
            Some("nosniff"),
            "{fields}"
        );
    }
}

#[test]
fn an_ordinary_site_answers_a_small_file_with_a_head_that_is_kept() {
    let world = World::with_settings(Settings {
        set_fields: fields(&[("X-Set", "1")]),
        cors: Some(Cors {
            origins: strings(&["https://b.example"]),
            ..Cors::default()
        }),
        ..Settings::default()
    });
    let sites = world.sites().unwrap();
    let request = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    // The first may have to wait: the system does not remember which files are not beside it.
    with_exchange(request, |exchange| {
        net::run_alone(async { sites.handle(exchange).response().await });
    });
    for _ in 0..2 {
        with_exchange(request, |exchange| {
            let Answer::Kept { rendition, .. } = sites.handle(exchange) else {
                panic!("it is kept")
            };
            let section = rendition.head().section();
            assert_eq!(section.all_named(b"X-Set").count(), 1);
            assert_eq!(section.all(Known::Vary).collect::<Vec<_>>(), [b"Origin"]);
            assert!(section.has(Known::XContentTypeOptions));
        });
    }
}

#[test]
fn nosniff_is_said_unless_it_is_turned_off() {
    let off = World::with_settings(Settings {
        nosniff: Some(false),
        ..Settings::default()
    });
    let on = World::with_settings(Settings::default());
    for target in ["/a.txt", "/none"] {
        assert_eq!(
            on.get(target).field("X-Content-Type-Options"),
            Some("nosniff")
        );
        assert_eq!(off.get(target).field("X-Content-Type-Options"), None);
    }
}

#[test]
fn a_field_of_delivery_is_no_field_of_a_site() {
    for settings in [
        Settings {
            remove_fields: Some(strings(&["Date"])),
            ..Settings::default()
        },
        Settings {
            set_fields: fields(&[("Content-Length", "5")]),
            ..Settings::default()
        },
        Settings {
            set_request_fields: fields(&[("Host", "x")]),
            ..Settings::default()
        },
    ] {
        let error = World::with_settings(settings).sites().unwrap_err();
        assert!(matches!(error, SiteError::Field(..)), "{error}");
    }
}

#[test]
fn hsts_is_said_by_tls_alone() {
    let mut world = World::with_settings(Settings::default());
    world.config.sites[0].hsts = Some(Duration::from_secs(60));
    world.config.sites[0].hsts_subdomains = true;
    let sites = world.sites().unwrap();
    for target in ["/a.txt", "/a.txt", "/none"] {
        for is_secured in [false, true, false] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            let got = with_exchange(&request, |exchange| {
                exchange.is_secured = is_secured;
                net::run_alone(async { got(sites.handle(exchange).response().await) })
            });
            let expected = is_secured.then_some("max-age=60; includeSubDomains");
            assert_eq!(got.field("Strict-Transport-Security"), expected, "{target}");
        }
    }
}

#[test]
fn https_is_not_redirected_to_itself() {
    let mut world = World::with_settings(Settings::default());
    world.config.sites[0].to_https = true;
    let secured = |exchange: &mut Exchange<'_>| exchange.is_secured = true;
    let request = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(world.ask_as(request, secured).status, 200);
    assert_eq!(world.ask(request).status, 301);
    let request = "GET https://a/a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(world.ask_as(request, secured).status, 200);
}

fn from(address: &str) -> impl FnOnce(&mut Exchange<'_>) {
    let client = Peer::from(address.parse::<SocketAddr>().unwrap());
    move |exchange| exchange.client = client
}

#[test]
fn a_network_that_is_not_allowed_is_refused_before_anything_else() {
    let world = World::with_settings(Settings {
        allow: networks(&["10.0.0.0/8"]),
        deny: networks(&["10.1.0.0/16"]),
        ..Settings::default()
    });
    for (client, status) in [
        ("10.2.0.1:1", 200),
        ("10.1.0.1:1", 403),
        ("192.0.2.1:1", 403),
        ("[::ffff:10.2.0.1]:1", 200),
    ] {
        let got = world.ask_as("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", from(client));
        assert_eq!(got.status, status, "{client}");
    }
    let request = "GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.2.0.1\r\n\r\n";
    assert_eq!(world.ask_as(request, from("192.0.2.1:1")).status, 403);
}

#[test]
fn no_rewrite_leads_around_a_refusal() {
    let closed = |route: RouteConfig| RouteConfig {
        settings: Settings {
            deny: networks(&["127.0.0.0/8"]),
            ..Settings::default()
        },
        ..route
    };
    let world = World::with_routes(vec![
        closed(route("/dir")),
        rewrite("/in", "/dir{rest}"),
        closed(rewrite("/out", "/new{rest}")),
    ]);
    assert_eq!(world.get("/in/b.txt").status, 403);
    assert_eq!(world.get("/out/a.txt").status, 403);
    assert_eq!(world.get("/new/a.txt").status, 200);
}

#[test]
fn a_trusted_gateway_tells_who_asks_and_how() {
    let mut world = World::with_settings(Settings {
        allow: networks(&["203.0.113.0/24"]),
        ..Settings::default()
    });
    world.config.sites[0].to_https = true;
    world.config.server.trusted_gateways = networks(&["10.0.0.0/8"]).unwrap();
    let ask = |fields: &str, client| {
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        world.ask_as(&request, from(client)).status
    };
    let both = "Forwarded: for=203.0.113.5;proto=https\r\n";
    assert_eq!(ask(both, "10.0.0.1:1"), 200);
    assert_eq!(ask(both, "192.0.2.1:1"), 301);
    assert_eq!(
        ask("Forwarded: for=192.0.2.1;proto=https\r\n", "10.0.0.1:1"),
        403
    );
    assert_eq!(ask("X-Forwarded-For: 203.0.113.5\r\n", "10.0.0.1:1"), 301);
    let torn = "Forwarded: for=203.0.113.5;proto=https\r\nX-Forwarded-For: 192.0.2.1\r\n";
    assert_eq!(ask(torn, "10.0.0.1:1"), 301);
}

#[test]
fn a_page_of_the_host_that_a_gateway_tells_of_is_no_foreign_one() {
    let mut world = World::with_settings(Settings {
        uploads: Some(true),
        ..Settings::default()
    });
    world.config.server.trusted_gateways = networks(&["10.0.0.0/8"]).unwrap();
    let delete = |host: &str, client| {
        let request = format!(
            "DELETE /none HTTP/1.1\r\nHost: inner\r\n{host}Origin: http://a.example\r\n\r\n"
        );
        world.ask_as(&request, from(client)).status
    };
    for told in [
        "X-Forwarded-Host: a.example\r\n",
        "Forwarded: for=192.0.2.1;host=a.example\r\n",
    ] {
        assert_eq!(delete(told, "10.0.0.1:1"), 404, "{told}");
        assert_eq!(delete(told, "192.0.2.1:1"), 403, "{told}");
    }
    assert_eq!(delete("X-Forwarded-Host: b.example\r\n", "10.0.0.1:1"), 403);
}

#[test]
fn a_request_is_edited_before_anything_answers_it() {
    let mut echo = route("/echo");
    echo.handler = HandlerName::Echo;
    echo.settings = Settings {
        set_request_fields: fields(&[("X-Set", "1")]),
        remove_request_fields: Some(strings(&["X-Gone", "Range"])),
        ..Settings::default()
    };
    let mut whole = route("/");
    whole.settings.remove_request_fields = Some(strings(&["Range"]));
    let world = World::with_routes(vec![echo, whole]);
    let request = "GET /echo HTTP/1.1\r\nHost: a\r\nX-Gone: 2\r\nx-set: 3\r\n\r\n";
    let got = world.ask(request);
    assert!(got.content.contains("X-Set"), "{got:?}");
    assert!(
        !got.content.contains("X-Gone") && !got.content.contains("x-set"),
        "{got:?}"
    );
    let got = world.ask("GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=5-\r\n\r\n");
    assert_eq!(got.status, 200);
}

fn with_pages() -> World {
    let pages = [
        (404, "errors/404.html"),
        (403, "/errors/403.txt"),
        (405, "errors/none"),
        (500, "errors"),
    ];
    let mut closed = route("/closed");
    closed.settings.deny = networks(&["127.0.0.0/8"]);
    let mut world = World::with_routes(vec![closed, rewrite("/a", "/b"), rewrite("/b", "/a")]);
    world.config.sites[0].settings.error_pages =
        Some(pages.map(|(status, path)| (status, path.to_owned())).into());
    world
}

#[test]
fn an_error_has_the_page_of_the_site_and_its_own_status() {
    let world = with_pages();
    let got = world.get("/none");
    assert_eq!((got.status, got.content.as_str()), (404, "<p>own 404"));
    assert!(got.field("Content-Type").unwrap().starts_with("text/html"));
    assert_eq!(got.field("Cache-Control"), Some("no-store"));
    assert_eq!(got.field("ETag"), None);
    let got = world.get("/closed/x");
    assert_eq!((got.status, got.content.as_str()), (403, "own 403"));
    assert!(got.field("Content-Type").unwrap().starts_with("text/plain"));
}

#[test]
fn a_page_that_is_not_there_is_ours() {
    let world = with_pages();
    let got = world.ask("POST /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(got.status, 405);
    assert!(got.content.contains("RFC 9110 §15.5.6"), "{got:?}");
    assert!(got.field("Allow").is_some());
    // A folder is no page.
    let got = world.get("/a");
    assert!(
        got.status == 500 && got.content.contains("lead to one another"),
        "{got:?}"
    );
}

#[test]
fn a_program_gets_an_error_and_no_page() {
    let world = with_pages();
    for (accept, is_page) in [
        ("application/json", false),
        ("text/plain", false),
        ("text/html", true),
        ("*/*", true),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            true,
        ),
        ("application/json, text/html;q=0.5", false),
        ("image/png", true),
    ] {
        let request = format!("GET /none HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n");
        let got = world.ask(&request);
        assert_eq!(got.content == "<p>own 404", is_page, "{accept}");
    }
}

#[test]
fn a_refused_request_has_the_page_and_the_fields_of_its_site() {
    let mut world = with_pages();
    let settings = &mut world.config.sites[0].settings;
    settings.set_fields = fields(&[("X-Set", "1")]);
    settings.error_pages = Some([(431, "errors/404.html".to_owned())].into());
    let sites = world.sites().unwrap();
    let refusal = || Refusal::from(semantics::LimitError::HeadOctets);
    let request = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    let refused = with_exchange(request, |exchange| {
        got(sites.refuse(refusal(), Some(exchange.head)))
    });
    assert_eq!(refused.field("X-Set"), Some("1"));
    assert_eq!(refused.content, "<p>own 404");
    let refused = got(sites.refuse(refusal(), None));
    assert_eq!((refused.status, refused.field("X-Set")), (431, None));
}

#[test]
fn a_request_refused_over_tls_is_answered_with_hsts_and_none_in_the_clear_is() {
    let mut world = World::with_routes(Vec::new());
    world.config.sites[0].hsts = Some(Duration::from_secs(60));
    let sites = world.sites().unwrap();
    let refusal = || Refusal::from(semantics::LimitError::HeadOctets);
    with_exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n", |exchange| {
        let head = Some(exchange.head);
        let hsts = |response| {
            let got = got(response);
            got.field("Strict-Transport-Security").map(str::to_owned)
        };
        let secured = hsts(sites.refuse_secured(refusal(), head));
        assert_eq!(secured.as_deref(), Some("max-age=60"));
        assert_eq!(hsts(sites.refuse(refusal(), head)), None);
    });
}

#[test]
fn the_server_as_a_whole_allows_what_any_route_does() {
    let allow = |routes| {
        let got = World::with_routes(routes).ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
        got.field("Allow").map(str::to_owned)
    };
    let uploads = |resumable_uploads| RouteConfig {
        path: "/in".to_owned(),
        settings: Settings {
            uploads: Some(true),
            resumable_uploads,
            ..Settings::default()
        },
        ..RouteConfig::default()
    };
    let plain = "GET, HEAD, OPTIONS, POST";
    assert_eq!(allow(Vec::new()).as_deref(), Some(plain));
    let stored = format!("{plain}, PUT, DELETE");
    assert_eq!(allow(vec![uploads(None)]), Some(stored.clone()));
    let resumed = format!("{stored}, PATCH");
    assert_eq!(allow(vec![uploads(Some(true))]), Some(resumed));
}

#[test]
fn who_accepts_no_language_gets_406_where_that_is_strict() {
    let settings = |negotiate_strict| Settings {
        negotiate: Some(true),
        negotiate_strict,
        language: Some("en".to_owned()),
        ..Settings::default()
    };
    let status = |negotiate_strict| {
        let world = World::with_settings(settings(negotiate_strict));
        let root = world.config.sites[0].root.clone().unwrap();
        fs::write(root.join("v.en.html"), "en").unwrap();
        fs::write(root.join("v.de.html"), "de").unwrap();
        let request = "GET /v HTTP/1.1\r\nHost: a\r\nAccept-Language: fr\r\n\r\n";
        world.ask(request).status
    };
    assert_eq!(status(None), 200);
    assert_eq!(status(Some(true)), 406);
}

#[test]
fn bounds_of_uploads_are_those_of_the_configuration() {
    let limits = config::Limits {
        form_parts_max: 1,
        resumable_upload_age: Duration::from_secs(5),
        ..config::Limits::default()
    };
    let bounds = route::upload_limits(&limits);
    assert_eq!((bounds.parts_max, bounds.upload_age_seconds_max), (1, 5));
    let same = route::upload_limits(&config::Limits::default());
    assert_eq!(same, origin::UploadLimits::default());
}

#[test]
fn an_exchange_is_marked_by_the_route_that_answers() {
    let route = |path: &str, rewrite: Option<&str>| RouteConfig {
        path: path.to_owned(),
        rewrite: rewrite.map(str::to_owned),
        ..RouteConfig::default()
    };
    let world = World::with_routes(vec![route("/new", None), route("/old", Some("/new{rest}"))]);
    let sites = world.sites().unwrap();
    let mark = |target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        crate::sites::testing::with_mark(&request, |exchange| {
            net::run_alone(async { sites.handle(exchange).response().await });
        })
    };
    assert_eq!(mark("/new/a"), Some(mark_of(0, 0, 0)));
    assert_eq!(mark("/old/a"), Some(mark_of(0, 0, 0)));
    assert_eq!(mark("/a.txt"), Some(mark_of(0, 0, 2)), "the site itself");
    assert_eq!(mark("/a.txt?b"), Some(mark_of(0, 0, 2)));
    assert_eq!(mark("*"), None);
}

#[test]
fn a_preflight_is_answered_before_anybody_signs_in() {
    let world = World::with_settings(Settings {
        cors: Some(Cors {
            origins: strings(&["https://b.example"]),
            methods: strings(&["PUT"]),
            credentials: true,
            ..Cors::default()
        }),
        ..Settings::default()
    });
    let ask = |method: &str, fields: &str| {
        world.ask(&format!(
            "{method} /a.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n"
        ))
    };
    let asked = "Origin: https://b.example\r\nAccess-Control-Request-Method: PUT\r\n";
    let got = ask("OPTIONS", asked);
    assert_eq!(got.status, 204);
    assert_eq!(
        got.field("Access-Control-Allow-Origin"),
        Some("https://b.example")
    );
    assert_eq!(
        got.field("Access-Control-Allow-Methods"),
        Some("GET, HEAD, POST, PUT")
    );
    assert_eq!(got.field("Access-Control-Allow-Credentials"), Some("true"));
    assert_eq!(got.field("Vary"), Some("Origin"));
    assert_eq!(got.field("Allow"), None);
    // What is let in on answers of any kind.
    for (method, fields, allowed) in [
        ("GET", "Origin: https://b.example\r\n", true),
        ("POST", "Origin: https://b.example\r\n", true),
        ("GET", "Origin: https://c.example\r\n", false),
        (
            "OPTIONS",
            "Origin: https://c.example\r\nAccess-Control-Request-Method: PUT\r\n",
            false,
        ),
        ("GET", "", false),
    ] {
        let got = ask(method, fields);
        let origin = got.field("Access-Control-Allow-Origin");
        assert_eq!(origin.is_some(), allowed, "{method} {fields}");
        let mut lines = got.fields.lines();
        assert!(
            lines.any(|line| line == "Vary: Origin"),
            "{method} {fields}"
        );
    }
}

#[test]
fn content_longer_than_the_route_lets_in_is_refused() {
    let mut echo = route("/echo");
    echo.handler = HandlerName::Echo;
    echo.settings.content_octets_max = Some(10);
    let mut world = World::with_routes(vec![echo]);
    world.config.limits.content_octets_max = 20;
    let ask = |octets| {
        world
            .ask_as("POST /echo HTTP/1.1\r\nHost: a\r\n\r\n", |exchange| {
                exchange.content = semantics::ContentLength::Exactly(octets);
                // Nothing of it comes: only the head is judged.
                exchange.content = match octets {
                    0..=10 => semantics::ContentLength::None,
                    octets => semantics::ContentLength::Exactly(octets),
                };
            })
            .status
    };
    assert_eq!((ask(10), ask(11)), (200, 413));
}

#[test]
fn a_listener_lets_in_what_any_route_does() {
    let mut big = route("/big");
    big.settings.content_octets_max = Some(1000);
    let mut world = World::with_routes(vec![big]);
    world.config.limits.content_octets_max = 20;
    assert_eq!(content_octets_max(&world.config), 1000);
    let got = world.ask_as("POST /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", |exchange| {
        exchange.content = semantics::ContentLength::Exactly(21);
    });
    assert_eq!(got.status, 413);
}

#[test]
fn what_cannot_be_served_says_so_before_it_is() {
    let errors = |route: RouteConfig| {
        World::with_routes(vec![route])
            .sites()
            .unwrap_err()
            .to_string()
    };
    assert!(errors(redirect("/", "https://{path}", 301)).contains("the host"));
    assert!(errors(redirect("/", "/x", 300)).contains("300"));
    assert!(errors(rewrite("/", "/{page}")).contains("{page}"));
    assert!(errors(tried("/", &["=200"])).contains("200"));
    let mut closed = route("/");
    closed.settings.auth = Some("staff".to_owned());
    assert!(errors(closed).contains("staff"));
}

#[test]
fn a_path_that_a_client_words_is_not_tried_beyond_what_lets_it_in() {
    let mut closed = route("/dir");
    closed.settings.allow = networks(&["10.0.0.0/8"]);
    let mut open = route("/dir/open");
    open.settings.allow = networks(&["0.0.0.0/0"]);
    let mut world = World::with_routes(vec![
        closed,
        open,
        tried("/try", &["{rest}", "/a.txt"]),
        tried("/said", &["/dir/b.txt"]),
    ]);
    fs::create_dir(world._folder.path().join("site/dir/open")).unwrap();
    fs::write(world._folder.path().join("site/dir/open/c"), "c").unwrap();
    assert_eq!(world.get("/dir/b.txt").status, 403);
    assert_eq!(world.get("/try/new/a.txt").content, "new a");
    for target in ["/try/dir/b.txt", "/try//dir/b.txt", "/try/dir", "/try/dir/"] {
        assert_eq!(world.get(target).content, "a", "{target}");
    }
    assert_eq!(world.get("/said").content, "b", "the configuration says so");
    assert_eq!(world.get("/try/dir/open/c").content, "a");
    world.config.sites[0].routes[1].settings.allow = Some(Vec::new());
    assert_eq!(world.get("/try/dir/open/c").content, "c");
}

#[test]
fn the_direct_way_leads_where_the_long_one_does() {
    let mut world = many();
    world.config.sites.push(Site {
        root: world.config.sites[0].root.clone(),
        settings: Settings {
            cors: Some(Cors {
                origins: strings(&["https://b.example"]),
                ..Cors::default()
            }),
            set_fields: fields(&[("X-Set", "1")]),
            ..Settings::default()
        },
        ..Site::default()
    });
    let sites = world.sites().unwrap();
    let mut direct = 0;
    for method in ["GET", "HEAD", "OPTIONS", "POST", "TRACE", "BREW"] {
        for host in ["a.example", "tls.example", "none.example", "other"] {
            for target in [
                "/a.txt",
                "/",
                "/dir",
                "/none",
                "/app/x",
                "/echo",
                "/try/a.txt",
                "/.secret",
            ] {
                for fields in ["", "Origin: https://b.example\r\n", "Range: bytes=0-0\r\n"] {
                    let request =
                        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
                    let long = with_exchange(&request, |exchange| {
                        net::run_alone(async { got(sites.handle_any(exchange).response().await) })
                    });
                    let short = with_exchange(&request, |exchange| {
                        let (route, _) = sites.direct_route(exchange)?;
                        route.direct(exchange.is_secured)?;
                        let answer = sites.handle(exchange);
                        Some(net::run_alone(async { got(answer.response().await) }))
                    });
                    direct += usize::from(short.is_some());
                    if let Some(short) = short {
                        assert_eq!(short, long, "{request}");
                    }
                }
            }
        }
    }
    assert!(direct > 50, "{direct}");
}

/// A route that nobody here may ask.
fn closed(path: &str) -> RouteConfig {
    let mut route = route(path);
    route.settings.allow = networks(&["192.0.2.0/24"]);
    route
}

#[test]
fn a_closed_file_is_no_answer_for_another_path() {
    let mut world = World::with_routes(vec![
        closed("/index.html"),
        closed("/papers/paper.en.html"),
        closed("/papers/plan.html"),
        closed("/papers/index.html"),
        tried("/tried", &["/papers{rest}", "/papers/index.html"]),
    ]);
    world.config.sites[0].index = strings(&["index.html"]);
    world.config.sites[0].settings.negotiate = Some(true);
    // table: target, status, content of 200
    for (target, status, content) in [
        ("/index.html", 403, ""),
        ("/", 403, ""),
        ("/index", 404, ""),
        ("/dir/", 200, "dir index"),
        ("/papers/", 403, ""),
        ("/papers/paper", 200, "paper"),
        ("/papers/paper.html", 200, "paper"),
        ("/papers/paper.en.html", 403, ""),
        ("/papers/paper.en", 404, ""),
        ("/papers/plan", 404, ""),
        ("/papers/plan.html", 403, ""),
        ("/tried/paper", 200, "paper"),
        // What the route itself names is meant.
        ("/tried/plan", 200, "papers"),
        ("/tried/", 200, "papers"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Language: en\r\n\r\n");
        let got = world.ask(&request);
        assert_eq!(got.status, status, "{target}: {got:?}");
        if status == 200 {
            assert_eq!(got.content, content, "{target}");
        }
    }
}

#[test]
fn a_closed_file_is_the_answer_for_who_comes_through_as_closed_a_route() {
    let open = |mut route: RouteConfig| {
        route.settings.allow = networks(&["127.0.0.0/8"]);
        route
    };
    let mut world = World::with_routes(vec![
        open(route("/papers")),
        open(route("/papers/index.html")),
        open(route("/papers/plan.html")),
    ]);
    world.config.sites[0].index = strings(&["index.html"]);
    world.config.sites[0].settings.negotiate = Some(true);
    for (target, content) in [("/papers/", "papers"), ("/papers/plan", "plan")] {
        assert_eq!(world.get(target).content, content, "{target}");
    }
}

#[test]
fn below_a_root_of_its_own_a_closed_file_is_no_answer_for_another_path_either() {
    let mut world = World::with_routes(vec![closed("/app/index.html"), closed("/app/main.js")]);
    let root = world.config.sites[0].root.clone().unwrap();
    let app = Some(root.parent().unwrap().join("app"));
    let of_app = |path: &str| RouteConfig {
        root: app.clone(),
        ..route(path)
    };
    world.config.sites[0].index = strings(&["index.html"]);
    world.config.sites[0].settings.negotiate = Some(true);
    world.config.sites[0].routes.push(of_app("/app"));
    world.config.sites[0].routes.push(of_app("/other"));
    // table
    for (target, status) in [
        ("/app/", 403),
        ("/app/main", 404),
        ("/app/main.js", 403),
        ("/other/", 200),
        ("/other/main", 200),
    ] {
        assert_eq!(world.get(target).status, status, "{target}");
    }
}
