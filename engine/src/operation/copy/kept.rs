//! What a target's head shows of what the copy was told (class, metadata, encryption, lock), read back
//! where the endpoint is not known to keep it. A redirection and a checksum are always read back: no probe says
//! that a store keeps the one, nor which algorithms it knows for the other.

use brigade_model::operation::StorageClass;
use brigade_model::ports::object_store::{At, Encryption, HeadObject, Metadata, ObjectHead};
use brigade_model::{EndpointKind, VersionId};

use super::super::capabilities::Feature;
use super::super::failure::{Doing, End, reject};
use super::super::task_context::TaskContext;
use super::plan::{CopyPlan, has_metadata, is_encrypted, is_locked};
use crate::places::Place;

/// The code of a copy whose target has another class than it was given.
const CLASS_NOT_KEPT: &str = "StorageClassNotKept";
/// The code of a copy whose target has other metadata than it was given.
const METADATA_NOT_KEPT: &str = "MetadataNotKept";
/// The code of a copy whose target is not encrypted, or does not say so.
const ENCRYPTION_NOT_KEPT: &str = "EncryptionNotKept";
/// The code of a copy whose target is not retained or held as it was told, or does not say so.
const LOCK_NOT_KEPT: &str = "LockNotKept";

/// The code of a copy whose target redirects its readers otherwise than it was told.
const REDIRECT_NOT_KEPT: &str = "RedirectNotKept";
/// The code of a copy whose target has no checksum of the algorithm that it was given.
const CHECKSUM_NOT_KEPT: &str = "ChecksumNotKept";

/// Sees that the target has what the job sets; `metadata` is what the copy was told, if anything.
pub(crate) async fn see_kept(
    context: &TaskContext<'_>,
    plan: &CopyPlan,
    metadata: Option<&Metadata>,
    target: &At,
    version: Option<&VersionId>,
) -> Result<(), End> {
    let place = &context.slice.target;
    let is_unproved = |feature: Feature| !feature.is_possible_at(&place.capabilities);
    let class = plan.storage_class.as_deref().filter(|_| is_unproved(Feature::SetClass));
    let metadata = metadata.filter(|_| is_unproved(Feature::SetMetadata));
    let sse = plan.sse.as_ref().filter(|sse| !is_encryption_proved(place, Some(sse)));
    let lock = plan.lock.filter(|_| !is_lock_kept(place));
    let is_always_seen = plan.redirect.is_some() || plan.checksum.is_some();
    if class.is_none() && metadata.is_none() && sse.is_none() && lock.is_none() && !is_always_seen {
        return Ok(());
    }
    let request = HeadObject { at: target.clone(), version: version.cloned() };
    let head = context.send(place, request).await.doing("the object was copied; reading its head back failed")?;
    context.note_size(head.size);
    see_class(&head, class)?;
    if metadata.is_some_and(|wanted| !has_metadata(&head.metadata, wanted)) {
        let message = "the object was copied; the store took metadata and gave other metadata back";
        return Err(reject(METADATA_NOT_KEPT, None, message));
    }
    if sse.is_some_and(|wanted| !is_encrypted(&head, wanted)) {
        let message = "the object was copied; the store does not say that it is encrypted as it was to be";
        return Err(reject(ENCRYPTION_NOT_KEPT, None, message));
    }
    if plan.redirect.is_some() && head.redirect != plan.redirect {
        let message = "the object was copied; the store does not say that a website redirects its readers";
        return Err(reject(REDIRECT_NOT_KEPT, None, message));
    }
    if !plan.has_checksum(&head) {
        let message = "the object was copied; the store does not declare the checksum that it was to have";
        return Err(reject(CHECKSUM_NOT_KEPT, None, message));
    }
    if lock.is_some_and(|wanted| !is_locked(&head, wanted)) {
        let message = "the object was copied; the store does not say that it is retained and held as it was to be";
        return Err(reject(LOCK_NOT_KEPT, None, message));
    }
    Ok(())
}

/// Whether a copy that asks for that encryption certainly gets it. A probe sees how a store encrypts with a key
/// of its own, which says nothing of key services.
pub(crate) fn is_encryption_proved(place: &Place, sse: Option<&Encryption>) -> bool {
    let is_known = match sse {
        None | Some(Encryption::OwnKey) => true,
        Some(Encryption::KeyService(_)) => place.kind == EndpointKind::Aws,
    };
    is_known && Feature::Encrypt.is_possible_at(&place.capabilities)
}

/// Whether a copy certainly has the lock that it is told to have. A probe sees that a version under a lock stays, and
/// Ceph RGW, which passes it, drops the lock that a copy is given.
pub(crate) fn is_lock_kept(place: &Place) -> bool {
    place.kind == EndpointKind::Aws
}

fn see_class(head: &ObjectHead, wanted: Option<&str>) -> Result<(), End> {
    let class = head.storage_class.as_deref().unwrap_or(StorageClass::Standard.s3_name());
    match wanted {
        Some(wanted) if wanted != class => {
            let message = format!("the object was copied; the store took class {wanted} and gave it {class}");
            Err(reject(CLASS_NOT_KEPT, None, message))
        }
        _ => Ok(()),
    }
}
