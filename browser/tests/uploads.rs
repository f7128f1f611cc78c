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
