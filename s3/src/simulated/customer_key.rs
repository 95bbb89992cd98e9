//! Objects under a key that only the customer has (SSE-C): a call without the key cannot read them.
//! No call of the port carries one; a server around the store may, by the MD5 of the key. The store
//! encrypts nothing.

use brigade_model::names::VersionId;
use brigade_model::ports::object_store::{At, ObjectHead};

use super::SimulatedStore;
use super::object::Attributes;
use super::refusal::{self, Refusal};

impl Attributes {
    /// Refuses to read what lies under another key, or under one when none is brought.
    pub(super) fn check_customer_key(&self, brought: Option<&str>) -> Result<(), Refusal> {
        match (self.customer_key_md5.as_deref(), brought) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(refusal::CUSTOMER_KEY_NEEDED),
            (Some(wanted), Some(brought)) if wanted == brought => Ok(()),
            (Some(_), Some(_)) => Err(refusal::ACCESS_DENIED),
            (None, Some(_)) => Err(refusal::CUSTOMER_KEY_NOT_APPLICABLE),
        }
    }
}

impl SimulatedStore {
    /// Puts a version under the key with this MD5.
    ///
    /// # Errors
    /// That there is no such version.
    pub fn put_under_customer_key(&self, at: &At, version: Option<&VersionId>, key_md5: &str) -> Result<(), Refusal> {
        let key_md5 = Some(key_md5.to_owned());
        self.transaction(|transaction| {
            transaction.change_attributes(at, version, |attributes| attributes.customer_key_md5 = key_md5)
        })
    }

    /// HeadObject of a caller who sends this key.
    ///
    /// # Errors
    /// As HeadObject.
    pub fn head(&self, at: &At, version: Option<&VersionId>, key_md5: Option<&str>) -> Result<ObjectHead, Refusal> {
        self.transaction(|transaction| transaction.head(at, version, key_md5))
    }
}
