//! `STORE/BUCKET/PREFIX`: a place in a store by the store's name in the configuration, as command lines take it beside
//! `s3://BUCKET/PREFIX`; the same with a colon behind the store, which no file is called.

use std::fmt;
use std::str::FromStr;

use brigade_model::{BucketName, EndpointName};

use crate::s3_url::{NotAnS3Url, S3Url};

/// A place in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePath {
    /// The store's name in the configuration; `None` for the one that the command works with anyway.
    pub store: Option<String>,
    /// The place there.
    pub url: S3Url,
}

/// A text that names no place in a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAStorePath {
    /// It has another form; what was probably meant stands behind it.
    #[error("must have the form s3://BUCKET/PREFIX, or STORE/BUCKET/PREFIX with a store of the configuration{0}")]
    Form(String),
    /// The place breaks a rule.
    #[error(transparent)]
    Url(#[from] NotAnS3Url),
}

impl NotAStorePath {
    /// The name of a bucket alone is one that lacks its scheme; with a dot it may as well be that of a file.
    fn form(text: &str) -> Self {
        let name = text.strip_suffix('/').unwrap_or(text);
        let is_bucket = !name.contains('.') && BucketName::new(name).is_ok();
        Self::Form(if is_bucket { format!("; did you mean s3://{name}/?") } else { String::new() })
    }
}

impl FromStr for StorePath {
    type Err = NotAStorePath;
    fn from_str(text: &str) -> Result<Self, NotAStorePath> {
        if text.starts_with("s3://") {
            return Ok(Self { store: None, url: text.parse()? });
        }
        let (store, rest) = text.split_once([':', '/']).ok_or_else(|| NotAStorePath::form(text))?;
        if !is_store(store) || rest.is_empty() || rest.starts_with('/') {
            return Err(NotAStorePath::form(text));
        }
        Ok(Self { store: Some(store.to_owned()), url: format!("s3://{rest}").parse()? })
    }
}

impl StorePath {
    /// Whether a text that may also be a file's name is one: by its scheme, or by the colon behind a store.
    #[must_use]
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with("s3://")
            || text.split_once(':').is_some_and(|(store, rest)| is_store(store) && !rest.is_empty())
    }
}

/// Whether a store may be called so; `.` and `..` begin the name of a file.
fn is_store(name: &str) -> bool {
    EndpointName::new(name).is_ok() && !name.starts_with('.')
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.store {
            None => self.url.fmt(f),
            Some(store) => write!(f, "{store}/{}/{}", self.url.bucket, self.url.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_with_its_store_or_without() {
        for (text, store, url) in [
            ("s3://photos/logs/", None, "s3://photos/logs/"),
            ("main/photos/logs/a b", Some("main"), "s3://photos/logs/a b"),
            ("main:photos/logs/", Some("main"), "s3://photos/logs/"),
            ("main/photos", Some("main"), "s3://photos/"),
            ("main:photos", Some("main"), "s3://photos/"),
        ] {
            let path: StorePath = text.parse().unwrap();
            assert_eq!((path.store.as_deref(), path.url.to_string().as_str()), (store, url), "{text}");
        }
        assert_eq!("main:photos/a".parse::<StorePath>().unwrap().to_string(), "main/photos/a");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in
            ["", "photos", "photos/", "main:", "/photos/a", "http://h/a", "main//a", "main/a b/k", "s3://", "./a/b"]
        {
            assert!(text.parse::<StorePath>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_name_of_a_bucket_alone_is_asked_back_with_its_scheme() {
        for (text, meant) in [("photos", true), ("photos/", true), ("m.csv", false), ("./a/b", false), ("main:", false)]
        {
            let error = text.parse::<StorePath>().unwrap_err().to_string();
            assert_eq!(error.ends_with("; did you mean s3://photos/?"), meant, "{error}");
        }
    }

    #[test]
    fn a_file_is_no_place() {
        for (text, is_place) in [
            ("s3://lists/m.csv", true),
            ("main:lists/m.csv", true),
            ("main/lists/m.csv", false),
            ("m.csv", false),
            ("../a:b/m.csv", false),
        ] {
            assert_eq!(StorePath::is_meant_by(text), is_place, "{text}");
        }
    }
}
