//! What a server can do, proved by its effects: each capability is written, acted on and read
//! back, in a bucket that is left as it was found. A status code proves nothing.
//!
//! 1. list what the sweep will list, put one object and remove it: where the server does not allow
//!    this, the probe ends;
//! 2. try each capability, on keys of its own under one prefix (and under the prefix behind a
//!    slash or two, which is where a store that folds keys shows it);
//! 3. sweep the prefix, whatever happened: versions, delete markers, open uploads.
//!
//! A refusal of the server is a finding. A server that is down, throttles or refuses the credentials
//! ends the probe without one.

use brigade_model::capability::Capability;
use brigade_model::limits::PART_BYTES_MIN;
use brigade_model::names::BucketName;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{CallError, CancelToken, TextForm};
use brigade_model::probe::{Finding, Proof};

mod acls;
mod conditions;
mod keys;
mod objects;
mod parts;
mod sweep;
mod tags;
mod trial;
mod versions;

use conditions::Way;
use trial::{End, Trial};

/// Why nothing was found out, or why the bucket is not as it was.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// What every server must do failed.
    #[error("{doing} failed: {error}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// What the store said.
        error: CallError,
    },
    /// Something of the probe is left in the bucket.
    #[error("what lies under {prefix} in {bucket} is of the probe and could not be removed: {error}")]
    LeftBehind {
        /// Where.
        bucket: BucketName,
        /// Under which prefix.
        prefix: String,
        /// What the store said when it was last tried.
        error: CallError,
    },
}

/// Tries every capability in that bucket, under keys that begin with `brigade-probe-<run>/`.
/// When the cancel token is stopped the probe tries nothing more and removes what it wrote.
///
/// # Errors
/// [`ProbeError`]: there are no findings.
pub async fn probe(
    store: &dyn ObjectStore,
    cancel: &CancelToken,
    bucket: &BucketName,
    run: &str,
) -> Result<Vec<Finding>, ProbeError> {
    // Servers may refuse ranges of sources up to 5 MiB, as S3 does.
    let trial = Trial { store, cancel, bucket, prefix: prefix_of(run), large_bytes: PART_BYTES_MIN as usize + 16 };
    try_and_sweep(&trial).await
}

fn prefix_of(run: &str) -> String {
    format!("brigade-probe-{run}/")
}

async fn try_and_sweep(trial: &Trial<'_>) -> Result<Vec<Finding>, ProbeError> {
    sweep::be_allowed(trial).await?;
    let found = match trial.be_removable().await {
        Ok(()) => try_all(trial).await,
        Err(error) => Err(error),
    };
    // What is left behind matters more than what was found.
    sweep::sweep(trial).await?;
    found
}

async fn try_all(trial: &Trial<'_>) -> Result<Vec<Finding>, ProbeError> {
    let mut findings = Vec::with_capacity(Capability::ALL.len());
    for capability in Capability::ALL {
        let (proof, seen) = match try_one(trial, capability).await {
            Ok(()) => (Proof::Proved, String::new()),
            Err(End::Lacking(seen)) => (Proof::Lacking, seen),
            Err(End::Untested(why)) => (Proof::Untested, why),
            Err(End::Failed { doing, error }) => return Err(ProbeError::Failed { doing, error }),
        };
        findings.push(Finding { capability, proof, seen });
    }
    Ok(findings)
}

/// Each trial succeeds when it has seen the effect.
async fn try_one(trial: &Trial<'_>, capability: Capability) -> Result<(), End> {
    match capability {
        Capability::Tagging => tags::are_read_back(trial).await,
        Capability::TaggingKeepsBody => tags::leave_the_bytes_alone(trial).await,
        Capability::TaggingOnCopy => tags::are_replaced_by_a_copy(trial).await,
        Capability::CopySourceConditions => conditions::stop_a_copy(trial).await,
        Capability::Versions => versions::hide_nothing_for_good(trial).await,
        Capability::ObjectLock => versions::are_held(trial).await,
        Capability::CannedAcl => acls::are_set_by_name(trial).await,
        Capability::AclGrants => acls::are_set_by_grants(trial).await,
        Capability::Restore => objects::are_restored(trial).await,
        Capability::MultipartCopy => parts::are_copied_by_range(trial).await,
        Capability::IfMatchOnDelete => conditions::stop_a_delete(trial).await,
        Capability::Checksums => objects::give_checksums_back(trial).await,
        Capability::StorageClasses => objects::keep_their_class(trial).await,
        Capability::DistinctKeys => keys::are_their_bytes(trial).await,
        Capability::DistinctFolders => keys::do_not_lose_a_slash(trial).await,
        Capability::ListingInOrder => keys::are_listed_in_order(trial).await,
        Capability::ListingDecodes => keys::are_listed_as_put(trial).await,
        Capability::IfMatchOnPut => conditions::keep_what_was_written(trial, Way::Put).await,
        Capability::IfNoneMatchOnPut => conditions::keep_what_is_there(trial, Way::Put).await,
        Capability::IfMatchOnCopy => conditions::keep_what_was_written(trial, Way::Copy).await,
        Capability::IfNoneMatchOnCopy => conditions::keep_what_is_there(trial, Way::Copy).await,
        Capability::IfMatchOnComplete => conditions::keep_what_was_written(trial, Way::Complete).await,
        Capability::IfNoneMatchOnComplete => conditions::keep_what_is_there(trial, Way::Complete).await,
        Capability::MetadataOnCopy => objects::take_metadata_with_a_copy(trial).await,
        Capability::Encryption => objects::are_encrypted(trial).await,
        Capability::MetadataEncoded => objects::keep_text(trial, TextForm::EncodedWords).await,
        Capability::MetadataUtf8 => objects::keep_text(trial, TextForm::Utf8).await,
        Capability::PartSizes => parts::are_told_one_by_one(trial).await,
        Capability::UpdateEncryption => {
            Err(End::Untested("a probe has no key of a key service to change to".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
