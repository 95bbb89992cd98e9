//! `s3://bucket/key` and `s3://bucket/prefix`, as command lines name places in a store.

use std::fmt;
use std::str::FromStr;

use brigade_model::names::{BucketName, NameError, ObjectKey};

/// A bucket and what follows it: a key, a prefix, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket.
    pub bucket: BucketName,
    /// Everything behind the first slash, as written: nothing is decoded.
    pub path: String,
}

/// A text that names no place in a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnS3Url {
    /// It has another scheme, or none.
    #[error("must have the form s3://bucket/path")]
    Scheme,
    /// The bucket or key breaks a rule.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for S3Url {
    type Err = NotAnS3Url;
    fn from_str(text: &str) -> Result<Self, NotAnS3Url> {
        let rest = text.strip_prefix("s3://").ok_or(NotAnS3Url::Scheme)?;
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self { bucket: BucketName::new(bucket)?, path: path.to_owned() })
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.path)
    }
}

impl S3Url {
    /// The path as an object's key.
    ///
    /// # Errors
    /// [`NameError`] when there is none or it is too long.
    pub fn key(&self) -> Result<ObjectKey, NameError> {
        ObjectKey::new(&self.path)
    }

    /// The key of an object of that name under this prefix, which is taken as a folder.
    ///
    /// # Errors
    /// [`NameError`] when it gets too long.
    pub fn key_under(&self, name: &str) -> Result<ObjectKey, NameError> {
        let between = if self.path.is_empty() || self.path.ends_with('/') { "" } else { "/" };
        ObjectKey::new(format!("{}{between}{name}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_and_path_are_taken_as_written() {
        let cases = [("s3://b", "b", ""), ("s3://b/", "b", ""), ("s3://b/a b/c%20:d/", "b", "a b/c%20:d/")];
        for (text, bucket, path) in cases {
            let url: S3Url = text.parse().unwrap();
            assert_eq!((url.bucket.as_str(), url.path.as_str()), (bucket, path));
        }
    }

    #[test]
    fn what_names_no_bucket_is_refused() {
        for text in ["", "b/k", "http://b/k", "s3://", "s3:///k", "s3://a b/k"] {
            assert!(text.parse::<S3Url>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_is_a_folder_for_new_keys() {
        let key = |text: &str| text.parse::<S3Url>().unwrap().key_under("m.csv").unwrap().to_string();
        assert_eq!([key("s3://b"), key("s3://b/p"), key("s3://b/p/")], ["m.csv", "p/m.csv", "p/m.csv"]);
    }
}
