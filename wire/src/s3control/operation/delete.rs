//! `BrigadeDeleteObject`: deletes each object. S3 Batch Operations has no such operation, so the element stands
//! in a name space of our own; it has no parameters.

use brigade_model::Operation;

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// The name space of the element. It is written, and as little checked as any other.
pub const NAMESPACE: &str = "urn:bucket-brigade:s3control:2026";

/// Reads the element, which is empty.
pub(super) fn read(delete: Fields<'_>) -> Result<Operation, S3ControlError> {
    delete.finish().map(|()| Operation::Delete)
}

/// Writes the element.
pub(super) fn write(writer: &mut Writer, name: &str) {
    writer.within_namespace(name, NAMESPACE, |_| {});
}
