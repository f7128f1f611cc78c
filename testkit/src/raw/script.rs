//! The text of cases: read into [`Case`] values, rows expanded.

use std::fs;
use std::path::Path;

/// How binding the rule behind an expectation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// An RFC's MUST, or what only an exploitable server would do.
    Must,
    /// An RFC's SHOULD.
    Should,
    /// The RFCs leave latitude: this project's own default.
    Strict,
}

/// One dialogue with a server, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder of its file: `host`, `chunked`.
    pub area: String,
    /// `area/case.row`.
    pub name: String,
    /// The rule and its citation.
    pub why: String,
    /// The level of expectations that say none.
    pub level: Level,
    /// What the server must have for this case: `echo`, `vhost`.
    pub needs: Vec<String>,
    /// The world it is played in: `plain`, or `trace` where TRACE is allowed.
    pub world: String,
    /// Seconds to wait for an answer, if other than the usual.
    pub patience: Option<u64>,
    /// Whether it may be redelivered in pieces.
    pub may_split: bool,
    /// The dialogue in order.
    pub steps: Vec<Step>,
    /// What becomes of the connection.
    pub ending: Ending,
    /// The level of the ending.
    pub ending_level: Level,
}

/// One line of a dialogue.
#[derive(Clone, Debug)]
pub enum Step {
    /// `>>>`: octets to send, escapes not yet expanded.
    Send(String),
    /// `flush`: nothing is read before all was sent.
    Flush,
    /// `half-close`: no more octets will be sent.
    HalfClose,
    /// `<<<`: a response to wait for.
    Expect(Expectation),
}

/// A response that is waited for.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// `<<<?`: the response may be missing.
    pub is_optional: bool,
    /// The statuses allowed, as written: `400|4xx`.
    pub statuses: String,
    /// `to HEAD`: it has no content.
    pub to_head: bool,
    /// `*500`: so many of it, as written.
    pub times: String,
    /// What else it must be.
    pub checks: Vec<Check>,
}

/// One indented line below `<<<`.
#[derive(Clone, Debug)]
pub struct Check {
    /// How binding it is.
    pub level: Level,
    /// Only for these statuses.
    pub when: Option<String>,
    /// The rule as written.
    pub rule: String,
}

impl Check {
    /// `let NAME = field FIELD`: what follows may name the value of that field `{NAME}`; it is empty if there is none.
    pub(super) fn takes(&self) -> Option<(&str, &str)> {
        self.rule.strip_prefix("let ")?.split_once(" = field ")
    }
}

/// What becomes of the connection after the last expected response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Closed by the server, which says so in its last response.
    Close,
    /// Closed by the server.
    Eof,
    /// Usable: one more request is answered, and it is the next response.
    Open,
    /// Closed or usable, but nothing else is ever answered.
    Either,
}

/// Reads all cases below a folder, by area and name.
pub fn load(folder: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for area in sorted(folder)? {
        if !area.is_dir() {
            continue;
        }
        for file in sorted(&area)? {
            if file
                .extension()
                .is_some_and(|extension| extension == "case")
            {
                let text = fs::read_to_string(&file)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
                let name = area.file_name().unwrap_or_default().to_string_lossy();
                cases.extend(
                    parse(&name, &text).map_err(|error| format!("{}: {error}", file.display()))?,
                );
            }
        }
    }
    let mut names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two cases are called {}", twice[0]));
    }
    Ok(cases)
}

/// Reads the cases of one file.
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
        if let Some((name, value)) = line
            .strip_prefix("let ")
            .and_then(|rest| rest.split_once(" = "))
        {
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
    if let Some(done) = draft {
        cases.extend(done.finish(area)?);
    }
    Ok(cases)
}

/// Whether a status is in a set such as `200|4xx`.
pub fn is_in(status: u16, set: &str) -> bool {
    set.split('|').any(|one| match one.strip_suffix("xx") {
        Some(class) => class.parse() == Ok(status / 100),
        None => one.parse() == Ok(status),
    })
}

