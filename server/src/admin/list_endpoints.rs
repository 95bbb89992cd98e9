//! ListEndpoints: what is set for each endpoint, and what goes on there.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{EndpointList, Refusals};

use super::{Done, JsonRefusal};
use crate::api::Api;

/// Lists the endpoints of the configuration
#[utoipa::path(
    get,
    path = "/brigade/v1/endpoints",
    operation_id = "ListEndpoints",
    tag = "endpoints",
    responses(
        (status = 200, description = "The endpoints, by name", body = EndpointList),
        Refusals,
    ),
)]
pub(super) async fn handle(State(api): State<Arc<Api>>) -> Result<Done<EndpointList>, JsonRefusal> {
    Ok(Done(EndpointList { endpoints: api.endpoints() }))
}
