//! Actions on what belongs to an object: tags, ACL, checksum, restores.

use brigade_model::ports::object_store::{
    DeleteObjectTagging, GetObjectAcl, GetObjectAttributes, GetObjectTagging, NewAcl, PutObjectAcl, PutObjectTagging,
    RestoreObject,
};
use http::StatusCode;
use s3s::dto::{
    Checksum, DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectAclInput, GetObjectAclOutput,
    GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectAclInput, PutObjectAclOutput, PutObjectTaggingInput, PutObjectTaggingOutput, RestoreObjectInput,
    RestoreObjectOutput,
};
use s3s::{S3ErrorCode, S3Response, S3Result};

use super::answers;
use super::input::{self, refuse_given};
use super::store::Sandbox;

pub(super) async fn get_object_tagging(
    sandbox: &Sandbox,
    input: GetObjectTaggingInput,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let version = input::version(input.version_id.as_deref())?;
    let tags = sandbox.call(GetObjectTagging { at: input::at(&input.bucket, &input.key)?, version }).await?;
    let tag_set = tags.into_iter().map(answers::tag).collect();
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: input.version_id }))
}

pub(super) async fn put_object_tagging(
    sandbox: &Sandbox,
    input: PutObjectTaggingInput,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let version = input::version(input.version_id.as_deref())?;
    let (at, tags) = (input::at(&input.bucket, &input.key)?, input::tag_set(input.tagging.tag_set));
    sandbox.call(PutObjectTagging { at, version, tags }).await?;
    Ok(S3Response::new(PutObjectTaggingOutput { version_id: input.version_id }))
}

pub(super) async fn delete_object_tagging(
    sandbox: &Sandbox,
    input: DeleteObjectTaggingInput,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let version = input::version(input.version_id.as_deref())?;
    sandbox.call(DeleteObjectTagging { at: input::at(&input.bucket, &input.key)?, version }).await?;
    Ok(S3Response::new(DeleteObjectTaggingOutput { version_id: input.version_id }))
}

pub(super) async fn get_object_acl(
    sandbox: &Sandbox,
    input: GetObjectAclInput,
) -> S3Result<S3Response<GetObjectAclOutput>> {
    let version = input::version(input.version_id)?;
    let acl = sandbox.call(GetObjectAcl { at: input::at(&input.bucket, &input.key)?, version }).await?;
    Ok(S3Response::new(GetObjectAclOutput {
        owner: Some(answers::owner()),
        grants: Some(answers::grants(acl)),
        request_charged: None,
    }))
}

pub(super) async fn put_object_acl(
    sandbox: &Sandbox,
    input: PutObjectAclInput,
) -> S3Result<S3Response<PutObjectAclOutput>> {
    refuse_given!(input: grant_full_control grant_read grant_read_acp grant_write grant_write_acp);
    let acl = match (input.acl, input.access_control_policy) {
        (Some(canned), None) => NewAcl::Canned(canned.as_str().to_owned()),
        (None, Some(policy)) => NewAcl::Grants(input::acl(policy)?),
        _ => return Err(S3ErrorCode::InvalidRequest.into()),
    };
    let (at, version) = (input::at(&input.bucket, &input.key)?, input::version(input.version_id)?);
    sandbox.call(PutObjectAcl { at, version, acl }).await?;
    Ok(S3Response::new(PutObjectAclOutput::default()))
}

/// Of all attributes the checksum alone.
pub(super) async fn get_object_attributes(
    sandbox: &Sandbox,
    input: GetObjectAttributesInput,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let (at, version) = (input::at(&input.bucket, &input.key)?, input::version(input.version_id)?);
    let attributes = sandbox.call(GetObjectAttributes { at, version }).await?;
    let checksum =
        attributes.checksum_sha256.map(|sha256| Checksum { checksum_sha256: Some(sha256), ..Checksum::default() });
    Ok(S3Response::new(GetObjectAttributesOutput { checksum, ..GetObjectAttributesOutput::default() }))
}

/// 202 when a restore begins, 200 when the object is restored already.
pub(super) async fn restore_object(
    sandbox: &Sandbox,
    input: RestoreObjectInput,
) -> S3Result<S3Response<RestoreObjectOutput>> {
    let request = input.restore_request.ok_or(S3ErrorCode::MalformedXML)?;
    refuse_given!(request: output_location select_parameters type_);
    let days = request.days.and_then(|days| u32::try_from(days).ok()).ok_or(S3ErrorCode::MalformedXML)?;
    let tier = request.glacier_job_parameters.map(|parameters| parameters.tier).or(request.tier);
    let restore = RestoreObject {
        at: input::at(&input.bucket, &input.key)?,
        version: input::version(input.version_id)?,
        days,
        tier: tier.map_or_else(|| "Standard".to_owned(), |tier| tier.as_str().to_owned()),
    };
    let done = sandbox.call(restore).await?;
    let status = if done.was_restored { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = S3Response::new(RestoreObjectOutput::default());
    response.extensions.insert(status);
    Ok(response)
}
