//! The error codes that become labels: a fixed list, since a store could else make a series of each answer.

/// Codes of S3 and of those who speak it, and our own for what was no answer. Sorted.
const KNOWN: &[&str] = &[
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "AuthorizationHeaderMalformed",
    "BadDigest",
    "BadGateway",
    "BadRequest",
    "BandwidthLimitExceeded",
    "ClientError",
    "ConditionalRequestConflict",
    "Conflict",
    "ConnectFailed",
    "ConnectionReset",
    "EmptyAnswer",
    "EntityTooLarge",
    "EntityTooSmall",
    "ExpiredToken",
    "GatewayTimeout",
    "Gone",
    "HttpVersionNotSupported",
    "IncompleteAnswer",
    "IncompleteBody",
    "InternalError",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidBucketName",
    "InvalidDigest",
    "InvalidObjectState",
    "InvalidPart",
    "InvalidPartOrder",
    "InvalidRange",
    "InvalidRequest",
    "InvalidStorageClass",
    "InvalidTag",
    "InvalidToken",
    "KMS.ThrottlingException",
    "KeyTooLongError",
    "MalformedXML",
    "MethodNotAllowed",
    "MissingContentLength",
    "NoDescriptor",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchTagSet",
    "NoSuchUpload",
    "NoSuchVersion",
    "NotFound",
    "NotImplemented",
    "NotModified",
    "OperationAborted",
    "PermanentRedirect",
    "PreconditionFailed",
    "ProvisionedThroughputExceededException",
    "ProxyAuthenticationRequired",
    "ProxyFailed",
    "QuotaExceeded",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "ResolveFailed",
    "RestoreAlreadyInProgress",
    "ServerError",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "SlowDown",
    "SlowDownRead",
    "SlowDownWrite",
    "Stopped",
    "TemporaryRedirect",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TlsFailed",
    "TokenRefreshRequired",
    "TooEarly",
    "TooManyConnections",
    "TooManyRequests",
    "TooManyRequestsException",
    "UnprovenSuccess",
    "XAmzContentSHA256Mismatch",
];

/// The label of a code: itself where it is known.
pub(super) fn label(code: &str) -> &'static str {
    KNOWN.binary_search(&code).map_or("other", |place| KNOWN[place])
}

#[cfg(test)]
mod tests {
    use brigade_s3::verdict::{Loss, Seen, Step, own_code};

    use super::*;

    #[test]
    fn the_list_is_sorted_and_names_each_code_once() {
        assert!(KNOWN.is_sorted_by(|one, next| one < next));
        assert_eq!((label("SlowDown"), label("slowdown"), label("")), ("SlowDown", "other", "other"));
    }

    #[test]
    fn every_code_that_we_give_ourselves_is_known() {
        let not_connected = Step::ALL.map(Seen::NotConnected).into_iter();
        let lost = Loss::ALL.map(Seen::Lost).into_iter();
        let refused = (300..600).map(|status| Seen::Refused { status, code: None });
        let unproven = [Seen::Unproven { code: None }, Seen::Empty].into_iter();
        for seen in not_connected.chain(lost).chain(refused).chain(unproven) {
            let code = own_code(seen);
            assert_eq!(label(code), code);
        }
    }
}
