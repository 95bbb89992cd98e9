//! One attempt: address, hash, sign, send, read.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use brigade_model::names::BucketName;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{AnswerBounds, Call, CallError, Verdict};
use brigade_model::{JobId, StoreClock};
use bytes::Bytes;
use http::response::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use md5::{Digest, Md5};
use tokio_rustls::TlsConnector;

use super::connect::Connector;
use super::download::{Download, NotWhole};
use super::encoding::form;
use super::endpoint::{Address, Endpoint};
use super::not_connected::NotConnected;
use super::pool::{IdleConnections, Pool, PooledConnection, SendError};
use super::proxy::Proxy;
use super::regions::{Regions, is_region};
use super::request::{RequestDraft, refuse};
use super::response::{StoreResponse, http_date, invalid_response};
use super::response_timeout::ResponseTimeout;
use super::sign::{Signer, Unsigned, hex};
use super::{HttpConfig, HttpConfigError, failure, tls};
use crate::credentials::{CredentialSource, Credentials};
use crate::timeouts::Timeouts;
use crate::unanswered::Unanswered;
use crate::verdict::{CLOCK_SKEWED, Loss, Seen, Step, judge};

/// Larger bodies are hashed beside the runtime: 256 KiB take about a millisecond.
const HASHED_INLINE_MAX: usize = 256 << 10;
/// The hashes of no larger body are kept: ten tags take less.
const KEPT_BODY_MAX: usize = 16 << 10;
/// Where so many connections are open, a further one first has to answer something that changes
/// nothing. A server with no room for more may take one and close it unanswered, and what becomes of a
/// call that was sent over it is not known.
const UNPROVEN_CONNECTIONS_MAX: usize = 32;
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
pub(crate) const USER_AGENT: &str = concat!("bucket-brigade/", env!("CARGO_PKG_VERSION"));

/// Sends drafts to one endpoint.
pub(crate) struct Exchange {
    endpoint: Endpoint,
    regions: Regions,
    /// The last small body with its hashes: those of a job are often the same, as its tags are.
    last_body: Mutex<Option<(Bytes, Arc<Hashes>)>>,
    credentials: Arc<dyn CredentialSource>,
    pool: Arc<Pool>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
    requester_pays: bool,
    /// Requests themselves go to it, and not over a tunnel through it.
    forwarding: Option<Proxy>,
    /// Is told the `Date` of answers.
    pub(crate) dates: Option<Arc<StoreClock>>,
    /// Is told what jobs await.
    pub(crate) unanswered: Option<Arc<Unanswered>>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Boxed, since several futures hold it one after the other.
type HttpRequest = Box<Request<Full<Bytes>>>;
type Signed = (Address, HttpRequest, Arc<Signer>);

impl Exchange {
    pub(crate) fn new(
        config: HttpConfig,
        clock: Arc<dyn Clock>,
        idle: IdleConnections,
    ) -> Result<Self, HttpConfigError> {
        let endpoint = Endpoint::parse(&config.endpoint, config.addressing)?;
        check_region(&config.region)?;
        let tls = endpoint.is_tls.then(|| tls::client_config(config.extra_ca.as_deref())).transpose()?;
        let forwarding = config.route.forwarding(endpoint.is_tls).cloned();
        let connector = Connector {
            clock: Arc::clone(&clock),
            timeout: config.timeouts.connect,
            tls: tls.map(TlsConnector::from),
            route: config.route,
        };
        Ok(Self {
            endpoint,
            regions: Regions::new(&config.region),
            last_body: Mutex::default(),
            credentials: config.credentials,
            pool: Arc::new(Pool::new(connector, Arc::clone(&clock), config.idle, idle)),
            clock,
            timeouts: config.timeouts,
            requester_pays: config.requester_pays,
            forwarding,
            dates: None,
            unanswered: None,
        })
    }

