//! The parameters of a tagging.

use serde::{Deserialize, Serialize};

use super::Directive;

/// Parameters of a tagging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tagging {
    /// `Replaced` (also when not given) or `Add`.
    pub directive: Option<Directive>,
    /// The tags, at most ten.
    pub tags: Vec<Tag>,
}

/// Parameters of a removal of tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untagging {
    /// The keys of the tags that go; none means every tag.
    pub keys: Vec<String>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// Its key, 1 to 128 characters.
    pub key: String,
    /// Its value, 0 to 256 characters.
    pub value: String,
}
