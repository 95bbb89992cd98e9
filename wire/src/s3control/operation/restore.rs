//! `S3InitiateRestoreObject`: how long and how fast.
//!
//! Rules: `ExpirationInDays` is required, as for every archived object but those of Intelligent-Tiering, which
//! the engine does not restore; `GlacierJobTier` is STANDARD where it is absent.

use brigade_model::Operation;
use brigade_model::operation::{Restore, RestoreTier};

use crate::s3control::words::tier_name;
use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// `ExpirationInDays`: an integer of the model.
const DAYS_MAX: u64 = i32::MAX as u64;

/// Reads the element's children.
pub(super) fn read(mut restore: Fields<'_>) -> Result<Operation, S3ControlError> {
    let days = restore.whole_number("ExpirationInDays", 1, DAYS_MAX)?;
    let days = restore.required("ExpirationInDays", days.and_then(|days| u32::try_from(days).ok()))?;
    let tiers = [RestoreTier::Bulk, RestoreTier::Standard].map(|tier| (tier_name(tier), tier));
    let tier = restore.choice("GlacierJobTier", tiers)?.unwrap_or(RestoreTier::Standard);
    restore.finish()?;
    Ok(Operation::Restore(Restore { days, tier }))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, restore: Restore) {
    writer.leaf("ExpirationInDays", restore.days);
    writer.leaf("GlacierJobTier", tier_name(restore.tier));
}