/// A case before its rows are expanded.
#[derive(Debug)]
struct Draft {
    name: String,
    why: Vec<String>,
    level: Level,
    needs: Vec<String>,
    world: String,
    patience: Option<u64>,
    may_split: bool,
    rows: Vec<(String, Vec<String>)>,
    steps: Vec<Step>,
    ending: Option<(Ending, Level)>,
}

impl Draft {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            why: Vec::new(),
            level: Level::Must,
            needs: Vec::new(),
            world: "plain".to_owned(),
            patience: None,
            may_split: true,
            rows: Vec::new(),
            steps: Vec::new(),
            ending: None,
        }
    }

    fn take_line(&mut self, line: &str) -> Result<(), String> {
        if let Some(check) = line.strip_prefix("  ") {
            return self.take_check(check.trim_start());
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "#" => self.why.push(rest.to_owned()),
            "level" => self.level = level(rest)?,
            "needs" => self.needs.extend(rest.split(' ').map(str::to_owned)),
            "world" => self.world = rest.to_owned(),
            "patience" => {
                self.patience = Some(rest.parse().map_err(|_| format!("not seconds: {rest:?}"))?)
            }
            "whole" => self.may_split = false,
            "each" => self.take_row(rest),
            ">>>" => self.steps.push(Step::Send(rest.to_owned())),
            "flush" => self.steps.push(Step::Flush),
            "half-close" => self.steps.push(Step::HalfClose),
            "<<<" | "<<<?" => self
                .steps
                .push(Step::Expect(expectation(rest, word == "<<<?")?)),
            "close" | "eof" | "open" | "either" => self.take_ending(word, rest)?,
            _ => return Err(format!("unknown: {line:?}")),
        }
        Ok(())
    }

    fn take_row(&mut self, row: &str) {
        let (name, values) = row.trim_start().split_once(' ').unwrap_or((row.trim(), ""));
        let values = format!("{values} ")
            .split(" || ")
            .map(|value| value.trim_matches(' ').to_owned())
            .collect();
        self.rows.push((name.to_owned(), values));
    }

    fn take_ending(&mut self, word: &str, rest: &str) -> Result<(), String> {
        let ending = match word {
            "close" => Ending::Close,
            "eof" => Ending::Eof,
            "open" => Ending::Open,
            _ => Ending::Either,
        };
        let (_, level) = leveled(rest, self.level)?;
        if self.ending.replace((ending, level)).is_some() {
            return Err("a second ending".into());
        }
        Ok(())
    }

    fn take_check(&mut self, text: &str) -> Result<(), String> {
        let (rule, level) = leveled(text, self.level)?;
        let (when, rule) = match rule
            .strip_prefix("when ")
            .and_then(|rest| rest.split_once(' '))
        {
            Some((set, rule)) => (Some(set.to_owned()), rule.to_owned()),
            None => (None, rule.to_owned()),
        };
        match self.steps.last_mut() {
            Some(Step::Expect(expectation)) => expectation.checks.push(Check { level, when, rule }),
            _ => return Err("a check without a response before it".into()),
        }
        Ok(())
    }

    fn finish(mut self, area: &str) -> Result<Vec<Case>, String> {
        let (ending, ending_level) = self
            .ending
            .ok_or_else(|| format!("{}: no ending", self.name))?;
        if self.why.is_empty() {
            return Err(format!("{}: does not say why", self.name));
        }
        if self.rows.is_empty() {
            self.rows.push((String::new(), Vec::new()));
        }
        let mut cases = Vec::new();
        for (row, values) in &self.rows {
            let name = if row.is_empty() {
                self.name.clone()
            } else {
                format!("{}.{row}", self.name)
            };
            let fill = |text: &str| fill(text, values);
            cases.push(Case {
                area: area.to_owned(),
                name: format!("{area}/{name}"),
                why: self.why.join(" "),
                level: self.level,
                needs: self.needs.clone(),
                world: self.world.clone(),
                patience: self.patience,
                may_split: self.may_split,
                steps: self.steps.iter().map(|step| step.filled(&fill)).collect(),
                ending,
                ending_level,
            });
        }
        Ok(cases)
    }
}

