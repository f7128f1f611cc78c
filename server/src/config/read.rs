//! From the text of a file to a [`Config`], with everything that is wrong in it.

use super::checks;
use super::error::{ConfigError, ConfigErrors};
use super::findings::Findings;
use super::keys::{self, Key, SECTIONS};
use super::model::{Config, Lenient, Listener, Route, Site};
use super::slot::{Complaint, Slot, Word, mismatch};
use super::suggest::{nearest, nearest_path};
use net::Address;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// Reads a file; paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(|error| unreadable(&name, &error))?;
    let absolute = std::path::absolute(path).map_err(|error| unreadable(&name, &error))?;
    parse(&text, &name, absolute.parent().unwrap_or(Path::new("/")))
}

/// Reads a text; `file_name` is for messages, and paths are relative to `base_dir`.
pub fn parse(text: &str, file_name: &str, base_dir: &Path) -> Result<Config, ConfigErrors> {
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        base: base_dir,
        findings: Findings::default(),
    };
    for error in &syntax_errors {
        let message = error.message().replace('\n', "; ");
        reader
            .findings
            .note(error.span().unwrap_or(0..0), Complaint::new(message));
    }
    let mut config = Config::default();
    reader.document(document.get_ref(), &mut config);
    if !syntax_errors.is_empty() {
        reader.findings.forget_consequences(syntax_errors.len());
    }
    let errors = reader.findings.into_errors(text);
    if errors.is_empty() {
        return Ok(config);
    }
    Err(ConfigErrors {
        file: file_name.to_owned(),
        errors,
        unreadable: None,
    })
}

type Value<'d> = Spanned<DeValue<'d>>;

struct Reader<'t> {
    base: &'t Path,
    findings: Findings,
}

