//! A slot: the place in a struct that a key fills, and with it what the key may hold.
//!
//! A slot is a path into a struct, so one value serves to store what a file says,
//! to show what a struct holds, and to say what is allowed.

use super::checks;
use super::model::{HandlerName, LogFormat};
use super::suggest::nearest;
use net::{Address, AddressError};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;

/// The place a key fills.
#[derive(Debug)]
pub(crate) enum Slot<T> {
    /// `true` or `false`.
    Switch(fn(&mut T) -> &mut bool),
    /// A number within bounds.
    Number(fn(&mut T) -> &mut u64, u64, u64),
    /// A number of octets within bounds.
    Octets(fn(&mut T) -> &mut u64, u64, u64),
    /// A number from 1, or what is found at start, in words.
    Auto(fn(&mut T) -> &mut Option<u64>, u64, &'static str),
    /// A number; 0 is unlimited.
    Unlimited(fn(&mut T) -> &mut Option<u64>),
    /// A time.
    Time(fn(&mut T) -> &mut Duration),
    /// A time of some length.
    TimePositive(fn(&mut T) -> &mut Duration),
    /// A time; 0 is unlimited.
    TimeUnlimited(fn(&mut T) -> &mut Option<Duration>),
    /// A time, or nothing.
    TimeOptional(fn(&mut T) -> &mut Option<Duration>),
    /// A format of the access log.
    LogFormat(fn(&mut T) -> &mut Option<LogFormat>),
    /// A field value, or `false`.
    FieldOrFalse(fn(&mut T) -> &mut Option<String>),
    /// A field value, or nothing.
    Field(fn(&mut T) -> &mut Option<String>),
    /// Where to listen.
    Address(fn(&mut T) -> &mut Address),
    /// Host names.
    Hosts(fn(&mut T) -> &mut Vec<String>),
    /// File names.
    FileNames(fn(&mut T) -> &mut Vec<String>),
    /// A folder that exists; must be given.
    Folder(fn(&mut T) -> &mut PathBuf),
    /// A folder that exists, or nothing.
    FolderOptional(fn(&mut T) -> &mut Option<PathBuf>),
    /// The path of a route; must be given.
    RoutePath(fn(&mut T) -> &mut String),
    /// What answers.
    Handler(fn(&mut T) -> &mut HandlerName),
}

/// A value that is no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word<'a> {
    /// `true` or `false`.
    Switch(bool),
    /// A number.
    Number(i128),
    /// A text.
    Text(&'a str),
    /// Another kind of value, by its name in TOML.
    Other(&'static str),
}

/// Why a value does not fit a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What is wrong.
    pub(crate) message: String,
    /// What was probably meant.
    pub(crate) suggestion: Option<String>,
}

impl Complaint {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            suggestion: None,
        }
    }

    pub(crate) fn with(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            suggestion: Some(suggestion.into()),
        }
    }
}

impl<'a> Word<'a> {
    /// A value of a file.
    pub(crate) fn from_toml(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::Boolean(switch) => Self::Switch(*switch),
            DeValue::String(text) => Self::Text(text),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or(Self::Other("integer"), Self::Number),
            DeValue::Float(_) => Self::Other("float"),
            DeValue::Datetime(_) => Self::Other("date"),
            DeValue::Array(_) => Self::Other("list"),
            DeValue::Table(_) => Self::Other("table"),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Switch(switch) => format!("`{switch}`"),
            Self::Number(number) => format!("`{number}`"),
            Self::Text(text) => format!("\"{}\"", text.escape_debug()),
            Self::Other(kind) => format!("a {kind}"),
        }
    }
}

