//! The sandbox's listener: HTTP connections, `s3s` for S3's wire and signatures, a request id on
//! every answer.
//!
//! `s3s` 0.14 differs from S3 in three points, which the listener corrects: it ignores the status that
//! an action sets (a repeated restore is a 200, not a 202), it writes a carriage return into XML
//! unescaped, where every reader takes it for a line feed, and its own list of keys answers an unknown
//! one with NotSignedUp.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use brigade_model::ports::Entropy;
use brigade_s3::simulated::SimulatedStore;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, StatusCode};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{HttpResponse, S3Error, S3ErrorCode, S3Result};
use tokio::net::TcpListener;

use super::answers::{EMPTY, HoldsObject, LOST, REQUEST_ID, SPOILED};
use super::encryption::UpdateEncryption;
use super::store::Sandbox;

/// The one key pair that the sandbox takes. Shows no secret.
#[derive(Clone)]
pub struct Credentials {
    access_key: String,
    secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl Credentials {
    /// These.
    #[must_use]
    pub fn new(access_key: &str, secret_key: &str) -> Self {
        Self { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() }
    }

    /// A new random pair: an id of 20 characters and a secret of 40, as in S3.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        let (mut id, mut secret) = ([0; 8], [0; 30]);
        entropy.fill(&mut id);
        entropy.fill(&mut secret);
        let secret = STANDARD_NO_PAD.encode(secret).replace(['+', '/'], "x");
        Self { access_key: format!("SBOX{}", hex::encode_upper(id)), secret_key: secret }
    }

    /// The access key id.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The secret access key.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }
}

#[async_trait::async_trait]
impl S3Auth for Credentials {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access_key {
            let message = "The AWS Access Key Id you provided does not exist in our records.";
            return Err(S3Error::with_message(S3ErrorCode::InvalidAccessKeyId, message));
        }
        Ok(SecretKey::from(self.secret_key.as_str()))
    }
}

/// Serves the store as an S3 endpoint until `shutdown` is done and the requests in flight are
/// answered. Buckets stand in the path; requests must be signed with the credentials.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    store: SimulatedStore,
    credentials: Credentials,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, routes(store, credentials)).with_graceful_shutdown(shutdown).await
}

/// The router that [`serve`] serves, for callers that wrap it.
pub fn routes(store: SimulatedStore, credentials: Credentials) -> axum::Router {
    let mut builder = S3ServiceBuilder::new(Sandbox::new(store.clone()));
    builder.set_auth(credentials);
    builder.set_route(UpdateEncryption(store));
    let service = CountedService { service: builder.build(), requests: Arc::default() };
    let answer = tower::service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    axum::Router::new().fallback_service(answer)
}

#[derive(Clone)]
struct CountedService {
    service: S3Service,
    requests: Arc<AtomicU64>,
}

impl CountedService {
    async fn answer(&self, request: Request<Body>) -> Response {
        let answered = self.service.call(request.map(s3s::Body::http_body_unsync)).await;
        let mut response = match answered {
            Ok(response) => put_right(response).map(Body::new),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
        match response.headers_mut().remove(SPOILED) {
            Some(how) if how == LOST => return broken(),
            Some(_) => *response.body_mut() = Body::empty(),
            None => {}
        }
        let id = format!("{:016X}", self.requests.fetch_add(1, Ordering::Relaxed));
        let id = HeaderValue::try_from(id).expect("hexadecimal digits are a header's value");
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
        response
    }
}

/// A body that breaks off and ends the connection.
fn broken() -> Response {
    let breaks = std::io::Error::other("the answer is lost, as the store's habit is");
    Response::new(Body::from_stream(futures::stream::iter([Err::<bytes::Bytes, _>(breaks)])))
}

fn put_right(mut response: HttpResponse) -> HttpResponse {
    if let Some(status) = response.extensions().get::<StatusCode>().copied() {
        *response.status_mut() = status;
    }
    let holds_object = response.extensions().get::<HoldsObject>().is_some();
    if response.headers().get(SPOILED).is_some_and(|how| how == EMPTY) {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let xml = response.body().bytes().filter(|body| !holds_object && body.contains(&b'\r'));
    if let Some(xml) = xml {
        let escaped = xml.split(|byte| *byte == b'\r').collect::<Vec<_>>().join(&b"&#13;"[..]);
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = s3s::Body::from(bytes::Bytes::from(escaped));
    }
    response
}
