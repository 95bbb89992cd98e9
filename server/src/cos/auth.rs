//! Authentication: the key that signed a request, the account that owns the key, and what the key may
//! do. Accounts are strictly apart: the service looks up every name in a request within its account.

use std::sync::Arc;

use brigade_config::value::{self, Action};
use brigade_model::limits::APPID_BYTES_MAX;
use brigade_model::{Dialect, Timestamp};
use brigade_service::{Caller, Origin};
use brigade_wire::cos::{CosError, headers};
use brigade_wire::cos_signature::{self, Claim, RequestParts, Strictness};

use crate::keys::{Keys, TokenError, denied};

/// The caller, proved by the signature, and what the signature covers.
#[derive(Debug, Clone)]
pub(crate) struct Authenticated {
    /// The caller.
    pub caller: Caller,
    claim: Claim,
}

impl Authenticated {
    /// Whether the signature covers that header.
    #[must_use]
    pub(crate) fn has_signed(&self, header: &str) -> bool {
        self.claim.signs_header(header)
    }
}

impl Keys {
    /// Authenticates the caller of that action by that dialect, and checks that he may do it.
    ///
    /// # Errors
    /// The dialect's 403 (400 for a missing appid and an expired token). An appid that is not
    /// the key's is denied like any other that the key may not use.
    pub(crate) fn authenticate(
        &self,
        parts: RequestParts<'_>,
        action: Action,
        dialect: Option<Dialect>,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Authenticated, CosError> {
        let appid = appid(parts)?;
        let claim = cos_signature::parse(parts)?;
        let key = self.find(&claim.key_id).ok_or_else(CosError::invalid_access_key_id)?;
        let secret = key.secret.current();
        let strictness = match self.strictness {
            value::Strictness::Strict => Strictness::Strict,
            value::Strictness::Standard => Strictness::Full,
            value::Strictness::Lenient => Strictness::AsListed,
        };
        cos_signature::verify(&claim, parts, secret.expose().as_bytes(), now, strictness)?;
        key.check_token(claim.token.as_deref(), now).map_err(refuse_token)?;
        if key.account_in(Dialect::Cos).map(str::as_bytes) != Some(appid) {
            return Err(CosError::access_denied("the access key is not one of this x-cos-appid"));
        }
        if !key.may(action) {
            return Err(CosError::access_denied(denied(action)));
        }
        let (account, key_id) = (Arc::clone(&key.account), claim.key_id.clone());
        Ok(Authenticated { caller: Caller { account, key_id, origin, dialect }, claim })
    }
}

/// `x-cos-appid`, which every request must have once.
fn appid(parts: RequestParts<'_>) -> Result<&[u8], CosError> {
    let mut values = parts.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(headers::APPID));
    match (values.next(), values.next()) {
        (None, _) | (Some((_, b"")), None) => Err(CosError::no_appid()),
        (Some((_, value)), None) if value.len() <= APPID_BYTES_MAX => Ok(value),
        _ => Err(CosError::invalid_appid()),
    }
}

fn refuse_token(error: TokenError) -> CosError {
    match error {
        TokenError::Expired => CosError::expired_token(),
        TokenError::Missing => CosError::access_denied("the access key needs its x-cos-security-token"),
        TokenError::Foreign => CosError::access_denied("the x-cos-security-token is not the access key's"),
    }
}
