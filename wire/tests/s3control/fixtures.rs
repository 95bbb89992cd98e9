//! Reads `fixtures/wire/s3control/<Action>/<case>/`: `request.http` is a request as a client sent it, captured
//! (only the end of its User-Agent is cut off), or by hand where the case's name names no client; `response.xml`
//! is the body of our answer.
//!
//! With `BRIGADE_BLESS=1` in the environment the answers are written instead of compared; read the difference
//! before it is committed.

use std::path::{Path, PathBuf};

use brigade_wire::s3control::{S3ControlError, encode_error};
use brigade_wire::s3control_signature::RequestParts;

/// What the answers of errors carry in every fixture.
pub(crate) const REQUEST_ID: &str = "NWRmYmJhYmRfMjViMjU4NjRfNmIzYV8wMDEwMTZmZg==";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wire/s3control")
}

/// One folder.
pub(crate) struct Case {
    pub(crate) name: String,
    folder: PathBuf,
}

/// Every case of an action, by name.
pub(crate) fn cases(action: &str) -> Vec<Case> {
    let entries = std::fs::read_dir(root().join(action)).unwrap_or_else(|error| panic!("{action}: {error}"));
    let mut cases: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| Case { name: entry.file_name().into_string().unwrap(), folder: entry.path() })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// A case by its name.
pub(crate) fn case(action: &str, name: &str) -> Case {
    Case { name: name.to_owned(), folder: root().join(action).join(name) }
}

/// A request, taken apart.
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    /// As a signature sees it.
    pub(crate) fn with_parts<T>(&self, see: impl FnOnce(RequestParts<'_>) -> T) -> T {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        see(RequestParts { method: &self.method, path: &self.path, query: &self.query, headers: &headers })
    }
}

impl Case {
    /// `request.http`: a request line in absolute form, as to a proxy, headers and a body.
    pub(crate) fn sent(&self) -> Sent {
        let bytes = self.read("request.http");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (_, rest) = target.split_once("://").unwrap();
        let target = &rest[rest.find('/').unwrap()..];
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        Sent {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: lines.map(header).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// Compares an answer with `response.xml`.
    pub(crate) fn expect(&self, answer: &[u8]) {
        let path = self.folder.join("response.xml");
        if std::env::var_os("BRIGADE_BLESS").is_some() {
            std::fs::create_dir_all(&self.folder).unwrap();
            std::fs::write(&path, answer).unwrap();
        }
        let expected = self.read("response.xml");
        let (answer, expected) = (String::from_utf8_lossy(answer), String::from_utf8_lossy(&expected));
        assert_eq!(answer, expected, "{}", path.display());
    }

    /// Compares an error's answer with `response.xml`.
    pub(crate) fn expect_error(&self, error: &S3ControlError) {
        self.expect(&encode_error(error, REQUEST_ID));
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let path = self.folder.join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}
