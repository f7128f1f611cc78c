//! Values that stand by themselves.

use super::{Kind, NUMBER_MAX, quoted};
use crate::config::json::Json;
use crate::config::node::Value;
use crate::config::slot::{Complaint, Shown, mismatch};
use crate::config::suggest::nearest;
use net::{Address, AddressError, Network};
use std::fmt::Debug;
use std::time::Duration;

/// `true` or `false`.
#[derive(Debug)]
pub(crate) struct Switch;

/// A number within bounds.
#[derive(Debug)]
pub(crate) struct Number(pub(crate) u64, pub(crate) u64);

/// One of some numbers.
#[derive(Debug)]
pub(crate) struct OneOf(pub(crate) &'static [u64]);

/// A number of octets within bounds.
#[derive(Debug)]
pub(crate) struct Octets(pub(crate) u64, pub(crate) u64);

/// A time.
#[derive(Debug)]
pub(crate) struct Time;

/// A time of some length.
#[derive(Debug)]
pub(crate) struct TimePositive;

/// One of some names.
#[derive(Debug)]
pub(crate) struct Named<V: 'static>(pub(crate) &'static [(&'static str, V)]);

/// A text that follows a rule.
#[derive(Debug)]
pub(crate) struct Text(pub(crate) &'static TextRule);

/// What a text may be.
#[derive(Debug)]
pub(crate) struct TextRule {
    /// The text as it is kept.
    pub(crate) check: fn(&str) -> Result<String, Complaint>,
    /// In words.
    pub(crate) allowed: &'static str,
}

/// Where to listen.
#[derive(Debug)]
pub(crate) struct Place;

/// A network of addresses.
#[derive(Debug)]
pub(crate) struct NetworkKind;

impl Kind for Switch {
    type Value = bool;

    fn parse(&self, value: &Value) -> Result<bool, Complaint> {
        match value {
            Value::Switch(switch) => Ok(*switch),
            Value::Text(text) if text == "true" || text == "false" => Err(Complaint::with(
                mismatch(value).message,
                format!("write {text} without quotes"),
            )),
            other => Err(mismatch(other)),
        }
    }

    fn show(&self, value: &mut bool) -> Shown {
        Shown::Value(value.to_string())
    }

    fn allowed(&self) -> String {
        "true or false".to_owned()
    }

    fn schema(&self) -> Json {
        Json::one("type", "boolean".into())
    }
}

impl Kind for Number {
    type Value = u64;

    fn parse(&self, value: &Value) -> Result<u64, Complaint> {
        number(value, self.0, self.1)
    }

    fn show(&self, value: &mut u64) -> Shown {
        Shown::Value(value.to_string())
    }

    fn allowed(&self) -> String {
        match *self {
            Self(low, NUMBER_MAX) => format!("a number from {low}"),
            Self(low, high) => format!("a number from {low} to {high}"),
        }
    }

    fn schema(&self) -> Json {
        bounded(Json::one("type", "integer".into()), self.0, self.1)
    }
}

impl Kind for OneOf {
    type Value = u64;

    fn parse(&self, value: &Value) -> Result<u64, Complaint> {
        let number = number(value, 0, NUMBER_MAX)?;
        match self.0.contains(&number) {
            true => Ok(number),
            false => Err(Complaint::new(format!("{number} does not fit here"))),
        }
    }

    fn show(&self, value: &mut u64) -> Shown {
        Shown::Value(value.to_string())
    }

    fn allowed(&self) -> String {
        let numbers: Vec<_> = self.0.iter().map(u64::to_string).collect();
        numbers.join(", ")
    }

    fn schema(&self) -> Json {
        let numbers = self.0.iter().map(|number| Json::Number(*number));
        Json::one("enum", Json::List(numbers.collect()))
    }
}

impl Kind for Octets {
    type Value = u64;

    fn parse(&self, value: &Value) -> Result<u64, Complaint> {
        octets(value, self.0, self.1)
    }

    fn show(&self, value: &mut u64) -> Shown {
        Shown::Value(show_octets(*value))
    }

    fn allowed(&self) -> String {
        let bound = |octets: u64| show_octets(octets).replace('"', "");
        let (low, high) = (bound(self.0), bound(self.1));
        format!("octets from {low} to {high}, as 65536 or \"64KiB\"")
    }

    fn schema(&self) -> Json {
        Json::any_of([
            bounded(Json::one("type", "integer".into()), self.0, self.1),
            pattern("^[0-9]+ ?([bB]|[kKmMgG]([iI][bB])?)?$"),
        ])
    }
}

impl Kind for Time {
    type Value = Duration;

    fn parse(&self, value: &Value) -> Result<Duration, Complaint> {
        time(value)
    }

    fn show(&self, value: &mut Duration) -> Shown {
        Shown::Value(show_time(*value))
    }

    fn allowed(&self) -> String {
        "a time, as 10 (seconds), \"500ms\", \"10s\" or \"5m\"".to_owned()
    }

    fn schema(&self) -> Json {
        time_schema(0)
    }
}

impl Kind for TimePositive {
    type Value = Duration;

    fn parse(&self, value: &Value) -> Result<Duration, Complaint> {
        match time(value)? {
            Duration::ZERO => Err(Complaint::with(
                "0 leaves no time for anything",
                "give 1 or more",
            )),
            some => Ok(some),
        }
    }

    fn show(&self, value: &mut Duration) -> Shown {
        Shown::Value(show_time(*value))
    }

    fn allowed(&self) -> String {
        "a time above 0, as 10 (seconds), \"500ms\", \"10s\" or \"5m\"".to_owned()
    }

    fn schema(&self) -> Json {
        time_schema(1)
    }
}

impl<V: Copy + PartialEq + Debug + Sync> Kind for Named<V> {
    type Value = V;

    fn parse(&self, value: &Value) -> Result<V, Complaint> {
        let text = match value {
            Value::Text(text) => text.as_str(),
            Value::Switch(false) => "off",
            other => return Err(mismatch(other)),
        };
        if let Some((_, value)) = self.0.iter().find(|(name, _)| *name == text) {
            return Ok(*value);
        }
        let names = self.0.iter().map(|(name, _)| *name);
        Err(match nearest(text, names) {
            Some(near) => {
                Complaint::with(mismatch(value).message, format!("did you mean \"{near}\"?"))
            }
            None => mismatch(value),
        })
    }

    fn show(&self, value: &mut V) -> Shown {
        let named = self.0.iter().find(|(_, known)| known == value);
        Shown::Value(quoted(named.map_or("", |(name, _)| name)))
    }

    fn allowed(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|(name, _)| quoted(name)).collect();
        names.join(", ")
    }

    fn schema(&self) -> Json {
        let names = self.0.iter().map(|(name, _)| Json::text(*name));
        // `false` is read as "off".
        let has_off = self.0.iter().any(|(name, _)| *name == "off");
        let off = has_off.then_some(Json::Switch(false));
        Json::one("enum", Json::List(names.chain(off).collect()))
    }
}

impl Kind for Text {
    type Value = String;

    fn parse(&self, value: &Value) -> Result<String, Complaint> {
        match value {
            Value::Text(text) if text.is_empty() => Err(Complaint::new("the text is empty")),
            Value::Text(text) => (self.0.check)(text),
            other => Err(mismatch(other)),
        }
    }

    fn show(&self, value: &mut String) -> Shown {
        Shown::Value(quoted(value))
    }

    fn allowed(&self) -> String {
        self.0.allowed.to_owned()
    }

    fn schema(&self) -> Json {
        Json::one("type", "string".into())
    }

    fn is_text(&self) -> bool {
        true
    }
}

impl Kind for Place {
    type Value = Address;

    fn read(
        &self,
        node: &crate::config::node::Node,
        reader: &mut crate::config::read::Reader<'_>,
        _: &str,
    ) -> Option<Address> {
        let based = self.parse(&node.value).and_then(|address| {
            let based = address.based_on(reader.base())?;
            Ok(based)
        });
        match based {
            Ok(address) => Some(address),
            Err(complaint) => {
                reader.note_allowed(node.span.clone(), complaint, self.allowed());
                None
            }
        }
    }

    fn parse(&self, value: &Value) -> Result<Address, Complaint> {
        let parsed = match value {
            Value::Number(port) => port.to_string().parse::<Address>(),
            Value::Text(text) => text.parse(),
            other => return Err(mismatch(other)),
        };
        Ok(parsed?)
    }

    fn show(&self, value: &mut Address) -> Shown {
        Shown::Value(quoted(&value.to_string()))
    }

    fn allowed(&self) -> String {
        "\"127.0.0.1:8080\", \"[::1]:80\", \"unix:/path\", or a port of loopback".to_owned()
    }

    fn schema(&self) -> Json {
        Json::any_of([
            bounded(Json::one("type", "integer".into()), 0, u16::MAX.into()),
            Json::one("type", "string".into()),
        ])
    }
}

impl Kind for NetworkKind {
    type Value = Network;

    fn parse(&self, value: &Value) -> Result<Network, Complaint> {
        match value {
            Value::Text(text) => text
                .parse::<Network>()
                .map_err(|error| Complaint::with(error.to_string(), error.suggestion().to_owned())),
            other => Err(mismatch(other)),
        }
    }

    fn show(&self, value: &mut Network) -> Shown {
        Shown::Value(quoted(&value.to_string()))
    }

    fn allowed(&self) -> String {
        "a network, as \"192.0.2.0/24\", \"2001:db8::/32\", or an address".to_owned()
    }

    fn schema(&self) -> Json {
        pattern("^[0-9a-fA-F.:]+(/[0-9]{1,3})?$")
    }
}

impl From<AddressError> for Complaint {
    fn from(error: AddressError) -> Self {
        Self::with(error.to_string(), error.suggestion())
    }
}

fn number(value: &Value, low: u64, high: u64) -> Result<u64, Complaint> {
    match value {
        Value::Number(number) => u64::try_from(*number)
            .ok()
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| Complaint::new(format!("{number} is out of range"))),
        Value::Text(text) if text.parse::<u64>().is_ok() => Err(Complaint::with(
            mismatch(value).message,
            format!("write {text} without quotes"),
        )),
        other => Err(mismatch(other)),
    }
}

fn octets(value: &Value, low: u64, high: u64) -> Result<u64, Complaint> {
    let Value::Text(text) = value else {
        return number(value, low, high);
    };
    let (digits, unit) = split_unit(text);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "kb" | "mb" | "gb" => {
            let binary = unit.to_ascii_uppercase().replace('B', "iB");
            let hint = format!("write \"{digits}{binary}\"");
            let message = format!("the unit \"{unit}\" is ambiguous");
            return Err(Complaint::with(message, hint));
        }
        _ => return Err(mismatch(value)),
    };
    let amount: u64 = digits.parse().map_err(|_| mismatch(value))?;
    let octets = amount
        .checked_mul(1 << shift)
        .filter(|octets| (low..=high).contains(octets));
    octets.ok_or_else(|| Complaint::new(format!("{} is out of range", value.describe())))
}

fn time(value: &Value) -> Result<Duration, Complaint> {
    let Value::Text(text) = value else {
        return number(value, 0, TIME_SECONDS_MAX).map(Duration::from_secs);
    };
    let (digits, unit) = split_unit(text);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(mismatch(value)),
    };
    let amount: u64 = digits.parse().map_err(|_| mismatch(value))?;
    let total = amount
        .checked_mul(milliseconds)
        .filter(|total| *total <= TIME_SECONDS_MAX * 1000);
    let total =
        total.ok_or_else(|| Complaint::new(format!("{} is out of range", value.describe())));
    total.map(Duration::from_millis)
}

