//! GUIDE.md does what it says: its configurations are checked, its commands are run, and what it shows is what comes.
//!
//! Each section of second rank has a folder of its own, with the files of [`world`]. Its blocks are taken in order:
//!
//! * `toml`: a file, `hansom.toml` or the name in its first line (`# name.toml`). The former must be right.
//! * `console`: commands after `$ `, and what they print. Times, sizes and the like may differ.
//! * `sh`: commands alone.
//!
//! `hansom serve`, `hansom run` and `hansom gateway` go on until the next of them, or the end of the section. A section that has shown a
//! configuration and runs a client runs that configuration by itself.

mod book;
mod shape;
mod world;

use book::{Block, Command, Section};
use world::World;

#[test]
fn every_command_and_configuration_of_the_guide_works_as_shown() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../GUIDE.md"))
        .expect("the guide");
    let mut failures = Vec::new();
    let mut commands = 0;
    for section in book::sections(&text) {
        let (count, failed) = follow(&section);
        commands += count;
        failures.extend(failed);
    }
    assert!(commands > 20, "the guide shows only {commands} commands");
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n\n"));
}

/// Does what one section says; gives how many commands it has and what went otherwise.
fn follow(section: &Section<'_>) -> (usize, Vec<String>) {
    let configurations = section.blocks.iter().map(|block| match block {
        Block::Toml { text, .. } => &text[..],
        Block::Command(_) => "",
    });
    let mut world = World::new(&configurations.collect::<String>());
    let mut failures = Vec::new();
    let mut commands = 0;
    for block in &section.blocks {
        let failed = match block {
            Block::Toml { name, text, line } => world
                .configure(name, text)
                .map_err(|why| format!("GUIDE.md:{line}: {name}: {why}")),
            Block::Command(command) => {
                commands += 1;
                run(&mut world, command)
            }
        };
        failures.extend(failed.err());
    }
    (commands, failures)
}

fn run(world: &mut World, command: &Command<'_>) -> Result<(), String> {
    let told = |why: String| format!("GUIDE.md:{}: $ {}\n{why}", command.line, command.text);
    let printed = world
        .run(&command.text, command.shown.as_deref())
        .map_err(told)?;
    let Some(printed) = printed else {
        return Ok(());
    };
    match &command.shown {
        Some(shown) if !shape::is_same(shown, &printed) => {
            Err(told(format!("--- shown\n{shown}\n--- printed\n{printed}")))
        }
        _ => Ok(()),
    }
}
