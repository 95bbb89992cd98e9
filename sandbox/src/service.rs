//! The table of S3's actions that the sandbox knows; one function carries out each. `s3s` answers any
//! other action with NotImplemented.

use s3s::dto;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::store::Sandbox;
use super::{attributes, buckets, listings, locks, multipart, objects};

macro_rules! actions {
    ($($module:ident::$action:ident($input:ident) -> $output:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Sandbox {
            $(
                async fn $action(
                    &self,
                    request: S3Request<dto::$input>,
                ) -> S3Result<S3Response<dto::$output>> {
                    $module::$action(&self.asked_by(&request.headers), request.input).await
                }
            )*
        }
    };
}

actions! {
    buckets::create_bucket(CreateBucketInput) -> CreateBucketOutput;
    buckets::delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    buckets::head_bucket(HeadBucketInput) -> HeadBucketOutput;
    buckets::list_buckets(ListBucketsInput) -> ListBucketsOutput;
    buckets::get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    buckets::get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput;
    buckets::put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput;
    buckets::get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput;
    buckets::put_bucket_request_payment(PutBucketRequestPaymentInput) -> PutBucketRequestPaymentOutput;
    locks::get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput;
    locks::put_object_lock_configuration(PutObjectLockConfigurationInput) -> PutObjectLockConfigurationOutput;
    locks::put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput;
    locks::put_object_retention(PutObjectRetentionInput) -> PutObjectRetentionOutput;
    listings::list_objects(ListObjectsInput) -> ListObjectsOutput;
    listings::list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    listings::list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput;
    listings::list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
    listings::list_parts(ListPartsInput) -> ListPartsOutput;
    objects::head_object(HeadObjectInput) -> HeadObjectOutput;
    objects::get_object(GetObjectInput) -> GetObjectOutput;
    objects::put_object(PutObjectInput) -> PutObjectOutput;
    objects::copy_object(CopyObjectInput) -> CopyObjectOutput;
    objects::delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    objects::delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    attributes::get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput;
    attributes::put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput;
    attributes::delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput;
    attributes::get_object_acl(GetObjectAclInput) -> GetObjectAclOutput;
    attributes::put_object_acl(PutObjectAclInput) -> PutObjectAclOutput;
    attributes::get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput;
    attributes::restore_object(RestoreObjectInput) -> RestoreObjectOutput;
    multipart::create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    multipart::upload_part(UploadPartInput) -> UploadPartOutput;
    multipart::upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    multipart::complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    multipart::abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
}
