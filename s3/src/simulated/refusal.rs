//! The simulated store's refusals, one row a reason: S3's code, status and message. The verdict table
//! decides what a caller does then, as for any store.
//!
//! Source: the S3 API reference, "Error responses", and the errors of each action.

use std::borrow::Cow;

use brigade_model::ports::object_store::{CallError, DeleteResult};

use crate::verdict::{self, Seen, failed_delete};

/// A refused request. Nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// S3's code.
    pub code: &'static str,
    /// S3's HTTP status.
    pub status: u16,
    /// What went wrong.
    pub message: Cow<'static, str>,
}

macro_rules! refusals {
    ($($name:ident = $code:literal, $status:literal, $message:literal;)*) => {
        $(pub(super) const $name: Refusal = Refusal {
            code: $code, status: $status, message: Cow::Borrowed($message),
        };)*
    };
}

refusals! {
    NO_SUCH_BUCKET = "NoSuchBucket", 404, "The specified bucket does not exist";
    INVALID_BUCKET_NAME = "InvalidBucketName", 400, "The specified bucket is not valid.";
    NO_SUCH_KEY = "NoSuchKey", 404, "The specified key does not exist.";
    NO_SUCH_VERSION = "NoSuchVersion", 404, "The specified version does not exist.";
    NO_SUCH_UPLOAD = "NoSuchUpload", 404, "The specified multipart upload does not exist. It may have been aborted or completed.";
    ACCESS_DENIED = "AccessDenied", 403, "Access Denied";
    PRECONDITION_FAILED = "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold";
    METHOD_NOT_ALLOWED = "MethodNotAllowed", 405, "The specified method is not allowed against this resource.";
    BAD_DIGEST = "BadDigest", 400, "The checksum you specified did not match what we received.";
    INVALID_RANGE = "InvalidRange", 416, "The requested range is not satisfiable";
    INVALID_PART_NUMBER = "InvalidPartNumber", 416, "The requested partnumber is not satisfiable";
    ARCHIVED = "InvalidObjectState", 403, "The operation is not valid for the object's storage class";
    NOT_ARCHIVED = "InvalidObjectState", 403, "Restore is not allowed for the object's current storage class";
    RESTORE_IN_PROGRESS = "RestoreAlreadyInProgress", 409, "Object restore is already in progress";
    INVALID_REQUEST = "InvalidRequest", 400, "Invalid Request";
    INVALID_ARGUMENT = "InvalidArgument", 400, "Invalid Argument";
    MALFORMED_XML = "MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema";
    MALFORMED_ACL = "MalformedACLError", 400, "The ACL that you provided was not well formed or did not validate against our published schema";
    INVALID_STORAGE_CLASS = "InvalidStorageClass", 400, "The storage class you specified is not valid";
    METADATA_TOO_LARGE = "MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size";
    TOO_MANY_TAGS = "BadRequest", 400, "Object tags cannot be greater than 10";
    INVALID_TAG = "InvalidTag", 400, "The tag provided was not a valid tag";
    INVALID_PART = "InvalidPart", 400, "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
    INVALID_PART_ORDER = "InvalidPartOrder", 400, "The list of parts was not in ascending order. Parts must be ordered by part number.";
    ENTITY_TOO_SMALL = "EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size";
    ENTITY_TOO_LARGE = "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size";
    BUCKET_NOT_EMPTY = "BucketNotEmpty", 409, "The bucket you tried to delete is not empty";
    BUCKET_OWNED = "BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it.";
    ILLEGAL_VERSIONING = "IllegalVersioningConfigurationException", 400, "The versioning configuration specified in the request is invalid.";
    LOCKED = "AccessDenied", 403, "Access Denied because object protected by object lock.";
    NOT_LOCKABLE = "InvalidBucketState", 409, "Object Lock configuration cannot be enabled on existing buckets without versioning";
    CUSTOMER_KEY_NEEDED = "InvalidRequest", 400, "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.";
    CUSTOMER_KEY_NOT_APPLICABLE = "InvalidRequest", 400, "The encryption parameters are not applicable to this object.";
    NO_ACLS = "AccessControlListNotSupported", 400, "The bucket does not allow ACLs";
    NO_OWNERSHIP = "OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found";
    NOT_FOUND = "NotFound", 404, "Not Found";
    NOT_IMPLEMENTED = "NotImplemented", 501, "A header you provided implies functionality that is not implemented";
    KEY_SERVICE_BUSY = "KMS.ThrottlingException", 400, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";
    NO_READ_QUORUM = "SlowDownRead", 503, "Resource requested is unreadable, please reduce your request rate";
    JOURNAL_FAILED = "InternalError", 500, "The effect could not be written to the directory";
}

impl Refusal {
    /// The same with a message of its own.
    pub(super) fn saying(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// As the error of a call.
    pub(super) fn into_error(self, request_id: String) -> CallError {
        let seen = Seen::Refused { status: self.status, code: Some(self.code) };
        let (verdict, effect) = verdict::judge(seen);
        CallError {
            lasting: verdict::lasting(seen, &self.message),
            http_status: Some(self.status),
            request_id: Some(request_id),
            ..CallError::new(verdict, effect, self.code, self.message)
        }
    }

    /// As what became of one object of a multi-object delete.
    pub(super) fn into_result(self) -> DeleteResult {
        failed_delete(self.code, self.message)
    }
}
