//! Resources as a job names them: the parsed parts to work with and the original text for
//! the echo. The texts are the dialects' own; these types are not.

use serde::{Deserialize, Serialize};

use crate::names::{BucketName, ObjectKey};

/// The account that a resource name names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// None: the part is empty.
    Unnamed,
    /// By its own id.
    #[serde(rename = "Appid")]
    Account(String),
    /// By the id of the user who holds it.
    #[serde(rename = "Uin")]
    User(String),
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketRef {
    /// The name as it was given.
    pub text: String,
    /// The region part, possibly empty.
    pub region: String,
    /// The account part.
    pub owner: Owner,
    /// The bucket as written.
    pub bucket: BucketName,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The name as it was given.
    pub text: String,
    /// The region part, possibly empty.
    pub region: String,
    /// The account part.
    pub owner: Owner,
    /// The bucket as written.
    pub bucket: BucketName,
    /// The key as written.
    pub key: ObjectKey,
}

/// A role: the right to act on certain buckets, defined by the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRef {
    /// The name as it was given.
    pub text: String,
    /// The account part.
    pub owner: Owner,
    /// The role's name in the configuration.
    pub name: String,
}
