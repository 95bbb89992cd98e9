//! The keys that sign requests, and where the current ones come from.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

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
pub trait CredentialSource: Send + Sync + 'static {
    /// The credentials to sign with now. Cheap: asked for each request.
    fn current(&self) -> Arc<Credentials>;
}

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

    /// Replaces the current credentials.
    pub fn rotate(&self, credentials: Credentials) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
    }
}

impl CredentialSource for RotatingCredentials {
    fn current(&self) -> Arc<Credentials> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
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
        source.rotate(pair("two"));
        assert_eq!(source.current().secret, "two");
    }
}
