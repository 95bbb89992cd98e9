//! An S3 server over HTTP: signed requests on kept connections, one attempt a call.
//!
//! ```text
//! call -> calls::encode -> RequestDraft -> exchange (address, hash, sign, send, read) -> StoreResponse
//!      -> calls::decode -> answer, or failure (the verdict table) -> error
//! ```
//!
//! It never follows redirections, and signs for the region that the server names ([`regions`]). Success is proven: the call's `decode` checks what an answer must
//! hold. `retry` repeats calls; `limit` makes them wait for a permit.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::names::BucketName;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    Answer, Call, CallError, CancelToken, GetObject, HeadObject, ListObjectsV2, ObjectStore,
};
use brigade_model::{JobId, StoreClock};

use crate::credentials::CredentialSource;
use crate::timeouts::Timeouts;
use crate::unanswered::Unanswered;

mod calls;
mod connect;
mod download;
mod encoding;
pub mod endpoint;
mod exchange;
mod failure;
pub mod function;
mod not_connected;
pub(crate) mod plain;
mod pool;
pub mod proxy;
mod regions;
mod request;
mod response;
mod response_timeout;
mod sign;
pub mod tls;

use exchange::Exchange;
pub use pool::{IDLE_CONNECTIONS_MAX, IdleConnections};
use proxy::Route;
use request::{CHECKSUM_MODE, RequestDraft};
use response::StoreResponse;

/// How a bucket stands in a URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`.
    #[default]
    Path,
    /// `https://bucket.host/key`.
    VirtualHosted,
}

/// A kept connection that was idle for this long is not used again, unless configured
/// otherwise: common servers close theirs after 5 s (node) to 75 s (nginx).
pub const IDLE: Duration = Duration::from_secs(4);

/// An S3 endpoint.
#[derive(Clone)]
pub struct HttpConfig {
    /// `http://host:port` or `https://host`, and a path if the store stands below one.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// How a bucket stands in a URL.
    pub addressing: Addressing,
    /// What requests are signed with.
    pub credentials: Arc<dyn CredentialSource>,
    /// PEM file of certificate authorities to trust besides the system's, and of certificates that the server
    /// may show itself.
    pub extra_ca: Option<PathBuf>,
    /// How connections to it are made.
    pub route: Route,
    /// Time-outs.
    pub timeouts: Timeouts,
    /// A kept connection that was idle for this long is not used again; below the server's own
    /// idle time-out, so that the server does not close it under a request. See [`IDLE`].
    pub idle: Duration,
    /// Whether every request says that its sender pays, as buckets whose requester pays demand.
    pub requester_pays: bool,
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
    /// The region cannot stand in a signature.
    #[error("region {region:?} must be 1 to 64 letters, digits, '-' or '_'")]
    Region {
        /// As configured.
        region: String,
    },
    /// The file of certificate authorities is not usable.
    #[error("certificate authorities in {}: {problem}", path.display())]
    ExtraCa {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system has no certificate authorities, and none are configured.
    #[error("the system has no certificate authorities: install ca-certificates or configure a file of them")]
    NoAuthorities,
}

/// The port's body over HTTP.
#[derive(Debug)]
pub struct HttpStore {
    exchange: Exchange,
}

impl HttpStore {
    /// A store that connects when it is first called.
    ///
    /// # Errors
    /// [`HttpConfigError`] when the URL, the region or the certificate file is not usable.
    pub fn new(config: HttpConfig, clock: Arc<dyn Clock>) -> Result<Self, HttpConfigError> {
        Self::keeping_connections_in(IdleConnections::default(), config, clock)
    }

