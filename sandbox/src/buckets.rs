//! Actions on buckets.

use brigade_s3::simulated::{ObjectLock, Versioning};
use s3s::dto::{
    Bucket, BucketLocationConstraint, BucketVersioningStatus, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, GetBucketRequestPaymentInput,
    GetBucketRequestPaymentOutput, GetBucketVersioningInput, GetBucketVersioningOutput, HeadBucketInput,
    HeadBucketOutput, ListBucketsInput, ListBucketsOutput, Payer, PutBucketRequestPaymentInput,
    PutBucketRequestPaymentOutput, PutBucketVersioningInput, PutBucketVersioningOutput,
};
use s3s::{S3ErrorCode, S3Response, S3Result};

use super::answers::{owner, refusal, timestamp};
use super::input::{bucket, refuse_given};
use super::store::Sandbox;

pub(super) async fn create_bucket(
    sandbox: &Sandbox,
    input: CreateBucketInput,
) -> S3Result<S3Response<CreateBucketOutput>> {
    refuse_given!(input: acl grant_full_control grant_read grant_read_acp grant_write grant_write_acp);
    let name = bucket(&input.bucket)?;
    if input.object_lock_enabled_for_bucket.unwrap_or(false) {
        // A lock keeps versions.
        sandbox.store.create_bucket(&name, Versioning::Enabled).map_err(refusal)?;
        sandbox.store.set_lock(&name, ObjectLock::default()).map_err(refusal)?;
    } else {
        sandbox.store.create_bucket(&name, Versioning::Off).map_err(refusal)?;
    }
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) }))
}

pub(super) async fn delete_bucket(
    sandbox: &Sandbox,
    input: DeleteBucketInput,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    sandbox.store.delete_bucket(&bucket(&input.bucket)?).map_err(refusal)?;
    Ok(S3Response::new(DeleteBucketOutput {}))
}

pub(super) async fn head_bucket(sandbox: &Sandbox, input: HeadBucketInput) -> S3Result<S3Response<HeadBucketOutput>> {
    sandbox.store.versioning(&bucket(&input.bucket)?).map_err(refusal)?;
    Ok(S3Response::new(HeadBucketOutput::default()))
}

pub(super) async fn list_buckets(
    sandbox: &Sandbox,
    input: ListBucketsInput,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let entries = sandbox.store.buckets().into_iter().filter(|entry| entry.name.as_str().starts_with(prefix));
    let buckets = entries.map(|entry| Bucket {
        name: Some(entry.name.as_str().to_owned()),
        creation_date: Some(timestamp(entry.created)),
        bucket_region: None,
    });
    let output = ListBucketsOutput {
        buckets: Some(buckets.collect()),
        owner: Some(owner()),
        prefix: input.prefix.clone(),
        continuation_token: None,
    };
    Ok(S3Response::new(output))
}

/// Every region is right; the answer is the first one, which S3 leaves empty.
pub(super) async fn get_bucket_location(
    sandbox: &Sandbox,
    input: GetBucketLocationInput,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    sandbox.store.versioning(&bucket(&input.bucket)?).map_err(refusal)?;
    let location_constraint = Some(BucketLocationConstraint::from_static(""));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}

pub(super) async fn get_bucket_versioning(
    sandbox: &Sandbox,
    input: GetBucketVersioningInput,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let status = match sandbox.store.versioning(&bucket(&input.bucket)?).map_err(refusal)? {
        Versioning::Off => None,
        Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
        Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
    };
    let status = status.map(BucketVersioningStatus::from_static);
    Ok(S3Response::new(GetBucketVersioningOutput { status, mfa_delete: None }))
}

pub(super) async fn put_bucket_versioning(
    sandbox: &Sandbox,
    input: PutBucketVersioningInput,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    refuse_given!(input: mfa);
    let versioning = match input.versioning_configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
        Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        _ => return Err(S3ErrorCode::IllegalVersioningConfigurationException.into()),
    };
    sandbox.store.set_versioning(&bucket(&input.bucket)?, versioning).map_err(refusal)?;
    Ok(S3Response::new(PutBucketVersioningOutput {}))
}

pub(super) async fn get_bucket_request_payment(
    sandbox: &Sandbox,
    input: GetBucketRequestPaymentInput,
) -> S3Result<S3Response<GetBucketRequestPaymentOutput>> {
    let payer = match sandbox.store.requester_pays(&bucket(&input.bucket)?).map_err(refusal)? {
        true => Payer::REQUESTER,
        false => Payer::BUCKET_OWNER,
    };
    Ok(S3Response::new(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(payer)) }))
}

/// The caller is the bucket's owner here, and a stranger to it in every other action.
pub(super) async fn put_bucket_request_payment(
    sandbox: &Sandbox,
    input: PutBucketRequestPaymentInput,
) -> S3Result<S3Response<PutBucketRequestPaymentOutput>> {
    let requester_pays = match input.request_payment_configuration.payer.as_str() {
        Payer::REQUESTER => true,
        Payer::BUCKET_OWNER => false,
        _ => return Err(S3ErrorCode::MalformedXML.into()),
    };
    sandbox.store.set_requester_pays(&bucket(&input.bucket)?, requester_pays).map_err(refusal)?;
    Ok(S3Response::new(PutBucketRequestPaymentOutput {}))
}
