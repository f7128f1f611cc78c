//! What an HTTP message means.
pub mod fields;
