//! Errors of a configuration: all of one run, each with its place.

use std::fmt;
use std::io;
use std::ops::Range;

/// All that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file, as the user wrote it.
    pub file: String,
    /// At least one, in the order of the file.
    pub errors: Vec<ConfigError>,
    /// What is allowed, and probably not meant so.
    pub warnings: Vec<ConfigError>,
    /// Set if the file could not be read at all.
    pub unreadable: Option<io::ErrorKind>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where; `None` if the file as a whole is meant.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// The rule that says so, as `RFC 9110 §5.5`.
    pub rule: Option<&'static str>,
    /// What would be right there.
    pub allowed: Option<String>,
    /// What was probably meant.
    pub suggestion: Option<String>,
    /// Another place the message speaks of.
    pub also: Option<Place>,
}

/// A place in a configuration, with what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line, shortened around the column and without control characters.
    pub excerpt: String,
    /// Where the excerpt's caret begins, in characters from 0.
    pub caret: usize,
    /// How many characters the caret underlines.
    pub caret_length: usize,
}

impl Place {
    /// The place of a span of octets.
    pub(crate) fn of(text: &str, span: Range<usize>) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end).max(start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(line_start..).unwrap_or_default();
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        let characters = |from, to| {
            text.get(from..to)
                .map_or(0, |part: &str| part.chars().count())
        };
        let column = characters(line_start, start);
        let length = characters(start, end.min(line_start + line.len()));
        let skipped = column.saturating_sub(EXCERPT_BEFORE);
        let shown: String = without_password(line)
            .skip(skipped)
            .take(EXCERPT_MAX)
            .map(printable)
            .collect();
        let caret = column - skipped;
        Self {
            line: before.matches('\n').count() + 1,
            column: column + 1,
            caret_length: length
                .min(shown.chars().count().saturating_sub(caret))
                .max(1),
            excerpt: shown,
            caret,
        }
    }

    fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        let (caret, length) = (self.caret, self.caret_length);
        writeln!(f, "{:>5} | {}", self.line, self.excerpt.trim_end())?;
        write!(f, "      | {:caret$}{:^<length$}", "", "")
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.errors.iter().enumerate() {
            if number > 0 {
                f.write_str("\n\n")?;
            }
            error.write(f, &self.file)?;
        }
        if self.errors.len() > 1 {
            write!(f, "\n\n{}: {} errors", self.file, self.errors.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl ConfigError {
    /// An error of the file as a whole.
    pub(super) fn of_file(message: String) -> Self {
        Self {
            place: None,
            message,
            rule: None,
            allowed: None,
            suggestion: None,
            also: None,
        }
    }

    /// The message with its rule.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.rule {
            Some(rule) => format!("{} ({rule})", self.message),
            None => self.message.clone(),
        }
    }

    /// As it is shown to people: its place in `file`, the line, what would be right.
    ///
    /// # Errors
    /// Those of the formatter.
    pub fn write(&self, f: &mut dyn fmt::Write, file: &str) -> fmt::Result {
        let message = self.sentence();
        match &self.place {
            None => write!(f, "{file}: {message}")?,
            Some(place) => {
                writeln!(f, "{file}:{}:{}: {message}", place.line, place.column)?;
                place.write(f)?;
            }
        }
        if let Some(also) = &self.also {
            writeln!(f, "\n{file}:{}:{}: also here", also.line, also.column)?;
            also.write(f)?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, "\n      = allowed: {allowed}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n      = hint: {suggestion}")?;
        }
        Ok(())
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

/// The characters of a line, with an asterisk for each of a password in a URL (RFC 3986 §3.2.1): what is said of a file is
/// kept by whoever gathers what servers say.
fn without_password(line: &str) -> impl Iterator<Item = char> {
    let password = password_of(line).unwrap_or(0..0);
    line.char_indices()
        .map(move |(at, character)| match password.contains(&at) {
            true => '*',
            false => character,
        })
}

fn password_of(line: &str) -> Option<Range<usize>> {
    let start = line.find("://")? + 3;
    let rest = line.get(start..)?;
    let end = rest.find(['/', '?', '#', '"', '\'']).unwrap_or(rest.len());
    let at = rest.get(..end)?.rfind('@')?;
    let colon = rest.get(..at)?.find(':')?;
    Some(start + colon + 1..start + at)
}

fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        control if control.is_control() => '\u{fffd}',
        other => other,
    }
}

/// Characters of a line shown before the caret.
const EXCERPT_BEFORE: usize = 60;
/// Characters of a line shown in all.
const EXCERPT_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_from_one() {
        let place = Place::of("a = 1\nö = 22\n", 11..13);
        assert_eq!((place.line, place.column, place.caret_length), (2, 5, 2));
        assert_eq!(place.excerpt, "ö = 22");
    }

    #[test]
    fn an_excerpt_shows_no_password() {
        let text = "store = \"redis://me:öpen:@sesame@host:1/\" # a@b\n";
        let place = Place::of(text, 8..20);
        let shown = "store = \"redis://me:************@host:1/\" # a@b";
        assert_eq!(place.excerpt, shown);
        for text in [
            "a = \"http://host:80/@\"",
            "b = \"redis://me@host\"",
            "c = 1 # a:b@c",
        ] {
            assert_eq!(Place::of(text, 0..1).excerpt, text);
        }
    }

    #[test]
    fn the_end_of_a_text_is_a_place() {
        let place = Place::of("a = ", 4..4);
        assert_eq!(
            (place.line, place.column, place.caret, place.caret_length),
            (1, 5, 4, 1)
        );
        let place = Place::of("", 9..12);
        assert_eq!((place.line, place.column), (1, 1));
    }

    #[test]
    fn an_excerpt_is_bounded_and_holds_no_control_characters() {
        let text = format!("{}\x1b[2J{}", "a".repeat(5000), "b".repeat(5000));
        let place = Place::of(&text, 5000..5001);
        assert!(place.excerpt.chars().count() <= EXCERPT_MAX);
        assert_eq!(place.excerpt.chars().nth(place.caret), Some('\u{fffd}'));
    }
}
