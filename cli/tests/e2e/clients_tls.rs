//! curl over TLS: certificates by name, versions, and certificates of clients.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::clients::{Said, curl_in};
use crate::harness::{Hansom, Place};

/// Makes an authority, and certificates by it: `NAME.pem` and `NAME.key`.
fn certificates(folder: &Path, names: &[&str]) {
    let openssl = |args: &[&str]| {
        let output = Command::new("openssl")
            .args(args)
            .current_dir(folder)
            .output()
            .expect("openssl is there");
        assert!(output.status.success(), "{args:?}: {output:?}");
    };
    let new = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let authority = [
        "req", "-x509", "-days", "90", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem",
    ];
    openssl(&[&authority[..], &new].concat());
    for name in names {
        let subject = format!("/CN={name}");
        let alternative = format!("subjectAltName=DNS:{name}");
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let request = [
            "req",
            "-x509",
            "-days",
            "90",
            "-subj",
            &subject,
            "-addext",
            &alternative,
        ];
        let made = [
            "-addext",
            "basicConstraints=CA:FALSE",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
        ];
        openssl(&[&request[..], &made, &new, &["-keyout", &key, "-out", &pem]].concat());
    }
}

const SECURED: &str = "\
[[listen]]
address = \"127.0.0.1:0\"
tls = true

[[tls]]
cert = \"a.example.pem\"
key = \"a.example.key\"

[[tls]]
cert = \"b.example.pem\"
key = \"b.example.key\"

[[tls]]
cert = \"c.example.pem\"
key = \"c.example.key\"
client_certificate = \"require\"
client_ca = \"ca.pem\"

[[tls]]
cert = \"d.example.pem\"
key = \"d.example.key\"
version_min = \"1.3\"

[[site]]
hosts = [\"a.example\"]
root = \"site/a\"

[[site]]
hosts = [\"b.example\"]
root = \"site/b\"

[[site]]
hosts = [\"c.example\", \"d.example\"]
root = \"site/c\"

[[site.route]]
path = \"/echo\"
handler = \"echo\"
";

struct Secured(Hansom);

impl Secured {
    fn new() -> Self {
        let mut place = Place::new().with("hansom.toml", SECURED);
        for name in ["a", "b", "c"] {
            place = place.with(&format!("site/{name}/who"), name);
        }
        certificates(
            place.path(),
            &["a.example", "b.example", "c.example", "d.example", "client"],
        );
        let mut command = place.command();
        command.args(["run", "--workers", "1"]);
        Self(place.start(command))
    }

    fn curl(&self, args: &[&str], name: &str, path: &str) -> Said {
        let port = self.0.address.port();
        let resolve = format!("{name}:{port}:127.0.0.1");
        let url = format!("https://{name}:{port}{path}");
        let own = ["--resolve", &resolve, &url];
        curl_in(self.0.folder(), &[args, &own].concat())
    }
}

#[test]
fn each_site_shows_its_own_certificate_by_the_name_asked_for() {
    let hansom = Secured::new();
    for (name, content) in [("a.example", "a"), ("b.example", "b")] {
        for version in [&["--tlsv1.3"][..], &["--tls-max", "1.2"], &[]] {
            let said = hansom.curl(&[&["--cacert", "ca.pem"], version].concat(), name, "/who");
            assert_eq!(
                (said.status, said.text().as_str()),
                (200, content),
                "{}",
                said.told
            );
        }
    }
    // A name without a certificate gets the first, which a careful client does not take.
    let said = hansom.curl(&["--cacert", "ca.pem"], "e.example", "/who");
    assert_eq!(said.code, Some(60), "{}", said.told);
    assert_eq!(hansom.curl(&["-k"], "e.example", "/who").status, 421);
    // Nobody vouches for the authority.
    assert_eq!(hansom.curl(&[], "a.example", "/who").code, Some(60));
}

#[test]
fn a_version_below_the_least_is_no_connection() {
    let hansom = Secured::new();
    let said = hansom.curl(
        &["--cacert", "ca.pem", "--tls-max", "1.2"],
        "d.example",
        "/who",
    );
    assert_eq!((said.status, said.code), (0, Some(35)), "{}", said.told);
    let said = hansom.curl(&["--cacert", "ca.pem"], "d.example", "/who");
    assert_eq!(said.status, 200, "{}", said.told);
    let said = hansom.curl(&["-k", "--tls-max", "1.1"], "a.example", "/who");
    assert_eq!((said.status, said.code), (0, Some(35)), "{}", said.told);
}

#[test]
fn who_must_show_a_certificate_and_has_one_is_let_in() {
    let hansom = Secured::new();
    let foreign = hansom.0.folder().join("foreign");
    fs::create_dir(&foreign).expect("a folder");
    certificates(&foreign, &["client"]);
    for version in [&[][..], &["--tls-max", "1.2"]] {
        let without = [&["--cacert", "ca.pem"], version].concat();
        let said = hansom.curl(&without, "c.example", "/who");
        assert_eq!(said.status, 0, "{said:?}");
        assert!([35, 56, 98].map(Some).contains(&said.code), "{said:?}");
        let with = [
            &["--cert", "client.pem", "--key", "client.key"],
            &without[..],
        ]
        .concat();
        let said = hansom.curl(&with, "c.example", "/who");
        assert_eq!(
            (said.status, said.text().as_str()),
            (200, "c"),
            "{}",
            said.told
        );
        let echo = hansom.curl(&with, "c.example", "/echo").echoed();
        assert!(echo["tls"].to_string().contains("client"), "{echo}");
        // A certificate that another authority made.
        let foreign = [
            "--cert",
            "foreign/client.pem",
            "--key",
            "foreign/client.key",
        ];
        let said = hansom.curl(&[&foreign, &without[..]].concat(), "c.example", "/who");
        assert_eq!(said.status, 0, "{said:?}");
    }
}

#[test]
fn two_sites_over_one_connection_are_answered_if_their_rules_are_alike() {
    let hansom = Secured::new();
    let port = hansom.0.address.port();
    let field = format!("Host: b.example:{port}");
    let said = hansom.curl(&["--cacert", "ca.pem", "-H", &field], "a.example", "/who");
    assert_eq!((said.status, said.text().as_str()), (200, "b"));
    let said = hansom.curl(
        &["--cacert", "ca.pem", "-H", "Host: c.example"],
        "a.example",
        "/who",
    );
    assert_eq!(said.status, 421);
}
