//! `S3ReplicateObject`: hands each object to the bucket's replication. S3 has no call that does so for one object, so
//! the operation is refused with what does the same.

use brigade_model::Operation;

use crate::s3control::{Fields, S3ControlError};

/// Knows the element's children, and refuses the operation.
pub(super) fn read(parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    parameters.finish()?;
    Err(S3ControlError::no_replication())
}
