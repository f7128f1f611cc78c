//! `tidy`: the rules of the project that no compiler knows, checked as text.
//!
//! Each check is a function from the tree to its complaints and lives in a file with its tests.
//! It is text that is read, not syntax: what could only be found by parsing Rust is left to clippy.

mod decisions;
mod floors;
mod lengths;
mod manifest;
mod names;
mod tables;
mod tree;
mod words;

use crate::Outcome;
use tree::Tree;

/// Runs every check; complaints fail, warnings are only printed.
pub(crate) fn tidy(_: &[String]) -> Outcome {
    let tree = Tree::read(&crate::shell::root())?;
    let complaints: Vec<String> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    for line in lengths::report(&tree) {
        println!("{line}");
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    match complaints.len() {
        0 => Ok(()),
        count => Err(format!("tidy has {count} complaints")),
    }
}

type Check = fn(&Tree) -> Vec<String>;

const CHECKS: &[Check] = &[
    floors::check,
    names::check,
    words::check,
    tables::check,
    decisions::numbered,
    decisions::dependencies,
];
