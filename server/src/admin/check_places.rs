//! CheckPlaces: whether the buckets are there that a job to come will write to.

use std::sync::Arc;

use axum::extract::State;
use brigade_service::{BucketFound, PlaceFound, PlaceUse};
use brigade_wire::admin::{PlaceList, PlaceQuery, PlaceState, Refusals};

use super::{AdminCaller, Done, JsonRefusal, PathName, QueryParameters, errors};
use crate::api::Api;

/// Looks whether the buckets are there that a job in a role will write to, by the role's credentials
#[utoipa::path(
    get,
    path = "/brigade/v1/roles/{role}/places",
    operation_id = "CheckPlaces",
    tag = "jobs",
    params(
        ("role" = String, Path, description = "The name of a role of the account"),
        ("report" = Option<String>, Query, description = "The bucket of the report"),
        ("target" = Option<String>, Query, description = "The bucket of the copies"),
    ),
    responses(
        (status = 200, description = "What was found; a role or a bucket that is not allowed is a refusal", body = PlaceList),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(role): PathName,
    QueryParameters(query): QueryParameters,
) -> Result<Done<PlaceList>, JsonRefusal> {
    let PlaceQuery { report, target } =
        PlaceQuery::decode(&query).map_err(|wrong| errors::invalid(&wrong.name, wrong.why))?;
    let report = report.map(|bucket| (PlaceUse::Report, bucket));
    let wanted: Vec<_> = report.into_iter().chain(target.map(|bucket| (PlaceUse::Target, bucket))).collect();
    let found = api.job_service.look_at_places(&caller, &role, &wanted).await?;
    Ok(Done(PlaceList { places: found.into_iter().map(place_state).collect() }))
}

fn place_state(PlaceFound { used, bucket, endpoint, found }: PlaceFound) -> PlaceState {
    let used = match used {
        PlaceUse::Manifest => "manifest",
        PlaceUse::Report => "report",
        PlaceUse::Target => "target",
    };
    let (is_there, why) = match found {
        BucketFound::There => (Some(true), None),
        BucketFound::Missing => (Some(false), None),
        BucketFound::Unknown(why) => (None, Some(why)),
    };
    PlaceState { used: used.to_owned(), bucket: bucket.to_string(), endpoint: endpoint.to_string(), is_there, why }
}
