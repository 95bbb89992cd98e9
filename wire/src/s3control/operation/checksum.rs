//! `S3ComputeObjectChecksum`: computes a checksum of each object, of all bytes or of its parts.

use brigade_model::Operation;
use brigade_model::operation::{ChecksumType, ComputeChecksum, DigestAlgorithm};

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// Reads the element's children. Without an algorithm it is the one that S3 uses by itself.
pub(super) fn read(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    let algorithms = DigestAlgorithm::ALL.map(|algorithm| (algorithm.name(), algorithm));
    let algorithm = parameters.choice("ChecksumAlgorithm", algorithms)?.unwrap_or(DigestAlgorithm::Crc64Nvme);
    let types = ChecksumType::ALL.map(|checksum_type| (checksum_type.name(), checksum_type));
    let checksum_type = parameters.choice("ChecksumType", types)?.unwrap_or_default();
    parameters.finish()?;
    if checksum_type == ChecksumType::Composite && !algorithm.has_composites() {
        let why = format!("{} is always one of the full object; name another ChecksumAlgorithm", algorithm.name());
        return Err(S3ControlError::invalid_element("S3ComputeObjectChecksum.ChecksumType", why));
    }
    Ok(Operation::Checksum(ComputeChecksum { algorithm, checksum_type }))
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, compute: ComputeChecksum) {
    writer.leaf("ChecksumAlgorithm", compute.algorithm.name());
    writer.leaf("ChecksumType", compute.checksum_type.name());
}
