//! `S3ComputeObjectChecksum`: computes a checksum of all bytes of each object. One of the checksums of parts
//! (`COMPOSITE`) is refused by its name.

use brigade_model::Operation;
use brigade_model::operation::{ComputeChecksum, DigestAlgorithm};

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// Of all bytes in their order.
pub(in crate::s3control) const FULL_OBJECT: &str = "FULL_OBJECT";
const COMPOSITE: &str = "COMPOSITE";

/// Reads the element's children. Without an algorithm it is the one that S3 uses by itself.
pub(super) fn read(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    let algorithms = DigestAlgorithm::ALL.map(|algorithm| (algorithm.name(), algorithm));
    let algorithm = parameters.choice("ChecksumAlgorithm", algorithms)?.unwrap_or(DigestAlgorithm::Crc64Nvme);
    let is_composite = parameters.choice("ChecksumType", [(FULL_OBJECT, false), (COMPOSITE, true)])?;
    parameters.finish()?;
    if is_composite == Some(true) {
        return Err(S3ControlError::not_offered("S3ComputeObjectChecksum.ChecksumType COMPOSITE"));
    }
    Ok(Operation::Checksum(ComputeChecksum { algorithm }))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, compute: ComputeChecksum) {
    writer.leaf("ChecksumAlgorithm", compute.algorithm.name());
    writer.leaf("ChecksumType", FULL_OBJECT);
}
