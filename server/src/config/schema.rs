//! JSON Schema of `hansom.toml` for editors, made from the tables.

use super::json::Json;
use super::keys::{self, Key, MOVED};
use super::model::{
    Auth, Listener, Log, Pool, PoolServer, Route, Server, Sessions, Settings, Site, Tls,
};
use super::read::{Group, Keys};
use super::slot::Shown;

/// The schema of `hansom.toml` (JSON Schema 2020-12), as `hansom schema` prints it.
///
/// It knows each value by itself. What must hold between values, and which files must exist, only `hansom check` tells.
#[must_use]
pub fn schema() -> String {
    let mut top: Vec<(String, Json)> = Vec::new();
    let mut add = |name: &str, schema: Json| top.push((name.to_owned(), schema));
    add(
        "server",
        with_moved("server", one(&mut Keys(keys::SERVER, Server::default()))),
    );
    add(
        "limits",
        one(&mut Keys(keys::LIMITS, super::Limits::default())),
    );
    add("log", one(&mut Keys(keys::LOG, Log::default())));
    add(
        "listen",
        many(one(&mut Keys(keys::LISTEN, Listener::default()))),
    );
    add("tls", many(one(&mut Keys(keys::TLS, Tls::default()))));
    add("auth", many(one(&mut Keys(keys::AUTH, Auth::default()))));
    add(
        "sessions",
        one(&mut Keys(keys::SESSIONS, Sessions::default())),
    );
    add("pool", many(pool()));
    add("site", many(site()).with("minItems", Json::Number(1)));
    for (name, schema) in &mut top {
        let title = keys::TOP.iter().find(|(top, _)| top == name);
        let about = keys::sections()
            .into_iter()
            .find(|section| Some(section.title) == title.map(|(_, title)| *title));
        if let Json::Object(members) = schema
            && let Some(section) = about
        {
            members.push(("description".to_owned(), section.about.into()));
        }
    }
    let schema = Json::object([
        (
            "$schema",
            "https://json-schema.org/draft/2020-12/schema".into(),
        ),
        ("title", "hansom.toml".into()),
        ("description", "What `hansom run` is told.".into()),
        ("type", "object".into()),
        ("properties", Json::Object(top)),
        ("required", Json::List(vec!["site".into()])),
        ("additionalProperties", Json::Switch(false)),
    ]);
    format!("{schema}\n")
}

/// One section as an object.
pub(super) fn section<T>(keys: &'static [Key<T>], defaults: &mut T) -> Json {
    let (properties, required) = properties(keys, defaults);
    object(properties, required)
}

/// The keys of a section, and those that must be given.
pub(super) fn properties<T>(
    keys: &'static [Key<T>],
    defaults: &mut T,
) -> (Vec<(String, Json)>, Vec<Json>) {
    let mut properties = Vec::new();
    let mut required = Vec::new();
    for key in keys {
        let about = format!("{} Holds {}.", key.about, key.slot.allowed());
        let mut schema = key.slot.schema().with("description", about.into());
        if key.slot.is_required() {
            required.push(Json::text(key.name));
        } else if let Shown::Value(default) = key.slot.show(defaults)
            && let Some(default) = literal(&default)
        {
            schema = schema.with("default", default);
        }
        properties.push((key.name.to_owned(), schema));
    }
    (properties, required)
}

fn one(group: &mut dyn Group) -> Json {
    let (properties, required) = group.properties();
    object(properties, required)
}

fn many(items: Json) -> Json {
    Json::object([("type", "array".into()), ("items", items)])
}

fn pool() -> Json {
    let servers = many(one(&mut Keys(keys::SERVERS, PoolServer::default())));
    let servers = servers.with("description", about("[[pool.server]]").into());
    let mut pool = Keys(keys::POOL, Pool::default()).properties();
    pool.0.push(("server".to_owned(), servers));
    object(pool.0, pool.1)
}

/// What a section is for.
fn about(title: &str) -> &'static str {
    let section = keys::sections()
        .into_iter()
        .find(|section| section.title == title);
    section.map_or("", |section| section.about)
}

fn site() -> Json {
    let route = joined(&mut [
        &mut Keys(keys::ROUTE, Route::default()),
        &mut Keys(keys::SETTINGS, Settings::default()),
    ]);
    let routes = many(object(route.0, route.1));
    let routes = routes.with("description", about("[[site.route]]").into());
    let mut site = joined(&mut [
        &mut Keys(keys::SITE, Site::default()),
        &mut Keys(keys::SETTINGS, Settings::default()),
    ]);
    site.0.push(("route".to_owned(), routes));
    object(site.0, site.1)
}

fn joined(groups: &mut [&mut dyn Group]) -> (Vec<(String, Json)>, Vec<Json>) {
    let mut all = (Vec::new(), Vec::new());
    for group in groups {
        let (properties, required) = group.properties();
        all.0.extend(properties);
        all.1.extend(required);
    }
    all
}

fn object(properties: Vec<(String, Json)>, required: Vec<Json>) -> Json {
    let schema = Json::object([
        ("type", "object".into()),
        ("properties", Json::Object(properties)),
    ]);
    let schema = match required.is_empty() {
        true => schema,
        false => schema.with("required", Json::List(required)),
    };
    schema.with("additionalProperties", Json::Switch(false))
}

/// Keys that stood here once are known to editors, and struck through.
fn with_moved(section: &str, mut schema: Json) -> Json {
    let moved = MOVED.iter().filter(|([old, _], _)| *old == section);
    for ([_, key], [new_section, new_key]) in moved {
        let about = format!("It is `{new_key}` of [{new_section}].");
        let old = Json::object([
            ("deprecated", Json::Switch(true)),
            ("description", about.into()),
        ]);
        if let Json::Object(members) = &mut schema
            && let Some((_, Json::Object(properties))) =
                members.iter_mut().find(|(name, _)| name == "properties")
        {
            properties.push(((*key).to_owned(), old));
        }
    }
    schema
}

/// A value of TOML as JSON, where both are written alike.
fn literal(toml: &str) -> Option<Json> {
    match toml {
        "true" => Some(Json::Switch(true)),
        "false" => Some(Json::Switch(false)),
        number if number.parse::<u64>().is_ok() => number.parse().ok().map(Json::Number),
        text if text.starts_with('"') && !text.contains('\\') => {
            Some(Json::text(text.trim_matches('"')))
        }
        list if list.starts_with('[') => {
            let inside = list.trim_matches(['[', ']']);
            let elements = inside.split(", ").filter(|element| !element.is_empty());
            elements.map(literal).collect::<Option<_>>().map(Json::List)
        }
        _ => None,
    }
}
