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
        "corpus/config/pools-full.toml",
    ] {
        let text = fs::read_to_string(top().join(name)).expect(name);
        let document = document(&text);
        assert_eq!(why_not(&schema, &document), None, "{name}");
    }
}

#[test]
fn what_is_printed_fits_the_schema() {
    for name in ["full.toml", "pools-full.toml"] {
        let config = config::load(&top().join("corpus/config").join(name)).expect(name);
        let document = document(&config.to_toml());
        assert_eq!(why_not(&schema(), &document), None, "{name}");
    }
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
        "[[site]]\n[[pool]]\nto = [\"http://127.0.0.1\"]\n",
        "[[site]]\n[[pool]]\nname = \"a\"\nserver = [{ weight = 1 }]\n",
        "[[site]]\n[[pool]]\nname = \"a\"\nto = [\"http://a\"]\nsticky = {}\n",
        "[[site]]\n[[pool]]\nname = \"a\"\nto = [\"http://a\"]\ncheck = { status = [600] }\n",
    ] {
        assert!(why_not(&schema, &document(wrong)).is_some(), "{wrong}");
        assert!(
            config::parse(wrong, "wrong", Path::new("/")).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn every_key_of_the_reference_is_described() {
    let schema = schema();
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

fn schema() -> Value {
    serde_json::from_str(&config::schema()).expect("JSON")
}

/// The first place where a value does not fit a schema. A keyword that is not known here is a failure, so that none goes untried.
fn why_not(schema: &Value, value: &Value) -> Option<String> {
    let keywords = schema.as_object().expect("a schema");
    let mut wrong = keywords
        .iter()
        .filter_map(|(keyword, rule)| fails(schema, keyword, rule, value));
    wrong.next()
}

fn fails(schema: &Value, keyword: &str, rule: &Value, value: &Value) -> Option<String> {
    let complaint = || Some(format!("{value} does not fit {keyword} {rule}"));
    let is_right = match keyword {
        "$schema" | "title" | "description" | "default" | "deprecated" => true,
        "type" => match rule.as_str().expect("a type") {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            other => panic!("{other} is not known"),
        },
        "const" => rule == value,
        "enum" => rule.as_array().expect("a list").contains(value),
        "anyOf" => {
            let schemas = rule.as_array().expect("a list");
            schemas
                .iter()
                .any(|schema| why_not(schema, value).is_none())
        }
        "minimum" => value
            .as_u64()
            .is_none_or(|number| number >= rule.as_u64().expect("a bound")),
        "maximum" => value
            .as_u64()
            .is_none_or(|number| number <= rule.as_u64().expect("a bound")),
        "minItems" => {
            let length = value.as_array().map(Vec::len);
            length.is_none_or(|length| length as u64 >= rule.as_u64().expect("a bound"))
        }
        "pattern" => value.as_str().is_none_or(|text| is_match(rule, text)),
        "required" => rule
            .as_array()
            .expect("a list")
            .iter()
            .all(|name| value.get(name.as_str().expect("a name")).is_some()),
        "items" => {
            let elements = value.as_array().into_iter().flatten();
            return elements
                .into_iter()
                .find_map(|element| why_not(rule, element));
        }
        "properties" | "patternProperties" => {
            return members(value)
                .find_map(|(name, member)| why_not(schema_of(schema, name)?, member));
        }
        "additionalProperties" => members(value).all(|(name, _)| schema_of(schema, name).is_some()),
        other => panic!("{other} is not known"),
    };
    if is_right { None } else { complaint() }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The schema of a member, by its name or by a pattern.
fn schema_of<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    let by_pattern = || {
        let mut patterns = schema.get("patternProperties")?.as_object()?.iter();
        let found =
            patterns.find(|(pattern, _)| is_match(&Value::String((*pattern).clone()), name));
        found.map(|(_, schema)| schema)
    };
    let by_name = schema
        .get("properties")
        .and_then(|properties| properties.get(name));
    by_name.or_else(by_pattern)
}

fn is_match(pattern: &Value, text: &str) -> bool {
    let pattern = pattern.as_str().expect("a pattern");
    regex_lite::Regex::new(pattern)
        .expect("a pattern")
        .is_match(text)
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
