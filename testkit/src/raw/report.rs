//! A run told to people: every failure with its octets, then a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::octets::show;
use super::script::{Case, Ending, Level, Step};
use super::suite::{Summary, worst};

const SHOWN_OCTETS_MAX: usize = 700;
const LEVELS: [(Level, &str); 3] = [
    (Level::Must, "MUST"),
    (Level::Should, "SHOULD"),
    (Level::Strict, "STRICT"),
];

/// Every failure, the worst first.
pub fn failures(summary: &Summary) -> String {
    let mut out = String::new();
    for (level, word) in LEVELS {
        for (case, outcome) in &summary.played {
            if worst(&outcome.failures) != Some(level) {
                continue;
            }
            let _ = writeln!(out, "{word} {}\n    {}", case.name, case.why);
            for failure in &outcome.failures {
                let _ = writeln!(out, "  ! {:?} {}", failure.level, failure.what);
            }
            let _ = writeln!(
                out,
                "  > {}",
                show(&outcome.sent, SHOWN_OCTETS_MAX).trim_end()
            );
            let _ = writeln!(
                out,
                "  < {}",
                show(&outcome.received, SHOWN_OCTETS_MAX).trim_end()
            );
            let _ = writeln!(out, "  = {}\n", expected(case));
        }
    }
    out
}

/// One line a failure: level, name, first failure.
pub fn brief(summary: &Summary) -> String {
    let mut out = String::new();
    for (level, word) in LEVELS {
        let failed = summary
            .played
            .iter()
            .filter(|(_, outcome)| worst(&outcome.failures) == Some(level));
        for (case, outcome) in failed {
            let first = outcome
                .failures
                .iter()
                .find(|failure| failure.level == level);
            let _ = writeln!(
                out,
                "{word:6} {}: {}",
                case.name,
                first.map_or("", |failure| failure.what.as_str())
            );
        }
    }
    out
}

/// Cases and failed cases by area and level. A case of one level may fail at another: its checks have their own.
pub fn table(summary: &Summary) -> String {
    let mut rows: BTreeMap<&str, [[usize; 3]; 2]> = BTreeMap::new();
    for (case, outcome) in &summary.played {
        let row = rows.entry(case.area.as_str()).or_default();
        row[0][index(case.level)] += 1;
        if let Some(level) = worst(&outcome.failures) {
            row[1][index(level)] += 1;
        }
    }
    let mut out = format!("{:16}{:>24}   {:>24}\n{:16}", "", "cases", "failed", "area");
    out.push_str(&format!(
        "{0:>8}{1:>8}{2:>8}   {0:>8}{1:>8}{2:>8}\n",
        "MUST", "SHOULD", "STRICT"
    ));
    let mut sum = [[0; 3]; 2];
    for (area, row) in &rows {
        out.push_str(&line(area, row));
        for (kind, counts) in row.iter().enumerate() {
            for (level, count) in counts.iter().enumerate() {
                sum[kind][level] += count;
            }
        }
    }
    out.push_str(&line("all", &sum));
    let (cases, dialogues, left_out) = (summary.played.len(), summary.dialogues, summary.left_out);
    let seconds = summary.took.as_secs_f64();
    let _ = writeln!(
        out,
        "{cases} cases, {dialogues} dialogues in {seconds:.1} s; {left_out} cases left out"
    );
    out
}

fn line(area: &str, [cases, failed]: &[[usize; 3]; 2]) -> String {
    let [must, should, strict] = cases;
    let mut out = format!("{area:16}{must:>8}{should:>8}{strict:>8}   ");
    let [must, should, strict] = failed;
    let _ = writeln!(out, "{must:>8}{should:>8}{strict:>8}");
    out
}

fn index(level: Level) -> usize {
    match level {
        Level::Must => 0,
        Level::Should => 1,
        Level::Strict => 2,
    }
}

fn expected(case: &Case) -> String {
    let mut words = Vec::new();
    for step in &case.steps {
        match step {
            Step::Send(_) => words.push("sent".to_owned()),
            Step::Flush => {}
            Step::HalfClose => words.push("half-closed".to_owned()),
            Step::Expect(expectation) => {
                let rules: Vec<_> = expectation
                    .checks
                    .iter()
                    .map(|check| check.rule.as_str())
                    .collect();
                let mark = if expectation.is_optional { "?" } else { "" };
                let rules = if rules.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", rules.join("; "))
                };
                words.push(format!("{}{mark}{rules}", expectation.statuses));
            }
        }
    }
    words.push(
        match case.ending {
            Ending::Close => "closed, and told",
            Ending::Eof => "closed",
            Ending::Open => "usable",
            Ending::Either => "closed or usable",
        }
        .to_owned(),
    );
    words.join(", ")
}
