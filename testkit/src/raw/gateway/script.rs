//! The text of cases: read into [`Case`] values, rows expanded.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::script::{
    Check, Ending, Expectation, Level, expectation, fill, level, leveled, sorted,
};

/// One dialogue through a gateway, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder of its file: `smuggling`, `answers`.
    pub area: String,
    /// `area/case.row`.
    pub name: String,
    /// The rule and its citation.
    pub why: String,
    /// The level of expectations that say none.
    pub level: Level,
    /// What the gateway must have for this case.
    pub needs: Vec<String>,
    /// Whether the client's octets may be delivered in pieces.
    pub may_split: bool,
    /// Whether each request gets the next answer, also one that is sent again.
    pub in_turn: bool,
    /// What the client does, in order.
    pub steps: Vec<Step>,
    /// What the server says to a connection on which it was asked nothing.
    pub unasked: Option<String>,
    /// What the server does with the requests, in order; those beyond are answered by 200.
    pub acts: Vec<Act>,
    /// The requests that reach the server.
    pub asked: Vec<Asked>,
    /// What becomes of the client's connection.
    pub ending: Ending,
    /// The level of the ending.
    pub ending_level: Level,
    /// Whether the server's connection is used for the next request.
    pub line: Option<(LineUse, Level)>,
}

/// What a client does.
#[derive(Clone, Debug)]
pub enum Step {
    /// `>>>`: octets, escapes not yet expanded.
    Send(String),
    /// `pause`: what was sent before is read before more is.
    Pause,
    /// `half-close`: no more octets will be sent.
    HalfClose,
    /// `leave`: the client closes and reads nothing more.
    Leave,
    /// `<<<`: an answer to wait for.
    Expect(Expectation),
}

/// What a server does with a request.
#[derive(Clone, Debug, Default)]
pub struct Act {
    /// Whether it does it as soon as the head is there.
    pub is_early: bool,
    /// What it says, with a pause between.
    pub pieces: Vec<String>,
    /// What it does then.
    pub then: Then,
}

/// What becomes of the server's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// The next request is read.
    #[default]
    Stay,
    /// It is closed in order.
    Close,
    /// It is reset.
    Reset,
    /// It is left as it is, and nothing is said any more.
    Silence,
}

/// A request that reaches the server.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whether it may be missing.
    pub is_optional: bool,
    /// Whether it lacks its end, and sees the end of its connection instead.
    pub is_cut: bool,
    /// Method and target.
    pub line: String,
    /// What else it must be.
    pub checks: Vec<Check>,
}

/// What becomes of the server's connection in the eyes of the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineUse {
    /// The next request comes on it.
    Kept,
    /// The next request does not.
    Dropped,
}

/// Reads all cases below a folder, by area and name.
///
/// # Errors
/// A mistake in a case.
pub fn load(folder: &Path) -> Result<Vec<Case>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut cases = Vec::new();
    let is_case = |file: &PathBuf| file.extension().is_some_and(|it| it == "case");
    for file in sorted(folder)?.into_iter().filter(is_case) {
        let text = fs::read_to_string(&file).map_err(told)?;
        let area = file.file_stem().unwrap_or_default().to_string_lossy();
        let read = parse(&area, &text).map_err(|error| format!("{}: {error}", file.display()))?;
        cases.extend(read);
    }
    let mut names: Vec<_> = cases.iter().map(|case: &Case| case.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(format!("two cases are called {}", twice[0])),
        None => Ok(cases),
    }
}

/// Reads the cases of one file.
///
/// # Errors
/// A mistake in a case.
pub fn parse(area: &str, text: &str) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let mut draft: Option<Draft> = None;
    let mut lets: Vec<(String, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |error: String| format!("line {}: {error}", index + 1);
        if let Some(name) = line.strip_prefix("case ") {
            if let Some(done) = draft.take() {
                cases.extend(done.finish(area).map_err(at)?);
            }
            draft = Some(Draft::new(name.trim()));
            continue;
        }
        let binding = line
            .strip_prefix("let ")
            .and_then(|rest| rest.split_once(" = "));
        if let Some((name, value)) = binding {
            lets.push((format!("{{{name}}}"), value.to_owned()));
            continue;
        }
        let line = lets.iter().fold(line.to_owned(), |line, (name, value)| {
            line.replace(name, value)
        });
        match &mut draft {
            Some(draft) => draft.take_line(&line).map_err(at)?,
            None if line.is_empty() || line.starts_with('#') => {}
            None => return Err(at(format!("before any case: {line:?}"))),
        }
    }
    match draft {
        Some(draft) => cases.extend(draft.finish(area)?),
        None => return Err("no case".into()),
    }
    Ok(cases)
}

