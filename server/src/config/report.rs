//! What was found in a configuration, as one JSON document.

use super::error::{ConfigError, ConfigErrors, Place};
use super::json::Json;
use super::read::Loaded;

impl Loaded {
    /// `{ok, file, summary, errors, warnings}`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::object([
            ("ok", Json::Switch(true)),
            ("file", self.places.file().into()),
            ("summary", self.config.summary().into()),
            ("errors", Json::List(Vec::new())),
            ("warnings", list(&self.warnings)),
        ])
    }
}

impl ConfigErrors {
    /// `{ok, file, summary, errors, warnings}`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let summary = match self.errors.len() {
            1 => "1 error".to_owned(),
            several => format!("{several} errors"),
        };
        Json::object([
            ("ok", Json::Switch(false)),
            ("file", self.file.as_str().into()),
            ("summary", summary.into()),
            ("errors", list(&self.errors)),
            ("warnings", list(&self.warnings)),
        ])
    }
}

fn list(errors: &[ConfigError]) -> Json {
    Json::List(errors.iter().map(error).collect())
}

fn error(error: &ConfigError) -> Json {
    let place = error.place.as_ref();
    Json::object([
        ("message", error.message.as_str().into()),
        ("rule", Json::option(error.rule)),
        ("line", Json::option(place.map(|place| place.line))),
        ("column", Json::option(place.map(|place| place.column))),
        (
            "excerpt",
            Json::option(place.map(|place| place.excerpt.as_str())),
        ),
        ("allowed", Json::option(error.allowed.as_deref())),
        ("suggestion", Json::option(error.suggestion.as_deref())),
        ("also", error.also.as_ref().map_or(Json::Null, also)),
    ])
}

fn also(place: &Place) -> Json {
    Json::object([
        ("line", place.line.into()),
        ("column", place.column.into()),
        ("excerpt", place.excerpt.as_str().into()),
    ])
}