impl<T> Slot<T> {
    /// Fills the slot with a value that is no list.
    pub(crate) fn store_word(&self, target: &mut T, word: Word<'_>) -> Result<(), Complaint> {
        match self {
            Self::Switch(at) => *at(target) = switch(&word)?,
            Self::Number(at, low, high) => *at(target) = number(&word, *low, *high)?,
            Self::Octets(at, low, high) => *at(target) = octets(&word, *low, *high)?,
            Self::Auto(at, high, _) => *at(target) = Some(number(&word, 1, *high)?),
            Self::Unlimited(at) => {
                *at(target) = Some(number(&word, 0, NUMBER_MAX)?).filter(|n| *n > 0)
            }
            Self::Time(at) => *at(target) = time(&word)?,
            Self::TimePositive(at) => match time(&word)? {
                Duration::ZERO => {
                    return Err(Complaint::with(
                        "0 leaves no time for anything",
                        "give 1 or more",
                    ));
                }
                some => *at(target) = some,
            },
            Self::TimeUnlimited(at) => {
                *at(target) = Some(time(&word)?).filter(|time| !time.is_zero())
            }
            Self::TimeOptional(at) => *at(target) = Some(time(&word)?),
            Self::LogFormat(at) => *at(target) = Some(log_format(&word)?),
            Self::FieldOrFalse(at) if word == Word::Switch(false) => *at(target) = None,
            Self::FieldOrFalse(at) | Self::Field(at) => *at(target) = Some(field_value(&word)?),
            Self::Address(at) => *at(target) = address(&word)?,
            Self::RoutePath(at) => *at(target) = checks::route_path(text(&word)?)?,
            Self::Handler(at) => *at(target) = named(&word, HandlerName::NAMES)?,
            Self::Folder(at) => *at(target) = PathBuf::from(text(&word)?),
            Self::FolderOptional(at) => *at(target) = Some(PathBuf::from(text(&word)?)),
            Self::Hosts(_) | Self::FileNames(_) => return Err(mismatch(&word)),
        }
        Ok(())
    }

    /// Fills the slot with a text of the command line, where nothing is quoted.
    pub(crate) fn store_flag(&self, target: &mut T, text: &str) -> Result<(), Complaint> {
        let word = match (self, text) {
            (_, "false" | "off") => Word::Switch(false),
            (Self::Switch(_), "true" | "on") => Word::Switch(true),
            (Self::FieldOrFalse(_) | Self::Field(_), _) => Word::Text(text),
            _ => text.parse().map_or(Word::Text(text), Word::Number),
        };
        self.store_word(target, word)
    }

    /// Whether the slot takes a list, and how one of its texts is checked.
    pub(crate) fn as_list(&self) -> Option<(ListPath<T>, ElementCheck)> {
        match self {
            Self::Hosts(at) => Some((*at, checks::host)),
            Self::FileNames(at) => Some((*at, checks::file_name)),
            _ => None,
        }
    }

    /// Makes a path in the slot relative to a folder.
    pub(crate) fn base_on(&self, target: &mut T, folder: &Path) -> Result<(), Complaint> {
        match self {
            Self::Folder(at) => *at(target) = folder.join(at(target).as_path()),
            Self::FolderOptional(at) => {
                if let Some(path) = at(target) {
                    *path = folder.join(path.as_path());
                }
            }
            Self::Address(at) => *at(target) = at(target).clone().based_on(folder)?,
            _ => {}
        }
        Ok(())
    }

