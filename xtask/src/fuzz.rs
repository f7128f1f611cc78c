//! `fuzz`: coverage-guided fuzzing on the stable toolchain.
//!
//! What cargo-fuzz asks of a nightly compiler is, for coverage, the pass of LLVM that instruments every
//! edge; a stable rustc runs that pass by name. What stays behind is AddressSanitizer, which safe Rust
//! needs least. Seeds are read from `corpus/fuzz/TARGET/`, finds of this machine are kept in
//! `fuzz/corpus-local/TARGET/`, and what breaks a law lies in `fuzz/artifacts/TARGET/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::needs;
use crate::{Outcome, options, shell};

/// Runs all targets or one, and prints a table of what they did.
pub(crate) fn fuzz(arguments: &[String]) -> Outcome {
    if options::has(arguments, "--help") {
        print!("{HELP}");
        return Ok(());
    }
    let (seconds, rest) = options::take_number(arguments, "--seconds", 60)?;
    let (replay, rest) = options::take(&rest, "--replay")?;
    let (flags, named): (Vec<String>, Vec<String>) = rest
        .into_iter()
        .partition(|argument| argument.starts_with('-'));
    let targets = chosen(&named)?;
    needs::install(&[needs::C_COMPILER, needs::CXX_COMPILER])?;
    let folder = build(&targets)?;
    match (replay, targets.as_slice()) {
        (Some(file), [target]) => shell::run(Command::new(folder.join(target)).arg(file)),
        (Some(_), _) => Err("--replay needs one target".to_owned()),
        (None, _) => run_all(&folder, &targets, seconds, &flags),
    }
}

/// All targets of `fuzz/targets/`, or those that are named.
fn chosen(named: &[String]) -> Result<Vec<String>, String> {
    let all = targets()?;
    match named.iter().find(|name| !all.contains(name)) {
        Some(unknown) => Err(format!(
            "no target {unknown}; there are: {}",
            all.join(", ")
        )),
        None if named.is_empty() => Ok(all),
        None => Ok(named.to_vec()),
    }
}

