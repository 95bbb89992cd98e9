//! The lease of one unit of work: whether it is held, until when, and the epoch that fences
//! writes.

use std::time::Duration;

use brigade_model::ports::Monotonic;
use brigade_model::ports::job_store::{LeaseError, OwnerId};

/// A unit's lease. Taking and revoking raise the epoch; renewing and releasing keep it.
#[derive(Debug, Default)]
pub(super) struct Lease {
    pub(super) epoch: u64,
    /// Who took it last.
    owner: Option<OwnerId>,
    /// `None` while nobody holds it.
    expires: Option<Monotonic>,
}

impl Lease {
    pub(super) fn is_held(&self) -> bool {
        self.expires.is_some()
    }

    pub(super) fn is_live(&self, now: Monotonic) -> bool {
        self.expires.is_some_and(|expires| now < expires)
    }

    /// Whether it is held, and expired at least `grace` ago.
    pub(super) fn may_be_revoked(&self, now: Monotonic, grace: Duration) -> bool {
        self.expires.is_some_and(|expires| now >= expires.after(grace))
    }

    /// Who holds it.
    pub(super) fn holder(&self) -> Option<OwnerId> {
        self.owner.filter(|_| self.is_held())
    }

    /// Gives it to a new holder; returns the epoch that fences everybody before.
    pub(super) fn take(&mut self, owner: OwnerId, expires: Monotonic) -> u64 {
        self.epoch += 1;
        self.owner = Some(owner);
        self.expires = Some(expires);
        self.epoch
    }

    /// Whether a write that names `epoch` is allowed.
    pub(super) fn check(&self, epoch: u64) -> Result<(), LeaseError> {
        if self.is_held() && self.epoch == epoch { Ok(()) } else { Err(LeaseError::Fenced) }
    }

    pub(super) fn renew(&mut self, epoch: u64, expires: Monotonic) -> Result<(), LeaseError> {
        self.check(epoch)?;
        self.expires = Some(expires);
        Ok(())
    }

    pub(super) fn release(&mut self) {
        self.expires = None;
    }

    pub(super) fn revoke(&mut self) {
        self.epoch += 1;
        self.expires = None;
    }
}
