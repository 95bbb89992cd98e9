//! StartEndpoint: the end of a stop: what waits goes on.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::EndpointSettings;

use super::{Done, Kept, Named, Operator};
use crate::api::Api;
use crate::operator::{EndpointState, Refusals};

/// Starts an endpoint that was stopped
#[utoipa::path(
    post,
    path = "/brigade/v1/endpoints/{endpoint}/start",
    operation_id = "StartEndpoint",
    tag = "endpoints",
    params(("endpoint" = String, Path, description = "The endpoint's name in the configuration")),
    responses(
        (status = 200, description = "The endpoint is started", body = EndpointState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    operator: Operator,
    Named(endpoint): Named,
) -> Result<Done<EndpointState>, Kept> {
    let start = |settings: &mut EndpointSettings, _| {
        settings.stopped = None;
        Ok(())
    };
    let state = api.set_endpoint(&operator, &endpoint, start).await?;
    operator.audit_endpoint("start", &endpoint);
    Ok(Done(state))
}
