//! JSON Schema of `hansom.toml` for editors, made from the tables.

use super::json::Json;
use super::keys::Key;
use super::slot::Shown;

/// One section as an object.
pub(super) fn section<T>(keys: &'static [Key<T>], defaults: &mut T) -> Json {
    let mut properties = Vec::new();
    let mut required = Vec::new();
    for key in keys {
        let mut schema = key.slot.schema().with("description", key.about.into());
        if key.slot.is_required() {
            required.push(Json::text(key.name));
        } else if let Shown::Value(default) = key.slot.show(defaults)
            && let Some(default) = literal(&default)
        {
            schema = schema.with("default", default);
        }
        properties.push((key.name.to_owned(), schema));
    }
    Json::object([
        ("type", "object".into()),
        ("properties", Json::Object(properties)),
        ("required", Json::List(required)),
        ("additionalProperties", Json::Switch(false)),
    ])
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
        _ => None,
    }
}
