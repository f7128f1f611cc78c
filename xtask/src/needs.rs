//! What the tests need from the machine, and how it is installed.

use crate::Outcome;
use crate::shell;

/// A program that may be missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// Any one of these will do.
    programs: &'static [&'static str],
    /// Debian's and Ubuntu's name for what brings it.
    package: &'static str,
}

/// Makes sure that all of this is there; installs by apt what is missing if we may.
pub(crate) fn install(needs: &[Need]) -> Outcome {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let command = format!(
        "apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    let Some(prefix) = privilege() else {
        return Err(format!(
            "missing: {}. We may not install it; run: sudo apt-get update && sudo {command}",
            names(&missing)
        ));
    };
    let script =
        format!("{prefix}apt-get update; {prefix}env DEBIAN_FRONTEND=noninteractive {command}");
    let installed = shell::run(&mut shell::program("sh", ["-c", &script]));
    match self::missing(&missing).as_slice() {
        [] => Ok(()),
        left => Err(format!(
            "still missing: {}. Run by hand: {prefix}{command}{}",
            names(left),
            installed.map_or_else(|reason| format!(" ({reason})"), |()| String::new())
        )),
    }
}

/// Installs cargo-nextest if it is absent; says whether it is there in the end.
pub(crate) fn nextest() -> bool {
    let probe = || shell::output(&mut shell::cargo(["nextest", "--version"])).is_some();
    if probe() {
        return true;
    }
    let mut install = shell::cargo(["install", "--locked", "cargo-nextest", "--version", NEXTEST]);
    // It is built once and runs our tests, not itself: the time to build it is what counts.
    install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    install
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS");
    let outcome = shell::run(&mut install);
    if outcome.is_ok() && probe() {
        return true;
    }
    eprintln!(
        "cargo-nextest {NEXTEST} cannot be installed with this toolchain ({outcome:?}); using `cargo test`"
    );
    false
}

/// Makes sure that rustfmt and clippy are there.
pub(crate) fn components() -> Outcome {
    let absent: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .iter()
        .filter(|(verb, _)| shell::output(&mut shell::cargo([verb, "--version"])).is_none())
        .map(|(_, component)| *component)
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    let mut add = shell::program("rustup", ["component", "add"]);
    add.args(&absent);
    shell::run(&mut add).map_err(|reason| format!("missing: {}; {reason}", absent.join(", ")))
}

fn missing(needs: &[Need]) -> Vec<Need> {
    let absent = |need: &&Need| !need.programs.iter().any(|name| shell::has(name));
    needs.iter().filter(absent).copied().collect()
}

/// What to put before a command that needs root; none if we are not allowed or there is no apt.
fn privilege() -> Option<&'static str> {
    if !shell::has("apt-get") {
        return None;
    }
    let user = shell::output(&mut shell::program("id", ["-u"]))?;
    if user.trim() == "0" {
        return Some("");
    }
    shell::output(&mut shell::program("sudo", ["-n", "true"])).map(|_| "sudo -n ")
}

fn names(needs: &[Need]) -> String {
    let first: Vec<&str> = needs
        .iter()
        .filter_map(|need| need.programs.first().copied())
        .collect();
    first.join(", ")
}

/// The version of cargo-nextest that is installed where there is none; it needs rustc 1.91.
const NEXTEST: &str = "0.9.151";

pub(crate) const C_COMPILER: Need = need(&["cc"], "gcc");
pub(crate) const CXX_COMPILER: Need = need(&["c++"], "g++");
pub(crate) const CHROMIUM: Need = need(
    &["chromium", "chromium-browser", "google-chrome"],
    "chromium fonts-liberation",
);
pub(crate) const CHROMEDRIVER: Need = need(&["chromedriver"], "chromium-driver");
/// Sessions that machines share.
pub(crate) const REDIS: Need = need(&["redis-server"], "redis-server");
/// An application behind FastCGI.
pub(crate) const PHP: Need = need(
    &[
        "php-fpm",
        "php-fpm8.1",
        "php-fpm8.2",
        "php-fpm8.3",
        "php-fpm8.4",
        "php-fpm8.5",
    ],
    "php-fpm",
);
pub(crate) const PYTHON: Need = need(&["python3"], "python3");
/// The other side of WebSocket, written by others.
pub(crate) const WEBSOCKETS: Need = need(
    &["/usr/lib/python3/dist-packages/websockets/__init__.py"],
    "python3-websockets",
);
pub(crate) const VALGRIND: Need = need(&["valgrind"], "valgrind");
pub(crate) const WRK: Need = need(&["wrk"], "wrk");
pub(crate) const CURL: Need = need(&["curl"], "curl");
pub(crate) const WGET: Need = need(&["wget"], "wget");
pub(crate) const OPENSSL: Need = need(&["openssl"], "openssl");
pub(crate) const SOCKET_STATISTICS: Need = need(&["ss"], "iproute2");
/// Between clients and servers, for the PROXY protocol.
pub(crate) const HAPROXY: Need = need(&["haproxy"], "haproxy");
pub(crate) const NGINX: Need = need(&["nginx"], "nginx-light");
pub(crate) const LIGHTTPD: Need = need(&["lighttpd"], "lighttpd");
pub(crate) const H2O: Need = need(&["h2o"], "h2o");

const fn need(programs: &'static [&'static str], package: &'static str) -> Need {
    Need { programs, package }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_missing() {
        assert!(missing(&[need(&["no-such-program", "sh"], "dash")]).is_empty());
    }

    #[test]
    fn what_is_absent_is_named() {
        let absent = missing(&[need(&["no-such-program"], "x"), need(&["sh"], "dash")]);
        assert_eq!(names(&absent), "no-such-program");
    }
}
