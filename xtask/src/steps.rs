//! Steps of a longer verb: their times, their tests and the closing lines.

use std::time::{Duration, Instant};

use crate::Outcome;

/// The steps that ran, in their order.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
    tally: Tally,
}

/// Tests counted in the output of a test runner.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    closing: Vec<String>,
}

impl Steps {
    /// Runs one step; says whether it succeeded.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        act: impl FnOnce(&mut Tally) -> Outcome,
    ) -> bool {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let mut tally = Tally::default();
        let outcome = act(&mut tally);
        if let Err(reason) = &outcome {
            eprintln!("{name}: {reason}");
        }
        let succeeded = outcome.is_ok();
        self.done.push(Step {
            name,
            took: started.elapsed(),
            outcome,
            tally,
        });
        succeeded
    }

    /// Prints the summary, the test runners' closing lines and the totals.
    pub(crate) fn finish(self) -> Outcome {
        println!("\n{:<12} {:>8}  result", "step", "seconds");
        for step in &self.done {
            let result = match &step.outcome {
                Ok(()) => "ok",
                Err(reason) => reason.lines().next().unwrap_or("failed"),
            };
            let seconds = step.took.as_secs_f64();
            println!("{:<12} {seconds:>8.1}  {result}", step.name);
        }
        println!();
        for step in &self.done {
            for line in &step.tally.closing {
                println!("{:<12} {line}", step.name);
            }
        }
        let passed: u32 = self.done.iter().map(|step| step.tally.passed).sum();
        let failed: u32 = self.done.iter().map(|step| step.tally.failed).sum();
        println!("{passed} passed, {failed} failed");
        self.verdict()
    }

    fn verdict(&self) -> Outcome {
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|step| step.outcome.is_err())
            .map(|step| step.name)
            .collect();
        match failed.as_slice() {
            [] => Ok(()),
            names => Err(format!("failed: {}", names.join(", "))),
        }
    }
}

impl Tally {
    /// Fails if nothing was counted: a filter that fits no test proves nothing.
    pub(crate) fn some(&self) -> Outcome {
        match self.passed {
            0 => Err("no test ran".to_owned()),
            _ => Ok(()),
        }
    }

    /// Reads a line of a test runner's output: the closing lines of nextest and of libtest count.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        let counts = if line.starts_with("Summary [") {
            line.split_once(" run: ").map(|(_, counts)| counts)
        } else {
            line.strip_prefix("test result: ")
        };
        let Some(counts) = counts else { return };
        let (passed, failed) = (self.passed, self.failed);
        for count in counts.split([',', ';']) {
            self.add(count);
        }
        let counted = self.passed > passed || self.failed > failed;
        if counted || line.starts_with("Summary [") {
            self.closing.push(line.to_owned());
        }
    }

    /// Adds one count such as `12 passed (1 slow)` or `ok. 3 passed`.
    fn add(&mut self, count: &str) {
        let mut words = count.split_whitespace();
        let Some(number) = words.find_map(|word| word.parse::<u32>().ok()) else {
            return;
        };
        match words.next() {
            Some("passed") => self.passed += number,
            Some("failed" | "timed" | "exec") => self.failed += number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> (u32, u32) {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(line);
        }
        (tally.passed, tally.failed)
    }

    #[test]
    fn the_summary_of_nextest_is_counted() {
        let line = "     Summary [   0.412s] 10 tests run: 7 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(tally(&[line]), (7, 3));
    }

    #[test]
    fn the_results_of_libtest_are_added_up() {
        let lines = [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured",
        ];
        assert_eq!(tally(&lines), (5, 1));
    }

    #[test]
    fn other_lines_are_not_counted() {
        assert_eq!(tally(&["running 3 tests", "3 passed, 0 failed"]), (0, 0));
    }

    #[test]
    fn a_failed_step_fails_the_whole_and_is_named() {
        let mut steps = Steps::default();
        assert!(steps.step("fmt", |_| Ok(())));
        assert!(!steps.step("clippy", |_| Err("two warnings".to_owned())));
        assert_eq!(steps.finish(), Err("failed: clippy".to_owned()));
    }
}
