//! From the text of a file to a [`Config`], with everything that is wrong in it.

use super::error::ConfigErrors;
use super::file;
use super::findings::Findings;
use super::json::Json;
use super::keys::{self, Key, MOVED, TOP};
use super::model::{Auth, Config, Listener, Pool, PoolServer, Route, Site, Tls};
use super::node::{Entry, Node, Value};
use super::places::Places;
use super::rules;
use super::slot::{Complaint, Shown, mismatch};
use super::suggest::nearest;
use std::borrow::BorrowMut;
use std::ops::Range;
use std::path::Path;
use toml::de::DeTable;

/// A configuration, and what is known of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// What is allowed, and probably not meant so; in the order of the file.
    pub warnings: Vec<super::ConfigError>,
    /// Where each value stands.
    pub places: Places,
}

/// Reads a file; paths in it are relative to its folder.
///
/// # Errors
/// All that is wrong in it.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    load_with_places(path).map(|loaded| loaded.config)
}

/// Reads a file as [`load`] does, and tells where each value stands and what is odd.
///
/// # Errors
/// All that is wrong in it.
pub fn load_with_places(path: &Path) -> Result<Loaded, ConfigErrors> {
    let name = path.display().to_string();
    let text = file::read(path).map_err(|error| file::unreadable(&name, &error))?;
    let absolute = std::path::absolute(path).map_err(|error| file::unreadable(&name, &error))?;
    parse_with_places(&text, &name, absolute.parent().unwrap_or(Path::new("/")))
}

/// Reads a text; `file_name` is for messages, and paths are relative to `base_dir`.
///
/// # Errors
/// All that is wrong in it.
pub fn parse(text: &str, file_name: &str, base_dir: &Path) -> Result<Config, ConfigErrors> {
    parse_with_places(text, file_name, base_dir).map(|loaded| loaded.config)
}

/// Reads a text as [`parse`] does, and tells where each value stands and what is odd.
///
/// # Errors
/// All that is wrong in it.
pub fn parse_with_places(
    text: &str,
    file_name: &str,
    base_dir: &Path,
) -> Result<Loaded, ConfigErrors> {
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(base_dir);
    for error in &syntax_errors {
        let message = error.message().replace('\n', "; ");
        reader.note(error.span().unwrap_or(0..0), Complaint::new(message));
    }
    let mut config = Config {
        is_of_file: true,
        ..Config::default()
    };
    let mut root = Node::of_document(&document);
    reader.move_keys(&mut root);
    reader.document(&root, &mut config);
    let file = base_dir.join(Path::new(file_name).file_name().unwrap_or_default());
    rules::check(&config, &file, &root, &mut reader.findings);
    if !syntax_errors.is_empty() {
        reader.findings.forget_consequences(syntax_errors.len());
    }
    let (errors, warnings) = reader.findings.into_errors(text);
    if errors.is_empty() {
        let places = Places::of(file_name, text, &root);
        return Ok(Loaded {
            config,
            warnings,
            places,
        });
    }
    Err(ConfigErrors {
        file: file_name.to_owned(),
        errors,
        warnings,
        unreadable: None,
    })
}

/// Keys that fill one struct.
pub(crate) trait Group {
    /// Their names.
    fn names(&self) -> Vec<&'static str>;

    /// Reads one if it is among them.
    fn read(&mut self, entry: &Entry, reader: &mut Reader<'_>, at: &str) -> bool;

    /// The keys as they are shown.
    fn rows(&mut self) -> Vec<Row>;

    /// The keys that a file must give, with what they may hold.
    fn required(&self) -> Vec<(&'static str, String)>;

    /// The keys for an editor, as JSON Schema, and those that must be given.
    fn properties(&mut self) -> (Vec<(String, Json)>, Vec<Json>);
}

/// A key with what it holds.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) allowed: String,
    pub(crate) shown: Shown,
    pub(crate) is_required: bool,
}

/// A table of keys, and the struct that they fill, owned or borrowed.
#[derive(Debug)]
pub(crate) struct Keys<T: 'static, B>(pub(crate) &'static [Key<T>], pub(crate) B);

