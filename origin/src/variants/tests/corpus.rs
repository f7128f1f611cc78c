//! Plays `corpus/negotiation`; its README has the format.

use super::*;

#[derive(Default)]
struct Set {
    name: String,
    files: Vec<(String, usize)>,
    maps: Vec<(String, String)>,
    config: NegotiateConfig,
    rows: Vec<Row>,
}

struct Row {
    place: String,
    target: String,
    fields: Vec<String>,
    /// Status and file, Content-Language, Vary, Content-Location.
    expected: [String; 4],
}

#[test]
fn every_case_is_answered_as_it_says() {
    let mut rows = 0;
    let mut wrong = Vec::new();
    for set in sets() {
        let site = Site::new(set.config.clone());
        for (name, octets) in &set.files {
            site.write(name, &format!("{name:<octets$}"));
        }
        for (name, text) in &set.maps {
            site.write(name, text);
        }
        for row in &set.rows {
            rows += 1;
            wrong.extend(faults(&site, &set, row));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {rows} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(rows >= 150, "only {rows} cases");
}

fn faults(site: &Site, set: &Set, row: &Row) -> Vec<String> {
    let fields: String = row
        .fields
        .iter()
        .map(|line| format!("{line}\r\n"))
        .collect();
    let response = site.ask(&format!("GET {}", row.target), &fields);
    let text = content(&response);
    let is_success = status(&response) == 200;
    let file = if is_success { text.trim_end() } else { "-" };
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let found = [
        format!("{} {file}", status(&response)),
        or_none(field(&response, Known::ContentLanguage)),
        or_none(field(&response, Known::Vary)),
        or_none(field(&response, Known::ContentLocation)),
    ];
    let mut out = Vec::new();
    for (place, (expected, found)) in row.expected.iter().zip(&found).enumerate() {
        let is_met = match expected.as_str() {
            "?" => true,
            _ if place == 2 => sorted(expected) == sorted(found),
            _ if expected.starts_with("? ") => expected.get(2..) == found.get(4..),
            _ => expected == found,
        };
        if !is_met {
            out.push(format!(
                "{} [{}] {} {:?}: {found}, not {expected}",
                row.place, set.name, row.target, row.fields
            ));
        }
    }
    if matches!(status(&response), 300 | 406) && set.maps.is_empty() {
        let stem = row
            .target
            .trim_start_matches('/')
            .split('.')
            .next()
            .unwrap();
        for (name, _) in &set.files {
            let is_sidecar = name.ends_with(".gz") || name.ends_with(".br");
            let is_its = !stem.is_empty() && name.starts_with(&format!("{stem}.")) && !is_sidecar;
            if is_its && !text.contains(name) {
                out.push(format!(
                    "{} [{}]: {name} is not listed",
                    row.place, set.name
                ));
            }
        }
    }
    out
}

fn sorted(list: &str) -> Vec<&str> {
    let mut members: Vec<_> = list.split(',').map(str::trim).collect();
    members.sort_unstable();
    members
}

fn sets() -> Vec<Set> {
    let mut paths: Vec<_> = fs::read_dir(corpus_folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "case"))
        .collect();
    paths.sort();
    let mut sets = Vec::new();
    for path in paths {
        read(&path, &mut sets);
    }
    sets
}

fn read(path: &Path, sets: &mut Vec<Set>) {
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "set" {
            sets.push(Set {
                name: rest.into(),
                ..Set::default()
            });
            continue;
        }
        if line.is_empty() || word == "#" || word == "~" {
            continue;
        }
        let set = sets.last_mut().expect("a set before all else");
        match word {
            "file" => {
                let (name, octets) = rest.split_once(' ').unwrap_or((rest, "0"));
                set.files.push((name.into(), octets.parse().unwrap()));
            }
            "map" => set.maps.push((rest.into(), String::new())),
            "|" => {
                let (_, text) = set.maps.last_mut().unwrap();
                text.push_str(rest);
                text.push('\n');
            }
            "language" => set.config.language = Some(rest.into()),
            "strict" => set.config.strict = true,
            _ if line.starts_with('/') => set.rows.push(row(place, line)),
            _ => panic!("{place}: {line}"),
        }
    }
}

fn row(place: String, line: &str) -> Row {
    let columns: Vec<_> = line.split(" | ").map(str::trim).collect();
    let [target, fields, expected @ ..] = columns.as_slice() else {
        panic!("{place}: {line}");
    };
    let expected: [&str; 4] = expected
        .try_into()
        .unwrap_or_else(|_| panic!("{place}: {line}"));
    Row {
        place,
        target: (*target).into(),
        fields: match *fields {
            "-" => Vec::new(),
            fields => fields.split(" & ").map(String::from).collect(),
        },
        expected: expected.map(String::from),
    }
}