impl Step {
    fn filled(&self, fill: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Send(text) => Self::Send(fill(text)),
            Self::Flush => Self::Flush,
            Self::HalfClose => Self::HalfClose,
            Self::Expect(expectation) => Self::Expect(Expectation {
                statuses: fill(&expectation.statuses),
                times: fill(&expectation.times),
                checks: expectation
                    .checks
                    .iter()
                    .map(|check| Check {
                        level: check.level,
                        when: check.when.as_deref().map(fill),
                        rule: fill(&check.rule),
                    })
                    .collect(),
                ..expectation.clone()
            }),
        }
    }
}

/// Puts a row's values in the places `{1}`, `{2}` ...
pub(super) fn fill(text: &str, values: &[String]) -> String {
    values
        .iter()
        .enumerate()
        .fold(text.to_owned(), |text, (index, value)| {
            text.replace(&format!("{{{}}}", index + 1), value)
        })
}

/// `200|206 to HEAD *3`.
pub(super) fn expectation(text: &str, is_optional: bool) -> Result<Expectation, String> {
    let mut words = text.split_whitespace();
    let statuses = words.next().ok_or("no status")?.to_owned();
    let mut expectation = Expectation {
        is_optional,
        statuses,
        to_head: false,
        times: "1".into(),
        checks: Vec::new(),
    };
    while let Some(word) = words.next() {
        match (word, word.strip_prefix('*')) {
            ("to", _) if words.next() == Some("HEAD") => expectation.to_head = true,
            (_, Some(times)) => expectation.times = times.to_owned(),
            _ => return Err(format!("unknown: {word:?}")),
        }
    }
    Ok(expectation)
}

/// Takes `[LEVEL]` from the end of a line.
pub(super) fn leveled(text: &str, otherwise: Level) -> Result<(&str, Level), String> {
    for word in ["MUST", "SHOULD", "STRICT"] {
        if let Some(rest) = text.strip_suffix(&format!("[{word}]")) {
            return Ok((rest.trim_end(), level(word)?));
        }
    }
    Ok((text, otherwise))
}

pub(super) fn level(word: &str) -> Result<Level, String> {
    Ok(match word {
        "MUST" => Level::Must,
        "SHOULD" => Level::Should,
        "STRICT" => Level::Strict,
        _ => return Err(format!("not a level: {word:?}")),
    })
}

pub(super) fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(told)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(told)?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# file\nlet H = Host: a\\r\\n\ncase bad\n# Why (RFC 9112 §1).\nlevel SHOULD\neach one 1 || x\neach two 2 || y\n>>> GET /{1}{2} HTTP/1.1\\r\\n{H}\\r\\n\n<<< 400|5xx *2\n  when 400 field Date present [STRICT]\nclose [STRICT]\n";

    #[test]
    fn each_row_becomes_a_case() {
        let cases = parse("area", TEXT).unwrap();
        assert_eq!(
            cases
                .iter()
                .map(|case| case.name.as_str())
                .collect::<Vec<_>>(),
            ["area/bad.one", "area/bad.two"]
        );
        assert!(
            matches!(&cases[1].steps[0], Step::Send(text) if text == "GET /2y HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
        );
    }

    #[test]
    fn a_level_in_brackets_overrides_the_level_of_the_case() {
        let case = parse("area", TEXT).unwrap().remove(0);
        assert_eq!(
            (case.level, case.ending_level, case.ending),
            (Level::Should, Level::Strict, Ending::Close)
        );
    }

    #[test]
    fn a_case_without_an_ending_is_an_error() {
        assert!(parse("area", "case x\n# Why.\n>>> a\n").is_err());
    }

    #[test]
    fn a_set_holds_statuses_and_classes() {
        assert!(is_in(204, "200|204") && is_in(431, "4xx") && !is_in(500, "4xx|200"));
    }
}