    /// The answer with a success's status; every other end is an error. A request whose body is small
    /// is signed before anything is waited for, so that the future has no room for its parts.
    pub(crate) fn send(
        &self,
        call: &Call,
        draft: RequestDraft,
        job: Option<JobId>,
    ) -> impl Future<Output = Result<StoreResponse, CallError>> + Send {
        let signed = match self.credentials.current() {
            Some(credentials) if draft.body.len() <= HASHED_INLINE_MAX => Ok({
                let hashes = self.hashes(&draft.body);
                (self.sign(draft, &hashes, &credentials), credentials)
            }),
            _ => Err(Box::new(draft)),
        };
        async move {
            let (signed, credentials) = match signed {
                Ok(signed) => signed,
                Err(draft) => Box::pin(self.sign_later(*draft)).await?,
            };
            let reply = self.send_signed(call, signed?, job).await;
            reply.map_err(|error| self.renewing(without_secrets(error, &credentials), &credentials))
        }
    }

    /// What the store says of refused credentials passes when there are others.
    fn renewing(&self, error: CallError, credentials: &Arc<Credentials>) -> CallError {
        let is_theirs = error.verdict == Verdict::CredentialsRefused && error.code != CLOCK_SKEWED;
        match is_theirs && self.credentials.renew(credentials) {
            true => CallError { verdict: Verdict::Transient, ..error },
            false => error,
        }
    }

    fn hashes(&self, body: &Bytes) -> Arc<Hashes> {
        if body.is_empty() || body.len() > KEPT_BODY_MAX {
            return Arc::new(Hashes::of(body));
        }
        let mut last = self.last_body.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((same, hashes)) if same == body => Arc::clone(hashes),
            _ => {
                let hashes = Arc::new(Hashes::of(body));
                *last = Some((body.clone(), Arc::clone(&hashes)));
                hashes
            }
        }
    }

    /// Signs what is large, or waits for credentials.
    async fn sign_later(
        &self,
        draft: RequestDraft,
    ) -> Result<(Result<Signed, CallError>, Arc<Credentials>), CallError> {
        let body = draft.body.clone();
        let hashing = tokio::task::spawn_blocking(move || Hashes::of(&body));
        let hashes = hashing.await.expect("hashing does not panic and is not aborted");
        let credentials = self.obtain().await?;
        Ok((self.sign(draft, &hashes, &credentials), credentials))
    }

    async fn obtain(&self) -> Result<Arc<Credentials>, CallError> {
        self.credentials.obtain().await.map_err(|problem| failure::no_credentials(&problem))
    }

    async fn send_signed(
        &self,
        call: &Call,
        (address, request, signer): Signed,
        job: Option<JobId>,
    ) -> Result<StoreResponse, CallError> {
        let listener = self.unanswered.as_ref().and_then(|unanswered| Some(unanswered.listener(job?, call)));
        let mut response_timeout = ResponseTimeout::begin(&self.clock, &self.timeouts, call, listener);
        let dates = self.dates.as_ref().and_then(|dates| Some((dates, dates.read_for_date()?)));
        let (connection, response) = self.answer(call, &address, request, &mut response_timeout).await?;
        response_timeout.hear();
        if let Some((dates, sent)) = dates
            && let Some(date) = response.headers().get(header::DATE).and_then(|date| http_date(date.to_str().ok()?))
        {
            dates.observe_date(sent, date);
        }
        let reply = self.read(call, connection, response, address, &mut response_timeout).await?;
        if reply.status.is_success() {
            return Ok(reply);
        }
        let learn = |region: &str| self.regions.learn(call.bucket(), &signer, region);
        let mut error = failure::refused(&reply, self.clock.now(), learn);
        if !self.endpoint.is_tls
            && reply.status == StatusCode::BAD_REQUEST
            && let Some(problem) = tls::explain_answer(&reply.body, &self.endpoint.host())
        {
            error.message = problem;
        }
        Err(error)
    }

