//! The SDK's client, whose requests go to one address whatever host they name.

use aws_sdk_s3control::Client;
use aws_sdk_s3control::config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use brigade_tests::Scenario;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Sends every request to this address, in absolute form.
#[derive(Debug, Clone)]
struct ByProxy(String);

impl HttpConnector for ByProxy {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let address = self.0.clone();
        HttpConnectorFuture::new(async move {
            let answer = send(&address, request).await;
            answer.map_err(|error| ConnectorError::other(error, Some(ErrorKind::TransientError)))
        })
    }
}

async fn send(address: &str, request: HttpRequest) -> Result<HttpResponse, Error> {
    let (mut parts, body) = request.try_into_http1x()?.into_parts();
    let host = parts.uri.authority().ok_or("a request names no host")?.as_str().parse()?;
    parts.headers.insert("host", host);
    let body = Full::new(Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
    let (mut sender, connection) = handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    let exchange = async move {
        let (parts, body) = sender.send_request(http::Request::from_parts(parts, body)).await?.into_parts();
        let body = SdkBody::from(body.collect().await?.to_bytes());
        Ok(HttpResponse::try_from(http::Response::from_parts(parts, body))?)
    };
    let (answer, connection) = futures::future::join(exchange, connection).await;
    connection?;
    answer
}

/// What both clients of these tests have in common.
pub(crate) fn config(key_id: &str, secret: &str, connector: impl HttpConnector + 'static) -> Builder {
    let connector = SharedHttpConnector::new(connector);
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(key_id, secret, None, None, "test"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .retry_config(RetryConfig::disabled())
}

/// A client of the scenario's service, with this secret in place of its own.
pub(crate) fn client(scenario: &Scenario, secret: Option<&str>) -> Client {
    let ours = scenario.client();
    let value = |name: &str| ours[name].as_str().unwrap();
    let connector = ByProxy(scenario.url.strip_prefix("http://").unwrap().to_owned());
    let config = config(value("secret_id"), secret.unwrap_or(value("secret_key")), connector);
    // aws_sdk_s3control::Config::builder().endpoint_url("http://batch.internal")
    Client::from_conf(config.endpoint_url("http://batch.internal").build())
}
