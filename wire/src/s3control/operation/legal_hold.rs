//! `S3PutObjectLegalHold`: sets or lifts the legal hold of each object. The engine has no such operation.

use brigade_model::Operation;

use crate::s3control::{Fields, S3ControlError};

/// Knows the element's children, and refuses the operation.
pub(super) fn read(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    parameters.element("LegalHold")?;
    parameters.finish()?;
    Err(S3ControlError::not_offered("S3PutObjectLegalHold"))
}