impl<T, B: BorrowMut<T>> Group for Keys<T, B> {
    fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|key| key.name).collect()
    }

    fn read(&mut self, entry: &Entry, reader: &mut Reader<'_>, at: &str) -> bool {
        let Some(key) = self.0.iter().find(|key| key.name == entry.name) else {
            return false;
        };
        let at = format!("{at}.{}", key.name);
        key.slot.read(self.1.borrow_mut(), &entry.node, reader, &at);
        true
    }

    fn rows(&mut self) -> Vec<Row> {
        let target = self.1.borrow_mut();
        let rows = self.0.iter().map(|key| Row {
            name: key.name,
            about: key.about,
            allowed: key.slot.allowed(),
            shown: key.slot.show(target),
            is_required: key.slot.is_required(),
        });
        rows.collect()
    }

    fn required(&self) -> Vec<(&'static str, String)> {
        let required = self.0.iter().filter(|key| key.slot.is_required());
        required.map(|key| (key.name, key.slot.allowed())).collect()
    }

    fn properties(&mut self) -> (Vec<(String, Json)>, Vec<Json>) {
        super::schema::properties(self.0, self.1.borrow_mut())
    }
}

/// Reads sections, and gathers what is wrong with them.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    base: &'t Path,
    findings: Findings,
}

impl<'t> Reader<'t> {
    /// Paths are relative to `base`.
    pub(crate) fn new(base: &'t Path) -> Self {
        Self {
            base,
            findings: Findings::default(),
        }
    }

