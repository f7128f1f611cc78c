//! One module a header field.
