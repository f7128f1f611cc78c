//! A real user agent uploads files: by the page's script, and by its form alone.

use std::fs;
use std::path::PathBuf;

use hansom_browser::{Browser, Server, out_folder, wait_for};

/// A folder of its own, served with uploads.
struct World {
    folder: PathBuf,
    server: Server,
    browser: Browser,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = out_folder().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let server = Server::start_in(&folder, &[".", "--uploads", "--browse"]);
        Self {
            folder,
            server,
            browser: Browser::start(),
        }
    }

    fn open(&self, target: &str) {
        let url = self.server.url().trim_end_matches('/');
        self.browser.open(&format!("{url}{target}"));
    }

    /// Chooses a file in the form, as a person would; `then` is what follows.
    fn choose(&self, name: &str, content: &str, then: &str) {
        let script = format!(
            "(() => {{ const files = new DataTransfer(); files.items.add(new File([{content:?}], {name:?})); \
             const input = document.querySelector('#upload input'); input.files = files.files; {then}; return 1; }})()"
        );
        assert_eq!(self.browser.value(&script), 1);
    }

    /// Waits until the last file in the list has this note.
    fn noted(&self, note: &str) {
        let script = "[...document.querySelectorAll('#upload li small')].pop()?.textContent ?? ''";
        wait_for(note, || {
            let seen = self.browser.try_value(script)?;
            match seen == note {
                true => Ok(()),
                false => Err(seen.to_string()),
            }
        });
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).expect("the file")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const CHANGE: &str = "input.dispatchEvent(new Event('change'))";

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_page_stores_a_file_and_asks_before_it_replaces_one() {
    let world = World::new("page");
    world.open("/?upload");
    world.choose("a ü%<b>.txt", "one", CHANGE);
    world.noted("Stored");
    assert_eq!(world.read("a ü%<b>.txt"), "one");
    world.choose("a ü%<b>.txt", "two", CHANGE);
    world.noted("There is a file of this name.");
    assert_eq!(world.read("a ü%<b>.txt"), "one");
    world.browser.click("#upload li:last-child button");
    world.noted("Replaced");
    assert_eq!(world.read("a ü%<b>.txt"), "two");
    // A style or script that the policy forbids would be told here; 412 is told as a failed load.
    let told = world.browser.console();
    assert!(
        !told
            .iter()
            .any(|line| line.contains("Content Security Policy")),
        "{told:?}"
    );
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_listing_shows_what_was_uploaded_there() {
    let world = World::new("listing");
    world.open("/");
    world.choose("new.txt", "one", CHANGE);
    wait_for("the list to have the file", || {
        let seen = world
            .browser
            .try_value("document.querySelector('table').textContent")?;
        match seen.as_str().is_some_and(|text| text.contains("new.txt")) {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    });
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_form_works_without_its_script() {
    let world = World::new("form");
    world.open("/?upload");
    // What the script listens for is not called.
    world.choose("a \"b\".txt", "one", "input.form.submit()");
    wait_for("the folder to be shown", || {
        let seen = world
            .browser
            .try_value("location.pathname + location.search")?;
        let is_listed = world
            .browser
            .try_value("document.querySelector('table') ? 1 : 0")?
            == 1;
        match seen == "/" && is_listed {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    });
    assert_eq!(world.read("a \"b\".txt"), "one");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn several_files_are_chosen_at_once_and_all_are_stored() {
    let world = World::new("several");
    let chosen = tempfile::tempdir().expect("a folder");
    let names: Vec<_> = (0..5).map(|n| format!("file {n}.txt")).collect();
    let paths: Vec<_> = names
        .iter()
        .map(|name| {
            let path = chosen.path().join(name);
            fs::write(&path, format!("content of {name}")).expect("a file");
            path.display().to_string()
        })
        .collect();
    world.open("/?upload");
    world.browser.type_into("#upload input", &paths.join("\n"));
    let script =
        "[...document.querySelectorAll('#upload li small')].map((note) => note.textContent)";
    wait_for("all to be stored", || {
        let seen = world.browser.try_value(script)?;
        match seen == serde_json::json!(vec!["Stored"; 5]) {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    });
    for name in &names {
        assert_eq!(world.read(name), format!("content of {name}"));
    }
    assert_eq!(world.browser.console(), Vec::<String>::new());
}

/// 12 MiB at 2 MiB/s.
const LARGE: &str = "(() => { const files = new DataTransfer(); \
    files.items.add(new File([new Uint8Array(12 << 20).fill(97)], 'large.bin')); \
    files.items.add(new File(['small'], 'small.txt')); \
    const input = document.querySelector('#upload input'); input.files = files.files; \
    window.seen = new Set(); \
    new MutationObserver(() => { const bar = document.querySelector('#upload progress'); if (bar) seen.add(bar.value); }) \
        .observe(document.querySelector('#upload ul'), {subtree: true, attributes: true, childList: true, characterData: true}); \
    input.dispatchEvent(new Event('change')); return 1; })()";

fn slow_down(browser: &Browser) {
    browser.devtools("Network.enable", serde_json::json!({}));
    browser.devtools(
        "Network.emulateNetworkConditions",
        serde_json::json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2 << 20}),
    );
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_bar_of_a_large_file_moves_until_it_is_stored() {
    let world = World::new("bar");
    world.open("/?upload");
    slow_down(&world.browser);
    assert_eq!(world.browser.value(LARGE), 1);
    wait_for("the bar to be under way", || {
        let seen = world
            .browser
            .try_value("document.querySelector('#upload progress').value")?;
        match seen
            .as_f64()
            .is_some_and(|value| value > 0.0 && value < 1.0)
        {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    });
    // Not visible before it is whole.
    assert!(!world.folder.join("large.bin").exists());
    world.browser.screenshots(&out_folder(), "upload");
    wait_for("it to be stored", || {
        match world.browser.text("#upload li:first-child small")?.as_str() {
            "Stored" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    let steps = world
        .browser
        .value("[...seen].filter((value) => value > 0 && value < 1).length");
    assert!(steps.as_u64() >= Some(3), "{steps} steps");
    assert_eq!(world.read("large.bin").len(), 12 << 20);
    world.choose("large.bin", "another", CHANGE);
    world.noted("There is a file of this name.");
    world.browser.screenshots(&out_folder(), "upload-asks");
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn an_upload_that_is_cancelled_leaves_nothing() {
    let world = World::new("cancel");
    world.open("/?upload");
    slow_down(&world.browser);
    assert_eq!(world.browser.value(LARGE), 1);
    world.browser.click("#upload li:first-child button");
    wait_for("it to be cancelled", || {
        match world.browser.text("#upload li:first-child small")?.as_str() {
            "Cancelled" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    world.noted("Stored");
    let names: Vec<_> = fs::read_dir(&world.folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["small.txt"]);
}

#[test]
#[ignore = "needs chromium; run by `cargo xtask browser`"]
fn the_listing_with_its_form_fits_its_window() {
    let world = World::new("looks");
    for (name, octets) in [
        ("readme.txt", 300),
        (
            "A rather long name of a file that somebody took from another system, with its date 2026-11-24.tar.gz",
            40_000,
        ),
        ("photo.jpg", 3_000_000),
    ] {
        fs::write(world.folder.join(name), vec![b'a'; octets]).expect("a file");
    }
    fs::create_dir(world.folder.join("papers")).expect("a folder");
    world.open("/");
    world.browser.screenshots(&out_folder(), "listing");
    assert_eq!(world.browser.console(), Vec::<String>::new());
    world.open("/papers/");
    world.browser.screenshots(&out_folder(), "listing-empty");
}