/// A case as far as it was read.
#[derive(Debug)]
struct Draft {
    name: String,
    why: Vec<String>,
    case: Case,
    rows: Vec<(String, Vec<String>)>,
    ways: Vec<(String, String)>,
    ending: Option<(Ending, Level)>,
    /// Whether checks are of a request, and not of an answer.
    is_asked_last: bool,
}

impl Draft {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            why: Vec::new(),
            case: Case {
                area: String::new(),
                name: String::new(),
                why: String::new(),
                level: Level::Must,
                needs: Vec::new(),
                may_split: true,
                in_turn: false,
                steps: Vec::new(),
                unasked: None,
                acts: Vec::new(),
                asked: Vec::new(),
                ending: Ending::Either,
                ending_level: Level::Must,
                line: None,
            },
            rows: Vec::new(),
            ways: Vec::new(),
            ending: None,
            is_asked_last: false,
        }
    }

    fn take_line(&mut self, line: &str) -> Result<(), String> {
        if let Some(check) = line.strip_prefix("  ") {
            return self.take_check(check.trim_start());
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let case = &mut self.case;
        match word {
            "" => {}
            "#" => self.why.push(rest.to_owned()),
            "level" => case.level = level(rest)?,
            "needs" => case.needs.extend(rest.split(' ').map(str::to_owned)),
            "whole" => case.may_split = false,
            "in-turn" => case.in_turn = true,
            "each" => self.rows.push(row(rest)),
            "by" => {
                let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                self.ways
                    .push((name.to_owned(), value.trim_matches(' ').to_owned()));
            }
            ">>>" => case.steps.push(Step::Send(rest.to_owned())),
            "pause" => case.steps.push(Step::Pause),
            "half-close" => case.steps.push(Step::HalfClose),
            "leave" => case.steps.push(Step::Leave),
            "<<<" | "<<<?" => {
                self.is_asked_last = false;
                case.steps
                    .push(Step::Expect(expectation(rest, word == "<<<?")?));
            }
            "unasked" => case.unasked = Some(rest.to_owned()),
            "answer" | "early" => case.acts.push(Act {
                is_early: word == "early",
                pieces: Vec::from_iter((!rest.is_empty()).then(|| rest.to_owned())),
                then: Then::Stay,
            }),
            "then" | "then-close" | "then-reset" | "then-silence" => self.take_then(word, rest)?,
            "asked" | "asked?" | "asked-cut" | "asked-cut?" => self.take_asked(word, rest),
            "close" | "eof" | "open" | "either" => self.take_ending(word, rest)?,
            "line" => self.take_use(rest)?,
            _ => return Err(format!("unknown: {line:?}")),
        }
        Ok(())
    }

    fn take_then(&mut self, word: &str, rest: &str) -> Result<(), String> {
        let act = self
            .case
            .acts
            .last_mut()
            .ok_or("nothing was answered before")?;
        match word {
            "then-close" => act.then = Then::Close,
            "then-reset" => act.then = Then::Reset,
            "then-silence" => act.then = Then::Silence,
            _ => act.pieces.push(rest.to_owned()),
        }
        Ok(())
    }

    fn take_asked(&mut self, word: &str, rest: &str) {
        self.is_asked_last = true;
        if rest != "nothing" {
            self.case.asked.push(Asked {
                is_optional: word.ends_with('?'),
                is_cut: word.starts_with("asked-cut"),
                line: rest.to_owned(),
                checks: Vec::new(),
            });
        }
    }

    fn take_ending(&mut self, word: &str, rest: &str) -> Result<(), String> {
        let ending = match word {
            "close" => Ending::Close,
            "eof" => Ending::Eof,
            "open" => Ending::Open,
            _ => Ending::Either,
        };
        let (_, level) = leveled(rest, self.case.level)?;
        match self.ending.replace((ending, level)) {
            Some(_) => Err("a second ending".into()),
            None => Ok(()),
        }
    }

    fn take_use(&mut self, rest: &str) -> Result<(), String> {
        let (word, level) = leveled(rest, self.case.level)?;
        self.case.line = match word {
            "kept" => Some((LineUse::Kept, level)),
            "dropped" => Some((LineUse::Dropped, level)),
            _ => return Err(format!("a line is kept or dropped: {rest:?}")),
        };
        Ok(())
    }

    fn take_check(&mut self, text: &str) -> Result<(), String> {
        let (rule, level) = leveled(text, self.case.level)?;
        let when = rule
            .strip_prefix("when ")
            .and_then(|rest| rest.split_once(' '));
        let (when, rule) = match when {
            Some((set, rule)) => (Some(set.to_owned()), rule.to_owned()),
            None => (None, rule.to_owned()),
        };
        let check = Check { level, when, rule };
        if self.is_asked_last {
            let asked = self.case.asked.last_mut();
            asked.ok_or("a check of no request")?.checks.push(check);
            return Ok(());
        }
        match self.case.steps.last_mut() {
            Some(Step::Expect(expectation)) => expectation.checks.push(check),
            _ => return Err("a check without an answer before it".into()),
        }
        Ok(())
    }

    fn finish(mut self, area: &str) -> Result<Vec<Case>, String> {
        let ending = self
            .ending
            .ok_or_else(|| format!("{}: no ending", self.name))?;
        if !self.why.iter().any(|line| line.contains("RFC ")) {
            return Err(format!("{}: cites no rule", self.name));
        }
        let rows = match self.rows.is_empty() {
            true => vec![(String::new(), Vec::new())],
            false => std::mem::take(&mut self.rows),
        };
        let ways = match self.ways.is_empty() {
            true => vec![(String::new(), String::new())],
            false => std::mem::take(&mut self.ways),
        };
        let mut cases = Vec::new();
        for (row, values) in &rows {
            for (way, by) in &ways {
                let dot = |name: &str| {
                    if name.is_empty() {
                        String::new()
                    } else {
                        format!(".{name}")
                    }
                };
                let mut case = self.case.clone();
                case.area = area.to_owned();
                case.name = format!("{area}/{}{}{}", self.name, dot(row), dot(way));
                case.why = self.why.join(" ");
                (case.ending, case.ending_level) = ending;
                case.fill(&|text| fill(text, values).replace("{by}", by));
                cases.push(case);
            }
        }
        Ok(cases)
    }
}

