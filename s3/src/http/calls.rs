//! One file for each call: `encode` makes its request, `decode` proves its answer.

use brigade_model::ports::object_store::{Answer, Call, CallError};

use super::request::RequestDraft;
use super::response::{InvalidResponse, StoreResponse};

mod abort_multipart_upload;
mod complete_multipart_upload;
mod copy_object;
mod create_multipart_upload;
mod delete_object;
mod delete_object_tagging;
mod delete_objects;
mod get_bucket_ownership_controls;
mod get_bucket_request_payment;
mod get_object;
mod get_object_acl;
mod get_object_attributes;
mod get_object_tagging;
mod head_object;
mod head_part;
mod list_multipart_uploads;
mod list_object_versions;
mod list_objects_v2;
mod list_parts;
mod put_object;
mod put_object_acl;
mod put_object_legal_hold;
mod put_object_retention;
mod put_object_tagging;
mod restore_object;
mod update_object_encryption;
mod upload_part;
mod upload_part_copy;

macro_rules! calls {
    ($($call:ident in $file:ident;)*) => {
        /// The request of a call, before it is addressed and signed.
        pub(crate) fn encode(call: &Call) -> Result<RequestDraft, CallError> {
            match call { $(Call::$call(request) => $file::encode(request),)* }
        }

        /// What an answer with a success's status proves.
        pub(crate) fn decode(call: &Call, reply: StoreResponse) -> Result<Answer, InvalidResponse> {
            match call { $(Call::$call(request) => $file::decode(request, reply).map(Answer::$call),)* }
        }
    };
}

calls! {
    HeadObject in head_object;
    GetObject in get_object;
    PutObject in put_object;
    CopyObject in copy_object;
    DeleteObject in delete_object;
    DeleteObjects in delete_objects;
    GetObjectTagging in get_object_tagging;
    PutObjectTagging in put_object_tagging;
    DeleteObjectTagging in delete_object_tagging;
    GetObjectAcl in get_object_acl;
    PutObjectAcl in put_object_acl;
    RestoreObject in restore_object;
    ListObjectsV2 in list_objects_v2;
    CreateMultipartUpload in create_multipart_upload;
    UploadPart in upload_part;
    UploadPartCopy in upload_part_copy;
    CompleteMultipartUpload in complete_multipart_upload;
    ListParts in list_parts;
    AbortMultipartUpload in abort_multipart_upload;
    ListObjectVersions in list_object_versions;
    ListMultipartUploads in list_multipart_uploads;
    PutObjectLegalHold in put_object_legal_hold;
    UpdateObjectEncryption in update_object_encryption;
    PutObjectRetention in put_object_retention;
    GetObjectAttributes in get_object_attributes;
    HeadPart in head_part;
    GetBucketOwnershipControls in get_bucket_ownership_controls;
    GetBucketRequestPayment in get_bucket_request_payment;
}
