//! Names of the headers of the dialect, and the values that every answer carries.

/// The account: an appid of 1 to 64 bytes, in every request.
pub const APPID: &str = "x-cos-appid";
/// The token of temporary credentials.
pub const SECURITY_TOKEN: &str = "x-cos-security-token";
/// A parameter of the query that holds a whole `Authorization`, in place of the seven of a signature.
pub const WHOLE_SIGNATURE: &str = "sign";
/// Names the request, in every answer.
pub const REQUEST_ID: &str = "x-cos-request-id";
/// Opaque, in the answers of errors.
pub const TRACE_ID: &str = "x-cos-trace-id";
/// Begins the name of a job option: `x-brigade-key-encoding: url`.
pub const OPTION_PREFIX: &str = "x-brigade-";
/// `Content-Type` of every body, in requests as in answers.
pub const CONTENT_TYPE: &str = "application/xml";
/// `Server` of every answer.
pub const SERVER: &str = "tencent-cos";
