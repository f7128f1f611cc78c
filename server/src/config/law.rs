//! What holds for any octets given as a configuration, for tests and the fuzzer.

use super::parse;
use std::path::Path;

/// Reads any octets: what is refused says where and why, what is accepted reads back equal from its own text, passwords aside.
///
/// # Panics
/// When that does not hold.
#[doc(hidden)]
pub fn law(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    match parse(text, "any.toml", Path::new("/")) {
        Ok(config) => {
            let printed = config.to_toml();
            let again = parse(&printed, "printed.toml", Path::new("/"));
            assert_eq!(again, Ok(config.without_passwords()), "{printed}");
        }
        Err(errors) => {
            assert!(!errors.errors.is_empty(), "refused without a reason");
            let shown = errors.to_string();
            assert!(shown.contains("any.toml"), "{shown}");
        }
    }
}
