//! A run told to people: every failure with its octets, then a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::octets::show;
use super::super::script::Level;
use super::suite::{Summary, worst};

const SHOWN_OCTETS_MAX: usize = 600;
const LEVELS: [(Level, &str); 3] = [
    (Level::Must, "MUST"),
    (Level::Should, "SHOULD"),
    (Level::Strict, "STRICT"),
];

/// Every failure, the worst first.
pub fn failures(summary: &Summary) -> String {
    let mut out = String::new();
    for (level, word) in LEVELS {
        let failed = summary
            .played
            .iter()
            .filter(|(_, outcome)| worst(&outcome.failures) == Some(level));
        for (case, outcome) in failed {
            let _ = writeln!(out, "{word} {}\n    {}", case.name, case.why);
            for failure in &outcome.failures {
                let _ = writeln!(out, "  ! {:?} {}", failure.level, failure.what);
            }
            let mut tell = |mark: &str, octets: &[u8]| {
                let _ = writeln!(
                    out,
                    "  {mark} {}",
                    show(octets, SHOWN_OCTETS_MAX).trim_end()
                );
            };
            tell(">", &outcome.sent);
            outcome.reached.iter().for_each(|octets| tell("=>", octets));
            tell("<", &outcome.received);
            out.push('\n');
        }
    }
    out
}

/// One line a failure: level, name, first failure.
pub fn brief(summary: &Summary) -> String {
    let mut out = String::new();
    for (level, word) in LEVELS {
        for (case, outcome) in &summary.played {
            let first = outcome
                .failures
                .iter()
                .find(|failure| failure.level == level);
            if let Some(first) = first.filter(|_| worst(&outcome.failures) == Some(level)) {
                let _ = writeln!(out, "{word:6} {}: {}", case.name, first.what);
            }
        }
    }
    out
}

/// Cases and failed cases by area and level.
pub fn table(summary: &Summary) -> String {
    let mut rows: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for (case, outcome) in &summary.played {
        let worst = worst(&outcome.failures);
        for row in [&case.area[..], "~all"] {
            let row = rows.entry(row).or_default();
            row[0] += 1;
            for (place, (level, _)) in LEVELS.iter().enumerate() {
                row[place + 1] += usize::from(worst == Some(*level));
            }
        }
    }
    let mut out = format!(
        "{:16}{:>8}{:>16}{:>8}{:>8}\n",
        "area", "cases", "failed MUST", "SHOULD", "STRICT"
    );
    for (area, [cases, must, should, strict]) in rows {
        let area = area.trim_start_matches('~');
        let _ = writeln!(out, "{area:16}{cases:>8}{must:>16}{should:>8}{strict:>8}");
    }
    let (dialogues, left_out, seconds) = (
        summary.dialogues,
        summary.left_out,
        summary.took.as_secs_f64(),
    );
    let _ = writeln!(
        out,
        "{dialogues} dialogues in {seconds:.1} s; {left_out} cases left out"
    );
    out
}
