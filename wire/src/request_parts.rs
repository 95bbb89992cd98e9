//! What a signature is about.

/// What a signature is about: the request as it stands on the wire.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// The path, encoded.
    pub path: &'a str,
    /// The query, encoded, without `?`; empty when there is none.
    pub query: &'a str,
    /// Headers with their values, `host` among them.
    pub headers: &'a [(&'a str, &'a [u8])],
}
