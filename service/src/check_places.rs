//! Looks, before anything is uploaded for a job, whether the buckets are there that it will write to: by the credentials
//! of its role, which the caller need not have.

use std::time::Duration;

use brigade_engine::Place;
use brigade_model::ports::object_store::{CancelToken, ListObjectsV2, Verdict, send};
use brigade_model::{BucketName, EndpointName};

use crate::{Caller, JobService, PlaceUse, ServiceError};

/// A person waits for the answer; calls of jobs wait for longer.
const LOOKED_FOR: Duration = Duration::from_secs(5);

/// A bucket that a job will write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceFound {
    /// What for.
    pub used: PlaceUse,
    /// The bucket, as the caller names it.
    pub bucket: BucketName,
    /// The endpoint of the role's place.
    pub endpoint: EndpointName,
    /// Whether it is there.
    pub found: BucketFound,
}

/// What a look at a bucket found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketFound {
    /// It is there.
    There,
    /// It certainly is not.
    Missing,
    /// The look told nothing of it, and why.
    Unknown(String),
}

impl JobService {
    /// Looks at the buckets of the report and of the copies of a job in that role.
    ///
    /// # Errors
    /// [`ServiceError::NoSuchRole`], or [`ServiceError::BucketDenied`] where the role may not use one.
    pub async fn look_at_places(
        &self,
        caller: &Caller,
        role: &str,
        wanted: &[(PlaceUse, BucketName)],
    ) -> Result<Vec<PlaceFound>, ServiceError> {
        let places = self.roles.places(&caller.account.name, role).ok_or(ServiceError::NoSuchRole)?;
        let mut all = Vec::with_capacity(wanted.len());
        for (used, bucket) in wanted {
            let place = match used {
                PlaceUse::Manifest => &places.manifest,
                PlaceUse::Report => &places.report,
                PlaceUse::Target => &places.target,
            };
            let own = place.buckets.resolve(bucket);
            let own = own.ok_or_else(|| ServiceError::BucketDenied { place: *used, bucket: bucket.clone() })?;
            let (endpoint, found) = (place.endpoint.clone(), self.look(place, own).await);
            all.push(PlaceFound { used: *used, bucket: bucket.clone(), endpoint, found });
        }
        Ok(all)
    }

    async fn look(&self, place: &Place, bucket: BucketName) -> BucketFound {
        let list = ListObjectsV2 { bucket, prefix: String::new(), continuation_token: None, max_keys: 1 };
        let cancel = CancelToken::unbounded();
        let listed = tokio::select! {
            biased;
            listed = send(&*place.store, &cancel, list) => listed,
            () = self.clock.sleep(LOOKED_FOR) => {
                let why = place.health.reason().unwrap_or_else(|| format!("endpoint {} has not answered yet", place.endpoint));
                return BucketFound::Unknown(why);
            }
        };
        match listed {
            Ok(_) => BucketFound::There,
            Err(error) if error.verdict == Verdict::Missing => BucketFound::Missing,
            Err(error) => BucketFound::Unknown(format!("{}: {}", error.code, error.message)),
        }
    }
}
