//! A scripted server, and a client of it, for tests.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex, PoisonError};

use brigade_config::secret::Secret;
use brigade_config::value::Url;
use brigade_model::ports::{Clock, Spawn};
use brigade_runtime::{SystemClock, TokioSpawn};
use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Client, ClientConfig};

/// A server that gives the answers of its script, the last one again and again, and keeps what
/// it was asked.
pub struct Stub {
    /// A client of it.
    pub client: Client,
    state: Arc<Mutex<State>>,
}

struct State {
    script: Vec<(u16, String)>,
    asked: Vec<(request::Parts, Bytes)>,
}

impl Stub {
    /// One that gives this answer, whatever it is asked.
    pub async fn answering(status: u16, body: &str) -> Self {
        Self::scripted([(status, body.to_owned())], Arc::new(SystemClock::new())).await
    }

    /// One that gives these answers, in turn.
    pub async fn scripted(script: impl IntoIterator<Item = (u16, String)>, clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { script: script.into_iter().collect(), asked: Vec::new() }));
        TokioSpawn.spawn("stub", Box::pin(serve(listener, Arc::clone(&state))));
        Self { client: client_of(&format!("http://{address}"), clock), state }
    }

    /// What was asked last: the request line, and its parts.
    #[must_use]
    pub fn asked(&self) -> (String, request::Parts, Bytes) {
        let asked = self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.pop();
        let (parts, body) = asked.expect("something was asked");
        (format!("{} {}", parts.method, parts.uri), parts, body)
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = service_fn(|request: Request<Incoming>| async {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.asked.push((parts, body));
            let (status, text) = if state.script.len() > 1 { state.script.remove(0) } else { state.script[0].clone() };
            let answer = Response::builder().status(status).header("x-cos-request-id", "REQ1");
            Ok::<_, hyper::Error>(answer.body(Full::new(Bytes::from(text))).expect("the parts are sound"))
        });
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

/// A client of that service.
pub fn client_of(url: &str, clock: Arc<dyn Clock>) -> Client {
    let config = ClientConfig {
        url: Url::parse(url).unwrap(),
        appid: "1250000000".into(),
        uin: "100000000001".into(),
        region: "local".into(),
        secret_id: "AKIDtest".into(),
        secret_key: Secret::new("secret-of-test"),
        security_token: Some(Secret::new("token-of-test")),
        ca: None,
    };
    Client::new(config, clock).unwrap()
}
