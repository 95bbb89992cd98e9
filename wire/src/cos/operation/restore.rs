//! `COSInitiateRestoreObject`: how long and how fast.

use brigade_model::limits::RESTORE_DAYS_MAX;
use brigade_model::operation::{Restore, RestoreTier};

use crate::cos::CosError;
use crate::cos::fields::Fields;
use crate::xml::Writer;

/// Reads the element's children.
pub(super) fn read(mut restore: Fields<'_>) -> Result<Restore, CosError> {
    let days = restore.whole_number("ExpirationInDays", 1, u64::from(RESTORE_DAYS_MAX))?;
    let days = restore.required("ExpirationInDays", days.and_then(|days| u32::try_from(days).ok()))?;
    let tiers = [RestoreTier::Bulk, RestoreTier::Standard].map(|tier| (tier.name(), tier));
    let tier = restore.choice("JobTier", tiers)?;
    let tier = restore.required("JobTier", tier)?;
    restore.finish()?;
    Ok(Restore { days, tier })
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, restore: Restore) {
    writer.leaf("ExpirationInDays", restore.days);
    writer.leaf("JobTier", restore.tier.name());
}
