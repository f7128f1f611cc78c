//! A real user agent loads the demo site: sixty small images, and the page that explains their requests.

use std::collections::BTreeSet;

use hansom_browser::{Browser, Exchange, Scheme, Server, View, out_folder, wait_for};

const TILES: usize = 60;
/// What Chromium opens to one host at most; RFC 9112 §9.4 names no number.
const CONNECTIONS_MAX: usize = 6;

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn every_image_of_the_first_load_comes_with_content() {
    let (server, browser) = start();
    first_load(&server, &browser);
    let tiles = tiles_of(&server, 0);
    assert_eq!(
        tiles
            .iter()
            .map(|tile| &tile.target)
            .collect::<BTreeSet<_>>()
            .len(),
        TILES,
        "each image has a target of its own"
    );
    assert!(
        tiles
            .iter()
            .all(|tile| tile.status == 200 && tile.method == "GET"),
        "{tiles:#?}"
    );
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_page_load_uses_at_most_six_connections() {
    let (server, browser) = start();
    first_load(&server, &browser);
    let connections = connections_in(&server.log_after(0));
    assert!(
        connections.len() <= CONNECTIONS_MAX,
        "connections {connections:?}"
    );
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn after_a_reload_every_image_is_validated_by_a_304() {
    let (server, browser) = start();
    first_load(&server, &browser);
    let seen = reload(&server, &browser);
    let tiles = tiles_of(&server, seen);
    assert_eq!(tiles.len(), TILES, "one request for each image");
    assert!(tiles.iter().all(|tile| tile.status == 304), "{tiles:#?}");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn a_reload_goes_over_connections_that_were_kept() {
    let (server, browser) = start();
    first_load(&server, &browser);
    let before = connections_in(&server.log_after(0));
    let seen = reload(&server, &browser);
    let after = connections_in(&server.log_after(seen));
    assert!(
        !before.is_disjoint(&after),
        "first {before:?}, then {after:?}"
    );
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_page_tells_what_the_log_tells() {
    let (server, browser) = start();
    first_load(&server, &browser);
    agree(&server, &browser, 0);
    let verdict = text(&browser, "#verdict");
    assert!(
        verdict.contains("All 60 images came with their content: 200."),
        "{verdict}"
    );

    let seen = reload(&server, &browser);
    agree(&server, &browser, seen);
    let verdict = text(&browser, "#verdict");
    assert!(verdict.contains("60 times: 304"), "{verdict}");
    assert!(number(&browser, "validated") >= TILES as u64, "{verdict}");
    assert!(
        number(&browser, "octets-saved") > 0,
        "the sizes of the copies are known"
    );
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_page_draws_a_mark_for_each_exchange_in_a_row_for_each_connection() {
    let (server, browser) = start();
    first_load(&server, &browser);
    agree(&server, &browser, 0);
    let drawn = |selector: &str| {
        browser
            .value(&format!("document.querySelectorAll({selector:?}).length"))
            .as_u64()
    };
    assert_eq!(drawn("#timeline .mark"), Some(number(&browser, "requests")));
    assert_eq!(
        drawn("#timeline g[data-connection]"),
        Some(number(&browser, "connections"))
    );
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_console_stays_empty() {
    let (server, browser) = start();
    first_load(&server, &browser);
    reload(&server, &browser);
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn without_an_account_of_the_server_the_page_says_so() {
    let (server, browser) = start();
    browser.devtools("Network.enable", serde_json::json!({}));
    browser.devtools(
        "Network.setBlockedURLs",
        serde_json::json!({"urls": ["*wire.json*"]}),
    );
    browser.open(server.url());
    wait_for("the page to give up", || {
        expect_text(&browser, "document.documentElement.dataset.wire", "absent")
    });
    let verdict = text(&browser, "#verdict");
    assert!(verdict.contains("cannot be shown"), "{verdict}");
    assert_eq!(
        browser.value("document.getElementById('wire').hidden"),
        true
    );
    wait_for("all images", || all_images_loaded(&browser));
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_page_fits_its_window_in_light_and_dark() {
    let (server, browser) = start();
    first_load(&server, &browser);
    screenshots(&browser, "first");
    reload(&server, &browser);
    screenshots(&browser, "again");
}

// ---- steps -------------------------------------------------------------------------------------------

fn start() -> (Server, Browser) {
    (Server::start(), Browser::start())
}

/// Loads the page and waits until its images and its account are there.
fn first_load(server: &Server, browser: &Browser) {
    browser.open(server.url());
    settled(server, browser, 0);
}

/// Presses "Load again"; gives how many exchanges had been logged before.
fn reload(server: &Server, browser: &Browser) -> usize {
    agree(server, browser, 0);
    let seen = server.log_len();
    browser.value("window.isOld = true");
    browser.click("#again");
    wait_for("the next page", || {
        match browser.try_value("window.isOld === undefined && document.readyState")? {
            state if state == "complete" => Ok(()),
            state => Err(state.to_string()),
        }
    });
    settled(server, browser, seen);
    seen
}

fn settled(server: &Server, browser: &Browser, seen: usize) {
    wait_for("all images", || all_images_loaded(browser));
    wait_for("the account of the wire", || {
        expect_text(browser, "document.documentElement.dataset.wire", "settled")
    });
    wait_for("sixty images in the log", || {
        match tiles_of(server, seen).len() {
            TILES => Ok(()),
            other => Err(format!("{other} images in the log")),
        }
    });
}

/// Waits until the numbers on the page are those of the log.
fn agree(server: &Server, browser: &Browser, seen: usize) {
    wait_for("page and log to agree", || {
        let log = server.log_after(seen);
        let count = |wanted: fn(&Exchange) -> bool| {
            log.iter().filter(|exchange| wanted(exchange)).count() as u64
        };
        let logged = [
            ("connections", connections_in(&log).len() as u64),
            ("requests", log.len() as u64),
            ("with-content", count(|exchange| exchange.status / 100 == 2)),
            ("validated", count(|exchange| exchange.status == 304)),
        ];
        let told = logged.map(|(id, _)| (id, number(browser, id)));
        if told == logged {
            Ok(())
        } else {
            Err(format!("the page tells {told:?}, the log {logged:?}"))
        }
    });
}

fn screenshots(browser: &Browser, name: &str) {
    for (scheme, shade) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
        for width in [1280, 400] {
            browser.look(View {
                width,
                height: 900,
                scheme,
            });
            let drawn = "document.querySelector('#timeline svg').viewBox.baseVal.width <= document.documentElement.clientWidth && innerWidth";
            wait_for("the timeline to follow the width", || {
                match browser.try_value(drawn)? {
                    value if value == width => Ok(()),
                    value => Err(value.to_string()),
                }
            });
            browser.screenshot(&out_folder().join(format!("{name}-{shade}-{width}.png")));
            let overflow = browser.value(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth",
            );
            assert_eq!(overflow, 0, "the page is wider than {width} pixels");
        }
    }
}

// ---- questions ---------------------------------------------------------------------------------------

fn all_images_loaded(browser: &Browser) -> Result<(), String> {
    let loaded = browser.try_value(
        "[...document.images].filter((image) => image.complete && image.naturalWidth > 0).length",
    )?;
    if loaded == TILES {
        Ok(())
    } else {
        Err(format!("{loaded} images are complete"))
    }
}

fn expect_text(browser: &Browser, expression: &str, wanted: &str) -> Result<(), String> {
    let value = browser.try_value(expression)?;
    if value == wanted {
        Ok(())
    } else {
        Err(value.to_string())
    }
}

fn tiles_of(server: &Server, seen: usize) -> Vec<Exchange> {
    server
        .log_after(seen)
        .into_iter()
        .filter(Exchange::is_tile)
        .collect()
}

fn connections_in(log: &[Exchange]) -> BTreeSet<u64> {
    log.iter().map(|exchange| exchange.connection).collect()
}

fn text(browser: &Browser, selector: &str) -> String {
    browser
        .value(&format!("document.querySelector({selector:?}).textContent"))
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn number(browser: &Browser, id: &str) -> u64 {
    let digits: String = text(browser, &format!("#{id}"))
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("#{id} holds no number"))
}
