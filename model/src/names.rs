//! Names of accounts, endpoints, buckets and objects, parsed once and trusted afterwards.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{APPID_BYTES_MAX, KEY_BYTES_MAX, RESOURCE_NAME_BYTES_MAX};

/// Why a text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct NameError {
    /// Which name: "bucket name", "object key", ...
    pub what: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

const fn wrong(what: &'static str, problem: &'static str) -> NameError {
    NameError { what, problem }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        ///
        /// Cheap to clone: the text is shared.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and makes it a name.
            ///
            /// # Errors
            /// [`NameError`] says which rule the text breaks.
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                let text = text.as_ref();
                let check: fn(&str) -> Result<(), NameError> = $check;
                check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// Who owns jobs. Each dialect has a number of its own for an account; the configuration maps
    /// all of them to one name, and this is that name. 1 to 64 bytes of letters, digits, `-` and `_`.
    AccountId,
    |text| {
        if text.is_empty() || text.len() > APPID_BYTES_MAX {
            return Err(wrong("account id", "must be 1 to 64 bytes long"));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(wrong("account id", "may hold letters, digits, '-' and '_' only"));
        }
        Ok(())
    }
);

name!(
    /// An object store of the configuration. 1 to 64 bytes of letters, digits, `-`, `_`, `.`.
    EndpointName,
    |text| {
        if text.is_empty() || text.len() > 64 {
            return Err(wrong("endpoint name", "must be 1 to 64 bytes long"));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return Err(wrong("endpoint name", "may hold letters, digits, '-', '_' and '.' only"));
        }
        Ok(())
    }
);

name!(
    /// A bucket, as the store itself names it. Rules are the store's (Ceph allows upper case
    /// and `_`), so only what would break a request is refused here: 1 to 255 bytes without
    /// `/`, blanks and control characters, and not `.` or `..`.
    BucketName,
    |text| {
        if text.is_empty() || text.len() > 255 {
            return Err(wrong("bucket name", "must be 1 to 255 bytes long"));
        }
        if text == "." || text == ".." {
            return Err(wrong("bucket name", "must not be a relative path"));
        }
        if text.chars().any(|c| c == '/' || c == '?' || c == '#' || c.is_whitespace() || c.is_control()) {
            return Err(wrong("bucket name", "must not hold '/', '?', '#', blanks or control characters"));
        }
        Ok(())
    }
);

name!(
    /// An object's key: 1 to 1,024 bytes of UTF-8, anything in them.
    ObjectKey,
    |text| {
        if text.is_empty() {
            return Err(wrong("object key", "must not be empty"));
        }
        if text.len() > KEY_BYTES_MAX {
            return Err(wrong("object key", "must not be longer than 1024 bytes"));
        }
        Ok(())
    }
);

name!(
    /// One version of an object; `null` names the version written before versioning.
    VersionId,
    |text| {
        if text.is_empty() || text.len() > RESOURCE_NAME_BYTES_MAX {
            return Err(wrong("version id", "must be 1 to 1024 bytes long"));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong("version id", "must not hold control characters"));
        }
        Ok(())
    }
);

name!(
    /// An entity tag, as it was given: with or without quotes, weak or not. Compare with
    /// [`ETag::matches`].
    ETag,
    |text| {
        if text.is_empty() || text.len() > RESOURCE_NAME_BYTES_MAX {
            return Err(wrong("ETag", "must be 1 to 1024 bytes long"));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong("ETag", "must not hold control characters"));
        }
        Ok(())
    }
);

impl ETag {
    /// The tag without its quotes.
    #[must_use]
    pub fn unquoted(&self) -> &str {
        let text = self.0.trim();
        text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
    }

    /// Whether it has the form that stores give to objects that were uploaded in parts: 32
    /// hexadecimal digits, a dash, the number of parts.
    #[must_use]
    pub fn is_of_parts(&self) -> bool {
        self.unquoted().split_once('-').is_some_and(|(digest, parts)| {
            let is_number = !parts.is_empty() && parts.bytes().all(|b| b.is_ascii_digit());
            digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit()) && is_number
        })
    }

    /// Whether both name the same content: equal without their quotes.
    #[must_use]
    pub fn matches(&self, other: &ETag) -> bool {
        self.unquoted() == other.unquoted()
    }
}

impl VersionId {
    /// Whether it is the one that every write without versions replaces; any other is written once.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_hold_anything_but_its_length_is_bounded() {
        for key in ["a", "/", "..", "a b+c%d", "\r\n", "é😀", &"k".repeat(1024)] {
            assert!(ObjectKey::new(key).is_ok(), "{key:?}");
        }
        assert!(ObjectKey::new("").is_err());
        assert!(ObjectKey::new("k".repeat(1025)).is_err());
    }

    #[test]
    fn a_bucket_name_that_would_break_a_request_is_refused() {
        for name in ["", "a/b", "a b", "..", "a?b", "a#b", "a\nb"] {
            assert!(BucketName::new(name).is_err(), "{name:?}");
        }
        for name in ["photos-1250000000", "My_Bucket", "a.b"] {
            assert!(BucketName::new(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn etags_match_with_or_without_quotes() {
        let quoted = ETag::new("\"abc\"").unwrap();
        assert!(quoted.matches(&ETag::new("abc").unwrap()));
        assert!(!quoted.matches(&ETag::new("abd").unwrap()));
        assert_eq!(quoted.as_str(), "\"abc\"");
    }

    #[test]
    fn an_etag_of_parts_is_known_by_its_form() {
        let is_of_parts = |text: &str| ETag::new(text).unwrap().is_of_parts();
        assert!(is_of_parts("\"d41d8cd98f00b204e9800998ecf8427e-1\""));
        assert!(is_of_parts("D41D8CD98F00B204E9800998ECF8427E-10000"));
        for other in ["d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e-", "abc-1", "-1"] {
            assert!(!is_of_parts(other), "{other}");
        }
        assert!(!is_of_parts("d41d8cd98f00b204e9800998ecf8427e-1-2"));
    }
}
