//! Where requests go: the server's address, and the host and path of each bucket and key.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use brigade_model::names::{BucketName, ObjectKey};
use http::Uri;
use http::uri::Authority;

use super::encoding::push_path;
use super::{Addressing, HttpConfigError};

/// A server to connect to. Equal addresses share connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host:port`, where an IPv6 address stands in brackets.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let port = authority.port_u16().filter(|port| *port > 0)?;
        let is_bare = !text.contains('@') && !authority.host().is_empty();
        is_bare.then(|| Self::of(authority.host(), port))
    }

    pub(crate) fn of(host: &str, port: u16) -> Self {
        Self { host: host.trim_start_matches('[').trim_end_matches(']').into(), port }
    }
}

/// `host:port`, as a URL has it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// An endpoint's URL, taken apart once.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) is_tls: bool,
    addressing: Addressing,
    address: Address,
    /// As it stands in the Host header: with brackets, without the scheme's own port.
    host_header: String,
    /// The path that all of the store stands below, encoded: empty, or `/storage/v1/s3`.
    base: String,
}

/// Where one request goes.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) host_header: String,
    /// The path, encoded.
    pub(crate) path: String,
}

impl Endpoint {
    /// Takes the URL apart.
    pub(crate) fn parse(url: &str, addressing: Addressing) -> Result<Self, HttpConfigError> {
        let wrong = |problem| HttpConfigError::Endpoint { url: url.to_owned(), problem };
        let uri: Uri = url.parse().map_err(|_| wrong("is not a URL"))?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        let authority = uri.authority().filter(|a| !a.host().is_empty()).ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("must not hold a user or a password"));
        }
        if uri.query().is_some() {
            return Err(wrong("must not have a query"));
        }
        let base = base(uri.path()).ok_or_else(|| wrong("must have a path without '//', '.' and '..'"))?;
        let own_port = if is_tls { 443 } else { 80 };
        let port = port(authority, own_port).ok_or_else(|| wrong("must have a port of 1 to 65535, or none"))?;
        let host = authority.host();
        let host_header = if port == own_port { host.to_owned() } else { format!("{host}:{port}") };
        Ok(Self { is_tls, addressing, address: Address::of(host, port), host_header, base })
    }

    /// Whether that bucket stands in the host. An address takes no name before it, and a certificate for `*.host`
    /// covers no name with a further dot.
    fn is_in_host(&self, bucket: &BucketName) -> bool {
        let has_certificate = !(self.is_tls && bucket.as_str().contains('.'));
        self.addressing == Addressing::VirtualHosted && has_certificate && self.address.host.parse::<IpAddr>().is_err()
    }

    /// Where a request on that bucket, or on that key of it, goes.
    pub(crate) fn target(&self, bucket: &BucketName, key: Option<&ObjectKey>) -> Target {
        let key = key.map_or("", ObjectKey::as_str);
        let mut path = String::with_capacity(self.base.len() + bucket.as_str().len() + key.len() * 3 / 2 + 2);
        path.push_str(&self.base);
        path.push('/');
        let (address, host_header) = if self.is_in_host(bucket) {
            let address = Address { host: format!("{bucket}.{}", self.address.host).into(), ..self.address };
            (address, format!("{bucket}.{}", self.host_header))
        } else {
            push_path(&mut path, bucket.as_str());
            path.push('/');
            (self.address.clone(), self.host_header.clone())
        };
        push_path(&mut path, key);
        Target { address, host_header, path }
    }

    /// For messages.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", if self.is_tls { "https" } else { "http" }, self.host_header, self.base)
    }

    /// For messages of a connection.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }
}

/// The port of an authority, or its scheme's own where none is written.
pub(super) fn port(authority: &Authority, own: u16) -> Option<u16> {
    match authority.port_u16() {
        Some(port) => (port > 0).then_some(port),
        None => authority.as_str().ends_with(authority.host()).then_some(own),
    }
}

