//! The commands: what each is called, takes and does.

mod check;
mod man;

use crate::flags;
use crate::htpasswd;
use crate::say::{self, Failure};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, value_parser};
use clap_complete::Shell;
use server::Config;
use server::config::{self, ConfigErrors};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Serves a folder.
    Serve,
    /// Answers by what other servers answer.
    Gateway,
    /// Goes where its clients ask.
    Proxy,
    /// Runs everything from a file.
    Run,
    /// Says all that is wrong in a file.
    Check,
    /// Writes files of users.
    Htpasswd,
    /// Prints the schema of configurations for editors.
    Schema,
    /// Prints the manual page.
    Man,
    /// Prints what a shell needs to complete command lines.
    Completions,
}

/// Does what the command line says.
pub(crate) fn run(args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let args: Vec<_> = args.collect();
    if args.len() <= 1 {
        say::print(EXAMPLES);
        return Ok(());
    }
    let matches = match parser().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return refuse(&error),
    };
    let Some((name, matches)) = matches.subcommand() else {
        say::print(EXAMPLES);
        return Ok(());
    };
    match Command::ALL
        .into_iter()
        .find(|command| command.name() == name)
    {
        Some(Command::Serve) => serve(matches),
        Some(Command::Gateway) => gateway(matches),
        Some(Command::Proxy) => proxy(matches),
        Some(Command::Run) => run_file(matches),
        Some(Command::Check) => check::check(matches),
        Some(Command::Htpasswd) => htpasswd::run(matches),
        Some(Command::Schema) => {
            say::print(&config::schema());
            Ok(())
        }
        Some(Command::Man) => {
            say::print(&man::page());
            Ok(())
        }
        Some(Command::Completions) => completions(matches),
        None => Ok(()),
    }
}

impl Command {
    const ALL: [Self; 9] = [
        Self::Serve,
        Self::Gateway,
        Self::Proxy,
        Self::Run,
        Self::Check,
        Self::Htpasswd,
        Self::Schema,
        Self::Man,
        Self::Completions,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Gateway => "gateway",
            Self::Proxy => "proxy",
            Self::Run => "run",
            Self::Check => "check",
            Self::Htpasswd => "htpasswd",
            Self::Schema => "schema",
            Self::Man => "man",
            Self::Completions => "completions",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Serve => "Serve a folder",
            Self::Gateway => "Stand in front of other servers",
            Self::Proxy => "Be the way out for clients, by http and by tunnels",
            Self::Run => "Run everything from a file",
            Self::Htpasswd => htpasswd::ABOUT,
            Self::Check => "Say all that is wrong in a file, or what it does with a request",
            Self::Schema => "Print the JSON Schema of hansom.toml, for editors",
            Self::Man => "Print the manual page",
            Self::Completions => "Print what a shell needs to complete command lines",
        }
    }

    /// The name of what stands beside the flags, and its help.
    fn operand(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Serve => Some((
                "DIR",
                "The folder [default: the demo site in its repository, else .]",
            )),
            Self::Run | Self::Check => Some(("FILE", "The file [default: hansom.toml]")),
            Self::Completions => Some(("SHELL", "bash, zsh or fish")),
            Self::Htpasswd => Some(htpasswd::OPERAND),
            Self::Gateway | Self::Proxy | Self::Schema | Self::Man => None,
        }
    }

    fn exit_codes(self) -> &'static str {
        match self {
            Self::Serve | Self::Gateway | Self::Proxy | Self::Run => {
                "Exit codes: 0 stopped when told to, 1 failed while running, 2 a mistake in the command line or file"
            }
            Self::Check => {
                "Exit codes: 0 the file is right, 1 it cannot be read, 2 it has errors or is not there"
            }
            Self::Htpasswd => htpasswd::EXIT_CODES,
            Self::Schema | Self::Man | Self::Completions => {
                "Exit codes: 0 done, 2 a mistake in the command line"
            }
        }
    }

    fn parser(self) -> clap::Command {
        if self == Self::Htpasswd {
            return htpasswd::parser();
        }
        let operand = self.operand().map(|(operand, help)| {
            let arg = Arg::new(OPERAND).value_name(operand).help(help);
            match self {
                Self::Completions => arg
                    .required(true)
                    .value_parser(SHELLS.map(|(name, _)| name)),
                _ => arg.value_parser(value_parser!(PathBuf)),
            }
        });
        clap::Command::new(self.name())
            .about(self.about())
            .args(operand)
            .args(flags::args(self))
            .after_help(self.exit_codes())
    }
}

