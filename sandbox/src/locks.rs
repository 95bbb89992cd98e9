//! Actions on object lock: of a bucket, and of a version.

use brigade_model::Timestamp;
use brigade_model::names::BucketName;
use brigade_model::operation::{NewLock, Retention, RetentionMode};
use brigade_model::ports::object_store::{PutObjectLegalHold, PutObjectRetention};
use brigade_s3::simulated::ObjectLock;
use s3s::dto::{
    self, DefaultRetention, GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput, ObjectLockConfiguration,
    ObjectLockEnabled, ObjectLockLegalHoldStatus, ObjectLockRetentionMode, ObjectLockRule, PutObjectLegalHoldInput,
    PutObjectLegalHoldOutput, PutObjectLockConfigurationInput, PutObjectLockConfigurationOutput,
    PutObjectRetentionInput, PutObjectRetentionOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result};

use super::answers::refusal;
use super::input::{self, unsupported};
use super::store::Sandbox;

pub(super) async fn get_object_lock_configuration(
    sandbox: &Sandbox,
    input: GetObjectLockConfigurationInput,
) -> S3Result<S3Response<GetObjectLockConfigurationOutput>> {
    let lock = sandbox.store.lock(&input::bucket(&input.bucket)?).map_err(refusal)?;
    let lock = lock.ok_or(S3ErrorCode::ObjectLockConfigurationNotFoundError)?;
    let rule = lock.retention_days.map(|days| ObjectLockRule {
        default_retention: Some(DefaultRetention {
            days: i32::try_from(days).ok(),
            mode: Some(ObjectLockRetentionMode::from_static(ObjectLockRetentionMode::COMPLIANCE)),
            years: None,
        }),
    });
    let configuration = ObjectLockConfiguration {
        object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
        rule,
    };
    Ok(S3Response::new(GetObjectLockConfigurationOutput { object_lock_configuration: Some(configuration) }))
}

pub(super) async fn put_object_lock_configuration(
    sandbox: &Sandbox,
    input: PutObjectLockConfigurationInput,
) -> S3Result<S3Response<PutObjectLockConfigurationOutput>> {
    let configuration = input.object_lock_configuration.ok_or(S3ErrorCode::MalformedXML)?;
    let retention = configuration.rule.and_then(|rule| rule.default_retention);
    let retention_days = retention.map(|retention| days_of(&retention)).transpose()?;
    sandbox.store.set_lock(&input::bucket(&input.bucket)?, ObjectLock { retention_days }).map_err(refusal)?;
    Ok(S3Response::new(PutObjectLockConfigurationOutput::default()))
}

fn days_of(retention: &DefaultRetention) -> S3Result<u32> {
    check_mode(retention.mode.as_ref())?;
    let days = match (retention.days, retention.years) {
        (Some(days), None) => days,
        (None, Some(years)) => years.saturating_mul(365),
        _ => return Err(S3ErrorCode::MalformedXML.into()),
    };
    u32::try_from(days).ok().filter(|days| *days > 0).ok_or_else(|| S3ErrorCode::InvalidArgument.into())
}

/// A bucket keeps new versions by compliance alone.
fn check_mode(mode: Option<&ObjectLockRetentionMode>) -> S3Result<()> {
    match mode.map(ObjectLockRetentionMode::as_str) {
        Some(ObjectLockRetentionMode::COMPLIANCE) => Ok(()),
        Some(ObjectLockRetentionMode::GOVERNANCE) => Err(unsupported("governance mode: use COMPLIANCE")),
        _ => Err(S3ErrorCode::MalformedXML.into()),
    }
}

pub(super) async fn put_object_legal_hold(
    sandbox: &Sandbox,
    input: PutObjectLegalHoldInput,
) -> S3Result<S3Response<PutObjectLegalHoldOutput>> {
    let status = input.legal_hold.and_then(|hold| hold.status).ok_or(S3ErrorCode::MalformedXML)?;
    let is_held = is_on(&status)?;
    let (at, version) = (input::at(&input.bucket, &input.key)?, input::version(input.version_id)?);
    sandbox.call(PutObjectLegalHold { at, version, is_held }).await?;
    Ok(S3Response::new(PutObjectLegalHoldOutput::default()))
}