    /// The same, keeping its idle connections in a pool shared with other stores.
    ///
    /// # Errors
    /// As [`HttpStore::new`].
    pub fn keeping_connections_in(
        idle: IdleConnections,
        config: HttpConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpConfigError> {
        Ok(Self { exchange: Exchange::new(config, clock, idle)? })
    }

    /// Tells that clock the `Date` of answers.
    #[must_use]
    pub fn telling_dates_to(mut self, clock: Arc<StoreClock>) -> Self {
        self.exchange.dates = Some(clock);
        self
    }

    /// Tells what jobs await of it.
    #[must_use]
    pub fn telling_unanswered_to(mut self, unanswered: Arc<Unanswered>) -> Self {
        self.exchange.unanswered = Some(unanswered);
        self
    }

    /// Asks for the head of a bucket, once, past everything that calls of jobs wait for. Any answer is one:
    /// it is how long it takes that tells something.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn head_bucket(&self, bucket: &BucketName) -> Result<(), CallError> {
        let listing =
            ListObjectsV2 { bucket: bucket.clone(), prefix: String::new(), continuation_token: None, max_keys: 1 };
        // It may take as long as a small listing, and has no body.
        let call = Call::ListObjectsV2(listing);
        match self.exchange.send(&call, RequestDraft::of_bucket(::http::Method::HEAD, bucket), None).await {
            Err(error) if error.http_status.is_none() => Err(error),
            _ => Ok(()),
        }
    }

    async fn attempt(&self, call: &Call, cancel: &CancelToken) -> Result<Answer, CallError> {
        let draft = calls::encode(call)?.paid(cancel.is_paying());
        let sent = self.exchange.send(call, draft, job_of(cancel));
        proof(call, sent.await?)
    }

    /// A HEAD that was refused. Its checksums may need more rights than the rest of it (those of
    /// an object under a key service need the key), so they are left out once. And an error of a
    /// HEAD has no body, so a refused key looks like a denied object: the first byte of the
    /// object is asked for instead, for the same rights, and an error with its code.
    async fn ask_otherwise(
        &self,
        head: HeadObject,
        cancel: &CancelToken,
        refused: CallError,
    ) -> Result<Answer, CallError> {
        let first_byte =
            GetObject { at: head.at.clone(), version: head.version.clone(), range: Some((0, 0)), if_match: None };
        let call = Call::HeadObject(head);
        let mut bare = calls::encode(&call)?.paid(cancel.is_paying());
        bare.headers.remove(CHECKSUM_MODE);
        if let Ok(reply) = self.exchange.send(&call, bare, job_of(cancel)).await {
            return proof(&call, reply);
        }
        match self.attempt(&Call::GetObject(first_byte), cancel).await {
            Err(error) if error.http_status == refused.http_status => Err(error),
            _ => Err(refused),
        }
    }
}

/// The job on whose behalf calls are made.
fn job_of(cancel: &CancelToken) -> Option<JobId> {
    cancel.caller().map(|caller| caller.job)
}

/// What an answer with a success's status proves.
fn proof(call: &Call, reply: StoreResponse) -> Result<Answer, CallError> {
    let origin = failure::ResponseOrigin::of(&reply);
    calls::decode(call, reply).map_err(|invalid| failure::unproven(origin, invalid))
}

/// What any whole answer makes of a call, for tests that make answers up. An object's bytes are
/// a stream of their own and not among them.
///
/// # Errors
/// Whatever the verdict table makes of an answer that proves nothing.
#[cfg(feature = "conformance")]
pub fn prove(
    call: &Call,
    answer: ::http::Response<bytes::Bytes>,
    now: brigade_model::Timestamp,
) -> Result<Answer, CallError> {
    let (head, body) = answer.into_parts();
    let elements_max = call.answer_bounds().elements;
    let reply = StoreResponse { status: head.status, headers: head.headers, body, elements_max, stream: None };
    if reply.status.is_success() { proof(call, reply) } else { Err(failure::refused(&reply, now, |_| false)) }
}

#[async_trait]
impl ObjectStore for HttpStore {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let error = match self.attempt(&call, cancel).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match (call, error.http_status, error.code.as_str()) {
            (Call::HeadObject(head), Some(400 | 403), _) => Box::pin(self.ask_otherwise(head, cancel, error)).await,
            // An object without tags, as some servers put it.
            (Call::GetObjectTagging(_), Some(404), "NoSuchTagSet" | "NoSuchTagSetError") => {
                Ok(Answer::GetObjectTagging(Vec::new()))
            }
            _ => Err(error),
        }
    }
}
