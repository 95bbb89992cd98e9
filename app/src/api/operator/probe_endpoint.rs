//! ProbeEndpoint: what an endpoint can do, proved by its effects on a bucket, and from then on
//! believed.
//!
//! The probe is work of its own: when its request ends early, it is told to stop and cleans up.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::ports::object_store::{Leash, ObjectStore};
use brigade_model::{BucketName, EndpointSettings, Finding, Probe};
use brigade_s3::probe::{ProbeError, probe};
use brigade_wire::cos::CosError;
use tokio::sync::oneshot;

use super::{Done, Given, Kept, Named, Operator, errors};
use crate::api::Api;
use crate::operator::{ProbeRequest, ProbeResult, Refusals};

/// Finds out what an endpoint can do
///
/// Each capability is written, acted on and read back in the bucket, which is left as it was. The findings are stored,
/// and take the place of what the endpoint's kind is known to do. They take effect at once. What is neither proved nor
/// known is not relied on. What could not be tried in this bucket stays as an earlier probe found it.
#[utoipa::path(
    post,
    path = "/brigade/v1/endpoints/{endpoint}/probe",
    operation_id = "ProbeEndpoint",
    tag = "endpoints",
    params(("endpoint" = String, Path, description = "The endpoint's name in the configuration")),
    request_body = ProbeRequest,
    responses(
        (status = 200, description = "What was found out", body = ProbeResult),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    operator: Operator,
    Named(endpoint): Named,
    Given(ProbeRequest { bucket }): Given<ProbeRequest>,
) -> Result<Done<ProbeResult>, Kept> {
    let bucket = BucketName::new(&bucket).map_err(errors::no_bucket)?;
    let store = store_of(&api, &endpoint)?;
    operator.audit_endpoint("probe", &endpoint);
    let findings = find(&api, store, bucket.clone()).await?;
    let probe = Probe { bucket, at: api.clock.now(), findings };
    let keep = |settings: &mut EndpointSettings, _| {
        settings.probe = Some(probe.clone().after(settings.probe.as_ref()));
        Ok(())
    };
    api.set_endpoint(&operator, &endpoint, keep).await?;
    let kept = api.roles.endpoint(&endpoint).and_then(|(_, active)| active.settings().probe.clone());
    Ok(Done(ProbeResult::new(&endpoint, kept.as_ref().unwrap_or(&probe))))
}

fn store_of(api: &Api, endpoint: &str) -> Result<Arc<dyn ObjectStore>, CosError> {
    let (name, active) = api.roles.endpoint(endpoint).ok_or_else(errors::no_such_endpoint)?;
    if active.settings().stopped.is_some() {
        return Err(errors::endpoint_stopped());
    }
    api.roles.store_to_probe(name).ok_or_else(errors::no_credentials)
}

async fn find(api: &Api, store: Arc<dyn ObjectStore>, bucket: BucketName) -> Result<Vec<Finding>, CosError> {
    let mut random = [0; 16];
    api.entropy.fill(&mut random);
    let run = hex::encode(random);
    let (mut asks, answer) = oneshot::channel::<Result<Vec<Finding>, ProbeError>>();
    let work = async move {
        let leash = Leash::unbounded();
        let probing = probe(&*store, &leash, &bucket, &run);
        tokio::pin!(probing);
        let found = tokio::select! {
            found = &mut probing => found,
            () = asks.closed() => {
                leash.stop();
                probing.await
            }
        };
        if let Err(Err(error)) = asks.send(found) {
            tracing::warn!(%error, %bucket, "a probe that nobody waits for any more failed");
        }
    };
    api.spawn.spawn("probe", Box::pin(work));
    let found = answer.await.map_err(|_| CosError::internal_error())?;
    found.map_err(errors::probe_failed)
}
