//! An S3 server over HTTP: signed requests on kept connections, one attempt a call.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{Answer, Call, CallError, Effect, Leash, ObjectStore, Verdict};

use crate::credentials::CredentialSource;
use crate::timeouts::Timeouts;

/// How a bucket stands in a URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`.
    #[default]
    Path,
    /// `https://bucket.host/key`.
    VirtualHosted,
}

/// An S3 endpoint.
#[derive(Clone)]
pub struct HttpConfig {
    /// `http://host:port` or `https://host`, without a path.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// How a bucket stands in a URL.
    pub addressing: Addressing,
    /// What requests are signed with.
    pub credentials: Arc<dyn CredentialSource>,
    /// PEM file of certificate authorities to trust besides the system's.
    pub extra_ca: Option<PathBuf>,
    /// Time-outs.
    pub timeouts: Timeouts,
    /// A kept connection that was idle for this long is not used again; below the server's own
    /// idle time-out, so that the server does not close it under a request.
    pub idle: Duration,
}

/// Why an endpoint cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum HttpConfigError {
    /// The URL is not one of an endpoint.
    #[error("endpoint {url:?} {problem}")]
    Endpoint {
        /// As configured.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The port's body over HTTP.
pub struct HttpStore {
    _config: HttpConfig,
    _clock: Arc<dyn Clock>,
}

impl HttpStore {
    /// A store that connects when it is first called.
    ///
    /// # Errors
    /// [`HttpConfigError`] when the URL or the certificate file is not usable.
    pub fn new(config: HttpConfig, clock: Arc<dyn Clock>) -> Result<Self, HttpConfigError> {
        Ok(Self { _config: config, _clock: clock })
    }
}

#[async_trait]
impl ObjectStore for HttpStore {
    async fn call(&self, _leash: &Leash, _call: Call) -> Result<Answer, CallError> {
        Err(CallError::new(Verdict::Unavailable, Effect::None, "NotImplemented", "not built yet"))
    }
}
