//! Authentication: the key that signed a request, the account that owns the key, and what the key may
//! do. Accounts are strictly apart: the service looks up every name in a request within its account.

use std::collections::BTreeMap;
use std::sync::Arc;

use brigade_config::account::{AccessKey, Account};
use brigade_config::secret::{Secret, SecretSource};
use brigade_config::value::{self, Action};
use brigade_model::limits::APPID_BYTES_MAX;
use brigade_model::{AccountId, Dialect, NameError, Timestamp};
use brigade_service::{Caller, Origin, Owner};
use brigade_wire::cos::{CosError, headers};
use brigade_wire::cos_signature::{self, Claim, RequestParts, Strictness};
use ring::hmac;

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

struct Key {
    owner: Arc<Owner>,
    secret: SecretSource,
    actions: Vec<Action>,
    token: Option<(SecretSource, Timestamp)>,
}

/// The access keys of all accounts.
pub(crate) struct Keys {
    by_id: BTreeMap<String, Key>,
    strictness: Strictness,
}

impl Keys {
    /// The keys of the configuration.
    ///
    /// # Errors
    /// When an account's name is none; a checked configuration has no such account.
    pub(crate) fn new(accounts: &BTreeMap<String, Account>, strictness: value::Strictness) -> Result<Self, NameError> {
        let mut by_id = BTreeMap::new();
        for (name, account) in accounts {
            let account_id = AccountId::new(name)?;
            let owner = Owner { account: account_id, appid: account.cos.appid.clone(), uin: account.cos.uin.clone() };
            let owner = Arc::new(owner);
            let keys = account.keys.iter().filter_map(|(id, key)| Some((id.clone(), usable(key, &owner)?)));
            by_id.extend(keys);
        }
        let strictness = match strictness {
            value::Strictness::Strict => Strictness::Strict,
            value::Strictness::Standard => Strictness::Full,
            value::Strictness::Lenient => Strictness::AsListed,
        };
        Ok(Self { by_id, strictness })
    }

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
        let key = self.by_id.get(&claim.key_id).ok_or_else(CosError::invalid_access_key_id)?;
        let secret = key.secret.current();
        cos_signature::verify(&claim, parts, secret.expose().as_bytes(), now, self.strictness)?;
        check_token(key, claim.token.as_deref(), now)?;
        if key.owner.appid.as_bytes() != appid {
            return Err(CosError::access_denied("the access key is not one of this x-cos-appid"));
        }
        if !may(key, action) {
            return Err(CosError::access_denied(needed(action)));
        }
        let (owner, key_id) = (Arc::clone(&key.owner), claim.key_id.clone());
        Ok(Authenticated { caller: Caller { owner, key_id, origin, dialect }, claim })
    }

    /// Whether the caller may do that action, too.
    #[must_use]
    pub(crate) fn may(&self, caller: &Caller, action: Action) -> bool {
        self.by_id.get(&caller.key_id).is_some_and(|key| may(key, action))
    }
}

fn usable(key: &AccessKey, owner: &Arc<Owner>) -> Option<Key> {
    Some(Key {
        owner: Arc::clone(owner),
        secret: key.secret.clone()?,
        actions: key.actions.clone(),
        token: key.security_token.clone().zip(key.security_token_expires),
    })
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

/// A temporary key needs its token, in time; any other key has none.
fn check_token(key: &Key, given: Option<&str>, now: Timestamp) -> Result<(), CosError> {
    match (&key.token, given) {
        (None, None) => Ok(()),
        (Some((token, expires)), Some(given)) if is_same(&token.current(), given) => {
            if *expires > now {
                Ok(())
            } else {
                Err(CosError::expired_token())
            }
        }
        (Some(_), None) => Err(CosError::access_denied("the access key needs its x-cos-security-token")),
        _ => Err(CosError::access_denied("the x-cos-security-token is not the access key's")),
    }
}

/// Compares in a time that tells nothing about where they differ.
fn is_same(secret: &Secret, given: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let wanted = hmac::sign(&key, secret.expose().as_bytes());
    hmac::verify(&key, given.as_bytes(), wanted.as_ref()).is_ok()
}

/// `*` gives whatever concerns the key's account alone.
fn may(key: &Key, action: Action) -> bool {
    let is_of_account = !action.concerns_all_accounts();
    key.actions.iter().any(|allowed| *allowed == action || (*allowed == Action::All && is_of_account))
}

fn needed(action: Action) -> String {
    let name = action.name();
    if action.concerns_all_accounts() {
        format!(
            "the access key may not do {name}, which concerns all accounts: its actions must name it, * is not enough"
        )
    } else {
        format!("the access key may not do {name}")
    }
}