    /// The folder in the slot, which must exist.
    pub(crate) fn folder<'t>(&self, target: &'t mut T) -> Option<&'t Path> {
        match self {
            Self::Folder(at) => Some(at(target)),
            Self::FolderOptional(at) => at(target).as_deref(),
            _ => None,
        }
    }

    /// Whether a file must give the key.
    pub(crate) fn is_required(&self) -> bool {
        matches!(
            self,
            Self::Folder(_) | Self::RoutePath(_) | Self::Address(_)
        )
    }

    /// What the slot holds, as TOML; an error says in words what stands for nothing.
    pub(crate) fn show(&self, target: &mut T) -> Result<String, &'static str> {
        Ok(match self {
            Self::Switch(at) => at(target).to_string(),
            Self::Number(at, ..) => at(target).to_string(),
            Self::Octets(at, ..) => show_octets(*at(target)),
            Self::Auto(at, _, words) => at(target).ok_or(*words)?.to_string(),
            Self::Unlimited(at) => at(target).unwrap_or(0).to_string(),
            Self::Time(at) | Self::TimePositive(at) => show_time(*at(target)),
            Self::TimeUnlimited(at) => show_time(at(target).unwrap_or(Duration::ZERO)),
            Self::TimeOptional(at) => show_time(at(target).ok_or("no field")?),
            Self::LogFormat(at) => quoted(
                &at(target)
                    .ok_or("\"human\" on a terminal, \"json\" when piped")?
                    .to_string(),
            ),
            Self::FieldOrFalse(at) => at(target).as_deref().map_or("false".to_owned(), quoted),
            Self::Field(at) => quoted(at(target).as_deref().ok_or("no field")?),
            Self::Address(at) => quoted(&at(target).to_string()),
            Self::Hosts(at) | Self::FileNames(at) => {
                let list: Vec<_> = at(target).iter().map(|text| quoted(text)).collect();
                format!("[{}]", list.join(", "))
            }
            Self::Folder(at) => quoted(&at(target).to_string_lossy()),
            Self::FolderOptional(at) => {
                quoted(&at(target).as_deref().ok_or("the site's")?.to_string_lossy())
            }
            Self::RoutePath(at) => quoted(at(target)),
            Self::Handler(at) => quoted(&at(target).to_string()),
        })
    }

    /// What the slot may hold, in words.
    pub(crate) fn allowed(&self) -> String {
        match self {
            Self::Switch(_) => "true or false".to_owned(),
            Self::Number(_, low, NUMBER_MAX) => format!("a number from {low}"),
            Self::Number(_, low, high) => format!("a number from {low} to {high}"),
            Self::Octets(_, low, high) => {
                let bound = |octets: &u64| show_octets(*octets).replace('"', "");
                format!(
                    "octets from {} to {}, as 65536 or \"64KiB\"",
                    bound(low),
                    bound(high)
                )
            }
            Self::Auto(_, NUMBER_MAX, _) => "a number from 1".to_owned(),
            Self::Auto(_, high, _) => format!("a number from 1 to {high}"),
            Self::Unlimited(_) => "a number; 0 is unlimited".to_owned(),
            Self::Time(_) | Self::TimeOptional(_) => {
                "a time, as 10 (seconds), \"500ms\", \"10s\" or \"5m\"".to_owned()
            }
            Self::TimePositive(_) => {
                "a time above 0, as 10 (seconds), \"500ms\", \"10s\" or \"5m\"".to_owned()
            }
            Self::TimeUnlimited(_) => {
                "a time, as 10 (seconds) or \"5m\"; 0 is unlimited".to_owned()
            }
            Self::LogFormat(_) => names(LogFormat::NAMES),
            Self::FieldOrFalse(_) => "a text, or false to leave the field out".to_owned(),
            Self::Field(_) => "a field value".to_owned(),
            Self::Address(_) => {
                "\"127.0.0.1:8080\", \"[::1]:80\", \"unix:/path\", or a port of loopback".to_owned()
            }
            Self::Hosts(_) => {
                "a list of host names without ports; \"*\" is any other host".to_owned()
            }
            Self::FileNames(_) => "a list of file names".to_owned(),
            Self::Folder(_) | Self::FolderOptional(_) => {
                "a folder, relative to this file".to_owned()
            }
            Self::RoutePath(_) => "a path from \"/\" in whole segments, as \"/images\"".to_owned(),
            Self::Handler(_) => names(HandlerName::NAMES),
        }
    }
}

/// Where a list is.
type ListPath<T> = fn(&mut T) -> &mut Vec<String>;
/// How one text of a list is checked.
type ElementCheck = fn(&str) -> Result<String, Complaint>;

pub(crate) fn mismatch(word: &Word<'_>) -> Complaint {
    Complaint::new(format!("{} does not fit here", word.describe()))
}

fn text<'a>(word: &Word<'a>) -> Result<&'a str, Complaint> {
    match word {
        Word::Text("") => Err(Complaint::new("the text is empty")),
        Word::Text(text) if text.contains('\0') => Err(Complaint::new("the text holds a NUL")),
        Word::Text(text) => Ok(text),
        other => Err(mismatch(other)),
    }
}

