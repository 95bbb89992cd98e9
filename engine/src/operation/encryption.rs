//! S3UpdateObjectEncryption: changes the key of an object's encryption.
//!
//! The store's own call changes nothing else, and doing it twice ends like doing it once, so a repeat checks
//! nothing. Where the endpoint lacks the call and the configuration says that it shall be emulated, the object is
//! copied onto itself: with its class, ACL and lock, which a copy does not keep by itself. An object that has the key
//! already is left alone. A row that names a version is refused there, since its copy would become the latest one.

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::operation::{Copy, Directive, NewLock, Side, StorageClass, UpdateEncryption};
use brigade_model::ports::object_store::{Encryption, UpdateObjectEncryption};
use brigade_model::resource::{BucketRef, Owner};

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::copy::is_encrypted;
use super::copy::plan::CopyPlan;
use super::failure::{Doing, End, refuse};
use super::task_context::TaskContext;

#[async_trait]
impl ObjectOperation for UpdateEncryption {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        if !Feature::UpdateEncryption.is_possible_at(&context.slice.source.capabilities) {
            return Box::pin(self.copy_onto_itself(context)).await;
        }
        let (at, version) = (context.find_source()?, context.task.version.clone());
        let (key, bucket_key) = (self.key.clone(), self.bucket_key.unwrap_or_default());
        let request = UpdateObjectEncryption { at, version, key, bucket_key };
        context.end_doubt_if_gone(context.send(&context.slice.source, request).await.map_err(End::from))?;
        Ok(Outcome::Succeeded)
    }

    fn needs(&self) -> Vec<Need> {
        vec![(Side::Source, Feature::UpdateEncryption)]
    }
}

/// How the store's own call is emulated.
trait Emulated {
    async fn copy_onto_itself(&self, context: &TaskContext<'_>) -> Result<Outcome, End>;
}

impl Emulated for UpdateEncryption {
    async fn copy_onto_itself(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        if context.task.version.is_some() {
            let why = "the row names a version, whose copy with another key would become the latest one";
            return Err(refuse("NotImplemented", Some(501), why));
        }
        let (place, at) = (&context.slice.source, context.find_source()?);
        let head = context.read_head(place, &at, None).await.doing("reading the object's head")?;
        let wanted = Encryption::KeyService(self.key_service().into());
        if is_encrypted(&head, &wanted) && self.bucket_key.is_none() && !context.must_check {
            return Ok(Outcome::Succeeded);
        }
        let keeps_acl =
            [Feature::ReadGrants, Feature::SetGrants].map(|feature| feature.is_possible_at(&place.capabilities));
        let bucket = context.task.bucket.clone();
        let copy = Copy {
            acl_directive: keeps_acl.into_iter().all(|keeps| keeps).then_some(Directive::Copy),
            storage_class: head.storage_class.as_deref().and_then(StorageClass::other),
            key_service: Some(self.key_service()),
            lock: Some(head.lock).filter(|lock| *lock != NewLock::default()),
            redirect: head.redirect,
            ..Copy::to(BucketRef { text: bucket.to_string(), region: String::new(), owner: Owner::Unnamed, bucket })
        };
        CopyPlan::new(&copy, place.kind).run(context).await
    }
}
