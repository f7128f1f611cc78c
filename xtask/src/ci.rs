//! `ci`, `check`, `e2e` and `browser`: everything that must hold before a change is taken.

use std::path::PathBuf;
use std::process::Command;

use crate::needs;
use crate::steps::{Steps, Tally};
use crate::{Outcome, shell, tidy};

/// Everything, in the order in which a mistake is cheapest to find.
pub(crate) fn ci(_: &[String]) -> Outcome {
    let mut steps = Steps::default();
    let mut runner = Runner::Libtest;
    steps.step("install", |_| {
        runner = Runner::installed();
        needs::components()?;
        needs::install(&CI)
    });
    lint(&mut steps);
    if steps.step("build", |_| {
        shell::run(&mut workspace(["build", "--all-targets"]))
    }) {
        steps.step("test", |tally| test(runner, tally));
        steps.step("doc tests", |tally| {
            counted(workspace(["test", "--doc"]), tally)
        });
        steps.step("beside", |_| check_beside());
        if steps.step("release", |_| release_build().map(drop)) {
            steps.step("e2e", |tally| runner.end_to_end(&[], tally));
            steps.step("browser", |tally| runner.browser(&[], tally));
        }
    }
    steps.finish()
}

/// What is worth knowing before every commit.
pub(crate) fn check(_: &[String]) -> Outcome {
    let mut steps = Steps::default();
    lint(&mut steps);
    let runner = Runner::present();
    steps.step("unit tests", |tally| {
        counted(runner.workspace(["--lib", "--bins"]), tally)
    });
    steps.finish()
}

/// The tests of the real program.
pub(crate) fn end_to_end(arguments: &[String]) -> Outcome {
    let mut steps = Steps::default();
    if steps.step("release", |_| release_build().map(drop)) {
        steps.step("e2e", |tally| {
            Runner::present().end_to_end(arguments, tally)
        });
    }
    steps.finish()
}

/// The tests with a real browser.
pub(crate) fn browser(arguments: &[String]) -> Outcome {
    needs::install(&[needs::CHROMIUM, needs::CHROMEDRIVER, needs::WEBSOCKETS])?;
    let mut steps = Steps::default();
    if steps.step("release", |_| release_build().map(drop)) {
        steps.step("browser", |tally| {
            Runner::present().browser(arguments, tally)
        });
    }
    steps.finish()
}

/// Builds the program for release; says where it lies.
pub(crate) fn release_build() -> Result<PathBuf, String> {
    shell::run(&mut shell::cargo([
        "build",
        "--release",
        "--package",
        "hansom",
    ]))?;
    Ok(release_binary())
}

fn lint(steps: &mut Steps) {
    steps.step("tidy", |_| tidy::tidy(&[]));
    steps.step("fmt", |_| format_check());
    steps.step("clippy", |_| {
        let mut clippy = shell::cargo(["clippy", "--workspace", "--all-targets"]);
        shell::run(clippy.args(["--", "-D", "warnings"]))
    });
}

fn format_check() -> Outcome {
    let mut outcome = shell::run(&mut shell::cargo(["fmt", "--all", "--", "--check"]));
    for manifest in BESIDE {
        let mut format = shell::cargo(["fmt", "--manifest-path", manifest, "--", "--check"]);
        outcome = outcome.and(shell::run(&mut format));
    }
    outcome
}

/// The workspaces beside the main one compile, so that fuzzing and benchmarks do not rot.
fn check_beside() -> Outcome {
    for manifest in BESIDE {
        let mut check = shell::cargo(["check", "--all-targets", "--manifest-path", manifest]);
        check
            .arg("--target-dir")
            .arg(shell::target_dir().join("beside"));
        shell::run(&mut check)?;
    }
    Ok(())
}

/// All tests but those of the real program and of the browser, which have their own steps.
fn test(runner: Runner, tally: &mut Tally) -> Outcome {
    let command = match runner {
        Runner::Nextest => runner.workspace(["-E", "not (package(=hansom) and kind(test))"]),
        Runner::Libtest => runner.workspace(["--exclude", "hansom", "--all-targets"]),
    };
    counted(command, tally)
}

fn counted(mut command: Command, tally: &mut Tally) -> Outcome {
    shell::run_reading(&mut command, |line| tally.read(line))
}

/// A cargo command for the whole workspace except the browser's tests.
fn workspace<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = shell::cargo(arguments);
    command.arg("--workspace");
    if shell::root().join("browser/Cargo.toml").exists() {
        command.args(["--exclude", BROWSER]);
    }
    command
}

fn release_binary() -> PathBuf {
    shell::target_dir().join("release").join("hansom")
}

/// Who runs the tests.
#[derive(Clone, Copy, Debug)]
enum Runner {
    Nextest,
    Libtest,
}

impl Runner {
    /// Nextest, installed if need be.
    fn installed() -> Self {
        if needs::nextest() {
            Self::Nextest
        } else {
            Self::Libtest
        }
    }

    /// Nextest if it is there.
    fn present() -> Self {
        let version = shell::output(&mut shell::cargo(["nextest", "--version"]));
        version.map_or(Self::Libtest, |_| Self::Nextest)
    }

    fn workspace<const N: usize>(self, arguments: [&str; N]) -> Command {
        let mut command = match self {
            Self::Nextest => workspace(["nextest", "run", "--no-fail-fast"]),
            Self::Libtest => workspace(["test", "--no-fail-fast"]),
        };
        command.args(arguments);
        command
    }

    fn end_to_end(self, arguments: &[String], tally: &mut Tally) -> Outcome {
        let mut command = self.package("hansom");
        if matches!(self, Self::Nextest) {
            command.args(["-E", "kind(test)"]);
        }
        counted_on_release(command, arguments, tally)
    }

    fn browser(self, arguments: &[String], tally: &mut Tally) -> Outcome {
        // They are marked as ignored, so that a run of all tests does without a browser.
        let mut tests = self.package(BROWSER);
        match self {
            Self::Nextest => tests.args(["--run-ignored", "all"]),
            Self::Libtest => tests.args(["--", "--include-ignored"]),
        };
        counted_on_release(tests, arguments, tally)
    }

    fn package(self, name: &str) -> Command {
        match self {
            Self::Nextest => shell::cargo(["nextest", "run", "--no-fail-fast", "--package", name]),
            Self::Libtest => shell::cargo(["test", "--no-fail-fast", "--package", name]),
        }
    }
}

/// Runs tests of the program that was built for release; without a single test it fails.
fn counted_on_release(mut command: Command, arguments: &[String], tally: &mut Tally) -> Outcome {
    command.args(arguments).env("HANSOM_BIN", release_binary());
    counted(command, tally)?;
    tally.some()
}

const BROWSER: &str = "hansom-browser";

/// Workspaces of their own.
const BESIDE: [&str; 3] = [
    "fuzz/Cargo.toml",
    "bench/floor/Cargo.toml",
    "bench/parser/Cargo.toml",
];

const CI: [needs::Need; 13] = [
    needs::C_COMPILER,
    needs::CXX_COMPILER,
    needs::CHROMIUM,
    needs::CHROMEDRIVER,
    needs::REDIS,
    needs::CURL,
    needs::WGET,
    needs::OPENSSL,
    needs::NGINX,
    needs::HAPROXY,
    needs::WEBSOCKETS,
    needs::PHP,
    needs::PYTHON,
];