pub(super) async fn put_object_retention(
    sandbox: &Sandbox,
    input: PutObjectRetentionInput,
) -> S3Result<S3Response<PutObjectRetentionOutput>> {
    let retention = input.retention.ok_or(S3ErrorCode::MalformedXML)?;
    let request = PutObjectRetention {
        at: input::at(&input.bucket, &input.key)?,
        version: input::version(input.version_id)?,
        retention: retention_of(
            retention.mode.as_ref().map(ObjectLockRetentionMode::as_str),
            retention.retain_until_date.as_ref(),
        )?,
        bypass_governance: input.bypass_governance_retention.unwrap_or_default(),
    };
    sandbox.call(request).await?;
    Ok(S3Response::new(PutObjectRetentionOutput::default()))
}

/// Whether a version is held, as a head says it.
pub(super) fn legal_hold_status(is_held: bool) -> ObjectLockLegalHoldStatus {
    let status = if is_held { ObjectLockLegalHoldStatus::ON } else { ObjectLockLegalHoldStatus::OFF };
    ObjectLockLegalHoldStatus::from_static(status)
}

/// What the lock's fields are called in each request that has them.
macro_rules! lock_of {
    ($input:ident) => {
        $crate::locks::new_lock(
            $input.object_lock_mode.as_ref(),
            $input.object_lock_retain_until_date.as_ref(),
            $input.object_lock_legal_hold_status.as_ref(),
        )
    };
}
pub(super) use lock_of;

pub(super) fn new_lock(
    mode: Option<&dto::ObjectLockMode>,
    until: Option<&dto::Timestamp>,
    hold: Option<&ObjectLockLegalHoldStatus>,
) -> S3Result<Option<Box<NewLock>>> {
    let retention = retention_of(mode.map(dto::ObjectLockMode::as_str), until)?;
    let is_held = hold.map(is_on).transpose()?;
    Ok((retention.is_some() || is_held.is_some()).then(|| Box::new(NewLock { retention, is_held })))
}

fn is_on(status: &ObjectLockLegalHoldStatus) -> S3Result<bool> {
    match status.as_str() {
        ObjectLockLegalHoldStatus::ON => Ok(true),
        ObjectLockLegalHoldStatus::OFF => Ok(false),
        _ => Err(S3ErrorCode::MalformedXML.into()),
    }
}

/// Neither mode nor date lifts what keeps the version.
fn retention_of(mode: Option<&str>, until: Option<&dto::Timestamp>) -> S3Result<Option<Retention>> {
    let (mode, until) = match (mode, until) {
        (None, None) => return Ok(None),
        (Some(mode), Some(until)) => (mode, time(until)?),
        _ => return Err(S3ErrorCode::MalformedXML.into()),
    };
    let mode = RetentionMode::ALL.into_iter().find(|known| known.name() == mode).ok_or(S3ErrorCode::MalformedXML)?;
    Ok(Some(Retention { mode, until }))
}

fn time(time: &dto::Timestamp) -> S3Result<Timestamp> {
    let mut text = Vec::new();
    time.format(dto::TimestampFormat::DateTime, &mut text).map_err(S3Error::internal_error)?;
    let text = String::from_utf8(text).map_err(S3Error::internal_error)?;
    text.parse().map_err(S3Error::internal_error)
}

/// Where new versions are kept by default, S3 takes no bytes without a digest of them.
pub(super) fn check_digest(sandbox: &Sandbox, bucket: &BucketName, has_digest: bool) -> S3Result<()> {
    let lock = sandbox.store.lock(bucket).map_err(refusal)?;
    if has_digest || lock.and_then(|lock| lock.retention_days).is_none() {
        return Ok(());
    }
    let message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object or Put Part requests with \
                   Object Lock parameters";
    Err(S3Error::with_message(S3ErrorCode::InvalidRequest, message))
}

/// Whether a request comes with a digest of its bytes.
macro_rules! has_digest {
    ($input:ident) => {
        $input.content_md5.is_some()
            || $input.checksum_algorithm.is_some()
            || $input.checksum_crc32.is_some()
            || $input.checksum_crc32c.is_some()
            || $input.checksum_crc64nvme.is_some()
            || $input.checksum_sha1.is_some()
            || $input.checksum_sha256.is_some()
    };
}
pub(super) use has_digest;
