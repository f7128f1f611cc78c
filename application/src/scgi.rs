//! SCGI: variables as a netstring, then the content; the answer is what comes up to the end of the connection.

use crate::Variables;

/// Writes the variables of a request: CONTENT_LENGTH first, then SCGI, then the others.
pub(crate) fn begin(variables: &Variables, out: &mut Vec<u8>) {
    let mut pairs = Vec::with_capacity(2048);
    let mut add = |name: &[u8], value: &[u8]| {
        for text in [name, value] {
            pairs.extend_from_slice(text);
            pairs.push(0);
        }
    };
    let length = variables.iter().find(|(name, _)| *name == LENGTH);
    add(LENGTH, length.map_or(b"0", |(_, value)| value));
    add(b"SCGI", b"1");
    for (name, value) in variables.iter() {
        if name != LENGTH && name != b"SCGI" {
            add(name, value);
        }
    }
    out.extend_from_slice(pairs.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(&pairs);
    out.push(b',');
}

const LENGTH: &[u8] = b"CONTENT_LENGTH";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_a_netstring_with_the_length_first() {
        let variables = Variables::for_test(&[("A", "b"), ("CONTENT_LENGTH", "27"), ("C", "")]);
        let mut out = Vec::new();
        begin(&variables, &mut out);
        assert_eq!(
            out,
            b"32:CONTENT_LENGTH\0"
                .to_vec()
                .into_iter()
                .chain(*b"27\0SCGI\x001\0A\0b\0C\0\0,")
                .collect::<Vec<_>>()
        );
        let mut out = Vec::new();
        begin(&Variables::default(), &mut out);
        assert_eq!(out, b"24:CONTENT_LENGTH\x000\0SCGI\x001\0,");
    }
}
