//! The verdict table: from what was seen of a failed call it decides what to do, what is known of the
//! call's effect, and what the failure is of: the object, or the bucket or the endpoint, and those for
//! a while or until a person changes something there. Nothing else decides this.
//!
//! Sources: the S3 API's error responses, with the codes of KMS that S3 hands on and those that the
//! AWS SDKs take for throttling; COS, MinIO and Ceph RGW for the codes that only they have. A code decides before its status does, for servers differ in statuses more than in codes.

use brigade_model::ports::object_store::{DeleteResult, Effect, Shared, Verdict};

use Class::{Lasting, OfObject, Passing};
use Effect::{None as NoEffect, Unknown};
use Shared::{Bucket, Endpoint};
use Verdict::{CredentialsRefused, Denied, Invalid, Missing, Precondition, Throttled, Transient, Unavailable};

/// What was seen of a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// There was nothing to sign with, so nothing was sent.
    Unsigned,
    /// No connection, so nothing was sent.
    NotConnected(Step),
    /// Sent, at least in part, and no whole answer came.
    Lost(Loss),
    /// A whole answer with a success's status that does not prove success.
    Unproven {
        /// The store's code, when the answer is an error with a success's status.
        code: Option<&'a str>,
    },
    /// A success's status and nothing where a result belongs. Some stores answer so when they
    /// have done what they were asked, and some when they have not.
    Empty,
    /// An answer that refused the region of the signature and named another, which the next attempt is
    /// signed for.
    Taught {
        /// The HTTP status.
        status: u16,
        /// The store's code, when the answer had one.
        code: Option<&'a str>,
    },
    /// An answer with another status.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The store's code, when the answer had one.
        code: Option<&'a str>,
    },
}

/// The steps to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This process has no file descriptor left: no fault of the endpoint, which is asked for less.
    Descriptor,
    /// Its name was not resolved.
    Resolve,
    /// It did not take the connection.
    Connect,
    /// The proxy before it did not connect to it.
    Proxy,
    /// It did not agree on TLS.
    Tls,
    /// It took the connection and did not serve it, while it serves others: it has no room for more.
    Admit,
}

impl Step {
    /// Every step.
    pub const ALL: [Step; 6] = [Step::Descriptor, Step::Resolve, Step::Connect, Step::Proxy, Step::Tls, Step::Admit];
}

/// The ways in which an answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It did not come in time.
    TimedOut,
    /// The connection broke before the answer's head.
    Reset,
    /// The answer's body was cut off.
    CutOff,
}

impl Loss {
    /// Every loss.
    pub const ALL: [Loss; 3] = [Loss::TimedOut, Loss::Reset, Loss::CutOff];
}

/// What a failure is of, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// This object or this request: others may fare otherwise.
    OfObject,
    /// More than this object, for a while: the same call may pass later by itself.
    Passing(Shared),
    /// More than this object, until a person changes something at the store or in the configuration.
    Lasting(Shared),
}

/// A row of the table of answers.
type Row<K> = (K, Verdict, Effect, Class);

