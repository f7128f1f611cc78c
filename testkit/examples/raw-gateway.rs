//! Plays the raw-socket suite for gateways against any gateway that asks a server of this program.
//!
//! ```text
//! cargo run -p hansom-testkit --example raw-gateway -- GATEWAY=SERVER [GATEWAY=SERVER ...] [--filter NAME] [--brief]
//!     [--without hansom,forwarding] [--cuts N] [--patience SECONDS] [--cases DIR]
//! ```
//!
//! `127.0.0.1:8001=127.0.0.1:9001` is a gateway at the first address that asks a server at the second, where this program listens. Several play side
//! by side, each one dialogue at a time.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use hansom_testkit::raw::gateway::suite;
use hansom_testkit::raw::gateway::{Lane, Options, Recorder, report, script};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("raw-gateway: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let mut options = Options::default();
    options.has.push("forwarding".to_owned());
    let mut lanes = Vec::new();
    let mut is_brief = false;
    let mut folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/gateway"));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        let number = |text: String| {
            text.parse::<u64>()
                .map_err(|_| format!("not a number: {text}"))
        };
        match argument.as_str() {
            "--without" => {
                let without = value()?;
                options
                    .has
                    .retain(|has| !without.split(',').any(|word| word == has));
            }
            "--filter" => options.filter = Some(value()?),
            "--cuts" => options.cuts_max = number(value()?)? as usize,
            "--patience" => options.patience = Duration::from_secs(number(value()?)?),
            "--cases" => folder = value()?.into(),
            "--brief" => is_brief = true,
            lane => lanes.push(lane_of(lane)?),
        }
    }
    if lanes.is_empty() {
        return Err("which gateway, and which server does it ask? HOST:PORT=HOST:PORT".into());
    }
    let summary = suite::run(&script::load(&folder)?, &lanes, &options)?;
    print!(
        "{}",
        if is_brief {
            report::brief(&summary)
        } else {
            report::failures(&summary)
        }
    );
    print!("{}", report::table(&summary));
    let is_clean = summary
        .played
        .iter()
        .all(|(_, outcome)| outcome.failures.is_empty());
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn lane_of(text: &str) -> Result<Lane, String> {
    let wrong = || format!("not HOST:PORT=HOST:PORT: {text}");
    let (gateway, server) = text.split_once('=').ok_or_else(wrong)?;
    let address = |text: &str| text.parse::<SocketAddr>().map_err(|_| wrong());
    let recorder =
        Recorder::start(address(server)?).map_err(|error| format!("{server}: {error}"))?;
    Ok(Lane {
        gateway: address(gateway)?,
        recorder,
    })
}
