//! The small verbs.

use crate::steps::Tally;
use crate::{Outcome, options, shell};

/// The simulated network with many seeds; a failure prints its seed.
pub(crate) fn sim(arguments: &[String]) -> Outcome {
    let (seeds, rest) = options::take_number(arguments, "--seeds", 10_000)?;
    let mut test = shell::cargo(["test", "-p", "hansom-testkit", "--test", "sim"]);
    test.env("HANSOM_SIM_SEEDS", seeds.to_string());
    test.args(rest);
    run_some(&mut test)
}

/// Runs the corpora with `HANSOM_BLESS=1`, which makes their runners write what they saw.
pub(crate) fn bless(_: &[String]) -> Outcome {
    let mut test = shell::cargo(["test", "--workspace", "--tests", "--", "corpus"]);
    test.env("HANSOM_BLESS", "1");
    run_some(&mut test)?;
    shell::run(&mut shell::program(
        "git",
        ["--no-pager", "diff", "--stat", "--", "corpus"],
    ))
}

/// The documentation of every crate of the workspace.
pub(crate) fn docs(arguments: &[String]) -> Outcome {
    let mut doc = shell::cargo([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    doc.env(
        "RUSTDOCFLAGS",
        "-Dwarnings -Arustdoc::private_intra_doc_links",
    );
    shell::run(doc.args(arguments))
}

fn run_some(test: &mut std::process::Command) -> Outcome {
    let mut tally = Tally::default();
    shell::run_reading(test, |line| tally.read(line))?;
    tally.some()
}
