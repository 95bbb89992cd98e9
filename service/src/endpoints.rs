//! Administration of endpoints: limits, a stop, and the findings of a probe.

use std::sync::Arc;

use brigade_model::endpoint::{EndpointRow, EndpointSettings, Stopped};
use brigade_model::limits::STOP_REASON_CHARS_MAX;
use brigade_model::ports::job_store::SetEndpointError;
use brigade_model::ports::{Clock, Entropy, JobStore, ObjectStore, Spawn};
use brigade_model::{EndpointName, LoadLimits};

use crate::caller::Changed;
use crate::{Caller, EngineHandle, ServiceError};

/// The endpoints of the configuration, as this process uses them.
pub trait EndpointRegistry: Send + Sync + 'static {
    /// The endpoint of that name.
    fn find(&self, name: &str) -> Option<Arc<dyn RegisteredEndpoint>>;

    /// An endpoint with its own credentials, for a probe; `None` when it has none.
    fn store_to_probe(&self, endpoint: &EndpointName) -> Option<Arc<dyn ObjectStore>>;
}

/// An endpoint of the configuration.
pub trait RegisteredEndpoint: Send + Sync + 'static {
    /// Its name in the configuration.
    fn name(&self) -> EndpointName;

    /// What the configuration allows at most.
    fn limits_max(&self) -> LoadLimits;

    /// Its settings, as this process knows them.
    fn settings(&self) -> EndpointSettings;

    /// Applies these settings, unless it has newer ones.
    fn adopt(&self, row: EndpointRow);
}

/// The use cases about endpoints, and all that they need.
pub struct EndpointService {
    /// The endpoints.
    pub registry: Arc<dyn EndpointRegistry>,
    /// Stores their settings.
    pub jobs: Arc<dyn JobStore>,
    /// Who sends requests to them.
    pub engine: Arc<dyn EngineHandle>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Runs work that outlives its request.
    pub spawn: Arc<dyn Spawn>,
}

impl EndpointService {
    /// Sets an endpoint's limits over all jobs to what `limits` makes of the current ones, within what
    /// the configuration allows.
    ///
    /// # Errors
    /// [`ServiceError::NoSuchEndpoint`], [`ServiceError::BeyondConfiguration`] or
    /// [`ServiceError::Store`].
    pub async fn limit_endpoint(
        &self,
        caller: &Caller,
        name: &str,
        limits: impl Fn(LoadLimits) -> LoadLimits + Send + Sync,
    ) -> Result<(), ServiceError> {
        let limit = |settings: &mut EndpointSettings, allowed| {
            settings.limits = limits(settings.limits);
            // Only the new limits: a limit set earlier may be beyond a newer configuration.
            check_within(limits(LoadLimits::default()), allowed)
        };
        let (before, after) = self.set_endpoint(name, limit).await?;
        caller.audit_endpoint("limit", name, &Changed::from_to(before.limits, after.limits));
        Ok(())
    }

    /// Begins no request to an endpoint until it is started, over restarts too.
    ///
    /// # Errors
    /// [`ServiceError::ReasonTooLong`], [`ServiceError::NoSuchEndpoint`] or [`ServiceError::Store`].
    pub async fn stop_endpoint(&self, caller: &Caller, name: &str, reason: &str) -> Result<(), ServiceError> {
        if reason.chars().count() > STOP_REASON_CHARS_MAX {
            return Err(ServiceError::ReasonTooLong { chars_max: STOP_REASON_CHARS_MAX });
        }
        let now = self.clock.now();
        let stop = |settings: &mut EndpointSettings, _| {
            let since = settings.stopped.as_ref().map_or(now, |stopped| stopped.since);
            settings.stopped = Some(Stopped { since, reason: reason.to_owned() });
            Ok(())
        };
        let (before, after) = self.set_endpoint(name, stop).await?;
        caller.audit_endpoint("stop", name, &Changed::from_to(stopped(&before), stopped(&after)).because(reason));
        Ok(())
    }

    /// Ends a stop: what waits goes on.
    ///
    /// # Errors
    /// [`ServiceError::NoSuchEndpoint`] or [`ServiceError::Store`].
    pub async fn start_endpoint(&self, caller: &Caller, name: &str) -> Result<(), ServiceError> {
        let start = |settings: &mut EndpointSettings, _| {
            settings.stopped = None;
            Ok(())
        };
        let (before, after) = self.set_endpoint(name, start).await?;
        caller.audit_endpoint("start", name, &Changed::from_to(stopped(&before), stopped(&after)));
        Ok(())
    }

    pub(crate) fn find(&self, name: &str) -> Result<Arc<dyn RegisteredEndpoint>, ServiceError> {
        self.registry.find(name).ok_or(ServiceError::NoSuchEndpoint)
    }

    /// Changes an endpoint's settings: read, change, compare and set, and take effect. Gives those of before and after.
    pub(crate) async fn set_endpoint(
        &self,
        name: &str,
        change: impl Fn(&mut EndpointSettings, LoadLimits) -> Result<(), ServiceError> + Send + Sync,
    ) -> Result<(EndpointSettings, EndpointSettings), ServiceError> {
        let endpoint = self.find(name)?;
        let name = endpoint.name();
        loop {
            let stored = self.jobs.endpoints().await.map_err(ServiceError::store)?;
            let row = stored.into_iter().find(|row| row.endpoint == name);
            let mut row = row.unwrap_or_else(|| EndpointRow::unset(name.clone()));
            let before = row.settings.clone();
            change(&mut row.settings, endpoint.limits_max())?;
            let after = row.settings.clone();
            match self.jobs.set_endpoint(&row).await {
                Ok(row) => endpoint.adopt(row),
                Err(SetEndpointError::Lost) => continue,
                Err(SetEndpointError::Store(error)) => return Err(ServiceError::store(error)),
            }
            self.engine.notify();
            return Ok((before, after));
        }
    }
}

fn stopped(settings: &EndpointSettings) -> &'static str {
    if settings.stopped.is_some() { "stopped" } else { "started" }
}

/// Refuses limits beyond the configuration's.
fn check_within(wanted: LoadLimits, allowed: LoadLimits) -> Result<(), ServiceError> {
    let each = |limits: LoadLimits| {
        let LoadLimits { requests_in_flight, requests_per_second, objects_per_second, bytes_per_second } = limits;
        [
            ("requests_in_flight", requests_in_flight.map(u64::from)),
            ("requests_per_second", requests_per_second.map(u64::from)),
            ("objects_per_second", objects_per_second.map(u64::from)),
            ("bytes_per_second", bytes_per_second),
        ]
    };
    for ((limit, wanted), (_, allowed)) in each(wanted).into_iter().zip(each(allowed)) {
        if let (Some(wanted), Some(max)) = (wanted, allowed)
            && wanted > max
        {
            return Err(ServiceError::BeyondConfiguration { limit, max });
        }
    }
    Ok(())
}
