//! Names that only some crates may use: runtimes, `unsafe`, clocks, threads and the environment.

use super::manifest;
use super::tree::{File, Line, Tree, has_word};

/// Complaints about names outside their place, and about `unsafe` without its reason.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = runtimes_in_manifests(tree);
    let shipped = |file: &&File| file.is_rust() && file.path.contains("/src/") && !file.is_test();
    for file in tree.files.iter().filter(shipped) {
        if BESIDE.contains(&file.area()) {
            continue;
        }
        for line in file.code() {
            for rule in RULES {
                let allowed = rule.places.iter().any(|place| file.path.starts_with(place));
                if let (false, Some(name)) = (allowed, rule.found(line.text)) {
                    complaints.push(format!(
                        "{}:{}: {name} {}",
                        file.path, line.number, rule.reason
                    ));
                }
            }
            if has_word(line.text, "unsafe") && !has_reason(&file.text, line) {
                complaints.push(format!(
                    "{}:{}: unsafe without a `// SAFETY:` above it",
                    file.path, line.number
                ));
            }
        }
    }
    complaints
}

/// Names, the places where they may stand, and why nowhere else.
struct Rule {
    names: &'static [&'static str],
    places: &'static [&'static str],
    reason: &'static str,
}

impl Rule {
    fn found(&self, line: &str) -> Option<&'static str> {
        self.names.iter().copied().find(|name| has_word(line, name))
    }
}

fn runtimes_in_manifests(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, folder, dependencies) in manifest::all(tree) {
        for dependency in dependencies {
            let is_runtime = ["tokio", "mio"].contains(&dependency.name.as_str());
            if is_runtime && folder != "net" && !BESIDE.contains(&folder) {
                let (line, name) = (dependency.line, dependency.name);
                complaints.push(format!("{path}:{line}: {name} is named by net alone"));
            }
        }
    }
    complaints
}

/// Whether the lines just above, back to the last statement, say why this is sound.
fn has_reason(text: &str, line: Line<'_>) -> bool {
    if line.text.contains("unsafe_op_in_unsafe_fn") {
        return true;
    }
    let lines: Vec<&str> = text.lines().collect();
    let above = lines
        .get(line.number.saturating_sub(6)..line.number)
        .unwrap_or_default();
    above
        .iter()
        .any(|line| line.contains("SAFETY:") || line.contains("# Safety"))
}

const RULES: &[Rule] = &[
    Rule {
        names: &["tokio::", "mio::", "use tokio", "use mio"],
        places: &["net/"],
        reason: "is a runtime, and net alone names those",
    },
    Rule {
        names: &["unsafe"],
        places: &["net/src/sys/", "net/src/sys.rs", "http1/src/block.rs"],
        reason: "is for net/src/sys and the SIMD module http1/src/block.rs",
    },
    Rule {
        names: &[
            "Instant::now",
            "SystemTime::now",
            "thread::spawn",
            "thread::sleep",
            "thread::Builder",
            "std::env",
            "env::var",
            "env::args",
        ],
        places: &["net/", "cli/", "server/src/log/writer.rs"],
        reason: "reaches outside: time, threads and the environment come from net or cli",
    },
];

/// Not shipped.
const BESIDE: &[&str] = &["testkit", "xtask", "fuzz", "bench", "browser"];

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_runtime_is_named_by_net_alone() {
        assert_eq!(
            complaints("engine/src/lib.rs", "use tokio::net::TcpStream;\n"),
            1
        );
        assert_eq!(
            complaints("net/src/lib.rs", "use tokio::net::TcpStream;\n"),
            0
        );
        assert_eq!(
            complaints(
                "server/Cargo.toml",
                "[dependencies]\ntokio.workspace = true\n"
            ),
            1
        );
    }

    #[test]
    fn a_clock_is_read_by_net_cli_and_the_log_writer() {
        let text = "fn a() { let now = Instant::now(); }\n";
        assert_eq!(complaints("http1/src/server.rs", text), 1);
        assert_eq!(complaints("server/src/log/writer.rs", text), 0);
        assert_eq!(complaints("cli/src/main.rs", text), 0);
        assert_eq!(complaints("http1/tests/drip.rs", text), 0);
    }

    #[test]
    fn a_test_module_may_read_a_clock() {
        let text = "#[cfg(test)]\nmod tests {\n    fn a() { Instant::now(); }\n}\n";
        assert_eq!(complaints("http1/src/server.rs", text), 0);
    }

    #[test]
    fn unsafe_stands_in_one_place_and_gives_its_reason() {
        let bare = "fn a() {\n    unsafe { b() }\n}\n";
        let stated = "fn a() {\n    // SAFETY: b has no conditions.\n    unsafe { b() }\n}\n";
        assert_eq!(complaints("net/src/sys/a.rs", bare), 1);
        assert_eq!(complaints("net/src/sys/a.rs", stated), 0);
        assert_eq!(complaints("http1/src/scan.rs", stated), 1);
    }

    #[test]
    fn the_name_of_a_lint_is_not_unsafe_code() {
        assert_eq!(
            complaints("http1/src/lib.rs", "#![forbid(unsafe_code)]\n"),
            0
        );
    }
}