fn switch(word: &Word<'_>) -> Result<bool, Complaint> {
    match word {
        Word::Switch(switch) => Ok(*switch),
        Word::Text(text @ ("true" | "false")) => Err(Complaint::with(
            mismatch(word).message,
            format!("write {text} without quotes"),
        )),
        other => Err(mismatch(other)),
    }
}

fn number(word: &Word<'_>, low: u64, high: u64) -> Result<u64, Complaint> {
    match word {
        Word::Number(number) => u64::try_from(*number)
            .ok()
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| Complaint::new(format!("{number} is out of range"))),
        Word::Text(text) if text.parse::<u64>().is_ok() => Err(Complaint::with(
            mismatch(word).message,
            format!("write {text} without quotes"),
        )),
        other => Err(mismatch(other)),
    }
}

fn octets(word: &Word<'_>, low: u64, high: u64) -> Result<u64, Complaint> {
    let Word::Text(text) = word else {
        return number(word, low, high);
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
            return Err(Complaint::with(
                format!("the unit \"{unit}\" is ambiguous"),
                hint,
            ));
        }
        _ => return Err(mismatch(word)),
    };
    let amount: u64 = digits.parse().map_err(|_| mismatch(word))?;
    let octets = amount
        .checked_mul(1 << shift)
        .filter(|octets| (low..=high).contains(octets));
    octets.ok_or_else(|| Complaint::new(format!("{} is out of range", word.describe())))
}

fn time(word: &Word<'_>) -> Result<Duration, Complaint> {
    let Word::Text(text) = word else {
        return number(word, 0, TIME_SECONDS_MAX).map(Duration::from_secs);
    };
    let (digits, unit) = split_unit(text);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(mismatch(word)),
    };
    let amount: u64 = digits.parse().map_err(|_| mismatch(word))?;
    let total = amount
        .checked_mul(milliseconds)
        .filter(|total| *total <= TIME_SECONDS_MAX * 1000);
    let total = total.ok_or_else(|| Complaint::new(format!("{} is out of range", word.describe())));
    total.map(Duration::from_millis)
}

fn split_unit(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits);
    (digits, unit.trim_start())
}

fn log_format(word: &Word<'_>) -> Result<LogFormat, Complaint> {
    match word {
        Word::Switch(false) => Ok(LogFormat::Off),
        other => named(other, LogFormat::NAMES),
    }
}

fn named<V: Copy>(word: &Word<'_>, known: &'static [(&'static str, V)]) -> Result<V, Complaint> {
    let text = text(word)?;
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    Err(match nearest(text, known.iter().map(|(name, _)| *name)) {
        Some(near) => Complaint::with(mismatch(word).message, format!("did you mean \"{near}\"?")),
        None => mismatch(word),
    })
}

/// A field value is visible ASCII with single spaces or tabs between (RFC 9110 §5.5).
fn field_value(word: &Word<'_>) -> Result<String, Complaint> {
    let value = text(word)?;
    let is_fit = value
        .bytes()
        .all(|octet| matches!(octet, b' '..=b'~' | b'\t'));
    if is_fit && value.trim() == value {
        return Ok(value.to_owned());
    }
    Err(Complaint::new(format!(
        "{} is not a field value (RFC 9110 §5.5)",
        word.describe()
    )))
}

fn address(word: &Word<'_>) -> Result<Address, Complaint> {
    let parsed = match word {
        Word::Number(port) => port.to_string().parse::<Address>(),
        Word::Text(text) => text.parse(),
        other => return Err(mismatch(other)),
    };
    Ok(parsed?)
}

impl From<AddressError> for Complaint {
    fn from(error: AddressError) -> Self {
        Self::with(error.to_string(), error.suggestion())
    }
}

fn names<V>(known: &[(&str, V)]) -> String {
    let names: Vec<_> = known.iter().map(|(name, _)| quoted(name)).collect();
    names.join(", ")
}

/// A text as a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
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

/// A number that is bounded only by its type in TOML.
pub(crate) const NUMBER_MAX: u64 = i64::MAX as u64;
/// Ten years: times are added to clocks and must not overflow them.
const TIME_SECONDS_MAX: u64 = 10 * 365 * 86_400;
