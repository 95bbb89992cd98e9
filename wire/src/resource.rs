//! A resource's name that a dialect has split: the buckets and objects that it names.

use brigade_model::resource::{BucketRef, ObjectRef, Owner};
use brigade_model::{BucketName, NameError, ObjectKey};

/// What the name says.
pub(crate) struct ResourceParts<'a> {
    pub(crate) text: &'a str,
    pub(crate) region: &'a str,
    pub(crate) owner: Owner,
    pub(crate) resource: &'a str,
}

impl ResourceParts<'_> {
    /// The bucket that `name` names.
    pub(crate) fn bucket(&self, name: &str) -> Result<BucketRef, NameError> {
        Ok(BucketRef {
            text: self.text.to_owned(),
            region: self.region.to_owned(),
            owner: self.owner.clone(),
            bucket: BucketName::new(name)?,
        })
    }

    /// The object: the key is everything after the first `/`.
    pub(crate) fn object(self, what: &'static str) -> Result<ObjectRef, NameError> {
        let Self { text, region, owner, resource } = self;
        let problem = "must name a bucket and a key: bucket/key";
        let (bucket, key) = resource.split_once('/').ok_or(NameError { what, problem })?;
        Ok(ObjectRef {
            text: text.to_owned(),
            region: region.to_owned(),
            owner,
            bucket: BucketName::new(bucket)?,
            key: ObjectKey::new(key)?,
        })
    }
}
