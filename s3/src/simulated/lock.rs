//! Object lock: a bucket's default retention, and what keeps a version from being removed.
//!
//! A version is locked until its retention ends and while it is on legal hold. No delete bypasses a
//! retention. A delete without a version hides a locked one, as in S3.

use std::sync::Arc;

use brigade_model::names::{BucketName, VersionId};
use brigade_model::operation::{NewLock, RetentionMode};
use brigade_model::ports::object_store::{At, CallKind, PutObjectRetention};
use serde::{Deserialize, Serialize};

use super::SimulatedStore;
use super::bucket::{Settings, Versioning};
use super::object::{Attributes, SECONDS_A_DAY};
use super::refusal::{self, Refusal};
use super::transaction::BucketTransaction;

/// The object lock of a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLock {
    /// New versions are kept for so many days; `None` for as long as their writers say.
    pub retention_days: Option<u32>,
}

impl Attributes {
    /// Refuses to remove what is locked.
    pub(super) fn check_removable(&self, now_s: i64) -> Result<(), Refusal> {
        let is_retained = self.retain_until_s.is_some_and(|until_s| now_s < until_s);
        if is_retained || self.is_on_hold { Err(refusal::LOCKED) } else { Ok(()) }
    }
}

impl Settings {
    /// Until when a version is kept that is written now.
    pub(super) fn retain_until_s(&self, now_s: i64) -> Option<i64> {
        Some(now_s + i64::from(self.lock?.retention_days?) * SECONDS_A_DAY)
    }
}

impl BucketTransaction<'_> {
    /// Refuses a lock that a new object cannot get.
    pub(super) fn check_lock(&self, at: &At, lock: Option<&NewLock>) -> Result<(), Refusal> {
        let Some(lock) = lock else { return Ok(()) };
        if lock.retention.is_some_and(|retention| retention.until.as_second() <= self.now_s) {
            return Err(refusal::INVALID_ARGUMENT.saying("The retain until date must be in the future!"));
        }
        self.lockable(at)
    }

    fn lockable(&self, at: &At) -> Result<(), Refusal> {
        match self.state.bucket(&at.bucket)?.settings.lock {
            Some(_) => Ok(()),
            None => Err(refusal::INVALID_REQUEST.saying("Bucket is missing Object Lock Configuration")),
        }
    }
}

impl SimulatedStore {
    /// The bucket's object lock; `None` when it has none.
    ///
    /// # Errors
    /// NoSuchBucket.
    pub fn lock(&self, name: &BucketName) -> Result<Option<ObjectLock>, Refusal> {
        self.state().bucket(name).map(|bucket| bucket.settings.lock)
    }

    /// Gives a bucket an object lock.
    ///
    /// # Errors
    /// NoSuchBucket; InvalidBucketState when it keeps no versions.
    pub fn set_lock(&self, name: &BucketName, lock: ObjectLock) -> Result<(), Refusal> {
        self.set_bucket(name, |settings| {
            if settings.versioning != Versioning::Enabled {
                return Err(refusal::NOT_LOCKABLE);
            }
            settings.lock = Some(lock);
            Ok(())
        })
    }

    /// Puts a version on legal hold, or takes it from there.
    ///
    /// # Errors
    /// That there is no such version, or InvalidRequest when its bucket has no object lock.
    pub fn hold(&self, at: &At, version: Option<&VersionId>, is_on_hold: bool) -> Result<(), Refusal> {
        self.transaction(|transaction| {
            transaction.lockable(at)?;
            let (version, mut attributes) = transaction.attributes(at, version)?;
            Arc::make_mut(&mut attributes).is_on_hold = is_on_hold;
            transaction.set_attributes(CallKind::PutObjectLegalHold, at.clone(), version, attributes)
        })
    }

    /// Keeps a version until then, or lifts what keeps it. What keeps it by compliance is only ever made longer;
    /// what keeps it by governance is made shorter, or lifted, by those alone who bypass it.
    ///
    /// # Errors
    /// That there is no such version, InvalidRequest when its bucket has no object lock, or
    /// AccessDenied when it stays kept as it is.
    pub fn retain(&self, request: &PutObjectRetention) -> Result<(), Refusal> {
        let PutObjectRetention { at, version, retention, bypass_governance } = request;
        let until_s = retention.map(|retention| retention.until.as_second());
        let is_by_governance = retention.is_some_and(|retention| retention.mode == RetentionMode::Governance);
        self.transaction(|transaction| {
            transaction.lockable(at)?;
            let now_s = transaction.now_s;
            let (version, mut kept) = transaction.attributes(at, version.as_ref())?;
            let is_weaker = until_s < kept.retain_until_s || (is_by_governance && !kept.is_retained_by_governance);
            let may_weaken = kept.is_retained_by_governance && *bypass_governance;
            if kept.retain_until_s.is_some_and(|kept_s| kept_s > now_s) && is_weaker && !may_weaken {
                return Err(refusal::LOCKED);
            }
            let attributes = Arc::make_mut(&mut kept);
            attributes.retain_until_s = until_s;
            attributes.is_retained_by_governance = is_by_governance;
            transaction.set_attributes(CallKind::PutObjectRetention, at.clone(), version, kept)
        })
    }
}
