//! `bench`, `icount` and `attack`: builds the program and starts the scripts of `bench/`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::needs;
use crate::{Outcome, ci, options, shell};

/// Side by side with the floor and other servers; ends with ratios and whether the targets hold.
pub(crate) fn bench(arguments: &[String]) -> Outcome {
    if options::has(arguments, "--help") {
        print!("{HELP}");
        return Ok(());
    }
    let (runs, rest) = options::take_number(arguments, "--runs", 1)?;
    needs::install(&BENCH)?;
    let binary = binary()?;
    let floor = floor()?;
    let folder = shell::target_dir().join("bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut results = Vec::new();
    for run in 1..=runs.max(1) {
        println!("\n# run {run} of {}", runs.max(1));
        let result = folder.join(format!("run-{run}.json"));
        shell::run(peers(&binary, &floor, &result).args(&rest))?;
        results.push(result);
    }
    shell::run(shell::program("python3", ["bench/targets.py"]).args(results))
}

/// User instructions per request for the fixed answer and for the small file.
pub(crate) fn icount(arguments: &[String]) -> Outcome {
    needs::install(&[needs::PYTHON, needs::VALGRIND])?;
    let binary = binary()?;
    let folder = shell::target_dir().join("bench/icount");
    write_files(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut failures = Vec::new();
    println!(
        "{:<8} {:>12} {:>8}  holds",
        "path", "instructions", "at most"
    );
    for (path, instructions_max) in [("/r", 2500.0), ("/f/1k", 4000.0)] {
        let counted = count(&binary, &folder, path, arguments)?;
        let holds = if counted <= instructions_max {
            "yes"
        } else {
            "NO"
        };
        println!("{path:<8} {counted:>12.0} {instructions_max:>8.0}  {holds}");
        if counted > instructions_max {
            failures.push(path);
        }
    }
    match failures.as_slice() {
        [] => Ok(()),
        paths => Err(format!("too many instructions: {}", paths.join(", "))),
    }
}

/// Slow clients, while others are measured.
pub(crate) fn attack(arguments: &[String]) -> Outcome {
    needs::install(&[needs::PYTHON, needs::SOCKET_STATISTICS])?;
    let binary = binary()?;
    let mut attack = shell::program("python3", ["bench/attack.py"]);
    attack.args(arguments).arg("--").arg(binary);
    attack.args(["run", "{conf:attack.toml}"]);
    shell::run(&mut attack)
}

/// The program to measure: `HANSOM_BIN`, or what is built here for release.
fn binary() -> Result<PathBuf, String> {
    match std::env::var_os("HANSOM_BIN") {
        Some(named) => Ok(shell::root().join(named)),
        None => ci::release_build(),
    }
}

fn floor() -> Result<PathBuf, String> {
    let target = shell::target_dir().join("beside");
    let mut build = shell::cargo([
        "build",
        "--release",
        "--manifest-path",
        "bench/floor/Cargo.toml",
    ]);
    shell::run(build.arg("--target-dir").arg(&target))?;
    Ok(target.join("release/floor"))
}

/// The comparison as it is done by default; later options override these.
fn peers(binary: &Path, floor: &Path, result: &Path) -> std::process::Command {
    let (binary, floor) = (binary.display(), floor.display());
    let ours = format!(
        "hansom@{WORKLOADS}={binary} serve {{dir}} --listen 127.0.0.1:{{port}} --workers {{threads}} \
         --access-log off --defer-accept"
    );
    let secured = format!(
        "hansom@{TLS_WORKLOADS}={binary} serve {{dir}} --listen 127.0.0.1:{{tls}} --workers {{threads}} \
         --access-log off --defer-accept --tls-cert {{cert}} --tls-key {{key}}"
    );
    let lowest = format!("floor@{WORKLOADS}={floor} {{port}} {{threads}} {{dir}} {{upstream}}");
    let mut command = shell::program("python3", ["bench/peers.py"]);
    let workloads = format!("{WORKLOADS},{TLS_WORKLOADS}");
    command.args(["--servers", "nginx,lighttpd,h2o", "--workloads", &workloads]);
    command.args(["--rounds", "9", "--secs", "2"]);
    command.args(["--ours", &ours, "--ours", &secured, "--ours", &lowest]);
    command.arg("--json").arg(result);
    // The floor reads these: it too defers accepts and bounds its unsent queue.
    command.env("DEFER", "2").env("SNDBUF", "131072");
    command
}

fn write_files(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder.join("f"))?;
    fs::write(folder.join("r"), "Hello, World!")?;
    fs::write(folder.join("f/1k"), [b'x'; 1024])
}

fn count(binary: &Path, folder: &Path, path: &str, arguments: &[String]) -> Result<f64, String> {
    let mut icount = shell::program("python3", ["bench/icount.py", "--path", path]);
    icount
        .args(arguments)
        .arg("--")
        .arg(binary)
        .arg("serve")
        .arg(folder);
    icount.args([
        "--listen",
        "127.0.0.1:{port}",
        "--workers",
        "1",
        "--access-log",
        "off",
    ]);
    let text = shell::output(&mut icount).ok_or_else(|| format!("icount.py failed on {path}"))?;
    let first = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok());
    first.ok_or_else(|| format!("icount.py said: {text}"))
}

const WORKLOADS: &str = "fixed,pipe16,static1k,static10k,static1m,static100m,close,idle";
/// Those over TLS, for which the program is started on another port.
const TLS_WORKLOADS: &str = "tls1k,tlshs";

const BENCH: [needs::Need; 6] = [
    needs::PYTHON,
    needs::WRK,
    needs::OPENSSL,
    needs::NGINX,
    needs::LIGHTTPD,
    needs::H2O,
];

const HELP: &str = "\
cargo xtask bench [--runs N] [--rounds N] [--secs N] [--workloads A,B] [--servers A,B] [..]

Runs bench/peers.py with our release build and the floor, N times, and prints for each workload the
medians of the ratios and whether the targets hold. Other options are those of bench/peers.py.
HANSOM_BIN names another build to measure. A target counts with --runs 3 --rounds 9.
";
