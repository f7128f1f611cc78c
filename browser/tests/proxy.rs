//! A real user agent goes through the forward proxy: by http, and by tunnels for https.

use std::collections::BTreeSet;

use hansom_browser::{Browser, Exchange, Server, Settings, repository, wait_for};

const TILES: usize = 60;
/// What Chromium opens to one server at most, by one proxy.
const CONNECTIONS_MAX: usize = 6;

/// The demo site behind a proxy, and a browser that goes through it.
struct Between {
    server: Server,
    proxy: Server,
    browser: Browser,
}

impl Between {
    fn start(args: &[&str]) -> Self {
        let server = Server::start_in(&repository(), args);
        let (_, port) = server.at("").rsplit_once(':').map(owned).expect("a port");
        let allowed = ["--allow-private", "--allow-port", &port];
        let proxy = Server::proxy(&repository(), &allowed);
        let by = format!("--proxy-server={}", proxy.at(""));
        // By itself it does not ask a proxy for loopback.
        let arguments = [by.as_str(), "--proxy-bypass-list=<-loopback>"];
        let browser = Browser::start_with(Settings {
            arguments: &arguments,
            ..Settings::default()
        });
        Self {
            server,
            proxy,
            browser,
        }
    }

    /// Opens the page and waits for its images; gives what the server has logged of them.
    fn load(&self) -> Vec<Exchange> {
        self.browser.open(self.server.url());
        wait_for("all images", || {
            let script = "[...document.images].filter((image) => image.complete && image.naturalWidth > 0).length";
            let loaded = self.browser.try_value(script)?;
            match loaded == TILES {
                true => Ok(()),
                false => Err(format!("{loaded} images are complete")),
            }
        });
        wait_for("sixty images in the log", || {
            let mut log = self.server.log_after(0);
            log.retain(Exchange::is_tile);
            match log.len() {
                TILES => Ok(log),
                other => Err(format!("{other} images in the log")),
            }
        })
    }
}

fn owned((left, right): (&str, &str)) -> (String, String) {
    (left.to_owned(), right.to_owned())
}

fn connections(log: &[Exchange]) -> usize {
    let all: BTreeSet<_> = log.iter().map(|exchange| exchange.connection).collect();
    all.len()
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_page_by_http_uses_few_connections_on_both_sides() {
    let between = Between::start(&[]);
    let tiles = between.load();
    assert!(tiles.iter().all(|tile| tile.status == 200), "{tiles:#?}");
    assert!(connections(&tiles) <= CONNECTIONS_MAX, "{tiles:#?}");
    let url = between.server.url();
    let through = wait_for("the images in the log of the proxy", || {
        let mut log = between.proxy.log_after(0);
        log.retain(|exchange| exchange.target.starts_with(&format!("{url}tiles/")));
        match log.len() {
            TILES => Ok(log),
            other => Err(format!("{other} images")),
        }
    });
    assert!(
        through
            .iter()
            .all(|exchange| exchange.method == "GET" && exchange.status == 200)
    );
    assert!(connections(&through) <= CONNECTIONS_MAX, "{through:#?}");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_page_by_https_comes_through_tunnels() {
    let between = Between::start(&["--tls-self-signed"]);
    let tiles = between.load();
    assert!(tiles.iter().all(|tile| tile.status == 200), "{tiles:#?}");
    let used = connections(&tiles);
    assert!(used <= CONNECTIONS_MAX, "{tiles:#?}");
    // What goes through a tunnel is in no log; the tunnels are, once they have ended.
    let Between {
        server,
        proxy,
        browser,
    } = between;
    drop(browser);
    let tunnels = wait_for("the tunnels in the log of the proxy", || {
        let mut log = proxy.log_after(0);
        log.retain(|exchange| server.at("").ends_with(&exchange.target));
        match log.len() >= used {
            true => Ok(log),
            false => Err(format!("{log:?}")),
        }
    });
    let is_tunnel = |exchange: &Exchange| exchange.method == "CONNECT" && exchange.status == 200;
    assert!(tunnels.iter().all(is_tunnel), "{tunnels:#?}");
}
