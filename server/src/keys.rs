//! The access keys of all accounts, and what each may do: every face of the API authenticates by them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use brigade_config::account::{AccessKey, Account};
use brigade_config::secret::{Secret, SecretSource};
use brigade_config::value::{Action, Strictness};
use brigade_model::{AccountId, Dialect, NameError, Timestamp};
use brigade_service::{Caller, CallerAccount, Identity};
use ring::hmac;

/// An access key.
pub(crate) struct Key {
    /// Whose it is.
    pub(crate) account: Arc<CallerAccount>,
    /// What signs.
    pub(crate) secret: SecretSource,
    actions: Vec<Action>,
    token: Option<(SecretSource, Timestamp)>,
}

/// The access keys of all accounts, which can be replaced while requests are authenticated.
pub(crate) struct Keys {
    by_id: RwLock<BTreeMap<String, Arc<Key>>>,
    /// How much of a request must be signed, and for how long.
    pub(crate) strictness: Strictness,
}

/// Why a key's token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// The key needs one.
    Missing,
    /// The key has another, or none.
    Foreign,
    /// It has ended.
    Expired,
}

impl Keys {
    /// The keys of the configuration.
    ///
    /// # Errors
    /// When an account's name is none; a checked configuration has no such account.
    pub(crate) fn new(accounts: &BTreeMap<String, Account>, strictness: Strictness) -> Result<Self, NameError> {
        Ok(Self { by_id: RwLock::new(Self::by_id(accounts)?), strictness })
    }

    /// Takes the keys of these accounts instead: one that is not among them counts no more.
    ///
    /// # Errors
    /// As [`Keys::new`].
    pub(crate) fn replace(&self, accounts: &BTreeMap<String, Account>) -> Result<(), NameError> {
        let by_id = Self::by_id(accounts)?;
        *self.by_id.write().unwrap_or_else(PoisonError::into_inner) = by_id;
        Ok(())
    }

    fn by_id(accounts: &BTreeMap<String, Account>) -> Result<BTreeMap<String, Arc<Key>>, NameError> {
        let mut by_id = BTreeMap::new();
        for (name, configured) in accounts {
            let account = Arc::new(CallerAccount { name: AccountId::new(name)?, identities: identities(configured) });
            let usable = |(id, key): (&String, _)| Some((id.clone(), Arc::new(usable(key, &account)?)));
            let keys = configured.keys.iter().filter_map(usable);
            by_id.extend(keys);
        }
        Ok(by_id)
    }

    /// Their secrets, to be refreshed.
    pub(crate) fn secrets(&self) -> Vec<SecretSource> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let of_key = |key: &Arc<Key>| [Some(key.secret.clone()), key.token.as_ref().map(|(token, _)| token.clone())];
        by_id.values().flat_map(of_key).flatten().collect()
    }

    /// The key of that id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Key>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Whether the caller may do that action, too.
    #[must_use]
    pub(crate) fn may(&self, caller: &Caller, action: Action) -> bool {
        self.find(&caller.key_id).is_some_and(|key| key.may(action))
    }
}

/// Who the account is in each dialect that it may use.
fn identities(account: &Account) -> BTreeMap<Dialect, Identity> {
    let cos = Identity { account: account.cos.appid.clone(), user: Some(account.cos.uin.clone()) };
    let s3control = account
        .s3control
        .as_ref()
        .map(|s3control| (Dialect::S3Control, Identity { account: s3control.account_id.clone(), user: None }));
    s3control.into_iter().chain([(Dialect::Cos, cos)]).collect()
}

fn usable(key: &AccessKey, account: &Arc<CallerAccount>) -> Option<Key> {
    Some(Key {
        account: Arc::clone(account),
        secret: key.secret.clone()?,
        actions: key.actions.clone(),
        token: key.security_token.clone().zip(key.security_token_expires),
    })
}

impl Key {
    /// The id of its account in that dialect, if it may use that.
    pub(crate) fn account_in(&self, dialect: Dialect) -> Option<&str> {
        self.account.identities.get(&dialect).map(|identity| &*identity.account)
    }

    /// A temporary key needs its token, in time; any other key has none.
    pub(crate) fn check_token(&self, given: Option<&str>, now: Timestamp) -> Result<(), TokenError> {
        match (&self.token, given) {
            (None, None) => Ok(()),
            (Some((token, expires)), Some(given)) if is_same(&token.current(), given) => {
                if *expires > now {
                    Ok(())
                } else {
                    Err(TokenError::Expired)
                }
            }
            (Some(_), None) => Err(TokenError::Missing),
            _ => Err(TokenError::Foreign),
        }
    }

    /// Whether it may do that action; `*` gives whatever concerns the key's account alone.
    pub(crate) fn may(&self, action: Action) -> bool {
        let is_of_account = !action.concerns_all_accounts();
        self.actions.iter().any(|allowed| *allowed == action || (*allowed == Action::All && is_of_account))
    }
}

/// Compares in a time that tells nothing about where they differ.
fn is_same(secret: &Secret, given: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let wanted = hmac::sign(&key, secret.expose().as_bytes());
    hmac::verify(&key, given.as_bytes(), wanted.as_ref()).is_ok()
}

/// What a client is told whose key may not do that action.
pub(crate) fn denied(action: Action) -> String {
    let name = action.name();
    if action.concerns_all_accounts() {
        format!(
            "the access key may not do {name}, which concerns all accounts: its actions must name it, * is not enough"
        )
    } else {
        format!("the access key may not do {name}")
    }
}
