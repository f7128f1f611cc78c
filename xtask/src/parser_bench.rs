//! `parser-bench`: user instructions per request head under callgrind, ours beside httparse.

use std::path::{Path, PathBuf};

use crate::needs;
use crate::{Outcome, shell};

/// Measures both parsers on both heads and prints the ratio: of ours the scan alone, which does what httparse does and
/// names the fields, and the server's machine, which also judges Host, framing and policy.
pub(crate) fn parser_bench(_: &[String]) -> Outcome {
    needs::install(&[needs::VALGRIND])?;
    let target = shell::target_dir().join("beside");
    let mut build = shell::cargo([
        "build",
        "--release",
        "--manifest-path",
        "bench/parser/Cargo.toml",
    ]);
    shell::run(build.arg("--target-dir").arg(&target))?;
    let bench = Bench {
        binary: target.join("release/parser-bench"),
        output: target.join("callgrind.out"),
    };
    println!(
        "{:<10} {:<10} {:>8} {:>9} {:>7}",
        "head", "parser", "ours", "httparse", "ratio"
    );
    for head in ["browser", "short"] {
        let theirs = bench.instructions("httparse", head)?;
        for (parser, name) in [("ours", "scan"), ("machine", "machine")] {
            let ours = bench.instructions(parser, head)?;
            println!(
                "{head:<10} {name:<10} {ours:>8.0} {theirs:>9.0} {:>7.2}",
                ours / theirs
            );
        }
    }
    Ok(())
}

struct Bench {
    binary: PathBuf,
    output: PathBuf,
}

impl Bench {
    /// Instructions of one parse, without the loop around it.
    fn instructions(&self, parser: &str, head: &str) -> Result<f64, String> {
        let parse = self.per_time(parser, head)?;
        Ok(parse - self.per_time("nothing", head)?)
    }

    fn per_time(&self, parser: &str, head: &str) -> Result<f64, String> {
        let few = self.total(parser, head, TIMES)?;
        let many = self.total(parser, head, 4 * TIMES)?;
        Ok((many - few) / f64::from(3 * TIMES))
    }

    fn total(&self, parser: &str, head: &str, times: u32) -> Result<f64, String> {
        let mut command = shell::program("valgrind", ["--quiet", "--tool=callgrind"]);
        command.arg(format!("--callgrind-out-file={}", self.output.display()));
        command
            .arg(&self.binary)
            .args([parser, head])
            .arg(times.to_string());
        match command.status() {
            Ok(status) if status.success() => summary(&self.output),
            Ok(status) => Err(format!("{parser} on the {head} head: {status}")),
            Err(error) => Err(format!("valgrind: {error}")),
        }
    }
}

/// The total of a callgrind file.
fn summary(output: &Path) -> Result<f64, String> {
    let text = std::fs::read_to_string(output).map_err(|error| error.to_string())?;
    let total = text.lines().find_map(total_of);
    total.ok_or_else(|| format!("{} has no total", output.display()))
}

fn total_of(line: &str) -> Option<f64> {
    let count = line
        .strip_prefix("summary: ")
        .or_else(|| line.strip_prefix("totals: "))?;
    count.split_whitespace().next()?.parse().ok()
}

const TIMES: u32 = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_callgrind_file_is_read() {
        assert_eq!(total_of("summary: 1234"), Some(1234.0));
        assert_eq!(total_of("events: Ir"), None);
    }
}