fn targets() -> Result<Vec<String>, String> {
    let folder = shell::root().join("fuzz/targets");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = |entry: fs::DirEntry| Some(entry.path().file_stem()?.to_str()?.to_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
    names.sort();
    Ok(names)
}

/// Builds the targets with coverage; says in which folder they lie.
fn build(targets: &[String]) -> Result<PathBuf, String> {
    let version = shell::output(Command::new("rustc").arg("-vV")).unwrap_or_default();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("`rustc -vV` names no host")?;
    let folder = shell::target_dir().join("fuzz");
    let mut build = shell::cargo(["build", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    // With a --target the flags are not used for build scripts, which have nothing to link them to.
    build
        .args(["--target", host])
        .arg("--target-dir")
        .arg(&folder);
    build
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for target in targets {
        build.args(["--bin", target]);
    }
    shell::run(&mut build)?;
    Ok(folder.join(host).join("release"))
}

/// Runs the targets, as many at once as there are processors.
fn run_all(folder: &Path, targets: &[String], seconds: u32, flags: &[String]) -> Outcome {
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::new());
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    eprintln!(
        "{} targets, {seconds} s each, {at_once} at once",
        targets.len()
    );
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(targets.len()) {
            scope.spawn(|| {
                while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = run_one(&folder.join(target), target, seconds, flags);
                    if let Ok(mut reports) = reports.lock() {
                        reports.push(report);
                    }
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_default();
    reports.sort_by(|one, other| one.target.cmp(&other.target));
    conclude(&reports)
}

fn run_one(binary: &Path, target: &str, seconds: u32, flags: &[String]) -> Report {
    let root = shell::root();
    let local = root.join("fuzz/corpus-local").join(target);
    let seeds = root.join("corpus/fuzz").join(target);
    let artifacts = root.join("fuzz/artifacts").join(target);
    for folder in [&local, &seeds, &artifacts] {
        let _ = fs::create_dir_all(folder);
    }
    let before = files_in(&artifacts);
    let mut command = Command::new(binary);
    command.arg(&local).arg(&seeds).current_dir(&root);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={seconds}"));
    command.args(["-dict=fuzz/http.dict", "-print_final_stats=1"]);
    command
        .args(["-timeout=10", "-rss_limit_mb=1024"])
        .args(flags);
    let mut report = Report {
        target: target.to_owned(),
        ..Report::default()
    };
    let log = artifacts.with_extension("log");
    let ended = match fs::File::create(&log).and_then(|file| Ok((file.try_clone()?, file))) {
        Ok((out, err)) => command.stdout(out).stderr(err).status(),
        Err(error) => Err(error),
    };
    report.ended = match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{status}, see {}", log.display())),
        Err(error) => Err(error.to_string()),
    };
    String::from_utf8_lossy(&fs::read(&log).unwrap_or_default())
        .lines()
        .for_each(|line| report.read(line));
    report.crashes = files_in(&artifacts).difference(&before).cloned().collect();
    eprintln!("{target}: {} executions", report.executions);
    report
}

fn files_in(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// What one target did.
#[derive(Debug)]
struct Report {
    target: String,
    executions: u64,
    coverage_at_start: u64,
    coverage: u64,
    new: u64,
    crashes: Vec<PathBuf>,
    ended: Outcome,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            target: String::new(),
            executions: 0,
            coverage_at_start: 0,
            coverage: 0,
            new: 0,
            crashes: Vec::new(),
            ended: Ok(()),
        }
    }
}

impl Report {
    /// Reads a line of libFuzzer's output: `#12 NEW cov: 34 ...` and `stat::name: 56`.
    fn read(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("stat::number_of_executed_units:") => self.executions = number(words.next()),
            Some("stat::new_units_added:") => self.new = number(words.next()),
            Some(first) if first.starts_with('#') => {
                let event = words.next();
                let Some("cov:") = words.next() else { return };
                self.coverage = number(words.next());
                if event == Some("INITED") {
                    self.coverage_at_start = self.coverage;
                }
            }
            _ => {}
        }
    }
}

fn number(word: Option<&str>) -> u64 {
    word.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn conclude(reports: &[Report]) -> Outcome {
    println!(
        "\n{:<16} {:>12} {:>14} {:>6} {:>8}",
        "target", "executions", "coverage", "new", "crashes"
    );
    for report in reports {
        let coverage = format!("{} -> {}", report.coverage_at_start, report.coverage);
        println!(
            "{:<16} {:>12} {coverage:>14} {:>6} {:>8}",
            report.target,
            report.executions,
            report.new,
            report.crashes.len()
        );
    }
    for report in reports {
        for file in &report.crashes {
            let shown = file.strip_prefix(shell::root()).unwrap_or(file).display();
            println!(
                "\nreproduce: cargo xtask fuzz {} --replay {shown}",
                report.target
            );
        }
    }
    let failed: Vec<String> = reports.iter().filter_map(Report::failure).collect();
    match failed.as_slice() {
        [] => Ok(()),
        reasons => Err(reasons.join("; ")),
    }
}

impl Report {
    fn failure(&self) -> Option<String> {
        match &self.ended {
            Err(reason) => Some(format!("{}: {reason}", self.target)),
            Ok(()) if self.coverage < 2 => {
                Some(format!("{}: no coverage was counted", self.target))
            }
            Ok(()) => None,
        }
    }
}

/// Coverage of edges in counters beside the code, a table of their places, and the operands of compares.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
    "--cfg",
    "fuzzing",
];

const HELP: &str = "\
cargo xtask fuzz [TARGET..] [--seconds N] [-LIBFUZZER_FLAG=VALUE..]
cargo xtask fuzz TARGET --replay FILE

Runs every target of fuzz/targets (or those named) for N seconds each (60), as many at once as there
are processors. Seeds: corpus/fuzz/TARGET. Finds: fuzz/corpus-local/TARGET. Whatever breaks a law is
kept in fuzz/artifacts/TARGET, and the command that reproduces it is printed. Flags of libFuzzer are
passed on, for example -max_len=65536.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_the_fuzzer_is_read() {
        let mut report = Report::default();
        for line in [
            "#3\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 27Mb",
            "#79\tNEW    cov: 12 ft: 12 corp: 5/17b lim: 4 exec/s: 0 rss: 27Mb",
            "stat::number_of_executed_units: 111",
            "stat::new_units_added:          5",
        ] {
            report.read(line);
        }
        let seen = (
            report.coverage_at_start,
            report.coverage,
            report.executions,
            report.new,
        );
        assert_eq!(seen, (10, 12, 111, 5));
    }

    #[test]
    fn a_run_that_counted_no_coverage_is_a_failure() {
        assert!(Report::default().failure().is_some());
    }
}
