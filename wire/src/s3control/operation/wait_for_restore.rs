//! `BrigadeWaitForRestore`: waits until each object that is being restored is readable, for how long at most.

use brigade_model::Operation;
use brigade_model::limits::RESTORE_WAIT_HOURS_MAX;
use brigade_model::operation::WaitForRestore;

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// Reads the element's children; what is left out is the service's own patience.
pub(super) fn read(mut wait: Fields<'_>) -> Result<Operation, S3ControlError> {
    let hours = wait.whole_number("PatienceInHours", 1, u64::from(RESTORE_WAIT_HOURS_MAX))?;
    wait.finish()?;
    let hours = hours.and_then(|hours| u32::try_from(hours).ok());
    Ok(Operation::WaitForRestore(hours.map_or_else(WaitForRestore::default, |hours| WaitForRestore { hours })))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, wait: WaitForRestore) {
    writer.leaf("PatienceInHours", wait.hours);
}
