//! Where requests go: the server's address, and the host and path of each bucket and key.

use std::fmt::Write;
use std::sync::Arc;

use brigade_model::names::{BucketName, ObjectKey};
use http::Uri;

use super::encoding::push_path;
use super::{Addressing, HttpConfigError};

/// A server to connect to. Equal addresses share connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    /// A name or an IP address, without brackets.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

/// An endpoint's URL, taken apart once.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) is_tls: bool,
    addressing: Addressing,
    address: Address,
    /// As it stands in the Host header: with brackets, without the scheme's own port.
    host_header: String,
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
        if uri.path() != "/" || uri.query().is_some() {
            return Err(wrong("must not have a path or a query"));
        }
        let own_port = if is_tls { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(own_port);
        let host = authority.host();
        let host_header = if port == own_port { host.to_owned() } else { format!("{host}:{port}") };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self { is_tls, addressing, address: Address { host: bare.into(), port }, host_header })
    }

    /// Where a request on that bucket, or on that key of it, goes.
    pub(crate) fn target(&self, bucket: &BucketName, key: Option<&ObjectKey>) -> Target {
        let key = key.map_or("", ObjectKey::as_str);
        let mut path = String::with_capacity(bucket.as_str().len() + key.len() * 3 / 2 + 2);
        path.push('/');
        let (address, host_header) = match self.addressing {
            Addressing::Path => {
                push_path(&mut path, bucket.as_str());
                path.push('/');
                (self.address.clone(), self.host_header.clone())
            }
            Addressing::VirtualHosted => {
                let address = Address { host: format!("{bucket}.{}", self.address.host).into(), ..self.address };
                (address, format!("{bucket}.{}", self.host_header))
            }
        };
        push_path(&mut path, key);
        Target { address, host_header, path }
    }

    /// For messages.
    pub(crate) fn url(&self) -> String {
        let mut url = String::from(if self.is_tls { "https://" } else { "http://" });
        write!(url, "{}", self.host_header).expect("a String takes any text");
        url
    }
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
    fn a_url_that_is_no_endpoint_is_refused_with_the_reason() {
        for (url, reason) in [
            ("", "is not a URL"),
            ("ftp://h", "must begin with http:// or https://"),
            ("127.0.0.1:9000", "must begin with http:// or https://"),
            ("http://h/base", "must not have a path or a query"),
            ("http://h/?x", "must not have a path or a query"),
            ("http://user:word@h", "must not hold a user or a password"),
        ] {
            let error = Endpoint::parse(url, Addressing::Path).unwrap_err();
            assert!(error.to_string().ends_with(reason), "{error}");
        }
    }
}