/// Codes that decide by themselves, whatever their status.
const CODES: &[Row<&str>] = &[
    // Slow down.
    ("SlowDown", Throttled, NoEffect, Passing(Endpoint)),
    ("SlowDownRead", Throttled, NoEffect, Passing(Endpoint)),
    ("SlowDownWrite", Throttled, NoEffect, Passing(Endpoint)),
    ("ServiceUnavailable", Throttled, NoEffect, Passing(Endpoint)),
    ("TooManyRequests", Throttled, NoEffect, Passing(Endpoint)),
    ("RequestLimitExceeded", Throttled, NoEffect, Passing(Endpoint)),
    ("Throttling", Throttled, NoEffect, Passing(Endpoint)),
    ("ThrottlingException", Throttled, NoEffect, Passing(Endpoint)),
    ("ThrottledException", Throttled, NoEffect, Passing(Endpoint)),
    ("RequestThrottled", Throttled, NoEffect, Passing(Endpoint)),
    ("RequestThrottledException", Throttled, NoEffect, Passing(Endpoint)),
    ("TooManyRequestsException", Throttled, NoEffect, Passing(Endpoint)),
    ("ProvisionedThroughputExceededException", Throttled, NoEffect, Passing(Endpoint)),
    ("BandwidthLimitExceeded", Throttled, NoEffect, Passing(Endpoint)),
    // The key service behind the bucket is asked too often. S3 hands its code on, as a 400.
    ("KMS.ThrottlingException", Throttled, NoEffect, Passing(Bucket)),
    // Our key or our clock.
    ("InvalidAccessKeyId", CredentialsRefused, NoEffect, Lasting(Endpoint)),
    ("SignatureDoesNotMatch", CredentialsRefused, NoEffect, Lasting(Endpoint)),
    ("ExpiredToken", CredentialsRefused, NoEffect, Passing(Endpoint)),
    ("InvalidToken", CredentialsRefused, NoEffect, Lasting(Endpoint)),
    ("TokenRefreshRequired", CredentialsRefused, NoEffect, Passing(Endpoint)),
    (CLOCK_SKEWED, CredentialsRefused, NoEffect, Passing(Endpoint)),
    ("AccountProblem", Denied, NoEffect, Lasting(Endpoint)),
    ("AccountDisabled", Denied, NoEffect, Lasting(Endpoint)),
    ("NotSignedUp", Denied, NoEffect, Lasting(Endpoint)),
    ("UserSuspended", Denied, NoEffect, Lasting(Endpoint)),
    ("UserProjectAccountProblem", Denied, NoEffect, Lasting(Endpoint)),
    // The bucket, as it is or as we look for it.
    ("NoSuchBucket", Missing, NoEffect, Lasting(Bucket)),
    ("AllAccessDisabled", Denied, NoEffect, Lasting(Bucket)),
    ("AccessControlListNotSupported", Invalid, NoEffect, Lasting(Bucket)),
    ("AuthorizationHeaderMalformed", Invalid, NoEffect, Lasting(Bucket)),
    ("IllegalLocationConstraintException", Invalid, NoEffect, Lasting(Bucket)),
    ("PermanentRedirect", Invalid, NoEffect, Lasting(Bucket)),
    ("QuotaExceeded", Denied, NoEffect, Lasting(Bucket)),
    ("KMS.DisabledException", Invalid, NoEffect, Lasting(Bucket)),
    ("KMS.KMSInvalidStateException", Invalid, NoEffect, Lasting(Bucket)),
    ("KMS.NotFoundException", Invalid, NoEffect, Lasting(Bucket)),
    // The request did not arrive whole, or met another one: refused, and right the next time.
    ("RequestTimeout", Transient, NoEffect, Passing(Endpoint)),
    ("IncompleteBody", Transient, NoEffect, OfObject),
    ("BadDigest", Transient, NoEffect, OfObject),
    ("XAmzContentSHA256Mismatch", Transient, NoEffect, OfObject),
    ("OperationAborted", Transient, NoEffect, Passing(Bucket)),
    ("ConditionalRequestConflict", Transient, NoEffect, OfObject),
    // The state of the object forbids it; neither our rights nor the request are at fault.
    ("InvalidObjectState", Precondition, NoEffect, OfObject),
    ("RestoreAlreadyInProgress", Precondition, NoEffect, OfObject),
    ("PreconditionFailed", Precondition, NoEffect, OfObject),
    // Ours: the same answer would come again.
    (RANGE_IGNORED, Invalid, NoEffect, OfObject),
    (LISTING_STUCK, Invalid, NoEffect, OfObject),
];

/// The code of a call for which there was nothing to sign with.
pub(crate) const NO_CREDENTIALS: &str = "NoCredentials";

/// The code of a request whose signature is dated wrongly.
pub(crate) const CLOCK_SKEWED: &str = "RequestTimeTooSkewed";

/// The code of an answer that is the whole object where a part of it was asked for.
pub(crate) const RANGE_IGNORED: &str = "RangeIgnored";

/// The code of a page of a listing that does not lead to its end.
pub(crate) const LISTING_STUCK: &str = "ListingDoesNotAdvance";

