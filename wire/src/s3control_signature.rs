//! AWS Signature Version 4 of the S3 Control dialect, made and checked over one canonical form.
//!
//! [`parse`] reads what a request claims (who, when, what was signed, the signature) from its `Authorization`
//! header or, presigned, from its query; the caller finds the secret of that key; [`verify`] computes the
//! signature from the request that came and compares. [`sign`] makes the header's value for our own client; other clients
//! sign by their SDKs: `aws-sigv4` and requests of real SDKs are the tests' oracles. Source: S3 API reference, "Authenticating Requests (AWS Signature Version 4)".
//!
//! - The host, every `x-amz-` and `x-brigade-` header that is present and, without exception, every parameter of
//!   the query are signed: an attacker who repeats the request could change what is not.
//! - The body is signed by its SHA-256 in `x-amz-content-sha256`, which [`Claim::check_body`] compares. Where it
//!   says `UNSIGNED-PAYLOAD`, or a presigned request has none, [`Claim::signs_body`] is false: an action that
//!   takes a body refuses it.
//! - The region of the scope is the client's choice, and the service is `s3`.
//! - The work that an unauthenticated request causes is bounded: [`parse`] checks sizes and numbers before it
//!   decodes anything, and [`verify`] needs a claim, whose key the caller knows.
//! - A signature in the header counts for 15 minutes around its time; a presigned one from 15 minutes before its
//!   time to its end, a week later at most.
//! - Temporary credentials bring a token ([`Claim::token`]); whether it belongs to the key and is still valid is
//!   the caller's to say.

use brigade_model::Timestamp;
use ring::hmac;

use crate::s3control::S3ControlError;

mod canonical;
mod claim;

pub use crate::request_parts::RequestParts;
pub use claim::{Claim, parse};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The service that clients of the dialect sign for.
const SERVICE: &str = "s3";
/// How far a signature's time may lie from ours, seconds. S3
pub const SKEW_SECONDS_MAX: i64 = 15 * 60;
/// The longest a presigned request counts, seconds: a week. S3
pub const PRESIGNED_SECONDS_MAX: i64 = 7 * 86_400;

/// Why a request is not taken for its signer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The request names no key.
    #[error("the request is not signed")]
    Unsigned,
    /// The claim cannot be read.
    #[error("the signature's {field} {problem}")]
    Malformed {
        /// Which field of it.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A part of the request is larger than any that is signed.
    #[error("the {part} may have at most {max}")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// The bound with its unit.
        max: &'static str,
    },
    /// The request would count for too long.
    #[error("the signature's X-Amz-Expires may be at most {0} seconds")]
    LongLived(i64),
    /// Something that must be signed is not.
    #[error("{0} must be signed")]
    NotSigned(String),
    /// The validity has ended.
    #[error("the signature's validity has ended")]
    Expired,
    /// It was made too far from now.
    #[error("the signature's time is too far from the service's")]
    TooSkewed,
    /// It is another signature.
    #[error("the signature does not match")]
    Mismatch,
}

impl From<SignatureError> for S3ControlError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::TooLarge { .. } => S3ControlError::bad_request(error),
            SignatureError::Unsigned
            | SignatureError::Malformed { .. }
            | SignatureError::LongLived(_)
            | SignatureError::NotSigned(_) => S3ControlError::access_denied(error),
            SignatureError::Expired => S3ControlError::request_expired(),
            SignatureError::TooSkewed => S3ControlError::request_time_too_skewed(),
            SignatureError::Mismatch => S3ControlError::signature_does_not_match(),
        }
    }
}

/// Checks that the holder of `secret` signed this request, for a time that includes `now`; a presigned one may
/// count so many seconds.
///
/// # Errors
/// [`SignatureError`]. Times are judged after the signature, so that a stranger learns nothing from them.
pub fn verify(
    claim: &Claim,
    parts: RequestParts<'_>,
    secret: &[u8],
    now: Timestamp,
    presigned_seconds_max: i64,
) -> Result<(), SignatureError> {
    if claim.expires_seconds.is_some_and(|seconds| seconds > presigned_seconds_max) {
        return Err(SignatureError::LongLived(presigned_seconds_max));
    }
    let to_sign = string_to_sign(claim, parts)?;
    let key = signing_key(secret, claim);
    hmac::verify(&key, to_sign.as_bytes(), &claim.signature).map_err(|_| SignatureError::Mismatch)?;
    check_time(claim, now)
}

/// The value of the `Authorization` header for a request: every header of `parts` is signed, among which are the
/// time ([`time_text`]) and the hash of the body.
///
/// # Errors
/// [`SignatureError`] when such a header is missing, or a part of the request cannot be signed.
pub fn sign(parts: RequestParts<'_>, key_id: &str, secret: &[u8], region: &str) -> Result<String, SignatureError> {
    let claim = Claim::of_own(parts, key_id, region)?;
    let tag = hmac::sign(&signing_key(secret, &claim), string_to_sign(&claim, parts)?.as_bytes());
    Ok(format!(
        "{ALGORITHM} Credential={key_id}/{}, SignedHeaders={}, Signature={}",
        claim.scope(),
        claim.signed_headers.join(";"),
        hex::encode(tag)
    ))
}

/// A time as `x-amz-date` has it.
#[must_use]
pub fn time_text(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn string_to_sign(claim: &Claim, parts: RequestParts<'_>) -> Result<String, SignatureError> {
    let digest = ring::digest::digest(&ring::digest::SHA256, &canonical::text(parts, claim)?);
    Ok(format!("{ALGORITHM}\n{}\n{}\n{}", claim.time_text, claim.scope(), hex::encode(digest)))
}

/// The key of the scope: each step is the key of the next.
fn signing_key(secret: &[u8], claim: &Claim) -> hmac::Key {
    let first = hmac::Key::new(hmac::HMAC_SHA256, &[b"AWS4", secret].concat());
    [claim.date(), &claim.region, SERVICE, claim::TERMINATOR]
        .into_iter()
        .fold(first, |key, step| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref()))
}

fn check_time(claim: &Claim, now: Timestamp) -> Result<(), SignatureError> {
    let (signed, now) = (claim.time.as_second(), now.as_second());
    if signed > now.saturating_add(SKEW_SECONDS_MAX) {
        return Err(SignatureError::TooSkewed);
    }
    match claim.expires_seconds {
        None if signed < now.saturating_sub(SKEW_SECONDS_MAX) => Err(SignatureError::TooSkewed),
        Some(seconds) if signed.saturating_add(seconds) < now => Err(SignatureError::Expired),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
