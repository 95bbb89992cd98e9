//! The target's storage class, read back where the endpoint is not known to keep it.

use brigade_model::VersionId;
use brigade_model::operation::StorageClass;
use brigade_model::ports::object_store::{At, HeadObject};

use super::super::capabilities::Feature;
use super::super::failure::{Doing, End, reject};
use super::super::hand::Hand;
use super::plan::CopyPlan;

/// The code of a copy whose target has another class than it was given.
const CLASS_NOT_KEPT: &str = "StorageClassNotKept";

/// Sees that the target has the class that the job names.
pub(crate) async fn see_class(
    hand: &Hand<'_>,
    plan: &CopyPlan,
    target: &At,
    version: Option<&VersionId>,
) -> Result<(), End> {
    let Some(wanted) = &plan.storage_class else { return Ok(()) };
    if Feature::SetClass.is_possible_at(&hand.bench.target.capabilities) {
        return Ok(());
    }
    let request = HeadObject { at: target.clone(), version: version.cloned() };
    let head = hand.send(&hand.bench.target, request).await;
    let head = head.doing("the object was copied; reading its storage class failed")?;
    let class = head.storage_class.as_deref().unwrap_or(StorageClass::Standard.s3_name());
    if class == wanted {
        return Ok(());
    }
    let message = format!("the object was copied; the store took class {wanted} and gave it {class}");
    Err(reject(CLASS_NOT_KEPT, None, message))
}