/// The code of a connection that the server has no room for.
pub(crate) const TOO_MANY_CONNECTIONS: &str = "TooManyConnections";

/// Codes that stand for several things, which the store's own words tell apart: a code, what its message
/// holds, and the class that it then has.
const WORDS: &[(&str, &str, Class)] = &[
    // MFA Delete. AWS says `Mfa Authentication must be used for this request`.
    ("AccessDenied", "Mfa Authentication", Lasting(Bucket)),
];

/// What each status means when its code is not in the table above, with the code that an answer
/// without one gets. Statuses of 4xx and 5xx that have no row here take the class's last row.
const STATUSES: &[(Row<u16>, &str)] = &[
    ((301, Invalid, NoEffect, Lasting(Bucket)), "PermanentRedirect"),
    ((302, Invalid, NoEffect, Passing(Bucket)), "TemporaryRedirect"),
    ((303, Invalid, NoEffect, Passing(Bucket)), "TemporaryRedirect"),
    ((304, Precondition, NoEffect, OfObject), "NotModified"),
    ((307, Invalid, NoEffect, Passing(Bucket)), "TemporaryRedirect"),
    ((308, Invalid, NoEffect, Lasting(Bucket)), "PermanentRedirect"),
    ((400, Invalid, NoEffect, OfObject), "BadRequest"),
    ((401, Denied, NoEffect, OfObject), "AccessDenied"),
    ((403, Denied, NoEffect, OfObject), "AccessDenied"),
    ((404, Missing, NoEffect, OfObject), "NotFound"),
    ((405, Invalid, NoEffect, OfObject), "MethodNotAllowed"),
    ((407, CredentialsRefused, NoEffect, Lasting(Endpoint)), "ProxyAuthenticationRequired"),
    ((408, Transient, NoEffect, Passing(Endpoint)), "RequestTimeout"),
    ((409, Precondition, NoEffect, OfObject), "Conflict"),
    ((410, Missing, NoEffect, OfObject), "Gone"),
    ((412, Precondition, NoEffect, OfObject), "PreconditionFailed"),
    ((416, Invalid, NoEffect, OfObject), "InvalidRange"),
    ((425, Transient, NoEffect, Passing(Endpoint)), "TooEarly"),
    ((429, Throttled, NoEffect, Passing(Endpoint)), "TooManyRequests"),
    ((499, Invalid, NoEffect, OfObject), "ClientError"),
    ((500, Transient, Unknown, Passing(Endpoint)), "InternalError"),
    ((501, Invalid, NoEffect, OfObject), "NotImplemented"),
    ((502, Transient, Unknown, Passing(Endpoint)), "BadGateway"),
    ((503, Throttled, NoEffect, Passing(Endpoint)), "ServiceUnavailable"),
    ((504, Transient, Unknown, Passing(Endpoint)), "GatewayTimeout"),
    ((505, Invalid, NoEffect, OfObject), "HttpVersionNotSupported"),
    ((509, Throttled, NoEffect, Passing(Endpoint)), "BandwidthLimitExceeded"),
    ((599, Transient, Unknown, Passing(Endpoint)), "ServerError"),
];

/// What to do about it, and what is known about its effect.
#[must_use]
pub fn judge(seen: Seen<'_>) -> (Verdict, Effect) {
    match seen {
        // The place that gives them may be away for hours, and no task is to fail for it.
        Seen::Unsigned => (CredentialsRefused, NoEffect),
        Seen::NotConnected(Step::Descriptor | Step::Admit) => (Throttled, NoEffect),
        Seen::NotConnected(Step::Resolve | Step::Connect | Step::Proxy | Step::Tls) => (Unavailable, NoEffect),
        Seen::Lost(Loss::TimedOut | Loss::Reset | Loss::CutOff) => (Transient, Unknown),
        // The status came before the work was done, so the code tells what to do and nothing of
        // what was done.
        Seen::Unproven { code } => (by_code(code).map_or(Transient, |(verdict, _)| verdict), Unknown),
        Seen::Empty => (Transient, Unknown),
        Seen::Taught { .. } => (Transient, NoEffect),
        Seen::Refused { status, code } => by_code(code).unwrap_or_else(|| {
            let ((_, verdict, effect, _), _) = row_of(status);
            (*verdict, *effect)
        }),
    }
}