fn parser() -> clap::Command {
    clap::Command::new("hansom")
        .version(env!("CARGO_PKG_VERSION"))
        .about("All of HTTP in one program that you can see through")
        .subcommands(Command::ALL.map(Command::parser))
}

/// Tells of a command line that was not understood, or gives the help asked for.
fn refuse(error: &clap::Error) -> Result<(), Failure> {
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        say::print(&text);
        return Ok(());
    }
    let failure = Failure::usage(text.strip_prefix("error: ").unwrap_or(&text));
    let word = error.get(ContextKind::InvalidSubcommand);
    Err(match (error.kind(), word) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word)))
            if Path::new(word).is_dir() =>
        {
            failure.hint(format!("`hansom serve {word}` serves that folder"))
        }
        _ => failure,
    })
}

fn serve(matches: &ArgMatches) -> Result<(), Failure> {
    let mut config = match matches.get_one::<PathBuf>(OPERAND) {
        Some(folder) => Config::for_folder(existing(folder)?),
        None if Path::new(DEMO_INDEX).is_file() && Path::new(DEMO_FILE).is_file() => {
            let demo = load(Path::new(DEMO_FILE))?;
            Config {
                sites: demo.sites,
                ..Config::for_folder(PathBuf::new())
            }
        }
        None => Config::for_folder(existing(Path::new("."))?),
    };
    flags::apply(Command::Serve, matches, &mut config)?;
    // There is no file to read again: what it names is, such as certificates.
    let same = Config {
        output: say::output(),
        ..config.clone()
    };
    let source = Box::new(move || Ok(same.clone()));
    start(Command::Serve, matches, config, source)
}

fn gateway(matches: &ArgMatches) -> Result<(), Failure> {
    let mut config = Config::for_gateway();
    flags::apply(Command::Gateway, matches, &mut config)?;
    let has_server = |site: &config::Site| site.routes.iter().all(|route| !route.to.is_empty());
    if !config.sites.iter().all(has_server) {
        let hint = "name it with --to, as in `hansom gateway --to http://127.0.0.1:3000`";
        return Err(Failure::usage("there is no server to ask".to_owned()).hint(hint));
    }
    let same = Config {
        output: say::output(),
        ..config.clone()
    };
    let source = Box::new(move || Ok(same.clone()));
    start(Command::Gateway, matches, config, source)
}

fn proxy(matches: &ArgMatches) -> Result<(), Failure> {
    let mut config = Config::for_proxy();
    flags::apply(Command::Proxy, matches, &mut config)?;
    let same = Config {
        output: say::output(),
        ..config.clone()
    };
    let source = Box::new(move || Ok(same.clone()));
    start(Command::Proxy, matches, config, source)
}

fn run_file(matches: &ArgMatches) -> Result<(), Failure> {
    let config = configuration(matches)?;
    let output = say::output();
    let source = {
        let matches = matches.clone();
        Box::new(move || match configuration(&matches) {
            Ok(config) => Ok(Config { output, ..config }),
            Err(failure) => Err(failure.text()),
        })
    };
    start(Command::Run, matches, config, source)
}

/// What the file says, and the flags beside it. Tells what is odd in it.
fn configuration(matches: &ArgMatches) -> Result<Config, Failure> {
    let file = file(matches);
    let loaded = config::load_with_places(&file).map_err(|errors| unusable(&file, &errors))?;
    for odd in &loaded.warnings {
        // Without the line itself, which may hold a password and would be kept by whoever gathers what servers say.
        let line = odd.place.as_ref();
        let line = line.map_or(String::new(), |place| format!(":{}", place.line));
        say::warning(&format!(
            "{}{line}: {}",
            loaded.places.file(),
            odd.sentence()
        ));
    }
    let mut config = loaded.config;
    flags::apply(Command::Run, matches, &mut config)?;
    Ok(config)
}

