//! The keys that sign requests, and where the current ones come from.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

pub mod cloud;
pub mod refreshed;

/// A key pair, with a session token when it is temporary. Shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id.
    pub key_id: String,
    /// The secret.
    pub secret: String,
    /// The session token of temporary credentials.
    pub token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Where a request finds the credentials of this moment.
#[async_trait]
pub trait CredentialSource: Send + Sync + 'static {
    /// The credentials to sign with now, if they are at hand. Cheap: asked for each request.
    fn current(&self) -> Option<Arc<Credentials>>;

    /// Waits for credentials that are not at hand.
    ///
    /// # Errors
    /// [`NoCredentials`] when none can be had now.
    async fn obtain(&self) -> Result<Arc<Credentials>, NoCredentials>;

    /// The store refused these. Whether the next request will be signed with others.
    fn renew(&self, refused: &Arc<Credentials>) -> bool;
}

/// Why there is nothing to sign with, and what to do about it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoCredentials(pub String);

/// Credentials that can be exchanged while requests go on: each is signed with the current
/// ones.
#[derive(Debug)]
pub struct RotatingCredentials(RwLock<Arc<Credentials>>);

impl RotatingCredentials {
    /// Begins with these.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self(RwLock::new(Arc::new(credentials)))
    }

    /// The current credentials.
    #[must_use]
    pub fn now(&self) -> Arc<Credentials> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the current credentials.
    pub fn rotate(&self, credentials: Credentials) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
    }
}

#[async_trait]
impl CredentialSource for RotatingCredentials {
    fn current(&self) -> Option<Arc<Credentials>> {
        Some(self.now())
    }

    async fn obtain(&self) -> Result<Arc<Credentials>, NoCredentials> {
        Ok(self.now())
    }

    fn renew(&self, refused: &Arc<Credentials>) -> bool {
        self.now() != *refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(secret: &str) -> Credentials {
        Credentials { key_id: "AKIDTEST".into(), secret: secret.into(), token: Some("session-of-test".into()) }
    }

    #[test]
    fn credentials_never_show_their_secret() {
        let shown = format!("{:?} {:?}", pair("hidden"), RotatingCredentials::new(pair("hidden")));
        assert!(shown.contains("AKIDTEST") && !shown.contains("hidden") && !shown.contains("session-of-test"));
    }

    #[test]
    fn rotated_credentials_are_the_current_ones() {
        let source = RotatingCredentials::new(pair("one"));
        let one = source.now();
        assert!(!source.renew(&one), "there are no others");
        source.rotate(pair("two"));
        assert_eq!(source.current().unwrap().secret, "two");
        assert!(source.renew(&one), "the next request is signed with the others");
    }
}