fn split_unit(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits);
    (digits, unit.trim_start())
}

fn show_octets(octets: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fit = units
        .iter()
        .find(|(shift, _)| octets > 0 && octets.is_multiple_of(1 << shift));
    fit.map_or(octets.to_string(), |(shift, unit)| {
        format!("\"{}{unit}\"", octets >> shift)
    })
}

fn show_time(time: Duration) -> String {
    match time.subsec_millis() {
        0 => time.as_secs().to_string(),
        _ => format!("\"{}ms\"", time.as_millis()),
    }
}

fn time_schema(low: u64) -> Json {
    Json::any_of([
        bounded(Json::one("type", "integer".into()), low, TIME_SECONDS_MAX),
        pattern("^[0-9]+ ?(ms|s|m|min|h|d)$"),
    ])
}

fn bounded(schema: Json, low: u64, high: u64) -> Json {
    let schema = schema.with("minimum", Json::Number(low));
    match high {
        NUMBER_MAX => schema,
        _ => schema.with("maximum", Json::Number(high)),
    }
}

fn pattern(pattern: &str) -> Json {
    Json::object([("type", "string".into()), ("pattern", pattern.into())])
}

/// Ten years: times are added to clocks and must not overflow them.
const TIME_SECONDS_MAX: u64 = 10 * 365 * 86_400;
