//! Reads `fixtures/wire/cos/<Action>/<case>/` and compares what we write with the files there.
//!
//! `request.xml` is a body, `request.http` a request line and headers, `response.xml` the
//! body of the answer. With `BRIGADE_BLESS=1` in the environment the answers are written
//! instead of compared; read the difference before it is committed.

use std::path::{Path, PathBuf};

use brigade_wire::cos::{CosError, encode_error};

/// What the answers of errors carry in every fixture.
pub(crate) const RESOURCE: &str = "100000000001.cos-control.ap-chengdu.myqcloud.com/jobs";
pub(crate) const REQUEST_ID: &str = "NWRmYmJhYmRfMjViMjU4NjRfNmIzYV8wMDEwMTZmZg==";
pub(crate) const TRACE_ID: &str = "OGVmYzZiMmQzYjA2OWNhODk0NTRkMTBiOWVmMDAxODc=";

/// One folder.
pub(crate) struct Case {
    pub(crate) name: String,
    folder: PathBuf,
}

/// Every case of an action, by name.
pub(crate) fn cases(action: &str) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wire/cos").join(action);
    let mut cases: Vec<_> = std::fs::read_dir(&root)
        .unwrap_or_else(|error| panic!("{}: {error}", root.display()))
        .map(|entry| entry.unwrap())
        .map(|entry| Case { name: entry.file_name().into_string().unwrap(), folder: entry.path() })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!cases.is_empty(), "{action} has no cases");
    cases
}

/// A case by its name.
pub(crate) fn case(action: &str, name: &str) -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wire/cos").join(action).join(name);
    Case { name: name.to_owned(), folder }
}

impl Case {
    /// `request.xml`.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.read("request.xml")
    }

    /// `request.http`: method, path and raw query.
    pub(crate) fn request_line(&self) -> (String, String, String) {
        let text = String::from_utf8(self.read("request.http")).unwrap();
        let mut words = text.lines().next().unwrap().split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        (method.to_owned(), path.to_owned(), query.to_owned())
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
    pub(crate) fn expect_error(&self, error: &CosError) {
        self.expect(&encode_error(error, RESOURCE, REQUEST_ID, TRACE_ID));
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let path = self.folder.join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}
