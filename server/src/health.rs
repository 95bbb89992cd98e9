//! The pages for monitoring: `/healthz` (the process lives), `/readyz` (it takes requests) and
//! `/metrics`. Only the metrics' address shows reasons and figures.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::{Status, WaitCause};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::api::Api;
use crate::metrics::{EndpointNow, Now};

/// The process lives.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 or 503, and no more: every client may ask.
pub(crate) async fn readyz(State(api): State<Arc<Api>>) -> (StatusCode, &'static str) {
    match api.reasons_not_ready().await.as_slice() {
        [] => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}

/// 200, or 503 with a reason a line; and what makes nothing unready but should be known.
pub(crate) async fn readyz_with_reasons(State(api): State<Arc<Api>>) -> (StatusCode, String) {
    let reasons = api.reasons_not_ready().await;
    let note = api.clock_watch.look().map(|note| format!("note: {note}\n")).unwrap_or_default();
    if reasons.is_empty() {
        return (StatusCode::OK, format!("ready\n{note}"));
    }
    let reasons: String = reasons.iter().map(|reason| format!("{reason}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, reasons + &note)
}

/// The metrics in Prometheus form.
pub(crate) async fn metrics(State(api): State<Arc<Api>>) -> ([(http::HeaderName, &'static str); 1], String) {
    let now = api.now().await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.metrics.render(&now))
}

impl Api {
    async fn reasons_not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.is_stopping() {
            reasons.push("the service is stopping".to_owned());
        }
        if self.engine.has_failed() {
            reasons.push("the engine has failed".to_owned());
        }
        // The cheapest question: every client may make us ask it.
        if let Err(error) = self.jobs.endpoints().await {
            tracing::error!(%error, "database does not answer; service not ready");
            reasons.push("the job store does not answer".to_owned());
        }
        reasons.extend(self.engine.why_full());
        reasons
    }

    /// The endpoints, with the names of buckets where the configuration allows them.
    pub(crate) fn shown(&self, endpoints: Vec<EndpointNow>) -> Vec<EndpointNow> {
        if self.rules.metrics_bucket_names {
            return endpoints;
        }
        endpoints.into_iter().map(EndpointNow::without_buckets).collect()
    }

    async fn now(&self) -> Now {
        let counted = self.jobs.count_jobs().await.unwrap_or_default();
        let count = |status| counted.iter().find(|(other, _)| *other == status).map_or(0, |(_, count)| *count);
        // As the jobs by status: what cannot be read is 0 for a moment, and /readyz says why.
        let causes = self.job_service.count_waiting().await.unwrap_or_default();
        let waits = |cause: WaitCause| (cause.word(), causes.get(&cause).copied().unwrap_or_default());
        Now {
            waiting: WaitCause::ALL.into_iter().map(waits).collect(),
            jobs: Status::ALL.into_iter().map(|status| (status.name(), count(status))).collect(),
            endpoints: self.shown(self.roles.now()),
            spool_bytes: self.spool.bytes_used().await.ok(),
            spool_free_bytes: self.spool.bytes_free().await.ok().flatten(),
            is_space_low: self.engine.why_full().is_some(),
        }
    }
}