/// The path of a URL as it is sent and signed, without a `/` at its end: decoded and encoded anew, since a
/// server encodes what it decoded to check a signature. Servers on the way may join `//`, `.` and `..`.
fn base(path: &str) -> Option<String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let Some(path) = path.strip_prefix('/') else { return path.is_empty().then(String::new) };
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let mut encoded = String::from("/");
    push_path(&mut encoded, &decoded);
    let is_plain = decoded.split('/').all(|part| !["", ".", ".."].contains(&part));
    is_plain.then_some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, addressing: Addressing, key: Option<&str>) -> (String, u16, String, String) {
        let key = key.map(|key| ObjectKey::new(key).unwrap());
        let target = Endpoint::parse(url, addressing).unwrap().target(&"photos".parse().unwrap(), key.as_ref());
        (target.address.host.to_string(), target.address.port, target.host_header, target.path)
    }

    #[test]
    fn a_bucket_stands_in_the_path_or_in_the_host() {
        assert_eq!(
            target("http://127.0.0.1:9000", Addressing::Path, Some("a b")),
            ("127.0.0.1".into(), 9000, "127.0.0.1:9000".into(), "/photos/a%20b".into())
        );
        assert_eq!(
            target("https://s3.example.com:443/", Addressing::VirtualHosted, Some("/x")),
            ("photos.s3.example.com".into(), 443, "photos.s3.example.com".into(), "//x".into())
        );
        assert_eq!(
            target("https://[::1]", Addressing::Path, None),
            ("::1".into(), 443, "[::1]".into(), "/photos/".into())
        );
        assert_eq!(target("http://h", Addressing::VirtualHosted, None).3, "/");
    }

    #[test]
    fn a_store_may_stand_below_a_path() {
        for (url, base) in [("https://h/storage/v1/s3/", "/storage/v1/s3"), ("https://h/a+b%20c", "/a%2Bb%20c")] {
            assert_eq!(target(url, Addressing::Path, Some("k")).3, format!("{base}/photos/k"));
            assert_eq!(target(url, Addressing::Path, None).3, format!("{base}/photos/"));
            let (host, _, header, path) = target(url, Addressing::VirtualHosted, Some("k"));
            assert_eq!((host.as_str(), header.as_str(), path), ("photos.h", "photos.h", format!("{base}/k")));
        }
    }

    #[test]
    fn a_dotted_bucket_under_tls_and_any_bucket_of_an_address_stand_in_the_path() {
        let of = |url: &str, bucket: &str| {
            let endpoint = Endpoint::parse(url, Addressing::VirtualHosted).unwrap();
            let target = endpoint.target(&bucket.parse().unwrap(), None);
            (target.host_header, target.path)
        };
        assert_eq!(of("https://h", "a.b"), ("h".into(), "/a.b/".into()));
        assert_eq!(of("http://h", "a.b"), ("a.b.h".into(), "/".into()));
        assert_eq!(of("https://h", "ab"), ("ab.h".into(), "/".into()));
        assert_eq!(of("http://[::1]:9000", "ab"), ("[::1]:9000".into(), "/ab/".into()));
        assert_eq!(of("http://127.0.0.1", "ab"), ("127.0.0.1".into(), "/ab/".into()));
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in ["h:1", "127.0.0.1:65535", "[::1]:9000"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(&*Address::parse("[::1]:9000").unwrap().host, "::1");
        for text in ["", "h", ":1", "h:0", "h:65536", "u@h:1", "http://h:1", "h:1/x", "::1:9000"] {
            assert_eq!(Address::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_url_that_is_no_endpoint_is_refused_with_the_reason() {
        for (url, reason) in [
            ("", "is not a URL"),
            ("ftp://h", "must begin with http:// or https://"),
            ("127.0.0.1:9000", "must begin with http:// or https://"),
            ("http://h:99999", "must have a port of 1 to 65535, or none"),
            ("http://h:0", "must have a port of 1 to 65535, or none"),
            ("http://h/?x", "must not have a query"),
            ("http://h/base?x", "must not have a query"),
            ("http://h//base", "must have a path without '//', '.' and '..'"),
            ("http://h/a/../base", "must have a path without '//', '.' and '..'"),
            ("http://h/a/%2e/base", "must have a path without '//', '.' and '..'"),
            ("http://user:word@h", "must not hold a user or a password"),
        ] {
            let error = Endpoint::parse(url, Addressing::Path).unwrap_err();
            assert!(error.to_string().ends_with(reason), "{error}");
        }
    }
}
