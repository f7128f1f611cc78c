//! Whether two outputs differ only in what differs from run to run: times, sizes, ports, tags.

/// Whether `printed` is what was `shown`. A line `...` stands for any number of lines.
pub(crate) fn is_same(shown: &str, printed: &str) -> bool {
    let shown: Vec<_> = shown.lines().map(shape).collect();
    let printed: Vec<_> = printed.lines().map(shape).collect();
    fits(&shown, &printed)
}

fn fits(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=printed.len()).any(|skip| fits(rest, &printed[skip..]))
        }
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, others)| first == line && fits(rest, others)),
    }
}

/// A line with everything replaced that depends on when and where it was printed.
fn shape(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == 'µ';
        let end = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (part, after) = rest.split_at(end);
        let before = out.chars().last();
        match part {
            " " | "\t" if before == Some(' ') => {}
            " " | "\t" => out.push(' '),
            word if is_word(first) => out.push_str(&word_shape(word, before, after)),
            other => out.push_str(other),
        }
        rest = after;
    }
    out.trim_end().replace("n.n time", "n time")
}

fn word_shape(word: &str, before: Option<char>, after: &str) -> String {
    let is_number = word.bytes().all(|b| b.is_ascii_digit());
    let has_digit = word.bytes().any(|b| b.is_ascii_digit());
    let unit = after.trim_start_matches(' ').split(' ').next();
    let is_measure = matches!(unit, Some("µs" | "ms" | "s" | "B" | "KiB" | "MiB"));
    if is_number && (word.len() != 3 || before == Some('.') || is_measure || after.starts_with('.'))
    {
        return "n".to_owned();
    }
    if ["µs", "ms", "s"].contains(&word) && before == Some(' ') {
        return "time".to_owned();
    }
    if has_digit && word.len() >= 8 && word.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return "x".to_owned();
    }
    // `c12`, the number of a connection; `T11`, `34Z` in a time.
    let digits = word.trim_matches(|c: char| c.is_ascii_alphabetic());
    let has_letter = word.len() - digits.len() == 1 && !digits.is_empty();
    if has_letter && digits.bytes().all(|b| b.is_ascii_digit()) {
        return "n".to_owned();
    }
    match word {
        "Mon" | "Tue" | "Wed" | "Thu" | "Fri" | "Sat" | "Sun" => "day".to_owned(),
        "Jan" | "Feb" | "Mar" | "Apr" | "May" | "Jun" | "Jul" | "Aug" | "Sep" | "Oct" | "Nov"
        | "Dec" => "month".to_owned(),
        word => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_ports_and_tags_may_differ() {
        assert!(is_same(
            "Date: Tue, 24 Nov 2026 11:14:06 GMT\nETag: \"7-5a6cff7770b29771\"",
            "Date: Wed, 5 Jan 2027 1:00:59 GMT\nETag: \"12-0a6cff7770b2977f\""
        ));
        assert!(is_same(
            "11:14:09.077 GET 200 /    97 B   3.3 ms  c1#1",
            "01:04:00.123 GET 200 / 1907 B   450 µs  c17#2"
        ));
    }

    #[test]
    fn what_was_answered_may_not() {
        assert!(!is_same("HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"));
        assert!(!is_same("a\nb", "a"));
        assert!(!is_same("a", "a\nb"));
        assert!(!is_same("Vary: Accept", "Vary: Accept-Language"));
    }

    #[test]
    fn dots_stand_for_any_lines() {
        assert!(is_same("a\n...\nd", "a\nb\nc\nd"));
        assert!(is_same("a\n...\nd", "a\nd"));
        assert!(!is_same("a\n...\nd", "a\nb"));
    }
}
