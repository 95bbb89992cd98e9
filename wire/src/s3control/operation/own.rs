//! The name space of the elements that S3 Batch Operations does not have: a delete, changes of some tags, and a
//! wait for restores.

/// It is written, and as little checked as any other.
pub const NAMESPACE: &str = "urn:bucket-brigade:s3control:2026";
