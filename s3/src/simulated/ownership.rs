//! Buckets without ACLs: their owner owns every object, and the store refuses a request that sets an
//! ACL. Source: S3, Object Ownership, `BucketOwnerEnforced`.

use brigade_model::names::BucketName;
use brigade_model::ports::object_store::{BUCKET_OWNER_ENFORCED, Call, NewAcl};

use super::SimulatedStore;
use super::refusal::{self, Refusal};

/// The only canned ACL that may be asked for: it gives the owner what he has.
const TAKEN: &str = "bucket-owner-full-control";

impl SimulatedStore {
    /// Takes the ACLs of the bucket's objects away, or gives them back.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn set_without_acls(&self, name: &BucketName, is_without_acls: bool) -> Result<(), Refusal> {
        self.set_bucket(name, |settings| {
            settings.is_without_acls = is_without_acls;
            Ok(())
        })
    }

    pub(super) fn ownership(&self, name: &BucketName) -> Result<Option<String>, Refusal> {
        match self.state().bucket(name)?.settings.is_without_acls {
            true => Ok(Some(BUCKET_OWNER_ENFORCED.to_owned())),
            false => Err(refusal::NO_OWNERSHIP),
        }
    }

    pub(super) fn check_acl_of(&self, call: &Call) -> Result<(), Refusal> {
        let is_set = match call {
            Call::PutObjectAcl(put) => !matches!(&put.acl, NewAcl::Canned(name) if name == TAKEN),
            Call::PutObject(put) => put.with.canned_acl.as_deref().is_some_and(|name| name != TAKEN),
            Call::CopyObject(copy) => copy.canned_acl.as_deref().is_some_and(|name| name != TAKEN),
            Call::CreateMultipartUpload(create) => create.with.canned_acl.as_deref().is_some_and(|name| name != TAKEN),
            _ => false,
        };
        let has_none = || self.state().buckets.get(call.bucket()).is_some_and(|it| it.settings.is_without_acls);
        if is_set && has_none() { Err(refusal::NO_ACLS) } else { Ok(()) }
    }
}
