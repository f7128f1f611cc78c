//! Statuses: one, a class of them, or from one to another (RFC 9110 §15).

use super::{Kind, quoted};
use crate::config::json::Json;
use crate::config::node::Value;
use crate::config::slot::{Complaint, Shown, mismatch};

/// Statuses, from and to.
#[derive(Debug)]
pub(crate) struct StatusRange;

impl Kind for StatusRange {
    type Value = (u16, u16);

    fn parse(&self, value: &Value) -> Result<(u16, u16), Complaint> {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            other => return Err(mismatch(other)),
        };
        let one = |text: &str| {
            let status = text.parse::<u16>().ok()?;
            (text.len() == 3 && (100..=599).contains(&status)).then_some(status)
        };
        let range = match (text.strip_suffix("xx"), text.split_once('-')) {
            (Some(class), _) => match class.parse::<u16>() {
                Ok(class @ 1..=5) => Some((class * 100, class * 100 + 99)),
                _ => None,
            },
            (None, Some((from, to))) => one(from).zip(one(to)).filter(|(from, to)| from <= to),
            (None, None) => one(&text).map(|status| (status, status)),
        };
        range.ok_or_else(|| {
            let message = format!("{} is no status", value.describe());
            Complaint::with(message, "give 100 to 599, \"2xx\" or \"200-399\"").by("RFC 9110 §15")
        })
    }

    fn show(&self, value: &mut (u16, u16)) -> Shown {
        Shown::Value(match *value {
            (from, to) if from == to => from.to_string(),
            (from, to) if from % 100 == 0 && to == from + 99 => {
                quoted(&format!("{}xx", from / 100))
            }
            (from, to) => quoted(&format!("{from}-{to}")),
        })
    }

    fn allowed(&self) -> String {
        "a status, as 200, \"2xx\" or \"200-399\"".to_owned()
    }

    fn schema(&self) -> Json {
        Json::any_of([
            Json::object([
                ("type", "integer".into()),
                ("minimum", Json::Number(100)),
                ("maximum", Json::Number(599)),
            ]),
            Json::object([
                ("type", "string".into()),
                (
                    "pattern",
                    "^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$".into(),
                ),
            ]),
        ])
    }
}
