//! `BrigadeWaitForRestore`, an element of our own: for how long a job waits at most.

use brigade_model::limits::RESTORE_WAIT_HOURS_MAX;
use brigade_model::operation::WaitForRestore;

use crate::cos::CosError;
use crate::cos::fields::Fields;
use crate::xml::Writer;

/// Reads the element's children.
pub(super) fn read(mut wait: Fields<'_>) -> Result<WaitForRestore, CosError> {
    let hours = wait.whole_number("PatienceInHours", 1, u64::from(RESTORE_WAIT_HOURS_MAX))?;
    // An element without children is how the documentation's example writes what is not meant.
    let hours = wait.required("PatienceInHours", hours.and_then(|hours| u32::try_from(hours).ok()))?;
    wait.finish()?;
    Ok(WaitForRestore { hours })
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, wait: WaitForRestore) {
    writer.leaf("PatienceInHours", wait.hours);
}
