//! A name, or `false` for nobody.

use super::{Kind, Text};
use crate::config::json::Json;
use crate::config::node::Value;
use crate::config::slot::{Complaint, Shown};

/// A name, or `false` for nobody, which is an empty name.
#[derive(Debug)]
pub(crate) struct OrNobody(pub(crate) Text);

impl Kind for OrNobody {
    type Value = String;

    fn parse(&self, value: &Value) -> Result<String, Complaint> {
        match value {
            Value::Switch(false) => Ok(String::new()),
            other => self.0.parse(other),
        }
    }

    fn show(&self, value: &mut String) -> Shown {
        match value.is_empty() {
            true => Shown::Value("false".to_owned()),
            false => self.0.show(value),
        }
    }

    fn allowed(&self) -> String {
        format!("{}, or false for nobody", self.0.allowed())
    }

    fn schema(&self) -> Json {
        Json::any_of([self.0.schema(), Json::one("const", Json::Switch(false))])
    }

    fn is_text(&self) -> bool {
        true
    }
}
