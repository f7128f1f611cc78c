//! The manual page, made from the tables of commands and flags.

use super::Command;
use crate::flags::FLAGS;
use std::fmt::Write as _;

/// The page of section 1, as roff with the man macros.
pub(super) fn page() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut out = format!(".TH HANSOM 1 \"\" \"hansom {version}\"\n");
    out.push_str(".SH NAME\nhansom \\- all of HTTP in one program that you can see through\n");
    out.push_str(".SH SYNOPSIS\n");
    for command in Command::ALL {
        let _ = write!(out, ".B hansom {}\n.RI [ FLAGS ]", command.name());
        if let Some((operand, _)) = command.operand() {
            let _ = write!(out, " [ {operand} ]");
        }
        out.push_str("\n.br\n");
    }
    out.push_str(".SH COMMANDS\n");
    for command in Command::ALL {
        section(&mut out, command);
    }
    out.push_str(FILES);
    out
}

fn section(out: &mut String, command: Command) {
    let _ = writeln!(out, ".SS {}", text(command.name()));
    let _ = writeln!(out, "{}.", text(command.about()));
    if let Some((operand, help)) = command.operand() {
        let _ = writeln!(out, ".TP\n.I {operand}\n{}", text(help));
    }
    for flag in FLAGS.iter().filter(|flag| flag.commands.contains(&command)) {
        let short = flag
            .short
            .map_or(String::new(), |short| format!("\\-{short}, "));
        let value = flag
            .value
            .name()
            .map_or(String::new(), |name| format!(" \\fI{}\\fR", text(name)));
        let _ = writeln!(out, ".TP\n\\fB{short}\\-\\-{}\\fR{value}", text(flag.long));
        let _ = writeln!(out, "{}", text(flag.help));
    }
    let _ = writeln!(out, ".PP\n{}.", text(command.exit_codes()));
}

/// A text as it is, whatever it begins with.
fn text(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    match escaped.starts_with(['.', '\'']) {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}

const FILES: &str = "\
.SH FILES
.TP
.I hansom.toml
What \\fBhansom run\\fR is told. \\fBhansom schema\\fR describes it to editors.
.SH SIGNALS
.TP
.B SIGINT, SIGTERM
Ends when all exchanges are done, or the drain time is over. A second one ends at once.
.TP
.B SIGHUP
Reads the file again, and certificates, and goes over to what they say; what is wrong changes nothing. From a terminal that is closed it ends.
.TP
.B SIGUSR1
Opens the log's file again.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_flag_is_on_the_page() {
        let page = page();
        for command in Command::ALL {
            assert!(page.contains(&format!(".SS {}\n", command.name())));
        }
        for flag in FLAGS {
            assert!(page.contains(&text(flag.long)), "--{}", flag.long);
        }
    }

    #[test]
    fn no_line_begins_with_a_macro_by_chance() {
        assert_eq!(text(".a-b\\c"), "\\&.a\\-b\\ec");
    }
}
