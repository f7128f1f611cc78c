//! The verbs of the project: `cargo xtask VERB`.
//!
//! It starts other programs and reads their answers; it is not part of what is shipped and
//! depends on the standard library alone, so that it compiles in a moment.
//! `shell` starts programs, `steps` times them and adds up their tests, `needs` installs what is missing;
//! each other module is one verb or a few that belong together.

mod bench;
mod ci;
mod fuzz;
mod needs;
mod options;
mod parser_bench;
mod shell;
mod steps;
mod tidy;
mod verbs;

use std::process::ExitCode;

/// What a verb hands back: nothing, or why it failed in one sentence.
type Outcome = Result<(), String>;

/// One verb of the command line.
struct Verb {
    name: &'static str,
    operands: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    match VERBS.iter().find(|verb| verb.name == name) {
        Some(verb) => report((verb.run)(rest)),
        None if ["help", "-h", "--help"].contains(&name) => report(help()),
        None => report(Err(format!(
            "no verb {name}; `cargo xtask help` lists them"
        ))),
    }
}

fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> Outcome {
    println!("cargo xtask VERB\n");
    for verb in VERBS {
        let call = format!("{} {}", verb.name, verb.operands);
        println!("  {:<36}{}", call.trim_end(), verb.about);
    }
    Ok(())
}

const VERBS: &[Verb] = &[
    Verb {
        name: "ci",
        operands: "",
        about: "everything; installs what it needs",
        run: ci::ci,
    },
    Verb {
        name: "check",
        operands: "",
        about: "tidy, fmt, clippy and the unit tests, in about a minute",
        run: ci::check,
    },
    Verb {
        name: "tidy",
        operands: "",
        about: "the rules no compiler knows: floors, names, words, decisions",
        run: tidy::tidy,
    },
    Verb {
        name: "e2e",
        operands: "[FILTER]",
        about: "the tests of the real program, on the release build",
        run: ci::end_to_end,
    },
    Verb {
        name: "browser",
        operands: "[FILTER]",
        about: "a real browser loads the demo site",
        run: ci::browser,
    },
    Verb {
        name: "fuzz",
        operands: "[TARGET] [--seconds N]",
        about: "coverage-guided fuzzing on the stable toolchain; `fuzz --help` says more",
        run: fuzz::fuzz,
    },
    Verb {
        name: "sim",
        operands: "[--seeds N]",
        about: "the simulated network with many seeds",
        run: verbs::sim,
    },
    Verb {
        name: "bench",
        operands: "[--runs N] [OPTIONS]",
        about: "side by side with the floor and other servers; `bench --help` says more",
        run: bench::bench,
    },
    Verb {
        name: "attack",
        operands: "[OPTIONS]",
        about: "slow headers, slow body, slow read, while other clients are measured",
        run: bench::attack,
    },
    Verb {
        name: "icount",
        operands: "",
        about: "user instructions per request",
        run: bench::icount,
    },
    Verb {
        name: "parser-bench",
        operands: "",
        about: "instructions per request head, beside httparse",
        run: parser_bench::parser_bench,
    },
    Verb {
        name: "bless",
        operands: "",
        about: "record the corpora's expectations again; read the diff",
        run: verbs::bless,
    },
    Verb {
        name: "docs",
        operands: "",
        about: "the documentation of every crate; a broken link is an error",
        run: verbs::docs,
    },
];
