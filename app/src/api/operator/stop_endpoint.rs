//! StopEndpoint: no request to an endpoint begins until it is started, over restarts too.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::EndpointSettings;
use brigade_model::endpoint::Stopped;
use brigade_model::limits::STOP_REASON_CHARS_MAX;

use super::{Done, Given, Kept, Named, Operator, errors};
use crate::api::Api;
use crate::operator::{EndpointState, Refusals, StopReason};

/// Stops an endpoint: no request to it begins until it is started
///
/// Requests in flight end. Jobs wait, and say why. It stays stopped over a restart.
#[utoipa::path(
    post,
    path = "/brigade/v1/endpoints/{endpoint}/stop",
    operation_id = "StopEndpoint",
    tag = "endpoints",
    params(("endpoint" = String, Path, description = "The endpoint's name in the configuration")),
    request_body = StopReason,
    responses(
        (status = 200, description = "The endpoint is stopped", body = EndpointState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    operator: Operator,
    Named(endpoint): Named,
    Given(why): Given<StopReason>,
) -> Result<Done<EndpointState>, Kept> {
    if why.reason.chars().count() > STOP_REASON_CHARS_MAX {
        return Err(errors::reason_too_long(STOP_REASON_CHARS_MAX).into());
    }
    let now = api.clock.now();
    let stop = |settings: &mut EndpointSettings, _| {
        let since = settings.stopped.as_ref().map_or(now, |stopped| stopped.since);
        settings.stopped = Some(Stopped { since, reason: why.reason.clone() });
        Ok(())
    };
    let state = api.set_endpoint(&operator, &endpoint, stop).await?;
    operator.audit_endpoint("stop", &endpoint);
    Ok(Done(state))
}
