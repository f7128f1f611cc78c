//! JSON objects whose members stay in the order written.

use serde_json::Value;

/// An object in one line.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> String {
    let mut out = String::with_capacity(64 * N);
    push_object(&mut out, &members);
    out
}

/// Appends an object in one line.
pub(crate) fn push_object(out: &mut String, members: &[(&str, Value)]) {
    for (i, (name, value)) in members.iter().enumerate() {
        out.push_str(if i == 0 { "{" } else { ", " });
        // Names are ours and need no escapes.
        out.push_str(&format!("\"{name}\": {value}"));
    }
    out.push_str(if members.is_empty() { "{}" } else { "}" });
}

/// Octets of a peer as a string; what is not UTF-8 is shown as such.
pub(crate) fn text(octets: &[u8]) -> Value {
    String::from_utf8_lossy(octets).into_owned().into()
}