    fn sign(&self, draft: RequestDraft, hashes: &Hashes, credentials: &Arc<Credentials>) -> Result<Signed, CallError> {
        let draft = draft.paid(self.requester_pays);
        let target = self.endpoint.target(&draft.bucket, draft.key.as_ref());
        let mut query = draft.query;
        // A signature wants it sorted, so it is sent sorted.
        query.sort_unstable();
        let query = form(query.iter().map(|(name, value)| (*name, value.as_str())));
        let mut headers = draft.headers;
        let no_host = || refuse("the bucket's name cannot stand in a host's name");
        let authority = self.forwarding.as_ref().map(|_| Authority::try_from(target.host_header.as_str()));
        let authority = authority.transpose().map_err(|_| no_host())?;
        headers.insert(header::HOST, HeaderValue::try_from(target.host_header).map_err(|_| no_host())?);
        if let Some(md5) = &hashes.md5 {
            headers.insert("content-md5", HeaderValue::try_from(md5).expect("base64 is visible ASCII"));
        }
        let unsigned =
            Unsigned { method: &draft.method, path: &target.path, query: &query, body_sha256: &hashes.sha256 };
        let signer = self.regions.signer_of(&draft.bucket);
        signer
            .sign(&unsigned, &mut headers, credentials, self.clock.now())
            .map_err(|error| refuse(error.to_string()))?;
        if draft.method == Method::PUT || draft.method == Method::POST {
            headers.insert(header::CONTENT_LENGTH, draft.body.len().into());
        }
        // Bytes as they are, and not as a server on the way would like to send them. It is not
        // signed, for such servers change it.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let uri = if query.is_empty() { target.path } else { format!("{}?{query}", target.path) };
        let uri = PathAndQuery::try_from(uri).map_err(|_| refuse("the request's path is too long"))?;
        let mut uri = Uri::from(uri);
        if let Some(authority) = authority {
            let mut parts = uri.into_parts();
            (parts.scheme, parts.authority) = (Some(Scheme::HTTP), Some(authority));
            uri = Uri::from_parts(parts).map_err(|_| no_host())?;
        }
        if let Some(authorization) = self.forwarding.as_ref().and_then(|proxy| proxy.authorization.as_ref()) {
            headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
        let mut request = Box::new(Request::new(Full::new(draft.body)));
        *request.method_mut() = draft.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok((target.address, request, signer))
    }

    /// The answer's head. A request that a kept connection did not take goes over the next one: it was
    /// never written.
    async fn answer(
        &self,
        call: &Call,
        address: &Address,
        mut request: HttpRequest,
        response_timeout: &mut ResponseTimeout,
    ) -> Result<(Box<PooledConnection>, Response<Incoming>), CallError> {
        loop {
            let kept = self.pool.kept(address);
            let is_new = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => Box::pin(self.connect(call.bucket(), address, response_timeout)).await?,
            };
            let answer = tokio::select! {
                biased;
                answer = connection.send(request) => answer,
                () = response_timeout.over() => return Err(failure::timed_out()),
            };
            match answer {
                Ok(response) => return Ok((connection, response)),
                Err(SendError::Broken(error)) if error.is_parse() && !self.endpoint.is_tls => {
                    let cause = tls::explain_no_http(&self.endpoint.host());
                    return Err(CallError { message: cause, ..failure::lost(Loss::Reset, &error) });
                }
                Err(SendError::Broken(error)) => return Err(failure::lost(Loss::Reset, &error)),
                Err(SendError::NotSent(_)) if is_new => {
                    let cause = "the connection was closed before the request was sent".into();
                    return Err(self.not_connected(&NotConnected { step: Step::Connect, cause }));
                }
                Err(SendError::NotSent(unsent)) => request = unsent,
            }
        }
    }

    async fn connect(
        &self,
        bucket: &BucketName,
        address: &Address,
        response_timeout: &mut ResponseTimeout,
    ) -> Result<Box<PooledConnection>, CallError> {
        let connect = async {
            let open = || async { self.pool.connect(address).await.map_err(|cause| self.not_connected(&cause)) };
            let mut connection = open().await?;
            if connection.nth() <= UNPROVEN_CONNECTIONS_MAX {
                return Ok(connection);
            }
            self.prove(&mut connection, bucket).await?;
            // A server that closes each connection after one answer was asked often enough.
            if connection.is_free() { Ok(connection) } else { open().await }
        };
        tokio::select! {
            biased;
            connection = connect => connection,
            () = response_timeout.over() => Err(self.not_connected(&silent())),
        }
    }