impl Case {
    fn fill(&mut self, fill: &dyn Fn(&str) -> String) {
        let checks = |checks: &mut Vec<Check>| {
            for check in checks {
                check.when = check.when.as_deref().map(fill);
                check.rule = fill(&check.rule);
            }
        };
        for step in &mut self.steps {
            match step {
                Step::Send(text) => *text = fill(text),
                Step::Expect(expectation) => {
                    expectation.statuses = fill(&expectation.statuses);
                    expectation.times = fill(&expectation.times);
                    checks(&mut expectation.checks);
                }
                Step::Pause | Step::HalfClose | Step::Leave => {}
            }
        }
        let pieces = self.acts.iter_mut().flat_map(|act| &mut act.pieces);
        pieces
            .chain(&mut self.unasked)
            .for_each(|piece| *piece = fill(piece));
        for asked in &mut self.asked {
            asked.line = fill(&asked.line);
            checks(&mut asked.checks);
        }
    }
}

fn row(text: &str) -> (String, Vec<String>) {
    let (name, values) = text
        .trim_start()
        .split_once(' ')
        .unwrap_or((text.trim(), ""));
    let values = format!(" {values} ");
    let values = values
        .split(" || ")
        .map(|value| value.trim_matches(' ').to_owned());
    (name.to_owned(), values.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "case bad\n# Why (RFC 9112 §1).\neach one 1\neach two 2\nby get GET\nby put PUT\n\
        >>> {by} /{1} HTTP/1.1\\r\\n\\r\\n\nanswer a{1}\nthen b\nthen-reset\n<<< 200|cut\n  field X absent [STRICT]\n\
        asked {by} /{1}\n  field Y absent\nopen\nline dropped\n";

    #[test]
    fn rows_and_ways_become_cases() {
        let cases = parse("area", TEXT).unwrap();
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        let expected = [
            "area/bad.one.get",
            "area/bad.one.put",
            "area/bad.two.get",
            "area/bad.two.put",
        ];
        assert_eq!(names, expected);
        let last = &cases[3];
        assert!(matches!(&last.steps[0], Step::Send(text) if text.starts_with("PUT /2 ")));
        assert_eq!(
            (last.acts[0].pieces.len(), last.acts[0].then),
            (2, Then::Reset)
        );
        assert_eq!(last.asked[0].line, "PUT /2");
        assert_eq!(last.line, Some((LineUse::Dropped, Level::Must)));
    }

    #[test]
    fn a_check_belongs_to_what_stands_before_it() {
        let case = parse("area", TEXT).unwrap().remove(0);
        assert_eq!(case.asked[0].checks[0].rule, "field Y absent");
        let Step::Expect(answer) = &case.steps[1] else {
            panic!()
        };
        assert_eq!(answer.checks[0].level, Level::Strict);
    }

    #[test]
    fn a_case_without_an_ending_or_a_rule_is_an_error() {
        assert!(parse("area", "case x\n# RFC 9112 §1.\n>>> a\n").is_err());
        assert!(parse("area", "case x\n# Why.\n>>> a\nopen\n").is_err());
    }
}
