//! `hansom schema` describes what `hansom check` takes.

use hansom_server::config;
use serde_json::{Map, Number, Value};
use std::fs;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

#[test]
fn the_examples_fit_the_schema() {
    let schema = schema();
    for name in [
        "examples/hansom.toml",
        "examples/full.toml",
        "corpus/config/full.toml",
    ] {
        let text = fs::read_to_string(top().join(name)).expect(name);
        let document = document(&text);
        let wrong: Vec<_> = schema
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

#[test]
fn what_is_printed_fits_the_schema() {
    let config = config::load(&top().join("corpus/config/full.toml")).expect("full.toml");
    let document = document(&config.to_toml());
    assert!(schema().is_valid(&document));
}

#[test]
fn what_is_wrong_by_itself_does_not_fit_the_schema() {
    let schema = schema();
    // table
    for wrong in [
        "[server]\nworkers = 2\n",
        "[[site]]\nroot = 1\n",
        "[[site]]\nroots = \"a\"\n",
        "[site]\nroot = \"a\"\n",
        "[[site]]\n[server]\nworkers = 0\n",
        "[[site]]\n[server]\nkeep_alive = \"10 weeks\"\n",
        "[[site]]\n[limits]\nhead_octets_max = \"64kB\"\n",
        "[[site]]\n[log]\nformat = \"jason\"\n",
        "[[site]]\n[[listen]]\ntls = true\n",
        "[[site]]\n[[auth]]\nname = \"a\"\n",
        "[[site]]\n[[tls]]\nversion_min = \"1.1\"\n",
        "[[site]]\n[[site.route]]\nhandler = \"echo\"\n",
        "[[site]]\n[[site.route]]\npath = \"/\"\nredirect_status = 305\n",
        "[[site]]\nhosts = []\n",
        "[[site]]\ncodings = [\"brotli\"]\n",
        "[[site]]\nallow = [\"everyone\"]\n",
        "[[site]]\n[site.error_pages]\n200 = \"a\"\n",
        "[[site]]\n[site.set_fields]\n\"a b\" = \"c\"\n",
        "[[site]]\n[site.cors]\ncredentials = true\n",
    ] {
        assert!(!schema.is_valid(&document(wrong)), "{wrong}");
        assert!(
            config::parse(wrong, "wrong", Path::new("/")).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn every_key_of_the_reference_is_described() {
    let schema: Value = serde_json::from_str(&config::schema()).expect("JSON");
    let mut names = Vec::new();
    described(&schema, &mut names);
    for line in config::reference()
        .lines()
        .filter(|line| line.starts_with("| `"))
    {
        let name = line.split('`').nth(1).expect("a key");
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

fn described(schema: &Value, names: &mut Vec<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            assert!(property["description"].is_string(), "{name}");
            names.push(name.clone());
            described(property, names);
        }
    }
    if schema["items"].is_object() {
        described(&schema["items"], names);
    }
}

fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(&config::schema()).expect("JSON");
    jsonschema::meta::validate(&schema).expect("a schema");
    jsonschema::validator_for(&schema).expect("a schema")
}

/// A document of TOML as one of JSON, which is what editors do with it.
fn document(text: &str) -> Value {
    let table = DeTable::parse(text).expect("TOML");
    object(table.get_ref())
}

fn object(table: &DeTable<'_>) -> Value {
    let members = table
        .iter()
        .map(|(name, member)| (name.get_ref().to_string(), value(member.get_ref())));
    Value::Object(members.collect::<Map<_, _>>())
}

fn value(value_of: &DeValue<'_>) -> Value {
    match value_of {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(switch) => Value::Bool(*switch),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).expect("a number");
            Value::Number(Number::from(number))
        }
        DeValue::Array(list) => list.iter().map(|node| value(node.get_ref())).collect(),
        DeValue::Table(table) => object(table),
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Null,
    }
}

fn top() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().expect("a workspace").to_path_buf()
}
