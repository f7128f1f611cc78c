//! `hansom check`: what is wrong in a file, and what it does with a request.

use super::{OPERAND, file, unusable};
use crate::flags;
use crate::say::{self, Failure};
use clap::ArgMatches;
use server::config::{self, Loaded};
use std::path::PathBuf;

/// Whether words or a JSON document are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Words,
    Json,
}

/// A request that is to be explained.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    method: String,
    url: String,
    /// A file that stood behind it.
    file: Option<PathBuf>,
}

pub(super) fn check(matches: &ArgMatches) -> Result<(), Failure> {
    let form = match flags::is_given(matches, flags::JSON) {
        true => Form::Json,
        false => Form::Words,
    };
    let request = flags::values(matches, flags::EXPLAIN).map(|words| Request::of(&words));
    let request = request.transpose()?;
    let named = request.as_ref().and_then(|request| request.file.clone());
    let file = match (matches.get_one::<PathBuf>(OPERAND), named) {
        (None, Some(named)) => named,
        _ => file(matches),
    };
    let loaded = config::load_with_places(&file);
    match (loaded, form) {
        (Err(errors), Form::Words) => Err(unusable(&file, &errors)),
        (Err(errors), Form::Json) => {
            say::print(&format!("{}\n", errors.to_json()));
            Err(unusable(&file, &errors).said())
        }
        (Ok(loaded), form) => match request {
            None => {
                tell(&loaded, form);
                Ok(())
            }
            Some(request) => explain(&loaded, &request, form),
        },
    }
}

fn tell(loaded: &Loaded, form: Form) {
    if form == Form::Json {
        say::print(&format!("{}\n", loaded.to_json()));
        return;
    }
    let file = loaded.places.file();
    for warning in &loaded.warnings {
        let mut text = String::new();
        // A text takes whatever is written.
        let _ = warning.write(&mut text, file);
        say::warning(&text);
    }
    let count = match loaded.warnings.len() {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        several => format!(", {several} warnings"),
    };
    say::print(&format!("{file}: ok: {}{count}\n", loaded.config.summary()));
}

fn explain(loaded: &Loaded, request: &Request, form: Form) -> Result<(), Failure> {
    let explained = server::explain(loaded, &request.method, &request.url);
    let explained = explained.map_err(|error| {
        Failure::usage(format!("--explain: {error}"))
            .hint("for example --explain GET https://example.com/path")
    })?;
    match form {
        Form::Words => say::print(&explained.to_string()),
        Form::Json => say::print(&format!("{}\n", explained.to_json())),
    }
    Ok(())
}

impl Request {
    /// `METHOD URL`, as one word or two, or `URL`; a file may stand behind one word.
    fn of(words: &[&str]) -> Result<Self, Failure> {
        let request = |method: &str, url: &str, file: Option<&&str>| Self {
            method: method.to_owned(),
            url: url.to_owned(),
            file: file.map(PathBuf::from),
        };
        let words: Vec<_> = words.iter().map(|word| word.trim()).collect();
        let [first, rest @ ..] = words.as_slice() else {
            return Err(Failure::usage("--explain: no request is given"));
        };
        Ok(match first.split_once(' ') {
            Some((method, url)) => request(method, url.trim(), rest.first()),
            None if first.contains("://") => request("GET", first, rest.first()),
            None => match rest.first() {
                Some(url) => request(first, url, None),
                None => {
                    let failure = Failure::usage(format!("--explain: {first} is not a URL"));
                    return Err(failure.hint("give METHOD and URL, as GET https://example.com/"));
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_word_or_two() {
        let plain = |words: &[&str]| {
            let request = Request::of(words).ok()?;
            let file = request.file.map(|file| file.display().to_string());
            Some((request.method, request.url, file))
        };
        let expected = |file: Option<&str>| {
            Some((
                "GET".to_owned(),
                "https://a/".to_owned(),
                file.map(str::to_owned),
            ))
        };
        assert_eq!(plain(&["GET", "https://a/"]), expected(None));
        assert_eq!(plain(&["GET https://a/"]), expected(None));
        assert_eq!(plain(&["https://a/"]), expected(None));
        assert_eq!(
            plain(&["GET https://a/", "b.toml"]),
            expected(Some("b.toml"))
        );
        assert_eq!(plain(&["GET"]), None);
    }
}
