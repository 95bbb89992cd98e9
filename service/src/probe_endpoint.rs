//! Probes what an endpoint can do by effects on a bucket; the service relies on the findings from then on.
//!
//! The probe runs as a task of its own: when its request ends early, it stops and cleans up.

use std::sync::Arc;

use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::{BucketName, EndpointSettings, Finding, Probe};
use brigade_s3::probe::{ProbeError, probe};
use tokio::sync::oneshot;

use crate::caller::Changed;
use crate::{Caller, EndpointService, ServiceError};

impl EndpointService {
    /// Finds out what an endpoint can do, and keeps it: what could not be tried in this bucket stays as
    /// an earlier probe found it.
    ///
    /// # Errors
    /// Why nothing was found out: [`ServiceError::NoSuchEndpoint`], [`ServiceError::EndpointStopped`],
    /// [`ServiceError::NoCredentials`], [`ServiceError::ProbeFailed`]; or [`ServiceError::Store`].
    pub async fn probe_endpoint(&self, caller: &Caller, name: &str, bucket: BucketName) -> Result<Probe, ServiceError> {
        let store = self.store_of(name)?;
        caller.audit_endpoint("probe", name, &Changed { new: Some(bucket.to_string()), ..Changed::default() });
        let findings = self.find_out(store, bucket.clone()).await?;
        let probe = Probe { bucket, at: self.clock.now(), findings };
        let keep = |settings: &mut EndpointSettings, _| {
            settings.probe = Some(probe.clone().after(settings.probe.as_ref()));
            Ok(())
        };
        self.set_endpoint(name, keep).await?;
        Ok(self.find(name)?.settings().probe.unwrap_or(probe))
    }

    fn store_of(&self, name: &str) -> Result<Arc<dyn ObjectStore>, ServiceError> {
        let endpoint = self.find(name)?;
        if endpoint.settings().stopped.is_some() {
            return Err(ServiceError::EndpointStopped);
        }
        self.registry.store_to_probe(&endpoint.name()).ok_or(ServiceError::NoCredentials)
    }

    async fn find_out(&self, store: Arc<dyn ObjectStore>, bucket: BucketName) -> Result<Vec<Finding>, ServiceError> {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        let run = hex::encode(random);
        let (mut asks, answer) = oneshot::channel::<Result<Vec<Finding>, ProbeError>>();
        let work = async move {
            let cancel = CancelToken::unbounded();
            let probing = probe(&*store, &cancel, &bucket, &run);
            tokio::pin!(probing);
            let found = tokio::select! {
                found = &mut probing => found,
                () = asks.closed() => {
                    cancel.stop();
                    probing.await
                }
            };
            if let Err(Err(error)) = asks.send(found) {
                tracing::warn!(%error, %bucket, "endpoint probe failed after its client disconnected");
            }
        };
        self.spawn.spawn("probe", Box::pin(work));
        let found = answer.await.map_err(|_| ServiceError::ProbeLost)?;
        found.map_err(|error| ServiceError::ProbeFailed(Box::new(error)))
    }
}