/// What the failure is of; `message` is what the store said.
#[must_use]
pub fn class_of(seen: Seen<'_>, message: &str) -> Class {
    let by_words = |code: &str| {
        let is_it = |(row, words, _): &&(&str, &str, Class)| *row == code && message.contains(words);
        WORDS.iter().find(is_it).map(|(.., class)| *class)
    };
    let by_code = |code: &str| by_words(code).or_else(|| row_of_code(code).map(|(.., class)| *class));
    match seen {
        Seen::Unsigned | Seen::NotConnected(_) | Seen::Lost(_) => Passing(Endpoint),
        Seen::Unproven { code } => code.and_then(by_code).unwrap_or(OfObject),
        Seen::Empty => OfObject,
        Seen::Taught { .. } => Passing(Bucket),
        Seen::Refused { status, code } => code.and_then(by_code).unwrap_or(row_of(status).0.3),
    }
}

/// What fails, if more does than this object, and until a person changes something there.
#[must_use]
pub fn lasting(seen: Seen<'_>, message: &str) -> Option<Shared> {
    match class_of(seen, message) {
        Lasting(shared) => Some(shared),
        OfObject | Passing(_) => None,
    }
}

/// The code of what was seen, where the store gave none.
#[must_use]
pub fn own_code(seen: Seen<'_>) -> &str {
    match seen {
        Seen::Unsigned => NO_CREDENTIALS,
        Seen::NotConnected(Step::Descriptor) => "NoDescriptor",
        Seen::NotConnected(Step::Resolve) => "ResolveFailed",
        Seen::NotConnected(Step::Connect) => "ConnectFailed",
        Seen::NotConnected(Step::Proxy) => "ProxyFailed",
        Seen::NotConnected(Step::Tls) => "TlsFailed",
        Seen::NotConnected(Step::Admit) => TOO_MANY_CONNECTIONS,
        Seen::Lost(Loss::TimedOut) => "RequestTimeout",
        Seen::Lost(Loss::Reset) => "ConnectionReset",
        Seen::Lost(Loss::CutOff) => "IncompleteAnswer",
        Seen::Unproven { code: Some(code) } => code,
        Seen::Unproven { code: None } => "UnprovenSuccess",
        Seen::Empty => "EmptyAnswer",
        Seen::Refused { code: Some(code), .. } | Seen::Taught { code: Some(code), .. } => code,
        Seen::Refused { status, code: None } | Seen::Taught { status, code: None } => row_of(status).1,
    }
}

/// What a multi-object delete says of an object with an error: this code and message.
#[must_use]
pub fn failed_delete(code: &str, message: impl Into<String>) -> DeleteResult {
    let is_throttled = by_code(Some(code)).is_some_and(|(verdict, _)| verdict == Throttled);
    let message = message.into();
    let lasting = lasting(Seen::Unproven { code: Some(code) }, &message);
    DeleteResult::Failed { code: code.to_owned(), message, is_throttled, lasting }
}

fn by_code(code: Option<&str>) -> Option<(Verdict, Effect)> {
    row_of_code(code?).map(|(_, verdict, effect, _)| (*verdict, *effect))
}

fn row_of_code(code: &str) -> Option<&'static Row<&'static str>> {
    CODES.iter().find(|(row, ..)| *row == code)
}

/// A status below 300 does not come here; if a server invents one, it is a server's error.
fn row_of(status: u16) -> &'static (Row<u16>, &'static str) {
    let class_end = match status {
        300..400 => 307,
        400..500 => 499,
        _ => 599,
    };
    let of = |wanted: u16| STATUSES.iter().find(|((row, ..), _)| *row == wanted);
    of(status).or_else(|| of(class_end)).expect("each class has its last row")
}

#[cfg(test)]
mod tests;
