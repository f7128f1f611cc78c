//! `hansom htpasswd` as a user meets it, by standard input.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("users")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("a file")
    }

    /// Runs it on the file `users`: the exit code, and all it said.
    fn htpasswd(&self, args: &[&str], input: &str) -> (i32, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hansom"))
            .args(["htpasswd", "users"])
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        // A run that is refused may end without reading.
        let _ = child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().expect("a code"),
            String::from_utf8(said).expect("text"),
        )
    }
}

#[test]
fn a_password_is_written_and_verified() {
    let place = Place::new();
    assert_eq!(
        place.htpasswd(&["anna", "--stdin"], "open sesame\n"),
        (0, "users: added anna\n".to_owned())
    );
    assert!(
        place.text().starts_with("anna:$argon2id$"),
        "{}",
        place.text()
    );
    let verified = place.htpasswd(&["anna", "--verify"], "open sesame");
    assert_eq!(verified, (0, "users: right password for anna\n".to_owned()));
    let (code, said) = place.htpasswd(&["anna", "--verify"], "close sesame");
    assert_eq!((code, said.contains("wrong password")), (3, true), "{said}");
}

#[test]
fn bcrypt_is_as_apache_writes_it_and_a_user_can_be_deleted() {
    let place = Place::new();
    place.htpasswd(&["anna", "--bcrypt"], "a\r\n");
    place.htpasswd(&["bert", "--bcrypt"], "b");
    assert!(place.text().starts_with("anna:$2y$12$"), "{}", place.text());
    assert_eq!(place.htpasswd(&["anna", "--verify"], "a").0, 0);
    assert_eq!(
        place.htpasswd(&["anna", "--delete"], ""),
        (0, "users: deleted anna\n".to_owned())
    );
    assert!(place.text().starts_with("bert:"), "{}", place.text());
    assert_eq!(place.htpasswd(&["anna", "--delete"], "").0, 1);
}

#[test]
fn mistakes_are_told_and_change_nothing() {
    let place = Place::new();
    for (args, input, because) in [
        (&["anna"][..], "", "empty"),
        (&["an:na"], "x", "no user can be called so"),
        (&["anna", "--bcrypt"], &"x".repeat(73)[..], "72"),
        (
            &["anna", "--delete", "--verify"],
            "x",
            "cannot be used with",
        ),
    ] {
        let (code, said) = place.htpasswd(args, input);
        assert_eq!((code, said.contains(because)), (2, true), "{said}");
    }
    assert!(!place.file().exists());
    assert_eq!(place.htpasswd(&["anna", "--delete"], "").0, 1);
}

#[test]
fn a_file_that_the_server_would_refuse_is_not_verified() {
    let place = Place::new();
    fs::write(place.file(), "anna:open sesame\n").expect("written");
    let (code, said) = place.htpasswd(&["anna", "--verify"], "open sesame");
    assert_eq!(
        (code, said.contains("line 1") && said.contains("plain text")),
        (2, true),
        "{said}"
    );
}