impl Reader<'_> {
    fn document(&mut self, document: &DeTable<'_>, config: &mut Config) {
        for (name, value) in document {
            match name.get_ref().as_ref() {
                "server" => self.one(value, "server", keys::SERVER, &mut config.server),
                "limits" => self.one(value, "limits", keys::LIMITS, &mut config.limits),
                "listen" => self.many(value, "[[listen]]", |reader, table, span| {
                    config.listeners.push(reader.listener(table, span));
                }),
                "site" => self.many(value, "[[site]]", |reader, table, span| {
                    config.sites.push(reader.site(table, span));
                }),
                _ => self.unknown_section(name),
            }
        }
        if config.listeners.is_empty() {
            config.listeners.push(Listener::default());
        }
        let has_site = match document.get("site").map(|value| value.get_ref()) {
            None => false,
            // What is no list at all was complained of.
            Some(value) => value.as_array().is_none_or(|sites| !sites.is_empty()),
        };
        if !has_site {
            let hint = "add a [[site]] with root = \"FOLDER\"";
            self.findings.note_absence(
                None,
                Complaint::with("there is no [[site]]: nothing would be served", hint),
            );
        }
        self.repeated_addresses(document);
        self.repeated_hosts(document);
    }

    fn listener(&mut self, table: &DeTable<'_>, span: Range<usize>) -> Listener {
        let mut listener = Listener::default();
        self.section(
            table,
            span,
            "[[listen]]",
            keys::LISTEN,
            &["lenient"],
            &mut listener,
        );
        if let Some(value) = table.get("lenient") {
            self.one::<Lenient>(
                value,
                "listen.lenient",
                keys::LENIENT,
                &mut listener.lenient,
            );
        }
        listener
    }

    fn site(&mut self, table: &DeTable<'_>, span: Range<usize>) -> Site {
        let mut site = Site::default();
        self.section(table, span, "[[site]]", keys::SITE, &["route"], &mut site);
        if let Some(value) = table.get("route") {
            self.many(value, "[[site.route]]", |reader, table, span| {
                let mut route = Route::default();
                reader.section(table, span, "[[site.route]]", keys::ROUTE, &[], &mut route);
                site.routes.push(route);
            });
            self.repeated(
                &spans_of(value, "path"),
                |text| text.to_owned(),
                "the route",
            );
        }
        site
    }

    /// A section that is there once.
    fn one<T>(&mut self, value: &Value<'_>, name: &str, keys: &'static [Key<T>], target: &mut T) {
        match value.get_ref() {
            DeValue::Table(table) => {
                self.section(table, value.span(), &format!("[{name}]"), keys, &[], target);
            }
            DeValue::Array(_) => {
                let hint = format!("write [{name}] with single brackets");
                self.findings.note(
                    value.span(),
                    Complaint::with(format!("[{name}] can be there only once"), hint),
                );
            }
            other => self
                .findings
                .note(value.span(), mismatch(&Word::from_toml(other))),
        }
    }

    /// A section that may be there several times.
    fn many(
        &mut self,
        value: &Value<'_>,
        title: &str,
        mut read: impl FnMut(&mut Self, &DeTable<'_>, Range<usize>),
    ) {
        let message = format!("{title} needs double brackets, for there may be several");
        let complaint = Complaint::with(message, format!("write {title}"));
        match value.get_ref() {
            DeValue::Array(array) => {
                for element in array.iter() {
                    match element.get_ref() {
                        DeValue::Table(table) => read(self, table, element.span()),
                        _ => self.findings.note(element.span(), complaint.clone()),
                    }
                }
            }
            DeValue::Table(table) => {
                self.findings.note(value.span(), complaint);
                read(self, table, value.span());
            }
            _ => self.findings.note(value.span(), complaint),
        }
    }

    /// The keys of one section; `nested` are the names of sections within it.
    fn section<T>(
        &mut self,
        table: &DeTable<'_>,
        span: Range<usize>,
        title: &str,
        keys: &'static [Key<T>],
        nested: &[&'static str],
        target: &mut T,
    ) {
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            match keys.iter().find(|key| key.name == text) {
                Some(key) => self.key(key, value, target),
                None if nested.contains(&text) => {}
                None => self.unknown_key(name, title, keys.iter().map(|key| key.name), nested),
            }
        }
        for key in keys.iter().filter(|key| key.slot.is_required()) {
            if !table.contains_key(key.name) {
                let message = format!("{title} has no `{}`", key.name);
                let hint = format!("add {} = …: {}", key.name, key.slot.allowed());
                self.findings
                    .note_absence(Some(span.clone()), Complaint::with(message, hint));
            }
        }
    }

    fn key<T>(&mut self, key: &Key<T>, value: &Value<'_>, target: &mut T) {
        if let Some((at, check)) = key.slot.as_list() {
            if let Some(list) = self.list(value, check, &key.slot.allowed()) {
                *at(target) = list;
            }
            return;
        }
        match key
            .slot
            .store_word(target, Word::from_toml(value.get_ref()))
        {
            Ok(()) => self.folder(&key.slot, value, target),
            Err(complaint) => {
                self.findings
                    .note_allowed(value.span(), complaint, key.slot.allowed())
            }
        }
    }

    /// A path is relative to the file's folder, and a folder must exist.
    fn folder<T>(&mut self, slot: &Slot<T>, value: &Value<'_>, target: &mut T) {
        if let Err(complaint) = slot.base_on(target, self.base) {
            self.findings
                .note_allowed(value.span(), complaint, slot.allowed());
        }
        let Some(path) = slot.folder(target) else {
            return;
        };
        let problem = match path.metadata() {
            Ok(facts) if facts.is_dir() => return,
            Ok(_) => "is not a folder".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "does not exist".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        let message = format!("the folder \"{}\" {problem}", path.display());
        let near = nearest_path(path, Path::is_dir);
        let near = near.as_deref().and_then(Path::file_name).map(Path::new);
        self.findings.note(
            value.span(),
            Complaint {
                message,
                suggestion: near.map(|name| format!("did you mean \"{}\"?", name.display())),
            },
        );
    }

    fn list(
        &mut self,
        value: &Value<'_>,
        check: fn(&str) -> Result<String, Complaint>,
        allowed: &str,
    ) -> Option<Vec<String>> {
        let DeValue::Array(array) = value.get_ref() else {
            let complaint = match value.get_ref() {
                DeValue::String(text) => Complaint::with(
                    "a list is needed here",
                    format!("write [\"{}\"]", text.escape_debug()),
                ),
                other => mismatch(&Word::from_toml(other)),
            };
            self.findings
                .note_allowed(value.span(), complaint, allowed.to_owned());
            return None;
        };
        if array.is_empty() {
            self.findings.note_allowed(
                value.span(),
                Complaint::new("the list is empty"),
                allowed.to_owned(),
            );
        }
        let mut list = Vec::new();
        for element in array.iter() {
            let checked = match element.get_ref() {
                DeValue::String(text) => check(text),
                other => Err(mismatch(&Word::from_toml(other))),
            };
            match checked {
                Ok(text) => list.push(text),
                Err(complaint) => {
                    self.findings
                        .note_allowed(element.span(), complaint, allowed.to_owned())
                }
            }
        }
        Some(list)
    }

    fn unknown_key(
        &mut self,
        name: &Spanned<DeString<'_>>,
        title: &str,
        known: impl Iterator<Item = &'static str> + Clone,
        nested: &[&'static str],
    ) {
        let text = name.get_ref().as_ref();
        let suggestion = match nearest(text, known.clone().chain(nested.iter().copied())) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => elsewhere(text).map(|section| format!("`{text}` belongs in {section}")),
        };
        let message = format!("`{}` is not a key of {title}", text.escape_debug());
        let allowed = known.collect::<Vec<_>>().join(", ");
        self.findings.note_allowed(
            name.span(),
            Complaint {
                message,
                suggestion,
            },
            allowed,
        );
    }

    fn unknown_section(&mut self, name: &Spanned<DeString<'_>>) {
        let text = name.get_ref().as_ref();
        let known = ["server", "limits", "listen", "site"];
        let titles = ["[server]", "[limits]", "[[listen]]", "[[site]]"];
        let near = nearest(text, known.into_iter());
        let title = near.and_then(|near| titles.into_iter().find(|title| title.contains(near)));
        let suggestion = match (elsewhere(text), title) {
            (Some(section), _) => Some(format!("`{text}` belongs in {section}")),
            (None, title) => title.map(|title| format!("did you mean {title}?")),
        };
        let message = format!("`{}` is not a section", text.escape_debug());
        self.findings.note_allowed(
            name.span(),
            Complaint {
                message,
                suggestion,
            },
            titles.join(", "),
        );
    }

    fn repeated_addresses(&mut self, document: &DeTable<'_>) {
        let spans = document
            .get("listen")
            .map(|value| spans_of(value, "address"))
            .unwrap_or_default();
        let normal = |text: &str| match text.parse::<Address>() {
            Ok(address) if address.is_exclusive() => address.to_string(),
            _ => String::new(),
        };
        self.repeated(&spans, normal, "the address");
    }

    fn repeated_hosts(&mut self, document: &DeTable<'_>) {
        let Some(sites) = document
            .get("site")
            .and_then(|value| value.get_ref().as_array())
        else {
            return;
        };
        let mut spans = Vec::new();
        for site in sites.iter() {
            let hosts = site.get_ref().as_table().map(|table| table.get("hosts"));
            match hosts {
                Some(Some(value)) => {
                    let list = value
                        .get_ref()
                        .as_array()
                        .into_iter()
                        .flat_map(|list| list.iter());
                    spans.extend(list.filter_map(|host| Some((scalar_text(host)?, host.span()))));
                }
                Some(None) => spans.push(("*".to_owned(), site.span())),
                None => {}
            }
        }
        self.repeated(
            &spans,
            |text| checks::host(text).unwrap_or_default(),
            "the host",
        );
    }

    /// Says of each later one of equal texts where the first is; an empty text equals none.
    fn repeated(
        &mut self,
        texts: &[(String, Range<usize>)],
        normal: impl Fn(&str) -> String,
        noun: &str,
    ) {
        let mut first: HashMap<String, Range<usize>> = HashMap::new();
        for (text, span) in texts {
            let key = normal(text);
            match first.get(&key) {
                _ if key.is_empty() => {}
                None => {
                    first.insert(key, span.clone());
                }
                Some(earlier) => {
                    let message = format!("{noun} \"{}\" is there twice", key.escape_debug());
                    self.findings
                        .note_twice(span.clone(), earlier.clone(), message);
                }
            }
        }
    }
}

/// The values of one key in all tables of an array, with their spans.
fn spans_of(array: &Value<'_>, key: &str) -> Vec<(String, Range<usize>)> {
    let tables = array
        .get_ref()
        .as_array()
        .into_iter()
        .flat_map(|array| array.iter());
    let values = tables.filter_map(|table| table.get_ref().as_table()?.get(key));
    values
        .filter_map(|value| Some((scalar_text(value)?, value.span())))
        .collect()
}

fn scalar_text(value: &Value<'_>) -> Option<String> {
    match Word::from_toml(value.get_ref()) {
        Word::Text(text) => Some(text.to_owned()),
        Word::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The section in which a key of this name is known.
fn elsewhere(name: &str) -> Option<&'static str> {
    fn has<T>(keys: &[Key<T>], name: &str) -> bool {
        keys.iter().any(|key| key.name == name)
    }
    let found = [
        has(keys::SERVER, name),
        has(keys::LIMITS, name),
        has(keys::LISTEN, name),
        has(keys::LENIENT, name),
        has(keys::SITE, name),
        has(keys::ROUTE, name),
    ];
    let titles = SECTIONS.iter().map(|(title, _)| *title);
    titles
        .zip(found)
        .find(|(_, is_found)| *is_found)
        .map(|(title, _)| title)
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut octets = Vec::new();
    File::open(path)?
        .take(FILE_OCTETS_MAX + 1)
        .read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_OCTETS_MAX {
        let message = format!("it has more than {FILE_OCTETS_MAX} octets");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    String::from_utf8(octets).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error
            .as_bytes()
            .iter()
            .take(valid)
            .filter(|octet| **octet == b'\n')
            .count()
            + 1;
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("line {line} is not UTF-8"),
        )
    })
}

fn unreadable(file: &str, error: &io::Error) -> ConfigErrors {
    let message = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let suggestion = (error.kind() == io::ErrorKind::IsADirectory)
        .then(|| format!("`hansom serve {file}` serves a folder"));
    ConfigErrors {
        file: file.to_owned(),
        errors: vec![ConfigError {
            place: None,
            message,
            allowed: None,
            suggestion,
            also: None,
        }],
        unreadable: Some(error.kind()),
    }
}

/// A configuration is written by hand: a larger file is another one.
const FILE_OCTETS_MAX: u64 = 1024 * 1024;
