//! `BrigadeDeleteObject`: deletes each object; it has no parameters.

use brigade_model::Operation;

use crate::s3control::{Fields, S3ControlError};

/// Reads the element, which is empty.
pub(super) fn read(delete: Fields<'_>) -> Result<Operation, S3ControlError> {
    delete.finish().map(|()| Operation::Delete)
}
