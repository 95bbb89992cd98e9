//! `S3UpdateObjectEncryption`: changes the key of each object's encryption. The model knows the keys of a key
//! service alone, by their ARNs.

use brigade_model::Operation;
use brigade_model::operation::UpdateEncryption;

use crate::s3control::{Fields, S3ControlError};
use crate::xml::Writer;

/// The ARN of a key, bytes. S3
const KEY_ARN_BYTES_MAX: usize = 2048;

/// Reads the element's children.
pub(super) fn read(mut parameters: Fields<'_>) -> Result<Operation, S3ControlError> {
    let given = parameters.container("ObjectEncryption")?;
    let mut given = parameters.required("ObjectEncryption", given)?;
    let service = given.container("SSE-KMS")?;
    let mut service = given.required("SSE-KMS", service)?;
    let key = service.bounded("KMSKeyArn", KEY_ARN_BYTES_MAX)?.filter(|key| !key.is_empty());
    let key = service.required("KMSKeyArn", key)?;
    if !is_key_arn(&key) {
        return Err(service.invalid("KMSKeyArn", "must be the ARN of a key: arn:aws:kms:REGION:ACCOUNT:key/ID"));
    }
    let bucket_key = service.boolean("BucketKeyEnabled")?;
    service.finish()?;
    given.finish()?;
    parameters.finish()?;
    Ok(Operation::Encryption(UpdateEncryption { key, bucket_key }))
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`, of visible characters.
fn is_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, kms, _, account, key] = parts[..] else { return false };
    let is_id = key.strip_prefix("key/").is_some_and(|id| !id.is_empty());
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    arn == "arn"
        && partition.starts_with("aws")
        && kms == "kms"
        && is_account
        && is_id
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Writes the element's children.
pub(super) fn write(writer: &mut Writer, update: &UpdateEncryption) {
    writer.within("ObjectEncryption", |w| {
        w.within("SSE-KMS", |w| {
            w.leaf("KMSKeyArn", &update.key);
            w.leaf_if("BucketKeyEnabled", update.bucket_key);
        });
    });
}
