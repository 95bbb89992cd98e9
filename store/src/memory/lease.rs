//! The lease of one unit of work: whether it is held, until when, and what fences writes.

use std::time::Duration;

use brigade_model::ports::Monotonic;
use brigade_model::ports::job_store::{Fence, LeaseError, LeaseToken, OwnerId};

/// A unit's lease. Taking and revoking raise the epoch; renewing and releasing keep it.
#[derive(Debug, Clone, Default)]
pub(super) struct Lease {
    epoch: u64,
    /// Who took it last, and with which token.
    taken: Option<(OwnerId, LeaseToken)>,
    /// `None` while it has no holder.
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

    /// Who holds it, and what its writes name.
    pub(super) fn holder(&self) -> Option<(OwnerId, Fence)> {
        let (owner, token) = self.taken.filter(|_| self.is_held())?;
        Some((owner, Fence { epoch: self.epoch, token }))
    }

    /// Gives it to a new holder; returns the fence that shuts out all earlier ones.
    pub(super) fn take(&mut self, owner: OwnerId, token: LeaseToken, expires: Monotonic) -> Fence {
        self.epoch += 1;
        self.taken = Some((owner, token));
        self.expires = Some(expires);
        Fence { epoch: self.epoch, token }
    }

    /// Whether its fence is still this one: not taken or revoked since, be it held or not.
    pub(super) fn has(&self, fence: Fence) -> bool {
        self.epoch == fence.epoch && self.taken.is_some_and(|(_, token)| token == fence.token)
    }

    /// Whether a write that names this fence is allowed.
    pub(super) fn check(&self, fence: Fence) -> Result<(), LeaseError> {
        if self.is_held() && self.has(fence) { Ok(()) } else { Err(LeaseError::Fenced) }
    }

    pub(super) fn renew(&mut self, fence: Fence, expires: Monotonic) -> Result<(), LeaseError> {
        self.check(fence)?;
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
