//! Which face answers a request: the COS dialect at `/jobs` ([`cos`]), the S3 Control dialect under `/v20180820/`
//! ([`s3control`]), the operator's API under `/brigade/v1/` ([`admin`]), and `/healthz` and `/readyz`; the metrics have an
//! address of their own.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get};

use crate::api::Api;
use crate::{admin, cos, health, s3control};

/// The whole API.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(admin::router(&api))
        .route(s3control::PATHS, any(s3control::answer_request))
        .fallback(cos::answer_request)
        .with_state(api)
}

/// The pages for every client that reaches the metrics' address.
pub(crate) fn metrics_router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz_with_reasons))
        .route("/metrics", get(health::metrics))
        .with_state(api)
}