fn completions(matches: &ArgMatches) -> Result<(), Failure> {
    let shell = matches.get_one::<String>(OPERAND);
    let known = SHELLS
        .iter()
        .find(|(name, _)| Some(*name) == shell.map(String::as_str));
    if let Some((_, shell)) = known {
        let mut octets = Vec::new();
        clap_complete::generate(*shell, &mut parser(), "hansom", &mut octets);
        say::print(&String::from_utf8_lossy(&octets));
    }
    Ok(())
}

fn start(
    command: Command,
    matches: &ArgMatches,
    mut config: Config,
    source: server::Source,
) -> Result<(), Failure> {
    if flags::prints_config(command, matches) {
        say::print(&config.to_toml());
        return Ok(());
    }
    if let Some(address) = config::open_proxy(&config) {
        let message = format!("{address}: {}", config::OPEN_PROXY);
        return Err(Failure::usage(message).hint(match command {
            Command::Proxy => "name who may with --auth-file FILE, or listen on 127.0.0.1",
            _ => "add auth = … or clients = … to [proxy]",
        }));
    }
    config.output = say::output();
    server::serve(config, source).map_err(|error| Failure::running(error.to_string()))
}

fn file(matches: &ArgMatches) -> PathBuf {
    matches
        .get_one::<PathBuf>(OPERAND)
        .cloned()
        .unwrap_or_else(|| PathBuf::from(FILE))
}

fn load(file: &Path) -> Result<Config, Failure> {
    config::load(file).map_err(|errors| unusable(file, &errors))
}

/// A file that is not there is a mistake of the user; one that cannot be read is not.
fn unusable(file: &Path, errors: &ConfigErrors) -> Failure {
    let failure = match errors.unreadable {
        None
        | Some(
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidData,
        ) => Failure::usage(errors.to_string()),
        Some(_) => Failure::running(errors.to_string()),
    };
    match errors.unreadable {
        Some(io::ErrorKind::NotFound) if file == Path::new(FILE) => {
            failure.hint("name another file, or use `hansom serve DIR`, which needs none")
        }
        Some(io::ErrorKind::NotFound) => match config::nearest_path(file, Path::is_file) {
            Some(near) => failure.hint(format!("did you mean {}?", near.display())),
            None => failure,
        },
        _ => failure,
    }
}

/// The folder as an absolute path, so that it stays the same folder.
fn existing(folder: &Path) -> Result<PathBuf, Failure> {
    let shown = folder.display();
    match folder.metadata() {
        Ok(facts) if facts.is_dir() => std::path::absolute(folder)
            .map_err(|error| Failure::running(format!("{shown}: {error}"))),
        Ok(_) => {
            let parent = folder.parent().filter(|parent| *parent != Path::new(""));
            let parent = parent.unwrap_or(Path::new("."));
            let hint = match folder
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                true => format!("`hansom run {shown}` runs a configuration"),
                false => format!(
                    "`hansom serve {}` serves the folder it is in",
                    parent.display()
                ),
            };
            Err(Failure::usage(format!("{shown}: this is a file, not a folder")).hint(hint))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let failure = Failure::usage(format!("{shown}: there is no such folder"));
            Err(match config::nearest_path(folder, Path::is_dir) {
                Some(near) => failure.hint(format!("did you mean {}?", near.display())),
                None => failure.hint("`hansom serve` without a folder serves the one you are in"),
            })
        }
        Err(error) => Err(Failure::running(format!("{shown}: {error}"))),
    }
}

const EXAMPLES: &str = "\
All of HTTP in one program that you can see through. For example:

  hansom serve                      serve this folder on http://127.0.0.1:8080/
  hansom serve DIR --listen 3000    another folder, another port
  hansom serve DIR --browse         list folders that have no index file
  hansom gateway --to http://[::1]  stand in front of another server
  hansom proxy                      be the way out, on 127.0.0.1:3128
  hansom run hansom.toml            run everything from a file
  hansom check hansom.toml          say all that is wrong in a file
  hansom help serve                 show all flags
";
/// Shells whose completions are known.
const SHELLS: [(&str, Shell); 3] = [
    ("bash", Shell::Bash),
    ("zsh", Shell::Zsh),
    ("fish", Shell::Fish),
];
const OPERAND: &str = "operand";
const FILE: &str = "hansom.toml";
const DEMO_FILE: &str = "examples/hansom.toml";
const DEMO_INDEX: &str = "examples/site/index.html";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_is_consistent() {
        parser().debug_assert();
    }
}
