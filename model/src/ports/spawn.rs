//! The only way to start concurrent work, so that a simulation can end a node at any moment with
//! everything that it runs.

use std::future::Future;
use std::pin::Pin;

/// A piece of work.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts work.
pub trait Spawn: Send + Sync + 'static {
    /// Starts it; it goes on by itself until it ends or [`Spawned::abort`] is called. Dropping
    /// the handle does not end it.
    fn spawn(&self, name: &'static str, work: Work) -> Box<dyn Spawned>;
}

/// Work that was started.
pub trait Spawned: Send + Sync {
    /// Ends it where it stands.
    fn abort(&self);

    /// Done when the work has ended, however it did.
    fn ended(self: Box<Self>) -> Work;
}
