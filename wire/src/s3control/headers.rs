//! Names of the headers of the dialect.

/// The account: 12 digits, in every request, signed.
pub const ACCOUNT_ID: &str = "x-amz-account-id";
/// The token of temporary credentials.
pub const SECURITY_TOKEN: &str = "x-amz-security-token";
/// SHA-256 of the body in hex, or `UNSIGNED-PAYLOAD`.
pub const CONTENT_SHA256: &str = "x-amz-content-sha256";
/// When the request was signed: `20260101T000000Z`.
pub const DATE: &str = "x-amz-date";
/// Names the request, in every answer.
pub const REQUEST_ID: &str = "x-amz-request-id";
/// Opaque, in every answer.
pub const ID_2: &str = "x-amz-id-2";
/// `Content-Type` of every body of an answer.
pub const CONTENT_TYPE: &str = "application/xml";
