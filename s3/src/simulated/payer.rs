//! Requester-pays buckets. The store takes every caller for a stranger to such a bucket, never for its
//! owner: it denies a call that does not say that it pays.

use async_trait::async_trait;
use brigade_model::names::BucketName;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{Answer, Call, CallError, CancelToken, REQUESTER};

use super::SimulatedStore;
use super::refusal::{self, Refusal};

/// The same store, for a caller who says that he pays.
#[derive(Clone)]
pub struct Paying(pub SimulatedStore);

#[async_trait]
impl ObjectStore for Paying {
    async fn call(&self, _cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        self.0.call_by(call, true, |_| {}).await
    }
}

impl SimulatedStore {
    /// Whether the bucket's requester pays.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn requester_pays(&self, name: &BucketName) -> Result<bool, Refusal> {
        self.state().bucket(name).map(|bucket| bucket.settings.requester_pays)
    }

    /// The payer by S3's word, which is told to who does not pay, too.
    pub(super) fn payer(&self, name: &BucketName) -> Result<String, Refusal> {
        let payer = if self.requester_pays(name)? { REQUESTER } else { "BucketOwner" };
        Ok(payer.to_owned())
    }

    /// Lets the bucket's requester pay, or its owner.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn set_requester_pays(&self, name: &BucketName, requester_pays: bool) -> Result<(), Refusal> {
        self.set_bucket(name, |settings| {
            settings.requester_pays = requester_pays;
            Ok(())
        })
    }

    /// Denies a request that does not say that it pays, where it must.
    ///
    /// # Errors
    /// AccessDenied.
    pub fn check_payer(&self, name: &BucketName, is_paying: bool) -> Result<(), Refusal> {
        let is_asked = || self.state().buckets.get(name).is_some_and(|bucket| bucket.settings.requester_pays);
        if !is_paying && is_asked() { Err(refusal::ACCESS_DENIED) } else { Ok(()) }
    }

    pub(super) fn check_payer_of(&self, call: &Call, is_paying: bool) -> Result<(), Refusal> {
        if matches!(call, Call::GetBucketRequestPayment(_)) {
            return Ok(());
        }
        self.check_payer(call.bucket(), is_paying)?;
        match call {
            Call::CopyObject(copy) => self.check_payer(&copy.source.bucket, is_paying),
            Call::UploadPartCopy(copy) => self.check_payer(&copy.source.bucket, is_paying),
            _ => Ok(()),
        }
    }
}
