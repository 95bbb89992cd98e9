//! Grantees: whom the grants of a job mean at a store.

/// Knows the users of a store. Jobs keep the names that they were created with, so a name is looked
/// up when it is needed.
pub trait Grantees: Send + Sync + 'static {
    /// The store's id of a grantee.
    ///
    /// # Errors
    /// The store knows no such grantee.
    fn resolve<'a>(&'a self, written: &'a str) -> Result<&'a str, UnknownGrantee>;
}

/// A grantee whom the store does not know: its name, and what a user can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownGrantee(pub String);

/// Jobs name grantees as the store does.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnIds;

impl Grantees for OwnIds {
    fn resolve<'a>(&'a self, written: &'a str) -> Result<&'a str, UnknownGrantee> {
        Ok(written)
    }
}
