//! Plays the raw-socket suite against any server.
//!
//! ```text
//! cargo run -p hansom-testkit --example raw -- 127.0.0.1:8080 [FILTER] [--without echo,vhost] [--world trace]
//!     [--tls | --relayed] [--drip | --every-split [N]] [--brief] [--patience SECONDS] [--at-a-time N] [--cases DIR]
//! cargo run -p hansom-testkit --example raw -- --write-world DIR [--tls]     writes the folder the cases are written for
//! ```
//!
//! With `--tls` the server speaks TLS and a relay of ours stands before it; with `--relayed` the address is that of
//! another relay, such as `socat TCP-LISTEN:PORT,fork,reuseaddr OPENSSL:HOST:PORT,verify=0`.

use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hansom_testkit::raw::suite::{self, Deliveries, Options};
use hansom_testkit::raw::world::Access;
use hansom_testkit::raw::{Relay, report, script, world};

/// The most places a case is cut at by `--every-split` without a number.
const CUTS_MAX: usize = 400;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("raw: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let mut options = Options::default();
    let mut address = None;
    let mut is_brief = false;
    let (mut is_tls, mut is_relayed) = (false, false);
    let mut world = None;
    let mut folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/origin"));
    let mut arguments = std::env::args().skip(1).peekable();
    while let Some(argument) = arguments.next() {
        let mut value = |what: &str| arguments.next().ok_or(format!("{argument} wants {what}"));
        let number = |text: String| {
            text.parse::<u64>()
                .map_err(|_| format!("not a number: {text}"))
        };
        match argument.as_str() {
            "--write-world" => world = Some(value("a folder")?),
            "--without" => {
                let without = value("what the server lacks")?;
                options
                    .has
                    .retain(|has| !without.split(',').any(|word| word == has));
            }
            "--world" => options.world = value("a world")?,
            "--patience" => options.patience = Duration::from_secs(number(value("seconds")?)?),
            "--at-a-time" => options.at_a_time = number(value("a count")?)? as usize,
            "--cases" => folder = value("a folder")?.into(),
            "--drip" => options.deliveries = Deliveries::Drip,
            "--every-split" => {
                let most = arguments.peek().and_then(|next| next.parse().ok());
                if most.is_some() {
                    arguments.next();
                }
                options.deliveries = Deliveries::Cuts(most.unwrap_or(CUTS_MAX));
            }
            "--brief" => is_brief = true,
            "--tls" => is_tls = true,
            "--relayed" => is_relayed = true,
            _ if address.is_none() => address = Some(argument),
            _ => options.filter = Some(argument),
        }
    }
    if let Some(world) = world {
        return write_world(&world, is_tls);
    }
    let address = address.ok_or("which server? HOST:PORT")?;
    let address = address
        .to_socket_addrs()
        .map_err(|error| format!("{address}: {error}"))?
        .next()
        .ok_or("no address")?;
    let cases = script::load(&folder)?;
    let relay = is_tls
        .then(|| Relay::start(address).map_err(|error| format!("{address}: {error}")))
        .transpose()?;
    if is_tls || is_relayed {
        options.by_tls();
    }
    let address = relay.as_ref().map_or(address, Relay::address);
    let summary = suite::run(&cases, address, &options)?;
    print!(
        "{}",
        if is_brief {
            report::brief(&summary)
        } else {
            report::failures(&summary)
        }
    );
    print!("{}", report::table(&summary));
    if let Some(relay) = relay {
        println!(
            "{} connections ended without close_notify",
            relay.truncated()
        );
    }
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

fn write_world(folder: &str, is_tls: bool) -> Result<ExitCode, String> {
    let access = if is_tls { Access::Tls } else { Access::Clear };
    world::write(Path::new(folder)).map_err(|error| format!("{folder}: {error}"))?;
    println!("{}", world::configuration(Path::new(folder), access));
    Ok(ExitCode::SUCCESS)
}
