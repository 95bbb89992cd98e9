//! Authentication: the key that signed a request, the account that owns the key, and what the key may do. The
//! account is the one that the signed `x-amz-account-id` names, never the one of the Host.

use std::sync::Arc;

use brigade_config::value::{Action, Strictness};
use brigade_model::{Dialect, JobId, Timestamp};
use brigade_service::{Caller, Origin};
use brigade_wire::s3control::{S3ControlError, arn, headers, route};
use brigade_wire::s3control_signature::{self, Claim, PRESIGNED_SECONDS_MAX, RequestParts};

use crate::api::Api;
use crate::keys::{Keys, TokenError, denied};
use crate::request::RequestHead;

/// The longest a presigned request counts under strict, seconds.
const PRESIGNED_SECONDS_STRICT: i64 = 3600;

/// The caller, proved by the signature, and what the signature covers.
#[derive(Debug, Clone)]
pub(super) struct Authenticated {
    /// The caller.
    pub(super) caller: Caller,
    account_id: String,
    claim: Claim,
}

impl Authenticated {
    /// The name of a job of the account.
    pub(super) fn arn(&self, region: &str, job: JobId) -> String {
        arn::job_text(region, &self.account_id, job)
    }

    /// Refuses a request whose body could be replaced by any machine on its way: a presigned one has no signed body unless
    /// it was made for one.
    pub(super) fn must_sign_body(&self, action: &route::Action) -> Result<(), S3ControlError> {
        if self.claim.signs_body() {
            return Ok(());
        }
        let name = action.name();
        Err(S3ControlError::access_denied(format!("{name} must sign its body: x-amz-content-sha256 must be its hash")))
    }

    /// Checks that the body is the one that was signed.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), S3ControlError> {
        self.claim.check_body(body)
    }
}

impl Api {
    /// Authenticates the caller by this dialect. From here on the account, not the address, holds the connection's
    /// place.
    pub(super) fn authenticate_by_s3control(
        &self,
        head: &RequestHead,
        action: Action,
    ) -> Result<Authenticated, S3ControlError> {
        let origin = Origin { address: head.peer().to_owned(), request_id: head.request_id().to_owned() };
        let now = self.clock.now();
        let by = head.with_parts(|parts| self.keys.authenticate_by_s3control(parts, action, origin, now))?;
        head.belongs_to(&by.caller.account.name);
        Ok(by)
    }
}

impl Keys {
    /// Authenticates the caller of that action, and checks that he may do it. An account id that is not the key's is
    /// denied like any other that the key may not use.
    fn authenticate_by_s3control(
        &self,
        parts: RequestParts<'_>,
        action: Action,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Authenticated, S3ControlError> {
        let claim = s3control_signature::parse(parts)?;
        let account_id = account_id(parts)?;
        let key = self.find(&claim.key_id).ok_or_else(S3ControlError::invalid_access_key_id)?;
        let presigned_seconds_max = match self.strictness {
            Strictness::Strict => PRESIGNED_SECONDS_STRICT,
            Strictness::Standard | Strictness::Lenient => PRESIGNED_SECONDS_MAX,
        };
        let secret = key.secret.current();
        s3control_signature::verify(&claim, parts, secret.expose().as_bytes(), now, presigned_seconds_max)?;
        key.check_token(claim.token.as_deref(), now).map_err(refuse_token)?;
        let own = key.account_in(Dialect::S3Control).filter(|own| own.as_bytes() == account_id).map(str::to_owned);
        let account_id = own.ok_or_else(|| {
            S3ControlError::access_denied("the access key is not one of the account of this x-amz-account-id")
        })?;
        if !key.may(action) {
            return Err(S3ControlError::access_denied(denied(action)));
        }
        let (account, key_id) = (Arc::clone(&key.account), claim.key_id.clone());
        let caller = Caller { account, key_id, origin, dialect: Some(Dialect::S3Control) };
        Ok(Authenticated { caller, account_id, claim })
    }
}

/// `x-amz-account-id`, which every request must have once; the signature covers whatever is there.
fn account_id<'a>(parts: RequestParts<'a>) -> Result<&'a [u8], S3ControlError> {
    let mut values = parts.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(headers::ACCOUNT_ID));
    match (values.next(), values.next()) {
        (Some((_, value)), None) if !value.is_empty() => Ok(value),
        (Some(_), _) => Err(S3ControlError::invalid_element(headers::ACCOUNT_ID, "must be given once, 12 digits")),
        (None, _) => Err(S3ControlError::missing_element(headers::ACCOUNT_ID)),
    }
}

fn refuse_token(error: TokenError) -> S3ControlError {
    match error {
        TokenError::Expired => S3ControlError::expired_token(),
        TokenError::Missing => S3ControlError::access_denied("the access key needs its x-amz-security-token"),
        TokenError::Foreign => S3ControlError::access_denied("the x-amz-security-token is not the access key's"),
    }
}