    /// The folder that paths are relative to.
    pub(crate) fn base(&self) -> &'t Path {
        self.base
    }

    /// Something is wrong.
    pub(crate) fn note(&mut self, span: Range<usize>, complaint: Complaint) {
        self.findings.note(span, complaint);
    }

    /// Something is wrong, and this would be right.
    pub(crate) fn note_allowed(&mut self, at: Range<usize>, complaint: Complaint, allowed: String) {
        self.findings.note_allowed(at, complaint, allowed);
    }

    /// The first thing that was wrong, for what is no file.
    pub(crate) fn into_first(self) -> Option<super::ConfigError> {
        let (errors, _) = self.findings.into_errors("");
        errors.into_iter().next()
    }

    /// Keys that stand where they stood once are read as if they stood where they belong.
    fn move_keys(&mut self, root: &mut Node) {
        for ([section, key], [new_section, new_key]) in MOVED {
            let Value::Table(sections) = &mut root.value else {
                return;
            };
            let old = sections.iter_mut().find(|entry| entry.name == *section);
            let Some(Value::Table(keys)) = old.map(|entry| &mut entry.node.value) else {
                continue;
            };
            let Some(at) = keys.iter().position(|entry| entry.name == *key) else {
                continue;
            };
            let mut entry = keys.remove(at);
            let hint = format!("write {new_key} = … in [{new_section}]");
            let message = format!("`{key}` of [{section}] is `{new_key}` of [{new_section}]");
            let complaint = Complaint::with(message, hint);
            entry.name = (*new_key).to_owned();
            if !sections.iter().any(|entry| entry.name == *new_section) {
                sections.push(Entry {
                    name: (*new_section).to_owned(),
                    span: entry.span.clone(),
                    node: Node {
                        span: entry.span.clone(),
                        value: Value::Table(Vec::new()),
                    },
                });
            }
            let new = sections.iter_mut().find(|entry| entry.name == *new_section);
            let Some(Value::Table(keys)) = new.map(|entry| &mut entry.node.value) else {
                continue;
            };
            match keys.iter().find(|known| known.name == *new_key) {
                Some(known) => {
                    let complaint =
                        Complaint::new(format!("{}, which is given too", complaint.message));
                    self.findings
                        .note_also(entry.span, known.span.clone(), complaint);
                }
                None => {
                    self.findings.warn(Some(entry.span.clone()), complaint);
                    keys.push(entry);
                }
            }
        }
    }

    fn document(&mut self, root: &Node, config: &mut Config) {
        for entry in root.entries() {
            let (node, at) = (&entry.node, entry.name.as_str());
            match at {
                "server" => self.one(node, at, &mut [&mut Keys(keys::SERVER, &mut config.server)]),
                "limits" => self.one(node, at, &mut [&mut Keys(keys::LIMITS, &mut config.limits)]),
                "log" => self.one(node, at, &mut [&mut Keys(keys::LOG, &mut config.log)]),
                "sessions" => {
                    self.one(
                        node,
                        at,
                        &mut [&mut Keys(keys::SESSIONS, &mut config.sessions)],
                    );
                }
                "listen" => self.many(node, at, |reader, node| {
                    let mut listener = Listener::default();
                    reader.section(
                        node,
                        "listen",
                        "[[listen]]",
                        &[],
                        &mut [&mut Keys(keys::LISTEN, &mut listener)],
                    );
                    config.listeners.push(listener);
                }),
                "tls" => self.many(node, at, |reader, node| {
                    let mut tls = Tls::default();
                    reader.section(
                        node,
                        "tls",
                        "[[tls]]",
                        &[],
                        &mut [&mut Keys(keys::TLS, &mut tls)],
                    );
                    config.tls.push(tls);
                }),
                "auth" => self.many(node, at, |reader, node| {
                    let mut auth = Auth::default();
                    reader.section(
                        node,
                        "auth",
                        "[[auth]]",
                        &[],
                        &mut [&mut Keys(keys::AUTH, &mut auth)],
                    );
                    config.auth.push(auth);
                }),
                "pool" => self.many(node, at, |reader, node| {
                    let pool = reader.pool(node);
                    config.pools.push(pool);
                }),
                "site" => self.many(node, at, |reader, node| {
                    let site = reader.site(node);
                    config.sites.push(site);
                }),
                _ => self.unknown_section(entry),
            }
        }
        if config.listeners.is_empty() {
            config.listeners.push(Listener::default());
        }
    }

    fn pool(&mut self, node: &Node) -> Pool {
        let mut pool = Pool::default();
        let groups: &mut [&mut dyn Group] = &mut [&mut Keys(keys::POOL, &mut pool)];
        self.section(node, "pool", "[[pool]]", &["server"], groups);
        if let Some(servers) = node.get("server") {
            self.many(servers, "pool.server", |reader, node| {
                let mut server = PoolServer::default();
                let groups: &mut [&mut dyn Group] = &mut [&mut Keys(keys::SERVERS, &mut server)];
                reader.section(node, "pool.server", "[[pool.server]]", &[], groups);
                pool.servers.push(server);
            });
        }
        pool
    }

    fn site(&mut self, node: &Node) -> Site {
        let mut site = Site::default();
        let Site { settings, .. } = &mut site;
        let mut own_settings = std::mem::take(settings);
        let groups: &mut [&mut dyn Group] = &mut [
            &mut Keys(keys::SITE, &mut site),
            &mut Keys(keys::SETTINGS, &mut own_settings),
        ];
        self.section(node, "site", "[[site]]", &["route"], groups);
        site.settings = own_settings;
        if let Some(routes) = node.get("route") {
            self.many(routes, "site.route", |reader, node| {
                let mut route = Route::default();
                let mut settings = std::mem::take(&mut route.settings);
                let groups: &mut [&mut dyn Group] = &mut [
                    &mut Keys(keys::ROUTE, &mut route),
                    &mut Keys(keys::SETTINGS, &mut settings),
                ];
                reader.section(node, "site.route", "[[site.route]]", &[], groups);
                route.settings = settings;
                site.routes.push(route);
            });
        }
        site
    }

    /// A section that is there once.
    pub(crate) fn one(&mut self, node: &Node, at: &str, groups: &mut [&mut dyn Group]) {
        match &node.value {
            Value::Table(_) => self.section(node, at, &format!("[{at}]"), &[], groups),
            Value::List(_) => {
                let hint = format!("write [{at}] with single brackets");
                let message = format!("[{at}] can be there only once");
                self.note(node.span.clone(), Complaint::with(message, hint));
            }
            other => self.note(node.span.clone(), mismatch(other)),
        }
    }

    /// A section that may be there several times.
    fn many(&mut self, node: &Node, at: &str, mut read: impl FnMut(&mut Self, &Node)) {
        let message = format!("[[{at}]] needs double brackets, for there may be several");
        let complaint = Complaint::with(message, format!("write [[{at}]]"));
        match &node.value {
            Value::List(elements) => {
                for element in elements {
                    if !matches!(element.value, Value::Table(_)) {
                        self.note(element.span.clone(), complaint.clone());
                    }
                    // Also what is no table has its number.
                    read(self, element);
                }
            }
            Value::Table(_) => {
                self.note(node.span.clone(), complaint);
                read(self, node);
            }
            _ => self.note(node.span.clone(), complaint),
        }
    }

    /// The keys of one section; `nested` are the names of sections within it that are read by others.
    fn section(
        &mut self,
        node: &Node,
        at: &str,
        title: &str,
        nested: &[&'static str],
        groups: &mut [&mut dyn Group],
    ) {
        let Value::Table(entries) = &node.value else {
            return;
        };
        for entry in entries {
            let is_known = groups.iter_mut().any(|group| group.read(entry, self, at));
            if !is_known && !nested.contains(&entry.name.as_str()) {
                let names: Vec<_> = groups.iter().flat_map(|group| group.names()).collect();
                self.unknown_key(entry, title, &names, nested);
            }
        }
        for (name, allowed) in groups.iter().flat_map(|group| group.required()) {
            if node.get(name).is_none() {
                let message = format!("{title} has no `{name}`");
                let hint = format!("add {name} = …: {allowed}");
                let complaint = Complaint::with(message, hint);
                self.findings
                    .note_absence(Some(node.span.clone()), complaint);
            }
        }
    }

    fn unknown_key(
        &mut self,
        entry: &Entry,
        title: &str,
        known: &[&'static str],
        nested: &[&'static str],
    ) {
        let text = entry.name.as_str();
        let names = known.iter().chain(nested).copied();
        let suggestion = match nearest(text, names) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => elsewhere(text).map(|section| format!("`{text}` belongs in {section}")),
        };
        let complaint = Complaint {
            suggestion,
            ..Complaint::new(format!("`{}` is not a key of {title}", text.escape_debug()))
        };
        match complaint.suggestion.is_some() && known.len() > NAMES_MAX {
            true => self.note(entry.span.clone(), complaint),
            false => self.note_allowed(entry.span.clone(), complaint, known.join(", ")),
        }
    }

    fn unknown_section(&mut self, entry: &Entry) {
        let text = entry.name.as_str();
        let near = nearest(text, TOP.iter().map(|(name, _)| *name));
        let title = TOP.iter().find(|(name, _)| Some(*name) == near);
        let suggestion = match (elsewhere(text), title) {
            (Some(section), _) => Some(format!("`{text}` belongs in {section}")),
            (None, title) => title.map(|(_, title)| format!("did you mean {title}?")),
        };
        let complaint = Complaint {
            suggestion,
            ..Complaint::new(format!("`{}` is not a section", text.escape_debug()))
        };
        let titles: Vec<_> = TOP.iter().map(|(_, title)| *title).collect();
        self.note_allowed(entry.span.clone(), complaint, titles.join(", "));
    }
}

/// The section in which a key of this name is known.
fn elsewhere(name: &str) -> Option<&'static str> {
    let mut sections = keys::sections().into_iter();
    let found = sections.find(|section| section.keys.names().contains(&name))?;
    Some(match found.title {
        "settings" => "[[site]] or [[site.route]]",
        title => title,
    })
}

/// Keys that are named beside a suggestion.
const NAMES_MAX: usize = 15;
