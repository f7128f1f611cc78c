//! The few options a verb takes.

/// The value of `--name VALUE` or `--name=VALUE`, and the arguments without it.
pub(crate) fn take(
    arguments: &[String],
    name: &str,
) -> Result<(Option<String>, Vec<String>), String> {
    let with_value = format!("{name}=");
    let mut value = None;
    let mut rest = Vec::new();
    let mut left = arguments.iter();
    while let Some(argument) = left.next() {
        if argument == name {
            let next = left.next().ok_or_else(|| format!("{name} needs a value"))?;
            value = Some(next.clone());
        } else if let Some(given) = argument.strip_prefix(&with_value) {
            value = Some(given.to_owned());
        } else {
            rest.push(argument.clone());
        }
    }
    Ok((value, rest))
}

/// Like `take`, for a number with a default.
pub(crate) fn take_number(
    arguments: &[String],
    name: &str,
    default: u32,
) -> Result<(u32, Vec<String>), String> {
    let (value, rest) = take(arguments, name)?;
    let number = match value {
        Some(text) => text
            .parse()
            .map_err(|_| format!("{name} wants a number, not {text}"))?,
        None => default,
    };
    Ok((number, rest))
}

/// Whether the flag is among the arguments.
pub(crate) fn has(arguments: &[String], name: &str) -> bool {
    arguments.iter().any(|argument| argument == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn an_option_may_be_written_in_two_ways() {
        for words in [
            list(&["--seconds", "5", "chunks"]),
            list(&["--seconds=5", "chunks"]),
        ] {
            let taken = take_number(&words, "--seconds", 60);
            assert_eq!(taken, Ok((5, list(&["chunks"]))));
        }
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        assert!(take(&list(&["--seconds"]), "--seconds").is_err());
    }

    #[test]
    fn an_option_that_is_not_given_has_its_default() {
        assert_eq!(take_number(&[], "--seconds", 60), Ok((60, Vec::new())));
    }
}