    /// Whether the server serves a new connection: it answers a HEAD of the bucket, whatever that says
    /// of the bucket.
    async fn prove(&self, connection: &mut PooledConnection, bucket: &BucketName) -> Result<(), CallError> {
        let head = RequestDraft::of_bucket(Method::HEAD, bucket);
        let (_, request, _) = self.sign(head, &Hashes::of(b""), &self.obtain().await?)?;
        let answer = tokio::select! {
            biased;
            answer = connection.send(request) => answer,
            () = self.clock.sleep(self.timeouts.connect) => return Err(self.not_connected(&silent())),
        };
        let refusal = match answer {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => match judge(Seen::Refused { status: response.status().as_u16(), code: None }) {
                (Verdict::Throttled | Verdict::Transient, _) => {
                    format!("a HEAD of the bucket was answered with {}", response.status())
                }
                _ => return Ok(()),
            },
            Err(SendError::Broken(error)) => format!("a new connection was closed unanswered: {error}"),
            Err(SendError::NotSent(_)) => "a new connection was closed at once".to_owned(),
        };
        Err(self.not_connected(&NotConnected { step: Step::Admit, cause: refusal }))
    }

    fn not_connected(&self, cause: &NotConnected) -> CallError {
        failure::not_connected(cause, &self.endpoint.url())
    }

    /// Reads the body, except an object's, which is left to the caller.
    async fn read(
        &self,
        call: &Call,
        connection: Box<PooledConnection>,
        response: Response<Incoming>,
        address: Address,
        response_timeout: &mut ResponseTimeout,
    ) -> Result<StoreResponse, CallError> {
        let (Parts { status, headers, .. }, body) = response.into_parts();
        let bounds = if status.is_success() { call.answer_bounds() } else { AnswerBounds::RESULT };
        let mut reply =
            StoreResponse { status, headers, body: Bytes::new(), elements_max: bounds.elements, stream: None };
        let is_stream = matches!(call, Call::GetObject(_)) && reply.status.is_success();
        let request_id = is_stream.then(|| failure::request_id(&reply)).flatten();
        let mut download =
            Download::new((connection, body), address, &self.pool, &self.clock, self.timeouts.attempt, request_id);
        if is_stream {
            download.listener = response_timeout.listener();
            reply.stream = Some(Box::new(download));
            return Ok(reply);
        }
        match download.collect(bounds.bytes, response_timeout).await {
            Ok(body) => reply.body = body,
            Err(NotWhole::TimedOut) => {
                return Err(CallError { request_id: failure::request_id(&reply), ..failure::timed_out() });
            }
            Err(NotWhole::CutOff(error)) => {
                return Err(CallError {
                    request_id: failure::request_id(&reply),
                    ..failure::lost(Loss::CutOff, &error)
                });
            }
            Err(NotWhole::TooLarge) if reply.status.is_success() => {
                let invalid = invalid_response(format!("the answer is larger than {} bytes", bounds.bytes));
                return Err(failure::unproven(failure::ResponseOrigin::of(&reply), invalid));
            }
            // The status says enough of an error.
            Err(NotWhole::TooLarge) => {}
        }
        Ok(reply)
    }
}

fn silent() -> NotConnected {
    NotConnected { step: Step::Connect, cause: "no answer in time".into() }
}

/// What a body is sent with.
struct Hashes {
    sha256: Cow<'static, str>,
    /// Base64; `None` without a body.
    md5: Option<String>,
}

impl Hashes {
    fn of(body: &[u8]) -> Self {
        if body.is_empty() {
            return Self { sha256: EMPTY_SHA256.into(), md5: None };
        }
        Self {
            sha256: hex(ring::digest::digest(&ring::digest::SHA256, body).as_ref()).into(),
            md5: Some(BASE64_STANDARD.encode(Md5::digest(body))),
        }
    }
}

fn check_region(region: &str) -> Result<(), HttpConfigError> {
    if is_region(region) { Ok(()) } else { Err(HttpConfigError::Region { region: region.to_owned() }) }
}

/// Shorter ones are no secrets, and stand in many a word.
const SECRET_BYTES_MIN: usize = 8;

/// A server may repeat in its message what it was sent.
fn without_secrets(mut error: CallError, credentials: &Credentials) -> CallError {
    for secret in [Some(&credentials.secret), credentials.token.as_ref()].into_iter().flatten() {
        if secret.len() >= SECRET_BYTES_MIN && error.message.contains(secret.as_str()) {
            error.message = error.message.replace(secret.as_str(), "[secret]");
        }
    }
    error
}
